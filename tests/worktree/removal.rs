//! Taking a worktree away, with or without its branch.
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use wtmag::git::{
    BranchEnd, Error, Hooks, Made, RepoLock, Tool, WorktreeRequest,
    removal::{Insist, Job, Outcome, Subject, remove},
};

use super::lab::{GIT, Lab, alone, commit, git, new, put, tip, traces, worker};

/// How a worker's worktree goes.
#[derive(Clone)]
struct Removal {
    common: PathBuf,
    path: PathBuf,
    git_dir: PathBuf,
    branch: Option<String>,
    force: bool,
    hooks: Hooks,
}

/// When nothing speaks against it.
fn removal(made: &Made) -> Removal {
    let common = made.git_dir.parent().unwrap().parent().unwrap().to_owned();
    let (path, git_dir) = (made.path.clone(), made.git_dir.clone());
    let branch = Some(made.branch.clone());
    Removal { common, path, git_dir, branch, force: false, hooks: Hooks::Approved }
}

async fn removed(lab: &Lab, tool: &Tool, it: &Removal) -> Result<Outcome, Error> {
    let subject = Subject {
        common_dir: &it.common,
        path: &it.path,
        git_dir: &it.git_dir,
        branch: it.branch.as_deref(),
        known: &[],
        landed: None,
    };
    let worker = worker("work").worker;
    let insist = if it.force { Insist::Force } else { Insist::No };
    let job = Job { worker: &worker, subject, insist, hooks: it.hooks };
    lab.run(async |run| {
        let lock = RepoLock::acquire_damaged(&it.common, run).await?;
        remove(&lock, tool, &job, run).await
    })
    .await
}

/// What is removed, without what the user is told.
async fn ends(lab: &Lab, tool: &Tool, it: &Removal) -> (bool, BranchEnd) {
    let Outcome { worktree, branch, .. } = removed(lab, tool, it).await.unwrap();
    (worktree, branch)
}

const GONE: (bool, BranchEnd) = (true, BranchEnd::Deleted);

/// Both tools, each in a clone and in a bare layout.
async fn everywhere(lab: &Lab) -> Vec<(PathBuf, Tool)> {
    let mut all = Vec::new();
    for (n, tool) in [GIT, lab.wt().await].into_iter().enumerate() {
        all.push((lab.cloned(&format!("clone{n}")), tool.clone()));
        all.push((lab.bare_layout(&format!("bare{n}")), tool));
    }
    all
}

#[test]
fn a_clean_worktree_goes_with_its_branch() {
    alone(async |lab: Lab| {
        for (dir, tool) in everywhere(&lab).await {
            let before = traces(&dir);
            let made = lab.create(&dir, &tool, &new("feature/work")).await.unwrap();
            commit(&made.path, "new.txt", "x");
            git(&made.path, ["push", "-q", "origin", "HEAD"]);
            git(&dir, ["config", "branch.feature/work.remote", "origin"]);
            let it = removal(&made);
            // From inside the worktree, as from the worker's own window.
            assert_eq!(ends(&lab, &tool, &it).await, GONE);
            assert_eq!(traces(&dir), before);
            let config = git(&dir, ["config", "--list", "--local"]);
            assert!(!config.contains("branch.feature/work"), "{config}");
            // Done is done.
            let again = ends(&lab, &tool, &it).await;
            assert_eq!(again, (false, BranchEnd::Gone));
        }
    });
}

#[test]
fn a_branch_that_is_to_stay_stays() {
    alone(async |lab: Lab| {
        for (dir, tool) in everywhere(&lab).await {
            git(&dir, ["branch", "mine", "main"]);
            let made = lab
                .create(&dir, &tool, &WorktreeRequest { reuse: true, ..new("mine") })
                .await
                .unwrap();
            let it = Removal { branch: None, ..removal(&made) };
            let want = (true, BranchEnd::Kept);
            assert_eq!(ends(&lab, &tool, &it).await, want);
            assert_eq!(tip(&dir, "mine"), tip(&dir, "main"));
        }
    });
}

#[test]
fn a_worktree_that_was_deleted_by_hand_is_forgotten() {
    alone(async |lab: Lab| {
        for (dir, tool) in everywhere(&lab).await {
            let before = traces(&dir);
            let made = lab.create(&dir, &tool, &new("work")).await.unwrap();
            // Another one that is away for now must not be forgotten with it.
            let away = lab.create(&dir, &tool, &new("away")).await.unwrap();
            let stick = lab.root.join("stick");
            fs::rename(&away.path, &stick).unwrap();
            let it = removal(&made);
            fs::remove_dir_all(&made.path).unwrap();
            assert_eq!(ends(&lab, &tool, &it).await, GONE);
            fs::rename(&stick, &away.path).unwrap();
            let it = removal(&away);
            assert_eq!(ends(&lab, &tool, &it).await, GONE);
            assert_eq!(traces(&dir), before);
        }
    });
}

#[test]
fn a_worktree_that_was_moved_or_changed_its_branch_is_found() {
    alone(async |lab: Lab| {
        for (dir, tool) in everywhere(&lab).await {
            let made = lab.create(&dir, &tool, &new("work")).await.unwrap();
            let it = removal(&made);
            let moved = lab.root.join("moved");
            let paths = [made.path.to_str().unwrap(), moved.to_str().unwrap()];
            git(&dir, ["worktree", "move", paths[0], paths[1]]);
            git(&moved, ["checkout", "-q", "-b", "other"]);
            assert_eq!(ends(&lab, &tool, &it).await, GONE);
            assert!(!moved.exists());
            assert_eq!(tip(&dir, "other"), tip(&dir, "main"));
            git(&dir, ["branch", "-q", "-D", "other"]);
            let made = lab.create(&dir, &tool, &new("work")).await.unwrap();
            let it = removal(&made);
            git(&made.path, ["checkout", "-q", "--detach"]);
            assert_eq!(ends(&lab, &tool, &it).await, GONE);
        }
    });
}

#[test]
fn a_branch_that_another_worktree_has_stays() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = lab.create(&dir, &GIT, &new("work")).await.unwrap();
        let it = removal(&made);
        git(&made.path, ["checkout", "-q", "--detach"]);
        git(&dir, ["checkout", "-q", "work"]);
        let want = (true, BranchEnd::CheckedOut { path: dir.clone() });
        assert_eq!(ends(&lab, &GIT, &it).await, want);
    });
}

#[test]
fn the_main_worktree_is_never_removed() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        for tool in [GIT, lab.wt().await] {
            let it = Removal {
                common: dir.join(".git"),
                path: dir.clone(),
                git_dir: dir.join(".git"),
                branch: None,
                force: true,
                hooks: Hooks::Approved,
            };
            let refused = removed(&lab, &tool, &it).await;
            assert!(matches!(refused, Err(Error::MainWorktree { .. })), "{refused:?}");
            assert!(dir.join("a.txt").exists());
        }
    });
}

#[test]
fn a_worktree_with_a_submodule_goes() {
    alone(async |lab: Lab| {
        let lib = lab.server("lib");
        for (dir, tool) in everywhere(&lab).await {
            let made = lab.create(&dir, &tool, &new("work")).await.unwrap();
            git(&made.path, ["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
            git(&made.path, ["commit", "-qm", "lib"]);
            git(&made.path, ["push", "-q", "origin", "HEAD"]);
            assert_eq!(ends(&lab, &tool, &removal(&made)).await, GONE);
        }
    });
}

#[test]
fn hooks_of_a_removal_are_approved_skipped_or_an_error() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let pusher = lab.pusher("blog");
        put(&pusher.join(".config/wt.toml"), "pre-remove = \"touch ../ran\"\n");
        git(&pusher, ["add", "-A", "."]);
        git(&pusher, ["commit", "-qm", "hooks"]);
        git(&pusher, ["push", "-q", "origin", "main"]);
        git(&dir, ["pull", "-q"]);
        let wt = lab.wt().await;
        let ran = lab.root.join("src/ran");
        for (hooks, want) in [(Hooks::Skip, false), (Hooks::Yes, true)] {
            let made = lab.create(&dir, &wt, &new("work")).await.unwrap();
            let it = removal(&made);
            let refused = removed(&lab, &wt, &it).await;
            assert!(matches!(refused, Err(Error::Unapproved { .. })), "{refused:?}");
            let it = Removal { hooks, ..it };
            assert_eq!(ends(&lab, &wt, &it).await, GONE);
            assert_eq!(ran.exists(), want);
        }
    });
}

#[test]
fn a_broken_configuration_of_worktrunk_keeps_nothing() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let wt = lab.wt().await;
        let made = lab.create(&dir, &wt, &new("work")).await.unwrap();
        lab.wt_config("this is no = [ config");
        assert_eq!(ends(&lab, &wt, &removal(&made)).await, GONE);
    });
}

#[test]
fn a_repository_with_a_separate_git_dir_is_left_to_git() {
    alone(async |lab: Lab| {
        let server = lab.server("blog");
        let (dir, git_dir) = (lab.root.join("src/blog"), lab.root.join("elsewhere/blog.git"));
        fs::create_dir_all(git_dir.parent().unwrap()).unwrap();
        let separate = format!("--separate-git-dir={}", git_dir.display());
        let (server, to) = (server.to_str().unwrap(), dir.to_str().unwrap());
        git(&lab.root, ["clone", "-q", &separate, server, to]);
        let wt = lab.wt().await;
        let made = lab.create(&dir, &wt, &new("work")).await.unwrap();
        assert_eq!(ends(&lab, &wt, &removal(&made)).await, GONE);
    });
}

#[test]
fn what_cannot_be_deleted_is_an_error_and_not_silence() {
    alone(async |lab: Lab| {
        // Root may delete everything.
        if nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = lab.cloned("blog");
        let made = lab.create(&dir, &GIT, &new("work")).await.unwrap();
        let it = removal(&made);
        fs::set_permissions(&made.path, fs::Permissions::from_mode(0o500)).unwrap();
        assert!(removed(&lab, &GIT, &it).await.is_err());
        fs::set_permissions(&made.path, fs::Permissions::from_mode(0o700)).unwrap();
    });
}
