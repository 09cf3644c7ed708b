//! When a task is over, and what begins then.
use std::collections::BTreeMap;

use super::*;
use crate::model::samples;

fn id(text: &str) -> WorkerId {
    text.parse().unwrap()
}

fn run_of(n_tasks: usize, jobs: usize) -> Run {
    samples::run(1, &vec!["task"; n_tasks], jobs)
}

fn facet(condition: Condition) -> Facet {
    Facet { condition, reported: None, pr: None, commits: None, landed: None, reviews: false }
}

/// One task at work, and what `step` makes of it.
#[track_caller]
fn check(facet: &Facet, lands: bool, want: &str, want_acts: &[Act]) {
    let mut run = run_of(1, 1);
    run.order.land = lands.then(Vec::new);
    run.tasks[0].state = TaskState::AtWork { worker: id("a"), since: Timestamp(5), head: None };
    let facts = Facts { may_begin: true, running: &BTreeSet::new(), worker: &|_| facet.clone() };
    let acts = step(&mut run, &facts, Timestamp(9));
    let state = &run.tasks[0].state;
    let found = if let TaskState::Failed { why, .. } = state {
        format!("failed: {why}")
    } else {
        state.name().to_owned()
    };
    assert_eq!((found.as_str(), acts.as_slice()), (want, want_acts), "{facet:?}");
    assert_eq!(run.over.is_some(), run.tasks[0].state.is_over());
}

#[test]
fn a_task_is_over_when_its_worker_says_so_or_rests_with_something_new() {
    let open = |it: &Facet| check(it, false, "at work", &[]);
    let count = |it: &Facet| check(it, false, "at work", &[Act::Count(1)]);
    let done = |it: &Facet| check(it, false, "done", &[]);
    let failed = |it: &Facet, why: &str| check(it, false, &format!("failed: {why}"), &[]);
    let counted = |condition: Condition, commits: Result<usize, String>| Facet {
        commits: Some(commits),
        ..facet(condition)
    };
    let with = |condition: Condition, n: usize| counted(condition, Ok(n));

    open(&facet(Condition::Busy));
    open(&facet(Condition::Lost));
    open(&with(Condition::Busy, 3));
    count(&facet(Condition::AtRest));
    open(&with(Condition::AtRest, 0));
    open(&counted(Condition::AtRest, Err("no git".into())));
    done(&with(Condition::AtRest, 1));
    done(&Facet { pr: Some("https://x".into()), ..facet(Condition::AtRest) });
    open(&Facet { pr: Some("https://x".into()), ..facet(Condition::Busy) });
    done(&Facet { reviews: true, ..facet(Condition::AtRest) });
    failed(&facet(Condition::Unprompted("x".into())), "its prompt was not delivered: x");
    done(&with(Condition::Ended, 1));
    failed(&with(Condition::Ended, 0), "the agent ended without a new commit or a pull request");
    failed(
        &counted(Condition::Ended, Err("no git".into())),
        "the agent ended, and its commits could not be counted: no git",
    );
    failed(&with(Condition::Gone("the agent ended (3)".into()), 1), "the agent ended (3)");
    failed(&facet(Condition::Removed), "its worker was removed");
    done(&Facet { landed: Some("main".into()), ..facet(Condition::Removed) });

    let said = |condition, word| Facet { reported: Some(word), ..facet(condition) };
    done(&said(Condition::Busy, Word::Done("All green".into())));
    done(&said(Condition::AtRest, Word::Done(String::new())));
    done(&said(Condition::Lost, Word::Done(String::new())));
    failed(&said(Condition::Busy, Word::Failed("no".into())), "it reported: no");
}

/// A new hub has not seen the screens: a worker that seems to rest may be at work, or gone.
#[test]
fn before_the_first_look_only_reports_count() {
    let heeded = |facet: &Facet, lands: bool| {
        let mut run = run_of(1, 1);
        run.order.land = lands.then(Vec::new);
        run.order.timeout_ms = Some(1);
        run.tasks[0].state = TaskState::AtWork { worker: id("a"), since: Timestamp(5), head: None };
        heed(&mut run, |_| facet.clone(), Timestamp(9));
        run.tasks[0].state.name().to_owned()
    };
    let said = |condition, word| Facet { reported: Some(word), ..facet(condition) };
    assert_eq!(heeded(&said(Condition::AtRest, Word::Failed("no".into())), false), "failed");
    assert_eq!(heeded(&said(Condition::Busy, Word::Done(String::new())), false), "done");
    assert_eq!(heeded(&said(Condition::Busy, Word::Done(String::new())), true), "at work");
    let rests = Facet { commits: Some(Ok(1)), ..facet(Condition::AtRest) };
    let gone = facet(Condition::Gone("the agent ended (3)".into()));
    for facet in [rests, gone, facet(Condition::Removed), facet(Condition::Lost)] {
        assert_eq!(heeded(&facet, false), "at work", "{facet:?}");
    }
}

#[test]
fn only_work_at_rest_is_landed() {
    let said = |condition| Facet { reported: Some(Word::Done(String::new())), ..facet(condition) };
    check(&said(Condition::Busy), true, "at work", &[]);
    check(&said(Condition::Lost), true, "at work", &[]);
    check(&said(Condition::AtRest), true, "landing", &[Act::Land(1)]);
    let new = Facet { commits: Some(Ok(2)), ..facet(Condition::AtRest) };
    check(&new, true, "landing", &[Act::Land(1)]);
    check(&Facet { landed: Some("main".into()), ..facet(Condition::AtRest) }, true, "done", &[]);
}

#[test]
fn a_time_limit_is_a_failure_and_says_nothing_else() {
    let mut run = run_of(2, 1);
    run.order.timeout_ms = Some(60_000);
    run.tasks[0].state = TaskState::AtWork { worker: id("a"), since: Timestamp(5), head: None };
    assert_eq!(due(&run, Timestamp(60_004)), Some(Timestamp(60_005)));
    let mut at = |ms, condition: Condition| {
        let facts = Facts {
            may_begin: true,
            running: &BTreeSet::new(),
            worker: &|_| facet(condition.clone()),
        };
        let acts = step(&mut run, &facts, Timestamp(ms));
        (run.tasks[0].state.name(), acts)
    };
    assert_eq!(at(60_004, Condition::Busy), ("at work", vec![]));
    // Its commits decide first, and nothing is due meanwhile.
    assert_eq!(at(60_005, Condition::AtRest), ("at work", vec![Act::Count(1)]));
    assert_eq!(at(60_005, Condition::Lost), ("failed", vec![Act::Create(2)]));
    assert_eq!(due(&run, Timestamp(60_005)), None);
}

#[test]
fn a_limit_that_has_passed_is_not_due_again() {
    let mut run = run_of(1, 1);
    run.order.timeout_ms = Some(60_000);
    run.tasks[0].state = TaskState::AtWork { worker: id("a"), since: Timestamp(5), head: None };
    assert_eq!(due(&run, Timestamp(60_005)), None);
}

/// The hub had no room for its worker: the program that was told so ends before another one begins.
#[test]
fn a_queued_task_waits_for_the_end_of_its_program() {
    let mut run = run_of(2, 2);
    let mut begun = |running: &BTreeSet<usize>| {
        let facts = Facts { may_begin: true, running, worker: &|_| facet(Condition::Busy) };
        step(&mut run, &facts, Timestamp(2))
    };
    assert_eq!(begun(&[1].into()), [Act::Create(2)]);
    assert_eq!(begun(&[2].into()), [Act::Create(1)]);
}

#[test]
fn a_failure_stops_the_rest_where_that_is_wanted() {
    let mut run = run_of(4, 1);
    run.order.on_fail = OnFail::Stop;
    run.tasks[1].state = TaskState::Failed { worker: None, at: Timestamp(1), why: "x".into() };
    let facts =
        Facts { may_begin: true, running: &BTreeSet::new(), worker: &|_| facet(Condition::Busy) };
    assert_eq!(step(&mut run.clone(), &facts, Timestamp(2)), []);
    let mut stopped = run.clone();
    step(&mut stopped, &facts, Timestamp(2));
    assert_eq!(stopped.account(), "1 failed, 3 skipped");
    assert_eq!(stopped.tasks[0].state, TaskState::Skipped { why: "task 2 failed".into() });
    assert_eq!(stopped.over, Some(Timestamp(2)));
    // A resumed run is not stopped again by the same failure.
    run.tasks[1].forgiven = true;
    assert_eq!(step(&mut run, &facts, Timestamp(2)), [Act::Create(1)]);
    run.stopped = Some(Timestamp(3));
    step(&mut run, &facts, Timestamp(3));
    assert_eq!(run.account(), "1 failed, 2 skipped, 1 creating");
}

/// A world of workers that end at random.
struct World {
    random: u64,
    workers: BTreeMap<WorkerId, Facet>,
    running: BTreeSet<usize>,
    n_made: BTreeMap<usize, usize>,
}

impl World {
    fn roll(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % n
    }

    fn step(&mut self, run: &mut Run, now: Timestamp) {
        let may_begin = self.roll(8) > 0;
        let facts = Facts {
            may_begin,
            running: &self.running,
            worker: &|it| self.workers.get(it).cloned().unwrap_or(facet(Condition::Removed)),
        };
        let before = run.clone();
        let acts = step(run, &facts, now);
        for (task, was) in run.tasks.iter().zip(&before.tasks) {
            assert!(!was.state.is_over() || task.state == was.state);
        }
        assert!(run.tasks.iter().filter(|it| it.state.is_begun()).count() <= run.order.jobs);
        for act in acts {
            match act {
                Act::Create(n) | Act::Land(n) => assert!(self.running.insert(n)),
                Act::Count(n) => {
                    let commits = usize::try_from(self.roll(3)).unwrap();
                    let worker = run.tasks[n - 1].state.worker().unwrap();
                    self.workers.get_mut(worker).unwrap().commits = Some(Ok(commits));
                }
            }
        }
    }

    /// A child of the hub ends.
    fn end_child(&mut self, run: &mut Run, at: Timestamp) {
        let Some(n) = self.running.pop_first() else { return };
        let fails = self.roll(6) == 0;
        let task = &mut run.tasks[n - 1];
        match task.state.clone() {
            TaskState::Creating { .. } if fails => {
                task.state = TaskState::Failed { worker: None, at, why: "no".to_owned() };
            }
            TaskState::Creating { .. } => {
                *self.n_made.entry(n).or_insert(0) += 1;
                let worker = id(&format!("w{n}"));
                self.workers.insert(worker.clone(), facet(Condition::Busy));
                task.state = TaskState::AtWork { worker, since: at, head: None };
            }
            TaskState::Landing { worker, .. } => {
                self.workers.get_mut(&worker).unwrap().landed = Some("main".into());
            }
            TaskState::Queued
            | TaskState::AtWork { .. }
            | TaskState::Done { .. }
            | TaskState::Failed { .. }
            | TaskState::Skipped { .. }
            | TaskState::Other(_) => {}
        }
    }

    fn change_workers(&mut self) {
        let said = |condition, word| Facet { reported: Some(word), ..facet(condition) };
        let ends = [
            facet(Condition::AtRest),
            facet(Condition::Gone("crashed".into())),
            facet(Condition::Lost),
            said(Condition::AtRest, Word::Done(String::new())),
            said(Condition::Busy, Word::Failed(String::new())),
            facet(Condition::Busy),
        ];
        let ids: Vec<WorkerId> = self.workers.keys().cloned().collect();
        for id in ids {
            let (changes, to) = (self.roll(3) == 0, usize::try_from(self.roll(6)).unwrap());
            let worker = self.workers.get_mut(&id).unwrap();
            if changes && worker.landed.is_none() {
                *worker = ends[to].clone();
            }
        }
    }
}

#[test]
fn at_any_time_no_more_than_the_jobs_are_begun_and_none_twice() {
    for seed in 0..300_u64 {
        let mut world = World {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            workers: BTreeMap::new(),
            running: BTreeSet::new(),
            n_made: BTreeMap::new(),
        };
        let mut run = run_of(8, usize::try_from(1 + world.roll(4)).unwrap());
        run.order.land = (world.roll(2) == 0).then(Vec::new);
        run.order.on_fail = if world.roll(2) == 0 { OnFail::Stop } else { OnFail::Continue };
        for now in (1..2000).map(Timestamp) {
            world.step(&mut run, now);
            if run.over.is_some() {
                break;
            }
            // The hub dies: its children are forgotten, its record stays.
            if world.roll(10) == 0 {
                world.running.clear();
            }
            if world.roll(2) == 0 {
                world.end_child(&mut run, now);
            }
            world.change_workers();
        }
        assert!(run.over.is_some(), "seed {seed}: {}", run.account());
        assert!(world.n_made.values().all(|n| *n == 1), "seed {seed}: {:?}", world.n_made);
    }
}
