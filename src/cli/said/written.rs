//! Reads what an agent has written down of its conversation.
use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    agents::transcript::{self, Transcripts, Turn},
    model::{Timestamp, Worker},
    paths::Env,
};

/// How much of the end of a file is read.
const MAX_READ: u64 = 8 << 20;
/// In so much of its beginning a file names its directory.
const HEAD: u64 = 256 << 10;
/// So many of the newest files are looked into where no session is known.
const MAX_FILES: usize = 30;

/// The turns of this worker since a time, the oldest first; none if no file of it is found.
pub(super) fn turns(env: &Env, worker: &Worker, since: Timestamp) -> Vec<Turn> {
    let Some(kept) = transcript::of(&worker.agent.profile) else { return Vec::new() };
    let Some(file) = file_of(kept, env, (worker, since)) else { return Vec::new() };
    let mut turns = kept.turns(&end_of(&file).unwrap_or_default());
    turns.retain(|it| it.at >= since);
    turns
}

/// The newest file of its session. Without hooks the session is unknown: then the newest one of its worktree that was
/// written since it was made.
fn file_of(
    kept: &Transcripts,
    env: &Env,
    (worker, since): (&Worker, Timestamp),
) -> Option<PathBuf> {
    let dir = env.var(kept.dir_variable).map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| env.home().join(kept.default_dir)).join(kept.below);
    let mut files = Vec::new();
    collect(&dir, kept.depth, &mut files);
    files.sort_by(|a, b| b.cmp(a));
    if let Some(session) = &worker.agent_session {
        let is_it = |it: &&PathBuf| {
            let name = it.file_name().and_then(|it| it.to_str());
            name.is_some_and(|name| transcript::is_of_session(name, session))
        };
        return files.iter().map(|(_, path)| path).find(is_it).cloned();
    }
    let created = UNIX_EPOCH + Duration::from_millis(since.0);
    let new = files.iter().filter(|(written, _)| *written >= created).take(MAX_FILES);
    let worktree = worker.worktree.to_str()?;
    let is_its = |path: &Path| {
        let head = read(path, 0, HEAD);
        head.is_ok_and(|head| transcript::is_of_directory(&head, worktree))
    };
    new.map(|(_, path)| path).find(|path| is_its(path)).cloned()
}

/// The files so many directories deep, with the time at which each was written.
fn collect(dir: &Path, depth: usize, files: &mut Vec<(SystemTime, PathBuf)>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        match depth.checked_sub(1) {
            Some(depth) if about.is_dir() => collect(&entry.path(), depth, files),
            None if about.is_file() => {
                files.extend(about.modified().ok().map(|at| (at, entry.path())));
            }
            Some(_) | None => {}
        }
    }
}

/// Whole lines.
fn end_of(path: &Path) -> io::Result<String> {
    let from = fs::metadata(path)?.len().saturating_sub(MAX_READ);
    let text = read(path, from, MAX_READ)?;
    let begin = if from == 0 { 0 } else { text.find('\n').map_or(text.len(), |at| at + 1) };
    Ok(text.get(begin..).unwrap_or_default().to_owned())
}

fn read(path: &Path, from: u64, most: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
