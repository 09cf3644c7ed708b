//! A worker that was removed: what is left of it, and what to type next.
use std::time::Duration;

use super::{Context, Failure};
use crate::{
    clock,
    git::{
        Repo,
        removal::backup::{self, Backup, KEPT},
    },
    model::{Timestamp, Worker},
    text::age,
};

/// A second after the removal, its backup is still kept for 30 days.
const ROUNDED: Duration = Duration::from_secs(59 * 60);

/// What is left of a removed worker's work.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Its branch: its agent can be started again.
    Branch,
    /// A backup of its branch, made at this time.
    Backup(Timestamp),
    Nothing,
}

impl Left {
    pub(super) fn of(worker: &Worker) -> Self {
        let Ok(repo) = Repo::discover(&worker.repo) else { return Self::Nothing };
        if worker.is_orchestrator() || matches!(repo.branch_tip(&worker.branch), Ok(Some(_))) {
            return Self::Branch;
        }
        let kept = kept(&repo, worker).ok().flatten().filter(|it| it.branch.is_some());
        kept.map_or(Self::Nothing, |it| Self::Backup(it.removed))
    }

    /// Pure: that it was removed, and what is left.
    fn words(&self, worker: &Worker, now: Timestamp) -> String {
        let ago = |at: Timestamp| age(now.since(at));
        let (id, branch) = (&worker.id, &worker.branch);
        let removed = format!("`{id}` was removed {} ago", ago(worker.ended.unwrap_or(now)));
        match self {
            Self::Branch if worker.is_orchestrator() => removed,
            Self::Branch => format!("{removed}; its branch `{branch}` is kept"),
            Self::Backup(at) => {
                // An older one is there until the next removal.
                let rest = KEPT.checked_sub(now.since(*at)).map(|it| age(it + ROUNDED));
                let more = rest.map(|it| format!(" for {it}"));
                let more = more.unwrap_or_default();
                format!("{removed}; a backup of its branch `{branch}` is kept{more}")
            }
            Self::Nothing => format!("{removed}; its branch `{branch}` is gone"),
        }
    }

    /// Pure: how its agent is started again. `elsewhere`: the repository, if it is another one than the caller's.
    fn way_back(&self, worker: &Worker, elsewhere: Option<&str>) -> Option<String> {
        let id = &worker.id;
        let resume = format!("`wtmag resume {id}` starts its agent again");
        match self {
            Self::Branch => Some(resume),
            Self::Backup(_) => {
                let there = elsewhere.map(|it| format!(" -C {it}")).unwrap_or_default();
                let restore =
                    format!("`wtmag restore {id}{there}` brings its branch and worktree back");
                Some(format!("{restore}, then {resume}"))
            }
            Self::Nothing => None,
        }
    }
}

/// What is kept of it.
pub(super) fn kept(repo: &Repo, worker: &Worker) -> Result<Option<Backup>, Failure> {
    let Some(ended) = worker.ended else { return Ok(None) };
    let backups = backup::list(repo.common_dir())?;
    // An older or newer worker may have had the same id.
    let is_it =
        |it: &Backup| it.worker == worker.id && (worker.created..=ended).contains(&it.removed);
    Ok(backups.into_iter().find(is_it))
}

/// How its agent is started again, if that is possible.
fn way_back(context: &Context, worker: &Worker, left: &Left) -> Option<String> {
    let is_here = context.project().as_deref() == Some(&worker.repo);
    let home = Repo::discover(&worker.repo).ok().filter(|_| !is_here);
    let home = home.and_then(|it| Some(shlex::try_quote(it.home().to_str()?).ok()?.into_owned()));
    left.way_back(worker, home.as_deref())
}

/// Tells on standard error that what follows is about a removed worker.
pub(super) fn note(context: &Context, worker: &Worker) {
    if worker.ended.is_none() || context.json() {
        return;
    }
    let left = Left::of(worker);
    let back = way_back(context, worker, &left).map(|it| format!(": {it}")).unwrap_or_default();
    context.say(&format!("note: {}{back}", left.words(worker, clock::now())));
}

/// The error of a command that needs a worker that is there.
pub(super) fn refusal(context: &Context, worker: &Worker) -> Failure {
    let left = Left::of(worker);
    let failure = Failure::user(left.words(worker, clock::now()));
    let back = way_back(context, worker, &left);
    let failure = back.into_iter().fold(failure, Failure::hint);
    let id = &worker.id;
    failure.hint(format!(
        "what is known of it: `wtmag show {id}`, `wtmag said {id}`, `wtmag log {id}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::{self, NOW};

    #[test]
    fn what_is_left_and_the_way_back_are_named() {
        let mut worker = samples::worker("blog-a");
        worker.branch = "a".into();
        worker.ended = Some(NOW);
        let now = Timestamp(NOW.0 + 3 * 86_400_000);
        let check = |left: &Left, words: &str, way: Option<&str>| {
            let want = format!("`blog-a` was removed 3d ago; {words}");
            assert_eq!(left.words(&worker, now), want);
            assert_eq!(left.way_back(&worker, Some("/src/blog")).as_deref(), way);
        };
        let resume = "`wtmag resume blog-a` starts its agent again";
        check(&Left::Branch, "its branch `a` is kept", Some(resume));
        let restore = "`wtmag restore blog-a -C /src/blog` brings its branch and worktree back";
        check(
            &Left::Backup(NOW),
            "a backup of its branch `a` is kept for 27d",
            Some(&format!("{restore}, then {resume}")),
        );
        check(&Left::Nothing, "its branch `a` is gone", None);
    }
}
