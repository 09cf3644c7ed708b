//! The directory of one test's world, and its end.
use std::{path::Path, time::Duration};

use tempfile::TempDir;

use super::{programs, wait::poll};

/// A new directory. It goes when the last process of it has gone, and says which do not go: one
/// that still runs may write into it while it is removed.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        // `/tmp` itself and a short name: a socket's path has room for 103 bytes.
        Self(tempfile::Builder::new().prefix("wm").tempdir_in("/tmp").unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// What is still there after five seconds is returned and killed.
    fn end(&self) -> Vec<String> {
        let dir = self.path();
        let is_empty = || programs::inside(dir).is_empty().then_some(());
        poll(Duration::from_secs(5), is_empty);
        let left = programs::inside(dir);
        left.iter().for_each(|(pid, _)| programs::kill(*pid));
        left.into_iter().map(|(pid, what)| format!("{pid} {what}")).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let left = self.end();
        // A second panic would hide the first.
        if !std::thread::panicking() {
            assert!(left.is_empty(), "processes outlived their test: {left:#?}");
        }
    }
}
