//! Where tasks come from. A source is a row of [`ALL`] and a file beside this one that holds it.
//!
//! Knows how to ask `gh`, `jira` and `bd`, how to read a prompt and a change of OpenSpec and how to find templates. Creates
//! nothing. Does not know worktrees, tmux, agents or the hub. Numbers, keys and repository names
//! are checked before they become arguments, so that no text of a user or a forge can act as a
//! flag.
mod adf;
pub mod beads;
mod error;
pub mod github;
pub mod jira;
pub mod openspec;
pub mod prompt;
pub mod templates;

use std::{fmt, path::Path, pin::Pin, time::Duration};

pub use error::Error;
use github::Forge;

use crate::{
    brief::WorkItem,
    model::{Source, SourceKind},
    proc::{self, Cancel, Cmd, Output},
};

/// The sources that `create` knows, in the order of its help.
pub static ALL: [&SourceSpec; 4] = [&github::SPEC, &jira::SPEC, &beads::SPEC, &openspec::SPEC];

/// A source of tasks, kept by a program that is asked for them.
#[derive(Debug)]
pub struct SourceSpec {
    /// The option of `create` that names a task of it, without the dashes.
    pub flag: &'static str,
    pub value_name: &'static str,
    /// The help of that option.
    pub help: &'static str,
    /// `None`: it is read from files of the repository.
    pub program: Option<&'static Program>,
    /// The words of `--type`, where it has tasks of several kinds.
    pub types: &'static [(&'static str, SourceKind)],
    parse: fn(&str) -> Result<TaskRef, Error>,
    resolve: for<'a> fn(&'a Context<'a>, &'a TaskRef) -> Answer<'a, SourceKind>,
    fetch: for<'a> fn(&'a Context<'a>, &'a Task) -> Answer<'a, Fetched>,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

/// An external program that is asked.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub name: &'static str,
    /// Its arguments that print its version.
    pub version: &'static [&'static str],
    /// Its arguments that fail without a login, and ask no network.
    pub login: Option<&'static [&'static str]>,
    /// Hints: how to get it, how to log in, and where to look when the server refuses.
    pub install: &'static str,
    pub log_in: &'static str,
    pub refused: &'static str,
}

/// A task as the user names it.
#[derive(Clone, Debug)]
pub struct TaskRef {
    pub spec: &'static SourceSpec,
    /// As it is named in messages.
    pub text: String,
    /// Number or key.
    pub key: String,
    /// `None`: ask the source.
    pub kind: Option<SourceKind>,
    /// Host and `owner/name`, if the user gave a URL.
    repo: Option<(String, String)>,
}

/// A task of a known kind.
#[derive(Clone, Debug)]
pub struct Task {
    pub spec: &'static SourceSpec,
    pub kind: SourceKind,
    pub key: String,
}

/// A task with all that its source says of it.
#[derive(Debug)]
pub struct Fetched {
    pub item: WorkItem,
    /// The repository that it belongs to.
    pub forge: Option<Forge>,
}

impl SourceSpec {
    /// Checks what the user wrote behind the source's option.
    pub fn parse(&self, text: &str) -> Result<TaskRef, Error> {
        (self.parse)(text)
    }
}

impl TaskRef {
    /// Nothing has to be asked to know what it is.
    pub fn known(&self) -> Option<Task> {
        let kind = self.kind.filter(|_| self.repo.is_none())?;
        Some(Task { spec: self.spec, kind, key: self.key.clone() })
    }

    /// Asks the source for what the user did not say.
    pub async fn resolve(&self, cx: &Context<'_>) -> Result<Task, Error> {
        if let Some(task) = self.known() {
            return Ok(task);
        }
        let kind = (self.spec.resolve)(cx, self).await?;
        Ok(Task { spec: self.spec, kind, key: self.key.clone() })
    }
}

impl Task {
    pub async fn fetch(&self, cx: &Context<'_>) -> Result<Fetched, Error> {
        (self.spec.fetch)(cx, self).await
    }

    /// What is known of it before it is fetched.
    pub fn outline(&self) -> Source {
        Source::new(self.kind, &self.key, "", String::new())
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// Longest time that one call of a program may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Where and how external programs are run.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// A directory in the user's repository.
    pub dir: &'a Path,
    /// Variables in addition to the caller's environment.
    pub env: &'a [(&'a str, &'a str)],
    pub cancel: &'a Cancel,
}

impl Context<'_> {
    async fn run(&self, program: &'static Program, args: &[&str]) -> Result<Output, Error> {
        let mut cmd = Cmd::new(program.name, self.dir).args(args).limit(LIMIT);
        let quiet = [
            ("GH_PROMPT_DISABLED", "1"),
            ("GH_NO_UPDATE_NOTIFIER", "1"),
            ("NO_COLOR", "1"),
            ("PAGER", "cat"),
        ];
        for name in ["GH_FORCE_TTY", "GH_DEBUG", "CLICOLOR_FORCE"] {
            cmd = cmd.env_remove(name);
        }
        for (name, value) in quiet.iter().chain(self.env) {
            cmd = cmd.env(name, value);
        }
        cmd.run(self.cancel).await.map_err(|error| not_run(program, error))
    }
}

fn not_run(program: &'static Program, error: proc::Error) -> Error {
    match error {
        proc::Error::Missing { .. } => Error::Missing { program },
        proc::Error::TimedOut { limit, .. } => Error::TimedOut { program, limit },
        proc::Error::Cancelled => Error::Cancelled,
        proc::Error::Start { source, .. } => Error::Start { program, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_named_with_a_hint() {
        let error = proc::Error::TimedOut { program: "gh".to_owned(), limit: LIMIT };
        let error = not_run(github::SPEC.program.unwrap(), error);
        assert_eq!(error.to_string(), "`gh` did not answer within 30 s");
        assert!(error.hint().is_some_and(|hint| hint.contains("connection")));
    }
}
