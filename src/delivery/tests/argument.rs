//! A text that was passed on the command line.
use super::*;

#[test]
fn an_argument_is_proven_the_same_way_and_held_by_dialogs() {
    let mut scene = Scene::new(DeliveryMode::Argument);
    assert_eq!(scene.look(&TRUST, Content::Unseen), [Action::Record]);
    scene.after(30_000).look_at(&AgentState::Working, Content::Empty, true);
    scene.ends(Step::Accepted, "the turn started");
}

#[test]
fn a_spinner_at_start_up_proves_no_argument() {
    let mut scene = Scene::new(DeliveryMode::Argument);
    scene.look(&AgentState::Working, Content::Empty);
    assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(AgentState::Working)));
    scene.after(2_000).look(&AgentState::Ready, Content::Empty);
    assert_eq!(scene.machine.delivery().held, None);
    scene.after(2_000).look(&AgentState::Working, Content::Empty);
    scene.ends(Step::Accepted, "the turn started");
}

#[test]
fn an_argument_that_the_agent_ignores_fails() {
    let mut scene = Scene::new(DeliveryMode::Argument);
    scene.look(&AgentState::Working, Content::Unseen);
    let ready = scene.after(20_000).look(&AgentState::Ready, Content::Empty);
    assert_eq!(ready, [Action::Record, Action::Look(ARGUMENT_LIMIT)]);
    scene.after(9_000).look(&AgentState::Ready, Content::Empty);
    assert!(!scene.machine.is_over());
    scene.after(1_000).look(&AgentState::Ready, Content::Empty);
    scene.ends(
        Step::Failed,
        "the agent started without its prompt argument; `delivery = \"ready\"` pastes the prompt instead",
    );
}

#[test]
fn an_old_turn_of_a_resumed_conversation_proves_no_argument() {
    let mut scene = Scene::new(DeliveryMode::Argument);
    scene.look(&AgentState::Idle, Content::Empty);
    assert!(!scene.machine.is_over());
}

#[test]
fn a_question_before_the_first_turn_proves_no_argument() {
    let mut scene = Scene::new(DeliveryMode::Argument);
    let asks = AgentState::Waiting(Question::Permission);
    assert_eq!(scene.look(&asks, Content::Unseen), [Action::Record]);
    assert_eq!(scene.machine.delivery().held, Some(Hold::Turn(asks.clone())));
    scene.after(30_000).look_at(&asks, Content::Unseen, true);
    scene.ends(Step::Accepted, "the turn started and asks a question");
}

#[test]
fn an_argument_left_in_the_box_is_submitted() {
    let mut scene = Scene::new(DeliveryMode::Argument);
    assert_eq!(scene.look(&AgentState::Draft, Content::Ours), [Action::Look(SETTLE)]);
    assert_eq!(
        scene.after(6_000).look(&AgentState::Draft, Content::Ours),
        [Action::Record, Action::Enter]
    );
}
