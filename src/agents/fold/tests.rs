//! States over time: scenarios on a clock that only the test moves.
mod hints;
mod limits;
mod speech;

use super::*;
use crate::{
    agents::{explain, hooks::Event},
    model::{AskKind, InputBox, Timestamp},
};

const PROFILE: &str = r"
name = 'fake'
foreground = ['fake']
timing = { quiet_ms = 500 }
[box]
prompt = '^> ?'
folded = ['^\[paste\]$']
[[rule]]
state = 'waiting: permission'
all = ['^allow this\?']
[[rule]]
state = 'blocked: trust'
all = ['^trust this\?']
[[rule]]
state = 'working'
in = 'above 2'
all = ['^busy']
[[rule]]
name = 'wheel'
state = 'working'
in = 'title'
all = ['^\* ']
[[rule]]
state = 'idle'
in = 'above 1'
all = ['^done']
[[rule]]
state = 'failed'
in = 'above 1'
all = ['^error']
[hooks]
kind = 'codex'
ignore = ['task title']
";

/// A worker, its clock, and its state.
struct Case {
    tracker: Tracker,
    state: WorkerState,
    start: Instant,
    ms: u64,
    quiet_since: Option<u64>,
    changed: Changed,
}

impl Case {
    fn of(profile: &str) -> Self {
        let profile = Arc::new(Profile::parse("test", profile).unwrap());
        let start = Instant::now();
        let state = WorkerState::starting(Timestamp(0));
        let now = Now { steady: start, wall: Timestamp(0) };
        let tracker = Tracker::new(profile, &state, now);
        Self { tracker, state, start, ms: 0, quiet_since: None, changed: Changed::default() }
    }

    /// A running worker that has long been quiet at its first box.
    fn ready() -> Self {
        let mut case = Self::of(PROFILE);
        case.quiet_since = Some(0);
        case.at(1000).see("> ").at(1200).see("> ").is("ready");
        case
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        assert!(ms >= self.ms);
        self.ms = ms;
        self
    }

    fn now(&self) -> Now {
        let steady = self.start + Duration::from_millis(self.ms);
        Now { steady, wall: Timestamp(self.ms) }
    }

    fn handle(&mut self, seen: Seen<'_>) -> &mut Self {
        let now = self.now();
        let changed = self.tracker.handle(now, seen);
        if let Some(process) = changed.process.clone() {
            self.state.process = process;
        }
        if let Some(turn) = changed.turn.clone() {
            self.state.turn = turn;
        }
        self.changed = changed;
        self
    }

    fn see(&mut self, screen: &str) -> &mut Self {
        self.see_under("fake", screen)
    }

    fn see_under(&mut self, command: &str, screen: &str) -> &mut Self {
        self.see_titled("", command, screen)
    }

    fn see_titled(&mut self, title: &str, command: &str, screen: &str) -> &mut Self {
        let rows = screen.lines().map(String::from).collect();
        let (title, command) = (title.to_owned(), command.to_owned());
        let sample = Sample { rows, title, command, ..Sample::default() };
        let verdict = explain(&self.tracker.profile, &sample, &self.tracker.sent).verdict;
        let quiet_since = self.quiet_since.map(|ms| self.start + Duration::from_millis(ms));
        self.handle(Seen::Sample { sample: &sample, verdict: &verdict, quiet_since })
    }

    fn hook(&mut self, event: Event) -> &mut Self {
        self.handle(Seen::Hook(&HookEvent { event, session: None, prompt: None, printed: None }))
    }

    fn quiet_since(&mut self, ms: u64) -> &mut Self {
        self.quiet_since = Some(ms);
        self
    }

    fn noisy(&mut self) -> &mut Self {
        self.quiet_since = None;
        self
    }

    #[track_caller]
    fn is(&mut self, want: &str) -> &mut Self {
        assert_eq!(self.state.word().to_string(), want, "at {} ms", self.ms);
        self
    }

    #[track_caller]
    fn looks_again_at(&mut self, want: Option<u64>) -> &mut Self {
        let at = self.tracker.next_look().map(|it| it.duration_since(self.start).as_millis());
        assert_eq!(at, want.map(u128::from), "at {} ms", self.ms);
        self
    }
}

const PROMPT: &str = "do it";

fn accepted() -> Event {
    Event::PromptAccepted { text: PROMPT.to_owned() }
}

fn ended() -> Event {
    Event::TurnEnded { message: Some("it is done".to_owned()) }
}

#[test]
fn one_look_at_a_box_is_not_enough_and_neither_is_noise() {
    let mut case = Case::of(PROFILE);
    case.at(100).see("> ").is("starting").looks_again_at(Some(600));
    case.quiet_since(150).at(300).see("> ").is("starting").looks_again_at(Some(650));
    case.at(650).see("> ").is("ready").looks_again_at(None);
    assert!(case.tracker.verdict().turn.listens());
}

#[test]
fn a_dialog_needs_two_looks_but_forbids_typing_at_the_first() {
    let mut case = Case::ready();
    case.at(2000).see("trust this?").is("ready");
    assert!(!case.tracker.verdict().turn.listens());
    case.at(2150).see("trust this?").is("blocked: trust");
}

#[test]
fn a_torn_frame_changes_nothing() {
    let mut case = Case::ready();
    case.at(2000).see("").at(2100).see("> ").is("ready").looks_again_at(None);
    case.at(3000).see("").at(3500).see("").is("ready").at(4000).see("").is("unknown");
}

#[test]
fn a_title_that_moves_for_a_moment_is_no_turn() {
    let mut case = Case::of(PROFILE);
    case.quiet_since(0).at(1000).see_titled("* x", "fake", "> ").is("starting");
    case.looks_again_at(Some(1150)).at(1100).see("> ").at(1300).see("> ").is("ready");
    case.at(2000).see_titled("* x", "fake", "> ").is("ready");
    assert!(!case.tracker.verdict().turn.listens());
    case.at(2150).see_titled("* x", "fake", "> ").is("working");
}

#[test]
fn ready_becomes_idle_once_a_turn_was_seen() {
    let mut case = Case::ready();
    case.at(2000).see("busy\n> ").is("working");
    case.quiet_since(3000).at(3500).see("> ").is("working").looks_again_at(Some(3800));
    case.at(3800).see("> ").is("idle");
}

#[test]
fn a_screen_that_says_that_the_turn_is_over_need_not_be_silent() {
    let mut case = Case::ready();
    case.noisy().at(2000).see("busy\n> ").is("working");
    case.at(2200).see("done\n> ").is("working").looks_again_at(Some(2500));
    case.at(2500).see("done\n> ").is("idle");
}

#[test]
fn between_two_tool_calls_nothing_flaps() {
    let mut case = Case::ready();
    case.noisy().at(2000).see("busy\n> ").is("working");
    case.at(2200).see("> ").is("working").at(2400).see("busy\n> ").is("working");
    case.at(2600).see("> ").at(2800).see("> ").is("working");
}

#[test]
fn a_hook_is_believed_at_once_and_a_lagging_screen_does_not_deny_it() {
    let mut case = Case::ready();
    case.noisy().at(2000).hook(accepted()).is("working");
    assert_eq!(case.changed.accepted.as_deref(), Some(PROMPT));
    case.at(2100).see("> ").at(2400).see("> ").is("working");
    case.at(3000).hook(ended()).is("idle");
    assert_eq!(case.changed.told, [("message".to_owned(), "it is done".to_owned())]);
    case.at(3100).see("busy\n> ").is("idle").at(3300).see("done\n> ").is("idle");
    case.at(3400).see("busy\n> ").is("working");
}

#[test]
fn an_interrupt_that_no_hook_tells_shows_after_two_silent_seconds() {
    let mut case = Case::ready();
    case.noisy().at(2000).hook(accepted()).at(2500).see("busy\n> ").is("working");
    case.quiet_since(3000).at(3000).see("> ").at(3500).see("> ").is("working");
    case.looks_again_at(Some(5000)).at(5000).see("> ").is("idle");
}

#[test]
fn a_stop_that_goes_on_is_working_again() {
    let mut case = Case::ready();
    case.noisy().at(2000).hook(accepted()).at(3000).hook(ended()).is("idle");
    case.at(3200).see("busy\n> ").at(4200).see("busy\n> ").is("idle");
    case.at(5000).see("busy\n> ").is("working");
}

#[test]
fn a_permission_is_asked_once_and_cleared_by_hook_or_screen() {
    let asked = || Event::permission(AskKind::Command, "ls");
    let mut case = Case::ready();
    case.at(2000).hook(accepted()).at(2500).hook(asked()).is("waiting: permission");
    case.at(2600).see("allow this?").at(2900).see("allow this?").is("waiting: permission");
    case.at(8000).hook(asked());
    assert_eq!(case.changed.turn, None);
    case.at(9000).hook(Event::Answered).is("working");
    case.at(9100).hook(Event::Answered).is("working");
    case.at(9500).hook(asked()).at(9700).see("allow this?").is("waiting: permission");
    case.at(9900).see("busy\n> ").is("working");
}

#[test]
fn a_permission_that_was_refused_by_escape_ends_in_idle() {
    let mut case = Case::ready();
    case.at(2000).hook(accepted()).at(2500).hook(Event::permission(AskKind::Tool, ""));
    case.at(2600).see("allow this?").quiet_since(3000).at(3500).see("> ");
    case.at(3700).see("> ").is("idle");
}

#[test]
fn a_failed_turn_stays_failed_until_the_next() {
    let mut case = Case::ready();
    case.at(2000).see("busy\n> ").quiet_since(2500);
    case.at(3000).see("error\n> ").at(3300).see("error\n> ").is("failed");
    case.at(4000).see("> ").at(6000).see("> ").is("failed");
    case.at(7000).see("busy\n> ").is("working").quiet_since(7500);
    case.at(8000).see("done\n> ").at(8300).see("done\n> ").is("idle");
}

#[test]
fn a_turn_that_draws_something_like_a_draft_goes_on() {
    let mut case = Case::ready();
    case.at(2000).see("busy\n\n> ").is("working");
    case.noisy();
    case.at(2300).see("> retrying").at(2900).see("> retrying").is("working");
    case.quiet_since(3000).at(3200).see("> mine").at(3800).see("> mine").is("draft");
}

#[test]
fn a_draft_is_what_we_did_not_write() {
    let mut case = Case::ready();
    case.at(2000).see("> mine").at(2200).see("> mine").is("draft");
    let mut case = Case::ready();
    case.handle(Seen::Sent(PROMPT));
    case.at(2000).see("> do it").at(2200).see("> do it").is("ready");
    case.at(2400).see("> [paste]").at(2600).see("> [paste]").is("ready");
    case.at(2800).see("> do it not").at(3000).see("> do it not").is("draft");
    let mut case = Case::ready();
    case.handle(Seen::Sent(PROMPT)).handle(Seen::SentDone);
    case.at(2000).see("> do it").at(2200).see("> do it").is("draft");
}

#[test]
fn an_accepted_prompt_is_a_turn_before_the_screen_shows_it() {
    let mut case = Case::ready();
    case.handle(Seen::Sent(PROMPT)).at(2000).handle(Seen::Accepted).is("working");
    case.quiet_since(2100).at(2600).see("> ").at(3000).see("> ").is("working");
    case.at(3200).see("busy\n> ").quiet_since(4000);
    case.at(4500).see("> ").at(4800).see("> ").is("idle");
    let mut case = Case::ready();
    case.at(2000).handle(Seen::Accepted).quiet_since(2100);
    case.at(2200).see("> ").at(4100).see("> ").is("idle");
}

#[test]
fn a_stuck_shell_is_a_block_that_the_start_clears() {
    let mut case = Case::of(PROFILE);
    case.at(20_000).handle(Seen::Stuck { evidence: "Update? [Y/n]" }).is("blocked: shell");
    assert_eq!(case.state.turn.evidence, "Update? [Y/n]");
    case.at(30_000).handle(Seen::Started).is("starting");
    case.handle(Seen::Stuck { evidence: "" }).is("starting");
}

#[test]
fn a_shell_in_front_is_not_the_agent() {
    let mut case = Case::of(PROFILE);
    case.quiet_since(0).at(1000).see_under("bash", "> ").at(2000).see_under("bash", "> ");
    case.is("starting");
    let mut case = Case::ready();
    case.at(2000)
        .see_under("bash", "> ")
        .is("ready")
        .at(3000)
        .see_under("bash", "> ")
        .is("unknown");
}

#[test]
fn an_exit_is_final_and_tells_more_than_the_window() {
    let mut case = Case::ready();
    case.handle(Seen::Exited(Exit::Code(3))).is("exited(3)");
    case.handle(Seen::PaneGone(EndCause::WindowClosed)).is("exited(3)");
    case.at(9000).see("> ").is("exited(3)").looks_again_at(None);
    let mut case = Case::ready();
    case.handle(Seen::PaneGone(EndCause::ServerGone)).is("lost: tmux server gone");
}

#[test]
fn a_report_keeps_its_first_time_while_it_stays_the_same() {
    let mut case = Case::ready();
    case.at(2000).handle(Seen::Reported { what: Reported::Working, text: "half" });
    case.at(3000).handle(Seen::Reported { what: Reported::Working, text: "most" });
    let fact = case.changed.reported.clone().unwrap();
    assert_eq!((fact.since, fact.evidence.as_str()), (Timestamp(2000), "most"));
    case.at(4000).handle(Seen::Reported { what: Reported::Done, text: "" });
    assert_eq!(case.changed.reported.clone().unwrap().since, Timestamp(4000));
}

/// The hub was replaced in the turn that its worker reported in: the next one knows only the rest before that.
#[test]
fn a_turn_that_the_first_capture_shows_does_not_end_a_report() {
    let before = Case::ready();
    let mut case = Case::of(PROFILE);
    case.tracker = Tracker::new(case.tracker.profile.clone(), &before.state, case.now());
    case.state = before.state.clone();
    case.at(1000).handle(Seen::Reported { what: Reported::Done, text: "" });
    case.at(9000).see("busy\n\n> ").is("working");
    assert!(!case.changed.report_over);
    case.quiet_since(9500).at(11_000).see("> ").at(13_000).see("> ");
    case.noisy().at(20_000).see("busy\n\n> ").is("working");
    assert!(case.changed.report_over);
}

#[test]
fn turns_of_a_helper_thread_are_not_the_workers() {
    let mut case = Case::ready();
    case.handle(Seen::Sent(PROMPT));
    let read = |case: &Case, thread: &str, prompt: &str| {
        let payload = format!(
            r#"{{"type":"agent-turn-complete","thread-id":"{thread}","input-messages":["{prompt}"]}}"#
        );
        case.tracker.read_hook(&payload).unwrap()
    };
    assert_eq!(case.tracker.profile.hooks.as_ref().unwrap().kind.name, "codex");
    assert_eq!(read(&case, "t2", "Generate a concise task title"), None);
    let own = read(&case, "t1", PROMPT).unwrap();
    case.handle(Seen::Hook(&own));
    assert_eq!(case.changed.told, [("session".to_owned(), "t1".to_owned())]);
    assert!(read(&case, "t1", "typed by a human").is_some());
    assert_eq!(read(&case, "t3", "something of its own"), None);
    assert!(read(&case, "t4", PROMPT).is_some(), "a new conversation with our prompt");
    assert!(case.tracker.read_hook("{").is_err());
}

#[test]
fn without_known_signs_of_work_endless_output_is_one() {
    let mut case = Case::of("name = 'any'\nstructural = true\n[timing]\nnoise_ms = 1000");
    case.handle(Seen::Started).quiet_since(0);
    case.at(2000).see("────────\n> \n────────").at(2200).see("────────\n> \n────────").is("ready");
    case.noisy().at(3000).see("────────\n> \n────────").is("ready");
    case.at(3900).see("────────\n> \n────────").is("ready");
    case.at(4000).see("────────\n> \n────────").is("working");
    case.quiet_since(5000).at(6000).see("────────\n> \n────────");
    case.at(6400).see("────────\n> \n────────").is("idle");
}

#[test]
fn what_was_known_before_a_restart_is_the_start() {
    let mut state = WorkerState::starting(Timestamp(0));
    state.process.value = Process::Running;
    state.turn.value = AgentState::Working;
    let mut case = Case::of(PROFILE);
    let profile = Arc::clone(&case.tracker.profile);
    case.tracker = Tracker::new(profile, &state, case.now());
    case.state = state;
    case.quiet_since(0).at(1000).see("> ").at(1300).see("> ").is("idle");
}

#[test]
fn words_of_work_that_stand_in_silence_above_an_empty_box_are_the_conversations() {
    let mut case = Case::of(
        r"
name = 'fake'
foreground = ['fake']
structural = true
[box]
prompt = '^> ?'
[[rule]]
state = 'working'
in = 'bottom 10'
any = ['ctrl\+c to stop']
",
    );
    let screen = "Press ctrl+c to stop the server.\n> ";
    case.quiet_since(1000).at(1200).see(screen).is("working");
    case.at(60_900).see(screen).is("working");
    assert_eq!(case.tracker.next_look(), Some(case.start + Duration::from_secs(61)));
    case.at(61_000).see(screen).at(61_400).see(screen).is("idle");
    assert!(case.tracker.verdict().turn.listens());
    case.noisy().at(62_000).see(screen).is("working");
    let drafted = "Press ctrl+c to stop the server.\n> draft";
    case.quiet_since(63_000).at(200_000).see(drafted).see(drafted).is("working");
}

#[test]
fn our_text_that_an_unknown_agent_has_half_drawn_is_no_draft() {
    let mut case = Case::of("name = 'any'\nstructural = true\n[box]\nprompt = '^> ?'");
    case.handle(Seen::Started).quiet_since(0);
    case.at(1000).see("> ").at(1400).see("> ").is("ready");
    let text = "fix the title of the page and of the book";
    case.handle(Seen::Sent(text)).handle(Seen::Accepted).is("working");
    let mut shows = |ms: u64, text: &str, word: &str| {
        let screen = format!("> {text}");
        case.at(ms).see(&screen).at(ms + 1100).see(&screen).is(word);
    };
    shows(5000, "fix the title of the page and o", "unknown");
    // A program may restore an unanswered prompt.
    shows(7000, text, "draft");
    shows(9000, "fix the titles", "draft");
    // A human may begin a text with the same words.
    shows(11_000, "fix the title", "draft");
    case.handle(Seen::Sent(text)).at(14_000).see("> ").at(15_000).see("> ").is("idle");
    case.handle(Seen::Accepted).is("working");
    let begun = "> fix the title";
    case.at(16_000).see(begun).at(17_100).see(begun).is("unknown");
    case.at(18_000).see(begun).at(19_100).see(begun).is("unknown");
}

/// Until its turn shows, the box that sent a text is as empty as one that listens.
#[test]
fn a_box_whose_text_is_gone_listens_after_a_second() {
    let mut case = Case::ready();
    case.quiet_since(2000).at(2000).see("> draft").at(2400).see("> draft").is("draft");
    case.at(3000).see("> ").at(3900).see("> ").is("draft");
    assert_eq!(case.tracker.next_look(), Some(case.start + Duration::from_secs(4)));
    case.at(3950).see("busy\n> ").is("working");
    let mut case = Case::ready();
    case.quiet_since(2000).at(2000).see("> draft").at(2400).see("> draft").is("draft");
    case.at(3000).see("> ").at(4000).see("> ").is("ready");
}

#[test]
fn a_draft_with_the_cursor_before_it_is_no_suggestion() {
    let profile = Profile::shared("claude").unwrap();
    let now = Now { steady: Instant::now(), wall: Timestamp(0) };
    let mut tracker = Tracker::new(profile, &WorkerState::starting(Timestamp(0)), now);
    let mut look = |text: &str, column: u16| {
        let rule = "─".repeat(20);
        let sample = Sample {
            rows: vec![rule.clone(), format!("❯ {text}"), rule],
            cursor: (column, 1),
            command: "claude".to_owned(),
            ..Sample::default()
        };
        let verdict = explain(&tracker.profile, &sample, &[]).verdict;
        let seen = Seen::Sample { sample: &sample, verdict: &verdict, quiet_since: None };
        tracker.handle(now, seen);
        tracker.verdict().input.clone()
    };
    let holds = |text: &str| InputBox::Holds(text.to_owned());
    assert_eq!(look("run the tests", 2), InputBox::Empty, "a suggestion");
    assert_eq!(look("fix it", 8), holds("fix it"));
    assert_eq!(look("fix it", 2), holds("fix it"), "the same draft");
    assert_eq!(look("ix it", 2), holds("ix it"), "cut at its start");
    assert_eq!(look("run the tests", 2), InputBox::Empty, "it was sent");
    assert_eq!(look("", 2), InputBox::Empty);
    assert_eq!(look("fix it", 2), InputBox::Empty, "suggested after it was sent");
}
