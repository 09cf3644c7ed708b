//! The keys of `[land]`.
use serde::{Deserialize, Serialize};

use super::{Fault, Keys, Layer, Owner, Shape};

/// How `land` makes a worker's work part of another branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Land {
    pub mode: LandMode,
    /// How the forge merges a pull request.
    pub pr: PrMethod,
    /// What must be so before anything is landed.
    pub need: Vec<LandNeed>,
    /// Ask before each landing.
    pub confirm: bool,
    /// Agents may land, too.
    pub agents: bool,
    /// Push the target afterwards.
    pub push: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LandMode {
    #[default]
    Merge,
    Squash,
    Rebase,
    Ff,
    /// The forge merges the pull request.
    Pr,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrMethod {
    #[default]
    Merge,
    Squash,
    Rebase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LandNeed {
    /// Always so: nothing is uncommitted.
    Clean,
    Pushed,
    Checks,
    Approved,
    Idle,
}

pub(super) const KEYS: Keys = &[
    ("mode", Shape::OneOf(&["merge", "squash", "rebase", "ff", "pr"])),
    ("pr", Shape::OneOf(&["merge", "squash", "rebase"])),
    ("need", Shape::SomeOf(&["clean", "pushed", "checks", "approved", "idle"])),
    ("confirm", Shape::Bool),
    ("agents", Shape::Bool),
    ("push", Shape::Bool),
];

/// What lets agents or pushes act: the author of a repository cannot set it for its users.
const PRIVATE: [&str; 3] = ["land.confirm", "land.agents", "land.push"];

pub(super) fn refuse_private(owner: Owner, layer: &Layer) -> Result<(), Fault> {
    let found = PRIVATE.iter().find_map(|it| Some((it, *layer.places.get(*it)?)));
    match found {
        Some((path, at)) if owner == Owner::Project => {
            let message = format!("`{path}` can only be set in your own configuration");
            Err(Fault { at, message })
        }
        Some(_) | None => Ok(()),
    }
}
