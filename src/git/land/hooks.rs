//! WorkTrunk's hooks around a merge: `pre-merge` and `post-merge`.
use std::{path::Path, time::Duration};

use crate::git::{Error, Hooks, News, Run, Tool, hooks::judge};

/// A project's tests may run in one.
const LIMIT: Duration = Duration::from_secs(3600);

/// Runs the hooks of one phase in the worktree, with the target's name as `{{ target }}`. Plain git has
/// none.
///
/// # Errors
/// [`Error::Unapproved`], [`Error::HookFailed`] with the hook's code and last lines.
pub async fn run_hook(
    tool: &Tool,
    (worktree, into): (&Path, &str),
    phase: &'static str,
    hooks: Hooks,
    run: &mut Run<'_>,
) -> Result<(), Error> {
    let Tool::Wt(wt) = tool else { return Ok(()) };
    if hooks == Hooks::Skip {
        return Ok(());
    }
    (run.tell)(&News::Hook { phase });
    let target = ["--var".to_owned(), format!("target={into}")];
    let flags: Vec<String> = hooks.flag().map(str::to_owned).into_iter().chain(target).collect();
    let output = wt.hook(worktree, phase, &flags, LIMIT, run).await?;
    judge(wt, phase, &output)
}
