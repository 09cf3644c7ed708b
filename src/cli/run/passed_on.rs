//! Options of `create` that other commands have, too, and pass on to it unchanged.
use clap::{ArgMatches, Args as _, Command, FromArgMatches, parser::ValueSource};

use crate::cli::create;

/// Arguments for `create`, as they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PassedOn(pub(super) Vec<String>);

/// The options of `create` that do not name a task, do not wait and print nothing else.
const OPTIONS: [&str; 13] = [
    "no_pr", "pr", "agent", "model", "plan", "launch", "window", "session", "base", "reuse",
    "no_hooks", "yes", "quiet",
];

/// `create`, of which the options are taken.
pub(super) fn create_command() -> Command {
    create::Args::augment_args(Command::new("create"))
}

impl clap::Args for PassedOn {
    fn augment_args(command: Command) -> Command {
        let create = create_command();
        let options = create.get_arguments().filter(|it| OPTIONS.contains(&it.get_id().as_str()));
        let options: Vec<_> = options.cloned().collect();
        command.args(options)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PassedOn {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for arg in create_command().get_arguments() {
            let id = arg.get_id().as_str();
            let Some(long) = arg.get_long().filter(|_| OPTIONS.contains(&id)) else { continue };
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            if !arg.get_action().takes_values() {
                given.push(format!("--{long}"));
                continue;
            }
            let values = matches.get_raw(id).into_iter().flatten();
            given.extend(values.map(|it| format!("--{long}={}", it.to_string_lossy())));
        }
        Ok(Self(given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Vec<String> {
        let command = PassedOn::augment_args(Command::new("run"));
        let words = std::iter::once(&"run").chain(line);
        let matches = command.try_get_matches_from(words).unwrap();
        PassedOn::from_arg_matches(&matches).unwrap().0
    }

    #[test]
    fn options_are_passed_on_as_they_were_given() {
        assert_eq!(parse(&[]), [""; 0]);
        assert_eq!(
            parse(&["--agent", "claude", "--model=a/b:high", "-s", "--plan", "--base", "dev"]),
            ["--agent=claude", "--model=a/b:high", "--plan", "--session", "--base=dev"]
        );
        let create = create_command();
        let is_known = |id: &&str| create.get_arguments().any(|it| it.get_id() == *id);
        assert_eq!(OPTIONS.iter().find(|id| !is_known(id)), None);
    }
}
