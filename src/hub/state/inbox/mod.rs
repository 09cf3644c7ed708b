//! The inbox: what needs attention, from the workers' states and from their messages.
//!
//! Items from states are made and ended by [`project`] after each change of a worker; messages stay
//! until a reader acknowledges or answers them.
mod asks;
mod attribution;
mod messages;
mod project;
mod reports;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Instant,
};

use super::{Effect, HubState, Record, RequestId, requests::answer};
use crate::model::{
    Answer, Closed, Delivery, Ending, Happened, InboxQuery, Item, ItemId, ItemKind, Now, Origin,
    Step, Told, WorkerId,
};

/// Items of which a list shows more than this many characters are cut.
const LISTED: usize = 500;

/// Every item that has not ended.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    open: BTreeMap<ItemId, Item>,
    last: ItemId,
    /// Those that are shown and that the worker's parent does not know of.
    untold: BTreeSet<ItemId>,
    /// Those that are shown and that the user was not told of.
    unannounced: BTreeSet<ItemId>,
    /// When to look whether the messages of turns that are over have come.
    again: Option<Instant>,
    /// When each worker's last reports came.
    rates: BTreeMap<WorkerId, VecDeque<Instant>>,
}

impl Inbox {
    pub(super) fn remembered(items: Vec<Item>, last: u64) -> Self {
        let unannounced = items.iter().filter(|it| is_unannounced(it)).map(|it| it.id).collect();
        let untold = items.iter().filter(|it| is_untold(it)).map(|it| it.id).collect();
        let open = items.into_iter().map(|it| (it.id, it)).collect();
        Self { open, last: ItemId(last), untold, unannounced, again: None, rates: BTreeMap::new() }
    }

    /// When to look at open questions again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.again
    }

    pub(super) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    pub(super) fn untold(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.untold.iter().filter_map(|id| self.open.get(id))
    }

    pub(super) fn unannounced(&self) -> impl Iterator<Item = ItemId> {
        self.unannounced.iter().copied()
    }

    pub(super) fn get(&self, id: ItemId) -> Option<&Item> {
        self.open.get(&id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Item> {
        self.open.values()
    }

    fn of<'a>(&'a self, id: &'a WorkerId) -> impl Iterator<Item = &'a Item> {
        self.open.values().filter(move |it| it.worker == *id)
    }
}

impl HubState {
    /// Compares the items of these workers with their states.
    pub(super) fn reconcile_inbox(&mut self, now: Now, ids: &[WorkerId], out: &mut Vec<Effect>) {
        for id in ids {
            let Some(live) = self.workers.get(id) else { continue };
            // A worker that is being removed needs nothing.
            if self.cleanups.contains_key(id) {
                continue;
            }
            let wanted = project::wanted(&live.worker, live.stalled());
            self.reconcile_states(now, id, wanted, out);
            let again = self.settle_questions(now, id, out);
            self.inbox.again = self.inbox.again.into_iter().chain(again).min();
        }
    }

    fn reconcile_states(
        &mut self,
        now: Now,
        id: &WorkerId,
        wanted: Vec<project::Wanted>,
        out: &mut Vec<Effect>,
    ) {
        let open: Vec<&Item> = self.inbox.of(id).collect();
        let changes = project::changes(&open, wanted);
        for item in changes.over {
            self.close_item(now, item, Ending::Over, out);
        }
        for (item, it) in changes.clearer {
            self.change_item(now, item, out, |item| {
                item.text = it.text;
                item.choices = it.choices;
            });
        }
        for it in changes.new {
            let item = Item {
                text: it.text,
                choices: it.choices,
                ..Item::new(id.clone(), it.kind, Origin::State, it.since)
            };
            self.add_item(now, item, out);
        }
    }

    /// The messages of turns that are over may have come, or never will.
    pub(super) fn look_again_at_questions(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.inbox.again.take_if(|at| *at <= now.steady).is_some() {
            let ids: Vec<WorkerId> = self.workers.keys().cloned().collect();
            self.reconcile_inbox(now, &ids, out);
        }
    }

    /// What a delivery's step means: a reply has arrived, or a text was lost.
    pub(super) fn note_step(
        &mut self,
        now: Now,
        Delivery { id, worker, step, evidence, .. }: &Delivery,
        out: &mut Vec<Effect>,
    ) {
        let (id, step) = (*id, *step);
        if let Some(question) = self.question_of(worker, id) {
            return self.note_question(now, question, (step, evidence), out);
        }
        let answered = self.inbox.of(worker).find(|it| it.reply == Some(id)).map(|it| it.id);
        match (step, answered) {
            (Step::Accepted | Step::Ran, Some(item)) => {
                self.close_item(now, item, Ending::Answered, out);
            }
            (Step::Failed | Step::Cancelled, Some(item)) => {
                self.change_item(now, item, out, |item| item.reply = None);
            }
            _ => {}
        }
        if self.inbox.all().any(|it| it.told.as_ref().is_some_and(|told| told.by == Some(id))) {
            return;
        }
        // The end of an agent is an item of its own.
        let is_over = self.workers.get(worker).is_none_or(|live| !live.worker.is_live());
        if step == Step::Failed && !is_over && !self.cleanups.contains_key(worker) {
            let text = format!("text {id} was not delivered: {evidence}");
            self.add_message(now, worker, ItemKind::Delivery, &text, out);
        }
    }

    /// The worker was removed.
    pub(super) fn close_inbox(&mut self, now: Now, worker: &WorkerId, out: &mut Vec<Effect>) {
        let ids: Vec<ItemId> = self.inbox.of(worker).map(|it| it.id).collect();
        for id in ids {
            self.close_item(now, id, Ending::Removed, out);
        }
        self.inbox.rates.remove(worker);
    }

    /// Answers with these items in full, or with all that are shown, cut to a line or two; with none to a
    /// reader that names those that it has read.
    pub(super) fn list_inbox(
        &mut self,
        now: Now,
        request_id: RequestId,
        query: &InboxQuery,
        out: &mut Vec<Effect>,
    ) {
        let ids = &query.items;
        let is_wanted = |it: &&Item| query.workers.is_empty() || query.workers.contains(&it.worker);
        let all = || self.inbox.open.values().filter(is_wanted);
        let mut items: Vec<Item> = match (&query.reader, ids.as_slice()) {
            (_, []) => all().filter(|it| it.is_shown()).map(shortened).collect(),
            // It has them.
            (Some(_), _) => Vec::new(),
            (None, ids) => {
                let named = ids.iter().filter_map(|id| self.inbox.open.get(id));
                named.filter(is_wanted).cloned().collect()
            }
        };
        query.reader.iter().for_each(|it| self.revive(it));
        let mut untold = Vec::new();
        if let Some(party) = query.reader.as_ref().and_then(|it| self.party(it)) {
            // What is named has been printed.
            self.note_read(now, &party, ids, out);
            untold = self.untold(&party, items.iter());
            if query.waits {
                self.note_waiting(request_id.client, party);
            }
        }
        items.sort_by_key(|it| (it.at, it.id));
        let ids: BTreeSet<&WorkerId> = items.iter().map(|it| &it.worker).collect();
        let workers = ids.into_iter().filter_map(|id| self.workers.get(id));
        let workers = workers.map(|live| live.worker.clone()).collect();
        let (last, seq) = (self.inbox.last, self.seq);
        answer(out, request_id, Answer::Items { items, workers, last, seq, untold });
    }

    pub(super) fn add_item(&mut self, now: Now, item: Item, out: &mut Vec<Effect>) -> ItemId {
        self.inbox.last.0 += 1;
        let id = self.inbox.last;
        self.put_item(now, Item { id, ..item }, out);
        id
    }

    fn close_item(&mut self, now: Now, id: ItemId, why: Ending, out: &mut Vec<Effect>) {
        self.change_item(now, id, out, |item| {
            item.closed = Some(Closed { at: now.wall, why });
        });
    }

    /// The user was told. That is no event: nothing about the worker has changed.
    pub(super) fn set_announced(&mut self, id: ItemId, out: &mut Vec<Effect>) {
        self.inbox.unannounced.remove(&id);
        if let Some(item) = self.inbox.open.get_mut(&id) {
            item.announced = true;
            out.push(Effect::Record(Record::Item(Box::new(item.clone()))));
        }
    }

    /// The parent was told, or is to be told again. That is no event either.
    pub(super) fn set_told(&mut self, id: ItemId, told: Option<Told>, out: &mut Vec<Effect>) {
        let Some(item) = self.inbox.open.get_mut(&id) else { return };
        item.told = told;
        if is_untold(item) {
            self.inbox.untold.insert(id);
        } else {
            self.inbox.untold.remove(&id);
        }
        out.push(Effect::Record(Record::Item(Box::new(item.clone()))));
    }

    pub(super) fn change_item(
        &mut self,
        now: Now,
        id: ItemId,
        out: &mut Vec<Effect>,
        change: impl FnOnce(&mut Item),
    ) {
        let Some(mut item) = self.inbox.open.remove(&id) else { return };
        change(&mut item);
        let told_by = item.told.as_ref().and_then(|it| it.by).filter(|_| !item.is_shown());
        self.put_item(now, item, out);
        if let Some(delivery) = told_by {
            self.drop_moot(now, delivery, out);
        }
    }

    fn put_item(&mut self, now: Now, item: Item, out: &mut Vec<Effect>) {
        out.push(Effect::Record(Record::Item(Box::new(item.clone()))));
        let worker = item.worker.clone();
        let what = Happened::Item { item: Box::new(shortened(&item)) };
        self.log(now, out, Some(&worker), what);
        self.mark_options_stale();
        if is_unannounced(&item) {
            self.inbox.unannounced.insert(item.id);
        } else {
            self.inbox.unannounced.remove(&item.id);
        }
        let has_parent = self.has_parent(&worker) || self.parent_of_run(&item).is_some();
        if is_untold(&item) && has_parent {
            self.inbox.untold.insert(item.id);
        } else {
            self.inbox.untold.remove(&item.id);
        }
        if item.is_open() {
            self.inbox.open.insert(item.id, item);
        }
    }
}

fn is_unannounced(item: &Item) -> bool {
    item.calls() && !item.announced
}

fn is_untold(item: &Item) -> bool {
    item.calls() && item.told.is_none()
}

/// For lists and events.
fn shortened(item: &Item) -> Item {
    let mut item = item.clone();
    cut(&mut item.text);
    item.answer.iter_mut().for_each(|it| cut(&mut it.text));
    // The hub's own notes.
    (item.report, item.told) = (None, None);
    item
}

fn cut(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(LISTED) {
        text.truncate(at);
        text.push('…');
    }
}
