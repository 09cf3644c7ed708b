//! The pane's terminal: which group is in its foreground, and modes that a dead program left on.
//!
//! Knows terminals and escape sequences; not which programs run. Without a terminal it does
//! nothing.
use std::{
    io::{self, Write as _},
    os::fd::AsFd as _,
};

use nix::{
    sys::{
        signal::{SigSet, SigmaskHow, Signal},
        termios::{self, FlushArg, SetArg, Termios},
    },
    unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp},
};

/// Switches off what TUIs switch on; the cursor stays in place. In order: scroll region and origin
/// mode (both move the cursor, hence saved), cursor keys, insert mode, wrap, keypad, mouse, focus,
/// bracketed paste, synchronized output, colour reports, kitty and xterm keys, character set,
/// colours, cursor.
const MODES_OFF: &[u8] = b"\x1b7\x1b[r\x1b[?6l\x1b8\
    \x1b[?1l\x1b[4l\x1b[?7h\x1b>\
    \x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1004l\
    \x1b[?2004l\x1b[?2026l\x1b[?2031l\x1b[=0u\x1b[<9u\x1b[>4;0m\
    \x1b(B\x0f\x1b[0m\x1b[?12l\x1b[?25h\x1b[0 q";

/// Leaves the alternate screen and goes to where the cursor was before it.
const MAIN_SCREEN: &[u8] = b"\x1b[?1049l";

/// The same for a program that ended by itself: if it has left the alternate screen, the cursor is
/// right, and `1049l` would move it back over the program's last output.
const MAIN_SCREEN_HERE: &[u8] = b"\x1b7\x1b[?1049l\x1b8";

/// The terminal on standard input, with its settings as they were.
pub(super) struct Terminal {
    saved: Option<Termios>,
}

impl Terminal {
    /// Call it before anything else uses the terminal.
    pub(super) fn open() -> Self {
        Self { saved: termios::tcgetattr(io::stdin().as_fd()).ok() }
    }

    /// Makes `group` the foreground.
    pub(super) fn give(&self, group: Pid) {
        // From the background this stops the caller, unless SIGTTOU is blocked. It is unblocked at
        // once, because children inherit blocked signals.
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGTTOU);
        let before = mask.thread_swap_mask(SigmaskHow::SIG_BLOCK);
        // Without a terminal, or for a group that has ended, there is nothing to do.
        tcsetpgrp(io::stdin().as_fd(), group).unwrap_or_default();
        before.and_then(|it| it.thread_set_mask()).unwrap_or_default();
    }

    /// The foreground group, if it is not this process's.
    pub(super) fn holder(&self) -> Option<Pid> {
        tcgetpgrp(io::stdin().as_fd()).ok().filter(|group| *group != getpgrp())
    }

    /// Takes the foreground and restores the settings. Input for the program that is gone is
    /// discarded: a shell must not run it.
    pub(super) fn take_back(&self) {
        self.give(getpgrp());
        if let Some(saved) = &self.saved {
            termios::tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, saved).unwrap_or_default();
        }
        self.forget_input();
    }

    pub(super) fn forget_input(&self) {
        termios::tcflush(io::stdin().as_fd(), FlushArg::TCIFLUSH).unwrap_or_default();
    }

    /// Switches off what a TUI switched on. `was_killed`: it could not clean up itself.
    pub(super) fn clean(&self, was_killed: bool) {
        if self.saved.is_some() {
            let main_screen = if was_killed { MAIN_SCREEN } else { MAIN_SCREEN_HERE };
            write(&[main_screen, MODES_OFF].concat());
        }
    }

    /// Keys and signals do nothing and are not echoed.
    pub(super) fn ignore_input(&self) {
        if let Some(mut settings) = self.saved.clone() {
            termios::cfmakeraw(&mut settings);
            settings.output_flags.insert(termios::OutputFlags::OPOST);
            termios::tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &settings).unwrap_or_default();
        }
    }
}

/// Writes to the terminal at once; a terminal that is gone does not matter.
pub(super) fn write(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).unwrap_or_default();
}
