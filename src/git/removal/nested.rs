//! Repositories inside a directory: submodules, clones, worktrees, bare ones; ignored or not, at
//! any depth.
//!
//! Reads directories only. Follows no link and enters no other file system.
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    facts::Kind,
    place::{git_dir_of, registered},
};
use crate::git::at::At;

/// What is inside a directory.
#[derive(Debug, Default)]
pub(super) struct Below {
    pub repositories: Vec<PathBuf>,
    pub mounts: Vec<PathBuf>,
    pub unreadable: Vec<(PathBuf, String)>,
}

/// Searches a whole directory tree.
pub(super) fn walk(top: &Path) -> Below {
    let mut below = Below::default();
    let device = top.symlink_metadata().map(|it| it.dev()).ok();
    let mut todo = vec![top.to_owned()];
    while let Some(dir) = todo.pop() {
        let found = match read(&dir) {
            Ok(found) => found,
            Err(why) => {
                below.unreadable.push((dir, why.to_string()));
                continue;
            }
        };
        let is_bare = ["HEAD", "objects", "refs"].iter().all(|name| found.has(name));
        if dir != top && (found.has(".git") || is_bare) {
            below.repositories.push(dir.clone());
        }
        if is_bare {
            continue;
        }
        for inner in found.dirs.into_iter().filter(|it| !it.ends_with(".git")) {
            let is_elsewhere = inner.symlink_metadata().map(|it| it.dev()).ok() != device;
            if is_elsewhere {
                below.mounts.push(inner);
            } else {
                todo.push(inner);
            }
        }
    }
    below.repositories.sort();
    below
}

/// One directory.
#[derive(Default)]
struct Entries {
    names: Vec<std::ffi::OsString>,
    dirs: Vec<PathBuf>,
}

impl Entries {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|it| it == name)
    }
}

fn read(dir: &Path) -> std::io::Result<Entries> {
    let mut found = Entries::default();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if [".git", "HEAD", "objects", "refs"].iter().any(|it| name == *it) {
            found.names.push(name);
        }
        if entry.file_type()?.is_dir() {
            found.dirs.push(entry.path());
        }
    }
    Ok(found)
}

/// One nested repository, opened far enough to know which one it is.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub kind: Kind,
    pub at: At,
    /// Its refs and objects are removed with the worktree.
    pub goes: bool,
    /// Where its refs are.
    pub common_dir: PathBuf,
}

/// The directory to remove, with the git dir that is removed with it.
#[derive(Clone, Debug)]
pub(super) struct WorktreeToRemove {
    /// Both canonical where they exist.
    pub top: Option<PathBuf>,
    pub git_dir: PathBuf,
    pub common_dir: PathBuf,
}

impl WorktreeToRemove {
    pub(super) fn new(top: Option<&Path>, git_dir: &Path, common_dir: &Path) -> Self {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Self { top: top.map(real), git_dir: real(git_dir), common_dir: real(common_dir) }
    }

    /// Whether this path is deleted with the worktree.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.top.as_ref().is_some_and(|it| path.starts_with(it)) || path.starts_with(&self.git_dir)
    }

    /// The repository in this directory inside the worktree.
    pub(super) fn open(&self, dir: &Path) -> Result<Inner, String> {
        let link = dir.join(".git");
        let (git_dir, work_tree) = match link.metadata() {
            Ok(it) if it.is_dir() => (link.clone(), Some(dir.to_owned())),
            Ok(_) => {
                let target = git_dir_of(&link).ok_or("its `.git` is not readable")?;
                (target, Some(dir.to_owned()))
            }
            Err(_) if dir.join("HEAD").exists() => (dir.to_owned(), None),
            Err(it) => return Err(format!("its `.git`: {it}")),
        };
        let git_dir = fs::canonicalize(&git_dir)
            .map_err(|it| format!("its git directory `{}`: {it}", git_dir.display()))?;
        let common_dir = match fs::read_to_string(git_dir.join("commondir")) {
            Ok(text) => git_dir.join(text.trim_end()),
            Err(_) => git_dir.clone(),
        };
        let common_dir = fs::canonicalize(&common_dir)
            .map_err(|it| format!("its repository `{}`: {it}", common_dir.display()))?;
        let goes = self.holds(&common_dir);
        let is_linked = common_dir != git_dir;
        let is_module =
            git_dir.components().any(|it| it.as_os_str() == "modules") && link.is_file();
        let kind = if common_dir == self.common_dir && !is_linked {
            Kind::Main
        } else if is_linked {
            Kind::Linked
        } else if is_module {
            Kind::Submodule
        } else {
            Kind::Nested
        };
        Ok(Inner { kind, at: At { git_dir, work_tree }, goes, common_dir })
    }
}

/// Repositories that a git dir keeps for submodules, checked out or not, below `modules`.
pub(super) fn modules(git_dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![git_dir.join("modules")];
    while let Some(dir) = todo.pop() {
        let is_repository = dir.join("HEAD").is_file() && dir.join("objects").is_dir();
        let inner = if is_repository { dir.join("modules") } else { dir.clone() };
        if is_repository {
            found.push(dir);
        }
        // A file, or a missing directory, contains nothing.
        let entries = fs::read_dir(inner).into_iter().flatten().flatten();
        let is_dir = |it: &fs::DirEntry| it.file_type().is_ok_and(|it| it.is_dir());
        todo.extend(entries.filter(is_dir).map(|it| it.path()));
    }
    found.sort();
    found
}

/// Worktrees of a repository that are not inside the one that is removed.
pub(super) fn needed_by(common_dir: &Path, doomed: &WorktreeToRemove) -> Vec<String> {
    let entries = fs::read_dir(common_dir.join("worktrees")).into_iter().flatten().flatten();
    let paths = entries.filter_map(|it| registered(&it.path()));
    let outside = paths.filter(|it| it.join(".git").exists() && !doomed.holds(it));
    outside.map(|it| it.display().to_string()).collect()
}
