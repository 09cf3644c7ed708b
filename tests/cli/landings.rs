//! The matrix of landings: each mode, with plain git and with WorkTrunk, in each situation of branch and target.
//! Judged by git from outside; for the merge by the forge, also by what the stand-in for GitHub has.
use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::desk::Desk;
use crate::support::is_full;

const AGENTS: &str = "[land]\nagents = true\n";
const MODES: [&str; 4] = ["merge", "squash", "rebase", "ff"];

/// What is so when the work is to be landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Clean,
    /// The target has another commit.
    Behind,
    /// So has its remote copy, another one.
    Diverged,
    Conflicting,
    /// The target's worktree has a change.
    Dirty,
    /// No worktree has the target checked out.
    Elsewhere,
    /// A hook commits to the target after the check.
    TargetMoves,
    /// A hook commits to the branch after the check.
    BranchMoves,
    /// The target has another commit in place of the one that the worker was started from.
    Rewritten,
    /// Another user has landed it as one commit.
    Squashed,
    /// It moves a submodule to another commit.
    Submodule,
    /// A filter keeps something else in the repository than in the files, as Git LFS does.
    Filter,
    /// The forge does not let its pull request be merged.
    Protected,
    /// Its pull request has another commit than the branch.
    HeadMoved,
}

/// What happens in a repository that has a submodule and a filter.
const WITH_PARTS: [Case; 2] = [Case::Submodule, Case::Filter];
/// What happens on the forge.
const PULLS: [Case; 3] = [Case::Clean, Case::Protected, Case::HeadMoved];

const CASES: [Case; 10] = [
    Case::Clean,
    Case::Behind,
    Case::Diverged,
    Case::Conflicting,
    Case::Dirty,
    Case::Elsewhere,
    Case::TargetMoves,
    Case::BranchMoves,
    Case::Rewritten,
    Case::Squashed,
];

#[derive(Debug)]
enum Want {
    Lands,
    Already,
    Refused(&'static str),
}

fn want(mode: &str, case: Case) -> Want {
    match (case, mode) {
        (Case::Rewritten, "merge") => Want::Refused("`main` was rewritten"),
        (Case::Conflicting | Case::Behind | Case::Diverged | Case::Rewritten, "ff") => {
            Want::Refused("has commits that")
        }
        // What the hook did is seen before anything moves.
        (Case::TargetMoves, "ff") => Want::Refused("has commits that"),
        (Case::Conflicting, _) => Want::Refused("conflicts with `main`"),
        (Case::Dirty, _) => Want::Refused("has uncommitted changes: `README.md`"),
        (Case::Squashed, _) => Want::Already,
        (Case::Protected, _) => Want::Refused(
            "did not merge https://github.com/acme/blog/pull/234: 2 approving reviews are needed",
        ),
        (Case::HeadMoved, _) => Want::Refused("its pull request is at "),
        _ => Want::Lands,
    }
}

/// The rows of a quick run; other tests have the rest of the cases.
const QUICK: [(&str, &str, Case); 7] = [
    ("git", "rebase", Case::Diverged),
    ("wt", "merge", Case::Behind),
    ("git", "ff", Case::Elsewhere),
    ("wt", "rebase", Case::TargetMoves),
    ("wt", "squash", Case::BranchMoves),
    ("git", "squash", Case::Rewritten),
    ("wt", "rebase", Case::Rewritten),
];

struct Row<'a> {
    desk: &'a Desk,
    name: String,
    id: String,
    dir: PathBuf,
}

impl Row<'_> {
    fn in_dir(&self, dir: &std::path::Path, args: &[&str]) -> String {
        let ran = self.desk.sandbox.run("git").cwd(dir).args(args).run();
        ran.success().trim_end().to_owned()
    }

    fn commit(&self, dir: &std::path::Path, file: &str, text: &str) {
        self.desk.sandbox.put(dir.join(file), text);
        self.in_dir(dir, &["add", "--all"]);
        self.in_dir(dir, &["commit", "--quiet", "-m", &format!("{file} of {}", self.name)]);
    }

    fn prepare(&self, case: Case) {
        let (desk, main, name) = (self.desk, self.desk.dir.as_path(), self.name.as_str());
        let (own, text) = match case {
            Case::Conflicting => ("README.md".to_owned(), format!("{name} of the worker\n")),
            Case::Clean
            | Case::Behind
            | Case::Diverged
            | Case::Dirty
            | Case::Elsewhere
            | Case::TargetMoves
            | Case::BranchMoves
            | Case::Rewritten
            | Case::Squashed
            | Case::Submodule
            | Case::Protected
            | Case::HeadMoved => (format!("{name}.txt"), format!("{name}\n")),
            Case::Filter => (format!("{name}.big"), format!("{name}\n")),
        };
        self.commit(&self.dir, &own, &text);
        let hook = |dir: &std::path::Path, file: &str| {
            let script = format!(
                "cd {} && echo x >{file} && git add {file} && git commit --quiet -m hook",
                dir.display()
            );
            desk.sandbox.put("config/worktrunk/config.toml", format!("pre-merge = \"{script}\"\n"));
        };
        match case {
            Case::Clean | Case::Filter | Case::Protected | Case::HeadMoved => {}
            Case::Submodule => {
                self.in_dir(&self.dir, &["submodule", "--quiet", "update", "--init"]);
                self.commit(&self.dir.join("lib"), "lib.txt", name);
                let to = format!("HEAD:refs/heads/{name}");
                self.in_dir(&self.dir.join("lib"), &["push", "--quiet", "origin", &to]);
                self.in_dir(&self.dir, &["commit", "--quiet", "--all", "-m", "Move lib"]);
            }
            Case::Behind => self.commit(main, &format!("behind-{name}"), "x"),
            Case::Conflicting => {
                self.commit(main, "README.md", &format!("{name} of another user\n"));
            }
            Case::Dirty => drop(desk.sandbox.put(main.join("README.md"), "changed\n")),
            Case::Elsewhere => {
                drop(desk.git(&["checkout", "--quiet", "-b", &format!("other-{name}")]));
            }
            Case::TargetMoves => hook(main, &format!("moved-{name}")),
            Case::BranchMoves => hook(&self.dir, &format!("late-{name}")),
            Case::Rewritten => self.rewrite_main(),
            Case::Squashed => {
                desk.git(&["merge", "--quiet", "--squash", name]);
                desk.git(&["commit", "--quiet", "-m", "Squashed"]);
            }
            Case::Diverged => {
                self.commit(main, &format!("local-{name}"), "x");
                let clone = desk.sandbox.path(format!("src/clone-{name}"));
                let remote = desk.sandbox.path("remotes/blog.git");
                desk.git(&["clone", "--quiet", remote.to_str().unwrap(), clone.to_str().unwrap()]);
                self.commit(&clone, &format!("remote-{name}"), "x");
                self.in_dir(&clone, &["push", "--quiet"]);
                desk.git(&["fetch", "--quiet"]);
                fs::remove_dir_all(clone).unwrap();
            }
        }
    }

    /// Its newest commit, which the worker was started from, is another one now.
    fn rewrite_main(&self) {
        let main = self.desk.dir.as_path();
        self.desk.sandbox.put(main.join(format!("again-{}", self.name)), "x");
        self.in_dir(main, &["add", "--all"]);
        self.in_dir(main, &["commit", "--quiet", "--amend", "-m", "Written again"]);
    }

    /// Everything that a refusal leaves as it was.
    fn state(&self) -> String {
        let status = self.desk.git(&["status", "--porcelain"]);
        let own = self.in_dir(&self.dir, &["status", "--porcelain"]);
        let stash = self.desk.git(&["for-each-ref", "refs/stash", "refs/tags"]);
        format!("{}\n{status}\n{own}\n{stash}", self.desk.traces())
    }

    fn check(&self, mode: &str, case: Case) {
        let (desk, name) = (self.desk, self.name.as_str());
        let before = desk.git(&["rev-parse", "main"]);
        let state = self.state();
        let tip = desk.git(&["rev-parse", name]);
        let said = desk.wtmag(&["land", &self.id, "--mode", mode, "--yes", "--json"]);
        let what = format!("{name}: {said}");
        match want(mode, case) {
            Want::Refused(why) => {
                assert!(said.code == 1 && said.stdout.contains(why), "{why}: {what}");
                if case != Case::TargetMoves {
                    assert_eq!(self.state(), state, "{what}");
                }
                desk.git(&["checkout", "--quiet", "--", "README.md"]);
                desk.wtmag(&["cleanup", &self.id, "--force"]).success();
            }
            Want::Already => {
                assert_eq!(said.json()[0]["already"], true, "{what}");
                assert_eq!(desk.git(&["rev-parse", "main"]), before, "{what}");
            }
            Want::Lands => {
                let done = said.json();
                let after = desk.git(&["rev-parse", "main"]);
                assert_eq!(done[0]["commit"], after.as_str(), "{what}");
                assert_eq!(desk.git(&["merge-base", &before, "main"]), before, "{what}");
                self.check_parts(case, &what);
                for (at, file) in [
                    (Case::Behind, "behind"),
                    (Case::Diverged, "local"),
                    (Case::TargetMoves, "moved"),
                    (Case::BranchMoves, "late"),
                ] {
                    let file = format!("main:{file}-{name}");
                    assert!(at != case || desk.git(&["show", &file]) == "x", "{file}: {what}");
                }
            }
        }
        // The main worktree's own submodule is the user's to update.
        if case == Case::Submodule {
            desk.git(&["submodule", "--quiet", "update"]);
        }
        // Its files are those of its commit, the worker is gone, and its commits are not.
        assert_eq!(desk.git(&["status", "--porcelain"]), "", "{what}");
        assert!(!self.dir.exists() && desk.list(&["--all"]).is_empty(), "{what}");
        let kept = desk.git(&["for-each-ref", "--count=1", "--contains", &tip]);
        assert!(!kept.is_empty(), "{tip} is in no ref: {what}");
        self.tidy_up();
    }

    /// What has landed is the work, byte for byte.
    fn check_parts(&self, case: Case, what: &str) {
        let (desk, name) = (self.desk, self.name.as_str());
        if case == Case::Filter {
            let kept = desk.git(&["show", &format!("main:{name}.big")]);
            assert_eq!(kept, name.to_uppercase(), "{what}");
            let file = fs::read_to_string(desk.dir.join(format!("{name}.big"))).unwrap();
            assert_eq!(file, format!("{name}\n"), "{what}");
            return;
        }
        assert_eq!(desk.git(&["show", &format!("main:{name}.txt")]), name, "{what}");
        if case == Case::Submodule {
            let entry = desk.git(&["rev-parse", "main:lib"]);
            let lib = desk.sandbox.path("src/lib");
            assert_eq!(entry, self.in_dir(&lib, &["rev-parse", name]), "{what}");
        }
    }

    /// The next row begins with one main branch, here and on the remote.
    fn tidy_up(&self) {
        let desk = self.desk;
        fs::remove_file(desk.sandbox.path("config/worktrunk/config.toml")).unwrap_or_default();
        desk.git(&["checkout", "--quiet", "main"]);
        desk.git(&["fetch", "--quiet"]);
        desk.git(&["merge", "--quiet", "--no-edit", "origin/main"]);
        desk.git(&["push", "--quiet", "origin", "main"]);
    }
}

fn run(desk: &Desk, n: usize, (backend, mode, case): (&str, &str, Case)) {
    desk.config(&format!("{AGENTS}[worktree]\nbackend = \"{backend}\"\n"));
    let name = format!("{n}-{backend}-{mode}-{case:?}").to_lowercase();
    let id = desk.worker(&name);
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let dir = PathBuf::from(desk.wtmag(&["path", &id]).success().trim());
    let row = Row { desk, name, id, dir };
    row.prepare(case);
    row.check(mode, case);
}

/// The rows of these cases, with each backend in each mode.
fn rows(cases: &'static [Case]) -> impl Iterator<Item = (&'static str, &'static str, Case)> {
    ["git", "wt"].into_iter().flat_map(move |backend| {
        MODES.into_iter().flat_map(move |mode| cases.iter().map(move |case| (backend, mode, *case)))
    })
}

/// A worker for each row: the few rows of a quick run take some seconds.
#[test]
fn each_mode_lands_or_refuses_in_each_situation_with_both_backends() {
    let desk = Desk::new();
    if !is_full() {
        QUICK.into_iter().enumerate().for_each(|(n, row)| run(&desk, n, row));
        return;
    }
    // Plain git has no hooks.
    let moves = [Case::TargetMoves, Case::BranchMoves];
    let rows = rows(&CASES).filter(|(backend, _, case)| *backend == "wt" || !moves.contains(case));
    rows.enumerate().for_each(|(n, row)| run(&desk, n, row));
}

#[test]
fn submodules_and_filtered_files_are_landed_as_they_are_in_each_mode_with_both_backends() {
    let desk = Desk::new();
    let lib = desk.sandbox.path("src/lib");
    desk.git(&["init", "--quiet", lib.to_str().unwrap()]);
    let row = Row { desk: &desk, name: "first".into(), id: String::new(), dir: lib.clone() };
    row.commit(&lib, "lib.txt", "1");
    for (key, value) in [
        ("filter.upper.clean", "tr a-z A-Z"),
        ("filter.upper.smudge", "tr A-Z a-z"),
        ("filter.upper.required", "true"),
        ("protocol.file.allow", "always"),
    ] {
        desk.git(&["config", "--global", key, value]);
    }
    desk.git(&["submodule", "--quiet", "add", lib.to_str().unwrap(), "lib"]);
    desk.sandbox.put(desk.dir.join("old.big"), "old\n");
    row.commit(&desk.dir, ".gitattributes", "*.big filter=upper\n");
    desk.git(&["push", "--quiet", "origin", "main"]);
    let quick = [
        ("git", "merge", Case::Submodule),
        ("wt", "squash", Case::Filter),
        ("git", "rebase", Case::Filter),
        ("wt", "ff", Case::Submodule),
    ];
    let rows = rows(&WITH_PARTS).filter(|it| is_full() || quick.contains(it));
    rows.enumerate().for_each(|(n, row)| run(&desk, n, row));
}

/// The stand-in's data of the pull request.
fn pull(desk: &Desk, edit: impl FnOnce(&mut Value)) -> Value {
    let path = desk.sandbox.path("run/gh.json");
    let mut data: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let pull = &mut data["repositories"]["acme/blog"]["pulls"]["234"];
    edit(pull);
    let after = pull.clone();
    desk.sandbox.put(&path, data.to_string());
    after
}

/// A row of mode `pr`.
fn run_pull(desk: &Desk, sha: &str, (backend, case): (&str, Case)) {
    let need = "mode = \"pr\"\npr = \"squash\"\nneed = [\"checks\", \"approved\"]\n";
    desk.config(&format!("{AGENTS}{need}[worktree]\nbackend = \"{backend}\"\n"));
    pull(desk, |it| (it["state"], it["sha"]) = (json!("OPEN"), json!(sha)));
    let made = desk.wtmag(&["create", "--github", "234", "--json"]).json();
    let text = |key: &str| made["worker"][key].as_str().unwrap().to_owned();
    let (id, name, dir) = (text("id"), text("branch"), PathBuf::from(text("worktree")));
    desk.wtmag(&["wait", &id, "--until", "idle", "--timeout", "20"]).success();
    let row = Row { desk, name, id, dir };
    row.prepare(case);
    let tip = desk.git(&["rev-parse", &row.name]);
    let is = |wanted| case == wanted;
    pull(desk, |it| {
        it["sha"] = json!(if is(Case::HeadMoved) { sha } else { &tip });
        it["checks"] = json!([{ "name": "test", "conclusion": "SUCCESS" }]);
        it["review"] = json!("APPROVED");
        let why = json!("2 approving reviews are needed");
        it["protected"] = if is(Case::Protected) { why } else { Value::Null };
    });
    let (before, main) = (row.state(), desk.git(&["rev-parse", "main"]));
    let said = desk.wtmag(&["land", &row.id, "--yes", "--json"]);
    let what = format!("{backend} {case:?}: {said}");
    let state = pull(desk, |_| ())["state"].clone();
    match want("pr", case) {
        Want::Refused(why) => {
            assert!(said.code == 1 && said.stdout.contains(why), "{why}: {what}");
            assert_eq!((row.state(), state), (before, json!("OPEN")), "{what}");
            desk.wtmag(&["cleanup", &row.id, "--force"]).success();
        }
        Want::Lands | Want::Already => {
            assert_eq!(said.json()[0]["into"], "main", "{what}");
            assert_eq!(state, "MERGED", "{what}");
        }
    }
    // Nothing is merged here, the worker is gone, and its commits are not.
    assert_eq!(desk.git(&["rev-parse", "main"]), main, "{what}");
    assert!(!row.dir.exists() && desk.list(&["--all"]).is_empty(), "{what}");
    let kept = desk.git(&["for-each-ref", "--count=1", "--contains", &tip]);
    assert!(!kept.is_empty(), "{tip} is in no ref: {what}");
}

#[test]
fn the_forge_merges_only_what_it_may_and_exactly_what_was_checked_with_both_backends() {
    let mut desk = Desk::new();
    let sha = desk.pull_request();
    desk.github(&sha);
    let quick = [("git", Case::Protected), ("wt", Case::Clean)];
    let rows = ["git", "wt"].into_iter().flat_map(|it| PULLS.map(|case| (it, case)));
    rows.filter(|it| is_full() || quick.contains(it)).for_each(|row| run_pull(&desk, &sha, row));
}
