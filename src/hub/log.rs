//! The hub's log file.
use std::{fs::File, os::unix::fs::OpenOptionsExt as _, path::Path};

use file_rotate::{ContentLimit, FileRotate, compression::Compression, suffix::AppendCount};
use tracing_subscriber::EnvFilter;

/// One log file's size, and how many older ones are kept.
const LOG_BYTES: usize = 4 << 20;
const LOG_FILES: usize = 3;

/// Logs to a file that is rotated by size. `WTMAG_LOG` sets the level: `debug`,
/// `wtmag::tmux=trace`.
pub(super) fn open(dir: &Path) {
    let suffix = AppendCount::new(LOG_FILES);
    let limit = ContentLimit::BytesSurpassed(LOG_BYTES);
    let mut private = File::options();
    private.read(true).create(true).append(true).mode(0o600);
    let file =
        FileRotate::new(dir.join("hub.log"), suffix, limit, Compression::None, Some(private));
    let filter = EnvFilter::try_from_env("WTMAG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(file));
    // A second hub in one process, as in tests, logs to the first one's file.
    subscriber.try_init().unwrap_or_default();
}
