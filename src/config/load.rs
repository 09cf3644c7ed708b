//! Reads the layers, and records where each effective value comes from.
//!
//! From weakest to strongest: the built-in values, the user's `config.toml`, the project's
//! `wtmag.toml`. Knows files; the caller says which directories a project has.
//!
//! A project file names commands that will run, so it is trusted like a Makefile. It is read from a
//! checkout that the user chose, never from a worker's worktree, whose content may be someone
//! else's pull request. It cannot make its users trust worktrees.
use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::schema::{self, Config, Owner, TEMPLATE};

/// Name of a project's settings file, in its root.
pub const PROJECT_FILE: &str = "wtmag.toml";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{}`, line {line}, column {column}: {message}", path.display())]
    Invalid { path: PathBuf, line: usize, column: usize, message: String },
    #[error("could not read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The layers are valid alone but not together: a bug.
    #[error("the settings contradict each other")]
    Settle(#[from] toml::de::Error),
}

/// The effective settings.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// Every effective value, by key.
    pub settings: Vec<Setting>,
    /// The files that were read, weakest first.
    pub files: Vec<PathBuf>,
    /// The project's file, if there is one.
    pub project: Option<PathBuf>,
}

/// One effective value. Prints as a line of TOML with its origin as a comment.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Dotted: `agents.pi.command`.
    pub key: String,
    pub value: Value,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    File { path: PathBuf, line: usize },
}

/// Reads `user_file` and the first [`PROJECT_FILE`] in `project_dirs`, if they exist. The
/// directories, in order: root of the caller's worktree, main worktree, root of a bare layout.
pub fn load(user_file: &Path, project_dirs: &[PathBuf]) -> Result<Loaded, Error> {
    let mut layers = Layers::default();
    let built_in = schema::parse(TEMPLATE, Owner::User)
        .map_err(|fault| invalid(Path::new("built-in"), TEMPLATE, fault))?;
    layers.lay(built_in, |_| Origin::BuiltIn);
    layers.lay_file(user_file, Owner::User)?;
    let mut project = None;
    let candidates = project_dirs.iter().filter(|dir| !is_worker(dir));
    for file in candidates.map(|dir| dir.join(PROJECT_FILE)) {
        if layers.lay_file(&file, Owner::Project)? {
            project = Some(file);
            break;
        }
    }
    let config = schema::settle(layers.table)?;
    let settings = settings(&config, &layers.origins);
    Ok(Loaded { config, settings, files: layers.files, project })
}

impl Loaded {
    /// What the project's file sets for this section, `agents.NAME`, `sources.NAME` or `worktree`, as lines of
    /// TOML: whatever can run commands or access files. `None` if it sets nothing.
    pub fn from_project(&self, section: &str) -> Option<String> {
        let project = self.project.as_ref()?;
        let within = format!("{section}.");
        let is_set = |it: &&Setting| {
            let is_theirs = matches!(&it.origin, Origin::File { path, .. } if path == project);
            let is_harmless = ["worktree.backend", "worktree.markers"].contains(&it.key.as_str());
            is_theirs && it.key.starts_with(&within) && !is_harmless
        };
        let lines = self.settings.iter().filter(is_set);
        let lines: Vec<String> = lines.map(|it| format!("{} = {}", it.key, it.value)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Where the value of a dotted key, or an agent's block, comes from.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        let block = format!("{key}.");
        let mut found =
            self.settings.iter().filter(|it| it.key == key || it.key.starts_with(&block));
        // Defaults inside a block are built in; the block itself has the origin of the file.
        let first = found.next()?;
        Some(found.find(|it| it.origin != Origin::BuiltIn).map_or(&first.origin, |it| &it.origin))
    }
}

/// Writes the commented template, with this default agent, for a user without a configuration;
/// returns false if a file exists, readable or not. Never overwrites, and is atomic.
pub fn write_template(user_file: &Path, default_agent: &str) -> Result<bool, Error> {
    let fail = |source| Error::Write { path: user_file.to_owned(), source };
    if fs::symlink_metadata(user_file).is_ok() {
        return Ok(false);
    }
    let dir = user_file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(fail)?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(fail)?;
    let text = schema::template(default_agent);
    file.write_all(text.as_bytes()).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    match file.persist_noclobber(user_file) {
        Ok(_) => Ok(true),
        Err(err) if err.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(err) => Err(fail(err.error)),
    }
}

/// A worker's worktree holds its brief.
fn is_worker(dir: &Path) -> bool {
    fs::symlink_metadata(dir.join(".wtmag/prompt.md")).is_ok()
}

#[derive(Default)]
struct Layers {
    table: Table,
    origins: BTreeMap<String, Origin>,
    files: Vec<PathBuf>,
}

impl Layers {
    /// False when there is no such file.
    fn lay_file(&mut self, path: &Path, owner: Owner) -> Result<bool, Error> {
        let Some(text) = read(path)? else { return Ok(false) };
        let layer = schema::parse(&text, owner).map_err(|fault| invalid(path, &text, fault))?;
        self.lay(layer, |at| Origin::File { path: path.to_owned(), line: position(&text, at).0 });
        self.files.push(path.to_owned());
        Ok(true)
    }

    fn lay(&mut self, layer: schema::Layer, origin: impl Fn(usize) -> Origin) {
        for (key, at) in layer.places {
            let is_block = ["agents.", "sources."].iter().any(|it| key.starts_with(it));
            if is_block && key.split('.').count() == 2 {
                let block = format!("{key}.");
                self.origins.retain(|old, _| !old.starts_with(&block));
            }
            self.origins.insert(key, origin(at));
        }
        schema::merge(&mut self.table, layer.table);
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    let fail = |source| Error::Read { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::read_to_string(path).map(Some).map_err(fail),
        // Reading a pipe would never end.
        Ok(_) => Err(fail(io::Error::other("it is not a regular file"))),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) if err.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(err) => Err(fail(err)),
    }
}

fn invalid(path: &Path, text: &str, fault: schema::Fault) -> Error {
    let (line, column) = position(text, fault.at);
    Error::Invalid { path: path.to_owned(), line, column, message: fault.message }
}

/// Line and column of a byte, both from 1, in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn settings(config: &Config, origins: &BTreeMap<String, Origin>) -> Vec<Setting> {
    let mut settings = Vec::new();
    let table = Table::try_from(config).unwrap_or_default();
    let mut open: Vec<_> = table.into_iter().rev().collect();
    while let Some((key, value)) = open.pop() {
        if let Value::Table(table) = value {
            open.extend(table.into_iter().rev().map(|(name, it)| (format!("{key}.{name}"), it)));
            continue;
        }
        let origin = origins.get(&key).cloned().unwrap_or(Origin::BuiltIn);
        settings.push(Setting { key, value, origin });
    }
    settings
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}  # {}", self.key, self.value, self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.pad("built-in"),
            Self::File { path, line } => f.pad(&format!("{}:{line}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters() {
        assert_eq!(position("a = 1\nü = 2", 9), (2, 3));
        assert_eq!(position("", 0), (1, 1));
        assert_eq!(position("a", 9), (1, 2));
    }
}
