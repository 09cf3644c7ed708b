//! Tells when the index or HEAD of a worktree, its place, its branch's name or a branch has changed: by the system's events
//! for files, without polling.
//!
//! Knows directories and file names; decides nothing. A directory tells once, and then again after the
//! hub has begun to look: a rebase of a thousand commits is one input. A new place is always told.
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::{
    state::{GitWatch, Input, Touched},
    wake::Wake,
};
use crate::model::{Timestamp, error_chain};

/// Files of a worktree's git dir that change with it.
const NAMES: [&str; 3] = ["index", "HEAD", "ORIG_HEAD"];
/// Files of a worktree's git dir that name the worktree and its branch.
const PLACE: [&str; 2] = ["gitdir", "HEAD"];

/// Watches directories until it is dropped.
#[derive(Clone)]
pub(super) struct GitWatcher {
    wakes: mpsc::Sender<Wake>,
    known: Arc<Mutex<Known>>,
    /// `None` until the first directory, and where the system has no such events.
    watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
}

#[derive(Default)]
struct Known {
    dirs: BTreeMap<PathBuf, Vec<Watched>>,
}

struct Watched {
    what: Touched,
    names: Vec<String>,
    /// The next change is told.
    is_armed: bool,
}

impl GitWatcher {
    pub(super) fn new(wakes: mpsc::Sender<Wake>) -> Self {
        Self { wakes, known: Arc::default(), watcher: Arc::default() }
    }

    /// Blocks.
    pub(super) fn watch(&self, watch: GitWatch) {
        self.unwatch(&watch.what);
        for (dir, names, what) in places(&watch) {
            let is_newer = watch.since.is_some_and(|since| has_changed(&dir, &names, since));
            let is_new = {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                let at = known.dirs.entry(dir.clone()).or_default();
                at.push(Watched { what: what.clone(), names, is_armed: !is_newer });
                at.len() == 1
            };
            if is_newer {
                tell(&self.wakes, what);
            }
            if is_new && let Err(error) = self.begin(&dir) {
                tracing::debug!(dir = %dir.display(), error = error_chain(&error), "not watched");
            }
        }
    }

    /// Blocks.
    pub(super) fn unwatch(&self, what: &Touched) {
        let mut gone = Vec::new();
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for (dir, at) in &mut known.dirs {
                at.retain(|it| it.what != *what && !is_place_of(&it.what, what));
                if at.is_empty() {
                    gone.push(dir.clone());
                }
            }
            known.dirs.retain(|_, at| !at.is_empty());
        }
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watcher) = watcher.as_mut() {
            // A removed directory is no longer watched.
            gone.iter().for_each(|dir| watcher.unwatch(dir).unwrap_or_default());
        }
    }

    /// The next change is told again.
    pub(super) fn arm(&self, what: &Touched) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |it: &Touched| match (it, what) {
            // A look at a repository is for all of its bases.
            (Touched::Base { repo: one, .. }, Touched::Base { repo: other, .. }) => one == other,
            (one, other) => one == other,
        };
        let all = known.dirs.values_mut().flatten().filter(|it| is_it(&it.what));
        all.for_each(|it| it.is_armed = true);
    }

    fn begin(&self, dir: &Path) -> notify::Result<()> {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let watcher = match watcher.as_mut() {
            Some(watcher) => watcher,
            None => {
                let (known, wakes) = (Arc::clone(&self.known), self.wakes.clone());
                watcher.insert(notify::recommended_watcher(move |event| {
                    hear(&known, &wakes, event);
                })?)
            }
        };
        watcher.watch(dir, RecursiveMode::NonRecursive)
    }
}

/// In the watcher's own thread.
fn hear(known: &Mutex<Known>, wakes: &mpsc::Sender<Wake>, event: notify::Result<Event>) {
    let Ok(event) = event else { return };
    if matches!(event.kind, EventKind::Access(_)) {
        return;
    }
    let mut touched = Vec::new();
    {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        for path in &event.paths {
            // The directory itself, when it is removed.
            let is_dir = known.dirs.contains_key(path);
            let dir = if is_dir { Some(path.as_path()) } else { path.parent() };
            let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
            let at = dir.and_then(|it| known.dirs.get_mut(it)).into_iter().flatten();
            let is_meant = |it: &&mut Watched| {
                let is_place = matches!(it.what, Touched::Place(_));
                let is_named = it.names.iter().any(|known| known == name);
                (it.is_armed || is_place) && (is_named || is_dir && !is_place)
            };
            for it in at.filter(is_meant) {
                it.is_armed = false;
                touched.push(it.what.clone());
            }
        }
    }
    for what in touched {
        tell(wakes, what);
    }
}

fn tell(wakes: &mpsc::Sender<Wake>, what: Touched) {
    if wakes.blocking_send(Wake::Input(Input::Touched(what))).is_err() {
        tracing::debug!("the hub is exiting");
    }
}

/// Where this worktree is.
fn is_place_of(it: &Touched, what: &Touched) -> bool {
    matches!((it, what), (Touched::Place(one), Touched::Worktree(other)) if one == other)
}

/// Directories, the files in them, and what a change of these means.
fn places(watch: &GitWatch) -> Vec<(PathBuf, Vec<String>, Touched)> {
    let Some(base) = &watch.base else {
        let names = NAMES.map(str::to_owned).to_vec();
        let mut found = vec![(watch.git_dir.clone(), names, watch.what.clone())];
        if let Touched::Worktree(id) = &watch.what {
            let place = Touched::Place(id.clone());
            found.push((watch.git_dir.clone(), PLACE.map(str::to_owned).to_vec(), place));
        }
        return found;
    };
    // `origin/main` may be a remote's `main`.
    let bare = base.split_once('/').map(|(_, rest)| rest.to_owned());
    let names: Vec<String> = [base.clone()].into_iter().chain(bare).collect();
    let remotes = fs::read_dir(watch.git_dir.join("refs/remotes")).into_iter().flatten();
    let remotes = remotes.filter_map(io::Result::ok).map(|it| it.path());
    let roots = [watch.git_dir.join("refs/heads")].into_iter().chain(remotes);
    let mut found: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for root in roots {
        for name in &names {
            let path = root.join(name);
            let (Some(dir), Some(leaf)) = (path.parent(), path.file_name()) else { continue };
            if dir.is_dir() {
                let leaf = leaf.to_string_lossy().into_owned();
                found.entry(dir.to_owned()).or_default().push(leaf);
            }
        }
    }
    found.into_iter().map(|(dir, names)| (dir, names, watch.what.clone())).collect()
}

/// One of the files is newer.
fn has_changed(dir: &Path, names: &[String], since: Timestamp) -> bool {
    let is_newer = |name: &String| {
        let changed = fs::metadata(dir.join(name)).and_then(|it| it.modified()).ok();
        let changed = changed.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        changed.is_some_and(|it| it.as_millis() > u128::from(since.0))
    };
    names.iter().any(is_newer)
}
