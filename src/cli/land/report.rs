//! What a landing did, for readers and programs.
use serde_json::{Value, json};

use crate::{
    cli::{Context, Failure, cleanup::end::Removed, output::count},
    model::Worker,
};

/// One landed worker.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) worker: Worker,
    pub(super) into: String,
    pub(super) from: String,
    pub(super) commit: String,
    pub(super) mode: String,
    /// As `short id subject`.
    pub(super) commits: Vec<String>,
    /// The target had the work before.
    pub(super) already: bool,
    pub(super) dry_run: bool,
    pub(super) to_push: usize,
    pub(super) remote: Option<String>,
    pub(super) removed: Option<Removed>,
    pub(super) notes: Vec<String>,
}

impl Done {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.worker.id, "into": self.into, "from": self.from, "commit": self.commit,
            "mode": self.mode, "commits": self.commits, "already": self.already,
            "to_push": self.to_push, "notes": self.notes,
            "removed": self.removed.as_ref().map(|it| it.to_json(&self.worker)),
        })
    }

    /// Prints it, unless JSON is wanted.
    pub(super) fn say(&self, context: &Context) -> Result<(), Failure> {
        let removed = self.removed.iter().flat_map(|it| &it.notes);
        self.notes.iter().chain(removed).for_each(|it| context.say(&format!("note: {it}")));
        if context.json() {
            return Ok(());
        }
        context.print(&format!("{}  {}\n", self.worker.id, self.line()))
    }

    fn line(&self) -> String {
        let Self { into, mode, .. } = self;
        let commit = self.commit.get(..7).unwrap_or(&self.commit);
        let n = match self.commits.len() {
            // A review worker that committed nothing: what lands is the pull request.
            0 => "its pull request".to_owned(),
            n => count(n, "commit"),
        };
        let mut line = match (self.already, self.dry_run) {
            (true, _) => format!("`{into}` has the work already"),
            (false, true) => format!("would land {n} in `{into}` ({mode})"),
            (false, false) => format!("{n} landed in `{into}` as {commit} ({mode})"),
        };
        if let Some(removed) = &self.removed {
            line += &format!("; {}", removed.describe(&self.worker));
        }
        if let (Some(remote), n @ 1..) = (&self.remote, self.to_push) {
            let n = count(n, "commit");
            line += &format!("\n  {n} to push: git push {remote} {into}");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    #[test]
    fn what_landed_is_its_commits_or_its_pull_request() {
        let mut done = Done {
            worker: samples::worker("a"),
            into: "main".into(),
            from: "a".into(),
            commit: "7fa13f2116".into(),
            mode: "pr squash, !7".into(),
            commits: vec!["7fa13f2 Cache".into()],
            already: false,
            dry_run: false,
            to_push: 0,
            remote: None,
            removed: None,
            notes: Vec::new(),
        };
        assert_eq!(done.line(), "1 commit landed in `main` as 7fa13f2 (pr squash, !7)");
        done.commits.clear();
        assert_eq!(done.line(), "its pull request landed in `main` as 7fa13f2 (pr squash, !7)");
    }
}
