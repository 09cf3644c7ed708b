//! Taking back what a `create` made, and nothing else.
//!
//! Uses neither `wt` nor hooks: it must also work where those just failed. A worktree goes only when
//! it holds what was put there, a branch only when it still is where it was made.
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use gix::bstr::{BString, ByteSlice as _};

use super::{
    BranchEnd, Error, Repo, RepoLock, Run, branch, exclude, journal::Step, record, status,
    worktree::to_id,
};

/// What became of the things that a `create` had made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// Gone now, named.
    pub removed: Vec<String>,
    /// Still there, named, and why.
    pub kept: Vec<String>,
}

pub(super) async fn undo(repo: &Repo, steps: &[Step], run: &mut Run<'_>) -> Result<Undone, Error> {
    let lock = RepoLock::acquire(repo, run).await?;
    let mut undone = Undone::default();
    let hooks_ran = steps.contains(&Step::Hooks);
    for step in steps.iter().rev() {
        match step {
            Step::Started { .. } | Step::Made { .. } | Step::Hooks => {}
            Step::Record { git_dir, record } => record::withdraw(git_dir, record)?,
            Step::Brief { worktree, before } if worktree.exists() => {
                exclude::undo_brief(worktree, before.as_deref())?;
            }
            Step::Scratch { worktree, made: true } => exclude::undo_scratch(worktree),
            Step::Brief { .. } | Step::Scratch { .. } => {}
            Step::Worktree { branch, sha, path, known } => {
                let plan = Plan { branch, sha, path: path.as_deref(), known, hooks_ran };
                plan.undo(repo, &mut undone)?;
            }
            Step::Branch { branch, sha } => undo_branch(repo, branch, sha, &mut undone).await?,
        }
    }
    drop(lock);
    Ok(undone)
}

async fn undo_branch(repo: &Repo, name: &str, sha: &str, undone: &mut Undone) -> Result<(), Error> {
    // Of a git that was killed while it made the branch; under our lock nobody else makes it now.
    let stale = repo.common_dir().join("refs/heads").join(format!("{name}.lock"));
    remove_if_there(fs::remove_file(&stale)).map_err(Error::io("remove", &stale))?;
    let what = format!("branch `{name}`");
    match branch::delete(repo, name, sha).await? {
        BranchEnd::Gone | BranchEnd::Kept => {}
        BranchEnd::Deleted => undone.removed.push(what),
        BranchEnd::Moved { .. } => undone.kept.push(format!("{what}: it has new commits")),
        BranchEnd::CheckedOut { path } => {
            undone.kept.push(format!("{what}: it is checked out in `{}`", path.display()));
        }
    }
    Ok(())
}

/// An announced worktree.
struct Plan<'a> {
    branch: &'a str,
    sha: &'a str,
    path: Option<&'a Path>,
    known: &'a [String],
    hooks_ran: bool,
}

/// A registered worktree that came after the announcement.
struct Found {
    admin: PathBuf,
    /// Where its files are, when it got that far.
    path: Option<PathBuf>,
    /// git had not finished making it.
    is_half: bool,
}

impl Plan<'_> {
    fn undo(&self, repo: &Repo, undone: &mut Undone) -> Result<(), Error> {
        for found in self.find(repo)? {
            let shown = found.path.as_deref().unwrap_or(&found.admin).display().to_string();
            let ours = found.path.as_deref().filter(|it| leads_to(it, &found.admin));
            if let Some(path) = ours {
                if let Some(why) = self.why_keep(repo, path, found.is_half)? {
                    undone.kept.push(format!("worktree `{shown}`: {why}"));
                    continue;
                }
                remove_if_there(fs::remove_dir_all(path)).map_err(Error::io("remove", path))?;
            }
            let admin = &found.admin;
            remove_if_there(fs::remove_dir_all(admin)).map_err(Error::io("remove", admin))?;
            undone.removed.push(format!("worktree `{shown}`"));
        }
        // git makes the directory before it registers it.
        if let Some(path) = self.path {
            fs::remove_dir(path).unwrap_or_default();
        }
        Ok(())
    }

    fn find(&self, repo: &Repo) -> Result<Vec<Found>, Error> {
        let registry = repo.common_dir().join("worktrees");
        let entries = match fs::read_dir(&registry) {
            Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(Error::io("read", &registry))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::io("read", &registry))?;
            let id = entry.file_name().to_string_lossy().into_owned();
            if !self.known.contains(&id) {
                found.extend(self.inspect(entry.path(), &id));
            }
        }
        Ok(found)
    }

    /// Ours is what has our branch; or what git had no time to give any branch, under our name.
    fn inspect(&self, admin: PathBuf, id: &str) -> Option<Found> {
        let text = |name: &str| fs::read_to_string(admin.join(name)).unwrap_or_default();
        let is_half = text("locked").trim() == "initializing";
        let head = text("HEAD");
        let has_our_branch = head.trim() == format!("ref: refs/heads/{}", self.branch);
        let has_no_branch = !head.starts_with("ref: ");
        let last_part = self.branch.rsplit('/').next().unwrap_or(self.branch);
        let has_our_name = match self.path {
            Some(path) => path.file_name().is_some_and(|it| id.starts_with(&*it.to_string_lossy())),
            None => id.contains(last_part),
        };
        let is_ours = has_our_branch || (is_half && has_no_branch && has_our_name);
        is_ours.then_some(())?;
        let git_file = text("gitdir");
        let path = Path::new(git_file.trim()).parent().filter(|it| it.is_absolute());
        let path = path.map(Path::to_owned).or_else(|| self.path.map(Path::to_owned));
        Some(Found { admin, path: path.filter(|it| it.exists()), is_half })
    }

    /// What speaks against removing the files, in words.
    fn why_keep(
        &self,
        repo: &Repo,
        path: &Path,
        is_half: bool,
    ) -> Result<Option<&'static str>, Error> {
        if is_half {
            let strange = holds_strange_files(repo, self.sha, path)?;
            return Ok(strange.then_some("it holds files that git did not put there"));
        }
        let worktree = status::open(path)?;
        if worktree.head_id().map_err(Error::read("HEAD"))? != to_id(self.sha)? {
            return Ok(Some("it has new commits"));
        }
        if !self.hooks_ran && !status::changes(&worktree)?.is_empty() {
            return Ok(Some("it has changes"));
        }
        Ok(None)
    }
}

/// The files of a worktree lead back to its registration: nobody else's directory is there by now.
fn leads_to(path: &Path, admin: &Path) -> bool {
    match fs::read_to_string(path.join(".git")) {
        Ok(text) => {
            let target = text.trim().strip_prefix("gitdir: ").map(|it| path.join(it));
            let target = target.and_then(|it| fs::canonicalize(it).ok());
            target.is_some() && target == fs::canonicalize(admin).ok()
        }
        Err(_) => false,
    }
}

/// A half-made worktree has no index to compare with: every file in it must be one of the commit.
fn holds_strange_files(repo: &Repo, sha: &str, top: &Path) -> Result<bool, Error> {
    let read = || format!("commit `{sha}`");
    let id = repo.commit_id(sha).ok_or_else(|| Error::NoBase { name: sha.to_owned() })?;
    let commit = repo.gix().find_commit(id).map_err(Error::read(read()))?;
    let tree = commit.tree_id().map_err(Error::read(read()))?;
    let index = repo.gix().index_from_tree(&tree).map_err(Error::read(read()))?;
    let tracked: HashSet<BString> =
        index.entries().iter().map(|it| it.path(&index).to_owned()).collect();
    let mut todo = vec![top.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).map_err(Error::io("read", &dir))? {
            let path = entry.map_err(Error::io("read", &dir))?.path();
            let relative = path.strip_prefix(top).unwrap_or(&path);
            let bytes = relative.as_os_str().as_encoded_bytes();
            if bytes == b".git" || bytes.starts_with(b".wtmag") || tracked.contains(bytes.as_bstr())
            {
                continue;
            }
            if !path.symlink_metadata().is_ok_and(|it| it.is_dir()) {
                return Ok(true);
            }
            todo.push(path);
        }
    }
    Ok(false)
}

fn remove_if_there(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(it) if it.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
