//! `wtmag skill`: the skill for orchestrating agents, served by the program, and the short file that leads
//! an agent to it.
//!
//! The file is written only where there is none, or where it is as an earlier wtmag wrote it.
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::builder::PossibleValuesParser;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Context, Failure, settings};
use crate::paths::{self, Env};

/// The skill and its topics, as in the repository's `skill` folder.
const SKILL: &str = include_str!("../../skill/SKILL.md");
const TOPICS: [(&str, &str, &str); 1] = [(
    "worker",
    "for an agent that is a worker: what to report, and how",
    include_str!("../../skill/references/worker.md"),
)];

/// Teach your agents to dispatch work with wtmag: print the skill, install it, or remove it
///
/// The program contains the skill, so that the two always fit together. `install` writes a short file that tells
/// the agent to run `wtmag skill show`.
///
/// Without a command, it prints the skill.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the skill, or one of its topics
    Show {
        #[arg(value_name = "TOPIC", value_parser = PossibleValuesParser::new(TOPICS.map(|it| it.0)))]
        topic: Option<String>,
    },
    /// Write a short file for your agents that tells them to run `wtmag skill show`
    ///
    /// The file is `wtmag/SKILL.md`, for claude in `.claude/skills`, for codex, opencode, pi and gemini in
    /// `.agents/skills`. wtmag does not overwrite a file that you have changed.
    ///
    /// With --json, here and with `remove` and `status`: [{"path", "agents": […], "state": "missing",
    /// "current", "old" or "changed"}].
    Install(Where),
    /// Remove the file that `install` wrote, unless you have changed it
    Remove(Where),
    /// Print the path of each file and its state: missing, current, old (an earlier wtmag wrote it) or changed (by you)
    Status(Where),
}

#[derive(clap::Args)]
struct Where {
    /// Only the file that this agent reads; codex, opencode, pi and gemini share one. May be repeated [default: all
    /// agents that are installed]
    #[arg(long, value_name = "AGENT", value_parser = PossibleValuesParser::new(agents()))]
    agent: Vec<String>,
    /// In the current repository
    #[arg(long, conflicts_with = "user")]
    project: bool,
    /// In your home directory (the default)
    #[arg(long)]
    user: bool,
}

/// Agents that share a directory of skills.
struct Place {
    agents: &'static [&'static str],
    /// Below the home directory or the repository.
    dir: &'static str,
    /// A variable that names another directory than the first part of `dir` in the home directory.
    home: Option<&'static str>,
}

const PLACES: [Place; 2] = [
    Place { agents: &["claude"], dir: ".claude/skills", home: Some("CLAUDE_CONFIG_DIR") },
    Place { agents: &["codex", "opencode", "pi", "gemini"], dir: ".agents/skills", home: None },
];

/// Below the directory of skills.
const FILE: &str = "wtmag/SKILL.md";

fn agents() -> Vec<&'static str> {
    PLACES.iter().flat_map(|it| it.agents).copied().collect()
}

/// How the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Missing,
    Current,
    /// As another version of wtmag wrote it.
    Old,
    /// Another program's, or changed by the user.
    Changed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Current => "current",
            Self::Old => "old",
            Self::Changed => "changed",
        }
    }
}

pub(crate) fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb.unwrap_or(Verb::Show { topic: None }) {
        Verb::Show { topic } => show(context, topic.as_deref())?,
        Verb::Install(at) => change(context, &at, install)?,
        Verb::Remove(at) => change(context, &at, remove)?,
        Verb::Status(at) => change(context, &at, |_, state| Ok(state))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(context: &Context, topic: Option<&str>) -> Result<(), Failure> {
    let found = TOPICS.iter().find(|(name, ..)| Some(*name) == topic);
    let text = found.map_or(SKILL, |(_, _, text)| text);
    if context.json() {
        return context.print_json(&json!({ "topic": topic, "text": text }));
    }
    context.print(text)
}

/// Does this to each file, and prints how it is then.
fn change(
    context: &Context,
    at: &Where,
    act: impl Fn(&Path, State) -> io::Result<State>,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for (place, path) in files(context, at)? {
        let done = state_of(&path).and_then(|before| Ok((before, act(&path, before)?)));
        let (before, after) =
            done.map_err(|error| Failure::user(format!("`{}`: {error}", path.display())))?;
        rows.push((place.agents, path, before, after));
    }
    if context.json() {
        let row = |(agents, path, _, after): &(&[&str], PathBuf, State, State)| json!({ "path": path, "agents": agents, "state": after.name() });
        return context.print_json(&rows.iter().map(row).collect::<Vec<_>>());
    }
    for (agents, path, before, after) in &rows {
        let how = match (before, after) {
            (State::Changed, _) => "changed, left as it is",
            (before, after) if before == after => after.name(),
            (State::Old, State::Current) => "updated",
            (_, State::Current) => "installed",
            (_, State::Missing) => "removed",
            (_, after) => after.name(),
        };
        context.print(&format!("{}: {how} ({})\n", path.display(), agents.join(", ")))?;
    }
    Ok(())
}

/// The files that are meant.
fn files(context: &Context, at: &Where) -> Result<Vec<(&'static Place, PathBuf)>, Failure> {
    let root = match at.project {
        true => {
            let here = settings::repo_around(&std::env::current_dir()?)?;
            let tree = here.and_then(|it| it.worktree());
            Some(tree.ok_or_else(|| {
                Failure::user("`--project` needs a git repository, and this directory is in none")
            })?)
        }
        false => None,
    };
    let is_wanted = |place: &&Place| match at.agent.as_slice() {
        [] => place.is_used(&context.env),
        named => place.agents.iter().any(|it| named.iter().any(|name| name == it)),
    };
    let wanted: Vec<&Place> = PLACES.iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        return Err(Failure::user(format!("none of {} is installed", agents().join(", ")))
            .hint("`--agent NAME` chooses one anyway"));
    }
    let path = |place: &Place| match &root {
        Some(root) => root.join(place.dir).join(FILE),
        None => place.user_file(&context.env),
    };
    Ok(wanted.into_iter().map(|place| (place, path(place))).collect())
}

impl Place {
    /// One of its agents is installed.
    fn is_used(&self, env: &Env) -> bool {
        !settings::installed(env, self.agents.iter().copied()).is_empty()
    }

    fn user_file(&self, env: &Env) -> PathBuf {
        let dir = match self.home.and_then(|name| env.var(name)) {
            Some(dir) => Path::new(dir).join("skills"),
            None => env.home().join(self.dir),
        };
        dir.join(FILE)
    }
}

/// The files in the user's home directory, for agents that are installed.
pub(super) fn user_files(env: &Env) -> Vec<(PathBuf, io::Result<State>)> {
    let used = PLACES.iter().filter(|it| it.is_used(env)).map(|it| it.user_file(env));
    used.map(|path| (path.clone(), state_of(&path))).collect()
}

/// What to tell about an agent that reads skills from its own directories only, if the skill is in none.
pub(super) fn missing_note(env: &Env, agent: &str) -> Option<String> {
    const ONLY: &str = "codex";
    let place = PLACES.iter().find(|it| agent == ONLY && it.agents.contains(&ONLY))?;
    let is_there = !matches!(state_of(&place.user_file(env)), Ok(State::Missing));
    (!is_there).then(|| {
        format!("the skill is not in {agent}'s list: `wtmag skill install --agent {agent}` adds it")
    })
}

/// The files in the user's home directory that wtmag wrote, each with an agent that reads it, whether that
/// agent is installed or not.
pub(super) fn written(env: &Env) -> Vec<(&'static str, PathBuf)> {
    let all = PLACES.iter().filter_map(|it| Some((*it.agents.first()?, it.user_file(env))));
    let is_ours = |path: &Path| matches!(state_of(path), Ok(State::Current | State::Old));
    all.filter(|(_, path)| is_ours(path)).collect()
}

fn state_of(path: &Path) -> io::Result<State> {
    match fs::read_to_string(path) {
        Ok(text) if text == stub() => Ok(State::Current),
        Ok(text) if is_as_written(&text) => Ok(State::Old),
        Ok(_) => Ok(State::Changed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Missing),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(State::Changed),
        Err(error) => Err(error),
    }
}

fn install(path: &Path, state: State) -> io::Result<State> {
    if matches!(state, State::Current | State::Changed) {
        return Ok(state);
    }
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    paths::replace(path, stub().as_bytes())?;
    Ok(State::Current)
}

fn remove(path: &Path, state: State) -> io::Result<State> {
    if matches!(state, State::Missing | State::Changed) {
        return Ok(state);
    }
    fs::remove_file(path)?;
    // Its own directory; another file in it is the user's.
    if let Some(dir) = path.parent() {
        match fs::remove_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => return Err(error),
            _ => {}
        }
    }
    Ok(State::Missing)
}

/// The last line of the file: by it, wtmag knows a file that it wrote.
const MARK: &str = "<!-- written by wtmag: ";

/// What `install` writes.
pub(super) fn stub() -> String {
    let head = SKILL.split_inclusive("\n---\n").next().unwrap_or_default();
    let topics = TOPICS.map(|(name, about, _)| format!("- `wtmag skill show {name}`: {about}\n"));
    let text = format!(
        "{head}\nRun `wtmag skill show` and follow what it prints. It is part of the program, so that it fits \
         its version.\n\nFurther topics:\n\n{}\n",
        topics.concat()
    );
    let sum = sum(&text);
    format!("{text}{MARK}{sum} -->\n")
}

fn is_as_written(text: &str) -> bool {
    let Some((text, mark)) = text.rsplit_once(MARK) else { return false };
    mark.strip_suffix(" -->\n").is_some_and(|it| it == sum(text))
}

fn sum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|it| format!("{it:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_changed_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("skills/wtmag/SKILL.md");
        let state = || state_of(&path).unwrap();
        let put = |text: &str| paths::replace(&path, text.as_bytes()).unwrap();
        assert_eq!(state(), State::Missing);
        install(&path, state()).unwrap();
        assert_eq!(state(), State::Current);
        // One of another version.
        let older = "old\n".to_owned();
        put(&format!("{older}{MARK}{} -->\n", sum(&older)));
        assert_eq!(state(), State::Old);
        assert_eq!(install(&path, state()).unwrap(), State::Current);
        put(&stub().replace("Run `wtmag", "Never run `wtmag"));
        assert_eq!(state(), State::Changed);
        assert_eq!(install(&path, state()).unwrap(), State::Changed);
        assert_eq!(remove(&path, state()).unwrap(), State::Changed);
        assert!(path.exists());
        put(&stub());
        assert_eq!(remove(&path, state()).unwrap(), State::Missing);
        assert!(!path.parent().unwrap().exists());
    }

    #[test]
    fn the_file_is_short_and_has_the_head_of_the_skill() {
        let stub = stub();
        assert!(stub.starts_with("---\nname: wtmag\ndescription: "), "{stub}");
        assert!(stub.lines().count() < 20, "{stub}");
        assert!(is_as_written(&stub));
    }
}
