//! What can go wrong with repositories and worktrees, and what the user can do.
use std::{io, path::PathBuf, time::Duration};

use crate::{model::WorkerId, proc};

/// The cause from gix and other libraries.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{}` is not in a git repository", path.display())]
    NoRepository { path: PathBuf, source: Option<Cause> },
    #[error("the repository at `{}` belongs to another user", path.display())]
    Untrusted { path: PathBuf, source: Cause },
    #[error("could not open the repository at `{}`", path.display())]
    Open { path: PathBuf, source: Cause },
    /// gix cannot read reftable; git can, but its work could not be checked then.
    #[error("`{}` keeps its refs in the `{format}` format, which is not supported", path.display())]
    RefFormat { path: PathBuf, format: String },
    #[error("could not read {what}")]
    Read { what: String, source: Cause },
    #[error("could not change {what}")]
    Change { what: String, source: Cause },
    #[error("could not {act} `{}`", path.display())]
    Io { act: &'static str, path: PathBuf, source: io::Error },
    #[error("the repository was in use for {} s", limit.as_secs())]
    Busy { holder: Option<u32>, limit: Duration },

    #[error("`{name}` cannot be used as a {what}: {why}")]
    BadName { what: &'static str, name: String, why: String },
    #[error("could not determine the default branch of `{}`", path.display())]
    NoDefaultBranch { path: PathBuf },
    #[error("`{name}` has no commit yet")]
    NoCommits { name: String },
    #[error("there is no branch, tag or commit `{name}`")]
    NoBase { name: String },
    #[error("could not fetch {what} from `{from}`: {why}")]
    Fetch { what: String, from: String, why: String },
    #[error("pull request {number} is at `{fetched}`, but should be at `{expected}`")]
    HeadMoved { number: u64, fetched: String, expected: String },

    #[error("there is already a branch `{branch}`")]
    BranchExists { branch: String, worktree: Option<PathBuf> },
    #[error("the remote `{remote}` already has a branch `{branch}`")]
    RemoteBranchExists { branch: String, remote: String },
    /// git stores branches as files: a branch cannot be a directory of others.
    #[error("the branch `{other}`{} exists, so `{branch}` cannot", on(remote.as_deref()))]
    NameConflict { branch: String, other: String, remote: Option<String> },
    #[error("the branch `{branch}` has work that is not in the pull request")]
    Diverged { branch: String, tip: String, head: String },
    #[error("the worktree `{}` has uncommitted work", path.display())]
    Dirty { path: PathBuf },
    #[error("the uncommitted changes of `{}` cannot be moved: {why}", path.display())]
    Carry { path: PathBuf, why: String },
    #[error("the directory `{}` already exists{}", path.display(), held_by(holder.as_deref()))]
    PathTaken {
        path: PathBuf,
        /// The branch of the worktree there.
        holder: Option<String>,
    },
    #[error("`{}` is the main worktree", path.display())]
    MainWorktree { path: PathBuf },
    #[error("`{name}` has moved meanwhile")]
    TargetMoved { name: String },
    #[error("the worktree is no longer in the state {allowed} that may be discarded")]
    StateChanged { allowed: String },
    #[error("could not push `{branch}` to `{remote}`: {why}")]
    Push { branch: String, remote: String, why: String },
    #[error("work would be lost")]
    WouldLose { losses: Vec<String> },

    #[error("the repository tracks `{path}`, where the brief would be written")]
    Tracked { path: String },
    #[error("`{}` is {what}, not a directory that you own", path.display())]
    Unsafe { path: PathBuf, what: &'static str },
    #[error("another worker works in this worktree: `{}`", worker)]
    Claimed { worker: WorkerId },

    #[error("`{program}` is not WorkTrunk: {why}")]
    NotWorktrunk { program: String, why: String },
    #[error("WorkTrunk {found} is too old, {needed} or later is needed")]
    OldWorktrunk { found: String, needed: String },
    #[error("WorkTrunk does not work with this git: {why}")]
    OldGit { why: String },
    #[error("the git hook `{}` failed{}", path.display(), with_code(*code))]
    GitHook { path: PathBuf, code: Option<i32>, text: String },
    #[error("a git filter failed, so the files could not be checked out: {text}")]
    Filter { text: String, said: String },
    #[error("{program} could not {act}: {text}")]
    Failed { program: &'static str, act: String, text: String, said: String },
    #[error("{program} gave an unusable answer: {why}")]
    Answer { program: &'static str, why: String },
    #[error("the project's {phase} hooks are not approved")]
    Unapproved { phase: &'static str, text: String },
    #[error("the setup command `{command}` failed with code {code}")]
    Setup { command: String, code: i32, text: String },
    #[error("a {phase} hook failed with code {code}")]
    HookFailed { phase: &'static str, code: i32, text: String, had_terminal: bool },

    #[error("the undo record `{}` cannot be understood", path.display())]
    Journal { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Proc(#[from] proc::Error),
}

/// What to do about an error, as one sentence without a full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    pub text: &'static str,
    /// The option that it names: of no use to a command that does not have it.
    pub option: Option<&'static str>,
}

impl Advice {
    const fn option(option: &'static str, text: &'static str) -> Self {
        Self { text, option: Some(option) }
    }
}

fn with_code(code: Option<i32>) -> String {
    code.map(|it| format!(" with code {it}")).unwrap_or_default()
}

fn on(remote: Option<&str>) -> String {
    remote.map(|it| format!(" of the remote `{it}`")).unwrap_or_default()
}

fn held_by(branch: Option<&str>) -> String {
    branch.map(|it| format!("; it is the worktree of `{it}`")).unwrap_or_default()
}

impl Error {
    /// What to do, if the message does not already say it.
    pub fn advice(&self) -> Vec<Advice> {
        let hint = self.hint().map(|text| Advice { text, option: None });
        hint.into_iter().chain(self.options().iter().copied()).collect()
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoRepository { .. } => "run this inside a repository",
            Self::Untrusted { .. } => {
                "if you trust it: `git config --global --add safe.directory DIR`"
            }
            Self::NoDefaultBranch { .. } => {
                "`git remote set-head origin -a` asks the remote for it"
            }
            Self::NoCommits { .. } => "make a first commit",
            Self::HeadMoved { .. } => "the pull request was just pushed to: try again",
            Self::StateChanged { .. } => {
                "run `wtmag cleanup` without --discard to see what it has now"
            }
            Self::TargetMoved { .. } => "nothing was changed: try again",
            Self::NameConflict { remote: Some(_), .. } => {
                "`git fetch --prune` forgets branches that are gone"
            }
            Self::Filter { .. } => {
                "install the filter's program (for Git LFS: `git lfs install`), or set \
                 GIT_LFS_SKIP_SMUDGE=1"
            }
            Self::Diverged { .. } => "push or discard that work",
            Self::Dirty { .. } => "commit or stash it first",
            Self::Carry { .. } => "nothing was changed",
            Self::Tracked { .. } => "remove `.wtmag` from that branch, or use another base",
            Self::Unsafe { .. } => "remove it and try again",
            Self::NotWorktrunk { .. } | Self::OldWorktrunk { .. } => {
                "cargo install worktrunk, or set [worktree] backend = \"git\""
            }
            Self::OldGit { .. } => "install a newer git, or set [worktree] backend = \"git\"",
            Self::Unapproved { .. } => {
                "read the commands; `wt config approvals add` approves them for good"
            }
            Self::HookFailed { had_terminal: false, .. } => {
                "fix the hook; if it asks something, run this command in a terminal, where you can answer"
            }
            Self::GitHook { .. } | Self::HookFailed { .. } => "fix the hook",
            Self::Setup { .. } => "fix `setup` in [worktree]",
            Self::Busy { .. } => "try again when that process has ended",
            Self::NameConflict { remote: None, .. }
            | Self::PathTaken { .. }
            | Self::NoBase { .. }
            | Self::BranchExists { .. }
            | Self::RemoteBranchExists { .. }
            | Self::Open { .. }
            | Self::RefFormat { .. }
            | Self::Read { .. }
            | Self::Change { .. }
            | Self::Io { .. }
            | Self::BadName { .. }
            | Self::Fetch { .. }
            | Self::Push { .. }
            | Self::MainWorktree { .. }
            | Self::WouldLose { .. }
            | Self::Claimed { .. }
            | Self::Failed { .. }
            | Self::Answer { .. }
            | Self::Journal { .. }
            | Self::Proc(_) => return None,
        })
    }

    /// Options of the command that help.
    fn options(&self) -> &'static [Advice] {
        const NAME: Advice = Advice::option("name", "`--name NAME` chooses another branch");
        const REUSE: Advice = Advice::option("reuse", "`--reuse` works on that branch");
        const NO_HOOKS: Advice = Advice::option("no-hooks", "`--no-hooks` leaves hooks out");
        const YES: Advice = Advice::option("yes", "`--yes` runs them once");
        const PROJECT: Advice = Advice::option("project", "`--project DIR` names a repository");
        const BASE: Advice =
            Advice::option("base", "`--base BRANCH` names the branch to start from");
        const COMMIT: Advice =
            Advice::option("base", "if git knows it: `--base $(git rev-parse NAME)`");
        const CARRY: Advice =
            Advice::option("with-changes", "to create it anyway, omit `--with-changes`");
        match self {
            Self::NoRepository { .. } => &[PROJECT],
            Self::NoDefaultBranch { .. } => &[BASE],
            Self::NoBase { .. } => &[COMMIT],
            Self::BranchExists { .. } | Self::RemoteBranchExists { .. } => &[REUSE, NAME],
            Self::NameConflict { .. } | Self::PathTaken { .. } | Self::Diverged { .. } => &[NAME],
            Self::Carry { .. } => &[CARRY],
            Self::Unapproved { .. } => &[YES, NO_HOOKS],
            Self::HookFailed { .. } | Self::GitHook { .. } | Self::Setup { .. } => &[NO_HOOKS],
            Self::Untrusted { .. }
            | Self::NoCommits { .. }
            | Self::HeadMoved { .. }
            | Self::StateChanged { .. }
            | Self::TargetMoved { .. }
            | Self::Filter { .. }
            | Self::Dirty { .. }
            | Self::Tracked { .. }
            | Self::Unsafe { .. }
            | Self::NotWorktrunk { .. }
            | Self::OldWorktrunk { .. }
            | Self::OldGit { .. }
            | Self::Busy { .. }
            | Self::Open { .. }
            | Self::RefFormat { .. }
            | Self::Read { .. }
            | Self::Change { .. }
            | Self::Io { .. }
            | Self::BadName { .. }
            | Self::Fetch { .. }
            | Self::Push { .. }
            | Self::MainWorktree { .. }
            | Self::WouldLose { .. }
            | Self::Claimed { .. }
            | Self::Failed { .. }
            | Self::Answer { .. }
            | Self::Journal { .. }
            | Self::Proc(_) => &[],
        }
    }

    /// Turns a cause into a reading error: `.map_err(Error::read("the index"))`.
    pub(super) fn read<E: Into<Cause>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::Read { what, source: source.into() }
    }

    /// Turns a cause into a writing error: `.map_err(Error::change("the branch"))`.
    pub(super) fn change<E: Into<Cause>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::Change { what, source: source.into() }
    }

    /// Turns an IO error into one that names act and path.
    pub(super) fn io(
        act: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { act, path, source }
    }
}
