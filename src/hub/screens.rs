//! The workers' screen logs: the screens at and just before each state change.
//!
//! Knows files of JSON lines and their size; not what a screen means. A failure to write is logged
//! and harms nothing else.
use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::model::{Sample, WorkerId};

/// Limit of all logs together when a hub starts: those not written for longest are deleted.
const MAX_TOTAL: u64 = 512 << 20;
/// Size at which a log's older half is deleted. Two files: one of this size and the one being
/// written.
const MAX_BYTES: u64 = 4 << 20;

#[derive(Debug)]
pub struct ScreenLog {
    dir: PathBuf,
}

impl ScreenLog {
    /// The logs in `dir`. Those of old workers are deleted to make room.
    pub fn new(dir: PathBuf) -> Self {
        prune(&dir, MAX_TOTAL);
        Self { dir }
    }

    /// Appends samples, a JSON line each.
    pub fn append(&self, worker: &WorkerId, samples: &[Sample]) {
        let path = file_of(&self.dir, worker);
        if let Err(error) = append(&path, samples) {
            tracing::warn!(path = %path.display(), %error, "cannot write the screen log");
        }
    }
}

/// Removes the oldest files until the rest is no larger than `limit`.
fn prune(dir: &Path, limit: u64) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let about = |entry: fs::DirEntry| {
        let found = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((found.modified().ok()?, found.len(), entry.path()))
    };
    let mut files: Vec<_> = entries.flatten().filter_map(about).collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
    for (_, size, path) in files {
        if total <= limit {
            return;
        }
        // If it cannot be removed, another one is removed instead.
        if fs::remove_file(path).is_ok() {
            total -= size;
        }
    }
}

/// The newer file of a worker's log.
fn file_of(dir: &Path, worker: &WorkerId) -> PathBuf {
    dir.join(format!("{worker}.jsonl"))
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("jsonl.1")
}

fn append(path: &Path, samples: &[Sample]) -> io::Result<()> {
    let mut lines = Vec::new();
    for sample in samples {
        serde_json::to_writer(&mut lines, sample)?;
        lines.push(b'\n');
    }
    if fs::metadata(path).is_ok_and(|it| it.len() >= MAX_BYTES) {
        fs::rename(path, older(path))?;
    }
    let mut file = File::options().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(&lines)
}

/// The files of a worker's log, the older one first; either may be missing.
pub fn files(dir: &Path, worker: &WorkerId) -> [PathBuf; 2] {
    let path = file_of(dir, worker);
    [older(&path), path]
}

/// All remaining samples of a worker's log, oldest first. A line that a crash cut is skipped.
pub fn load(dir: &Path, worker: &WorkerId) -> io::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for path in files(dir, worker) {
        match fs::read(&path) {
            Ok(bytes) => samples.extend(read_lines(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(samples)
}

/// The samples of a log's bytes.
pub fn read_lines(bytes: &[u8]) -> impl Iterator<Item = Sample> {
    bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::MetadataExt as _, time::Duration};

    use super::*;
    use crate::model::Timestamp;

    fn sample(at: u64, row: &str) -> Sample {
        Sample { at: Timestamp(at), rows: vec![row.to_owned()], ..Sample::default() }
    }

    #[test]
    fn a_log_is_private_and_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let (log, worker) = (ScreenLog::new(dir.path().to_owned()), "a".parse().unwrap());
        log.append(&worker, &[sample(1, "x"), sample(2, "y")]);
        log.append(&worker, &[sample(3, "z")]);
        let read = load(dir.path(), &worker).unwrap();
        assert_eq!(read, [sample(1, "x"), sample(2, "y"), sample(3, "z")]);
        let mode = fs::metadata(dir.path().join("a.jsonl")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(load(dir.path(), &"b".parse().unwrap()).unwrap(), []);
    }

    #[test]
    fn the_oldest_logs_make_room() {
        let dir = tempfile::tempdir().unwrap();
        for (name, age) in [("new.jsonl", 1), ("old.jsonl.1", 50), ("oldest.jsonl", 90)] {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_len(100).unwrap();
            let created = file.metadata().unwrap().modified().unwrap();
            file.set_modified(created - Duration::from_secs(age)).unwrap();
        }
        let names = || {
            let entries = fs::read_dir(dir.path()).unwrap();
            let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
            names.sort();
            names
        };
        prune(dir.path(), 300);
        assert_eq!(names().len(), 3);
        prune(dir.path(), 250);
        assert_eq!(names(), ["new.jsonl", "old.jsonl.1"]);
        prune(dir.path(), 99);
        assert_eq!(names().len(), 0);
    }

    #[test]
    fn a_log_does_not_grow_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let (log, worker) = (ScreenLog::new(dir.path().to_owned()), "a".parse().unwrap());
        let large = "x".repeat(1 << 20);
        for n in 0..12 {
            log.append(&worker, &[sample(n, &large)]);
        }
        let size = |name: &str| fs::metadata(dir.path().join(name)).unwrap().len();
        assert!(size("a.jsonl") + size("a.jsonl.1") < 3 * MAX_BYTES);
        let read = load(dir.path(), &worker).unwrap();
        assert_eq!(read.last().unwrap().at, Timestamp(11));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
