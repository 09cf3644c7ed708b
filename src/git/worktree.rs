//! Making the worktree of a worker and taking it away again.
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use gix::ObjectId;

use super::{
    Error, Hooks, Journal, News, Repo, RepoLock, Run, Start, Tool, Worktree,
    base::pick,
    branch, exclude,
    fetch::git_at,
    hooks::asks_for_approval,
    journal::Step,
    names, plain, status,
    wt::{failed, reason},
};
use crate::{
    model::Base,
    proc::{self, Output},
};

/// How often a foreign git process is stepped aside for.
const TRIES: u32 = 6;

/// The worktree that is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    pub branch: String,
    pub start: Start,
    /// Work on the branch, and in its worktree, when they are there already.
    pub reuse: bool,
}

/// A worktree that is ready for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub path: PathBuf,
    pub git_dir: PathBuf,
    pub branch: String,
    pub branch_made: bool,
    pub worktree_made: bool,
    /// What it starts from; `None` when a branch was taken as it was.
    pub base: Option<Base>,
}

/// A worktree that is to go.
#[derive(Clone, Debug)]
pub struct Removal {
    pub path: PathBuf,
    /// Finds it also after `git worktree move`.
    pub git_dir: PathBuf,
    /// The branch that goes with it; `None` keeps it.
    pub branch: Option<Doomed>,
    /// Whatever it holds, and whether or not it is locked.
    pub force: bool,
    /// For `pre-remove` and `post-remove`.
    pub hooks: Hooks,
}

/// A branch that may be deleted while it is at `tip`: what was looked at is what goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    pub name: String,
    pub tip: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// It was registered and now is not.
    pub worktree: bool,
    pub branch: BranchEnd,
}

/// What became of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchEnd {
    /// Nobody asked for its end.
    Kept,
    Deleted,
    /// There was none any more.
    Gone,
    /// Kept: it has other commits than were looked at.
    Moved {
        tip: String,
    },
    /// Kept: another worktree has it.
    CheckedOut {
        path: PathBuf,
    },
}

/// Makes the worktree, under the repository's lock: finds the commit to start from, announces every
/// step in the journal, keeps `.wtmag/` out of commits. Runs no hooks of WorkTrunk.
///
/// After an error, `journal.undo` takes back what was made until then.
///
/// # Errors
/// [`Error::BadName`], [`Error::BranchExists`], [`Error::Tracked`], [`Error::Unsafe`], those of
/// [`pick`], and with `reuse` [`Error::Diverged`] and [`Error::Dirty`] for a branch that cannot be
/// brought to the head of its pull request.
pub async fn make(
    repo: &Repo,
    tool: &Tool,
    order: &Order,
    journal: &mut Journal,
    run: &mut Run<'_>,
) -> Result<Made, Error> {
    names::check_branch(&order.branch)?;
    let lock = RepoLock::acquire(repo, run).await?;
    let mut job = Job { repo, tool, order, lock: &lock, journal, run };
    let made = match (repo.branch_tip(&order.branch)?, repo.worktree_of(&order.branch)?) {
        (None, _) => job.make_new().await?,
        (Some(tip), worktree) if order.reuse => job.take_up(&tip, worktree).await?,
        (Some(_), worktree) => {
            let worktree = worktree.map(|it| it.path);
            return Err(Error::BranchExists { branch: order.branch.clone(), worktree });
        }
    };
    exclude::prepare(repo, &made.path, journal)?;
    Ok(made)
}

/// One call of [`make`], under the lock.
struct Job<'a, 'r> {
    repo: &'a Repo,
    tool: &'a Tool,
    order: &'a Order,
    lock: &'a RepoLock,
    journal: &'a mut Journal,
    run: &'a mut Run<'r>,
}

impl Job<'_, '_> {
    /// A branch that is not there yet.
    async fn make_new(&mut self) -> Result<Made, Error> {
        let base = pick(self.repo, self.lock, &self.order.start, self.run).await?.base;
        let sha = base.sha.clone();
        exclude::refuse_commit(self.repo.gix(), to_id(&sha)?)?;
        let branch = self.order.branch.clone();
        self.journal.announce(Step::Branch { branch, sha: sha.clone() })?;
        let added = self.add(&sha).await?;
        Ok(Made { branch_made: true, base: Some(base), ..self.made(added) })
    }

    /// A branch that is there; a pull request's is brought to its head.
    async fn take_up(&mut self, tip: &str, worktree: Option<Worktree>) -> Result<Made, Error> {
        let mut base = None;
        let mut sha = tip.to_owned();
        if let Start::Pull { .. } = self.order.start {
            let head = pick(self.repo, self.lock, &self.order.start, self.run).await?.base;
            exclude::refuse_commit(self.repo.gix(), to_id(&head.sha)?)?;
            let branch = &self.order.branch;
            catch_up(self.repo, branch, tip, &head.sha, worktree.as_ref(), self.run).await?;
            sha = head.sha.clone();
            base = Some(head);
        }
        match worktree {
            Some(it) if !it.is_missing => {
                exclude::refuse_worktree(&it.path)?;
                return Ok(Made { worktree_made: false, base, ..self.made(it) });
            }
            // Its directory was deleted by hand: the registration is in the way.
            Some(it) => forget(self.repo, &it, self.run).await?,
            None => {}
        }
        exclude::refuse_commit(self.repo.gix(), to_id(&sha)?)?;
        let added = self.add(&sha).await?;
        Ok(Made { base, ..self.made(added) })
    }

    fn made(&self, worktree: Worktree) -> Made {
        let Worktree { path, git_dir, .. } = worktree;
        let branch = self.order.branch.clone();
        Made { path, git_dir, branch, branch_made: false, worktree_made: true, base: None }
    }

    /// Adds a worktree for the branch, which is made at `sha` when it is not there.
    async fn add(&mut self, sha: &str) -> Result<Worktree, Error> {
        let (repo, branch) = (self.repo, &self.order.branch);
        let path = match self.tool {
            Tool::Wt(_) => None,
            Tool::Git { .. } => Some(plain::path_for(repo, branch)),
        };
        if let Some(path) = path.as_ref().filter(|it| it.symlink_metadata().is_ok()) {
            return Err(Error::PathTaken { path: path.clone() });
        }
        self.journal.announce(Step::Worktree {
            branch: branch.clone(),
            sha: sha.to_owned(),
            path: path.clone(),
            known: registered(repo)?,
        })?;
        let mut attempt = 1;
        loop {
            // What a try left behind is taken up by the next one.
            let base = repo.branch_tip(branch)?.is_none().then_some(sha);
            let answer = self.try_add(path.as_deref(), base).await?;
            match answer {
                Ok(path) => {
                    let found = check(repo, branch, sha, &path, self.journal)?;
                    if *self.run.cancel.borrow() {
                        return Err(proc::Error::Cancelled.into());
                    }
                    return Ok(found);
                }
                Err(output) if attempt < TRIES && is_race(&output.stderr_text()) => {
                    (self.run.tell)(&News::Retrying { why: reason(&output) });
                    // Somebody outside our lock is at work: there is no event to wait for.
                    tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
                    attempt += 1;
                }
                Err(output) => {
                    let act = format!("make a worktree for `{branch}`");
                    return Err(failed(self.tool.name(), act, &output));
                }
            }
        }
    }

    /// Where the worktree is, or what the program said. Once begun it is not interrupted: a `git` that
    /// is told to stop forgets the worktree while its checkout still writes files.
    async fn try_add(
        &mut self,
        path: Option<&Path>,
        base: Option<&str>,
    ) -> Result<Result<PathBuf, Output>, Error> {
        let (repo, branch) = (self.repo, &self.order.branch);
        let _held = self.journal.held_by_children()?;
        let never = proc::never();
        let run = Run { cancel: &never, tell: &mut *self.run.tell };
        if *self.run.cancel.borrow() {
            return Err(proc::Error::Cancelled.into());
        }
        match self.tool {
            Tool::Wt(wt) => {
                let default = repo.unnoted_default();
                wt.switch(repo.home(), branch, base, default.as_deref(), &run).await
            }
            Tool::Git { .. } => {
                let path = path.map_or_else(|| plain::path_for(repo, branch), Path::to_owned);
                let added = plain::add(repo, &path, branch, base, &run).await?;
                Ok(added.map(|()| path))
            }
        }
    }
}

/// Drops the registration of a worktree whose directory is gone.
async fn forget(repo: &Repo, worktree: &Worktree, run: &Run<'_>) -> Result<(), Error> {
    let act = || format!("forget the missing `{}`", worktree.path.display());
    let answer = plain::remove(repo, worktree, false, run).await?;
    answer.map_err(|output| failed("git", act(), &output))
}

/// Moves a branch forward to `head`, with its worktree; never over anybody's work.
async fn catch_up(
    repo: &Repo,
    branch: &str,
    tip: &str,
    head: &str,
    worktree: Option<&Worktree>,
    run: &Run<'_>,
) -> Result<(), Error> {
    let (from, to) = (to_id(tip)?, to_id(head)?);
    if from == to {
        return Ok(());
    }
    if !repo.is_ancestor(from, to) {
        let (branch, tip, head) = (branch.to_owned(), tip.to_owned(), head.to_owned());
        return Err(Error::Diverged { branch, tip, head });
    }
    let Some(worktree) = worktree.filter(|it| !it.is_missing) else {
        return branch::forward(repo, branch, from, to);
    };
    if !status::changes(&status::open(&worktree.path)?)?.is_empty() {
        return Err(Error::Dirty { path: worktree.path.clone() });
    }
    let merge = git_at(&worktree.path).args(["merge", "--ff-only", "--quiet", head]);
    let output = merge.run(run.cancel).await?;
    if output.is_success() {
        return Ok(());
    }
    Err(failed("git", format!("fast-forward `{branch}`"), &output))
}

/// Believes what is on disk, not what a program says it did.
fn check(
    repo: &Repo,
    branch: &str,
    sha: &str,
    path: &Path,
    journal: &mut Journal,
) -> Result<Worktree, Error> {
    let unexpected = |why: String| Error::Answer { program: "wt", why };
    let Some(found) = repo.worktree_of(branch)? else {
        return Err(unexpected(format!("no worktree has `{branch}`")));
    };
    let (made, git_dir) = (found.path.clone(), found.git_dir.clone());
    journal.announce(Step::Made { path: made, git_dir })?;
    if found.is_missing || fs::canonicalize(path).ok().as_ref() != Some(&found.path) {
        return Err(unexpected(format!("`{}` is not the worktree", found.path.display())));
    }
    if found.head.as_deref() != Some(sha) {
        return Err(unexpected(format!("`{branch}` is not at `{sha}`")));
    }
    if found.locked.as_deref() == Some("initializing") {
        return Err(unexpected(format!("`{}` is only half made", found.path.display())));
    }
    Ok(found)
}

/// Takes the worktree away, and its branch if asked, under the lock under which it was looked at. What is registered
/// nowhere any more counts as done.
///
/// # Errors
/// [`Error::MainWorktree`], [`Error::WorktreeLocked`], [`Error::Unapproved`], [`Error::Failed`] with
/// what git or WorkTrunk said, as for uncommitted work without `force`.
pub async fn remove(
    repo: &Repo,
    _lock: &RepoLock,
    tool: &Tool,
    removal: &Removal,
    run: &mut Run<'_>,
) -> Result<Removed, Error> {
    let found = repo.worktree_of_dir(&removal.git_dir)?;
    let worktree = found.is_some();
    if let Some(doomed) = found {
        remove_worktree(repo, tool, removal, &doomed, run).await?;
        if repo.worktree_of_dir(&doomed.git_dir)?.is_some() {
            let act = format!("remove `{}`", doomed.path.display());
            return Err(Error::Failed {
                program: tool.name(),
                act,
                text: "it is still there".to_owned(),
                said: String::new(),
            });
        }
    }
    let branch = match &removal.branch {
        Some(doomed) => branch::delete(repo, &doomed.name, &doomed.tip).await?,
        None => BranchEnd::Kept,
    };
    Ok(Removed { worktree, branch })
}

async fn remove_worktree(
    repo: &Repo,
    tool: &Tool,
    removal: &Removal,
    doomed: &Worktree,
    run: &mut Run<'_>,
) -> Result<(), Error> {
    if doomed.is_main {
        return Err(Error::MainWorktree { path: doomed.path.clone() });
    }
    if let Some(reason) = doomed.lock_reason() {
        if !removal.force {
            return Err(Error::WorktreeLocked { path: doomed.path.clone(), reason });
        }
        plain::unlock(repo, doomed, run).await?;
    }
    let answer = match tool {
        Tool::Wt(wt) if !doomed.is_missing => {
            let answer =
                wt.remove(repo.home(), doomed, removal.hooks.flag(), removal.force, run).await?;
            match answer {
                Err(said) if asks_for_approval(&said.stderr_text()) => {
                    return Err(Error::Unapproved {
                        phase: "pre-remove",
                        text: said.stderr_text(),
                    });
                }
                Err(said) if is_lost(&said.stderr_text()) => {
                    (run.tell)(&News::Fallback { why: reason(&said) });
                    plain::remove(repo, doomed, removal.force, run).await?
                }
                Err(_) if removal.force => plain::remove(repo, doomed, true, run).await?,
                other => other,
            }
        }
        Tool::Wt(_) | Tool::Git { .. } => plain::remove(repo, doomed, removal.force, run).await?,
    };
    answer.map_err(|output| {
        let act = format!("remove `{}`", doomed.path.display());
        failed(tool.name(), act, &output)
    })
}

/// WorkTrunk looks for the repository beside its git dir, which `--separate-git-dir` put elsewhere.
fn is_lost(text: &str) -> bool {
    text.contains("git rev-parse --git-common-dir failed")
}

/// What git says when another one changes the registry, a ref or the config at the same time.
fn is_race(text: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "failed to read .git/worktrees/",
        "could not lock config file",
        "cannot lock ref",
        "git worktree list --porcelain failed",
        "index.lock': File exists",
        "/locked: No such file",
    ];
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// Ids of all worktrees in the registry, also of broken ones.
fn registered(repo: &Repo) -> Result<Vec<String>, Error> {
    let registry = repo.common_dir().join("worktrees");
    let entries = match fs::read_dir(&registry) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("read", &registry))?,
    };
    let name = |it: io::Result<fs::DirEntry>| Ok(it?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect::<io::Result<_>>().map_err(Error::io("read", registry))
}

pub(super) fn to_id(sha: &str) -> Result<ObjectId, Error> {
    ObjectId::from_hex(sha.as_bytes()).map_err(Error::read(format!("commit `{sha}`")))
}
