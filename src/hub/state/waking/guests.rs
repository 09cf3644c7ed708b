//! Agents in panes that are no worker's: looked at only while there is something to tell them.
//!
//! tmux reports no output of such a pane, so it is captured again and again, slowly while its agent
//! works, and not at all once everything is told. A pane that shows no agent is left alone after a
//! few tries.
use std::time::{Duration, Instant};

use super::Parent;
use crate::{
    hub::state::{Effect, HubState, Link, Met, TmuxEffect, live_worker::LiveWorker},
    model::{Caller, Now, PaneId, WorkerId},
};

/// How often the agent is looked at while it cannot be told anything, at first and after a while, and
/// while a line is on its way.
const SLOW: Duration = Duration::from_secs(2);
const SLOWEST: Duration = Duration::from_secs(15);
const QUICK: Duration = Duration::from_millis(200);
/// The first wait before a pane without an agent is looked at again; it doubles.
const RETRY: Duration = Duration::from_secs(5);
const TRIES: u32 = 8;
/// After so many captures without its agent, the agent is gone.
const MISSED: u32 = 3;

/// One such pane.
#[derive(Debug)]
pub(in crate::hub::state) struct Guest {
    live: Option<Box<LiveWorker>>,
    /// It is being looked at for the first time.
    is_asked: bool,
    /// When to look whether there is an agent.
    next_try: Option<Instant>,
    tries: u32,
    /// When it was met.
    since: Instant,
    /// How often in a row its pane showed no agent, or could not be captured.
    n_missed: u32,
}

impl Guest {
    pub(super) fn new(now: Now) -> Self {
        Self {
            live: None,
            is_asked: false,
            next_try: Some(now.steady),
            tries: 0,
            since: now.steady,
            n_missed: 0,
        }
    }

    pub(in crate::hub::state) fn live_mut(&mut self) -> Option<&mut LiveWorker> {
        self.live.as_deref_mut()
    }

    pub(super) fn may_be_woken(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.may_be_woken())
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        match &self.live {
            Some(live) => live.next_look(),
            None => self.next_try.filter(|_| !self.is_asked),
        }
    }

    fn retry(&mut self, now: Now) {
        self.tries += 1;
        let wait = RETRY * 2_u32.saturating_pow(self.tries.min(6));
        self.next_try = (self.tries < TRIES).then(|| now.steady + wait);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.open_deliveries() > 0)
    }
}

/// How its deliveries name it.
pub(in crate::hub::state) fn id(pane: PaneId) -> WorkerId {
    WorkerId::for_branch("guest", &format!("pane-{}", pane.0))
}

impl HubState {
    /// The connection is gone, and with it what was asked of tmux.
    pub(in crate::hub::state) fn guests_disconnected(&mut self, now: Now) {
        self.waking.dead.clear();
        self.waking.without_agent.clear();
        for guest in self.waking.guests.values_mut() {
            guest.is_asked = false;
            if let Some(live) = guest.live_mut() {
                live.disconnected(now);
                live.want_look(now.steady);
            }
        }
    }

    /// Looks at those that there is something to tell, and forgets the others.
    pub(super) fn tend_guests(&mut self, now: Now, out: &mut Vec<Effect>) {
        if !matches!(self.link, Link::Up(_)) {
            return;
        }
        let since = &self.waking.since;
        let expected = &self.waking.expected;
        let is_wanted = |pane: &PaneId, it: &Guest| {
            it.is_busy() || since.contains_key(&Parent::Pane(*pane)) || expected.contains(pane)
        };
        self.waking.guests.retain(|pane, guest| is_wanted(pane, guest));
        for (pane, guest) in &mut self.waking.guests {
            if guest.n_missed >= MISSED {
                // What it was to be told is recorded as failed by now.
                guest.live = None;
                guest.n_missed = 0;
                guest.retry(now);
            }
            match &mut guest.live {
                Some(live) => live.tick(now, out),
                None if !guest.is_asked && guest.next_try.is_some_and(|at| at <= now.steady) => {
                    guest.is_asked = true;
                    out.push(Effect::Tmux(TmuxEffect::Meet { pane: *pane }));
                }
                None => {}
            }
        }
    }

    /// What the pane shows: an agent that is known, or something that is not told anything.
    pub(in crate::hub::state) fn met(
        &mut self,
        now: Now,
        pane: PaneId,
        found: Result<Option<Met>, String>,
        out: &mut Vec<Effect>,
    ) {
        let server = self.server();
        let boot = self.setup.boot.clone();
        let guest = self.waking.guests.get_mut(&pane).filter(|it| it.is_asked);
        let Some(guest) = guest else { return };
        guest.is_asked = false;
        let is_gone = matches!(found, Ok(None));
        let met = found.ok().flatten();
        let live = met.zip(server).and_then(|(met, server)| {
            LiveWorker::guest(id(pane), (pane, server, boot), &met, &mut self.profiles, now)
        });
        if let Some(mut live) = live {
            self.waking.without_agent.remove(&pane);
            live.want_look(now.steady);
            guest.live = Some(Box::new(live));
            return self.tend_guests(now, out);
        }
        guest.retry(now);
        self.waking.without_agent.insert(pane);
        if is_gone || guest.next_try.is_none() {
            self.waking.dead.insert(pane);
        }
    }

    /// Looks at this pane until its text is delivered.
    pub(in crate::hub::state) fn expect_guest(&mut self, now: Now, pane: PaneId) {
        self.waking.expected.insert(pane);
        self.waking.guests.entry(pane).or_insert_with(|| Guest::new(now));
    }

    pub(in crate::hub::state) fn expect_no_guests(&mut self) {
        self.waking.expected.clear();
    }

    /// Its agent listens with an empty box.
    pub(in crate::hub::state) fn guest_listens(&self, pane: PaneId) -> bool {
        self.waking.guests.get(&pane).is_some_and(Guest::may_be_woken)
    }

    /// The pane is gone, or shows no agent.
    pub(in crate::hub::state) fn is_dead(&self, pane: PaneId) -> bool {
        self.waking.dead.contains(&pane)
    }

    /// A command ran in the caller's pane: there may be an agent now.
    pub(in crate::hub::state) fn revive(&mut self, caller: &Caller) {
        if let Some(pane) = caller.pane {
            self.waking.dead.remove(&pane);
            self.waking.without_agent.remove(&pane);
        }
    }

    /// After a capture of a guest: the next one, because its output rings no bell.
    pub(in crate::hub::state) fn look_again(&mut self, now: Now, id: &WorkerId, is_ok: bool) {
        for guest in self.waking.guests.values_mut() {
            let patience = now.steady.duration_since(guest.since) / 20;
            let Some(live) = guest.live.as_mut().filter(|live| live.worker.id == *id) else {
                continue;
            };
            let is_missed = !is_ok || live.shows_a_shell();
            guest.n_missed = if is_missed { guest.n_missed + 1 } else { 0 };
            let is_quick = live.is_delivering() || guest.n_missed > 0;
            let pace = if is_quick { QUICK } else { patience.clamp(SLOW, SLOWEST) };
            live.want_look(now.steady + pace);
            if guest.n_missed >= MISSED {
                live.fail_deliveries(now, "its pane shows no agent any more");
            }
        }
    }
}
