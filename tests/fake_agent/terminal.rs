//! The pane: modes, frames, and the bytes that came before anyone listened.
use std::{
    io::{self, Read as _, Write as _},
    time::Duration,
};

use nix::{
    libc::{VMIN, VTIME},
    sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr},
};

use crate::screen::Picture;

#[derive(Debug)]
pub(crate) struct Terminal {
    cooked: Termios,
    alternate: bool,
    /// Rows of the last frame on the normal screen, which the next frame replaces.
    n_drawn: usize,
}

impl Terminal {
    /// Changes nothing yet: the terminal echoes.
    pub(crate) fn open(alternate: bool) -> io::Result<Self> {
        Ok(Self { cooked: tcgetattr(io::stdin())?, alternate, n_drawn: 0 })
    }

    /// Sets raw mode and returns what had been typed before, as the line discipline left it.
    pub(crate) fn make_raw(&mut self) -> io::Result<Vec<u8>> {
        let mut raw = self.cooked.clone();
        cfmakeraw(&mut raw);
        let mut polling = raw.clone();
        for index in [VMIN, VTIME] {
            if let Some(slot) = polling.control_chars.get_mut(index) {
                *slot = 0;
            }
        }
        tcsetattr(io::stdin(), SetArg::TCSANOW, &polling)?;
        let mut early = Vec::new();
        io::stdin().lock().read_to_end(&mut early)?;
        tcsetattr(io::stdin(), SetArg::TCSANOW, &raw)?;
        if self.alternate {
            self.write("\x1b[?1049h\x1b[H\x1b[2J")?;
        }
        Ok(early)
    }

    pub(crate) fn write(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    pub(crate) fn size() -> (usize, usize) {
        crossterm::terminal::size().map_or((80, 24), |(w, h)| (usize::from(w), usize::from(h)))
    }

    /// One frame; on request with a pause in its middle, so that a capture may catch it half drawn.
    pub(crate) fn draw(
        &mut self,
        picture: &Picture,
        cursor: bool,
        torn: Duration,
    ) -> io::Result<()> {
        let (_, height) = Self::size();
        let n_rows = picture.rows.len().min(height.saturating_sub(1));
        let skipped = picture.rows.len() - n_rows;
        self.write(&format!("\x1b[?25l{}", self.home()))?;
        for (at, row) in picture.rows.iter().skip(skipped).enumerate() {
            if at == n_rows / 2 && !torn.is_zero() {
                self.write("\x1b[J")?;
                std::thread::sleep(torn);
            }
            let end = if at + 1 < n_rows { "\r\n" } else { "" };
            self.write(&format!("\r{row}\x1b[K{end}"))?;
        }
        let mut tail = "\x1b[J".to_owned();
        if let Some((row, column)) = picture.cursor {
            let up = (n_rows - 1).saturating_sub(row.saturating_sub(skipped));
            tail += &format!("\r{}\x1b[{}G", step(up, 'A'), column + 1);
            self.n_drawn = n_rows - up;
        } else {
            self.n_drawn = n_rows;
        }
        tail += if cursor { "\x1b[?25h" } else { "" };
        self.write(&tail)
    }

    /// To the first row of our frame.
    fn home(&self) -> String {
        if self.alternate {
            return "\x1b[H".to_owned();
        }
        format!("\r{}", step(self.n_drawn.saturating_sub(1), 'A'))
    }

    /// Takes everything back, as a program that ends well does.
    pub(crate) fn restore(&mut self) -> io::Result<()> {
        let screen = if self.alternate { "\x1b[?1049l" } else { "\x1b[J\r\n" };
        self.write(&format!("{screen}\x1b[?2004l\x1b[?25h"))?;
        Ok(tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.cooked)?)
    }
}

fn step(n: usize, direction: char) -> String {
    if n == 0 { String::new() } else { format!("\x1b[{n}{direction}") }
}
