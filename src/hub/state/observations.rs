//! Passes samples and hook reports to the right worker.
use super::{
    Effect, HubState, Link, SeenReport,
    live_worker::RESUME,
    requests::{answer, refuse},
};
use crate::{
    model::{
        Answer, DeliveryId, DeliveryMode, Hook, HookReport, ItemId, Now, PaneId, Refusal,
        RefusalKind, Sample, WorkerId, name_of,
    },
    tmux::{Acted, Said},
};

impl HubState {
    pub(super) fn rang(&mut self, now: Now, pane: PaneId) {
        if let Some(live) = self.workers.find_mut(|it| it.has_pane(pane)) {
            live.rang(now);
        }
    }

    /// What a program in the pane printed about itself.
    pub(super) fn said(&mut self, now: Now, pane: PaneId, said: &Said, out: &mut Vec<Effect>) {
        let Some(live) = self.workers.find_mut(|it| it.has_pane(pane)) else { return };
        live.said(now, said, out);
        self.flush_workers(now, out);
    }

    pub(super) fn sampled(
        &mut self,
        now: Now,
        id: &WorkerId,
        sample: Result<Sample, String>,
        out: &mut Vec<Effect>,
    ) {
        // What a lost connection still delivers is captured again on the next one, where actions
        // are possible.
        if !matches!(self.link, Link::Up(_)) {
            return;
        }
        let is_ok = sample.is_ok();
        let Some(live) = self.live_mut(id) else { return };
        let mut acts = Vec::new();
        live.sampled(now, sample, &mut acts);
        let answered = live.go_on_answering(now, &mut acts);
        if live.take_resume() {
            self.resume_task(now, id);
        }
        self.look_again(now, id, is_ok);
        match answered {
            Some((request_id, Ok(()))) => answer(out, request_id, Answer::Done),
            Some((request_id, Err(why))) => {
                refuse(out, request_id, Refusal::new(RefusalKind::NotNow, why));
            }
            None => {}
        }
        // Records come before the actions that they announce.
        self.flush_workers(now, out);
        out.append(&mut acts);
    }

    /// The limit that ended a turn is reset, and nothing else waits for the agent.
    fn resume_task(&mut self, now: Now, id: &WorkerId) {
        let text = RESUME.to_owned();
        let delivery = self.new_delivery(now, id, text, DeliveryMode::Ready);
        if let Some(live) = self.workers.get_mut(id) {
            live.queue(now, delivery);
        }
    }

    pub(super) fn acted(
        &mut self,
        now: Now,
        id: &WorkerId,
        delivery: DeliveryId,
        acted: Result<Acted, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(live) = self.live_mut(id) else { return };
        let mut acts = Vec::new();
        live.acted(now, delivery, acted, &mut acts);
        self.flush_workers(now, out);
        out.append(&mut acts);
    }

    pub(super) fn passed(
        &mut self,
        now: Now,
        (id, delivery): &(WorkerId, DeliveryId),
        taken: &Result<bool, String>,
        out: &mut Vec<Effect>,
    ) {
        let Some(live) = self.live_mut(id) else { return };
        let mut acts = Vec::new();
        live.passed(now, *delivery, taken, &mut acts);
        self.flush_workers(now, out);
        out.append(&mut acts);
    }

    /// A report from a hook or the pane's process. If it does not come from the worker's pane, it
    /// is logged and changes nothing.
    ///
    /// # Errors
    /// Only for what the worker reports about itself: it is told why that is not accepted.
    pub(super) fn hook(
        &mut self,
        now: Now,
        report: &HookReport,
        out: &mut Vec<Effect>,
    ) -> Result<Option<ItemId>, Refusal> {
        if let Some(seen) = self.seen_reports.iter().find(|it| it.id == report.id) {
            return match &seen.refusal {
                Some(refusal) => Err(refusal.clone()),
                None => Ok(self.item_of_report(&report.id)),
            };
        }
        let taken = match &report.hook {
            Hook::Report(about) if !self.is_reserved(&report.worker) => {
                self.take_report(now, report, about, out)
            }
            Hook::Report(_)
            | Hook::Started
            | Hook::Exited { .. }
            | Hook::Agent { .. }
            | Hook::Other(_) => {
                self.event(now, report, out);
                Ok(None)
            }
        };
        self.remember_report(report.id.clone(), taken.as_ref().err().cloned());
        taken
    }

    fn is_reserved(&self, id: &WorkerId) -> bool {
        self.reserved.contains_key(id) && !self.workers.contains_key(id)
    }

    fn event(&mut self, now: Now, report: &HookReport, out: &mut Vec<Effect>) {
        let Some(live) = self.workers.get_mut(&report.worker) else {
            // A quick shell may start its agent before the hub hears that the window exists.
            if let Some(kept) = self.reserved.get_mut(&report.worker) {
                kept.early.push(report.clone());
            }
            return;
        };
        // The pane's process always knows its pane; an agent's hook may not.
        let is_its_own = match (report.pane, &report.hook) {
            (Some(pane), _) => pane == live.worker.place.pane,
            (None, Hook::Started | Hook::Exited { .. }) => false,
            (None, Hook::Agent { .. } | Hook::Report(_) | Hook::Other(_)) => true,
        };
        let is_being_made =
            |it: &&mut super::PendingWorker| it.creating.is_some() && report.pane.is_some();
        if let (false, Some(kept)) =
            (is_its_own, self.reserved.get_mut(&report.worker).filter(is_being_made))
        {
            // Of the new pane of an agent that is started again, perhaps.
            kept.early.push(report.clone());
            return;
        }
        if !is_its_own {
            let from = report.pane.map_or_else(|| "no pane".to_owned(), |pane| pane.to_string());
            let text = format!("a report from {from} says it is this worker");
            let what = crate::model::Happened::Told { about: "unattributed".into(), text };
            return self.log(now, out, Some(&report.worker), what);
        }
        let mut acts = Vec::new();
        match &report.hook {
            Hook::Started => live.agent_started(now, &mut acts),
            Hook::Exited { exit, started } => {
                live.agent_exited(now, (*exit, *started), &mut acts);
            }
            Hook::Agent { payload } => live.hook(now, payload, &mut acts),
            Hook::Report(_) => {}
            Hook::Other(value) => {
                tracing::debug!(name = name_of(value), "a report of a newer version");
            }
        }
        self.flush_workers(now, out);
        out.append(&mut acts);
    }

    /// The same report can come by the socket and by the spool, in any order.
    fn remember_report(&mut self, id: String, refusal: Option<Refusal>) {
        const REMEMBERED: usize = 1000;
        self.seen_reports.truncate(REMEMBERED - 1);
        self.seen_reports.push_front(SeenReport { id, refusal });
    }
}
