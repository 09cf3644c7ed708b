//! The configured agents: whether the shell that starts them finds them, and whether their version
//! is one whose screens are known.
use std::{collections::BTreeSet, ffi::OsStr, path::Path};

use super::{Doctor, Finding};
use crate::{
    agents::{GENERIC, Profile},
    cli::{
        Failure,
        settings::{self, FoundProfile},
    },
    config::Agent,
};

/// What the shell says of one command word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    No,
    /// The version as far as one could be read.
    Yes(Option<String>),
}

pub(super) async fn check(doctor: &Doctor<'_>) -> Vec<Finding> {
    let Ok(loaded) = &doctor.config else { return Vec::new() };
    let default = loaded.config.agents.default.name.as_str();
    let mut findings = Vec::new();
    if let Err(error) = loaded.config.agent(default) {
        findings.push(Finding::problem(error.to_string()).advice("set `[agents.default] name`"));
    }
    let shell = shell(doctor).await;
    let mut missing = BTreeSet::new();
    for (name, agent) in &loaded.config.agents.by_name {
        let found_profile = settings::profile(&doctor.context.env, name, agent);
        // Of his own the user knows best what it was written from.
        let known = |it: FoundProfile| Profile {
            verified: it.profile.verified || it.text.is_some(),
            ..it.profile
        };
        let profile = found_profile.map(known).map_err(|failure| broken(&failure));
        let found = find(doctor, &shell, agent).await;
        if found == Found::No && name != default {
            missing.insert(name.as_str());
            findings.extend(profile.err());
            continue;
        }
        findings.push(match profile {
            Ok(profile) => judge(name, agent, &found, &profile, &shell),
            Err(finding) => finding,
        });
    }
    if !missing.is_empty() {
        let names: Vec<&str> = missing.into_iter().collect();
        findings.push(Finding::note(format!("not installed: {}", names.join(", "))));
    }
    findings
}

/// Pure: what is to be said of one agent.
fn judge(name: &str, agent: &Agent, found: &Found, profile: &Profile, shell: &Path) -> Finding {
    let shell = shell.display();
    let version = match found {
        Found::No => {
            return Finding::problem(format!(
                "`{name}` is the default agent, but `{shell} -lic` does not find `{}`",
                agent.command
            ))
            .advice("install it, or set `[agents.default] name` to one that is installed");
        }
        Found::Yes(version) => version,
    };
    let shown = version.as_ref().map_or_else(|| name.to_owned(), |it| format!("{name} {it}"));
    if profile.name == GENERIC {
        return Finding::note(format!(
            "{shown}: no profile, its screens are read by their shape alone"
        ))
        .advice("`profile = \"...\"` in its block, or a file of your own: see the README");
    }
    if !profile.verified {
        return Finding::note(format!(
            "{shown}: profile `{}` is unverified: written from documents alone",
            profile.name
        ));
    }
    let is_checked = version.as_ref().is_some_and(|it| profile.checked.contains(it));
    if is_checked || profile.checked.is_empty() || version.is_none() {
        return Finding::ok(format!("{shown} (profile `{}`)", profile.name));
    }
    Finding::note(format!(
        "{shown}: profile `{}` was checked with {}",
        profile.name,
        profile.checked.join(", ")
    ))
    .advice("its screens may have changed; `wtmag explain` shows how one is read")
}

/// The shell that starts agents: tmux's `default-shell`, else `$SHELL`.
async fn shell(doctor: &Doctor<'_>) -> std::path::PathBuf {
    if let Some(socket) = doctor.socket.as_deref().and_then(Path::to_str) {
        let args = ["-N", "-S", socket, "show-options", "-gv", "default-shell"];
        if let Ok(output) = doctor.ask("tmux", &args).await
            && output.is_success()
            && !output.stdout_text().trim().is_empty()
        {
            return output.stdout_text().trim().into();
        }
    }
    doctor.context.env.var("SHELL").unwrap_or(OsStr::new("/bin/sh")).into()
}

/// Asks the shell as it would start the agent, start-up files and all.
async fn find(doctor: &Doctor<'_>, shell: &Path, agent: &Agent) -> Found {
    let argv = agent.argv();
    let Some(word) = argv.first().and_then(|it| shlex::try_quote(it).ok()) else {
        return Found::No;
    };
    // The marks keep apart what the start-up files print. Without a terminal, hence no job control.
    let line =
        format!("command -v {word} >/dev/null 2>&1 && echo {MARK} && {word} --version </dev/null");
    let is_posix = shell.file_name().is_some_and(|it| it == "sh" || it == "dash");
    let flags = if is_posix { "-lc" } else { "-lic" };
    match doctor.ask(shell, &[flags, &line]).await {
        Ok(output) => read_answer(&output.stdout_text()),
        Err(_) => Found::No,
    }
}

const MARK: &str = "wtmag-doctor-found-it";

fn read_answer(text: &str) -> Found {
    let Some((_, said)) = text.split_once(MARK) else { return Found::No };
    Found::Yes(version(said))
}

/// The first thing that looks like a version: digits with dots between them.
fn version(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let words = text.split(|c: char| !is_part(c)).map(|word| word.trim_matches('.'));
    words.filter(|word| word.contains('.')).map(str::to_owned).next()
}

/// A profile that cannot be used, with the hints that the failure has.
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
            trust: crate::config::Trust::Request,
            hooks: true,
        };
        assert_eq!(judge("x", &agent, found, &profile, Path::new("/bin/sh")).mark, want);
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
    }
}
