//! The version of an agent's program, and whether its profile was checked with it.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::{
    agents::Profile,
    paths,
    proc::{Cancel, Cmd},
};

/// A program that has not printed its version by then is not asked again.
const LIMIT: Duration = Duration::from_secs(5);

/// The first thing that looks like a version: digits with dots between them.
pub(crate) fn read(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let words = text.split(|c: char| !is_part(c)).map(|word| word.trim_matches('.'));
    words.filter(|word| word.contains('.')).map(str::to_owned).next()
}

/// A program file that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    modified: SystemTime,
    size: u64,
}

/// What to tell the user about the version of `command`, once for each version: nothing if the profile was
/// checked with it. `memory` is where the programs are kept that were asked.
pub(crate) async fn note(
    command: &str,
    profile: &Profile,
    memory: &Path,
    cancel: &Cancel,
) -> Option<String> {
    if profile.checked.is_empty() {
        return None;
    }
    let program = fs::canonicalize(which::which(command).ok()?).ok()?;
    let found = fs::metadata(&program).ok()?;
    let seen = Seen { modified: found.modified().ok()?, size: found.len() };
    let mut known: BTreeMap<PathBuf, Seen> =
        fs::read(memory).ok().and_then(|it| serde_json::from_slice(&it).ok()).unwrap_or_default();
    if known.get(&program) == Some(&seen) {
        return None;
    }
    let output =
        Cmd::new(&program, Path::new("/")).args(["--version"]).limit(LIMIT).run(cancel).await;
    let version = output.ok().and_then(|it| read(&it.stdout_text()));
    known.insert(program, seen);
    // Only a memory: if it cannot be written, the user is told once more.
    let save = || paths::replace(memory, &serde_json::to_vec(&known)?);
    if let Err(error) = save() {
        tracing::debug!(path = %memory.display(), %error, "an agent's version is not remembered");
    }
    let version = version.filter(|it| profile.is_unchecked(it))?;
    Some(format!(
        "{} {version}: its profile was checked with {}; if a state is wrong, `wtmag explain ID` shows why",
        profile.name,
        profile.checked_versions()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_first_number_with_dots() {
        for (text, want) in [
            ("2.1.329 (Claude Code)\n", Some("2.1.329")),
            ("codex-cli 0.169.0", Some("0.169.0")),
            ("v1.6.0.", Some("1.6.0")),
            ("unknown", None),
        ] {
            assert_eq!(read(text).as_deref(), want, "{text}");
        }
    }
}
