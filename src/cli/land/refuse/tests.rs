use super::*;
use crate::{
    git::land::{Checkout, Target},
    model::samples,
    model::{Question, Step},
};

/// A worker at rest whose branch is ready to be merged into `main`.
fn worker() -> Worker {
    let mut worker = samples::worker("a");
    worker.state.process.value = Process::Running;
    worker.state.turn.value = AgentState::Idle;
    worker
}

fn facts() -> Facts {
    let checkout = Checkout {
        path: "/src/blog".into(),
        changed: Vec::new(),
        operation: None,
        is_away: false,
        unreadable: None,
    };
    Facts {
        tip: Some("1".into()),
        checked_out: CheckedOut::Own,
        base: Some("main".into()),
        target: Some(Target {
            name: "main".into(),
            tip: "0".into(),
            checkouts: vec![checkout],
            catches_up: 0,
            diverged_from: None,
        }),
        into: Some("main".into()),
        outcome: Some(Outcome::Ready { commit: "2".into() }),
        commits: vec!["1 Work".into()],
        is_pushed: false,
    }
}

fn names(all: &[&str]) -> Names {
    Names::of(&all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// The reasons, as they are printed, for a case that one change makes different.
#[track_caller]
fn check(change: impl FnOnce(&mut Worker, &mut Facts, &mut Vec<Loss>), want: &[&str]) {
    check_with(&[], false, change, want);
}

#[track_caller]
fn check_with(
    need: &[LandNeed],
    keep: bool,
    change: impl FnOnce(&mut Worker, &mut Facts, &mut Vec<Loss>),
    want: &[&str],
) {
    let (mut worker, mut facts, mut losses) = (worker(), facts(), Vec::new());
    change(&mut worker, &mut facts, &mut losses);
    let case = Case {
        worker: &worker,
        deliveries: &[],
        losses: &losses,
        facts: &facts,
        need,
        keep,
        pull: None,
        busy_target: None,
    };
    let found: Vec<String> = refusals(&case).iter().map(Refusal::to_string).collect();
    assert_eq!(found, want);
}

#[test]
fn work_that_is_ready_is_landed() {
    check(|_, _, _| {}, &[]);
    // It may have landed already; then only the worker is removed.
    check(|_, facts, _| facts.outcome = Some(Outcome::Landed), &[]);
    check(|_, facts, _| facts.checked_out = CheckedOut::Gone, &[]);
    check(|_, facts, _| facts.target.as_mut().unwrap().checkouts.clear(), &[]);
    check(
        |_, _, losses| {
            let commits = names(&["1 Work"]);
            losses.push(Loss::Commits { commits, looks_merged_into: None, detached: None });
        },
        &[],
    );
}

#[test]
fn the_agent_must_be_done() {
    let turn = |turn: AgentState| {
        move |worker: &mut Worker, _: &mut Facts, _: &mut Vec<Loss>| worker.state.turn.value = turn
    };
    check(turn(AgentState::Working), &["the agent is `working`"]);
    check(turn(AgentState::Retrying), &["the agent is `retrying`"]);
    check(turn(AgentState::Waiting(Question::Permission)), &["the agent is `waiting: permission`"]);
    check(turn(AgentState::Draft), &["the agent is `draft`"]);
    check(turn(AgentState::Unknown), &[]);
    check(turn(AgentState::Failed), &[]);
    check_with(&[LandNeed::Idle], false, turn(AgentState::Unknown), &["the agent is `starting`"]);
    check_with(&[LandNeed::Idle], false, turn(AgentState::Idle), &[]);
    check(
        |worker, _, _| {
            worker.state.process.value = Process::Starting;
            worker.state.turn.value = AgentState::Unknown;
        },
        &["the agent is `starting`"],
    );
    // What the agent did last does not matter when it is gone.
    check(
        |worker, _, _| {
            worker.state.process.value = Process::Exited(crate::model::Exit::Code(0));
            worker.state.turn.value = AgentState::Working;
        },
        &[],
    );
}

#[test]
fn a_text_that_waits_must_arrive_first() {
    let (worker, facts) = (worker(), facts());
    let deliveries =
        [samples::delivery(3, "a", Step::Accepted), samples::delivery(4, "a", Step::Queued)];
    let case = Case {
        worker: &worker,
        deliveries: &deliveries,
        losses: &[],
        facts: &facts,
        need: &[],
        keep: false,
        pull: None,
        busy_target: Some("b"),
    };
    let found: Vec<String> = refusals(&case).iter().map(Refusal::to_string).collect();
    let busy = "`/src/blog` cannot be changed: the agent of `b` is at work there";
    assert_eq!(found, ["text 4 waits to be delivered to the agent", busy]);
}

#[test]
fn nothing_may_be_left_behind() {
    type Row<'a> = (Loss, &'a str, bool);
    let rows: &[Row<'_>] = &[
        (Loss::Uncommitted(names(&["a"])), "uncommitted changes: `a`", true),
        (Loss::Untracked(names(&["b"])), "untracked files: `b`", true),
        (Loss::Operation("rebase"), "an unfinished rebase", true),
        (Loss::Unreadable("x".into()), "could not be checked: x", true),
        (Loss::Stashes(names(&["WIP"])), "stashes: `WIP`", false),
        (Loss::Lock("mine".into()), "a lock on the worktree: mine", false),
        (Loss::Worker("c".into()), "worker `c` works there", false),
    ];
    for (loss, want, even_if_kept) in rows {
        check(|_, _, losses| losses.push(loss.clone()), &[want]);
        let kept: &[&str] = if *even_if_kept { &[want] } else { &[] };
        check_with(&[], true, |_, _, losses| losses.push(loss.clone()), kept);
    }
}

#[test]
fn the_branch_and_the_target_must_be_known() {
    check(|_, facts, _| facts.tip = None, &["the branch is gone"]);
    check(
        |_, facts, _| facts.checked_out = CheckedOut::Other("x".into()),
        &["the worktree has another branch checked out: `x`"],
    );
    check(
        |_, facts, _| facts.checked_out = CheckedOut::Detached,
        &["the worktree has no branch checked out"],
    );
    check(
        |_, facts, _| (facts.target, facts.into) = (None, None),
        &["it is not known into which branch the work belongs"],
    );
    check(|_, facts, _| facts.target = None, &["there is no local branch `main`"]);
    check(
        |worker, facts, _| {
            worker.branch = "main".into();
            facts.outcome = Some(Outcome::Empty);
        },
        &["the branch cannot be landed in itself"],
    );
}

#[test]
fn the_worktree_of_the_target_must_be_clean() {
    let checkout = |change: fn(&mut Checkout)| {
        move |_: &mut Worker, facts: &mut Facts, _: &mut Vec<Loss>| {
            change(&mut facts.target.as_mut().unwrap().checkouts[0]);
        }
    };
    check(
        checkout(|it| it.changed = vec!["a".into()]),
        &["`/src/blog` has uncommitted changes: `a`"],
    );
    check(
        checkout(|it| it.operation = Some("merge")),
        &["`/src/blog` cannot be changed: a merge is unfinished there"],
    );
    check(
        checkout(|it| it.is_away = true),
        &["`/src/blog` cannot be changed: it is locked, and its directory is gone"],
    );
    check(
        checkout(|it| it.unreadable = Some("no index".into())),
        &["`/src/blog` cannot be changed: no index"],
    );
    check(
        |_, facts, _| {
            let all = &mut facts.target.as_mut().unwrap().checkouts;
            all.extend(all.clone());
        },
        &["several worktrees have `main` checked out"],
    );
}

#[test]
fn what_cannot_be_merged_is_not() {
    let outcome = |outcome: Outcome| {
        move |_: &mut Worker, facts: &mut Facts, _: &mut Vec<Loss>| facts.outcome = Some(outcome)
    };
    let files = vec!["a".to_owned()];
    check(
        outcome(Outcome::Conflict { files: files.clone(), at: None }),
        &["conflicts with `main`: `a`"],
    );
    check(
        outcome(Outcome::Conflict { files, at: Some("abc".into()) }),
        &["conflicts with `main` in commit abc: `a`"],
    );
    check(outcome(Outcome::Empty), &["the branch has no commits that `main` does not have"]);
    check(outcome(Outcome::NotForward), &["`main` has commits that the branch does not have"]);
    check(
        outcome(Outcome::Rewritten),
        &["`main` was rewritten: a merge would bring commits back that were removed from it"],
    );
    check(
        outcome(Outcome::Unequal),
        &["a rebase would lose changes that were made in merge commits of the branch"],
    );
    check(
        outcome(Outcome::Failed { why: "git 2.38 or later is needed".into() }),
        &["git cannot merge it: git 2.38 or later is needed"],
    );
}

#[test]
fn more_can_be_asked_for() {
    let need = [LandNeed::Clean, LandNeed::Pushed, LandNeed::Checks, LandNeed::Approved];
    let only = |it: &str| format!("`{it}` can only be checked with `--mode pr`");
    let (checks, approved) = (only("checks"), only("approved"));
    check_with(&need, false, |_, _, _| {}, &["the branch is not pushed", &checks, &approved]);
    check_with(&[LandNeed::Pushed], false, |_, facts, _| facts.is_pushed = true, &[]);
}

/// The reasons against merging a pull request that differs in one way from one that is ready.
#[track_caller]
fn check_pull(need: &[LandNeed], change: impl FnOnce(&mut PullState), want: &[&str]) {
    let (worker, mut facts) = (worker(), facts());
    // What is here does not matter: the forge merges.
    facts.outcome = Some(Outcome::NotForward);
    let mut pull = PullState { head: "1".into(), ..samples::pull_state(5) };
    change(&mut pull);
    let case = Case {
        worker: &worker,
        deliveries: &[],
        losses: &[],
        facts: &facts,
        need,
        keep: false,
        pull: Some(&pull),
        busy_target: None,
    };
    let found: Vec<String> = refusals(&case).iter().map(Refusal::to_string).collect();
    assert_eq!(found, want);
}

#[test]
fn a_pull_request_is_merged_at_exactly_the_commit_of_the_branch() {
    let all = [LandNeed::Checks, LandNeed::Approved];
    let why = |it: &str| format!("its pull request cannot be merged: {it}");
    let other = "its pull request is at 2222222, but the branch at 1";
    check_pull(&[], |_| {}, &[]);
    check_pull(&[], |it| it.checks = Checks::None, &[]);
    check_pull(&[], |it| it.head = "2".repeat(40), &[other]);
    check_pull(&[], |it| it.is_draft = true, &[&why("it is a draft")]);
    check_pull(&[], |it| it.is_open = false, &[&why("it is closed")]);
    check_pull(
        &[],
        |it| it.checks = Checks::Pending,
        &["the checks of its pull request still run"],
    );
    check_pull(&[], |it| it.checks = Checks::Failed, &[]);
    check_pull(&all, |it| it.review = Review::Approved, &[]);
    let both = [why("a check failed"), why("it is not approved")];
    check_pull(&all, |it| it.checks = Checks::Failed, &[&both[0], &both[1]]);
    // Merged by others: only at this commit it is this work.
    check_pull(&all, |it| (it.is_open, it.is_merged) = (false, true), &[]);
    check_pull(
        &all,
        |it| (it.is_open, it.is_merged, it.head) = (false, true, "2".repeat(40)),
        &[other],
    );
}
