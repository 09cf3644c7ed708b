//! The rows of the table of losses once more for the verb `wtmag cleanup --merged`: as they are, and after another
//! user has merged the work. A row with a loss is never removed; of what is removed, every commit must be
//! in another ref and every file in a commit, judged by git from outside.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use wtmag::git::Made;

use super::{
    lab::{Lab, git, tip},
    losses::{COMMITS, Ground, Row, listing, removal_place},
};
use crate::support::Sandbox;

const CONFIG: &str = "[agents.default]\nname = \"over\"\n[agents.over]\ncommand = \"true\"\n\
    [worktree]\nbackend = \"git\"\n";

/// A tmux server with a hub, whose workers' agents end at once.
pub(crate) struct Sweeper {
    sandbox: Sandbox,
    pane: String,
    /// How many were removed as they were made, and how many once they were merged.
    pub(crate) removed: [usize; 2],
}

/// What there is before a sweep.
struct Before {
    at: PathBuf,
    listing: Vec<String>,
    commits: BTreeSet<String>,
    tip: Option<String>,
}

impl Sweeper {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.put("config/wtmag/config.toml", CONFIG);
        let pane = sandbox.tmux().start("main");
        Self { sandbox, pane, removed: [0, 0] }
    }

    pub(crate) async fn check(&mut self, lab: &Lab, prefix: &str, (name, make, want): &Row) {
        for merges in [false, true] {
            let place = format!("{prefix}-{merges}");
            let ground = Ground::with(lab, &place, async |main| self.create(main)).await;
            make(&ground);
            let what = format!("{name}, merged by another user: {merges}");
            let is_merged = merges && merge(&ground);
            let before = Before::of(&ground);
            let said = self.wtmag(&ground.main, &["cleanup", "--merged", "--json"]);
            let what = format!("{what} ({is_merged}): {said}");
            if before.at.exists() && ground.admin().exists() {
                assert_eq!(listing(&before.at), before.listing, "{what}");
                before.compare(&ground, &what);
                let is_sure = is_merged && want.iter().all(|it| *it == COMMITS[0]);
                assert!(!is_sure, "it has landed, and is kept: {what}");
                self.forget(&ground);
                continue;
            }
            let excused = if is_merged { COMMITS } else { &[] };
            assert!(want.iter().all(|it| excused.contains(it)), "it was removed: {what}");
            before.compare(&ground, &what);
            self.removed[usize::from(merges)] += 1;
        }
    }

    fn wtmag(&self, dir: &Path, args: &[&str]) -> String {
        self.sandbox.wtmag_in(&self.pane, args).cwd(dir).run().to_string()
    }

    /// A worker of the branch `work`, whose agent has ended.
    fn create(&self, main: &Path) -> Made {
        let args = ["create", "--prompt", "x", "--name", "work", "--no-wait", "--json"];
        let made = self.sandbox.wtmag_in(&self.pane, args).cwd(main).run().json();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let (id, path) = (text(&made["worker"]["id"]), text(&made["worker"]["worktree"]));
        let wait = ["wait", &id, "--until", "exited", "--timeout", "30"];
        self.sandbox.wtmag_in(&self.pane, wait).cwd(main).run().success();
        let path = PathBuf::from(path);
        let git_dir = PathBuf::from(git(&path, ["rev-parse", "--absolute-git-dir"]));
        Made { path, git_dir, branch: "work".into(), branch_made: true, ..Made::default() }
    }

    /// Its window goes, so that many rows do not fill the server.
    fn forget(&self, ground: &Ground) {
        let project = ground.main.file_name().unwrap().to_str().unwrap();
        let id = format!("{project}-work");
        let tmux = self.sandbox.tmux();
        let all = tmux.run(["list-panes", "-a", "-F", "#{@wtmag_id} #{window_id}"]);
        let own = all.lines().filter_map(|it| it.strip_prefix(&format!("{id} ")));
        own.collect::<BTreeSet<_>>().into_iter().for_each(|it| {
            tmux.run(["kill-window", "-t", it]);
        });
    }
}

/// git that may fail, as some rows make it fail.
#[expect(clippy::disallowed_methods, reason = "the test's own hand")]
fn try_git(dir: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).current_dir(dir).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Another user merges what the worktree has checked out into the main branch, and pushes it.
fn merge(ground: &Ground) -> bool {
    let at = removal_place(ground);
    let is_on_main =
        try_git(&ground.main, &["branch", "--show-current"]).is_some_and(|it| it == "main");
    let Some(head) = try_git(&at, &["rev-parse", "--verify", "HEAD^{commit}"]) else {
        return false;
    };
    let main = tip(&ground.main, "main");
    let is_new = try_git(&ground.main, &["merge-base", "--is-ancestor", &head, &main]).is_none();
    let is_branch = try_git(&at, &["branch", "--show-current"]).is_some_and(|it| it == "work");
    if !is_on_main || !is_new || !is_branch {
        return false;
    }
    if try_git(&ground.main, &["merge", "-q", "--no-edit", &head]).is_none() {
        try_git(&ground.main, &["merge", "--abort"]);
        return false;
    }
    try_git(&ground.main, &["push", "-q", "origin", "main"]);
    true
}

/// All commits that a name leads to, besides the names that wtmag gives to what it removes.
fn commits(ground: &Ground) -> BTreeSet<String> {
    let common = format!("--git-dir={}", ground.common.display());
    let all =
        try_git(&ground.root, &[&common, "rev-list", "--exclude=refs/wtmag/removed/*", "--all"]);
    let stashes = try_git(&ground.root, &[&common, "rev-list", "-g", "refs/stash"]);
    let all = format!("{}\n{}", all.unwrap_or_default(), stashes.unwrap_or_default());
    all.lines().filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

impl Before {
    fn of(ground: &Ground) -> Self {
        let at = removal_place(ground);
        let own = try_git(&at, &["rev-list", "HEAD"]).unwrap_or_default();
        let mut commits = commits(ground);
        commits.extend(own.lines().map(str::to_owned));
        let tip = try_git(&at, &["rev-parse", "--verify", "HEAD^{commit}"]);
        Self { listing: listing(&at), at, commits, tip }
    }

    /// No commit is lost: it is still in a ref, in the worktree that was kept, or its files are those of the main
    /// branch, here or on the server.
    fn compare(&self, ground: &Ground, what: &str) {
        let mut after = commits(ground);
        let own = fs::exists(&self.at).unwrap().then(|| try_git(&self.at, &["rev-list", "HEAD"]));
        after.extend(own.flatten().unwrap_or_default().lines().map(str::to_owned));
        if self.commits.is_subset(&after) {
            return;
        }
        let Some(tip) = &self.tip else { panic!("commits are lost: {what}") };
        let common = format!("--git-dir={}", ground.common.display());
        let ask = |args: &[&str]| try_git(&ground.root, &[&[common.as_str()], args].concat());
        let base = ask(&["merge-base", tip, "main"]).unwrap();
        let changed = ask(&["diff", "--name-only", &base, tip]).unwrap();
        // The main branch has, or has had, each file as the worker left it.
        let blob = |commit: &str, file: &str| ask(&["rev-parse", &format!("{commit}:{file}")]);
        let has = |branch: &str, file: &str| {
            let log = ask(&["log", "--format=%H", branch, "--", file]).unwrap_or_default();
            log.lines().any(|commit| blob(commit, file) == blob(tip, file))
        };
        let is_in = |branch: &str| changed.lines().all(|file| has(branch, file));
        let targets = ["main", "origin/main", "refs/wtmag/base/main"];
        assert!(targets.iter().any(|it| is_in(it)), "commits are lost: {what}");
    }
}
