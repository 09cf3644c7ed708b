//! Times in Berlin, with its changes of the clock.
use super::*;

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

/// A wall-clock time in Berlin, or one with its offset.
fn time(text: &str) -> Timestamp {
    let zoned = match text.parse::<jiff::Timestamp>() {
        Ok(instant) => instant.to_zoned_datetime(berlin()),
        Err(_) => text.parse::<civil::DateTime>().unwrap().to_zoned_datetime(berlin()).unwrap(),
    };
    Timestamp(zoned.timestamp().as_millisecond().try_into().unwrap())
}

#[test]
fn a_time_is_read_as_it_is_written() {
    let now = time("2026-11-29 14:30:10");
    let check =
        |text: &str, want: &str| assert_eq!(at(text, now, &berlin()), Ok(time(want)), "{text}");
    check("15:00", "2026-11-29 15:00");
    check(" 15:00:05 ", "2026-11-29 15:00:05");
    check("14:30", "2026-11-30 14:30");
    check("9:05", "2026-11-30 09:05");
    check("today 18:00", "2026-11-29 18:00");
    check("tomorrow 9:00", "2026-11-30 09:00");
    check("2026-12-24 18:00", "2026-12-24 18:00");
    check("2026-12-24T18:00", "2026-12-24 18:00");
    check("2026-12-24T18:00Z", "2026-12-24 19:00");
    check("2026-12-24T18:00-05:00", "2026-12-25 00:00");
    check("2026-12-24T18:00[America/New_York]", "2026-12-25 00:00");
    check("2028-02-29 08:00", "2028-02-29 08:00");
}

#[test]
fn what_is_no_time_or_is_over_is_refused() {
    let now = time("2026-11-29 14:30:10");
    for text in [
        "",
        "soon",
        "25:00",
        "12:60",
        "2026-02-30 12:00",
        "2027-02-29 12:00",
        "2026-12-24",
        "15",
        "-1:00",
        "tomorrow",
        "now 15:00",
        "99999-01-01 00:00",
    ] {
        assert_eq!(at(text, now, &berlin()), Err(Error::NotATime { text: text.into() }), "{text}");
    }
    for text in ["today 9:00", "2026-11-29 14:30", "2020-01-01T00:00Z", "1960-01-01 00:00"] {
        assert!(at(text, now, &berlin()).is_err(), "{text}");
    }
}

/// The clock goes forward on 2027-03-28 at 2:00 and back on 2027-10-31 at 3:00.
#[test]
fn a_time_that_the_clock_skips_is_later_and_one_that_it_shows_twice_is_the_first() {
    let check = |now: &str, text: &str, want: &str| {
        assert_eq!(at(text, time(now), &berlin()), Ok(time(want)), "{text} at {now}");
    };
    check("2027-03-28 00:10", "2:30", "2027-03-28T03:30+02:00");
    check("2027-03-28T03:10+02:00", "2:30", "2027-03-28T03:30+02:00");
    check("2027-10-31 00:10", "2:30", "2027-10-31T02:30+02:00");
    check("2027-10-31T02:40+02:00", "2:30", "2027-11-01T02:30+01:00");
    check("2027-10-31T02:10+01:00", "2:30", "2027-11-01T02:30+01:00");
    check("2027-01-01 00:00", "2027-03-28 02:30", "2027-03-28T03:30+02:00");
}

fn cron(expr: &str) -> When {
    When::Cron { expr: expr.into(), zone: None }
}

/// The next `want.len()` times, each after the one before.
#[track_caller]
fn check_cron(expr: &str, after: &str, want: &[&str]) {
    let mut now = time(after);
    for want in want {
        let found = next(&cron(expr), now, &berlin()).unwrap().unwrap();
        assert_eq!(found.to_string(), time(want).to_string(), "{expr} after {now}");
        now = found;
    }
}

#[test]
fn a_cron_expression_has_a_next_time() {
    let now = "2026-11-29 14:30:10";
    check_cron("0 9 * * *", now, &["2026-11-30 09:00", "2026-12-01 09:00"]);
    check_cron("*/20 * * * *", now, &["2026-11-29 14:40", "2026-11-29 15:00"]);
    check_cron("0 9 * * MON-FRI", now, &["2026-11-30 09:00"]);
    check_cron("0 9 * * 6", now, &["2026-12-05 09:00"]);
    check_cron("@daily", now, &["2026-11-30 00:00"]);
    check_cron("30 14 29 2 *", now, &["2028-02-29 14:30", "2032-02-29 14:30"]);
    check_cron("0 0 31 * *", now, &["2026-12-31 00:00", "2027-01-31 00:00", "2027-03-31 00:00"]);
    check_cron("0 12 L * *", now, &["2026-11-30 12:00", "2026-12-31 12:00"]);
    // Not the time itself.
    check_cron("30 14 * * *", "2026-11-29 14:30", &["2026-11-30 14:30"]);
}

#[test]
fn a_cron_time_comes_once_a_day_when_the_clock_changes() {
    check_cron("30 2 * * *", "2027-03-27 12:00", &["2027-03-28T03:00+02:00", "2027-03-29 02:30"]);
    check_cron("0 2 * * *", "2027-03-27 12:00", &["2027-03-28T03:00+02:00", "2027-03-29 02:00"]);
    check_cron("30 2 * * *", "2027-10-30 12:00", &["2027-10-31T02:30+02:00", "2027-11-01 02:30"]);
    // Every hour is every hour.
    let want = ["2027-03-28T01:00+01:00", "2027-03-28T03:00+02:00", "2027-03-28T04:00+02:00"];
    check_cron("0 * * * *", "2027-03-28 00:30", &want);
    let want = ["2027-10-31T02:00+02:00", "2027-10-31T02:00+01:00", "2027-10-31T03:00+01:00"];
    check_cron("0 * * * *", "2027-10-31T01:30+02:00", &want);
}

#[test]
fn an_expression_has_the_zone_that_it_was_written_in() {
    let when = When::Cron { expr: "0 9 * * *".into(), zone: Some("America/New_York".into()) };
    let found = next(&when, time("2026-11-29 14:30"), &berlin()).unwrap().unwrap();
    assert_eq!(found, time("2026-11-29T09:00-05:00"));
    // Of a zone that this machine does not know, the machine's own.
    let when = When::Cron { expr: "0 9 * * *".into(), zone: Some("Nowhere/Land".into()) };
    let found = next(&when, time("2026-11-29 14:30"), &berlin()).unwrap().unwrap();
    assert_eq!(found, time("2026-11-30 09:00"));
}

#[test]
fn what_never_comes_is_refused() {
    let now = time("2026-11-29 14:30");
    let check = |expr: &str| next(&cron(expr), now, &berlin()).unwrap_err();
    for expr in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 *"] {
        assert_eq!(check(expr), Error::Never { expr: expr.into() });
    }
    for expr in [
        "",
        "x",
        "* * * *",
        "60 * * * *",
        "0 24 * * *",
        "* * * * * *",
        "*/5 * * * * * *",
        "0 9 * * \u{1b}[2J",
    ] {
        assert!(matches!(check(expr), Error::NotCron { .. }), "{expr}: {:?}", check(expr));
    }
    assert_eq!(next(&When::Once, now, &berlin()), Ok(None));
}

#[test]
fn what_is_late_says_so() {
    let due = time("2026-11-29 09:00");
    assert_eq!(lateness(due, time("2026-11-29 09:00:50"), &berlin()), None);
    assert_eq!(lateness(due, time("2026-11-28 09:00"), &berlin()), None);
    let late = lateness(due, time("2026-12-01 10:00"), &berlin());
    assert_eq!(late.as_deref(), Some("due at 2026-11-29 09:00, sent late"));
    assert_eq!(show(due, time("2026-11-29 23:00"), &berlin()), "09:00");
    assert_eq!(show(due, time("2026-11-28 23:00"), &berlin()), "2026-11-29 09:00");
}
