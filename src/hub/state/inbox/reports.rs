//! Reports of workers about themselves.
use std::time::Duration;

use super::{attribution, project::label};
use crate::{
    hub::state::{Effect, HubState, requests::no_worker},
    model::{
        Ending, Happened, HookReport, Item, ItemId, ItemKind, Now, Origin, Refusal, RefusalKind,
        Report, ReportKind, Reported, WorkerId,
    },
    text::{clean, one_line},
};

/// Reports of one worker that are accepted within [`WINDOW`].
const MAX_RATE: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);
/// Messages of one worker that may wait to be read.
const MAX_OPEN: usize = 100;

impl HubState {
    /// A report that came for the first time. Returns the item that it became.
    pub(in crate::hub::state) fn take_report(
        &mut self,
        now: Now,
        from: &HookReport,
        report: &Report,
        out: &mut Vec<Effect>,
    ) -> Result<Option<ItemId>, Refusal> {
        let id = &from.worker;
        self.check_sender(now, from, report, out)?;
        if let Some(fault) = report.fault() {
            return Err(Refusal::new(RefusalKind::NotNow, fault)
                .hint("write the details to a file in the worktree, and name the file"));
        }
        self.check_rate(now, id)?;
        let pr = self.pull_request(id, report)?;
        let Some(live) = self.workers.get_mut(id) else { return Ok(None) };
        if let Some(url) = pr.clone() {
            live.note_pr(url);
        }
        let (reported, kind) = match report.kind {
            ReportKind::Done => (Reported::Done, ItemKind::Done),
            ReportKind::Failed => (Reported::Failed, ItemKind::Failed),
            ReportKind::Blocked => (Reported::Blocked, ItemKind::Blocked),
            ReportKind::Question => (Reported::Question, ItemKind::Question),
            ReportKind::Progress => {
                live.note_progress(now, one_line(&report.text, Item::MAX_LINE));
                self.flush_workers(now, out);
                return Ok(None);
            }
            ReportKind::Answer => {
                return self.take_answer(now, id, (report.to, &report.text), out);
            }
            ReportKind::Other(_) => {
                let message = format!("this hub does not know reports of kind `{}`", report.kind);
                return Err(Refusal::new(RefusalKind::BadRequest, message));
            }
        };
        if kind != ItemKind::Question {
            self.replace_earlier(now, id, out);
        }
        let text = clean(report.text.trim());
        let item = Item {
            text: text.clone(),
            choices: report.options.iter().map(|it| label(it)).collect(),
            report: Some(from.id.clone()),
            ..Item::new(id.clone(), kind, Origin::Message, report.at)
        };
        let item = self.add_item(now, item, out);
        if let Some(live) = self.workers.get_mut(id) {
            live.reported(now, reported, &one_line(&text, Item::MAX_LINE));
        }
        self.flush_workers(now, out);
        Ok(Some(item))
    }

    /// The item that a report became which came before.
    pub(in crate::hub::state) fn item_of_report(&self, report: &str) -> Option<ItemId> {
        let mut items = self.inbox.open.values();
        items.find(|it| it.report.as_deref() == Some(report)).map(|it| it.id)
    }

    fn check_sender(
        &mut self,
        now: Now,
        from: &HookReport,
        report: &Report,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let id = &from.worker;
        let Some(live) = self.workers.get(id) else {
            return Err(no_worker(id));
        };
        let has_pane = |pane| {
            let mut workers = self.workers.values().filter(|live| live.has_window());
            workers.find(|live| live.worker.place.pane == pane).map(|live| &live.worker.id)
        };
        let sender = attribution::Sender {
            pane: from.pane,
            pane_of: from.pane.and_then(has_pane),
            ancestors: &report.ancestors,
        };
        let Some(why) = attribution::stranger(&live.worker.place, id, sender) else {
            return Ok(());
        };
        // One a minute is logged: a program may try for ever.
        if self.check_rate(now, id).is_ok() {
            let what = Happened::Told { about: "unattributed".into(), text: why.clone() };
            self.log(now, out, Some(id), what);
        }
        Err(Refusal::new(RefusalKind::NotNow, why)
            .hint("run `wtmag report` in the worker's own pane"))
    }

    /// A worker that floods the hub is told so, and costs the others nothing.
    fn check_rate(&mut self, now: Now, id: &WorkerId) -> Result<(), Refusal> {
        let times = self.inbox.rates.entry(id.clone()).or_default();
        while times.front().is_some_and(|at| now.steady.duration_since(*at) >= WINDOW) {
            times.pop_front();
        }
        if times.len() >= MAX_RATE {
            let message = format!("`{id}` has sent {MAX_RATE} reports within a minute");
            return Err(Refusal::new(RefusalKind::NotNow, message)
                .hint("report once at the end of the work, or when you cannot continue"));
        }
        times.push_back(now.steady);
        let is_message = |it: &&Item| it.origin == Origin::Message;
        if self.inbox.of(id).filter(is_message).count() >= MAX_OPEN {
            let message = format!("{MAX_OPEN} messages of `{id}` wait to be read");
            return Err(Refusal::new(RefusalKind::NotNow, message));
        }
        Ok(())
    }

    /// The pull request that the report names, if it can be this worker's.
    fn pull_request(&self, id: &WorkerId, report: &Report) -> Result<Option<String>, Refusal> {
        let (Some(url), Some(live)) = (&report.pr, self.workers.get(id)) else { return Ok(None) };
        let worker = &live.worker;
        if !worker.opens_pull_request() {
            let does =
                if worker.is_orchestrator() { "directs workers" } else { "reviews a pull request" };
            let message = format!("`{id}` {does}, so it has no pull request of its own");
            return Err(Refusal::new(RefusalKind::NotNow, message).hint("leave out `--pr`"));
        }
        match worker.source.pull_request_in(url, &worker.project) {
            Some(url) => Ok(Some(url)),
            None => {
                let message = format!("`{}` is not a pull request of this repository", clean(url));
                Err(Refusal::new(RefusalKind::NotNow, message))
            }
        }
    }

    /// The last word of a worker counts.
    fn replace_earlier(&mut self, now: Now, id: &WorkerId, out: &mut Vec<Effect>) {
        let is_word = |it: &&Item| {
            let kind = matches!(it.kind, ItemKind::Done | ItemKind::Failed | ItemKind::Blocked);
            kind && it.origin == Origin::Message
        };
        let earlier: Vec<ItemId> = self.inbox.of(id).filter(is_word).map(|it| it.id).collect();
        for item in earlier {
            self.close_item(now, item, Ending::Replaced, out);
        }
    }
}
