//! Times in running text: clocks, dates, and how long from now.
use std::sync::LazyLock;

use jiff::{
    Span, ToSpan as _, ZonedDateTime,
    civil::{Date, Time, Weekday},
    tz::{Offset, TimeZone},
};
use regex::{Captures, Regex};

/// A clock without a date that passed so recently is not the one of tomorrow.
const JUST_PASSED_MINUTES: i64 = 60;
/// A date without a year lies at most so far back.
const PASSED_DAYS: i64 = 60;
/// No limit lasts longer.
const MAX_DAYS: i64 = 400;
/// So much behind the word that leads to a time is read.
const REACH: usize = 60;

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($text).ok());
    };
}

pattern!(
    LEADS,
    r"(?i)\b(?:resets?|try(?:ing)? again|retry|renews?|available|automatically|until|wait)\b|\bresets_(?:at|in_seconds)\b"
);
pattern!(
    AFTER,
    r#"(?i)^["'\s:]*(?:again )?(?:in|after|for)?[\s~≈]*(?:about |around |approximately |another )?((?:\d+(?:\.\d+)?\s*(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)[\s,]*(?:and\s+)?)+)\b"#
);
pattern!(SECONDS, r#"(?i)^"?resets_in_seconds"?\s*:\s*(\d{1,9})"#);
pattern!(EPOCH, r#"(?i)^"?resets_at"?\s*:\s*(\d{10})\b"#);
pattern!(
    ISO,
    r"^.{0,12}?(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?"
);

const MONTH: &str = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?";
const CLOCK: &str =
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::\d{2})?\s*(?P<half>[ap]\.?m\b\.?)?";
const ZONE: &str = r"(?:\s*\(?(?P<zone>[A-Z][A-Za-z]+/[A-Za-z_/+-]+\w|[A-Z]{3,4}\b|Z\b)\)?)?";
const BEFORE: &str = r"(?i)^[\s:·]*(?:again\s+)?(?:on\s+|at\s+|until\s+)*";

/// Dates with a clock, then a clock alone.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let year = r"(?:,?\s+(?:de\s+)?(?P<year>\d{4}))?";
    let day = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b";
    let forms = [
        format!(r"{BEFORE}{MONTH}\s+{day}{year},?\s*(?:at\s+)?{CLOCK}(?-i:{ZONE})"),
        format!(r"{BEFORE}{day}\s+(?:de\s+)?{MONTH}{year},?\s*(?:at\s+)?{CLOCK}(?-i:{ZONE})"),
        format!(r"{BEFORE}{CLOCK}(?-i:{ZONE})\s+on\s+{day}\s+{MONTH}{year}"),
        format!(r"{BEFORE}{CLOCK}(?-i:{ZONE})\s+on\s+{MONTH}\s+{day}{year}"),
        format!(
            r"{BEFORE}(?P<weekday>mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s*(?:at\s+)?{CLOCK}(?-i:{ZONE})"
        ),
        format!(r"{BEFORE}(?P<tomorrow>tomorrow)\s*(?:at\s+)?{CLOCK}(?-i:{ZONE})"),
        format!(r"{BEFORE}{CLOCK}(?-i:{ZONE})"),
    ];
    forms.iter().filter_map(|it| Regex::new(it).ok()).collect()
});

/// The text names a time at which something is over.
pub(super) fn names_one(text: &str) -> bool {
    // Any moment will do to see whether there is one.
    let moment = jiff::Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
    find(text, &moment).is_some() || find(text, &(&moment + 20_000.days())).is_some()
}

/// The first time that the text leads to.
pub(super) fn find(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let leads = LEADS.as_ref()?.find_iter(text);
    leads.into_iter().find_map(|lead| {
        let behind = |from: usize| {
            let rest = text.get(from..).unwrap_or_default();
            let end = rest.char_indices().map(|(at, _)| at).find(|at| *at >= REACH);
            rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
        };
        by_number(behind(lead.start()), now)
            .or_else(|| after(behind(lead.end()), now))
            .or_else(|| iso(behind(lead.end()), now))
            .or_else(|| {
                FORMS.iter().find_map(|form| at_clock(&form.captures(behind(lead.end()))?, now))
            })
            .filter(|at| *at < now + MAX_DAYS.days())
    })
}

fn by_number(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let number = |pattern: &LazyLock<Option<Regex>>| -> Option<i64> {
        pattern.as_ref()?.captures(text)?.get(1)?.as_str().parse().ok()
    };
    if let Some(seconds) = number(&SECONDS) {
        return now.checked_add(seconds.seconds()).ok();
    }
    let at = jiff::Timestamp::from_second(number(&EPOCH)?).ok()?;
    Some(at.to_zoned_datetime(now.time_zone().clone()))
}

/// `in 2h 15m`, `in ~42 min`, `for another 3 hours`.
fn after(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let found = AFTER.as_ref()?.captures(text)?.get(1)?.as_str();
    let found = found.replace("and", " ").replace(',', " ");
    let span: Span = found.trim().parse().ok()?;
    now.checked_add(span).ok()
}

fn iso(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let found = ISO.as_ref()?.captures(text)?;
    let date: Date = found.get(1)?.as_str().parse().ok()?;
    let time: Time = found.get(2)?.as_str().parse().ok()?;
    let zone = match found.get(3).map(|it| it.as_str()) {
        None => now.time_zone().clone(),
        Some("Z") => TimeZone::UTC,
        Some(offset) => {
            let (hours, minutes) =
                offset.replace(':', "").split_at_checked(3).and_then(|(hours, minutes)| {
                    Some((hours.parse::<i32>().ok()?, minutes.parse::<i32>().ok()?))
                })?;
            let minutes = if offset.starts_with('-') { -minutes } else { minutes };
            TimeZone::fixed(Offset::from_seconds(hours * 3600 + minutes * 60).ok()?)
        }
    };
    date.to_datetime(time).to_zoned_datetime(zone).ok()
}

fn at_clock(found: &Captures<'_>, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let text = |name: &str| found.name(name).map(|it| it.as_str());
    let number = |name: &str| text(name).and_then(|it| it.parse::<i8>().ok());
    let half = text("half").map(str::to_ascii_lowercase);
    // A number alone is no clock.
    if half.is_none() && text("minute").is_none() {
        return None;
    }
    let hour = match (number("hour")?, half.as_deref()) {
        (12, Some(half)) if half.starts_with('a') => 0,
        (hour @ 1..12, Some(half)) if half.starts_with('p') => hour + 12,
        (hour, _) => hour,
    };
    let time = Time::new(hour, number("minute").unwrap_or(0), 0, 0).ok()?;
    let zone = text("zone").and_then(zone).unwrap_or_else(|| now.time_zone().clone());
    let here = now.with_time_zone(zone.clone());
    let at = |date: Date| date.to_datetime(time).to_zoned_datetime(zone.clone()).ok();
    if let Some(day) = number("day") {
        let month = month(text("month")?)?;
        let year = text("year").and_then(|it| it.parse().ok());
        let dated = at(Date::new(year.unwrap_or(here.year()), month, day).ok()?)?;
        let is_old = year.is_none() && dated < now - PASSED_DAYS.days();
        return if is_old { at(Date::new(here.year() + 1, month, day).ok()?) } else { Some(dated) };
    }
    if let Some(name) = text("weekday") {
        let wanted = weekday(name)?;
        let days = wanted.since(here.weekday());
        let next = at(here.date().checked_add(days.days()).ok()?)?;
        return if next < *now { next.checked_add(7.days()).ok() } else { Some(next) };
    }
    if text("tomorrow").is_some() {
        return at(here.date().tomorrow().ok()?);
    }
    let today = at(here.date())?;
    let yesterday = at(here.date().yesterday().ok()?)?;
    let since = now - JUST_PASSED_MINUTES.minutes();
    let candidates = [Some(yesterday), Some(today), at(here.date().tomorrow().ok()?)];
    candidates.into_iter().flatten().find(|it| *it >= since)
}

fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let at = MONTHS.iter().position(|it| it.eq_ignore_ascii_case(name))?;
    i8::try_from(at + 1).ok()
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name.to_ascii_lowercase().as_str() {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// A zone by its name in the database, or by the abbreviations that programs print.
fn zone(name: &str) -> Option<TimeZone> {
    let hours = match name {
        "UTC" | "GMT" | "Z" => 0,
        "PST" => -8,
        "PDT" | "MST" => -7,
        "MDT" | "CST" => -6,
        "CDT" | "EST" => -5,
        "EDT" => -4,
        "BST" | "CET" => 1,
        "CEST" | "EET" => 2,
        "EEST" => 3,
        "JST" | "KST" => 9,
        "AEST" => 10,
        "AEDT" => 11,
        _ => return TimeZone::get(name).ok(),
    };
    Some(TimeZone::fixed(Offset::from_hours(hours).ok()?))
}
