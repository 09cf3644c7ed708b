//! Deleting a directory with all that is in it.
use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Deletes a directory. What is write-protected, as caches of modules are, is made writable first.
/// What is not there counts as deleted. No link is followed.
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

/// Lets the user write to each directory below. What cannot be changed shows when it is deleted.
fn open_up(dir: &Path) {
    let mut todo: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap_or_default();
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        let dirs = entries.filter(|it| it.file_type().is_ok_and(|it| it.is_dir()));
        todo.extend(dirs.map(|it| it.path()));
    }
}

/// Takes a worktree's registration away: its git dir below `worktrees` of the repository.
pub(super) fn unregister(git_dir: &Path, common_dir: &Path) -> io::Result<()> {
    let registry = common_dir.join("worktrees");
    // A git dir that is anywhere else is not a registration.
    if git_dir.parent() != Some(&registry) {
        return Ok(());
    }
    delete(git_dir)?;
    // Fails where there are others.
    fs::remove_dir(registry).unwrap_or_default();
    Ok(())
}
