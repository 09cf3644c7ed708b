//! Many workers at once, and a hub that dies in the middle: nothing is delivered twice, nothing is left behind.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::support::{BOOTSTRAP, Hand, Yard, eventually, is_full, poll, seeds};

fn random(seeds: &[u64]) -> Vec<Hand> {
    seeds.iter().copied().map(Hand::random).collect()
}

fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() && !path.is_symlink() {
            true => found.extend(files(&path, ending)),
            false if path.to_string_lossy().ends_with(ending) => found.push(path),
            false => {}
        }
    }
    found
}

fn git(yard: &Yard, dir: &Path, args: &[&str]) -> String {
    yard.sandbox.run("git").args(args).cwd(dir).run().success()
}

/// What no command may leave behind, with or without workers.
fn litter(yard: &Yard) -> Vec<String> {
    let mut litter = Vec::new();
    let refs = git(yard, &yard.repo, &["for-each-ref", "--format=%(refname)", "refs/wtmag"]);
    litter.extend(refs.lines().filter(|it| *it != "refs/wtmag/base/main").map(str::to_owned));
    litter.extend(files(&yard.repo.join(".git"), ".lock").iter().map(|it| format!("{it:?}")));
    litter
        .extend(files(&yard.sandbox.path("state"), ".journal").iter().map(|it| format!("{it:?}")));
    let buffers = yard.sandbox.tmux().run(["list-buffers"]);
    litter.extend(buffers.lines().map(|it| format!("buffer {it}")));
    litter
}

/// What is there when no worker is: the clone, its branch, the session and its window.
fn check_empty(yard: &Yard) {
    let fleet_is_gone = || {
        let sessions = yard.sandbox.tmux().run(["list-windows", "-a", "-F", "#{session_name}"]);
        (sessions == "main").then_some(())
    };
    eventually(Duration::from_secs(20), "all windows to go", fleet_is_gone);
    assert_eq!(litter(yard), [""; 0]);
    let worktrees = git(yard, &yard.repo, &["worktree", "list", "--porcelain"]);
    assert_eq!(worktrees.matches("worktree ").count(), 1, "{worktrees}");
    let branches = git(yard, &yard.repo, &["branch", "--format=%(refname:short)"]);
    assert_eq!(branches.trim(), "main");
    let beside = fs::read_dir(yard.repo.parent().unwrap()).unwrap();
    let beside: BTreeSet<_> = beside.map(|it| it.unwrap().file_name()).collect();
    assert!(beside.iter().all(|it| it == "blog" || it == "ann"), "{beside:?}");
}

/// Removes all workers at the same time.
fn clean_up(yard: &Yard) {
    let workers = yard.workers();
    thread::scope(|scope| {
        for worker in workers.values() {
            scope.spawn(move || yard.wtmag(&["cleanup", "--force", "--yes", worker]).success());
        }
    });
    let left = yard.workers();
    assert!(left.is_empty(), "{left:?}");
}

/// Pushes to main, one commit after the other, until told to stop.
fn push(yard: &Yard, stop: &AtomicBool) -> usize {
    let dir = yard.sandbox.path("src/ann/blog");
    let remote = yard.sandbox.path("remotes/blog.git").display().to_string();
    git(yard, &yard.sandbox.path("src"), &["clone", "--quiet", &remote, "ann/blog"]);
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        git(yard, &dir, &["commit", "--quiet", "--allow-empty", "-m", &format!("Change {n}")]);
        git(yard, &dir, &["push", "--quiet"]);
    }
    n
}

fn check_batch(n: usize, seeds: &[u64]) {
    let hands = random(seeds);
    let yard = Yard::new("bash", &hands);
    let stop = AtomicBool::new(false);
    let (ran, n_pushes) = thread::scope(|scope| {
        let pusher = scope.spawn(|| push(&yard, &stop));
        let ran = yard.create_all(&hands);
        stop.store(true, Ordering::Relaxed);
        (ran, pusher.join().unwrap())
    });
    let workers = yard.workers();
    let mut faults = Vec::new();
    for (hand, ran) in hands.iter().zip(ran) {
        let Some(worker) = workers.get(&hand.name) else {
            faults.push(format!("{}: no worker: {ran}", hand.name));
            continue;
        };
        let wrong = yard.faults(worker, &[BOOTSTRAP]);
        if ran.code != 0 || !wrong.is_empty() {
            faults.push(format!("{}: {wrong:?} {ran}\n{}", hand.name, yard.account(worker)));
        } else if ran.stderr.contains("lock") {
            faults.push(format!("{}: {ran}", hand.name));
        }
    }
    assert!(faults.is_empty(), "{} of {n}: {}", faults.len(), faults.join("\n"));
    assert_eq!((workers.len(), litter(&yard)), (n, vec![]));
    git(&yard, &yard.repo, &["fetch", "--quiet"]);
    for worktree in git(&yard, &yard.repo, &["worktree", "list"]).lines() {
        let head = worktree.split_whitespace().nth(1).unwrap();
        git(&yard, &yard.repo, &["merge-base", "--is-ancestor", head, "origin/main"]);
    }
    println!("{n} workers while {n_pushes} commits came");
    clean_up(&yard);
    check_empty(&yard);
}

#[test]
fn twenty_creates_at_once_while_others_push_make_twenty_workers_and_leave_nothing() {
    const AT_ONCE: usize = 20;
    let n_batches = if is_full() { 20 } else { 1 };
    for (at, seeds) in seeds(n_batches * AT_ONCE).chunks(AT_ONCE).enumerate() {
        check_batch(AT_ONCE, seeds);
        println!("batch {} of {n_batches} done", at + 1);
    }
}

/// Kills the hub repeatedly: after a random time, or just after text was typed into an agent.
fn kill_hubs(yard: &Yard, seed: u64, stop: &AtomicBool) -> usize {
    let state = yard.sandbox.path("state");
    let mut draw = seed | 1;
    let mut n_killed = 0;
    while !stop.load(Ordering::Relaxed) {
        // Marsaglia's xorshift.
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        if draw.is_multiple_of(2) {
            let n_before = yard.sandbox.agent_log().all("bytes", None).len();
            let typed = || {
                let n = yard.sandbox.agent_log().all("bytes", None).len();
                (n > n_before || stop.load(Ordering::Relaxed)).then_some(())
            };
            eventually(Duration::from_secs(300), "an agent to be typed to", typed);
            thread::sleep(Duration::from_millis(draw / 2 % 300));
        } else {
            thread::sleep(Duration::from_millis(200 + draw % 4000));
        }
        let file = files(&state, "hub.json").into_iter().next();
        let Some(text) = file.and_then(|it| fs::read_to_string(it).ok()) else { continue };
        let pid = serde_json::from_str::<Value>(&text).unwrap()["pid"].as_i64().unwrap();
        let pid = Pid::from_raw(i32::try_from(pid).unwrap());
        n_killed += usize::from(kill(pid, Signal::SIGKILL).is_ok());
    }
    n_killed
}

/// A delivery that is not stuck would still change.
fn is_settled(receipt: &Value) -> bool {
    matches!(receipt["step"].as_str(), Some("accepted" | "failed" | "cancelled"))
}

/// The faults in this worker's deliveries, given that hubs died: no text may arrive twice, in part or at the wrong
/// worker; a text that did not arrive must be reported.
fn faults_after_kills(yard: &Yard, worker: &str, is_known: bool) -> Vec<String> {
    let log = yard.sandbox.agent_log();
    let n_turns = log.turns(Some(worker)).len();
    let want: &[&str] = if n_turns == 0 { &[] } else { &[BOOTSTRAP] };
    let mut faults = yard.faults(worker, want);
    if !is_known {
        return faults;
    }
    let receipts = yard.receipts(worker);
    let step = receipts.first().map(|it| it["step"].clone()).unwrap_or_default();
    match (n_turns, step.as_str()) {
        (0, Some("accepted")) | (_, None) => faults.push(format!("the receipt says {receipts:?}")),
        (1, Some("accepted")) => {}
        (n, step) => println!("{worker}: {n} turns, {step:?}: {}", receipts[0]["evidence"]),
    }
    faults
}

fn check_kills(n: usize, seeds: &[u64]) {
    let mut hands = random(seeds);
    let yard = Yard::new("bash", &hands);
    let stop = AtomicBool::new(false);
    let n_failed = AtomicUsize::new(0);
    let n_killed = thread::scope(|scope| {
        let killer = scope.spawn(|| kill_hubs(&yard, seeds[0], &stop));
        for ran in yard.create_all(&hands) {
            if ran.code != 0 {
                n_failed.fetch_add(1, Ordering::Relaxed);
                println!("{ran}");
            }
        }
        stop.store(true, Ordering::Relaxed);
        killer.join().unwrap()
    });
    let ids: Vec<String> = yard.workers().into_values().collect();
    for id in &ids {
        let settled = || yard.receipts(id).iter().all(is_settled).then_some(());
        let what = || format!("the delivery to be over: {}", yard.account(id));
        if poll(Duration::from_secs(60), settled).is_none() {
            panic!("{}", what());
        }
    }
    let known: BTreeSet<String> = yard.workers().into_values().collect();
    let started = yard.sandbox.agent_log().all("start", None);
    let started = started.iter().map(|it| it["worker"].as_str().unwrap().to_owned());
    let mut faults = Vec::new();
    for worker in started.collect::<BTreeSet<String>>() {
        let wrong = faults_after_kills(&yard, &worker, known.contains(&worker));
        if !wrong.is_empty() {
            faults.push(format!("{worker}: {}\n{}", wrong.join("; "), yard.account(&worker)));
        }
    }
    println!("{n} creates, {n_failed:?} failed; {n_killed} hubs killed; {} workers", known.len());
    assert!(faults.is_empty(), "{}: {}", faults.len(), faults.join("\n"));
    // The next create undoes what the killed ones left.
    hands.truncate(0);
    hands.push(Hand::new("calm", &[]));
    yard.hire(&hands);
    yard.create("calm", &["-s"]).success();
    assert_eq!(litter(&yard), [""; 0]);
    clean_up(&yard);
    check_empty(&yard);
}

#[test]
fn a_killed_hub_delivers_nothing_twice() {
    const AT_ONCE: usize = 10;
    let n = if is_full() { 50 } else { 6 };
    for seeds in seeds(n).chunks(AT_ONCE) {
        check_kills(seeds.len(), seeds);
    }
}
