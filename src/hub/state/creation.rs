//! Creates a worker: reserves an id and a place, creates the window, and records the worker.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{
    Effect, HubState, Link, NotMade, PendingWorker, RequestId, SessionId, TmuxEffect, Unsure,
    live_worker::LiveWorker,
    requests::{MAX_TEXT, answer, refuse, too_long},
    waking::Parent,
};
use crate::model::{
    Agent, Answer, Caller, Delivery, DeliveryId, DeliveryMode, Happened, NewWorker, Now,
    ParentPane, Place, Placement, Refusal, RefusalKind, Request, Reservation, Reserve, ServerId,
    Step, StepAt, Usage, Work, Worker, WorkerId, WorkerState,
};
use crate::tmux::{Created, Link as Shown, NewWindow, PaneRow, Show};

impl HubState {
    /// Reserves an id and finds the place, so that nothing is created for an impossible worker.
    pub(super) fn reserve(
        &mut self,
        now: Now,
        request_id: RequestId,
        reserve: Reserve,
        out: &mut Vec<Effect>,
    ) {
        if let Some(refusal) = self.conflict(&reserve) {
            return refuse(out, request_id, refusal);
        }
        if !matches!(self.link, Link::Up(_)) {
            self.pending.push((request_id, Request::Reserve(reserve)));
            return self.want_link(out);
        }
        if !self.is_held(now, request_id, &reserve, out) {
            self.reserve_now(request_id, reserve, out);
        }
    }

    /// There is room for it.
    pub(super) fn reserve_now(
        &mut self,
        request_id: RequestId,
        reserve: Reserve,
        out: &mut Vec<Effect>,
    ) {
        // It may have waited.
        if let Some(refusal) = self.conflict(&reserve) {
            return refuse(out, request_id, refusal);
        }
        let Link::Up(linked) = &self.link else { return };
        let id = self.free_id(&reserve);
        let reservation = Reservation { id: id.clone(), env_names: linked.env_names.clone() };
        let caller = reserve.caller.clone();
        let wants_session = reserve.placement == Placement::Window;
        let kept = PendingWorker {
            client: request_id.client,
            reserve,
            session: None,
            creating: None,
            unsure: None,
            early: Vec::new(),
        };
        self.reserved.insert(id, kept);
        if wants_session {
            out.push(Effect::Tmux(TmuxEffect::FindSession { request_id, caller }));
            self.finding.insert(request_id, reservation);
        } else {
            answer(out, request_id, Answer::Reserved(reservation));
        }
    }

    /// A live worker for the same task, or on the same branch.
    fn conflict(&self, reserve: &Reserve) -> Option<Refusal> {
        if let Some(id) = &reserve.resumes {
            return self.cannot_resume(id, reserve.ends_agent);
        }
        let same = |repo, branch: &str, key: Option<String>| {
            repo == &reserve.repo
                && (!branch.is_empty() && branch == reserve.branch
                    || (key.is_some() && key == reserve.source_key))
        };
        if let Some(refusal) = reserve.attempt.and_then(|it| self.attempt_conflict(it)) {
            return Some(refusal);
        }
        let live = self.workers.values().map(|live| &live.worker);
        let live = live
            .filter(|it| it.is_live())
            .find(|it| same(&it.repo, &it.branch, it.source.task_key()));
        if let Some(worker) = live {
            let message = format!("worker `{}` already handles this task", worker.id);
            let hint = format!("to go there: `wtmag attach {}`", worker.id);
            return Some(Refusal::new(RefusalKind::Exists, message).hint(hint));
        }
        let mut making = self.reserved.iter();
        let (id, _) = making.find(|(_, it)| {
            same(&it.reserve.repo, &it.reserve.branch, it.reserve.source_key.clone())
        })?;
        let message = format!("worker `{id}` is being created for this task");
        Some(Refusal::new(RefusalKind::Exists, message))
    }

    fn free_id(&self, reserve: &Reserve) -> WorkerId {
        if let Some(id) = &reserve.resumes {
            return id.clone();
        }
        let name = match (reserve.branch.as_str(), &reserve.source_key) {
            ("", Some(key)) => key,
            (branch, _) => branch,
        };
        let first = WorkerId::for_branch(&reserve.project, name);
        let is_free = |id: &WorkerId| {
            let is_worker = self.workers.contains_key(id) || self.reserved.contains_key(id);
            let is_taken = self.taken.contains(id.as_str());
            !is_worker && !is_taken && !self.orphans.contains_key(id.as_str())
        };
        let superseded = self.workers.get(&first).is_some_and(|live| {
            let worker = &live.worker;
            worker.repo == reserve.repo && worker.branch == reserve.branch && !live.has_window()
        });
        if is_free(&first) || superseded && !self.reserved.contains_key(&first) {
            return first;
        }
        let mut numbered = (2..).map(|n| first.numbered(n));
        numbered.find(is_free).unwrap_or(first)
    }

    pub(super) fn session_found(
        &mut self,
        request_id: RequestId,
        found: Result<Option<(SessionId, String)>, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(reservation) = self.finding.remove(&request_id) else { return };
        // The requester may be gone, and another may have the id now.
        let is_kept = |it: &PendingWorker| it.client == request_id.client;
        if !self.reserved.get(&reservation.id).is_some_and(is_kept) {
            return;
        }
        let session = match found {
            Ok(Some(session)) => session,
            // A run continues after the session is gone.
            Ok(None) if self.has_attempt(&reservation.id) => {
                if let Some(kept) = self.reserved.get_mut(&reservation.id) {
                    kept.reserve.placement = Placement::Session;
                }
                return answer(out, request_id, Answer::Reserved(reservation));
            }
            Ok(None) => {
                self.reserved.remove(&reservation.id);
                let message = "could not determine your tmux session";
                let refusal =
                    Refusal::new(RefusalKind::NotNow, message).hint("pass `-s` for a new session");
                return refuse(out, request_id, refusal);
            }
            Err(error) => {
                self.reserved.remove(&reservation.id);
                return refuse(out, request_id, Refusal::new(RefusalKind::Tmux, error));
            }
        };
        if let Some(kept) = self.reserved.get_mut(&reservation.id) {
            kept.session = Some(session);
            answer(out, request_id, Answer::Reserved(reservation));
        }
    }

    fn has_attempt(&self, id: &WorkerId) -> bool {
        self.reserved.get(id).is_some_and(|it| it.reserve.attempt.is_some())
    }

    pub(super) fn create(
        &mut self,
        now: Now,
        request_id: RequestId,
        new: Box<NewWorker>,
        out: &mut Vec<Effect>,
    ) {
        if let Some(long) = new.texts.iter().find(|it| it.text.len() > MAX_TEXT) {
            return refuse(out, request_id, too_long(long));
        }
        let argv = self.pane_argv(&new);
        let own_env = self.worker_env(&new);
        let Some(kept) = self.reserved.get_mut(&new.id).filter(|it| it.client == request_id.client)
        else {
            let message = format!("`{}` was not reserved by this connection", new.id);
            return refuse(out, request_id, Refusal::new(RefusalKind::BadRequest, message));
        };
        if kept.creating.is_some() {
            let message = format!("`{}` is being created already", new.id);
            return refuse(out, request_id, Refusal::new(RefusalKind::BadRequest, message));
        }
        if !matches!(self.link, Link::Up(_)) {
            let message = "the connection to tmux was lost";
            return refuse(out, request_id, Refusal::new(RefusalKind::Tmux, message));
        }
        // Before a former agent gives anything up.
        if let Err(error) = self.profiles.of(&new.agent) {
            return refuse(out, request_id, Refusal::new(RefusalKind::BadRequest, error));
        }
        let show = match kept.session.clone() {
            Some((session, name)) => Show::In { session, name },
            None => Show::Alone { name: new.id.to_string(), env: new.env.clone() },
        };
        let window = Box::new(NewWindow {
            worker: new.id.clone(),
            name: match kept.reserve.branch.as_str() {
                "" => new.id.to_string(),
                branch => branch.to_owned(),
            },
            cwd: new.worktree.clone(),
            env: [new.env.clone(), own_env].concat(),
            argv,
            show,
        });
        let (id, agent) = (new.id.clone(), new.agent.argv.clone());
        kept.creating = Some((request_id, new));
        // Written before the window is made: a store that cannot be written refuses here.
        let resumes = kept.creating.as_ref().is_some_and(|(_, new)| new.resumes.is_some());
        let verb = if resumes { "resume" } else { "create" };
        self.log(now, out, Some(&id), Happened::Command { verb: verb.into() });
        out.push(Effect::Tmux(TmuxEffect::MakeWindow { window, agent }));
    }

    /// `wtmag pane` with its options, but for the shell.
    fn pane_argv(&self, new: &NewWorker) -> Vec<String> {
        let mut argv = vec![self.setup.program.display().to_string(), "pane".to_owned()];
        let options = [
            ("--worker", new.id.to_string()),
            ("--worktree", new.worktree.display().to_string()),
            ("--spool", self.setup.spool.display().to_string()),
            ("--socket", self.setup.hub_socket.display().to_string()),
        ];
        for (name, value) in options {
            argv.extend([name.to_owned(), value]);
        }
        argv
    }

    fn worker_env(&self, new: &NewWorker) -> Vec<(String, String)> {
        let mut env = Vec::new();
        let own = [
            ("WTMAG_WORKER", new.id.to_string()),
            ("WTMAG_SOCKET", self.setup.hub_socket.display().to_string()),
            ("WTMAG_SPOOL", self.setup.spool.display().to_string()),
        ];
        env.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let parent = new.parent.as_ref().map(|id| ("WTMAG_PARENT".to_owned(), id.to_string()));
        env.extend(parent);
        env.extend(new.launch_env.iter().cloned());
        env
    }

    /// The commit point of `create`: from this record on, the worker exists.
    pub(super) fn window_made(
        &mut self,
        now: Now,
        id: &WorkerId,
        made: Result<Created, NotMade>,
        out: &mut Vec<Effect>,
    ) {
        if let (Err(NotMade::Unknown(error)), Some(kept)) = (&made, self.reserved.get_mut(id)) {
            kept.unsure = Some(Unsure { error: error.clone(), since: now.steady });
            return self.list_panes(Duration::ZERO, out);
        }
        let Some(kept) = self.reserved.remove(id) else { return };
        let Some((request_id, mut new)) = kept.creating else { return };
        let made = match made {
            Ok(made) => made,
            Err(NotMade::Refused(error) | NotMade::Unknown(error)) => {
                return refuse(out, request_id, Refusal::new(RefusalKind::Tmux, error));
            }
        };
        let place = self.place_of(&made);
        let bootstrap = Some(new.bootstrap.clone()).filter(|it| !it.is_empty());
        let (resumes, head) = (new.resumes.is_some(), new.head.clone());
        let waiting = self.hand_over(now, &mut new, out);
        let texts = std::mem::take(&mut new.texts);
        let mut worker = worker_of(now, &kept.reserve, *new, place);
        let mode = worker.agent.delivery;
        let delivery = bootstrap.map(|it| self.new_delivery(now, &worker.id, it, mode));
        if resumes {
            self.keep_place(&mut worker);
        } else {
            self.note_parent(&mut worker, (&kept.reserve.caller, made.server));
            self.supersede(now, &worker, out);
        }
        let seq = self.seq;
        let (first, copy) = (delivery.as_ref().map(|it| it.id), worker.clone());
        match LiveWorker::made(worker, delivery, &mut self.profiles, now) {
            Ok(live) => {
                if resumes {
                    self.give_way(&copy, out);
                }
                self.workers.insert(copy.id.clone(), live)
            }
            Err(error) => {
                let Created { pane, window, .. } = made;
                out.push(Effect::Tmux(TmuxEffect::CloseWindow { worker: copy.id, pane, window }));
                return refuse(out, request_id, Refusal::new(RefusalKind::BadRequest, error));
            }
        };
        let happened = if resumes { Happened::Resumed } else { Happened::Created };
        self.log(now, out, Some(&copy.id), happened);
        self.watch_git(&copy.id, out);
        self.note_created(now, kept.reserve.attempt, (&copy.id, head), out);
        self.queue_all(now, waiting, texts);
        self.flush_workers(now, out);
        for report in kept.early {
            self.seen_reports.retain(|seen| seen.id != report.id);
            if let Err(refusal) = self.hook(now, &report, out) {
                tracing::debug!(%refusal, "an early report");
            }
        }
        let made = match first.filter(|_| !resumes) {
            Some(delivery) => Answer::Created { worker: Box::new(copy), delivery, seq },
            None => self.resumed(copy),
        };
        answer(out, request_id, made);
    }

    fn place_of(&self, made: &Created) -> Place {
        Place {
            server: made.server,
            window: made.window,
            pane: made.pane,
            pid: Some(made.pid),
            session: made.session.as_ref().map(|(id, _)| *id),
            session_name: made.session.as_ref().map(|(_, name)| name.clone()),
            boot: self.setup.boot.clone(),
            gone: false,
        }
    }

    /// Who asked for a new worker: another worker, or the pane of a person or an orchestrator. Nobody is told
    /// what an orchestrator needs but its user.
    fn note_parent(&self, worker: &mut Worker, (caller, server): (&Caller, ServerId)) {
        if worker.is_orchestrator() {
            return;
        }
        match self.party(caller) {
            Some(Parent::Worker(id)) => worker.parent = Some(id),
            Some(Parent::Pane(pane)) if worker.parent.is_none() => {
                worker.parent_pane = Some(ParentPane { server, pane });
            }
            Some(Parent::Pane(_)) | None => {}
        }
    }

    /// Decides about windows whose creation is uncertain, by what exists.
    pub(super) fn settle_unsure(
        &mut self,
        now: Now,
        (asked, by_tag): (Instant, &BTreeMap<String, Vec<PaneRow>>),
        out: &mut Vec<Effect>,
    ) {
        let Some(server) = self.server() else { return };
        let unsure = self.unsure().into_iter().filter(|(_, it)| it.since < asked);
        for (id, Unsure { error, .. }) in unsure {
            let row = by_tag.get(id.as_str()).and_then(|rows| rows.first());
            let made = row.map(|row| Created {
                server,
                pane: row.pane,
                pid: row.pid,
                window: row.window,
                session: row.links.first().map(Shown::place),
            });
            self.window_made(now, &id, made.ok_or(NotMade::Refused(error)), out);
        }
    }

    /// The server is gone, and every window with it.
    pub(super) fn refuse_unsure(&mut self, now: Now, out: &mut Vec<Effect>) {
        for (id, Unsure { error, .. }) in self.unsure() {
            self.window_made(now, &id, Err(NotMade::Refused(error)), out);
        }
    }

    fn unsure(&self) -> Vec<(WorkerId, Unsure)> {
        let all = self.reserved.iter();
        all.filter_map(|(id, it)| Some((id.clone(), it.unsure.clone()?))).collect()
    }

    /// A worker that is gone from tmux gives way to a new one in its worktree. Orchestrators share theirs.
    fn supersede(&mut self, now: Now, by: &Worker, out: &mut Vec<Effect>) {
        let is_alone = |it: &Worker| !it.is_orchestrator() && !by.is_orchestrator();
        let gives_way = |it: &Worker| it.id == by.id || it.worktree == by.worktree && is_alone(it);
        let old = self.workers.values().find(|live| gives_way(&live.worker));
        let Some(id) = old.map(|live| live.worker.id.clone()) else { return };
        self.end_worker(now, &id, (false, false), out);
    }

    pub(super) fn new_delivery(
        &mut self,
        now: Now,
        worker: &WorkerId,
        text: String,
        mode: DeliveryMode,
    ) -> Delivery {
        self.last_delivery += 1;
        Delivery {
            id: DeliveryId(self.last_delivery),
            worker: worker.clone(),
            text,
            file: None,
            mode,
            submit: true,
            interrupt: false,
            step: Step::Queued,
            held: None,
            evidence: String::new(),
            steps: vec![StepAt { step: Step::Queued, at: now.wall }],
            stuck: None,
            shown_before: None,
            news: false,
            marks_pane: false,
        }
    }

    pub(super) fn release(&mut self, request_id: RequestId, id: &WorkerId, out: &mut Vec<Effect>) {
        let is_mine = |it: &PendingWorker| it.client == request_id.client && it.creating.is_none();
        if self.reserved.get(id).is_some_and(is_mine) {
            self.reserved.remove(id);
            return answer(out, request_id, Answer::Released { existed: false });
        }
        let existed = self.workers.contains_key(id) || self.reserved.contains_key(id);
        answer(out, request_id, Answer::Released { existed });
    }
}

fn worker_of(now: Now, reserve: &Reserve, new: NewWorker, place: Place) -> Worker {
    let agent: Agent = new.agent;
    if let Some(earlier) = new.resumes {
        return Worker {
            worktree: new.worktree,
            worktree_gone: false,
            git_dir: new.git_dir,
            worktree_made: new.worktree_made,
            agent,
            placement: reserve.placement,
            place,
            state: WorkerState::starting(now.wall),
            ended: None,
            usage: Usage::default(),
            profile_note: None,
            record: new.record,
            markers: new.markers,
            ..*earlier
        };
    }
    let follows = new.follows;
    Worker {
        id: new.id,
        project: reserve.project.clone(),
        repo: reserve.repo.clone(),
        worktree: new.worktree,
        worktree_gone: false,
        git_dir: new.git_dir,
        branch: reserve.branch.clone(),
        branch_made: new.branch_made,
        worktree_made: new.worktree_made,
        base: new.base,
        source: new.source,
        kind: new.kind,
        agent,
        placement: reserve.placement,
        place,
        pr: new.pr,
        parent: new.parent,
        parent_pane: None,
        wakes: new.wakes,
        created: now.wall,
        follows: follows.as_ref().and_then(|it| it.since),
        state: WorkerState::starting(now.wall),
        ended: None,
        agent_session: None,
        last_message: follows.and_then(|it| it.last_message),
        usage: Usage::default(),
        progress: None,
        profile_note: None,
        record: new.record,
        markers: new.markers,
        work: Work::default(),
    }
}
