//! Clients that show a worker's screen, live and with its colours.
//!
//! A request waits here until the pane shows something else than what its client has. The pane's
//! ordinary captures say when that is, so a screen that nobody changes costs nothing.
use std::time::{Duration, Instant};

use super::{
    Effect, HubState, Link, RequestId, TmuxEffect,
    live_worker::LiveWorker,
    requests::{answer, not_found, refuse},
};
use crate::model::{Answer, Now, Refusal, RefusalKind, WorkerId};

/// How long after a request its worker is captured at the pace of a viewer.
const WATCHED: Duration = Duration::from_secs(10);

/// A client that waits for the next screen of a worker.
#[derive(Debug)]
pub(super) struct Viewing {
    request_id: RequestId,
    worker: WorkerId,
    /// The screen that it has.
    known: Option<u64>,
}

impl Viewing {
    pub(super) fn client(&self) -> u64 {
        self.request_id.client
    }
}

impl HubState {
    pub(super) fn view(
        &mut self,
        now: Now,
        request_id: RequestId,
        id: WorkerId,
        known: Option<u64>,
        out: &mut Vec<Effect>,
    ) {
        self.viewing.retain(|it| it.client() != request_id.client);
        let Some(live) = self.workers.get_mut(&id) else { return not_found(out, request_id, &id) };
        live.watched(now.steady + WATCHED);
        self.viewing.push(Viewing { request_id, worker: id, known });
    }

    /// Captures the screens that have changed, and answers the requests that cannot be met.
    pub(super) fn view_screens(&mut self, out: &mut Vec<Effect>) {
        let is_linked = matches!(self.link, Link::Up(_));
        let workers = &self.workers;
        self.viewing.retain(|it| {
            let live = workers.get(&it.worker).filter(|live| is_linked && live.has_window());
            let Some(live) = live else {
                let why = "its window cannot be reached";
                refuse(out, it.request_id, Refusal::new(RefusalKind::NotNow, why));
                return false;
            };
            let Some(number) = live.new_screen(it.known) else { return true };
            let (request_id, pane) = (it.request_id, live.worker.place.pane);
            out.push(Effect::Tmux(TmuxEffect::View { request_id, pane, number }));
            false
        });
    }
}

pub(super) fn viewed(
    request_id: RequestId,
    number: u64,
    screen: Result<String, String>,
    out: &mut Vec<Effect>,
) {
    match screen {
        Ok(text) => answer(out, request_id, Answer::Viewed { number, text }),
        Err(why) => refuse(out, request_id, Refusal::new(RefusalKind::Tmux, why)),
    }
}

/// What a viewer needs of its worker.
impl LiveWorker {
    /// A client shows it until then, or longer if it asks again.
    pub(super) fn watched(&mut self, until: Instant) {
        self.watched_until = Some(until);
    }

    /// The number of its screen, if it is another one than number `known`.
    fn new_screen(&self, known: Option<u64>) -> Option<u64> {
        Some(self.n_shown).filter(|n| known != Some(*n))
    }
}
