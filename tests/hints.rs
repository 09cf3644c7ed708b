//! Every command and option that the program names in its own words exists: in hints, messages and help.
use std::{fs, path::PathBuf};

use clap::Command;
use regex::Regex;

use crate::{
    skill::{check, commands, find_flag, flag_name, has_flag_anywhere},
    tidy::sources,
};

#[test]
fn every_command_that_a_message_names_exists() {
    let command = command();
    let (mut n_commands, mut faults) = (0, Vec::new());
    for (path, text) in sources() {
        for span in spans(&text).into_iter().chain(lines(&text)) {
            for words in commands(&span) {
                // A part that is filled in later, such as the options of tmux.
                let words: Vec<String> = words.into_iter().filter(|it| it != "{server}").collect();
                let fault = check(&command, &words).err();
                faults.extend(fault.map(|it| format!("{}: `{span}`: {it}", path.display())));
                n_commands += 1;
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(n_commands > 250, "only {n_commands} commands were found: is the reader broken?");
}

/// A message inside a command names only options of that command. Code that several commands share says for which
/// option a hint is (`hint_of_option`).
#[test]
fn every_option_that_a_message_names_alone_exists() {
    let command = command();
    let (mut n_options, mut faults) = (0, Vec::new());
    for (path, text) in sources() {
        let Some(of) = speaker(&command, &path) else { continue };
        // A comment may tell of other commands.
        let code: Vec<&str> =
            text.lines().filter(|it| !it.trim_start().starts_with("//")).collect();
        for span in spans(&code.join("\n")) {
            // What is filled in later is not known here.
            let is_named = |it: &&str| it.starts_with("--") && !it.contains('{');
            if let Some(flag) = span.split_whitespace().next().filter(is_named).map(flag_name) {
                let is_known = has_flag_anywhere(of, flag) || find_flag(&command, flag).is_some();
                let fault = || format!("{}: `{span}`: `{}`", path.display(), of.get_name());
                faults.extend((!is_known).then(fault));
                n_options += 1;
            }
        }
    }
    assert!(faults.is_empty(), "they do not have these options: {faults:#?}");
    assert!(n_options > 50, "only {n_options} options were found: is the reader broken?");
}

fn command() -> Command {
    let mut command = wtmag::cli::command();
    // Adds `--help`.
    command.build();
    command
}

/// The command whose options a file of the source may name; `None`: other programs' options, too.
fn speaker<'c>(command: &'c Command, path: &std::path::Path) -> Option<&'c Command> {
    let mut parts = path.iter().map(|it| it.to_str().unwrap());
    match (parts.next(), parts.next()) {
        (Some("cli"), Some(file)) => {
            let verb = file.trim_end_matches(".rs");
            let verb = command.get_subcommands().find(|it| it.get_name() == verb);
            Some(verb.unwrap_or(command))
        }
        (Some("hub" | "model"), _) => Some(command),
        _ => None,
    }
}

/// What stands between backticks, in strings and in comments.
fn spans(text: &str) -> Vec<String> {
    joined(text)
        .lines()
        .flat_map(|it| it.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

/// Commands that end a message without backticks: `to try it again: wtmag run retry {id} {}`.
fn lines(text: &str) -> Vec<String> {
    let command = Regex::new(r#"(?::|\\n|") +(wtmag [a-z-]+[^"\\`;]*\{[^"\\`;]*)"#).unwrap();
    let text = joined(text);
    command.captures_iter(&text).map(|it| it[1].to_owned()).collect()
}

/// Strings and comments that go over several lines in one line.
fn joined(text: &str) -> String {
    let text = Regex::new(r"\\\n\s*").unwrap().replace_all(text, "");
    Regex::new(r"\n\s*//[/!]? ").unwrap().replace_all(&text, " ").into_owned()
}

#[test]
fn the_reader_sees_what_is_wrong() {
    let command = command();
    let wrong = |text: &str| {
        let spans = spans(text).into_iter().chain(lines(text));
        spans.flat_map(|it| commands(&it)).any(|it| check(&command, &it).is_err())
    };
    assert!(!wrong("hint(\"`wtmag list --all` shows \\\n    them\")"));
    assert!(wrong("hint(\"see `wtmag \\\n   lost`\")"));
    assert!(wrong("/// See `wtmag\n/// lost`."));
    assert!(wrong("format!(\"to see it: wtmag lost {id}\")"));
    assert!(wrong("\"x\\n  wtmag list {id} --everything\\n\""));
    let dir = PathBuf::from("cli/diff.rs");
    assert_eq!(speaker(&command, &dir).unwrap().get_name(), "diff");
    assert!(fs::exists(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src").join(dir)).unwrap());
}
