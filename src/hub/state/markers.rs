//! Which marker `wt list` shows beside each worker's branch, as far as this hub has said so.
//!
//! A program of its own writes them, one at a time for each repository. What a former hub said is
//! unknown: each branch is told again, also that it has none.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Effect, HubState, LocalEffect, live_worker::LiveWorker};
use crate::model::Marker;

/// A repository and a branch of it.
type Place = (PathBuf, String);

#[derive(Debug, Default)]
pub(super) struct Markers {
    told: BTreeMap<Place, Option<Marker>>,
    /// Repositories in which a program writes.
    running: BTreeSet<PathBuf>,
    /// A worker has changed since they were told.
    is_stale: bool,
}

impl Markers {
    pub(super) fn mark_stale(&mut self) {
        self.is_stale = true;
    }

    /// What must be told in each repository so that its branches have these markers, and that a branch
    /// that is not among them any more has none.
    fn update(
        &mut self,
        wanted: &BTreeMap<Place, Option<Marker>>,
    ) -> BTreeMap<PathBuf, Vec<(String, Option<Marker>)>> {
        let was_shown = self.told.iter().filter(|(_, marker)| marker.is_some());
        let gone = was_shown.filter(|(place, _)| !wanted.contains_key(*place));
        let gone = gone.map(|(place, _)| (place.clone(), None));
        let wanted = wanted.iter().map(|(place, marker)| (place.clone(), *marker));
        let mut changed: BTreeMap<PathBuf, Vec<_>> = BTreeMap::new();
        for (place, marker) in gone.chain(wanted).collect::<Vec<_>>() {
            if self.told.get(&place) == Some(&marker) || self.running.contains(&place.0) {
                continue;
            }
            self.told.insert(place.clone(), marker);
            changed.entry(place.0).or_default().push((place.1, marker));
        }
        self.running.extend(changed.keys().cloned());
        changed
    }

    /// The program is over. If it failed, what its repository shows is unknown, until the next change of a
    /// worker: whatever made it fail may last.
    fn over(&mut self, repo: &Path, has_failed: bool) {
        self.running.remove(repo);
        if has_failed {
            self.told.retain(|(of, _), _| of != repo);
        } else {
            self.is_stale = true;
        }
    }
}

impl HubState {
    pub(super) fn show_markers(&mut self, out: &mut Vec<Effect>) {
        if !std::mem::take(&mut self.markers.is_stale) {
            return;
        }
        let mut wanted: BTreeMap<Place, Option<Marker>> = BTreeMap::new();
        let has_one = |live: &&LiveWorker| live.worker.markers && !live.worker.branch.is_empty();
        for live in self.workers.values().filter(has_one) {
            let place = (live.worker.repo.clone(), live.worker.branch.clone());
            let marker = wanted.entry(place).or_default();
            // An earlier worker of the branch has ended.
            *marker = (*marker).max(Marker::of(&live.worker.state.word()));
        }
        let changed = self.markers.update(&wanted);
        let effect = |(repo, markers)| Effect::Local(LocalEffect::ShowMarkers { repo, markers });
        out.extend(changed.into_iter().map(effect));
    }

    pub(super) fn markers_shown(&mut self, repo: &Path, done: Result<(), String>) {
        if let Err(error) = &done {
            tracing::warn!(repo = %repo.display(), error, "could not show markers");
        }
        self.markers.over(repo, done.is_err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(repo: &str, branch: &str) -> Place {
        (repo.into(), branch.to_owned())
    }

    #[test]
    fn each_branch_is_told_once_and_one_program_writes_in_a_repository() {
        let mut markers = Markers::default();
        let mut wanted: BTreeMap<_, _> = [
            (of("/a", "x"), Some(Marker::AtWork)),
            (of("/a", "y"), None),
            (of("/b", "x"), Some(Marker::Waits)),
        ]
        .into();
        let told = markers.update(&wanted);
        // A former hub may have left one at `y`.
        let a = vec![("x".to_owned(), Some(Marker::AtWork)), ("y".to_owned(), None)];
        assert_eq!(told[Path::new("/a")], a);
        assert_eq!(told[Path::new("/b")], [("x".to_owned(), Some(Marker::Waits))]);
        // Nothing is told while a program writes there, and afterwards only what has changed.
        wanted.insert(of("/a", "x"), Some(Marker::Waits));
        wanted.remove(&of("/b", "x"));
        assert!(markers.update(&wanted).is_empty());
        markers.over(Path::new("/a"), false);
        assert!(markers.is_stale);
        let told = markers.update(&wanted);
        assert_eq!(
            told.into_iter().collect::<Vec<_>>(),
            [("/a".into(), vec![("x".to_owned(), Some(Marker::Waits))])]
        );
        // A branch without a worker has none; told once.
        markers.over(Path::new("/b"), false);
        let told = markers.update(&wanted);
        assert_eq!(told[Path::new("/b")], [("x".to_owned(), None)]);
        markers.over(Path::new("/b"), false);
        assert!(markers.update(&wanted).is_empty());
    }

    #[test]
    fn after_a_failure_all_is_told_again_at_the_next_change() {
        let mut markers = Markers::default();
        let wanted: BTreeMap<_, _> = [(of("/a", "x"), Some(Marker::AtWork))].into();
        assert_eq!(markers.update(&wanted).len(), 1);
        markers.over(Path::new("/a"), true);
        assert!(!markers.is_stale);
        assert_eq!(markers.update(&wanted).len(), 1);
    }
}
