//! The rows about commits: which names hold them, and what counts as merged.
use super::*;

const COMMIT_ROWS: &[Row] = &[
    (
        "on the branch alone",
        |it| {
            it.work();
        },
        COMMITS,
    ),
    (
        "pushed",
        |it| {
            it.work();
            it.push();
        },
        NONE,
    ),
    (
        "pushed from elsewhere, and moved on there",
        |it| {
            it.work();
            it.push();
            git(&it.pusher, ["fetch", "-q", "origin"]);
            git(&it.pusher, ["checkout", "-q", "work"]);
            commit(&it.pusher, "later", "x");
            git(&it.pusher, ["push", "-q", "origin", "work"]);
            git(&it.main, ["update-ref", "-d", "refs/remotes/origin/work"]);
        },
        NONE,
    ),
    (
        "pushed, and deleted over there",
        |it| {
            it.work();
            it.push();
            git(&it.server, ["update-ref", "-d", "refs/heads/work"]);
        },
        COMMITS,
    ),
    (
        "pushed, and overwritten over there",
        |it| {
            it.work();
            it.push();
            git(&it.server, ["update-ref", "refs/heads/work", "main"]);
        },
        COMMITS,
    ),
    (
        "pushed, and the remote is away",
        |it| {
            it.work();
            it.push();
            fs::rename(&it.server, it.server.with_extension("away")).unwrap();
        },
        NONE,
    ),
    (
        "another branch",
        |it| {
            it.work();
            git(&it.main, ["branch", "copy", "work"]);
        },
        NONE,
    ),
    (
        "a tag",
        |it| {
            it.work();
            git(&it.wt, ["tag", "v1"]);
        },
        NONE,
    ),
    (
        "the head of a pull request",
        |it| {
            it.work();
            git(&it.wt, ["update-ref", "refs/wtmag/pr/7", "HEAD"]);
        },
        NONE,
    ),
    (
        "a copy of a remote's branch that is gone there",
        |it| {
            it.work();
            git(&it.wt, ["update-ref", "refs/wtmag/base/x", "HEAD"]);
        },
        COMMITS,
    ),
    (
        "a backup that will expire",
        |it| {
            it.work();
            git(&it.wt, ["update-ref", "refs/wtmag/removed/x", "HEAD"]);
        },
        COMMITS,
    ),
    (
        "a stash on it",
        |it| {
            it.work();
            put(&it.wt.join("a.txt"), "x");
            git(&it.wt, ["stash", "-q"]);
        },
        &["commits that no other branch", "stashes"],
    ),
    (
        "a detached HEAD",
        |it| {
            git(&it.wt, ["checkout", "-q", "--detach"]);
            it.work();
        },
        COMMITS,
    ),
    (
        "a ref of the worktree's own",
        |it| {
            it.work();
            git(&it.wt, ["update-ref", "refs/worktree/keep", "HEAD"]);
            git(&it.wt, ["reset", "-q", "--hard", "HEAD~1"]);
        },
        COMMITS,
    ),
    (
        "a ref that a rebase made",
        |it| {
            it.work();
            git(&it.wt, ["update-ref", "refs/rewritten/keep", "HEAD"]);
            git(&it.wt, ["reset", "-q", "--hard", "HEAD~1"]);
        },
        COMMITS,
    ),
    (
        "another branch is checked out",
        |it| {
            git(&it.wt, ["checkout", "-q", "-b", "mine"]);
            it.work();
        },
        NONE,
    ),
    (
        "the branch was renamed",
        |it| {
            it.work();
            git(&it.wt, ["branch", "-q", "-m", "renamed"]);
        },
        NONE,
    ),
    (
        "a replace ref that hides it",
        |it| {
            let sha = it.work();
            git(&it.wt, ["replace", &sha, "main"]);
        },
        COMMITS,
    ),
    (
        "added and taken back",
        |it| {
            it.work();
            git(&it.wt, ["revert", "--no-edit", "HEAD"]);
        },
        COMMITS,
    ),
    (
        "an empty commit",
        |it| {
            git(&it.wt, ["commit", "-q", "--allow-empty", "-m", "x"]);
        },
        COMMITS,
    ),
];

#[test]
fn commits() {
    alone(async |lab: Lab| {
        check(&lab, "c", COMMIT_ROWS).await;
    });
}

const MERGED: &[Row] = &[
    (
        "squashed",
        |it| {
            it.work();
            commit(&it.wt, "two.txt", "2");
            it.land("other", "between");
            git(&it.main, ["merge", "-q", "--squash", "work"]);
            git(&it.main, ["commit", "-qm", "squashed"]);
        },
        NONE,
    ),
    (
        "squashed, and changed since",
        |it| {
            it.work();
            git(&it.main, ["merge", "-q", "--squash", "work"]);
            git(&it.main, ["commit", "-qm", "squashed"]);
            it.land("new.txt", "rewritten");
        },
        NONE,
    ),
    (
        "squashed over there, and not fetched yet",
        |it| {
            it.work();
            it.push();
            git(&it.pusher, ["fetch", "-q", "origin"]);
            git(&it.pusher, ["merge", "-q", "--squash", "origin/work"]);
            git(&it.pusher, ["commit", "-qm", "squashed"]);
            git(&it.pusher, ["push", "-q", "origin", "main", ":work"]);
        },
        NONE,
    ),
    (
        "merged one by one",
        |it| {
            it.work();
            commit(&it.wt, "two.txt", "2");
            it.land("other", "between");
            git(&it.main, ["cherry-pick", "work~2..work"]);
        },
        NONE,
    ),
    (
        "in the same lines of a file that others changed, too",
        |it| {
            let lines = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n{last}\n");
            put(&it.wt.join("a.txt"), &lines("mine", "8"));
            git(&it.wt, ["commit", "-qam", "mine"]);
            it.land("a.txt", &lines("mine", "theirs"));
        },
        COMMITS,
    ),
    (
        "but for white space",
        |it| {
            commit(&it.wt, "p.py", "if a:\n    b()\n");
            it.land("p.py", "if a:\nb()\n");
        },
        COMMITS,
    ),
    (
        "a binary file of the same name",
        |it| {
            for (dir, bytes) in [(&it.wt, "\0mine"), (&it.main, "\0theirs")] {
                put(&dir.join("x.png"), bytes);
                git(dir, ["add", "x.png"]);
                git(dir, ["commit", "-qm", "a picture"]);
            }
        },
        COMMITS,
    ),
    (
        "a merge driver that keeps ours",
        |it| {
            git(&it.main, ["config", "merge.ours.driver", "true"]);
            commit(&it.main, ".gitattributes", "c.log merge=ours");
            it.land("c.log", "1\n");
            git(&it.wt, ["merge", "-q", "main"]);
            commit(&it.wt, "c.log", "1\nmine\n");
            it.land("c.log", "1\ntheirs\n");
        },
        COMMITS,
    ),
    (
        "attributes outside of the repository",
        |it| {
            put(&it.root.join("home/.config/git/attributes"), "* merge=keep\n");
            put(&it.main.join(".git/info/attributes"), "* merge=keep\n");
            git(&it.main, ["config", "merge.keep.driver", "true"]);
            it.land("c.log", "1\n");
            git(&it.wt, ["merge", "-q", "main"]);
            commit(&it.wt, "c.log", "1\nmine\n");
            it.land("c.log", "1\ntheirs\n");
        },
        COMMITS,
    ),
    (
        "only a mode",
        |it| {
            set_mode(&it.wt.join("a.txt"), 0o755);
            git(&it.wt, ["commit", "-qam", "mode"]);
            it.land("a.txt", "changed");
        },
        COMMITS,
    ),
];

#[test]
fn merged_or_not() {
    alone(async |lab: Lab| {
        check(&lab, "s", MERGED).await;
    });
}
