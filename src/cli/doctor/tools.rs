//! Checks git, WorkTrunk and the programs that fetch tasks.
use std::ffi::OsStr;

use super::{Doctor, Finding, Group, first_line};
use crate::{
    config::Backend,
    git::{self, Tool, Version},
    proc,
};

pub(super) async fn check(doctor: &Doctor<'_>) -> Vec<Group> {
    let (git, worktrunk, gh, jira) =
        tokio::join!(git(doctor), worktrunk(doctor), gh(doctor), jira(doctor));
    let group = |name, findings| Group { name, findings };
    vec![
        group("git", vec![git]),
        group("worktrunk", worktrunk),
        group("task sources", vec![gh, jira]),
    ]
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
        Ok(Tool::Wt(wt)) if wt.version < Version::RECOMMENDED => {
            let text = format!(
                "wt {}: releases before {} could lose work",
                wt.version,
                Version::RECOMMENDED
            );
            vec![Finding::note(text).advice("cargo install worktrunk --locked")]
        }
        Ok(Tool::Wt(wt)) => match wt.check_git(&mut run).await {
            Ok(()) => vec![Finding::ok(format!("wt {}", wt.version))],
            Err(error) => {
                let finding = Finding::problem(error.to_string());
                vec![error.hint().into_iter().fold(finding, Finding::advice)]
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

async fn gh(doctor: &Doctor<'_>) -> Finding {
    let version = match doctor.ask("gh", &["--version"]).await {
        Ok(output) => first_line(&output.stdout_text()),
        Err(error) => {
            return absent(&error, "`create --github`", "install gh, then `gh auth login`");
        }
    };
    // Answers from stored data: no network.
    match doctor.ask("gh", &["auth", "token"]).await {
        Ok(output) if output.is_success() => Finding::ok(format!("{version}, logged in")),
        Ok(_) | Err(_) => Finding::note(format!("{version}, not logged in"))
            .advice("only `create --github` needs it: `gh auth login`"),
    }
}

async fn jira(doctor: &Doctor<'_>) -> Finding {
    match doctor.ask("jira", &["version"]).await {
        Ok(output) => {
            let text = output.stdout_text();
            // (Version="1.5.1", GitCommit=…
            let version = text.split('"').nth(1).filter(|_| text.contains("Version"));
            Finding::ok(version.map_or_else(|| "jira".to_owned(), |it| format!("jira {it}")))
        }
        Err(error) => absent(&error, "`create --jira`", "install jira-cli, then `jira init`"),
    }
}

fn absent(error: &proc::Error, needed_for: &str, how: &str) -> Finding {
    Finding::note(error.to_string()).advice(format!("only {needed_for} needs it: {how}"))
}
