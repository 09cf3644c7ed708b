//! The workers, and what of them is due.
//!
//! Knows which workers were touched since the last input: only those can have news, or another deadline. With
//! hundreds of workers most inputs concern one.
use std::{
    collections::{BTreeMap, BTreeSet, btree_map},
    time::Instant,
};

use super::live_worker::LiveWorker;
use crate::model::WorkerId;

#[derive(Debug, Default)]
pub(super) struct Workers {
    all: BTreeMap<WorkerId, LiveWorker>,
    /// Those that may have changed since their deadlines were read, or that have notes.
    touched: BTreeSet<WorkerId>,
    /// The deadline of each worker that has one.
    due: BTreeMap<WorkerId, Instant>,
    by_time: BTreeSet<(Instant, WorkerId)>,
}

impl Workers {
    pub(super) fn get(&self, id: &WorkerId) -> Option<&LiveWorker> {
        self.all.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &WorkerId) -> Option<&mut LiveWorker> {
        let live = self.all.get_mut(id)?;
        touch(&mut self.touched, id);
        Some(live)
    }

    /// The first one that is looked for.
    pub(super) fn find_mut(
        &mut self,
        is_it: impl Fn(&LiveWorker) -> bool,
    ) -> Option<&mut LiveWorker> {
        let (id, live) = self.all.iter_mut().find(|(_, live)| is_it(live))?;
        touch(&mut self.touched, id);
        Some(live)
    }

    pub(super) fn contains_key(&self, id: &WorkerId) -> bool {
        self.all.contains_key(id)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &WorkerId> {
        self.all.keys()
    }

    pub(super) fn values(&self) -> btree_map::Values<'_, WorkerId, LiveWorker> {
        self.all.values()
    }

    pub(super) fn values_mut(&mut self) -> btree_map::ValuesMut<'_, WorkerId, LiveWorker> {
        self.touched.extend(self.all.keys().cloned());
        self.all.values_mut()
    }

    pub(super) fn insert(&mut self, id: WorkerId, live: LiveWorker) -> Option<LiveWorker> {
        touch(&mut self.touched, &id);
        self.all.insert(id, live)
    }

    pub(super) fn remove(&mut self, id: &WorkerId) -> Option<LiveWorker> {
        touch(&mut self.touched, id);
        self.all.remove(id)
    }

    /// Calls `act` with each one that may have notes, in the order of their ids.
    pub(super) fn each_touched(&mut self, mut act: impl FnMut(&mut LiveWorker)) {
        for id in &self.touched {
            if let Some(live) = self.all.get_mut(id) {
                act(live);
            }
        }
    }

    /// Those whose deadlines have come.
    pub(super) fn due(&self, now: Instant) -> Vec<WorkerId> {
        let due = self.by_time.iter().take_while(|(at, _)| *at <= now);
        due.map(|(_, id)| id.clone()).collect()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Reads the deadlines of the touched ones.
    pub(super) fn settle(&mut self) {
        for id in std::mem::take(&mut self.touched) {
            let live = self.all.get(&id);
            let next = live.and_then(LiveWorker::next_deadline);
            let has_notes = live.is_some_and(LiveWorker::has_notes);
            self.set_due(&id, next);
            if has_notes {
                self.touched.insert(id);
            }
        }
    }

    fn set_due(&mut self, id: &WorkerId, next: Option<Instant>) {
        let before = match next {
            Some(at) => self.due.insert(id.clone(), at),
            None => self.due.remove(id),
        };
        if before == next {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, id.clone()));
        }
        if let Some(at) = next {
            self.by_time.insert((at, id.clone()));
        }
    }
}

#[cfg(test)]
impl std::ops::Index<&WorkerId> for Workers {
    type Output = LiveWorker;

    fn index(&self, id: &WorkerId) -> &LiveWorker {
        self.get(id).unwrap()
    }
}

fn touch(touched: &mut BTreeSet<WorkerId>, id: &WorkerId) {
    if !touched.contains(id) {
        touched.insert(id.clone());
    }
}
