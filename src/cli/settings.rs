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
    paths::Env,
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
    let path = env.var("PATH").unwrap_or_default();
    let is_there = |name: &&str| which::which_in(name, Some(path), "/").is_ok();
    names.into_iter().filter(is_there).collect()
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

/// A profile and its origin.
#[derive(Debug)]
pub(crate) struct FoundProfile {
    pub(crate) name: String,
    pub(crate) profile: Profile,
    /// Its text, if it is the user's.
    pub(crate) text: Option<String>,
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

/// A file that the user named; `-` is standard input.
pub(crate) fn read_input(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| Failure::user(format!("could not read `{}`: {error}", path.display())))
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
