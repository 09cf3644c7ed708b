//! Where worktrees go, what is checked out there, and what git runs over it.
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use wtmag::git::{Error, WorktreeRequest};

use super::lab::{GIT, Lab, alone, commit, git, new, put, traces};

/// A repository `super` with `lib` as its submodule `sub`; their worktrees.
fn with_submodule(lab: &Lab) -> std::path::PathBuf {
    let lib = lab.cloned("lib");
    let outer = lab.cloned("super");
    git(&outer, ["submodule", "-q", "add", lib.to_str().unwrap(), "sub"]);
    git(&outer, ["commit", "-qm", "sub"]);
    git(&outer, ["push", "-q"]);
    outer
}

#[test]
fn a_worker_of_a_submodule_does_not_stand_in_the_repository_around_it() {
    alone(async |lab: Lab| {
        let outer = with_submodule(&lab);
        for (branch, tool) in [("a", GIT), ("b", lab.wt().await)] {
            let made = lab.create(&outer.join("sub"), &tool, &new(branch)).await.unwrap();
            assert_eq!(git(&outer, ["status", "--porcelain"]), "", "{}", made.path.display());
        }
        assert!(lab.root.join("src/super.sub.a").is_dir());
    });
}

#[test]
fn the_same_of_any_repository_inside_another() {
    alone(async |lab: Lab| {
        let outer = lab.cloned("outer");
        let inner = lab.cloned("inner");
        let nested = outer.join("deep/inner");
        fs::create_dir(outer.join("deep")).unwrap();
        fs::rename(&inner, &nested).unwrap();
        put(&outer.join(".gitignore"), "/deep/inner/\n");
        git(&outer, ["add", ".gitignore"]);
        git(&outer, ["commit", "-qm", "ignore"]);
        let made = lab.create(&nested, &GIT, &new("a")).await.unwrap();
        assert_eq!(made.path, lab.root.join("src/outer.inner.a"));
        // What the outer one ignores does not disturb it, as in a home that is a repository.
        put(&outer.join(".gitignore"), "/deep/\n");
        git(&outer, ["commit", "-qam", "ignore"]);
        let made = lab.create(&nested, &GIT, &new("b")).await.unwrap();
        assert_eq!(made.path, outer.join("deep/inner.b"));
        assert_eq!(git(&outer, ["status", "--porcelain"]), "");
    });
}

#[test]
fn a_place_of_the_users_is_taken_and_kept_out_of_the_repository_it_is_in() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let at = |path: &str| WorktreeRequest { path: Some(path.to_owned()), ..new("fix/a") };
        let made = lab.create(&dir, &GIT, &at("../trees/{repo}-{branch}")).await.unwrap();
        assert_eq!(made.path, lab.root.join("src/trees/blog-fix-a"));
        git(&dir, ["worktree", "remove", "--force", made.path.to_str().unwrap()]);
        git(&dir, ["branch", "-q", "-D", "fix/a"]);
        let made = lab.create(&dir, &GIT, &at(".trees/{branch}")).await.unwrap();
        assert_eq!(made.path, dir.join(".trees/fix-a"));
        assert_eq!(git(&dir, ["status", "--porcelain"]), "");
        let news = lab.news().join("\n");
        assert!(news.contains("now ignores it"), "{news}");
    });
}

#[test]
fn empty_submodules_are_told() {
    alone(async |lab: Lab| {
        let outer = with_submodule(&lab);
        lab.create(&outer, &GIT, &new("a")).await.unwrap();
        let news = lab.news().join("\n");
        assert!(news.contains("`git submodule update --init` fills them"), "{news}");
    });
}

#[test]
fn a_sparse_checkout_is_inherited_from_the_worktree_one_is_in() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        commit(&dir, "d/x", "x");
        commit(&dir, "e/x", "x");
        git(&dir, ["push", "-q"]);
        git(&dir, ["worktree", "add", "-q", "../linked", "-b", "linked"]);
        let linked = lab.root.join("src/linked");
        git(&linked, ["sparse-checkout", "set", "--cone", "d"]);
        for (branch, tool) in [("a", GIT), ("b", lab.wt().await)] {
            let made = lab.create(&linked, &tool, &new(branch)).await.unwrap();
            let is_whole = made.path.join("e/x").exists();
            let is_told = lab.news().iter().any(|it| it.contains("sparse checkout"));
            assert_eq!(is_whole, is_told, "{branch}");
            assert!(branch != "a" || !is_whole);
        }
        let made = lab.create(&dir, &GIT, &new("c")).await.unwrap();
        assert!(made.path.join("e/x").exists());
    });
}

fn hook(dir: &Path, script: &str) {
    let path = dir.join(".git/hooks/post-checkout");
    put(&path, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_git_hook_that_fails_is_named_and_can_be_left_out() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        hook(&dir, "touch made-by-hook; echo 'husky: node not found' >&2; exit 127");
        let before = traces(&dir);
        for tool in [GIT, lab.wt().await] {
            let failed = lab.create(&dir, &tool, &new("a")).await.unwrap_err();
            let Error::GitHook { path, code, text } = &failed else { panic!("{failed:?}") };
            assert!(path.ends_with("hooks/post-checkout"), "{failed}");
            assert_eq!(*code, Some(127), "{failed}");
            assert!(text.ends_with("husky: node not found"), "{text}");
            assert!(!text.contains(['✗', '↳']), "{text}");
            assert!(failed.advice().iter().any(|it| it.option == Some("no-hooks")), "{failed}");
            assert_eq!(traces(&dir), before);
            let order = WorktreeRequest { git_hooks: false, ..new("a") };
            let made = lab.create(&dir, &tool, &order).await.unwrap();
            assert!(!made.path.join("made-by-hook").exists());
            git(&dir, ["worktree", "remove", "--force", made.path.to_str().unwrap()]);
            git(&dir, ["branch", "-q", "-D", "a"]);
        }
    });
}

#[test]
fn a_hook_that_leaves_a_process_behind_holds_nothing_up() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        hook(&dir, "sleep 60 & echo $! > \"$HOME/left\"");
        let started = std::time::Instant::now();
        let made = lab.create(&dir, &GIT, &new("a")).await;
        let left = fs::read_to_string(lab.root.join("home/left")).unwrap();
        let left = nix::unistd::Pid::from_raw(left.trim().parse().unwrap());
        nix::sys::signal::kill(left, nix::sys::signal::Signal::SIGKILL).unwrap();
        made.unwrap();
        assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    });
}

#[test]
fn a_filter_that_is_not_installed_is_told_apart() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        put(&dir.join(".gitattributes"), "*.bin filter=lfs\n");
        commit(&dir, "x.bin", "x");
        git(&dir, ["push", "-q"]);
        git(&dir, ["config", "filter.lfs.smudge", "no-such-git-lfs smudge -- %f"]);
        git(&dir, ["config", "filter.lfs.required", "true"]);
        let before = traces(&dir);
        // `git lfs install` sets both.
        for process in [None, Some("no-such-git-lfs filter-process")] {
            if let Some(it) = process {
                git(&dir, ["config", "filter.lfs.process", it]);
            }
            for tool in [GIT, lab.wt().await] {
                let failed = lab.create(&dir, &tool, &new("a")).await.unwrap_err();
                let Error::Filter { text, said } = &failed else { panic!("{failed:?}") };
                assert!(!said.lines().any(|it| text.contains(it.trim())), "{text}\n{said}");
                assert!(!said.contains('↳'), "{said}");
                assert!(failed.advice().iter().any(|it| it.text.contains("GIT_LFS_SKIP_SMUDGE")));
                assert_eq!(traces(&dir), before);
            }
        }
    });
}
