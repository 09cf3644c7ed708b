//! What would be lost: everything that exists nowhere else, and nothing that does.
use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use wtmag::git::{Error, Loss, Losses, Made, Repo, RepoLock, Subject, losses};

use super::lab::{GIT, Lab, alone, commit, git, new, put, tip};

/// What would be lost with the worktree and its branch, in words.
async fn lost(lab: &Lab, dir: &Path, made: &Made) -> Vec<String> {
    found(lab, dir, made, &[]).await.iter().map(ToString::to_string).collect()
}

async fn found(lab: &Lab, dir: &Path, made: &Made, known: &[u32]) -> Vec<Loss> {
    let repo = Repo::discover(dir).unwrap();
    let subject =
        Subject { path: &made.path, git_dir: &made.git_dir, branch: Some(&made.branch), known };
    let losses = look(lab, &repo, &subject).await.unwrap();
    assert_eq!(losses.tip, Some(tip(dir, &format!("refs/heads/{}", made.branch))));
    losses.list
}

async fn look(lab: &Lab, repo: &Repo, subject: &Subject<'_>) -> Result<Losses, Error> {
    lab.run(async |run| {
        let lock = RepoLock::acquire(repo, run).await?;
        losses(repo, &lock, subject, run).await
    })
    .await
}

async fn work(lab: &Lab, dir: &Path) -> Made {
    // Nothing here depends on who makes the worktree.
    lab.create(dir, &GIT, &new("work")).await.unwrap()
}

fn short(sha: &str) -> &str {
    &sha[..7]
}

#[test]
fn a_worktree_as_it_was_made_holds_nothing() {
    alone(async |lab: Lab| {
        for dir in [lab.cloned("blog"), lab.bare_layout("shop")] {
            let made = work(&lab, &dir).await;
            assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
            put(&made.path.join(".gitignore"), "target/\n");
            git(&made.path, ["add", "."]);
            git(&made.path, ["commit", "-qm", "ignore"]);
            git(&made.path, ["push", "-q", "origin", "work"]);
            put(&made.path.join("target/built"), "ignored");
            assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
        }
    });
}

/// As when many workers are cleaned up at once.
#[test]
#[expect(clippy::disallowed_methods, reason = "somebody else's git")]
fn refs_that_others_delete_meanwhile_are_in_nobodys_way() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        let refs: String = (0..200).map(|n| format!("create refs/heads/x{n} HEAD\n")).collect();
        let all = refs.clone() + &refs.replace("create", "delete").replace(" HEAD", "");
        let dir_of_child = dir.clone();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for half in [&all[..refs.len()], &all[refs.len()..]] {
                        let mut command = Command::new("git");
                        command.current_dir(&dir_of_child).args(["update-ref", "--stdin"]);
                        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
                        child.stdin.take().unwrap().write_all(half.as_bytes()).unwrap();
                        assert!(child.wait().unwrap().success());
                    }
                }
            });
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let looks = scope.spawn(|| {
                runtime.unwrap().block_on(async {
                    for _ in 0..30 {
                        assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
                    }
                });
            });
            let looked = looks.join();
            done.store(true, Ordering::Relaxed);
            looked.unwrap();
        });
    });
}

#[test]
fn files_that_no_commit_has_are_named() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        put(&made.path.join("a.txt"), "changed");
        put(&made.path.join("staged.txt"), "x");
        git(&made.path, ["add", "staged.txt"]);
        put(&made.path.join("new\u{1b}[2J.txt"), "x");
        put(&made.path.join("deep/er/x"), "x");
        put(&made.path.join("deep/er/y"), "x");
        let want = [
            "uncommitted changes in `a.txt`, `staged.txt`",
            "untracked `deep`, `new\\u{1b}[2J.txt`",
        ];
        assert_eq!(lost(&lab, &dir, &made).await, want);
        git(&made.path, ["reset", "-q", "--hard"]);
        git(&made.path, ["clean", "-fdq"]);
        fs::remove_file(made.path.join("a.txt")).unwrap();
        assert_eq!(lost(&lab, &dir, &made).await, ["uncommitted changes in `a.txt`"]);
        git(&made.path, ["checkout", "-q", "a.txt"]);
        for n in 0..14 {
            put(&made.path.join(format!("f{n:02}")), "x");
        }
        let got = lost(&lab, &dir, &made).await;
        assert!(got[0].ends_with("`f09` and 4 more"), "{got:?}");
    });
}

#[test]
fn a_repository_inside_the_worktree_is_work() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        git(&made.path, ["init", "-q", "inner"]);
        commit(&made.path.join("inner"), "x", "y");
        let got = lost(&lab, &dir, &made).await;
        assert!(got.len() == 1 && got[0].starts_with("untracked `inner"), "{got:?}");
    });
}

#[test]
fn work_in_a_submodule_is_work() {
    alone(async |lab: Lab| {
        let lib = lab.server("lib");
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        git(&made.path, ["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
        git(&made.path, ["commit", "-qm", "lib"]);
        git(&made.path, ["push", "-q", "origin", "work"]);
        assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
        put(&made.path.join("lib/a.txt"), "changed");
        let want = [
            "uncommitted changes in `lib`",
            "in the submodule `lib`: uncommitted changes in `a.txt`",
        ];
        assert_eq!(lost(&lab, &dir, &made).await, want);
        let sha = commit(&made.path.join("lib"), "new.txt", "unpushed");
        let unpushed = format!(
            "in the submodule `lib`: commits that are nowhere else: `{} new.txt: unpushed`",
            short(&sha)
        );
        assert_eq!(lost(&lab, &dir, &made).await, ["uncommitted changes in `lib`", &unpushed]);
    });
}

/// The commit that names it is pushed; the commit that is named is not.
#[test]
fn commits_that_only_a_submodule_has_are_named_wherever_its_repository_lies() {
    alone(async |lab: Lab| {
        let (lib, inner) = (lab.server("lib"), lab.server("inner"));
        let add = |dir: &Path, server: &Path, name: &str| {
            git(dir, ["submodule", "--quiet", "add", server.to_str().unwrap(), name]);
        };
        let pusher = lab.pusher("lib");
        add(&pusher, &inner, "deep/inner");
        git(&pusher, ["commit", "-qm", "inner"]);
        git(&pusher, ["push", "-q"]);
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        add(&made.path, &lib, "lib");
        git(&made.path, ["submodule", "--quiet", "update", "--init", "--recursive"]);
        commit(&made.path, "one.txt", "uses lib");
        git(&made.path, ["push", "-q", "origin", "work"]);
        assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
        let deep = made.path.join("lib/deep/inner");
        git(&deep, ["checkout", "-q", "--detach"]);
        let sha = commit(&deep, "new.txt", "x");
        commit(&made.path.join("lib"), "b.txt", "x");
        git(&made.path.join("lib"), ["push", "-q"]);
        commit(&made.path, "two.txt", "uses more of lib");
        git(&made.path, ["push", "-q", "origin", "work"]);
        let named = format!("commits that are nowhere else: `{} new.txt: x`", short(&sha));
        let want = [format!("in the submodule `lib/deep/inner`: {named}")];
        assert_eq!(lost(&lab, &dir, &made).await, want);
        // Its files are gone, its repository is not.
        git(&made.path, ["submodule", "--quiet", "deinit", "-f", "lib"]);
        let want = [format!("in the submodule `lib/deep/inner`: {named}")];
        assert_eq!(lost(&lab, &dir, &made).await, want);
        fs::remove_dir_all(&made.path).unwrap();
        assert_eq!(lost(&lab, &dir, &made).await, want);
    });
}

#[test]
fn stashes_and_new_files_of_a_submodule_are_named() {
    alone(async |lab: Lab| {
        let lib = lab.server("lib");
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        git(&made.path, ["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
        git(&made.path, ["commit", "-qm", "lib"]);
        git(&made.path, ["push", "-q", "origin", "work"]);
        git(&lab.root, ["config", "--global", "status.showUntrackedFiles", "no"]);
        git(&lab.root, ["config", "--global", "diff.ignoreSubmodules", "all"]);
        put(&made.path.join("lib/a.txt"), "changed");
        git(&made.path.join("lib"), ["stash", "push", "-q", "-m", "for later"]);
        put(&made.path.join("lib/new.txt"), "x");
        let got = lost(&lab, &dir, &made).await;
        let want = ["untracked `new.txt`", "stashed work: `On main: for later`"];
        for want in want.map(|it| format!("in the submodule `lib`: {it}")) {
            assert!(got.contains(&want), "{got:?}");
        }
    });
}

/// A tag that was fetched looks like one that was made here, so the remote is asked.
#[test]
fn a_commit_of_a_submodule_that_only_a_tag_has_is_asked_for() {
    alone(async |lab: Lab| {
        let lib = lab.server("lib");
        let pusher = lab.pusher("lib");
        git(&pusher, ["checkout", "-q", "--detach"]);
        commit(&pusher, "built.txt", "x");
        git(&pusher, ["tag", "-a", "-m", "one", "v1"]);
        git(&pusher, ["push", "-q", "origin", "v1"]);
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        git(&made.path, ["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
        git(&made.path.join("lib"), ["checkout", "-q", "v1"]);
        commit(&made.path, "one.txt", "uses lib");
        git(&made.path, ["push", "-q", "origin", "work"]);
        assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
        commit(&made.path.join("lib"), "mine.txt", "x");
        git(&made.path.join("lib"), ["tag", "v2"]);
        commit(&made.path, "two.txt", "uses more");
        git(&made.path, ["push", "-q", "origin", "work"]);
        let got = lost(&lab, &dir, &made).await;
        assert!(got.len() == 1 && got[0].contains("mine.txt"), "{got:?}");
    });
}

#[test]
fn the_main_worktree_is_refused_before_anything_else() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let repo = Repo::discover(&dir).unwrap();
        let git_dir = dir.join(".git");
        let subject = Subject { path: &dir, git_dir: &git_dir, branch: None, known: &[] };
        let refused = look(&lab, &repo, &subject).await;
        assert!(matches!(refused, Err(Error::MainWorktree { .. })), "{refused:?}");
    });
}

#[test]
fn a_lock_is_named() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        git(&dir, ["worktree", "lock", made.path.to_str().unwrap()]);
        let want = ["a lock on the worktree: no reason given"];
        assert_eq!(lost(&lab, &dir, &made).await, want);
    });
}

/// What the user told git not to look at is looked at before it is deleted.
#[test]
fn no_setting_hides_work() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        commit(&dir, "b.txt", "one");
        commit(&dir, "c.txt", "one");
        git(&dir, ["push", "-q", "origin", "main"]);
        let made = work(&lab, &dir).await;
        for (name, value) in [
            ("status.showUntrackedFiles", "no"),
            ("core.checkStat", "minimal"),
            ("core.trustctime", "false"),
            ("core.ignoreStat", "true"),
            ("core.untrackedCache", "true"),
        ] {
            git(&lab.root, ["config", "--global", name, value]);
        }
        git(&made.path, ["update-index", "--assume-unchanged", "a.txt"]);
        git(&made.path, ["update-index", "--skip-worktree", "b.txt", "c.txt"]);
        // As in a sparse checkout: nothing is there, and nothing is missed.
        fs::remove_file(made.path.join("c.txt")).unwrap();
        assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
        put(&made.path.join("a.txt"), "changed");
        put(&made.path.join("b.txt"), "changed");
        put(&made.path.join("new.txt"), "x");
        let want = ["uncommitted changes in `a.txt`, `b.txt`", "untracked `new.txt`"];
        assert_eq!(lost(&lab, &dir, &made).await, want);
    });
}

#[test]
fn commits_count_until_they_are_somewhere_else() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        let one = commit(&made.path, "one.txt", "1");
        let two = commit(&made.path, "two.txt", "2");
        let want = format!(
            "commits that are nowhere else: `{} two.txt: 2`, `{} one.txt: 1`",
            short(&two),
            short(&one)
        );
        assert_eq!(lost(&lab, &dir, &made).await, std::slice::from_ref(&want));
        for elsewhere in
            ["refs/heads/copy", "refs/tags/v1", "refs/wtmag/pr/7", "refs/remotes/origin/x"]
        {
            git(&dir, ["update-ref", elsewhere, &two]);
            assert_eq!(lost(&lab, &dir, &made).await, [""; 0], "{elsewhere}");
            git(&dir, ["update-ref", "-d", elsewhere]);
            assert_eq!(lost(&lab, &dir, &made).await, std::slice::from_ref(&want), "{elsewhere}");
        }
        git(&made.path, ["push", "-q", "origin", "work"]);
        assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
    });
}

#[test]
fn a_push_that_left_no_ref_behind_is_asked_for() {
    alone(async |lab: Lab| {
        let dir = lab.bare_layout("blog");
        let made = work(&lab, &dir).await;
        commit(&made.path, "one.txt", "1");
        assert_eq!(lost(&lab, &dir, &made).await.len(), 1);
        git(&made.path, ["push", "-q", "origin", "work"]);
        assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
        commit(&made.path, "two.txt", "2");
        assert_eq!(lost(&lab, &dir, &made).await.len(), 1);
    });
}

#[test]
fn commits_on_a_detached_head_count_too() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        git(&made.path, ["checkout", "-q", "--detach"]);
        let sha = commit(&made.path, "one.txt", "1");
        let want = format!("commits that are nowhere else: `{} one.txt: 1`", short(&sha));
        assert_eq!(lost(&lab, &dir, &made).await, [want]);
    });
}

#[test]
fn a_branch_that_stays_loses_no_commits() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        commit(&made.path, "one.txt", "1");
        let repo = Repo::discover(&dir).unwrap();
        let subject =
            Subject { path: &made.path, git_dir: &made.git_dir, branch: None, known: &[] };
        let found = look(&lab, &repo, &subject).await.unwrap();
        assert_eq!((found.list, found.tip), (vec![], None));
    });
}

#[test]
fn stashes_of_the_branch_and_unfinished_operations_count() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        put(&dir.join("a.txt"), "on main");
        git(&dir, ["stash", "-q"]);
        put(&made.path.join("a.txt"), "here");
        git(&made.path, ["stash", "push", "-q", "-m", "for later"]);
        assert_eq!(lost(&lab, &dir, &made).await, ["stashed work: `On work: for later`"]);
        git(&made.path, ["stash", "drop", "-q"]);
        commit(&made.path, "a.txt", "mine");
        git(&made.path, ["push", "-q", "origin", "work"]);
        git(&made.path, ["checkout", "-q", "-b", "theirs", "main"]);
        commit(&made.path, "a.txt", "theirs");
        git(&made.path, ["checkout", "-q", "work"]);
        let script = "git rebase -q theirs >/dev/null 2>&1 || true";
        git(&made.path, ["-c", &format!("alias.go=!{script}"), "go"]);
        let got = found(&lab, &dir, &made, &[]).await;
        assert!(got.contains(&Loss::Operation("a rebase")), "{got:?}");
        assert!(got.iter().any(|it| matches!(it, Loss::Uncommitted(_))), "{got:?}");
    });
}

/// Squashes `work` onto main over there, as a forge does, with `more` commits before and after.
fn squash(lab: &Lab, before: &[(&str, &str)], after: &[(&str, &str)]) {
    let pusher = lab.pusher("blog");
    git(&pusher, ["checkout", "-q", "main"]);
    git(&pusher, ["fetch", "-q", "origin"]);
    let now = tip(&pusher, "HEAD");
    for (file, text) in before {
        commit(&pusher, file, &format!("{text} {now}"));
    }
    git(&pusher, ["merge", "-q", "--squash", "origin/work"]);
    git(&pusher, ["commit", "-qm", "squashed (#1)"]);
    for (file, text) in after {
        commit(&pusher, file, &format!("{text} {now}"));
    }
    git(&pusher, ["push", "-q", "origin", "main", ":work"]);
}

#[test]
fn a_squash_merge_is_not_refused_for_ever() {
    alone(async |lab: Lab| {
        let cases: [(&[_], &[_]); 4] = [
            (&[], &[]),
            (&[("b.txt", "between")], &[]),
            (&[("b.txt", "between")], &[("c.txt", "later")]),
            // Later work on the very lines: only the change itself tells.
            (&[("b.txt", "between")], &[("one.txt", "rewritten later")]),
        ];
        let dir = lab.cloned("blog");
        for (n, (before, after)) in cases.iter().enumerate() {
            let made = lab.create(&dir, &GIT, &new("work")).await.unwrap();
            commit(&made.path, "one.txt", &format!("first {n}\n"));
            commit(&made.path, &format!("two{n}.txt"), "2");
            git(&made.path, ["push", "-q", "-f", "origin", "work"]);
            squash(&lab, before, after);
            git(&dir, ["update-ref", "-d", "refs/remotes/origin/work"]);
            assert_eq!(lost(&lab, &dir, &made).await, [""; 0], "case {n}");
            commit(&made.path, "three.txt", "not merged");
            let still = lost(&lab, &dir, &made).await;
            assert!(still.len() == 1 && still[0].contains("three.txt"), "case {n}: {still:?}");
            git(&dir, ["worktree", "remove", "--force", made.path.to_str().unwrap()]);
            git(&dir, ["branch", "-q", "-D", "work"]);
            // The next case's main must differ from this one's.
            lab.push("blog", "main", &format!("case {n}"));
        }
    });
}

#[test]
fn a_rebase_merge_is_not_refused_for_ever() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        commit(&made.path, "one.txt", "1");
        commit(&made.path, "two.txt", "2");
        git(&made.path, ["push", "-q", "origin", "work"]);
        let pusher = lab.pusher("blog");
        git(&pusher, ["fetch", "-q", "origin"]);
        commit(&pusher, "b.txt", "between");
        git(&pusher, ["cherry-pick", "main..origin/work"]);
        commit(&pusher, "one.txt", "rewritten");
        commit(&pusher, "two.txt", "rewritten");
        git(&pusher, ["push", "-q", "origin", "main", ":work"]);
        git(&dir, ["update-ref", "-d", "refs/remotes/origin/work"]);
        assert_eq!(lost(&lab, &dir, &made).await, [""; 0]);
    });
}

#[test]
fn work_that_was_taken_back_on_the_branch_is_still_work() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        commit(&made.path, "one.txt", "a try");
        git(&made.path, ["revert", "--no-edit", "HEAD"]);
        let got = lost(&lab, &dir, &made).await;
        assert!(got.len() == 1 && got[0].contains("one.txt: a try"), "{got:?}");
    });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a process to be found")]
fn processes_in_the_worktree_are_named_unless_they_are_known() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        fs::create_dir_all(made.path.join("sub")).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "cd sub; sleep 1000 & echo up; wait"])
            .current_dir(&made.path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        let got = found(&lab, &dir, &made, &[]).await;
        let commands: Vec<_> = got
            .iter()
            .map(|it| if let Loss::Process { command, .. } = it { command.as_str() } else { "?" })
            .collect();
        assert_eq!(commands.len(), 2, "{got:?}");
        assert!(commands.contains(&"sleep"), "{got:?}");
        assert_eq!(found(&lab, &dir, &made, &[child.id()]).await, []);
        let sleep = got.iter().find_map(|it| {
            if let Loss::Process { pid, command } = it {
                (command == "sleep").then_some(*pid)
            } else {
                None
            }
        });
        let sleep = i32::try_from(sleep.unwrap()).unwrap();
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(sleep),
            nix::sys::signal::Signal::SIGKILL,
        )
        .unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn a_worktree_that_is_gone_still_has_its_commits() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        commit(&made.path, "one.txt", "1");
        fs::remove_dir_all(&made.path).unwrap();
        assert_eq!(lost(&lab, &dir, &made).await.len(), 1);
    });
}
