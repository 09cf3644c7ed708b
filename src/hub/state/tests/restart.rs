//! The next hub: what it finds in its store, in tmux and in git.
use super::*;

pub(super) fn remembered(hub: &Hub, id: &WorkerId) -> Remembered {
    let live = &hub.state.workers[id];
    Remembered {
        workers: vec![live.worker.clone()],
        deliveries: live.deliveries(),
        last_seq: hub.state.seq,
        last_delivery: 1,
        ..Remembered::default()
    }
}

#[test]
fn a_new_hub_finds_its_workers_again() {
    let (hub, id) = Hub::with_agent();
    let (mut hub, out) = Hub::with(remembered(&hub, &id));
    let known = Some(linked().info.id);
    assert!(out.contains(&Effect::Local(LocalEffect::Link {
        missing: NoConnection::MakeFleet,
        after: Duration::ZERO,
        known
    })));
    hub.give(Input::Linked(linked()));
    let row = hub.seen(&id, &[(SESSION, "work")]);
    hub.give(listed(vec![row]));
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("Read it.".into()));
}

#[test]
fn worktrees_that_were_moved_or_removed_are_noticed_once() {
    let (hub, id) = Hub::with_agent();
    let found = remembered(&hub, &id);
    let query = WorktreeQuery::new(&found.workers[0]);
    let (mut hub, out) = Hub::with(found);
    assert!(out.contains(&Effect::Local(LocalEffect::FindWorktrees(vec![query]))));
    for (path, n_events) in [(Some("/moved"), 1), (None, 1), (None, 0), (Some("/moved"), 1)] {
        let path = path.map(PathBuf::from);
        let facts = WorktreeFacts { worker: id.clone(), path: path.clone(), branch: None };
        let out = hub.give(Input::Worktrees(vec![facts]));
        let events = out.iter().filter(|it| matches!(it, Effect::Record(Record::Event(_))));
        assert_eq!(events.count(), n_events, "{out:?}");
        let worker = &hub.state.workers[&id].worker;
        assert_eq!((&worker.worktree, worker.worktree_gone), (&"/moved".into(), path.is_none()));
    }
}

#[test]
fn a_worker_follows_its_renamed_branch_unless_it_is_anothers() {
    let (hub, id) = Hub::with_agent();
    let mut found = remembered(&hub, &id);
    let other: WorkerId = "blog-other".parse().unwrap();
    let worker = found.workers[0].clone();
    found.workers.push(Worker { id: other, branch: "other".into(), ..worker.clone() });
    let path = Some(worker.worktree);
    let (mut hub, _) = Hub::with(found);
    let mut named = |branch: &str| {
        let (worker, path) = (id.clone(), path.clone());
        let facts = WorktreeFacts { worker, path, branch: Some(branch.to_owned()) };
        let out = hub.give(Input::Worktrees(vec![facts]));
        (happened(&out), hub.state.workers[&id].worker.branch.clone())
    };
    let renamed = Happened::Renamed { branch: "better".into() };
    let (told, branch) = named("better");
    assert!(told.contains(&renamed), "{told:?}");
    assert_eq!(branch, "better");
    assert_eq!(named("other"), (Vec::new(), "better".to_owned()));
}

#[test]
fn a_new_hub_never_pastes_what_may_have_been_pasted() {
    let (mut hub, id) = died_at_a_paste();
    let screen = Sample { pasted: Some(DeliveryId(1)), ..ready_screen() };
    for _ in 0..30 {
        let out = hub.look(&id, &screen);
        assert!(
            !out.iter().any(|it| matches!(it, Effect::Tmux(TmuxEffect::Act { .. }))),
            "{out:?}"
        );
        if hub.state.workers[&id].open_deliveries() == 0 {
            let receipt = hub.state.workers[&id].newest_delivery().unwrap();
            return assert_eq!(receipt.evidence, "outcome unknown after restart");
        }
    }
    panic!("never judged");
}

#[test]
fn a_new_hub_pastes_what_has_not_been_pasted() {
    let (mut hub, id) = died_at_a_paste();
    assert_eq!(hub.look_until_act(&id, &ready_screen()), Act::Paste("Read it.".into()));
}

fn died_at_a_paste() -> (Hub, WorkerId) {
    let (mut hub, id) = Hub::with_agent();
    hub.look_until_act(&id, &ready_screen());
    let (mut hub, _) = Hub::with(remembered(&hub, &id));
    hub.give(Input::Linked(linked()));
    let row = hub.seen(&id, &[(SESSION, "work")]);
    hub.give(listed(vec![row]));
    (hub, id)
}

#[test]
fn workers_of_another_server_are_lost_with_it() {
    let (hub, id) = Hub::with_agent();
    let (mut hub, _) = Hub::with(remembered(&hub, &id));
    let server = ServerId { pid: 11, started: 99 };
    hub.give(Input::Linked(on_server(server)));
    assert_eq!(hub.word(&id).to_string(), "lost: tmux server gone");
}

#[test]
fn a_reboot_is_told_from_a_dead_server() {
    let (hub, id) = Hub::with_agent();
    let mut found = remembered(&hub, &id);
    found.workers[0].place.boot = "boot-0".into();
    let (mut hub, _) = Hub::with(found);
    let server = ServerId { pid: 11, started: 99 };
    hub.give(Input::Linked(on_server(server)));
    assert_eq!(hub.word(&id).to_string(), "lost: machine rebooted");
}

#[test]
fn a_hub_without_workers_looks_for_windows_of_wtmag() {
    let (hub, id) = Hub::with_agent();
    let row = hub.seen(&id, &[(SESSION, "work")]);
    let (mut hub, _) = Hub::with(Remembered::default());
    // A request that comes before the first capture is answered after it.
    let (request_id, out) = hub.ask(Request::List { ended: false, brief: true });
    assert_eq!(out, []);
    assert!(answer_to(&hub.give(Input::Linked(linked())), request_id).is_none());
    let out = hub.give(listed(vec![row]));
    assert!(!out.contains(&Effect::Local(LocalEffect::Unlink)), "{out:?}");
    let Some(Answer::Workers { orphans, .. }) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    assert_eq!(orphans, [id.as_str()]);
    let out = hub.give(listed(Vec::new()));
    assert!(out.contains(&Effect::Local(LocalEffect::Unlink)), "{out:?}");
}

#[test]
fn who_asks_while_a_hub_looks_is_answered_also_when_there_is_nothing() {
    for input in [nothing_there(), Input::LinkLost { why: "x".into() }] {
        let (mut hub, _) = Hub::with(Remembered::default());
        let (request_id, _) = hub.ask(Request::List { ended: false, brief: true });
        if matches!(input, Input::LinkLost { .. }) {
            hub.give(Input::Linked(linked()));
        }
        let mut out = hub.give(input);
        if answer_to(&out, request_id).is_none() {
            out = hub.give(nothing_there());
        }
        assert!(matches!(answer_to(&out, request_id), Some(Answer::Workers { .. })), "{out:?}");
    }
}

#[test]
fn who_comes_while_a_hub_looks_is_not_refused_for_what_it_does_not_find() {
    let (mut hub, _) = Hub::with(Remembered::default());
    let (request_id, out) = hub.ask(Request::Reserve(reserve()));
    assert_eq!(out, []);
    let out = hub.give(nothing_there());
    let (missing, after) = (NoConnection::StartServer, Duration::ZERO);
    assert_eq!(out, [Effect::Local(LocalEffect::Link { missing, after, known: None })]);
    let out = hub.give(Input::Linked(linked()));
    let caller = reserve().caller;
    assert!(out.contains(&Effect::Tmux(TmuxEffect::FindSession { request_id, caller })), "{out:?}");
}

#[test]
fn who_comes_while_a_lost_server_is_looked_for_has_one_started() {
    let (hub, id) = Hub::with_agent();
    let (mut hub, _) = Hub::with(remembered(&hub, &id));
    let own = Reserve { branch: "other".into(), source_key: None, ..reserve() };
    let (request_id, _) = hub.ask(Request::Reserve(own));
    let out = hub.give(nothing_there());
    assert_eq!(hub.word(&id).to_string(), "lost: tmux server gone");
    let (missing, after) = (NoConnection::StartServer, Duration::ZERO);
    assert!(
        out.contains(&Effect::Local(LocalEffect::Link { missing, after, known: None })),
        "{out:?}"
    );
    assert_eq!(refusal_to(&out, request_id), None);
    // A request that could not be fulfilled is answered, too.
    let out = hub.give(nothing_there());
    assert_eq!(refusal_to(&out, request_id), Some(RefusalKind::Tmux));
}

#[test]
fn a_look_that_fails_is_repeated_and_given_up() {
    let (mut hub, _) = Hub::with(Remembered::default());
    let failed = || Input::LinkFailed { error: "slow".into(), no_server: false };
    let is_look = |it: &Effect| matches!(it, Effect::Local(LocalEffect::Link { missing: NoConnection::Leave, after, .. }) if !after.is_zero());
    let n_looks = (0..20).take_while(|_| hub.give(failed()).iter().any(is_look)).count();
    assert_eq!(n_looks, 5);
    let (_, out) = hub.ask(Request::Reserve(reserve()));
    assert!(out.iter().any(|it| matches!(it, Effect::Local(LocalEffect::Link { .. }))), "{out:?}");
}

#[test]
fn the_id_of_an_unknown_window_is_not_reused() {
    let (hub, id) = Hub::with_agent();
    let row = hub.seen(&id, &[(SESSION, "work")]);
    let (mut hub, _) = Hub::with(Remembered::default());
    hub.give(Input::Linked(linked()));
    hub.give(listed(vec![row]));
    let own = Reserve { placement: Placement::Session, ..reserve() };
    let (request_id, out) = hub.ask(Request::Reserve(own));
    let Some(Answer::Reserved(reservation)) = answer_to(&out, request_id) else {
        panic!("{out:?}")
    };
    assert_eq!(reservation.id.as_str(), "blog-github-issue-456-2");
}
