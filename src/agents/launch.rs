//! Builds the agent's command line from the user's request.
//!
//! Knows the profile's data and strings. Nothing is guessed: if the profile has no flag for a
//! request, that is an error before anything is created. Placeholders in the profile's arguments:
//! `{provider}`, `{model}`, `{thinking}`, `{session}`, `{dir}`, and in TOML quotes `{dir_toml}` and
//! the list `{paths_toml}`.
use std::{collections::BTreeMap, fmt, str::FromStr};

use serde_json::Value;

use super::{
    kinds::Wire,
    profile::{ModelSpec, Profile},
};

/// `provider/model[:thinking]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    pub provider: String,
    /// May contain more slashes.
    pub name: String,
    pub thinking: Option<Thinking>,
}

/// How much the model thinks before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thinking {
    Off,
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

/// What to launch.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Command word and arguments from the user's configuration.
    pub argv: &'a [String],
    pub model: Option<&'a Model>,
    /// Start in plan mode.
    pub plan: bool,
    /// A prompt to pass on the command line.
    pub prompt: Option<&'a str>,
    /// The configuration's `prompt_flag`; without it, the profile's.
    pub prompt_flag: Option<&'a str>,
    /// A directory that the agent should trust without asking.
    pub trust: Option<&'a str>,
    /// Directories outside the worktree that a sandboxed agent must write to: [`commit_dirs`], and
    /// those in the user's settings, because the launch replaces that list.
    pub writable: &'a [String],
    pub resume: Option<&'a Resume>,
    pub wire: Option<&'a Wire>,
    /// What makes it an orchestrator.
    pub lead: Option<&'a Wire>,
    /// The agent's environment, where its values must be merged.
    pub env: &'a BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// By the agent's id.
    Session(String),
    /// The last one of this directory.
    Latest,
    /// A copy of the one with this id.
    Fork(String),
}

/// The command line to start, and its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    pub argv: Vec<String>,
    /// Variables to set, in addition to all others.
    pub env: Vec<(String, String)>,
    /// A file to write first: its path and its text.
    pub file: Option<(String, String)>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("model `{0}` is not of the form `provider/model[:thinking]`")]
    Model(String),
    #[error("`{0}` is not a thinking level: off, none, minimal, low, medium, high, xhigh or max")]
    Thinking(String),
    #[error("agent `{agent}` has no known flag for {what}")]
    NoMapping { agent: String, what: &'static str },
    #[error("agent `{agent}` accepts models from {}, not from `{provider}`", quoted(.takes))]
    Provider { agent: String, provider: String, takes: Vec<String> },
    #[error("agent `{agent}` has no thinking level `{level}`: it has {}", quoted(.takes))]
    Level { agent: String, level: Thinking, takes: Vec<String> },
    #[error("the command of agent `{0}` is empty")]
    EmptyCommand(String),
    #[error("`{name}` in the environment cannot be extended")]
    Env { name: String, source: serde_json::Error },
    #[error("`{name}` in the environment cannot be extended: it is not a JSON object")]
    EnvShape { name: String },
    #[error("hooks cannot be added: the arguments of agent `{0}` already contain `{1}`")]
    Taken(String, String),
}

const LEVELS: [(&str, Thinking); 8] = [
    ("off", Thinking::Off),
    ("none", Thinking::None),
    ("minimal", Thinking::Minimal),
    ("low", Thinking::Low),
    ("medium", Thinking::Medium),
    ("high", Thinking::High),
    ("xhigh", Thinking::Xhigh),
    ("max", Thinking::Max),
];

impl FromStr for Thinking {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let level = LEVELS.iter().find(|(name, _)| *name == text).map(|(_, level)| *level);
        level.ok_or_else(|| Error::Thinking(text.to_owned()))
    }
}

impl fmt::Display for Thinking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = LEVELS.iter().find(|(_, level)| level == self).map_or("", |(name, _)| name);
        f.pad(name)
    }
}

impl Model {
    /// Parses `provider/model[:thinking]`; the level follows the last colon.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = || Error::Model(text.to_owned());
        let (provider, rest) = text.split_once('/').ok_or_else(bad)?;
        let (name, thinking) = match rest.rsplit_once(':') {
            Some((name, level)) if !level.is_empty() => (name, Some(level.parse()?)),
            Some(_) => return Err(bad()),
            None => (rest, None),
        };
        let is_word = |part: &str| {
            !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control())
        };
        if !is_word(provider) || !name.split('/').all(is_word) || provider.starts_with('-') {
            return Err(bad());
        }
        Ok(Self { provider: provider.to_owned(), name: name.to_owned(), thinking })
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)?;
        self.thinking.map_or(Ok(()), |level| write!(f, ":{level}"))
    }
}

/// The command line and environment for a request.
pub fn launch(profile: &Profile, request: &Request<'_>) -> Result<Launch, Error> {
    let Some((command, args)) = request.argv.split_first() else {
        return Err(Error::EmptyCommand(profile.name.clone()));
    };
    let spec = &profile.launch;
    let mut build = Build { profile, env: request.env.clone(), argv: vec![command.clone()] };
    match request.resume {
        Some(Resume::Session(session)) => {
            build.add("resuming a session", &spec.resume, &[("session", session)])?;
        }
        Some(Resume::Latest) => {
            build.add("resuming the last session", &spec.resume_latest, &[])?;
        }
        Some(Resume::Fork(session)) => {
            build.add("forking a session", &spec.fork, &[("session", session)])?;
        }
        None => {}
    }
    for (name, value) in &spec.env {
        build.env.entry(name.clone()).or_insert_with(|| value.clone());
    }
    build.argv.extend(args.iter().cloned());
    build.argv.extend(spec.args.iter().filter(|it| !args.contains(it)).cloned());
    if let Some(model) = request.model {
        build.model(model)?;
    }
    if request.plan {
        build.add("plan mode", &spec.plan, &[])?;
    }
    if !request.writable.is_empty() {
        let list = toml::Value::from(request.writable.to_vec()).to_string();
        build.argv.extend(filled(&spec.writable, &[("paths_toml", &list)]));
    }
    if let Some(dir) = request.trust {
        let quoted = toml::Value::from(dir).to_string();
        build.argv.extend(filled(&profile.trust.args, &[("dir", dir), ("dir_toml", &quoted)]));
    }
    for wire in request.wire.into_iter().chain(request.lead) {
        build.wire(wire, args)?;
    }
    if let Some(prompt) = request.prompt {
        build.prompt(prompt, request.prompt_flag)?;
    }
    let is_new = |(name, value): &(String, String)| request.env.get(name) != Some(value);
    let env = build.env.into_iter().filter(is_new).collect();
    let file = request.wire.and_then(|wire| wire.file.clone());
    Ok(Launch { argv: build.argv, env, file })
}

/// The directories that `git commit` writes to in a linked worktree, and no more: not the hooks and
/// the configuration, through which an agent could leave its sandbox. `common` is the repository's
/// directory, `git_dir` the worktree's in it. Codex keeps the latter read-only unless it is listed
/// itself.
pub fn commit_dirs(common: &str, git_dir: &str) -> [String; 4] {
    let inside = |name: &str| format!("{}/{name}", common.trim_end_matches('/'));
    [inside("objects"), inside("refs"), inside("logs"), git_dir.to_owned()]
}

struct Build<'a> {
    profile: &'a Profile,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
}

impl Build<'_> {
    fn unmapped(&self, what: &'static str) -> Error {
        Error::NoMapping { agent: self.profile.name.clone(), what }
    }

    /// Arguments that the profile must define.
    fn add(
        &mut self,
        what: &'static str,
        args: &[String],
        values: &[(&str, &str)],
    ) -> Result<(), Error> {
        if args.is_empty() {
            return Err(self.unmapped(what));
        }
        self.argv.extend(filled(args, values));
        Ok(())
    }

    fn model(&mut self, model: &Model) -> Result<(), Error> {
        let spec = self.profile.model.as_ref().ok_or_else(|| self.unmapped("a model"))?;
        if !spec.providers.is_empty() && !spec.providers.contains(&model.provider) {
            return Err(Error::Provider {
                agent: self.profile.name.clone(),
                provider: model.provider.clone(),
                takes: spec.providers.clone(),
            });
        }
        let level = model.thinking.map(|level| self.level(spec, level)).transpose()?;
        let values = [
            ("provider", model.provider.as_str()),
            ("model", model.name.as_str()),
            ("thinking", level.as_deref().unwrap_or_default()),
        ];
        let mut args = filled(&spec.args, &values);
        if let Some(level) = &level {
            let suffix = spec.thinking_suffix.iter().map(|it| fill(it, &values));
            if let Some(last) = args.last_mut() {
                last.extend(suffix);
            }
            args.extend(filled(&spec.thinking_args, &values));
            if let Some((name, path)) = spec.thinking_json.split_first() {
                let path = path.iter().map(|key| fill(key, &values)).rev();
                let leaf = Value::from(level.as_str());
                let nested = path.fold(leaf, |inner, key| Value::from_iter([(key, inner)]));
                self.merge(name, nested)?;
            }
        }
        self.argv.extend(args);
        Ok(())
    }

    fn level(&self, spec: &ModelSpec, level: Thinking) -> Result<String, Error> {
        let word = spec.levels.get(&level.to_string()).cloned();
        let has_way = spec.thinking_suffix.is_some()
            || !spec.thinking_args.is_empty()
            || !spec.thinking_json.is_empty();
        if !has_way {
            return Err(self.unmapped("a thinking level"));
        }
        let takes = || LEVELS.iter().map(|(name, _)| (*name).to_owned());
        word.ok_or_else(|| Error::Level {
            agent: self.profile.name.clone(),
            level,
            takes: takes().filter(|name| spec.levels.contains_key(name)).collect(),
        })
    }

    fn wire(&mut self, wire: &Wire, user_args: &[String]) -> Result<(), Error> {
        let flag = wire.args.first().filter(|flag| *flag == "--settings");
        let has = |flag: &String| {
            user_args.iter().any(|arg| arg == flag || arg.starts_with(&format!("{flag}=")))
        };
        if let Some(flag) = flag.filter(|flag| has(flag)) {
            return Err(Error::Taken(self.profile.name.clone(), flag.clone()));
        }
        self.argv.extend(wire.args.iter().cloned());
        match &wire.env {
            Some((name, value)) => self.merge(name, value.clone()),
            None => Ok(()),
        }
    }

    fn prompt(&mut self, prompt: &str, flag: Option<&str>) -> Result<(), Error> {
        let spec = &self.profile.launch;
        let flag = flag.or(spec.prompt_flag.as_deref());
        let flag = flag.ok_or_else(|| self.unmapped("a prompt"))?;
        if prompt.starts_with(|c| flag.is_empty() && spec.refuse_before.contains(&c)) {
            return Err(self.unmapped("a prompt that begins with this character"));
        }
        if flag.starts_with("--") && prompt.starts_with('-') {
            self.argv.push(format!("{flag}={prompt}"));
            return Ok(());
        }
        let guards = |c| spec.guard_before.is_empty() || spec.guard_before.contains(&c);
        let guard = spec.prompt_guard.as_ref().filter(|_| prompt.starts_with(guards));
        let before = if flag.is_empty() { guard.cloned() } else { Some(flag.to_owned()) };
        self.argv.extend(before);
        self.argv.push(prompt.to_owned());
        Ok(())
    }

    /// Adds to the JSON object in a variable.
    fn merge(&mut self, name: &str, addition: Value) -> Result<(), Error> {
        let named = || name.to_owned();
        let before = self.env.get(name).filter(|it| !it.trim().is_empty());
        let mut value = match before {
            Some(text) => {
                serde_json::from_str(text).map_err(|source| Error::Env { name: named(), source })?
            }
            None => Value::Object(serde_json::Map::new()),
        };
        if !value.is_object() {
            return Err(Error::EnvShape { name: named() });
        }
        merge(&mut value, addition);
        self.env.insert(named(), value.to_string());
        Ok(())
    }
}

/// Objects are merged, lists joined; other values are replaced.
fn merge(into: &mut Value, addition: Value) {
    match (into, addition) {
        (Value::Object(into), Value::Object(addition)) => {
            for (key, value) in addition {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(addition)) => into.extend(addition),
        (into, addition) => *into = addition,
    }
}

fn filled(args: &[String], values: &[(&str, &str)]) -> Vec<String> {
    args.iter().map(|arg| fill(arg, values)).collect()
}

/// Fills in the placeholders in one pass: inserted text is not expanded again.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let hit = values.iter().find_map(|(name, value)| {
            let after = from.strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?;
            Some((*value, after))
        });
        let (text, after) = hit.unwrap_or_else(|| ("{", from.strip_prefix('{').unwrap_or("")));
        out.push_str(text);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
