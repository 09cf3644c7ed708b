//! Many at once in one repository.
use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use wtmag::git::Repo;

use super::lab::{GIT, Lab, alone, commit, git, new, part, tip};
use crate::support::is_full;

/// The role of a child: one whole create.
#[test]
#[ignore = "played by children of other tests"]
fn one_of_many() {
    let Some((dir, branch)) = part() else { return };
    alone(async |lab: Lab| {
        let tool = if branch.starts_with("git") { GIT } else { lab.wt().await };
        lab.sweep().await;
        let made = lab.create(&dir, &tool, &new(&branch)).await.unwrap();
        assert!(made.base.unwrap().fresh);
    });
}

fn start(lab: &Lab, dir: &Path, branch: &str) -> Child {
    let mut command = lab.role("worktree::races::one_of_many", dir, branch);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn check_batches(lab: Lab, dir: &Path, tool: &str, batches: usize) {
    let pusher = lab.pusher("blog");
    for batch in 0..batches {
        let branch = |n: usize| format!("{tool}-{batch}-{n}");
        let mut children: Vec<Child> = (0..20).map(|n| start(&lab, dir, &branch(n))).collect();
        // Another user keeps pushing until all are done.
        let mut pushes = 0;
        while children.iter_mut().any(|it| it.try_wait().unwrap().is_none()) {
            commit(&pusher, "busy.txt", &format!("{batch} {pushes}"));
            git(&pusher, ["push", "-q", "origin", "main"]);
            pushes += 1;
        }
        for child in children {
            let output = child.wait_with_output().unwrap();
            let text =
                String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "batch {batch}:\n{text}");
        }
        let repo = Repo::discover(dir).unwrap();
        for n in 0..20 {
            let worktree = repo.worktree_of(&branch(n)).unwrap().unwrap();
            assert_eq!(git(&worktree.path, ["status", "--porcelain"]), "");
            assert!(worktree.path.join(".wtmag/prompt.md").exists());
            assert_eq!(worktree.locked, None);
            // A commit of main as it was some moment ago.
            git(&pusher, ["merge-base", "--is-ancestor", &tip(&worktree.path, "HEAD"), "main"]);
        }
    }
    let common = git(dir, ["rev-parse", "--path-format=absolute", "--git-common-dir"]);
    let exclude = fs::read_to_string(Path::new(&common).join("info/exclude")).unwrap();
    assert_eq!(exclude.matches("/.wtmag/").count(), 1);
    assert_eq!(fs::read_dir(lab.journals()).unwrap().count(), 0);
}

#[test]
fn twenty_creates_at_once_by_worktrunk_all_succeed() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        check_batches(lab, &dir, "wt", if is_full() { 20 } else { 1 }).await;
    });
}

#[test]
fn twenty_creates_at_once_by_git_all_succeed() {
    alone(async |lab: Lab| {
        let dir = lab.bare_layout("blog");
        check_batches(lab, &dir, "git", 1).await;
    });
}
