//! The regular expressions of profiles.
//!
//! To compile all of a profile takes 5 to 10 ms, and most commands need one or two of them. Those of embedded
//! profiles are known to be right, so each is compiled when it is first used; those of a user's file are compiled
//! when it is read, so that a wrong one is an error at its place.
use std::{
    cell::Cell,
    sync::{Arc, OnceLock},
};

use regex::{Match, Regex};
use serde::{Deserialize, Deserializer, de};

/// A regular expression. Clones share what is compiled: that is large.
#[derive(Clone, Debug)]
pub struct Pattern(Arc<Source>);

#[derive(Debug)]
struct Source {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

thread_local! {
    /// An embedded profile is being read.
    static IS_EMBEDDED: Cell<bool> = const { Cell::new(false) };
}

/// Reads what is known to be right.
pub(super) fn embedded<T>(read: impl FnOnce() -> T) -> T {
    IS_EMBEDDED.set(true);
    let read = read();
    IS_EMBEDDED.set(false);
    read
}

impl Pattern {
    /// None where it is no regular expression.
    pub(in crate::agents) fn parse(text: &str) -> Option<Self> {
        Regex::new(text).ok().map(|it| Self::new(text, OnceLock::from(Some(it))))
    }

    fn new(text: &str, compiled: OnceLock<Option<Regex>>) -> Self {
        Self(Arc::new(Source { text: text.to_owned(), compiled }))
    }

    /// None if it is none, which a test rules out for embedded profiles.
    pub fn regex(&self) -> Option<&Regex> {
        self.0.compiled.get_or_init(|| Regex::new(&self.0.text).ok()).as_ref()
    }

    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|it| it.is_match(text))
    }

    pub fn find<'t>(&self, text: &'t str) -> Option<Match<'t>> {
        self.regex()?.find(text)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let compiled = OnceLock::new();
        if !IS_EMBEDDED.get() {
            let regex = Regex::new(&text).map_err(de::Error::custom)?;
            compiled.get_or_init(|| Some(regex));
        }
        Ok(Self::new(&text, compiled))
    }
}
