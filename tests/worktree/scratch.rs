//! `.wtmag/` is written only where it is safe to write, and never committed.
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use wtmag::{
    git::{Error, Start, WorktreeRequest, scratch},
    model::Host,
};

use super::lab::{GIT, Lab, alone, commit, git, new, put, tip, traces, worker};

#[test]
fn the_brief_is_private_and_invisible_to_git() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        // The user's own exclude file has no end of line, and an ignore rule tries to undo ours.
        put(&dir.join(".git/info/exclude"), "*.swp");
        let pusher = lab.pusher("blog");
        commit(&pusher, ".gitignore", "!.*\n");
        git(&pusher, ["push", "-q", "origin", "main"]);
        let made = lab.create(&dir, &lab.wt().await, &new("work")).await.unwrap();
        let scratch = made.path.join(".wtmag");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&scratch), 0o700);
        assert_eq!(mode(&scratch.join("prompt.md")), 0o600);
        assert_eq!(fs::read_to_string(scratch.join(".gitignore")).unwrap(), "*\n");
        assert_eq!(git(&made.path, ["status", "--porcelain", "--untracked-files=all"]), "");
        git(&made.path, ["clean", "-fdq"]);
        assert!(scratch.join("prompt.md").exists());
        lab.create(&dir, &GIT, &new("more")).await.unwrap();
        let exclude = fs::read_to_string(dir.join(".git/info/exclude")).unwrap();
        assert_eq!(exclude, "*.swp\n/.wtmag/\n");
    });
}

#[test]
fn a_clone_without_an_info_directory_gets_one() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        fs::remove_dir_all(dir.join(".git/info")).unwrap();
        lab.create(&dir, &GIT, &new("work")).await.unwrap();
        assert_eq!(fs::read_to_string(dir.join(".git/info/exclude")).unwrap(), "/.wtmag/\n");
    });
}

#[test]
fn an_exclude_file_that_is_a_link_stays_one() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let real = lab.root.join("dotfiles/exclude");
        put(&real, "*.swp\n");
        fs::remove_file(dir.join(".git/info/exclude")).unwrap();
        symlink(&real, dir.join(".git/info/exclude")).unwrap();
        lab.create(&dir, &GIT, &new("work")).await.unwrap();
        assert!(dir.join(".git/info/exclude").is_symlink());
        assert_eq!(fs::read_to_string(real).unwrap(), "*.swp\n/.wtmag/\n");
    });
}

/// Commits `.wtmag` as `make` makes it and expects that nothing comes of any `create` from it.
async fn check_refused(lab: Lab, make: impl Fn(&Path, &Path)) {
    let dir = lab.cloned("blog");
    let outside = lab.root.join("outside");
    fs::create_dir_all(&outside).unwrap();
    let pusher = lab.pusher("blog");
    make(&pusher, &outside);
    git(&pusher, ["add", "-A", "-f", "."]);
    git(&pusher, ["commit", "-qm", "trap"]);
    git(&pusher, ["push", "-q", "origin", "main", "main:trap"]);
    let head = tip(&pusher, "HEAD");
    let server = lab.root.join("srv/blog.git");
    git(&server, ["update-ref", "refs/pull/7/head", &head]);
    git(&dir, ["fetch", "-q", "origin", "trap:trap"]);
    let before = traces(&dir);
    let url = server.to_str().unwrap().to_owned();
    let orders = [
        new("work"),
        WorktreeRequest { start: Start::Named("trap".to_owned()), ..new("work") },
        WorktreeRequest {
            start: Start::Pull { url, number: 7, head, forge: Host::Github },
            ..new("github-pr-7")
        },
        WorktreeRequest { reuse: true, ..new("trap") },
    ];
    for tool in [GIT, lab.wt().await] {
        for order in &orders {
            let refused = lab.create(&dir, &tool, order).await;
            assert!(matches!(refused, Err(Error::Tracked { .. })), "{order:?}: {refused:?}");
            assert_eq!(traces(&dir), before);
        }
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing was written outside");
}

#[test]
fn a_commit_that_leads_the_brief_outside_is_refused() {
    alone(async |lab| {
        check_refused(lab, |dir, outside| symlink(outside, dir.join(".wtmag")).unwrap()).await;
    });
}

#[test]
fn a_commit_that_has_the_directory_is_refused() {
    alone(async |lab| check_refused(lab, |dir, _| put(&dir.join(".wtmag/notes"), "x")).await);
}

#[test]
fn a_commit_that_has_a_file_of_that_name_is_refused() {
    alone(async |lab| check_refused(lab, |dir, _| put(&dir.join(".wtmag"), "x")).await);
}

#[test]
fn a_commit_that_has_it_in_capitals_is_refused() {
    alone(async |lab| check_refused(lab, |dir, _| put(&dir.join(".WTmag/prompt.md"), "x")).await);
}

#[test]
fn a_worktree_that_came_to_track_it_is_not_taken_up() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = lab.create(&dir, &GIT, &new("work")).await.unwrap();
        git(&made.path, ["add", "-f", ".wtmag/prompt.md"]);
        let again = lab.create(&dir, &GIT, &WorktreeRequest { reuse: true, ..new("work") }).await;
        assert!(matches!(again, Err(Error::Tracked { .. })), "only in the index: {again:?}");
    });
}

#[test]
fn nothing_is_written_through_a_link_or_over_a_file() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let outside = lab.root.join("outside");
        fs::create_dir_all(&outside).unwrap();
        git(&dir, ["worktree", "add", "-q", "-b", "work", "../work"]);
        let trap = lab.root.join("src/work/.wtmag");
        let reuse = WorktreeRequest { reuse: true, ..new("work") };
        let check = async |what: &str| {
            let refused = lab.create(&dir, &GIT, &reuse).await.unwrap_err();
            let want = format!("`{}` is {what}, not a directory that you own", trap.display());
            assert_eq!(refused.to_string(), want);
            let refused = scratch::write_brief(trap.parent().unwrap(), "x");
            assert!(matches!(refused, Err(Error::Unsafe { .. })), "{refused:?}");
        };
        symlink(&outside, &trap).unwrap();
        check("a symbolic link").await;
        fs::remove_file(&trap).unwrap();
        symlink(lab.root.join("not/there"), &trap).unwrap();
        check("a symbolic link").await;
        fs::remove_file(&trap).unwrap();
        put(&trap, "another's");
        check("a file").await;
        assert_eq!(fs::read_to_string(&trap).unwrap(), "another's");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    });
}

#[test]
fn links_inside_the_directory_are_replaced_not_followed() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let outside = lab.root.join("outside");
        put(&outside, "precious");
        git(&dir, ["worktree", "add", "-q", "-b", "work", "../work"]);
        let scratch = lab.root.join("src/work/.wtmag");
        fs::create_dir_all(&scratch).unwrap();
        for name in ["prompt.md", ".gitignore"] {
            symlink(&outside, scratch.join(name)).unwrap();
        }
        let reuse = WorktreeRequest { reuse: true, ..new("work") };
        lab.create(&dir, &GIT, &reuse).await.unwrap();
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
        assert!(
            !scratch.join("prompt.md").is_symlink() && !scratch.join(".gitignore").is_symlink()
        );
    });
}

#[test]
fn a_worktree_has_one_worker() {
    alone(async |lab: Lab| {
        use wtmag::git::record;
        let dir = lab.cloned("blog");
        let made = lab.create(&dir, &GIT, &new("work")).await.unwrap();
        let mine = worker("work");
        assert_eq!(record::load(&made.git_dir).unwrap(), Some(mine.clone()));
        record::remove(&made.git_dir, &worker("other").worker).unwrap();
        assert_eq!(record::load(&made.git_dir).unwrap(), Some(mine.clone()));
        record::remove(&made.git_dir, &mine.worker).unwrap();
        assert_eq!(record::load(&made.git_dir).unwrap(), None);
        put(&made.git_dir.join("wtmag.json"), "{");
        assert!(record::load(&made.git_dir).is_err(), "unreadable is not absent");
    });
}
