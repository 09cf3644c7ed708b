//! Tells the user what needs attention: a message at their terminals, options for the status line,
//! a mark on the worker's window, a command of their own.
//!
//! Each item is announced once, a moment after it came: not if it has ended by then, and not for the
//! window that the user looks at.
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use super::{
    Effect, HubState, Link, LocalEffect, Notice, TmuxEffect,
    options::{Options, Setting, Shown},
    waking::{News, news_line},
};
use crate::model::{Item, ItemId, ItemKind, Now, WindowId, WorkerId};

/// News within this time are one message.
const COALESCE: Duration = Duration::from_secs(1);
/// Commands that may wait; the newest are kept.
const MAX_COMMANDS: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Since when there is something to announce.
    since: Option<Instant>,
    /// Windows that a user's terminal shows.
    watched: BTreeSet<WindowId>,
    /// Items whose window was looked at since they came.
    seen: BTreeSet<ItemId>,
    /// Something has changed since the options were set.
    pub(super) is_stale: bool,
    options: Options,
    /// Each with its item, which counts as announced when its command runs.
    commands: VecDeque<(ItemId, Notice)>,
    is_running: bool,
    /// Why the command failed last.
    pub(super) failure: Option<String>,
}

impl HubState {
    pub(super) fn mark_options_stale(&mut self) {
        self.notices.is_stale = true;
    }

    /// The windows that users look at now, after the panes were listed.
    pub(super) fn watched(&mut self, windows: BTreeSet<WindowId>) {
        self.notices.is_stale = true;
        self.notices.watched = windows;
    }

    /// Another connection: the options there are unknown.
    pub(super) fn forget_options(&mut self) {
        self.notices.is_stale = true;
        self.notices.options.forget();
        self.notices.watched.clear();
    }

    /// Brings the options up to date, and announces what is due.
    pub(super) fn notify_user(&mut self, now: Now, out: &mut Vec<Effect>) {
        if !matches!(self.link, Link::Up(_)) {
            return;
        }
        if std::mem::take(&mut self.notices.is_stale) {
            self.note_seen();
            self.set_options(out);
        }
        self.announce_items(now, out);
        self.run_command(out);
    }

    /// Something is to be announced.
    pub(super) fn has_notice(&self) -> bool {
        self.notices.since.is_some() || !self.notices.commands.is_empty()
    }

    /// Without a connection, nothing can be announced.
    pub(super) fn next_notice(&self) -> Option<Instant> {
        let is_up = matches!(self.link, Link::Up(_));
        self.notices.since.filter(|_| is_up).map(|at| at + COALESCE)
    }

    fn note_seen(&mut self) {
        let watched = &self.notices.watched;
        let is_watched = |item: &&Item| {
            let live = self.workers.get(&item.worker);
            live.is_some_and(|live| watched.contains(&live.worker.place.window))
        };
        let seen: Vec<ItemId> = self.inbox.all().filter(is_watched).map(|it| it.id).collect();
        self.notices.seen.extend(seen);
        self.notices.seen.retain(|id| self.inbox.get(*id).is_some());
    }

    fn set_options(&mut self, out: &mut Vec<Effect>) {
        let mut needy = BTreeSet::new();
        let mut unseen: BTreeMap<&WorkerId, Vec<ItemKind>> = BTreeMap::new();
        for item in self.inbox.all().filter(|it| it.calls()) {
            needy.insert(&item.worker);
            if !self.notices.seen.contains(&item.id) {
                unseen.entry(&item.worker).or_default().push(item.kind);
            }
        }
        let live = self.workers.values().filter(|it| it.has_window());
        let words: Vec<_> = live.map(|it| (&it.worker, it.worker.state.word())).collect();
        let shown = words.iter().map(|(worker, state)| Shown {
            window: worker.place.window,
            state,
            unseen: unseen.remove(&worker.id).unwrap_or_default(),
        });
        let settings = self.notices.options.update(&shown.collect::<Vec<_>>(), needy.len());
        let effect =
            |Setting { window, name, value }| TmuxEffect::SetOption { window, name, value };
        out.extend(settings.into_iter().map(|it| Effect::Tmux(effect(it))));
    }

    fn announce_items(&mut self, now: Now, out: &mut Vec<Effect>) {
        let waits = |id: &ItemId| self.notices.commands.iter().any(|it| it.0 == *id);
        let new: Vec<ItemId> = self.inbox.unannounced().filter(|id| !waits(id)).collect();
        if new.is_empty() {
            self.notices.since = None;
            return;
        }
        let since = *self.notices.since.get_or_insert(now.steady);
        if now.steady < since + COALESCE {
            return;
        }
        self.notices.since = None;
        let is_unseen = |id: &&ItemId| !self.notices.seen.contains(id);
        let unseen = new.iter().rev().filter(is_unseen);
        let news: Vec<News<'_>> = unseen.filter_map(|id| self.news_of(*id)).collect();
        if !news.is_empty() {
            let (text, rings) = (news_line(&news), self.setup.settings.notify_bell);
            out.push(Effect::Tmux(TmuxEffect::Announce { text, rings }));
        }
        let mut over = new;
        if self.setup.settings.notify_command.is_some() {
            let notices: Vec<_> = news.iter().rev().map(|it| (it.0.id, notice(*it))).collect();
            over.retain(|id| !notices.iter().any(|it| it.0 == *id));
            self.notices.commands.extend(notices);
            let n_old = self.notices.commands.len().saturating_sub(MAX_COMMANDS);
            over.extend(self.notices.commands.drain(..n_old).map(|it| it.0));
        }
        for id in over {
            self.set_announced(id, out);
        }
    }

    fn run_command(&mut self, out: &mut Vec<Effect>) {
        if self.notices.is_running {
            return;
        }
        let Some(command) = self.setup.settings.notify_command.clone() else { return };
        let Some((id, notice)) = self.notices.commands.pop_front() else { return };
        self.notices.is_running = true;
        self.set_announced(id, out);
        out.push(Effect::Local(LocalEffect::Notify { command, notice }));
    }

    /// The user's command has ended.
    pub(super) fn notified(&mut self, done: Result<(), String>) {
        self.notices.is_running = false;
        self.notices.failure = done.err();
    }
}

fn notice((item, pr): News<'_>) -> Notice {
    Notice {
        worker: item.worker.clone(),
        kind: item.kind,
        summary: news_line(&[(item, pr)]),
        pr: pr.map(str::to_owned),
    }
}
