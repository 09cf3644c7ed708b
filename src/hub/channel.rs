//! Gives a text to an agent by its own plug-in: in a file with the worker's name, which the plug-in renames
//! when it takes the text.
use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use tokio::time;

use crate::{model::WorkerId, paths};

/// A plug-in that has not taken the text by then is not there, or does not watch.
const PATIENCE: Duration = Duration::from_secs(2);
const PACE: Duration = Duration::from_millis(20);

/// Whether the plug-in took the text. If not, the text is withdrawn: it cannot be taken later.
pub(super) async fn offer(dir: &Path, worker: &WorkerId, text: &str) -> io::Result<bool> {
    // The plug-in makes the directory.
    if !dir.is_dir() {
        return Ok(false);
    }
    let file = dir.join(worker.as_str());
    paths::replace(&file, text.as_bytes())?;
    let until = Instant::now() + PATIENCE;
    while file.exists() && Instant::now() < until {
        time::sleep(PACE).await;
    }
    // Both take it away in one step: only one of them succeeds.
    match fs::remove_file(&file) {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_text_is_taken_once_or_withdrawn() {
        let dir = tempfile::tempdir().unwrap();
        let worker: WorkerId = "a".parse().unwrap();
        assert!(!offer(&dir.path().join("none"), &worker, "text").await.unwrap());
        let file = dir.path().join("a");
        let (taken, text) = tokio::join!(offer(dir.path(), &worker, "text"), async {
            while fs::rename(&file, dir.path().join("a.1")).is_err() {
                time::sleep(Duration::from_millis(1)).await;
            }
            fs::read_to_string(dir.path().join("a.1")).unwrap()
        });
        assert_eq!((taken.unwrap(), text.as_str()), (true, "text"));
        assert!(!offer(dir.path(), &worker, "text").await.unwrap());
        assert!(!file.exists());
    }
}
