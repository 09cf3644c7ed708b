//! What a program reports in its output is the last word until the screen contradicts it, and opens no box.
use super::*;
use crate::model::{BlockKind, ProgramState};

impl Case {
    fn says(&mut self, state: ProgramState) -> &mut Self {
        self.reports(state, None, None)
    }

    fn reports(
        &mut self,
        state: ProgramState,
        kind: Option<BlockKind>,
        message: Option<&str>,
    ) -> &mut Self {
        let message = message.map(str::to_owned);
        self.handle(Seen::Said(&StatusReport { state, kind, app: None, message, id: None }))
    }

    /// What wtmag may rely on when it types.
    #[track_caller]
    fn is_proven(&mut self, want: &str) -> &mut Self {
        let word = crate::model::DisplayState::Turn(self.tracker.proven().clone());
        assert_eq!(word.to_string(), want, "at {} ms", self.ms);
        self
    }
}

#[test]
fn a_report_is_shown_at_once_and_the_screen_bears_it_out() {
    let mut case = Case::ready();
    case.noisy().at(2000).says(ProgramState::Working).is("working").is_proven("ready");
    assert_eq!(case.state.turn.source, FactSource::Program);
    case.at(2300).see("busy\n> ").is("working").is_proven("working");
    assert!(case.tracker.tells());
    case.quiet_since(5000).at(5000).says(ProgramState::Done).is("idle").is_proven("working");
    case.at(5100).see("done\n> ").is("idle").is_proven("working");
    case.at(5500).see("done\n> ").is("idle").is_proven("idle");
}

#[test]
fn a_false_report_holds_for_two_seconds_and_the_next_ones_not_at_all() {
    let mut case = Case::ready();
    case.at(2000).says(ProgramState::Working).is("working").is_proven("ready");
    case.at(2200).see("> ").at(3900).see("> ").is("working").is_proven("ready");
    case.at(4000).see("> ").at(4200).see("> ").is("ready");
    for ms in [5000, 20_000, 60_000] {
        case.at(ms).says(ProgramState::Working).is("ready");
        assert!(case.tracker.heard().contains("contradicted"), "{}", case.tracker.heard());
    }
    case.at(70_000).says(ProgramState::Working).is("working");
}

#[test]
fn a_start_that_is_reported_as_work_makes_no_later_report_doubtful() {
    let mut case = Case::ready();
    case.at(1800).says(ProgramState::Working).is("working");
    case.at(2000).says(ProgramState::Idle).is("idle").is_proven("ready");
    for ms in [2200, 4000, 4200, 5000] {
        case.at(ms).see("> ");
    }
    case.is("ready").noisy().at(6000).says(ProgramState::Working).is("working");
}

#[test]
fn nothing_is_reported_before_the_screen_shows_the_agent() {
    let mut case = Case::of(PROFILE);
    case.handle(Seen::Started).at(500);
    for state in [ProgramState::Idle, ProgramState::Working, ProgramState::Idle] {
        case.says(state).is("starting");
        assert!(case.tracker.heard().contains("not recognized"), "{}", case.tracker.heard());
    }
    case.at(1000).see("> draft").at(1400).see("> draft").is("draft");
    case.at(1500).says(ProgramState::Working).is("working");
    // No report tells of the text in the box.
    case.at(1550).says(ProgramState::Idle).is("draft").at(2000).see("> draft").is("draft");
    // Where no screen is known, its reports are all there is.
    let mut case = Case::of("name = 'any'\nstructural = true\n[box]\nprompt = '^> ?'");
    case.handle(Seen::Started).at(500).says(ProgramState::Working).is("working");
}

#[test]
fn a_report_that_is_repeated_does_not_hold_longer() {
    let mut case = Case::ready();
    for ms in (2000..4000).step_by(100) {
        case.at(ms).says(ProgramState::Working).is("working").see("> ");
    }
    case.at(4000).says(ProgramState::Working).see("> ");
    case.at(4200).says(ProgramState::Working).see("> ").is("ready");
}

#[test]
fn reports_that_contradict_each_other_are_soon_believed_no_more() {
    let mut case = Case::ready();
    let kind = Some(BlockKind::Permission);
    for ms in (2000..3000).step_by(200) {
        case.at(ms).says(ProgramState::Working).at(ms + 100).reports(
            ProgramState::Blocked,
            kind,
            None,
        );
    }
    assert!(case.tracker.heard().contains("contradicted"), "{}", case.tracker.heard());
    case.at(3000).see("> ").at(4400).see("> ").at(4600).see("> ").is("ready");
    case.at(10_000).says(ProgramState::Working).is("ready");
}

#[test]
fn no_report_opens_a_box() {
    let mut case = Case::ready();
    case.noisy().at(2000).see("busy\n> ").is("working").says(ProgramState::Working);
    case.at(2100).says(ProgramState::Idle).is("idle").is_proven("working");
    // Between two tool calls the box shows for a moment.
    case.at(2200).see("> ").is_proven("working").at(2400).see("busy\n> ").is_proven("working");
    case.at(4200).see("busy\n> ").is("working").is_proven("working");
    let mut case = Case::ready();
    case.at(2000).see("trust this?").at(2200).see("trust this?").is("blocked: trust");
    case.says(ProgramState::Idle).is("blocked: trust").says(ProgramState::Blocked);
    case.at(2300).says(ProgramState::Idle).is("idle").is_proven("blocked: trust");
    case.at(2500).see("trust this?").at(4300).see("trust this?").is("blocked: trust");
}

#[test]
fn a_rest_that_is_reported_first_ends_no_turn() {
    let mut case = Case::ready();
    case.noisy().at(2000).see("busy\n> ").is("working");
    case.at(2100).says(ProgramState::Idle).is("working");
    assert!(case.tracker.heard().contains("no turn"), "{}", case.tracker.heard());
    case.at(2200).says(ProgramState::Working).at(2300).says(ProgramState::Idle).is("idle");
    let mut case = Case::ready();
    case.noisy().at(2000).see("busy\n> ").says(ProgramState::Done).is("idle");
}

#[test]
fn a_blocked_program_says_what_it_asks() {
    let mut case = Case::ready();
    let kind = Some(BlockKind::Permission);
    case.noisy().at(2000).reports(ProgramState::Blocked, kind, Some("npm \x1b[2Jtest"));
    case.is("waiting: permission");
    let ask = case.changed.asks.clone().flatten().unwrap();
    assert_eq!((ask.to_string().as_str(), ask.source), ("tool: npm test", FactSource::Program));
    case.at(2200).see("allow this?").at(2400).see("allow this?").is("waiting: permission");
    case.is_proven("waiting: permission");
    case.at(3000).says(ProgramState::Clear).is("waiting: permission");
}

#[test]
fn nobody_speaks_for_an_agent_that_is_not_there() {
    let mut case = Case::of(PROFILE);
    case.at(100).says(ProgramState::Idle).is("starting");
    let mut case = Case::ready();
    case.at(2000).see_under("bash", "$ ").at(3500).see_under("bash", "$ ").is("unknown");
    case.at(3600).says(ProgramState::Idle).is("unknown");
    assert!(case.tracker.heard().contains("foreground"), "{}", case.tracker.heard());
}

#[test]
fn a_hook_that_just_spoke_is_believed_before_a_report() {
    let mut case = Case::ready();
    case.noisy().at(2000).hook(accepted()).is("working");
    case.at(2100).says(ProgramState::Idle).is("working");
}

#[test]
fn the_next_hub_relies_on_no_report() {
    let mut case = Case::ready();
    case.at(2000).says(ProgramState::Working).at(2100);
    let (state, profile) = (case.state.clone(), Arc::clone(&case.tracker.profile));
    case.tracker = Tracker::new(profile, &state, case.now());
    case.is("working").is_proven("unknown");
}
