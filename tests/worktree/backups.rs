//! What is removed is kept for a while, and comes back.
use std::fs;

use wtmag::git::{
    Error, Repo, RepoLock, carry,
    removal::{
        Insist,
        backup::{self, Backup, Restored},
    },
};

use super::{
    lab::{Lab, alone, change_in_the_second_of_the_index, commit, git, put, tip},
    losses::Ground,
};

fn kept(ground: &Ground) -> Vec<Backup> {
    backup::list(&ground.common).unwrap()
}

async fn restore(lab: &Lab, ground: &Ground) -> Result<Restored, Error> {
    let repo = Repo::discover(&ground.main).unwrap();
    let found = kept(ground).remove(0);
    lab.run(async |run| {
        let lock = RepoLock::acquire(&repo, run).await?;
        backup::restore(&repo, &lock, &found, run).await
    })
    .await
}

#[test]
fn branch_worktree_and_files_come_back_after_force() {
    alone(async |lab: Lab| {
        let ground = Ground::new(&lab, "blog").await;
        let sha = ground.work();
        put(&ground.wt.join("a.txt"), "changed");
        put(&ground.wt.join("deep/draft"), "x");
        ground.remove(&lab, true).await.unwrap();
        assert!(!ground.wt.exists());
        git(&ground.main, ["gc", "-q", "--prune=now"]);
        let restored = restore(&lab, &ground).await.unwrap();
        assert_eq!(restored.branch.as_deref(), Some("work"));
        assert!(restored.files && restored.notes.is_empty(), "{restored:?}");
        assert_eq!(tip(&ground.wt, "work"), sha);
        assert_eq!(fs::read_to_string(ground.wt.join("a.txt")).unwrap(), "changed");
        assert_eq!(fs::read_to_string(ground.wt.join("deep/draft")).unwrap(), "x");
        let status = git(&ground.wt, ["status", "--short"]);
        assert_eq!(status, " M a.txt\n?? deep/");
    });
}

#[test]
fn what_only_a_detached_head_or_an_inner_repository_had_is_kept_by_name() {
    alone(async |lab: Lab| {
        let ground = Ground::new(&lab, "blog").await;
        git(&ground.wt, ["checkout", "-q", "--detach"]);
        let sha = ground.work();
        let inner = ground.clone_into("lib/x");
        let theirs = commit(&inner, "new.txt", "x");
        ground.remove(&lab, true).await.unwrap();
        git(&ground.main, ["gc", "-q", "--prune=now"]);
        let backup = kept(&ground).remove(0);
        assert_eq!(backup.refs[0].was, "HEAD");
        assert_eq!(tip(&ground.main, &backup.refs[0].at), sha);
        assert_eq!(backup.bundles[0].was, "lib/x");
        let clone = lab.root.join("again");
        git(
            &lab.root,
            [
                "clone",
                "-q",
                ground.root.join("srv/other.git").to_str().unwrap(),
                clone.to_str().unwrap(),
            ],
        );
        git(&clone, ["fetch", "-q", &backup.bundles[0].at, "main"]);
        assert_eq!(tip(&clone, "FETCH_HEAD"), theirs);
        let restored = restore(&lab, &ground).await.unwrap();
        assert_eq!(restored.notes.len(), 2, "{restored:?}");
    });
}

#[test]
fn an_untouched_worker_leaves_no_ref_and_comes_back_all_the_same() {
    alone(async |lab: Lab| {
        let ground = Ground::new(&lab, "blog").await;
        ground.remove(&lab, false).await.unwrap();
        assert_eq!(git(&ground.main, ["for-each-ref", "refs/wtmag/removed"]), "");
        restore(&lab, &ground).await.unwrap();
        assert_eq!(tip(&ground.wt, "HEAD"), tip(&ground.main, "main"));
    });
}

/// git compares the content of a file that is as new as the index. A copy of the index may not be newer.
#[test]
fn a_change_in_the_second_of_the_index_is_seen_kept_and_carried() {
    alone(async |lab: Lab| {
        for (name, hidden) in [("blog", false), ("hidden", true)] {
            let ground = Ground::new(&lab, name).await;
            if hidden {
                git(&ground.wt, ["update-index", "--assume-unchanged", "a.txt"]);
            }
            change_in_the_second_of_the_index(&ground.wt, "a.txt");
            let changed = fs::read_to_string(ground.wt.join("a.txt")).unwrap();
            assert!(ground.remove(&lab, false).await.is_err());
            let repo = Repo::discover(&ground.main).unwrap();
            let carried = lab.run(async |run| carry::capture(&repo, &ground.wt, run).await).await;
            // What is hidden from git stays.
            assert_eq!(carried.is_ok(), !hidden, "{carried:?}");
            ground.remove(&lab, true).await.unwrap();
            restore(&lab, &ground).await.unwrap();
            assert_eq!(fs::read_to_string(ground.wt.join("a.txt")).unwrap(), changed);
        }
    });
}

#[test]
fn the_files_of_a_branch_without_a_commit_come_back() {
    alone(async |lab: Lab| {
        let ground = Ground::new(&lab, "blog").await;
        git(&ground.wt, ["update-ref", "-d", "refs/heads/work"]);
        put(&ground.wt.join("a.txt"), "changed");
        put(&ground.wt.join("deep/draft"), "x");
        ground.insist(&lab, Insist::Abandon).await.unwrap();
        assert!(!ground.wt.exists());
        git(&ground.main, ["gc", "-q", "--prune=now"]);
        let restored = restore(&lab, &ground).await.unwrap();
        assert_eq!(restored.branch, None);
        assert!(restored.files && restored.notes.len() == 1, "{restored:?}");
        assert_eq!(fs::read_to_string(ground.wt.join("a.txt")).unwrap(), "changed");
        assert_eq!(fs::read_to_string(ground.wt.join("deep/draft")).unwrap(), "x");
        assert_eq!(git(&ground.wt, ["branch", "--show-current"]), "");
    });
}

#[test]
fn nothing_is_restored_over_what_is_there_now() {
    alone(async |lab: Lab| {
        let ground = Ground::new(&lab, "blog").await;
        ground.work();
        ground.remove(&lab, true).await.unwrap();
        put(&ground.wt, "a file");
        let refused = restore(&lab, &ground).await;
        assert!(matches!(refused, Err(Error::PathTaken { .. })), "{refused:?}");
        fs::remove_file(&ground.wt).unwrap();
        git(&ground.main, ["branch", "work", "main"]);
        let refused = restore(&lab, &ground).await;
        assert!(matches!(refused, Err(Error::BranchExists { .. })), "{refused:?}");
    });
}

#[test]
fn what_is_older_than_a_month_is_forgotten_by_the_next_removal() {
    alone(async |lab: Lab| {
        let ground = Ground::new(&lab, "blog").await;
        ground.work();
        ground.remove(&lab, true).await.unwrap();
        let dir = ground.common.join("wtmag/removed");
        let record = fs::read_dir(&dir).unwrap().flatten().next().unwrap().path();
        let mut old: serde_json::Value =
            serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        old["removed"] = "2020-01-01T00:00:00Z".into();
        put(&record, &old.to_string());
        assert_ne!(git(&ground.main, ["for-each-ref", "refs/wtmag/removed"]), "");
        // A record of the future is left alone.
        put(&dir.join("20990101-x.json"), r#"{"kind": "unknown"}"#);
        git(&ground.main, ["worktree", "add", "-q", "-b", "work", ground.wt.to_str().unwrap()]);
        ground.remove(&lab, false).await.unwrap();
        assert_eq!(git(&ground.main, ["for-each-ref", "refs/wtmag/removed"]), "");
        assert_eq!(kept(&ground).len(), 1);
        assert!(dir.join("20990101-x.json").exists());
    });
}
