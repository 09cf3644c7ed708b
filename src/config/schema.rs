//! The keys of a configuration, their defaults, and how layers are merged.
//!
//! Text in, checked tables and settings out. No file, no environment, no flag parser.
mod fits;
mod hub;
mod land;
mod merge;
mod sources;
mod tasks;
mod worktree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::{
    Spanned, Table,
    de::{DeTable, DeValue},
};

use fits::is_name;
pub use hub::History;
use hub::{AnswerConfig, Inbox, Limits, Notify};
pub use land::{Land, LandMode, LandNeed, PrMethod};
pub(super) use merge::{merge, settle};
pub use sources::SourceCommands;
pub use tasks::{BoardConfig, ReadyConfig};
pub use worktree::{Backend, Worktree};

use crate::model::{DeliveryMode, Kind, Placement};

/// The file that the first run writes, and the lowest layer.
pub const TEMPLATE: &str = include_str!("template.toml");

/// The template with another default agent.
pub(super) fn template(default_agent: &str) -> String {
    let line = |name: &str| format!("name = {:<20}", format!("{name:?}"));
    TEMPLATE.replacen(&line("pi"), &line(default_agent), 1)
}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub agents: Agents,
    pub launch: Launch,
    #[serde(default)]
    pub worktree: Worktree,
    #[serde(default)]
    pub record: ScreenLogConfig,
    #[serde(default)]
    pub history: History,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub inbox: Inbox,
    #[serde(default)]
    pub notify: Notify,
    #[serde(default)]
    pub answer: AnswerConfig,
    #[serde(default)]
    pub land: Land,
    #[serde(default)]
    pub ready: ReadyConfig,
    #[serde(default)]
    pub board: BoardConfig,
    #[serde(default)]
    pub sources: BTreeMap<String, SourceCommands>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agents {
    pub default: DefaultAgent,
    #[serde(flatten)]
    pub by_name: BTreeMap<String, Agent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultAgent {
    /// Not checked against the blocks; see [`Config::agent`].
    pub name: String,
}

/// One `[agents.<name>]` block, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// As a shell would split it; see [`Agent::argv`].
    pub command: String,
    #[serde(default)]
    pub args: Vec<String>,
    pub delivery: DeliveryMode,
    /// Flag for delivery by argument; empty: positional.
    #[serde(default)]
    pub prompt_flag: String,
    /// Name of a profile; None: chosen by the block's name, then by the command.
    pub profile: Option<String>,
    #[serde(default)]
    pub trust: Trust,
    #[serde(default)]
    pub hooks: AgentHooks,
}

/// Which of the agent's hooks a launch passes: those that it takes without a question, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AgentHooks {
    Plain(bool),
    More(MoreHooks),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MoreHooks {
    /// Also those that it asks the user to review first.
    All,
}

/// Who answers the agent's question whether to trust a new worktree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// The user.
    #[default]
    Ask,
    /// wtmag, for each worktree that it creates: the user opted in.
    Worktree,
}

/// Where workers are shown: `Window` or `Session`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    pub implementation: Placement,
    pub review: Placement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenLogConfig {
    /// Keep the screens that changed a worker's state.
    pub enabled: bool,
}

impl Default for ScreenLogConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for AgentHooks {
    fn default() -> Self {
        Self::Plain(true)
    }
}

/// A name without an `[agents.X]` block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no agent `{name}` in the configuration{}", did_you_mean(nearest.as_deref()))]
pub struct NoAgent {
    pub name: String,
    pub nearest: Option<String>,
    pub known: Vec<String>,
}

impl Config {
    pub fn agent(&self, name: &str) -> Result<&Agent, NoAgent> {
        let known = || self.agents.by_name.keys();
        self.agents.by_name.get(name).ok_or_else(|| NoAgent {
            name: name.to_owned(),
            nearest: nearest(name, known().map(String::as_str)).map(str::to_owned),
            known: known().cloned().collect(),
        })
    }
}

impl Launch {
    pub fn placement(&self, kind: Kind) -> Placement {
        match kind {
            Kind::Implementation | Kind::Other(_) => self.implementation,
            Kind::Review => self.review,
            Kind::Orchestrator => Placement::Session,
        }
    }
}

impl Agent {
    /// An agent without a block: the program of this name.
    pub fn of_program(name: &str) -> Self {
        Self {
            command: name.to_owned(),
            args: Vec::new(),
            delivery: DeliveryMode::Ready,
            prompt_flag: String::new(),
            profile: None,
            trust: Trust::Ask,
            hooks: AgentHooks::default(),
        }
    }

    /// The command word and the arguments; a command of several words already has some.
    pub fn argv(&self) -> Vec<String> {
        let mut argv = shlex::split(&self.command).unwrap_or_default();
        argv.extend_from_slice(&self.args);
        argv
    }
}

/// A fault in a file, and the byte where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
}

/// Whose file it is: a repository's file may not decide whom its users trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    User,
    Project,
}

/// The checked settings of one file, each with the byte of its key. Paths are dotted, such as
/// `agents.pi.command`; a block also has an entry, such as `agents.pi`.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    pub(super) table: Table,
    pub(super) places: BTreeMap<String, usize>,
}

enum Shape {
    Text,
    /// At least one word, split as a shell does.
    CommandLine,
    /// A name that is safe in file names and as a TOML key.
    Name,
    Texts,
    Bool,
    /// `true`, `false`, or this word.
    BoolOr(&'static str),
    /// A project board of GitHub.
    Board,
    /// A number of days or weeks.
    Days,
    /// A number of minutes or hours.
    Minutes,
    /// `true`, `false`, or kinds of items of the inbox.
    Kinds,
    /// A number of things, at least 1.
    Count,
    /// Such a number for each name.
    Counts,
    /// A path with `{branch}` in it.
    Place,
    /// Paths below the repository.
    Inside,
    OneOf(&'static [&'static str]),
    SomeOf(&'static [&'static str]),
}

type Keys = &'static [(&'static str, Shape)];

const PLACES: Shape = Shape::OneOf(&["window", "session"]);

/// Every table but `agents` and `sources`.
const SECTIONS: &[(&str, Keys)] = &[
    ("launch", &[("implementation", PLACES), ("review", PLACES)]),
    (
        "worktree",
        &[
            ("backend", Shape::OneOf(&["auto", "wt", "git"])),
            ("path", Shape::Place),
            ("copy", Shape::Inside),
            ("setup", Shape::CommandLine),
            ("markers", Shape::Bool),
        ],
    ),
    ("record", &[("enabled", Shape::Bool)]),
    ("history", &[("keep", Shape::Days)]),
    ("limits", &[("resume", Shape::Bool), ("workers", Shape::Count), ("per_agent", Shape::Counts)]),
    ("inbox", &[("stalled", Shape::Minutes)]),
    ("answer", &[("agents", Shape::Bool)]),
    ("notify", &[("parent", Shape::Kinds), ("command", Shape::Text), ("bell", Shape::Bool)]),
    ("land", land::KEYS),
    ("ready", tasks::READY),
    ("board", tasks::BOARD),
];

const DEFAULT_AGENT: Keys = &[("name", Shape::Name)];

const AGENT: Keys = &[
    ("command", Shape::CommandLine),
    ("args", Shape::Texts),
    ("delivery", Shape::OneOf(&["ready", "argument"])),
    ("prompt_flag", Shape::Text),
    ("profile", Shape::Name),
    ("trust", Shape::OneOf(&["ask", "worktree"])),
    ("hooks", Shape::BoolOr("all")),
];

/// Checks one file.
pub(super) fn parse(text: &str, owner: Owner) -> Result<Layer, Fault> {
    let root = DeTable::parse(text).map_err(|err| no_toml(&err))?;
    let mut layer = Layer::default();
    for (key, value) in root.get_ref() {
        let name: &str = key.get_ref();
        if ["history", "limits", "inbox", "notify", "answer"].contains(&name)
            && owner == Owner::Project
        {
            let message = format!("`{name}` can only be set in your own configuration");
            return Err(Fault { at: key.span().start, message });
        }
        if name == "agents" {
            parse_agents(value, owner, &mut layer)?;
        } else if name == "sources" {
            sources::parse(value, &mut layer)?;
        } else if let Some((_, keys)) = SECTIONS.iter().find(|(section, _)| *section == name) {
            parse_table(name, keys, value, &mut layer)?;
            land::refuse_private(owner, &layer)?;
        } else {
            let known = SECTIONS.iter().map(|(section, _)| *section).chain(["sources", "agents"]);
            return Err(unknown_key(key.span().start, name, "the top level", known));
        }
    }
    layer.table = toml::from_str(text).map_err(|err| no_toml(&err))?;
    Ok(layer)
}

fn parse_agents(
    value: &Spanned<DeValue<'_>>,
    owner: Owner,
    layer: &mut Layer,
) -> Result<(), Fault> {
    for (key, value) in require_table("agents", value)? {
        let (name, at) = (key.get_ref(), key.span().start);
        let path = format!("agents.{name}");
        if name == "default" {
            parse_table(&path, DEFAULT_AGENT, value, layer)?;
            continue;
        }
        if !is_name(name) {
            let message = format!("agent name `{name}` must be letters, digits, `-` and `_`");
            return Err(Fault { at, message });
        }
        layer.places.insert(path.clone(), at);
        parse_table(&path, AGENT, value, layer)?;
        if let Some(&at) = layer.places.get(&format!("{path}.trust"))
            && owner == Owner::Project
        {
            let message = format!("`{path}.trust` can only be set in your own configuration");
            return Err(Fault { at, message });
        }
    }
    Ok(())
}

fn parse_table(
    path: &str,
    keys: Keys,
    value: &Spanned<DeValue<'_>>,
    layer: &mut Layer,
) -> Result<(), Fault> {
    for (key, value) in require_table(path, value)? {
        let (name, at) = (key.get_ref(), key.span().start);
        let Some((_, shape)) = keys.iter().find(|(known, _)| known == name) else {
            let known = keys.iter().map(|(known, _)| *known);
            return Err(unknown_key(at, name, &format!("`[{path}]`"), known));
        };
        let path = format!("{path}.{name}");
        check_shape(&path, shape, value)?;
        let parts = value.get_ref().as_table().into_iter().flatten();
        let parts = parts.map(|(key, _)| (format!("{path}.{}", key.get_ref()), key.span().start));
        layer.places.extend(parts);
        layer.places.insert(path, at);
    }
    Ok(())
}

fn require_table<'a, 'i>(
    path: &str,
    value: &'a Spanned<DeValue<'i>>,
) -> Result<&'a DeTable<'i>, Fault> {
    value.get_ref().as_table().ok_or_else(|| wrong_type(path, "a table", value))
}

fn check_shape(path: &str, shape: &Shape, value: &Spanned<DeValue<'_>>) -> Result<(), Fault> {
    let text = value.get_ref().as_str();
    let is_text = |it: &Spanned<DeValue<'_>>| it.get_ref().is_str();
    let (fits, want) = fits::fits(shape, value);
    if fits {
        return Ok(());
    }
    let item = value.get_ref().as_array().and_then(|it| it.iter().find(|it| !is_text(it)));
    if let (Shape::Texts, Some(item)) = (shape, item) {
        let message = format!("`{path}` must be {want}, but contains {}", what_is(item));
        return Err(Fault { at: item.span().start, message });
    }
    let mut fault = wrong_type(path, &want, value);
    if let (Shape::OneOf(names), Some(text)) = (shape, text) {
        fault.message += &did_you_mean(nearest(text, names.iter().copied()));
    }
    Err(fault)
}

fn no_toml(err: &toml::de::Error) -> Fault {
    let at = err.span().map_or(0, |it| it.start);
    // Some of its messages have several lines.
    Fault { at, message: err.message().lines().collect::<Vec<_>>().join(", ") }
}

fn wrong_type(path: &str, want: &str, value: &Spanned<DeValue<'_>>) -> Fault {
    let message = format!("`{path}` must be {want}, not {}", what_is(value));
    Fault { at: value.span().start, message }
}

fn what_is(value: &Spanned<DeValue<'_>>) -> String {
    match value.get_ref() {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Boolean(it) => format!("`{it}`"),
        other @ (DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_)) => {
            let kind = other.type_str();
            let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
            format!("{article} {kind}")
        }
    }
}

fn unknown_key<'k>(
    at: usize,
    name: &str,
    place: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Fault {
    let nearest = did_you_mean(nearest(name, known.clone()));
    let known = one_of(known, "and");
    Fault { at, message: format!("unknown key `{name}` in {place}, which takes {known}{nearest}") }
}

/// `` `a`, `b` and `c` ``
fn one_of<'n>(names: impl Iterator<Item = &'n str>, last: &str) -> String {
    let names: Vec<_> = names.map(|it| format!("`{it}`")).collect();
    match names.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|it| format!("; did you mean `{it}`?")).unwrap_or_default()
}

/// The known name that `name` is probably a typo of: one letter in three may be wrong.
fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let name = name.to_lowercase();
    let scored = known.map(|it| (strsim::damerau_levenshtein(&name, it), it));
    let (n_wrong, best) = scored.min_by_key(|it| it.0)?;
    (n_wrong <= best.chars().count().div_ceil(3)).then_some(best)
}

#[cfg(test)]
mod tests;
