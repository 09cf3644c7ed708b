//! For uninstalling: what wtmag has in the home directory, in the tmux server and in the repository, and the
//! commands that remove it.
use std::path::{Path, PathBuf};

use super::{Doctor, Finding, Group};
use crate::{
    cli::skill,
    client::{Error, Hub, HubLocation},
    model::{Answer, Request, error_chain},
    text::count,
};

pub(super) async fn find(doctor: &Doctor<'_>) -> Vec<Group> {
    let env = &doctor.context.env;
    let mut files = Vec::new();
    files.extend(dir("configuration and profiles", env.config_dir()));
    files.extend(dir("records, logs and recorded screens", env.state_home()));
    // Each command makes one, and it ends with the login.
    let is_used = |it: &PathBuf| it.read_dir().is_ok_and(|mut all| all.next().is_some());
    for path in env.runtime_dirs().into_iter().filter(is_used) {
        files.extend(dir("sockets of hubs", path));
    }
    let skill = |(agent, path): (&str, PathBuf)| {
        let command = format!("wtmag skill remove --agent {agent}");
        left(&format!("the skill: `{}`", path.display()), &command)
    };
    let skills = skill::written(env).into_iter().map(skill).collect();
    let groups = [
        ("running", running(doctor.at.as_ref()).await),
        ("tmux", tmux(doctor).await),
        ("repository", refs(doctor).await),
        ("agents", skills),
        ("files", files),
    ];
    groups
        .into_iter()
        .filter(|it| !it.1.is_empty())
        .map(|(name, findings)| Group { name, findings })
        .collect()
}

fn left(what: &str, command: &str) -> Finding {
    Finding::note(what).advice(format!("to remove it: {command}"))
}

fn unknown(what: &str, why: &dyn std::fmt::Display) -> Finding {
    Finding::problem(format!("could not list {what}: {why}"))
}

fn dir(what: &str, path: PathBuf) -> Option<Finding> {
    let command = format!("rm -r {}", quoted(&path));
    path.is_dir().then(|| left(&format!("{what}: `{}`", path.display()), &command))
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    shlex::try_quote(&text).map_or_else(|_| text.clone(), std::borrow::Cow::into_owned)
}

/// The hub of this tmux server, and its workers.
async fn running(at: Option<&HubLocation>) -> Vec<Finding> {
    let Some(at) = at else { return Vec::new() };
    let mut hub = match Hub::connect(at).await {
        Ok(hub) => hub,
        Err(Error::NotRunning) => return Vec::new(),
        Err(error) => return vec![Finding::problem(error.to_string())],
    };
    let mut findings = Vec::new();
    match hub.ask(Request::List { ended: false, brief: true }).await {
        Ok(Answer::Workers { workers, .. }) if !workers.is_empty() => {
            let ids: Vec<&str> = workers.iter().map(|it| it.id.as_str()).collect();
            let command = format!("wtmag cleanup {}", ids.join(" "));
            findings.push(left(&count(ids.len(), "worker"), &command));
        }
        Ok(_) => {}
        Err(error) => findings.push(unknown("the workers", &error)),
    }
    findings
        .push(Finding::note("the hub of this tmux server").advice("to stop it: wtmag hub stop"));
    findings
}

/// What `wtmag tmux load` has added to the running server.
async fn tmux(doctor: &Doctor<'_>) -> Vec<Finding> {
    let Some(keys) = doctor.ask_tmux(&["list-keys"]).await else { return Vec::new() };
    let is_there = keys.contains("tmux menu --client");
    let what = "the keys, the marks and the summary in this tmux server";
    let advice = "also delete the line of `wtmag tmux load` from your tmux.conf";
    is_there.then(|| left(what, "wtmag tmux remove").advice(advice)).into_iter().collect()
}

/// Backups and bases in the repository around the current directory.
async fn refs(doctor: &Doctor<'_>) -> Vec<Finding> {
    let Some(repo) = &doctor.repo else { return Vec::new() };
    let git_dir = repo.common_dir();
    let dir = git_dir.display().to_string();
    let list = ["--git-dir", &dir, "for-each-ref", "--format=x", "refs/wtmag"];
    let command = format!(
        "git --git-dir {} for-each-ref --format='delete %(refname)' refs/wtmag | git --git-dir {} update-ref --stdin",
        quoted(git_dir),
        quoted(git_dir)
    );
    let mut findings = Vec::new();
    match doctor.ask("git", &list).await {
        Ok(listed) if listed.is_success() => {
            let n = listed.stdout_text().lines().count();
            let refs = count(n, "ref");
            let kept = "backups of removed workers, fetched bases, heads of pull requests";
            let what = format!("{refs} in refs/wtmag: {kept}");
            findings.extend((n > 0).then(|| left(&what, &command)));
        }
        Ok(listed) => findings.push(unknown("refs/wtmag", &listed.stderr_text())),
        Err(error) => findings.push(unknown("refs/wtmag", &error_chain(&error))),
    }
    findings.extend(self::dir("copies of removed files, and a lock", git_dir.join("wtmag")));
    findings
}
