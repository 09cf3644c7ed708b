//! Which workers are shown, in which group and order, and which are selected. Pure.
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};

use crate::model::{Item, Tone, Worker, WorkerId};

/// Why a worker is where it is in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    NeedsYou,
    Working,
    Resting,
    Ended,
}

impl Group {
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::NeedsYou => "NEEDS YOU",
            Self::Working => "WORKING",
            Self::Resting => "RESTING",
            Self::Ended => "ENDED",
        }
    }
}

/// One shown worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) group: Group,
    /// Index of the worker.
    at: usize,
}

/// The list of workers.
pub(super) struct Rows {
    workers: Vec<Worker>,
    /// What each of them needs, most urgent first.
    items: BTreeMap<WorkerId, Vec<Item>>,
    query: String,
    only_needs: bool,
    shown: Vec<Row>,
    /// The selected worker stays selected when rows move.
    selected: Option<WorkerId>,
    /// It is known which is first. From then on only the user moves the selection: a key must not reach
    /// another worker than the one that the user saw selected.
    is_settled: bool,
    marked: BTreeSet<WorkerId>,
    matcher: Matcher,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            workers: Vec::new(),
            items: BTreeMap::new(),
            query: String::new(),
            only_needs: false,
            shown: Vec::new(),
            selected: None,
            is_settled: false,
            marked: BTreeSet::new(),
            matcher: Matcher::new(Config::DEFAULT),
        }
    }

    /// Takes the workers as they are now.
    pub(super) fn set_workers(&mut self, workers: Vec<Worker>) {
        self.workers = workers;
        let workers = &self.workers;
        self.marked.retain(|id| workers.iter().any(|it| it.id == *id));
        self.arrange();
    }

    /// Takes what they need now.
    pub(super) fn set_items(&mut self, items: Vec<Item>) {
        self.items.clear();
        for item in items.into_iter().filter(Item::is_shown) {
            self.items.entry(item.worker.clone()).or_default().push(item);
        }
        self.items.values_mut().for_each(|of| of.sort_by_key(|it| (it.kind.face().1, it.at)));
        self.arrange();
        self.is_settled = true;
    }

    pub(super) fn set_query(&mut self, query: &str) {
        if self.query == query {
            return;
        }
        query.clone_into(&mut self.query);
        // The best match of a new query is selected.
        self.is_settled = false;
        self.arrange();
        self.is_settled = true;
    }

    pub(super) fn query(&self) -> &str {
        &self.query
    }

    /// Shows only those that need attention, or all again.
    pub(super) fn toggle_needs(&mut self) {
        self.only_needs = !self.only_needs;
        self.arrange();
    }

    pub(super) fn only_needs(&self) -> bool {
        self.only_needs
    }

    pub(super) fn n_workers(&self) -> usize {
        self.workers.len()
    }

    /// How many need attention, whether they are shown or not.
    pub(super) fn n_needs(&self) -> usize {
        self.workers.iter().filter(|it| self.items.contains_key(&it.id)).count()
    }

    pub(super) fn is_one_project(&self) -> bool {
        self.workers.windows(2).all(|pair| match pair {
            [one, other] => one.repo == other.repo,
            _ => true,
        })
    }

    pub(super) fn shown(&self) -> impl ExactSizeIterator<Item = (Group, Option<&Worker>)> {
        self.shown.iter().map(|row| (row.group, self.workers.get(row.at)))
    }

    /// The most urgent first.
    pub(super) fn items_of(&self, id: &WorkerId) -> &[Item] {
        self.items.get(id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn worker(&self, id: &WorkerId) -> Option<&Worker> {
        self.workers.iter().find(|it| it.id == *id)
    }

    /// Position of the selected worker among the shown ones.
    pub(super) fn position(&self) -> Option<usize> {
        let id = self.selected.as_ref()?;
        self.shown().position(|(_, it)| it.is_some_and(|it| it.id == *id))
    }

    pub(super) fn selected(&self) -> Option<&Worker> {
        self.selected.as_ref().and_then(|id| self.worker(id))
    }

    pub(super) fn move_by(&mut self, by: isize) {
        let from = self.position().unwrap_or(0);
        self.select_at(from.saturating_add_signed(by));
    }

    /// Selects this worker, if it is shown. It stays selected.
    pub(super) fn select(&mut self, id: &WorkerId) {
        let is_it = |row: &Row| self.workers.get(row.at).is_some_and(|it| it.id == *id);
        if let Some(at) = self.shown.iter().position(is_it) {
            self.select_at(at);
        }
    }

    pub(super) fn select_at(&mut self, at: usize) {
        self.is_settled = true;
        self.put_at(at);
    }

    fn put_at(&mut self, at: usize) {
        let at = at.min(self.shown.len().saturating_sub(1));
        let row = self.shown.get(at).and_then(|row| self.workers.get(row.at));
        self.selected = row.map(|it| it.id.clone());
    }

    pub(super) fn is_marked(&self, id: &WorkerId) -> bool {
        self.marked.contains(id)
    }

    pub(super) fn n_marked(&self) -> usize {
        self.marked.len()
    }

    /// Marks the selected worker, or takes its mark away, and moves on.
    pub(super) fn toggle_mark(&mut self) {
        let Some(id) = self.selected.clone() else { return };
        if !self.marked.remove(&id) {
            self.marked.insert(id);
        }
        self.move_by(1);
    }

    pub(super) fn clear_marks(&mut self) {
        self.marked.clear();
    }

    /// The marked workers in their order, else the selected one.
    pub(super) fn chosen(&self) -> Vec<WorkerId> {
        if self.marked.is_empty() {
            return self.selected.iter().cloned().collect();
        }
        let all = self.workers.iter().map(|it| &it.id);
        all.filter(|id| self.marked.contains(id)).cloned().collect()
    }

    fn group(&self, worker: &Worker) -> Group {
        let word = worker.state.word();
        match word.face().tone {
            _ if self.items.contains_key(&worker.id) => Group::NeedsYou,
            Tone::Over => Group::Ended,
            Tone::Busy => Group::Working,
            Tone::WantsYou | Tone::AtRest | Tone::Unsure => Group::Resting,
        }
    }

    /// Without a query by group: those that need attention by urgency and then for how long, the others by
    /// their last change. With one, the best match first.
    fn arrange(&mut self) {
        let scores = self.scores();
        let mut rows: Vec<_> = Vec::new();
        for (at, (worker, score)) in self.workers.iter().zip(scores).enumerate() {
            let group = self.group(worker);
            let Some(score) = score.filter(|_| !self.only_needs || group == Group::NeedsYou) else {
                continue;
            };
            let need = self.items_of(&worker.id).first().map(|it| (it.kind.face().1, it.at));
            let key = (Reverse(score), group, need, Reverse(worker.state.since()), &worker.id);
            rows.push((key, Row { group, at }));
        }
        rows.sort();
        self.shown = rows.into_iter().map(|(_, row)| row).collect();
        if !self.is_settled || self.position().is_none() {
            self.put_at(0);
        }
    }

    /// How well each worker matches the query. Letters in between are allowed only if no worker has the
    /// words themselves.
    fn scores(&mut self) -> Vec<Option<u32>> {
        if self.query.trim().is_empty() {
            return vec![Some(0); self.workers.len()];
        }
        let words = self.scores_by(AtomKind::Substring);
        if words.iter().any(Option::is_some) { words } else { self.scores_by(AtomKind::Fuzzy) }
    }

    fn scores_by(&mut self, kind: AtomKind) -> Vec<Option<u32>> {
        let (case, marks) = (CaseMatching::Ignore, Normalization::Smart);
        let pattern = Pattern::new(&self.query, case, marks, kind);
        let mut chars = Vec::new();
        let matcher = &mut self.matcher;
        let score =
            |worker: &Worker| pattern.score(Utf32Str::new(&searched(worker), &mut chars), matcher);
        self.workers.iter().map(score).collect()
    }
}

/// The text that a query is matched against.
fn searched(worker: &Worker) -> String {
    let (state, agent, title) =
        (worker.state.word(), &worker.agent.name, worker.source.title.as_str());
    format!("{} {} {} {agent} {state} {title}", worker.id, worker.branch, worker.source)
}
