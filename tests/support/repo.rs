//! Scratch repositories with a remote that needs no network.
use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Run, Sandbox};

/// A working copy, its bare remote, and the sandbox's git to work on both.
pub(crate) struct Repo<'a> {
    sandbox: &'a Sandbox,
    pub dir: PathBuf,
    pub remote: PathBuf,
}

impl<'a> Repo<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, name: &str) -> Self {
        let dir = sandbox.path("src").join(name);
        let remote = sandbox.path("remotes").join(format!("{name}.git"));
        let repo = Self { sandbox, dir, remote };
        fs::create_dir_all(&repo.remote).unwrap();
        repo.git_in(&repo.remote, ["init", "--quiet", "--bare"]);
        let (from, to) = (repo.remote.display().to_string(), repo.dir.display().to_string());
        repo.git_in(&repo.remote, ["clone", "--quiet", &from, &to]);
        repo.commit("README.md", "hello\n");
        repo.git(["push", "--quiet", "-u", "origin", "main"]);
        repo.git(["remote", "set-head", "origin", "--auto"]);
        repo
    }

    /// The bare layout beside it: `<dir>-bare/.git` is a bare clone, `main` a worktree in it. Returns its root.
    pub(crate) fn bare_layout(&self) -> PathBuf {
        let root = self.dir.with_extension("bare");
        let (from, to) =
            (self.remote.display().to_string(), root.join(".git").display().to_string());
        self.git(["clone", "--quiet", "--bare", &from, &to]);
        self.git_in(&root.join(".git"), ["worktree", "add", "--quiet", "../main", "main"]);
        root
    }

    /// Someone else's clone, as of now.
    pub(crate) fn clone_to(&self, name: &str) -> Self {
        let dir = self.sandbox.path("src").join(name);
        let (from, to) = (self.remote.display().to_string(), dir.display().to_string());
        self.git(["clone", "--quiet", &from, &to]);
        Self { sandbox: self.sandbox, dir, remote: self.remote.clone() }
    }

    /// git in the working copy; its output without the last line end.
    #[track_caller]
    pub(crate) fn git<'s>(&self, args: impl IntoIterator<Item = &'s str>) -> String {
        self.git_in(&self.dir, args)
    }

    #[track_caller]
    pub(crate) fn git_in<'s>(&self, dir: &Path, args: impl IntoIterator<Item = &'s str>) -> String {
        let git: Run = self.sandbox.run("git").cwd(dir);
        git.args(args).run().success().trim_end_matches('\n').to_owned()
    }

    /// Writes a file and commits it; returns the commit.
    #[track_caller]
    pub(crate) fn commit(&self, file: &str, text: &str) -> String {
        self.sandbox.put(self.dir.join(file), text);
        self.git(["add", "--", file]);
        self.git(["commit", "--quiet", "-m", &format!("Change {file}")]);
        self.git(["rev-parse", "HEAD"])
    }
}
