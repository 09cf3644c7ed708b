//! What would be lost with a worktree and its branch: everything that exists nowhere else.
//!
//! Looks first at what is here; asks the network only when that could make a difference.
use std::{fmt, fs, path::Path};

use gix::{ObjectId, bstr::ByteSlice as _, state::InProgress};

use super::{
    Error, Repo, RepoLock, Run, Worktree,
    base::{fetch_branch_anew, kept_ref},
    merged, processes, status, submodules,
};

/// Most names that one loss lists.
const MAX_NAMES: usize = 10;

/// How often the refs are read while others delete some.
const TRIES: u32 = 20;

/// What is to go.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    pub path: &'a Path,
    /// Its own git dir, by which it is found wherever it was moved.
    pub git_dir: &'a Path,
    /// The branch that would be deleted; `None` when it is kept.
    pub branch: Option<&'a str>,
    /// Processes that may be in the worktree, with all they started: the pane that is to go.
    pub known: &'a [u32],
}

/// One thing that would be lost. Prints as a phrase that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Tracked files that differ from the commit.
    Uncommitted(Names),
    /// Files that are neither tracked nor ignored.
    Untracked(Names),
    /// Commits that are in nothing that stays, newest first, as `short id subject`.
    Commits(Names),
    /// Stashes made on the branch, by their messages.
    Stashes(Names),
    /// A rebase, merge or the like that waits to be finished.
    Operation(&'static str),
    /// Somebody locked the worktree, and why.
    Lock(String),
    /// Something runs in the worktree.
    Process { pid: u32, command: String },
    /// Something runs in another pane of its window.
    Pane { pid: u32, command: String },
    /// One of these in a submodule, whose repository goes too.
    InSubmodule { path: String, loss: Box<Self> },
}

/// Some names, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub first: Vec<String>,
    pub total: usize,
}

/// Everything that would be lost, with the tip that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    pub list: Vec<Loss>,
    /// The branch's commit: what [`super::Doomed`] wants to hear.
    pub tip: Option<String>,
}

/// Looks at the worktree, its branch, the stashes and the processes. Who removes what was looked at
/// keeps the lock from here on: what another removal takes away meanwhile would not stay.
///
/// # Errors
/// [`Error::MainWorktree`]; [`Error::Read`] and [`Error::Open`]: what cannot be read is never taken
/// for safe.
pub async fn losses(
    repo: &Repo,
    lock: &RepoLock,
    subject: &Subject<'_>,
    run: &mut Run<'_>,
) -> Result<Losses, Error> {
    let mut list = Vec::new();
    let mut tips = Vec::new();
    if subject.path.exists() {
        let worktree = status::open(subject.path)?;
        list.extend(files(&worktree)?);
        // A HEAD on a branch that stays loses nothing.
        if worktree.head_name().map_err(Error::read("HEAD"))?.is_none() {
            tips.extend(worktree.head_id().ok().map(gix::Id::detach));
        }
        let real = fs::canonicalize(subject.path).map_err(Error::io("read", subject.path))?;
        let found = processes::inside(&real, subject.known, run).await?;
        list.extend(found.into_iter().map(|(pid, command)| Loss::Process { pid, command }));
    }
    if let Some(found) = repo.worktree_of_dir(subject.git_dir)? {
        if found.is_main {
            return Err(Error::MainWorktree { path: found.path });
        }
        list.extend(found.lock_reason().map(Loss::Lock));
        list.extend(in_submodules(&found, run).await?);
    }
    let mut tip = None;
    if let Some(branch) = subject.branch {
        tip = repo.ref_id(&format!("refs/heads/{branch}"))?;
        tips.extend(tip);
        let (wip, named) = (format!("WIP on {branch}: "), format!("On {branch}: "));
        let is_own = |it: &str| it.starts_with(&wip) || it.starts_with(&named);
        list.extend(Names::of(stashes(repo.gix(), is_own)?).map(Loss::Stashes));
    }
    tips.sort_unstable();
    tips.dedup();
    for tip in tips {
        let lost = commits_only_in(repo, tip, subject.branch)?;
        if !lost.is_empty() && !is_elsewhere(repo, lock, tip, subject.branch, run).await? {
            list.extend(Names::of(lost).map(Loss::Commits));
        }
    }
    Ok(Losses { list, tip: tip.map(|it| it.to_string()) })
}

/// What the files of a worktree would lose, and what it is in the middle of.
pub(super) fn files(worktree: &gix::Repository) -> Result<Vec<Loss>, Error> {
    let changes = status::changes(worktree)?;
    let changed = Names::of(changes.changed).map(Loss::Uncommitted);
    let untracked = Names::of(changes.untracked).map(Loss::Untracked);
    let state = worktree.state().map(|it| Loss::Operation(operation(&it)));
    Ok(changed.into_iter().chain(untracked).chain(state).collect())
}

async fn in_submodules(worktree: &Worktree, run: &Run<'_>) -> Result<Vec<Loss>, Error> {
    let mut look = submodules::Look::new(&worktree.path, &worktree.git_dir);
    if worktree.path.exists() {
        look.checked_out(status::open(&worktree.path)?, run).await?;
    }
    look.kept(&worktree.git_dir, run).await?;
    Ok(look.into_losses())
}

/// Commits of `tip` that no ref has besides the branch itself and the stash.
fn commits_only_in(repo: &Repo, tip: ObjectId, branch: Option<&str>) -> Result<Vec<String>, Error> {
    let own = branch.map(|it| format!("refs/heads/{it}"));
    let mut tries = 1..TRIES;
    let staying = loop {
        match tips_but(repo, own.as_deref()) {
            // A ref that somebody deletes meanwhile makes the reading fail.
            Err(_) if tries.next().is_some() => {}
            done => break done?,
        }
    };
    history(repo.gix(), &[tip], &staying)
}

/// Commits that come with `tips` and not with what is `staying`, as `short id subject`.
pub(super) fn history(
    repo: &gix::Repository,
    tips: &[ObjectId],
    staying: &[ObjectId],
) -> Result<Vec<String>, Error> {
    let read = || "the history";
    let walk = repo.rev_walk(tips.iter().copied()).with_hidden(staying.iter().copied());
    let mut lost = Vec::new();
    for commit in walk.all().map_err(Error::read(read()))? {
        let commit = commit.map_err(Error::read(read()))?;
        let subject =
            commit.object().ok().and_then(|it| Some(it.message().ok()?.summary().to_string()));
        lost.push(format!("{} {}", commit.id().shorten_or_id(), subject.unwrap_or_default()));
    }
    Ok(lost)
}

/// The commits of all refs but this one and those that go by themselves.
fn tips_but(repo: &Repo, own: Option<&str>) -> Result<Vec<ObjectId>, Error> {
    let read = || "the refs";
    let mut tips = Vec::new();
    let refs = repo.gix().references().map_err(Error::read(read()))?;
    for found in refs.all().map_err(Error::read(read()))? {
        let found =
            found.map_err(|it| Error::Read { what: read().to_owned(), source: it.into() })?;
        let name = found.name().as_bstr().to_str_lossy().into_owned();
        if Some(name.as_str()) == own || name == "refs/stash" || name.starts_with("refs/bisect/") {
            continue;
        }
        // Symbolic refs repeat others; some refs name no commit at all.
        let id = found.try_id().map(gix::Id::detach);
        tips.extend(
            id.and_then(|id| repo.gix().find_object(id).ok()?.peel_tags_to_end().ok())
                .filter(|it| it.kind == gix::object::Kind::Commit)
                .map(|it| it.id),
        );
    }
    Ok(tips)
}

/// The last resort before a refusal: the work is in the default branch in another form, or the
/// remote has the branch although no ref here says so (as in a bare clone). Whoever asks is about to
/// be refused, so no answer that somebody got some seconds ago will do.
async fn is_elsewhere(
    repo: &Repo,
    lock: &RepoLock,
    tip: ObjectId,
    branch: Option<&str>,
    run: &mut Run<'_>,
) -> Result<bool, Error> {
    for target in default_tips(repo)? {
        if merged::is_in(repo, tip, target, run).await? {
            return Ok(true);
        }
    }
    let Some(remote) = repo.remote() else { return Ok(false) };
    // No answer is a no.
    if let Some(branch) = branch
        && let Ok(sha) = fetch_branch_anew(repo, lock, &remote, branch, run).await?
        && repo.commit_id(&sha).is_some_and(|it| repo.is_ancestor(tip, it))
    {
        return Ok(true);
    }
    let known = default_tips(repo)?;
    let Ok(default) = repo.default_branch() else { return Ok(false) };
    let fetched = fetch_branch_anew(repo, lock, &remote, &default, run).await?;
    let Some(target) = fetched.ok().and_then(|sha| repo.commit_id(&sha)) else { return Ok(false) };
    if known.contains(&target) {
        return Ok(false);
    }
    Ok(repo.is_ancestor(tip, target) || merged::is_in(repo, tip, target, run).await?)
}

/// The default branch as it is here, as last fetched and as wtmag last fetched it.
fn default_tips(repo: &Repo) -> Result<Vec<ObjectId>, Error> {
    let Ok(default) = repo.default_branch() else { return Ok(Vec::new()) };
    let mut names = vec![format!("refs/heads/{default}"), kept_ref(&default)];
    names.extend(repo.remote().map(|remote| format!("refs/remotes/{remote}/{default}")));
    let mut tips = Vec::new();
    for name in names {
        tips.extend(repo.ref_id(&name)?);
    }
    tips.sort_unstable();
    tips.dedup();
    Ok(tips)
}

/// Messages of the stashes that are meant, newest first.
pub(super) fn stashes(
    repo: &gix::Repository,
    is_meant: impl Fn(&str) -> bool,
) -> Result<Vec<String>, Error> {
    let read = || "the stashes";
    let stash = repo.try_find_reference("refs/stash").map_err(Error::read(read()))?;
    let Some(stash) = stash else { return Ok(Vec::new()) };
    let mut log = stash.log_iter();
    let Some(lines) = log.all().map_err(Error::read(read()))? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for line in lines {
        let line = line.map_err(Error::read(read()))?;
        let message = line.message.to_str_lossy();
        if is_meant(&message) {
            found.push(message.into_owned());
        }
    }
    found.reverse();
    Ok(found)
}

fn operation(state: &InProgress) -> &'static str {
    match state {
        InProgress::ApplyMailbox => "an `am`",
        InProgress::ApplyMailboxRebase | InProgress::Rebase | InProgress::RebaseInteractive => {
            "a rebase"
        }
        InProgress::Bisect => "a bisect",
        InProgress::CherryPick | InProgress::CherryPickSequence => "a cherry-pick",
        InProgress::Merge => "a merge",
        InProgress::Revert | InProgress::RevertSequence => "a revert",
    }
}

impl Names {
    pub(super) fn of(all: Vec<String>) -> Option<Self> {
        let total = all.len();
        let first: Vec<String> = all.into_iter().take(MAX_NAMES).collect();
        (total > 0).then_some(Self { first, total })
    }
}

impl fmt::Display for Names {
    /// Control characters in file names and subjects are shown, not obeyed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, name) in self.first.iter().enumerate() {
            let separator = if idx == 0 { "" } else { ", " };
            let shown: String = name
                .chars()
                .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
                .collect();
            write!(f, "{separator}`{shown}`")?;
        }
        match self.total - self.first.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncommitted(files) => write!(f, "uncommitted changes in {files}"),
            Self::Untracked(files) => write!(f, "untracked {files}"),
            Self::Commits(commits) => write!(f, "commits that are nowhere else: {commits}"),
            Self::Stashes(stashes) => write!(f, "stashed work: {stashes}"),
            Self::Operation(what) => write!(f, "{what} that is not finished"),
            Self::Lock(reason) => write!(f, "a lock on the worktree: {}", reason.escape_debug()),
            Self::InSubmodule { path, loss } => {
                write!(f, "in the submodule `{}`: {loss}", path.escape_debug())
            }
            Self::Pane { pid, command } => {
                let command = command.escape_debug();
                write!(f, "process {pid} (`{command}`) runs in another pane of its window")
            }
            Self::Process { pid, command } => {
                write!(f, "process {pid} (`{}`) is at work in it", command.escape_debug())
            }
        }
    }
}
