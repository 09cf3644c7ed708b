//! Checks the arguments of `create`, and turns them into an order. Touches nothing.
use std::{io::Read, path::PathBuf, time::Duration};

use super::args::{Args, GithubType, Launch};
use crate::{
    agents::launch::Model,
    brief::WorkItem,
    cli::{Failure, outcome::states},
    git::{self, Hooks, Repo},
    model::{Kind, Placement, Source},
    sources::{github::Pointer, jira::Key, prompt},
};

/// The request, checked as far as possible without reading anything else.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) task: Task,
    /// The user's own words besides the task.
    pub(super) instructions: Option<String>,
    pub(super) open_pr: bool,
    pub(super) agent: Option<String>,
    pub(super) model: Option<Model>,
    pub(super) plan: bool,
    pub(super) placement: Option<Placement>,
    pub(super) project: Option<PathBuf>,
    /// A branch, tag or commit; `HEAD` is resolved once the repository is known.
    pub(super) base: Option<String>,
    pub(super) name: Option<String>,
    pub(super) reuse: bool,
    pub(super) hooks: Hooks,
    pub(super) wait: Wait,
    pub(super) dry_run: bool,
}

#[derive(Debug)]
pub(super) enum Task {
    /// An issue or a pull request: GitHub knows which.
    Github(Pointer),
    Issue(u64),
    Pull(u64),
    Ticket(Key),
    Prompt(String),
}

/// What to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// `None`: do not wait.
    pub(super) limit: Option<Option<Duration>>,
    /// Keep waiting while a dialog is open.
    pub(super) through_dialogs: bool,
    /// States to wait for after the prompt was accepted; any of them is enough.
    pub(super) until: Vec<String>,
}

/// The default time limit for the first prompt.
const LIMIT: Duration = Duration::from_secs(60);

impl Order {
    /// Replaces `HEAD` with the checked-out commit, and says so.
    pub(super) fn settle_base(&mut self, repo: &Repo) -> Result<Option<String>, Failure> {
        if !self.base.as_deref().is_some_and(|it| matches!(it, "HEAD" | "@")) {
            return Ok(None);
        }
        let here = repo.worktree().map(|it| repo.worktree_at(&it)).transpose()?.flatten();
        let head = here.as_ref().and_then(|it| it.head.clone()).ok_or_else(|| {
            Failure::user("HEAD does not point to a commit here")
                .hint("run this in a worktree, or pass `--base BRANCH`")
        })?;
        let short = head.get(..12).unwrap_or(&head);
        let on = here.and_then(|it| it.branch).map_or_else(String::new, |it| format!(" of `{it}`"));
        let note = format!("starting from HEAD, commit {short}{on}");
        self.base = Some(head);
        Ok(Some(note))
    }

    pub(super) fn check_base_of_pull(&self) -> Result<(), Failure> {
        if matches!(self.task, Task::Pull(_)) && self.base.is_some() {
            return Err(Failure::usage("`--base` cannot be used with a pull request")
                .hint("its worktree starts at the pull request's head"));
        }
        Ok(())
    }
}

impl Args {
    /// Finds every error that is visible from the arguments alone.
    pub(super) fn check(self, stdin: impl Read) -> Result<Order, Failure> {
        self.check_words(stdin).map_err(Failure::into_usage)
    }

    fn check_words(self, stdin: impl Read) -> Result<Order, Failure> {
        let placement = self.placement()?;
        let wait = self.wait()?;
        if let Some(name) = &self.name {
            git::names::check_branch(name)?;
        }
        if let Some(base) = &self.base {
            check_base(base)?;
        }
        let model = self.model.as_deref().map(Model::parse).transpose()?;
        let (task, instructions) = self.task(stdin)?;
        let open_pr = self.pr || !self.no_pr && !matches!(task, Task::Prompt(_));
        let hooks = match (self.yes, self.no_hooks) {
            (_, true) => Hooks::Skip,
            (true, false) => Hooks::Yes,
            (false, false) => Hooks::Approved,
        };
        let order = Order {
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
        };
        order.check_base_of_pull()?;
        Ok(order)
    }

    /// Whether the text comes from standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        [&self.text, &self.prompt].iter().any(|it| it.as_deref() == Some("-"))
    }

    fn task(&self, stdin: impl Read) -> Result<(Task, Option<String>), Failure> {
        let task = match (&self.github, self.github_type, &self.jira) {
            (Some(_), _, Some(_)) => {
                return Err(Failure::usage("`--github` and `--jira` cannot be combined")
                    .hint("run `create` once for each"));
            }
            (None, Some(_), _) => {
                return Err(Failure::usage("`-t` needs `--github N`"));
            }
            (Some(pointer), asked, None) => Some(Task::github(pointer, asked)?),
            (None, None, Some(key)) => Some(Task::Ticket(key.parse::<Key>()?)),
            (None, None, None) => None,
        };
        let text = self.words(stdin)?;
        match (task, text) {
            (Some(task), text) => Ok((task, text)),
            (None, Some(text)) => Ok((Task::Prompt(text), None)),
            (None, None) => Err(Failure::usage("no task given").hint(
                "pass one: `wtmag create \"TEXT\"`, `-f FILE`, `-e`, `--github N` or `--jira KEY`",
            )),
        }
    }

    /// The user's text, from the one place that has it.
    fn words(&self, stdin: impl Read) -> Result<Option<String>, Failure> {
        let given = [self.text.is_some(), self.prompt.is_some(), self.file.is_some(), self.edit];
        if given.iter().filter(|it| **it).count() > 1 {
            return Err(Failure::usage("the text is given twice")
                .hint("pass one of TEXT, `--prompt TEXT`, `-f FILE` and `-e`"));
        }
        let text = match (&self.file, self.text.as_ref().or(self.prompt.as_ref())) {
            (Some(path), _) => Some(prompt::read_file(path)?),
            (None, Some(text)) => Some(prompt::read(text, stdin)?),
            (None, None) => None,
        };
        if text.as_ref().is_some_and(|it| it.contains('\0')) {
            return Err(Failure::usage("the prompt contains a NUL byte"));
        }
        Ok(text)
    }

    fn placement(&self) -> Result<Option<Placement>, Failure> {
        let window = self.window || self.launch == Some(Launch::Window);
        let session = self.session || self.launch == Some(Launch::Session);
        match (window, session) {
            (true, true) => Err(Failure::usage("a window and a session cannot be combined")
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

/// `HEAD` means the checked-out commit; other git expressions are for git to resolve.
fn check_base(base: &str) -> Result<(), Failure> {
    if matches!(base, "HEAD" | "@") {
        return Ok(());
    }
    git::names::check_base(base).map_err(|error| {
        let failure = Failure::from(error);
        let is_expression = base.starts_with("HEAD") || base.contains(['~', '^', '@']);
        if !is_expression {
            return failure;
        }
        let quoted = shlex::try_quote(base).unwrap_or_default();
        failure.hint(format!("pass the commit: `--base $(git rev-parse {quoted})`"))
    })
}

impl Task {
    /// The kind from the flag and from the URL; they must match.
    fn github(pointer: &Pointer, asked: Option<GithubType>) -> Result<Self, Failure> {
        let named = pointer.is_pull.map(|it| if it { GithubType::Pr } else { GithubType::Issue });
        if let (Some(named), Some(asked)) = (named, asked)
            && named != asked
        {
            let is = if named == GithubType::Pr { "a pull request" } else { "an issue" };
            return Err(Failure::usage(format!("the URL names {is}, but `-t` says otherwise"))
                .hint("leave `-t` out"));
        }
        Ok(match (asked.or(named), &pointer.repo) {
            (Some(GithubType::Issue), None) => Self::Issue(pointer.number),
            (Some(GithubType::Pr), None) => Self::Pull(pointer.number),
            (_, _) => {
                let is_pull = asked.or(named).map(|it| it == GithubType::Pr);
                Self::Github(Pointer { is_pull, ..pointer.clone() })
            }
        })
    }

    /// The kind of work, as far as it is known before anything is fetched.
    pub(super) fn outline(&self) -> Source {
        let (url, title) = (String::new(), String::new());
        match self {
            // Asked and replaced before anything depends on it.
            Self::Github(Pointer { number, is_pull: Some(true), .. }) => {
                Source::GithubPr { number: *number, url, title }
            }
            Self::Github(Pointer { number, .. }) => {
                Source::GithubIssue { number: *number, url, title }
            }
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
