//! The connection to the tmux server: when it is wanted, made, lost and retried.
use std::time::Duration;

use super::{
    Effect, HubState, Link, Linked, LocalEffect, RequestId,
    live_worker::LiveWorker,
    requests::{answer, refuse},
};
use crate::{
    model::{Answer, EndCause, Happened, Now, Refusal, RefusalKind, Request, ServerId},
    tmux::NoConnection,
};

const FIRST_RETRY: Duration = Duration::from_millis(50);
const SLOWEST_RETRY: Duration = Duration::from_secs(2);
/// Attempts before waiting clients are told, some seconds in all.
const TRIES_TOLD: u32 = 6;
/// Attempts, some twenty seconds in all, to make a living server recreate its socket.
const TRIES_REVIVED: u32 = 12;
/// What `hub status` shows.
const WEDGED: &str = "tmux does not answer";

impl HubState {
    pub(super) fn linked(&mut self, now: Now, linked: Linked, out: &mut Vec<Effect>) {
        let what =
            format!("connected to tmux {} (pid {})", linked.info.version_text, linked.info.id.pid);
        self.log(now, out, None, Happened::Hub { what });
        let server = linked.info.id;
        self.forget_options();
        self.link = Link::Up(linked);
        // Ids are valid only on the server that they came from.
        let boot = self.setup.boot.clone();
        for live in self.workers.values_mut() {
            if live.has_window() && live.worker.place.server != server {
                live.lost(now, cause_of_other_server(&boot, live.boot()));
            }
            live.reconnected();
        }
        self.flush_workers(now, out);
        self.list_panes(Duration::ZERO, out);
        self.find_worktrees(out);
        self.ask_pending(now, out);
    }

    /// The connected server.
    pub(super) fn server(&self) -> Option<ServerId> {
        match &self.link {
            Link::Up(linked) => Some(linked.info.id),
            Link::Down | Link::Connecting(_) | Link::Retrying { .. } => None,
        }
    }

    /// The last known server with workers' windows.
    pub(super) fn known_server(&self) -> Option<ServerId> {
        self.workers.values().find(|it| it.has_window()).map(|it| it.worker.place.server)
    }

    pub(super) fn link_failed(
        &mut self,
        now: Now,
        error: String,
        no_server: bool,
        out: &mut Vec<Effect>,
    ) {
        if no_server {
            self.server_gone(now, out);
            self.give_up_first_look(now, out);
        }
        let (tries, tried) = match &self.link {
            Link::Retrying { tries, missing, .. } => (tries + 1, *missing),
            Link::Connecting(missing) => (1, *missing),
            Link::Down | Link::Up(_) => (1, NoConnection::MakeFleet),
        };
        if (no_server || tried == NoConnection::Leave) && self.missing() > tried {
            // A client came that needs more than the current server state.
            self.link = Link::Down;
            return self.ask_pending(now, out);
        }
        if tries >= TRIES_TOLD {
            self.give_up_cleanups(now, &error, out);
        }
        let is_told = tries >= TRIES_TOLD || self.workers.values().all(|live| !live.has_window());
        let told = if is_told { std::mem::take(&mut self.pending) } else { Vec::new() };
        if is_told {
            self.give_up_first_look(now, out);
        }
        self.try_again(now, (tries, &error, no_server), out);
        for (request_id, request) in told {
            self.link_refused(now, (request_id, request), (&error, no_server), out);
        }
    }

    fn try_again(
        &mut self,
        now: Now,
        (tries, error, no_server): (u32, &str, bool),
        out: &mut Vec<Effect>,
    ) {
        let missing = self.missing();
        if missing == NoConnection::Leave && (no_server || tries >= TRIES_TOLD) {
            self.link = Link::Down;
            self.orphans.clear();
            return;
        }
        if tries == 1 {
            let what = format!("tmux cannot be reached: {error}");
            self.log(now, out, None, Happened::Hub { what });
        }
        self.link = Link::Retrying { error: error.to_owned(), tries, missing };
        let known = self.known_server().filter(|_| tries < TRIES_REVIVED);
        out.push(Effect::Local(LocalEffect::Link { missing, after: retry_delay(tries), known }));
    }

    /// Answers a request that cannot be fulfilled.
    fn link_refused(
        &mut self,
        now: Now,
        (request_id, request): (RequestId, Request),
        (error, no_server): (&str, bool),
        out: &mut Vec<Effect>,
    ) {
        if request.tells_of_now() && !matches!(request, Request::Reserve(_)) {
            self.asked(now, request_id, request, out);
        } else if no_server && matches!(request, Request::Recover { .. }) {
            answer(out, request_id, Answer::Recovered { exists: false });
        } else if no_server && matches!(request, Request::Reserve(_)) {
            // One was there when the command began.
            let socket = self.setup.tmux_socket.display();
            let message = format!("the tmux server at `{socket}` has ended in the meantime");
            let refusal = Refusal::new(RefusalKind::Tmux, message);
            refuse(out, request_id, refusal.hint("run the command again to start a new server"));
        } else {
            let refusal = Refusal::new(RefusalKind::Tmux, error);
            refuse(out, request_id, refusal.hint("`wtmag doctor` says more"));
        }
    }

    /// A server is started for a client that creates a worker, and a `wtmag` session is created for
    /// live workers. Otherwise, nothing is created.
    pub(super) fn missing(&self) -> NoConnection {
        let wants =
            |is_it: fn(&Request) -> bool| self.pending.iter().any(|(_, request)| is_it(request));
        if wants(|request| matches!(request, Request::Reserve(it) if !it.is_served)) {
            NoConnection::StartServer
        } else if self.has_place()
            || wants(|it| {
                matches!(it, Request::Reserve(_) | Request::Recover { .. } | Request::Run { .. })
            })
        {
            NoConnection::MakeFleet
        } else {
            NoConnection::Leave
        }
    }

    /// No server listens at the socket: all windows are gone with it.
    fn server_gone(&mut self, now: Now, out: &mut Vec<Effect>) {
        let boot = self.setup.boot.clone();
        for live in self.workers.values_mut().filter(|live| live.has_window()) {
            live.lost(now, cause_of_other_server(&boot, live.boot()));
        }
        self.orphans.clear();
        self.flush_workers(now, out);
        self.refuse_unsure(now, out);
        self.go_on_with_cleanups(out);
    }

    /// Something is in tmux, or waits for it: a request, or news for an agent or a user there.
    pub(super) fn wants_link(&self) -> bool {
        let waits = !self.pending.is_empty() || self.schedules.waits_for_a_pane();
        let is_up = matches!(self.link, Link::Up(_));
        let tells = is_up && (self.has_news_for_a_pane() || self.has_notice());
        self.has_place() || !self.orphans.is_empty() || waits || tells
    }

    /// A worker is in tmux, or is about to be.
    pub(super) fn has_place(&self) -> bool {
        let has_window = self.workers.values().any(LiveWorker::has_window);
        has_window || !self.closing.is_empty() || !self.reserved.is_empty()
    }

    pub(super) fn wedged(&mut self, now: Now, wedged: bool, out: &mut Vec<Effect>) {
        self.problems.retain(|it| it != WEDGED);
        if wedged {
            self.problems.push(WEDGED.to_owned());
        }
        let what = if wedged { WEDGED } else { "tmux answers again" };
        self.log(now, out, None, Happened::Hub { what: what.to_owned() });
    }

    pub(super) fn link_lost(&mut self, now: Now, why: &str, out: &mut Vec<Effect>) {
        self.log(now, out, None, Happened::Hub { what: format!("connection lost: {why}") });
        self.list_due = false;
        self.closing.clear();
        for (request_id, _) in std::mem::take(&mut self.panes_wanted) {
            refuse(out, request_id, Refusal::new(RefusalKind::Tmux, why));
        }
        self.problems.retain(|it| it != WEDGED);
        for live in self.workers.values_mut() {
            live.disconnected(now);
        }
        self.guests_disconnected(now);
        self.flush_workers(now, out);
        let (missing, known) = (self.missing(), self.known_server());
        self.link = Link::Retrying { error: why.to_owned(), tries: 0, missing };
        out.push(Effect::Local(LocalEffect::Link { missing, after: FIRST_RETRY, known }));
    }
}

/// The worker's server is another one: it is gone, alone or with a reboot.
fn cause_of_other_server(boot: &str, its_boot: &str) -> EndCause {
    if boot == its_boot { EndCause::ServerGone } else { EndCause::Rebooted }
}

fn retry_delay(tries: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << tries.min(6)).min(SLOWEST_RETRY)
}
