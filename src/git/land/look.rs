//! Collects the facts about a branch and its target. Decides nothing, and changes no ref.
use std::{fs, path::Path};

use super::{
    combine::{self, Ids, LandOptions},
    facts::{CheckedOut, Checkout, Facts, Target},
};
use crate::{
    git::{
        Error, Repo, RepoLock, Run, Worktree,
        at::{At, history},
        changes::{Fork, fork},
        removal::files,
        repo::{branch_of, worktree_of_git_dir},
    },
    model::Base,
};

/// What shall be landed.
#[derive(Clone)]
pub struct Subject<'a> {
    pub repo: &'a Repo,
    /// The worktree's git dir.
    pub git_dir: &'a Path,
    pub base: Option<&'a Base>,
    /// The target, if it is not the base.
    pub into: Option<&'a str>,
    pub options: LandOptions<'a>,
}

/// Collects the facts and builds the result.
///
/// # Errors
/// [`Error::Read`]; [`Error::Proc`] if the user cancelled.
pub async fn look(
    _lock: &RepoLock,
    subject: &Subject<'_>,
    run: &mut Run<'_>,
) -> Result<Facts, Error> {
    let Subject { repo, git_dir, base, into, ref options } = *subject;
    let mut facts = Facts {
        tip: repo.branch_tip(options.branch)?,
        checked_out: checked_out(git_dir, options.branch),
        base: None,
        target: None,
        into: into.map(str::to_owned),
        outcome: None,
        commits: Vec::new(),
        is_pushed: false,
    };
    let Some(tip) = facts.tip.clone() else { return Ok(facts) };
    for remote in repo.remotes() {
        let copy = repo.ref_id(&format!("refs/remotes/{remote}/{}", options.branch))?;
        facts.is_pushed |= copy.is_some() && copy == repo.commit_id(&tip);
    }
    let Some(fork) = fork(repo, options.branch, base, &tip, run).await? else { return Ok(facts) };
    facts.base = Some(fork.base.clone());
    facts.into = facts.into.or_else(|| fork.branch.clone());
    let bare = At::bare(repo.common_dir());
    let own = history(&bare, std::slice::from_ref(&tip), &fork.known, run).await?;
    facts.commits = own.map_err(Error::read("the commits"))?;
    let Some(into) = facts.into.clone() else { return Ok(facts) };
    let Some(target_tip) = repo.branch_tip(&into)? else { return Ok(facts) };
    let (onto, diverged_from) = onto(repo, &into, &target_tip, &fork);
    let mut target = Target {
        name: into.clone(),
        tip: target_tip.clone(),
        checkouts: Vec::new(),
        catches_up: 0,
        diverged_from,
    };
    if onto != target_tip {
        target.catches_up = bare.count(&[&format!("{target_tip}..{onto}")], run).await?;
    }
    for worktree in repo.worktrees()? {
        if worktree.branch.as_deref() == Some(into.as_str())
            && (!worktree.is_missing || worktree.locked.is_some())
        {
            target.checkouts.push(checkout(&worktree, run).await?);
        }
    }
    let at = place(&bare, &target);
    let ids = Ids {
        tip: &tip,
        fork: &fork.id,
        onto: &onto,
        target: &target_tip,
        start: base.map(|it| it.sha.as_str()).filter(|it| repo.commit_id(it).is_some()),
        into: &into,
    };
    facts.outcome = Some(combine::build(&at, options, &ids, run).await?);
    facts.target = Some(target);
    Ok(facts)
}

/// Where git runs: the attributes of a merge are read from the target's files.
fn place(bare: &At, target: &Target) -> At {
    let is_usable = |it: &&Checkout| !it.is_away && it.unreadable.is_none();
    match target.checkouts.iter().find(is_usable) {
        Some(checkout) => {
            At { git_dir: bare.git_dir.clone(), work_tree: Some(checkout.path.clone()) }
        }
        None => bare.clone(),
    }
}

fn checked_out(git_dir: &Path, branch: &str) -> CheckedOut {
    if worktree_of_git_dir(git_dir).is_none() {
        return CheckedOut::Gone;
    }
    let head = fs::read_to_string(git_dir.join("HEAD")).unwrap_or_default();
    match head.strip_prefix("ref: ").and_then(branch_of) {
        Some(it) if it == branch => CheckedOut::Own,
        Some(it) => CheckedOut::Other(it),
        None => CheckedOut::Detached,
    }
}

/// The commit on which the work is put: the target's, or a later one of the base to which the target
/// can catch up. Also the base's name if the two have diverged.
fn onto(repo: &Repo, into: &str, target: &str, fork: &Fork) -> (String, Option<String>) {
    let mut onto = target.to_owned();
    let is_in = |a: &str, b: &str| match (repo.commit_id(a), repo.commit_id(b)) {
        (Some(a), Some(b)) => repo.is_ancestor(a, b),
        _ => false,
    };
    let mut diverged = None;
    if fork.branch.as_deref() == Some(into) {
        for copy in &fork.copies {
            if is_in(&onto, copy) {
                copy.clone_into(&mut onto);
            } else if !is_in(copy, &onto) {
                diverged = Some(fork.base.clone());
            }
        }
    }
    if is_in(&onto, &fork.id) {
        fork.id.clone_into(&mut onto);
    }
    (onto, diverged)
}

async fn checkout(worktree: &Worktree, run: &Run<'_>) -> Result<Checkout, Error> {
    let mut found = Checkout {
        path: worktree.path.clone(),
        changed: Vec::new(),
        operation: files::operation(&worktree.git_dir),
        is_away: worktree.is_missing,
        unreadable: None,
    };
    if found.is_away {
        return Ok(found);
    }
    let at = At { git_dir: worktree.git_dir.clone(), work_tree: Some(worktree.path.clone()) };
    match files::look(&at, &[], run).await? {
        Ok(files) => found.changed = files.changed,
        Err(why) => found.unreadable = Some(why),
    }
    Ok(found)
}
