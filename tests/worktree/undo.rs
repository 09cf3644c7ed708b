//! A `create` that does not reach its end leaves nothing behind, however it ended.
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use wtmag::git::{self, Error, Repo, Tool, WorktreeRequest, make, record, scratch, undo};

use super::lab::{GIT, Lab, alone, commit, git, new, part, put, tip, traces, until, worker};
use crate::support::is_full;

/// The role of a child: makes a worktree up to the commit point and stops there.
#[test]
#[ignore = "played by children of other tests"]
fn one_create() {
    let Some((dir, branch)) = part() else { return };
    alone(async |lab: Lab| {
        let tool = if branch.starts_with("git") { GIT } else { lab.wt().await };
        let repo = Repo::discover(&dir).unwrap();
        let mut journal = undo::start(&lab.journals(), &repo).unwrap();
        let done = lab.steps(&repo, &tool, &new(&branch), &mut journal).await;
        let partial = lab.root.join(format!("ending-{branch}"));
        put(&partial, &format!("{:?}", done.err()));
        fs::rename(partial, lab.root.join(format!("ended-{branch}"))).unwrap();
        std::future::pending::<()>().await;
    });
}

fn start(lab: &Lab, dir: &Path, branch: &str) -> Child {
    let mut command = lab.role("worktree::undo::one_create", dir, branch);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A process with everything it started, nearest first.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&parent) = all.get(next) {
        let tasks = format!("/proc/{parent}/task");
        for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|it| it.parse::<u32>().ok()));
        }
        next += 1;
    }
    all
}

fn signal(pid: u32, signal: Signal) {
    // It may have ended by itself.
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap_or_default();
}

/// A clone that takes some milliseconds to check out.
fn large(lab: &Lab) -> PathBuf {
    let dir = lab.cloned("blog");
    let pusher = lab.pusher("blog");
    for n in 0..400 {
        put(&pusher.join(format!("d{}/f{n}.txt", n % 20)), &"some text\n".repeat(n));
    }
    git(&pusher, ["add", "-A", "."]);
    git(&pusher, ["commit", "-qm", "many"]);
    git(&pusher, ["push", "-q", "origin", "main"]);
    dir
}

/// Kills `kills` creates at moments spread over their whole life, alone or with all their children, and
/// expects that the next command finds everything as it was.
async fn check_kills(lab: Lab, tool: &str, kills: u32) {
    let dir = large(&lab);
    let ended = lab.root.join(format!("ended-{tool}"));
    let begin = Instant::now();
    let mut child = start(&lab, &dir, tool);
    until("the first create ends", || ended.exists());
    let life = begin.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read_to_string(&ended).unwrap(), "None");
    assert_eq!(lab.sweep().await.len(), 1);
    let before = traces(&dir);
    let mut found = 0;
    for n in 0..kills {
        let mut child = start(&lab, &dir, tool);
        tokio::time::sleep(life * n / kills).await;
        let doomed = if n % 2 == 0 { vec![child.id()] } else { family(child.id()) };
        doomed.iter().for_each(|&pid| signal(pid, Signal::SIGKILL));
        child.wait().unwrap();
        let undone = lab.sweep().await;
        found += u32::from(!undone.is_empty());
        assert!(undone.iter().all(|it| it.kept.is_empty()), "{n}: {undone:?}");
        assert_eq!(
            traces(&dir),
            before,
            "{n} after {:?} of {life:?}: {undone:?}",
            life * n / kills
        );
        fs::remove_file(&ended).unwrap_or_default();
    }
    assert!(found * 3 >= kills, "only {found} of the creates had begun");
    // Nothing is in the way of the next one.
    let tool_now = if tool == "git" { GIT } else { lab.wt().await };
    lab.create(&dir, &tool_now, &new(tool)).await.unwrap();
    assert_eq!(fs::read_dir(lab.journals()).unwrap().count(), 0);
}

#[test]
fn a_create_by_worktrunk_that_is_killed_is_undone_by_the_next_command() {
    alone(async |lab| check_kills(lab, "wt", if is_full() { 400 } else { 10 }).await);
}

#[test]
fn a_create_by_git_that_is_killed_is_undone_by_the_next_command() {
    alone(async |lab| check_kills(lab, "git", 10).await);
}

/// A create that made everything and did not live to see its commit point.
async fn die(lab: &Lab, repo: &Repo) {
    let mut journal = undo::start(&lab.journals(), repo).unwrap();
    lab.steps(repo, &GIT, &new("work"), &mut journal).await.unwrap();
}

/// Where git and WorkTrunk would be stopped by each other's dead.
fn locks(dir: &Path) -> [PathBuf; 2] {
    ["packed-refs.lock", "config.lock"].map(|name| dir.join(".git").join(name))
}

#[test]
fn locks_of_a_git_that_was_killed_go_with_what_it_made() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let before = traces(&dir);
        let repo = Repo::discover(&dir).unwrap();
        die(&lab, &repo).await;
        locks(&dir).iter().for_each(|it| put(it, ""));
        let undone = lab.sweep().await.pop().unwrap();
        assert_eq!(undone.kept, [""; 0]);
        assert!(undone.removed.contains(&format!("lock `{}`", locks(&dir)[0].display())));
        assert!(locks(&dir).iter().all(|it| !it.exists()));
        assert_eq!(traces(&dir), before);
        git(&dir, ["branch", "next"]);
        git(&dir, ["branch", "-D", "next"]);
    });
}

#[test]
fn locks_of_others_are_waited_for_and_left_alone() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let [refs, config] = locks(&dir);
        // Of long before.
        put(&config, "");
        let file = File::open(&config).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        file.set_modified(written - Duration::from_secs(86_400)).unwrap();
        let repo = Repo::discover(&dir).unwrap();
        die(&lab, &repo).await;
        // Of a living process that releases it.
        put(&refs, "");
        let lets_go = refs.clone();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            fs::remove_file(lets_go).unwrap();
        });
        let undone = lab.sweep().await.pop().unwrap();
        other.join().unwrap();
        assert_eq!(undone.kept, [""; 0]);
        assert!(undone.removed.iter().all(|it| !it.starts_with("lock")), "{undone:?}");
        assert!(config.exists());
        fs::remove_file(&config).unwrap();
        // Of a git that runs for long, here because its input never ends.
        die(&lab, &repo).await;
        put(&refs, "");
        let mut busy = busy_git(&dir);
        let leftover = lab.run(async |run| git::leftovers(&lab.journals(), run).await).await;
        let leftover = leftover.unwrap().pop().unwrap();
        assert!(lab.run(async |run| leftover.undo(run).await).await.is_err());
        assert!(refs.exists());
        busy.kill().unwrap();
        busy.wait().unwrap();
        assert_eq!(lab.sweep().await.pop().unwrap().kept, [""; 0]);
        assert!(!refs.exists());
    });
}

#[expect(clippy::disallowed_methods, reason = "the user's own git")]
fn busy_git(dir: &Path) -> Child {
    let mut command = std::process::Command::new("git");
    command.args(["cat-file", "--batch"]).current_dir(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_create_that_still_runs_is_not_undone() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let mut child = start(&lab, &dir, "git");
        until("it stands at its commit point", || lab.root.join("ended-git").exists());
        assert_eq!(lab.sweep().await, []);
        let there = Repo::discover(&dir).unwrap().worktree_of("git").unwrap();
        assert!(there.is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        let undone = lab.sweep().await;
        let path = lab.root.join("src/blog.git");
        let removed = [format!("worktree `{}`", path.display()), "branch `git`".to_owned()];
        assert_eq!(undone[0].removed, removed);
    });
}

#[test]
fn a_leftover_whose_worker_lives_can_be_forgotten() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let repo = Repo::discover(&dir).unwrap();
        let mut journal = undo::start(&lab.journals(), &repo).unwrap();
        let made = lab.steps(&repo, &GIT, &new("work"), &mut journal).await.unwrap();
        drop(journal);
        let dir = lab.journals();
        let mut found = lab.run(async |run| git::leftovers(&dir, run).await).await.unwrap();
        let leftover = found.pop().unwrap();
        assert_eq!(leftover.worktree(), Some(made.path.as_path()));
        assert_eq!(leftover.branch(), Some("work"));
        leftover.forget().unwrap();
        assert_eq!(lab.sweep().await, []);
        assert!(made.path.exists());
    });
}

#[test]
fn every_failure_and_every_stop_leaves_what_was_before() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let before = traces(&dir);
        let repo = Repo::discover(&dir).unwrap();
        for tool in [GIT, lab.wt().await] {
            // Stopped before anything, and at each thing it tells.
            for stop_at in 0..3 {
                let (stop, cancel) = tokio::sync::watch::channel(stop_at == 0);
                let mut told = 0;
                let mut tell = |_: &git::News| {
                    told += 1;
                    if told == stop_at {
                        stop.send(true).unwrap();
                    }
                };
                let mut run = git::Run { cancel: &cancel, tell: &mut tell };
                let mut journal = undo::start(&lab.journals(), &repo).unwrap();
                let made = make(&repo, &tool, &new("work"), &mut journal, &mut run).await;
                if let Err(it) = &made {
                    assert!(it.is_cancelled(), "{it:?}");
                }
                let undone = undo::undo(journal, &mut run).await.unwrap();
                assert_eq!(undone.kept, [""; 0]);
                assert_eq!(traces(&dir), before);
            }
        }
    });
}

#[test]
fn a_create_that_is_given_up_at_any_moment_leaves_what_was_before() {
    alone(async |lab: Lab| {
        let dir = large(&lab);
        let before = traces(&dir);
        let repo = Repo::discover(&dir).unwrap();
        let given_up = async |tool: &Tool, after: Duration| {
            let (stop, cancel) = tokio::sync::watch::channel(false);
            let mut tell = |_: &git::News| {};
            let mut run = git::Run { cancel: &cancel, tell: &mut tell };
            let mut journal = undo::start(&lab.journals(), &repo).unwrap();
            let order = new("work");
            let stopping = async {
                tokio::time::sleep(after).await;
                stop.send(true).unwrap();
                std::future::pending::<()>().await;
            };
            let making = make(&repo, tool, &order, &mut journal, &mut run);
            let made: Result<_, Error> =
                tokio::select! { made = making => made, () = stopping => return };
            assert!(made.as_ref().err().is_none_or(Error::is_cancelled), "{made:?}");
            let undone = undo::undo(journal, &mut run).await.unwrap();
            assert_eq!(undone.kept, [""; 0]);
            assert_eq!(traces(&dir), before, "after {after:?}");
        };
        for tool in [GIT, lab.wt().await] {
            let begin = Instant::now();
            given_up(&tool, Duration::MAX).await;
            let life = begin.elapsed();
            for n in 0..10 {
                given_up(&tool, life * n / 10).await;
            }
        }
    });
}

#[test]
fn what_was_there_before_stays() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        git(&dir, ["worktree", "add", "-q", "-b", "work", "../work"]);
        let worktree = lab.root.join("src/work");
        put(&worktree.join("draft.txt"), "mine");
        put(&worktree.join(".wtmag/prompt.md"), "the earlier task");
        let before = traces(&dir);
        let repo = Repo::discover(&dir).unwrap();
        for notes in [true, false] {
            let mut journal = undo::start(&lab.journals(), &repo).unwrap();
            let reuse = WorktreeRequest { reuse: true, ..new("work") };
            let made = lab.steps(&repo, &GIT, &reuse, &mut journal).await.unwrap();
            assert_eq!(
                fs::read_to_string(worktree.join(".wtmag/prompt.md")).unwrap(),
                "the task\n"
            );
            let undone = lab.run(async |run| undo::undo(journal, run).await).await.unwrap();
            assert_eq!(undone, git::Undone::default());
            assert_eq!(traces(&dir), before);
            assert_eq!(record::load(&made.git_dir).unwrap(), None);
            assert_eq!(fs::read_to_string(worktree.join("draft.txt")).unwrap(), "mine");
            if notes {
                let brief = fs::read_to_string(worktree.join(".wtmag/prompt.md")).unwrap();
                assert_eq!(brief, "the earlier task");
                fs::remove_dir_all(worktree.join(".wtmag")).unwrap();
            } else {
                assert!(!worktree.join(".wtmag").exists());
            }
        }
    });
}

#[test]
fn a_branch_or_record_of_another_owner_is_not_undone() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let first = lab.create(&dir, &GIT, &new("work")).await.unwrap();
        let refused = lab.create(&dir, &GIT, &WorktreeRequest { reuse: true, ..new("work") }).await;
        assert!(matches!(refused, Err(Error::Claimed { .. })), "{refused:?}");
        assert_eq!(record::load(&first.git_dir).unwrap(), Some(worker("work")));
        assert_eq!(tip(&dir, "work"), first.base.unwrap().sha);
    });
}

#[test]
fn work_that_came_meanwhile_is_kept_and_named() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let repo = Repo::discover(&dir).unwrap();
        let wt = lab.wt().await;
        let undone = async |tool: &Tool, change: &dyn Fn(&Path)| {
            let mut journal = undo::start(&lab.journals(), &repo).unwrap();
            let made = lab.steps(&repo, tool, &new("work"), &mut journal).await.unwrap();
            change(&made.path);
            let undone = lab.run(async |run| undo::undo(journal, run).await).await.unwrap();
            assert!(made.path.exists());
            git(&dir, ["worktree", "remove", "--force", made.path.to_str().unwrap()]);
            git(&dir, ["branch", "-D", "work"]);
            (made.path.display().to_string(), undone.kept)
        };
        let (path, kept) = undone(&wt, &|dir| drop(commit(dir, "new.txt", "x"))).await;
        let want = [
            format!("worktree `{path}`: it has new commits"),
            "branch `work`: it has new commits".to_owned(),
        ];
        assert_eq!(kept, want);
        let (path, kept) = undone(&GIT, &|dir| put(&dir.join("new.txt"), "x")).await;
        let want = [
            format!("worktree `{path}`: it has changes"),
            format!("branch `work`: it is checked out in `{path}`"),
        ];
        assert_eq!(kept, want);
    });
}

/// What git leaves when it is killed between registering a worktree and filling it.
fn halve(made: &git::Made, head: &str) {
    put(&made.git_dir.join("locked"), "initializing");
    put(&made.git_dir.join("HEAD"), head);
    put(&made.git_dir.join("index.lock"), "");
    fs::remove_file(made.git_dir.join("index")).unwrap();
    fs::remove_file(made.path.join("a.txt")).unwrap();
}

#[test]
fn a_half_made_worktree_is_taken_apart_unless_it_holds_strange_files() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let repo = Repo::discover(&dir).unwrap();
        let before = traces(&dir);
        let null = format!("{}\n", "0".repeat(40));
        for (tool, head) in [
            (GIT, "ref: refs/heads/work\n"),
            (GIT, &null),
            (lab.wt().await, "ref: refs/heads/work\n"),
            (lab.wt().await, &null),
            (lab.wt().await, ""),
        ] {
            let mut journal = undo::start(&lab.journals(), &repo).unwrap();
            let order = new("work");
            let made =
                lab.run(async |run| make(&repo, &tool, &order, &mut journal, run).await).await;
            let made = made.unwrap();
            halve(&made, head);
            put(&dir.join(".git/refs/heads/work.lock"), "");
            put(&made.path.join("precious.txt"), "x");
            drop(journal);
            let undone = lab.sweep().await.pop().unwrap();
            let want = format!(
                "worktree `{}`: it holds files that git did not put there",
                made.path.display()
            );
            assert_eq!(undone.kept[0], want);
            assert!(made.path.join("precious.txt").exists());
            // By hand now, as the message asks for.
            fs::remove_dir_all(&made.path).unwrap();
            fs::remove_dir_all(&made.git_dir).unwrap();
            if repo.branch_tip("work").unwrap().is_some() {
                git(&dir, ["branch", "-D", "-q", "work"]);
            }
            assert_eq!(traces(&dir), before);

            let mut journal = undo::start(&lab.journals(), &repo).unwrap();
            let made =
                lab.run(async |run| make(&repo, &tool, &order, &mut journal, run).await).await;
            halve(&made.unwrap(), head);
            drop(journal);
            assert_eq!(lab.sweep().await.pop().unwrap().kept, [""; 0]);
            assert_eq!(traces(&dir), before);
        }
    });
}

#[test]
fn a_worktree_that_git_had_only_begun_is_taken_apart() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let repo = Repo::discover(&dir).unwrap();
        let before = traces(&dir);
        // What is in the registration and in the directory, as git fills them one by one.
        let stages: [(&[&str], Option<&[&str]>); 5] = [
            (&[], None),
            (&["locked"], None),
            (&["locked"], Some(&[])),
            (&["locked", "gitdir"], Some(&[])),
            (&["locked", "gitdir"], Some(&[".git"])),
        ];
        for tool in [GIT, lab.wt().await] {
            for (registered, there) in stages {
                let mut journal = undo::start(&lab.journals(), &repo).unwrap();
                let order = new("a/work");
                let made = lab.run(async |run| make(&repo, &tool, &order, &mut journal, run).await);
                let made = made.await.unwrap();
                let gitdir = fs::read_to_string(made.git_dir.join("gitdir")).unwrap();
                fs::remove_dir_all(&made.git_dir).unwrap();
                fs::remove_dir_all(&made.path).unwrap();
                fs::create_dir_all(&made.git_dir).unwrap();
                for name in registered {
                    let text = if *name == "gitdir" { &gitdir } else { "initializing\n" };
                    put(&made.git_dir.join(name), text);
                }
                if let Some(files) = there {
                    fs::create_dir_all(&made.path).unwrap();
                    files.iter().for_each(|name| put(&made.path.join(name), ""));
                }
                drop(journal);
                assert_eq!(lab.sweep().await.pop().unwrap().kept, [""; 0]);
                assert_eq!(traces(&dir), before, "{registered:?} {there:?}");
            }
        }
    });
}

#[test]
fn other_half_made_worktrees_are_none_of_our_business() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let repo = Repo::discover(&dir).unwrap();
        let mut journal = undo::start(&lab.journals(), &repo).unwrap();
        lab.steps(&repo, &lab.wt().await, &new("work"), &mut journal).await.unwrap();
        let other = dir.join(".git/worktrees/other");
        put(&other.join("locked"), "initializing");
        put(&other.join("HEAD"), &"0".repeat(40));
        drop(journal);
        lab.sweep().await;
        assert!(other.exists());
    });
}

#[test]
fn a_journal_that_death_cut_in_the_middle_of_a_line_is_read_up_to_there() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let before = traces(&dir);
        let repo = Repo::discover(&dir).unwrap();
        let mut journal = undo::start(&lab.journals(), &repo).unwrap();
        lab.steps(&repo, &GIT, &new("work"), &mut journal).await.unwrap();
        drop(journal);
        let file = fs::read_dir(lab.journals()).unwrap().next().unwrap().unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        put(&file, &format!("{text}{{\"step\":\"rec"));
        assert_eq!(lab.sweep().await.len(), 1);
        assert_eq!(traces(&dir), before);
        // A journal that cannot be parsed is left for the user to inspect.
        put(&file, "nonsense\n");
        assert_eq!(lab.sweep().await, []);
        assert!(file.exists());
    });
}

#[test]
fn a_repository_that_is_gone_needs_no_undoing() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let repo = Repo::discover(&dir).unwrap();
        let mut journal = undo::start(&lab.journals(), &repo).unwrap();
        let made = lab.steps(&repo, &GIT, &new("work"), &mut journal).await.unwrap();
        drop(journal);
        fs::remove_dir_all(lab.root.join("src")).unwrap();
        assert_eq!(lab.sweep().await, [git::Undone::default()]);
        assert!(scratch::write_brief(&made.path, "x").is_err());
    });
}

#[test]
fn the_lock_is_waited_for_in_the_open_and_not_for_ever() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let repo = Repo::discover(&dir).unwrap();
        let held = lab.run(async |run| git::RepoLock::acquire(&repo, run).await).await.unwrap();
        let short = Duration::from_millis(50);
        let busy =
            lab.run(async |run| git::RepoLock::acquire_within(&repo, short, run).await).await;
        assert!(matches!(busy, Err(Error::Busy { .. })), "{busy:?}");
        let own = std::process::id();
        assert_eq!(lab.news(), [format!("waiting for the repository: process {own} is using it")]);
        let waiting = lab.run(async |run| git::RepoLock::acquire(&repo, run).await);
        let letting_go = async { drop(held) };
        let (got, ()) = tokio::join!(waiting, letting_go);
        got.unwrap();
    });
}
