//! Reconciles the state with tmux and git: windows that were lost, moved or left over.
use std::{collections::BTreeMap, time::Duration};

use super::{
    Effect, FIRST_LOOK, FirstLook, HubState, Link, Listed, LocalEffect, RequestId, TmuxEffect,
    WorktreeFacts, WorktreeQuery,
    live_worker::LiveWorker,
    requests::{answer, not_found},
};
use crate::{
    model::{Answer, Now, Placement, Request, WindowPane, WorkerId},
    tmux::PaneRow,
};

/// Structural events within this time are answered by one list.
const LIST_DELAY: Duration = Duration::from_millis(20);
/// After this time, a failed list is requested again.
const LIST_RETRY: Duration = Duration::from_secs(1);

impl HubState {
    /// Requests the list of windows, if there is a connection.
    pub(super) fn list_panes(&mut self, after: Duration, out: &mut Vec<Effect>) {
        if matches!(self.link, Link::Up(_)) {
            self.list_due = true;
            out.push(Effect::Tmux(TmuxEffect::ListPanes { after }));
        }
    }

    /// Where the worktrees are now, and what changes in them from now on.
    pub(super) fn follow_worktrees(&mut self, out: &mut Vec<Effect>) {
        self.find_worktrees(out);
        self.watch_all(out);
    }

    pub(super) fn find_worktrees(&self, out: &mut Vec<Effect>) {
        let has_own = |live: &&LiveWorker| !live.worker.is_orchestrator();
        let own = self.workers.values().filter(has_own);
        let all: Vec<_> = own.map(|live| WorktreeQuery::new(&live.worker)).collect();
        if !all.is_empty() {
            out.push(Effect::Local(LocalEffect::FindWorktrees(all)));
        }
    }

    /// Reconciles the worktrees.
    pub(super) fn worktrees(&mut self, now: Now, found: Vec<WorktreeFacts>, out: &mut Vec<Effect>) {
        for WorktreeFacts { worker: id, path, branch } in found {
            // What a cleanup removes is told by its end.
            let is_leaving = self.cleanups.contains_key(&id);
            let branch = branch.filter(|it| !self.has_branch(&id, it));
            if let Some(live) = self.workers.get_mut(&id).filter(|_| !is_leaving) {
                live.worktree_at(path);
                branch.into_iter().for_each(|it| live.renamed(it));
            }
        }
        self.flush_workers(now, out);
    }

    /// Another worker of its repository has this branch: one branch is one worker's.
    fn has_branch(&self, id: &WorkerId, branch: &str) -> bool {
        let Some(repo) = self.workers.get(id).map(|live| &live.worker.repo) else { return false };
        let mut others = self.workers.values().map(|live| &live.worker).filter(|it| it.id != *id);
        others.any(|it| it.repo == *repo && it.branch == branch)
    }

    pub(super) fn restructured(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.restructured_at = Some(now.steady);
        if !self.list_due {
            self.list_panes(LIST_DELAY, out);
        }
    }

    /// The panes of a worker's window, from a new list.
    pub(super) fn want_panes(
        &mut self,
        request_id: RequestId,
        id: WorkerId,
        out: &mut Vec<Effect>,
    ) {
        if !self.workers.contains_key(&id) {
            return not_found(out, request_id, &id);
        }
        if !matches!(self.link, Link::Up(_)) {
            self.pending.push((request_id, Request::Panes { id }));
            return self.want_link(out);
        }
        self.panes_wanted.push((request_id, id));
        self.list_panes(Duration::ZERO, out);
    }

    fn tell_panes(&mut self, by_tag: &BTreeMap<String, Vec<PaneRow>>, out: &mut Vec<Effect>) {
        for (request_id, id) in std::mem::take(&mut self.panes_wanted) {
            let rows = by_tag.get(id.as_str()).into_iter().flatten();
            let panes = rows.map(|row| WindowPane { pane: row.pane, pid: row.pid }).collect();
            answer(out, request_id, Answer::Panes { panes });
        }
    }

    /// Reconciles the windows.
    pub(super) fn panes(
        &mut self,
        now: Now,
        listed: Result<Listed, String>,
        out: &mut Vec<Effect>,
    ) {
        self.list_due = false;
        let Ok(Listed { asked, panes: rows, sessions, watched }) = listed else {
            return self.list_panes(LIST_RETRY, out);
        };
        self.watched(watched);
        if matches!(self.first_look, FirstLook::Due) {
            self.first_look = FirstLook::Listed { until: now.steady + FIRST_LOOK };
        }
        let mut by_tag: BTreeMap<String, Vec<PaneRow>> = BTreeMap::new();
        for row in rows {
            if let Some(tag) = row.worker.clone() {
                by_tag.entry(tag).or_default().push(row);
            }
        }
        self.tell_panes(&by_tag, out);
        let mut announce = Vec::new();
        let mut is_too_old = self.restructured_at.is_some_and(|it| it >= asked);
        let mut strays = self.strays(&by_tag);
        for live in self.workers.values_mut().filter(|live| live.has_window()) {
            let rows = by_tag.remove(live.worker.id.as_str()).unwrap_or_default();
            let Some(row) = rows.into_iter().find(|row| row.pane == live.worker.place.pane) else {
                if live.is_made_since(asked) {
                    strays.retain(|it| it.worker.as_deref() != Some(live.worker.id.as_str()));
                    is_too_old = true;
                    continue;
                }
                live.lost(now, live.cause_of_loss(&sessions));
                continue;
            };
            live.found(now, &row);
            if live.seen_at(&row) {
                announce.push(live.worker.id.clone());
            }
        }
        if is_too_old {
            self.list_panes(LIST_DELAY, out);
        }
        self.settle_unsure(now, (asked, &by_tag), out);
        self.end_strays(strays, out);
        self.orphans = by_tag
            .into_iter()
            .filter(|(tag, _)| !self.is_being_made(tag))
            .filter_map(|(tag, rows)| Some((tag, rows.into_iter().next()?)))
            .collect();
        for id in announce {
            let text = format!("{id} is still running in session `wtmag`; its session was closed");
            out.push(Effect::Tmux(TmuxEffect::Announce { text, rings: false }));
        }
        self.flush_workers(now, out);
        self.go_on_with_cleanups(out);
        self.ask_pending(now, out);
    }

    /// Sent by a `create` whose hub died meanwhile. If a window was created but never recorded,
    /// nothing was typed into it: it is closed, and the `create` undoes the rest.
    pub(super) fn recover(&mut self, request_id: RequestId, id: WorkerId, out: &mut Vec<Effect>) {
        let exists = self.workers.contains_key(&id) || self.taken.contains(id.as_str());
        let is_listed = matches!(self.link, Link::Up(_)) && !self.list_due;
        if !exists && !is_listed {
            self.pending.push((request_id, Request::Recover { id }));
            return self.want_link(out);
        }
        if let Some(orphan) = self.orphans.get(id.as_str()).filter(|_| !exists) {
            let (pane, window) = (orphan.pane, orphan.window);
            out.push(Effect::Tmux(TmuxEffect::CloseWindow { worker: id.clone(), pane, window }));
            self.closing.insert(id);
        }
        answer(out, request_id, Answer::Recovered { exists });
    }

    /// Panes that have a worker's own mark, and are not its pane: the former one of an agent that was
    /// started again, or one that a hub made for that and did not live to record.
    fn strays(&self, by_tag: &BTreeMap<String, Vec<PaneRow>>) -> Vec<PaneRow> {
        let rows = by_tag.values().flatten().filter(|row| row.is_marked && !row.dead);
        let is_stray = |row: &&PaneRow| {
            let id = row.worker.as_ref().and_then(|it| it.parse::<WorkerId>().ok());
            let id = id.filter(|it| !self.reserved.contains_key(it));
            let live = id.and_then(|it| self.workers.get(&it));
            live.is_some_and(|live| live.worker.place.pane != row.pane)
        };
        rows.filter(is_stray).cloned().collect()
    }

    /// A newer pane than the worker's has had no text yet; its window is closed. An older one gives way.
    fn end_strays(&mut self, strays: Vec<PaneRow>, out: &mut Vec<Effect>) {
        for row in strays {
            let id = row.worker.as_ref().and_then(|it| it.parse::<WorkerId>().ok());
            let Some(live) = id.and_then(|it| self.workers.get(&it)) else { continue };
            let (worker, new) = (live.worker.id.clone(), live.worker.place.pane);
            let effect = if live.has_window() && row.pane < new {
                TmuxEffect::TakePlace { worker, new, old: row.pane }
            } else {
                self.closing.insert(worker.clone());
                TmuxEffect::CloseWindow { worker, pane: row.pane, window: row.window }
            };
            out.push(Effect::Tmux(effect));
        }
    }

    fn is_being_made(&self, tag: &str) -> bool {
        let is_ours =
            |id: WorkerId| self.reserved.contains_key(&id) || self.workers.contains_key(&id);
        tag.parse::<WorkerId>().is_ok_and(is_ours)
    }
}

/// Where a window is shown, judged by the sessions that link it.
pub(super) fn placement(row: &PaneRow, id: &WorkerId) -> Placement {
    match row.links.as_slice() {
        [] => Placement::Fleet,
        [link] if link.session_name == id.as_str() => Placement::Session,
        _ => Placement::Window,
    }
}
