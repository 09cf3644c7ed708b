//! Messages of real agents, and when a human says that the limit is over.
use super::*;
use crate::agents::Profile;

/// A Saturday in winter: 13:00 in Berlin, 7:00 in New York.
const NOW: &str = "2026-11-28T12:00:00Z";

#[track_caller]
fn check_at(now: &str, zone: &str, text: &str, want: Option<&str>) {
    let now: Timestamp = now.parse().unwrap();
    let zone = TimeZone::get(zone).unwrap();
    let found = reset(text, now, &zone);
    let want: Option<Timestamp> = want.map(|it| it.parse().unwrap());
    assert_eq!(found, want, "{text}: {:?}", found.map(|it| it.to_string()));
}

#[track_caller]
fn check(text: &str, want: &str) {
    check_at(NOW, "Europe/Berlin", text, Some(want));
}

#[test]
fn clocks_of_twelve_and_of_twenty_four_hours() {
    check("You've hit your session limit · resets 11:30pm (Asia/Tokyo)", "2026-11-28T14:30:00Z");
    check("You've hit your limit · resets 3pm (Europe/Berlin)", "2026-11-28T14:00:00Z");
    check("5-hour limit reached ∙ resets 3pm", "2026-11-28T14:00:00Z");
    check(
        "Claude usage limit reached. Your limit will reset at 3pm (America/New_York).",
        "2026-11-28T20:00:00Z",
    );
    check(
        "You've hit your usage limit. Upgrade to Pro (https://x.y/z) or try again at 3:05 PM.",
        "2026-11-28T14:05:00Z",
    );
    check(
        "Usage limit reached for gemini-2.5-pro. Access resets at 10:00 AM PDT.",
        "2026-11-28T17:00:00Z",
    );
    check("limit reached, try again at 18:44", "2026-11-28T17:44:00Z");
    check("limit reached, resets 12:50am", "2026-11-28T23:50:00Z");
    check("limit reached, resets 12:30pm", "2026-11-28T11:30:00Z");
    check("limit reached, resets 12am", "2026-11-28T23:00:00Z");
    check("limit reached, available until 15:00 UTC", "2026-11-28T15:00:00Z");
}

#[test]
fn dates_with_and_without_a_year() {
    check("You've hit your limit · resets Feb 16, 11am (Europe/Berlin)", "2027-02-16T10:00:00Z");
    check(
        "wait for your limit to reset on April 20, 2027 at 2:00 AM or switch",
        "2027-04-20T00:00:00Z",
    );
    check("Weekly limit: 82% left (resets 16:21 on 1 Dec)", "2026-12-01T15:21:00Z");
    check("try again at Dec 3rd, 2026 9:32 AM.", "2026-12-03T08:32:00Z");
    check("try again at 10 dec. 2026, 11:52.", "2026-12-10T10:52:00Z");
    check("limit reached, resets Mon 3:00 PM", "2026-11-30T14:00:00Z");
    check("limit reached, resets Saturday at 9am", "2026-12-05T08:00:00Z");
    check("limit reached, try again tomorrow at 9am", "2026-11-29T08:00:00Z");
    check("quota exceeded, retry after 2026-11-28 15:00:00", "2026-11-28T14:00:00Z");
    check("quota exceeded, retry after 2026-11-28T15:00:00-05:00", "2026-11-28T20:00:00Z");
    check("limit reached, resets Nov 27, 11am", "2026-11-27T10:00:00Z");
}

#[test]
fn how_long_from_now() {
    check("or try again in 5 days 22 hours 11 minutes.", "2026-12-04T10:11:00Z");
    check("Please try again in 2 hours. Please review our Terms", "2026-11-28T14:00:00Z");
    check(
        "You have hit your ChatGPT usage limit (plus plan). Try again in ~42 min.",
        "2026-11-28T12:42:00Z",
    );
    check("100.0% (Resets in 21h 44m)", "2026-11-29T09:44:00Z");
    check("limit reached, resets in 2h15m", "2026-11-28T14:15:00Z");
    check("rate-limited. Please wait 2 minutes before trying again", "2026-11-28T12:02:00Z");
    check("usage limit reached. Resets in 20 s", "2026-11-28T12:00:20Z");
    check("limit reached, try again in 1 hour, 5 minutes and 10 seconds", "2026-11-28T13:05:10Z");
    check(r#"{"type":"usage_limit_reached","resets_in_seconds":60}"#, "2026-11-28T12:01:00Z");
    check(r#"{"type":"usage_limit_reached","resets_at":1795870800}"#, "2026-11-28T13:00:00Z");
}

#[test]
fn what_names_no_time_has_none() {
    for text in [
        "You have reached your daily quota limit.",
        "limit reached, try again later",
        "resets 3",
        "resets 99:99",
        "try again in a while",
        "try again in 2 months",
        "the counter is at 15:00",
        "resets Feb 31, 11am",
    ] {
        check_at(NOW, "Europe/Berlin", text, None);
    }
}

#[test]
fn a_clock_that_has_just_passed_is_not_tomorrows() {
    let text = "limit reached · resets 3pm";
    let at = |now: &str, want: &str| check_at(now, "Europe/Berlin", text, Some(want));
    at("2026-11-28T14:00:30Z", "2026-11-28T14:00:00Z");
    at("2026-11-28T14:59:00Z", "2026-11-28T14:00:00Z");
    at("2026-11-28T15:01:00Z", "2026-11-29T14:00:00Z");
    check_at(
        "2026-11-28T23:10:00Z",
        "Europe/Berlin",
        "resets 11:50pm",
        Some("2026-11-28T22:50:00Z"),
    );
}

#[test]
fn a_change_of_the_clocks_is_seen() {
    let text = "limit reached · resets 3am";
    check_at("2027-03-27T20:00:00Z", "Europe/Berlin", text, Some("2027-03-28T01:00:00Z"));
    check_at("2026-10-24T20:00:00Z", "Europe/Berlin", text, Some("2026-10-25T02:00:00Z"));
    let in_a_day = "limit reached · resets in 24 hours";
    check_at("2027-03-27T20:00:00Z", "Europe/Berlin", in_a_day, Some("2027-03-28T20:00:00Z"));
}

#[track_caller]
fn told(screen: &str, want: Option<&str>) {
    let rows: Vec<String> = screen.lines().map(str::to_owned).collect();
    let found = hit(&rows, rows.len(), &BTreeSet::new(), &LimitsSpec::default());
    assert_eq!(found.as_deref(), want, "{screen}");
}

#[test]
fn a_limit_is_the_newest_message_and_names_its_end() {
    told(
        "❯ go on\n  ⎿  You've hit your session limit · resets 10:30pm (Europe/Berlin)\n     /login to switch to an API usage-billed account.\n\n✻ Cogitated for 0s",
        Some(
            "⎿ You've hit your session limit · resets 10:30pm (Europe/Berlin) /login to switch to an API usage-billed account.",
        ),
    );
    told(
        "■ You've hit your usage limit. Upgrade to Pro (https://openai.com/pricing) or try again in 5 days 22 hours 11\n  minutes.",
        Some(
            "■ You've hit your usage limit. Upgrade to Pro (https://openai.com/pricing) or try again in 5 days 22 hours 11 minutes.",
        ),
    );
    told(
        "✗ Sorry, you've hit a rate limit that restricts the number of requests you can make within a specific time \n  period. Please try again in 58 hours. Please review our Terms",
        Some(
            "✗ Sorry, you've hit a rate limit that restricts the number of requests you can make within a specific time period. Please try again in 58 hours. Please review our Terms",
        ),
    );
    told(" Error: usage limit reached", None);
    told(
        "● The function returns 429 to a client that has hit the rate limit, which resets in 60 s.",
        None,
    );
    told("limit reached · resets 3pm\na\nb\nc\nd\ne\nf", None);
    told("✻ Cogitated for 0s", None);
    told("limit reached · resets 3pm\n❯ try\n● ok", None);
    let rows = ["limit reached · resets 3pm", "try again", "ok"].map(str::to_owned);
    let found = |typed: &[usize]| {
        let typed = typed.iter().copied().collect();
        hit(&rows, 3, &typed, &LimitsSpec::default()).is_some()
    };
    assert!(found(&[]) && !found(&[1]), "what was sent later makes it old");
}

#[test]
fn what_pi_shows_of_a_provider_that_refuses_is_a_limit_and_a_failure_is_none() {
    let pi = Profile::shared("pi").unwrap();
    let told = |rows: &[&str]| {
        let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        hit(&rows, rows.len(), &BTreeSet::new(), &pi.limits)
    };
    let text = told(&[
        " LIMIT please",
        "",
        " Error: Retry failed after 3 attempts: 429: {\"message\":\"Rate limit reached for stub-model. Please try again in",
        " 2h0m.\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}",
    ]);
    let now: Timestamp = NOW.parse().unwrap();
    let until = reset(&text.unwrap(), now, &TimeZone::UTC).unwrap();
    assert_eq!(until, "2026-11-28T14:00:00Z".parse().unwrap());
    assert_eq!(told(&[" Error: 500: {\"message\":\"stub FAIL\"}"]), None);
}

#[test]
fn an_agent_that_continues_by_itself_says_so_in_its_message_or_below_its_box() {
    let told = |rows: &[&str], end: usize| {
        let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        continues(&rows, end)
    };
    let message = "● Usage limit reached · set to continue automatically at 4:47am";
    check("Usage limit reached · set to continue automatically at 4:47am", "2026-11-29T03:47:00Z");
    assert!(told(&[message, "❯ "], 1));
    assert!(told(&["❯ ", "    Continuing automatically at 4:47am · Esc to cancel"], 0));
    assert!(!told(&["❯ continue automatically at 4:47am", "● ok", "❯ "], 2));
    assert!(!told(&["● You've hit your limit · resets 3pm", "❯ "], 1));
}

#[test]
fn a_warning_is_no_limit() {
    let rows = |text: &str| vec![text.to_owned(), "❯ ".to_owned()];
    for text in [
        "You've used 85% of your weekly limit · resets Nov 30, 9am",
        "⚠ Heads up, you have less than 25% of your 5h limit left. Run /status for a breakdown.",
        "Approaching usage limit · resets at 7pm",
    ] {
        assert_eq!(soon(&rows(text), 1, &LimitsSpec::default()).as_deref(), Some(text));
        assert_eq!(hit(&rows(text), 1, &BTreeSet::new(), &LimitsSpec::default()), None);
    }
}

#[test]
fn a_clock_is_told_as_people_say_it() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let now: Timestamp = NOW.parse().unwrap();
    let at = |text: &str| clock(text.parse().unwrap(), now, &zone);
    assert_eq!(at("2026-11-28T14:00:00Z"), "15:00");
    assert_eq!(at("2026-11-30T08:05:00Z"), "Nov 30 09:05");
    assert_eq!(at("2027-02-16T10:00:00Z"), "Feb 16 2027 11:00");
}
