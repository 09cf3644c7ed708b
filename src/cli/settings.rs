//! Loads the settings and agent profiles for a repository.
use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{Context, Failure};
use crate::{
    agents::{self, Profile},
    config::{self, Loaded},
    git::{self, Repo},
    model::SourceKind,
    paths::Env,
    sources::{self, Custom, custom},
};

/// The settings for work in `repo`. A user's first run writes the file, with every setting
/// explained.
pub(crate) fn load(context: &Context, repo: Option<&Repo>) -> Result<Loaded, Failure> {
    let file = context.env.config_file();
    let default = default_agent(&context.env);
    match config::write_template(&file, default) {
        Ok(true) => context.say(&format!(
            "note: wrote `{}`, with every setting explained; the default agent is `{default}`",
            file.display()
        )),
        Ok(false) => {}
        // A home directory that is not writable must not block the user.
        Err(error) => context.say(&format!("note: {error}")),
    }
    Ok(config::load(&file, &project_dirs(repo))?)
}

/// The agents that wtmag knows and that are installed, the preferred one first. Aliases and
/// functions of the user's shell are not searched.
pub(crate) fn installed(
    env: &Env,
    names: impl IntoIterator<Item = &'static str>,
) -> Vec<&'static str> {
    names.into_iter().filter(|name| on_path(env, name).is_some()).collect()
}

/// Where the caller's PATH has a program.
pub(crate) fn on_path(env: &Env, name: &str) -> Option<PathBuf> {
    which::which_in(name, Some(env.var("PATH").unwrap_or_default()), "/").ok()
}

/// Agents in the generated configuration, in order of preference.
pub(crate) const KNOWN_AGENTS: [&str; 4] = ["pi", "claude", "codex", "opencode"];

/// The default agent of a user who has not chosen one: an installed one, if any.
pub(crate) fn default_agent(env: &Env) -> &'static str {
    installed(env, KNOWN_AGENTS).first().copied().unwrap_or("pi")
}

/// Where a project may keep its `wtmag.toml` and templates: the current worktree, the main one, the
/// root of a bare layout.
pub(crate) fn project_dirs(repo: Option<&Repo>) -> Vec<PathBuf> {
    let Some(repo) = repo else { return Vec::new() };
    let home = repo.home().to_owned();
    let mut dirs: Vec<PathBuf> = repo.worktree().into_iter().collect();
    if !dirs.contains(&home) {
        dirs.push(home);
    }
    dirs
}

/// The repository around `dir`, if any.
pub(crate) fn repo_around(dir: &Path) -> Result<Option<Repo>, Failure> {
    match Repo::discover(dir) {
        Ok(repo) => Ok(Some(repo)),
        Err(git::Error::NoRepository { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The worktree backend as a type of `git`.
pub(crate) fn backend(backend: config::Backend) -> git::Backend {
    match backend {
        config::Backend::Auto => git::Backend::Auto,
        config::Backend::Wt => git::Backend::Wt,
        config::Backend::Git => git::Backend::Git,
    }
}

/// The trackers that the configuration adds.
pub(crate) fn custom_sources(loaded: &Loaded) -> Vec<Custom> {
    let one = |(name, it): (&String, &config::SourceCommands)| {
        let kind = SourceKind::custom(name)?;
        Some(Custom { name: name.clone(), kind, command: it.argv(), ready: it.ready_argv() })
    };
    loaded.config.sources.iter().filter_map(one).collect()
}

/// The one that tasks of this kind come from.
pub(crate) fn custom_source(loaded: &Loaded, kind: SourceKind) -> Result<Custom, sources::Error> {
    Ok(custom::find(&custom_sources(loaded), kind)?.clone())
}

/// A profile and its origin.
#[derive(Debug)]
pub(crate) struct FoundProfile {
    pub(crate) name: String,
    pub(crate) profile: Profile,
    /// Its text, if it is the user's.
    pub(crate) text: Option<String>,
}

/// The agent of this name: a block of the configuration, or a program that a profile describes.
pub(crate) fn agent(env: &Env, loaded: &Loaded, name: &str) -> Result<config::Agent, Failure> {
    let unknown = match loaded.config.agent(name) {
        Ok(block) => return Ok(block.clone()),
        Err(unknown) => unknown,
    };
    let profile = load_profile(env, name)?.map(|it| it.profile);
    let is_program = profile.is_some_and(|it| it.foreground.iter().any(|it| it == name));
    if is_program { Ok(config::Agent::of_program(name)) } else { Err(unknown.into()) }
}

/// The profile of the agent in the block `[agents.<block>]`: the one it names, else one named like
/// the block or like its command, else the generic one.
pub(crate) fn profile(
    env: &Env,
    block: &str,
    agent: &config::Agent,
) -> Result<FoundProfile, Failure> {
    if let Some(name) = &agent.profile {
        return load_profile(env, name)?.ok_or_else(|| {
            let known = agents::BUILTIN.map(|(name, _)| format!("`{name}`")).join(", ");
            Failure::user(format!("agent `{block}` uses profile `{name}`, which does not exist"))
                .hint(format!(
                    "built-in profiles: {known}; yours are in {}",
                    env.profiles_dir().display()
                ))
        });
    }
    let argv = agent.argv();
    let command = argv.first().map(Path::new).and_then(Path::file_name).and_then(|it| it.to_str());
    for name in [Some(block), command, Some(agents::GENERIC)].into_iter().flatten() {
        if let Some(found) = load_profile(env, name)? {
            return Ok(found);
        }
    }
    Err(Failure::bug("the generic profile is missing"))
}

/// The profile for a name that the user typed: of an agent in the configuration, a profile of that
/// name, or a file.
pub(crate) fn profile_of(context: &Context, name: &str) -> Result<FoundProfile, Failure> {
    if name.ends_with(".toml") {
        let text = String::from_utf8_lossy(&read_input(Path::new(name))?).into_owned();
        let profile = Profile::parse(name, &text)?;
        return Ok(FoundProfile { name: profile.name.clone(), profile, text: Some(text) });
    }
    let repo = repo_around(&std::env::current_dir()?)?;
    let loaded = load(context, repo.as_ref())?;
    match loaded.config.agent(name) {
        Ok(agent) => profile(&context.env, name, agent),
        Err(unknown) => match load_profile(&context.env, name)? {
            Some(found) => Ok(found),
            None => {
                let file = context.env.profiles_dir().join(format!("{name}.toml"));
                let hint = format!("to write a profile: `{}`", file.display());
                Err(Failure::from(unknown).hint(hint))
            }
        },
    }
}

/// The largest file that is read, in bytes: recordings of days are smaller.
const MAX_INPUT: u64 = 256 << 20;

/// A file that the user named; `-` is standard input.
pub(crate) fn read_input(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // A device has no end.
    let read = if path == Path::new("-") {
        io::stdin().take(MAX_INPUT + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|it| it.take(MAX_INPUT + 1).read_to_end(&mut bytes))
    };
    let fail = |why: String| Failure::user(format!("could not read `{}`: {why}", path.display()));
    read.map_err(|error| fail(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|n| n > MAX_INPUT) {
        return Err(fail(format!("it is larger than {} MB", MAX_INPUT >> 20)));
    }
    Ok(bytes)
}

fn load_profile(env: &Env, name: &str) -> Result<Option<FoundProfile>, Failure> {
    // Names come from a checked configuration, commands do not.
    if name.contains(['/', '\0']) || name.starts_with('.') {
        return Ok(None);
    }
    let path = env.profiles_dir().join(format!("{name}.toml"));
    let name = name.to_owned();
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let profile = Profile::parse(&path.display().to_string(), &text)?;
            Ok(Some(FoundProfile { name, profile, text: Some(text) }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Profile::embedded(&name).map(|profile| FoundProfile { name, profile, text: None }))
        }
        Err(error) => Err(Failure::user(format!("could not read `{}`: {error}", path.display()))),
    }
}
