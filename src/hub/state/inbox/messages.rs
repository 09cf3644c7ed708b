//! What readers do with items: acknowledge and answer them.
use crate::{
    hub::state::{
        Effect, HubState, RequestId,
        requests::{answer, refuse},
    },
    model::{
        Answer, Ending, Item, ItemId, ItemKind, NewDelivery, Now, Origin, Refusal, RefusalKind,
        WorkerId,
    },
    text::clean,
};

impl HubState {
    /// A message from wtmag itself about a worker.
    pub(in crate::hub::state) fn add_message(
        &mut self,
        now: Now,
        worker: &WorkerId,
        kind: ItemKind,
        text: &str,
        out: &mut Vec<Effect>,
    ) -> ItemId {
        let item = Item {
            text: clean(text),
            ..Item::new(worker.clone(), kind, Origin::Message, now.wall)
        };
        self.add_item(now, item, out)
    }

    /// All of them or none.
    pub(in crate::hub::state) fn ack(
        &mut self,
        now: Now,
        request_id: RequestId,
        ids: &[ItemId],
        out: &mut Vec<Effect>,
    ) {
        if let Some(id) = ids.iter().find(|id| !self.inbox.open.contains_key(id)) {
            return refuse(out, request_id, no_item(*id));
        }
        for id in ids {
            let is_state = self.inbox.open.get(id).is_some_and(|it| it.origin == Origin::State);
            if is_state {
                self.change_item(now, *id, out, |item| {
                    item.acked = item.acked.or(Some(now.wall));
                });
            } else {
                self.close_item(now, *id, Ending::Acked, out);
            }
        }
        answer(out, request_id, Answer::Done);
    }

    /// Sends the text to the item's worker; the item ends when the worker has it.
    pub(in crate::hub::state) fn reply(
        &mut self,
        now: Now,
        request_id: RequestId,
        (id, text): (ItemId, NewDelivery),
        out: &mut Vec<Effect>,
    ) {
        let Some(item) = self.inbox.open.get(&id) else {
            return refuse(out, request_id, no_item(id));
        };
        if let Some(refusal) = unanswerable(item, &text) {
            return refuse(out, request_id, refusal);
        }
        let Some(delivery) = self.send(now, request_id, text, out) else { return };
        self.change_item(now, id, out, |item| item.reply = Some(delivery));
    }
}

fn no_item(id: ItemId) -> Refusal {
    let message = format!("there is no open item {id} in the inbox");
    Refusal::new(RefusalKind::NotFound, message).hint("`wtmag inbox` lists them")
}

/// Why the item cannot be answered by a text.
fn unanswerable(item: &Item, text: &NewDelivery) -> Option<Refusal> {
    let (id, worker) = (item.id, &item.worker);
    if text.worker != *worker {
        let message = format!("item {id} is from `{worker}`, not from `{}`", text.worker);
        return Some(Refusal::new(RefusalKind::BadRequest, message));
    }
    if let Some(reply) = item.reply {
        let message = format!("text {reply} answers item {id} already and is on its way");
        let hint = format!("`wtmag send --cancel {reply}` withdraws it");
        return Some(Refusal::new(RefusalKind::NotNow, message).hint(hint));
    }
    let is_dialog =
        matches!(item.kind, ItemKind::Permission | ItemKind::Question | ItemKind::Blocked);
    if item.origin == Origin::State && is_dialog {
        let message = format!("`{worker}` shows a dialog, which a text cannot answer");
        let hint = match item.choices.is_empty() {
            true => format!("answer it in its window: `wtmag attach {worker}`"),
            false => format!("`wtmag answer {worker}` answers it"),
        };
        return Some(Refusal::new(RefusalKind::NotNow, message).hint(hint));
    }
    None
}
