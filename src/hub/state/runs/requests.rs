//! What users do with runs.
use crate::{
    hub::state::{
        Effect, HubState, Link, Record, RequestId,
        requests::{answer, refuse},
    },
    model::{
        Answer, Happened, NewTask, Now, Refusal, RefusalKind, Request, Run, RunAct, RunId,
        RunOrder, TaskState,
    },
};

/// Runs that may be open at one time.
const MAX_OPEN: usize = 100;

impl HubState {
    pub(in crate::hub::state) fn start_run(
        &mut self,
        now: Now,
        request_id: RequestId,
        (mut order, tasks): (Box<RunOrder>, Vec<NewTask>),
        out: &mut Vec<Effect>,
    ) {
        if order.caller.session.is_some() && !matches!(self.link, Link::Up(_)) {
            // The caller's session is one of this server alone.
            self.pending.push((request_id, Request::Run { order, tasks }));
            return self.want_link(out);
        }
        let n_bytes: usize = tasks.iter().flat_map(|it| &it.args).map(String::len).sum();
        let n_open = self.runs.known.values().filter(|it| it.over.is_none()).count();
        let fault = match tasks.len() {
            0 => Some("a run needs a task".to_owned()),
            n if n > Run::MAX_TASKS => {
                Some(format!("{n} tasks are too many for one run; at most {}", Run::MAX_TASKS))
            }
            _ if n_bytes > Run::MAX_BYTES => Some("the texts of the tasks are too long".to_owned()),
            _ if n_open >= MAX_OPEN => Some(format!("{n_open} runs are open already")),
            _ => None,
        };
        if let Some(fault) = fault {
            return refuse(out, request_id, Refusal::new(RefusalKind::NotNow, fault));
        }
        order.server = self.server();
        self.runs.last.0 += 1;
        let run = Run::new(self.runs.last, now.wall, *order, tasks);
        let what = "begun".to_owned();
        self.log(now, out, None, Happened::Run { run: run.id, task: None, what });
        self.put_run(run.clone(), out);
        answer(
            out,
            request_id,
            Answer::Runs { runs: vec![run], seq: self.seq, making: Vec::new() },
        );
    }

    pub(in crate::hub::state) fn list_runs(
        &self,
        request_id: RequestId,
        id: Option<RunId>,
        out: &mut Vec<Effect>,
    ) {
        let wanted = self.runs.known.values().filter(|it| id.is_none_or(|id| it.id == id));
        let mut runs: Vec<Run> = wanted.cloned().collect();
        match id {
            Some(id) if runs.is_empty() => return refuse(out, request_id, no_run(id)),
            Some(_) => {}
            // Their texts may be long.
            None => runs.iter_mut().flat_map(|it| &mut it.tasks).for_each(|it| it.new.args.clear()),
        }
        answer(out, request_id, Answer::Runs { runs, seq: self.seq, making: self.making() });
    }

    pub(in crate::hub::state) fn act_on_run(
        &mut self,
        now: Now,
        request_id: RequestId,
        (id, act): (RunId, &RunAct),
        out: &mut Vec<Effect>,
    ) {
        let Some(mut run) = self.runs.known.get(&id).cloned() else {
            return refuse(out, request_id, no_run(id));
        };
        let done = match act {
            RunAct::Stop => stop(&mut run, now),
            RunAct::Resume => resume(&mut run),
            RunAct::Retry { tasks } => tasks
                .iter()
                .try_for_each(|n| self.may_retry(&run, *n).and_then(|()| retry(&mut run, *n))),
            RunAct::Other(_) => {
                Err(Refusal::new(RefusalKind::BadRequest, "this hub does not know that act"))
            }
        };
        if let Err(refusal) = done {
            return refuse(out, request_id, refusal);
        }
        let what = match act {
            RunAct::Stop => "stopped",
            RunAct::Resume => "resumed",
            RunAct::Retry { .. } | RunAct::Other(_) => "retried",
        };
        let what = Happened::Run { run: id, task: None, what: what.to_owned() };
        self.log(now, out, None, what);
        self.put_run(run.clone(), out);
        answer(
            out,
            request_id,
            Answer::Runs { runs: vec![run], seq: self.seq, making: Vec::new() },
        );
    }

    fn put_run(&mut self, run: Run, out: &mut Vec<Effect>) {
        out.push(Effect::Record(Record::Run(Box::new(run.clone()))));
        self.runs.known.insert(run.id, run);
        self.runs.is_stale = true;
    }

    /// A second worker beside one that runs would do the same work.
    fn may_retry(&self, run: &Run, n: usize) -> Result<(), Refusal> {
        let worker = run.task(n).and_then(|it| it.state.worker());
        let live = worker.and_then(|it| self.workers.get(it)).filter(|it| it.worker.is_live());
        let Some(live) = live else { return Ok(()) };
        let id = &live.worker.id;
        let message = format!("the worker of task {n}, `{id}`, is still running");
        let hint = format!(
            "tell it what to do: `wtmag send {id} TEXT`; or remove it: `wtmag cleanup {id}`"
        );
        Err(Refusal::new(RefusalKind::NotNow, message).hint(hint))
    }
}

fn no_run(id: RunId) -> Refusal {
    let refusal = Refusal::new(RefusalKind::NotFound, format!("there is no run {id}"));
    refusal.hint("`wtmag run list` shows the last ones")
}

fn stop(run: &mut Run, now: Now) -> Result<(), Refusal> {
    if run.over.is_some() {
        let message = format!("run {} is over", run.id);
        return Err(Refusal::new(RefusalKind::NotNow, message));
    }
    run.stopped = run.stopped.or(Some(now.wall));
    Ok(())
}

fn resume(run: &mut Run) -> Result<(), Refusal> {
    let skipped = |it: &TaskState| matches!(it, TaskState::Skipped { .. });
    if run.stopped.is_none() && !run.tasks.iter().any(|it| skipped(&it.state)) {
        let message = format!("run {} has no task that was skipped", run.id);
        let hint = format!("`wtmag run retry {} N` tries a task again that failed", run.id);
        return Err(Refusal::new(RefusalKind::NotNow, message).hint(hint));
    }
    run.stopped = None;
    run.over = None;
    for task in &mut run.tasks {
        if skipped(&task.state) {
            task.state = TaskState::Queued;
        }
        task.forgiven |= matches!(task.state, TaskState::Failed { .. });
    }
    Ok(())
}

fn retry(run: &mut Run, n: usize) -> Result<(), Refusal> {
    let id = run.id;
    let Some(task) = run.task_mut(n) else {
        let message = format!("run {id} has no task {n}");
        return Err(Refusal::new(RefusalKind::NotFound, message)
            .hint(format!("`wtmag run show {id}` lists its tasks")));
    };
    if !matches!(task.state, TaskState::Failed { .. } | TaskState::Skipped { .. }) {
        let message = format!("task {n} of run {id} is {}", task.state.name());
        return Err(Refusal::new(RefusalKind::NotNow, message)
            .hint("only a task that failed or was skipped can be tried again"));
    }
    let earlier = task.state.worker().cloned();
    task.earlier.extend(earlier);
    task.attempt += 1;
    task.forgiven = false;
    task.state = TaskState::Queued;
    run.over = None;
    run.stopped = None;
    Ok(())
}
