//! Everything the hub believes, and what it decides to do about each input.
//!
//! Knows [`crate::model`], the agents' profiles and the delivery machine; time is an argument. No
//! tmux, no wire, no store, no task: what has to be done comes out as [`Effect`]s, and whatever
//! comes of them comes back as an [`Input`].
mod asks;
mod cleanups;
mod creation;
mod places;
mod slot;
mod watching;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    time::{Duration, Instant},
};

use slot::{Noted, Profiles, Slot};

use crate::model::{
    Answer, Ask, Caller, Cleanup, Delivery, DeliveryId, Event, Happened, Hold, HookReport, Now,
    PaneId, Prepare, Refusal, Sample, ServerId, SessionId, Timestamp, WindowId, Worker, WorkerId,
};

/// A hub with nothing to do leaves after this long.
pub const IDLE_EXIT: Duration = Duration::from_secs(10 * 60);

/// What a hub knows of itself from its start.
#[derive(Clone, Debug)]
pub struct Setup {
    pub pid: u32,
    pub started: Timestamp,
    /// The tmux server's socket.
    pub tmux_socket: PathBuf,
    /// This program, for the panes it starts.
    pub program: PathBuf,
    /// Where clients and hooks connect.
    pub hub_socket: PathBuf,
    pub spool: PathBuf,
    /// Changes when the machine is rebooted.
    pub boot: String,
}

/// One request of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    pub client: u64,
    pub request: u64,
}

/// What became of a guarded act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    Done,
    Refused(Hold),
}

/// A pane of a worker's window, as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneSeen {
    pub pane: PaneId,
    pub window: WindowId,
    /// The window's `@wtmag_id`.
    pub tag: String,
    pub dead: bool,
    /// Sessions other than the fleet that show the window.
    pub sessions: Vec<(SessionId, String)>,
}

/// What the connection knows of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub server: ServerId,
    pub version: String,
    pub fleet: String,
    pub env_names: Vec<String>,
    pub default_shell: String,
}

/// All that can wake the hub.
#[derive(Debug)]
pub enum Input {
    Tick,
    Asked {
        ticket: Ticket,
        ask: Ask,
    },
    ClientCame,
    ClientGone {
        client: u64,
    },
    Linked(Linked),
    LinkFailed {
        error: String,
        no_server: bool,
    },
    LinkLost {
        why: String,
    },
    /// tmux stopped answering, or answers again.
    Wedged(bool),
    /// A worker's pane wrote something.
    Rang(PaneId),
    /// Windows, panes or sessions changed.
    Restructured,
    Panes(Result<Vec<PaneSeen>, String>),
    SessionFound {
        ticket: Ticket,
        found: Result<Option<(SessionId, String)>, String>,
    },
    WindowMade {
        worker: WorkerId,
        made: Result<Made, String>,
    },
    Sampled {
        worker: WorkerId,
        sample: Result<Sample, String>,
    },
    Acted {
        worker: WorkerId,
        delivery: DeliveryId,
        acted: Result<Acted, String>,
    },
    Promoted {
        ticket: Ticket,
        worker: WorkerId,
        done: Result<PromotedTo, String>,
    },
    WindowClosed {
        worker: WorkerId,
        done: Result<(), String>,
    },
    CleanupOver {
        worker: WorkerId,
        outcome: Result<CleanedUp, String>,
    },
    /// A report that waited in the spool.
    Spooled(HookReport),
}

/// A worker's new window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub pane: PaneId,
    pub window: WindowId,
    pub session: Option<(SessionId, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromotedTo {
    pub session: SessionId,
    pub name: String,
    /// Sessions that ended because the window was their last one.
    pub ended_sessions: Vec<String>,
}

/// What the second half of a cleanup did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CleanedUp {
    pub worktree_removed: bool,
    pub branch_deleted: bool,
    pub notes: Vec<String>,
}

/// Where a new window is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// Linked into a session of the user's.
    In(SessionId),
    /// In a new session of this name.
    Own(String),
}

/// A window to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSpec {
    pub worker: WorkerId,
    /// The name it is shown under: the branch.
    pub title: String,
    pub cwd: PathBuf,
    pub argv: Vec<String>,
    /// The caller's values of what tmux updates in a session.
    pub caller_env: Vec<(String, String)>,
    /// Variables on top of those; later ones win.
    pub env: Vec<(String, String)>,
    pub show: Show,
    /// The session's name, when it exists already.
    pub session_name: Option<String>,
}

/// Keys or text for a pane, and the foreground command without which they are not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Paste(String),
    Enter,
    Keys(Vec<String>),
}

/// What the hub does to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Record(Record),
    Answer(Ticket, Result<Box<Answer>, Refusal>),
    /// Send this ticket every event from now on; none named means every worker's.
    Subscribe(Ticket, BTreeSet<WorkerId>),
    /// Connect to the server, starting it if need be when `may_start`.
    Link {
        may_start: bool,
        after: Duration,
    },
    /// Leave the server, and end the fleet when nothing of anybody's is in it.
    Unlink,
    ListPanes {
        after: Duration,
    },
    FindSession {
        ticket: Ticket,
        caller: Caller,
    },
    MakeWindow(Box<WindowSpec>),
    /// Sample a pane; with `resume`, ring again from now on.
    Look {
        worker: WorkerId,
        pane: PaneId,
        resume: bool,
    },
    Act {
        worker: WorkerId,
        delivery: DeliveryId,
        pane: PaneId,
        command: String,
        act: Act,
    },
    Promote {
        ticket: Ticket,
        worker: WorkerId,
        window: WindowId,
        name: String,
        cwd: PathBuf,
    },
    CloseWindow {
        worker: WorkerId,
        window: WindowId,
    },
    /// Run the second half of a cleanup.
    Cleanup {
        cleanup: Cleanup,
        worker: Box<Worker>,
    },
    /// Show a worker's word on its window.
    Status {
        window: WindowId,
        word: String,
    },
    /// Append to the worker's screen log.
    Keep {
        worker: WorkerId,
        samples: Vec<Sample>,
    },
    /// Tell the people at the server's clients.
    Announce(String),
    /// Stop the hub.
    Leave {
        why: String,
    },
}

/// What the store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Worker(Box<Worker>),
    Delivery(Box<Delivery>),
    Event(Event),
    Cleanup(Cleanup),
    CleanupOver(WorkerId),
}

/// What a hub finds in its store when it starts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Workers that were not cleaned up.
    pub workers: Vec<Worker>,
    /// Open deliveries, and the newest one of each of those workers.
    pub deliveries: Vec<Delivery>,
    pub cleanups: Vec<Cleanup>,
    pub last_seq: u64,
    pub last_delivery: u64,
}

/// The connection to the tmux server.
#[derive(Debug)]
enum Link {
    /// Not connected and nothing wants it.
    Down,
    Connecting,
    Up(Linked),
    /// Lost or refused; the next try is under way.
    Retrying {
        error: String,
        tries: u32,
    },
}

/// A place kept for a worker that is being made.
#[derive(Debug)]
struct Reservation {
    client: u64,
    prepare: Prepare,
    session: Option<(SessionId, String)>,
    /// Its window is being made: too late to abandon.
    creating: Option<(Ticket, Box<crate::model::NewWorker>)>,
    /// What its pane told before its window was known.
    early: Vec<HookReport>,
}

/// The hub's belief. One owner: [`super::run`].
#[derive(Debug)]
pub struct State {
    setup: Setup,
    link: Link,
    slots: BTreeMap<WorkerId, Slot>,
    profiles: Profiles,
    reserved: BTreeMap<WorkerId, Reservation>,
    /// Requests that wait for the connection.
    pending: Vec<(Ticket, Ask)>,
    /// Tagged windows that belong to no worker known here.
    orphans: BTreeMap<String, PaneSeen>,
    /// Windows without a worker that are being closed.
    closing: BTreeSet<WorkerId>,
    /// Reservations whose session is being looked for.
    finding: BTreeMap<Ticket, crate::model::Prepared>,
    /// Cleanups whose second half runs or waits, with whoever asked.
    cleanups: BTreeMap<WorkerId, cleanups::UnderWay>,
    seen_reports: VecDeque<String>,
    problems: Vec<String>,
    clients: usize,
    idle_since: Option<Instant>,
    list_due: bool,
    seq: u64,
    last_delivery: u64,
}

impl State {
    /// A hub's first belief, and what to do about it.
    pub fn start(setup: Setup, found: Remembered, now: Now) -> (Self, Vec<Effect>) {
        let mut state = Self {
            setup,
            link: Link::Down,
            slots: BTreeMap::new(),
            profiles: Profiles::default(),
            reserved: BTreeMap::new(),
            pending: Vec::new(),
            orphans: BTreeMap::new(),
            closing: BTreeSet::new(),
            finding: BTreeMap::new(),
            cleanups: BTreeMap::new(),
            seen_reports: VecDeque::new(),
            problems: Vec::new(),
            clients: 0,
            idle_since: Some(now.steady),
            list_due: false,
            seq: found.last_seq,
            last_delivery: found.last_delivery,
        };
        let mut out = Vec::new();
        state.log(now, &mut out, None, Happened::Hub { what: "started".into() });
        for worker in found.workers {
            let mine = |it: &&Delivery| it.worker == worker.id;
            let deliveries = found.deliveries.iter().filter(mine).cloned().collect();
            match Slot::remembered(worker, deliveries, &mut state.profiles, now) {
                Ok(slot) => {
                    state.slots.insert(slot.worker.id.clone(), slot);
                }
                Err(error) => state.problems.push(error),
            }
        }
        for cleanup in found.cleanups {
            state.resume_cleanup(cleanup, &mut out);
        }
        if state.wants_link() {
            state.link = Link::Connecting;
            out.push(Effect::Link { may_start: false, after: Duration::ZERO });
        }
        (state, out)
    }

    /// Takes one input and says what to do.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        match input {
            Input::Tick => self.tick(now, &mut out),
            Input::Asked { ticket, ask } => self.asked(now, ticket, ask, &mut out),
            Input::ClientCame => self.clients += 1,
            Input::ClientGone { client } => self.client_gone(client),
            Input::Linked(linked) => self.linked(now, linked, &mut out),
            Input::LinkFailed { error, no_server } => {
                self.link_failed(now, error, no_server, &mut out);
            }
            Input::LinkLost { why } => self.link_lost(now, &why, &mut out),
            Input::Wedged(wedged) => self.wedged(now, wedged, &mut out),
            Input::Rang(pane) => self.rang(now, pane),
            Input::Restructured => self.restructured(&mut out),
            Input::Panes(rows) => self.panes(now, rows, &mut out),
            Input::SessionFound { ticket, found } => self.session_found(ticket, found, &mut out),
            Input::WindowMade { worker, made } => self.window_made(now, &worker, made, &mut out),
            Input::Sampled { worker, sample } => self.sampled(now, &worker, sample, &mut out),
            Input::Acted { worker, delivery, acted } => {
                self.acted(now, &worker, delivery, acted, &mut out);
            }
            Input::Promoted { ticket, worker, done } => {
                self.promoted(now, ticket, &worker, done, &mut out);
            }
            Input::WindowClosed { worker, done } => {
                self.window_closed(now, &worker, done, &mut out);
            }
            Input::CleanupOver { worker, outcome } => {
                self.cleanup_over(now, &worker, outcome, &mut out);
            }
            Input::Spooled(report) => self.hook(now, &report, &mut out),
        }
        self.settle(now, &mut out);
        out
    }

    /// Number of the last event.
    pub fn last_seq(&self) -> u64 {
        self.seq
    }

    /// When the hub wants a [`Input::Tick`] at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        let looks = self.slots.values().filter_map(Slot::next_look);
        let idle = self.idle_since.map(|since| since + IDLE_EXIT);
        looks.chain(idle).min()
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        for slot in self.slots.values_mut() {
            slot.tick(now, out);
        }
        self.flush_slots(now, out);
        let is_over = |since: &Instant| now.steady.duration_since(*since) >= IDLE_EXIT;
        if self.idle_since.as_ref().is_some_and(is_over) {
            out.push(Effect::Leave { why: "nothing to do".into() });
        }
    }

    /// What holds after every input: the connection is there when wanted, and idleness is noticed.
    fn settle(&mut self, now: Now, out: &mut Vec<Effect>) {
        let is_done = !self.wants_link() && !self.list_due && self.cleanups.is_empty();
        if is_done && matches!(self.link, Link::Up(_)) {
            self.link = Link::Down;
            self.orphans.clear();
            out.push(Effect::Unlink);
        }
        let is_idle = self.clients == 0 && !self.wants_link() && self.cleanups.is_empty();
        self.idle_since = is_idle.then(|| self.idle_since.unwrap_or(now.steady));
    }

    /// Something lives in tmux or is about to.
    fn wants_link(&self) -> bool {
        let has_window = self.slots.values().any(Slot::has_window) || !self.closing.is_empty();
        has_window || !self.reserved.is_empty() || !self.pending.is_empty()
    }

    fn log(&mut self, now: Now, out: &mut Vec<Effect>, worker: Option<&WorkerId>, what: Happened) {
        self.seq += 1;
        let event = Event { seq: self.seq, at: now.wall, worker: worker.cloned(), what };
        out.push(Effect::Record(Record::Event(event)));
    }

    /// Turns what the slots noted into records, events and the like.
    fn flush_slots(&mut self, now: Now, out: &mut Vec<Effect>) {
        let mut noted = Vec::new();
        for slot in self.slots.values_mut() {
            if let Some(Noted { records, happened, samples }) = slot.take_notes() {
                let worker = slot.worker.id.clone();
                out.extend(records.into_iter().map(Effect::Record));
                if !samples.is_empty() && slot.worker.record {
                    out.push(Effect::Keep { worker: worker.clone(), samples });
                }
                noted.push((worker, happened));
            }
        }
        for (id, happened) in noted {
            for what in happened {
                self.log(now, out, Some(&id), what);
            }
        }
    }
}

#[cfg(test)]
mod tests;
