//! Where a repository may be and where its worktrees go.
use std::{fs, path::Path};

use wtmag::{
    git::{Backend, Error, Repo, Run, Tool, Wt},
    model::Host,
};

use super::lab::{GIT, Lab, alone, commit, git, new, put, tip};

#[track_caller]
fn check(dir: &Path, project: &str, worktree: Option<&Path>, is_bare: bool, home: &Path) {
    let repo = Repo::discover(dir).unwrap();
    let found = (repo.project(), repo.worktree(), repo.is_bare_layout(), repo.home().to_owned());
    let want = (project.to_owned(), worktree.map(Path::to_owned), is_bare, home.to_owned());
    assert_eq!(found, want, "{}", dir.display());
    assert_eq!(repo.default_branch().unwrap(), "main", "{}", dir.display());
}

#[test]
fn a_clone_is_found_from_any_directory_in_it() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let linked = lab.root.join("src/elsewhere");
        git(&dir, ["worktree", "add", "-q", "-b", "x", "../elsewhere"]);
        for sub in ["sub/deep", "../elsewhere/sub"] {
            fs::create_dir_all(dir.join(sub)).unwrap();
        }
        check(&dir, "blog", Some(&dir), false, &dir);
        check(&dir.join("sub/deep"), "blog", Some(&dir), false, &dir);
        check(&linked, "blog", Some(&linked), false, &dir);
        assert!(!Repo::discover(&linked).unwrap().lacks_refspec());
        check(&linked.join("sub"), "blog", Some(&linked), false, &dir);
        let both = Repo::discover(&dir).unwrap().worktrees().unwrap();
        let both: Vec<_> =
            both.iter().map(|it| (&it.path, it.branch.as_deref(), it.is_main)).collect();
        assert_eq!(both, [(&dir, Some("main"), true), (&linked, Some("x"), false)]);
    });
}

#[test]
fn a_bare_layout_is_found_from_any_directory_in_it() {
    alone(async |lab: Lab| {
        let project = lab.bare_layout("blog");
        git(&project, ["worktree", "add", "-q", "main"]);
        let main = project.join("main");
        check(&project, "blog", None, true, &project);
        assert!(Repo::discover(&project).unwrap().lacks_refspec());
        check(&project.join(".git"), "blog", None, true, &project);
        check(&project.join(".git/worktrees/main"), "blog", Some(&main), true, &project);
        check(&main, "blog", Some(&main), true, &project);
    });
}

#[test]
fn other_bare_repositories_have_their_own_names() {
    alone(async |lab: Lab| {
        let server = lab.server("blog");
        check(&server, "blog", None, true, &server);
        let hidden = lab.root.join("src/shop/.bare");
        fs::create_dir_all(hidden.parent().unwrap()).unwrap();
        git(
            &lab.root,
            [
                "clone".as_ref(),
                "-q".as_ref(),
                "--bare".as_ref(),
                server.as_os_str(),
                hidden.as_os_str(),
            ],
        );
        put(&lab.root.join("src/shop/.git"), "gitdir: ./.bare\n");
        let project = lab.root.join("src/shop");
        git(&project, ["worktree", "add", "-q", "main"]);
        check(&project, "shop", None, true, &hidden);
        check(&project.join("main"), "shop", Some(&project.join("main")), true, &hidden);
    });
}

#[test]
fn a_git_dir_elsewhere_takes_the_name_of_its_worktree() {
    alone(async |lab: Lab| {
        let outer = lab.cloned("outer");
        let server = lab.server("lib");
        git(&outer, ["submodule", "--quiet", "add", server.to_str().unwrap(), "vendor/lib"]);
        let inner = outer.join("vendor/lib");
        check(&inner, "lib", Some(&inner), false, &inner);
        let dir = lab.root.join("src/split");
        let git_dir = format!("--separate-git-dir={}/gits/x", lab.root.display());
        fs::create_dir_all(lab.root.join("gits")).unwrap();
        git(&lab.root, ["init", "-q", "-b", "main", &git_dir, dir.to_str().unwrap()]);
        commit(&dir, "a", "b");
        check(&dir, "split", Some(&dir), false, &dir);
    });
}

#[test]
fn a_worktree_is_made_from_every_layout_by_either_tool() {
    alone(async |lab: Lab| {
        let wt = lab.wt().await;
        for (n, tool) in [GIT, wt].iter().enumerate() {
            let clone = lab.cloned(&format!("clone{n}"));
            git(&clone, ["worktree", "add", "-q", "-b", "linked", &format!("../linked{n}")]);
            let bare = lab.bare_layout(&format!("bare{n}"));
            let server = lab.server(&format!("server{n}"));
            fs::create_dir_all(clone.join("sub")).unwrap();
            let dirs = [
                (clone.clone(), "one"),
                (clone.join("sub"), "feature/two"),
                (lab.root.join(format!("src/linked{n}")), "three"),
                (bare.clone(), "four"),
                (bare.join(".git"), "five"),
                (server, "six"),
            ];
            for (dir, branch) in dirs {
                let made = lab.create(&dir, tool, &new(branch)).await.unwrap();
                assert!(made.branch_made && made.worktree_made, "{made:?}");
                assert_eq!(git(&made.path, ["branch", "--show-current"]), branch);
                assert_eq!(tip(&made.path, "HEAD"), made.base.unwrap().sha);
                assert_eq!(git(&made.path, ["status", "--porcelain"]), "");
                let git_dir = git(&made.path, ["rev-parse", "--absolute-git-dir"]);
                assert_eq!(Path::new(&git_dir), made.git_dir);
                assert_eq!(
                    fs::read_to_string(made.path.join(".wtmag/prompt.md")).unwrap(),
                    "the task\n"
                );
            }
        }
    });
}

#[test]
fn plain_git_puts_worktrees_beside_the_repository() {
    alone(async |lab: Lab| {
        let clone = lab.cloned("blog");
        let made = lab.create(&clone, &GIT, &new("a/b")).await.unwrap();
        assert_eq!(made.path, lab.root.join("src/blog.a-b"));
        let taken = lab.create(&clone, &GIT, &new("a-b")).await;
        assert!(matches!(taken, Err(Error::PathTaken { .. })), "{taken:?}");
        let project = lab.bare_layout("shop");
        let made = lab.create(&project, &GIT, &new("a/b")).await.unwrap();
        assert_eq!(made.path, project.join("a-b"));
        let made = lab.create(&lab.server("web"), &GIT, &new("x")).await.unwrap();
        assert_eq!(made.path, lab.root.join("srv/web.x"));
    });
}

#[test]
fn worktrunk_puts_worktrees_where_its_user_wants_them() {
    alone(async |lab: Lab| {
        let project = lab.bare_layout("blog");
        let wt = lab.wt().await;
        let made = lab.create(&project, &wt, &new("one")).await.unwrap();
        assert_eq!(made.path, project.join(".git.one"));
        lab.wt_config("worktree-path = \"{{ repo_path }}/../{{ branch | sanitize }}\"\n");
        let made = lab.create(&made.path, &wt, &new("two/three")).await.unwrap();
        assert_eq!(made.path, project.join("two-three"));
    });
}

#[test]
fn names_that_shells_and_tmux_would_run_are_only_names() {
    alone(async |lab: Lab| {
        let name = "a#(touch z)b #{pane_id} 'q\" $x";
        let dir = lab.cloned(name);
        let wt = lab.wt().await;
        let before = fs::read_dir(&lab.root).unwrap().count();
        for (tool, branch) in
            [(&GIT, "$(touch${IFS}x)#(touch);kill-server"), (&wt, "%;`touch`&&'q'")]
        {
            let made = lab.create(&dir, tool, &new(branch)).await.unwrap();
            assert_eq!(git(&made.path, ["branch", "--show-current"]), branch);
        }
        assert_eq!(Repo::discover(&dir).unwrap().project(), name);
        // The journals of the two creates have a directory now; nothing else came.
        assert_eq!(fs::read_dir(&lab.root).unwrap().count(), before + 1);
        let bad = lab.create(&dir, &wt, &new("$(touch x)#(touch y);kill-server")).await;
        assert!(matches!(bad, Err(Error::BadName { .. })), "{bad:?}");
    });
}

#[test]
fn two_repositories_of_one_name_do_not_meet() {
    alone(async |lab: Lab| {
        let first = lab.cloned("one/blog");
        let second = lab.cloned("two/blog");
        for dir in [&first, &second] {
            let made = lab.create(dir, &GIT, &new("same")).await.unwrap();
            assert_eq!(made.path, dir.parent().unwrap().join("blog.same"));
        }
        let repos = [&first, &second].map(|it| Repo::discover(it).unwrap());
        assert_eq!(repos[0].project(), repos[1].project());
        assert_ne!(repos[0].common_dir(), repos[1].common_dir());
    });
}

#[test]
fn a_place_that_is_no_repository_says_so() {
    alone(async |lab: Lab| {
        let outside = Repo::discover(&lab.root);
        assert!(matches!(outside, Err(Error::NoRepository { .. })));
        let gone = Repo::discover(&lab.root.join("gone"));
        assert!(matches!(gone, Err(Error::NoRepository { .. })));
    });
}

#[test]
fn another_users_repository_is_refused_unless_trusted() {
    alone(async |lab: Lab| {
        // Only root can give files away; for others there is nothing to see here.
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = lab.cloned("blog");
        let owner = Some(nix::unistd::Uid::from_raw(12345));
        for path in [dir.clone(), dir.join(".git")] {
            nix::unistd::chown(&path, owner, None).unwrap();
        }
        let refused = Repo::discover(&dir);
        assert!(matches!(refused, Err(Error::Untrusted { .. })), "{:?}", refused.err());
        git(&lab.root, ["config", "--global", "safe.directory", dir.to_str().unwrap()]);
        check(&dir, "blog", Some(&dir), false, &dir);
    });
}

#[test]
fn refs_in_another_format_are_refused_by_name() {
    alone(async |lab: Lab| {
        let dir = lab.root.join("new");
        git(&lab.root, ["init", "-q", "--ref-format=reftable", "new"]);
        let refused = Repo::discover(&dir);
        let Err(Error::RefFormat { format, .. }) = refused else { panic!("{:?}", refused.err()) };
        assert_eq!(format, "reftable");
    });
}

#[test]
fn the_forge_is_known_by_the_host_of_the_remote() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        for (url, want) in [
            ("git@github.com:o/r.git", Host::Github),
            ("https://gitlab.example.org/o/r", Host::Gitlab),
            ("https://example.org/github/r", Host::Other),
        ] {
            git(&dir, ["remote", "set-url", "origin", url]);
            let repo = Repo::discover(&dir).unwrap();
            assert_eq!(repo.host(), want, "{url}");
            assert_eq!(repo.fetch_url("origin").as_deref(), Some(url));
        }
        git(&dir, ["remote", "set-url", "origin", "git@github.com:o/r.git"]);
        let repo = Repo::discover(&dir).unwrap();
        assert_eq!(repo.remote_for("https://github.com/O/R"), Some("origin".to_owned()));
        assert_eq!(repo.remote_for("https://github.com/o/other"), None);
        assert_eq!(repo.remotes(), ["origin"]);
    });
}

#[test]
fn the_default_branch_is_found_without_the_network() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let default = || Repo::discover(&dir).unwrap().default_branch().unwrap();
        git(&dir, ["branch", "trunk"]);
        git(&dir, ["checkout", "-q", "-b", "feature"]);
        assert_eq!(default(), "main");
        git(&dir, ["remote", "set-head", "origin", "-d"]);
        assert_eq!(default(), "main");
        git(&dir, ["config", "init.defaultBranch", "trunk"]);
        assert_eq!(default(), "trunk");
        git(&dir, ["config", "worktrunk.default-branch", "gone"]);
        assert_eq!(default(), "trunk");
        git(&dir, ["config", "worktrunk.default-branch", "feature"]);
        assert_eq!(default(), "feature");
    });
}

#[test]
fn what_is_called_wt_need_not_be_worktrunk() {
    alone(async |lab: Lab| {
        let choose = async |backend, program: &Path| {
            lab.run(async |run| Tool::choose(backend, program.as_os_str(), run).await).await
        };
        let fake = |name: &str, said: &str| {
            let path = lab.root.join(name);
            put(&path, &format!("#!/bin/sh\necho '{said}'\n"));
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&path, mode).unwrap();
            path
        };
        let other = fake("other", "Windows Terminal v1.2");
        let chosen = choose(Backend::Wt, &other).await;
        assert!(matches!(chosen, Err(Error::NotWorktrunk { .. })), "{chosen:?}");
        let old = choose(Backend::Wt, &fake("old", "wt 0.65.9")).await;
        assert!(matches!(old, Err(Error::OldWorktrunk { .. })), "{old:?}");
        let fallback = choose(Backend::Auto, Path::new("no-such-wt")).await.unwrap();
        assert!(
            matches!(&fallback, Tool::Git { why: Some(why) } if why == "`no-such-wt` is not installed")
        );
        let said = "using plain git worktrees: `no-such-wt` is not installed; ";
        assert!(lab.news()[0].starts_with(said));
        let by_choice = choose(Backend::Git, &other).await.unwrap();
        assert!(matches!(by_choice, Tool::Git { why: None }));
        let real = choose(Backend::Auto, Path::new("wt")).await.unwrap();
        assert!(matches!(real, Tool::Wt(wt) if wt.version >= Wt::MINIMUM));
    });
}

#[test]
fn a_fallback_to_git_is_told_once() {
    alone(async |lab: Lab| {
        let seen = lab.root.join("wt.json");
        let chosen = async |program: &str| {
            let before = lab.news().len();
            let choose = async |run: &mut Run<'_>| {
                Tool::choose_seen(Backend::Auto, program.as_ref(), &seen, run).await
            };
            let tool = lab.run(choose).await.unwrap();
            (tool, lab.news().len() - before)
        };
        for want in [1, 0] {
            let (tool, n_told) = chosen("no-such-wt").await;
            assert!(matches!(tool, Tool::Git { why: Some(_) }), "{tool:?}");
            assert_eq!(n_told, want);
        }
        for _ in 0..2 {
            let (tool, n_told) = chosen("wt").await;
            assert!(matches!(tool, Tool::Wt(_)), "{tool:?}");
            assert_eq!(n_told, 0);
        }
        let (_, n_told) = chosen("no-such-wt").await;
        assert_eq!(n_told, 1, "WorkTrunk was there in between");
    });
}
