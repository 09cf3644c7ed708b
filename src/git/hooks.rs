//! WorkTrunk's start hooks, run as a separate phase so that their progress and failure are visible.
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use gix::bstr::ByteSlice as _;

use super::{Error, News, Repo, Run, Tool, Wt, wt::reason};
use crate::proc::Output;

/// Enough for a slow `npm ci`.
const LIMIT: Duration = Duration::from_secs(3600);

/// How often to retry when another git interferes.
const TRIES: usize = 5;

/// What wt says when the user declines, on the line of its question.
const DECLINED: &str = "○ Commands declined";

/// Which hooks to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hooks {
    /// The user's hooks, and the project's if the user approved them; otherwise an error.
    #[default]
    Approved,
    /// All, approved or not.
    Yes,
    /// None.
    Skip,
}

impl Hooks {
    /// Whether a program is present that would run them.
    pub fn run_with(self, tool: &Tool) -> bool {
        matches!(tool, Tool::Wt(_)) && self != Self::Skip
    }

    pub(super) fn flag(self) -> Option<&'static str> {
        match self {
            Self::Approved => None,
            Self::Yes => Some("--yes"),
            Self::Skip => Some("--no-hooks"),
        }
    }
}

/// Runs `pre-start` to its end, then starts `post-start` in the background. The hooks see `base` as
/// `{{ base }}`. Plain git has no such hooks.
///
/// # Errors
/// [`Error::Unapproved`], [`Error::HookFailed`] with the hook's code and last lines.
pub async fn run_hooks(
    tool: &Tool,
    worktree: &Path,
    base: Option<&str>,
    hooks: Hooks,
    run: &mut Run<'_>,
) -> Result<(), Error> {
    let Tool::Wt(wt) = tool else { return Ok(()) };
    let base = base.map(|it| format!("--base={it}"));
    let flags: Vec<String> = hooks.flag().map(str::to_owned).into_iter().chain(base).collect();
    for phase in ["pre-start", "post-start"] {
        (run.tell)(&News::Hook { phase });
        let mut output = wt.hook(worktree, phase, &flags, LIMIT, run).await?;
        for _ in 1..TRIES {
            if output.is_success() || !met_another_git(&output.stderr_text()) {
                break;
            }
            (run.tell)(&News::Retrying { why: "a worktree is just being made".to_owned() });
            output = wt.hook(worktree, phase, &flags, LIMIT, run).await?;
        }
        judge(wt, phase, &output)?;
    }
    Ok(())
}

/// Asks the user at the terminal, if there is one, to approve the project's hooks of these phases.
///
/// # Errors
/// [`Error::Unapproved`] if they are not approved afterwards.
pub async fn approve_hooks(
    tool: &Tool,
    dir: &Path,
    phases: &[&'static str],
    run: &mut Run<'_>,
) -> Result<(), Error> {
    let Tool::Wt(wt) = tool else { return Ok(()) };
    let mut left = wt.unapproved(dir, phases, run).await?;
    if !left.is_empty() && wt.has_terminal {
        wt.ask_approval(dir, run).await?;
        left = wt.unapproved(dir, phases, run).await?;
    }
    let of_first = |phase: &&&str| left.iter().any(|it| it.starts_with(&format!("{phase}:")));
    match phases.iter().find(of_first) {
        Some(phase) => Err(Error::Unapproved { phase, text: left.join("\n") }),
        None => Ok(()),
    }
}

/// Whether the hooks of a phase ran to their end.
pub(super) fn judge(wt: &Wt, phase: &'static str, output: &Output) -> Result<(), Error> {
    let text = output.stderr_text();
    // At a terminal, wt asks, and leaves them out if the user says no.
    if wt.has_terminal && text.lines().any(|it| it.trim_end().ends_with(DECLINED)) {
        return Err(Error::Unapproved { phase, text: String::new() });
    }
    if output.is_success() {
        return Ok(());
    }
    // wt refuses to ask without a terminal.
    if text.contains("Cannot prompt for approval") {
        return Err(Error::Unapproved { phase, text });
    }
    // A hook that was ended by a signal has no code; wt itself would say 128 + signal.
    let code = output.status.code().unwrap_or(1);
    let text = last_lines(&text, &reason(output));
    Err(Error::HookFailed { phase, code, text, had_terminal: wt.has_terminal })
}

/// Whether WorkTrunk could find a start hook: in one of the user's `files`, or in the project's
/// file in the new or the main worktree. A mention in a file is enough.
pub fn may_have_hooks(files: &[PathBuf], repo: &Repo, worktree: &Path) -> bool {
    let project = [worktree, repo.home()].map(|it| it.join(".config/wt.toml"));
    files.iter().chain(&project).any(|file| match fs::read(file) {
        Ok(text) => ["start", "create", "hook"].iter().any(|it| text.contains_str(it)),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    })
}

/// wt could not list the worktrees before it ran anything: git fails on one that is half created.
fn met_another_git(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    first.is_some_and(|line| line.starts_with("✗ git worktree list"))
}

pub(super) fn last_lines(text: &str, or: &str) -> String {
    const N: usize = 10;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(N)..).unwrap_or_default().join("\n");
    if last.is_empty() { or.to_owned() } else { last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_failed_before_any_hook_ran_is_tried_again() {
        let check = |text: &str, want| assert_eq!(met_another_git(text), want, "{text}");
        check("✗ git worktree list --porcelain -z failed (exit code 128)\n  fatal: failed", true);
        check("◎ Running pre-start\n✗ git worktree list --porcelain -z failed", false);
        check("", false);
    }
}
