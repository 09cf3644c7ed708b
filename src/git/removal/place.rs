//! Finds where a worktree is, from git's records. Reads files and follows no link to a worktree.
use std::{
    fs,
    path::{Path, PathBuf},
};

use gix::bstr::ByteSlice as _;

use super::facts::Place;

/// The path of the worktree with this git dir: where git has it registered, else where it was
/// recorded. Either may be in the middle of a removal.
pub(super) fn find(recorded: &Path, git_dir: &Path) -> Place {
    let registered = registered(git_dir);
    let candidates = registered.iter().map(PathBuf::as_path).chain([recorded]);
    let mut found = Place::Missing;
    for path in candidates.flat_map(|it| [it.to_owned(), aside(it)]) {
        match inspect(&path, git_dir) {
            here @ Place::Here { .. } => return here,
            Place::Missing => {}
            other if found == Place::Missing => found = other,
            Place::Damaged { .. } | Place::Foreign { .. } => {}
        }
    }
    // Whatever is now at the path from which the worktree was moved does not matter.
    match (&found, registered) {
        (Place::Foreign { path, .. }, Some(moved)) if *path != real(&moved) => Place::Missing,
        _ => found,
    }
}

/// Where a worktree is put before it is deleted: beside itself, so that it is found after a crash.
pub(super) fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.wtmag-removing"))
}

/// The directory that git recorded for this git dir.
pub(super) fn registered(git_dir: &Path) -> Option<PathBuf> {
    let note = fs::read(git_dir.join("gitdir")).ok()?;
    // Relative if `worktree.useRelativePaths` is set.
    let link = git_dir.join(note.trim_end().to_path().ok()?);
    link.parent().filter(|_| link.ends_with(".git")).map(Path::to_owned)
}

/// Resolves links above it, but not itself.
fn real(path: &Path) -> PathBuf {
    let parent = path.parent().and_then(|it| fs::canonicalize(it).ok());
    match (parent, path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

fn inspect(path: &Path, git_dir: &Path) -> Place {
    let path = real(path);
    let foreign = |why: &str| Place::Foreign { path: path.clone(), why: why.to_owned() };
    let Ok(found) = path.symlink_metadata() else { return Place::Missing };
    if found.is_symlink() {
        return foreign("it is a link, which is not followed");
    }
    if !found.is_dir() {
        return foreign("it is not a directory");
    }
    let damaged = |why: &str| {
        // wtmag's files in it show that the directory is the worker's.
        if path.join(".wtmag").is_dir() {
            Place::Damaged { path: path.clone(), why: why.to_owned() }
        } else {
            foreign(why)
        }
    };
    let link = path.join(".git");
    let Ok(kind) = link.symlink_metadata() else { return damaged("its `.git` is missing") };
    if kind.is_dir() {
        return foreign("another repository is there");
    }
    let Some(target) = git_dir_of(&link) else { return damaged("its `.git` is not readable") };
    let is_ours = match (fs::canonicalize(&target), fs::canonicalize(git_dir)) {
        (Ok(one), Ok(other)) => one == other,
        _ => target == git_dir,
    };
    match (is_ours, git_dir.is_dir()) {
        (true, true) => Place::Here { path },
        (true, false) => {
            let why = "its registration in the repository is gone".to_owned();
            Place::Damaged { path, why }
        }
        (false, _) => foreign("its `.git` leads to another repository"),
    }
}

/// The path in a `.git` file.
pub(super) fn git_dir_of(link: &Path) -> Option<PathBuf> {
    let text = fs::read(link).ok()?;
    let target = text.trim_end().strip_prefix(b"gitdir: ")?.to_path().ok()?;
    Some(link.parent()?.join(target))
}
