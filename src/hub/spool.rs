//! The spool: reports of hooks that found no hub, one file each.
//!
//! Knows files and the format of a report; decides nothing. The directory may contain anything:
//! only regular files of this user with a limited size are read. A file that cannot be read is set
//! aside once.
use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use nix::{fcntl::OFlag, unistd};
use tokio::{sync::mpsc, task};

use super::wake::Wake;
use crate::model::HookReport;

/// Longest report, in bytes: an agent's last message is in it.
const MAX_REPORT: u64 = 4 << 20;
/// A directory that changed this recently may change again without a new time stamp.
const UNSETTLED: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Spool {
    dir: PathBuf,
    /// The directory's time stamp when it was last found empty.
    empty_since: Mutex<Option<SystemTime>>,
}

impl Spool {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, empty_since: Mutex::default() }
    }

    /// Passes every report to the loop, oldest first. If nothing changed, this only reads the
    /// directory's time stamp.
    pub(super) async fn read(self: &Arc<Self>, wakes: &mpsc::Sender<Wake>) {
        for (path, report) in self.waiting().await {
            if wakes.send(Wake::Spooled(path, report)).await.is_err() {
                return;
            }
        }
    }

    /// Every report, oldest first.
    pub(super) async fn waiting(self: &Arc<Self>) -> Vec<(PathBuf, HookReport)> {
        // Asked for each look at a pane: a thread would cost more than the time stamp.
        if self.is_unchanged() {
            return Vec::new();
        }
        let spool = Arc::clone(self);
        task::spawn_blocking(move || spool.load()).await.unwrap_or_default()
    }

    /// It was empty, and nothing was added since.
    fn is_unchanged(&self) -> bool {
        let changed = self.changed();
        changed.is_some() && self.empty_since.lock().is_ok_and(|it| *it == changed)
    }

    fn changed(&self) -> Option<SystemTime> {
        fs::metadata(&self.dir).and_then(|it| it.modified()).ok()
    }

    fn load(&self) -> Vec<(PathBuf, HookReport)> {
        let changed = self.changed();
        let Ok(mut empty_since) = self.empty_since.lock() else { return Vec::new() };
        let (reports, is_empty) = load(&self.dir);
        let is_settled =
            changed.is_some_and(|it| it.elapsed().is_ok_and(|since| since > UNSETTLED));
        *empty_since = changed.filter(|_| is_empty && is_settled);
        reports
    }
}

/// The reports with their files, oldest first; and whether there is nothing left to retry.
fn load(dir: &Path) -> (Vec<(PathBuf, HookReport)>, bool) {
    let Ok(entries) = fs::read_dir(dir) else { return (Vec::new(), false) };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    paths.sort();
    let is_empty = paths.is_empty();
    let mut reports = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(report) => reports.push((path, report)),
            // Its sender got an answer at the socket and removed the file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "set aside: not a report");
                set_aside(&path);
            }
        }
    }
    (reports, is_empty)
}

/// A file that is not a link, a pipe or another user's, and not longer than a report can be.
fn read(path: &Path) -> io::Result<HookReport> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits()).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.uid() != unistd::getuid().as_raw() {
        return Err(io::Error::other("not a file of this user"));
    }
    if about.len() > MAX_REPORT {
        return Err(io::Error::other("too long"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_REPORT).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

fn set_aside(path: &Path) {
    if let Err(error) = fs::rename(path, path.with_extension("bad")) {
        tracing::warn!(path = %path.display(), %error, "cannot set aside");
    }
}

pub(super) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove");
        }
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::{sys::stat::Mode, unistd::mkfifo};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a scratch file")]
    fn put(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
    }

    #[test]
    fn only_reports_are_read_and_the_rest_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let report = r#"{"id":"1","worker":"a","pane":"%1","hook":{"name":"started"}}"#;
        put(&at("b.json"), report);
        put(&at("a.json"), &report.replace("started", "of-the-future"));
        put(&at("half.json"), r#"{"id":"#);
        put(&at("elsewhere"), report);
        symlink(at("elsewhere"), at("link.json")).unwrap();
        mkfifo(&at("pipe.json"), Mode::S_IRWXU).unwrap();
        fs::create_dir(at("dir.json")).unwrap();
        let long = File::create(at("long.json")).unwrap();
        long.set_len(MAX_REPORT + 1).unwrap();
        let (found, is_empty) = load(dir.path());
        let names: Vec<_> = found.iter().map(|(path, _)| path.file_name().unwrap()).collect();
        assert_eq!(names, ["a.json", "b.json"]);
        assert!(!is_empty);
        for name in ["half", "link", "pipe", "dir", "long"] {
            assert!(fs::symlink_metadata(at(&format!("{name}.bad"))).is_ok(), "{name}");
        }
        remove(&at("a.json"));
        remove(&at("b.json"));
        assert!(load(dir.path()).1);
    }
}
