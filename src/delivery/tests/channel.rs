//! A text that the agent takes by a channel of its own.
use super::*;

fn scene() -> Scene {
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.machine = DeliveryMachine::by_channel(scene.machine.delivery.clone());
    scene
}

#[test]
fn it_is_passed_beside_a_draft_and_accepted_when_the_agent_says_so() {
    let mut scene = scene();
    for turn in [TRUST, AgentState::Working, AgentState::Unknown] {
        assert_eq!(scene.look(&turn, Content::Unseen), [Action::Record], "{turn:?}");
    }
    let passed = scene.look(&AgentState::Draft, Content::Other);
    assert_eq!(passed, [Action::Record, Action::Pass]);
    assert_eq!(scene.give(Input::Done), [Action::Record, Action::Look(pace(0))]);
    // No key is pressed, whatever the box shows.
    for ms in [100, 6_000] {
        let todo = scene.after(ms).look(&AgentState::Idle, Content::Ours);
        assert!(matches!(todo.as_slice(), [Action::Look(_)]), "{todo:?}");
    }
    scene.give(Input::Told("the agent's hook"));
    scene.ends(Step::Accepted, "the agent's hook");
}

#[test]
fn one_that_is_not_taken_goes_by_the_box() {
    let mut scene = scene();
    scene.look(&AgentState::Idle, Content::Empty);
    assert_eq!(scene.give(Input::NotTaken), [Action::Record, Action::Look(ECHO_PACE)]);
    assert_eq!(scene.look(&AgentState::Draft, Content::Other), [Action::Record], "it waits now");
    let pasted = scene.look(&AgentState::Idle, Content::Empty);
    assert_eq!(pasted, [Action::Record, Action::Paste]);
    assert_eq!(scene.give(Input::NotTaken), [], "nothing was passed");
}

/// What may not be told again was typed, or is in the agent.
#[test]
fn one_that_is_not_taken_was_not_typed() {
    let mut it = scene();
    it.look(&AgentState::Idle, Content::Empty);
    assert!(it.machine.delivery.was_typed());
    it.give(Input::NotTaken);
    assert!(!it.machine.delivery.was_typed(), "given back");
    it.give(Input::Gone("the agent exited"));
    assert!(!it.machine.delivery.was_typed());
    // The agent ends while the text is offered: it is withdrawn.
    let mut it = scene();
    it.look(&AgentState::Idle, Content::Empty);
    it.give(Input::Gone("the agent exited"));
    it.ends(Step::Failed, "the agent exited");
    assert!(!it.machine.delivery.was_typed());
    // It has the text.
    let mut it = scene();
    it.look(&AgentState::Idle, Content::Empty);
    it.give(Input::Done);
    it.give(Input::Gone("the agent exited"));
    assert!(it.machine.delivery.was_typed());
}

#[test]
fn one_that_is_offered_does_not_depend_on_tmux() {
    let mut it = scene();
    it.look(&AgentState::Idle, Content::Empty);
    assert!(!it.machine.depends_on_tmux());
    it.give(Input::NotTaken);
    it.look(&AgentState::Idle, Content::Empty);
    assert!(it.machine.depends_on_tmux(), "it is being pasted");
}

#[test]
fn one_that_no_turn_follows_says_who_took_it() {
    let mut it = scene();
    it.look(&AgentState::Idle, Content::Empty);
    it.give(Input::Done);
    it.after(16_000).look(&AgentState::Idle, Content::Empty);
    it.ends(Step::Failed, "its plugin took the text, but no turn was seen");
    let mut it = scene();
    it.look(&AgentState::Idle, Content::Empty);
    it.give(Input::Unknown);
    it.look(&AgentState::Idle, Content::Empty);
    it.after(3_000).look(&AgentState::Idle, Content::Empty);
    it.ends(Step::Failed, "outcome unknown: the agent's plugin did not report what happened");
}

#[test]
fn one_whose_hub_died_is_not_passed_again() {
    let mut scene = scene();
    scene.look(&AgentState::Idle, Content::Empty);
    let mut scene = scene.reborn();
    scene.look(&AgentState::Idle, Content::Empty);
    scene.after(3_000).look(&AgentState::Idle, Content::Empty);
    scene.ends(Step::Failed, "outcome unknown after restart");
}
