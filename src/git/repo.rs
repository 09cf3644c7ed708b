//! One repository on disk: its place, branches, worktrees and remotes.
//!
//! Knows the layouts (a clone, a linked worktree, a bare repository with worktrees beside it, a
//! submodule, a separate git dir). Uses no network and changes nothing.
use std::{
    fs,
    path::{Path, PathBuf},
};

use gix::{
    ObjectId,
    bstr::{BStr, ByteSlice as _},
};

use super::{Error, error::Cause};

/// A repository found from a directory inside it. Cheap to create (below 1 ms); reads live data.
pub struct Repo {
    /// Opened at the common git dir, because the worktree it was found from may be removed.
    inner: gix::Repository,
    common_dir: PathBuf,
    /// `None` in the bare layout.
    main_worktree: Option<PathBuf>,
    worktree: Option<PathBuf>,
}

/// One registered worktree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree {
    /// Its directory; canonical while it exists.
    pub path: PathBuf,
    /// Its git dir (`.git/worktrees/<id>`, or the common one for the main worktree).
    pub git_dir: PathBuf,
    /// The branch that it has checked out or is rebasing; `None` if its HEAD is detached.
    pub branch: Option<String>,
    /// Its commit; `None` before the first one.
    pub head: Option<String>,
    pub is_main: bool,
    /// The reason of its lock, if it is locked.
    pub locked: Option<String>,
    /// The directory is gone.
    pub is_missing: bool,
}

/// The path of the worktree with this git dir, from git's record, which follows `git worktree
/// move`. `None` if it was removed or its directory is gone. Two small reads; no repository is
/// opened.
pub fn worktree_of_git_dir(git_dir: &Path) -> Option<PathBuf> {
    let note = fs::read(git_dir.join("gitdir")).ok()?;
    // Relative if `worktree.useRelativePaths` is set.
    let link = git_dir.join(note.trim_end().to_path().ok()?);
    let path = link.parent()?.canonicalize().ok()?;
    path.join(".git").exists().then_some(path)
}

impl Repo {
    /// Finds the repository that `dir` is in, as git would.
    ///
    /// # Errors
    /// [`Error::NoRepository`], [`Error::Untrusted`] for a repository of another user that is not
    /// in `safe.directory`, [`Error::RefFormat`], [`Error::Open`].
    pub fn discover(dir: &Path) -> Result<Self, Error> {
        let open = gix::open::Options::default().bail_if_untrusted(true);
        let by_trust = gix::sec::trust::Mapping { full: open.clone(), reduced: open };
        let (_, trust) = gix::discover::upwards(dir).map_err(|it| Error::NoRepository {
            path: dir.to_owned(),
            // For a directory, it says the same again.
            source: (!dir.is_dir()).then(|| it.into()),
        })?;
        let repo = gix::ThreadSafeRepository::discover_opts(dir, Default::default(), by_trust);
        match repo {
            Ok(repo) => Self::new(&repo.to_thread_local()),
            Err(it) if trust != gix::sec::Trust::Full => {
                Err(Error::Untrusted { path: dir.to_owned(), source: it.into() })
            }
            Err(it) => Err(Error::Open { path: dir.to_owned(), source: it.into() }),
        }
    }

    fn new(found: &gix::Repository) -> Result<Self, Error> {
        let failed = |source: Cause| Error::Open { path: found.git_dir().to_owned(), source };
        let common_dir = fs::canonicalize(found.common_dir()).map_err(|it| failed(it.into()))?;
        if let Some(format) = found.config_snapshot().string("extensions.refStorage")
            && format.as_bstr() != "files"
        {
            return Err(Error::RefFormat { path: common_dir, format: format.to_string() });
        }
        let options = gix::open::Options::default().bail_if_untrusted(true).open_path_as_is(true);
        let inner = gix::open_opts(&common_dir, options).map_err(|it| failed(it.into()))?;
        let is_linked = found.kind() == gix::repository::Kind::LinkedWorkTree;
        let is_there = |dir: &PathBuf| dir.join(".git").exists();
        let top = |repo: &gix::Repository| fs::canonicalize(repo.workdir()?).ok().filter(is_there);
        // `is_bare` is also true in the worktrees of a bare repository: only the main one counts.
        let main = if is_linked { &inner } else { found };
        let main_worktree = top(main).filter(|_| !main.is_bare());
        let worktree = if is_linked { top(found) } else { main_worktree.clone() };
        Ok(Self { inner, common_dir, main_worktree, worktree })
    }

    pub(super) fn gix(&self) -> &gix::Repository {
        &self.inner
    }

    /// The canonical git dir that all worktrees share; it identifies the repository.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Root of the worktree that the directory was in; `None` beside the worktrees of a bare
    /// layout.
    pub fn worktree(&self) -> Option<PathBuf> {
        self.worktree.clone()
    }

    /// There is no main worktree: the worktrees are beside a bare repository.
    pub fn is_bare_layout(&self) -> bool {
        self.main_worktree.is_none()
    }

    /// A directory that stays, from which git, wt and gh find this repository.
    pub fn home(&self) -> &Path {
        if let Some(main) = &self.main_worktree {
            return main;
        }
        match self.common_dir.parent() {
            Some(parent) if self.common_dir.file_name().is_some_and(|it| it == ".git") => parent,
            Some(_) | None => &self.common_dir,
        }
    }

    /// The project's name: the name of the directory that holds the common git dir, or of a bare
    /// repository without `.git`; if the git dir is elsewhere, of the main worktree.
    pub fn project(&self) -> String {
        let name_of = |dir: &Path| dir.file_name().map(|it| it.to_string_lossy().into_owned());
        let own = name_of(&self.common_dir).unwrap_or_default();
        let name = if own.starts_with('.') {
            self.common_dir.parent().and_then(name_of)
        } else if let Some(main) = &self.main_worktree {
            name_of(main)
        } else {
            Some(own.strip_suffix(".git").unwrap_or(&own).to_owned())
        };
        name.filter(|it| !it.is_empty()).unwrap_or_else(|| "project".to_owned())
    }

    /// Commit that the local branch points to, as a hex id.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn branch_tip(&self, branch: &str) -> Result<Option<String>, Error> {
        Ok(self.ref_id(&format!("refs/heads/{branch}"))?.map(|id| id.to_string()))
    }

    /// Commit that a ref points to, through tags.
    pub(super) fn ref_id(&self, name: &str) -> Result<Option<ObjectId>, Error> {
        let read = || format!("`{name}`");
        let Some(found) = self.inner.try_find_reference(name).map_err(Error::read(read()))? else {
            return Ok(None);
        };
        match found.into_fully_peeled_id() {
            Ok(id) => Ok(Some(id.detach())),
            // A branch without a commit.
            Err(_) if self.inner.head_id().is_err() => Ok(None),
            Err(it) => Err(Error::read(read())(it)),
        }
    }

    /// The commit is here.
    pub fn has_commit(&self, id: &str) -> bool {
        self.commit_id(id).is_some()
    }

    pub(super) fn commit_id(&self, hex: &str) -> Option<ObjectId> {
        let is_hex = (7..=64).contains(&hex.len()) && hex.bytes().all(|it| it.is_ascii_hexdigit());
        let id = is_hex.then(|| self.inner.rev_parse_single(BStr::new(hex)).ok())??.detach();
        self.inner.find_commit(id).is_ok().then_some(id)
    }

    /// Whether `a` is `b` or its ancestor.
    pub(super) fn is_ancestor(&self, a: ObjectId, b: ObjectId) -> bool {
        a == b || self.fork_of(a, b) == Some(a)
    }

    /// The merge base, if there is one.
    pub(super) fn fork_of(&self, a: ObjectId, b: ObjectId) -> Option<ObjectId> {
        self.inner.merge_base(a, b).ok()?.map(gix::Id::detach)
    }

    /// All worktrees, the main one first if there is one.
    ///
    /// # Errors
    /// [`Error::Read`] if the registry cannot be read; single broken entries are skipped.
    pub fn worktrees(&self) -> Result<Vec<Worktree>, Error> {
        self.select(|_, _| true)
    }

    /// Those of the worktrees that are chosen by path and git dir. There may be hundreds: no other is read further.
    fn select(&self, is_chosen: impl Fn(&Path, &Path) -> bool) -> Result<Vec<Worktree>, Error> {
        let mut found = Vec::new();
        if let Some(main) = &self.main_worktree
            && is_chosen(main, &self.common_dir)
        {
            let main = self.describe(main.clone(), self.common_dir.clone());
            found.push(Worktree { is_main: true, ..main });
        }
        for proxy in self.inner.worktrees().map_err(Error::read("the worktrees"))? {
            // Entries that are being created or removed have no path.
            let Some(path) = proxy.base().ok().filter(|it| is_chosen(it, proxy.git_dir())) else {
                continue;
            };
            let Ok(git_dir) = fs::canonicalize(proxy.git_dir()) else { continue };
            let locked = proxy.lock_reason().map(|it| it.to_string());
            found.push(Worktree { locked, ..self.describe(path, git_dir) });
        }
        Ok(found)
    }

    /// Reads HEAD itself: a worktree without its directory cannot be opened as a repository.
    fn describe(&self, path: PathBuf, git_dir: PathBuf) -> Worktree {
        let canonical = fs::canonicalize(&path);
        let (branch, head) = head_of(&git_dir);
        let head = match head.strip_prefix("ref: ") {
            Some(name) => self.ref_id(name).ok().flatten().map(|it| it.to_string()),
            None => Some(head).filter(|it| !it.is_empty()),
        };
        Worktree {
            is_missing: canonical.is_err(),
            path: canonical.unwrap_or(path),
            branch,
            head,
            git_dir,
            is_main: false,
            locked: None,
        }
    }

    /// The worktree that has the branch checked out.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn worktree_of(&self, branch: &str) -> Result<Option<Worktree>, Error> {
        let has_it = |_: &Path, git_dir: &Path| head_of(git_dir).0.as_deref() == Some(branch);
        Ok(self.select(has_it)?.into_iter().next())
    }

    /// The worktree in this directory.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn worktree_at(&self, path: &Path) -> Result<Option<Worktree>, Error> {
        let path = canonical(path);
        Ok(self.select(|it, _| canonical(it) == path)?.into_iter().next())
    }

    /// The worktree with this git dir.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn worktree_of_dir(&self, git_dir: &Path) -> Result<Option<Worktree>, Error> {
        let git_dir = canonical(git_dir);
        Ok(self.select(|_, it| canonical(it) == git_dir)?.into_iter().next())
    }
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The branch that a worktree has, and its HEAD.
fn head_of(git_dir: &Path) -> (Option<String>, String) {
    let head = fs::read_to_string(git_dir.join("HEAD")).unwrap_or_default();
    let head = head.trim();
    let branch = match head.strip_prefix("ref: ") {
        Some(name) => branch_of(name),
        // HEAD is detached during a rebase, but the worktree still has the branch.
        None => rebased_branch(git_dir),
    };
    (branch, head.to_owned())
}

pub(super) fn branch_of(full: &str) -> Option<String> {
    full.trim().strip_prefix("refs/heads/").map(str::to_owned)
}

fn rebased_branch(git_dir: &Path) -> Option<String> {
    let names = ["rebase-merge/head-name", "rebase-apply/head-name"];
    let name = names.iter().find_map(|it| fs::read_to_string(git_dir.join(it)).ok())?;
    branch_of(&name)
}
