//! Scenarios on a virtual clock: each line is an event and its result.
mod argument;
mod channel;
mod command;
mod human;
mod restart;

use super::*;
use crate::model::{Blocker, DeliveryId, Question, Timestamp};

struct Scene {
    machine: DeliveryMachine,
    start: Instant,
    ms: u64,
}

impl Scene {
    fn new(mode: DeliveryMode) -> Self {
        let delivery = Delivery {
            id: DeliveryId(1),
            worker: "a-b".parse().unwrap(),
            text: "hello".into(),
            file: None,
            mode,
            submit: true,
            interrupt: false,
            step: Step::Queued,
            held: None,
            evidence: String::new(),
            steps: Vec::new(),
            stuck: None,
            shown_before: None,
            news: false,
            marks_pane: false,
        };
        Self { machine: DeliveryMachine::new(delivery), start: Instant::now(), ms: 0 }
    }

    fn reborn(mut self) -> Self {
        self.machine = DeliveryMachine::new(self.machine.delivery.clone());
        self
    }

    fn after(&mut self, ms: u64) -> &mut Self {
        self.ms += ms;
        self
    }

    fn give(&mut self, input: Input<'_>) -> Vec<Action> {
        let steady = self.start + Duration::from_millis(self.ms);
        self.machine.handle(Now { steady, wall: Timestamp(self.ms) }, input)
    }

    fn look(&mut self, turn: &AgentState, content: Content) -> Vec<Action> {
        self.look_at(turn, content, false)
    }

    fn look_at(&mut self, turn: &AgentState, content: Content, in_transcript: bool) -> Vec<Action> {
        let n_shown = usize::from(in_transcript);
        // Every capture shows something new.
        self.give(Input::Look(Look { n_shown, n_drawn: self.ms, ..look(turn, turn, content) }))
    }

    fn pasted() -> Self {
        let mut scene = Self::new(DeliveryMode::Ready);
        assert_eq!(scene.look(&AgentState::Ready, Content::Empty), [Action::Record, Action::Paste]);
        assert_eq!(scene.give(Input::Done), [Action::Record, Action::Look(pace(0))]);
        scene
    }

    fn entered() -> Self {
        let mut scene = Self::pasted();
        let done = scene.after(200).look(&AgentState::Ready, Content::Ours);
        assert_eq!(done, [Action::Record, Action::Enter]);
        assert_eq!(scene.give(Input::Done), [Action::Look(pace(0))]);
        scene
    }

    #[track_caller]
    fn ends(&self, step: Step, evidence: &str) {
        let delivery = self.machine.delivery();
        assert_eq!((delivery.step, delivery.evidence.as_str()), (step, evidence));
        assert!(self.machine.is_over());
    }

    fn steps(&self) -> Vec<Step> {
        self.machine.delivery().steps.iter().map(|it| it.step).collect()
    }
}

fn look<'a>(settled: &'a AgentState, seen: &'a AgentState, content: Content) -> Look<'a> {
    Look {
        settled,
        seen,
        content,
        n_shown: 0,
        n_drawn: 0,
        obstacle: None,
        program: "`vim`",
        shows: "half typed",
        can_clear: true,
        is_command: false,
        hooks_tell: false,
        pasted: Some(DeliveryId(1)),
    }
}

const TRUST: AgentState = AgentState::Blocked(Blocker::Trust);

#[test]
fn a_ready_agent_gets_it_step_by_step() {
    let mut scene = Scene::entered();
    scene.after(100).look(&AgentState::Working, Content::Empty);
    scene.ends(Step::Accepted, "the turn started");
    let names = scene.steps().iter().map(Step::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(names, "ready pasting pasted echoed entering accepted");
}

#[test]
fn nothing_is_sent_while_a_dialog_a_draft_or_a_turn_is_in_the_way() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    for turn in [TRUST, AgentState::Unknown, AgentState::Working, AgentState::Draft] {
        assert_eq!(scene.look(&turn, Content::Unseen), [Action::Record]);
        assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(turn.clone())));
        assert_eq!(scene.look(&turn, Content::Unseen), [], "a hold is recorded once");
    }
    assert_eq!(scene.look(&AgentState::Idle, Content::Other), []);
    assert_eq!(scene.look(&AgentState::Idle, Content::Empty), [Action::Record, Action::Paste]);
}

#[test]
fn both_this_look_and_the_settled_turn_must_listen() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    let look = |settled, seen| Input::Look(look(settled, seen, Content::Empty));
    assert_eq!(scene.give(look(&AgentState::Ready, &TRUST)), [Action::Record]);
    assert_eq!(scene.give(look(&AgentState::Unknown, &AgentState::Ready)), [Action::Record]);
    assert_eq!(
        scene.give(look(&AgentState::Ready, &AgentState::Ready)),
        [Action::Record, Action::Paste]
    );
}

#[test]
fn a_refused_paste_was_not_sent_and_may_go_later() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.look(&AgentState::Ready, Content::Empty);
    scene.give(Input::Refused(Hold::PaneMode));
    assert_eq!(scene.machine.delivery().step, Step::Queued);
    assert_eq!(scene.look(&AgentState::Ready, Content::Empty), [Action::Record, Action::Paste]);
}

#[test]
fn enter_waits_out_the_paste_burst() {
    let mut scene = Scene::pasted();
    assert_eq!(
        scene.after(60).look(&AgentState::Ready, Content::Ours),
        [Action::Look(Duration::from_millis(90))]
    );
    assert_eq!(
        scene.after(90).look(&AgentState::Ready, Content::Ours),
        [Action::Record, Action::Enter]
    );
}

#[test]
fn a_dialog_between_paste_and_enter_holds_it() {
    let mut scene = Scene::pasted();
    assert_eq!(scene.after(200).look(&TRUST, Content::Ours), [Action::Record]);
    assert_eq!(scene.after(60_000).look(&TRUST, Content::Unseen), []);
    let done = scene.after(1_000).look(&AgentState::Ready, Content::Ours);
    assert_eq!(
        done,
        [Action::Look(SETTLE)],
        "its frame may be left over, or belong to the next one"
    );
    assert_eq!(scene.after(100).look(&TRUST, Content::Unseen), []);
    assert_eq!(scene.after(60_000).look(&AgentState::Ready, Content::Ours), [Action::Look(SETTLE)]);
    let done = scene.after(150).look(&AgentState::Ready, Content::Ours);
    assert_eq!(done, [Action::Record, Action::Enter]);
}

#[test]
fn a_dialog_that_one_look_does_not_show_still_holds() {
    let mut scene = Scene::pasted();
    scene.after(200).look(&TRUST, Content::Ours);
    for _ in 0..3 {
        let half = look(&TRUST, &AgentState::Draft, Content::Ours);
        assert_eq!(scene.after(200).give(Input::Look(half)), []);
    }
}

#[test]
fn a_text_that_is_taken_out_of_the_box_is_said_to_be() {
    let mut scene = Scene::pasted();
    scene.after(2_000).look(&AgentState::Draft, Content::Other);
    assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(AgentState::Draft)));
    scene.after(9_000).look(&AgentState::Ready, Content::Empty);
    assert_eq!(scene.machine.delivery().held, None, "there is no draft any more");
    scene.after(3_100).look(&AgentState::Ready, Content::Empty);
    scene.ends(Step::Failed, "the text was removed from the box");
}

#[test]
fn a_text_that_a_person_submits_is_accepted() {
    let mut scene = Scene::pasted();
    scene.after(2_000).look(&TRUST, Content::Ours);
    scene.after(2_000).look_at(&AgentState::Ready, Content::Empty, true);
    scene.ends(Step::Accepted, "Enter was pressed outside wtmag; the conversation shows the text");
}

#[test]
fn what_the_conversation_had_before_proves_nothing() {
    let seen_twice = |scene: &mut Scene, turn: &AgentState| {
        scene.after(100).look_at(turn, Content::Empty, true);
        scene.after(100).look_at(turn, Content::Empty, true);
    };
    let old = || {
        let mut scene = Scene::new(DeliveryMode::Ready);
        assert_eq!(
            scene.look_at(&AgentState::Idle, Content::Empty, true),
            [Action::Record, Action::Paste]
        );
        scene.give(Input::Done);
        scene
    };
    let mut pasted = old();
    seen_twice(&mut pasted, &AgentState::Working);
    assert!(!pasted.machine.is_over());
    let mut entered = old();
    entered.after(200).look_at(&AgentState::Idle, Content::Ours, true);
    entered.give(Input::Done);
    seen_twice(&mut entered, &AgentState::Idle);
    assert!(!entered.machine.is_over());
    let twice = Look { n_shown: 2, ..look(&AgentState::Idle, &AgentState::Idle, Content::Empty) };
    entered.after(100).give(Input::Look(twice));
    entered.ends(Step::Accepted, "the box emptied and the transcript has the text");
}

#[test]
fn a_paste_that_never_shows_fails_and_is_not_repeated() {
    let mut scene = Scene::pasted();
    assert_eq!(scene.after(100).look(&AgentState::Ready, Content::Empty), [Action::Look(pace(0))]);
    scene.after(16_000).look(&AgentState::Ready, Content::Empty);
    scene.ends(Step::Failed, "the text was pasted but did not appear in the box");
}

#[test]
fn a_persons_text_in_the_box_is_never_submitted() {
    let mut scene = Scene::pasted();
    for _ in 0..100 {
        let done = scene.after(1_000).look(&AgentState::Draft, Content::Other);
        assert!(!done.contains(&Action::Enter), "{done:?}");
    }
    assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(AgentState::Draft)));
}

#[test]
fn a_swallowed_enter_is_repeated_once() {
    let mut scene = Scene::entered();
    assert_eq!(scene.after(4_000).look(&AgentState::Ready, Content::Ours), [Action::Look(pace(0))]);
    assert_eq!(
        scene.after(1_500).look(&AgentState::Ready, Content::Ours),
        [Action::Record, Action::Enter]
    );
    scene.give(Input::Done);
    assert_eq!(scene.after(6_000).look(&AgentState::Ready, Content::Ours), [Action::Look(pace(0))]);
    scene.after(10_000).look(&AgentState::Ready, Content::Ours);
    scene.ends(Step::Failed, "the text is still in the box after two Enters");
}

#[test]
fn an_agent_that_draws_nothing_gets_no_second_enter() {
    let mut scene = Scene::pasted();
    let n_drawn = 7;
    let ours = || Look { n_drawn, ..look(&AgentState::Ready, &AgentState::Ready, Content::Ours) };
    scene.after(200).give(Input::Look(ours()));
    scene.give(Input::Done);
    for _ in 0..11 {
        let todo = scene.after(5_000).give(Input::Look(ours()));
        assert!(!todo.contains(&Action::Enter), "{todo:?}");
    }
    scene.after(6_000).give(Input::Look(ours()));
    scene.ends(
        Step::Failed,
        "the text is still in the box; the agent is not drawing and may accept it later",
    );
}

#[test]
fn a_dialog_after_enter_restarts_the_clock_of_the_second_one() {
    let mut scene = Scene::entered();
    assert_eq!(scene.after(1_000).look(&TRUST, Content::Unseen), [Action::Record]);
    assert_eq!(
        scene.after(60_000).look(&AgentState::Ready, Content::Ours),
        [Action::Look(pace(0))]
    );
    assert_eq!(
        scene.after(5_100).look(&AgentState::Ready, Content::Ours),
        [Action::Record, Action::Enter]
    );
}

#[test]
fn a_refused_enter_was_not_sent_and_waits_until_the_box_is_seen_again() {
    let mut scene = Scene::pasted();
    scene.after(200).look(&AgentState::Ready, Content::Ours);
    scene.give(Input::Refused(Hold::PaneMode));
    assert_eq!(scene.machine.delivery().step, Step::Echoed);
    assert_eq!(scene.after(30_000).look(&AgentState::Ready, Content::Ours), [Action::Look(SETTLE)]);
    assert_eq!(
        scene.after(150).look(&AgentState::Ready, Content::Ours),
        [Action::Record, Action::Enter]
    );
}

/// What was drawn after the last capture may be a dialog. An agent whose cursor never rests is not waited for.
#[test]
fn text_and_enter_go_to_the_screen_that_was_captured_but_not_for_ever() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.look(&AgentState::Ready, Content::Empty);
    scene.give(Input::Moved);
    assert_eq!(scene.machine.delivery().step, Step::Queued);
    assert_eq!(scene.look(&AgentState::Ready, Content::Empty), [Action::Record, Action::Paste]);
    scene.give(Input::Done);
    for n in 2..=MAX_MOVED {
        let todo = scene.after(200).look(&AgentState::Ready, Content::Ours);
        assert_eq!(todo.last(), Some(&Action::Enter), "{n}");
        assert!(scene.machine.is_strict(), "{n}");
        scene.give(Input::Moved);
        assert_eq!(scene.machine.delivery().step, Step::Echoed);
        // The dialog that was drawn holds it.
        assert!(!scene.after(200).look(&TRUST, Content::Unseen).contains(&Action::Enter));
        scene.after(200).look(&AgentState::Ready, Content::Ours);
    }
    assert!(!scene.machine.is_strict());
}

#[test]
fn an_empty_box_alone_proves_nothing() {
    let mut scene = Scene::entered();
    assert_eq!(scene.after(100).look(&AgentState::Ready, Content::Empty), [Action::Look(pace(0))]);
    scene.after(100).look_at(&AgentState::Ready, Content::Empty, true);
    scene.ends(Step::Accepted, "the box emptied and the transcript has the text");
}

#[test]
fn a_turn_that_asks_at_once_has_started() {
    let asks = AgentState::Waiting(Question::Permission);
    let mut shown = Scene::entered();
    shown.after(100).look_at(&asks, Content::Unseen, true);
    shown.ends(Step::Accepted, "the turn started and asks a question");
    let mut seen_to_work = Scene::entered();
    seen_to_work.after(100).look(&AgentState::Working, Content::Ours);
    seen_to_work.after(100).look(&asks, Content::Unseen);
    seen_to_work.ends(Step::Accepted, "the turn started and asks a question");
}

#[test]
fn a_question_that_may_have_swallowed_enter_proves_nothing() {
    let asks = AgentState::Waiting(Question::Question);
    let mut scene = Scene::entered();
    assert_eq!(scene.after(100).look(&asks, Content::Unseen), [Action::Record]);
    assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(asks)));
    scene.after(100).look(&AgentState::Working, Content::Empty);
    scene.ends(Step::Accepted, "the turn started");
}

#[test]
fn a_hook_is_proof_once_something_was_sent() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    assert_eq!(scene.give(Input::Told("prompt hook")), []);
    let mut scene = Scene::entered();
    scene.give(Input::Told("prompt hook"));
    scene.ends(Step::Accepted, "prompt hook");
}

#[test]
fn only_what_was_not_sent_can_be_cancelled() {
    let mut scene = Scene::entered();
    assert_eq!(scene.give(Input::Cancel), []);
    assert!(!scene.machine.is_over());
    let mut scene = scene.reborn();
    assert_eq!(scene.give(Input::Cancel), []);
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.give(Input::Cancel);
    scene.ends(Step::Cancelled, "cancelled");
}

#[test]
fn a_pasted_text_is_taken_back_by_leaving_it_where_it_is() {
    let mut held = Scene::pasted();
    held.after(2_000).look(&AgentState::Draft, Content::Other);
    assert_eq!(held.give(Input::Cancel), [Action::Record]);
    held.ends(Step::Cancelled, "cancelled; its text was left in the input box");
    let mut unsure = Scene::pasted().reborn();
    unsure.give(Input::Cancel);
    unsure.ends(Step::Cancelled, "cancelled; its text may be in the input box");
}

#[test]
fn a_program_in_the_way_is_named() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    let hold = Hold::Foreground;
    let vim = || Look {
        obstacle: Some(&hold),
        ..look(&AgentState::Unknown, &AgentState::Unknown, Content::Unseen)
    };
    assert_eq!(scene.give(Input::Look(vim())), [Action::Record]);
    assert_eq!(scene.machine.delivery().evidence, "`vim`");
    assert_eq!(scene.give(Input::Look(vim())), []);
    assert_eq!(scene.look(&AgentState::Ready, Content::Empty), [Action::Record, Action::Paste]);
    assert_eq!(scene.machine.delivery().evidence, "");
}

#[test]
fn a_dialog_that_is_gone_is_no_reason_to_wait() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    let settled = AgentState::Waiting(Question::Question);
    let seen = AgentState::Idle;
    let look = look(&settled, &seen, Content::Empty);
    assert_eq!(scene.give(Input::Look(look)), [Action::Record]);
    assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(AgentState::Unknown)));
}

#[test]
fn a_dialog_over_the_paste_holds_under_one_name_to_its_end() {
    let mut scene = Scene::pasted();
    let other = AgentState::Blocked(Blocker::Other);
    let question = AgentState::Waiting(Question::Question);
    let mut held = |settled, seen, content| {
        let todo = scene.give(Input::Look(look(settled, seen, content)));
        (todo.contains(&Action::Record), scene.machine.delivery().held.clone())
    };
    let first = held(&AgentState::Idle, &other, Content::Unseen);
    assert_eq!(first, (true, Some(Hold::Turn(other.clone()))));
    // A capture later the state has a name for it.
    let named = Some(Hold::Turn(question.clone()));
    assert_eq!(held(&question, &other, Content::Unseen), (true, named.clone()));
    // The dialog is gone: nothing new is told of it.
    assert_eq!(held(&question, &AgentState::Draft, Content::Ours), (false, named));
}

#[test]
fn no_interrupt_key_is_pressed_into_a_dialog_or_an_empty_box() {
    for seen in [AgentState::Waiting(Question::Permission), AgentState::Idle] {
        let mut scene = Scene::new(DeliveryMode::Ready);
        scene.machine.delivery.interrupt = true;
        let settled = AgentState::Working;
        let look = look(&settled, &seen, Content::Empty);
        assert_eq!(scene.give(Input::Look(look)), [Action::Record], "{seen:?}");
    }
}

#[test]
fn an_interrupt_comes_before_the_paste_and_must_be_seen_to_work() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.machine.delivery.interrupt = true;
    assert_eq!(
        scene.look(&AgentState::Working, Content::Unseen),
        [Action::Record, Action::Interrupt]
    );
    assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(AgentState::Working)));
    scene.give(Input::Done);
    assert_eq!(
        scene.after(500).look(&AgentState::Working, Content::Unseen),
        [Action::Look(SETTLE)]
    );
    assert_eq!(
        scene.after(500).look(&AgentState::Idle, Content::Empty),
        [Action::Record, Action::Paste]
    );
}

#[test]
fn an_agent_that_goes_takes_its_delivery_along() {
    let mut scene = Scene::pasted();
    scene.give(Input::Gone("the agent exited (3)"));
    scene.ends(Step::Failed, "the agent exited (3)");
}
