//! What `create` was told, checked: what makes sense together, and what is wanted in the end. Touches
//! nothing.
use std::{io::Read, path::PathBuf, time::Duration};

use super::args::{Args, GithubType, Launch};
use crate::{
    agents::launch::Model,
    brief::WorkItem,
    cli::{Failure, outcome::states},
    git::{self, Hooks},
    model::{Kind, Placement, Source},
    sources::{jira::Key, prompt},
};

/// What is wanted, checked as far as that goes without looking at anything.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) task: Task,
    /// The user's own words beside the task.
    pub(super) instructions: Option<String>,
    pub(super) open_pr: bool,
    pub(super) agent: Option<String>,
    pub(super) model: Option<Model>,
    pub(super) plan: bool,
    pub(super) placement: Option<Placement>,
    pub(super) project: Option<PathBuf>,
    pub(super) base: Option<String>,
    pub(super) name: Option<String>,
    pub(super) reuse: bool,
    pub(super) hooks: Hooks,
    pub(super) wait: Wait,
    pub(super) dry_run: bool,
}

#[derive(Debug)]
pub(super) enum Task {
    Issue(u64),
    Pull(u64),
    Ticket(Key),
    Prompt(String),
}

/// For what to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// `None`: not at all.
    pub(super) limit: Option<Option<Duration>>,
    /// A dialog is waited out.
    pub(super) through_dialogs: bool,
    /// States to wait for after the prompt was taken; any will do.
    pub(super) until: Vec<String>,
}

/// How long the first prompt may take unless told otherwise.
const LIMIT: Duration = Duration::from_secs(60);

impl Args {
    /// Everything that can be said to be wrong by looking at the words alone.
    pub(super) fn check(self, stdin: impl Read) -> Result<Order, Failure> {
        let placement = self.placement()?;
        let wait = self.wait()?;
        if let Some(name) = &self.name {
            git::names::check_branch(name)?;
        }
        if let Some(base) = &self.base {
            git::names::check_base(base)?;
        }
        let model = self.model.as_deref().map(Model::parse).transpose()?;
        let (task, instructions) = self.task(stdin)?;
        if matches!(task, Task::Pull(_)) && self.base.is_some() {
            return Err(Failure::usage("`--base` makes no sense for a pull request")
                .hint("its worktree is at its own head"));
        }
        let open_pr = self.pr || !self.no_pr && !matches!(task, Task::Prompt(_));
        let hooks = match (self.yes, self.no_hooks) {
            (_, true) => Hooks::Skip,
            (true, false) => Hooks::Yes,
            (false, false) => Hooks::Approved,
        };
        Ok(Order {
            task,
            instructions,
            open_pr,
            agent: self.agent,
            model,
            plan: self.plan,
            placement,
            project: self.project,
            base: self.base,
            name: self.name,
            reuse: self.reuse,
            hooks,
            wait,
            dry_run: self.dry_run,
        })
    }

    /// The prompt comes from standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        self.prompt.as_deref() == Some("-")
    }

    fn task(&self, stdin: impl Read) -> Result<(Task, Option<String>), Failure> {
        let task = match (self.github, self.github_type, &self.jira) {
            (Some(_), _, Some(_)) => {
                return Err(Failure::usage("`--github` and `--jira` are two tasks")
                    .hint("make a worker for each"));
            }
            (Some(number), None, None) => {
                return Err(Failure::usage(format!("`--github {number}` needs a type"))
                    .hint("`-t issue` to work on an issue, `-t pr` to review a pull request"));
            }
            (None, Some(_), _) => {
                return Err(Failure::usage("`-t` belongs to `--github N`"));
            }
            (Some(number), Some(GithubType::Issue), None) => Some(Task::Issue(number)),
            (Some(number), Some(GithubType::Pr), None) => Some(Task::Pull(number)),
            (None, None, Some(key)) => Some(Task::Ticket(key.parse::<Key>()?)),
            (None, None, None) => None,
        };
        let prompt = self.prompt.as_deref().map(|it| prompt::read(it, stdin)).transpose()?;
        if prompt.as_ref().is_some_and(|it| it.contains('\0')) {
            return Err(Failure::user("the prompt holds a NUL byte"));
        }
        match (task, prompt) {
            (Some(task), prompt) => Ok((task, prompt)),
            (None, Some(prompt)) => Ok((Task::Prompt(prompt), None)),
            (None, None) => Err(Failure::usage("no task is given").hint(
                "pass `--github N -t issue`, `--github N -t pr`, `--jira KEY` or `--prompt TEXT`",
            )),
        }
    }

    fn placement(&self) -> Result<Option<Placement>, Failure> {
        let window = self.window || self.launch == Some(Launch::Window);
        let session = self.session || self.launch == Some(Launch::Session);
        match (window, session) {
            (true, true) => Err(Failure::usage("a window and a session are both asked for")
                .hint("pass one of `-w`, `-s` and `--launch`")),
            (true, false) => Ok(Some(Placement::Window)),
            (false, true) => Ok(Some(Placement::Session)),
            (false, false) => Ok(None),
        }
    }

    fn wait(&self) -> Result<Wait, Failure> {
        let until = match self.wait.as_deref() {
            None | Some("") => Vec::new(),
            Some(names) => states(names)?,
        };
        let default = until.is_empty().then_some(LIMIT);
        let limit = (!self.no_wait).then_some(self.timeout.or(default));
        Ok(Wait { limit, through_dialogs: self.wait.is_some(), until })
    }
}

impl Task {
    /// What it is, as far as that is known before anything is fetched.
    pub(super) fn outline(&self) -> Source {
        let (url, title) = (String::new(), String::new());
        match self {
            Self::Issue(number) => Source::GithubIssue { number: *number, url, title },
            Self::Pull(number) => Source::GithubPr { number: *number, url, title },
            Self::Ticket(key) => Source::Jira { key: key.to_string(), url, title },
            Self::Prompt(text) => WorkItem::prompt(text).source,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.outline().kind()
    }
}

#[cfg(test)]
mod tests;
