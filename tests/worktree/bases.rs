//! Which commit new work starts from.
use std::{fs, path::Path};

use wtmag::{
    git::{Error, Picked, PickedFrom, Repo, RepoLock, Start, WorktreeRequest, pick},
    model::{Base, Host},
};

use super::lab::{GIT, Lab, alone, commit, git, new, put, tip, traces};

async fn picked(lab: &Lab, dir: &Path, start: Start) -> Result<Picked, Error> {
    let repo = Repo::discover(dir).unwrap();
    lab.run(async |run| {
        let lock = RepoLock::acquire(&repo, run).await?;
        pick(&repo, &lock, &start, run).await
    })
    .await
}

async fn check(lab: &Lab, dir: &Path, name: &str, want: (&str, &str, PickedFrom)) {
    let found = picked(lab, dir, Start::Named(name.to_owned())).await.unwrap();
    let (name, sha, from) = want;
    let fresh = from == PickedFrom::Fetched;
    let base = Base { name: name.to_owned(), sha: sha.to_owned(), fresh };
    assert_eq!(found, Picked { base, from });
}

fn pull(lab: &Lab, head: &str) -> Start {
    let url = lab.root.join("srv/blog.git").to_str().unwrap().to_owned();
    Start::Pull { url, number: 7, head: head.to_owned(), forge: Host::Github }
}

#[test]
fn new_work_starts_from_the_default_branch_as_the_remote_has_it_now() {
    alone(async |lab: Lab| {
        for dir in [lab.cloned("blog"), lab.bare_layout("shop")] {
            let name = dir.file_name().unwrap().to_str().unwrap();
            let stale = tip(&dir, "main");
            let pushed = lab.push(name, "main", "two");
            let made = lab.create(&dir, &GIT, &new("work")).await.unwrap();
            let base = Base { name: "main".to_owned(), sha: pushed.clone(), fresh: true };
            assert_eq!(made.base, Some(base));
            assert_eq!(tip(&made.path, "HEAD"), pushed);
            assert_eq!(tip(&dir, "main"), stale, "the user's branch stays where it is");
        }
    });
}

#[test]
fn unpushed_commits_are_no_base_for_new_work() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let pushed = tip(&dir, "HEAD");
        commit(&dir, "mine.txt", "not yet");
        assert_eq!(picked(&lab, &dir, Start::Default).await.unwrap().base.sha, pushed);
    });
}

#[test]
fn the_default_branch_by_its_name_is_taken_as_it_is_here() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let pushed = tip(&dir, "HEAD");
        check(&lab, &dir, "main", ("main", &pushed, PickedFrom::Fetched)).await;
        let mine = commit(&dir, "mine.txt", "not yet");
        check(&lab, &dir, "main", ("main", &mine, PickedFrom::LocalBranch)).await;
        check(&lab, &dir, "origin/main", ("origin/main", &pushed, PickedFrom::Fetched)).await;
    });
}

#[test]
fn no_answer_is_shared_that_is_older_than_what_is_known_here() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        picked(&lab, &dir, Start::Default).await.unwrap();
        let pushed = lab.push("blog", "main", "two");
        git(&dir, ["fetch", "-q", "origin"]);
        let want = Base { name: "main".to_owned(), sha: pushed, fresh: true };
        assert_eq!(picked(&lab, &dir, Start::Default).await.unwrap().base, want);
    });
}

#[test]
fn one_fetch_serves_everybody_for_some_seconds() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let first = picked(&lab, &dir, Start::Default).await.unwrap();
        lab.push("blog", "main", "two");
        let second = picked(&lab, &dir, Start::Default).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(lab.news(), ["fetching main from origin"]);
        fs::remove_file(dir.join(".git/wtmag/fetched.json")).unwrap();
        assert_ne!(picked(&lab, &dir, Start::Default).await.unwrap(), first);
    });
}

#[test]
fn without_a_remote_the_local_branch_is_used_in_silence() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        git(&dir, ["remote", "remove", "origin"]);
        let sha = tip(&dir, "main");
        let base = Base { name: "main".to_owned(), sha, fresh: false };
        assert_eq!(picked(&lab, &dir, Start::Default).await.unwrap().base, base);
        assert_eq!(lab.news(), [""; 0]);
    });
}

#[test]
fn a_remote_that_cannot_be_reached_is_said_and_asked_once() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let sha = tip(&dir, "main");
        fs::rename(lab.root.join("srv"), lab.root.join("away")).unwrap();
        let base = Base { name: "main".to_owned(), sha, fresh: false };
        for _ in 0..2 {
            assert_eq!(picked(&lab, &dir, Start::Default).await.unwrap().base, base);
        }
        let news = lab.news();
        assert_eq!(news.len(), 3, "{news:?}");
        assert!(news[1].starts_with("using the local `main`: "), "{news:?}");
        let made = lab.create(&dir, &lab.wt().await, &new("x")).await.unwrap();
        assert_eq!(made.base, Some(base));
    });
}

#[test]
fn offline_the_newest_copy_of_the_default_branch_is_used() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let newer = lab.push("blog", "main", "two");
        git(&dir, ["fetch", "-q"]);
        fs::rename(lab.root.join("srv"), lab.root.join("away")).unwrap();
        let base = Base { name: "origin/main".to_owned(), sha: newer, fresh: false };
        assert_eq!(picked(&lab, &dir, Start::Default).await.unwrap().base, base);
    });
}

#[test]
fn a_base_may_be_a_branch_here_or_there_a_tag_or_a_commit() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let first = tip(&dir, "HEAD");
        let release = lab.push("blog", "release", "r");
        let both = lab.push("blog", "both", "b");
        git(&dir, ["fetch", "-q", "origin", "both:both"]);
        let both_ahead = lab.push("blog", "both", "bb");
        git(&dir, ["checkout", "-q", "-b", "mine"]);
        let mine = commit(&dir, "mine.txt", "mine");
        git(&dir, ["tag", "-a", "v1", "-m", "one", &first]);
        check(&lab, &dir, "mine", ("mine", &mine, PickedFrom::LocalBranch)).await;
        check(&lab, &dir, "release", ("origin/release", &release, PickedFrom::Fetched)).await;
        check(&lab, &dir, "origin/release", ("origin/release", &release, PickedFrom::Fetched))
            .await;
        check(&lab, &dir, "v1", ("v1", &first, PickedFrom::Tag)).await;
        check(&lab, &dir, &first, (&first, &first, PickedFrom::Commit)).await;
        check(&lab, &dir, &first[..9], (&first[..9], &first, PickedFrom::Commit)).await;
        // `both` moved on the remote; a local one with unpushed commits still wins.
        check(&lab, &dir, "both", ("both", &both_ahead, PickedFrom::Fetched)).await;
        git(&dir, ["checkout", "-q", "both"]);
        let own = commit(&dir, "own.txt", "own");
        check(&lab, &dir, "both", ("both", &own, PickedFrom::LocalBranch)).await;
        assert_ne!(both, both_ahead);
    });
}

#[test]
fn a_frozen_branch_of_a_bare_clone_gives_way_to_the_remote() {
    alone(async |lab: Lab| {
        lab.server("blog");
        lab.push("blog", "release", "r");
        let project = lab.root.join("src/blog");
        fs::create_dir_all(&project).unwrap();
        let server = lab.root.join("srv/blog.git");
        git(&project, ["clone", "-q", "--bare", server.to_str().unwrap(), ".git"]);
        let pusher = lab.pusher("blog");
        let newer = commit(&pusher, "more.txt", "more");
        git(&pusher, ["push", "-q", "origin", "release"]);
        check(&lab, &project, "release", ("release", &newer, PickedFrom::Fetched)).await;
    });
}

#[test]
fn a_base_that_is_nowhere_or_no_name_is_an_error_and_leaves_nothing() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let before = traces(&dir);
        for name in ["gone", "origin/gone", "0123456789"] {
            let start = Start::Named(name.to_owned());
            let order = WorktreeRequest { start, ..new("work") };
            let failed = lab.create(&dir, &GIT, &order).await;
            assert!(matches!(failed, Err(Error::NoBase { .. })), "{name}: {failed:?}");
        }
        for name in
            ["--upload-pack=touch x", "-f", "+main:main", "main:x", "a\u{1b}b", "HEAD~1", ""]
        {
            let failed = picked(&lab, &dir, Start::Named(name.to_owned())).await;
            assert!(matches!(failed, Err(Error::BadName { .. })), "{name}: {failed:?}");
        }
        assert_eq!(traces(&dir), before);
    });
}

#[test]
fn a_repository_without_a_commit_says_so() {
    alone(async |lab: Lab| {
        let dir = lab.root.join("new");
        git(&lab.root, ["init", "-q", "-b", "main", "new"]);
        let failed = lab.create(&dir, &GIT, &new("work")).await;
        assert!(matches!(&failed, Err(Error::NoCommits { name }) if name == "main"), "{failed:?}");
        let server = lab.root.join("empty.git");
        git(&lab.root, ["init", "-q", "--bare", "-b", "main", "empty.git"]);
        git(&dir, ["remote", "add", "origin", server.to_str().unwrap()]);
        let failed = lab.create(&dir, &GIT, &new("work")).await;
        assert!(matches!(failed, Err(Error::NoCommits { .. })), "{failed:?}");
    });
}

#[test]
fn a_detached_head_changes_nothing() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        git(&dir, ["checkout", "-q", "--detach"]);
        let made = lab.create(&dir, &lab.wt().await, &new("work")).await.unwrap();
        assert_eq!(made.base.unwrap().name, "main");
    });
}

#[test]
fn a_pull_request_is_taken_at_the_commit_the_forge_names() {
    alone(async |lab: Lab| {
        for dir in [lab.cloned("blog"), lab.bare_layout("blog2")] {
            let name = dir.file_name().unwrap().to_str().unwrap();
            let head = lab.push(name, "fix", "a fix");
            let server = lab.root.join(format!("srv/{name}.git"));
            git(&server, ["update-ref", "refs/pull/7/head", &head]);
            // A branch of the user's that happens to have the PR's name means nothing.
            git(&dir, ["branch", "fix", "main"]);
            let url = server.to_str().unwrap().to_owned();
            let start = Start::Pull { url, number: 7, head: head.clone(), forge: Host::Github };
            let order = WorktreeRequest { start, ..new("github-pr-7") };
            let made = lab.create(&dir, &lab.wt().await, &order).await.unwrap();
            assert_eq!(tip(&made.path, "HEAD"), head);
            assert_eq!(tip(&dir, "refs/wtmag/pr/7"), head);
            assert_eq!(made.base.unwrap().name, "pull/7/head");
        }
    });
}

#[test]
fn a_pull_request_that_moved_is_fetched_again_and_then_refused() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let server = lab.root.join("srv/blog.git");
        let old = lab.push("blog", "fix", "old");
        git(&server, ["update-ref", "refs/pull/7/head", &old]);
        assert_eq!(picked(&lab, &dir, pull(&lab, &old)).await.unwrap().base.sha, old);
        let newer = lab.push("blog", "fix", "new");
        git(&server, ["update-ref", "refs/pull/7/head", &newer]);
        // The fetch of a moment ago must not hide the push.
        assert_eq!(picked(&lab, &dir, pull(&lab, &newer)).await.unwrap().base.sha, newer);
        let before = traces(&dir);
        let order = WorktreeRequest { start: pull(&lab, &old), ..new("github-pr-7") };
        let failed = lab.create(&dir, &GIT, &order).await.unwrap_err();
        let want = format!("pull request 7 is at `{newer}`, but should be at `{old}`");
        assert_eq!(failed.to_string(), want);
        assert_eq!(traces(&dir), before);
        git(&server, ["update-ref", "-d", "refs/pull/7/head"]);
        let gone = picked(&lab, &dir, pull(&lab, &old)).await;
        assert!(matches!(gone, Err(Error::Fetch { .. })), "{gone:?}");
    });
}

#[test]
fn a_pull_request_that_is_worked_on_already_moves_forward_or_not_at_all() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let server = lab.root.join("srv/blog.git");
        let push = |text: &str| {
            let sha = lab.push("blog", "fix", text);
            git(&server, ["update-ref", "refs/pull/7/head", &sha]);
            sha
        };
        let follow = |text: &str| {
            let sha = commit(&lab.pusher("blog"), "more.txt", text);
            git(&lab.pusher("blog"), ["push", "-q", "origin", "fix"]);
            git(&server, ["update-ref", "refs/pull/7/head", &sha]);
            sha
        };
        let order = |head: &str| WorktreeRequest {
            start: pull(&lab, head),
            reuse: true,
            ..new("github-pr-7")
        };
        let made = lab.create(&dir, &GIT, &order(&push("one"))).await.unwrap();
        git(&lab.pusher("blog"), ["checkout", "-q", "fix"]);
        for other in [false, true] {
            // With its worktree, then as a branch alone.
            if other {
                git(&dir, ["worktree", "remove", "--force", made.path.to_str().unwrap()]);
            }
            let head = follow(&format!("two {other}"));
            wtmag::git::record::remove(&made.git_dir, &super::lab::worker("github-pr-7").worker)
                .unwrap();
            let again = lab.create(&dir, &GIT, &order(&head)).await.unwrap();
            assert_eq!((again.branch_made, again.worktree_made), (false, other));
            assert_eq!(tip(&again.path, "HEAD"), head);
        }
        wtmag::git::record::remove(&made.git_dir, &super::lab::worker("github-pr-7").worker)
            .unwrap();
        let head = follow("three");
        put(&made.path.join("a.txt"), "half a thought");
        let dirty = lab.create(&dir, &GIT, &order(&head)).await;
        assert!(matches!(dirty, Err(Error::Dirty { .. })), "{dirty:?}");
        let own = commit(&made.path, "own.txt", "mine");
        let diverged = lab.create(&dir, &GIT, &order(&head)).await;
        assert!(matches!(diverged, Err(Error::Diverged { .. })), "{diverged:?}");
        assert_eq!(tip(&made.path, "HEAD"), own);
    });
}

#[test]
fn a_branch_that_is_there_is_taken_up_only_when_asked() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        git(&dir, ["branch", "work"]);
        for tool in [GIT, lab.wt().await] {
            let before = traces(&dir);
            let refused = lab.create(&dir, &tool, &new("work")).await;
            assert!(
                matches!(refused, Err(Error::BranchExists { worktree: None, .. })),
                "{refused:?}"
            );
            assert_eq!(traces(&dir), before);
            let reuse = WorktreeRequest { reuse: true, ..new("work") };
            let made = lab.create(&dir, &tool, &reuse).await.unwrap();
            assert_eq!((made.branch_made, made.worktree_made, made.base), (false, true, None));
            let refused = lab.create(&dir, &tool, &new("work")).await;
            assert!(
                matches!(refused, Err(Error::BranchExists { worktree: Some(path), .. }) if path == made.path)
            );
            let taken = lab.create(&dir, &tool, &reuse).await;
            assert!(matches!(taken, Err(Error::Claimed { .. })), "{taken:?}");
            assert!(
                made.path.join(".wtmag/prompt.md").exists(),
                "the other worker keeps its brief"
            );
            // A worktree that was deleted by hand is made again.
            fs::remove_dir_all(&made.path).unwrap();
            let made = lab.create(&dir, &tool, &reuse).await.unwrap();
            git(&dir, ["worktree", "remove", "--force", made.path.to_str().unwrap()]);
        }
    });
}

#[test]
fn urls_that_are_flags_are_refused() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        for url in ["--upload-pack=touch /tmp/x", "a\nb"] {
            let start = Start::Pull {
                url: url.to_owned(),
                number: 1,
                head: tip(&dir, "HEAD"),
                forge: Host::Github,
            };
            let failed = picked(&lab, &dir, start).await;
            assert!(matches!(failed, Err(Error::BadName { .. })), "{failed:?}");
        }
    });
}

#[test]
fn a_fetch_that_died_in_the_middle_is_not_in_the_way() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let pushed = lab.push("blog", "main", "two");
        put(&dir.join(".git/refs/wtmag/base/main.lock"), "");
        let base = picked(&lab, &dir, Start::Default).await.unwrap().base;
        assert_eq!((base.sha, base.fresh), (pushed, true));
    });
}
