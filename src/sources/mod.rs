//! Where tasks come from. A source is a row of [`ALL`] and a file beside this one that holds it.
//!
//! Knows how to ask `gh`, `glab`, `jira`, `bd` and the commands of the configuration, how to read a prompt and a change of
//! OpenSpec and how to find templates. Creates nothing. Does not know worktrees, tmux, agents or the hub. Numbers, keys and repository names
//! are checked before they become arguments, so that no text of a user or a forge can act as a
//! flag.
mod adf;
pub mod beads;
mod board_error;
pub mod custom;
mod custom_error;
mod error;
pub mod forge;
pub mod github;
pub mod gitlab;
mod gitlab_error;
pub mod jira;
pub mod open;
pub mod openspec;
pub mod prompt;
pub mod pulls;
pub mod question;
pub mod ready;
pub mod templates;

use std::{fmt, path::Path, pin::Pin, time::Duration};

pub use board_error::BoardError;
pub use custom::Custom;
pub use custom_error::CustomError;
pub use error::Error;
pub use forge::Forge;
pub use gitlab_error::GitlabError;
use ready::{Ready, Wanted};

use crate::{
    brief::WorkItem,
    model::{Source, SourceKind},
    proc::{self, Cancel, Cmd, Output},
    text::one_line,
};

/// The sources that `create` knows, in the order of its help.
pub static ALL: [&SourceSpec; 6] =
    [&github::SPEC, &gitlab::SPEC, &jira::SPEC, &beads::SPEC, &openspec::SPEC, &custom::SPEC];

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
    /// Asks for tasks that may be begun, where the source knows them.
    pub ready: Option<AskReady>,
}

pub type AskReady = for<'a> fn(&'a Context<'a>, &'a Wanted) -> Answer<'a, Vec<Ready>>;

pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + 'a>>;

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

    /// One task each of `12,15,18` or `linear:ENG-1,ENG-2`.
    pub fn split(&self, text: &str) -> Vec<String> {
        let has_tracker = self.flag == custom::SPEC.flag;
        let mut tracker = None;
        let mut all = Vec::new();
        for task in text.split(',').map(str::trim) {
            let named = task.split_once(custom::SEPARATOR).filter(|_| has_tracker);
            match (named, tracker) {
                (None, Some(tracker)) => all.push(format!("{tracker}{}{task}", custom::SEPARATOR)),
                (None, None) | (Some(_), _) => all.push(task.to_owned()),
            }
            tracker = named.map(|it| it.0).or(tracker);
        }
        all
    }
}

/// A tracker that can be asked which tasks are ready.
#[derive(Clone, Copy, Debug)]
pub enum Tracker<'a> {
    BuiltIn(&'static SourceSpec),
    Custom(&'a Custom),
}

impl Tracker<'_> {
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(spec) => spec.flag,
            Self::Custom(custom) => &custom.name,
        }
    }

    /// The tasks that may be begun.
    pub async fn ready(&self, cx: &Context<'_>, wanted: &Wanted) -> Result<Vec<Ready>, Error> {
        match self {
            Self::BuiltIn(SourceSpec { ready: Some(ask), .. }) => ask(cx, wanted).await,
            Self::BuiltIn(SourceSpec { ready: None, .. }) => Ok(Vec::new()),
            Self::Custom(custom) => custom.ready(cx).await,
        }
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
    /// The trackers that the configuration adds.
    pub custom: &'a [Custom],
    pub cancel: &'a Cancel,
}

impl<'a> Context<'a> {
    pub fn new(dir: &'a Path, cancel: &'a Cancel) -> Self {
        Self { dir, env: &[], custom: &[], cancel }
    }

    async fn run(&self, program: &'static Program, args: &[&str]) -> Result<Output, Error> {
        let mut cmd = Cmd::new(program.name, self.dir).args(args).limit(LIMIT);
        let quiet = [
            ("GH_PROMPT_DISABLED", "1"),
            ("GH_NO_UPDATE_NOTIFIER", "1"),
            ("NO_COLOR", "1"),
            ("GLAB_CHECK_UPDATE", "false"),
            ("NO_PROMPT", "1"),
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

/// The line of what a program said that tells why it failed.
pub fn reason(said: &str) -> String {
    const MAX: usize = 300;
    let line = said.lines().map(str::trim).find(|it| !it.is_empty());
    line.map_or_else(|| "it did not say why".to_owned(), |it| one_line(it, MAX))
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
    fn a_list_of_tasks_names_its_tracker_once() {
        assert_eq!(github::SPEC.split("12, 15"), ["12", "15"]);
        assert_eq!(
            custom::SPEC.split("linear:A-1,A-2,other:B-1"),
            ["linear:A-1", "linear:A-2", "other:B-1"]
        );
        assert_eq!(custom::SPEC.split("A-1"), ["A-1"]);
    }

    #[test]
    fn a_program_that_hangs_is_named_with_a_hint() {
        let error = proc::Error::TimedOut { program: "gh".to_owned(), limit: LIMIT };
        let error = not_run(github::SPEC.program.unwrap(), error);
        assert_eq!(error.to_string(), "`gh` did not answer within 30 s");
        assert!(error.hint().is_some_and(|hint| hint.contains("connection")));
    }
}
