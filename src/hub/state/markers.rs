//! Which marker `wt list` shows beside each worker's branch, as far as this hub knows.
//!
//! A program of its own writes them, one at a time for each repository. What a former hub showed is
//! unknown: each branch is told again, also that it has none. A removed worker's marker is cleared until
//! that has succeeded, by this hub or the next one.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{Effect, HubState, LocalEffect, Record, live_worker::LiveWorker, requests::record};
use crate::model::{Marker, Now, Timestamp, Worker, WorkerId};

/// When a program that failed is started again, at first and at last.
const RETRY: Duration = Duration::from_secs(10);
const LAST_RETRY: Duration = Duration::from_secs(3600);

/// A repository and a branch of it.
type Place = (PathBuf, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Unknown,
    /// This, or no marker.
    Told(Option<Marker>),
}

/// A removed worker.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Removed {
    place: Place,
    worker: WorkerId,
    created: Timestamp,
}

/// The programs in one repository have failed.
#[derive(Clone, Copy, Debug)]
struct Failing {
    wait: Duration,
    again: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Markers {
    shown: BTreeMap<Place, Shown>,
    /// Those whose markers are not known to be cleared.
    removed: Vec<Removed>,
    /// Repositories in which a program writes.
    running: BTreeSet<PathBuf>,
    failing: BTreeMap<PathBuf, Failing>,
    /// A worker has changed since they were told.
    is_stale: bool,
}

impl Markers {
    /// These removed workers had markers, and nobody has cleared them.
    pub(super) fn remembered(workers: &[Worker]) -> Self {
        let mut markers = Self::default();
        workers.iter().for_each(|it| markers.note_removed(it));
        markers
    }

    pub(super) fn note_removed(&mut self, worker: &Worker) {
        self.is_stale = true;
        if !worker.markers || worker.branch.is_empty() {
            return;
        }
        let place = (worker.repo.clone(), worker.branch.clone());
        self.shown.entry(place.clone()).or_insert(Shown::Unknown);
        self.removed.push(Removed { place, worker: worker.id.clone(), created: worker.created });
    }

    pub(super) fn mark_stale(&mut self) {
        self.is_stale = true;
    }

    /// When a program is started again that failed.
    pub(super) fn next(&self) -> Option<Instant> {
        let waits = self.failing.iter().filter(|(repo, _)| !self.running.contains(*repo));
        waits.map(|(_, it)| it.again).min()
    }

    /// What must be told in each repository so that its branches have these markers, and that a branch
    /// that is not among them any more has none.
    fn update(
        &mut self,
        now: Instant,
        wanted: &BTreeMap<Place, Option<Marker>>,
    ) -> BTreeMap<PathBuf, Vec<(String, Option<Marker>)>> {
        let gone = self.shown.keys().filter(|place| !wanted.contains_key(*place));
        let gone = gone.map(|place| (place.clone(), None));
        let wanted = wanted.iter().map(|(place, marker)| (place.clone(), *marker));
        let mut changed: BTreeMap<PathBuf, Vec<_>> = BTreeMap::new();
        for (place, marker) in gone.chain(wanted).collect::<Vec<_>>() {
            let waits = self.failing.get(&place.0).is_some_and(|it| it.again > now);
            let is_told = self.shown.get(&place) == Some(&Shown::Told(marker));
            if is_told || waits || self.running.contains(&place.0) {
                continue;
            }
            self.shown.insert(place.clone(), Shown::Told(marker));
            changed.entry(place.0).or_default().push((place.1, marker));
        }
        self.running.extend(changed.keys().cloned());
        changed
    }

    /// The removed workers whose branches have no markers of theirs any more.
    fn cleared(&mut self, wanted: &BTreeMap<Place, Option<Marker>>) -> Vec<Removed> {
        let (running, shown) = (&self.running, &mut self.shown);
        let is_cleared = |place: &Place, shown: &Shown| {
            *shown == Shown::Told(None) && !running.contains(&place.0)
        };
        let is_over = |it: &mut Removed| {
            let shown = shown.get(&it.place);
            wanted.contains_key(&it.place) || shown.is_none_or(|shown| is_cleared(&it.place, shown))
        };
        let cleared = self.removed.extract_if(.., is_over).collect();
        shown.retain(|place, shown| wanted.contains_key(place) || !is_cleared(place, shown));
        cleared
    }

    /// The program is over. If it failed, what its repository shows is unknown, and it is started again
    /// later: whatever made it fail may last.
    fn over(&mut self, now: Instant, repo: &Path, has_failed: bool) {
        self.running.remove(repo);
        self.is_stale = true;
        if !has_failed {
            self.failing.remove(repo);
            return;
        }
        let of_repo = self.shown.iter_mut().filter(|((of, _), _)| of == repo);
        of_repo.for_each(|(_, shown)| *shown = Shown::Unknown);
        let wait = self.failing.get(repo).map_or(RETRY, |it| (it.wait * 2).min(LAST_RETRY));
        self.failing.insert(repo.to_owned(), Failing { wait, again: now + wait });
    }
}

impl HubState {
    pub(super) fn show_markers(&mut self, now: Now, out: &mut Vec<Effect>) {
        let is_due = self.markers.next().is_some_and(|at| at <= now.steady);
        if !std::mem::take(&mut self.markers.is_stale) && !is_due {
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
        let changed = self.markers.update(now.steady, &wanted);
        for Removed { worker, created, .. } in self.markers.cleared(&wanted) {
            record(out, Record::MarkerCleared { worker, created });
        }
        let effect = |(repo, markers)| Effect::Local(LocalEffect::ShowMarkers { repo, markers });
        out.extend(changed.into_iter().map(effect));
    }

    pub(super) fn markers_shown(&mut self, now: Now, repo: &Path, done: Result<(), String>) {
        if let Err(error) = &done {
            tracing::warn!(repo = %repo.display(), error, "could not show markers");
        }
        self.markers.over(now.steady, repo, done.is_err());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    fn of(repo: &str, branch: &str) -> Place {
        (repo.into(), branch.to_owned())
    }

    #[test]
    fn each_branch_is_told_once_and_one_program_writes_in_a_repository() {
        let now = Instant::now();
        let mut markers = Markers::default();
        let mut wanted: BTreeMap<_, _> = [
            (of("/a", "x"), Some(Marker::AtWork)),
            (of("/a", "y"), None),
            (of("/b", "x"), Some(Marker::Waits)),
        ]
        .into();
        let told = markers.update(now, &wanted);
        // A former hub may have left one at `y`.
        let a = vec![("x".to_owned(), Some(Marker::AtWork)), ("y".to_owned(), None)];
        assert_eq!(told[Path::new("/a")], a);
        assert_eq!(told[Path::new("/b")], [("x".to_owned(), Some(Marker::Waits))]);
        // Nothing is told while a program writes there, and afterwards only what has changed.
        wanted.insert(of("/a", "x"), Some(Marker::Waits));
        wanted.remove(&of("/b", "x"));
        assert!(markers.update(now, &wanted).is_empty());
        markers.over(now, Path::new("/a"), false);
        assert!(markers.is_stale);
        let told = markers.update(now, &wanted);
        assert_eq!(
            told.into_iter().collect::<Vec<_>>(),
            [("/a".into(), vec![("x".to_owned(), Some(Marker::Waits))])]
        );
        // A branch without a worker has none; told once.
        markers.over(now, Path::new("/b"), false);
        let told = markers.update(now, &wanted);
        assert_eq!(told[Path::new("/b")], [("x".to_owned(), None)]);
        markers.over(now, Path::new("/b"), false);
        assert!(markers.update(now, &wanted).is_empty());
    }

    #[test]
    fn after_a_failure_all_is_told_again_later() {
        let (start, repo) = (Instant::now(), Path::new("/a"));
        let mut markers = Markers::default();
        let shown: BTreeMap<_, _> =
            [(of("/a", "x"), Some(Marker::AtWork)), (of("/a", "y"), None)].into();
        markers.update(start, &shown);
        markers.over(start, repo, false);
        // The worker of `x` is gone, and the repository is locked.
        let wanted: BTreeMap<_, _> = [(of("/a", "y"), None)].into();
        assert_eq!(markers.update(start, &wanted)[repo], [("x".to_owned(), None)]);
        markers.over(start, repo, true);
        assert!(markers.update(start, &wanted).is_empty(), "a change of a worker is no reason");
        let again = markers.next().unwrap();
        assert_eq!(again, start + RETRY);
        let both = [("x".to_owned(), None), ("y".to_owned(), None)];
        assert_eq!(markers.update(again, &wanted)[repo], both);
        assert_eq!(markers.next(), None, "while it runs");
        markers.over(again, repo, true);
        assert_eq!(markers.next(), Some(again + RETRY * 2));
        for _ in 0..20 {
            markers.over(again, repo, true);
        }
        assert_eq!(markers.next(), Some(again + LAST_RETRY));
        assert_eq!(markers.update(again + LAST_RETRY, &wanted)[repo], both);
        markers.over(again, repo, false);
        assert_eq!(markers.next(), None);
        assert!(markers.update(again, &wanted).is_empty());
    }

    #[test]
    fn a_removed_workers_marker_is_owed_until_it_is_cleared() {
        let (now, repo) = (Instant::now(), Path::new("/a"));
        let removed = |branch: &str| {
            let worker = samples::worker(branch);
            Worker { repo: "/a".into(), branch: branch.into(), markers: true, ..worker }
        };
        let unmarked = Worker { markers: false, ..removed("z") };
        let mut markers = Markers::remembered(&[removed("x"), removed("y"), unmarked]);
        let wanted: BTreeMap<_, _> = [(of("/a", "y"), Some(Marker::Waits))].into();
        let told = [("x".to_owned(), None), ("y".to_owned(), Some(Marker::Waits))];
        let ids = |it: Vec<Removed>| -> Vec<String> {
            it.iter().map(|it| it.worker.to_string()).collect()
        };
        assert_eq!(markers.update(now, &wanted)[repo], told);
        assert_eq!(ids(markers.cleared(&wanted)), ["y"], "its branch has another worker");
        markers.over(now, repo, true);
        assert!(markers.cleared(&wanted).is_empty());
        let later = now + RETRY;
        assert_eq!(markers.update(later, &wanted)[repo], told);
        assert!(markers.cleared(&wanted).is_empty(), "the program runs");
        markers.over(later, repo, false);
        assert_eq!(ids(markers.cleared(&wanted)), ["x"]);
        assert!(markers.update(later, &wanted).is_empty());
        assert!(!markers.shown.contains_key(&of("/a", "x")), "and is forgotten");
    }
}
