//! Runs: lists of tasks that workers do. Each task's worker is an ordinary one.
//!
//! [`step`] decides. This records what it decided before it is done, and does it: children of the hub
//! create the workers and land their work. A worker carries the attempt that it was made for, and the
//! hub accepts one for each: after a crash, none is made twice.
mod requests;
mod step;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use step::{Act, Condition, Facet, Facts, Word};

use super::{Count, Effect, HubState, LocalEffect, Record, Rest, waking::Parent};
use crate::{
    hub::state::live_worker::LiveWorker,
    model::{
        AgentState, Attempt, Exit, Happened, Item, ItemKind, Kind, Now, Origin, Process, Refusal,
        RefusalKind, Reported, Run, RunId, RunJob, RunWork, Step, TaskState, Worker, WorkerId,
    },
    text::{clean, one_line},
};

/// How long a run waits before it tries again to create a worker for which there was no room, if no
/// worker has ended: the limit may have changed; or to count commits, after git failed.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// Runs that are over and still known.
const KEPT: usize = 50;

#[derive(Debug, Default)]
pub(super) struct Runs {
    known: BTreeMap<RunId, Run>,
    last: RunId,
    /// Something has happened that may concern a run.
    is_stale: bool,
    /// Attempts whose program runs.
    running: BTreeSet<Attempt>,
    /// Workers whose commits are being counted, or were, and in which rest.
    counting: BTreeSet<WorkerId>,
    counts: BTreeMap<WorkerId, (Rest, Result<usize, String>)>,
    /// Runs for which there was no room beside so many workers; until when that is believed.
    full: BTreeMap<RunId, (usize, Instant)>,
    /// When a time limit ends.
    due: Option<Instant>,
    /// When commits are counted again that git could not count.
    recount: Option<Instant>,
}

impl Runs {
    pub(super) fn remembered(found: Vec<Run>, last: u64) -> Self {
        let known = found.into_iter().map(|it| (it.id, it)).collect();
        Self { known, last: RunId(last), is_stale: true, ..Self::default() }
    }

    pub(super) fn is_open(&self) -> bool {
        self.known.values().any(|it| it.over.is_none())
    }

    pub(super) fn mark_stale(&mut self) {
        self.is_stale = true;
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.into_iter().chain(self.full.values().map(|it| it.1)).chain(self.recount).min()
    }

    fn task_mut(&mut self, at: Attempt) -> Option<&mut crate::model::Task> {
        let task = self.known.get_mut(&at.run)?.task_mut(at.task)?;
        Some(task).filter(|it| it.attempt == at.number)
    }
}

impl HubState {
    /// Brings every run up to date, if anything may concern one.
    pub(super) fn drive_runs(&mut self, now: Now, out: &mut Vec<Effect>) {
        let is_due = self.runs.next().is_some_and(|at| at <= now.steady);
        if !(self.runs.is_stale || is_due) {
            return;
        }
        let open: Vec<RunId> = {
            let open = self.runs.known.values().filter(|it| it.over.is_none());
            open.map(|it| it.id).collect()
        };
        if self.is_looking() {
            open.iter().for_each(|id| self.heed_reports(now, *id, out));
            return;
        }
        self.runs.is_stale = false;
        self.forget_full(now);
        if self.runs.recount.take_if(|at| *at <= now.steady).is_some() {
            self.runs.counts.retain(|_, (_, found)| found.is_ok());
        }
        for id in &open {
            self.drive(now, *id, out);
        }
        let due = open.iter().filter_map(|id| step::due(self.runs.known.get(id)?, now.wall)).min();
        self.runs.due = due.map(|at| now.steady + at.since(now.wall));
    }

    fn drive(&mut self, now: Now, id: RunId, out: &mut Vec<Effect>) {
        let Some(mut run) = self.runs.known.remove(&id) else { return };
        let before = run.tasks.clone();
        let running = self.running_tasks(&run);
        let facts = Facts {
            may_begin: !self.runs.full.contains_key(&id) && self.is_first(&run),
            running: &running,
            worker: &|worker| self.facet(worker),
        };
        let acts = step::step(&mut run, &facts, now.wall);
        self.runs.known.insert(id, run.clone());
        if run.tasks != before || run.over.is_some() {
            self.log_changes(now, &run, &before, out);
            out.push(Effect::Record(Record::Run(Box::new(run.clone()))));
        }
        if run.over.is_some() {
            self.run_is_over(now, &run, out);
        }
        for act in acts {
            self.perform_act(id, &act, out);
        }
    }

    fn heed_reports(&mut self, now: Now, id: RunId, out: &mut Vec<Effect>) {
        let Some(mut run) = self.runs.known.get(&id).cloned() else { return };
        let before = run.tasks.clone();
        step::heed(&mut run, |worker| self.facet(worker), now.wall);
        if run.tasks != before {
            self.log_changes(now, &run, &before, out);
            out.push(Effect::Record(Record::Run(Box::new(run.clone()))));
            self.runs.known.insert(id, run);
        }
    }

    /// Tasks for which something runs: a child of this hub, or one that an earlier hub left.
    fn running_tasks(&self, run: &Run) -> BTreeSet<usize> {
        let own = self.runs.running.iter().copied();
        let left = self.reserved.values().filter_map(|it| it.reserve.attempt);
        own.chain(left).filter(|it| it.run == run.id).map(|it| it.task).collect()
    }

    /// No earlier run of the project is open, or it need not wait for one.
    fn is_first(&self, run: &Run) -> bool {
        let earlier = self.runs.known.range(..run.id).map(|(_, it)| it);
        let mut earlier = earlier.filter(|it| it.over.is_none() && it.stopped.is_none());
        run.order.parallel || !earlier.any(|it| it.order.repo == run.order.repo)
    }

    fn perform_act(&mut self, id: RunId, act: &Act, out: &mut Vec<Effect>) {
        match *act {
            Act::Create(n) | Act::Land(n) => {
                let Some(run) = self.runs.known.get(&id) else { return };
                let Some(job) = job(run, n) else { return };
                let order = Box::new(run.order.clone());
                self.runs.running.insert(job.attempt);
                out.push(Effect::Local(LocalEffect::RunJob { job: Box::new(job), order }));
            }
            Act::Count(n) => {
                let task = self.runs.known.get(&id).and_then(|run| run.task(n));
                let count = task.and_then(|task| self.count_of(&task.state));
                if let Some(count) = count.filter(|it| !self.runs.counting.contains(&it.worker)) {
                    self.runs.counting.insert(count.worker.clone());
                    out.push(Effect::Local(LocalEffect::CountCommits(count)));
                }
            }
        }
    }

    fn count_of(&self, task: &TaskState) -> Option<Count> {
        let TaskState::AtWork { worker, head, .. } = task else { return None };
        let live = self.workers.get(worker)?;
        let base = live.worker.base.as_ref();
        Some(Count {
            worker: worker.clone(),
            at_rest: rest_of(&live.worker),
            repo: live.worker.repo.clone(),
            branch: live.worker.branch.clone(),
            head: head.clone().or_else(|| base.map(|it| it.sha.clone()))?,
            base: base.map(|it| it.name.clone()),
        })
    }

    pub(super) fn counted(&mut self, now: Now, count: &Count, found: Result<usize, String>) {
        self.runs.counting.remove(&count.worker);
        if let Err(error) = &found {
            tracing::warn!(worker = %count.worker, error, "cannot count commits");
            self.runs.recount.get_or_insert(now.steady + TRY_AGAIN);
        }
        self.runs.counts.insert(count.worker.clone(), (count.at_rest.clone(), found));
        self.runs.is_stale = true;
    }

    fn facet(&self, id: &WorkerId) -> Facet {
        let Some(live) = self.workers.get(id) else {
            return Facet {
                condition: Condition::Removed,
                reported: None,
                pr: None,
                commits: None,
                landed: None,
                reviews: false,
            };
        };
        let worker = &live.worker;
        let counted = self.runs.counts.get(id).filter(|it| it.0 == rest_of(worker));
        Facet {
            // What it is removed as, decides when it is removed.
            condition: match self.cleanups.contains_key(id) {
                true => Condition::Busy,
                false => condition(live),
            },
            reported: reported(worker),
            pr: worker.pr.clone().filter(|_| worker.kind != Kind::Review),
            commits: counted.map(|it| it.1.clone()),
            landed: worker.state.landed.as_ref().map(|it| it.into.clone()),
            reviews: worker.kind == Kind::Review,
        }
    }
}

/// What becomes of attempts.
impl HubState {
    /// Each attempt has one worker, whatever its name: `create` must not go on to the next one.
    pub(super) fn attempt_conflict(&self, attempt: Attempt) -> Option<Refusal> {
        let Attempt { run, task, .. } = attempt;
        let known = self.runs.known.get(&run).and_then(|it| it.task(task));
        let is_current = known.is_some_and(|it| {
            it.attempt == attempt.number && matches!(it.state, TaskState::Creating { .. })
        });
        let is_reserved = self.reserved.values().any(|it| it.reserve.attempt == Some(attempt));
        let message = match (is_current, is_reserved) {
            (true, false) => return None,
            (true, true) => format!("the worker for task {task} of run {run} is being created"),
            (false, _) => format!("task {task} of run {run} does not wait for a worker"),
        };
        Some(Refusal::new(RefusalKind::NotNow, message))
    }

    /// There is no room for the worker of this task now.
    pub(super) fn note_full(&mut self, now: Now, attempt: Attempt, n_running: usize) {
        if let Some(task) = self.runs.task_mut(attempt) {
            task.state = TaskState::Queued;
            self.runs.full.insert(attempt.run, (n_running, now.steady + TRY_AGAIN));
        }
    }

    fn forget_full(&mut self, now: Now) {
        let n_running = self.n_running();
        self.runs.full.retain(|_, (n, until)| now.steady < *until && n_running >= *n);
    }

    /// The worker exists: recorded with it.
    pub(super) fn note_created(
        &mut self,
        now: Now,
        attempt: Option<Attempt>,
        (worker, head): (&WorkerId, Option<String>),
        out: &mut Vec<Effect>,
    ) {
        let Some(task) = attempt.and_then(|it| self.runs.task_mut(it)) else { return };
        if matches!(task.state, TaskState::Creating { .. }) {
            task.state = TaskState::AtWork { worker: worker.clone(), since: now.wall, head };
            self.record_run(now, attempt, out);
        }
    }

    /// A worker leaves: what is known of it decides now.
    pub(super) fn note_removed(&mut self, now: Now, worker: &WorkerId, out: &mut Vec<Effect>) {
        self.runs.counts.remove(worker);
        self.runs.counting.remove(worker);
        let facet = Facet { condition: Condition::Removed, ..self.facet(worker) };
        let mut changed = None;
        for run in self.runs.known.values_mut().filter(|it| it.over.is_none()) {
            for (task, n) in run.tasks.iter_mut().zip(1..) {
                let is_its = task.state.worker() == Some(worker) && task.state.is_begun();
                if !is_its {
                    continue;
                }
                let why = "its worker was removed".to_owned();
                task.state = if facet.landed.is_some() {
                    step::done(worker, &facet, now.wall)
                } else {
                    TaskState::Failed { worker: Some(worker.clone()), at: now.wall, why }
                };
                changed = Some(Attempt { run: run.id, task: n, number: task.attempt });
            }
        }
        self.record_run(now, changed, out);
    }

    /// A child has ended.
    pub(super) fn run_job_over(
        &mut self,
        now: Now,
        job: &RunJob,
        outcome: Result<Option<String>, String>,
        out: &mut Vec<Effect>,
    ) {
        let at = job.attempt;
        self.runs.running.remove(&at);
        self.runs.is_stale = true;
        // A command that an earlier hub began may be creating it.
        let is_reserved = self.reserved.values().any(|it| it.reserve.attempt == Some(at));
        let Some(state) = self.runs.task_mut(at).map(|it| it.state.clone()) else { return };
        let why = |what: &str, error: String| one_line(&clean(&format!("{what}: {error}")), 500);
        let failed = |worker, why| TaskState::Failed { worker, at: now.wall, why };
        let is_creating = matches!(state, TaskState::Creating { .. }) && !is_reserved;
        let state = match (&state, outcome) {
            // If it exists, it was recorded when it was made.
            (_, Err(error)) if is_creating => {
                failed(None, why("its worker was not created", error))
            }
            (_, Ok(_)) if is_creating => failed(None, "its worker was not created".to_owned()),
            (TaskState::Landing { worker, .. }, outcome) => {
                let facet = self.facet(worker);
                match (facet.landed.is_some(), outcome) {
                    (false, Err(error)) => failed(Some(worker.clone()), why("not landed", error)),
                    (false, Ok(landed)) => step::done(worker, &Facet { landed, ..facet }, now.wall),
                    (true, _) => step::done(worker, &facet, now.wall),
                }
            }
            (_, Ok(_) | Err(_)) => return,
        };
        if let Some(task) = self.runs.task_mut(at) {
            task.state = state;
        }
        self.record_run(now, Some(at), out);
    }
}

/// Records and events.
impl HubState {
    /// Who began the run that this item is about, if that can be told something.
    pub(super) fn parent_of_run(&self, item: &Item) -> Option<Parent> {
        let about = |it: &&Run| item.kind == ItemKind::Run && item_worker(it.id) == item.worker;
        let order = &self.runs.known.values().find(about)?.order;
        if let Some(id) = &order.parent {
            let is_live = self.workers.get(id).is_some_and(|live| live.worker.is_live());
            return is_live.then(|| Parent::Worker(id.clone()));
        }
        let is_here = order.server.is_some() && order.server == self.server();
        order.caller.pane.filter(|_| is_here).map(|pane| self.owner_of(pane))
    }

    fn record_run(&mut self, now: Now, at: Option<Attempt>, out: &mut Vec<Effect>) {
        let Some(at) = at else { return };
        self.runs.is_stale = true;
        let Some(run) = self.runs.known.get(&at.run) else { return };
        let what = run.task(at.task).map(|it| it.state.name()).unwrap_or_default();
        let what = Happened::Run { run: at.run, task: Some(at.task), what: what.to_owned() };
        out.push(Effect::Record(Record::Run(Box::new(run.clone()))));
        self.log(now, out, None, what);
    }

    fn log_changes(
        &mut self,
        now: Now,
        run: &Run,
        before: &[crate::model::Task],
        out: &mut Vec<Effect>,
    ) {
        for ((task, was), n) in run.tasks.iter().zip(before).zip(1..) {
            if task.state != was.state {
                let what = task.state.name().to_owned();
                self.log(now, out, None, Happened::Run { run: run.id, task: Some(n), what });
            }
        }
    }

    fn run_is_over(&mut self, now: Now, run: &Run, out: &mut Vec<Effect>) {
        let what = "over".to_owned();
        self.log(now, out, None, Happened::Run { run: run.id, task: None, what });
        let id = item_worker(run.id);
        let text = account(run);
        let item = Item::new(id, ItemKind::Run, Origin::Message, now.wall);
        let item = Item { text, repo: Some(run.order.repo.clone()), ..item };
        self.add_item(now, item, out);
        let n_over = self.runs.known.values().filter(|it| it.over.is_some()).count();
        if n_over >= KEPT {
            let oldest = self.runs.known.values().find(|it| it.over.is_some()).map(|it| it.id);
            self.runs.known.retain(|id, _| Some(*id) != oldest);
        }
        // Another run of the project may begin.
        self.runs.is_stale = true;
    }
}

/// The name that an item about a run has in the place of a worker's.
fn item_worker(run: RunId) -> WorkerId {
    WorkerId::for_branch("run", &run.to_string())
}

/// The account in a line: what failed is named.
fn account(run: &Run) -> String {
    let failed = run.tasks.iter().zip(1..).filter_map(|(task, n)| {
        let TaskState::Failed { why, .. } = &task.state else { return None };
        Some(format!("task {n} ({}) failed: {why}", one_line(&task.new.title, 60)))
    });
    let head = format!("run {} is over: {}", run.id, run.account());
    std::iter::once(head).chain(failed).collect::<Vec<_>>().join("; ")
}

fn job(run: &Run, n: usize) -> Option<RunJob> {
    let task = run.task(n)?;
    let attempt = Attempt { run: run.id, task: n, number: task.attempt };
    let work = if let TaskState::Landing { worker, .. } = &task.state {
        let args = run.order.land.clone().unwrap_or_default();
        RunWork::Land { worker: worker.clone(), args }
    } else {
        RunWork::Create { args: task.new.args.clone() }
    };
    let (caller, server) = (run.order.caller.clone(), run.order.server);
    Some(RunJob { attempt, caller, server, work })
}

fn rest_of(worker: &Worker) -> Rest {
    let state = &worker.state;
    let since = if state.is_live() { state.turn.since } else { state.process.since };
    Rest { since, head: worker.work.changes.as_ref().map(|it| it.head.clone()) }
}

fn reported(worker: &Worker) -> Option<Word> {
    let report = worker.state.reported.as_ref()?;
    match report.value {
        Reported::Done => Some(Word::Done(report.evidence.clone())),
        Reported::Failed => Some(Word::Failed(report.evidence.clone())),
        Reported::Working | Reported::Blocked | Reported::Question | Reported::Other(_) => None,
    }
}

fn condition(live: &LiveWorker) -> Condition {
    let state = &live.worker.state;
    match &state.process.value {
        Process::Exited(Exit::Code(0)) => return Condition::Ended,
        Process::Exited(exit) => return Condition::Gone(format!("the agent ended ({exit})")),
        Process::NotStarted(exit) => {
            return Condition::Gone(format!(
                "its shell ended ({exit}) before it started the agent"
            ));
        }
        Process::Lost(cause) if cause.is_of_the_server() => return Condition::Lost,
        Process::Lost(cause) => return Condition::Gone(cause.to_string()),
        Process::Starting | Process::Running | Process::Other(_) => {}
    }
    let undelivered = live.newest_delivery().filter(|it| it.step == Step::Failed);
    if let Some(receipt) = undelivered.filter(|_| state.turn.value == AgentState::Ready) {
        return Condition::Unprompted(receipt.evidence.clone());
    }
    let is_at_rest = state.turn.value == AgentState::Idle && live.open_deliveries() == 0;
    if is_at_rest { Condition::AtRest } else { Condition::Busy }
}
