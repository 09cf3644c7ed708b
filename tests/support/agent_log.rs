//! The fake agents' own account, and what a delivery test asks of it.
use std::{fs, path::PathBuf, time::Duration};

use serde_json::Value;

use super::wait::eventually;

/// One file that all fake agents of a test append to (`FAKE_AGENT_LOG`).
#[derive(Clone, Debug)]
pub(crate) struct AgentLog {
    pub path: PathBuf,
}

impl AgentLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// All whole lines so far, in the order in which they were written.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        // The last line may be on its way.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The events of one name, of one worker or of all.
    pub(crate) fn all(&self, event: &str, worker: Option<&str>) -> Vec<Value> {
        let is_it =
            |it: &Value| it["event"] == event && worker.is_none_or(|worker| it["worker"] == worker);
        self.events().into_iter().filter(is_it).collect()
    }

    /// Waits for the `n`th event of a name (from 1).
    #[track_caller]
    pub(crate) fn wait(&self, event: &str, n: usize, limit: Duration) -> Value {
        let nth = || self.all(event, None).into_iter().nth(n - 1);
        eventually(limit, &format!("`{event}` no. {n} in {}", self.path.display()), nth)
    }

    /// The texts of all turns that someone submitted, in order.
    pub(crate) fn turns(&self, worker: Option<&str>) -> Vec<String> {
        let turns = self.all("turn", worker).into_iter();
        turns.map(|it| it["text"].as_str().unwrap().to_owned()).collect()
    }

    /// Bytes that came while a terminal still echoed, or nothing listened: they were not meant to be sent.
    pub(crate) fn n_early_bytes(&self, worker: Option<&str>) -> u64 {
        let early = self.all("bytes", worker).into_iter();
        let early = early.filter(|it| it["phase"] == "cooked" || it["phase"] == "deaf");
        early.map(|it| it["n"].as_u64().unwrap()).sum()
    }

    /// Keys that went into a dialog, from any sender.
    pub(crate) fn n_keys_in_dialogs(&self, worker: Option<&str>) -> usize {
        self.all("key_in_dialog", worker).len()
    }
}
