//! What clients ask: reservations, creation, looking up, sending. Cleanup has a file of its own.
use std::collections::BTreeSet;

use super::{
    Effect, Input, Link, Made, PromotedTo, Record, Reservation, SessionId, Show, State, Ticket,
    WindowSpec, slot::Slot,
};
use crate::model::{
    Agent, Answer, Ask, Delivery, DeliveryId, DeliveryMode, Happened, HubStatus, NewDelivery,
    NewWorker, Now, Place, Placement, Prepare, Prepared, Refusal, RefusalKind, State as Believed,
    Step, StepAt, Worker, WorkerId,
};

impl State {
    pub(super) fn asked(&mut self, now: Now, ticket: Ticket, ask: Ask, out: &mut Vec<Effect>) {
        match ask {
            Ask::Prepare(prepare) => self.prepare(ticket, prepare, out),
            Ask::Create(new) => self.create(now, ticket, new, out),
            Ask::Abandon { id } => self.abandon(ticket, &id, out),
            Ask::Exists { id } => {
                let exists = self.slots.contains_key(&id);
                answer(out, ticket, Answer::Exists { exists });
            }
            Ask::List { .. } => {
                let (workers, deliveries) = self.snapshot(&BTreeSet::new());
                let orphans = self.orphans.keys().cloned().collect();
                answer(out, ticket, Answer::Workers { workers, deliveries, orphans });
            }
            Ask::Show { id } => self.show(ticket, &id, out),
            Ask::Explain { id } => self.explain(ticket, &id, out),
            Ask::Locate { id } => self.locate(ticket, &id, out),
            Ask::Promote { id } => self.promote(now, ticket, &id, out),
            Ask::Cleanup(cleanup) => self.cleanup(now, ticket, cleanup, out),
            Ask::Send(new) => self.send(now, ticket, new, out),
            Ask::Cancel { delivery } => self.cancel(now, ticket, delivery, out),
            Ask::Subscribe { workers } => self.subscribe(ticket, workers, out),
            Ask::Hook(report) => {
                self.hook(now, &report, out);
                answer(out, ticket, Answer::Done);
            }
            Ask::Status => self.status(ticket, out),
            Ask::Stop { reason } => {
                self.log(
                    now,
                    out,
                    None,
                    Happened::Hub { what: format!("asked to stop: {reason}") },
                );
                answer(out, ticket, Answer::Done);
                out.push(Effect::Leave { why: reason });
            }
            // Answered from the store by the loop, before they get here.
            Ask::Receipts { .. } | Ask::Events { .. } => {
                let text = "this is answered elsewhere";
                refuse(out, ticket, Refusal::new(RefusalKind::BadRequest, text));
            }
        }
    }

    pub(super) fn client_gone(&mut self, client: u64) {
        self.clients = self.clients.saturating_sub(1);
        self.pending.retain(|(ticket, _)| ticket.client != client);
        // A worker whose window is being made exists as soon as it is made.
        self.reserved.retain(|_, it| it.client != client || it.creating.is_some());
    }

    /// Keeps an id and finds the place, so that nothing is made for a worker that cannot be.
    fn prepare(&mut self, ticket: Ticket, prepare: Prepare, out: &mut Vec<Effect>) {
        if let Some(refusal) = self.conflict(&prepare) {
            return refuse(out, ticket, refusal);
        }
        let Link::Up(linked) = &self.link else {
            self.pending.push((ticket, Ask::Prepare(prepare)));
            return self.want_link(out);
        };
        let id = self.free_id(&prepare);
        let prepared = Prepared {
            id: id.clone(),
            env_names: linked.env_names.clone(),
            default_shell: linked.default_shell.clone(),
        };
        let caller = prepare.caller.clone();
        let wants_session = prepare.placement == Placement::Window;
        let kept = Reservation {
            client: ticket.client,
            prepare,
            session: None,
            creating: None,
            early: Vec::new(),
        };
        self.reserved.insert(id, kept);
        if wants_session {
            out.push(Effect::FindSession { ticket, caller });
            self.finding.insert(ticket, prepared);
        } else {
            answer(out, ticket, Answer::Prepared(prepared));
        }
    }

    /// A live worker for the same thing, or on the same branch.
    fn conflict(&self, prepare: &Prepare) -> Option<Refusal> {
        let same = |repo, branch: &str, key: Option<String>| {
            repo == &prepare.repo
                && (branch == prepare.branch || (key.is_some() && key == prepare.source_key))
        };
        let live = self.slots.values().map(|slot| &slot.worker);
        let live =
            live.filter(|it| it.is_live()).find(|it| same(&it.repo, &it.branch, it.source.key()));
        if let Some(worker) = live {
            let message = format!("worker `{}` is already on it", worker.id);
            let hint = format!("go there with `wtmag attach {}`", worker.id);
            return Some(Refusal::new(RefusalKind::Exists, message).hint(hint));
        }
        let mut making = self.reserved.iter();
        let (id, _) = making.find(|(_, it)| {
            same(&it.prepare.repo, &it.prepare.branch, it.prepare.source_key.clone())
        })?;
        let message = format!("worker `{id}` is just being created for it");
        Some(Refusal::new(RefusalKind::Exists, message))
    }

    fn free_id(&self, prepare: &Prepare) -> WorkerId {
        let first = WorkerId::for_branch(&prepare.project, &prepare.branch);
        let is_free =
            |id: &WorkerId| !self.slots.contains_key(id) && !self.reserved.contains_key(id);
        let superseded = self.slots.get(&first).is_some_and(|slot| {
            let worker = &slot.worker;
            worker.repo == prepare.repo && worker.branch == prepare.branch && !slot.has_window()
        });
        if is_free(&first) || superseded && !self.reserved.contains_key(&first) {
            return first;
        }
        let mut numbered = (2..).map(|n| first.numbered(n));
        numbered.find(is_free).unwrap_or(first)
    }

    pub(super) fn session_found(
        &mut self,
        ticket: Ticket,
        found: Result<Option<(SessionId, String)>, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(prepared) = self.finding.remove(&ticket) else { return };
        let session = match found {
            Ok(Some(session)) => session,
            Ok(None) => {
                self.reserved.remove(&prepared.id);
                let message = "no session of yours shows the window this was called from";
                let refusal = Refusal::new(RefusalKind::NotNow, message)
                    .hint("pass `-s` for a session of its own");
                return refuse(out, ticket, refusal);
            }
            Err(error) => {
                self.reserved.remove(&prepared.id);
                return refuse(out, ticket, Refusal::new(RefusalKind::Tmux, error));
            }
        };
        if let Some(kept) = self.reserved.get_mut(&prepared.id) {
            kept.session = Some(session);
            answer(out, ticket, Answer::Prepared(prepared));
        }
    }

    fn create(&mut self, now: Now, ticket: Ticket, new: Box<NewWorker>, out: &mut Vec<Effect>) {
        let program = self.setup.program.display().to_string();
        let env = self.worker_env(&new);
        let Some(kept) = self.reserved.get_mut(&new.id).filter(|it| it.client == ticket.client)
        else {
            let message = format!("`{}` was not reserved by this connection", new.id);
            return refuse(out, ticket, Refusal::new(RefusalKind::BadRequest, message));
        };
        if kept.creating.is_some() {
            let message = format!("`{}` is being created already", new.id);
            return refuse(out, ticket, Refusal::new(RefusalKind::BadRequest, message));
        }
        let Link::Up(linked) = &self.link else {
            let message = "the connection to tmux was lost";
            return refuse(out, ticket, Refusal::new(RefusalKind::Tmux, message));
        };
        let show = match &kept.session {
            Some((session, _)) => Show::In(*session),
            None => Show::Own(new.id.to_string()),
        };
        let mut argv = vec![program, "pane".to_owned()];
        let options = [
            ("--worker", new.id.to_string()),
            ("--worktree", new.worktree.display().to_string()),
            ("--shell", linked.default_shell.clone()),
            ("--spool", self.setup.spool.display().to_string()),
            ("--socket", self.setup.hub_socket.display().to_string()),
        ];
        for (name, value) in options {
            argv.extend([name.to_owned(), value]);
        }
        argv.push("--".to_owned());
        argv.extend(new.agent.argv.iter().cloned());
        let spec = WindowSpec {
            worker: new.id.clone(),
            title: kept.prepare.branch.clone(),
            cwd: new.worktree.clone(),
            argv,
            caller_env: new.env.clone(),
            env,
            show,
            session_name: kept.session.as_ref().map(|(_, name)| name.clone()),
        };
        let id = new.id.clone();
        kept.creating = Some((ticket, new));
        // Written before the window is made: a store that cannot be written refuses here.
        self.log(now, out, Some(&id), Happened::Command { verb: "create".into() });
        out.push(Effect::MakeWindow(Box::new(spec)));
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

    /// The commit point of `create`: from this record on the worker exists.
    pub(super) fn window_made(
        &mut self,
        now: Now,
        id: &WorkerId,
        made: Result<Made, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(kept) = self.reserved.remove(id) else { return };
        let Some((ticket, new)) = kept.creating else { return };
        let Link::Up(linked) = &self.link else {
            let message = "the connection to tmux was lost while the window was made";
            return refuse(out, ticket, Refusal::new(RefusalKind::Tmux, message));
        };
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                return refuse(out, ticket, Refusal::new(RefusalKind::Tmux, error));
            }
        };
        let place = Place {
            server: linked.server,
            window: made.window,
            pane: made.pane,
            session: made.session.as_ref().map(|(id, _)| *id),
            session_name: made.session.map(|(_, name)| name),
            boot: self.setup.boot.clone(),
            gone: false,
        };
        let bootstrap = new.bootstrap.clone();
        let worker = worker_of(now, &kept.prepare, *new, place);
        let delivery = self.new_delivery(now, &worker.id, bootstrap, worker.agent.delivery);
        self.supersede(now, &worker, out);
        let seq = self.seq;
        let (first, copy) = (delivery.id, worker.clone());
        match Slot::made(worker, delivery, now) {
            Ok(slot) => self.slots.insert(copy.id.clone(), slot),
            Err(error) => {
                out.push(Effect::CloseWindow { worker: copy.id, window: made.window });
                return refuse(out, ticket, Refusal::new(RefusalKind::BadRequest, error));
            }
        };
        self.log(now, out, Some(&copy.id), Happened::Created);
        self.flush_slots(now, out);
        for report in kept.early {
            self.seen_reports.retain(|id| *id != report.id);
            self.hook(now, &report, out);
        }
        let created = Answer::Created { worker: Box::new(copy), delivery: first, seq };
        answer(out, ticket, created);
    }

    /// A worker that is gone from tmux gives way to a new one in its worktree.
    fn supersede(&mut self, now: Now, by: &Worker, out: &mut Vec<Effect>) {
        let old = self
            .slots
            .values()
            .find(|slot| slot.worker.id == by.id || slot.worker.worktree == by.worktree);
        let Some(id) = old.map(|slot| slot.worker.id.clone()) else { return };
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
            mode,
            submit: true,
            interrupt: false,
            step: Step::Queued,
            held: None,
            evidence: String::new(),
            steps: vec![StepAt { step: Step::Queued, at: now.wall }],
        }
    }

    fn abandon(&mut self, ticket: Ticket, id: &WorkerId, out: &mut Vec<Effect>) {
        let is_mine = |it: &Reservation| it.client == ticket.client && it.creating.is_none();
        if self.reserved.get(id).is_some_and(is_mine) {
            self.reserved.remove(id);
            return answer(out, ticket, Answer::Abandoned { existed: false });
        }
        let existed = self.slots.contains_key(id) || self.reserved.contains_key(id);
        answer(out, ticket, Answer::Abandoned { existed });
    }

    fn show(&mut self, ticket: Ticket, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get(id) else { return not_found(out, ticket, id) };
        let shown = Answer::Shown {
            worker: Box::new(slot.worker.clone()),
            screen: slot.last_sample().cloned(),
            deliveries: slot.deliveries(),
        };
        answer(out, ticket, shown);
    }

    fn explain(&mut self, ticket: Ticket, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get(id) else { return not_found(out, ticket, id) };
        let (verdict, rules) = slot.explain();
        let explained = Answer::Explained {
            worker: Box::new(slot.worker.clone()),
            sample: slot.last_sample().cloned(),
            verdict,
            rules,
        };
        answer(out, ticket, explained);
    }

    fn locate(&mut self, ticket: Ticket, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get(id) else { return not_found(out, ticket, id) };
        let (Link::Up(linked), true) = (&self.link, slot.has_window()) else {
            let refusal =
                Refusal::new(RefusalKind::NotNow, format!("`{id}` has no window any more"));
            let hint = format!("its worktree is `{}`", slot.worker.worktree.display());
            return refuse(out, ticket, refusal.hint(hint));
        };
        let place = &slot.worker.place;
        let (session, fleet) = match place.session {
            Some(session) => (session.to_string(), false),
            None => (format!("={}", linked.fleet), true),
        };
        answer(out, ticket, Answer::Located { session, window: place.window, fleet });
    }

    fn promote(&mut self, now: Now, ticket: Ticket, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get(id) else { return not_found(out, ticket, id) };
        let worker = &slot.worker;
        if !slot.has_window() || !matches!(self.link, Link::Up(_)) {
            let refusal =
                Refusal::new(RefusalKind::NotNow, format!("`{id}` has no window any more"));
            return refuse(out, ticket, refusal);
        }
        if worker.placement == Placement::Session {
            let session = worker.place.session_name.clone().unwrap_or_default();
            let message = format!("`{id}` has a session of its own already, `{session}`");
            return refuse(out, ticket, Refusal::new(RefusalKind::Exists, message));
        }
        out.push(Effect::Promote {
            ticket,
            worker: id.clone(),
            window: worker.place.window,
            name: id.to_string(),
            cwd: worker.worktree.clone(),
        });
        self.log(now, out, Some(id), Happened::Command { verb: "promote".into() });
    }

    pub(super) fn promoted(
        &mut self,
        now: Now,
        ticket: Ticket,
        id: &WorkerId,
        done: Result<PromotedTo, String>,
        out: &mut Vec<Effect>,
    ) {
        let to = match done {
            Ok(to) => to,
            Err(error) => return refuse(out, ticket, Refusal::new(RefusalKind::Tmux, error)),
        };
        if let Some(slot) = self.slots.get_mut(id) {
            slot.placed(Placement::Session, Some((to.session, to.name.clone())));
        }
        self.flush_slots(now, out);
        let ended_sessions = to.ended_sessions;
        answer(out, ticket, Answer::Promoted { session: to.name, ended_sessions });
    }

    fn send(&mut self, now: Now, ticket: Ticket, new: NewDelivery, out: &mut Vec<Effect>) {
        if !self.slots.contains_key(&new.worker) {
            return not_found(out, ticket, &new.worker);
        }
        let mut delivery = self.new_delivery(now, &new.worker, new.text, DeliveryMode::Ready);
        delivery.submit = new.submit;
        delivery.interrupt = new.interrupt;
        let seq = self.seq;
        let Some(slot) = self.slots.get_mut(&new.worker) else { return };
        if !slot.worker.is_live() {
            let message = format!("the agent of `{}` is gone", new.worker);
            return refuse(out, ticket, Refusal::new(RefusalKind::NotNow, message));
        }
        slot.queue(now, delivery.clone());
        self.log(now, out, Some(&new.worker), Happened::Command { verb: "send".into() });
        self.flush_slots(now, out);
        answer(out, ticket, Answer::Queued { delivery, seq });
    }

    fn cancel(&mut self, now: Now, ticket: Ticket, id: DeliveryId, out: &mut Vec<Effect>) {
        let mut cancelled = None;
        for slot in self.slots.values_mut() {
            cancelled = cancelled.or_else(|| slot.cancel(now, id));
        }
        self.flush_slots(now, out);
        match cancelled {
            None => {
                let message = format!("there is no open delivery {id}");
                refuse(out, ticket, Refusal::new(RefusalKind::NotFound, message));
            }
            Some(false) => {
                let message = format!("delivery {id} is on its way already");
                refuse(out, ticket, Refusal::new(RefusalKind::NotNow, message));
            }
            Some(true) => answer(out, ticket, Answer::Done),
        }
    }

    fn subscribe(&mut self, ticket: Ticket, workers: Vec<WorkerId>, out: &mut Vec<Effect>) {
        let wanted: BTreeSet<_> = workers.into_iter().collect();
        if let Some(id) = wanted.iter().find(|id| !self.slots.contains_key(id)) {
            return not_found(out, ticket, id);
        }
        let (workers, deliveries) = self.snapshot(&wanted);
        answer(out, ticket, Answer::Subscribed { workers, deliveries, seq: self.seq });
        out.push(Effect::Subscribe(ticket, wanted));
    }

    fn snapshot(&self, wanted: &BTreeSet<WorkerId>) -> (Vec<Worker>, Vec<Delivery>) {
        let slots = self.slots.values();
        let slots: Vec<&Slot> =
            slots.filter(|slot| wanted.is_empty() || wanted.contains(&slot.worker.id)).collect();
        let workers = slots.iter().map(|slot| slot.worker.clone()).collect();
        (workers, slots.iter().filter_map(|slot| slot.newest_delivery()).collect())
    }

    fn status(&self, ticket: Ticket, out: &mut Vec<Effect>) {
        let (tmux, fleet) = match &self.link {
            Link::Up(it) => (Some((it.version.clone(), it.server.pid)), Some(it.fleet.clone())),
            Link::Down | Link::Connecting | Link::Retrying { .. } => (None, None),
        };
        let mut problems = self.problems.clone();
        if let Link::Retrying { error, tries } = &self.link {
            problems.push(format!("tmux cannot be reached ({tries} tries): {error}"));
        }
        let status = HubStatus {
            pid: self.setup.pid,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.setup.started,
            tmux_socket: self.setup.tmux_socket.clone(),
            tmux,
            fleet,
            live_workers: self.slots.values().filter(|slot| slot.worker.is_live()).count(),
            open_deliveries: self.slots.values().map(Slot::open_deliveries).sum(),
            clients: self.clients,
            orphans: self.orphans.keys().cloned().collect(),
            problems,
        };
        answer(out, ticket, Answer::Status(Box::new(status)));
    }

    /// Starts to connect, unless that is under way.
    fn want_link(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.link, Link::Down) {
            self.link = Link::Connecting;
            out.push(Effect::Link { may_start: true, after: std::time::Duration::ZERO });
        }
    }

    /// Handles again what waited for the connection.
    pub(super) fn ask_pending(&mut self, now: Now, out: &mut Vec<Effect>) {
        for (ticket, ask) in std::mem::take(&mut self.pending) {
            out.extend(self.handle(now, Input::Asked { ticket, ask }));
        }
    }
}

fn worker_of(now: Now, prepare: &Prepare, new: NewWorker, place: Place) -> Worker {
    let agent: Agent = new.agent;
    Worker {
        id: new.id,
        project: prepare.project.clone(),
        repo: prepare.repo.clone(),
        worktree: new.worktree,
        git_dir: new.git_dir,
        branch: prepare.branch.clone(),
        branch_made: new.branch_made,
        base: new.base,
        source: new.source,
        kind: new.kind,
        agent,
        placement: prepare.placement,
        place,
        pr: new.pr,
        parent: new.parent,
        created: now.wall,
        state: Believed::starting(now.wall),
        ended: None,
        agent_session: None,
        last_message: None,
    }
}

pub(super) fn answer(out: &mut Vec<Effect>, ticket: Ticket, answer: Answer) {
    out.push(Effect::Answer(ticket, Ok(Box::new(answer))));
}

pub(super) fn refuse(out: &mut Vec<Effect>, ticket: Ticket, refusal: Refusal) {
    out.push(Effect::Answer(ticket, Err(refusal)));
}

pub(super) fn not_found(out: &mut Vec<Effect>, ticket: Ticket, id: &WorkerId) {
    let message = format!("there is no worker `{id}`");
    let refusal = Refusal::new(RefusalKind::NotFound, message).hint("`wtmag list --all` shows all");
    refuse(out, ticket, refusal);
}

/// A record that goes with an answer.
pub(super) fn record(out: &mut Vec<Effect>, record: Record) {
    out.push(Effect::Record(record));
}
