//! `wtmag explain --screen`: classifies a saved screen without a worker.
use std::{path::Path, sync::Arc, time::Instant};

use serde_json::json;

use super::{Pane, body, look};
use crate::{
    agents::{Explanation, Profile, explain, replay::judge},
    cli::{
        Context, Failure,
        output::{Paint, fields},
        settings,
    },
    model::{DisplayState, Sample},
    wire::RuleView,
};

/// The foreground command to assume if the profile names none.
const SOME_COMMAND: &str = "agent";

pub(super) fn run(context: &Context, file: &Path, agent: &str, pane: Pane) -> Result<(), Failure> {
    let profile = settings::profile_of(context, agent)?.profile;
    let bytes = settings::read_input(file)?;
    let read = |bytes: &[u8]| sample(&String::from_utf8_lossy(bytes), &profile, &pane);
    let sample = read(&bytes);
    let before = pane.before.as_deref().map(settings::read_input).transpose()?;
    let before = before.map(|bytes| read(&bytes));
    let Explanation { mut verdict, rules, .. } = explain(&profile, &sample, &[]);
    let mut word = DisplayState::Turn(verdict.turn.clone());
    if before.is_some() || pane.noise.is_some() {
        let noise = pane.noise.unwrap_or_default();
        let shared = Arc::new(profile.clone());
        (word, verdict) = judge(&shared, before.as_ref(), &sample, noise, Instant::now());
    }
    if context.json() {
        let rules: Vec<RuleView<'_>> = rules.iter().map(RuleView::from).collect();
        return context.print_json(&json!({
            "profile": profile.name, "state": word.to_string(),
            "verdict": verdict, "rules": rules, "sample": sample,
        }));
    }
    let style = context.style();
    let mut lines = vec![("state", style.paint(&word.to_string(), Paint::of(&word)))];
    lines.push(("profile", profile.name));
    lines.extend(look(Some(&sample), &verdict));
    context.print(&format!(
        "{}{}",
        fields(style, &lines),
        body(style, Some(&sample), &verdict, &rules)
    ))
}

fn sample(text: &str, profile: &Profile, pane: &Pane) -> Sample {
    let rows: Vec<String> = text.lines().map(|it| it.trim_end().to_owned()).collect();
    let columns = rows.iter().map(|it| it.chars().count()).max().unwrap_or(0);
    let command = pane.command.clone().or_else(|| profile.foreground.first().cloned());
    let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    Sample {
        size: (count(columns), count(rows.len())),
        rows,
        title: pane.title.clone().unwrap_or_default(),
        command: command.unwrap_or_else(|| SOME_COMMAND.to_owned()),
        cursor: pane.cursor.unwrap_or_default(),
        cursor_visible: pane.cursor.is_some() && !pane.hidden,
        ..Sample::default()
    }
}
