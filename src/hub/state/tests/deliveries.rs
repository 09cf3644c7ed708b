//! Several texts for one worker: their order, and withdrawing them.
use super::*;

/// So long a text waits for a capture before it says that tmux does not answer.
const SLOW_MS: u64 = 1500;

fn send(hub: &mut Hub, id: &WorkerId, text: &str, interrupt: bool) {
    hub.ask(Request::Send(NewDelivery { interrupt, ..new_text(id, text) }));
}

/// Answers the hub's captures with an unchanged screen, as long as it asks.
fn look_until_quiet(hub: &mut Hub, id: &WorkerId, screen: &Sample) {
    for _ in 0..40 {
        if hub.state.next_deadline().is_none() {
            return;
        }
        let out = hub.look(id, screen);
        assert!(
            !out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::Act { .. }))),
            "{out:?}"
        );
    }
    panic!("never quiet: {:?}", hub.state.workers[id].newest_delivery());
}

/// Texts in the order in which they wait, and whether they wait for an earlier one.
fn waiting(hub: &Hub, id: &WorkerId) -> Vec<(String, bool)> {
    let deliveries = hub.state.workers[id].deliveries().into_iter();
    let open = deliveries.filter(|it| !it.step.is_final());
    open.map(|it| (it.text, it.held == Some(Hold::Earlier))).collect()
}

fn order(texts: &[&str]) -> Vec<(String, bool)> {
    texts.iter().enumerate().map(|(at, text)| ((*text).to_owned(), at > 0)).collect()
}

#[test]
fn an_interrupt_goes_before_the_texts_that_wait() {
    let (mut hub, id) = Hub::with_agent();
    send(&mut hub, &id, "later", false);
    send(&mut hub, &id, "Stop.", true);
    send(&mut hub, &id, "And then?", true);
    let want = order(&["Stop.", "And then?", "Read it.", "later"]);
    assert_eq!(waiting(&hub, &id), want);
    let mut found = restart::remembered(&hub, &id);
    found.deliveries.sort_by_key(|it| it.id);
    let (hub, _) = Hub::with(found);
    assert_eq!(waiting(&hub, &id), want, "also for the next hub");
}

#[test]
fn an_interrupt_does_not_go_before_a_text_that_is_on_its_way() {
    let (mut hub, id) = Hub::with_agent();
    hub.look_until_act(&id, &ready_screen());
    send(&mut hub, &id, "later", false);
    send(&mut hub, &id, "Stop.", true);
    assert_eq!(waiting(&hub, &id), order(&["Read it.", "Stop.", "later"]));
}

#[test]
fn the_next_text_goes_out_when_the_first_is_withdrawn_on_a_quiet_pane() {
    let (mut hub, id) = Hub::with_agent();
    look_until_quiet(&mut hub, &id, &screen_with("my draft"));
    send(&mut hub, &id, "later", false);
    look_until_quiet(&mut hub, &id, &screen_with("my draft"));
    hub.ask(Request::Cancel { delivery: DeliveryId(1) });
    assert_eq!(waiting(&hub, &id), order(&["later"]));
    let now = hub.start + Duration::from_millis(hub.ms);
    assert!(hub.state.next_deadline().is_some_and(|at| at <= now), "no bell tells of it");
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("later".into()));
}

#[test]
fn a_pasted_text_that_is_withdrawn_stays_in_the_box_as_a_draft() {
    let (mut hub, id) = Hub::with_agent();
    hub.look_until_act(&id, &ready_screen());
    let (delivery, acted) = (DeliveryId(1), Ok(Acted::Done));
    hub.give(Input::Acted { worker: id.clone(), delivery, acted });
    hub.look(&id, &screen_with("Read it. and more"));
    send(&mut hub, &id, "later", false);
    let (request_id, out) = hub.ask(Request::Cancel { delivery });
    assert!(matches!(answer_to(&out, request_id), Some(Answer::Done)), "{out:?}");
    look_until_quiet(&mut hub, &id, &screen_with("Read it. and more"));
    assert_eq!(hub.state.workers[&id].worker.state.turn.value, AgentState::Draft);
    let need = crate::model::Need::Delivery(DeliveryId(2));
    assert_eq!(hub.word(&id), DisplayState::NeedsYou(need));
    let later = hub.state.workers[&id].newest_delivery().unwrap();
    assert_eq!(
        (later.text.as_str(), later.held.clone()),
        ("later", Some(Hold::Turn(AgentState::Draft)))
    );
    hub.give(Input::Rang(PANE));
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("later".into()));
    assert_eq!(hub.state.workers[&id].worker.state.need, None, "it gets on");
}

#[test]
fn a_paste_is_recorded_before_it_is_done() {
    let (mut hub, id) = Hub::with_agent();
    for _ in 0..40 {
        let out = hub.look(&id, &ready_screen());
        let Some(act) =
            out.iter().position(|it| matches!(it, Effect::Tmux(TmuxEffect::Act { .. })))
        else {
            continue;
        };
        let is_record = |it: &Effect| matches!(it, Effect::Record(Record::Delivery(it)) if it.step == Step::Pasting);
        let record = out.iter().position(is_record).unwrap();
        return assert!(record < act);
    }
    panic!("never pasted");
}

#[test]
fn a_text_says_so_when_tmux_does_not_answer() {
    let (mut hub, id) = Hub::with_agent();
    let held = |hub: &Hub| hub.state.workers[&id].newest_delivery().unwrap().held.clone();
    // The capture is under way.
    hub.give(Input::Tick);
    assert_eq!(held(&hub), None);
    let due = hub.state.next_deadline().unwrap();
    hub.ms = u64::try_from(due.duration_since(hub.start).as_millis()).unwrap();
    let out = hub.give(Input::Tick);
    assert_eq!(held(&hub), Some(Hold::Disconnected));
    let is_record = |it: &Effect| matches!(it, Effect::Record(Record::Delivery(_)));
    assert!(out.iter().any(is_record), "{out:?}");
    hub.give(Input::Sampled { worker: id.clone(), sample: Ok(ready_screen()) });
    assert_ne!(held(&hub), Some(Hold::Disconnected));
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("Read it.".into()));
}

#[test]
fn a_new_text_waits_for_tmux_before_it_says_so() {
    let (mut hub, id) = Hub::with_agent();
    hub.ask(Request::Cancel { delivery: DeliveryId(1) });
    hub.after(SLOW_MS).give(Input::Tick);
    send(&mut hub, &id, "later", false);
    let held = |hub: &Hub| hub.state.workers[&id].newest_delivery().unwrap().held.clone();
    hub.after(SLOW_MS - 1).give(Input::Tick);
    assert_eq!(held(&hub), None);
    hub.after(1).give(Input::Tick);
    assert_eq!(held(&hub), Some(Hold::Disconnected));
}

#[test]
fn long_texts_that_wait_for_one_worker_have_a_bound_together() {
    let (mut hub, id) = Hub::with_worker();
    let long = "x".repeat(1 << 20);
    let ask = |hub: &mut Hub, text: &str| {
        let (request_id, out) = hub.ask(Request::Send(new_text(&id, text)));
        refusal_to(&out, request_id)
    };
    // One place of the eight is the bootstrap's.
    let refused: Vec<_> = (0..9).filter_map(|_| ask(&mut hub, &long)).collect();
    assert_eq!(refused, [RefusalKind::NotNow; 2]);
    assert_eq!(ask(&mut hub, "a short one"), None);
}
