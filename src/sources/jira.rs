//! Jira tickets, through `jira` (github.com/ankitpokhrel/jira-cli).
use std::{fmt, str::FromStr};

use crate::brief::WorkItem;

use super::{Context, Error};

/// A ticket's key, `PROJ-123`: letters, digits and `_` in upper case, a dash, digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl FromStr for Key {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self(text.to_owned()))
    }
}

/// The ticket with its comments.
pub async fn fetch(_cx: &Context<'_>, _key: &Key) -> Result<WorkItem, Error> {
    Err(Error::EmptyPrompt)
}
