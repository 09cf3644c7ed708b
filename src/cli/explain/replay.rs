//! `wtmag explain --replay`: classifies a screen log again.
use std::{path::Path, sync::Arc, time::Instant};

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;

use crate::{
    agents::replay::{ReplayedState, replay},
    cli::{
        Context, Failure,
        output::{Cell, Paint, Style, Table, count, seconds},
        settings,
    },
    hub::screens,
    model::{Sample, Timestamp},
    text::{clean, one_line},
};

pub(super) fn run(context: &Context, file: &Path, agent: &str) -> Result<(), Failure> {
    let profile = Arc::new(settings::profile_of(context, agent)?.profile);
    let bytes = settings::read_input(file)?;
    let samples: Vec<Sample> = screens::read_lines(&bytes).collect();
    let Some(first) = samples.first() else {
        let message = format!("`{}` has no screens in it", file.display());
        return Err(Failure::user(message).hint("`wtmag log ID --screens` writes such a file"));
    };
    let n_lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
    if n_lines > samples.len() {
        context.say(&format!("note: {} could not be read", count(n_lines - samples.len(), "line")));
    }
    let believed = replay(&profile, &samples, Instant::now(), &TimeZone::system());
    if context.json() {
        let timeline: Vec<_> = believed.iter().map(|it| view(it, first.at)).collect();
        return context.print_json(&json!({
            "profile": profile.name, "samples": samples.len(), "timeline": timeline,
        }));
    }
    context.print(&table(&believed, first.at, context.style()))
}

/// An entry of the timeline.
#[derive(Serialize)]
struct View<'a> {
    at: Timestamp,
    /// Time after the first sample.
    ms: u64,
    state: String,
    /// Number of the sample, from 0.
    sample: usize,
    rule: &'a str,
    row: Option<usize>,
    evidence: &'a str,
}

fn view(believed: &ReplayedState, first: Timestamp) -> View<'_> {
    let ReplayedState { at, word, sample, verdict } = believed;
    View {
        at: *at,
        ms: u64::try_from(at.since(first).as_millis()).unwrap_or(u64::MAX),
        state: word.to_string(),
        sample: *sample,
        rule: &verdict.rule,
        row: verdict.row,
        evidence: &verdict.evidence,
    }
}

fn table(believed: &[ReplayedState], first: Timestamp, style: Style) -> String {
    let mut table = Table::new(["AFTER", "STATE", "RULE", "ROW", "~EVIDENCE", "SCREEN"]);
    for ReplayedState { at, word, sample, verdict } in believed {
        table.row([
            Cell::new(seconds(at.since(first))).paint(Paint::Dim),
            Cell::new(word.to_string()).paint(Paint::of(word)),
            Cell::new(clean(&verdict.rule)),
            Cell::new(verdict.row.map(|row| row.to_string()).unwrap_or_default()),
            Cell::new(one_line(&verdict.evidence, 80)),
            Cell::new(sample.to_string()).paint(Paint::Dim),
        ]);
    }
    table.render(style)
}
