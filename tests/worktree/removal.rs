//! Taking a worktree away, with or without its branch.
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use wtmag::git::{
    BranchEnd, Doomed, Error, Hooks, Made, Order, Removal, Removed, Repo, RepoLock, Tool, remove,
};

use super::lab::{GIT, Lab, alone, commit, git, new, put, tip, traces};

/// How a worker's worktree goes when nothing speaks against it.
fn removal(made: &Made) -> Removal {
    let tip = tip(&made.path, &made.branch);
    Removal {
        path: made.path.clone(),
        git_dir: made.git_dir.clone(),
        branch: Some(Doomed { name: made.branch.clone(), tip }),
        force: false,
        hooks: Hooks::Approved,
    }
}

async fn removed(lab: &Lab, dir: &Path, tool: &Tool, it: &Removal) -> Result<Removed, Error> {
    let repo = Repo::discover(dir).unwrap();
    lab.run(async |run| {
        let lock = RepoLock::acquire(&repo, run).await?;
        remove(&repo, &lock, tool, it, run).await
    })
    .await
}

fn gone() -> Removed {
    Removed { worktree: true, branch: BranchEnd::Deleted }
}

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
            // Not merged anywhere: whether that matters was asked before.
            commit(&made.path, "new.txt", "x");
            git(&dir, ["config", "branch.feature/work.remote", "origin"]);
            let it = removal(&made);
            // From inside the worktree, as from the worker's own window.
            assert_eq!(removed(&lab, &made.path, &tool, &it).await.unwrap(), gone());
            assert_eq!(traces(&dir), before);
            let config = git(&dir, ["config", "--list", "--local"]);
            assert!(!config.contains("branch.feature/work"), "{config}");
            // Done is done.
            let again = removed(&lab, &dir, &tool, &it).await.unwrap();
            assert_eq!(again, Removed { worktree: false, branch: BranchEnd::Gone });
        }
    });
}

#[test]
fn a_branch_that_is_to_stay_stays() {
    alone(async |lab: Lab| {
        for (dir, tool) in everywhere(&lab).await {
            git(&dir, ["branch", "mine", "main"]);
            let made =
                lab.create(&dir, &tool, &Order { reuse: true, ..new("mine") }).await.unwrap();
            let it = Removal { branch: None, ..removal(&made) };
            let want = Removed { worktree: true, branch: BranchEnd::Kept };
            assert_eq!(removed(&lab, &dir, &tool, &it).await.unwrap(), want);
            assert_eq!(tip(&dir, "mine"), tip(&dir, "main"));
        }
    });
}

#[test]
fn a_branch_that_moved_meanwhile_stays() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        for tool in [GIT, lab.wt().await] {
            let made = lab.create(&dir, &tool, &new("work")).await.unwrap();
            let it = removal(&made);
            let newer = commit(&made.path, "late.txt", "x");
            let want = Removed { worktree: true, branch: BranchEnd::Moved { tip: newer.clone() } };
            assert_eq!(removed(&lab, &dir, &tool, &it).await.unwrap(), want);
            assert_eq!(tip(&dir, "work"), newer);
            git(&dir, ["branch", "-q", "-D", "work"]);
        }
    });
}

#[test]
fn uncommitted_work_needs_force() {
    alone(async |lab: Lab| {
        for (dir, tool) in everywhere(&lab).await {
            let before = traces(&dir);
            let made = lab.create(&dir, &tool, &new("work")).await.unwrap();
            put(&made.path.join("draft.txt"), "x");
            let it = removal(&made);
            let refused = removed(&lab, &dir, &tool, &it).await;
            assert!(matches!(refused, Err(Error::Failed { .. })), "{refused:?}");
            assert!(made.path.join("draft.txt").exists());
            let it = Removal { force: true, ..it };
            assert_eq!(removed(&lab, &dir, &tool, &it).await.unwrap(), gone());
            assert_eq!(traces(&dir), before);
        }
    });
}

#[test]
fn a_locked_worktree_needs_force() {
    alone(async |lab: Lab| {
        for (dir, tool) in everywhere(&lab).await {
            let made = lab.create(&dir, &tool, &new("work")).await.unwrap();
            git(&dir, ["worktree", "lock", "--reason", "on a stick", made.path.to_str().unwrap()]);
            let it = removal(&made);
            let refused = removed(&lab, &dir, &tool, &it).await.unwrap_err();
            let want = format!("the worktree `{}` is locked: on a stick", made.path.display());
            assert_eq!(refused.to_string(), want);
            let it = Removal { force: true, ..it };
            assert_eq!(removed(&lab, &dir, &tool, &it).await.unwrap(), gone());
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
            assert_eq!(removed(&lab, &dir, &tool, &it).await.unwrap(), gone());
            fs::rename(&stick, &away.path).unwrap();
            let it = removal(&away);
            assert_eq!(removed(&lab, &dir, &tool, &it).await.unwrap(), gone());
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
            assert_eq!(removed(&lab, &dir, &tool, &it).await.unwrap(), gone());
            assert!(!moved.exists());
            assert_eq!(tip(&dir, "other"), tip(&dir, "main"));
            git(&dir, ["branch", "-q", "-D", "other"]);
            let made = lab.create(&dir, &tool, &new("work")).await.unwrap();
            let it = removal(&made);
            git(&made.path, ["checkout", "-q", "--detach"]);
            assert_eq!(removed(&lab, &dir, &tool, &it).await.unwrap(), gone());
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
        let want = Removed { worktree: true, branch: BranchEnd::CheckedOut { path: dir.clone() } };
        assert_eq!(removed(&lab, &dir, &GIT, &it).await.unwrap(), want);
    });
}

#[test]
fn the_main_worktree_is_never_removed() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        for tool in [GIT, lab.wt().await] {
            let it = Removal {
                path: dir.clone(),
                git_dir: dir.join(".git"),
                branch: None,
                force: true,
                hooks: Hooks::Approved,
            };
            let refused = removed(&lab, &dir, &tool, &it).await;
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
            assert_eq!(removed(&lab, &dir, &tool, &removal(&made)).await.unwrap(), gone());
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
            let refused = removed(&lab, &dir, &wt, &it).await;
            assert!(matches!(refused, Err(Error::Unapproved { .. })), "{refused:?}");
            let it = Removal { hooks, ..it };
            assert_eq!(removed(&lab, &dir, &wt, &it).await.unwrap(), gone());
            assert_eq!(ran.exists(), want);
        }
    });
}

#[test]
fn force_goes_on_where_worktrunk_cannot() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let wt = lab.wt().await;
        let made = lab.create(&dir, &wt, &new("work")).await.unwrap();
        lab.wt_config("this is no = [ config");
        let it = removal(&made);
        let failed = removed(&lab, &dir, &wt, &it).await;
        assert!(matches!(failed, Err(Error::Failed { program: "wt", .. })), "{failed:?}");
        let it = Removal { force: true, ..it };
        assert_eq!(removed(&lab, &dir, &wt, &it).await.unwrap(), gone());
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
        assert_eq!(removed(&lab, &dir, &wt, &removal(&made)).await.unwrap(), gone());
        let news = lab.news();
        assert!(news.iter().any(|it| it.starts_with("using plain git worktrees")), "{news:?}");
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
        assert!(removed(&lab, &dir, &GIT, &it).await.is_err());
        fs::set_permissions(&made.path, fs::Permissions::from_mode(0o700)).unwrap();
    });
}
