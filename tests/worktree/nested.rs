//! Repositories inside a worktree that is to go: rows of the table in [`super::losses`].
use std::{fs, path::Path};

use wtmag::git::record;

use super::{
    lab::{Lab, alone, commit, git, put, tip, worker},
    losses::{Ground, NONE, Row, check},
};

const LINKED: &str = "in the worktree `.claude/worktrees/n`";

const WORKTREES: &[Row] = &[
    ("clean", |it| drop(it.inner("n")), NONE),
    (
        "with a new file",
        |it| put(&it.inner("n").join("new.txt"), "x"),
        &["in the worktree `.claude/worktrees/n`: untracked files: `new.txt`"],
    ),
    (
        "with commits on its branch, which stays",
        |it| {
            commit(&it.inner("n"), "new.txt", "x");
        },
        NONE,
    ),
    (
        "with commits on a detached HEAD",
        |it| {
            let inner = it.inner("n");
            git(&inner, ["checkout", "-q", "--detach"]);
            commit(&inner, "new.txt", "x");
        },
        &["in the worktree `.claude/worktrees/n`: commits that no other"],
    ),
    (
        "locked",
        |it| {
            let inner = it.inner("n");
            git(&it.main, ["worktree", "lock", inner.to_str().unwrap()]);
        },
        &["in the worktree `.claude/worktrees/n`: a lock"],
    ),
    (
        "with another worker",
        |it| {
            it.inner("n");
            let admin = it.common.join("worktrees/n");
            record::claim(&admin, &worker("n")).unwrap();
        },
        &["in the worktree `.claude/worktrees/n`: worker `p-n` works there"],
    ),
    (
        "in the middle of a bisect",
        |it| {
            git(&it.inner("n"), ["bisect", "start"]);
        },
        &[LINKED],
    ),
    (
        "of another repository, clean",
        |it| {
            let (other, path) = (other(it), it.wt.join("lib/w"));
            git(&other, ["worktree", "add", "-q", "-b", "w", path.to_str().unwrap()]);
        },
        NONE,
    ),
    (
        "of another repository, with a new file",
        |it| {
            let (other, path) = (other(it), it.wt.join("lib/w"));
            git(&other, ["worktree", "add", "-q", "-b", "w", path.to_str().unwrap()]);
            put(&path.join("new.txt"), "x");
        },
        &["in the worktree `lib/w`: untracked files: `new.txt`"],
    ),
    (
        "whose registration is gone",
        |it| {
            it.inner("n");
            fs::remove_dir_all(it.common.join("worktrees/n")).unwrap();
        },
        &["could not be checked: its git directory"],
    ),
];

#[test]
fn worktrees_in_ignored_directories() {
    alone(async |lab: Lab| {
        check(&lab, "w", WORKTREES).await;
    });
}

/// A repository beside the worktree, with a commit.
fn other(it: &Ground) -> std::path::PathBuf {
    let dir = it.root.join(format!("beside-{}", it.main.file_name().unwrap().display()));
    git(&it.root, ["init", "-q", "-b", "main", dir.to_str().unwrap()]);
    commit(&dir, "a.txt", "x");
    dir
}

const COMMITS: &[&str] = &["in the repository `lib/x`: commits that no other"];
const REPOSITORIES: &[Row] = &[
    ("a plain cache", |it| put(&it.wt.join("target/debug/x"), "x"), NONE),
    (
        "a link to a repository elsewhere",
        |it| {
            let dir = other(it);
            fs::create_dir_all(it.wt.join("lib")).unwrap();
            std::os::unix::fs::symlink(dir, it.wt.join("lib/link")).unwrap();
        },
        NONE,
    ),
    ("a clone without work", |it| drop(it.clone_into("lib/x")), NONE),
    (
        "a clone with a commit",
        |it| {
            commit(&it.clone_into("lib/x"), "new.txt", "x");
        },
        COMMITS,
    ),
    (
        "a clone that was pushed",
        |it| {
            let dir = it.clone_into("lib/x");
            commit(&dir, "new.txt", "pushed");
            let name = it.main.file_name().unwrap().to_string_lossy().into_owned();
            git(&dir, ["push", "-q", "origin", &format!("HEAD:{name}")]);
        },
        NONE,
    ),
    (
        "a clone with a changed file",
        |it| {
            put(&it.clone_into("lib/x").join("a.txt"), "x");
        },
        &["in the repository `lib/x`: uncommitted changes: `a.txt`"],
    ),
    (
        "commits on a branch that is not checked out",
        |it| {
            let dir = it.clone_into("lib/x");
            git(&dir, ["checkout", "-q", "-b", "side"]);
            commit(&dir, "new.txt", "x");
            git(&dir, ["checkout", "-q", "main"]);
        },
        COMMITS,
    ),
    (
        "a commit that only a tag has",
        |it| {
            let dir = it.clone_into("lib/x");
            git(&dir, ["checkout", "-q", "--detach"]);
            commit(&dir, "new.txt", "x");
            git(&dir, ["tag", "-a", "-m", "x", "v1"]);
            git(&dir, ["checkout", "-q", "main"]);
        },
        COMMITS,
    ),
    (
        "a note",
        |it| {
            git(&it.clone_into("lib/x"), ["notes", "add", "-m", "x"]);
        },
        COMMITS,
    ),
    (
        "a stash",
        |it| {
            let dir = it.clone_into("lib/x");
            put(&dir.join("a.txt"), "x");
            git(&dir, ["stash", "-q"]);
        },
        &["in the repository `lib/x`: stashes: `WIP on main"],
    ),
    (
        "one without a remote",
        |it| {
            let dir = it.wt.join("lib/x");
            git(&it.wt, ["init", "-q", "-b", "main", dir.to_str().unwrap()]);
            commit(&dir, "new.txt", "x");
        },
        COMMITS,
    ),
    (
        "a bare one",
        |it| {
            let dir = it.clone_into("lib/y");
            commit(&dir, "new.txt", "x");
            let bare = it.wt.join("lib/x");
            let args = ["clone", "-q", "--bare", dir.to_str().unwrap(), bare.to_str().unwrap()];
            git(&it.root, args);
            fs::remove_dir_all(dir).unwrap();
        },
        COMMITS,
    ),
    (
        "a clone of the worktree itself",
        |it| {
            let dir = it.wt.join("lib/x");
            git(&it.wt, ["clone", "-q", ".", dir.to_str().unwrap()]);
        },
        NONE,
    ),
    (
        "a clone of the worktree itself, with a commit",
        |it| {
            let dir = it.wt.join("lib/x");
            git(&it.wt, ["clone", "-q", ".", dir.to_str().unwrap()]);
            commit(&dir, "new.txt", "x");
        },
        COMMITS,
    ),
    (
        "pushed to a remote that goes, too",
        |it| {
            let bare = it.wt.join("target/bare");
            git(&it.wt, ["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
            let dir = it.clone_into("lib/x");
            git(&dir, ["remote", "set-url", "origin", bare.to_str().unwrap()]);
            commit(&dir, "new.txt", "x");
            git(&dir, ["push", "-q", "origin", "main"]);
        },
        &[
            "in the repository `lib/x`: commits that no other",
            "in the repository `target/bare`: commits that no other",
        ],
    ),
    (
        "one in another one",
        |it| {
            it.clone_into("lib/x");
            commit(&it.clone_into("lib/x/deep/y"), "new.txt", "x");
        },
        &["in the repository `lib/x/deep/y`: commits that no other"],
    ),
    (
        "one that a worktree elsewhere needs",
        |it| {
            let dir = it.clone_into("lib/x");
            let path = it.wt.with_extension("elsewhere");
            git(&dir, ["worktree", "add", "-q", "-b", "e", path.to_str().unwrap()]);
        },
        &["in the repository `lib/x`: worktrees elsewhere need it"],
    ),
    ("untracked, without work", |it| drop(it.clone_into("vendored")), NONE),
    (
        "untracked, with work",
        |it| {
            commit(&it.clone_into("vendored"), "new.txt", "x");
        },
        &["in the repository `vendored`: commits"],
    ),
    (
        "untracked, with a file beside it",
        |it| {
            it.clone_into("deep/vendored");
            put(&it.wt.join("deep/new.txt"), "x");
        },
        &["untracked files: `deep/new.txt`"],
    ),
];

#[test]
fn repositories_in_ignored_directories() {
    alone(async |lab: Lab| {
        check(&lab, "n", REPOSITORIES).await;
    });
}

/// Adds the other server as a submodule, and publishes the commit that does.
fn with_submodule(it: &Ground) -> std::path::PathBuf {
    it.clone_into("target/seed");
    let other = it.root.join("srv/other.git");
    git(&it.wt, ["submodule", "--quiet", "add", other.to_str().unwrap(), "sub"]);
    git(&it.wt, ["commit", "-qm", "sub"]);
    it.push();
    it.wt.join("sub")
}

const OF_SUBMODULE: &[&str] = &["in the submodule `sub`: commits that no other"];
fn pointed(it: &Ground, sub: &Path) {
    git(sub, ["checkout", "-q", "main"]);
    assert_ne!(tip(sub, "HEAD"), "");
    assert!(it.wt.join("sub").exists());
}
const SUBMODULES: &[Row] = &[
    ("as it was made", |it| drop(with_submodule(it)), NONE),
    (
        "a changed file",
        |it| put(&with_submodule(it).join("a.txt"), "x"),
        &["in the submodule `sub`: uncommitted changes: `a.txt`"],
    ),
    (
        "a new file, and git told not to look",
        |it| {
            git(&it.main, ["config", "diff.ignoreSubmodules", "all"]);
            git(&it.main, ["config", "status.showUntrackedFiles", "no"]);
            put(&with_submodule(it).join("new.txt"), "x");
        },
        &["in the submodule `sub`: untracked files: `new.txt`"],
    ),
    (
        "a commit",
        |it| {
            commit(&with_submodule(it), "new.txt", "x");
        },
        &["uncommitted changes: `sub`", "in the submodule `sub`: commits that no other"],
    ),
    (
        "a stash",
        |it| {
            let sub = with_submodule(it);
            put(&sub.join("a.txt"), "x");
            git(&sub, ["stash", "-q"]);
        },
        &["in the submodule `sub`: stashes"],
    ),
    (
        "a commit that only a tag has",
        |it| {
            let sub = with_submodule(it);
            git(&sub, ["checkout", "-q", "--detach"]);
            commit(&sub, "new.txt", "x");
            git(&sub, ["tag", "mine"]);
            pointed(it, &sub);
        },
        OF_SUBMODULE,
    ),
    (
        "a commit that only a note or a ref of one's own has",
        |it| {
            let sub = with_submodule(it);
            git(&sub, ["checkout", "-q", "--detach"]);
            commit(&sub, "new.txt", "x");
            git(&sub, ["update-ref", "refs/keep/mine", "HEAD"]);
            pointed(it, &sub);
        },
        OF_SUBMODULE,
    ),
    (
        "a commit, and its files are put away",
        |it| {
            let sub = with_submodule(it);
            git(&sub, ["checkout", "-q", "-b", "side"]);
            commit(&sub, "new.txt", "x");
            pointed(it, &sub);
            git(&it.wt, ["submodule", "--quiet", "deinit", "-f", "sub"]);
        },
        OF_SUBMODULE,
    ),
];

#[test]
fn submodules() {
    alone(async |lab: Lab| {
        check(&lab, "sub", SUBMODULES).await;
    });
}
