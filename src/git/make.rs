//! Creates the worktree of a worker.
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Error, News, Note, Repo, RepoLock, Run, Start, Tool, Worktree,
    base::{fetch_branch, pick},
    branch::{self, to_id},
    fetch::{git, git_at},
    names, plain, removal, scratch,
    steps::{CreateJournal, Step},
    wt::{failed, reason},
};
use crate::{
    model::Base,
    proc::{self, Output},
};

/// How often to retry after interference by a foreign git process.
const TRIES: u32 = 6;

/// The requested worktree.
#[derive(Clone, Debug)]
pub struct WorktreeRequest {
    pub branch: String,
    pub start: Start,
    /// Use the existing branch and worktree, if there are any.
    pub reuse: bool,
    /// Where to create it, from the user's `[worktree] path`. WorkTrunk has its own setting.
    pub path: Option<String>,
    /// Whether git's own hooks run.
    pub git_hooks: bool,
}

/// A worktree that is ready for a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    pub path: PathBuf,
    pub git_dir: PathBuf,
    pub branch: String,
    pub branch_made: bool,
    pub worktree_made: bool,
    /// Its start; `None` if an existing branch was used unchanged.
    pub base: Option<Base>,
}

/// Where [`make`] would create the worktree; `None` if WorkTrunk decides.
///
/// # Errors
/// As git reports them.
pub async fn planned_path(
    repo: &Repo,
    tool: &Tool,
    (branch, template): (&str, Option<&str>),
    run: &Run<'_>,
) -> Result<Option<PathBuf>, Error> {
    let there = repo.worktree_of(branch)?.filter(|it| !it.is_missing);
    match (there, tool) {
        (Some(it), _) => Ok(Some(it.path)),
        (None, Tool::Wt(_)) => Ok(None),
        (None, Tool::Git { .. }) => plain::place(repo, branch, template, run).await.map(Some),
    }
}

/// Creates the worktree under the repository's lock: finds the commit to start from, writes every
/// step to the journal, keeps `.wtmag/` out of commits. Runs no WorkTrunk hooks.
///
/// After an error, `journal.undo` removes what was created so far.
///
/// # Errors
/// [`Error::BadName`], [`Error::BranchExists`], [`Error::RemoteBranchExists`],
/// [`Error::NameConflict`], [`Error::Tracked`], [`Error::Unsafe`], those of [`pick`], and with `reuse` [`Error::Diverged`] and [`Error::Dirty`] for a branch that cannot be
/// brought to the head of its pull request.
pub async fn make(
    repo: &Repo,
    tool: &Tool,
    order: &WorktreeRequest,
    journal: &mut CreateJournal,
    run: &mut Run<'_>,
) -> Result<Made, Error> {
    names::check_branch(&order.branch)?;
    let lock = RepoLock::acquire(repo, run).await?;
    let mut job = Job { repo, tool, order, lock: &lock, journal, run };
    let made = match (repo.branch_tip(&order.branch)?, repo.worktree_of(&order.branch)?) {
        (None, _) => job.make_missing().await?,
        (Some(tip), worktree) if order.reuse => job.take_up(&tip, worktree).await?,
        (Some(_), worktree) => {
            let worktree = worktree.map(|it| it.path);
            return Err(Error::BranchExists { branch: order.branch.clone(), worktree });
        }
    };
    hide(&made.path, run).await?;
    let worktree = made.path.clone();
    journal.announce(Step::Scratch { made: scratch::is_absent(&worktree), worktree })?;
    scratch::prepare(repo, &made.path)?;
    if made.path.join(".gitmodules").exists() && made.worktree_made {
        (run.tell)(&News::Note(Note::Submodules));
    }
    Ok(made)
}

/// A worktree inside another one must not show up as its untracked files.
async fn hide(path: &Path, run: &mut Run<'_>) -> Result<(), Error> {
    let Some(outer) = plain::around(path) else { return Ok(()) };
    if plain::ignores(&outer, path, run).await? {
        return Ok(());
    }
    let inside = path.strip_prefix(&outer).unwrap_or(path).display().to_string();
    let file = plain::exclude_file(&outer, run).await?;
    scratch::add_line(&file, &format!("/{}/", escaped(&inside)))?;
    (run.tell)(&News::Note(Note::Hidden { path: path.to_owned(), by: outer }));
    Ok(())
}

/// The path as a pattern that matches only itself.
fn escaped(path: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '\\' | '!' | '#');
    path.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// One call of [`make`], under the lock.
struct Job<'a, 'r> {
    repo: &'a Repo,
    tool: &'a Tool,
    order: &'a WorktreeRequest,
    lock: &'a RepoLock,
    journal: &'a mut CreateJournal,
    run: &'a mut Run<'r>,
}

impl Job<'_, '_> {
    /// A branch that does not exist here: it is created, or taken from a remote that has it.
    async fn make_missing(&mut self) -> Result<Made, Error> {
        let (repo, branch) = (self.repo, &self.order.branch);
        if matches!(self.order.start, Start::Pull { .. }) {
            return self.make_new().await;
        }
        if !self.order.reuse {
            branch::check_free(repo, branch)?;
            return self.make_new().await;
        }
        // In a bare clone, nothing here shows which branches the remote has.
        let Some(remote) = repo.remote_with_branch(branch)?.or_else(|| repo.remote()) else {
            return self.make_new().await;
        };
        match fetch_branch(repo, self.lock, &remote, branch, self.run).await? {
            Ok(sha) => self.make_from_remote(&remote, sha).await,
            Err(refusal) => {
                let name = format!("{remote}/{branch}");
                let Some(id) = repo.ref_id(&format!("refs/remotes/{name}"))? else {
                    return self.make_new().await;
                };
                (self.run.tell)(&News::Stale { name, why: refusal.why });
                self.make_from_remote(&remote, id.to_string()).await
            }
        }
    }

    /// A branch that a remote has, created at its commit there and tracking it.
    async fn make_from_remote(&mut self, remote: &str, sha: String) -> Result<Made, Error> {
        self.refuse_commit(&sha).await?;
        let branch = self.order.branch.clone();
        self.journal.announce(Step::Branch { branch: branch.clone(), sha: sha.clone() })?;
        let added = self.add(&sha).await?;
        branch::follow(self.repo, &branch, remote, self.run).await?;
        Ok(Made { branch_made: true, ..self.made(added) })
    }

    /// Refuses a commit that has a `.wtmag`. In a partial clone, git fetches the tree if it is
    /// missing.
    async fn refuse_commit(&mut self, sha: &str) -> Result<(), Error> {
        match scratch::refuse_commit(self.repo.gix(), to_id(sha)?) {
            Err(Error::Read { .. }) => {}
            other => return other,
        }
        let cmd = git(self.repo).args(["ls-tree", "--name-only", "-z", sha]);
        let output = cmd.run(self.run.cancel).await?;
        if !output.is_success() {
            return Err(failed("git", format!("read commit `{sha}`"), &output));
        }
        output.stdout.split(|it| *it == 0).try_for_each(|it| scratch::refuse_path(it.into()))
    }

    /// A branch that does not exist yet.
    async fn make_new(&mut self) -> Result<Made, Error> {
        let base = pick(self.repo, self.lock, &self.order.start, self.run).await?.base;
        let sha = base.sha.clone();
        self.refuse_commit(&sha).await?;
        let branch = self.order.branch.clone();
        self.journal.announce(Step::Branch { branch, sha: sha.clone() })?;
        let added = self.add(&sha).await?;
        Ok(Made { branch_made: true, base: Some(base), ..self.made(added) })
    }

    /// An existing branch; a pull request's is moved to its head.
    async fn take_up(&mut self, tip: &str, worktree: Option<Worktree>) -> Result<Made, Error> {
        let mut base = None;
        let mut sha = tip.to_owned();
        if let Start::Pull { .. } = self.order.start {
            let head = pick(self.repo, self.lock, &self.order.start, self.run).await?.base;
            self.refuse_commit(&head.sha).await?;
            let branch = &self.order.branch;
            catch_up(self.repo, branch, tip, &head.sha, worktree.as_ref(), self.run).await?;
            sha = head.sha.clone();
            base = Some(head);
        }
        match worktree {
            Some(it) if !it.is_missing => {
                scratch::refuse_worktree(&it.path)?;
                return Ok(Made { worktree_made: false, base, ..self.made(it) });
            }
            // The directory was deleted by hand: its registration is in the way.
            Some(it) => forget(self.repo, &it, self.run).await?,
            None => {}
        }
        self.refuse_commit(&sha).await?;
        let added = self.add(&sha).await?;
        Ok(Made { base, ..self.made(added) })
    }

    fn made(&self, worktree: Worktree) -> Made {
        let Worktree { path, git_dir, .. } = worktree;
        let branch = self.order.branch.clone();
        Made { path, git_dir, branch, branch_made: false, worktree_made: true, base: None }
    }

    /// Adds a worktree for the branch, which is created at `sha` if it does not exist.
    async fn add(&mut self, sha: &str) -> Result<Worktree, Error> {
        let (repo, branch) = (self.repo, &self.order.branch);
        let path = match self.tool {
            Tool::Wt(_) => None,
            Tool::Git { .. } => {
                Some(plain::place(repo, branch, self.order.path.as_deref(), self.run).await?)
            }
        };
        if let Some(path) = path.as_ref().filter(|it| it.symlink_metadata().is_ok()) {
            let holder = repo.worktree_at(path)?.and_then(|it| it.branch);
            return Err(Error::PathTaken { path: path.clone(), holder });
        }
        self.journal.announce(Step::Worktree {
            branch: branch.clone(),
            sha: sha.to_owned(),
            path: path.clone(),
            known: registered(repo)?,
        })?;
        if let Tool::Wt(_) = self.tool
            && repo.branch_tip(branch)?.is_none()
            && let Err(error) = branch::create(repo, branch, to_id(sha)?)
        {
            // WorkTrunk creates it, too, but starts five more processes then.
            tracing::debug!(%branch, %error, "WorkTrunk creates the branch");
        }
        let mut attempt = 1;
        loop {
            // The next attempt continues with what this one left behind.
            let base = repo.branch_tip(branch)?.is_none().then_some(sha);
            let answer = self.try_add(path.as_deref(), base).await?;
            match answer {
                Ok(path) => {
                    let found = check(repo, branch, sha, &path, self.journal)?;
                    if *self.run.cancel.borrow() {
                        return Err(proc::Error::Cancelled.into());
                    }
                    self.tell_of_sparse(&found);
                    return Ok(found);
                }
                Err(output) if attempt < TRIES && is_race(&output.stderr_text()) => {
                    (self.run.tell)(&News::Retrying { why: reason(&output) });
                    // A process without our lock is working: there is no event to wait for.
                    tokio::time::sleep(Duration::from_millis(10 << attempt)).await;
                    attempt += 1;
                }
                Err(output) => return Err(self.why_not_added(sha, &output).await?),
            }
        }
    }

    /// If git fails but the worktree is complete, a hook refused it. If the directory already
    /// exists, it is mostly the worktree of a branch with a similar name.
    async fn why_not_added(&mut self, sha: &str, output: &Output) -> Result<Error, Error> {
        let (repo, branch) = (self.repo, &self.order.branch);
        let is_whole = |it: &Worktree| {
            !it.is_missing && it.locked.is_none() && it.head.as_deref() == Some(sha)
        };
        let made = repo.worktree_of(branch)?.filter(is_whole);
        if made.is_some()
            && self.order.git_hooks
            && let Some(path) = plain::checkout_hook(repo, self.run).await?
        {
            // What a hook wrote before it failed belongs to the hook.
            self.journal.announce(Step::Hooks)?;
            let (code, text) = self.tool.said_by_git(output);
            return Ok(Error::GitHook { path, code, text });
        }
        let flat = |it: &str| it.replace(['/', '\\'], "-");
        let is_alike = |it: &Worktree| {
            it.branch.as_ref().is_some_and(|it| it != branch && flat(it) == flat(branch))
        };
        if made.is_none()
            && let Some(taken) = repo.worktrees()?.into_iter().find(is_alike)
        {
            return Ok(Error::PathTaken { path: taken.path, holder: taken.branch });
        }
        let act = format!("make a worktree for `{branch}`");
        Ok(failed(self.tool.name(), act, output))
    }

    /// The worktree of the caller, if it is linked and has a sparse checkout.
    fn sparse_example(&self) -> Option<PathBuf> {
        let here = self.repo.worktree()?;
        let found = self.repo.worktree_at(&here).ok()??;
        (!found.is_main && is_sparse(&found)).then_some(here)
    }

    fn tell_of_sparse(&mut self, made: &Worktree) {
        if self.sparse_example().is_some() && !is_sparse(made) {
            (self.run.tell)(&News::Note(Note::FullCheckout));
        }
    }

    /// Returns the worktree's path, or the program's error. Not interrupted after it began: a `git`
    /// that is told to stop forgets the worktree while its checkout still writes files.
    async fn try_add(
        &mut self,
        path: Option<&Path>,
        base: Option<&str>,
    ) -> Result<Result<PathBuf, Output>, Error> {
        let (repo, branch) = (self.repo, &self.order.branch);
        let like = self.sparse_example();
        let _held = self.journal.held_by_children()?;
        let never = proc::never();
        let run = Run { cancel: &never, tell: &mut *self.run.tell };
        if *self.run.cancel.borrow() {
            return Err(proc::Error::Cancelled.into());
        }
        let hooks = self.order.git_hooks;
        match self.tool {
            Tool::Wt(wt) => {
                let default = repo.unnoted_default();
                // Otherwise it asks the network while others wait for the lock.
                let default = default.as_deref().map(|it| ("worktrunk.default-branch", it));
                let no_hooks = (!hooks).then_some(("core.hooksPath", "/dev/null"));
                let settings: Vec<_> = default.into_iter().chain(no_hooks).collect();
                let dir = like.as_deref().unwrap_or(repo.home());
                wt.switch(dir, branch, base, &settings, &run).await
            }
            Tool::Git { .. } => {
                let path = path.unwrap_or(repo.home());
                let add = plain::Add { path, branch, base, like: like.as_deref(), hooks };
                let added = plain::add(repo, &add, &run).await?;
                Ok(added.map(|()| path.to_owned()))
            }
        }
    }
}

fn is_sparse(worktree: &Worktree) -> bool {
    worktree.git_dir.join("info/sparse-checkout").exists()
}

/// Removes the registration of a worktree whose directory is gone.
async fn forget(repo: &Repo, worktree: &Worktree, run: &Run<'_>) -> Result<(), Error> {
    let act = || format!("forget the missing `{}`", worktree.path.display());
    let answer = plain::forget(repo, worktree, run).await?;
    answer.map_err(|output| failed("git", act(), &output))
}

/// Moves a branch forward to `head`, with its worktree; never overwrites work.
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
    if removal::state(&worktree.path, &worktree.git_dir, run).await?.is_changed {
        return Err(Error::Dirty { path: worktree.path.clone() });
    }
    let merge = git_at(&worktree.path).args(["merge", "--ff-only", "--quiet", head]);
    let output = merge.run(run.cancel).await?;
    if output.is_success() {
        return Ok(());
    }
    Err(failed("git", format!("fast-forward `{branch}`"), &output))
}

/// Trusts what is on disk, not what a program reports.
fn check(
    repo: &Repo,
    branch: &str,
    sha: &str,
    path: &Path,
    journal: &mut CreateJournal,
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

/// What git prints when another process changes the registry, a ref or the config at the same time.
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

/// Ids of all registered worktrees, also broken ones.
fn registered(repo: &Repo) -> Result<Vec<String>, Error> {
    let registry = repo.common_dir().join("worktrees");
    let entries = match fs::read_dir(&registry) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("read", &registry))?,
    };
    let name = |it: io::Result<fs::DirEntry>| Ok(it?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect::<io::Result<_>>().map_err(Error::io("read", registry))
}
