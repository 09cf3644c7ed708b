//! What a removal would lose: one table. Each row is one way in which people and agents keep work, or
//! one that only looks like it.
//!
//! Of each row that has a loss, the removal must be refused, and everything must be there afterwards;
//! of each that has none, it must go through.
mod commits;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use wtmag::git::{
    Error, Hooks, Made, RepoLock,
    removal::{self, Facts, Insist, Job, Policy, Subject},
};

use super::lab::{
    GIT, Lab, alone, change_in_the_second_of_the_index, commit, git, new, put, tip, worker,
};
use super::{dropped, swept::Sweeper};
use crate::support::is_full;

/// What each row starts from: a clone of a server, and a worker's worktree of a new branch `work`.
pub(crate) struct Ground {
    pub(crate) root: PathBuf,
    pub(crate) server: PathBuf,
    pub(crate) pusher: PathBuf,
    /// The user's clone.
    pub(crate) main: PathBuf,
    /// Its git dir.
    pub(crate) common: PathBuf,
    /// The worker's worktree, where it was made.
    pub(crate) wt: PathBuf,
    pub(crate) made: Made,
}

impl Ground {
    pub(crate) async fn new(lab: &Lab, name: &str) -> Self {
        let made = async |main: &Path| lab.create(main, &GIT, &new("work")).await.unwrap();
        Self::with(lab, name, made).await
    }

    /// With a worktree of the branch `work` that this makes in the clone.
    pub(crate) async fn with(lab: &Lab, name: &str, made: impl AsyncFnOnce(&Path) -> Made) -> Self {
        let main = lab.cloned(name);
        commit(&main, ".gitignore", ".env\n.claude/\nlib/\ntarget/\n");
        git(&main, ["push", "-q", "origin", "main"]);
        let pusher = lab.pusher(name);
        git(&pusher, ["pull", "-q"]);
        let made = made(&main).await;
        let server = lab.root.join(format!("srv/{name}.git"));
        let (root, wt) = (lab.root.clone(), made.path.clone());
        let common = main.join(".git");
        Self { root, server, pusher, main, common, wt, made }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            common_dir: &self.common,
            path: &self.made.path,
            git_dir: &self.made.git_dir,
            branch: Some("work"),
            known: &[],
            landed: None,
        }
    }

    pub(crate) async fn facts(&self, lab: &Lab) -> Facts {
        lab.run(async |run| {
            let lock = RepoLock::acquire_damaged(&self.common, run).await.unwrap();
            removal::look(&lock, &self.subject(), run).await.unwrap()
        })
        .await
    }

    pub(crate) async fn lost(&self, lab: &Lab) -> Vec<String> {
        let facts = self.facts(lab).await;
        removal::losses(&facts, Policy::Before).iter().map(ToString::to_string).collect()
    }

    pub(crate) async fn remove(&self, lab: &Lab, force: bool) -> Result<removal::Outcome, Error> {
        self.insist(lab, if force { Insist::Force } else { Insist::No }).await
    }

    pub(crate) async fn insist(
        &self,
        lab: &Lab,
        insist: Insist<'_>,
    ) -> Result<removal::Outcome, Error> {
        let worker = worker("work").worker;
        let job = Job { worker: &worker, subject: self.subject(), insist, hooks: Hooks::Approved };
        lab.run(async |run| {
            let lock = RepoLock::acquire_damaged(&self.common, run).await.unwrap();
            removal::remove(&lock, &GIT, &job, run).await
        })
        .await
    }

    /// Commits a file in the worktree.
    pub(crate) fn work(&self) -> String {
        commit(&self.wt, "new.txt", "KEEP")
    }

    pub(crate) fn push(&self) {
        git(&self.wt, ["push", "-q", "origin", "HEAD:work"]);
    }

    /// Lands something on the default branch of the server and of the clone.
    pub(crate) fn land(&self, file: &str, text: &str) {
        commit(&self.main, file, text);
        git(&self.main, ["push", "-q", "origin", "main"]);
    }

    /// A clone of another server inside the worktree.
    pub(crate) fn clone_into(&self, place: &str) -> PathBuf {
        let other = self.root.join("srv/other.git");
        if !other.exists() {
            fs::create_dir_all(&other).unwrap();
            git(&other, ["init", "-q", "--bare", "-b", "main"]);
            let seed = self.root.join("srv/other.seed");
            git(&self.root, ["clone", "-q", other.to_str().unwrap(), seed.to_str().unwrap()]);
            git(&seed, ["checkout", "-q", "-B", "main"]);
            commit(&seed, "a.txt", "other");
            git(&seed, ["push", "-q", "origin", "main"]);
        }
        let to = self.wt.join(place);
        git(&self.root, ["clone", "-q", other.to_str().unwrap(), to.to_str().unwrap()]);
        to
    }

    /// A worktree of the same repository inside the worktree.
    pub(crate) fn inner(&self, branch: &str) -> PathBuf {
        let path = self.wt.join(".claude/worktrees").join(branch);
        git(&self.wt, ["worktree", "add", "-q", "-b", branch, path.to_str().unwrap()]);
        path
    }

    pub(crate) fn admin(&self) -> &Path {
        &self.made.git_dir
    }
}

/// A way to keep work, and what must be named, by parts of the phrases; nothing where nothing is lost.
pub(crate) type Row = (&'static str, fn(&Ground), &'static [&'static str]);

pub(crate) const NONE: &[&str] = &[];

/// In a quick run, one row of so many goes through `cleanup --merged`, too.
const SWEEP_EVERY: usize = 16;

pub(crate) async fn check(lab: &Lab, prefix: &str, rows: &[Row]) {
    let mut sweeper = Sweeper::new();
    for (n, (name, make, want)) in rows.iter().enumerate() {
        let ground = Ground::new(lab, &format!("{prefix}{n}")).await;
        make(&ground);
        if is_full() || n % SWEEP_EVERY == rows.len() % SWEEP_EVERY {
            sweeper.check(lab, &format!("{prefix}{n}s"), &rows[n]).await;
        }
        let at = removal_place(&ground);
        let before = listing(&at);
        let lost = ground.lost(lab).await;
        if want.is_empty() {
            assert_eq!(lost, [""; 0], "{name}");
            let done = ground.remove(lab, false).await;
            let done = done.unwrap_or_else(|it| panic!("{name}: {it:?}"));
            assert!(done.worktree && !at.exists() && !ground.admin().exists(), "{name}: {done:?}");
            let registered = git(&ground.main, ["worktree", "list", "--porcelain"]);
            assert!(!registered.contains("prunable"), "{name}: {registered}");
            continue;
        }
        for want in *want {
            assert!(lost.iter().any(|it| it.contains(want)), "{name}: {want} in {lost:?}");
        }
        assert_eq!(lost.len(), want.len(), "{name}: {lost:?}");
        // A landing excuses commits at most.
        for lost in lost.iter().filter(|it| !it.starts_with(COMMITS[0])) {
            let after = dropped::lost_after_landing(lab, &ground).await;
            assert!(after.is_none_or(|it| it.contains(lost)), "{name}: {lost}");
        }
        let refused = ground.remove(lab, false).await;
        assert!(matches!(refused, Err(Error::WouldLose { .. })), "{name}: {refused:?}");
        assert_eq!(listing(&at), before, "{name}");
        let done = ground.remove(lab, true).await;
        let done = done.unwrap_or_else(|it| panic!("{name}: {it:?}"));
        assert!(done.worktree && !at.exists() && !ground.admin().exists(), "{name}: {done:?}");
        if is_full() || n % 8 == 0 {
            dropped::check(lab, &format!("{prefix}{n}d"), &rows[n]).await;
        }
    }
    let [as_made, merged] = sweeper.removed;
    println!("{prefix}: `cleanup --merged` removed {as_made} as made, {merged} once merged");
}

/// Where the worktree is by now.
pub(crate) fn removal_place(ground: &Ground) -> PathBuf {
    let moved = ground.root.join("moved").join(ground.main.file_name().unwrap());
    if moved.exists() { moved } else { ground.wt.clone() }
}

/// All that is below, links as links.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            // git refreshes its own caches.
            if entry.path().to_string_lossy().contains("/.git/") {
                continue;
            }
            found.push(entry.path().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) const CHANGED: &[&str] = &["uncommitted changes: `a.txt`"];
pub(crate) const UNTRACKED: &[&str] = &["untracked files: `new.txt`"];
pub(crate) const COMMITS: &[&str] = &["commits that no other branch or remote has"];

const FILES: &[Row] = &[
    ("as it was made", |_| {}, NONE),
    ("changed", |it| put(&it.wt.join("a.txt"), "x"), CHANGED),
    ("deleted", |it| fs::remove_file(it.wt.join("a.txt")).unwrap(), CHANGED),
    ("executable", |it| set_mode(&it.wt.join("a.txt"), 0o755), CHANGED),
    (
        "a link now",
        |it| {
            fs::remove_file(it.wt.join("a.txt")).unwrap();
            std::os::unix::fs::symlink("x", it.wt.join("a.txt")).unwrap();
        },
        CHANGED,
    ),
    (
        "in the index only",
        |it| {
            put(&it.wt.join("a.txt"), "x");
            git(&it.wt, ["add", "a.txt"]);
            git(&it.wt, ["-c", "core.x=y", "cat-file", "-e", "HEAD"]);
            put(&it.wt.join("a.txt"), "one");
        },
        CHANGED,
    ),
    (
        "only meant to be added",
        |it| {
            put(&it.wt.join("n"), "x");
            git(&it.wt, ["add", "-N", "n"]);
        },
        &["uncommitted changes: `n`"],
    ),
    (
        "untracked, and git told not to show it",
        |it| {
            git(&it.main, ["config", "status.showUntrackedFiles", "no"]);
            put(&it.wt.join("new.txt"), "x");
        },
        UNTRACKED,
    ),
    (
        "a directory as one entry",
        |it| {
            put(&it.wt.join("deep/er/x"), "x");
            put(&it.wt.join("deep/er/y"), "x");
        },
        &["untracked files: `deep`"],
    ),
    (
        "names that speak to terminals",
        |it| {
            put(&it.wt.join("n\u{1b}[2J"), "x");
        },
        &["untracked files: `n\\u{1b}[2J`"],
    ),
    (
        "a name that differs by case",
        |it| {
            git(&it.main, ["config", "core.ignoreCase", "true"]);
            put(&it.wt.join("A.TXT"), "x");
        },
        &["untracked files: `A.TXT`"],
    ),
    (
        "assumed unchanged",
        |it| {
            git(&it.wt, ["update-index", "--assume-unchanged", "a.txt"]);
            put(&it.wt.join("a.txt"), "x");
        },
        CHANGED,
    ),
    (
        "changed in the second of the index, with its size",
        |it| change_in_the_second_of_the_index(&it.wt, "a.txt"),
        CHANGED,
    ),
    (
        "assumed unchanged, and changed in the second of the index",
        |it| {
            git(&it.wt, ["update-index", "--assume-unchanged", "a.txt"]);
            change_in_the_second_of_the_index(&it.wt, "a.txt");
        },
        CHANGED,
    ),
    (
        "skipped, but present",
        |it| {
            git(&it.wt, ["update-index", "--skip-worktree", "a.txt"]);
            put(&it.wt.join("a.txt"), "x");
        },
        CHANGED,
    ),
    (
        "skipped and absent",
        |it| {
            git(&it.wt, ["update-index", "--skip-worktree", "a.txt"]);
            fs::remove_file(it.wt.join("a.txt")).unwrap();
        },
        NONE,
    ),
    (
        "same size and time",
        |it| {
            git(&it.main, ["config", "core.trustctime", "false"]);
            git(&it.main, ["config", "core.checkStat", "minimal"]);
            let path = it.wt.join("a.txt");
            let time = fs::metadata(&path).unwrap().modified().unwrap();
            put(&path, "two");
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        },
        CHANGED,
    ),
    (
        "a monitor that sees nothing",
        |it| {
            put(&it.root.join("monitor"), "#!/bin/sh\nprintf 'x\\0'\n");
            set_mode(&it.root.join("monitor"), 0o755);
            git(&it.main, ["config", "core.fsmonitor", it.root.join("monitor").to_str().unwrap()]);
            git(&it.main, ["config", "core.untrackedCache", "true"]);
            git(&it.wt, ["status", "--short"]);
            put(&it.wt.join("a.txt"), "x");
            put(&it.wt.join("new.txt"), "x");
        },
        &["uncommitted changes: `a.txt`", "untracked files: `new.txt`"],
    ),
    (
        "a sparse index",
        |it| {
            git(&it.wt, ["sparse-checkout", "set", "--cone", "--sparse-index", "d"]);
        },
        NONE,
    ),
    (
        "a sparse index and a change",
        |it| {
            git(&it.wt, ["sparse-checkout", "set", "--cone", "--sparse-index", "d"]);
            put(&it.wt.join("a.txt"), "x");
        },
        CHANGED,
    ),
    (
        "a config that points elsewhere",
        |it| {
            git(&it.main, ["config", "extensions.worktreeConfig", "true"]);
            git(&it.wt, ["config", "--worktree", "core.worktree", it.main.to_str().unwrap()]);
            put(&it.wt.join("a.txt"), "x");
        },
        CHANGED,
    ),
    (
        "a config that says bare",
        |it| {
            git(&it.main, ["config", "core.bare", "true"]);
            put(&it.wt.join("a.txt"), "x");
        },
        CHANGED,
    ),
    (
        "an orphan branch",
        |it| {
            git(&it.wt, ["checkout", "-q", "--orphan", "fresh"]);
        },
        &["uncommitted changes: `.gitignore`, `a.txt`"],
    ),
    (
        "a branch that has lost its commit",
        |it| {
            git(&it.wt, ["update-ref", "-d", "refs/heads/work"]);
            put(&it.wt.join("new.txt"), "KEEP");
        },
        &["uncommitted changes: `.gitignore`, `a.txt`", "untracked files: `new.txt`"],
    ),
    (
        "ignored files",
        |it| {
            put(&it.wt.join(".env"), "SECRET");
            put(&it.wt.join("target/built"), "x");
        },
        NONE,
    ),
    (
        "what wtmag keeps there",
        |it| {
            put(&it.wt.join(".wtmag/message-3.md"), "x");
        },
        NONE,
    ),
    (
        "an agent's notes beside it",
        |it| {
            put(&it.wt.join(".wtmag/report.md"), "x");
        },
        &["untracked files: `.wtmag/report.md`"],
    ),
    (
        "write-protected caches",
        |it| {
            put(&it.wt.join("target/mod/x"), "x");
            set_mode(&it.wt.join("target/mod"), 0o555);
        },
        NONE,
    ),
];

#[test]
fn files() {
    alone(async |lab: Lab| {
        check(&lab, "f", FILES).await;
    });
}

fn conflict(it: &Ground) {
    commit(&it.wt, "a.txt", "mine");
    it.push();
    it.land("a.txt", "theirs");
}
fn try_git(dir: &Path, line: &str) {
    git(dir, ["-c", &format!("alias.go=!git {line} >/dev/null 2>&1 || true"), "go"]);
}
const IN_THE_MIDDLE: &[Row] = &[
    (
        "a merge",
        |it| {
            conflict(it);
            try_git(&it.wt, "merge main");
        },
        &["uncommitted changes: `a.txt`", "an unfinished merge"],
    ),
    (
        "a rebase",
        |it| {
            conflict(it);
            try_git(&it.wt, "rebase main");
        },
        &["uncommitted changes: `a.txt`", "an unfinished rebase"],
    ),
    (
        "a cherry-pick",
        |it| {
            conflict(it);
            try_git(&it.wt, "cherry-pick main");
        },
        &["uncommitted changes: `a.txt`", "an unfinished cherry-pick"],
    ),
    (
        "a revert",
        |it| {
            put(&it.wt.join("a.txt"), "x");
            put(&it.admin().join("REVERT_HEAD"), &tip(&it.wt, "HEAD"));
        },
        &["uncommitted changes: `a.txt`", "an unfinished revert"],
    ),
    (
        "a bisect",
        |it| {
            git(&it.wt, ["bisect", "start"]);
        },
        &["an unfinished bisect"],
    ),
    (
        "a stash",
        |it| {
            put(&it.wt.join("a.txt"), "x");
            git(&it.wt, ["stash", "-q", "-m", "for later"]);
        },
        &["stashes: `On work: for later`"],
    ),
    (
        "a stash of another branch",
        |it| {
            put(&it.main.join("a.txt"), "x");
            git(&it.main, ["stash", "-q"]);
        },
        NONE,
    ),
    (
        "a lock",
        |it| {
            git(&it.main, ["worktree", "lock", "--reason", "on a stick", it.wt.to_str().unwrap()]);
        },
        &["a lock on the worktree: on a stick"],
    ),
];

#[test]
fn things_in_the_middle() {
    alone(async |lab: Lab| {
        check(&lab, "m", IN_THE_MIDDLE).await;
    });
}
