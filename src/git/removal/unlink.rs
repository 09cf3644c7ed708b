//! Deletes a directory with everything in it.
use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Deletes a directory. Write-protected content, such as module caches, is made writable first. A
/// missing directory counts as deleted. Follows no link.
pub(super) fn delete(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Ok(()) => return Ok(()),
        Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => open_up(dir),
    }
    match fs::remove_dir_all(dir) {
        Err(it) if it.kind() != io::ErrorKind::NotFound => Err(it),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes each directory below writable. A failure shows up when the directory is deleted.
fn open_up(dir: &Path) {
    let mut todo: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap_or_default();
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        let dirs = entries.filter(|it| it.file_type().is_ok_and(|it| it.is_dir()));
        todo.extend(dirs.map(|it| it.path()));
    }
}

/// Removes a worktree's registration: its git dir below the repository's `worktrees`.
pub(super) fn unregister(git_dir: &Path, common_dir: &Path) -> io::Result<()> {
    let registry = common_dir.join("worktrees");
    // A git dir in any other place is not a registration.
    if git_dir.parent() != Some(&registry) {
        return Ok(());
    }
    delete(git_dir)?;
    // Fails if there are others.
    fs::remove_dir(registry).unwrap_or_default();
    Ok(())
}
