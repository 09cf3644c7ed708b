//! The version of a job that the hub passes to a child.
//!
//! The hub and the child may have different versions. Fields are only added. A job of a newer version
//! is refused, because it may ask for something that this version would leave out.
use serde::{Deserialize, de::DeserializeOwned};

/// Why a job cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum BadJob {
    #[error("the {what} is of version {found}, and this wtmag understands up to {known}")]
    Newer { what: &'static str, found: u32, known: u32 },
    #[error("the {what} cannot be read")]
    Unreadable { what: &'static str, source: serde_json::Error },
}

#[derive(Deserialize)]
struct Version {
    /// Jobs from before versions existed are 0.
    #[serde(default)]
    version: u32,
}

/// A job of at most the version `known`; `what` names it in errors.
pub(super) fn read<T: DeserializeOwned>(
    (what, known): (&'static str, u32),
    text: &[u8],
) -> Result<T, BadJob> {
    let unreadable = |source| BadJob::Unreadable { what, source };
    // Other fields may be unreadable because the job is newer.
    let Version { version: found } = serde_json::from_slice(text).map_err(unreadable)?;
    if found > known {
        return Err(BadJob::Newer { what, found, known });
    }
    serde_json::from_slice(text).map_err(unreadable)
}
