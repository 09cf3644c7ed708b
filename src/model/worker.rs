//! One worker: a branch, a worktree, a tmux window and an agent, made from one brief.
use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    DeliveryMode, ItemKind, Kind, PaneId, Progress, SessionId, Source, Timestamp, UnknownName,
    Usage, WindowId, Work, WorkerId, WorkerState,
};

/// Everything the hub records of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    pub id: WorkerId,
    /// Name of the directory that holds the repository.
    pub project: String,
    /// The repository's common git dir, canonical.
    pub repo: PathBuf,
    pub worktree: PathBuf,
    /// Git no longer knows the worktree, or its directory was removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub worktree_gone: bool,
    /// The worktree's own git dir, canonical.
    pub git_dir: PathBuf,
    pub branch: String,
    /// wtmag created the branch, so cleanup may delete it.
    pub branch_made: bool,
    /// wtmag created the worktree, so cleanup may remove it.
    #[serde(default = "yes")]
    pub worktree_made: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    pub source: Source,
    pub kind: Kind,
    pub agent: Agent,
    pub placement: Placement,
    pub place: Place,
    /// URL of the pull request, reviewed or made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pr: Option<String>,
    /// The worker that created this one, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<WorkerId>,
    /// The pane that it was created from, if that pane has no worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_pane: Option<ParentPane>,
    /// What its parent is told about; none: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wakes: Option<Vec<ItemKind>>,
    pub created: Timestamp,
    /// Since when there were workers of this id on its branch: their history is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Timestamp>,
    pub state: WorkerState,
    /// Cleaned up: kept for `list --ended` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// The agent's session id, if a hook reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_session: Option<String>,
    /// The agent's last message, if a hook reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<String>,
    #[serde(default)]
    pub usage: Usage,
    /// What it last said that it was doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Why its profile is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_note: Option<String>,
    /// Record its screens.
    #[serde(default = "yes")]
    pub record: bool,
    /// `wt list` shows what it does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub markers: bool,
    #[serde(default)]
    pub work: Work,
}

fn yes() -> bool {
    true
}

/// The start of a new branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The branch, tag or ref that was requested.
    pub name: String,
    pub sha: String,
    /// It was fetched for this worker, so it is not an old local copy.
    pub fresh: bool,
}

/// The agent as it was launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Its name in the config.
    pub name: String,
    /// Its profile's name.
    pub profile: String,
    /// The profile's TOML, if it is the user's own and not an embedded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_text: Option<String>,
    /// Command word and arguments.
    pub argv: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub delivery: DeliveryMode,
    /// The user wants wtmag to answer the agent's trust question about the worktree.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trust: bool,
    /// At the reset of a limit that ended a turn it is told to go on with its task.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resume_at_reset: bool,
}

/// A pane whose program gave a worker its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentPane {
    pub server: ServerId,
    pub pane: PaneId,
}

/// What wtmag made for one worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own<'a> {
    pub worktree: bool,
    pub branch: Option<&'a str>,
}

/// How the worker is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// A window in the user's session.
    Window,
    /// Its own session, named like the worker.
    Session,
    /// Only in session `wtmag`: the session that showed it is gone.
    Fleet,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// Where in tmux the worker is. Ids are valid only on the server that they came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub server: ServerId,
    pub window: WindowId,
    pub pane: PaneId,
    /// The pane's first process. Another one in the pane is not this worker's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The session that shows it, besides session `wtmag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// The boot of the machine during which the ids were assigned.
    #[serde(default)]
    pub boot: String,
    /// The pane is gone: closed, or its server ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// One run of one tmux server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerId {
    pub pid: u32,
    /// Unix seconds.
    pub started: u64,
}

impl Worker {
    /// The id without the project: its name among the workers of one project.
    pub fn short_name(&self) -> &str {
        let id = self.id.as_str();
        let project = WorkerId::for_branch(&self.project, "");
        let rest = id.strip_prefix(project.as_str()).and_then(|it| it.strip_prefix('-'));
        rest.filter(|it| !it.is_empty()).unwrap_or(id)
    }

    /// When its history began. What an earlier worker of its id did before that is another story.
    pub fn history_since(&self) -> Timestamp {
        self.follows.unwrap_or(self.created)
    }

    /// It directs other workers. Its directory is the repository's own, where the user works, too.
    pub fn is_orchestrator(&self) -> bool {
        self.kind == Kind::Orchestrator
    }

    /// It may have a pull request of its own.
    pub fn opens_pull_request(&self) -> bool {
        match self.kind {
            Kind::Implementation | Kind::Other(_) => true,
            Kind::Review | Kind::Orchestrator => false,
        }
    }

    /// What wtmag made for it alone: the only things that its removal may delete. The repository's own
    /// worktree never is.
    pub fn own(&self) -> Own<'_> {
        let is_main = self.git_dir == self.repo;
        if self.is_orchestrator() || is_main {
            return Own { worktree: false, branch: None };
        }
        let branch = Some(self.branch.as_str()).filter(|it| self.branch_made && !it.is_empty());
        Own { worktree: self.worktree_made, branch }
    }

    /// Whether its parent is told about such items.
    pub fn wakes_for(&self, kind: ItemKind) -> bool {
        self.wakes.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    pub fn is_live(&self) -> bool {
        self.ended.is_none() && self.state.is_live()
    }

    /// Only what a row of a list shows; the rest is empty, since a list may be long. Not to be acted on:
    /// it does not say where the worktree is.
    #[must_use]
    pub fn brief(&self) -> Self {
        let agent = Agent {
            name: self.agent.name.clone(),
            profile: String::new(),
            profile_text: None,
            argv: Vec::new(),
            model: None,
            ..self.agent
        };
        let place = Place {
            pid: None,
            session: None,
            session_name: None,
            boot: String::new(),
            ..self.place
        };
        let source = &self.source;
        Self {
            id: self.id.clone(),
            project: self.project.clone(),
            repo: self.repo.clone(),
            worktree: PathBuf::new(),
            git_dir: PathBuf::new(),
            branch: self.branch.clone(),
            base: None,
            source: Source::new(source.kind, &source.key, "", source.title.clone()),
            agent,
            place,
            pr: self.pr.clone(),
            parent: self.parent.clone(),
            wakes: None,
            state: self.state.clone(),
            agent_session: None,
            last_message: self.last_message.as_deref().map(beginning),
            usage: Usage::default(),
            progress: self.progress.clone(),
            profile_note: None,
            work: self.work.brief(),
            ..*self
        }
    }
}

/// Bytes of a message, which are more of it than a row shows.
const BEGINNING: usize = 1000;

fn beginning(text: &str) -> String {
    let mut short = String::new();
    for word in text.split_whitespace() {
        if short.len() > BEGINNING {
            break;
        }
        short = short + " " + word;
    }
    short.trim_start().to_owned()
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Window => "window",
            Self::Session => "session",
            Self::Fleet => "fleet",
            Self::Other(name) => name.as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    /// A removal can only delete what this says, so every kind of record is in the table.
    #[test]
    fn the_repositorys_own_worktree_is_never_a_workers() {
        let (main, linked) = ("/src/blog/.git", "/src/blog/.git/worktrees/a");
        let other = || Kind::Other(serde_json::from_str("\"sketch\"").unwrap());
        let kinds = || [Kind::Implementation, Kind::Review, Kind::Orchestrator, other()];
        for kind in kinds() {
            for git_dir in [main, linked] {
                for (worktree_made, branch_made) in
                    [(true, true), (true, false), (false, true), (false, false)]
                {
                    let mut worker = samples::worker("blog-a");
                    (worker.repo, worker.git_dir) = (main.into(), git_dir.into());
                    (worker.kind, worker.branch) = (kind, "a".into());
                    (worker.worktree_made, worker.branch_made) = (worktree_made, branch_made);
                    let may = kind != Kind::Orchestrator && git_dir == linked;
                    let want = Own {
                        worktree: may && worktree_made,
                        branch: (may && branch_made).then_some("a"),
                    };
                    assert_eq!(
                        worker.own(),
                        want,
                        "{kind:?} {git_dir} {worktree_made} {branch_made}"
                    );
                    worker.branch = String::new();
                    assert_eq!(worker.own().branch, None);
                }
            }
        }
    }
}
