//! Checks the configured agents: whether the shell finds them, and whether their version matches
//! the profile.
use std::{collections::BTreeMap, io, path::PathBuf};

use tokio::task::JoinSet;

use super::{Doctor, Finding};
use crate::{
    agents::{GENERIC, Profile},
    cli::{
        Failure,
        agent_shell::AgentShell,
        agent_version,
        approval::Wanted,
        settings::{self, FoundProfile},
        skill,
    },
    config::{Agent, Loaded},
    proc::{self, Cmd},
};

/// The shell's answer for one command word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    No,
    /// The version, as far as it could be read.
    Yes(Option<String>),
    /// Why the shell gave no answer.
    NoAnswer(String),
}

/// Where orchestrating agents find the skill.
fn skill_findings(doctor: &Doctor<'_>) -> Vec<Finding> {
    let finding = |(path, state): (PathBuf, io::Result<skill::State>)| {
        let path = path.display();
        match state {
            Ok(skill::State::Current) => Finding::ok(format!("the skill is at `{path}`")),
            Ok(skill::State::Missing) => Finding::ok(format!(
                "no skill at `{path}`: `wtmag skill install` teaches an agent to dispatch workers"
            )),
            Ok(skill::State::Old) => {
                Finding::note(format!("the skill at `{path}` is of another version of wtmag"))
                    .advice("`wtmag skill install` updates it")
            }
            Ok(skill::State::Changed) => Finding::note(format!(
                "the skill at `{path}` was changed: wtmag does not update it"
            ))
            .advice("to replace it, remove it and run `wtmag skill install`"),
            Err(error) => {
                Finding::problem(format!("the skill at `{path}` cannot be read: {error}"))
            }
        }
    };
    skill::user_files(&doctor.context.env).into_iter().map(finding).collect()
}

pub(super) async fn check(doctor: &Doctor<'_>) -> Vec<Finding> {
    let Ok(loaded) = &doctor.config else { return Vec::new() };
    let default = loaded.config.agents.default.name.as_str();
    let mut findings = Vec::new();
    let default_block = settings::agent(&doctor.context.env, loaded, default);
    if let Err(failure) = &default_block {
        findings.push(Finding::problem(failure.line()).advice("set `[agents.default] name`"));
    }
    let shell = AgentShell::find(doctor.context).await;
    let surprises = shell.surprises().into_iter();
    findings.extend(surprises.map(|(what, advice)| Finding::note(what).advice(advice)));
    let (mut own, foreign) = by_approval(doctor, loaded);
    if !loaded.config.agents.by_name.contains_key(default) {
        own.extend(default_block.ok().map(|it| (default.to_owned(), it)));
    }
    let mut found = ask_all(doctor, &shell, &own).await;
    let mut missing = Vec::new();
    findings.extend(foreign);
    for (name, agent) in &own {
        let profile = settings::profile(&doctor.context.env, name, agent);
        // Users know which version they wrote their own profile for.
        let known = |it: FoundProfile| Profile {
            verified: it.profile.verified || it.text.is_some(),
            ..it.profile
        };
        let profile = profile.map(known).map_err(|failure| broken(&failure));
        let found = found.remove(name).unwrap_or(Found::No);
        if found == Found::No && name != default {
            missing.push(name.as_str());
            findings.extend(profile.err());
            continue;
        }
        findings.push(match profile {
            Ok(profile) => judge(name, agent, &found, &profile, &shell),
            Err(finding) => finding,
        });
    }
    if !missing.is_empty() {
        findings.push(Finding::note(format!("not installed: {}", missing.join(", "))));
    }
    findings.extend(skill_findings(doctor));
    findings
}

/// The agents that may be run to ask for their version; and those from a repository's file that the
/// user has not approved.
fn by_approval(doctor: &Doctor<'_>, loaded: &Loaded) -> (BTreeMap<String, Agent>, Vec<Finding>) {
    let mut own = loaded.config.agents.by_name.clone();
    let mut foreign = Vec::new();
    let Some(repo) = &doctor.repo else { return (own, foreign) };
    own.retain(|name, _| {
        let is_approved = loaded.from_project(&format!("agents.{name}")).is_none()
            || matches!(Wanted::find(doctor.context, repo, loaded, name), Ok(None));
        if !is_approved {
            let what = format!("`{name}` is set by this repository's wtmag.toml and not approved");
            foreign.push(Finding::note(what).advice("`wtmag config approve` shows it"));
        }
        is_approved
    });
    (own, foreign)
}

/// Pure: the finding for one agent.
fn judge(
    name: &str,
    agent: &Agent,
    found: &Found,
    profile: &Profile,
    shell: &AgentShell,
) -> Finding {
    let line = format!("{} {}", shell.program.display(), shell.flags);
    let version = match found {
        Found::No => {
            return Finding::problem(format!(
                "`{name}` is the default agent, but `{line}` does not find `{}`",
                agent.command
            ))
            .advice("install it, or set `[agents.default] name` to one that is installed");
        }
        Found::NoAnswer(why) => {
            return Finding::problem(format!("{name}: `{line}` failed: {why}"))
                .advice("agents start in that shell: check its start-up files");
        }
        Found::Yes(version) => version,
    };
    let shown = version.as_ref().map_or_else(|| name.to_owned(), |it| format!("{name} {it}"));
    if profile.name == GENERIC {
        return Finding::note(format!(
            "{shown}: no profile; wtmag guesses its state from the screen"
        ))
        .advice(
            "set `profile = \"...\"` in its block, or write a profile: see `wtmag help profiles`",
        );
    }
    if !profile.verified {
        return Finding::note(format!(
            "{shown}: profile `{}` is unverified: written from its documentation alone",
            profile.name
        ));
    }
    if !version.as_ref().is_some_and(|it| profile.is_unchecked(it)) {
        return Finding::ok(format!("{shown} (profile `{}`)", profile.name));
    }
    Finding::note(format!(
        "{shown}: profile `{}` was checked with {}",
        profile.name,
        profile.checked_versions()
    ))
    .advice("its screens may have changed; if a state is wrong, `wtmag explain ID` shows why")
}

/// Asks the shell about all agents at once: each may take a second to print its version.
async fn ask_all(
    doctor: &Doctor<'_>,
    shell: &AgentShell,
    agents: &BTreeMap<String, Agent>,
) -> BTreeMap<String, Found> {
    let mut asked = JoinSet::new();
    for (name, agent) in agents {
        let (name, cancel) = (name.clone(), doctor.cancel.clone());
        let Some(cmd) = question(doctor, shell, agent) else { continue };
        asked.spawn(async move {
            let found = match cmd.run(&cancel).await {
                Ok(output) => read_answer(&output.stdout_text()),
                Err(proc::Error::Missing { .. }) => Found::No,
                Err(error) => Found::NoAnswer(error.to_string()),
            };
            (name, found)
        });
    }
    asked.join_all().await.into_iter().collect()
}

/// Runs the shell as it would start the agent, with start-up files. Without a terminal, because an
/// interactive shell in the background of a terminal stops itself.
fn question(doctor: &Doctor<'_>, shell: &AgentShell, agent: &Agent) -> Option<Cmd<'static>> {
    let argv = agent.argv();
    let word = argv.first().and_then(|it| shlex::try_quote(it).ok())?;
    // The mark separates the answer from the output of start-up files.
    let line =
        format!("command -v {word} >/dev/null 2>&1 && echo {MARK} && {word} --version </dev/null");
    let program = crate::paths::own_program().ok()?;
    Some(doctor.cmd(&shell.program, &[shell.flags, &line]).without_terminal(&program))
}

const MARK: &str = "wtmag-doctor-found-it";

fn read_answer(text: &str) -> Found {
    let Some((_, said)) = text.split_once(MARK) else { return Found::No };
    Found::Yes(agent_version::read(said))
}

/// A profile that cannot be used, with the failure's hints.
fn broken(failure: &Failure) -> Finding {
    let text = failure.to_string();
    let mut lines = text.lines().map(|line| line.trim_start_matches("error: "));
    let finding = Finding::problem(lines.next().unwrap_or_default());
    lines.fold(finding, Finding::advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::doctor::report::Mark, model::DeliveryMode};

    #[test]
    fn an_answer_is_read_past_what_start_up_files_print() {
        assert_eq!(read_answer("welcome to 1.2.3!\n"), Found::No);
        let found = |version: Option<&str>| Found::Yes(version.map(str::to_owned));
        assert_eq!(
            read_answer(&format!("motd 9.9\n{MARK}\n2.1.329 (Claude Code)\n")),
            found(Some("2.1.329"))
        );
        assert_eq!(read_answer(&format!("{MARK}\ncodex-cli 0.169.0\n")), found(Some("0.169.0")));
        assert_eq!(read_answer(&format!("{MARK}\n")), found(None));
    }

    fn shell() -> AgentShell {
        AgentShell::of("/bin/sh", "$SHELL", None)
    }

    #[track_caller]
    fn check(profile: &str, found: &Found, want: Mark) {
        let text = format!(
            "name = \"{profile}\"\nchecked = [\"1.2.0\"]\nverified = {}",
            profile != "gemini"
        );
        let profile = Profile::parse("test", &text).unwrap();
        let agent = Agent {
            command: "x".to_owned(),
            args: Vec::new(),
            delivery: DeliveryMode::Ready,
            prompt_flag: String::new(),
            profile: None,
            trust: crate::config::Trust::Ask,
            hooks: crate::config::AgentHooks::default(),
        };
        assert_eq!(judge("x", &agent, found, &profile, &shell()).mark, want);
    }

    #[test]
    fn an_agent_is_ok_when_its_screens_are_known() {
        let version = |text: &str| Found::Yes(Some(text.to_owned()));
        check("claude", &version("1.2.0"), Mark::Ok);
        check("claude", &Found::Yes(None), Mark::Ok);
        check("claude", &version("1.3.0"), Mark::Note);
        check("gemini", &version("1.2.0"), Mark::Note);
        check(GENERIC, &version("1.2.0"), Mark::Note);
        check("claude", &Found::No, Mark::Problem);
        check("claude", &Found::NoAnswer("it took too long".to_owned()), Mark::Problem);
    }
}
