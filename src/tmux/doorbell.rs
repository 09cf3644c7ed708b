//! Output as a bell: the first byte of a pane rings, then the pane is silent until it is heard.
//!
//! Knows which panes may ring, which have to be asked instead, and when; not what they print, nor
//! how tmux is told. However fast a pane prints, it costs one ring and one `pause` per
//! [`Doorbell::handle_continued`].
//!
//! A pane that rings as soon as it is continued is restless: it is left paused and looked at now
//! and then, and rings when it looks different. So tmux's control client hears a pane from one
//! silence to the next word, and not while it floods: up to tmux 3.7, a user's `respawn-pane -k` in
//! a moment in which a pane is heard can end the server.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::model::PaneId;

/// Printing again so soon after it was continued makes a pane restless.
const SOON: Duration = Duration::from_millis(100);

/// How often a restless pane is looked at.
const PACE: Duration = Duration::from_millis(150);

/// A pane that has not changed for so long is continued. tmux tells in whole seconds when a window
/// printed last.
const REST: Duration = Duration::from_millis(1200);

#[derive(Debug, Default)]
pub struct Doorbell {
    panes: BTreeMap<PaneId, Bell>,
}

/// Every pane's bell is open at first.
#[derive(Debug, Default)]
struct Bell {
    is_silent: bool,
    continued: Option<Instant>,
    restless: Option<Restless>,
}

#[derive(Debug)]
enum Restless {
    /// It has rung; nothing more to find out before it is sampled.
    Rang,
    /// What it looked like when it was sampled, as a number.
    Sampled { digest: u64, at: Instant, due: Instant },
}

/// What a glance at a restless pane is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// It looks different: ring.
    Ring,
    /// It has come to rest: continue it, and ring if it looks different after that.
    Continue,
    /// Look again later.
    Wait,
}

impl Doorbell {
    /// The pane printed, or tmux paused it because it had and we were slow. True: ring, and have
    /// it paused.
    pub fn handle_output(&mut self, pane: PaneId, now: Instant) -> bool {
        let bell = self.panes.entry(pane).or_default();
        if bell.is_silent {
            return false;
        }
        bell.is_silent = true;
        let is_soon = |it: Instant| now.saturating_duration_since(it) < SOON;
        if bell.continued.is_some_and(is_soon) {
            bell.restless = Some(Restless::Rang);
        }
        true
    }

    /// Whether a pane that is sampled is left paused.
    pub fn is_restless(&self, pane: PaneId) -> bool {
        self.panes.get(&pane).is_some_and(|it| it.restless.is_some())
    }

    /// tmux continued the pane, as we asked: what it prints from here on rings again. What came
    /// before is on the screen that is looked at next.
    pub fn handle_continued(&mut self, pane: PaneId, now: Instant) {
        let bell = Bell { is_silent: false, continued: Some(now), restless: None };
        self.panes.insert(pane, bell);
    }

    /// A restless pane was sampled: it rings when it looks different.
    pub fn handle_sampled(&mut self, pane: PaneId, digest: u64, now: Instant) {
        if let Some(Bell { restless: Some(restless), .. }) = self.panes.get_mut(&pane) {
            *restless = Restless::Sampled { digest, at: now, due: now + PACE };
        }
    }

    /// When a restless pane is to be looked at.
    pub fn next_poll(&self) -> Option<Instant> {
        self.due_times().map(|(_, due)| due).min()
    }

    /// Restless panes that are to be looked at now.
    pub fn poll_due(&self, now: Instant) -> Vec<PaneId> {
        self.due_times().filter(|(_, due)| *due <= now).map(|(pane, _)| pane).collect()
    }

    fn due_times(&self) -> impl Iterator<Item = (PaneId, Instant)> {
        self.panes.iter().filter_map(|(pane, bell)| match bell.restless {
            Some(Restless::Sampled { due, .. }) => Some((*pane, due)),
            Some(Restless::Rang) | None => None,
        })
    }

    /// A restless pane was glanced at; its window printed `age` ago.
    pub fn handle_glance(
        &mut self,
        pane: PaneId,
        digest: u64,
        age: Duration,
        now: Instant,
    ) -> Polled {
        let Some(restless) = self.panes.get_mut(&pane).and_then(|it| it.restless.as_mut()) else {
            return Polled::Wait;
        };
        let Restless::Sampled { digest: known, at, due } = restless else { return Polled::Wait };
        if digest != *known {
            *restless = Restless::Rang;
            return Polled::Ring;
        }
        *due = now + PACE;
        let is_at_rest = now.saturating_duration_since(*at) >= REST && age >= REST;
        if is_at_rest { Polled::Continue } else { Polled::Wait }
    }

    /// Forgets panes that are gone.
    pub fn retain(&mut self, lives: impl Fn(PaneId) -> bool) {
        self.panes.retain(|&pane, _| lives(pane));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANE: PaneId = PaneId(1);
    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn a_pane_rings_once_until_it_is_continued() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        let rings = [1, 1, 2, 1].map(|pane| doorbell.handle_output(PaneId(pane), now));
        assert_eq!(rings, [true, false, true, false]);
        doorbell.handle_continued(PaneId(1), now);
        assert!(doorbell.handle_output(PaneId(1), now + LONG));
        assert!(!doorbell.handle_output(PaneId(2), now + LONG));
        assert!(!doorbell.is_restless(PaneId(1)));
    }

    /// A pane that has rung right after it was continued, and was sampled then.
    fn restless(now: Instant) -> Doorbell {
        let mut doorbell = Doorbell::default();
        doorbell.handle_continued(PANE, now);
        assert!(doorbell.handle_output(PANE, now));
        assert!(doorbell.is_restless(PANE));
        assert_eq!(doorbell.next_poll(), None);
        doorbell.handle_sampled(PANE, 7, now);
        doorbell
    }

    #[test]
    fn a_restless_pane_rings_when_it_looks_different() {
        let now = Instant::now();
        let mut doorbell = restless(now);
        assert_eq!(doorbell.poll_due(now), []);
        assert_eq!(doorbell.next_poll(), Some(now + PACE));
        let later = now + PACE;
        assert_eq!(doorbell.poll_due(later), [PANE]);
        assert_eq!(doorbell.handle_glance(PANE, 7, Duration::ZERO, later), Polled::Wait);
        assert_eq!(doorbell.next_poll(), Some(later + PACE));
        assert_eq!(doorbell.handle_glance(PANE, 8, Duration::ZERO, later + PACE), Polled::Ring);
        assert_eq!(doorbell.next_poll(), None);
    }

    #[test]
    fn a_restless_pane_is_continued_when_it_has_come_to_rest() {
        let now = Instant::now();
        let mut doorbell = restless(now);
        // It draws the same again and again.
        assert_eq!(doorbell.handle_glance(PANE, 7, Duration::ZERO, now + LONG), Polled::Wait);
        assert_eq!(doorbell.handle_glance(PANE, 7, LONG, now + LONG), Polled::Continue);
        doorbell.handle_continued(PANE, now + LONG);
        assert!(!doorbell.is_restless(PANE));
        assert_eq!(doorbell.next_poll(), None);
    }

    #[test]
    fn panes_that_are_gone_are_forgotten() {
        let now = Instant::now();
        let mut doorbell = restless(now);
        doorbell.handle_output(PaneId(2), now);
        doorbell.retain(|pane| pane == PaneId(2));
        assert_eq!(doorbell.panes.keys().collect::<Vec<_>>(), [&PaneId(2)]);
    }
}
