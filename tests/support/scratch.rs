//! The directory of one test's world, and its end.
use std::{path::Path, time::Duration};

use tempfile::TempDir;

use super::{programs, wait::poll};

/// A new directory. It goes when the last process of it has gone, and says which do not go: one
/// that still runs may write into it while it is removed.
pub(crate) struct Scratch {
    dir: TempDir,
    daemon: Option<&'static str>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        // `/tmp` itself and a short name: a socket's path has room for 103 bytes.
        Self {
            dir: tempfile::Builder::new().prefix("wm").tempdir_in("/tmp").unwrap(),
            daemon: None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Programs with this in their command line stay by design; the end kills them.
    pub(crate) fn expect_daemon(&mut self, part: &'static str) {
        self.daemon = Some(part);
    }

    /// What is still there after five seconds is returned and killed.
    fn end(&self) -> Vec<String> {
        let is_unexpected =
            |(_, line): &(u32, String)| !self.daemon.is_some_and(|part| line.contains(part));
        let left = || programs::inside(self.path());
        poll(Duration::from_secs(5), || (!left().iter().any(is_unexpected)).then_some(()));
        let left = left();
        left.iter().for_each(|(pid, _)| programs::kill(*pid));
        let unexpected = left.into_iter().filter(is_unexpected);
        unexpected.map(|(pid, what)| format!("{pid} {what}")).collect()
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
