//! The connection's events for its owner. Their number is bounded, however long the owner does not
//! read.
//!
//! Knows how events merge; not their cause. Rings and structure changes are hints to capture or
//! list again, so two of a kind are one: nothing here grows with output or time.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::model::{PaneId, SessionId, Spoken, StatusReport};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The pane printed. It does not ring again before it is sampled.
    Ring(PaneId),
    /// What a pane's program said of itself in its output.
    Said(PaneId, Said),
    /// A window, pane or session opened, closed, moved, died or changed mode: list the panes.
    Structure,
    /// Session `wtmag` shows another window.
    FleetWindow,
    /// A client of the user came to another session.
    ClientSession {
        client: String,
        session: SessionId,
        name: String,
    },
    ClientDetached {
        client: String,
    },
    /// tmux has not answered for some seconds.
    Wedged,
    /// tmux answers again.
    Answers,
    /// The connection has ended; no event follows.
    Closed {
        why: String,
    },
}

/// Words of one pane: of reports the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub report: Option<StatusReport>,
    /// It rang the bell or sent a notification.
    pub beckons: bool,
}

/// The receiving end.
#[derive(Debug)]
pub struct Events {
    mailbox: Mailbox,
}

/// The sending end; one connection has several.
#[derive(Clone, Debug, Default)]
pub(super) struct Mailbox {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    structure: bool,
    fleet_window: bool,
    rings: BTreeSet<PaneId>,
    said: BTreeMap<PaneId, Said>,
    /// The pane whose words were handed out last.
    last_said: Option<PaneId>,
    /// Where each client that moved is now, if it is still there.
    clients: BTreeMap<String, Option<(SessionId, String)>>,
    wedged: Option<bool>,
    closed: Option<String>,
    is_done: bool,
    /// The last pane that was returned: the next one follows it, so that all get their turn.
    last_ring: Option<PaneId>,
}

impl Events {
    pub(super) fn new(mailbox: Mailbox) -> Self {
        Self { mailbox }
    }

    /// The next event; `None` after [`Event::Closed`]. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            // Created before the check, so that an event in between wakes it.
            let bell = self.mailbox.shared.bell.notified();
            {
                let mut waiting = self.mailbox.waiting();
                if let Some(event) = waiting.take() {
                    return Some(event);
                }
                if waiting.is_done {
                    return None;
                }
            }
            bell.await;
        }
    }
}

impl Mailbox {
    pub(super) fn ring(&self, pane: PaneId) {
        self.waiting().rings.insert(pane);
        self.shared.bell.notify_one();
    }

    pub(super) fn say(&self, pane: PaneId, words: Vec<Spoken>) {
        let mut waiting = self.waiting();
        let said = waiting.said.entry(pane).or_default();
        for word in words {
            match word {
                Spoken::Status(report) => said.report = Some(report),
                Spoken::Notice | Spoken::Bell => said.beckons = true,
                Spoken::Query => {}
            }
        }
        drop(waiting);
        self.shared.bell.notify_one();
    }

    pub(super) fn structure(&self) {
        self.waiting().structure = true;
        self.shared.bell.notify_one();
    }

    pub(super) fn fleet_window(&self) {
        self.waiting().fleet_window = true;
        self.shared.bell.notify_one();
    }

    pub(super) fn client(&self, client: String, session: SessionId, name: String) {
        self.waiting().clients.insert(client, Some((session, name)));
        self.shared.bell.notify_one();
    }

    pub(super) fn client_detached(&self, client: String) {
        self.waiting().clients.insert(client, None);
        self.shared.bell.notify_one();
    }

    pub(super) fn wedged(&self, is_wedged: bool) {
        self.waiting().wedged = Some(is_wedged);
        self.shared.bell.notify_one();
    }

    /// The first reason counts.
    pub(super) fn close(&self, why: &str) {
        let mut waiting = self.waiting();
        if !waiting.is_done && waiting.closed.is_none() {
            waiting.closed = Some(why.to_owned());
        }
        drop(waiting);
        self.shared.bell.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.structure) {
            return Some(Event::Structure);
        }
        if std::mem::take(&mut self.fleet_window) {
            return Some(Event::FleetWindow);
        }
        if let Some((client, place)) = self.clients.pop_first() {
            return Some(match place {
                Some((session, name)) => Event::ClientSession { client, session, name },
                None => Event::ClientDetached { client },
            });
        }
        if let Some(is_wedged) = self.wedged.take() {
            return Some(if is_wedged { Event::Wedged } else { Event::Answers });
        }
        let speaks = self.said.keys().find(|&&pane| Some(pane) > self.last_said).copied();
        if let Some(pane) = speaks.or_else(|| self.said.keys().next().copied()) {
            self.last_said = Some(pane);
            return self.said.remove(&pane).map(|said| Event::Said(pane, said));
        }
        let next = self.rings.iter().find(|&&pane| Some(pane) > self.last_ring).copied();
        if let Some(pane) = next.or_else(|| self.rings.first().copied()) {
            self.rings.remove(&pane);
            self.last_ring = Some(pane);
            return Some(Event::Ring(pane));
        }
        let why = self.closed.take()?;
        self.is_done = true;
        Some(Event::Closed { why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(events: &mut Events) -> Vec<Event> {
        let mut found = Vec::new();
        while let Some(event) = events.recv().await {
            found.push(event);
        }
        found
    }

    #[tokio::test]
    async fn a_flood_of_hints_is_a_few_events() {
        let mailbox = Mailbox::default();
        let mut events = Events::new(mailbox.clone());
        for n in 0..1000 {
            mailbox.ring(PaneId(n % 2));
            mailbox.structure();
            mailbox.client("c".into(), SessionId(n), String::new());
        }
        mailbox.close("first");
        mailbox.close("second");
        let client =
            Event::ClientSession { client: "c".into(), session: SessionId(999), name: "".into() };
        let rings = [Event::Ring(PaneId(0)), Event::Ring(PaneId(1))];
        let closed = Event::Closed { why: "first".into() };
        let want = [&[Event::Structure, client], &rings[..], &[closed]].concat();
        assert_eq!(all(&mut events).await, want);
    }

    #[tokio::test]
    async fn a_pane_that_rings_all_the_time_does_not_hide_another() {
        let mailbox = Mailbox::default();
        let mut events = Events::new(mailbox.clone());
        mailbox.ring(PaneId(7));
        let mut heard = Vec::new();
        for _ in 0..3 {
            mailbox.ring(PaneId(1));
            heard.push(events.recv().await);
        }
        let want = [1, 7, 1].map(|pane| Some(Event::Ring(PaneId(pane))));
        assert_eq!(heard, want);
    }
}
