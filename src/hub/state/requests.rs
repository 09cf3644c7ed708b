//! Requests of clients: queries, navigation, sending. Creation and cleanup have their own files.
use std::{collections::BTreeSet, time::Duration};

use super::{
    Effect, HubState, Input, Link, Linked, LocalEffect, Query, Record, RequestId, TmuxEffect,
    live_worker::LiveWorker,
};
use crate::{
    model::{
        Answer, Delivery, DeliveryId, DeliveryMode, Happened, Hook, HookReport, HubStatus, Landed,
        NewDelivery, Now, Placement, Refusal, RefusalKind, Request, Step, Take, Worker, WorkerId,
    },
    tmux::Promoted,
};

/// Longest text that is typed into an agent, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;

impl HubState {
    pub(super) fn asked(
        &mut self,
        now: Now,
        request_id: RequestId,
        request: Request,
        out: &mut Vec<Effect>,
    ) {
        match request {
            // The previous hub's facts are not reported as current.
            request if self.is_looking() && request.tells_of_now() => {
                self.pending.push((request_id, request));
                self.want_link(out);
            }
            Request::Reserve(reserve) => self.reserve(now, request_id, reserve, out),
            Request::Create(new) => self.create(now, request_id, new, out),
            Request::Release { id } => self.release(request_id, &id, out),
            Request::Recover { id } => self.recover(request_id, id, out),
            Request::List { ended, brief } => self.list(request_id, (ended, brief), out),
            Request::Show { id } => self.show(now, request_id, &id, out),
            Request::View { id, known } => self.view(now, request_id, id, known, out),
            Request::Explain { id } => self.explain(now, request_id, &id, out),
            Request::Locate { id } => self.locate(request_id, &id, out),
            Request::Promote { id } => self.promote(now, request_id, &id, out),
            Request::Cleanup(cleanup) => self.cleanup(now, request_id, cleanup, out),
            Request::Landed { id, landed } => self.landed(now, request_id, &id, landed, out),
            Request::Panes { id } => self.want_panes(request_id, id, out),
            Request::Send(new) => drop(self.send(now, request_id, new, out)),
            Request::Cancel { delivery } => self.cancel(now, request_id, delivery, out),
            Request::Take { delivery, take } => self.take(now, request_id, delivery, take, out),
            Request::Subscribe { workers } => self.subscribe(request_id, workers, out),
            Request::Hook(report) => self.hook_asked(now, request_id, &report, out),
            Request::Inbox(query) => self.list_inbox(now, request_id, &query, out),
            Request::Adopt { workers, caller } => {
                self.adopt(now, request_id, (&workers, &caller), out);
            }
            Request::AnswerDialog(wanted) => self.answer_dialog(now, request_id, *wanted, out),
            Request::DialogPrinted { id, asked } => {
                self.dialog_printed(request_id, &id, asked, out);
            }
            Request::Ask(text) => self.ask_worker(now, request_id, text, out),
            Request::Ack { items } => self.ack(now, request_id, &items, out),
            Request::Reply { item, text } => self.reply(now, request_id, (item, text), out),
            Request::Schedule(plan) => self.schedule(now, request_id, *plan, out),
            Request::Schedules => self.list_schedules(request_id, out),
            Request::CancelSchedule { id } => self.cancel_schedule(now, request_id, id, out),
            Request::Pulls { repo, waits } => {
                self.refresh_pulls(now, request_id, (repo.as_deref(), waits), out);
            }
            Request::Run { order, tasks } => self.start_run(now, request_id, (order, tasks), out),
            Request::Runs { run } => self.list_runs(request_id, run, out),
            Request::ActOnRun { run, act } => self.act_on_run(now, request_id, (run, &act), out),
            Request::Status => self.status(request_id, out),
            Request::Stop { reason } => self.stop(now, request_id, reason, out),
            Request::Receipts { worker } => {
                out.push(Effect::Query(request_id, Query::Receipts { worker }));
            }
            Request::Receipt { delivery } => {
                out.push(Effect::Query(request_id, Query::Receipt(delivery)));
            }
            Request::LastBefore { at } => {
                out.push(Effect::Query(request_id, Query::LastBefore(at)));
            }
            Request::Events { worker, since, limit } => {
                out.push(Effect::Query(request_id, Query::Events { worker, since, limit }));
            }
        }
    }

    fn list(&self, request_id: RequestId, (ended, brief): (bool, bool), out: &mut Vec<Effect>) {
        if ended {
            return out.push(Effect::Query(request_id, Query::Ended { brief }));
        }
        let (workers, deliveries) = if brief {
            let all = self.workers.values();
            let failed = all.clone().filter_map(LiveWorker::newest_delivery);
            let failed = failed.filter(|it| it.step == Step::Failed).cloned();
            (
                all.map(|live| live.worker.brief()).collect(),
                failed.map(Delivery::shortened).collect(),
            )
        } else {
            self.snapshot(&BTreeSet::new())
        };
        let orphans = self.orphans.keys().cloned().collect();
        answer(out, request_id, Answer::Workers { workers, deliveries, orphans });
    }

    fn stop(&mut self, now: Now, request_id: RequestId, reason: String, out: &mut Vec<Effect>) {
        self.log(now, out, None, Happened::Hub { what: format!("asked to stop: {reason}") });
        answer(out, request_id, Answer::Done);
        out.push(Effect::Leave { why: reason });
    }

    fn hook_asked(
        &mut self,
        now: Now,
        request_id: RequestId,
        report: &HookReport,
        out: &mut Vec<Effect>,
    ) {
        let is_report = matches!(report.hook, Hook::Report(_));
        match self.hook(now, report, out) {
            Ok(item) if is_report => answer(out, request_id, Answer::Reported { item }),
            Ok(_) => answer(out, request_id, Answer::Done),
            Err(refusal) => refuse(out, request_id, refusal),
        }
    }

    pub(super) fn client_gone(&mut self, client: u64) {
        self.runs.mark_stale();
        self.clients = self.clients.saturating_sub(1);
        self.pending.retain(|(request_id, _)| request_id.client != client);
        self.panes_wanted.retain(|(request_id, _)| request_id.client != client);
        self.finding.retain(|request_id, _| request_id.client != client);
        self.showing.retain(|it| it.client() != client);
        self.viewing.retain(|it| it.client() != client);
        self.forget_waiting(client);
        self.forget_pulls_client(client);
        self.leave_line(client);
        self.workers.values_mut().for_each(|live| live.forget_answer_of(client));
        // A worker whose window is being created will exist soon.
        self.reserved.retain(|_, it| it.client != client || it.creating.is_some());
    }

    fn landed(
        &mut self,
        now: Now,
        request_id: RequestId,
        id: &WorkerId,
        landed: Landed,
        out: &mut Vec<Effect>,
    ) {
        let Some(live) = self.workers.get_mut(id) else { return not_found(out, request_id, id) };
        live.note_merge(now, &landed);
        live.has_landed(landed);
        self.flush_workers(now, out);
        answer(out, request_id, Answer::Done);
    }

    fn explain(&mut self, now: Now, request_id: RequestId, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(live) = self.workers.get(id) else { return not_found(out, request_id, id) };
        answer(out, request_id, Answer::Explained(Box::new(live.explain(now))));
    }

    fn locate(&mut self, request_id: RequestId, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(live) = self.workers.get(id) else { return not_found(out, request_id, id) };
        let (Link::Up(linked), true) = (&self.link, live.has_window()) else {
            let refusal =
                Refusal::new(RefusalKind::NotNow, format!("`{id}` no longer has a window"));
            let hint = format!("its worktree is `{}`", live.worker.worktree.display());
            return refuse(out, request_id, refusal.hint(hint));
        };
        let place = &live.worker.place;
        let (session, fleet) = match place.session {
            Some(session) => (session.to_string(), false),
            None => (format!("={}", linked.info.fleet_name), true),
        };
        answer(out, request_id, Answer::Located { session, window: place.window, fleet });
    }

    fn promote(&mut self, now: Now, request_id: RequestId, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(live) = self.workers.get(id) else { return not_found(out, request_id, id) };
        let worker = &live.worker;
        if !live.has_window() || !matches!(self.link, Link::Up(_)) {
            let refusal =
                Refusal::new(RefusalKind::NotNow, format!("`{id}` no longer has a window"));
            return refuse(out, request_id, refusal);
        }
        if worker.placement == Placement::Session {
            let session = worker.place.session_name.clone().unwrap_or_default();
            let message = format!("`{id}` already has its own session, `{session}`");
            return refuse(out, request_id, Refusal::new(RefusalKind::Exists, message));
        }
        out.push(Effect::Tmux(TmuxEffect::Promote {
            request_id,
            worker: id.clone(),
            window: worker.place.window,
            name: id.to_string(),
            cwd: worker.worktree.clone(),
        }));
        self.log(now, out, Some(id), Happened::Command { verb: "promote".into() });
    }

    pub(super) fn promoted(
        &mut self,
        now: Now,
        request_id: RequestId,
        (id, name): (&WorkerId, String),
        done: Result<Promoted, String>,
        out: &mut Vec<Effect>,
    ) {
        let to = match done {
            Ok(to) => to,
            Err(error) => return refuse(out, request_id, Refusal::new(RefusalKind::Tmux, error)),
        };
        if let Some(live) = self.workers.get_mut(id) {
            live.placed(Placement::Session, Some((to.session, name.clone())));
        }
        self.flush_workers(now, out);
        answer(out, request_id, Answer::Promoted { session: name, ended_sessions: to.ended });
    }

    /// Returns the delivery that was queued, unless the request was refused.
    pub(super) fn send(
        &mut self,
        now: Now,
        request_id: RequestId,
        new: NewDelivery,
        out: &mut Vec<Effect>,
    ) -> Option<DeliveryId> {
        let seq = self.seq;
        match self.queue_text(now, new, out) {
            Ok(delivery) => {
                let id = delivery.id;
                answer(out, request_id, Answer::Queued { delivery, seq });
                Some(id)
            }
            Err(refusal) => {
                refuse(out, request_id, refusal);
                None
            }
        }
    }

    /// Queues a text for a worker, if that can take it.
    pub(super) fn queue_text(
        &mut self,
        now: Now,
        new: NewDelivery,
        out: &mut Vec<Effect>,
    ) -> Result<Delivery, Refusal> {
        let refuse = |message: String, hint: &str| {
            Err(Refusal::new(RefusalKind::NotNow, message).hint(hint))
        };
        if !self.workers.contains_key(&new.worker) {
            return Err(no_worker(&new.worker));
        }
        if new.text.len() > MAX_TEXT {
            return Err(too_long(&new));
        }
        let delivery = self.delivery_of(now, new);
        let Some(live) = self.workers.get_mut(&delivery.worker) else {
            return Err(no_worker(&delivery.worker));
        };
        if !live.worker.is_live() {
            let (id, word) = (&live.worker.id, live.worker.state.word());
            let message = format!("the agent of `{id}` has ended: {word}");
            let hint =
                format!("`wtmag resume {id}` starts it again; `wtmag log {id}` tells how it ended");
            return refuse(message, &hint);
        }
        if delivery.interrupt && !live.can_interrupt() {
            let name = &live.worker.agent.name;
            let message = format!("wtmag knows no key that interrupts `{name}`");
            let hint = "set `interrupt` under `[keys]` in its profile, or leave out `--now`: the text \
                        then waits for the end of the turn";
            return refuse(message, hint);
        }
        if let Some(message) = live.full(delivery.text.len()) {
            let hint =
                "`wtmag receipts` shows what holds them; `wtmag send --cancel N` withdraws one";
            return refuse(message, hint);
        }
        live.queue(now, delivery.clone());
        self.log(now, out, Some(&delivery.worker), Happened::Command { verb: "send".into() });
        self.flush_workers(now, out);
        Ok(delivery.shortened())
    }

    pub(super) fn delivery_of(&mut self, now: Now, new: NewDelivery) -> Delivery {
        let mut delivery = self.new_delivery(now, &new.worker, new.text, DeliveryMode::Ready);
        delivery.file = new.file;
        delivery.submit = new.submit;
        delivery.interrupt = new.interrupt;
        delivery
    }

    fn cancel(&mut self, now: Now, request_id: RequestId, id: DeliveryId, out: &mut Vec<Effect>) {
        let cancel = |live: &mut LiveWorker| Some((live.worker.id.clone(), live.cancel(now, id)?));
        let found = self.agents_mut().find_map(cancel);
        if let Some((worker, true)) = &found {
            self.log(now, out, Some(worker), Happened::Command { verb: "cancel".into() });
        }
        self.flush_workers(now, out);
        match found {
            None => {
                let message = format!("there is no open delivery {id}");
                refuse(out, request_id, Refusal::new(RefusalKind::NotFound, message));
            }
            Some((_, false)) => {
                let message =
                    format!("it is too late to withdraw delivery {id}: it is already being typed");
                refuse(out, request_id, Refusal::new(RefusalKind::NotNow, message));
            }
            Some((_, true)) => answer(out, request_id, Answer::Done),
        }
    }

    fn take(
        &mut self,
        now: Now,
        request_id: RequestId,
        id: DeliveryId,
        take: Take,
        out: &mut Vec<Effect>,
    ) {
        let mut found = None;
        for live in self.agents_mut() {
            if take == Take::Clear && live.has_open(id) && !live.can_clear() {
                let name = &live.worker.agent.name;
                let message = format!("wtmag knows no key that clears the box of `{name}`");
                let hint = "clear it in its window; or set `clear` under `[keys]` in its profile";
                let refusal = Refusal::new(RefusalKind::NotNow, message).hint(hint);
                return refuse(out, request_id, refusal);
            }
            let taken = live.take(now, id, take, out);
            found = found.or(taken.map(|done| (live.worker.id.clone(), done)));
        }
        if let Some((worker, true)) = &found {
            self.log(now, out, Some(worker), Happened::Command { verb: "take".into() });
        }
        self.flush_workers(now, out);
        match found {
            None => {
                let message = format!("there is no open delivery {id}");
                refuse(out, request_id, Refusal::new(RefusalKind::NotFound, message));
            }
            Some((_, false)) => {
                let message = match take {
                    Take::Enter => format!("delivery {id} has not been pasted yet"),
                    Take::Done | Take::Retry | Take::Clear => {
                        format!(
                            "delivery {id} is not stuck: it is being delivered, or waits for an earlier text"
                        )
                    }
                };
                refuse(out, request_id, Refusal::new(RefusalKind::NotNow, message));
            }
            Some((_, true)) => answer(out, request_id, Answer::Done),
        }
    }

    fn subscribe(&mut self, request_id: RequestId, workers: Vec<WorkerId>, out: &mut Vec<Effect>) {
        let wanted: BTreeSet<_> = workers.into_iter().collect();
        if let Some(id) = wanted.iter().find(|id| !self.workers.contains_key(id)) {
            return not_found(out, request_id, id);
        }
        let (workers, deliveries) = self.snapshot(&wanted);
        answer(out, request_id, Answer::Subscribed { workers, deliveries, seq: self.seq });
        out.push(Effect::Subscribe { request_id, workers: wanted, after: self.seq });
    }

    fn snapshot(&self, wanted: &BTreeSet<WorkerId>) -> (Vec<Worker>, Vec<Delivery>) {
        let workers = self.workers.values();
        let named: Vec<&LiveWorker> =
            workers.filter(|live| wanted.is_empty() || wanted.contains(&live.worker.id)).collect();
        let workers = named.iter().map(|live| live.worker.clone()).collect();
        let newest = named.iter().filter_map(|live| live.newest_delivery());
        (workers, newest.cloned().map(Delivery::shortened).collect())
    }

    fn status(&self, request_id: RequestId, out: &mut Vec<Effect>) {
        let (tmux, fleet) = match &self.link {
            Link::Up(Linked { info, .. }) => {
                (Some((info.version_text.clone(), info.id.pid)), Some(info.fleet_name.clone()))
            }
            Link::Down | Link::Connecting(_) | Link::Retrying { .. } => (None, None),
        };
        let mut problems = self.problems.clone();
        let failed = self.notices.failure.iter();
        problems.extend(failed.map(|it| format!("`[notify] command` failed: {it}")));
        if let Link::Retrying { error, tries, .. } = &self.link {
            problems.push(format!("tmux cannot be reached ({tries} tries): {error}"));
        }
        let status = HubStatus {
            pid: self.setup.pid,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.setup.started,
            tmux_socket: self.setup.tmux_socket.clone(),
            tmux,
            fleet,
            live_workers: self.workers.values().filter(|live| live.worker.is_live()).count(),
            open_deliveries: self.workers.values().map(LiveWorker::open_deliveries).sum(),
            clients: self.clients,
            orphans: self.orphans.keys().cloned().collect(),
            problems,
        };
        answer(out, request_id, Answer::Status(Box::new(status)));
    }

    /// Starts to connect, unless that is already in progress.
    pub(super) fn want_link(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.link, Link::Down) {
            let (missing, known) = (self.missing(), self.known_server());
            self.link = Link::Connecting(missing);
            out.push(Effect::Local(LocalEffect::Link { missing, after: Duration::ZERO, known }));
        }
    }

    /// Handles the requests again that waited for the connection.
    pub(super) fn ask_pending(&mut self, now: Now, out: &mut Vec<Effect>) {
        for (request_id, request) in std::mem::take(&mut self.pending) {
            out.extend(self.handle(now, Input::Requested { request_id, request }));
        }
    }
}

pub(super) fn answer(out: &mut Vec<Effect>, request_id: RequestId, answer: Answer) {
    out.push(Effect::Reply(request_id, Ok(Box::new(answer))));
}

pub(super) fn refuse(out: &mut Vec<Effect>, request_id: RequestId, refusal: Refusal) {
    out.push(Effect::Reply(request_id, Err(refusal)));
}

pub(super) fn not_found(out: &mut Vec<Effect>, request_id: RequestId, id: &WorkerId) {
    refuse(out, request_id, no_worker(id));
}

pub(super) fn no_worker(id: &WorkerId) -> Refusal {
    let message = format!("no worker is named `{id}`");
    Refusal::new(RefusalKind::NotFound, message).hint("`wtmag list --all` shows all workers")
}

pub(super) fn too_long(text: &NewDelivery) -> Refusal {
    let message = format!("a text of {} bytes is too long to be typed", text.text.len());
    let hint = "leave out `--paste`: wtmag then passes the text in a file";
    Refusal::new(RefusalKind::NotNow, message).hint(hint)
}

/// A record that goes with an answer.
pub(super) fn record(out: &mut Vec<Effect>, record: Record) {
    out.push(Effect::Record(record));
}
