//! Versions of other programs.
use std::fmt;

use serde::{Deserialize, Serialize};

/// Up to four numbers. A letter behind the last one counts as a number: tmux 3.3a is 3.3.1.
/// Missing numbers are zero, so versions of different lengths can be compared.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version([u32; 4]);

impl Version {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self([major, minor, patch, 0])
    }

    /// Reads the numbers at the beginning: `3.3a`, `next-3.9`, `0.81.0`, `0.67.0-3-gabc`,
    /// `2.1.332 (Claude Code)`. None for `master` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = Self::default();
        let mut rest = text.strip_prefix("next-").unwrap_or(text);
        let mut places = numbers.0.iter_mut();
        while let Some(place) = places.next() {
            let n_digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, behind) = rest.split_at_checked(n_digits)?;
            *place = digits.parse().ok()?;
            match behind.strip_prefix('.') {
                Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
                Some(_) | None => {
                    let letter = places.next().zip(letter(behind));
                    letter.into_iter().for_each(|(place, letter)| *place = letter);
                    break;
                }
            }
        }
        Some(numbers)
    }
}

/// The number of a letter that stands alone: `a` is 1.
fn letter(text: &str) -> Option<u32> {
    let mut chars = text.chars();
    let first = chars.next().filter(char::is_ascii_lowercase)?;
    let is_alone = !chars.next().is_some_and(char::is_alphanumeric);
    is_alone.then(|| u32::from(first) - u32::from('a') + 1)
}

/// Three numbers, and the fourth if there is one.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch, fourth] = self.0;
        write!(f, "{major}.{minor}.{patch}")?;
        if fourth == 0 { Ok(()) } else { write!(f, ".{fourth}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<[u32; 4]> {
        Version::parse(text).map(|it| it.0)
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(read("3.3a"), Some([3, 3, 1, 0]));
        assert_eq!(read("3.7c\n"), Some([3, 7, 3, 0]));
        assert_eq!(read("3.10"), Some([3, 10, 0, 0]));
        assert_eq!(read("next-3.10"), Some([3, 10, 0, 0]));
        assert_eq!(read("3.4-rc"), Some([3, 4, 0, 0]));
        assert_eq!(read("0.81.0\n"), Some([0, 81, 0, 0]));
        assert_eq!(read("0.67.0-3-gabc"), Some([0, 67, 0, 0]));
        assert_eq!(read("2.1.332 (Claude Code)"), Some([2, 1, 332, 0]));
        assert_eq!(read("1.2.3.4.5"), Some([1, 2, 3, 4]));
        assert_eq!(read("1.2beta"), Some([1, 2, 0, 0]));
        assert_eq!(read("1.x"), Some([1, 0, 0, 0]));
        for none in ["", "master", "x", ".1", "v1", "99999999999.1"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn versions_compare_by_number() {
        let version = |text| Version::parse(text).unwrap();
        assert!(version("3.3") < version("3.3a"));
        assert!(version("3.9") < version("3.10"));
        assert_eq!(version("2.1"), version("2.1.0"));
        assert_eq!(version("0.81.0").to_string(), "0.81.0");
    }
}
