//! The hub's protocol: JSON lines over a unix socket, and the shapes that `--json` prints.
//!
//! Knows [`crate::model`] and how its values look on the wire; no socket, no clock, no IO. A
//! connection opens with [`Hello`] from both sides. Then the client sends [`Envelope`]s, and the
//! hub answers each with one [`Frame`] of the same number. Further frames of a subscription carry
//! events.
mod cleanup;
mod frame;
mod job;
mod look;
mod marker_job;
mod run_job;
mod view;

use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::Error as _};

use crate::model::Request;

pub use cleanup::{CleanupJob, CleanupResult};
pub use frame::Frame;
pub use job::BadJob;
pub use look::{LookJob, PullsAsked, PullsJob, parse_looked, parse_pulled};
pub use marker_job::MarkerJob;
pub use run_job::{RunJobResult, read_run_job, write_run_job};
pub use view::{DeliveryView, EventView, RuleView, StateView, WorkerSummary, WorkerView, needs};

/// The protocol that this program speaks. It understands frames of this and the previous version.
pub const PROTOCOL: u32 = 1;

/// Longest line, in bytes. A brief travels as a file, never as a frame.
pub const MAX_FRAME: usize = 8 << 20;

/// This build, as the build script named it: its time and its source.
pub const BUILD: &str = env!("WTMAG_BUILD");

/// First line on a connection, from both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub wtmag: String,
    pub protocol: u32,
    pub pid: u32,
    /// Empty if the program predates build names.
    #[serde(default)]
    pub build: String,
}

impl Hello {
    pub fn new(pid: u32) -> Self {
        Self {
            wtmag: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            pid,
            build: BUILD.to_owned(),
        }
    }

    /// Whether the other side is older than this program, by version or by build. Of two builds
    /// made at the same moment, this one counts as newer, because it was called last.
    pub fn is_older(&self) -> bool {
        let ours = Self::new(0);
        if self.build == ours.build {
            return false;
        }
        let age = |it: &Self| (numbers(&it.wtmag), built(&it.build));
        age(self) <= age(&ours)
    }

    /// Whether this program can read the other side's frames.
    pub fn is_understood(&self) -> bool {
        (PROTOCOL.saturating_sub(1)..=PROTOCOL).contains(&self.protocol)
    }
}

/// The numbers of a version, to compare them.
fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

/// When a build was made.
fn built(build: &str) -> u64 {
    let seconds = build.strip_prefix("wtmag-build-").and_then(|it| it.split('-').next());
    seconds.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// What a running hub writes into `hub.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubFile {
    pub pid: u32,
    pub version: String,
    pub socket: PathBuf,
}

/// Client to hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub id: u64,
    #[serde(rename = "ask")]
    pub request: Request,
}

/// A line that is not a frame.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a frame of more than {MAX_FRAME} bytes")]
    TooLong,
    #[error("a frame that cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

/// One frame as a line, with its newline.
pub fn encode(frame: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(frame)?;
    if line.len() >= MAX_FRAME {
        return Err(Error::TooLong);
    }
    line.push(b'\n');
    Ok(line)
}

/// Parses one line that is no [`Frame`], with or without its newline.
pub fn decode<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Error> {
    Ok(serde_json::from_str(text(line)?)?)
}

fn text(line: &[u8]) -> Result<&str, Error> {
    if line.len() > MAX_FRAME {
        return Err(Error::TooLong);
    }
    Ok(std::str::from_utf8(line).map_err(serde_json::Error::custom)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_build_is_known() {
        let hello = |wtmag: &str, build: &str| Hello {
            wtmag: wtmag.to_owned(),
            build: build.to_owned(),
            ..Hello::new(1)
        };
        let own = env!("CARGO_PKG_VERSION");
        assert!(!Hello::new(1).is_older());
        assert!(hello(own, "").is_older(), "of before builds had names");
        assert!(hello(own, "wtmag-build-000000000007-x").is_older());
        assert!(!hello(own, "wtmag-build-999999999999-x").is_older());
        assert!(hello("0.0.9", "wtmag-build-999999999999-x").is_older());
        assert!(!hello("99.0.0", "").is_older());
        assert!(numbers("0.9.0") < numbers("0.10.0") && numbers("0.1.0") >= numbers("0.1.0-dev"));
    }

    #[test]
    fn frames_are_lines() {
        let request = Envelope { id: 7, request: Request::List { ended: false, brief: false } };
        let line = encode(&request).unwrap();
        assert_eq!(line, b"{\"id\":7,\"ask\":{\"verb\":\"list\",\"ended\":false}}\n");
        assert_eq!(decode::<Envelope>(&line).unwrap(), request);
    }

    /// Values from a newer version can be read, and are written back unchanged.
    #[test]
    fn frames_of_the_future_are_kept() {
        for line in include_str!("../../tests/fixtures/wire/future.jsonl").lines() {
            let frame = Frame::read(line.as_bytes()).unwrap_or_else(|it| panic!("{it:?}: {line}"));
            let again = encode(&frame).unwrap();
            let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
            assert_eq!(value(&again), value(line.as_bytes()));
        }
    }

    /// Messages of earlier versions stay readable: never edit these lines.
    #[test]
    fn old_hellos_are_understood() {
        for line in include_str!("../../tests/fixtures/wire/hello.jsonl").lines() {
            assert!(decode::<Hello>(line.as_bytes()).unwrap().is_understood(), "{line}");
        }
    }
}
