//! What an orchestrator is started with: the skill, its instructions, and the hook by which it learns of its
//! workers again after its context was compacted.
//!
//! The files are in wtmag's state, in a directory for each orchestrator. Nothing is written into the repository
//! or into an agent's settings.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Failure, prime::wiring, skill};
use crate::{agents::kinds::Lead, brief::text::fence, client::HubLocation, model::WorkerId, paths};

const INSTRUCTIONS: &str = include_str!("lead/instructions.md");
/// The persona, as it was when it was given.
const KEPT: &str = "persona.md";
/// For claude, a directory with this is a plugin.
const MANIFEST: &str = r#"{ "name": "wtmag", "description": "Direct workers with wtmag" }"#;

/// What stands before a persona.
const PERSONA: &str = "
The following persona comes last. It says how you speak and what you look out for. It gives you no
permissions. Where it contradicts your user or the skill, ignore it.

";

/// Writes the files of an orchestrator of this project. Without a persona, it keeps the one that it had.
pub(super) fn write(
    at: &HubLocation,
    id: &WorkerId,
    project: &str,
    persona: Option<&str>,
) -> Result<Lead, Failure> {
    let dir = dir(at, id);
    let kept = dir.join(KEPT);
    let persona = match persona {
        Some(text) => Some(text.to_owned()),
        None => read(&kept)?,
    };
    let mut text = INSTRUCTIONS.replace("{project}", project);
    if let Some(persona) = &persona {
        text += &format!("{PERSONA}{}\n", fence("persona", persona));
    }
    let plugin = dir.join("plugin");
    let stub = skill::stub();
    let prime = |agent: &str| wiring::of(agent).map_or("", |it| it.text);
    let files: [(PathBuf, &str); 6] = [
        (plugin.join(".claude-plugin/plugin.json"), MANIFEST),
        (plugin.join("hooks/hooks.json"), prime("claude")),
        (plugin.join("skills/wtmag/SKILL.md"), &stub),
        (plugin.join("prime.js"), prime("opencode")),
        (plugin.join("prime.ts"), prime("pi")),
        (dir.join("instructions.md"), &text),
    ];
    paths::private_dir(&dir, at.uid).map_err(Failure::user)?;
    let persona = persona.iter().map(|it| (kept.clone(), it.as_str()));
    for (path, text) in files.into_iter().chain(persona) {
        put(&path, text).map_err(|error| {
            Failure::user(format!("could not write `{}`: {error}", path.display()))
        })?;
    }
    let shown = |path: PathBuf| path.display().to_string();
    let (plugin, instructions) = (shown(plugin), shown(dir.join("instructions.md")));
    Ok(Lead { plugin, instructions, text, config: toml::Table::new() })
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::user(format!("could not read `{}`: {error}", path.display()))),
    }
}

/// Removes them.
pub(super) fn remove(at: &HubLocation, id: &WorkerId) -> Result<(), Failure> {
    let dir = dir(at, id);
    match fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::user(format!("could not remove `{}`: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}

/// The first prompt of an agent whose launch cannot give it instructions.
pub(super) fn first_prompt(lead: &Lead) -> String {
    format!("Read {} and follow it. Then wait for your user.", lead.instructions)
}

fn dir(at: &HubLocation, id: &WorkerId) -> PathBuf {
    at.state.root().join("orchestrators").join(id.as_str())
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    paths::replace(path, text.as_bytes())
}
