//! Versions of an agent that a profile was checked with.
use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::Profile;
use crate::model::Version;

/// One version, or all from the first to the last: `"2.1.197"`, `"2.1.197..2.1.332"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    first: String,
    last: String,
}

impl Versions {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (first.trim(), last.trim());
        let is_range = Version::parse(first)? <= Version::parse(last)?;
        is_range.then(|| Self { first: first.to_owned(), last: last.to_owned() })
    }

    pub fn covers(&self, version: &str) -> bool {
        let version = Version::parse(version);
        Version::parse(&self.first) <= version && version <= Version::parse(&self.last)
    }
}

impl Profile {
    /// The profile was checked with other versions, and not with this one.
    pub fn is_unchecked(&self, version: &str) -> bool {
        !self.checked.is_empty() && !self.checked.iter().any(|it| it.covers(version))
    }

    /// The versions that it was checked with, in words.
    pub fn checked_versions(&self) -> String {
        self.checked.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            f.write_str(&self.first)
        } else {
            write!(f, "{} to {}", self.first, self.last)
        }
    }
}

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is not a version or a range such as `1.2..1.4.3`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_covers_what_lies_between_its_ends() {
        let covers = |range: &str, version: &str| Versions::parse(range).unwrap().covers(version);
        for version in ["2.1.197", "2.1.329", "2.1.332", "2.1.332.0"] {
            assert!(covers("2.1.197..2.1.332", version), "{version}");
        }
        for version in ["2.1.196", "2.1.333", "2.2", "1.9.999"] {
            assert!(!covers("2.1.197..2.1.332", version), "{version}");
        }
        assert!(covers("0.9", "0.9.0") && !covers("0.9", "0.10.0") && covers("0.9..0.10", "0.9.7"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "new", "2..1", "1.0..", "..2", "1.2..x"] {
            assert_eq!(Versions::parse(text), None, "{text}");
        }
        assert_eq!(Versions::parse("1 .. 2").unwrap().to_string(), "1 to 2");
        assert_eq!(Versions::parse("1.4").unwrap().to_string(), "1.4");
    }
}
