//! A limit is believed until the wall clock says that it is reset.
use super::*;

/// Printed in UTC, one hour after 1970 began.
const LIMITED: &str = "■ You've hit your usage limit. Try again at 1:00 AM.\n> ";
const HOUR: u64 = 3_600_000;

#[test]
fn a_turn_that_ends_with_a_limit_leaves_a_limited_agent_until_its_reset() {
    let mut case = Case::ready();
    case.noisy().at(2000).see("busy\n> ").is("working");
    case.quiet_since(2500).at(3000).see(LIMITED).is("working");
    case.at(3500).see(LIMITED).is("limited: until 01:00").looks_again_at(Some(33_500));
    assert!(!case.state.turn.value.listens());
    let AgentState::Limited(limit) = &case.state.turn.value else { panic!() };
    assert_eq!((limit.until, limit.in_turn), (Some(Timestamp(HOUR)), true));
    case.at(HOUR - 10_000).see(LIMITED).is("limited: until 01:00").looks_again_at(Some(HOUR));
    case.at(HOUR).see(LIMITED).at(HOUR + 200).see(LIMITED).is("idle").looks_again_at(None);
    // The message still shows after the next turn.
    case.noisy().at(HOUR + 1000).see("busy\n> ").is("working");
    case.quiet_since(HOUR + 2000).at(HOUR + 3000).see(LIMITED);
    case.at(HOUR + 3500).see(LIMITED).is("idle");
}

#[test]
fn a_limit_in_the_past_and_one_under_a_prompt_hold_nothing() {
    let mut case = Case::ready();
    case.at(HOUR + 1000).see(LIMITED).at(HOUR + 1200).see(LIMITED).is("ready");
    let old = LIMITED.replace("\n> ", "\n› try again\n• ok\n> ");
    case.at(HOUR + 2000).see(&old).at(HOUR + 2200).see(&old).is("ready");
}

#[test]
fn a_countdown_is_one_limit_and_another_message_is_another() {
    let mut case = Case::ready();
    let screen = |left: &str| format!("Error: usage limit reached. Resets in {left}\n> ");
    let until = |case: &Case| {
        let AgentState::Limited(limit) = &case.state.turn.value else {
            panic!("{:?}", case.state.turn)
        };
        limit.until.unwrap().0
    };
    case.at(2000).see(&screen("2h 1m")).at(2500).see(&screen("2h 1m"));
    let first = until(&case);
    case.at(62_000).see(&screen("2h")).at(62_500).see(&screen("2h"));
    assert_eq!(until(&case), first);
    case.at(63_000).see(&screen("9h")).at(63_500).see(&screen("9h"));
    assert_eq!(until(&case), 63_000 + 9 * HOUR);
}

#[test]
fn what_a_former_hub_knew_of_a_limit_is_kept() {
    let mut case = Case::ready();
    let text = "Error: usage limit reached. Resets in 20 s";
    let screen = format!("{text}\n> ");
    case.noisy().at(2000).see("busy\n> ");
    case.quiet_since(2500).at(3000).see(&screen).at(3500).see(&screen).is("limited: until 00:00");
    let (state, profile) = (case.state.clone(), Arc::clone(&case.tracker.profile));
    case.tracker = Tracker::new(profile, &state, case.now());
    case.at(22_000).see(&screen).is("limited: until 00:00");
    case.at(23_100).see(&screen).at(23_400).see(&screen).is("idle");
}
