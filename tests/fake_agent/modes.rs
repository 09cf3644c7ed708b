//! Programs that are no agent: how things end, and how much a terminal can print.
use std::{
    io::{self, Read as _},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{journal::Journal, random::Random, terminal::Terminal};

/// Draws a spinner so many times a second, for ever. One that speaks reports with every tenth frame that it
/// works.
pub(crate) fn spin(fps: u64, speaks: bool, terminal: &mut Terminal) -> io::Result<()> {
    const GLYPHS: &[&str] = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
    terminal.make_raw()?;
    terminal.write("\x1b[?2004h\x1b[2J\x1b[H\r\n> say something\x1b[?25l")?;
    let (started, frame) = (Instant::now(), Duration::from_micros(1_000_000 / fps.max(1)));
    for n in 1_u32.. {
        let glyph = Random::new(u64::from(n)).pick(GLYPHS);
        let report = if speaks && n % 10 == 1 { "\x1b]7501;state=working\x1b\\" } else { "" };
        terminal.write(&format!("\x1b[4;1H{glyph} Spinning… ({n}){report}"))?;
        // On a grid, so that a slow frame does not slow the others.
        thread::sleep((started + frame * n).saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// From the first key on, some frames at random moments within two seconds, the last with a token; then
/// silence.
pub(crate) fn last_frame(
    seed: u64,
    terminal: &mut Terminal,
    journal: &mut Journal,
) -> io::Result<()> {
    let mut draw = Random::new(seed);
    if terminal.make_raw()?.is_empty() {
        io::stdin().read_exact(&mut [0])?;
    }
    let n_frames = draw.between(1, 20);
    let pause = draw.between(0, 2000) / n_frames;
    for n in 0..n_frames {
        thread::sleep(Duration::from_millis(draw.between(0, 2 * pause)));
        terminal
            .write(&format!("\x1b[2J\x1b[Hframe {n} of {n_frames}\r\n{}", draw.phrase(2, 20)))?;
    }
    let token = format!("LAST-{:016x}", draw.next());
    terminal.write(&format!("\x1b[2J\x1b[H{token}"))?;
    journal.note("last_frame", json!({ "token": token }));
    wait_for_the_end()
}

/// Prints at full speed, then a box, then nothing.
pub(crate) fn flood(
    seconds: u64,
    terminal: &mut Terminal,
    journal: &mut Journal,
) -> io::Result<()> {
    terminal.make_raw()?;
    let mut draw = Random::new(seconds);
    let lines: String = (0..200).map(|n| format!("{n} {}\r\n", draw.phrase(3, 12))).collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut n_bytes = 0_usize;
    while Instant::now() < end {
        terminal.write(&lines)?;
        n_bytes += lines.len();
    }
    terminal.write("\x1b[2J\x1b[H> the flood is over")?;
    journal.note("flood_end", json!({ "bytes": n_bytes }));
    wait_for_the_end()
}

/// Until the terminal is gone.
fn wait_for_the_end() -> io::Result<()> {
    let mut rest = [0; 256];
    while io::stdin().read(&mut rest)? > 0 {}
    Ok(())
}
