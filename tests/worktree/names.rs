//! Branch names that others have, here or on a remote.
use wtmag::git::{Repo, WorktreeRequest, check_free, renamed};

use super::lab::{GIT, Lab, alone, git, new, tip, traces};

#[test]
fn a_branch_that_only_the_remote_has_is_taken_up_when_asked() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let theirs = lab.push("blog", "fix-9", "theirs");
        git(&dir, ["fetch", "-q"]);
        for tool in [GIT, lab.wt().await] {
            let before = traces(&dir);
            let refused = lab.create(&dir, &tool, &new("fix-9")).await.unwrap_err();
            assert_eq!(refused.to_string(), "the remote `origin` already has a branch `fix-9`");
            assert!(refused.advice().iter().any(|it| it.text.contains("--reuse")));
            assert_eq!(traces(&dir), before);
            let reuse = WorktreeRequest { reuse: true, ..new("fix-9") };
            let made = lab.create(&dir, &tool, &reuse).await.unwrap();
            assert_eq!(tip(&made.path, "HEAD"), theirs);
            assert!(made.branch_made && made.base.is_none());
            assert_eq!(git(&dir, ["rev-parse", "--abbrev-ref", "fix-9@{u}"]), "origin/fix-9");
            git(&dir, ["worktree", "remove", "--force", made.path.to_str().unwrap()]);
            git(&dir, ["branch", "-q", "-D", "fix-9"]);
        }
    });
}

#[test]
fn a_branch_to_take_up_is_the_remotes_of_today() {
    alone(async |lab: Lab| {
        // A bare clone knows nothing of the remote's branches, and a clone may know too little.
        for dir in [lab.cloned("blog"), lab.bare_layout("shop")] {
            let name = dir.file_name().unwrap().to_str().unwrap();
            lab.push(name, "fix-9", "one");
            git(&dir, ["fetch", "-q"]);
            let newest = lab.push(name, "fix-9", "two");
            let reuse = WorktreeRequest { reuse: true, ..new("fix-9") };
            let made = lab.create(&dir, &GIT, &reuse).await.unwrap();
            assert_eq!(tip(&made.path, "HEAD"), newest);
        }
    });
}

#[test]
fn offline_a_branch_to_take_up_is_the_one_last_seen() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let theirs = lab.push("blog", "fix-9", "theirs");
        git(&dir, ["fetch", "-q"]);
        std::fs::rename(lab.root.join("srv"), lab.root.join("away")).unwrap();
        let made =
            lab.create(&dir, &GIT, &WorktreeRequest { reuse: true, ..new("fix-9") }).await.unwrap();
        assert_eq!(tip(&made.path, "HEAD"), theirs);
        let news = lab.news().join("\n");
        assert!(news.contains("using the local `origin/fix-9`"), "{news}");
    });
}

#[test]
fn reuse_of_a_missing_branch_creates_it() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made =
            lab.create(&dir, &GIT, &WorktreeRequest { reuse: true, ..new("fresh") }).await.unwrap();
        assert!(made.branch_made && made.base.is_some());
    });
}

#[test]
fn a_branch_cannot_be_above_or_below_another() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        git(&dir, ["branch", "feat/x"]);
        lab.push("blog", "theirs/a", "a");
        git(&dir, ["fetch", "-q"]);
        for tool in [GIT, lab.wt().await] {
            for (name, other) in [
                ("feat", "`feat/x`"),
                ("feat/x/y", "`feat/x`"),
                ("feat/x/y/z", "`feat/x`"),
                ("theirs", "`theirs/a` of the remote `origin`"),
                ("theirs/a/b", "`theirs/a` of the remote `origin`"),
            ] {
                let before = traces(&dir);
                let refused = lab.create(&dir, &tool, &new(name)).await.unwrap_err();
                let want = format!("the branch {other} exists, so `{name}` cannot");
                assert_eq!(refused.to_string(), want);
                assert!(refused.advice().iter().any(|it| it.text.contains("--name")));
                assert_eq!(traces(&dir), before);
                assert!(lab.sweep().await.is_empty(), "nothing is left to undo");
            }
        }
        let repo = Repo::discover(&dir).unwrap();
        for free in ["feat-x", "feat/y", "feature", "theirs/b"] {
            check_free(&repo, free).unwrap();
        }
    });
}

#[test]
fn two_branches_of_one_directory_are_told_apart() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        for tool in [GIT, lab.wt().await] {
            let first = lab.create(&dir, &tool, &new("fix/a")).await.unwrap();
            let before = traces(&dir);
            let refused = lab.create(&dir, &tool, &new("fix-a")).await.unwrap_err();
            let path = first.path.display();
            let want =
                format!("the directory `{path}` already exists; it is the worktree of `fix/a`");
            assert_eq!(refused.to_string(), want);
            assert!(refused.advice().iter().any(|it| it.text.contains("--name")));
            assert_eq!(traces(&dir), before);
            git(&dir, ["worktree", "remove", "--force", first.path.to_str().unwrap()]);
            git(&dir, ["branch", "-q", "-D", "fix/a"]);
        }
    });
}

#[test]
fn a_branch_is_renamed_when_its_old_name_is_gone_and_its_reflog_says_so() {
    let cases: [(&str, &[&str], Option<&str>); 9] = [
        ("nothing happened", &[], None),
        ("renamed", &["branch -m new"], Some("new")),
        ("twice", &["branch -m interim", "branch -m deep/new"], Some("deep/new")),
        ("there and back", &["branch -m interim", "branch -m work"], None),
        ("another was checked out", &["switch -qc new"], None),
        ("and the old one deleted", &["switch -qc new", "branch -qD work"], None),
        ("another of the old name", &["branch -m new", "branch work"], None),
        ("no branch is checked out", &["branch -m new", "switch -q --detach"], None),
        ("now the default branch", &["branch -qD main", "branch -m main"], None),
    ];
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        git(&dir, ["switch", "-q", "--detach"]);
        for (what, commands, want) in cases {
            git(&dir, ["worktree", "add", "-q", "-b", "work", "../blog.work"]);
            let path = dir.with_file_name("blog.work");
            let git_dir = git(&path, ["rev-parse", "--absolute-git-dir"]);
            commands.iter().for_each(|it| drop(git(&path, it.split(' '))));
            let found = renamed(&dir, git_dir.as_ref(), "work").unwrap();
            assert_eq!(found.as_deref(), want, "{what}");
            git(&dir, ["worktree", "remove", "--force", path.to_str().unwrap()]);
            for name in ["work", "new", "interim", "deep/new"] {
                git(&dir, ["update-ref", "-d", &format!("refs/heads/{name}")]);
            }
        }
    });
}
