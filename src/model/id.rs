//! Ids as types. They print as tmux prints them, so that they can be used as targets.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

macro_rules! tmux_id {
    ($name:ident, $sigil:literal, $what:literal) => {
        #[doc = concat!("A tmux ", $what, " id, printed as `", $sigil, "N`.")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $sigil, self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = || BadId { what: $what, text: text.to_owned() };
                let number = text.strip_prefix($sigil).ok_or_else(bad)?;
                number.parse().map(Self).map_err(|_| bad())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }
    };
}

tmux_id!(PaneId, "%", "pane");
tmux_id!(WindowId, "@", "window");
tmux_id!(SessionId, "$", "session");

/// The text is not an id of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} id `{text}`")]
pub struct BadId {
    what: &'static str,
    text: String,
}

/// A worker's name: `[a-z0-9_-]`, 1 to 80 bytes, never starting with `-`. Safe as a tmux session
/// name, as a file name and as an argument.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WorkerId(String);

impl WorkerId {
    /// Longest id, in bytes.
    pub const MAX_LEN: usize = 80;

    /// The id for `<project>-<branch>`: each run of other characters becomes one `-`.
    pub fn for_branch(project: &str, branch: &str) -> Self {
        Self::slug(&format!("{project}-{branch}"), Self::MAX_LEN)
    }

    /// This id with `-N` appended, cut to length: the next candidate if this one is taken.
    #[must_use]
    pub fn numbered(&self, n: u32) -> Self {
        let suffix = format!("-{n}");
        let head = Self::slug(&self.0, Self::MAX_LEN - suffix.len());
        Self(format!("{}{suffix}", head.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn slug(text: &str, max_len: usize) -> Self {
        let mut slug = String::new();
        // A letter and its accents are apart then.
        for c in text.to_lowercase().nfd() {
            if slug.len() >= max_len {
                break;
            }
            match c {
                _ if is_combining_mark(c) => {}
                'ß' => slug.push_str("ss"),
                'a'..='z' | '0'..='9' | '_' => slug.push(c),
                _ if slug.is_empty() || slug.ends_with('-') => {}
                _ => slug.push('-'),
            }
        }
        slug.truncate(max_len);
        slug.truncate(slug.trim_end_matches('-').len());
        Self(if slug.is_empty() { "worker".to_owned() } else { slug })
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for WorkerId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let is_plain = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let fits = (1..=Self::MAX_LEN).contains(&text.len()) && !text.starts_with('-');
        if fits && text.bytes().all(is_plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(BadId { what: "worker", text: text.to_owned() })
    }
}

impl From<WorkerId> for String {
    fn from(id: WorkerId) -> Self {
        id.0
    }
}

impl TryFrom<String> for WorkerId {
    type Error = BadId;

    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

/// Number of a delivery, unique within a hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub u64);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(project: &str, branch: &str, want: &str) {
        let id = WorkerId::for_branch(project, branch);
        assert_eq!(id.as_str(), want);
        assert_eq!(want.parse(), Ok(id));
    }

    #[test]
    fn a_worker_id_is_plain() {
        check("blog", "github-issue-456", "blog-github-issue-456");
        check("My Blog", "feature/Ünï..x", "my-blog-feature-uni-x");
        check("blog", "Straße/修复-ça", "blog-strasse-ca");
        check("..", "--", "worker");
        check("blog", &"x".repeat(100), &format!("blog-{}", "x".repeat(75)));
    }

    #[test]
    fn a_numbered_id_stays_in_length() {
        let long = WorkerId::for_branch("p", &"x".repeat(100));
        assert_eq!(long.numbered(12).as_str().len(), WorkerId::MAX_LEN);
        assert_eq!(WorkerId::for_branch("a", "b").numbered(2).as_str(), "a-b-2");
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in ["", "-a", "A", "a/b", "..", "a b", &"x".repeat(81)] {
            assert!(bad.parse::<WorkerId>().is_err(), "{bad}");
        }
        for bad in ["3", "%", "%x", "@3", "%-1"] {
            assert!(bad.parse::<PaneId>().is_err(), "{bad}");
        }
        assert_eq!("%3".parse(), Ok(PaneId(3)));
        assert_eq!(WindowId(7).to_string(), "@7");
    }
}
