//! When git is asked about a worker.
use super::{inbox::at_rest, *};
use crate::model::{Base, Changes, Looked};

/// The workers of the looks that are begun, and whether they count.
fn looks(out: &[Effect]) -> Vec<(Vec<String>, bool)> {
    let looks = out.iter().filter_map(|it| {
        let Effect::Local(LocalEffect::Look { workers, counts, .. }) = it else { return None };
        Some((workers.iter().map(|it| it.id.to_string()).collect(), *counts))
    });
    looks.collect()
}

fn changes(ahead: u64) -> Changes {
    let head = "a".repeat(40);
    Changes { at: Timestamp(1), added: 3, deleted: 1, ahead, behind: 0, head, pushed: None }
}

fn seen(id: &WorkerId, changes: Changes) -> Input {
    let (what, worker) = (Touched::Worktree(id.clone()), id.clone());
    let found = Looked { worker, changes: Some(changes), landed: None, error: None };
    Input::Looked { what, found: Ok(vec![found]) }
}

/// Lets a turn run to its end; what was begun meanwhile.
fn turn(hub: &mut Hub, id: &WorkerId) -> Vec<(Vec<String>, bool)> {
    let begin = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"x"}"#;
    let end = r#"{"hook_event_name":"Stop","session_id":"s","last_assistant_message":"Yes."}"#;
    let mut found = Vec::new();
    for payload in [begin, end] {
        found.extend(looks(&hub.after(5_000).report(id, Hook::Agent { payload: payload.into() })));
        let touched = Input::Touched(Touched::Worktree(id.clone()));
        if payload == begin {
            found.extend(looks(&hub.give(touched)));
        }
    }
    found
}

#[test]
fn changes_are_counted_once_when_a_turn_is_over() {
    let (mut hub, id) = at_rest();
    // The first turn, which came here, has begun a count.
    hub.give(seen(&id, changes(0)));
    let want = vec![(vec![id.to_string()], true)];
    assert_eq!(turn(&mut hub, &id), want);
    let out = hub.give(seen(&id, changes(1)));
    assert!(happened(&out).contains(&Happened::Changes(changes(1))), "{out:?}");
    assert_eq!(hub.state.workers[&id].worker.work.changes, Some(changes(1)));
    assert_eq!(looks(&hub.after(60_000).give(Input::Tick)), []);
    // The same again is no news.
    assert_eq!(turn(&mut hub, &id), want);
    let later = Changes { at: Timestamp(99), ..changes(1) };
    assert_eq!(happened(&hub.give(seen(&id, later))), []);
}

#[test]
fn a_worker_that_could_not_be_counted_is_counted_again_but_not_for_ever() {
    let (mut hub, id) = at_rest();
    let what = || Touched::Worktree(id.clone());
    let want = vec![(vec![id.to_string()], true)];
    let busy = Looked {
        worker: id.clone(),
        changes: None,
        landed: None,
        error: Some("the index is locked".into()),
    };
    hub.give(Input::Looked { what: what(), found: Err("timed out".into()) });
    for pause in [30_000, 90_000, 270_000] {
        assert_eq!(looks(&hub.after(pause - 1_000).give(Input::Tick)), []);
        assert_eq!(looks(&hub.after(1_001).give(Input::Tick)), want, "{pause}");
        hub.give(Input::Looked { what: what(), found: Ok(vec![busy.clone()]) });
    }
    assert_eq!(looks(&hub.after(3_600_000).give(Input::Tick)), []);
    // Its next turn is counted, and tried again as often.
    assert_eq!(turn(&mut hub, &id), want);
    hub.give(seen(&id, changes(1)));
    assert_eq!(turn(&mut hub, &id), want);
    hub.give(Input::Looked { what: what(), found: Ok(vec![busy]) });
    assert_eq!(looks(&hub.after(31_000).give(Input::Tick)), want);
}

#[test]
fn a_turn_that_the_last_hub_did_not_count_is_counted_by_the_next_one() {
    let (mut hub, id) = at_rest();
    let want = vec![(vec![id.to_string()], true)];
    let next = |hub: &Hub| {
        let (mut next, _) = Hub::with(restart::remembered(hub, &id));
        looks(&next.give(Input::Tick))
    };
    assert_eq!(next(&hub), want);
    let counted = Changes { at: Timestamp(hub.ms + 1), ..changes(1) };
    hub.give(seen(&id, counted));
    assert_eq!(next(&hub), []);
}

#[test]
fn at_rest_a_change_of_the_index_is_counted_but_not_each() {
    let (mut hub, id) = at_rest();
    hub.give(seen(&id, changes(0)));
    hub.after(60_000);
    let touched = || Input::Touched(Touched::Worktree(id.clone()));
    assert_eq!(looks(&hub.give(touched())), []);
    assert_eq!(looks(&hub.after(600).give(Input::Tick)).len(), 1);
    // While that one runs, and just after it.
    assert_eq!(looks(&hub.give(touched())), []);
    hub.give(seen(&id, changes(1)));
    assert_eq!(looks(&hub.after(5_000).give(touched())), []);
    assert_eq!(looks(&hub.after(5_500).give(Input::Tick)).len(), 1);
}

#[test]
fn a_worktree_that_was_moved_is_looked_for_once_git_has_written_it() {
    let (mut hub, id) = at_rest();
    hub.give(seen(&id, changes(0)));
    let finds = |out: &[Effect]| {
        let is_find = |it: &&Effect| matches!(it, Effect::Local(LocalEffect::FindWorktrees(_)));
        out.iter().filter(is_find).count()
    };
    let touched = || Input::Touched(Touched::Place(id.clone()));
    assert_eq!(finds(&hub.give(touched())), 0);
    assert_eq!(finds(&hub.after(50).give(touched())), 0);
    assert_eq!(finds(&hub.after(200).give(Input::Tick)), 1);
    assert_eq!(finds(&hub.after(200).give(Input::Tick)), 0);
}

/// A command that waits for the end of a turn reads the worker then.
#[test]
fn a_turn_is_over_after_its_message_is_known() {
    let (mut hub, id) = at_rest();
    let begin = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"x"}"#;
    let end = r#"{"hook_event_name":"Stop","session_id":"s","last_assistant_message":"Yes."}"#;
    hub.after(5_000).report(&id, Hook::Agent { payload: begin.into() });
    let out = happened(&hub.after(5_000).report(&id, Hook::Agent { payload: end.into() }));
    let at = |is_it: fn(&Happened) -> bool| out.iter().position(is_it).unwrap();
    let told = at(|it| matches!(it, Happened::Told { about, .. } if about == "message"));
    assert!(told < at(|it| matches!(it, Happened::Turn(_))), "{out:?}");
}

#[test]
fn two_programs_look_at_one_time() {
    let (mut hub, id) = at_rest();
    let one = hub.state.workers[&id].worker.clone();
    hub.give(seen(&id, changes(0)));
    let mut found = restart::remembered(&hub, &id);
    found.workers =
        (0..5).map(|n| Worker { id: format!("w{n}").parse().unwrap(), ..one.clone() }).collect();
    let (mut hub, out) = Hub::with(found);
    let watches = |it: &&Effect| matches!(it, Effect::Local(LocalEffect::WatchGit(_)));
    assert_eq!(out.iter().filter(watches).count(), 5);
    let ids: Vec<WorkerId> = (0..5).map(|n| format!("w{n}").parse().unwrap()).collect();
    let mut begun = 0;
    for id in &ids {
        begun += looks(&hub.give(Input::Touched(Touched::Worktree(id.clone())))).len();
    }
    begun += looks(&hub.after(600).give(Input::Tick)).len();
    assert_eq!((begun, hub.state.looks.next()), (2, None));
    for id in &ids {
        begun += looks(&hub.give(seen(id, changes(0)))).len();
    }
    assert_eq!(begun, 5);
}

#[test]
fn when_a_base_moves_landings_are_looked_for_where_there_are_commits() {
    let (mut hub, id) = at_rest();
    let repo = hub.state.workers[&id].worker.repo.clone();
    let base = Base { name: "main".into(), sha: "b".repeat(40), fresh: true };
    hub.state.workers.get_mut(&id).unwrap().worker.base = Some(base);
    hub.give(seen(&id, changes(0)));
    let moved = || Input::Touched(Touched::Base { repo: repo.clone(), branch: "main".into() });
    hub.give(moved());
    assert_eq!(looks(&hub.after(600).give(Input::Tick)), []);
    turn(&mut hub, &id);
    hub.give(seen(&id, changes(2)));
    hub.give(moved());
    let out = hub.after(600).give(Input::Tick);
    assert_eq!(looks(&out), [(vec![id.to_string()], false)]);
}
