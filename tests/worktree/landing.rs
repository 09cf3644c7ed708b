//! Landing a branch, judged by git: every mode against every relation of branch and target.
use std::{fs, io::Write as _, path::Path};

use wtmag::{
    git::{
        Error, Repo, RepoLock,
        land::{
            self, Advance, CheckedOut, Ended, Facts, LandOptions, Landing, Mode, Outcome, Subject,
        },
    },
    model::{Base, Timestamp, WorkerId},
};

use super::lab::{GIT, Lab, alone, commit, git, new, put, tip};

const MODES: [Mode; 4] = [Mode::Merge, Mode::Squash, Mode::Rebase, Mode::Ff];

/// A clone with a worker's worktree of branch `work`, which was started from `main`.
struct Field {
    main: std::path::PathBuf,
    wt: std::path::PathBuf,
    git_dir: std::path::PathBuf,
    base: Base,
    journals: std::path::PathBuf,
}

impl Field {
    async fn new(lab: &Lab, name: &str) -> Self {
        let main = lab.cloned(name);
        commit(&main, "shared.txt", "1\n2\n3\n4\n5\n");
        git(&main, ["push", "-q", "origin", "main"]);
        let made = lab.create(&main, &GIT, &new("work")).await.unwrap();
        let base = Base { name: "main".into(), sha: tip(&main, "main"), fresh: true };
        let journals = lab.root.join(format!("{name}-lands"));
        Self { wt: made.path, git_dir: made.git_dir, main, base, journals }
    }

    /// The facts, with the repository's lock only while they are read.
    async fn look(&self, lab: &Lab, mode: Mode, into: Option<&str>) -> Facts {
        let repo = Repo::discover(&self.main).unwrap();
        let subject = Subject {
            repo: &repo,
            git_dir: &self.git_dir,
            base: Some(&self.base),
            into,
            options: LandOptions { mode, branch: "work", message: None },
        };
        lab.run(async |run| {
            let lock = RepoLock::acquire(&repo, run).await.unwrap();
            land::look(&lock, &subject, run).await.unwrap()
        })
        .await
    }

    async fn outcome(&self, lab: &Lab, mode: Mode) -> Outcome {
        self.look(lab, mode, None).await.outcome.unwrap()
    }

    async fn land(&self, lab: &Lab, facts: &Facts) -> Result<(), Error> {
        let target = facts.target.as_ref().unwrap();
        let Some(Outcome::Ready { commit }) = &facts.outcome else { panic!("{facts:?}") };
        let advance = Advance {
            into: target.name.clone(),
            from: target.tip.clone(),
            to: commit.clone(),
            checkout: target.checkouts.first().map(|it| it.path.clone()),
        };
        let repo = Repo::discover(&self.main).unwrap();
        lab.run(async |run| {
            let lock = RepoLock::acquire(&repo, run).await.unwrap();
            let mut journal = land::start(&self.journals, self.landing()).unwrap();
            let done = land::advance(&repo, &lock, (&mut journal, &advance), run).await;
            journal.commit().unwrap();
            done
        })
        .await
    }

    fn landing(&self) -> Landing {
        Landing {
            repo: self.main.join(".git"),
            at: Timestamp(0),
            worker: WorkerId::for_branch("p", "work"),
            branch: "work".into(),
            tip: tip(&self.main, "work"),
            mode: "merge".into(),
        }
    }

    /// Nothing but the target may have changed: the branch, its worktree, and no leftovers.
    fn untouched(&self) -> String {
        let status = git(&self.wt, ["status", "--porcelain", "--branch"]);
        let heads = git(&self.main, ["for-each-ref", "refs/heads/work", "refs/tags", "refs/stash"]);
        let worktrees = git(&self.main, ["worktree", "list"]).lines().count();
        format!("{status}\n{heads}\n{worktrees}")
    }
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_default()
}

fn subjects(dir: &Path, range: &str) -> Vec<String> {
    let text = git(dir, ["log", "--format=%s", "--first-parent", range]);
    text.lines().map(str::to_owned).collect()
}

/// The target has no other commits, or others in other files, or others in the same files.
#[test]
fn each_mode_lands_what_it_can_and_changes_nothing_else() {
    alone(async |lab| {
        for mode in MODES {
            for relation in ["clean", "behind", "conflicting"] {
                let field = Field::new(&lab, &format!("{mode}-{relation}")).await;
                commit(&field.wt, "one.txt", "one");
                commit(&field.wt, "shared.txt", "1\n2\n3\n4\nfive\n");
                match relation {
                    "behind" => drop(commit(&field.main, "shared.txt", "ONE\n2\n3\n4\n5\n")),
                    "conflicting" => drop(commit(&field.main, "shared.txt", "1\n2\n3\n4\nV\n")),
                    _ => {}
                }
                let before = (tip(&field.main, "main"), field.untouched());
                let facts = field.look(&lab, mode, None).await;
                assert_eq!((tip(&field.main, "main"), field.untouched()), before);
                let what = format!("{mode} {relation}: {facts:?}");
                match (mode, relation, facts.outcome.as_ref().unwrap()) {
                    (Mode::Ff, "behind" | "conflicting", Outcome::NotForward) => continue,
                    (_, "conflicting", Outcome::Conflict { files, at }) => {
                        assert_eq!(files, &["shared.txt"], "{what}");
                        assert_eq!(at.is_some(), mode == Mode::Rebase, "{what}");
                        continue;
                    }
                    (_, "clean" | "behind", Outcome::Ready { .. }) => {}
                    _ => panic!("{what}"),
                }
                field.land(&lab, &facts).await.unwrap();
                let n = git(&field.main, ["rev-list", "--count", &format!("{}..main", before.0)]);
                let first = if relation == "behind" { "ONE" } else { "1" };
                assert_eq!(read(&field.main, "shared.txt"), format!("{first}\n2\n3\n4\nfive\n"));
                assert_eq!(read(&field.main, "one.txt"), "one");
                assert_eq!(git(&field.main, ["status", "--porcelain"]), "", "{what}");
                let want = match mode {
                    Mode::Merge => 3,
                    Mode::Squash => 1,
                    Mode::Rebase | Mode::Ff => 2,
                };
                assert_eq!(n, want.to_string(), "{what}");
                let parents = git(&field.main, ["log", "-1", "--format=%P", "main"]);
                assert_eq!(parents.split(' ').count() == 2, mode == Mode::Merge, "{what}");
                assert_eq!(field.untouched(), before.1, "{what}");
                // A second time there is nothing to do.
                assert_eq!(field.outcome(&lab, mode).await, Outcome::Landed, "{what}");
            }
        }
    });
}

#[test]
fn what_is_not_there_cannot_be_landed() {
    alone(async |lab| {
        let field = Field::new(&lab, "p").await;
        assert_eq!(field.outcome(&lab, Mode::Merge).await, Outcome::Empty);
        git(&field.main, ["branch", "-m", "main", "trunk"]);
        commit(&field.wt, "one.txt", "one");
        let facts = field.look(&lab, Mode::Merge, None).await;
        assert_eq!((facts.target, facts.into.as_deref()), (None, Some("main")));
        let facts = field.look(&lab, Mode::Merge, Some("trunk")).await;
        assert!(matches!(facts.outcome, Some(Outcome::Ready { .. })), "{facts:?}");
        git(&field.wt, ["checkout", "-q", "--detach"]);
        let facts = field.look(&lab, Mode::Merge, Some("trunk")).await;
        assert_eq!(facts.checked_out, CheckedOut::Detached);
        git(&field.main, ["worktree", "remove", "--force", field.wt.to_str().unwrap()]);
        let facts = field.look(&lab, Mode::Merge, Some("trunk")).await;
        assert_eq!(facts.checked_out, CheckedOut::Gone);
        // The branch alone is enough.
        field.land(&lab, &facts).await.unwrap();
        git(&field.main, ["branch", "-D", "work"]);
        assert_eq!(field.look(&lab, Mode::Merge, Some("trunk")).await.tip, None);
    });
}

/// The local branch is behind the remote copy that the worker was started from; or nobody has it
/// checked out; or its files were changed.
#[test]
fn the_target_is_moved_where_it_is() {
    alone(async |lab| {
        let field = Field::new(&lab, "p").await;
        git(&field.main, ["checkout", "-q", "-b", "other"]);
        commit(&field.wt, "one.txt", "one");
        git(&lab.pusher("p"), ["pull", "-q", "origin", "main"]);
        let others = commit(&lab.pusher("p"), "others.txt", "from another user");
        git(&lab.pusher("p"), ["push", "-q", "origin", "HEAD:main"]);
        git(&field.main, ["fetch", "-q", "origin"]);
        let facts = field.look(&lab, Mode::Merge, None).await;
        let target = facts.target.clone().unwrap();
        assert_eq!((target.catches_up, target.checkouts.len()), (1, 0), "{facts:?}");
        field.land(&lab, &facts).await.unwrap();
        let parents = git(&field.main, ["log", "-1", "--format=%P", "main"]);
        assert_eq!(parents, format!("{others} {}", tip(&field.main, "work")));
        assert!(!field.main.join("one.txt").exists(), "`other` is checked out");

        // Moved since it was checked: nothing happens.
        commit(&field.wt, "two.txt", "two");
        for checked_out in [false, true] {
            if checked_out {
                git(&field.main, ["checkout", "-q", "main"]);
            }
            let facts = field.look(&lab, Mode::Squash, None).await;
            let tree = tip(&field.main, "main");
            let moved = git(
                &field.main,
                ["commit-tree", &format!("{tree}^{{tree}}"), "-p", &tree, "-m", "x"],
            );
            git(&field.main, ["update-ref", "refs/heads/main", &moved]);
            let error = field.land(&lab, &facts).await.unwrap_err();
            assert!(matches!(error, Error::TargetMoved { .. }), "{error:?}");
            assert_eq!(tip(&field.main, "main"), moved);
        }
        // A file of the user's is in the way.
        let facts = field.look(&lab, Mode::Squash, None).await;
        put(&field.main.join("two.txt"), "mine");
        let before = tip(&field.main, "main");
        let error = field.land(&lab, &facts).await.unwrap_err();
        assert!(matches!(&error, Error::Failed { .. }), "{error:?}");
        assert_eq!(
            (tip(&field.main, "main"), read(&field.main, "two.txt")),
            (before, "mine".into())
        );
        fs::remove_file(field.main.join("two.txt")).unwrap();
        put(&field.main.join("a.txt"), "changed");
        let facts = field.look(&lab, Mode::Squash, None).await;
        assert_eq!(facts.target.unwrap().checkouts[0].changed, ["a.txt"]);
    });
}

/// The base was rewritten: what was removed from it must not come back.
#[test]
fn commits_that_the_base_dropped_stay_dropped() {
    alone(async |lab| {
        for mode in MODES {
            let field = Field::new(&lab, &format!("{mode}")).await;
            let kept = tip(&field.main, "main~1");
            commit(&field.wt, "one.txt", "one");
            git(&field.main, ["reset", "-q", "--hard", &kept]);
            commit(&field.main, "instead.txt", "x");
            git(&field.main, ["push", "-q", "-f", "origin", "main"]);
            git(&field.main, ["fetch", "-q"]);
            git(&field.main, ["update-ref", "refs/wtmag/base/main", "main"]);
            let facts = field.look(&lab, mode, None).await;
            match (mode, facts.outcome.as_ref().unwrap()) {
                (Mode::Merge, Outcome::Rewritten) | (Mode::Ff, Outcome::NotForward) => continue,
                (Mode::Squash | Mode::Rebase, Outcome::Ready { .. }) => {}
                _ => panic!("{mode}: {facts:?}"),
            }
            field.land(&lab, &facts).await.unwrap();
            assert_eq!(subjects(&field.main, "main")[..2], ["one.txt: one", "instead.txt: x"]);
            assert!(!field.main.join("shared.txt").exists(), "{mode}");
        }
    });
}

/// The worker merged its base, and resolved a conflict there.
#[test]
fn a_branch_with_merges_keeps_what_was_resolved_in_them() {
    alone(async |lab| {
        let field = Field::new(&lab, "p").await;
        commit(&field.wt, "shared.txt", "mine\n2\n3\n4\n5\n");
        commit(&field.main, "shared.txt", "theirs\n2\n3\n4\n5\n");
        let merge = |dir: &Path| {
            #[expect(clippy::disallowed_methods, reason = "it fails, by a conflict")]
            let mut merge = std::process::Command::new("git");
            merge.args(["merge", "-q", "main"]).current_dir(dir).output().unwrap();
        };
        merge(&field.wt);
        put(&field.wt.join("shared.txt"), "both\n2\n3\n4\n5\n");
        git(&field.wt, ["commit", "-qam", "Merge main"]);
        assert_eq!(
            field.outcome(&lab, Mode::Rebase).await,
            Outcome::Conflict {
                files: vec!["shared.txt".into()],
                at: Some(tip(&field.wt, "HEAD^").chars().take(7).collect()),
            }
        );
        let facts = field.look(&lab, Mode::Squash, None).await;
        field.land(&lab, &facts).await.unwrap();
        assert_eq!(read(&field.main, "shared.txt"), "both\n2\n3\n4\n5\n");
        // A change in a merge that no commit has is not lost by a rebase: it is refused.
        let field = Field::new(&lab, "q").await;
        commit(&field.wt, "three.txt", "three");
        commit(&field.main, "four.txt", "four");
        git(&field.wt, ["merge", "-q", "--no-commit", "--no-ff", "main"]);
        put(&field.wt.join("evil.txt"), "only here");
        git(&field.wt, ["add", "evil.txt"]);
        git(&field.wt, ["commit", "-qm", "Merge again"]);
        assert_eq!(field.outcome(&lab, Mode::Rebase).await, Outcome::Unequal);
    });
}

/// Renames, binary files, modes, links, submodule entries and authors go along.
#[test]
fn a_rebase_copies_commits_as_they_are() {
    alone(async |lab| {
        let field = Field::new(&lab, "p").await;
        git(&field.wt, ["mv", "shared.txt", "moved.txt"]);
        let mut logo = fs::File::create(field.wt.join("logo.bin")).unwrap();
        logo.write_all(&[0, 159, 146, 150]).unwrap();
        std::os::unix::fs::symlink("moved.txt", field.wt.join("link")).unwrap();
        git(&field.wt, ["add", "--all"]);
        let who = "Zoë <zoe@example.invalid>";
        git(
            &field.wt,
            ["commit", "-qm", "Mixed\n\nBody ü", "--author", who, "--date", "@1000 +0530"],
        );
        let entry = "160000,1111111111111111111111111111111111111111,lib";
        git(&field.wt, ["update-index", "--add", "--cacheinfo", entry]);
        git(&field.wt, ["commit", "-qm", "Submodule"]);
        commit(&field.main, "shared.txt", "1\n2\nthree\n4\n5\n");
        let facts = field.look(&lab, Mode::Rebase, None).await;
        field.land(&lab, &facts).await.unwrap();
        assert_eq!(read(&field.main, "moved.txt"), "1\n2\nthree\n4\n5\n");
        let shown =
            git(&field.main, ["log", "-1", "--format=%an <%ae> %ad %B", "--date=raw", "main^"]);
        assert_eq!(shown.trim(), format!("{who} 1000 +0530 Mixed\n\nBody ü"));
        let raw = git(&field.main, ["diff", "--raw", "--abbrev=40", "main^", "main"]);
        assert!(raw.contains("160000") && raw.contains("lib"), "{raw}");
        assert_eq!(
            git(&field.main, ["diff", "--stat", "main", "work", "--", "logo.bin", "link"]),
            ""
        );
    });
}

/// Killed between the announcement and the end: in every state of the worktree, the files are put
/// back, and what a user changed since is not touched.
#[test]
fn a_killed_landing_is_finished_or_undone() {
    alone(async |lab| {
        for state in ["before", "some", "partial", "all", "edited", "moved"] {
            let field = Field::new(&lab, state).await;
            git(&field.wt, ["rm", "-q", "a.txt"]);
            commit(&field.wt, "shared.txt", "1\n2\n3\n4\nfive\n");
            commit(&field.wt, "deep/new.txt", "a new file");
            let facts = field.look(&lab, Mode::Squash, None).await;
            let Some(Outcome::Ready { commit: to }) = facts.outcome else { panic!("{facts:?}") };
            let from = tip(&field.main, "main");
            let advance = Advance {
                into: "main".into(),
                from: from.clone(),
                to: to.clone(),
                checkout: Some(field.main.clone()),
            };
            journal(&field, &advance);
            leave_half(&field, state, &advance);
            let ended = lab
                .run(async |run| {
                    let mut all = land::leftovers(&field.journals, run).await.unwrap();
                    let leftover = all.pop().unwrap();
                    let ended = leftover.end(run).await.unwrap().unwrap();
                    leftover.forget().unwrap();
                    ended
                })
                .await;
            let status = git(&field.main, ["status", "--porcelain"]);
            match (state, &ended) {
                ("moved", Ended::Landed { .. }) => {
                    assert_eq!(tip(&field.main, "main"), to);
                    assert_eq!(status, "");
                }
                ("edited", Ended::Undone { kept, .. }) => {
                    assert_eq!(kept, &["shared.txt"], "{state}");
                    assert_eq!(status, " M shared.txt");
                    assert_eq!(read(&field.main, "shared.txt"), "the user's own\n");
                }
                (_, Ended::Undone { kept, .. }) => {
                    assert_eq!((kept.len(), status.as_str()), (0, ""), "{state}");
                    assert_eq!(tip(&field.main, "main"), from);
                    assert!(!field.main.join("deep/new.txt").exists());
                }
                _ => panic!("{state}: {ended:?}"),
            }
            let again = lab.run(async |run| land::leftovers(&field.journals, run).await).await;
            assert!(again.unwrap().is_empty());
        }
    });
}

/// What a killed process leaves: its name says that it is dead.
fn journal(field: &Field, advance: &Advance) {
    let steps = [land::Step::Started(field.landing()), land::Step::Advance(advance.clone())];
    let lines = steps.map(|it| serde_json::to_string(&it).unwrap() + "\n");
    put(&field.journals.join("999999999-1.journal"), &lines.concat());
}

/// The worktree as a killed git may leave it, or as a user may change it afterwards.
fn leave_half(field: &Field, state: &str, advance: &Advance) {
    let show = |name: &str| git(&field.main, ["show", &format!("{}:{name}", advance.to)]) + "\n";
    match state {
        "some" => put(&field.main.join("shared.txt"), &show("shared.txt")),
        "partial" => {
            put(&field.main.join("shared.txt"), "1\n2\n3");
            fs::remove_file(field.main.join("a.txt")).unwrap();
            put(&field.main.join("deep/new.txt"), "a n");
            put(&field.main.join(".git/index.lock"), "");
        }
        "all" => drop(git(&field.main, ["read-tree", "-m", "-u", &advance.from, &advance.to])),
        "edited" => {
            put(&field.main.join("shared.txt"), "the user's own\n");
        }
        "moved" => drop(git(&field.main, ["merge", "-q", "--ff-only", &advance.to])),
        _ => {}
    }
}
