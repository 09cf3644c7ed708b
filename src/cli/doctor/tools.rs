//! Checks git, WorkTrunk and the programs that fetch tasks.
use std::ffi::OsStr;

use super::{Doctor, Finding, Group, first_line};
use crate::{
    config::Backend,
    git::{self, Repo, Tool, Wt},
    proc,
    sources::{self, Program, SourceSpec},
};

pub(super) async fn check(doctor: &Doctor<'_>) -> Vec<Group> {
    let sources = async {
        let mut findings = Vec::new();
        for spec in sources::ALL {
            if let Some(program) = spec.program {
                findings.push(source(doctor, spec, program).await);
            }
        }
        findings
    };
    let (git, worktrunk, sources) = tokio::join!(git(doctor), worktrunk(doctor), sources);
    let group = |name, findings| Group { name, findings };
    vec![group("git", vec![git]), group("worktrunk", worktrunk), group("task sources", sources)]
}

async fn git(doctor: &Doctor<'_>) -> Finding {
    match doctor.ask("git", &["--version"]).await {
        Ok(output) => Finding::ok(first_line(&output.stdout_text())),
        Err(error) => Finding::problem(error.to_string()).advice("install git"),
    }
}

/// WorkTrunk creates and removes worktrees; if it is missing, plain git does.
async fn worktrunk(doctor: &Doctor<'_>) -> Vec<Finding> {
    let backend = doctor.config.as_ref().map_or(Backend::Auto, |it| it.config.worktree.backend);
    if backend == Backend::Git {
        return vec![Finding::ok("not used: `[worktree] backend` is `git`")];
    }
    let mut tell = |_: &git::News| {};
    let mut run = git::Run { cancel: &doctor.cancel, tell: &mut tell };
    let found = Tool::choose(git::Backend::Wt, OsStr::new("wt"), &mut run).await;
    match found {
        Ok(Tool::Wt(wt)) if wt.version < Wt::RECOMMENDED => {
            let text =
                format!("wt {}: releases before {} could lose work", wt.version, Wt::RECOMMENDED);
            vec![Finding::note(text).advice("cargo install worktrunk --locked")]
        }
        Ok(Tool::Wt(wt)) => match wt.check_git(&mut run).await {
            Ok(()) => vec![Finding::ok(format!("wt {}", wt.version))],
            Err(error) => {
                let finding = Finding::problem(error.to_string());
                let advice = error.advice().into_iter().map(|it| it.text);
                vec![advice.fold(finding, Finding::advice)]
            }
        },
        Ok(Tool::Git { .. }) => Vec::new(),
        Err(error) => {
            let text = error.to_string();
            let finding = if backend == Backend::Wt {
                Finding::problem(text)
                    .advice("the configuration says `[worktree] backend = \"wt\"`")
            } else {
                Finding::note(text)
                    .advice("worktrees are made with plain git, beside the repository")
            };
            vec![finding.advice("cargo install worktrunk --locked")]
        }
    }
}

/// The program of a source: present, and logged in where it can tell without the network.
async fn source(doctor: &Doctor<'_>, spec: &SourceSpec, program: &Program) -> Finding {
    let flag = spec.flag;
    let version = match doctor.ask(program.name, program.version).await {
        Ok(output) => version_of(program.name, &output.stdout_text()),
        Err(error) => return absent(&error, &format!("`create --{flag}`"), program.install),
    };
    let Some(login) = program.login else { return Finding::ok(version) };
    if is_logged_in(doctor, program.name, login).await {
        return Finding::ok(format!("{version}, logged in"));
    }
    // It may have a login for the repository's own server only.
    let host = doctor.repo.as_ref().map(Repo::host_name).filter(|it| !it.is_empty());
    if let Some(host) = host {
        let there = [login, &["--hostname", &host]].concat();
        if is_logged_in(doctor, program.name, &there).await {
            return Finding::ok(format!("{version}, logged in at {host}"));
        }
    }
    Finding::note(format!("{version}, not logged in"))
        .advice(format!("only `create --{flag}` needs it: {}", program.log_in))
}

async fn is_logged_in(doctor: &Doctor<'_>, program: &'static str, login: &[&str]) -> bool {
    doctor.ask(program, login).await.is_ok_and(|it| it.is_success())
}

/// The first line; of `jira`, which prints (Version="1.5.1", GitCommit=…, the value.
fn version_of(name: &str, text: &str) -> String {
    let quoted = text.split('"').nth(1).filter(|_| text.contains("Version"));
    quoted.map_or_else(|| first_line(text), |it| format!("{name} {it}"))
}

fn absent(error: &proc::Error, needed_for: &str, how: &str) -> Finding {
    Finding::note(error.to_string()).advice(format!("only {needed_for} needs it: {how}"))
}
