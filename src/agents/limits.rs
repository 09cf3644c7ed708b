//! When a provider's limit is over: the words that tell of one, and the time that they name.
//!
//! Knows rows of text, one moment and one time zone, both as arguments. A limit that names no time is
//! believed only where a profile says so: words alone are in many a conversation.
use std::{collections::BTreeSet, sync::LazyLock};

use jiff::{ZonedDateTime, tz::TimeZone};
use regex::Regex;

use super::{
    generic::{is_edge, unframed},
    profile::LimitsSpec,
};
use crate::{model::Timestamp, text::one_line};

mod times;

/// The rows above the box, not counting blank ones, among which the newest message ends.
const ROWS: usize = 6;
/// A message of so many rows.
const MESSAGE_ROWS: usize = 4;
/// What tells of a limit stands at the beginning of its line.
const LEAD: usize = 40;
const MAX_TEXT: usize = 300;

static HIT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:hit|reached|exceeded|exhausted)\b.{0,40}\b(?:limits?|quota|allowance)\b|\b(?:limit|quota)\b.{0,30}\b(?:reached|exceeded|exhausted)\b|\brate[- ]limited\b|\busage_limit_reached\b",
    )
    .ok()
});

static SOON: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\bused \d{2,3} ?% of (?:your|the)\b.{0,30}\blimit\b|\bless than \d{1,2} ?% of (?:your|the)\b.{0,30}\blimit left\b|\bapproaching (?:your|the)?\b.{0,30}\blimit\b",
    )
    .ok()
});

/// The agent says that it will continue by itself at the reset.
static CONTINUES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\bcontinu(?:e|es|ing) automatically (?:at|in|when)\b").ok());

/// The message that a limit is reached, if it is the newest one above row `end`. What was `typed` later
/// makes it old.
pub(super) fn hit(
    rows: &[String],
    end: usize,
    typed: &BTreeSet<usize>,
    spec: &LimitsSpec,
) -> Option<String> {
    let newest = newest(rows, end, typed);
    newest.iter().rev().find_map(|(at, row)| {
        let text = message(rows, *at, end);
        let leads = |it: &Regex| it.find(row.trim()).is_some_and(|hit| hit.start() <= LEAD);
        let by_words = HIT.as_ref().is_some_and(leads) && times::names_one(&text);
        let is_told = by_words || spec.hit.iter().any(|it| it.is_match(row));
        is_told.then_some(text)
    })
}

/// A warning that a limit comes near, anywhere outside of the conversation or as its newest message.
pub fn soon(rows: &[String], end: usize, spec: &LimitsSpec) -> Option<String> {
    let newest = newest(rows, end, &BTreeSet::new()).into_iter();
    let below = rows.iter().enumerate().skip(end).map(|(at, row)| (at, row.as_str()));
    let is_told = |row: &str| {
        SOON.as_ref().is_some_and(|it| it.is_match(row))
            || spec.soon.iter().any(|it| it.is_match(row))
    };
    let row = newest.chain(below).rfind(|(_, row)| is_told(row))?.1;
    Some(one_line(unframed(row), MAX_TEXT))
}

/// The agent continues by itself at the reset: its newest message or a row below its box says so.
pub fn continues(rows: &[String], end: usize) -> bool {
    let newest = newest(rows, end, &BTreeSet::new()).into_iter().map(|(_, row)| row);
    let mut told = newest.chain(rows.iter().skip(end).map(String::as_str));
    told.any(|row| CONTINUES.as_ref().is_some_and(|it| it.is_match(row)))
}

fn newest<'r>(rows: &'r [String], end: usize, typed: &BTreeSet<usize>) -> Vec<(usize, &'r str)> {
    let above = rows.iter().take(end).enumerate().rev();
    let is_prompt = |row: &str| row.trim_start().starts_with(['❯', '›', '>']);
    let above = above.take_while(|(at, row)| !typed.contains(at) && !is_prompt(row));
    let filled = above.filter(|(_, row)| !row.trim().is_empty() && !is_edge(row)).take(ROWS);
    let mut rows: Vec<_> = filled.map(|(at, row)| (at, row.as_str())).collect();
    rows.reverse();
    rows
}

/// A row with those that follow it closely.
fn message(rows: &[String], from: usize, end: usize) -> String {
    let part = rows.get(from..end.min(rows.len())).unwrap_or_default();
    let part = part.iter().take_while(|row| !row.trim().is_empty() && !is_edge(row));
    let lines: Vec<&str> = part.take(MESSAGE_ROWS).map(|row| unframed(row)).collect();
    one_line(&lines.join(" "), MAX_TEXT)
}

/// When the limit is over of which a message tells that is new at `now`. A time that has just passed
/// is not taken for the one of tomorrow.
pub fn reset(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let millis = i64::try_from(now.0).ok()?;
    let at = jiff::Timestamp::from_millisecond(millis).ok()?;
    let reset = times::find(text, &at.to_zoned_datetime(zone.clone()))?;
    u64::try_from(reset.timestamp().as_millisecond()).ok().map(Timestamp)
}

/// The time as people say it: `15:00` today, with the day when it is another.
pub fn clock(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let zoned = |it: Timestamp| -> Option<ZonedDateTime> {
        let millis = i64::try_from(it.0).ok()?;
        Some(jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned_datetime(zone.clone()))
    };
    let (Some(at), Some(now)) = (zoned(at), zoned(now)) else { return at.to_string() };
    let form = match (at.date() == now.date(), at.year() == now.year()) {
        (true, _) => "%H:%M",
        (false, true) => "%b %-d %H:%M",
        (false, false) => "%b %-d %Y %H:%M",
    };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests;
