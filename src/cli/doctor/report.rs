//! The findings of the checks, and how they are printed. Pure.
use serde::Serialize;

use crate::cli::output::{Paint, Style};

/// How important a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mark {
    /// Fine.
    Ok,
    /// Worth knowing, but nothing fails because of it.
    Note,
    /// Something will not work.
    Problem,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    pub(super) text: String,
    /// What it means or what to do, one line each.
    pub(super) advice: Vec<String>,
    /// Shown only with `--verbose`; not counted.
    #[serde(skip)]
    pub(super) detail: bool,
}

/// The findings on one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) findings: Vec<Finding>,
}

/// All findings: the shape of `doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DoctorReport {
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

    /// Shows it only with `--verbose`.
    #[must_use]
    pub(super) fn detail(mut self) -> Self {
        self.detail = true;
        self
    }

    fn new(mark: Mark, text: String) -> Self {
        Self { mark, text, advice: Vec::new(), detail: false }
    }
}

impl Group {
    /// As text; empty if there is nothing to report.
    pub(super) fn render(&self, style: Style, verbose: bool) -> String {
        let shown = self.findings.iter().filter(|it| verbose || !it.detail);
        let mut out = String::new();
        for finding in shown {
            if out.is_empty() {
                out = format!("{}\n", style.paint(self.name, Paint::Bold));
            }
            let (word, paint) = finding.mark.shown();
            let word = style.paint(&format!("{word:<8}"), paint);
            out.push_str(&format!("  {word}{}\n", finding.text));
            out.extend(finding.advice.iter().map(|line| format!("          {line}\n")));
        }
        out
    }
}

impl DoctorReport {
    pub(super) fn new(groups: Vec<Group>) -> Self {
        let all = || groups.iter().flat_map(|group| &group.findings);
        let count = |mark| all().filter(|it| it.mark == mark && !it.detail).count();
        Self { problems: count(Mark::Problem), notes: count(Mark::Note), groups }
    }

    /// The totals, as text.
    pub(super) fn summary(&self) -> String {
        format!("\n{}, {}\n", count(self.problems, "problem"), count(self.notes, "note"))
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

    fn report() -> DoctorReport {
        let tmux = vec![
            Finding::ok("tmux 3.5a"),
            Finding::note("the server has `destroy-unattached` on").advice("`wtmag help tmux`"),
            Finding::note("a rare crash").detail(),
        ];
        let git = vec![Finding::problem("`git` is not installed").advice("install git")];
        DoctorReport::new(vec![
            Group { name: "tmux", findings: tmux },
            Group { name: "hub", findings: Vec::new() },
            Group { name: "git", findings: git },
        ])
    }

    #[test]
    fn findings_are_grouped_and_counted() {
        let report = report();
        let shown = |verbose| {
            let groups = report.groups.iter().map(|it| it.render(Style::default(), verbose));
            groups.chain([report.summary()]).collect::<String>()
        };
        insta::assert_snapshot!(shown(false), @r"
        tmux
          ok      tmux 3.5a
          note    the server has `destroy-unattached` on
                  `wtmag help tmux`
        git
          problem `git` is not installed
                  install git

        1 problem, 1 note
        ");
        assert!(shown(true).contains("a rare crash"));
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
