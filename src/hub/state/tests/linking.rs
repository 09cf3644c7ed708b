//! Requests that wait for the connection, and what a lost one leaves open.
use super::*;

pub(super) fn n_of(out: &[Effect], is_it: impl Fn(&Effect) -> bool) -> usize {
    out.iter().filter(|it| is_it(it)).count()
}

fn closes(out: &[Effect]) -> usize {
    n_of(out, |it| matches!(it, Effect::Tmux(TmuxEffect::CloseWindow { .. })))
}

fn removes(out: &[Effect]) -> usize {
    n_of(out, |it| matches!(it, Effect::Local(LocalEffect::Cleanup { .. })))
}

#[test]
fn a_cleanup_waits_for_the_connection_and_does_each_step_once() {
    let (mut hub, id) = Hub::with_agent();
    let lost = hub.give(Input::LinkLost { why: "x".into() });
    assert_eq!(n_of(&lost, |it| matches!(it, Effect::Local(LocalEffect::Link { .. }))), 1);
    let (request_id, out) = hub.ask(Request::Cleanup(cleanup_of(&id)));
    assert_eq!(closes(&out), 0, "{out:?}");
    hub.give(Input::Linked(linked()));
    let row = hub.seen(&id, &[]);
    let out = hub.give(listed(vec![row.clone()]));
    assert_eq!(closes(&out), 1, "{out:?}");
    let out = hub.give(listed(vec![row]));
    assert_eq!(closes(&out), 0, "{out:?}");
    let out = hub.give(Input::WindowClosed { worker: id.clone(), done: Ok(()) });
    assert_eq!(removes(&out), 1, "{out:?}");
    let out = hub.give(listed(Vec::new()));
    assert_eq!(removes(&out), 0, "{out:?}");
    let done = CleanedUp { worktree_removed: true, branch_deleted: true, notes: Vec::new() };
    let out = hub.give(Input::CleanupOver { worker: id, outcome: Ok(done) });
    assert!(matches!(answer_to(&out, request_id), Some(Answer::CleanedUp { .. })), "{out:?}");
}

#[test]
fn a_cleanup_that_a_former_hub_began_is_gone_on_with_once() {
    let (hub, id) = Hub::with_agent();
    let mut found = restart::remembered(&hub, &id);
    found.workers[0].place.gone = true;
    found.cleanups = vec![cleanup_of(&id)];
    let (mut hub, out) = Hub::with(found);
    assert_eq!(removes(&out), 1, "{out:?}");
    let out = hub.ask(Request::Cleanup(cleanup_of(&id))).1;
    assert_eq!(removes(&out), 0, "{out:?}");
}

#[test]
fn a_window_that_could_not_be_closed_is_closed_on_the_next_connection() {
    let (mut hub, id) = Hub::with_agent();
    let (request_id, out) = hub.ask(Request::Cleanup(cleanup_of(&id)));
    assert_eq!(closes(&out), 1, "{out:?}");
    hub.give(Input::LinkLost { why: "x".into() });
    let out = hub.give(Input::WindowClosed { worker: id.clone(), done: Err("closed".into()) });
    assert_eq!(refusal_to(&out, request_id), None, "{out:?}");
    hub.give(Input::Linked(linked()));
    let row = hub.seen(&id, &[]);
    assert_eq!(closes(&hub.give(listed(vec![row]))), 1);
}

#[test]
fn who_waits_for_a_cleanup_is_told_when_tmux_cannot_be_reached() {
    let (mut hub, id) = Hub::with_agent();
    hub.give(Input::LinkLost { why: "x".into() });
    let (request_id, mut out) = hub.ask(Request::Cleanup(cleanup_of(&id)));
    for _ in 0..6 {
        out.extend(hub.give(Input::LinkFailed { error: "no answer".into(), no_server: false }));
    }
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::Tmux), "{out:?}");
    assert!(hub.state.workers[&id].has_window());
}

#[test]
fn what_a_lost_connection_shows_is_not_acted_on() {
    let (mut hub, id) = Hub::with_agent();
    hub.give(Input::LinkLost { why: "x".into() });
    for _ in 0..5 {
        let out =
            hub.after(500).give(Input::Sampled { worker: id.clone(), sample: Ok(ready_screen()) });
        assert_eq!(
            n_of(&out, |it| matches!(it, Effect::Tmux(TmuxEffect::Act { .. }))),
            0,
            "{out:?}"
        );
    }
    hub.give(Input::Linked(linked()));
    let row = hub.seen(&id, &[]);
    hub.give(listed(vec![row]));
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("Read it.".into()));
}

#[test]
fn workers_of_a_server_whose_socket_was_removed_are_not_lost() {
    let (mut hub, id) = Hub::with_agent();
    let known = |out: &[Effect]| {
        out.iter().find_map(|it| {
            let Effect::Local(LocalEffect::Link { known, .. }) = it else { return None };
            Some(*known)
        })
    };
    let out = hub.give(Input::LinkLost { why: "x".into() });
    assert_eq!(known(&out), Some(Some(linked().info.id)));
    let failed = || Input::LinkFailed { error: "no tmux server".into(), no_server: false };
    let last = (0..30).map(|_| known(&hub.give(failed()))).last();
    // Not for ever: another server may have its number.
    assert_eq!(last, Some(Some(None)));
    assert!(hub.state.workers[&id].worker.is_live());
    hub.give(Input::LinkFailed { error: "no tmux server".into(), no_server: true });
    assert_eq!(hub.word(&id).to_string(), "lost: tmux server gone");
}

/// A `create` whose window was asked for.
pub(super) fn creating(hub: &mut Hub) -> (RequestId, WorkerId) {
    let own = Reserve { placement: Placement::Session, ..reserve() };
    let (request_id, _) = hub.ask(Request::Reserve(own));
    let out = hub.give(Input::Linked(linked()));
    let Some(Answer::Reserved(reservation)) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    hub.give(listed(Vec::new()));
    let (request_id, _) = hub.ask(Request::Create(Box::new(new_worker(&reservation.id))));
    (request_id, reservation.id)
}

#[test]
fn a_window_of_which_there_is_no_word_is_looked_for() {
    for is_there in [true, false] {
        let mut hub = Hub::new();
        let (request_id, id) = creating(&mut hub);
        let made = Err(NotMade::Unknown("no answer".into()));
        let out = hub.give(Input::WindowMade { worker: id.clone(), made });
        assert_eq!(refusal_to(&out, request_id), None, "{out:?}");
        assert!(
            out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::ListPanes { .. }))),
            "{out:?}"
        );
        let row = hub.seen(&id, &[(SESSION, id.as_str())]);
        let out = hub.give(listed(is_there.then_some(row).into_iter().collect()));
        if is_there {
            assert!(matches!(answer_to(&out, request_id), Some(Answer::Created { .. })), "{out:?}");
            assert_eq!(hub.state.workers[&id].worker.place.pane, PANE);
        } else {
            assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::Tmux), "{out:?}");
        }
    }
}

#[test]
fn a_window_made_on_a_connection_that_is_lost_is_a_worker() {
    let mut hub = Hub::new();
    let (request_id, id) = creating(&mut hub);
    hub.give(Input::LinkLost { why: "x".into() });
    let made = made(None);
    let out = hub.give(Input::WindowMade { worker: id, made: Ok(made) });
    assert!(matches!(answer_to(&out, request_id), Some(Answer::Created { .. })), "{out:?}");
}

#[test]
fn a_session_that_is_found_too_late_takes_nothing_from_the_next_one() {
    let mut hub = Hub::new();
    hub.ask(Request::Reserve(reserve()));
    let first = RequestId { client: 1, number: 1 };
    hub.give(Input::Linked(linked()));
    hub.give(Input::ClientGone { client: 1 });
    let second = RequestId { client: 2, number: 1 };
    hub.give(Input::Requested { request_id: second, request: Request::Reserve(reserve()) });
    let out = hub.give(Input::SessionFound { request_id: first, found: Ok(None) });
    assert_eq!(refusal_to(&out, first), None);
    let found = Ok(Some((SESSION, "work".to_owned())));
    let out = hub.give(Input::SessionFound { request_id: second, found });
    assert!(matches!(answer_to(&out, second), Some(Answer::Reserved(_))), "{out:?}");
}
