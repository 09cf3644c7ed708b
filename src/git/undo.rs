//! Removes what a `create` made, and nothing else.
//!
//! Uses neither `wt` nor hooks, because it must work when those failed. Removes a worktree only if
//! it holds just what was put there, and a branch only if it is still where it was created.
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

use gix::bstr::{BString, ByteSlice as _};

use super::{
    Error, Repo, RepoLock, Run,
    branch::{self, BranchEnd},
    carry::Carried,
    journal::{self, Journal},
    record, removal, scratch, stale,
    steps::{CreateJournal, Step},
};
use crate::{model::Timestamp, proc};

/// Why a directory that git did not finish is not simply deleted.
const STRANGE: &str = "it holds files that git did not put there";

/// What happened to the things that a `create` made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// Removed, by name.
    pub removed: Vec<String>,
    /// Kept, by name, and why.
    pub kept: Vec<String>,
}

/// Opens the journal of a `create` in `dir`.
///
/// # Errors
/// [`Error::Io`].
pub fn start(dir: &Path, repo: &Repo) -> Result<CreateJournal, Error> {
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
    let (repo, pid) = (repo.common_dir().to_owned(), std::process::id());
    Journal::open(dir, Step::Started { repo, pid, at: Some(Timestamp(now)) })
}

/// Removes exactly what this run made, even if the user cancelled (`run.cancel` is ignored). Keeps
/// and reports what now holds work.
///
/// # Errors
/// Whatever prevents it; the journal then stays for the next command.
pub async fn undo(journal: CreateJournal, run: &mut Run<'_>) -> Result<Undone, Error> {
    let never = proc::never();
    let mut run = Run { cancel: &never, tell: &mut *run.tell };
    let undone = match journal.steps().first() {
        // If the repository is gone, everything in it is gone too.
        Some(Step::Started { repo, .. }) if repo.exists() => {
            take_back(&Repo::discover(repo)?, journal.steps(), &mut run).await?
        }
        _ => Undone::default(),
    };
    journal.commit()?;
    Ok(undone)
}

/// A `create` that died before its commit point.
#[derive(Debug)]
pub struct Leftover(CreateJournal);

impl Leftover {
    /// The worktree it made, as far as it got.
    pub fn worktree(&self) -> Option<&Path> {
        self.0.steps().iter().find_map(|it| {
            if let Step::Made { path, .. } = it { Some(path.as_path()) } else { None }
        })
    }

    /// Changes that it was to take away elsewhere.
    pub fn carried(&self) -> Option<&Carried> {
        self.0
            .steps()
            .iter()
            .find_map(|it| if let Step::Carry { carried } = it { Some(carried) } else { None })
    }

    /// The branch it used.
    pub fn branch(&self) -> Option<&str> {
        self.0.steps().iter().find_map(|it| {
            if let Step::Worktree { branch, .. } = it { Some(branch.as_str()) } else { None }
        })
    }

    /// Removes what it made.
    ///
    /// # Errors
    /// As [`undo`].
    pub async fn undo(self, run: &mut Run<'_>) -> Result<Undone, Error> {
        undo(self.0, run).await
    }

    /// It did reach its commit point (its worker exists): what it made stays.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forget(self) -> Result<(), Error> {
        self.0.commit()
    }
}

/// What dead `create` runs left in `dir`, locked for the caller. Before undoing, check whether a
/// worker exists for [`Leftover::worktree`]: its creator may have died just after the commit point.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be read. A journal that cannot be parsed is left alone.
pub async fn leftovers(dir: &Path, run: &mut Run<'_>) -> Result<Vec<Leftover>, Error> {
    Ok(journal::abandoned(dir, run).await?.into_iter().map(Leftover).collect())
}

async fn take_back(repo: &Repo, steps: &[Step], run: &mut Run<'_>) -> Result<Undone, Error> {
    let lock = RepoLock::acquire(repo, run).await?;
    let mut undone = Undone::default();
    if let Some(Step::Started { at: Some(began), .. }) = steps.first() {
        undone.removed = stale::clear(repo, *began, &[], run).await?;
    }
    let hooks_ran = steps.contains(&Step::Hooks);
    for step in steps.iter().rev() {
        match step {
            Step::Started { .. } | Step::Made { .. } | Step::Hooks | Step::Carry { .. } => {}
            Step::Record { git_dir, record } => record::withdraw(git_dir, record)?,
            Step::Brief { worktree, before } if worktree.exists() => {
                scratch::undo_brief(worktree, before.as_deref())?;
            }
            Step::Scratch { worktree, made: true } => scratch::undo_scratch(worktree),
            Step::Brief { .. } | Step::Scratch { .. } => {}
            Step::Worktree { branch, sha, path, known } => {
                let plan = Plan { branch, sha, path: path.as_deref(), known, hooks_ran };
                plan.undo(repo, &mut undone, run).await?;
            }
            Step::Branch { branch, sha } => undo_branch(repo, branch, sha, &mut undone).await?,
        }
    }
    drop(lock);
    Ok(undone)
}

async fn undo_branch(repo: &Repo, name: &str, sha: &str, undone: &mut Undone) -> Result<(), Error> {
    // From a git that was killed while it created the branch; under our lock no other process
    // creates it now.
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

/// A worktree that was announced.
struct Plan<'a> {
    branch: &'a str,
    sha: &'a str,
    path: Option<&'a Path>,
    known: &'a [String],
    hooks_ran: bool,
}

/// A registered worktree that is newer than the announcement.
struct Found {
    admin: PathBuf,
    /// Where its files are, if it got that far.
    path: Option<PathBuf>,
    /// git had not finished creating it.
    is_half: bool,
}

impl Found {
    /// git creates the directory before it records where it is. Deleting an empty directory with
    /// the right name loses nothing.
    fn remove_empty(&self, repo: &Repo) -> Result<(), Error> {
        let id = self.admin.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // git removes a leading dot from the name.
        let names = [id.clone(), format!(".{id}")];
        let worktrees = repo.worktrees()?.into_iter().map(|it| it.path);
        let neighbours = worktrees.chain([repo.home().to_owned(), repo.common_dir().to_owned()]);
        let parents = neighbours.filter_map(|it| it.parent().map(Path::to_owned));
        let guesses = parents.flat_map(|dir| names.clone().map(|name| dir.join(name)));
        for dir in guesses.chain(self.path.clone()) {
            // Fails for a directory that is missing or not empty.
            fs::remove_dir(dir).unwrap_or_default();
        }
        Ok(())
    }
}

impl Plan<'_> {
    async fn undo(&self, repo: &Repo, undone: &mut Undone, run: &Run<'_>) -> Result<(), Error> {
        for found in self.find(repo)? {
            let shown = found.path.as_deref().unwrap_or(&found.admin).display().to_string();
            let ours = found.path.as_deref().filter(|it| leads_to(it, &found.admin));
            if let Some(path) = ours {
                if let Some(why) = self.why_keep(repo, path, &found, run).await? {
                    undone.kept.push(format!("worktree `{shown}`: {why}"));
                    continue;
                }
                remove_if_there(fs::remove_dir_all(path)).map_err(Error::io("remove", path))?;
            } else {
                found.remove_empty(repo)?;
            }
            let admin = &found.admin;
            remove_if_there(fs::remove_dir_all(admin)).map_err(Error::io("remove", admin))?;
            undone.removed.push(format!("worktree `{shown}`"));
        }
        self.undo_unregistered(repo, undone)
    }

    /// git creates the directory before it registers it. When it is stopped, it removes the
    /// registration although a child may still write files.
    fn undo_unregistered(&self, repo: &Repo, undone: &mut Undone) -> Result<(), Error> {
        let Some(path) = self.path.filter(|it| it.is_dir()) else { return Ok(()) };
        if repo.worktree_at(path)?.is_some() {
            return Ok(());
        }
        let shown = path.display();
        if holds_strange_files(repo, self.sha, path)? {
            undone.kept.push(format!("directory `{shown}`: {STRANGE}"));
        } else {
            fs::remove_dir_all(path).map_err(Error::io("remove", path))?;
            undone.removed.push(format!("directory `{shown}`"));
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

    /// It is ours if it has our branch, or our name and no branch yet.
    fn inspect(&self, admin: PathBuf, id: &str) -> Option<Found> {
        let text = |name: &str| fs::read_to_string(admin.join(name)).unwrap_or_default();
        let head = text("HEAD");
        // This file is the first that git writes and the last that it removes.
        let is_noted = text("locked").trim() == "initializing";
        let is_half = is_noted || (head.is_empty() && text("gitdir").is_empty());
        let has_our_branch = head.trim() == format!("ref: refs/heads/{}", self.branch);
        let has_no_branch = !head.starts_with("ref: ");
        let has_our_name = match self.path {
            Some(path) => path.file_name().is_some_and(|it| id.starts_with(&*it.to_string_lossy())),
            None => letters(id).contains(&letters(self.branch)),
        };
        let is_ours = has_our_branch || (is_half && has_no_branch && has_our_name);
        is_ours.then_some(())?;
        // Absolute, or relative to its own directory.
        let git_file = text("gitdir");
        let registered = Some(git_file.trim()).filter(|it| !it.is_empty()).map(|it| admin.join(it));
        let path = registered.as_deref().and_then(Path::parent).or(self.path).map(Path::to_owned);
        Some(Found { admin, path: path.filter(|it| it.exists()), is_half })
    }

    /// Why the files must not be removed, in words.
    async fn why_keep(
        &self,
        repo: &Repo,
        path: &Path,
        found: &Found,
        run: &Run<'_>,
    ) -> Result<Option<&'static str>, Error> {
        if found.is_half {
            let strange = holds_strange_files(repo, self.sha, path)?;
            return Ok(strange.then_some(STRANGE));
        }
        let state = removal::state(path, &found.admin, run).await?;
        if state.head.as_deref() != Some(self.sha) {
            return Ok(Some("it has new commits"));
        }
        if !self.hooks_ran && state.is_changed {
            return Ok(Some("it has changes"));
        }
        Ok(None)
    }
}

/// The part of a name that every WorkTrunk template keeps recognizable.
fn letters(name: &str) -> String {
    name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The worktree's `.git` points back to its registration, so the directory has not been replaced.
fn leads_to(path: &Path, admin: &Path) -> bool {
    match fs::read_to_string(path.join(".git")) {
        // Killed while it wrote the file.
        Ok(text) if text.is_empty() => true,
        Ok(text) => {
            let target = text.trim().strip_prefix("gitdir: ").map(|it| path.join(it));
            let target = target.and_then(|it| fs::canonicalize(it).ok());
            target.is_some() && target == fs::canonicalize(admin).ok()
        }
        Err(_) => false,
    }
}

/// A half-created worktree has no index to compare with: every file in it must be from the commit.
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

/// A missing file is fine, also if one of its parents is a file.
fn remove_if_there(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(it) if matches!(it.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn what_is_below_a_file_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        File::create(dir.path().join("branch")).unwrap();
        for gone in ["branch/below.lock", "none", "none/below"] {
            remove_if_there(fs::remove_file(dir.path().join(gone))).unwrap();
        }
        assert!(remove_if_there(fs::remove_file(dir.path())).is_err());
    }
}
