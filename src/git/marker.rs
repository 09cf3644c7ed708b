//! The marker that WorkTrunk shows beside a branch: one value in the repository's configuration.
//!
//! WorkTrunk documents that other programs may set it there. A marker that wtmag has set names wtmag, so
//! that each later process knows it, whatever was killed meanwhile. Any other one belongs to the user or
//! to one of their plugins, and is never touched. WorkTrunk itself replaces the whole value, so a plugin
//! that writes takes the marker over.
use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{Error, Repo, RepoLock, Run, fetch::git, wt::failed};
use crate::{clock, model::Marker};

/// How long to wait for another program that writes the configuration.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

const AUTHOR: &str = "wtmag";

/// The value as WorkTrunk reads it, and who set it.
#[derive(Debug, Serialize, Deserialize)]
struct Value {
    marker: String,
    set_at: u64,
    by: String,
}

/// What is done to a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    Leave,
    Set,
    /// Only while it has this value.
    Clear(String),
}

/// Pure: what is done where the configuration has `current`, if the marker is to be `wanted`.
fn decide(current: Option<&str>, wanted: Option<Marker>) -> Act {
    let Some(text) = current else { return if wanted.is_some() { Act::Set } else { Act::Leave } };
    let own = serde_json::from_str::<Value>(text).ok().filter(|it| it.by == AUTHOR);
    match (own, wanted) {
        (None, _) => Act::Leave,
        (Some(own), Some(wanted)) if own.marker == wanted.text() => Act::Leave,
        (Some(_), Some(_)) => Act::Set,
        (Some(_), None) => Act::Clear(text.to_owned()),
    }
}

/// Shows a marker beside a branch, or none, unless another program has set one. The lock keeps other
/// programs of wtmag from writing the configuration meanwhile.
///
/// # Errors
/// [`Error::Failed`] if git cannot write the configuration.
pub async fn show_marker(
    _lock: &RepoLock,
    common_dir: &Path,
    (branch, wanted): (&str, Option<Marker>),
    run: &Run<'_>,
) -> Result<(), Error> {
    let key = format!("worktrunk.state.{branch}.marker");
    let start = Instant::now();
    loop {
        // Opened again each time: the configuration is read when it is opened.
        let repo = Repo::discover(common_dir)?;
        let current = repo.gix().config_snapshot().string(key.as_str()).map(|it| it.to_string());
        let args = match decide(current.as_deref(), wanted) {
            Act::Leave => return Ok(()),
            Act::Set => {
                let marker = wanted.map(Marker::text).unwrap_or_default().to_owned();
                let set_at = clock::now().0 / 1000;
                let value = Value { marker, set_at, by: AUTHOR.to_owned() };
                vec![key.clone(), serde_json::to_string(&value).unwrap_or_default()]
            }
            Act::Clear(value) => {
                let flags = ["--fixed-value", "--unset"].map(str::to_owned);
                flags.into_iter().chain([key.clone(), value]).collect()
            }
        };
        let output = git(&repo).args(["config"]).args(&args).run(run.cancel).await?;
        if output.is_success() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(failed("git", format!("set the marker of `{branch}`"), &output));
        }
        // Another process is writing the configuration: there is no event to wait for.
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who set the marker, and what may be done to it then.
    #[test]
    fn only_a_marker_of_wtmag_is_changed_or_cleared() {
        let own = |text: &str| format!(r#"{{"marker":"{text}","set_at":7,"by":"wtmag"}}"#);
        let (at_work, waits) = (own("🤖"), own("💬"));
        let plugin = r#"{"marker":"🤖","set_at":7}"#;
        let other = r#"{"marker":"🤖","set_at":7,"by":"another"}"#;
        let check = |current: Option<&str>, wanted, want| {
            assert_eq!(decide(current, wanted), want, "{current:?} {wanted:?}");
        };
        // Nothing is set.
        check(None, None, Act::Leave);
        check(None, Some(Marker::AtWork), Act::Set);
        // wtmag has set it, this process or a killed one.
        check(Some(&at_work), Some(Marker::AtWork), Act::Leave);
        check(Some(&waits), Some(Marker::AtWork), Act::Set);
        check(Some(&at_work), Some(Marker::Waits), Act::Set);
        check(Some(&at_work), None, Act::Clear(at_work.clone()));
        // A plugin, the user, an old WorkTrunk, or what cannot be read.
        for foreign in [plugin, other, "🚧", "", "{", "[]"] {
            for wanted in [None, Some(Marker::AtWork), Some(Marker::Waits)] {
                check(Some(foreign), wanted, Act::Leave);
            }
        }
    }
}
