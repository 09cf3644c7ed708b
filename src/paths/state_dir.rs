//! The files of one hub.
use std::path::{Path, PathBuf};

use super::{Error, private_dir};

/// The directory of one hub: one tmux server on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The state directory at `root`, wherever that is.
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Held (flock) by the hub that owns the directory.
    pub fn hub_lock(&self) -> PathBuf {
        self.root.join("hub.lock")
    }

    /// Names the socket of a process that waits for the hub that has the lock.
    pub fn hub_waiting(&self) -> PathBuf {
        self.root.join("ready")
    }

    /// Tells clients the hub's pid, version and socket.
    pub fn hub_json(&self) -> PathBuf {
        self.root.join("hub.json")
    }

    pub fn hub_db(&self) -> PathBuf {
        self.root.join("hub.db")
    }

    /// Reports from hooks and panes that no hub accepted: one JSON file each.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// Texts for agents whose plugins take them; beside the spool, whose place the plugins know.
    pub fn channels(&self) -> PathBuf {
        self.root.join("channels")
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The workers' screen logs: `<worker>.jsonl`, an older part as `<worker>.jsonl.1`.
    pub fn screens(&self) -> PathBuf {
        self.root.join("screens")
    }

    /// Journals of `create` runs before their commit point.
    pub fn creates(&self) -> PathBuf {
        self.root.join("creates")
    }

    /// Journals of landings that are not finished.
    pub fn lands(&self) -> PathBuf {
        self.root.join("lands")
    }

    /// Creates the directory and its subdirectories for the user only. Refuses directories that
    /// others could write to.
    pub fn make(&self, uid: u32) -> Result<(), Error> {
        private_dir(&self.root, uid)?;
        [self.spool(), self.log(), self.screens(), self.creates(), self.lands()]
            .iter()
            .try_for_each(|it| private_dir(it, uid))
    }
}
