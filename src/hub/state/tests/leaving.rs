//! Nobody waits for what is gone, and nothing is forgotten with it.
use super::{
    inbox::{accepted, at_rest, report},
    restart::remembered,
    waking::{guest, play},
    *,
};
use crate::model::{Ask, AskKind, Choice, DialogAnswer, FactSource, ReportKind, Take};

fn begin_answer(hub: &mut Hub, id: &WorkerId) -> RequestId {
    let labels = ["Yes", "No"];
    let choice = |it: &str| Choice { label: it.to_owned(), selected: false };
    let asked = Ask {
        kind: AskKind::Question,
        about: String::new(),
        question: "Which?".into(),
        choices: labels.map(choice).to_vec(),
        source: FactSource::Screen,
    };
    let label = "No".to_owned();
    let answer = DialogAnswer { id: id.clone(), label, words: None, asked, expected: true };
    hub.ask(Request::AnswerDialog(Box::new(answer))).0
}

#[test]
fn who_answers_a_dialog_is_told_that_its_window_is_gone() {
    let (mut hub, id) = Hub::with_agent();
    let request_id = begin_answer(&mut hub, &id);
    let out = hub.give(listed(Vec::new()));
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotNow), "{out:?}");
    let (mut hub, id) = Hub::with_agent();
    let request_id = begin_answer(&mut hub, &id);
    let out = hub.give(Input::LinkFailed { error: "gone".into(), no_server: true });
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotNow), "{out:?}");
}

#[test]
fn nothing_is_pressed_for_a_client_that_is_gone() {
    let (mut hub, id) = Hub::with_agent();
    begin_answer(&mut hub, &id);
    hub.give(Input::ClientGone { client: 1 });
    let again = begin_answer(&mut hub, &id);
    let out = hub.give(listed(Vec::new()));
    assert_eq!(refusal_to(&out, again), Some(RefusalKind::NotNow), "no other is under way");
}

#[test]
fn the_loss_of_the_last_worker_is_told_before_the_hub_leaves_tmux() {
    let (mut hub, id) = at_rest();
    let unlinks = |out: &[Effect]| out.contains(&Effect::Local(LocalEffect::Unlink));
    assert!(!unlinks(&hub.after(5_000).give(listed(Vec::new()))));
    let (delivery, act) = play(&mut hub, &id, &ready_screen(), 10_000).unwrap();
    assert!(matches!(&act, Act::Paste(line) if line.contains("is lost")), "{act:?}");
    hub.give(Input::Acted { worker: guest(), delivery, acted: Ok(Acted::Done) });
    // A shell is told nothing.
    let (mut hub, id) = at_rest();
    hub.after(5_000).give(listed(Vec::new()));
    let shell = Sample { command: "bash".into(), ..ready_screen() };
    assert_eq!(play(&mut hub, &id, &shell, 10_000), None);
    assert!(!hub.state.wants_link());
    // Without tmux, there is nobody to tell.
    let (mut hub, _) = at_rest();
    hub.after(5_000).give(Input::LinkLost { why: "killed".into() });
    hub.give(Input::LinkFailed { error: "gone".into(), no_server: true });
    assert!(!hub.state.wants_link());
    let out = hub.after(700_000).give(Input::Tick);
    assert!(out.iter().any(|it| matches!(it, Effect::Leave { .. })), "{out:?}");
}

#[test]
fn a_line_to_an_agent_that_is_gone_is_told_again() {
    let told = |hub: &Hub| hub.state.inbox.all().all(|it| it.told.is_some());
    for gone in
        [Err("no such pane".to_owned()), Ok(Sample { command: "bash".into(), ..ready_screen() })]
    {
        let (mut hub, id) = at_rest();
        accepted(&mut hub, &id, report(ReportKind::Question, "A or B?"));
        let (delivery, _) = play(&mut hub, &id, &ready_screen(), 10_000).unwrap();
        assert!(told(&hub));
        // tmux found something in the way.
        let acted = Ok(Acted::Refused(crate::tmux::Refusal::InMode));
        hub.give(Input::Acted { worker: guest(), delivery, acted });
        for _ in 0..8 {
            let (worker, sample) = (guest(), gone.clone());
            hub.after(1_000).give(Input::Sampled { worker, sample });
        }
        assert!(!told(&hub), "{gone:?}");
        assert_eq!(hub.state.live_mut(&guest()).map(|it| it.open_deliveries()), None);
    }
}

#[test]
fn a_new_orchestrator_is_told_instead_of_the_former_one() {
    let (mut hub, id) = at_rest();
    accepted(&mut hub, &id, report(ReportKind::Question, "A or B?"));
    let (delivery, _) = play(&mut hub, &id, &ready_screen(), 10_000).unwrap();
    let acted = Ok(Acted::Refused(crate::tmux::Refusal::InMode));
    hub.give(Input::Acted { worker: guest(), delivery, acted });
    let caller = Caller { pane: Some(PaneId(5)), session: None };
    let (_, out) = hub.ask(Request::Adopt { workers: vec![id], caller });
    let is_withdrawn = |it: &Happened| matches!(it, Happened::Delivery { id, step: Step::Cancelled, .. } if *id == delivery);
    assert!(happened(&out).iter().any(is_withdrawn), "{out:?}");
}

#[test]
fn several_texts_that_end_together_are_judged_one_by_one() {
    let (mut hub, id) = Hub::with_agent();
    hub.look_until_act(&id, &ready_screen());
    hub.ask(Request::Send(new_text(&id, "later")));
    let exited = Hook::Exited { exit: Exit::Code(1), started: true };
    let out = hub.report(&id, exited);
    let failed: Vec<bool> = out
        .iter()
        .filter_map(|it| {
            let Effect::Record(Record::Delivery(it)) = it else { return None };
            (it.step == Step::Failed).then(|| it.was_typed())
        })
        .collect();
    assert_eq!(failed, [true, false]);
}

#[test]
fn a_text_that_the_last_hub_offered_and_that_was_not_taken_is_typed() {
    let (mut hub, id) = Hub::with_agent();
    hub.look_until_act(&id, &ready_screen());
    let mut found = remembered(&hub, &id);
    assert_eq!(found.deliveries[0].step, Step::Pasting);
    found.deliveries[0].marks_pane = false;
    found.not_taken = [id.clone()].into();
    let mut hub = back(found, &id);
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("Read it.".into()));
}

/// A file that an earlier text left says nothing about one that was pasted.
#[test]
fn a_text_that_was_pasted_was_not_offered() {
    let (mut hub, id) = Hub::with_agent();
    hub.look_until_act(&id, &ready_screen());
    let mut found = remembered(&hub, &id);
    found.not_taken = [id.clone()].into();
    let mut hub = back(found, &id);
    let screen = Sample { pasted: Some(DeliveryId(1)), ..ready_screen() };
    for _ in 0..30 {
        let out = hub.look(&id, &screen);
        let acts = |it: &Effect| matches!(it, Effect::Tmux(TmuxEffect::Act { .. }));
        assert!(!out.iter().any(acts), "{out:?}");
    }
    let receipt = hub.state.workers[&id].newest_delivery().unwrap();
    assert_eq!(receipt.evidence, "outcome unknown after restart");
}

fn back(found: Remembered, id: &WorkerId) -> Hub {
    let (mut hub, _) = Hub::with(found);
    hub.give(Input::Linked(linked()));
    let row = hub.seen(id, &[(SESSION, "work")]);
    hub.give(listed(vec![row]));
    hub
}

#[test]
fn a_session_that_was_renamed_is_known_by_its_new_name() {
    let (mut hub, id) = Hub::with_agent();
    let row = hub.seen(&id, &[(SESSION, "renamed")]);
    hub.give(listed(vec![row.clone()]));
    let place = hub.state.workers[&id].worker.place.clone();
    assert_eq!(place.session_name.as_deref(), Some("renamed"));
    assert_eq!(happened(&hub.give(listed(vec![row]))), [], "once");
}

#[test]
fn a_box_that_no_known_key_clears_is_left_to_its_user() {
    let (mut hub, _) = Hub::with_worker_of("generic");
    let take = Request::Take { delivery: DeliveryId(1), take: Take::Clear };
    let (request_id, out) = hub.ask(take);
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotNow), "{out:?}");
    assert!(format!("{out:?}").contains("no key that clears"), "{out:?}");
}

#[test]
fn an_item_is_announced_when_its_command_runs() {
    let (mut hub, id) = at_rest();
    hub.after(5_000).give(Input::Tick);
    assert_eq!(hub.state.inbox.unannounced().count(), 0);
    hub.state.setup.settings.notify_command = Some("tell".into());
    accepted(&mut hub, &id, report(ReportKind::Question, "A or B?"));
    accepted(&mut hub, &id, report(ReportKind::Question, "C or D?"));
    let begins = |it: &Effect| matches!(it, Effect::Local(LocalEffect::Notify { .. }));
    let announces = |it: &Effect| matches!(it, Effect::Tmux(TmuxEffect::Announce { .. }));
    let count = |out: &[Effect]| {
        let n = |is: &dyn Fn(&Effect) -> bool| out.iter().filter(|it| is(it)).count();
        (n(&begins), n(&announces))
    };
    let out = hub.after(5_000).give(Input::Tick);
    assert_eq!(count(&out), (1, 1));
    // A hub that ends now leaves the second one to the next hub.
    assert_eq!(hub.state.inbox.unannounced().count(), 1);
    let out = hub.after(5_000).give(Input::Tick);
    assert_eq!(count(&out), (0, 0), "the message was shown for both");
    let out = hub.give(Input::Notified(Ok(())));
    assert_eq!(count(&out), (1, 0));
    assert_eq!(hub.state.inbox.unannounced().count(), 0);
}

#[test]
fn a_message_from_before_a_hub_or_an_agent_answers_no_later_question() {
    let (hub, id) = at_rest();
    let message = hub.state.workers[&id].worker.last_message.clone();
    assert_eq!(message.as_deref(), Some("All green."));
    let (next, _) = Hub::with(remembered(&hub, &id));
    let live = &next.state.workers[&id];
    assert_eq!(live.message_since(Timestamp(0)), message, "an earlier question may wait for it");
    assert_eq!(live.message_since(Timestamp(1)), None);
}
