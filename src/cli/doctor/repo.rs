//! Checks the repository around the current directory: pitfalls of its layout, and worktrees whose
//! worker is gone.
use std::{ffi::OsStr, path::Path};

use super::{Doctor, Finding, Group};
use crate::{
    git::{self, Repo, Worktree},
    model::WorkerId,
};

/// `workers`: those that a running hub knows; None if none runs.
pub(super) async fn check(doctor: &Doctor<'_>, workers: Option<&[WorkerId]>) -> Option<Group> {
    let repo = doctor.repo.as_ref()?;
    let layout =
        if repo.is_bare_layout() { "worktrees beside a bare repository" } else { "a clone" };
    let place = repo.home().display();
    let mut findings = vec![Finding::ok(format!("`{}`, {layout} at `{place}`", repo.project()))];
    findings.extend(remotes(repo));
    if repo.is_bare_layout() {
        findings.extend(hidden_worktrees(doctor, repo));
    }
    findings.extend(tracked(doctor, repo).await);
    findings.extend(stale_records(doctor, repo, workers));
    Some(Group { name: "repository", findings })
}

/// A bare clone has no fetch refspec: `git fetch` updates nothing, and every remote branch is a
/// local one that never moves.
fn remotes(repo: &Repo) -> Vec<Finding> {
    let remotes = repo.remotes();
    if remotes.is_empty() {
        return vec![
            Finding::note("no remote: workers start from the local default branch")
                .advice("issues and pull requests need a remote"),
        ];
    }
    let bare = remotes.iter().filter(|it| repo.brings_nothing(it));
    bare.map(|it| missing_refspec(repo.home(), it)).collect()
}

fn missing_refspec(home: &Path, remote: &str) -> Finding {
    let at = quote(home);
    Finding::note(format!("remote `{remote}` has no fetch refspec, as after `git clone --bare`"))
        .advice("`git fetch` updates nothing, and local branches stay as they were cloned. wtmag is not")
        .advice("affected, since it fetches by address. To fix it:")
        .advice(format!(
            "git -C {at} config remote.{remote}.fetch '+refs/heads/*:refs/remotes/{remote}/*' && \
             git -C {at} fetch {remote}"
        ))
}

/// WorkTrunk's default path for a bare `project/.git` is `project/.git.<branch>`: hidden.
fn hidden_worktrees(doctor: &Doctor<'_>, repo: &Repo) -> Vec<Finding> {
    if repo.common_dir().file_name() != Some(OsStr::new(".git")) {
        return Vec::new();
    }
    let hidden = repo.worktrees().unwrap_or_default().into_iter().map(|it| it.path);
    let is_hidden = |path: &Path| {
        path.file_name().and_then(OsStr::to_str).is_some_and(|it| it.starts_with(".git."))
    };
    let hidden: Vec<_> = hidden.filter(|path| is_hidden(path)).collect();
    let config = worktrunk_config(doctor);
    let is_set = std::fs::read_to_string(&config).is_ok_and(|it| it.contains("worktree-path"));
    if hidden.is_empty() && is_set {
        return Vec::new();
    }
    let text = match hidden.first() {
        Some(first) => format!("WorkTrunk made hidden worktrees: `{}`", first.display()),
        None => "WorkTrunk will make hidden worktrees here, such as `.git.main`".to_owned(),
    };
    let mut finding = Finding::note(text)
        .advice(format!(
            "its default path is `.git.<branch>` beside a bare `.git`; in `{}`, for this",
            config.display()
        ))
        .advice("project alone (its id is in `wt config show`):")
        .advice("[projects.\"<id>\"]")
        .advice("worktree-path = \"{{ repo_path }}/../{{ branch | sanitize }}\"");
    for path in &hidden {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let to = path.with_file_name(name.trim_start_matches(".git."));
        finding = finding.advice(format!(
            "git -C {} worktree move {} {}",
            quote(repo.common_dir()),
            quote(path),
            quote(&to)
        ));
    }
    vec![finding]
}

fn worktrunk_config(doctor: &Doctor<'_>) -> std::path::PathBuf {
    let env = &doctor.context.env;
    if let Some(path) = env.var("WORKTRUNK_CONFIG_PATH") {
        return path.into();
    }
    env.config_dir().with_file_name("worktrunk").join("config.toml")
}

/// A repository must not choose the content of `.wtmag`.
async fn tracked(doctor: &Doctor<'_>, repo: &Repo) -> Option<Finding> {
    let top = repo.worktree()?;
    let files = git(doctor, &top, &["ls-files", "--", ".wtmag"]).await?;
    let first = files.lines().next()?;
    Some(
        Finding::problem(format!("the repository tracks `{first}`: `wtmag create` refuses it"))
            .advice(
                "wtmag writes the worker's brief there, and a pull request must not choose where:",
            )
            .advice("git rm -r --cached .wtmag"),
    )
}

/// Worktrees that are recorded for a worker that does not exist.
fn stale_records(doctor: &Doctor<'_>, repo: &Repo, workers: Option<&[WorkerId]>) -> Vec<Finding> {
    let worktrees = match repo.worktrees() {
        Ok(worktrees) => worktrees,
        Err(error) => return vec![Finding::problem(error.to_string())],
    };
    worktrees.iter().filter_map(|it| stale_record(doctor, it, workers?)).collect()
}

fn stale_record(doctor: &Doctor<'_>, at: &Worktree, workers: &[WorkerId]) -> Option<Finding> {
    let record = match git::record::load(&at.git_dir) {
        Ok(record) => record?,
        Err(error) => return Some(Finding::problem(error.to_string())),
    };
    let is_ours = doctor.at.as_ref().is_some_and(|it| it.state.root() == record.hub);
    if !is_ours || workers.contains(&record.worker) {
        return None;
    }
    let path = at.path.display();
    Some(
        Finding::note(format!(
            "worktree `{path}` belongs to worker `{}`, which the hub does not know",
            record.worker
        ))
        .advice(format!("check its changes, then: git worktree remove {}", quote(&at.path))),
    )
}

/// git's output, if it succeeds.
async fn git(doctor: &Doctor<'_>, dir: &Path, args: &[&str]) -> Option<String> {
    let dir = dir.to_str()?;
    let args: Vec<&str> = ["-C", dir].iter().chain(args).copied().collect();
    let output = doctor.ask("git", &args).await.ok()?;
    output.is_success().then(|| output.stdout_text())
}

/// A path, quoted for a command that a user may paste into a shell.
fn quote(path: &Path) -> String {
    let path = path.to_string_lossy();
    shlex::try_quote(&path).map_or_else(|_| path.to_string(), std::borrow::Cow::into_owned)
}
