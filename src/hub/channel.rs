//! Gives a text to an agent by its own plugin, through files with the worker's name.
//!
//! The hub offers the text in a file. Who renames that file has it: the plugin takes the text, or the hub
//! withdraws it. The plugin removes what it took, or marks it as refused if the agent did not accept it.
use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use tokio::time;

use crate::{model::WorkerId, paths};

/// A plugin that has not taken the text by then is not there, or does not watch.
const PATIENCE: Duration = Duration::from_secs(2);
const PACE: Duration = Duration::from_millis(20);
const TAKEN: &str = ".taken";
const REFUSED: &str = ".refused";

/// Whether the agent has the text. If not, the text is withdrawn: it cannot be taken later.
///
/// # Errors
/// It is unknown whether the agent has it.
pub(super) async fn offer(dir: &Path, worker: &WorkerId, text: &str) -> io::Result<bool> {
    // The plugin makes the directory.
    if !dir.is_dir() {
        return Ok(false);
    }
    let file = |end: &str| dir.join(format!("{worker}{end}"));
    let (offered, taken, refused) = (file(""), file(TAKEN), file(REFUSED));
    // What a plugin left that was killed.
    let make = || {
        remove(&taken)?;
        remove(&refused)?;
        paths::replace(&offered, text.as_bytes())
    };
    if let Err(error) = make() {
        tracing::warn!(%error, "could not offer a text");
        return Ok(false);
    }
    wait_while_there(&offered).await;
    // Both take it away in one step: only one of them succeeds.
    if remove(&offered)? {
        return Ok(false);
    }
    wait_while_there(&taken).await;
    if taken.exists() {
        let why = "the agent's plugin does not say what became of the text";
        return Err(io::Error::new(io::ErrorKind::TimedOut, why));
    }
    Ok(!remove(&refused)?)
}

/// Withdraws what an earlier hub offered. Returns the workers whose agents do not have it.
pub(super) fn withdraw(dir: &Path) -> BTreeSet<WorkerId> {
    let mut withdrawn = BTreeSet::new();
    let files = match fs::read_dir(dir) {
        Ok(files) => files,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "could not read what agents were offered");
            }
            return withdrawn;
        }
    };
    for path in files.flatten().map(|it| it.path()) {
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let worker = name.strip_suffix(REFUSED).unwrap_or(name).parse::<WorkerId>();
        match remove(&path) {
            Ok(true) => withdrawn.extend(worker),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "could not withdraw a text"),
        }
    }
    withdrawn
}

async fn wait_while_there(file: &Path) {
    let until = Instant::now() + PATIENCE;
    while file.exists() && Instant::now() < until {
        time::sleep(PACE).await;
    }
}

/// Whether it was there.
fn remove(file: &Path) -> io::Result<bool> {
    match fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> WorkerId {
        "a".parse().unwrap()
    }

    /// As the plugin does: takes the text, then removes or refuses it.
    async fn take(dir: &Path, and: impl FnOnce(&Path)) -> String {
        let taken = dir.join("a.taken");
        while fs::rename(dir.join("a"), &taken).is_err() {
            time::sleep(Duration::from_millis(1)).await;
        }
        let text = fs::read_to_string(&taken).unwrap();
        and(&taken);
        text
    }

    fn is_empty(dir: &Path) -> bool {
        fs::read_dir(dir).unwrap().next().is_none()
    }

    #[tokio::test]
    async fn a_text_is_taken_once_or_withdrawn() {
        let (temp, a) = (tempfile::tempdir().unwrap(), id());
        let dir = temp.path();
        assert!(!offer(&dir.join("none"), &a, "text").await.unwrap());
        let done = |taken: &Path| fs::remove_file(taken).unwrap();
        let (taken, text) = tokio::join!(offer(dir, &a, "text"), take(dir, done));
        assert_eq!((taken.unwrap(), text.as_str()), (true, "text"));
        assert!(!offer(dir, &a, "text").await.unwrap());
        assert!(is_empty(dir));
    }

    #[tokio::test]
    async fn a_text_that_the_agent_did_not_accept_is_given_back() {
        let (temp, a) = (tempfile::tempdir().unwrap(), id());
        let dir = temp.path();
        let refuse = |taken: &Path| fs::rename(taken, dir.join("a.refused")).unwrap();
        let (taken, _) = tokio::join!(offer(dir, &a, "text"), take(dir, refuse));
        assert!(!taken.unwrap());
        assert!(is_empty(dir));
        // Killed with the text in its hands: nobody knows.
        let (taken, _) = tokio::join!(offer(dir, &a, "text"), take(dir, |_| ()));
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_new_hub_withdraws_what_is_there() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path();
        assert!(withdraw(&dir.join("none")).is_empty());
        for name in ["a", "b.taken", "c.refused", ".tmp1"] {
            paths::replace(&dir.join(name), b"text").unwrap();
        }
        let found: Vec<String> = withdraw(dir).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["a", "c"]);
        assert!(is_empty(dir));
    }
}
