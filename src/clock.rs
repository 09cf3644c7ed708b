//! The wall clock: the only module that reads it.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// The current time.
pub fn now() -> Timestamp {
    Timestamp(u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX))
}

/// The current time in nanoseconds since 1970: sorts by time, and no two calls of one process are
/// likely to return the same.
pub fn nanos() -> u128 {
    since_1970().as_nanos()
}

/// Zero if the clock is set to a time before 1970.
#[expect(clippy::disallowed_methods, reason = "the one place that reads this clock")]
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
