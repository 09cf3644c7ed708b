//! The hub's state, and its decision on each input.
//!
//! Knows [`crate::model`], the agents' profiles and the delivery machine; time is an argument. No
//! tmux, no wire, no store, no task: actions come out as [`Effect`]s, and their results return as
//! [`Input`]s.
mod cleanups;
mod connection;
mod creation;
mod dialogs;
mod effect;
mod inbox;
mod input;
mod line;
mod live_worker;
mod looks;
mod markers;
mod notices;
mod observations;
mod options;
mod pulls;
mod reconcile;
mod remembered;
mod requests;
mod runs;
mod schedules;
mod settings;
mod showing;
mod takeover;
mod viewing;
mod waking;
mod workers;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;

pub use effect::{
    Act, Effect, GitWatch, LocalEffect, Notice, PullQuestion, Query, Record, Target, TmuxEffect,
    WorktreeQuery,
};
pub use input::{
    CleanedUp, Count, Input, Linked, Listed, Met, NotMade, Rest, Touched, WorktreeFacts,
};
pub use settings::Settings;

use live_worker::{Noted, Profiles};
pub use remembered::Remembered;

use crate::{
    model::{
        Delivery, Event, Happened, HookReport, Now, Refusal, Request, Reserve, SessionId,
        Timestamp, WorkerId,
    },
    tmux::{NoConnection, PaneRow},
};

/// A hub with nothing to do exits after this time.
pub const IDLE_EXIT: Duration = Duration::from_secs(10 * 60);

/// What a hub knows about itself at its start.
#[derive(Clone, Debug)]
pub struct Setup {
    pub pid: u32,
    pub started: Timestamp,
    /// The tmux server's socket.
    pub tmux_socket: PathBuf,
    /// The path of this program, for the panes that it starts.
    pub program: PathBuf,
    /// Where clients and hooks connect.
    pub hub_socket: PathBuf,
    pub spool: PathBuf,
    /// Changes when the machine is rebooted.
    pub boot: String,
    /// Of the machine: agents print times of it.
    pub zone: TimeZone,
    pub settings: Settings,
}

/// One request of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId {
    pub client: u64,
    pub number: u64,
}

/// The connection to the tmux server.
#[derive(Debug)]
enum Link {
    /// Not connected, and no request needs it.
    Down,
    Connecting(NoConnection),
    Up(Linked),
    /// Lost or refused; the next attempt is in progress.
    Retrying {
        error: String,
        tries: u32,
        missing: NoConnection,
    },
}

/// A report that came before.
#[derive(Debug)]
struct SeenReport {
    id: String,
    refusal: Option<Refusal>,
}

impl SeenReport {
    fn accepted(id: String) -> Self {
        Self { id, refusal: None }
    }
}

/// A reservation for a worker that is being created.
#[derive(Debug)]
struct PendingWorker {
    client: u64,
    reserve: Reserve,
    session: Option<(SessionId, String)>,
    /// Its window is being created: too late to release.
    creating: Option<(RequestId, Box<crate::model::NewWorker>)>,
    /// It is unknown whether the window was created.
    unsure: Option<Unsure>,
    /// Reports from its pane from before its window was known.
    early: Vec<HookReport>,
}

/// A new hub knows the previous hub's facts. It reports none of them until it has captured the
/// screens.
#[derive(Clone, Copy, Debug)]
enum FirstLook {
    Due,
    /// The windows are known; their screens are awaited until then.
    Listed {
        until: Instant,
    },
    Over,
}

/// How long the first screens of all workers are awaited.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// Why something is unknown, and since when.
#[derive(Clone, Debug)]
struct Unsure {
    error: String,
    since: Instant,
}

/// The hub's state. Only [`super::run`] owns it.
#[derive(Debug)]
pub struct HubState {
    setup: Setup,
    link: Link,
    workers: workers::Workers,
    profiles: Profiles,
    reserved: BTreeMap<WorkerId, PendingWorker>,
    /// Requests that wait for the connection.
    pending: Vec<(RequestId, Request)>,
    /// Tagged windows that belong to no known worker.
    orphans: BTreeMap<String, PaneRow>,
    /// Windows without a worker that are being closed.
    closing: BTreeSet<WorkerId>,
    /// Requests that wait for the next list of panes, each with its worker.
    panes_wanted: Vec<(RequestId, WorkerId)>,
    /// Reservations that wait for their session to be found.
    finding: BTreeMap<RequestId, crate::model::Reservation>,
    /// Requests that wait for a screen.
    showing: Vec<showing::Showing>,
    /// Clients that show a worker's screen.
    viewing: Vec<viewing::Viewing>,
    /// Cleanups whose second half runs or waits, with their requesters.
    cleanups: BTreeMap<WorkerId, cleanups::UnderWay>,
    /// New workers that wait for room, the first one first.
    line: Vec<line::Waiter>,
    runs: runs::Runs,
    inbox: inbox::Inbox,
    waking: waking::Waking,
    schedules: schedules::Schedules,
    notices: notices::Notices,
    looks: looks::Looks,
    markers: markers::Markers,
    pulls: pulls::Pulls,
    seen_reports: VecDeque<SeenReport>,
    /// Ids of workers that cannot be read.
    taken: BTreeSet<String>,
    problems: Vec<String>,
    clients: usize,
    idle_since: Option<Instant>,
    list_due: bool,
    first_look: FirstLook,
    /// When the last structural event came.
    restructured_at: Option<Instant>,
    seq: u64,
    last_delivery: u64,
}

impl HubState {
    /// The first state of a hub, and the resulting effects.
    pub fn start(setup: Setup, found: Remembered, now: Now) -> (Self, Vec<Effect>) {
        let profiles = Profiles::new(setup.zone.clone(), setup.settings.stalled);
        let mut state = Self {
            setup,
            link: Link::Down,
            workers: workers::Workers::default(),
            profiles,
            reserved: BTreeMap::new(),
            pending: Vec::new(),
            panes_wanted: Vec::new(),
            orphans: BTreeMap::new(),
            closing: BTreeSet::new(),
            finding: BTreeMap::new(),
            showing: Vec::new(),
            viewing: Vec::new(),
            cleanups: BTreeMap::new(),
            line: Vec::new(),
            runs: runs::Runs::remembered(found.runs, found.last_run),
            inbox: inbox::Inbox::remembered(found.items, found.last_item),
            waking: waking::Waking::default(),
            schedules: schedules::Schedules::remembered(found.schedules, found.last_schedule),
            notices: notices::Notices::default(),
            looks: looks::Looks::default(),
            markers: markers::Markers::remembered(&found.marked),
            pulls: pulls::Pulls::default(),
            seen_reports: found.reports.into_iter().map(SeenReport::accepted).collect(),
            taken: found.taken.into_iter().collect(),
            problems: found.problems,
            clients: 0,
            idle_since: Some(now.steady),
            list_due: false,
            first_look: FirstLook::Due,
            restructured_at: None,
            seq: found.last_seq,
            last_delivery: found.last_delivery,
        };
        let mut out = Vec::new();
        state.log(now, &mut out, None, Happened::Hub { what: "started".into() });
        for worker in found.workers {
            let mine = |it: &&Delivery| it.worker == worker.id;
            let deliveries = found.deliveries.iter().filter(mine).cloned().collect();
            let sent = found.sent.iter().filter(|(id, _)| *id == worker.id);
            let sent = sent.map(|(_, text)| text.as_str()).collect();
            let was_taken = !found.not_taken.contains(&worker.id);
            state.remember(now, worker, deliveries, (sent, was_taken));
        }
        state.give_up_guests(now, waking::of_guests(&found.deliveries), &mut out);
        state.follow_worktrees(&mut out);
        state.count_last_turns(now);
        state.give_up_creates(now, &mut out);
        for cleanup in found.cleanups {
            state.resume_cleanup(cleanup, &mut out);
        }
        // Even without a known worker: there may be windows of wtmag.
        state.want_link(&mut out);
        state.workers.settle();
        (state, out)
    }

    /// Takes one input and returns the effects.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        match input {
            Input::Tick => self.tick(now, &mut out),
            Input::Requested { request_id, request } => {
                self.asked(now, request_id, request, &mut out);
            }
            Input::ClientCame => self.clients += 1,
            Input::ClientGone { client } => self.client_gone(client),
            Input::Linked(linked) => self.linked(now, linked, &mut out),
            Input::LinkFailed { error, no_server } => {
                self.link_failed(now, error, no_server, &mut out);
            }
            Input::LinkLost { why } => self.link_lost(now, &why, &mut out),
            Input::Wedged(wedged) => self.wedged(now, wedged, &mut out),
            Input::Rang(pane) => self.rang(now, pane),
            Input::Said(pane, said) => self.said(now, pane, &said, &mut out),
            Input::Restructured => self.restructured(now, &mut out),
            Input::Panes(rows) => self.panes(now, rows, &mut out),
            Input::SessionFound { request_id, found } => {
                self.session_found(request_id, found, &mut out);
            }
            Input::WindowMade { worker, made } => self.window_made(now, &worker, made, &mut out),
            Input::Sampled { worker, sample } => self.sampled(now, &worker, sample, &mut out),
            Input::Acted { worker, delivery, acted } => {
                self.acted(now, &worker, delivery, acted, &mut out);
            }
            Input::Passed(to, taken) => self.passed(now, &to, &taken, &mut out),
            Input::CreateOver { schedule, outcome } => {
                self.create_over(now, schedule, outcome, &mut out);
            }
            Input::Notified(done) => self.notified(done),
            Input::Viewed { request_id, number, screen } => {
                viewing::viewed(request_id, number, screen, &mut out);
            }
            Input::RunJobOver { job, outcome } => self.run_job_over(now, &job, outcome, &mut out),
            Input::Counted(count, found) => self.counted(now, &count, found),
            Input::Met { pane, found } => self.met(now, pane, found, &mut out),
            Input::Promoted { request_id, worker, name, done } => {
                self.promoted(now, request_id, (&worker, name), done, &mut out);
            }
            Input::WindowClosed { worker, done } => {
                self.window_closed(now, &worker, done, &mut out);
            }
            Input::CleanupOver { worker, outcome } => {
                self.cleanup_over(now, &worker, outcome, &mut out);
            }
            Input::Spooled(report) => {
                if let Err(refusal) = self.hook(now, &report, &mut out) {
                    tracing::debug!(%refusal, "a report from the spool");
                }
            }
            Input::Worktrees(found) => self.worktrees(now, found, &mut out),
            Input::Pulled { repo, found } => self.pulled(now, &repo, found, &mut out),
            Input::Touched(what) => self.touched(now, &what),
            Input::Looked { what, found } => self.looked(now, &what, found, &mut out),
            Input::MarkersShown { repo, done } => self.markers_shown(now, &repo, done),
        }
        self.settle(now, &mut out);
        self.workers.settle();
        out
    }

    /// Number of the last event.
    pub fn last_seq(&self) -> u64 {
        self.seq
    }

    /// When the hub needs the next [`Input::Tick`].
    pub fn next_deadline(&self) -> Option<Instant> {
        let idle = self.idle_since.map(|since| since + IDLE_EXIT);
        let first_look = match self.first_look {
            FirstLook::Listed { until } => Some(until),
            FirstLook::Due | FirstLook::Over => None,
        };
        let shown = self.showing.iter().map(showing::Showing::deadline);
        self.workers
            .next()
            .into_iter()
            .chain(self.inbox.due())
            .chain(self.runs.next())
            .chain(self.next_waking())
            .chain(self.next_notice())
            .chain(self.schedules.next())
            .chain(self.looks.next())
            .chain(self.markers.next())
            .chain(idle)
            .chain(first_look)
            .chain(shown)
            .min()
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        for id in self.workers.due(now.steady) {
            if let Some(live) = self.workers.get_mut(&id) {
                live.tick(now, out);
            }
        }
        self.flush_workers(now, out);
        self.look_again_at_questions(now, out);
        let is_over = |since: &Instant| now.steady.duration_since(*since) >= IDLE_EXIT;
        if self.idle_since.as_ref().is_some_and(is_over) {
            out.push(Effect::Leave { why: "nothing to do".into() });
        }
    }

    /// Checks after every input that it is connected if needed, and whether it is idle.
    fn settle(&mut self, now: Now, out: &mut Vec<Effect>) {
        if !self.showing.is_empty() {
            self.show_screens(now, out);
        }
        self.view_screens(out);
        self.give_up_answers(out);
        self.end_first_look(now, out);
        self.admit(out);
        self.fire_schedules(now, out);
        self.drive_runs(now, out);
        self.wake_parents(now, out);
        self.notify_user(now, out);
        self.start_looks(now, out);
        self.start_pulls(now, out);
        if !self.is_looking() {
            self.show_markers(now, out);
        }
        let is_done = !self.wants_link() && !self.list_due && self.cleanups.is_empty();
        if is_done && matches!(self.link, Link::Up(_)) {
            self.link = Link::Down;
            out.push(Effect::Local(LocalEffect::Unlink));
        }
        let is_idle = self.clients == 0
            && !self.wants_link()
            && self.cleanups.is_empty()
            && self.schedules.is_empty()
            && !self.runs.is_open();
        self.idle_since = is_idle.then(|| self.idle_since.unwrap_or(now.steady));
    }

    /// The current screens are not known yet.
    fn is_looking(&self) -> bool {
        !matches!(self.first_look, FirstLook::Over)
    }

    /// The first capture is over when every found window was captured once.
    fn end_first_look(&mut self, now: Now, out: &mut Vec<Effect>) {
        let FirstLook::Listed { until } = self.first_look else { return };
        let mut unseen = self.workers.values().filter(|live| live.is_unseen());
        if unseen.next().is_some() && now.steady < until {
            return;
        }
        self.give_up_first_look(now, out);
        self.ask_pending(now, out);
    }

    /// If a screen cannot be captured, the state is unknown.
    fn give_up_first_look(&mut self, now: Now, out: &mut Vec<Effect>) {
        if matches!(self.first_look, FirstLook::Over) {
            return;
        }
        self.first_look = FirstLook::Over;
        self.markers.mark_stale();
        for live in self.workers.values_mut().filter(|live| live.is_unseen()) {
            live.forget_state(now);
        }
        self.flush_workers(now, out);
    }

    fn log(&mut self, now: Now, out: &mut Vec<Effect>, worker: Option<&WorkerId>, what: Happened) {
        self.seq += 1;
        let event = Event { seq: self.seq, at: now.wall, worker: worker.cloned(), what };
        out.push(Effect::Record(Record::Event(event)));
    }

    /// Turns what the workers noted into records, events and the like.
    fn flush_workers(&mut self, now: Now, out: &mut Vec<Effect>) {
        let (mut noted, mut over) = (Vec::new(), Vec::new());
        let (mut counts, mut named) = (Vec::new(), Vec::new());
        self.workers.each_touched(|live| {
            let Some(Noted { record, deliveries, happened, samples }) = live.take_notes() else {
                return;
            };
            let worker = live.worker.id.clone();
            counts.extend(live.takes_count().then(|| worker.clone()));
            named.push((worker.clone(), live.take_candidates()));
            out.extend(record.map(Effect::Record));
            over.extend(record_deliveries(deliveries, out));
            if !samples.is_empty() && live.worker.record {
                out.push(Effect::Keep { worker: worker.clone(), samples });
            }
            noted.push((worker, happened));
        });
        for guest in self.waking.guests.values_mut().filter_map(waking::guest_of) {
            let Some(Noted { deliveries, happened, .. }) = guest.take_notes() else { continue };
            over.extend(record_deliveries(deliveries, out));
            let deliveries = |it: &Happened| matches!(it, Happened::Delivery { .. });
            noted
                .push((guest.worker.id.clone(), happened.into_iter().filter(deliveries).collect()));
        }
        counts.iter().for_each(|id| self.want_count(now, id));
        named.retain(|(_, urls): &(WorkerId, Vec<String>)| !urls.is_empty());
        named.into_iter().for_each(|(id, urls)| self.note_candidates(&id, urls));
        if !noted.is_empty() {
            self.runs.mark_stale();
            self.mark_options_stale();
            self.markers.mark_stale();
        }
        let ids: Vec<WorkerId> = noted.iter().map(|(id, _)| id.clone()).collect();
        for (id, happened) in noted {
            happened.into_iter().for_each(|what| self.log(now, out, Some(&id), what));
        }
        for delivery in over {
            self.note_step(now, &delivery, out);
            self.note_waking(&delivery, out);
            self.note_scheduled(now, &delivery, out);
        }
        self.reconcile_inbox(now, &ids, out);
    }
}

/// Returns those that are over.
fn record_deliveries(deliveries: Vec<Delivery>, out: &mut Vec<Effect>) -> Vec<Delivery> {
    let record = |it: &Delivery| Effect::Record(Record::Delivery(Box::new(it.clone())));
    out.extend(deliveries.iter().map(record));
    deliveries.into_iter().filter(|it| it.step.is_final()).collect()
}

#[cfg(test)]
mod tests;
