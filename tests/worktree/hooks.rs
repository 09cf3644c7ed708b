//! WorkTrunk's start hooks as a separate phase.
use std::{fs, path::Path};

use wtmag::git::{Error, Hooks, Made, Repo, Run, Step, Tool, make, run_hooks, undo};

use super::lab::{GIT, Lab, alone, git, new, put, traces};

/// A clone whose project has these hooks.
fn project(lab: &Lab, hooks: &str) -> std::path::PathBuf {
    let dir = lab.cloned("blog");
    let pusher = lab.pusher("blog");
    put(&pusher.join(".config/wt.toml"), hooks);
    git(&pusher, ["add", "-A", "."]);
    git(&pusher, ["commit", "-qm", "hooks"]);
    git(&pusher, ["push", "-q", "origin", "main"]);
    dir
}

/// Makes a worktree and runs its hooks; a failure is undone.
async fn start(lab: &Lab, dir: &Path, tool: &Tool, hooks: Hooks) -> Result<Made, Error> {
    let repo = Repo::discover(dir)?;
    let mut journal = undo::start(&lab.journals(), &repo)?;
    let both = async |run: &mut Run<'_>| {
        let made = make(&repo, tool, &new("work"), &mut journal, run).await?;
        if hooks.run_with(tool) {
            journal.announce(Step::Hooks)?;
            run_hooks(tool, &made.path, Some("main"), hooks, run).await?;
        }
        Ok(made)
    };
    match lab.run(both).await {
        Ok(made) => journal.commit().map(|()| made),
        Err(it) => {
            let undone = lab.run(async |run| undo::undo(journal, run).await).await.unwrap();
            assert_eq!(undone.kept, [""; 0]);
            Err(it)
        }
    }
}

#[test]
fn unapproved_hooks_never_run_silently() {
    alone(async |lab: Lab| {
        let dir = project(&lab, "pre-start = \"touch ran-{{ base }}\"\npost-start = \"true\"\n");
        let wt = lab.wt().await;
        let before = traces(&dir);
        let refused = start(&lab, &dir, &wt, Hooks::Approved).await.unwrap_err();
        assert!(matches!(refused, Error::Unapproved { phase: "pre-start", .. }), "{refused:?}");
        let advice = refused.advice();
        let hint: String = advice.iter().map(|it| it.text).collect();
        for way in ["--yes", "--no-hooks", "wt config approvals add"] {
            assert!(hint.contains(way), "{hint}");
        }
        assert_eq!(traces(&dir), before);
        let skipped = start(&lab, &dir, &wt, Hooks::Skip).await.unwrap();
        assert!(!skipped.path.join("ran-main").exists());
        git(&dir, ["worktree", "remove", "--force", skipped.path.to_str().unwrap()]);
        git(&dir, ["branch", "-D", "-q", "work"]);
        let made = start(&lab, &dir, &wt, Hooks::Yes).await.unwrap();
        assert!(made.path.join("ran-main").exists());
    });
}

#[test]
fn approved_hooks_run_and_show_what_they_say() {
    alone(async |lab: Lab| {
        let said = "echo said $((40+2)); echo also >&2";
        let dir = project(&lab, &format!("pre-start = \"{said}\"\n"));
        let wt = lab.wt().await;
        git(&dir, ["pull", "-q"]);
        super::lab::wt(&dir, &["config", "approvals", "add", "--yes"]);
        start(&lab, &dir, &wt, Hooks::Approved).await.unwrap();
        let news = lab.news();
        assert!(news.contains(&"running pre-start hooks".to_owned()), "{news:?}");
        assert!(news.iter().any(|it| it.contains("said 42")), "{news:?}");
    });
}

#[test]
fn a_hook_of_the_users_needs_no_approval() {
    alone(async |lab: Lab| {
        lab.wt_config("pre-start = \"touch mine\"\n");
        let dir = lab.cloned("blog");
        let made = start(&lab, &dir, &lab.wt().await, Hooks::Approved).await.unwrap();
        assert!(made.path.join("mine").exists());
    });
}

#[test]
fn a_hook_that_fails_is_named_and_everything_is_undone() {
    alone(async |lab: Lab| {
        let hooks = "[pre-start]\nok = \"touch made-by-hook; echo x >> a.txt\"\nbad = \"echo no luck; exit 3\"\n";
        let dir = project(&lab, hooks);
        let before = traces(&dir);
        let failed = start(&lab, &dir, &lab.wt().await, Hooks::Yes).await.unwrap_err();
        let Error::HookFailed { phase: "pre-start", code: 3, text, .. } = &failed else {
            panic!("{failed:?}")
        };
        assert!(text.contains("no luck"), "{text}");
        assert_eq!(failed.to_string(), "a pre-start hook failed with code 3");
        assert_eq!(traces(&dir), before);
    });
}

#[test]
fn a_hook_that_takes_too_long_can_be_given_up() {
    alone(async |lab: Lab| {
        let dir = project(&lab, "pre-start = \"echo said $(echo it); sleep 1000\"\n");
        let wt = lab.wt().await;
        let before = traces(&dir);
        let repo = Repo::discover(&dir).unwrap();
        let mut journal = undo::start(&lab.journals(), &repo).unwrap();
        let (stop, cancel) = tokio::sync::watch::channel(false);
        let mut tell = |news: &wtmag::git::News| {
            if news.to_string().trim().ends_with("said it") {
                stop.send(true).unwrap();
            }
        };
        let mut run = Run { cancel: &cancel, tell: &mut tell };
        let made = make(&repo, &wt, &new("work"), &mut journal, &mut run).await.unwrap();
        journal.announce(Step::Hooks).unwrap();
        let hooks = run_hooks(&wt, &made.path, None, Hooks::Yes, &mut run).await;
        assert!(hooks.unwrap_err().is_cancelled());
        undo::undo(journal, &mut run).await.unwrap();
        assert_eq!(traces(&dir), before);
    });
}

#[test]
fn plain_git_has_no_hooks_of_worktrunk() {
    alone(async |lab: Lab| {
        let dir = project(&lab, "pre-start = \"touch ran\"\n");
        let made = start(&lab, &dir, &GIT, Hooks::Approved).await.unwrap();
        assert!(!made.path.join("ran").exists());
    });
}

#[test]
fn a_hook_of_git_that_fails_leaves_nothing() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let hook = dir.join(".git/hooks/post-checkout");
        put(&hook, "#!/bin/sh\necho bad luck >&2\necho more >&2\nexit 1\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&hook, mode).unwrap();
        let before = traces(&dir);
        for tool in [GIT, lab.wt().await] {
            let failed = lab.create(&dir, &tool, &new("work")).await;
            let Err(Error::GitHook { text, .. }) = &failed else { panic!("{failed:?}") };
            assert!(text.contains("bad luck"), "{text}");
            assert_eq!(traces(&dir), before);
        }
    });
}
