//! Whether a report is from the worker that it names. Pure.
use crate::model::{PaneId, Place, WorkerId};

/// What is known about the sender of a report.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender<'a> {
    /// The pane in its environment.
    pub(super) pane: Option<PaneId>,
    /// The worker whose pane that is.
    pub(super) pane_of: Option<&'a WorkerId>,
    /// The processes above it; empty where they are unknown.
    pub(super) ancestors: &'a [u32],
}

/// Why the report is not the worker's own. A process below the pane's first one proves that it is;
/// else the pane in its environment decides. A sandbox may hide both: then its worktree, which the
/// sender's directory was found in, is enough.
pub(super) fn stranger(place: &Place, worker: &WorkerId, sender: Sender<'_>) -> Option<String> {
    let is_below = place.pid.is_some_and(|pid| sender.ancestors.contains(&pid));
    if is_below && !place.gone {
        return None;
    }
    match (sender.pane, sender.pane_of) {
        (None, _) => None,
        (Some(pane), _) if pane == place.pane => None,
        (Some(pane), Some(other)) if other != worker => {
            Some(format!("pane {pane} belongs to worker `{other}`, not to `{worker}`"))
        }
        (Some(pane), _) => {
            Some(format!("pane {pane} is not the pane of `{worker}`: only its agent reports"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ServerId, WindowId};

    #[test]
    fn only_the_worker_reports() {
        let place = Place {
            server: ServerId { pid: 1, started: 2 },
            window: WindowId(3),
            pane: PaneId(4),
            pid: Some(42),
            session: None,
            session_name: None,
            boot: String::new(),
            gone: false,
        };
        let (mine, other): (WorkerId, WorkerId) = ("a".parse().unwrap(), "b".parse().unwrap());
        let check = |pane: Option<u32>, owner: Option<&WorkerId>, ancestors: &[u32]| {
            let pane = pane.map(PaneId);
            let sender = Sender { pane, pane_of: owner, ancestors };
            stranger(&place, &mine, sender)
        };
        assert_eq!(check(Some(4), Some(&mine), &[9, 42, 1]), None);
        assert_eq!(check(Some(4), Some(&mine), &[]), None, "ancestors are hidden");
        assert_eq!(check(None, None, &[]), None, "a sandbox hides all");
        assert_eq!(check(Some(8), None, &[9, 42, 1]), None, "a tmux inside the pane");
        assert!(check(Some(8), None, &[9, 7, 1]).unwrap().contains("only its agent"));
        assert!(check(Some(8), Some(&other), &[]).unwrap().contains("worker `b`"));
    }
}
