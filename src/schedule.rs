//! Times at which something is to happen: read from words, and the next one of a cron expression.
//!
//! Pure: the current time and the time zone are arguments.
mod cron;

use std::time::Duration;

use jiff::{ZonedDateTime, civil, tz::TimeZone};

use crate::model::{Timestamp, When};

/// What is later than this is said to be late.
const LATE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is not a time")]
    NotATime { text: String },
    #[error("`{text}` is over")]
    Past { text: String },
    #[error("`{expr}` is not a cron expression: {why}")]
    NotCron { expr: String, why: String },
    #[error("`{expr}` never comes")]
    Never { expr: String },
    #[error("this hub does not know a schedule of kind `{kind}`")]
    Unknown { kind: String },
}

/// The time that is meant: `15:00` is the next one of that name; `tomorrow 9:00`; a date with a time
/// (`2026-12-01 09:00`), in this zone unless it names another one.
pub fn at(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Error> {
    let not_a_time = || Error::NotATime { text: text.to_owned() };
    let local = zoned(now, zone).ok_or_else(not_a_time)?;
    let found = read(text.trim(), &local).ok_or_else(not_a_time)?;
    let found = u64::try_from(found.timestamp().as_millisecond()).map_err(|_| not_a_time())?;
    if found <= now.0 {
        return Err(Error::Past { text: text.to_owned() });
    }
    Ok(Timestamp(found))
}

fn read(text: &str, now: &ZonedDateTime) -> Option<ZonedDateTime> {
    let zone = now.time_zone().clone();
    let on = |date: civil::Date, time: civil::Time| {
        date.to_datetime(time).to_zoned_datetime(zone.clone()).ok()
    };
    if let Some(time) = clock_time(text) {
        let today = on(now.date(), time)?;
        // A time that was skipped today, because the clock was set forward, may be over, too.
        return if today > *now { Some(today) } else { on(now.date().tomorrow().ok()?, time) };
    }
    if let Some((day, time)) = text.split_once(char::is_whitespace) {
        let time = clock_time(time.trim());
        match (day, time) {
            ("today", Some(time)) => return on(now.date(), time),
            ("tomorrow", Some(time)) => return on(now.date().tomorrow().ok()?, time),
            _ => {}
        }
    }
    if let Ok(zoned) = text.parse::<ZonedDateTime>() {
        return Some(zoned);
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.to_zoned_datetime(zone));
    }
    // A date alone could mean any hour.
    if !text.contains(':') {
        return None;
    }
    let civil: civil::DateTime = text.parse().ok()?;
    on(civil.date(), civil.time())
}

fn clock_time(text: &str) -> Option<civil::Time> {
    let formats = ["%H:%M", "%H:%M:%S"];
    formats.iter().find_map(|format| civil::Time::strptime(format, text).ok())
}

/// The first time after this one; `None` if it comes only once.
pub fn next(when: &When, after: Timestamp, zone: &TimeZone) -> Result<Option<Timestamp>, Error> {
    match when {
        When::Once => Ok(None),
        When::Cron { expr, zone: name } => {
            let named = name.as_deref().and_then(|name| TimeZone::get(name).ok());
            let zone = named.as_ref().unwrap_or(zone);
            let never = || Error::Never { expr: expr.clone() };
            let after = zoned(after, zone).ok_or_else(never)?;
            cron::next(expr, after).map(Some)
        }
        When::Other(value) => Err(Error::Unknown { kind: crate::model::name_of(value).to_owned() }),
    }
}

/// What an agent is told of a text that comes much later than it was due; nothing else.
pub fn lateness(due: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<String> {
    let due_at = zoned(due, zone).filter(|_| now.since(due) > LATE)?;
    Some(format!("due at {}, sent late", due_at.strftime("%Y-%m-%d %H:%M")))
}

/// The beginning of a day: of today, or of this date; with a time, that time of it.
pub fn midnight(text: Option<&str>, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let date_time: civil::DateTime = match text {
        Some(text) => text.parse().ok()?,
        None => zoned(now, zone)?.date().to_datetime(civil::Time::midnight()),
    };
    let found = date_time.to_zoned_datetime(zone.clone()).ok()?;
    u64::try_from(found.timestamp().as_millisecond()).ok().map(Timestamp)
}

/// A time as people write it: without the date, if it is today.
pub fn show(time: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let Some((time, now)) = zoned(time, zone).zip(zoned(now, zone)) else {
        return time.to_string();
    };
    let format = if time.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    time.strftime(format).to_string()
}

fn zoned(time: Timestamp, zone: &TimeZone) -> Option<ZonedDateTime> {
    let millis = i64::try_from(time.0).ok()?;
    Some(jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned_datetime(zone.clone()))
}

#[cfg(test)]
mod tests;
