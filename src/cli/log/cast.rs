//! A screen log as an asciicast, version 2. Pure.
use std::fmt::Write as _;

use serde_json::json;

use crate::{
    model::{Sample, WorkerId},
    text::{clean, one_line},
};

/// Players shorten longer pauses; the times in the file are unchanged.
const IDLE_SECONDS: u32 = 2;
/// For samples without a size.
const SIZE: (u16, u16) = (80, 24);

/// The whole file: a header, then a line for each screen.
pub(super) fn cast(worker: &WorkerId, samples: &[Sample]) -> String {
    let start = samples.first().map(|it| it.at).unwrap_or_default();
    // As large as the largest screen, because not every player can change its size.
    let width = samples.iter().map(|it| it.size.0).max().filter(|it| *it > 0).unwrap_or(SIZE.0);
    let height = samples.iter().map(|it| it.size.1).max().filter(|it| *it > 0).unwrap_or(SIZE.1);
    let header = json!({
        "version": 2, "width": width, "height": height, "timestamp": start.0 / 1000,
        "title": worker.as_str(), "idle_time_limit": IDLE_SECONDS,
        "env": { "TERM": "xterm-256color" },
    });
    let mut text = format!("{header}\n");
    let mut clock = start;
    let mut before: Option<&Sample> = None;
    for sample in samples {
        // If the clock was set back, the recording still moves forward.
        clock = clock.max(sample.at);
        let seconds = clock.since(start).as_secs_f64();
        writeln!(text, "{}", json!([seconds, "o", frame(before, sample)])).unwrap_or_default();
        before = Some(sample);
    }
    text
}

/// The changes from the previous screen to this one: rows that differ, title and cursor.
fn frame(before: Option<&Sample>, sample: &Sample) -> String {
    let mut text = String::from("\x1b[?25l");
    if before.is_none_or(|it| it.title != sample.title) {
        write!(text, "\x1b]2;{}\x07", one_line(&sample.title, 200)).unwrap_or_default();
    }
    // Start with a blank screen: a terminal may show older content.
    let known = before.filter(|it| it.size == sample.size);
    if known.is_none() {
        text += "\x1b[0m\x1b[H\x1b[2J";
    }
    let n_rows = sample.rows.len().max(known.map_or(0, |it| it.rows.len()));
    let row = |sample: &'_ Sample, at: usize| sample.rows.get(at).cloned().unwrap_or_default();
    for at in 0..n_rows {
        let now = row(sample, at);
        if known.map_or_else(String::new, |it| row(it, at)) != now {
            let shown = clean(&now).replace(['\n', '\t'], " ");
            write!(text, "\x1b[{};1H\x1b[K{shown}", at + 1).unwrap_or_default();
        }
    }
    let (column, row) = sample.cursor;
    write!(text, "\x1b[{};{}H", u32::from(row) + 1, u32::from(column) + 1).unwrap_or_default();
    if sample.cursor_visible {
        text += "\x1b[?25h";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn a_cast_is_a_header_and_the_rows_that_changed() {
        let sample = |at: u64, rows: &[&str], cursor| Sample {
            at: Timestamp(1_795_214_400_000 + at),
            rows: rows.iter().map(ToString::to_string).collect(),
            title: "blog".into(),
            size: (100, 30),
            cursor,
            cursor_visible: true,
            ..Sample::default()
        };
        let samples = [
            sample(0, &["one", "two \x1b[2J", ""], (0, 0)),
            sample(1500, &["one", "deux", ""], (4, 1)),
            sample(900, &["one"], (4, 1)),
        ];
        insta::assert_snapshot!(cast(&"blog-x".parse().unwrap(), &samples), @r#"
        {"env":{"TERM":"xterm-256color"},"height":30,"idle_time_limit":2,"timestamp":1795214400,"title":"blog-x","version":2,"width":100}
        [0.0,"o","\u001b[?25l\u001b]2;blog\u0007\u001b[0m\u001b[H\u001b[2J\u001b[1;1H\u001b[Kone\u001b[2;1H\u001b[Ktwo \u001b[1;1H\u001b[?25h"]
        [1.5,"o","\u001b[?25l\u001b[2;1H\u001b[Kdeux\u001b[2;5H\u001b[?25h"]
        [1.5,"o","\u001b[?25l\u001b[2;1H\u001b[K\u001b[2;5H\u001b[?25h"]
        "#);
    }
}
