//! Taking the worktree of a worker away again.
use std::path::PathBuf;

use super::{
    Error, Hooks, News, Repo, RepoLock, Run, Tool, Worktree, branch,
    hooks::asks_for_approval,
    plain,
    wt::{failed, reason},
};

/// A worktree that is to go.
#[derive(Clone, Debug)]
pub struct Removal {
    pub path: PathBuf,
    /// Finds it also after `git worktree move`.
    pub git_dir: PathBuf,
    /// The branch that goes with it; `None` keeps it.
    pub branch: Option<Doomed>,
    /// Whatever it holds, and whether or not it is locked.
    pub force: bool,
    /// For `pre-remove` and `post-remove`.
    pub hooks: Hooks,
}

/// A branch that may be deleted while it is at `tip`: what was looked at is what goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    pub name: String,
    pub tip: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// It was registered and now is not.
    pub worktree: bool,
    pub branch: BranchEnd,
}

/// What became of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BranchEnd {
    /// Nobody asked for its end.
    Kept,
    Deleted,
    /// There was none any more.
    Gone,
    /// Kept: it has other commits than were looked at.
    Moved {
        tip: String,
    },
    /// Kept: another worktree has it.
    CheckedOut {
        path: PathBuf,
    },
}

/// Takes the worktree away, and its branch if asked, under the lock under which it was looked at. What is registered
/// nowhere any more counts as done.
///
/// # Errors
/// [`Error::MainWorktree`], [`Error::WorktreeLocked`], [`Error::Unapproved`], [`Error::Failed`] with
/// what git or WorkTrunk said, as for uncommitted work without `force`.
pub async fn remove(
    repo: &Repo,
    _lock: &RepoLock,
    tool: &Tool,
    removal: &Removal,
    run: &mut Run<'_>,
) -> Result<Removed, Error> {
    let found = repo.worktree_of_dir(&removal.git_dir)?;
    let worktree = found.is_some();
    if let Some(doomed) = found {
        remove_worktree(repo, tool, removal, &doomed, run).await?;
        if repo.worktree_of_dir(&doomed.git_dir)?.is_some() {
            let act = format!("remove `{}`", doomed.path.display());
            return Err(Error::Failed {
                program: tool.name(),
                act,
                text: "it is still there".to_owned(),
                said: String::new(),
            });
        }
    }
    let branch = match &removal.branch {
        Some(doomed) => branch::delete(repo, &doomed.name, &doomed.tip).await?,
        None => BranchEnd::Kept,
    };
    Ok(Removed { worktree, branch })
}

async fn remove_worktree(
    repo: &Repo,
    tool: &Tool,
    removal: &Removal,
    doomed: &Worktree,
    run: &mut Run<'_>,
) -> Result<(), Error> {
    if doomed.is_main {
        return Err(Error::MainWorktree { path: doomed.path.clone() });
    }
    if let Some(reason) = doomed.lock_reason() {
        if !removal.force {
            return Err(Error::WorktreeLocked { path: doomed.path.clone(), reason });
        }
        plain::unlock(repo, doomed, run).await?;
    }
    let answer = match tool {
        Tool::Wt(wt) if !doomed.is_missing => {
            let answer =
                wt.remove(repo.home(), doomed, removal.hooks.flag(), removal.force, run).await?;
            match answer {
                Err(said) if asks_for_approval(&said.stderr_text()) => {
                    return Err(Error::Unapproved {
                        phase: "pre-remove",
                        text: said.stderr_text(),
                    });
                }
                Err(said) if is_lost(&said.stderr_text()) => {
                    (run.tell)(&News::Fallback { why: reason(&said) });
                    plain::remove(repo, doomed, removal.force, run).await?
                }
                Err(_) if removal.force => plain::remove(repo, doomed, true, run).await?,
                other => other,
            }
        }
        Tool::Wt(_) | Tool::Git { .. } => plain::remove(repo, doomed, removal.force, run).await?,
    };
    answer.map_err(|output| {
        let act = format!("remove `{}`", doomed.path.display());
        failed(tool.name(), act, &output)
    })
}

/// WorkTrunk looks for the repository beside its git dir, which `--separate-git-dir` put elsewhere.
fn is_lost(text: &str) -> bool {
    text.contains("git rev-parse --git-common-dir failed")
}
