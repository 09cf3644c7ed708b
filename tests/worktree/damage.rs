//! Worktrees that were moved or damaged. Whatever is wrong with one, nothing of it goes without
//! `force`, and it does go with it.
use std::{fs, path::Path};

use wtmag::git::{BranchEnd, Error};

use super::{
    lab::{Lab, alone, commit, git, put, tip},
    losses::{CHANGED, COMMITS, Ground, NONE, Row, UNTRACKED, check},
};

/// Moves the worktree as `git worktree move` does.
fn moved(it: &Ground) -> std::path::PathBuf {
    let to = it.root.join("moved").join(it.main.file_name().unwrap());
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    git(&it.main, ["worktree", "move", it.wt.to_str().unwrap(), to.to_str().unwrap()]);
    to
}

const MOVED: &[Row] = &[
    ("clean", |it| drop(moved(it)), NONE),
    ("a changed file", |it| put(&moved(it).join("a.txt"), "x"), CHANGED),
    ("a new file", |it| put(&moved(it).join("new.txt"), "x"), UNTRACKED),
    (
        "a file that is assumed unchanged",
        |it| {
            let dir = moved(it);
            git(&dir, ["update-index", "--assume-unchanged", "a.txt"]);
            put(&dir.join("a.txt"), "x");
        },
        CHANGED,
    ),
    (
        "commits on a detached HEAD",
        |it| {
            let dir = moved(it);
            git(&dir, ["checkout", "-q", "--detach"]);
            commit(&dir, "new.txt", "x");
        },
        COMMITS,
    ),
    (
        "another repository is where it was",
        |it| {
            moved(it);
            git(&it.root, ["init", "-q", it.wt.to_str().unwrap()]);
            commit(&it.wt, "theirs", "x");
        },
        NONE,
    ),
];

#[test]
fn a_worktree_that_was_moved_is_looked_at_where_it_is() {
    alone(async |lab: Lab| {
        check(&lab, "moved", MOVED).await;
    });
}

/// What can be broken, whether the directory can still be told to be the worker's.
type Damage = (&'static str, fn(&Ground), bool);

fn write(path: &Path, text: &str) {
    if path.is_file() {
        fs::remove_file(path).unwrap();
    }
    put(path, text);
}

const DAMAGE: &[Damage] = &[
    ("no .git", |it| fs::remove_file(it.wt.join(".git")).unwrap(), true),
    ("garbage in .git", |it| write(&it.wt.join(".git"), "garbage"), true),
    ("pruned by hand", |it| fs::remove_dir_all(it.admin()).unwrap(), true),
    ("an empty index", |it| write(&it.admin().join("index"), ""), true),
    ("garbage in the index", |it| write(&it.admin().join("index"), "garbage"), true),
    ("garbage in HEAD", |it| write(&it.admin().join("HEAD"), "garbage"), true),
    ("no HEAD", |it| fs::remove_file(it.admin().join("HEAD")).unwrap(), true),
    ("no commondir", |it| fs::remove_file(it.admin().join("commondir")).unwrap(), true),
    (
        "no gitdir",
        |it| {
            it.work();
            fs::remove_file(it.admin().join("gitdir")).unwrap();
        },
        true,
    ),
    ("garbage in the branch", |it| write(&it.common.join("refs/heads/work"), "garbage"), true),
    ("garbage in packed-refs", |it| put(&it.common.join("packed-refs"), "garbage\n"), true),
    ("garbage in shallow", |it| put(&it.common.join("shallow"), "garbage\n"), true),
    ("garbage in the config", |it| put(&it.common.join("config"), "[garbage\n"), true),
    (
        "a missing commit",
        |it| {
            let sha = it.work();
            let (dir, file) = sha.split_at(2);
            fs::remove_file(it.common.join("objects").join(dir).join(file)).unwrap();
        },
        true,
    ),
    ("garbage in the record", |it| write(&it.admin().join("wtmag.json"), "{"), true),
    (
        "refs in another format",
        |it| {
            git(&it.main, ["config", "core.repositoryFormatVersion", "1"]);
            git(&it.main, ["config", "extensions.refStorage", "reftable"]);
        },
        true,
    ),
    (
        "a file in its place",
        |it| {
            fs::remove_dir_all(&it.wt).unwrap();
            put(&it.wt, "x");
        },
        false,
    ),
    (
        "another repository in its place",
        |it| {
            fs::remove_dir_all(&it.wt).unwrap();
            git(&it.root, ["init", "-q", it.wt.to_str().unwrap()]);
            put(&it.wt.join("theirs"), "x");
        },
        false,
    ),
    (
        "a link in its place",
        |it| {
            let to = it.root.join(format!("real-{}", it.main.file_name().unwrap().display()));
            fs::rename(&it.wt, &to).unwrap();
            put(&to.join("theirs"), "x");
            std::os::unix::fs::symlink(&to, &it.wt).unwrap();
        },
        false,
    ),
];

#[test]
fn what_is_damaged_stays_without_force_and_goes_with_it() {
    alone(async |lab: Lab| {
        for (n, (name, damage, is_its_own)) in DAMAGE.iter().enumerate() {
            let ground = Ground::new(&lab, &format!("d{n}")).await;
            put(&ground.wt.join("draft"), "x");
            damage(&ground);
            let is_file = ground.wt.is_file();
            let refused = ground.remove(&lab, false).await;
            assert!(matches!(refused, Err(Error::WouldLose { .. })), "{name}: {refused:?}");
            let left = ["draft", "theirs"].iter().any(|it| ground.wt.join(it).exists());
            assert!(left || is_file, "{name}");
            let done = ground.remove(&lab, true).await;
            let done = done.unwrap_or_else(|it| panic!("{name}: {it:?}"));
            assert!(!ground.admin().exists(), "{name}: {done:?}");
            let is_there = ground.wt.symlink_metadata().is_ok();
            assert_eq!(is_there, !is_its_own, "{name}: {done:?}");
            if *is_its_own {
                continue;
            }
            let wants = format!("`{}` is left: ", ground.wt.display());
            assert!(done.notes.iter().any(|it| it.starts_with(&wants)), "{name}: {done:?}");
            assert!(ground.wt.is_file() || ground.wt.join("theirs").exists(), "{name}");
        }
    });
}

/// git's own lock files, left by one that was killed.
#[test]
fn a_lock_that_was_left_keeps_the_branch_and_nothing_else() {
    alone(async |lab: Lab| {
        for (n, lock) in ["refs/heads/work.lock", "packed-refs.lock"].iter().enumerate() {
            let ground = Ground::new(&lab, &format!("l{n}")).await;
            git(&ground.main, ["pack-refs", "--all"]);
            put(&ground.common.join(lock), "");
            let done = ground.remove(&lab, false).await.unwrap();
            assert!(done.worktree && !ground.wt.exists(), "{lock}: {done:?}");
            assert_eq!(done.branch, BranchEnd::Kept, "{lock}");
            assert!(
                done.notes.iter().any(|it| it.starts_with("branch `work` is kept")),
                "{done:?}"
            );
            fs::remove_file(ground.common.join(lock)).unwrap();
            tip(&ground.main, "work");
        }
    });
}

/// As when the machine went down between putting the directory aside and deleting it.
#[test]
fn a_removal_that_was_killed_goes_on_where_it_was() {
    alone(async |lab: Lab| {
        let ground = Ground::new(&lab, "killed").await;
        let name = ground.wt.file_name().unwrap().display().to_string();
        let aside = ground.wt.with_file_name(format!(".{name}.wtmag-removing"));
        fs::rename(&ground.wt, &aside).unwrap();
        put(&aside.join("new.txt"), "x");
        assert_eq!(ground.lost(&lab).await, UNTRACKED);
        let refused = ground.remove(&lab, false).await;
        assert!(matches!(refused, Err(Error::WouldLose { .. })), "{refused:?}");
        assert!(ground.wt.join("new.txt").exists() && !aside.exists());
        fs::rename(&ground.wt, &aside).unwrap();
        fs::remove_file(aside.join("new.txt")).unwrap();
        let done = ground.remove(&lab, false).await.unwrap();
        assert!(done.worktree && !aside.exists() && done.branch == BranchEnd::Deleted, "{done:?}");
    });
}

#[test]
fn a_worktree_whose_directory_is_gone_goes_with_its_branch() {
    alone(async |lab: Lab| {
        let ground = Ground::new(&lab, "gone").await;
        ground.work();
        fs::remove_dir_all(&ground.wt).unwrap();
        assert_eq!(ground.lost(&lab).await.len(), 1);
        git(&ground.main, ["push", "-q", "origin", "work"]);
        assert_eq!(ground.lost(&lab).await, [""; 0]);
        let done = ground.remove(&lab, false).await.unwrap();
        assert!(done.worktree && done.branch == BranchEnd::Deleted, "{done:?}");
    });
}
