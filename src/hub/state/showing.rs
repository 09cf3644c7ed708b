//! Showing a worker with a screen that is not older than its state.
//!
//! A hook reports a state before the agent has drawn it. A request is answered when a capture that
//! began after it shows that state, too, or after a time limit.
use std::time::{Duration, Instant};

use super::{
    Effect, HubState, Link, RequestId,
    requests::{answer, not_found},
};
use crate::model::{Answer, Delivery, Now, WorkerId};

/// How long to wait for such a screen.
const PATIENCE: Duration = Duration::from_secs(1);
/// How soon to capture again a screen that does not show its state yet.
const AGAIN: Duration = Duration::from_millis(100);

/// A client that waits for a screen.
#[derive(Debug)]
pub(super) struct Showing {
    request_id: RequestId,
    worker: WorkerId,
    asked: Instant,
}

impl Showing {
    pub(super) fn client(&self) -> u64 {
        self.request_id.client
    }

    pub(super) fn deadline(&self) -> Instant {
        self.asked + PATIENCE
    }
}

impl HubState {
    pub(super) fn show(
        &mut self,
        now: Now,
        request_id: RequestId,
        id: &WorkerId,
        out: &mut Vec<Effect>,
    ) {
        let Some(live) = self.workers.get_mut(id) else { return not_found(out, request_id, id) };
        if !live.has_window() || !matches!(self.link, Link::Up(_)) {
            return self.answer_shown(request_id, id, out);
        }
        live.want_look(now.steady);
        self.showing.push(Showing { request_id, worker: id.clone(), asked: now.steady });
        // At once, unless one is in progress.
        live.tick(now, out);
        self.flush_workers(now, out);
    }

    /// Answers the requests whose screen has come or whose time is over.
    pub(super) fn show_screens(&mut self, now: Now, out: &mut Vec<Effect>) {
        let mut due = Vec::new();
        let workers = &mut self.workers;
        let is_linked = matches!(self.link, Link::Up(_));
        self.showing.retain(|it| {
            let live = workers.get_mut(&it.worker).filter(|live| is_linked && live.has_window());
            let waits = live.is_some_and(|live| {
                let waits = it.deadline() > now.steady && !live.shows_its_state(it.asked);
                if waits {
                    live.want_look(now.steady + AGAIN);
                }
                waits
            });
            if !waits {
                due.push((it.request_id, it.worker.clone()));
            }
            waits
        });
        for (request_id, id) in due {
            self.answer_shown(request_id, &id, out);
        }
    }

    fn answer_shown(&self, request_id: RequestId, id: &WorkerId, out: &mut Vec<Effect>) {
        let Some(live) = self.workers.get(id) else { return not_found(out, request_id, id) };
        let shown = Answer::Shown {
            worker: Box::new(live.worker.clone()),
            screen: live.last_sample().cloned(),
            deliveries: live.deliveries().into_iter().map(Delivery::shortened).collect(),
        };
        answer(out, request_id, shown);
    }
}
