//! Decides whether a worker's work may be landed. Pure: facts in, every reason against it out.
use std::fmt;

use crate::{
    config::LandNeed,
    git::{
        land::{CheckedOut, Facts, Outcome},
        removal::{Loss, Names},
    },
    model::{AgentState, Checks, Delivery, Process, PullState, Review, Worker},
};

/// Everything that decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) worker: &'a Worker,
    /// Its deliveries, open ones and others.
    pub(super) deliveries: &'a [Delivery],
    /// What its removal would lose.
    pub(super) losses: &'a [Loss],
    pub(super) facts: &'a Facts,
    pub(super) need: &'a [LandNeed],
    /// The worker stays afterwards.
    pub(super) keep: bool,
    /// The pull request that the forge shall merge; else the work is merged here.
    pub(super) pull: Option<&'a PullState>,
    /// The worker whose worktree has the target checked out, if its agent is at work.
    pub(super) busy_target: Option<&'a str>,
}

/// One reason against a landing. Prints as a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The agent is at work, asks something, or has text in its box.
    Agent(String),
    /// A text waits for the agent.
    Held(String),
    Loss(Loss),
    BranchGone,
    NotCheckedOut {
        has: Option<String>,
    },
    BaseUnknown,
    TargetMissing(String),
    TargetIsBranch,
    TargetTwice(String),
    TargetDirty {
        path: String,
        files: Names,
    },
    TargetInUse {
        path: String,
        why: String,
    },
    Empty(String),
    Conflict {
        into: String,
        files: Names,
        at: Option<String>,
    },
    NotForward(String),
    Rewritten(String),
    Unequal,
    Failed(String),
    NotPushed,
    OnlyPr(&'static str),
    /// About the pull request.
    Pull(&'static str),
    OtherHead {
        pull: String,
        branch: String,
    },
    ChecksRun,
}

/// All reasons against it; none if it may be landed. Work that the target already has is no reason.
pub(super) fn refusals(case: &Case<'_>) -> Vec<Refusal> {
    let mut found = agent(case);
    found.extend(losses(case));
    found.extend(branch(case));
    match case.pull {
        Some(pull) => found.extend(forge(case, pull)),
        None => {
            found.extend(target(case));
            found.extend(outcome(case));
            found.extend(needs(case));
        }
    }
    found
}

/// The forge merges exactly the branch's commit.
fn forge(case: &Case<'_>, pull: &PullState) -> Vec<Refusal> {
    let tip = case.facts.tip.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    if !pull.is_open && !pull.is_merged {
        found.push(Refusal::Pull("it is closed"));
    }
    if pull.head != tip {
        let short = |it: &str| it.get(..7).unwrap_or(it).to_owned();
        found.push(Refusal::OtherHead { pull: short(&pull.head), branch: short(tip) });
    }
    if !pull.is_open {
        return found;
    }
    if pull.is_draft {
        found.push(Refusal::Pull("it is a draft"));
    }
    let needs = |need: LandNeed| case.need.contains(&need);
    match pull.checks {
        Checks::Failed if needs(LandNeed::Checks) => found.push(Refusal::Pull("a check failed")),
        Checks::Pending => found.push(Refusal::ChecksRun),
        Checks::Failed | Checks::Passed | Checks::None | Checks::Other(_) => {}
    }
    if needs(LandNeed::Approved) && pull.review != Review::Approved {
        found.push(Refusal::Pull("it is not approved"));
    }
    found
}

fn agent(case: &Case<'_>) -> Vec<Refusal> {
    let worker = case.worker;
    let mut found = Vec::new();
    if worker.is_live() {
        let turn = &worker.state.turn.value;
        let is_starting = worker.state.process.value == Process::Starting;
        let is_in_the_way = turn.is_busy() || matches!(turn, AgentState::Waiting(_));
        let may_be_over = turn.listens() || matches!(turn, AgentState::Limited(_));
        let needs_idle = case.need.contains(&LandNeed::Idle);
        if is_starting
            || is_in_the_way
            || *turn == AgentState::Draft
            || (needs_idle && !may_be_over)
        {
            found.push(Refusal::Agent(worker.state.word().to_string()));
        }
        let open = case.deliveries.iter().filter(|it| !it.step.is_final());
        found.extend(open.map(|it| Refusal::Held(it.id.to_string())));
    }
    found
}

/// What a removal loses, except the commits that are landed.
fn losses(case: &Case<'_>) -> Vec<Refusal> {
    let is_against = |it: &&Loss| match it {
        Loss::Commits { .. } => false,
        Loss::Uncommitted(_) | Loss::Untracked(_) | Loss::Operation(_) | Loss::Unreadable(_) => {
            true
        }
        Loss::Stashes(_)
        | Loss::Lock(_)
        | Loss::Worker(_)
        | Loss::MainRepository
        | Loss::NeededBy(_)
        | Loss::Mount(_)
        | Loss::Process(_)
        | Loss::Pane(_)
        | Loss::Inside { .. } => !case.keep,
    };
    case.losses.iter().filter(is_against).cloned().map(Refusal::Loss).collect()
}

fn branch(case: &Case<'_>) -> Option<Refusal> {
    if case.facts.tip.is_none() {
        return Some(Refusal::BranchGone);
    }
    match &case.facts.checked_out {
        CheckedOut::Own | CheckedOut::Gone => None,
        CheckedOut::Other(has) => Some(Refusal::NotCheckedOut { has: Some(has.clone()) }),
        CheckedOut::Detached => Some(Refusal::NotCheckedOut { has: None }),
    }
}

fn target(case: &Case<'_>) -> Vec<Refusal> {
    let facts = case.facts;
    let Some(target) = &facts.target else {
        return match &facts.into {
            _ if facts.tip.is_none() => Vec::new(),
            Some(into) => vec![Refusal::TargetMissing(into.clone())],
            None => vec![Refusal::BaseUnknown],
        };
    };
    if target.name == case.worker.branch {
        return vec![Refusal::TargetIsBranch];
    }
    let mut found = Vec::new();
    if target.checkouts.len() > 1 {
        found.push(Refusal::TargetTwice(target.name.clone()));
    }
    for it in &target.checkouts {
        let path = it.path.display().to_string();
        let why = it.unreadable.clone().or_else(|| {
            let operation = it.operation.map(|it| format!("a {it} is unfinished there"));
            operation
                .or_else(|| it.is_away.then(|| "it is locked, and its directory is gone".into()))
        });
        if let Some(why) = why {
            found.push(Refusal::TargetInUse { path: path.clone(), why });
        }
        if let Some(files) = Names::of(&it.changed) {
            found.push(Refusal::TargetDirty { path: path.clone(), files });
        }
        if let Some(id) = case.busy_target {
            let why = format!("the agent of `{id}` is at work there");
            found.push(Refusal::TargetInUse { path, why });
        }
    }
    found
}

fn outcome(case: &Case<'_>) -> Option<Refusal> {
    let into = case.facts.target.as_ref().map(|it| it.name.clone()).unwrap_or_default();
    if into == case.worker.branch {
        return None;
    }
    Some(match case.facts.outcome.as_ref()? {
        Outcome::Ready { .. } | Outcome::Landed => return None,
        Outcome::Empty => Refusal::Empty(into),
        Outcome::Conflict { files, at } => {
            Refusal::Conflict { into, files: Names::of(files)?, at: at.clone() }
        }
        Outcome::NotForward => Refusal::NotForward(into),
        Outcome::Rewritten => Refusal::Rewritten(into),
        Outcome::Unequal => Refusal::Unequal,
        Outcome::Failed { why } => Refusal::Failed(why.clone()),
    })
}

fn needs(case: &Case<'_>) -> Vec<Refusal> {
    let one = |need: &LandNeed| match need {
        LandNeed::Clean | LandNeed::Idle => None,
        LandNeed::Pushed => (!case.facts.is_pushed).then_some(Refusal::NotPushed),
        LandNeed::Checks => Some(Refusal::OnlyPr("checks")),
        LandNeed::Approved => Some(Refusal::OnlyPr("approved")),
    };
    case.need.iter().filter_map(one).collect()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(word) => write!(f, "the agent is `{word}`"),
            Self::Held(id) => write!(f, "text {id} waits to be delivered to the agent"),
            Self::Loss(loss) => loss.fmt(f),
            Self::BranchGone => f.write_str("the branch is gone"),
            Self::NotCheckedOut { has: Some(has) } => {
                write!(f, "the worktree has another branch checked out: `{has}`")
            }
            Self::NotCheckedOut { has: None } => {
                f.write_str("the worktree has no branch checked out")
            }
            Self::BaseUnknown => f.write_str("it is not known into which branch the work belongs"),
            Self::TargetMissing(name) => write!(f, "there is no local branch `{name}`"),
            Self::TargetIsBranch => f.write_str("the branch cannot be landed in itself"),
            Self::TargetTwice(name) => write!(f, "several worktrees have `{name}` checked out"),
            Self::TargetDirty { path, files } => {
                write!(f, "`{path}` has uncommitted changes: {files}")
            }
            Self::TargetInUse { path, why } => write!(f, "`{path}` cannot be changed: {why}"),
            Self::Empty(into) => write!(f, "the branch has no commits that `{into}` does not have"),
            Self::Conflict { into, files, at } => {
                write!(f, "conflicts with `{into}`")?;
                if let Some(at) = at {
                    write!(f, " in commit {at}")?;
                }
                write!(f, ": {files}")
            }
            Self::NotForward(into) => {
                write!(f, "`{into}` has commits that the branch does not have")
            }
            Self::Rewritten(into) => write!(
                f,
                "`{into}` was rewritten: a merge would bring commits back that were removed from it"
            ),
            Self::Unequal => f.write_str(
                "a rebase would lose changes that were made in merge commits of the branch",
            ),
            Self::Failed(why) => write!(f, "git cannot merge it: {why}"),
            Self::NotPushed => f.write_str("the branch is not pushed"),
            Self::Pull(why) => write!(f, "its pull request cannot be merged: {why}"),
            Self::OtherHead { pull, branch } => {
                write!(f, "its pull request is at {pull}, but the branch at {branch}")
            }
            Self::ChecksRun => f.write_str("the checks of its pull request still run"),
            Self::OnlyPr(need) => write!(f, "`{need}` can only be checked with `--mode pr`"),
        }
    }
}

impl Refusal {
    /// What to do about it.
    pub(super) fn hint(&self, case: &Case<'_>) -> Option<String> {
        let (id, path) = (&case.worker.id, case.worker.worktree.display());
        Some(match self {
            Self::Agent(_) | Self::Held(_) => format!("to let the agent finish: `wtmag wait {id}`"),
            Self::Loss(Loss::Uncommitted(_) | Loss::Untracked(_)) => {
                format!("to see the changes: `wtmag diff {id} --uncommitted`")
            }
            Self::Loss(Loss::Inside { path: inside, loss, .. }) => {
                let inside = case.worker.worktree.join(inside);
                let is_commits = matches!(**loss, Loss::Commits { .. });
                let (what, verb) =
                    if is_commits { ("to push them", "push") } else { ("to see it", "status") };
                format!("{what}: `git -C {} {verb}`", inside.display())
            }
            Self::NotCheckedOut { .. } => {
                format!("`git -C {path} switch {}`", case.worker.branch)
            }
            Self::BaseUnknown => "`--into BRANCH` names it".to_owned(),
            Self::TargetMissing(name) => {
                format!(
                    "if the remote has it: `git branch {name} origin/{name}` makes it here, too"
                )
            }
            Self::TargetDirty { path, .. } => {
                format!("commit or stash them: `git -C {path} status`")
            }
            Self::Conflict { into, .. } => {
                format!(
                    "nothing was changed; `--tell` asks the agent to merge `{into}` and resolve them"
                )
            }
            Self::NotForward(_) => "use `--mode merge`, `squash` or `rebase`".to_owned(),
            Self::Rewritten(_) => "use `--mode rebase` or `squash`".to_owned(),
            Self::Unequal => "use `--mode merge` or `squash`".to_owned(),
            Self::NotPushed | Self::OtherHead { .. } => {
                format!("push or pull the branch: `git -C {path} status`")
            }
            Self::ChecksRun => "`--wait 30m` waits for them".to_owned(),
            Self::Loss(_)
            | Self::BranchGone
            | Self::TargetIsBranch
            | Self::TargetTwice(_)
            | Self::TargetInUse { .. }
            | Self::Empty(_)
            | Self::Failed(_)
            | Self::Pull(_)
            | Self::OnlyPr(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests;
