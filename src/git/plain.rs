//! Worktrees by `git worktree` alone, for users without WorkTrunk.
use std::path::{Path, PathBuf};

use super::{
    Error, Repo, Run, Worktree,
    fetch::{git, git_at},
};
use crate::proc::Output;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(600);

/// Where the worktree of a branch is created. In the user's `template`, `{repo}` and `{branch}` are
/// replaced, and a relative path starts at the repository. Without a template: `<repo>.<branch>`
/// beside the repository, or `<branch>` beside the hidden repository of a bare layout. If that is
/// inside another repository: beside the outermost one that does not ignore it.
pub(super) async fn place(
    repo: &Repo,
    branch: &str,
    template: Option<&str>,
    run: &Run<'_>,
) -> Result<PathBuf, Error> {
    let name = branch.replace(['/', '\\'], "-");
    if let Some(template) = template {
        let path = template.replace("{repo}", &repo.project()).replace("{branch}", &name);
        return Ok(normal(&repo.home().join(path)));
    }
    let beside = default_path(repo, &name);
    let mut path = beside.clone();
    while let Some(outer) = around(&path) {
        if ignores(&outer, &path, run).await? {
            return Ok(path);
        }
        let (Some(above), Some(own)) = (outer.parent(), path.file_name()) else {
            return Ok(beside);
        };
        if nix::unistd::access(above, nix::unistd::AccessFlags::W_OK).is_err() {
            return Ok(beside);
        }
        let outer = outer.file_name().unwrap_or_default().to_string_lossy().into_owned();
        path = above.join(format!("{outer}.{}", own.to_string_lossy()));
    }
    Ok(path)
}

fn default_path(repo: &Repo, name: &str) -> PathBuf {
    let common = repo.common_dir();
    let is_hidden = common.file_name().is_some_and(|it| it.to_string_lossy().starts_with('.'));
    match common.parent() {
        Some(project) if repo.is_bare_layout() && is_hidden => project.join(name),
        Some(_) | None => {
            let own = if repo.is_bare_layout() { common } else { repo.home() };
            let parent = own.parent().unwrap_or(own);
            parent.join(format!("{}.{name}", repo.project()))
        }
    }
}

/// The path without `.` and `..`, resolved as text: its target may not exist yet.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            std::path::Component::CurDir => {}
            std::path::Component::Prefix(_)
            | std::path::Component::RootDir
            | std::path::Component::Normal(_) => normal.push(part),
        }
    }
    normal
}

/// The nearest enclosing worktree of any repository.
pub(super) fn around(path: &Path) -> Option<PathBuf> {
    let is_worktree = |dir: &&Path| {
        let git = dir.join(".git");
        // A bare repository of this name has no files beside it.
        git.is_file() || git.join("HEAD").exists() && !is_bare(&git)
    };
    path.ancestors().skip(1).find(is_worktree).map(Path::to_owned)
}

fn is_bare(git_dir: &Path) -> bool {
    let options = gix::open::Options::isolated().open_path_as_is(true);
    gix::open_opts(git_dir, options).is_ok_and(|it| it.is_bare())
}

/// Whether the worktree at `outer` ignores `path`.
pub(super) async fn ignores(outer: &Path, path: &Path, run: &Run<'_>) -> Result<bool, Error> {
    // With a slash, because it will be a directory.
    let mut dir = path.as_os_str().to_owned();
    dir.push("/");
    let cmd = git_at(outer).args(["check-ignore", "--quiet", "--"]).args([dir]);
    Ok(cmd.run(run.cancel).await?.is_success())
}

/// The `info/exclude` of the worktree at `outer`.
pub(super) async fn exclude_file(outer: &Path, run: &Run<'_>) -> Result<PathBuf, Error> {
    let args = ["rev-parse", "--path-format=absolute", "--git-path", "info/exclude"];
    let output = git_at(outer).args(args).run(run.cancel).await?;
    let path = output.stdout_text();
    match path.strip_suffix('\n') {
        Some(path) if output.is_success() => Ok(PathBuf::from(path)),
        _ => Err(Error::Answer { program: "git", why: output.stderr_text() }),
    }
}

/// How to create a worktree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Add<'a> {
    pub path: &'a Path,
    pub branch: &'a str,
    /// Where to create a branch that does not exist yet.
    pub base: Option<&'a str>,
    /// A worktree whose sparse checkout the new one inherits.
    pub like: Option<&'a Path>,
    /// Whether git's own hooks run.
    pub hooks: bool,
}

/// Creates the worktree.
pub(super) async fn add(
    repo: &Repo,
    add: &Add<'_>,
    run: &Run<'_>,
) -> Result<Result<(), Output>, Error> {
    let mut cmd = add.like.map_or_else(|| git(repo), git_at);
    if !add.hooks {
        cmd = cmd.args(["-c", NO_HOOKS]);
    }
    let cmd = cmd.args(["worktree", "add", "--quiet"]);
    let (path, branch) = (add.path, add.branch);
    let cmd = match add.base {
        Some(base) => cmd.args(["--no-track", "-b", branch, "--"]).args([path]).args([base]),
        None => cmd.args(["--"]).args([path]).args([branch]),
    };
    let output = cmd.limit(LIMIT).run(run.cancel).await?;
    Ok(if output.is_success() { Ok(()) } else { Err(output) })
}

/// The setting that keeps git from running hooks.
const NO_HOOKS: &str = "core.hooksPath=/dev/null";

/// The hook that git runs after a checkout, if there is one.
pub(super) async fn checkout_hook(repo: &Repo, run: &Run<'_>) -> Result<Option<PathBuf>, Error> {
    let args = ["rev-parse", "--path-format=absolute", "--git-path", "hooks/post-checkout"];
    let output = git(repo).args(args).run(run.cancel).await?;
    let path = PathBuf::from(output.stdout_text().trim_end());
    Ok(Some(path).filter(|it| output.is_success() && it.is_file()))
}

/// Removes the registration of a worktree whose directory is gone.
pub(super) async fn forget(
    repo: &Repo,
    worktree: &Worktree,
    run: &Run<'_>,
) -> Result<Result<(), Output>, Error> {
    let cmd = git(repo).args(["worktree", "remove", "--"]).args([&worktree.path]);
    let output = cmd.limit(LIMIT).run(run.cancel).await?;
    Ok(if output.is_success() { Ok(()) } else { Err(output) })
}
