//! What hooks and the pane's own process report.
use super::*;

#[test]
fn an_exit_is_known_at_once_and_fails_what_was_on_its_way() {
    let (mut hub, id) = Hub::with_agent();
    let out = hub.report(&id, Hook::Exited { exit: Exit::Code(3), started: true });
    assert_eq!(hub.word(&id).to_string(), "exited(3)");
    let failed = |it: &Happened| matches!(it, Happened::Delivery { step: Step::Failed, .. });
    assert!(happened(&out).iter().any(failed), "{out:?}");
}

#[test]
fn a_report_counts_once_and_only_from_the_workers_pane() {
    let (mut hub, id) = Hub::with_worker();
    let hook = Hook::Exited { exit: Exit::Code(3), started: true };
    let mut report =
        HookReport { id: "x".into(), worker: id.clone(), pane: Some(PaneId(99)), hook };
    hub.ask(Request::Hook(report.clone()));
    assert_eq!(hub.word(&id), DisplayState::Starting);
    report.pane = Some(PANE);
    report.id = "y".into();
    assert!(!happened(&hub.ask(Request::Hook(report.clone())).1).is_empty());
    assert_eq!(happened(&hub.give(Input::Spooled(report))), []);
}

#[test]
fn the_end_of_an_agent_is_told_by_its_pane_only_and_once() {
    let (mut hub, id) = Hub::with_agent();
    let exited = |code| Hook::Exited { exit: Exit::Code(code), started: true };
    for (n, hook) in [exited(3), Hook::Started].into_iter().enumerate() {
        let report =
            HookReport { id: format!("no pane {n}"), worker: id.clone(), pane: None, hook };
        hub.ask(Request::Hook(report));
        assert_ne!(hub.word(&id).name(), "exited");
    }
    hub.report(&id, exited(127));
    hub.report(&id, exited(3));
    assert_eq!(hub.word(&id).to_string(), "exited(127)");
}

#[test]
fn a_shell_that_ends_before_the_agent_is_not_the_agents_end() {
    let (mut hub, id) = Hub::with_worker();
    let out = hub.report(&id, Hook::Exited { exit: Exit::Code(1), started: false });
    assert_eq!(hub.word(&id).to_string(), "not-started(1)");
    let told = happened(&out);
    let failed = told.iter().find_map(|it| {
        let Happened::Delivery { step: Step::Failed, evidence, .. } = it else { return None };
        Some(evidence.as_str())
    });
    assert_eq!(failed, Some("the shell ended (1) before it started the agent"));
}
