//! Where the workers are: the connection, the list of panes, what is lost and found again.
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{
    Effect, Link, Linked, Listed, Missing, PaneSeen, RequestId, State,
    requests::{answer, refuse},
    slot::Slot,
};
use crate::model::{
    Answer, EndCause, Happened, Now, Placement, Refusal, RefusalKind, Request, ServerId, WorkerId,
};

/// Structural events within this time are answered by one list.
const LIST_DELAY: Duration = Duration::from_millis(20);
/// A list that failed is asked for again.
const LIST_RETRY: Duration = Duration::from_secs(1);
const FIRST_RETRY: Duration = Duration::from_millis(50);
const SLOWEST_RETRY: Duration = Duration::from_secs(2);
/// Tries before those who wait are told, some seconds in all.
const TRIES_TOLD: u32 = 6;
/// Tries, some twenty seconds in all, in which a server that lives is asked to make its socket again.
const TRIES_REVIVED: u32 = 12;
/// What `hub status` says of it.
const WEDGED: &str = "tmux does not answer";

impl State {
    pub(super) fn linked(&mut self, now: Now, linked: Linked, out: &mut Vec<Effect>) {
        let what = format!("connected to tmux {} (pid {})", linked.version, linked.server.pid);
        self.log(now, out, None, Happened::Hub { what });
        let server = linked.server;
        self.link = Link::Up(linked);
        // Ids mean something only on the server they came from.
        let boot = self.setup.boot.clone();
        for slot in self.slots.values_mut() {
            if slot.has_window() && slot.worker.place.server != server {
                slot.lost(now, cause_of_other_server(&boot, slot.boot()));
            }
            slot.reconnected();
        }
        self.flush_slots(now, out);
        self.list_panes(Duration::ZERO, out);
        self.find_worktrees(out);
        self.ask_pending(now, out);
    }

    /// The server that we are connected to.
    pub(super) fn server(&self) -> Option<ServerId> {
        match &self.link {
            Link::Up(linked) => Some(linked.server),
            Link::Down | Link::Connecting(_) | Link::Retrying { .. } => None,
        }
    }

    /// The server that has windows of ours, as far as we know.
    pub(super) fn known_server(&self) -> Option<ServerId> {
        self.slots.values().find(|it| it.has_window()).map(|it| it.worker.place.server)
    }

    /// Asks for the truth about windows, where anybody can be asked.
    pub(super) fn list_panes(&mut self, after: Duration, out: &mut Vec<Effect>) {
        if matches!(self.link, Link::Up(_)) {
            self.list_due = true;
            out.push(Effect::ListPanes { after });
        }
    }

    pub(super) fn find_worktrees(&self, out: &mut Vec<Effect>) {
        let git_dir = |slot: &Slot| (slot.worker.id.clone(), slot.worker.git_dir.clone());
        let all: Vec<_> = self.slots.values().map(git_dir).collect();
        if !all.is_empty() {
            out.push(Effect::FindWorktrees(all));
        }
    }

    /// The truth about worktrees, compared with what is believed.
    pub(super) fn worktrees(
        &mut self,
        now: Now,
        found: Vec<(WorkerId, Option<PathBuf>)>,
        out: &mut Vec<Effect>,
    ) {
        for (id, path) in found {
            if let Some(slot) = self.slots.get_mut(&id) {
                slot.worktree_at(path);
            }
        }
        self.flush_slots(now, out);
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
        }
        let (tries, tried) = match &self.link {
            Link::Retrying { tries, missing, .. } => (tries + 1, *missing),
            Link::Connecting(missing) => (1, *missing),
            Link::Down | Link::Up(_) => (1, Missing::MakeFleet),
        };
        if (no_server || tried == Missing::Leave) && self.missing() > tried {
            // Somebody came who wants more than what was there.
            self.link = Link::Down;
            return self.ask_pending(now, out);
        }
        if tries >= TRIES_TOLD {
            self.give_up_cleanups(now, &error, out);
        }
        let is_told = tries >= TRIES_TOLD || self.slots.values().all(|slot| !slot.has_window());
        let told = if is_told { std::mem::take(&mut self.pending) } else { Vec::new() };
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
        if missing == Missing::Leave && (no_server || tries >= TRIES_TOLD) {
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
        out.push(Effect::Link { missing, after: retry_delay(tries), known });
    }

    /// What somebody waited for that cannot be had.
    fn link_refused(
        &mut self,
        now: Now,
        (request_id, request): (RequestId, Request),
        (error, no_server): (&str, bool),
        out: &mut Vec<Effect>,
    ) {
        if matches!(request, Request::List { .. }) {
            self.asked(now, request_id, request, out);
        } else if no_server && matches!(request, Request::Recover { .. }) {
            answer(out, request_id, Answer::Recovered { exists: false });
        } else {
            let refusal = Refusal::new(RefusalKind::Tmux, error);
            refuse(out, request_id, refusal.hint("`wtmag doctor` says more"));
        }
    }

    /// A server is started for who comes to make a worker, and a fleet made for those who live.
    /// Else only what is there is of interest.
    pub(super) fn missing(&self) -> Missing {
        let wants =
            |is_it: fn(&Request) -> bool| self.pending.iter().any(|(_, request)| is_it(request));
        if wants(|request| matches!(request, Request::Reserve(_))) {
            Missing::StartServer
        } else if self.has_place() || wants(|request| !matches!(request, Request::List { .. })) {
            Missing::MakeFleet
        } else {
            Missing::Leave
        }
    }

    /// Nobody answers at the socket: every window is gone with its server.
    fn server_gone(&mut self, now: Now, out: &mut Vec<Effect>) {
        let boot = self.setup.boot.clone();
        for slot in self.slots.values_mut().filter(|slot| slot.has_window()) {
            slot.lost(now, cause_of_other_server(&boot, slot.boot()));
        }
        self.orphans.clear();
        self.flush_slots(now, out);
        self.refuse_unsure(now, out);
        self.go_on_with_cleanups(out);
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
        self.problems.retain(|it| it != WEDGED);
        for slot in self.slots.values_mut() {
            slot.disconnected(now);
        }
        self.flush_slots(now, out);
        let (missing, known) = (self.missing(), self.known_server());
        self.link = Link::Retrying { error: why.to_owned(), tries: 0, missing };
        out.push(Effect::Link { missing, after: FIRST_RETRY, known });
    }

    pub(super) fn restructured(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.restructured_at = Some(now.steady);
        if !self.list_due {
            self.list_panes(LIST_DELAY, out);
        }
    }

    /// The truth about windows, compared with what is believed.
    pub(super) fn panes(
        &mut self,
        now: Now,
        listed: Result<Listed, String>,
        out: &mut Vec<Effect>,
    ) {
        self.list_due = false;
        let Ok(Listed { asked, panes: rows, sessions }) = listed else {
            return self.list_panes(LIST_RETRY, out);
        };
        let mut by_tag: BTreeMap<String, Vec<PaneSeen>> = BTreeMap::new();
        for row in rows {
            by_tag.entry(row.tag.clone()).or_default().push(row);
        }
        let mut announce = Vec::new();
        let mut is_too_old = self.restructured_at.is_some_and(|it| it >= asked);
        for slot in self.slots.values_mut().filter(|slot| slot.has_window()) {
            let rows = by_tag.remove(slot.worker.id.as_str()).unwrap_or_default();
            let Some(row) = rows.into_iter().find(|row| row.pane == slot.worker.place.pane) else {
                if slot.is_made_since(asked) {
                    is_too_old = true;
                    continue;
                }
                slot.lost(now, slot.cause_of_loss(&sessions));
                continue;
            };
            slot.found_in(now, row.window);
            if slot.seen_at(row) {
                announce.push(slot.worker.id.clone());
            }
        }
        if is_too_old {
            self.list_panes(LIST_DELAY, out);
        }
        self.settle_unsure(now, (asked, &by_tag), out);
        self.orphans = by_tag
            .into_iter()
            .filter(|(tag, _)| !tag.is_empty() && !self.is_being_made(tag))
            .filter_map(|(tag, rows)| Some((tag, rows.into_iter().next()?)))
            .collect();
        for id in announce {
            let text = format!("{id} goes on in the fleet: its session was closed");
            out.push(Effect::Announce(text));
        }
        self.flush_slots(now, out);
        self.go_on_with_cleanups(out);
        self.ask_pending(now, out);
    }

    /// Sent by a `create` whose hub died on it. A window that was made and never recorded has been
    /// told nothing: it is closed, and the `create` undoes the rest.
    pub(super) fn recover(&mut self, request_id: RequestId, id: WorkerId, out: &mut Vec<Effect>) {
        let exists = self.slots.contains_key(&id);
        let is_listed = matches!(self.link, Link::Up(_)) && !self.list_due;
        if !exists && !is_listed {
            self.pending.push((request_id, Request::Recover { id }));
            return self.want_link(out);
        }
        if let Some(orphan) = self.orphans.get(id.as_str()).filter(|_| !exists) {
            let (pane, window) = (orphan.pane, orphan.window);
            out.push(Effect::CloseWindow { worker: id.clone(), pane, window });
            self.closing.insert(id);
        }
        answer(out, request_id, Answer::Recovered { exists });
    }

    fn is_being_made(&self, tag: &str) -> bool {
        let is_ours =
            |id: WorkerId| self.reserved.contains_key(&id) || self.slots.contains_key(&id);
        tag.parse::<WorkerId>().is_ok_and(is_ours)
    }
}

/// A worker of another server: that one is gone, with the whole machine or without.
fn cause_of_other_server(boot: &str, its_boot: &str) -> EndCause {
    if boot == its_boot { EndCause::ServerGone } else { EndCause::Rebooted }
}

fn retry_delay(tries: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << tries.min(6)).min(SLOWEST_RETRY)
}

/// Where a window is shown, told from the sessions that link it.
pub(super) fn placement(row: &PaneSeen, id: &WorkerId) -> Placement {
    match row.sessions.as_slice() {
        [] => Placement::Fleet,
        [(_, name)] if name == id.as_str() => Placement::Session,
        _ => Placement::Window,
    }
}
