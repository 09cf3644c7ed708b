//! `wtmag help`: the help of a verb, or one of the pages of `src/docs`, which are embedded.
use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use serde_json::json;
use termimad::MadSkin;

use super::{Context, Failure, pager};

/// A page: its topic, its subject, its Markdown.
pub(crate) struct Page {
    pub(crate) topic: &'static str,
    pub(crate) about: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! page {
    ($topic:literal, $about:literal) => {
        Page {
            topic: $topic,
            about: $about,
            text: include_str!(concat!("../docs/", $topic, ".md")),
        }
    };
}

/// In the order in which a newcomer may read them.
pub(crate) const PAGES: [Page; 12] = [
    page!("tour", "every step of a worker's life, with a demo agent"),
    page!("states", "what each state means and what to do"),
    page!("delivery", "how a text reaches an agent, and why a text is held"),
    page!("reports", "what workers report, the inbox, answers, who is told"),
    page!("sources", "where tasks come from, and how to add your own tracker"),
    page!("orchestrator", "an agent that directs workers: how to start it and hand it over"),
    page!("configuration", "every setting, templates, where things are stored"),
    page!("profiles", "teach wtmag to read your agent's screen"),
    page!("programs", "for scripts: the JSON that commands print, and their exit codes"),
    page!("tmux", "keys, options for the status line, known bugs of tmux"),
    page!("troubleshooting", "what to do, by symptom"),
    page!("figures", "measured times and costs"),
];

/// Show the help of a command, or a page about a topic
///
/// Without a name, lists the commands and the topics. `tmux` is both: `wtmag help tmux` shows the topic,
/// `wtmag tmux --help` the command. Long pages are shown with $PAGER. If standard output is not a terminal,
/// a page is printed as plain Markdown.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A command (`create`, `hub start`) or a topic (`states`, `delivery`, …)
    #[arg(value_name = "COMMAND|TOPIC", add = clap_complete::ArgValueCandidates::new(candidates))]
    name: Vec<String>,
}

fn candidates() -> Vec<clap_complete::CompletionCandidate> {
    let command = super::command();
    let verbs = command.get_subcommands().filter(|it| !it.is_hide_set());
    let verbs = verbs.map(|it| it.get_name().to_owned());
    let topics = PAGES.iter().map(|it| it.topic.to_owned());
    verbs.chain(topics).map(clap_complete::CompletionCandidate::new).collect()
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    match args.name.as_slice() {
        [] if context.json() => {
            let topics: Vec<_> =
                PAGES.iter().map(|it| json!({ "topic": it.topic, "about": it.about })).collect();
            context.print_json(&topics)?;
        }
        [] => context.print(&overview())?,
        [topic] if let Some(page) = find(topic) => show(context, page)?,
        words => pager::show(context, &help_of(words)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn find(topic: &str) -> Option<&'static Page> {
    PAGES.iter().find(|it| it.topic == topic)
}

fn show(context: &Context, page: &Page) -> Result<(), Failure> {
    if context.json() {
        let value = json!({ "topic": page.topic, "about": page.about, "text": page.text });
        return context.print_json(&value);
    }
    if !io::stdout().is_terminal() {
        return context.print(page.text);
    }
    let style = context.style();
    let mut skin = if style.colour { MadSkin::default() } else { MadSkin::no_style() };
    // Left-aligned, like all other output.
    for header in &mut skin.headers {
        header.align = termimad::Alignment::Left;
    }
    let width = style.width.unwrap_or(100).min(100);
    let text = skin.text(&joined(page.text), Some(width)).to_string();
    pager::show(context, &text)
}

/// Joins the lines of a paragraph or a list entry, because termimad keeps line breaks; without pictures.
fn joined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_fenced = false;
    for line in text.lines().filter(|it| !it.starts_with("![")) {
        let is_fence = line.trim_start().starts_with("```");
        let begins_anew = is_fenced || is_fence || line.trim().is_empty() || begins_block(line);
        let follows_text = out.lines().next_back().is_some_and(|last| {
            !last.is_empty()
                && !last.starts_with(['#', '|'])
                && !last.trim_start().starts_with("```")
        });
        if !out.is_empty() {
            out.push(if begins_anew || !follows_text { '\n' } else { ' ' });
        }
        out.push_str(if begins_anew { line } else { line.trim_start() });
        is_fenced ^= is_fence;
    }
    out
}

/// Whether a line is a heading, a table row or a list entry.
fn begins_block(line: &str) -> bool {
    let line = line.trim_start();
    let is_numbered = line.split_once(". ").is_some_and(|(n, _)| n.parse::<u8>().is_ok());
    is_numbered || ["#", "|", "- "].iter().any(|it| line.starts_with(it))
}

/// What the commands' help takes for granted.
const TERMS: [(&str, &str); 7] = [
    ("worker", "one agent with its own branch, worktree and tmux window"),
    ("turn", "what an agent does from a prompt to the end of its answer"),
    ("brief", "the file that describes the task; the first prompt tells the agent to read it"),
    ("delivery", "a text on its way into an agent's input box"),
    ("receipt", "how far a delivery got, with the evidence"),
    ("profile", "the rules that tell what an agent's screen means"),
    ("hub", "the background process that watches the workers of one tmux server"),
];

/// The list of commands from clap, the terms and the topics.
fn overview() -> String {
    let mut text = super::command().render_help().to_string();
    text.push_str("\nTerms:\n");
    for (term, meaning) in TERMS {
        text.push_str(&format!("  {term:<16} {meaning}\n"));
    }
    text.push_str("\nTopics (wtmag help TOPIC):\n");
    for page in &PAGES {
        text.push_str(&format!("  {:<16} {}\n", page.topic, page.about));
    }
    text
}

/// The long help of the verb that `words` name.
fn help_of(words: &[String]) -> Result<String, Failure> {
    let mut command = super::command();
    command.build();
    for word in words {
        let found = command.find_subcommand(word).cloned();
        let Some(found) = found else { return Err(unknown(word, &command)) };
        command = found;
    }
    Ok(command.render_long_help().to_string())
}

fn unknown(word: &str, command: &clap::Command) -> Failure {
    let verbs =
        command.get_subcommands().filter(|it| !it.is_hide_set()).map(clap::Command::get_name);
    let topics = PAGES.iter().map(|it| it.topic);
    let near = verbs
        .chain(topics)
        .map(|it| (strsim::jaro_winkler(word, it), it))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let failure = Failure::usage(format!("there is no command or topic `{word}`"));
    match near {
        Some((_, name)) => failure.hint(format!("did you mean `wtmag help {name}`?")),
        None => failure.hint("`wtmag help` lists the commands and the topics"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_paragraph_become_one() {
        let text = "# A\n![b](c.svg)\none\ntwo\n\n- x\n  y\n- z\n\n| a | b |\n\n```console\n$ a\n$ b\n```\nthree\nfour";
        let want =
            "# A\none two\n\n- x y\n- z\n\n| a | b |\n\n```console\n$ a\n$ b\n```\nthree four";
        assert_eq!(joined(text), want);
    }
}
