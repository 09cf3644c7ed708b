//! Output as a bell: the first byte of a pane rings, then the pane is silent until it is heard.
//!
//! Knows which panes may still ring; not what they print, nor how tmux is told. However fast a
//! pane prints, it costs one bell and one `pause` per [`Doorbell::handle_continued`].
use std::collections::BTreeSet;

use crate::model::PaneId;

/// Panes ring when they are open, which every pane is at first.
#[derive(Debug, Default)]
pub struct Doorbell {
    silent: BTreeSet<PaneId>,
}

impl Doorbell {
    /// The pane printed, or tmux paused it because it had and we were slow. True: ring once, and
    /// have it paused.
    pub fn handle_output(&mut self, pane: PaneId) -> bool {
        self.silent.insert(pane)
    }

    /// tmux continued the pane, as we asked: what it prints from here on rings again. What came
    /// before is on the screen that is looked at next.
    pub fn handle_continued(&mut self, pane: PaneId) {
        self.silent.remove(&pane);
    }

    /// Forgets panes that are gone.
    pub fn retain(&mut self, lives: impl Fn(PaneId) -> bool) {
        self.silent.retain(|&pane| lives(pane));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pane_rings_once_until_it_is_continued() {
        let mut doorbell = Doorbell::default();
        let rings = [1, 1, 2, 1].map(|pane| doorbell.handle_output(PaneId(pane)));
        assert_eq!(rings, [true, false, true, false]);
        doorbell.handle_continued(PaneId(1));
        assert!(doorbell.handle_output(PaneId(1)));
        assert!(!doorbell.handle_output(PaneId(2)));
    }

    #[test]
    fn panes_that_are_gone_are_forgotten() {
        let mut doorbell = Doorbell::default();
        doorbell.handle_output(PaneId(1));
        doorbell.handle_output(PaneId(2));
        doorbell.retain(|pane| pane == PaneId(2));
        assert_eq!(doorbell.silent, [PaneId(2)].into());
    }
}
