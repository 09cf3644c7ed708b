//! Plays the bytes of a recorded agent into this terminal, as far as a test says, and leaves as the agent left.
//!
//! The shell's own bytes around the agent are left out: in a test a real shell is there. The test's end of the
//! control socket sends `to <t_ms> <max_pause_ms>`, and is told `at <t_ms>` when all events up to then are written,
//! or `left` when the agent's end came before: then this process ends too.
use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{journal::Journal, terminal::Terminal};

/// What bash wrote when it handed the terminal over, and when it had it back.
const HANDED_OVER: &[u8] = b"\x1b[?2004l\r";
const TAKEN_BACK: &[u8] = b"\x1b[?2004hSH$ ";

/// The agent's part of a recording.
#[derive(Debug, Default)]
struct Recording {
    /// Time in ms after the launch, and bytes, in order.
    events: Vec<(f64, Vec<u8>)>,
    leaves: Option<(f64, i32)>,
}

/// The part of a timeline that says when and how the agent ended.
#[derive(Debug, Deserialize)]
struct Timeline {
    exit: Option<Ended>,
    moment: Vec<Moment>,
}

#[derive(Debug, Deserialize)]
struct Moment {
    t_ms: f64,
    /// A word, or a list of them.
    want: toml::Value,
}

#[derive(Debug, Default, Deserialize)]
struct Ended {
    #[serde(default)]
    code: i32,
    #[serde(default)]
    signal: i32,
}

/// The code with which the agent left, or below 0 its signal; none when the test went away first.
pub(crate) fn play(path: &Path, control: &Path, journal: &mut Journal) -> io::Result<Option<i32>> {
    let recording = load(path)?;
    let mut terminal = Terminal::open(false)?;
    terminal.make_raw()?;
    thread::spawn(|| io::copy(&mut io::stdin(), &mut io::sink()));
    let mut out = UnixStream::connect(control)?;
    let orders = BufReader::new(out.try_clone()?);
    journal.note("playing", json!({ "recording": path }));

    let (mut played, mut clock) = (0, 0.0);
    for order in orders.lines() {
        let order = order?;
        let mut words = order.split(' ').skip(1).map(str::parse::<f64>);
        let (Some(Ok(until)), Some(Ok(max_pause))) = (words.next(), words.next()) else {
            return Err(io::Error::other(format!("not an order: `{order}`")));
        };
        let end = recording.leaves.map(|it| it.0).filter(|at| *at <= until);
        let reached = end.unwrap_or(until);
        while let Some((at, bytes)) = recording.events.get(played).filter(|it| it.0 <= reached) {
            pause(at - clock, max_pause);
            io::stdout().write_all(bytes)?;
            io::stdout().flush()?;
            (played, clock) = (played + 1, *at);
        }
        pause(reached - clock, max_pause);
        clock = reached;
        if let Some((_, code)) = recording.leaves.filter(|_| end.is_some()) {
            writeln!(out, "left")?;
            return Ok(Some(code));
        }
        writeln!(out, "at {reached}")?;
    }
    Ok(None)
}

fn pause(ms: f64, max_ms: f64) {
    thread::sleep(Duration::from_secs_f64(ms.min(max_ms).max(0.0) / 1000.0));
}

fn load(path: &Path) -> io::Result<Recording> {
    let text = fs::read_to_string(path)?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let has_shell = !lines.iter().any(|it| note(it).starts_with("#respawn"));
    let mut recording = Recording::default();
    let mut is_agent = !has_shell;
    for line in &lines {
        let (Some(at), Some(data)) = (time(line), line.get("data_b64").and_then(Value::as_str))
        else {
            continue;
        };
        let bytes = base64(data);
        let mut bytes = bytes.as_slice();
        if let Some(start) = find(bytes, HANDED_OVER).filter(|_| !is_agent) {
            bytes = bytes.get(start + HANDED_OVER.len()..).unwrap_or_default();
            is_agent = true;
        }
        let end = find(bytes, TAKEN_BACK);
        bytes = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if is_agent && !bytes.is_empty() {
            recording.events.push((at, bytes.to_owned()));
        }
        if end.is_some() {
            recording.leaves = Some((at, 0));
            break;
        }
    }
    let timeline = fs::read_to_string(path.with_extension("timeline.toml"))?;
    let timeline: Timeline = toml::from_str(&timeline).map_err(io::Error::other)?;
    // One that was the pane's process has no shell after it, and some prompts come in pieces: then it
    // is gone when a human first says so, and at the last capture at the latest.
    let said = timeline.moment.iter().find(|it| it.want.as_str() == Some("exited"));
    let mut looks = lines.iter().rev().filter(|it| note(it).starts_with("#screen"));
    let last_look = looks.find_map(time).filter(|_| timeline.exit.is_some());
    let ends = [recording.leaves.map(|it| it.0), said.map(|it| it.t_ms), last_look];
    let Ended { code, signal } = timeline.exit.unwrap_or_default();
    if let Some(at) = ends.into_iter().flatten().min_by(f64::total_cmp) {
        recording.leaves = Some((at, if signal > 0 { -signal } else { code }));
    }
    Ok(recording)
}

fn time(line: &Value) -> Option<f64> {
    line.get("t_ms").and_then(Value::as_f64)
}

fn note(line: &Value) -> &str {
    line.get("ev").and_then(Value::as_str).unwrap_or_default()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|it| it == what)
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut n_bits) = (Vec::new(), 0_u32, 0);
    for value in text.bytes().filter_map(digit) {
        bits = bits << 6 | u32::from(value);
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from(bits >> n_bits & 0xff).unwrap_or(0));
        }
    }
    bytes
}
