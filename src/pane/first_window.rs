//! The first window of session `wtmag`, while it shows nothing else.
//!
//! Knows the terminal, its keys, and whether a terminal shows the window; not what is shown then.
use std::io;

use crossterm::event::{Event, EventStream, KeyCode};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_stream::StreamExt as _;

use super::terminal::{self, Terminal};
use crate::proc::Visibility;

/// Clears the screen, hides the cursor, and switches the keypad to its application mode, by which the hub
/// knows that the process listens.
const READY: &str = concat!(
    "\x1b[H\x1b[2J\x1b[?25l\x1b=\x1b[2m",
    "wtmag: this session has the windows of all workers; press Enter to show the dashboard",
    "\x1b[0m\r\n",
);

/// A window that waits until a terminal shows it.
pub struct FirstWindow {
    terminal: Terminal,
    visibility: Visibility,
    ends: [Signal; 2],
}

impl FirstWindow {
    /// Call it before anything else uses the terminal.
    ///
    /// # Errors
    /// If signals cannot be handled.
    pub fn open() -> io::Result<Self> {
        let terminal = Terminal::open();
        let ends = [signal(SignalKind::hangup())?, signal(SignalKind::terminate())?];
        Ok(Self { terminal, visibility: Visibility::listen()?, ends })
    }

    /// Waits until a terminal shows the window, or Enter is pressed: other keys may be meant for
    /// another window. Shows `note` meanwhile. False if the window is closed.
    pub async fn is_looked_at(&mut self, note: Option<&str>) -> bool {
        self.terminal.ignore_input();
        terminal::write([READY, note.unwrap_or_default()].concat().as_bytes());
        let mut keys = EventStream::new();
        loop {
            tokio::select! {
                is_shown = self.visibility.changed() => if is_shown { return true },
                () = ended(&mut self.ends) => return false,
                typed = keys.next() => match typed {
                    Some(Ok(Event::Key(key))) if key.code == KeyCode::Enter => return true,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return false,
                },
            }
        }
    }

    /// Waits until the window is closed.
    pub async fn closed(&mut self) {
        ended(&mut self.ends).await;
    }
}

async fn ended([hangup, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = hangup.recv() => {}
        _ = terminate.recv() => {}
    }
}
