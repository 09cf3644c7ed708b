//! A hub that died in the middle of an action, and a tmux that did not reply.
use super::*;

#[test]
fn a_hub_that_comes_back_goes_on_where_the_screen_says() {
    let mut box_has_it = Scene::pasted().reborn();
    box_has_it.look(&AgentState::Draft, Content::Ours);
    let done = box_has_it.after(300).look(&AgentState::Draft, Content::Ours);
    assert_eq!(done, [Action::Record, Action::Enter]);

    let mut turn_runs = Scene::entered().reborn();
    turn_runs.look(&AgentState::Working, Content::Empty);
    turn_runs.ends(Step::Accepted, "the turn had started before the hub restarted");

    let mut not_by_us = Scene::pasted().reborn();
    not_by_us.look(&AgentState::Working, Content::Empty);
    not_by_us.after(3_000).look(&AgentState::Working, Content::Empty);
    not_by_us.ends(Step::Failed, "outcome unknown after restart");

    let mut by_a_person = Scene::pasted().reborn();
    by_a_person.look_at(&AgentState::Working, Content::Empty, true);
    by_a_person.ends(Step::Accepted, "the turn had started before the hub restarted");

    let mut unknown = Scene::entered().reborn();
    assert_eq!(unknown.look(&AgentState::Ready, Content::Empty), [Action::Look(SETTLE)]);
    unknown.after(3_000).look(&AgentState::Ready, Content::Empty);
    unknown.ends(Step::Failed, "outcome unknown after restart");
}

#[test]
fn what_was_said_before_is_no_proof_after_a_restart() {
    for turn in [AgentState::Idle, AgentState::Working] {
        let mut scene = Scene::new(DeliveryMode::Ready);
        scene.look_at(&AgentState::Idle, Content::Empty, true);
        let mut scene = scene.reborn();
        scene.look_at(&turn, Content::Empty, true);
        scene.after(3_000).look_at(&turn, Content::Empty, true);
        scene.ends(Step::Failed, "outcome unknown after restart");
    }
}

#[test]
fn a_record_of_a_hub_that_did_not_count_proves_nothing() {
    let mut scene = Scene::pasted();
    scene.machine.delivery.shown_before = None;
    let mut scene = scene.reborn();
    scene.look_at(&AgentState::Working, Content::Empty, true);
    scene.after(3_000).look_at(&AgentState::Working, Content::Empty, true);
    scene.ends(Step::Failed, "outcome unknown after restart");
}

#[test]
fn a_lost_reply_is_judged_like_a_restart() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.look(&AgentState::Ready, Content::Empty);
    assert_eq!(scene.give(Input::Unknown), [Action::Look(SETTLE)]);
    scene.after(100).look(&AgentState::Ready, Content::Empty);
    scene.after(3_000).look(&AgentState::Ready, Content::Empty);
    scene.ends(Step::Failed, "outcome unknown: tmux did not report what happened");
}

#[test]
fn an_interrupt_whose_reply_is_lost_is_not_pressed_again() {
    let mut scene = Scene::new(DeliveryMode::Ready);
    scene.machine.delivery.interrupt = true;
    scene.look(&AgentState::Working, Content::Unseen);
    assert_eq!(scene.give(Input::Unknown), [Action::Look(SETTLE)]);
    assert_eq!(
        scene.after(500).look(&AgentState::Working, Content::Unseen),
        [Action::Look(SETTLE)]
    );
    assert_eq!(
        scene.after(500).look(&AgentState::Idle, Content::Empty),
        [Action::Record, Action::Paste]
    );
}

/// The hub died between the record and the paste, or tmux never read the line.
#[test]
fn a_paste_that_did_not_happen_is_made_by_the_next_hub() {
    let at_paste = || {
        let mut scene = Scene::new(DeliveryMode::Ready);
        scene.look(&AgentState::Ready, Content::Empty);
        scene
    };
    let look = |scene: &mut Scene, ms, pasted| {
        let ready = AgentState::Ready;
        let look = Look { pasted, ..look(&ready, &ready, Content::Empty) };
        scene.after(ms).give(Input::Look(look))
    };
    let mut lost_reply = at_paste();
    lost_reply.give(Input::Unknown);
    for mut scene in [at_paste().reborn(), lost_reply] {
        for other in [None, Some(DeliveryId(7))] {
            // What was sent before may still be on its way.
            assert_eq!(look(&mut scene, 100, other), [Action::Look(SETTLE)]);
        }
        assert_eq!(look(&mut scene, 2_000, None), [Action::Record, Action::Look(SETTLE)]);
        assert_eq!(look(&mut scene, 200, None), [Action::Record, Action::Paste]);
    }
    let mut marked = at_paste().reborn();
    look(&mut marked, 100, Some(DeliveryId(1)));
    look(&mut marked, 3_000, Some(DeliveryId(1)));
    marked.ends(Step::Failed, "outcome unknown after restart");
    // By an older hub, which did not mark.
    let mut unmarked = at_paste();
    unmarked.machine.delivery.marks_pane = false;
    let mut unmarked = unmarked.reborn();
    look(&mut unmarked, 100, None);
    look(&mut unmarked, 3_000, None);
    unmarked.ends(Step::Failed, "outcome unknown after restart");
}
