//! The list of panes: when it is asked for, and what it says of workers and of others.
use super::{
    linking::{creating, n_of},
    *,
};

#[test]
fn a_pane_that_is_gone_is_lost() {
    let (mut hub, id) = Hub::with_agent();
    hub.give(Input::Restructured);
    hub.give(listed(Vec::new()));
    assert_eq!(hub.word(&id).to_string(), "lost: window closed");
    assert!(hub.state.workers.contains_key(&id), "its worktree is still there");
}

#[test]
fn structural_events_ask_for_one_list() {
    let (mut hub, _) = Hub::with_agent();
    let out = hub.give(Input::Restructured);
    assert!(matches!(out.as_slice(), [Effect::Tmux(TmuxEffect::ListPanes { .. })]), "{out:?}");
    assert_eq!(hub.give(Input::Restructured), []);
}

#[test]
fn windows_without_a_worker_are_reported_and_left_alone() {
    let (mut hub, id) = Hub::with_agent();
    let mut stranger = hub.seen(&id, &[]);
    stranger.worker = Some("old-worker".into());
    stranger.pane = PaneId(50);
    let mine = hub.seen(&id, &[(SESSION, "work")]);
    let out = hub.give(listed(vec![mine, stranger]));
    assert!(!out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::CloseWindow { .. }))));
    let (request_id, out) = hub.ask(Request::Status);
    let Some(Answer::Status(status)) = answer_to(&out, request_id) else { panic!("{out:?}") };
    assert_eq!(status.orphans, ["old-worker"]);
}

#[test]
fn a_list_that_failed_is_asked_for_again() {
    let (mut hub, _) = Hub::with_agent();
    let lists =
        |out: &[Effect]| n_of(out, |it| matches!(it, Effect::Tmux(TmuxEffect::ListPanes { .. })));
    assert_eq!(lists(&hub.give(Input::Panes(Err("no answer".into())))), 1);
    hub.give(Input::LinkLost { why: "x".into() });
    assert_eq!(lists(&hub.give(Input::Panes(Err("no answer".into())))), 0);
}

#[test]
fn a_list_that_is_older_than_a_window_does_not_lose_it() {
    let mut hub = Hub::new();
    let (request_id, id) = creating(&mut hub);
    let asked = hub.now();
    let session = Some((SESSION, id.to_string()));
    let made = made(session);
    let out = hub.give(Input::WindowMade { worker: id.clone(), made: Ok(made) });
    assert!(matches!(answer_to(&out, request_id), Some(Answer::Created { .. })), "{out:?}");
    let out = hub.give(listed_at(asked, Vec::new()));
    assert!(hub.state.workers[&id].worker.is_live());
    assert!(matches!(out.as_slice(), [.., Effect::Tmux(TmuxEffect::ListPanes { .. })]), "{out:?}");
    hub.give(listed(Vec::new()));
    assert!(!hub.state.workers[&id].worker.is_live());
}

#[test]
fn what_changes_while_the_panes_are_listed_is_listed_after() {
    let (mut hub, id) = Hub::with_agent();
    hub.give(Input::Restructured);
    let asked = hub.after(20).now();
    hub.after(1).give(Input::Restructured);
    let row = hub.seen(&id, &[(SESSION, id.as_str())]);
    let out = hub.give(listed_at(asked, vec![row]));
    assert!(
        out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::ListPanes { .. }))),
        "{out:?}"
    );
    hub.give(listed(Vec::new()));
    assert!(!hub.state.workers[&id].worker.is_live());
}

/// Another first process in the pane is another program, whatever it is called.
#[test]
fn a_pane_that_was_respawned_is_not_the_agents() {
    let (mut hub, id) = Hub::with_agent();
    let row = hub.seen(&id, &[]);
    hub.give(listed(vec![row.clone()]));
    assert!(hub.state.workers[&id].worker.is_live());
    // A dead pane keeps its number or has none.
    hub.give(listed(vec![PaneRow { dead: true, pid: 0, ..row.clone() }]));
    assert!(hub.state.workers[&id].worker.is_live());
    hub.give(listed(vec![PaneRow { pid: PID + 1, ..row.clone() }]));
    assert_eq!(hub.word(&id).to_string(), "lost: pane respawned");
    let live = &hub.state.workers[&id];
    assert_eq!((live.open_deliveries(), live.has_window()), (0, true));
    for _ in 0..20 {
        hub.after(1000).give(Input::Rang(PANE));
        let out = hub.look(&id, &ready_screen());
        assert!(!out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::Act { .. }))));
    }
}

/// Stores of before do not have it.
#[test]
fn the_process_of_a_pane_is_recorded_when_it_is_first_listed() {
    let (hub, id) = Hub::with_agent();
    let mut found = restart::remembered(&hub, &id);
    found.workers[0].place.pid = None;
    let (mut hub, _) = Hub::with(found);
    hub.give(Input::Linked(linked()));
    let row = hub.seen(&id, &[]);
    hub.give(listed(vec![row.clone()]));
    assert_eq!(hub.state.workers[&id].worker.place.pid, Some(PID));
    hub.give(listed(vec![PaneRow { pid: PID + 1, ..row }]));
    assert_eq!(hub.word(&id).to_string(), "lost: pane respawned");
}
