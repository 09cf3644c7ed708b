//! Rings the bell of a user's terminal.
//!
//! tmux rings only for a window of the session that a terminal shows, when a program in that window prints the byte.
//! wtmag prints nothing into panes. So it writes the byte to the terminal in which the tmux client runs, and only
//! while that client is the terminal's foreground process: then an agent cannot be what prints there. A pane that
//! shows a tmux of its own is left alone. The byte prints nothing, and terminals obey it inside a longer sequence.
use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
};

use nix::libc;

use crate::{proc, tmux::ClientRow};

const BELL: &[u8] = b"\x07";

/// `panes`: the terminals of the server's panes.
pub(super) async fn ring(client: &ClientRow, panes: &[String]) -> io::Result<()> {
    if client.is_control || panes.contains(&client.name) {
        return Ok(());
    }
    // It neither becomes this process's own terminal nor blocks if the user has stopped it.
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    let mut terminal = OpenOptions::new().write(true).custom_flags(flags).open(&client.name)?;
    let about = terminal.metadata()?;
    let is_its = about.file_type().is_char_device()
        && proc::has_foreground_of(client.pid, about.rdev()).await;
    if is_its { terminal.write_all(BELL) } else { Ok(()) }
}
