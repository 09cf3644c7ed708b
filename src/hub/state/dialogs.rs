//! Answers of users to the dialogs of agents.
//!
//! Knows who waits for one; [`super::live_worker`] presses the keys and sees what they did.
use super::{
    Effect, HubState, Link, RequestId,
    live_worker::LiveWorker,
    requests::{answer, not_found, refuse},
};
use crate::model::{Answer, Ask, DialogAnswer, Now, Refusal, RefusalKind, WorkerId};

impl HubState {
    pub(super) fn dialog_printed(
        &mut self,
        request_id: RequestId,
        id: &WorkerId,
        asked: Ask,
        out: &mut Vec<Effect>,
    ) {
        let Some(live) = self.workers.get_mut(id) else { return not_found(out, request_id, id) };
        live.dialog_printed(asked);
        answer(out, request_id, Answer::Done);
    }

    pub(super) fn answer_dialog(
        &mut self,
        now: Now,
        request_id: RequestId,
        wanted: DialogAnswer,
        out: &mut Vec<Effect>,
    ) {
        let (id, is_linked) = (wanted.id.clone(), matches!(self.link, Link::Up(_)));
        let Some(live) = self.workers.get_mut(&id) else { return not_found(out, request_id, &id) };
        let begun = match live.has_window() && is_linked {
            true => live.answer_dialog(now, request_id, wanted),
            false => Err("its window cannot be reached"),
        };
        if let Err(why) = begun {
            let hint = format!("`wtmag answer {id}` prints what it asks now");
            refuse(out, request_id, Refusal::new(RefusalKind::NotNow, why).hint(hint));
        }
    }

    /// Dialogs whose windows are gone are not answered any more.
    pub(super) fn give_up_answers(&mut self, out: &mut Vec<Effect>) {
        self.workers.each_touched(|live| {
            if !live.has_window() {
                give_up_answer(live, out);
            }
        });
    }
}

/// A client that waits for its dialog to be answered is told that its window is gone.
pub(super) fn give_up_answer(live: &mut LiveWorker, out: &mut Vec<Effect>) {
    if let Some(request_id) = live.give_up_answer() {
        let message =
            format!("the window of `{}` is gone: nothing more was pressed", live.worker.id);
        refuse(out, request_id, Refusal::new(RefusalKind::NotNow, message));
    }
}
