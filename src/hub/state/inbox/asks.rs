//! Questions to workers, and their answers: what the worker reports, else the last message of the turn
//! that took the question, else the end of its screen.
use std::time::{Duration, Instant};

use crate::{
    hub::state::{
        Effect, HubState, RequestId,
        requests::{answer, refuse},
    },
    model::{
        Answer, Answered, AnsweredBy, DeliveryId, Item, ItemId, ItemKind, NewDelivery, Now, Origin,
        Refusal, RefusalKind, Step, WorkerId,
    },
    text::clean,
};

/// How long after the end of a turn its last message may take to come.
const MESSAGE_LAG: Duration = Duration::from_secs(2);
/// Rows of the screen that stand for a message.
const ROWS: usize = 20;
/// Questions that one worker may have open.
const MAX_ASKS: usize = 20;

impl HubState {
    /// Sends a question. Its number is that of the item that the answer becomes.
    pub(in crate::hub::state) fn ask_worker(
        &mut self,
        now: Now,
        request_id: RequestId,
        text: NewDelivery,
        out: &mut Vec<Effect>,
    ) {
        match self.queue_question(now, text, out) {
            Ok((item, delivery)) => answer(out, request_id, Answer::Asked { item, delivery }),
            Err(refusal) => refuse(out, request_id, refusal),
        }
    }

    pub(in crate::hub::state) fn queue_question(
        &mut self,
        now: Now,
        mut text: NewDelivery,
        out: &mut Vec<Effect>,
    ) -> Result<(ItemId, DeliveryId), Refusal> {
        let worker = text.worker.clone();
        if self.inbox.of(&worker).filter(|it| it.kind == ItemKind::Answer).count() >= MAX_ASKS {
            let message = format!("`{worker}` has {MAX_ASKS} open questions already");
            return Err(Refusal::new(RefusalKind::NotNow, message));
        }
        self.inbox.last.0 += 1;
        let id = self.inbox.last;
        let question = clean(&text.text);
        text.text += &format!(
            " (wtmag ask {id}: answer with `wtmag report answer --to {id} TEXT`, or as your last message)"
        );
        let delivery = self.queue_text(now, text, out)?.id;
        let item = Item {
            id,
            text: question,
            reply: Some(delivery),
            ..Item::new(worker, ItemKind::Answer, Origin::Message, now.wall)
        };
        self.put_item(now, item, out);
        Ok((id, delivery))
    }

    /// A question's text has reached the agent, or never will.
    pub(super) fn note_question(
        &mut self,
        now: Now,
        id: ItemId,
        (step, evidence): (Step, &str),
        out: &mut Vec<Effect>,
    ) {
        match step {
            Step::Accepted => self.change_item(now, id, out, |item| item.taken = Some(now.wall)),
            Step::Failed | Step::Cancelled | Step::Ran => {
                let text = format!("the question was not delivered: {evidence}");
                self.answer_item(now, id, AnsweredBy::Hub, text, out);
            }
            Step::Queued
            | Step::Ready
            | Step::Pasting
            | Step::Pasted
            | Step::Echoed
            | Step::Entering
            | Step::Other(_) => {}
        }
    }

    /// The worker answers by a report.
    pub(super) fn take_answer(
        &mut self,
        now: Now,
        worker: &WorkerId,
        (to, text): (Option<ItemId>, &str),
        out: &mut Vec<Effect>,
    ) -> Result<Option<ItemId>, Refusal> {
        let is_open = |it: &&Item| it.kind == ItemKind::Answer && it.answer.is_none();
        let is_meant = |it: &&Item| is_open(it) && to.is_none_or(|to| it.id == to);
        let found = self.inbox.of(worker).find(is_meant).map(|it| it.id);
        let Some(id) = found else {
            let message = match to {
                Some(to) => format!("there is no open question {to} to `{worker}`"),
                None => format!("there is no open question to `{worker}`"),
            };
            return Err(Refusal::new(RefusalKind::NotFound, message));
        };
        self.answer_item(now, id, AnsweredBy::Report, clean(text.trim()), out);
        Ok(Some(id))
    }

    /// The turns that took questions may be over. Returns when to look again.
    pub(super) fn settle_questions(
        &mut self,
        now: Now,
        worker: &WorkerId,
        out: &mut Vec<Effect>,
    ) -> Option<Instant> {
        let is_open = |it: &&Item| it.kind == ItemKind::Answer && it.answer.is_none();
        let open: Vec<(ItemId, Option<crate::model::Timestamp>)> =
            self.inbox.of(worker).filter(is_open).map(|it| (it.id, it.taken)).collect();
        let mut again = None;
        for (id, taken) in open {
            let Some(live) = self.workers.get(worker) else { continue };
            if !live.worker.is_live() {
                let text = format!("the agent has ended: {}", live.worker.state.word());
                self.answer_item(now, id, AnsweredBy::Hub, text, out);
                continue;
            }
            let turn = &live.worker.state.turn;
            let is_over = turn.value.listens() && taken.is_some_and(|at| turn.since > at);
            if !is_over {
                continue;
            }
            if let Some(text) = taken.and_then(|at| live.message_since(at)) {
                self.answer_item(now, id, AnsweredBy::Message, text, out);
            } else if live.tells_messages() && now.wall.since(turn.since) < MESSAGE_LAG {
                again = Some(now.steady + MESSAGE_LAG);
            } else {
                let rows = live.last_sample().map(|it| it.last_lines(ROWS)).unwrap_or_default();
                self.answer_item(now, id, AnsweredBy::Screen, rows.join("\n"), out);
            }
        }
        again
    }

    fn answer_item(
        &mut self,
        now: Now,
        id: ItemId,
        by: AnsweredBy,
        text: String,
        out: &mut Vec<Effect>,
    ) {
        let text = clean(&text);
        self.change_item(now, id, out, |item| {
            item.reply = None;
            item.answer = Some(Answered { at: now.wall, by, text });
        });
    }

    /// The question that this delivery carries.
    pub(super) fn question_of(&self, worker: &WorkerId, delivery: DeliveryId) -> Option<ItemId> {
        let is_its = |it: &&Item| it.kind == ItemKind::Answer && it.reply == Some(delivery);
        self.inbox.of(worker).find(is_its).map(|it| it.id)
    }
}
