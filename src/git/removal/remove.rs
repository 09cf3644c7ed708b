//! The removal itself: check, back up, rename, check again, delete.
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    backup::{self, Space, state_of},
    collect::{look, look_at},
    facts::{Facts, Kind, Place, Subject},
    losses::{Insist, Loss, Policy, losses, notes},
    place::aside,
    unlink::{delete, unregister},
};
use crate::{
    git::{BranchEnd, Error, Hooks, Repo, RepoLock, Run, Tool, Wt, branch, hooks},
    model::WorkerId,
};

/// A slow project hook may take this long.
const LIMIT: Duration = Duration::from_secs(600);

/// A worktree to remove.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    pub worker: &'a WorkerId,
    pub subject: Subject<'a>,
    /// What may be lost.
    pub insist: Insist<'a>,
    /// For `pre-remove` and `post-remove`.
    pub hooks: Hooks,
}

/// The result of a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// It was registered or existed, and now is gone.
    pub worktree: bool,
    pub branch: BranchEnd,
    /// What the user should know, as sentences.
    pub notes: Vec<String>,
}

/// Removes the worktree, and its branch if asked. What is already gone counts as done.
///
/// # Errors
/// [`Error::WouldLose`] without `force`; [`Error::MainWorktree`] always; [`Error::Unapproved`],
/// [`Error::HookFailed`]; [`Error::Io`] for files that could not be deleted, without `force`.
pub async fn remove(
    lock: &RepoLock,
    tool: &Tool,
    job: &Job<'_>,
    run: &mut Run<'_>,
) -> Result<Outcome, Error> {
    let mut removal = Removal { lock, job, notes: Vec::new() };
    let hooked = removal.before(tool, run).await?;
    let mut outcome = removal.put_aside_and_delete(run).await?;
    if let (Some(hooked), true) = (hooked, outcome.worktree)
        && let Err(error) = removal.after(&hooked, run).await
    {
        // Already gone.
        outcome.notes.push(error.to_string());
    }
    Ok(outcome)
}

/// A worktree whose hooks run, as the hooks see it.
struct Hooked<'t> {
    wt: &'t Wt,
    path: PathBuf,
    commit: Option<String>,
}

struct Removal<'a> {
    lock: &'a RepoLock,
    job: &'a Job<'a>,
    notes: Vec<String>,
}

impl Removal<'_> {
    /// Runs WorkTrunk's hooks before a removal that is certain to happen.
    async fn before<'t>(
        &mut self,
        tool: &'t Tool,
        run: &mut Run<'_>,
    ) -> Result<Option<Hooked<'t>>, Error> {
        let Tool::Wt(wt) = tool else { return Ok(None) };
        if self.job.hooks == Hooks::Skip {
            return Ok(None);
        }
        let facts = look(self.lock, &self.job.subject, run).await?;
        self.judge(&facts)?;
        let Place::Here { path } = &facts.place else { return Ok(None) };
        match self.hook((wt, path), "pre-remove", &[], run).await {
            Ok(()) => {
                let commit = facts.branch.map(|it| it.tip);
                Ok(Some(Hooked { wt, path: path.clone(), commit }))
            }
            Err(error @ Error::HookFailed { .. }) if self.is_forced() => {
                self.notes.push(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn hook(
        &self,
        (wt, dir): (&Wt, &Path),
        phase: &'static str,
        vars: &[String],
        run: &mut Run<'_>,
    ) -> Result<(), Error> {
        let flags = self.job.hooks.flag().map(str::to_owned).into_iter();
        let vars = vars.iter().flat_map(|it| ["--var".to_owned(), it.clone()]);
        let flags: Vec<String> = flags.chain(vars).collect();
        let output = wt.hook(dir, phase, &flags, LIMIT, run).await?;
        hooks::judge(wt, phase, &output)
    }

    /// Runs the hooks after a removal, beside the repository, with the removed worktree as their
    /// subject.
    async fn after(&self, hooked: &Hooked<'_>, run: &mut Run<'_>) -> Result<(), Error> {
        let repo = Repo::discover(self.job.subject.common_dir)?;
        let mut vars = vec![format!("worktree_path={}", hooked.path.display())];
        let name = hooked.path.file_name().unwrap_or_default().to_string_lossy();
        vars.push(format!("worktree_name={name}"));
        vars.extend(self.job.subject.branch.map(|it| format!("branch={it}")));
        vars.extend(hooked.commit.as_ref().map(|it| format!("commit={it}")));
        self.hook((hooked.wt, repo.home()), "post-remove", &vars, run).await
    }

    /// Refuses if work would be lost, unless forced. Never removes the repository itself.
    fn judge(&self, facts: &Facts) -> Result<(), Error> {
        let lost = losses(facts, Policy::WindowClosed);
        let left = self.job.insist.left(&lost);
        if left.is_empty() {
            return Ok(());
        }
        Err(Error::WouldLose { losses: left.into_iter().map(Loss::to_string).collect() })
    }

    /// The state that the user allowed to be lost must be the one that is there.
    async fn compare(&self, facts: &Facts, run: &Run<'_>) -> Result<(), Error> {
        let Insist::Discard(allowed) = self.job.insist else { return Ok(()) };
        match state_of(facts, run).await? {
            Some(state) if state == allowed => Ok(()),
            _ => Err(Error::StateChanged { allowed: allowed.to_owned() }),
        }
    }

    fn is_forced(&self) -> bool {
        self.job.insist == Insist::Force
    }

    async fn put_aside_and_delete(&mut self, run: &mut Run<'_>) -> Result<Outcome, Error> {
        let subject = &self.job.subject;
        let mut place = super::place::find(subject.path, subject.git_dir);
        let was = put_aside(&mut place);
        // No process can find it by its name any more: what this check sees is what is removed.
        let facts = match look_at(self.lock, subject, place, run).await {
            Ok(facts) => facts,
            Err(error) => return Err(back(was.as_ref(), error)),
        };
        if let Err(error) = self.judge(&facts) {
            return Err(back(was.as_ref(), error));
        }
        if let Err(error) = self.compare(&facts, run).await {
            return Err(back(was.as_ref(), error));
        }
        let who = (self.job.worker, was.as_ref().map_or(subject.path, |it| &it.original));
        let space = match self.job.insist {
            Insist::Abandon => Space::Abandoned,
            Insist::No | Insist::Discard(_) | Insist::Force => Space::Removed,
        };
        match backup::keep(subject.common_dir, who, (&facts, space), run).await {
            Ok(failed) if failed.is_empty() || self.is_forced() => self.notes.extend(failed),
            Ok(failed) => {
                let error = Error::WouldLose { losses: failed };
                return Err(back(was.as_ref(), error));
            }
            Err(error) if self.is_forced() => {
                self.notes.push(format!("no backup was made: {error}"));
            }
            Err(error) => return Err(back(was.as_ref(), error)),
        }
        self.notes.extend(notes(&facts));
        self.delete(&facts, run).await
    }

    async fn delete(&mut self, facts: &Facts, run: &mut Run<'_>) -> Result<Outcome, Error> {
        let subject = &self.job.subject;
        let mut worktree = subject.git_dir.exists();
        match &facts.place {
            Place::Missing => {}
            Place::Foreign { path, why } => {
                self.notes.push(format!("`{}` is left: {why}", path.display()));
            }
            Place::Here { path } | Place::Damaged { path, .. } if !facts.mounts.is_empty() => {
                let path = path.display();
                self.notes.push(format!("`{path}` is left: another file system is mounted in it"));
            }
            Place::Here { path } | Place::Damaged { path, .. } => match delete(path) {
                Ok(()) => worktree = true,
                Err(error) if self.is_forced() => {
                    self.notes.push(format!("`{}` is left: {error}", path.display()));
                }
                Err(error) => return Err(Error::io("delete", path)(error)),
            },
        }
        self.unregister(subject.git_dir, subject.common_dir)?;
        for it in facts.repositories.iter().filter(|it| it.kind == Kind::Linked && !it.goes) {
            self.unregister(&it.git_dir, &it.common_dir)?;
        }
        let branch = self.delete_branch(facts, run).await;
        Ok(Outcome { worktree, branch, notes: std::mem::take(&mut self.notes) })
    }

    fn unregister(&mut self, git_dir: &Path, common_dir: &Path) -> Result<(), Error> {
        match unregister(git_dir, common_dir) {
            Err(error) if self.is_forced() => {
                let git_dir = git_dir.display();
                self.notes.push(format!("the registration `{git_dir}` is left: {error}"));
                Ok(())
            }
            other => other.map_err(Error::io("delete", git_dir)),
        }
    }

    /// The worktree is gone by now. If the branch must stay, that is reported and nothing is lost.
    async fn delete_branch(&mut self, facts: &Facts, run: &Run<'_>) -> BranchEnd {
        let Some(name) = self.job.subject.branch else { return BranchEnd::Kept };
        let Some(tip) = &facts.branch else {
            let is_unread = facts.repositories.iter().any(|it| !it.unreadable.is_empty());
            if !is_unread {
                return BranchEnd::Gone;
            }
            self.notes.push(format!("branch `{name}` is kept: it could not be read"));
            return BranchEnd::Kept;
        };
        let deleted = match Repo::discover(self.job.subject.common_dir) {
            Ok(repo) if !*run.cancel.borrow() => branch::delete(&repo, name, &tip.tip).await,
            Ok(_) => return BranchEnd::Kept,
            Err(error) => Err(error),
        };
        deleted.unwrap_or_else(|error| {
            let cause = std::error::Error::source(&error).map(|it| format!(": {it}"));
            self.notes
                .push(format!("branch `{name}` is kept: {error}{}", cause.unwrap_or_default()));
            BranchEnd::Kept
        })
    }
}

/// A renamed directory.
struct Moved {
    original: PathBuf,
    aside: PathBuf,
}

/// Renames the directory and updates `place`. If it cannot be renamed, it is checked where it is.
fn put_aside(place: &mut Place) -> Option<Moved> {
    let (Place::Here { path } | Place::Damaged { path, .. }) = place else { return None };
    let original = path.clone();
    let name = path.file_name()?.to_string_lossy().into_owned();
    let before = name.strip_prefix('.').and_then(|it| it.strip_suffix(".wtmag-removing"));
    if let Some(before) = before {
        // An earlier removal was killed in the middle.
        let moved = Moved { original: path.with_file_name(before), aside: original };
        return Some(moved);
    }
    let aside = aside(path);
    if aside.symlink_metadata().is_ok() || fs::rename(&*path, &aside).is_err() {
        return None;
    }
    path.clone_from(&aside);
    Some(Moved { original, aside })
}

/// Moves the directory back; returns the error that was the reason.
fn back(moved: Option<&Moved>, error: Error) -> Error {
    let Some(Moved { original, aside }) = moved else { return error };
    match fs::rename(aside, original) {
        Ok(()) => error,
        Err(it) => Error::io("move back", aside)(it),
    }
}
