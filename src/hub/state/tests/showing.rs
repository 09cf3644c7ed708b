//! A request to show a worker gets a screen that is not older than the worker's state.
use super::*;
use crate::{
    model::{BlockKind, ProgramState, StatusReport},
    tmux::Said,
};

fn shown(out: &[Effect], to: RequestId) -> Option<Option<Sample>> {
    match answer_to(out, to) {
        Some(Answer::Shown { screen, .. }) => Some(screen),
        _ => None,
    }
}

fn show(hub: &mut Hub, id: &WorkerId) -> (RequestId, Vec<Effect>) {
    hub.ask(Request::Show { id: id.clone() })
}

fn sampled(hub: &mut Hub, id: &WorkerId, screen: &Sample) -> Vec<Effect> {
    hub.give(Input::Sampled { worker: id.clone(), sample: Ok(screen.clone()) })
}

#[test]
fn the_screen_was_captured_after_the_question() {
    let (mut hub, id) = Hub::with_agent();
    hub.look(&id, &screen_with("old"));
    hub.after(1000);
    let (request_id, out) = show(&mut hub, &id);
    assert_eq!(shown(&out, request_id), None);
    assert!(out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::Look { .. }))), "{out:?}");
    let out = sampled(&mut hub, &id, &screen_with("new"));
    let screen = shown(&out, request_id).unwrap().unwrap();
    assert_eq!(screen.rows, screen_with("new").rows);
}

#[test]
fn a_state_that_a_hook_told_is_waited_for_on_the_screen() {
    let (mut hub, id) = Hub::with_agent();
    hub.look(&id, &ready_screen());
    hub.after(1000);
    let payload = r#"{"hook_event_name":"PermissionRequest","tool_name":"Bash"}"#.to_owned();
    hub.report(&id, Hook::Agent { payload });
    assert_eq!(hub.word(&id).to_string(), "waiting: permission");
    let (request_id, _) = show(&mut hub, &id);
    // The dialog is not drawn yet.
    let out = sampled(&mut hub, &id, &ready_screen());
    assert_eq!(shown(&out, request_id), None, "{out:?}");
    // An agent that never draws it does not delay the answer for ever.
    hub.after(1001);
    let out = hub.give(Input::Tick);
    assert!(shown(&out, request_id).is_some(), "{out:?}");
}

/// codex reports a question in its output before it draws it.
#[test]
fn a_state_that_the_program_reports_is_waited_for_on_the_screen() {
    let (mut hub, id) = Hub::with_agent();
    for _ in 0..5 {
        hub.look(&id, &ready_screen());
    }
    hub.after(10_000);
    let (state, kind) = (ProgramState::Blocked, Some(BlockKind::Permission));
    let report = StatusReport { state, kind, app: None, message: None, id: None };
    hub.give(Input::Said(PANE, Said { report: Some(report), beckons: false }));
    assert_eq!(hub.word(&id).to_string(), "waiting: permission");
    let (request_id, _) = show(&mut hub, &id);
    let out = sampled(&mut hub, &id, &ready_screen());
    assert_eq!(shown(&out, request_id), None, "{out:?}");
}

/// claude's hook names its own answers; the dialog also has one for the user's words.
#[test]
fn answers_that_only_the_dialog_has_are_waited_for() {
    let (mut hub, id) = Hub::with_agent();
    hub.look(&id, &ready_screen());
    hub.after(1000);
    let payload = r#"{"hook_event_name":"PermissionRequest","tool_name":"AskUserQuestion","tool_input":{
        "questions":[{"question":"Which?","options":[{"label":"Red"},{"label":"Blue"}]}]}}"#;
    hub.report(&id, Hook::Agent { payload: payload.into() });
    let (request_id, _) = show(&mut hub, &id);
    let dialog = [
        "Which?",
        "",
        "❯ 1. Red",
        "  2. Blue",
        "  3. Type something.",
        "",
        "Enter to select · Esc to cancel",
    ];
    let dialog = Sample { rows: dialog.map(str::to_owned).to_vec(), ..ready_screen() };
    let mut out = sampled(&mut hub, &id, &dialog);
    let since = hub.ms;
    assert_eq!(shown(&out, request_id), None, "it was seen once");
    while shown(&out, request_id).is_none() {
        out = hub.look(&id, &dialog);
    }
    assert!(hub.ms - since < 500, "{} ms", hub.ms - since);
    let asks = hub.state.workers[&id].worker.state.asks.clone().unwrap();
    let labels: Vec<&str> = asks.choices.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(labels, ["Red", "Blue", "Type something."]);
}

/// opencode asks once more after `Allow always`. Who asks in that moment gets the new question, not the one that
/// was answered.
#[test]
fn a_dialog_that_follows_another_is_waited_for() {
    let (mut hub, id) = Hub::with_agent();
    let dialog = |labels: [&str; 2]| {
        let [first, second] = labels;
        let rows = [
            "Do you want to proceed?",
            &format!("❯ 1. {first}"),
            &format!("  2. {second}"),
            "",
            "Esc to cancel",
        ];
        Sample { rows: rows.map(str::to_owned).to_vec(), ..ready_screen() }
    };
    let labels = |hub: &Hub| -> Vec<String> {
        let asks = hub.state.workers[&id].worker.state.asks.clone().unwrap();
        asks.choices.into_iter().map(|it| it.label).collect()
    };
    for _ in 0..5 {
        hub.look(&id, &dialog(["Always", "Reject"]));
    }
    assert_eq!(labels(&hub), ["Always", "Reject"]);
    hub.after(1000);
    let (request_id, _) = show(&mut hub, &id);
    let mut out = sampled(&mut hub, &id, &dialog(["Confirm", "Cancel"]));
    let since = hub.ms;
    assert_eq!(shown(&out, request_id), None, "it was seen once");
    while shown(&out, request_id).is_none() {
        out = hub.look(&id, &dialog(["Confirm", "Cancel"]));
    }
    assert_eq!(labels(&hub), ["Confirm", "Cancel"]);
    assert!(hub.ms - since < 500, "{} ms", hub.ms - since);
}

#[test]
fn a_worker_without_a_window_is_shown_at_once() {
    let (mut hub, id) = Hub::with_agent();
    hub.give(Input::LinkLost { why: "gone".into() });
    let (request_id, out) = show(&mut hub, &id);
    assert!(shown(&out, request_id).is_some(), "{out:?}");
}
