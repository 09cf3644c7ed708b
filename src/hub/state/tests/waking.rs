//! The parent is told what its workers need: by one line, when its agent is at rest.
use super::{
    inbox::{accepted, at_rest, report},
    *,
};
use crate::model::{FactSource, InboxQuery, ItemId, ProgramState, ReportKind, StatusReport};
use crate::tmux::Said;

/// The pane that the worker was created from.
const BOSS: PaneId = PaneId(1);

pub(super) fn guest() -> WorkerId {
    "guest-pane-1".parse().unwrap()
}

fn met(command: &str) -> Input {
    let sample = Sample { command: command.into(), ..ready_screen() };
    let own = "name = 'mine'\nforeground = ['my-agent', 'node']\n\
               [box]\ntop = '^─{10,}'\nbottom = '^─{10,}'\nprompt = '^❯[\\u00a0 ]'\n";
    let broken = ("broken".into(), "name = 3".into());
    let profiles = vec![broken, ("mine".into(), own.into())];
    let found = Ok(Some(Met { pid: 99, window: WindowId(1), sample, profiles }));
    Input::Met { pane: BOSS, found }
}

/// Plays tmux until the parent is acted on, or for so long.
pub(super) fn play(
    hub: &mut Hub,
    id: &WorkerId,
    boss: &Sample,
    ms: u64,
) -> Option<(DeliveryId, Act)> {
    let end = hub.ms + ms;
    // It may have been asked for already.
    let mut todo = hub.give(met(&boss.command));
    loop {
        while let Some(effect) = todo.pop() {
            let Effect::Tmux(effect) = effect else { continue };
            if let TmuxEffect::Look { worker, .. } = effect {
                let screen = if worker == *id { ready_screen() } else { boss.clone() };
                todo.extend(hub.give(Input::Sampled { worker, sample: Ok(screen) }));
            } else if let TmuxEffect::Meet { .. } = effect {
                todo.extend(hub.give(met(&boss.command)));
            } else if let TmuxEffect::Act { worker, delivery, act, .. } = effect
                && worker == guest()
            {
                return Some((delivery, act));
            }
        }
        let next = hub.state.next_deadline()?;
        let at = u64::try_from(next.duration_since(hub.start).as_millis()).unwrap() + 1;
        if at > end {
            hub.ms = end;
            return None;
        }
        hub.ms = hub.ms.max(at);
        todo = hub.give(Input::Tick);
    }
}

fn told(hub: &Hub) -> Vec<bool> {
    hub.state.inbox.all().map(|it| it.told.is_some()).collect()
}

#[test]
fn an_agent_at_rest_is_told_once_a_minute_in_one_line() {
    let (mut hub, id) = at_rest();
    accepted(&mut hub, &id, report(ReportKind::Question, "A or B?"));
    accepted(&mut hub, &id, report(ReportKind::Blocked, "no token"));
    let played = play(&mut hub, &id, &ready_screen(), 10_000);
    let (delivery, act) = played.unwrap();
    let Act::Paste(line) = act else { panic!("{act:?}") };
    assert_eq!(
        line,
        format!("[wtmag] {id} is blocked: no token; {id} asks: A or B? Run `wtmag inbox`.")
    );
    assert_eq!(told(&hub), [true, true]);
    let done = || Input::Acted { worker: guest(), delivery, acted: Ok(Acted::Done) };
    hub.give(done());
    let enter = play(&mut hub, &id, &screen_with(&line), 5_000);
    assert_eq!(enter, Some((delivery, Act::Enter)));
    hub.give(done());
    let mut working = ready_screen();
    working.rows.insert(2, "✳ Pondering… (2s · esc to interrupt)".into());
    working.rows[6] = "  esc to interrupt".into();
    assert_eq!(play(&mut hub, &id, &working, 5_000), None);
    assert!(hub.state.waking.guests.is_empty(), "nothing is left to tell");
    // The next news wait for the minute, and for the end of its turn.
    accepted(&mut hub, &id, report(ReportKind::Question, "C or D?"));
    assert_eq!(play(&mut hub, &id, &working, 70_000), None);
    let (_, act) = play(&mut hub, &id, &ready_screen(), 10_000).unwrap();
    assert!(matches!(act, Act::Paste(line) if line.contains("C or D?")));
}

#[test]
fn a_shell_a_draft_and_a_dialog_are_told_nothing() {
    let (mut hub, id) = at_rest();
    accepted(&mut hub, &id, report(ReportKind::Question, "A or B?"));
    let shell = Sample { command: "bash".into(), ..ready_screen() };
    assert_eq!(play(&mut hub, &id, &shell, 3_600_000), None);
    assert_eq!(told(&hub), [false]);
    let n_looks = hub.state.next_deadline();
    assert!(n_looks.is_none_or(|at| at > hub.now()), "it is left alone");
    let (mut hub, id) = at_rest();
    accepted(&mut hub, &id, report(ReportKind::Question, "A or B?"));
    assert_eq!(play(&mut hub, &id, &screen_with("a draft"), 60_000), None);
    assert_eq!(told(&hub), [false]);
}

#[test]
fn an_agent_that_only_the_users_profiles_know_is_told() {
    for (command, is_known) in [("my-agent", true), ("node", false), ("other-agent", false)] {
        let (mut hub, id) = at_rest();
        accepted(&mut hub, &id, report(ReportKind::Question, "A or B?"));
        let screen = Sample { command: command.into(), ..ready_screen() };
        let played = play(&mut hub, &id, &screen, 60_000);
        assert_eq!(played.is_some(), is_known, "{command}: {played:?}");
    }
}

#[test]
fn what_the_agent_reads_or_waits_for_is_not_typed() {
    let (mut hub, id) = at_rest();
    let reader = Some(Caller { pane: Some(BOSS), session: None });
    let waits = InboxQuery { reader: reader.clone(), waits: true, ..InboxQuery::default() };
    hub.ask(Request::Inbox(waits));
    let item = accepted(&mut hub, &id, report(ReportKind::Question, "A or B?")).unwrap();
    assert_eq!(play(&mut hub, &id, &ready_screen(), 30_000), None, "it waits by itself");
    let read = InboxQuery { items: vec![item], reader, ..InboxQuery::default() };
    hub.ask(Request::Inbox(read));
    hub.give(Input::ClientGone { client: 1 });
    assert_eq!(play(&mut hub, &id, &ready_screen(), 30_000), None, "it has read it");
    accepted(&mut hub, &id, report(ReportKind::Question, "C or D?"));
    assert!(play(&mut hub, &id, &ready_screen(), 30_000).is_some());
}

#[test]
fn news_that_are_over_are_not_told() {
    let (mut hub, id) = at_rest();
    let item = accepted(&mut hub, &id, report(ReportKind::Question, "A or B?")).unwrap();
    hub.ask(Request::Ack { items: vec![item] });
    assert_eq!(play(&mut hub, &id, &ready_screen(), 30_000), None);
    // The same while the line waits in the queue, because a draft came in between.
    let (mut hub, id) = at_rest();
    let item = accepted(&mut hub, &id, report(ReportKind::Question, "A or B?")).unwrap();
    let mut queued = false;
    for _ in 0..200 {
        if play(&mut hub, &id, &ready_screen(), 20).is_some() {
            break;
        }
        queued = told(&hub) == [true];
        if queued {
            break;
        }
    }
    if queued {
        hub.ask(Request::Ack { items: vec![item] });
        assert_eq!(play(&mut hub, &id, &screen_with("draft"), 30_000), None);
        assert!(hub.state.waking.guests.is_empty());
    }
}

#[test]
fn a_line_that_the_last_hub_had_not_typed_is_told_again() {
    let (mut hub, id) = at_rest();
    let item = accepted(&mut hub, &id, report(ReportKind::Question, "A or B?")).unwrap();
    let (delivery, _) = play(&mut hub, &id, &ready_screen(), 10_000).unwrap();
    let item = hub.state.inbox.get(item).unwrap().clone();
    let line = hub.state.live_mut(&guest()).unwrap().newest_delivery().unwrap().clone();
    assert_eq!(line.id, delivery);
    for (step, want) in [(Step::Queued, false), (Step::Pasting, true)] {
        let mut line = line.clone();
        line.step = step;
        line.steps.retain(|it| it.step <= step);
        let mut found = restart::remembered(&hub, &id);
        found.items = vec![item.clone()];
        found.deliveries.push(line);
        let (next, _) = Hub::with(found);
        let known = next.state.inbox.get(item.id).unwrap();
        assert_eq!(known.told.is_some(), want, "{step}");
    }
}

#[test]
fn an_orchestrator_that_took_over_is_told_what_is_open() {
    let (mut hub, id) = at_rest();
    let caller = Caller { pane: Some(PANE), session: None };
    let (request_id, out) = hub.ask(Request::Adopt { workers: vec![id.clone()], caller });
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::NotNow), "itself");
    let caller = Caller { pane: Some(PaneId(5)), session: None };
    let (request_id, out) = hub.ask(Request::Adopt { workers: vec![id.clone()], caller });
    assert_eq!(answer_to(&out, request_id), Some(Answer::Done));
    let worker = &hub.state.workers[&id].worker;
    assert_eq!(worker.parent_pane.map(|it| it.pane), Some(PaneId(5)));
    assert_eq!(hub.state.inbox.untold().map(|it| it.id).collect::<Vec<_>>(), [ItemId(1)]);
}

/// pi reports the end of a turn before its screen shows it.
#[test]
fn a_parent_whose_report_came_before_its_screen_agreed_is_told() {
    let (mut hub, id) = at_rest();
    let report = |state| {
        let report = StatusReport { state, kind: None, app: None, message: None, id: None };
        Input::Said(PANE, Said { report: Some(report), beckons: false })
    };
    let mut working = ready_screen();
    working.rows.insert(2, "✳ Pondering… (2s · esc to interrupt)".into());
    working.rows[6] = "  esc to interrupt".into();
    hub.after(10_000).give(Input::Rang(PANE));
    for _ in 0..20 {
        if hub.word(&id).name() != "working" {
            hub.look(&id, &working);
        }
    }
    assert_eq!(hub.word(&id).name(), "working");
    hub.after(10_000).give(report(ProgramState::Working));
    hub.give(report(ProgramState::Done));
    assert_eq!(hub.word(&id).name(), "idle");
    let live = &hub.state.workers[&id];
    assert_eq!(live.worker.state.turn.source, FactSource::Program);
    assert!(!live.may_be_woken(), "its screen does not say so yet");
    hub.give(Input::Rang(PANE));
    for _ in 0..20 {
        if !hub.state.workers[&id].may_be_woken() {
            hub.look(&id, &ready_screen());
        }
    }
    let live = &hub.state.workers[&id];
    assert_eq!(live.worker.state.turn.source, FactSource::Program, "it was known before");
    assert!(live.may_be_woken());
}
