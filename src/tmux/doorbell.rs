//! Output as a bell: the first byte of a pane rings, then tmux is told to pause it.
//!
//! Knows which panes may ring, which have to be glanced at instead, and when; not what they print,
//! nor how tmux is told.
//!
//! A pane that has rung is continued only when it looks the same as when it was sampled. Until then
//! it is glanced at, and rings when it looks different; one that moves all the time rings after each
//! sample, without a glance. So however fast a pane prints, it costs one ring per sample, and tmux's
//! control client hears it from one silence to the next word, not while it floods: up to tmux 3.7, a
//! user's `respawn-pane -k` while a pane is heard can end the server.
//!
//! A pane whose program has reported its status, and a new one, are not paused while they print little, so
//! that the next report is heard when it comes. One that prints much is paused as any other.
//!
//! Here is decided when a pane rings. How soon after a ring it is sampled is up to its owner.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::model::PaneId;

/// How long after a sample, or a glance, the next glance is due.
const PACE: Duration = Duration::from_millis(100);

/// A pane that rings so soon after it was continued prints all the time, even if it looks the same.
const SOON: Duration = Duration::from_millis(100);

/// Such a pane is continued when it has printed nothing for so long. tmux tells in whole seconds
/// when a window printed last.
const REST: Duration = Duration::from_millis(1200);

/// Samples in a row, each of a new screen, that make a pane one that moves.
const MOVING: u8 = 3;

#[derive(Debug, Default)]
pub struct Doorbell {
    panes: BTreeMap<PaneId, Bell>,
}

/// What a pane may print and stay heard: so much at once, and so much more in a second. Each piece of output
/// counts for some bytes of its own.
const BURST: u64 = 64 << 10;
const RATE: u64 = 16 << 10;
const PIECE: u64 = 64;
/// The same for a new pane, which may be about to report.
const TRIAL: u64 = 16 << 10;

#[derive(Debug, Default)]
struct Bell {
    state: State,
    /// Its program has reported its status.
    reports: bool,
    /// What it has printed, less what it may print in a second.
    printed: u64,
    counted: Option<Instant>,
    continued: Option<Instant>,
    is_restless: bool,
    /// What the last sample showed, and how many in a row showed something new.
    shown: Option<u64>,
    n_new: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The next byte rings.
    #[default]
    Open,
    /// It rang and is still heard: it rings again after it is sampled.
    Loud,
    /// Paused; nothing more to find out before it is sampled.
    Rang,
    /// Paused. What it looked like then, as a number, and when to look if it still does.
    Sampled { digest: u64, at: Instant, due: Instant },
}

/// What is to be done about output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    pub ring: bool,
    pub pause: bool,
}

impl Bell {
    /// It has printed little enough to stay heard.
    fn may_stay(&mut self, n_bytes: usize, now: Instant) -> bool {
        let n_bytes = u64::try_from(n_bytes).unwrap_or(u64::MAX);
        let counted = *self.counted.get_or_insert(now);
        if self.reports {
            let millis = now.saturating_duration_since(counted).as_millis();
            let earned = u64::try_from(millis).unwrap_or(u64::MAX).saturating_mul(RATE) / 1000;
            self.printed = self.printed.saturating_sub(earned);
            self.counted = Some(now);
        }
        let most = if self.reports { BURST } else { TRIAL };
        self.printed = self.printed.saturating_add(n_bytes).saturating_add(PIECE).min(2 * BURST);
        self.printed <= most
    }

    /// It is heard no longer.
    fn shut(&mut self, now: Instant) {
        self.state = State::Rang;
        let silence = self.continued.map(|it| now.saturating_duration_since(it));
        self.is_restless = silence.is_some_and(|it| it < SOON);
        if silence.is_none_or(|it| it >= REST) {
            self.n_new = 0;
        }
    }
}

/// What a glance at a pane that has rung is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glanced {
    /// It looks different: ring.
    Ring,
    /// It has settled: continue it, and ring if it looks different after that.
    Continue,
    /// Glance again when it is due.
    Wait,
}

impl Doorbell {
    /// The pane printed so many bytes.
    pub fn handle_output(&mut self, pane: PaneId, n_bytes: usize, now: Instant) -> Printed {
        let bell = self.panes.entry(pane).or_default();
        let stays = bell.may_stay(n_bytes, now);
        match bell.state {
            State::Open if stays => {
                bell.state = State::Loud;
                Printed { ring: true, pause: false }
            }
            State::Loud if stays => Printed::default(),
            State::Open | State::Loud => {
                let ring = bell.state == State::Open;
                bell.shut(now);
                Printed { ring, pause: true }
            }
            State::Rang | State::Sampled { .. } => Printed::default(),
        }
    }

    /// tmux paused the pane because it printed and we were slow. True: ring.
    pub fn handle_paused(&mut self, pane: PaneId, now: Instant) -> bool {
        let bell = self.panes.entry(pane).or_default();
        match bell.state {
            State::Open | State::Loud => {
                let ring = bell.state == State::Open;
                bell.shut(now);
                ring
            }
            State::Rang | State::Sampled { .. } => false,
        }
    }

    /// The pane's program has reported its status, and may again.
    pub fn handle_report(&mut self, pane: PaneId) {
        self.panes.entry(pane).or_default().reports = true;
    }

    /// The pane is about to be sampled: what it prints from here on is news.
    pub fn handle_sampling(&mut self, pane: PaneId) {
        if let Some(bell) = self.panes.get_mut(&pane).filter(|it| it.state == State::Loud) {
            bell.state = State::Open;
        }
    }

    /// The next byte of the pane rings by itself, so a sample of it needs no glances.
    pub fn is_open(&self, pane: PaneId) -> bool {
        let is_heard = |it: &Bell| matches!(it.state, State::Open | State::Loud);
        self.panes.get(&pane).is_none_or(is_heard)
    }

    /// A pane was sampled that was not open. True: it moves, so ring again.
    pub fn handle_sampled(&mut self, pane: PaneId, digest: u64, now: Instant) -> bool {
        let is_heard = |it: &Bell| matches!(it.state, State::Open | State::Loud);
        let Some(bell) = self.panes.get_mut(&pane).filter(|it| !is_heard(it)) else {
            return false;
        };
        let is_new = bell.shown.replace(digest) != Some(digest);
        bell.n_new = if is_new { bell.n_new.saturating_add(1) } else { 0 };
        let moves = bell.n_new > MOVING;
        bell.state =
            if moves { State::Rang } else { State::Sampled { digest, at: now, due: now + PACE } };
        moves
    }

    /// When a pane is to be glanced at.
    pub fn next_glance(&self) -> Option<Instant> {
        self.due_times().map(|(_, due)| due).min()
    }

    /// The panes that are to be glanced at now.
    pub fn poll_due(&self, now: Instant) -> Vec<PaneId> {
        self.due_times().filter(|(_, due)| *due <= now).map(|(pane, _)| pane).collect()
    }

    fn due_times(&self) -> impl Iterator<Item = (PaneId, Instant)> {
        self.panes.iter().filter_map(|(pane, bell)| match bell.state {
            State::Sampled { due, .. } => Some((*pane, due)),
            State::Open | State::Loud | State::Rang => None,
        })
    }

    /// The pane was glanced at; its window printed `age` ago.
    pub fn handle_glance(
        &mut self,
        pane: PaneId,
        digest: u64,
        age: Duration,
        now: Instant,
    ) -> Glanced {
        let Some(bell) = self.panes.get_mut(&pane) else { return Glanced::Wait };
        let State::Sampled { digest: known, at, due } = &mut bell.state else {
            return Glanced::Wait;
        };
        if digest != *known {
            bell.state = State::Rang;
            return Glanced::Ring;
        }
        *due = now + PACE;
        let is_at_rest = now.saturating_duration_since(*at) >= REST && age >= REST;
        if is_at_rest || !bell.is_restless { Glanced::Continue } else { Glanced::Wait }
    }

    /// tmux continued the pane, as we asked: what it prints from here on rings. What came before
    /// is on the screen that is glanced at next.
    pub fn handle_continued(&mut self, pane: PaneId, now: Instant) {
        let bell = self.panes.entry(pane).or_default();
        (bell.state, bell.continued, bell.is_restless) = (State::Open, Some(now), false);
    }

    /// The panes that have rung, and may again.
    pub fn known(&self) -> impl Iterator<Item = PaneId> {
        self.panes.keys().copied()
    }

    /// Forgets panes that are gone.
    pub fn forget(&mut self, gone: &BTreeSet<PaneId>) {
        self.panes.retain(|pane, _| !gone.contains(pane));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANE: PaneId = PaneId(1);
    const LONG: Duration = Duration::from_secs(10);

    /// It prints more than it may; true if it rings.
    fn prints(doorbell: &mut Doorbell, pane: PaneId, now: Instant) -> bool {
        let printed = doorbell.handle_output(pane, usize::MAX, now);
        assert_eq!(printed.ring, printed.pause);
        printed.ring
    }

    /// A pane that rang and was sampled.
    fn sampled(doorbell: &mut Doorbell, now: Instant) {
        assert!(prints(doorbell, PANE, now));
        assert!(!doorbell.is_open(PANE));
        assert_eq!(doorbell.next_glance(), None);
        assert!(!doorbell.handle_sampled(PANE, 7, now));
        assert_eq!(doorbell.next_glance(), Some(now + PACE));
    }

    #[test]
    fn a_pane_rings_once_until_it_is_continued() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        let rings = [1, 1, 2, 1].map(|pane| prints(&mut doorbell, PaneId(pane), now));
        assert_eq!(rings, [true, false, true, false]);
        doorbell.handle_continued(PaneId(1), now);
        assert!(doorbell.is_open(PaneId(1)));
        assert!(prints(&mut doorbell, PaneId(1), now + LONG));
        assert!(!prints(&mut doorbell, PaneId(2), now + LONG));
    }

    #[test]
    fn a_pane_that_goes_on_rings_once_per_sample() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        sampled(&mut doorbell, now);
        assert_eq!(doorbell.poll_due(now), []);
        assert_eq!(doorbell.poll_due(now + PACE), [PANE]);
        assert_eq!(doorbell.handle_glance(PANE, 8, Duration::ZERO, now + PACE), Glanced::Ring);
        assert_eq!(doorbell.next_glance(), None);
        assert_eq!(doorbell.handle_glance(PANE, 9, Duration::ZERO, now + PACE), Glanced::Wait);
        doorbell.handle_sampled(PANE, 9, now + LONG);
        assert_eq!(doorbell.next_glance(), Some(now + LONG + PACE));
    }

    #[test]
    fn a_pane_that_has_settled_is_continued() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        sampled(&mut doorbell, now);
        assert_eq!(doorbell.handle_glance(PANE, 7, Duration::ZERO, now + PACE), Glanced::Continue);
        doorbell.handle_continued(PANE, now + PACE);
        assert_eq!(doorbell.next_glance(), None);
        // Open: a sample that was under way changes nothing.
        doorbell.handle_sampled(PANE, 7, now + PACE);
        assert!(doorbell.is_open(PANE));
    }

    #[test]
    fn a_pane_that_draws_the_same_all_the_time_is_continued_when_it_rests() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        doorbell.handle_continued(PANE, now);
        sampled(&mut doorbell, now);
        assert_eq!(doorbell.handle_glance(PANE, 7, Duration::ZERO, now + LONG), Glanced::Wait);
        assert_eq!(doorbell.next_glance(), Some(now + LONG + PACE));
        assert_eq!(doorbell.handle_glance(PANE, 7, LONG, now + LONG), Glanced::Continue);
    }

    #[test]
    fn a_pane_that_moves_rings_without_a_glance_until_it_stands_still() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        sampled(&mut doorbell, now);
        let rings = |doorbell: &mut Doorbell, digests: &[u64]| {
            digests.iter().map(|it| doorbell.handle_sampled(PANE, *it, now)).collect::<Vec<_>>()
        };
        assert_eq!(rings(&mut doorbell, &[8, 9, 10, 11]), [false, false, true, true]);
        assert_eq!(doorbell.next_glance(), None);
        // The last frame is glanced at before the pane is continued.
        assert_eq!(rings(&mut doorbell, &[11]), [false]);
        assert_eq!(doorbell.next_glance(), Some(now + PACE));
    }

    #[test]
    fn a_pane_that_draws_now_and_then_does_not_move() {
        let (mut doorbell, mut now) = (Doorbell::default(), Instant::now());
        for digest in 0..10 {
            assert!(prints(&mut doorbell, PANE, now));
            assert!(!doorbell.handle_sampled(PANE, digest, now), "{digest}");
            doorbell.handle_continued(PANE, now);
            now += LONG;
        }
    }

    #[test]
    fn panes_that_are_gone_are_forgotten() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        sampled(&mut doorbell, now);
        prints(&mut doorbell, PaneId(2), now);
        doorbell.forget(&BTreeSet::from([PANE]));
        assert_eq!(doorbell.known().collect::<Vec<_>>(), [PaneId(2)]);
    }

    #[test]
    fn a_new_pane_that_prints_little_rings_and_is_heard_on() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        let ring = Printed { ring: true, pause: false };
        assert_eq!(doorbell.handle_output(PANE, 10, now), ring);
        assert_eq!(doorbell.handle_output(PANE, 10, now), Printed::default());
        assert!(doorbell.is_open(PANE));
        doorbell.handle_sampling(PANE);
        assert_eq!(doorbell.handle_output(PANE, 10, now + LONG), ring);
        assert_eq!(
            doorbell.handle_output(PANE, 1 << 20, now + LONG),
            Printed { ring: false, pause: true }
        );
        doorbell.handle_continued(PANE, now + LONG);
        assert!(doorbell.handle_output(PANE, 1, now + 2 * LONG).pause, "its trial is over");
    }

    #[test]
    fn a_pane_that_reports_stays_heard_but_in_a_flood() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        doorbell.handle_report(PANE);
        // Ten frames of a spinner in each of 100 seconds.
        for tenth in 0..1000 {
            let at = now + Duration::from_millis(100) * tenth;
            assert!(!doorbell.handle_output(PANE, 600, at).pause);
            doorbell.handle_sampling(PANE);
        }
        let later = now + 20 * LONG;
        let n_heard =
            (0..1000).take_while(|_| !doorbell.handle_output(PANE, 4096, later).pause).count();
        assert!((10..20).contains(&n_heard), "{n_heard}");
        assert_eq!(doorbell.handle_output(PANE, 1, later), Printed::default(), "paused");
        doorbell.handle_continued(PANE, later + LONG);
        assert!(!doorbell.handle_output(PANE, 600, later + LONG).pause);
    }

    #[test]
    fn a_pane_that_tmux_paused_rings_once() {
        let (mut doorbell, now) = (Doorbell::default(), Instant::now());
        assert!(doorbell.handle_paused(PANE, now));
        assert!(!doorbell.handle_paused(PANE, now));
        doorbell.handle_continued(PANE, now);
        doorbell.handle_output(PANE, 1, now);
        assert!(!doorbell.handle_paused(PANE, now), "it rang already");
    }
}
