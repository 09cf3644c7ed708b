//! Which remote and which of its branches new work starts from.
use std::path::{Path, PathBuf};

use wtmag::{
    git::{Error, Picked, Repo, RepoLock, Start, WorktreeRequest, pick},
    model::{Base, Host},
};

use super::lab::{GIT, Lab, alone, commit, git, new, put, tip};

async fn picked(lab: &Lab, dir: &Path, start: &Start) -> Result<Picked, Error> {
    let repo = Repo::discover(dir).unwrap();
    lab.run(async |run| {
        let lock = RepoLock::acquire(&repo, run).await?;
        pick(&repo, &lock, start, run).await
    })
    .await
}

/// A clone of a server whose remote is called `parent`, and a fork of it that is out of date.
fn with_fork(lab: &Lab, name: &str, parent: &str, fork: &str) -> (PathBuf, String) {
    let dir = lab.cloned(name);
    let url = lab.root.join(format!("srv/{name}-fork.git")).to_str().unwrap().to_owned();
    git(&lab.root, ["clone", "-q", "--bare", &format!("srv/{name}.git"), &url]);
    if parent != "origin" {
        git(&dir, ["remote", "rename", "origin", parent]);
    }
    git(&dir, ["remote", "add", fork, &url]);
    git(&dir, ["fetch", "-q", fork]);
    (dir, lab.push(name, "main", "two"))
}

#[test]
fn new_work_starts_from_the_remote_that_the_default_branch_follows() {
    alone(async |lab: Lab| {
        for (name, parent, fork) in
            [("a", "upstream", "mine"), ("b", "upstream", "origin"), ("c", "origin", "mine")]
        {
            let (dir, newest) = with_fork(&lab, name, parent, fork);
            let base = picked(&lab, &dir, &Start::Default).await.unwrap().base;
            assert_eq!(base, Base { name: "main".into(), sha: newest, fresh: true });
            assert_eq!(lab.news(), [format!("fetching main from {parent}")]);
            let pushed_to = if fork == "origin" { "origin" } else { parent };
            assert_eq!(Repo::discover(&dir).unwrap().push_remote().as_deref(), Some(pushed_to));
        }
    });
}

#[test]
fn a_remote_that_git_or_gh_was_told_of_counts() {
    alone(async |lab: Lab| {
        let (dir, _) = with_fork(&lab, "blog", "theirs", "mine");
        git(&dir, ["branch", "--unset-upstream", "main"]);
        let remote = || Repo::discover(&dir).unwrap().remote();
        git(&dir, ["config", "checkout.defaultRemote", "mine"]);
        assert_eq!(remote().as_deref(), Some("mine"));
        git(&dir, ["branch", "-q", "--set-upstream-to=mine/main", "main"]);
        git(&dir, ["config", "remote.theirs.gh-resolved", "base"]);
        assert_eq!(remote().as_deref(), Some("theirs"));
    });
}

#[test]
fn a_guess_between_remotes_is_said() {
    alone(async |lab: Lab| {
        let (dir, newest) = with_fork(&lab, "blog", "theirs", "mine");
        git(&dir, ["branch", "--unset-upstream", "main"]);
        git(&dir, ["remote", "set-head", "theirs", "main"]);
        let base = picked(&lab, &dir, &Start::Default).await.unwrap().base;
        assert_eq!((base.sha, base.fresh), (newest, true));
        let news = lab.news();
        assert!(
            news[0].starts_with("starting from the remote `theirs`, not from `mine`"),
            "{news:?}"
        );
    });
}

#[test]
fn an_issue_of_the_parent_starts_from_the_parent() {
    alone(async |lab: Lab| {
        let (dir, newest) = with_fork(&lab, "blog", "parent", "origin");
        git(&dir, ["branch", "-q", "--set-upstream-to=origin/main", "main"]);
        let server = lab.root.join("srv/blog.git").to_str().unwrap().to_owned();
        let start = Start::DefaultOf { url: server.clone(), branch: Some("main".to_owned()) };
        assert_eq!(picked(&lab, &dir, &start).await.unwrap().base.sha, newest);
        // If no remote points there, the repository's own URL is used.
        let start = Start::DefaultOf { url: format!("{server}x"), branch: Some("odd".to_owned()) };
        assert_ne!(picked(&lab, &dir, &start).await.unwrap().base.sha, newest);
    });
}

#[test]
fn a_default_branch_that_the_remote_renamed_is_found() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let newest = lab.push("blog", "trunk", "two");
        let server = lab.root.join("srv/blog.git");
        git(&server, ["symbolic-ref", "HEAD", "refs/heads/trunk"]);
        git(&server, ["branch", "-q", "-D", "main"]);
        let base = picked(&lab, &dir, &Start::Default).await.unwrap().base;
        assert_eq!((base.sha, base.fresh), (newest, true));
        let news = lab.news().join("\n");
        assert!(
            news.contains("the default branch of `origin` is now `trunk`, not `main`"),
            "{news}"
        );
    });
}

#[test]
fn unpushed_commits_of_the_current_branch_are_no_default_branch() {
    alone(async |lab: Lab| {
        let server = lab.server("blog");
        let dir = lab.root.join("q");
        git(&lab.root, ["init", "-q", "-b", "feature", "q"]);
        git(&dir, ["remote", "add", "origin", server.to_str().unwrap()]);
        let own = commit(&dir, "own.txt", "mine, not pushed");
        for fetched in [false, true] {
            // Before the first fetch only the remote knows; after it, its tracking branch does.
            let start = Start::Default;
            if fetched {
                git(&dir, ["fetch", "-q"]);
                git(&dir, ["update-ref", "-d", "refs/remotes/origin/HEAD"]);
            }
            let base = picked(&lab, &dir, &start).await.unwrap().base;
            assert_eq!(base.sha, tip(&server, "main"));
        }
        git(&dir, ["update-ref", "-d", "refs/remotes/origin/main"]);
        std::fs::rename(lab.root.join("srv"), lab.root.join("away")).unwrap();
        let failed = picked(&lab, &dir, &Start::Default).await.unwrap_err();
        assert!(matches!(failed, Error::NoDefaultBranch { .. }), "{failed:?}");
        assert!(failed.advice().iter().any(|it| it.text.contains("set-head")));
        // A remote that has nothing yet leaves what is here.
        git(&lab.root, ["init", "-q", "--bare", "empty.git"]);
        let empty = lab.root.join("empty.git");
        git(&dir, ["remote", "set-url", "origin", empty.to_str().unwrap()]);
        assert_eq!(picked(&lab, &dir, &Start::Default).await.unwrap().base.sha, own);
    });
}

#[test]
fn the_head_of_a_remote_is_a_base() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let newest = lab.push("blog", "main", "two");
        let start = Start::Named("origin/HEAD".to_owned());
        assert_eq!(picked(&lab, &dir, &start).await.unwrap().base.sha, newest);
    });
}

#[test]
fn a_base_of_before_is_not_in_the_way_of_one_below_it() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        let base = async |name: &str| {
            picked(&lab, &dir, &Start::Named(name.to_owned())).await.unwrap().base
        };
        lab.push("blog", "release", "r");
        assert!(base("release").await.fresh);
        git(&lab.root.join("srv/blog.git"), ["branch", "-q", "-D", "release"]);
        // The pusher cannot have both either.
        git(&lab.pusher("blog"), ["branch", "-q", "-m", "release", "other"]);
        let newest = lab.push("blog", "release/1", "r1");
        let found = base("release/1").await;
        assert_eq!((found.sha, found.fresh), (newest, true));
        // And back again, also where an older version kept a ref below.
        git(&lab.root.join("srv/blog.git"), ["branch", "-q", "-D", "release/1"]);
        git(&dir, ["update-ref", "-d", "refs/wtmag/base/release"]);
        git(&dir, ["update-ref", "refs/wtmag/base/release/old", "HEAD"]);
        git(&lab.pusher("blog"), ["branch", "-q", "-m", "release/1", "another"]);
        let newest = lab.push("blog", "release", "r2");
        // The answer of a moment ago is not asked for.
        std::fs::remove_file(dir.join(".git/wtmag/fetched.json")).unwrap();
        let found = base("release").await;
        assert_eq!((found.sha, found.fresh), (newest, true));
    });
}

/// An `ssh` for which every host is a directory, and that says this of what an alias stands for.
fn put_ssh(lab: &Lab, known: &str) {
    let srv = lab.root.join("srv").display().to_string();
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = -G ]; then {known}; fi\nfor a; do :; done\n\
         p=$(echo \"${{a#* }}\" | tr -d \"'\")\nexec ${{a%% *}} \"{srv}/$p\"\n"
    );
    let path = lab.root.join("bin/ssh");
    put(&path, &script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).unwrap();
}

#[test]
fn a_pull_request_is_fetched_by_the_users_own_alias() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("acme/blog");
        let head = lab.push("acme/blog", "fix", "a fix");
        let server = lab.root.join("srv/acme/blog.git");
        git(&server, ["update-ref", "refs/pull/7/head", &head]);
        for (remote, known) in [
            ("git@github-work:acme/blog.git", "exit 1"),
            ("git@github.com-work:acme/blog.git", "exit 1"),
            ("git@work.example:acme/blog.git", "echo hostname github.com; exit 0"),
            ("ssh://git@ssh.github.com:443/acme/blog.git", "exit 1"),
        ] {
            git(&dir, ["remote", "set-url", "origin", remote]);
            put_ssh(&lab, known);
            let url = "https://github.com/acme/blog.git".to_owned();
            let start = Start::Pull { url, number: 7, head: head.clone(), forge: Host::Github };
            assert_eq!(picked(&lab, &dir, &start).await.unwrap().base.sha, head, "{remote}");
        }
    });
}

#[test]
fn a_mirror_elsewhere_is_not_the_forge() {
    alone(async |lab: Lab| {
        let dir = lab.cloned("blog");
        git(&dir, ["remote", "set-url", "origin", "git@gitlab.example.org:acme/blog.git"]);
        let url = lab.root.join("srv/blog.git").to_str().unwrap().to_owned();
        let start = Start::Pull { url, number: 7, head: tip(&dir, "HEAD"), forge: Host::Github };
        let failed = picked(&lab, &dir, &start).await.unwrap_err().to_string();
        assert!(failed.contains("srv/blog.git"), "{failed}");
    });
}

#[test]
fn a_treeless_clone_is_read_by_git() {
    alone(async |lab: Lab| {
        let server = lab.server("blog");
        git(&server, ["config", "uploadpack.allowFilter", "true"]);
        git(&server, ["config", "uploadpack.allowAnySHA1InWant", "true"]);
        let dir = lab.root.join("partial");
        let url = format!("file://{}", server.display());
        git(&lab.root, ["clone", "-q", "--filter=tree:0", &url, "partial"]);
        let newest = lab.push("blog", "main", "two");
        let made = lab.create(&dir, &GIT, &new("work")).await.unwrap();
        assert_eq!(tip(&made.path, "HEAD"), newest);
        // What tracks `.wtmag` is refused there, too.
        let pusher = lab.pusher("blog");
        put(&pusher.join(".wtmag/x"), "theirs");
        git(&pusher, ["add", "-f", "."]);
        git(&pusher, ["commit", "-qm", "scratch"]);
        git(&pusher, ["push", "-q", "origin", "HEAD:odd"]);
        let order = WorktreeRequest { start: Start::Named("odd".to_owned()), ..new("other") };
        let refused = lab.create(&dir, &GIT, &order).await;
        assert!(matches!(refused, Err(Error::Tracked { .. })), "{refused:?}");
    });
}
