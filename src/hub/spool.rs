//! The spool: reports of hooks that found no hub, a file each.
//!
//! Knows files and how a report looks; decides nothing.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::model::HookReport;

/// The reports that hooks left while no hub answered, oldest first, with their files. One that
/// cannot be read is set aside, not lost.
pub(super) fn load(dir: &Path) -> Vec<(PathBuf, HookReport)> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    paths.sort();
    let mut reports = Vec::new();
    for path in paths {
        match fs::read(&path).map(|bytes| serde_json::from_slice(&bytes)) {
            Ok(Ok(report)) => reports.push((path, report)),
            // Its sender has heard from us by the socket, and took it back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Err(error)) => {
                tracing::warn!(path = %path.display(), %error, "a report that cannot be read");
                fs::rename(&path, path.with_extension("bad")).unwrap_or_default();
            }
            Err(error) => tracing::warn!(path = %path.display(), %error, "cannot read a report"),
        }
    }
    reports
}

pub(super) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove");
        }
        Ok(()) | Err(_) => {}
    }
}
