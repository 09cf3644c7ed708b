//! The inbox: reports, states that need attention, replies.
use super::*;
use crate::model::{Ending, InboxQuery, ItemId, ItemKind, Origin, Report, ReportKind};

/// A worker whose window was just made.
pub(in crate::hub::state) fn plain_worker(id: &str) -> Worker {
    let (mut hub, known) = Hub::with_worker();
    let mut worker = hub.state.workers.remove(&known).unwrap().worker;
    worker.id = id.parse().unwrap();
    worker
}

pub(super) fn report(kind: ReportKind, text: &str) -> Report {
    Report {
        kind,
        at: Timestamp(0),
        text: text.into(),
        options: Vec::new(),
        pr: None,
        to: None,
        ancestors: Vec::new(),
    }
}

/// Sends it from this pane.
fn send(hub: &mut Hub, id: &WorkerId, pane: u32, report: Report) -> (RequestId, Vec<Effect>) {
    hub.requests += 1;
    let (worker, pane) = (id.clone(), Some(PaneId(pane)));
    let hook = Hook::Report(Box::new(report));
    hub.ask(Request::Hook(HookReport { id: format!("r{}", hub.requests), worker, pane, hook }))
}

#[track_caller]
pub(super) fn accepted(hub: &mut Hub, id: &WorkerId, report: Report) -> Option<ItemId> {
    let (request_id, out) = send(hub, id, PANE.0, report);
    let Some(Answer::Reported { item }) = answer_to(&out, request_id) else { panic!("{out:?}") };
    item
}

#[track_caller]
fn refused(hub: &mut Hub, id: &WorkerId, pane: u32, report: Report) -> String {
    let (request_id, out) = send(hub, id, pane, report);
    let refusal = out.iter().find_map(|it| {
        let Effect::Reply(to, Err(refusal)) = it else { return None };
        (*to == request_id).then(|| refusal.message.clone())
    });
    refusal.unwrap_or_else(|| panic!("{out:?}"))
}

fn inbox(hub: &mut Hub) -> Vec<Item> {
    let (request_id, out) = hub.ask(Request::Inbox(InboxQuery::default()));
    let Some(Answer::Items { items, .. }) = answer_to(&out, request_id) else { panic!("{out:?}") };
    items
}

fn kinds(hub: &mut Hub) -> Vec<(ItemKind, Origin)> {
    inbox(hub).iter().map(|it| (it.kind, it.origin)).collect()
}

/// A worker whose agent has the bootstrap and has come to the end of its turn.
pub(super) fn at_rest() -> (Hub, WorkerId) {
    let (mut hub, id) = Hub::with_agent();
    hub.ask(Request::Cancel { delivery: DeliveryId(1) });
    let begin = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"x"}"#;
    hub.report(&id, Hook::Agent { payload: begin.into() });
    let end =
        r#"{"hook_event_name":"Stop","session_id":"s","last_assistant_message":"All green."}"#;
    hub.report(&id, Hook::Agent { payload: end.into() });
    for _ in 0..10 {
        hub.look(&id, &ready_screen());
        if hub.word(&id).name() == "idle" {
            return (hub, id);
        }
    }
    panic!("{}", hub.word(&id))
}

#[test]
fn the_end_of_a_turn_is_an_item_until_the_next_one_or_a_report() {
    let (mut hub, id) = at_rest();
    let items = inbox(&mut hub);
    assert_eq!(
        (items.len(), items[0].kind, items[0].text.as_str()),
        (1, ItemKind::Done, "All green.")
    );
    hub.ask(Request::Ack { items: vec![items[0].id] });
    assert_eq!(inbox(&mut hub), []);
    accepted(&mut hub, &id, report(ReportKind::Done, "Works."));
    assert_eq!(kinds(&mut hub), [(ItemKind::Done, Origin::Message)]);
    assert_eq!(hub.word(&id).to_string(), "done");
    assert!(hub.state.workers[&id].worker.state.is_named("idle"));
    let begin = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"y"}"#;
    hub.after(10_000).report(&id, Hook::Agent { payload: begin.into() });
    assert_eq!(hub.word(&id).to_string(), "working");
    assert_eq!(hub.state.workers[&id].worker.state.reported, None);
    assert_eq!(kinds(&mut hub), [(ItemKind::Done, Origin::Message)]);
}

#[test]
fn a_report_counts_once_and_is_stored_before_it_is_answered() {
    let (mut hub, id) = Hub::with_agent();
    let (request_id, out) = send(&mut hub, &id, PANE.0, report(ReportKind::Question, "A or B?"));
    assert!(matches!(answer_to(&out, request_id), Some(Answer::Reported { item: Some(_) })));
    let stored = out.iter().find_map(|it| {
        let Effect::Record(Record::Item(item)) = it else { return None };
        Some((**item).clone())
    });
    let item = stored.unwrap();
    let again = HookReport {
        id: item.report.clone().unwrap(),
        worker: id.clone(),
        pane: Some(PANE),
        hook: Hook::Report(Box::new(report(ReportKind::Question, "A or B?"))),
    };
    assert_eq!(hub.give(Input::Spooled(again.clone())), []);
    // The next hub knows it from the store.
    let mut found = restart::remembered(&hub, &id);
    found.reports = vec![again.id.clone()];
    found.items = vec![item.clone()];
    found.last_item = item.id.0;
    let (mut next, _) = Hub::with(found);
    assert_eq!(happened(&next.give(Input::Spooled(again))), []);
}

/// The hub reads the spool whenever it looks at a pane, so a report may be read there before it is asked for.
#[test]
fn a_report_that_was_refused_is_refused_again_when_it_comes_by_the_socket() {
    let (mut hub, id) = Hub::with_agent();
    let answer = Report { to: Some(ItemId(99)), ..report(ReportKind::Answer, "SQLite") };
    let hook = Hook::Report(Box::new(answer));
    let report = HookReport { id: "r".into(), worker: id, pane: Some(PANE), hook };
    hub.give(Input::Spooled(report.clone()));
    let (request_id, out) = hub.ask(Request::Hook(report));
    assert!(
        out.iter().any(|it| matches!(it, Effect::Reply(to, Err(_)) if *to == request_id)),
        "{out:?}"
    );
}

#[test]
fn only_the_last_word_counts_and_questions_add_up() {
    let (mut hub, id) = Hub::with_agent();
    for kind in [ReportKind::Question, ReportKind::Blocked, ReportKind::Question, ReportKind::Done]
    {
        accepted(&mut hub, &id, report(kind, "x"));
    }
    let shown: Vec<ItemKind> = inbox(&mut hub).iter().map(|it| it.kind).collect();
    assert_eq!(shown, [ItemKind::Question, ItemKind::Question, ItemKind::Done]);
}

#[test]
fn progress_is_a_description_and_no_item() {
    let (mut hub, id) = Hub::with_agent();
    let item = accepted(&mut hub, &id, report(ReportKind::Progress, "Writing\n\x1b[2Jtests"));
    assert_eq!((item, inbox(&mut hub)), (None, Vec::new()));
    let progress = hub.state.workers[&id].worker.progress.clone().unwrap();
    assert_eq!(progress.value, "Writing tests");
}

#[test]
fn reports_of_others_and_floods_are_refused_and_cost_nothing() {
    let (mut hub, id) = Hub::with_agent();
    let done = || report(ReportKind::Done, "x");
    assert!(refused(&mut hub, &id, 99, done()).contains("is not the pane of"));
    let (_, out) = send(&mut hub, &id, 99, done());
    assert!(happened(&out).iter().any(|it| matches!(it, Happened::Told { .. })));
    let nobody: WorkerId = "blog-none".parse().unwrap();
    assert!(refused(&mut hub, &nobody, PANE.0, done()).contains("no worker"));
    let long = report(ReportKind::Done, &"x".repeat(1 << 20));
    assert!(refused(&mut hub, &id, PANE.0, long).contains("too long"));
    let other = Report { pr: Some("https://github.com/x/y/issues/5".into()), ..done() };
    assert!(refused(&mut hub, &id, PANE.0, other).contains("not a pull request"));
    let mut n_ok = 0;
    for _ in 0..10_000 {
        let (request_id, out) = send(&mut hub, &id, PANE.0, done());
        if answer_to(&out, request_id).is_some() {
            n_ok += 1;
        } else {
            assert_eq!(happened(&out), []);
        }
    }
    assert!((50..=60).contains(&n_ok), "{n_ok}");
    hub.after(60_000);
    accepted(&mut hub, &id, done());
}

#[test]
fn a_reply_closes_its_item_when_the_agent_has_it() {
    let (mut hub, id) = at_rest();
    let item = accepted(&mut hub, &id, report(ReportKind::Question, "A or B?")).unwrap();
    assert_eq!(hub.word(&id).to_string(), "waiting: question");
    let reply = Request::Reply { item, text: new_text(&id, "B.") };
    let (request_id, out) = hub.ask(reply.clone());
    let Some(Answer::Queued { delivery, .. }) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    let (request_id, out) = hub.ask(reply.clone());
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotNow), "it is on its way");
    // Withdrawn: the item is open again.
    hub.ask(Request::Cancel { delivery: delivery.id });
    let (request_id, out) = hub.ask(reply);
    let Some(Answer::Queued { delivery, .. }) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("B.".into()));
    let done =
        || Input::Acted { worker: id.clone(), delivery: delivery.id, acted: Ok(Acted::Done) };
    hub.give(done());
    assert_eq!(hub.look_until_act(&id, &screen_with("B.")), Act::Enter);
    hub.give(done());
    let begin = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"B."}"#;
    let out = hub.report(&id, Hook::Agent { payload: begin.into() });
    let closed = happened(&out).into_iter().find_map(|it| {
        let Happened::Item { item } = it else { return None };
        item.closed.map(|it| it.why)
    });
    assert_eq!(closed, Some(Ending::Answered), "{out:?}");
    assert_eq!(inbox(&mut hub), []);
    assert_eq!(hub.word(&id).to_string(), "working");
}

#[test]
fn a_dialog_is_not_answered_by_a_text() {
    let (mut hub, id) = at_rest();
    let asks = r#"{"hook_event_name":"PermissionRequest","session_id":"s","tool_name":"Bash","tool_input":{"command":"npm test"}}"#;
    hub.report(&id, Hook::Agent { payload: asks.into() });
    let items = inbox(&mut hub);
    assert_eq!((items[0].kind, items[0].text.as_str()), (ItemKind::Permission, "npm test"));
    let reply = Request::Reply { item: items[0].id, text: new_text(&id, "yes") };
    let (request_id, out) = hub.ask(reply);
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotNow));
}

#[test]
fn a_turn_that_prints_nothing_is_stalled_until_it_prints() {
    let (mut hub, id) = Hub::with_agent();
    let begin = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"x"}"#;
    hub.report(&id, Hook::Agent { payload: begin.into() });
    let mut working = ready_screen();
    working.rows.insert(2, "✳ Pondering… (2s · esc to interrupt)".into());
    working.rows[6] = "  esc to interrupt".into();
    hub.look(&id, &working);
    hub.after(599_000).give(Input::Tick);
    assert_eq!(kinds(&mut hub), []);
    hub.after(60_000).give(Input::Tick);
    assert_eq!(kinds(&mut hub), [(ItemKind::Stalled, Origin::State)]);
    let next = hub.state.next_deadline();
    assert!(next.is_none_or(|it| it > hub.now()), "it must not be woken again for that");
    hub.give(Input::Rang(PANE));
    hub.after(1000).give(Input::Tick);
    assert_eq!(kinds(&mut hub), []);
}

/// A screen that broke keeps the row of a spinner; the agent itself is at rest.
#[test]
fn a_turn_that_only_a_broken_screen_shows_is_told_after_a_while() {
    let (mut hub, id) = at_rest();
    let mut broken = ready_screen();
    broken.rows.insert(2, "✳ Pondering… (2s · esc to interrupt)".into());
    broken.rows[6] = "  esc to interrupt".into();
    hub.give(Input::Rang(PANE));
    for _ in 0..20 {
        hub.look(&id, &broken);
        if hub.word(&id).name() == "working" {
            break;
        }
    }
    assert_eq!(hub.word(&id).name(), "working");
    hub.after(599_000).give(Input::Tick);
    assert_eq!(kinds(&mut hub), []);
    hub.after(2_000).give(Input::Tick);
    let items = inbox(&mut hub);
    assert_eq!(items[0].kind, ItemKind::Stalled);
    let text = &items[0].text;
    assert!(text.starts_with("no output for 10m, while it still shows `"), "{text}");
    assert!(text.contains("the agent itself says that the turn is over"), "{text}");
    // It draws itself again: the item is over.
    hub.give(Input::Rang(PANE));
    for _ in 0..20 {
        hub.look(&id, &ready_screen());
        if hub.word(&id).name() == "idle" {
            break;
        }
    }
    assert_eq!(kinds(&mut hub), [(ItemKind::Done, Origin::State)]);
}

#[test]
fn an_end_that_was_not_asked_for_is_an_item_and_a_cleanup_takes_all() {
    let (mut hub, id) = Hub::with_agent();
    accepted(&mut hub, &id, report(ReportKind::Question, "A or B?"));
    hub.report(&id, Hook::Exited { exit: Exit::Signal(9), started: true });
    let shown: Vec<ItemKind> = inbox(&mut hub).iter().map(|it| it.kind).collect();
    assert_eq!(shown, [ItemKind::Question, ItemKind::Exited]);
    let cleanup = cleanup_of(&id);
    hub.ask(Request::Cleanup(cleanup));
    hub.give(Input::WindowClosed { worker: id.clone(), done: Ok(()) });
    let done = CleanedUp { worktree_removed: true, branch_deleted: true, notes: Vec::new() };
    hub.give(Input::CleanupOver { worker: id, outcome: Ok(done) });
    assert_eq!(inbox(&mut hub), []);
}
