//! What a check found, and how it is printed. Pure.
use serde::Serialize;

use crate::cli::output::{Paint, Style};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mark {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing fails by it.
    Note,
    /// Something will not work.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    pub(super) text: String,
    /// What it means or what to do, a line each.
    pub(super) advice: Vec<String>,
}

/// The findings about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) findings: Vec<Finding>,
}

/// Everything that was found: the shape of `doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) problems: usize,
    pub(super) notes: usize,
    pub(super) groups: Vec<Group>,
}

impl Finding {
    pub(super) fn ok(text: impl Into<String>) -> Self {
        Self::new(Mark::Ok, text.into())
    }

    pub(super) fn note(text: impl Into<String>) -> Self {
        Self::new(Mark::Note, text.into())
    }

    pub(super) fn problem(text: impl Into<String>) -> Self {
        Self::new(Mark::Problem, text.into())
    }

    #[must_use]
    pub(super) fn advice(mut self, line: impl Into<String>) -> Self {
        self.advice.push(line.into());
        self
    }

    fn new(mark: Mark, text: String) -> Self {
        Self { mark, text, advice: Vec::new() }
    }
}

impl Report {
    pub(super) fn new(groups: Vec<Group>) -> Self {
        let count = |mark| {
            groups.iter().flat_map(|group| &group.findings).filter(|it| it.mark == mark).count()
        };
        Self { problems: count(Mark::Problem), notes: count(Mark::Note), groups }
    }

    /// For a person.
    pub(super) fn render(&self, style: Style) -> String {
        let mut out = String::new();
        for group in self.groups.iter().filter(|group| !group.findings.is_empty()) {
            out.push_str(&style.paint(group.name, Paint::Bold));
            out.push('\n');
            for finding in &group.findings {
                let (word, paint) = finding.mark.shown();
                let word = style.paint(&format!("{word:<8}"), paint);
                out.push_str(&format!("  {word}{}\n", finding.text));
                out.extend(finding.advice.iter().map(|line| format!("          {line}\n")));
            }
        }
        out.push_str(&format!(
            "\n{}, {}\n",
            count(self.problems, "problem"),
            count(self.notes, "note")
        ));
        out
    }
}

impl Mark {
    fn shown(self) -> (&'static str, Paint) {
        match self {
            Self::Ok => ("ok", Paint::Green),
            Self::Note => ("note", Paint::Yellow),
            Self::Problem => ("problem", Paint::Red),
        }
    }
}

fn count(n: usize, thing: &str) -> String {
    match n {
        0 => format!("no {thing}s"),
        1 => format!("1 {thing}"),
        n => format!("{n} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let tmux = vec![
            Finding::ok("tmux 3.5a"),
            Finding::note("the server has `destroy-unattached` on").advice("see the README"),
        ];
        let git = vec![Finding::problem("`git` is not installed").advice("install git")];
        Report::new(vec![
            Group { name: "tmux", findings: tmux },
            Group { name: "hub", findings: Vec::new() },
            Group { name: "git", findings: git },
        ])
    }

    #[test]
    fn findings_are_grouped_and_counted() {
        insta::assert_snapshot!(report().render(Style::default()), @r"
        tmux
          ok      tmux 3.5a
          note    the server has `destroy-unattached` on
                  see the README
        git
          problem `git` is not installed
                  install git

        1 problem, 1 note
        ");
    }

    #[test]
    fn the_json_shape_is_stable() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["problems"], 1);
        assert_eq!(
            json["groups"][2]["findings"][0],
            serde_json::json!({
                "mark": "problem", "text": "`git` is not installed", "advice": ["install git"],
            })
        );
    }
}
