//! Holds that would never end, and the decisions of a human.
use super::*;
use crate::model::Stuck;

impl Scene {
    fn stuck(&self) -> Option<&Stuck> {
        self.machine.delivery().stuck.as_ref()
    }

    fn held(&self) -> Option<&Hold> {
        self.machine.delivery().held.as_ref()
    }

    fn take(&mut self, take: Take) -> bool {
        !self.give(Input::Take(take)).is_empty()
    }
}

const IDLE: AgentState = AgentState::Idle;

/// Pasted, and something else is in the box.
fn unrecognised() -> Scene {
    let mut scene = Scene::pasted();
    scene.after(1100).look(&AgentState::Draft, Content::Other);
    assert_eq!(scene.held(), Some(&Hold::Turn(AgentState::Draft)));
    scene
}

#[test]
fn an_unexplained_hold_is_reported_within_a_minute() {
    let foreground = Hold::Foreground;
    for (turn, content, obstacle, is_told) in [
        (AgentState::Draft, Content::Other, None, true),
        (AgentState::Unknown, Content::Unseen, None, true),
        (IDLE, Content::Empty, Some(&Hold::PaneMode), true),
        (IDLE, Content::Empty, Some(&foreground), true),
        (TRUST, Content::Unseen, None, false),
        (AgentState::Working, Content::Empty, None, false),
    ] {
        let mut scene = Scene::new(DeliveryMode::Ready);
        let see = |scene: &mut Scene| {
            scene.give(Input::Look(Look { obstacle, ..look(&turn, &turn, content) }))
        };
        see(&mut scene);
        assert_eq!(scene.machine.next_look().is_some(), is_told, "{turn:?}");
        scene.after(49_000);
        see(&mut scene);
        assert_eq!(scene.stuck(), None, "{turn:?}");
        scene.after(2_000);
        see(&mut scene);
        let shows = scene.stuck().map(|it| it.shows.as_str());
        assert_eq!(shows, is_told.then_some("half typed"), "{turn:?}");
        assert_eq!(scene.machine.next_look(), None);
    }
}

#[test]
fn a_delivery_that_continues_no_longer_needs_a_human() {
    let mut scene = unrecognised();
    scene.after(51_000).look(&AgentState::Draft, Content::Other);
    assert!(scene.stuck().is_some());
    scene.after(1000).look(&IDLE, Content::Ours);
    scene.after(200).look(&IDLE, Content::Ours);
    assert_eq!(scene.stuck(), None);
    assert_eq!(scene.steps().last(), Some(&Step::Entering));
}

#[test]
fn a_human_says_that_the_box_holds_the_text() {
    let mut scene = unrecognised();
    assert!(scene.take(Take::Enter));
    assert_eq!(scene.look(&TRUST, Content::Unseen), [Action::Record], "a dialog gets no key");
    assert_eq!(scene.look(&AgentState::Draft, Content::Other), [Action::Record, Action::Enter]);
    let mut early = Scene::new(DeliveryMode::Ready);
    early.look(&AgentState::Draft, Content::Other);
    assert!(!early.take(Take::Enter), "nothing of it is in the box");
}

#[test]
fn a_human_says_that_the_agent_has_it() {
    let mut scene = unrecognised();
    assert!(scene.take(Take::Done));
    scene.ends(Step::Accepted, "you said that the agent has it");
}

#[test]
fn a_human_says_that_the_box_is_free() {
    let mut scene = unrecognised();
    assert!(scene.take(Take::Retry));
    assert_eq!(
        scene.look(&AgentState::Working, Content::Other),
        [Action::Record],
        "not into a turn"
    );
    assert_eq!(scene.look(&AgentState::Draft, Content::Other), [Action::Record, Action::Paste]);
}

#[test]
fn a_human_has_the_box_cleared() {
    let mut scene = unrecognised();
    assert!(scene.take(Take::Clear));
    assert_eq!(scene.look(&AgentState::Draft, Content::Other), [Action::Record, Action::Clear]);
    assert_eq!(scene.give(Input::Done), [Action::Look(SETTLE)]);
    assert_eq!(scene.after(200).look(&IDLE, Content::Empty), [Action::Record, Action::Paste]);
}

/// A hold names its reason, also after the box was cleared.
#[test]
fn a_dialog_that_opens_after_the_box_was_cleared_holds_the_text() {
    let mut scene = unrecognised();
    scene.take(Take::Clear);
    scene.look(&AgentState::Draft, Content::Other);
    scene.give(Input::Done);
    assert_eq!(scene.after(200).look(&TRUST, Content::Unseen), [Action::Record]);
    assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(TRUST)));
    assert_eq!(scene.after(200).look(&TRUST, Content::Unseen), []);
    assert_eq!(scene.look(&IDLE, Content::Empty), [Action::Record, Action::Paste]);
}

/// An interrupted agent that has put its prompt back.
fn given_back(can_clear: bool) -> (Scene, Vec<Action>) {
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.machine.delivery.interrupt = true;
    let working = AgentState::Working;
    assert!(scene.look(&working, Content::Empty).contains(&Action::Interrupt));
    scene.give(Input::Done);
    let draft = AgentState::Draft;
    let seen = Look { can_clear, ..look(&draft, &draft, Content::Former) };
    let todo = scene.after(500).give(Input::Look(seen));
    (scene, todo)
}

#[test]
fn our_own_last_text_that_an_interrupt_gave_back_is_cleared_once() {
    let (mut scene, todo) = given_back(true);
    assert_eq!(todo, [Action::Record, Action::Clear]);
    scene.give(Input::Done);
    assert_eq!(scene.after(200).look(&IDLE, Content::Empty), [Action::Record, Action::Paste]);
}

#[test]
fn what_cannot_be_cleared_is_said_at_once() {
    let (scene, todo) = given_back(false);
    assert_eq!(todo, [Action::Record]);
    assert!(scene.stuck().is_some());
    let (mut scene, _) = given_back(true);
    scene.give(Input::Done);
    let draft = AgentState::Draft;
    scene.after(1000).look(&draft, Content::Former);
    assert_eq!(scene.stuck(), None);
    assert_eq!(scene.after(3000).look(&draft, Content::Former), [Action::Record]);
    assert!(scene.stuck().is_some());
    assert_eq!(scene.after(1000).look(&draft, Content::Former), []);
}

#[test]
fn a_draft_of_a_human_is_never_cleared() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.machine.delivery.interrupt = true;
    scene.look(&AgentState::Working, Content::Empty);
    scene.give(Input::Done);
    let todo = scene.after(500).look(&AgentState::Draft, Content::Other);
    assert!(!todo.contains(&Action::Clear));
    let mut scene = Scene::new(DeliveryMode::Ready);
    let todo = scene.look(&AgentState::Draft, Content::Former);
    assert_eq!(todo, [Action::Record], "no interrupt was pressed");
}
