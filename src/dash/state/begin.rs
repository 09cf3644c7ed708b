//! What a key of the list begins.
use std::time::Instant;

use super::{Addressee, Dash, Dialog, Effect, Mode};
use crate::{
    dash::{
        act::{Act, Insist, names},
        keys,
        page::Tab,
        text_area::text_area,
    },
    model::{ItemId, WorkerId},
};

impl Dash {
    pub(super) fn scroll_by(&mut self, by: isize) {
        let to = isize::try_from(self.scroll).unwrap_or(0).saturating_add(by).max(0);
        self.scroll = u16::try_from(to).unwrap_or(u16::MAX);
    }

    pub(super) fn show(&mut self, now: Instant, tab: Tab) {
        self.tab = tab;
        self.scroll = 0;
        self.load_at = Some(now);
    }

    pub(super) fn go(&mut self, now: Instant, out: &mut Vec<Effect>) {
        match self.rows.selected() {
            Some(worker) if worker.place.gone && !self.picks => {
                let text = format!("{} has no window; r starts its agent again", worker.id);
                self.say(now, text, true);
            }
            Some(worker) => out.push(Effect::Go(Box::new(worker.clone()))),
            None => {}
        }
    }

    pub(super) fn about_chosen(
        &mut self,
        now: Instant,
        out: &mut Vec<Effect>,
        act: impl FnOnce(Vec<WorkerId>) -> Act,
    ) {
        let ids = self.rows.chosen();
        if ids.is_empty() {
            return self.say(now, "no worker is selected", true);
        }
        self.run(act(ids), out);
    }

    pub(super) fn begin_answer(&mut self, now: Instant) {
        let Some(worker) = self.rows.selected() else { return };
        let (id, asks) = (worker.id.clone(), worker.state.asks.clone());
        match asks.filter(|it| !it.choices.is_empty() && worker.state.is_live()) {
            Some(ask) => {
                self.tab = Tab::Question;
                let chosen = ask.choices.iter().position(|it| it.selected);
                self.mode = Mode::Answer { id, ask, chosen };
            }
            None => self.say(now, format!("{id} shows no question with answers"), true),
        }
    }

    pub(super) fn begin_send(&mut self, now: Instant) {
        let ids = self.rows.chosen();
        if ids.is_empty() {
            return self.say(now, "no worker is selected", true);
        }
        self.mode =
            Mode::Send { to: Addressee::Workers(ids), area: Box::new(text_area(&self.draft)) };
    }

    pub(super) fn begin_handoff(&mut self, now: Instant) {
        match self.rows.selected().map(|it| it.id.clone()) {
            Some(id) => {
                self.mode = Mode::Send {
                    to: Addressee::Successor(id),
                    area: Box::new(text_area(&self.handoff_draft)),
                };
            }
            None => self.say(now, "no worker is selected", true),
        }
    }

    pub(super) fn begin_removal(&mut self, now: Instant) {
        let ids = self.rows.chosen();
        let [first, ..] = ids.as_slice() else {
            return self.say(now, "no worker is selected", true);
        };
        let mut text = "The agent is ended; its window, worktree and branch are removed.\n\
             If work would be lost, nothing is removed, and that work is named.\n"
            .to_owned();
        if let (1, Some(worker)) = (ids.len(), self.rows.worker(first)) {
            text += &format!("\nstate     {}\nbranch    {}\n", worker.state.word(), worker.branch);
            text += &format!("worktree  {}\n", worker.worktree.display());
            text += &worker.pr.as_ref().map_or(String::new(), |url| format!("PR        {url}\n"));
        }
        let title = format!("remove {}?", names(&ids));
        let keys = vec![('y', "remove", Act::Remove { ids, insist: Insist::No })];
        self.mode = Mode::Dialog(Dialog { title, text, scroll: 0, keys });
    }

    pub(super) fn acknowledge(&mut self, now: Instant, out: &mut Vec<Effect>) {
        let chosen = self.rows.chosen();
        let items: Vec<ItemId> =
            chosen.iter().flat_map(|id| self.rows.items_of(id)).map(|it| it.id).collect();
        if items.is_empty() {
            return self.say(now, "it needs nothing", false);
        }
        self.run(Act::Ack { items }, out);
    }

    pub(super) fn back(&mut self, out: &mut Vec<Effect>) {
        if self.rows.n_marked() > 0 {
            self.rows.clear_marks();
        } else if !self.filter.value().is_empty() {
            self.filter.reset();
            self.rows.set_query("");
        } else if self.rows.only_needs() {
            self.rows.toggle_needs();
        } else if self.picks {
            out.push(Effect::Leave);
        }
    }
}

pub(super) fn help() -> Dialog {
    let lines = keys::HELP.iter().map(|(key, does)| format!("{key:<15}  {does}"));
    let text = lines.collect::<Vec<_>>().join("\n");
    Dialog { title: "keys".to_owned(), text, scroll: 0, keys: Vec::new() }
}
