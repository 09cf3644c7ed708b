//! Decides what would be lost. The only place that decides: facts in, losses out; reads nothing.
use std::fmt;

use super::facts::{Facts, Kind, Place, Proof, Repository, Tip};
use crate::git::processes::Process;

/// Most names that one loss lists.
const MAX_NAMES: usize = 10;

/// Most ignored files that a note lists.
const MAX_IGNORED: usize = 5;

/// Which facts count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Before anything is removed.
    Before,
    /// After the window was closed: its remaining processes are about to end.
    WindowClosed,
}

/// One thing that would be lost. Prints as a phrase that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Tracked files that differ from the commit.
    Uncommitted(Names),
    /// Files that are neither tracked nor ignored.
    Untracked(Names),
    /// Commits that nothing that stays contains, newest first.
    Commits {
        commits: Names,
        looks_merged_into: Option<String>,
        /// The newest, if no branch leads to it.
        detached: Option<String>,
    },
    /// Stashes made on the branch, by their messages.
    Stashes(Names),
    /// An unfinished rebase, merge or similar operation.
    Operation(&'static str),
    /// A lock by `git worktree lock`, with its reason.
    Lock(String),
    /// Another worker works there.
    Worker(String),
    /// It contains the repository itself.
    MainRepository,
    /// Worktrees elsewhere need this repository.
    NeededBy(Names),
    /// Another file system is mounted there.
    Mount(Names),
    /// A program runs in the worktree.
    Process(Process),
    /// A program runs in another pane of the worker's window.
    Pane(Process),
    /// It could not be checked.
    Unreadable(String),
    /// One of these in a repository inside the worktree.
    Inside { kind: Kind, path: String, loss: Box<Self> },
}

/// What a user allows to be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insist<'a> {
    /// Nothing.
    No,
    /// Everything in the worktree that this state holds, and nothing that came later.
    Discard(&'a str),
    /// Everything that the backup keeps.
    Abandon,
    /// Everything, whatever it is and even if it cannot be read.
    Force,
}

impl Insist<'_> {
    /// The losses that the user has not allowed.
    pub fn left<'l>(&self, lost: &'l [Loss]) -> Vec<&'l Loss> {
        let is_left = |it: &&Loss| match self {
            Self::No => true,
            Self::Discard(_) | Self::Abandon => !it.is_kept_by_backup(),
            Self::Force => it.is_forbidden(),
        };
        lost.iter().filter(is_left).collect()
    }
}

impl Loss {
    /// Work in the worktree itself: its files and commits are in the backup, and its stashes stay.
    fn is_kept_by_backup(&self) -> bool {
        self.is_work() && !matches!(self, Self::Inside { .. })
    }

    /// Work, and not only a reason to wait or to look first. A backup keeps all of it that is not in a
    /// repository inside.
    pub fn is_work(&self) -> bool {
        match self {
            Self::Uncommitted(_)
            | Self::Untracked(_)
            | Self::Commits { .. }
            | Self::Stashes(_)
            | Self::Operation(_) => true,
            Self::Lock(_)
            | Self::Worker(_)
            | Self::MainRepository
            | Self::NeededBy(_)
            | Self::Mount(_)
            | Self::Process(_)
            | Self::Pane(_)
            | Self::Unreadable(_) => false,
            Self::Inside { loss, .. } => loss.is_work(),
        }
    }

    /// The repository itself is never removed.
    fn is_forbidden(&self) -> bool {
        matches!(self, Self::Inside { loss, .. } if **loss == Self::MainRepository)
    }
}

/// Some names, and the total number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub first: Vec<String>,
    pub total: usize,
}

/// Everything that would be lost.
pub fn losses(facts: &Facts, policy: Policy) -> Vec<Loss> {
    let mut lost = Vec::new();
    match &facts.place {
        Place::Missing | Place::Here { .. } => {}
        Place::Damaged { path, why } | Place::Foreign { path, why } => {
            lost.push(Loss::Unreadable(format!("`{}`: {why}", path.display())));
        }
    }
    lost.extend(facts.unreadable.iter().cloned().map(Loss::Unreadable));
    for repository in &facts.repositories {
        let inside = in_repository(repository);
        if repository.kind == Kind::Worktree {
            lost.extend(inside);
            continue;
        }
        lost.extend(inside.into_iter().map(|loss| Loss::Inside {
            kind: repository.kind,
            path: repository.path.clone(),
            loss: Box::new(loss),
        }));
    }
    lost.extend(Names::of(&facts.mounts).map(Loss::Mount));
    if policy == Policy::Before {
        lost.extend(facts.processes.iter().cloned().map(Loss::Process));
    }
    lost
}

fn in_repository(it: &Repository) -> Vec<Loss> {
    let mut lost = Vec::new();
    if it.kind == Kind::Main {
        lost.push(Loss::MainRepository);
    }
    if let Some(id) = it.worker.clone().filter(|_| it.kind != Kind::Worktree) {
        lost.push(Loss::Worker(id));
    }
    lost.extend(it.unreadable.iter().cloned().map(Loss::Unreadable));
    lost.extend(Names::of(&it.files.changed).map(Loss::Uncommitted));
    lost.extend(Names::of(&it.files.untracked).map(Loss::Untracked));
    lost.extend(it.operation.map(Loss::Operation));
    lost.extend(it.lock.clone().map(Loss::Lock));
    lost.extend(Names::of(&it.needed_by).map(Loss::NeededBy));
    let mut told: Vec<&str> = Vec::new();
    for tip in &it.tips {
        // Several refs at one commit count as one loss.
        if tip.proof.is_none() && !told.contains(&tip.id.as_str()) {
            told.push(&tip.id);
            let looks_merged_into = tip.looks_merged_into.clone();
            let detached = (!tip.name.starts_with("refs/heads/")).then(|| tip.id.clone());
            let lost_commits = Names::of(&tip.commits);
            lost.extend(lost_commits.map(|commits| Loss::Commits {
                commits,
                looks_merged_into,
                detached,
            }));
        }
    }
    lost.extend(Names::of(&it.stashes).map(Loss::Stashes));
    lost
}

/// Things that are removed or were accepted without being a loss, as sentences for the user.
pub fn notes(facts: &Facts) -> Vec<String> {
    let mut notes = Vec::new();
    for it in &facts.repositories {
        if let Some(ignored) = Names::at_most(MAX_IGNORED, &it.files.ignored) {
            let within = within(it.kind, &it.path);
            notes.push(format!("also goes{within}, because git ignores it: {ignored}"));
        }
        let not_asked = it.tips.iter().find_map(|tip| match (&tip.proof, &tip.name) {
            (Some(Proof::NotAsked { remote, why }), name) => Some((remote, why, name)),
            (
                Some(
                    Proof::Local | Proof::Remote { .. } | Proof::Merged { .. } | Proof::Pull { .. },
                )
                | None,
                _,
            ) => None,
        });
        if let Some((remote, why, name)) = not_asked {
            let name = name.trim_start_matches("refs/heads/");
            notes.push(format!(
                "`{name}` counts as pushed: `{remote}` could not be asked whether it still has it ({why})"
            ));
        }
    }
    let linked = facts.repositories.iter().filter(|it| it.kind == Kind::Linked);
    notes.extend(linked.map(|it| format!("also goes: the worktree `{}`", shown(&it.path))));
    notes
}

/// ` in the submodule …`, or nothing for the worktree itself.
fn within(kind: Kind, path: &str) -> String {
    let what = match kind {
        Kind::Worktree => return String::new(),
        Kind::Submodule => "submodule",
        Kind::Linked => "worktree",
        Kind::Nested | Kind::Main => "repository",
    };
    format!(" in the {what} `{}`", shown(path))
}

/// Control characters in file names and subjects are shown, not executed.
pub(super) fn shown(name: &str) -> String {
    let turns_text = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::new();
    for c in name.chars() {
        if c.is_control() || turns_text(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

impl Names {
    /// `None` if there are none.
    pub fn of(all: &[String]) -> Option<Self> {
        Self::at_most(MAX_NAMES, all)
    }

    fn at_most(max: usize, all: &[String]) -> Option<Self> {
        let first: Vec<String> = all.iter().take(max).cloned().collect();
        (!all.is_empty()).then_some(Self { first, total: all.len() })
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, name) in self.first.iter().enumerate() {
            let separator = if idx == 0 { "" } else { ", " };
            write!(f, "{separator}`{}`", shown(name))?;
        }
        match self.total - self.first.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncommitted(files) => write!(f, "uncommitted changes: {files}"),
            Self::Untracked(files) => write!(f, "untracked files: {files}"),
            Self::Commits { commits, looks_merged_into, detached: _ } => {
                write!(f, "commits that no other branch or remote has: {commits}")?;
                match looks_merged_into {
                    Some(into) => write!(
                        f,
                        " (`{}` has the same patches, but not the same files)",
                        shown(into)
                    ),
                    None => Ok(()),
                }
            }
            Self::Stashes(stashes) => write!(f, "stashes: {stashes}"),
            Self::Operation(what) => write!(f, "an unfinished {what}"),
            Self::Lock(reason) => write!(f, "a lock on the worktree: {}", shown(reason)),
            Self::Worker(id) => write!(f, "worker `{}` works there", shown(id)),
            Self::MainRepository => f.write_str("the repository that the worktree belongs to"),
            Self::NeededBy(paths) => write!(f, "worktrees elsewhere need it: {paths}"),
            Self::Mount(paths) => write!(f, "another file system is mounted at {paths}"),
            Self::Process(it) => {
                write!(f, "process {} (`{}`) runs in the worktree", it.pid, shown(&it.command))
            }
            Self::Pane(it) => {
                let command = shown(&it.command);
                write!(f, "process {} (`{command}`) runs in another pane of its window", it.pid)
            }
            Self::Unreadable(what) => write!(f, "could not be checked: {}", shown(what)),
            Self::Inside { kind, path, loss } => {
                write!(f, "{}: {loss}", within(*kind, path).trim_start())
            }
        }
    }
}

/// Whether the commits of this tip would be lost.
pub(super) fn is_lost(tip: &Tip) -> bool {
    tip.proof.is_none() && !tip.commits.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each way of insisting allows to be lost, for every kind of loss.
    #[test]
    fn only_what_a_backup_keeps_can_be_dropped() {
        let names = || Names { first: vec!["a".to_owned()], total: 1 };
        let process = || Process { pid: 1, command: "vi".to_owned() };
        let inside = |loss| Loss::Inside {
            kind: Kind::Nested,
            path: "lib".to_owned(),
            loss: Box::new(loss),
        };
        let kept_by_backup = [
            Loss::Uncommitted(names()),
            Loss::Untracked(names()),
            Loss::Commits { commits: names(), looks_merged_into: None, detached: None },
            Loss::Stashes(names()),
            Loss::Operation("rebase"),
        ];
        let others = [
            Loss::Lock("mine".to_owned()),
            Loss::Worker("b".to_owned()),
            Loss::NeededBy(names()),
            Loss::Mount(names()),
            Loss::Process(process()),
            Loss::Pane(process()),
            Loss::Unreadable("x".to_owned()),
            inside(Loss::Untracked(names())),
        ];
        let never = [inside(Loss::MainRepository)];
        let left = |insist: Insist<'_>, lost: &[Loss]| insist.left(lost).len();
        for (lost, no, drop, force) in
            [(&kept_by_backup[..], 5, 0, 0), (&others, 8, 8, 0), (&never, 1, 1, 1)]
        {
            assert_eq!(left(Insist::No, lost), no, "{lost:?}");
            assert_eq!(left(Insist::Abandon, lost), drop, "{lost:?}");
            assert_eq!(left(Insist::Discard("1"), lost), drop, "{lost:?}");
            assert_eq!(left(Insist::Force, lost), force, "{lost:?}");
        }
    }
}
