//! What a removal would lose, where a row of the table does not tell it: submodules in submodules, other
//! layouts, races, processes.
use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use wtmag::git::{
    Error, Made, RepoLock,
    removal::{Facts, Loss, Policy, Subject, look, losses},
};

use super::lab::{GIT, Lab, alone, commit, git, new, tip};

/// What would be lost with the worktree and its branch, in words.
async fn lost(lab: &Lab, dir: &Path, made: &Made) -> Vec<String> {
    found(lab, dir, made, &[]).await.iter().map(ToString::to_string).collect()
}

async fn found(lab: &Lab, dir: &Path, made: &Made, known: &[u32]) -> Vec<Loss> {
    let facts = facts(lab, dir, made, (Some(&made.branch), known)).await.unwrap();
    losses(&facts, Policy::Before)
}

async fn facts(
    lab: &Lab,
    dir: &Path,
    made: &Made,
    (branch, known): (Option<&str>, &[u32]),
) -> Result<Facts, Error> {
    let common_dir = dir.join(".git");
    let subject = Subject {
        common_dir: &common_dir,
        path: &made.path,
        git_dir: &made.git_dir,
        branch,
        known,
        landed: None,
    };
    lab.run(async |run| {
        let lock = RepoLock::acquire_damaged(&common_dir, run).await?;
        look(&lock, &subject, run).await
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

/// As when many workers are cleaned up at once.
#[test]
#[expect(clippy::disallowed_methods, reason = "another process's git")]
fn refs_that_others_delete_meanwhile_are_not_in_the_way() {
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
        let named =
            format!("commits that no other branch or remote has: `{} new.txt: x`", short(&sha));
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
fn a_branch_that_stays_loses_no_commits() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        commit(&made.path, "one.txt", "1");
        let found = facts(&lab, &dir, &made, (None, &[])).await.unwrap();
        assert_eq!((losses(&found, Policy::Before), found.branch), (vec![], None));
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
            .map(|it| if let Loss::Process(it) = it { it.command.as_str() } else { "?" })
            .collect();
        assert_eq!(commands.len(), 2, "{got:?}");
        assert!(commands.contains(&"sleep"), "{got:?}");
        assert_eq!(found(&lab, &dir, &made, &[child.id()]).await, []);
        let sleep = got.iter().find_map(|it| {
            if let Loss::Process(it) = it {
                (it.command == "sleep").then_some(it.pid)
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

/// Prompts, editors and wtmag itself start git, which ends soon.
#[test]
#[expect(clippy::disallowed_methods, reason = "a process to be found")]
fn a_git_that_ends_soon_is_waited_for() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        let start = || {
            let mut git = Command::new("git")
                .args(["cat-file", "--batch-check"])
                .current_dir(&made.path)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            git.stdin.as_mut().unwrap().write_all(b"x\n").unwrap();
            let mut answer = [0; 10];
            git.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
            git
        };
        let mut brief = start();
        let end = async {
            // It runs this long.
            tokio::time::sleep(Duration::from_millis(300)).await;
            drop(brief.stdin.take());
            brief.wait().unwrap();
        };
        assert_eq!(tokio::join!(found(&lab, &dir, &made, &[]), end).0, []);
        // Meanwhile, everything else is not looked at again and again: this filter runs with each look.
        let looks = lab.root.join("looks");
        let clean = format!("cat; echo >> '{}'", looks.display());
        git(&dir, ["config", "filter.counts.clean", &clean]);
        fs::write(dir.join(".git/info/attributes"), "a.txt filter=counts\n").unwrap();
        fs::write(made.path.join("a.txt"), "two").unwrap();
        let changed = lost(&lab, &dir, &made).await;
        assert_eq!(changed.len(), 1, "{changed:?}");
        let n_looks = || fs::read_to_string(&looks).unwrap().lines().count();
        let one = n_looks();
        assert!(one > 0);
        let mut other = start();
        let got = lost(&lab, &dir, &made).await;
        assert!(got.len() == 2 && got[1].contains("(`git`) runs in the worktree"), "{got:?}");
        assert_eq!(n_looks(), 2 * one);
        drop(other.stdin.take());
        other.wait().unwrap();
    });
}

#[test]
fn the_main_worktree_is_refused_before_anything_else() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let made = work(&lab, &dir).await;
        let main = Made { path: dir.clone(), git_dir: dir.join(".git"), ..made };
        let refused = facts(&lab, &dir, &main, (None, &[])).await;
        assert!(matches!(refused, Err(Error::MainWorktree { .. })), "{refused:?}");
    });
}
