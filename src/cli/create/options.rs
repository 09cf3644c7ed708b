//! Checks the arguments of `create`. Touches nothing.
use std::{io::Read, time::Duration};

use super::{
    args::{Args, Launch, OfRun},
    fork::{self, Fork},
};
use crate::{
    agents::launch::Model,
    brief::WorkItem,
    cli::{Failure, outcome::states},
    git::{self, Hooks, Repo, carry::Carried},
    model::{Kind, Placement, Source},
    sources::{self, TaskRef, prompt},
};

/// The request, checked as far as possible without reading anything else.
#[derive(Debug)]
pub(super) struct CreateOptions {
    pub(super) task: Task,
    /// The user's own words besides the task.
    pub(super) instructions: Option<String>,
    pub(super) open_pr: bool,
    pub(super) agent: Option<String>,
    pub(super) model: Option<Model>,
    pub(super) plan: bool,
    pub(super) placement: Option<Placement>,
    /// A branch, tag or commit; `HEAD` is resolved once the repository is known.
    pub(super) base: Option<String>,
    pub(super) name: Option<String>,
    pub(super) reuse: bool,
    /// The worker whose conversation it begins with.
    pub(super) fork: Option<Fork>,
    /// Uncommitted changes that move into its worktree.
    pub(super) carried: Option<Carried>,
    pub(super) hooks: Hooks,
    pub(super) wait: Wait,
    pub(super) quiet: bool,
    pub(super) of_run: Option<OfRun>,
    /// Wait for room, if there is none.
    pub(super) queue: bool,
    pub(super) dry_run: bool,
}

/// The work, its kind known.
#[derive(Debug)]
pub(super) enum Task {
    Kept(sources::Task),
    Prompt(String),
}

/// The work as the user named it.
#[derive(Debug)]
pub(super) enum Asked {
    Kept(TaskRef),
    Prompt(String),
}

/// Arguments that make sense. They become [`CreateOptions`] once it is known what the task is.
pub(super) struct Checked {
    pub(super) asked: Asked,
    pub(super) args: Args,
    instructions: Option<String>,
    model: Option<Model>,
    placement: Option<Placement>,
    wait: Wait,
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

impl CreateOptions {
    /// Replaces `HEAD` with the checked-out commit, and says so.
    pub(super) fn settle_base(&mut self, repo: &Repo) -> Result<Option<String>, Failure> {
        if !self.base.as_deref().is_some_and(|it| matches!(it, "HEAD" | "@")) {
            return Ok(None);
        }
        let (head, branch) = head(repo)?;
        let short = head.get(..12).unwrap_or(&head);
        let on = branch.map_or_else(String::new, |it| format!(" of `{it}`"));
        let note = format!("starting from HEAD, commit {short}{on}");
        self.base = Some(head);
        Ok(Some(note))
    }
}

/// The commit that is checked out in the current worktree, and its branch.
pub(super) fn head(repo: &Repo) -> Result<(String, Option<String>), Failure> {
    let here = repo.worktree().map(|it| repo.worktree_at(&it)).transpose()?.flatten();
    let head = here.as_ref().and_then(|it| it.head.clone()).ok_or_else(|| {
        Failure::user("HEAD does not point to a commit here")
            .hint("run this in a worktree, or pass `--base BRANCH`")
    })?;
    Ok((head, here.and_then(|it| it.branch)))
}

impl Checked {
    pub(super) fn options(self, task: Task) -> Result<CreateOptions, Failure> {
        let Self { args, instructions, model, placement, wait, .. } = self;
        if task.kind() == Kind::Review && args.base.is_some() {
            return Err(Failure::usage("`--base` cannot be used with a pull request")
                .hint("its worktree starts at the pull request's head"));
        }
        let open_pr = args.pr || !args.no_pr && !matches!(task, Task::Prompt(_));
        let hooks = match (args.yes, args.no_hooks) {
            (_, true) => Hooks::Skip,
            (true, false) => Hooks::Yes,
            (false, false) => Hooks::Approved,
        };
        Ok(CreateOptions {
            task,
            instructions,
            open_pr,
            agent: args.agent,
            model,
            plan: args.plan,
            placement,
            base: args.base,
            name: args.name,
            reuse: args.reuse,
            fork: None,
            carried: None,
            hooks,
            wait,
            quiet: args.quiet,
            of_run: args.of_run,
            queue: args.queue,
            dry_run: args.dry_run,
        })
    }
}

impl Args {
    /// Finds every error that is visible from the arguments alone.
    pub(super) fn check(self, stdin: impl Read) -> Result<Checked, Failure> {
        self.check_words(stdin).map_err(Failure::into_usage)
    }

    fn check_words(self, stdin: impl Read) -> Result<Checked, Failure> {
        if let (Some(first), [_, ..]) = (&self.text, self.rest.as_slice()) {
            let text = format!("{first} {}", self.rest.join(" ")).replace('"', "'");
            return Err(Failure::usage("the task has several words, but no quotes")
                .hint(format!("type `wtmag create \"{text}\"`")));
        }
        let placement = self.placement()?;
        let wait = self.wait()?;
        if let Some(name) = &self.name {
            git::names::check_branch(name)?;
        }
        if let Some(base) = &self.base {
            check_base(base)?;
        }
        let model = self.model.as_deref().map(Model::parse).transpose()?;
        let (asked, instructions) = self.asked(stdin)?;
        Ok(Checked { asked, args: self, instructions, model, placement, wait })
    }

    /// Whether the text comes from standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        [&self.text, &self.prompt].iter().any(|it| it.as_deref() == Some("-"))
    }

    fn asked(&self, stdin: impl Read) -> Result<(Asked, Option<String>), Failure> {
        let kept = match self.task.named.as_slice() {
            [(spec, _), ..] if self.fork.is_some() => {
                let flag = spec.flag;
                return Err(Failure::usage(format!("`--fork` and `--{flag}` cannot be combined")));
            }
            [] if self.task.kind.is_some() => {
                return Err(Failure::usage("`-t` needs `--github N` or `--gitlab N`"));
            }
            [] => None,
            [(spec, text)] => Some(self.kept(spec.parse(text)?)?),
            [(one, _), (other, _), ..] => {
                let (one, other) = (one.flag, other.flag);
                return Err(Failure::usage(format!(
                    "`--{one}` and `--{other}` cannot be combined"
                ))
                .hint("run `create` once for each"));
            }
        };
        let text = self.words(stdin)?;
        match (kept, text) {
            (Some(kept), text) => Ok((Asked::Kept(kept), text)),
            (None, Some(text)) => Ok((Asked::Prompt(text), None)),
            (None, None) if self.fork.is_some() => Ok((Asked::Prompt(fork::WAIT.to_owned()), None)),
            (None, None) => Err(Failure::usage("no task given").hint(
                "pass one: `wtmag create \"TEXT\"`, `-f FILE`, `-e`, `--github N` or `--jira KEY`",
            )),
        }
    }

    /// The kind from `-t` and from the URL; they must match.
    fn kept(&self, mut named: TaskRef) -> Result<TaskRef, Failure> {
        let Some(word) = &self.task.kind else { return Ok(named) };
        let spec = named.spec;
        let Some((_, kind)) = spec.types.iter().find(|it| it.0 == word) else {
            return Err(Failure::usage(format!(
                "`-t {word}` cannot be used with `--{}`",
                spec.flag
            ))
            .hint("leave `-t` out"));
        };
        match named.kind {
            Some(known) if known != *kind => {
                let is = known.row().noun;
                Err(Failure::usage(format!("`{}` is a {is}, but `-t` says `{word}`", named.text))
                    .hint("leave `-t` out"))
            }
            Some(_) | None => {
                named.kind = Some(*kind);
                Ok(named)
            }
        }
    }

    /// The user's text, from the one place that has it.
    pub(super) fn words(&self, stdin: impl Read) -> Result<Option<String>, Failure> {
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
    /// What is known of it before anything is fetched.
    pub(super) fn outline(&self) -> Source {
        match self {
            Self::Kept(task) => task.outline(),
            Self::Prompt(text) => WorkItem::prompt(text).source,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.outline().kind.row().work
    }
}

#[cfg(test)]
mod tests;
