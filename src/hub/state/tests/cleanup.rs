//! Removing a worker: what the hub does, and what it does after a crash.
use super::*;

#[test]
fn a_worktree_that_a_cleanup_removes_is_not_told_as_gone() {
    for is_done in [true, false] {
        let (mut hub, id) = Hub::with_agent();
        hub.ask(Request::Cleanup(cleanup_of(&id)));
        hub.give(Input::WindowClosed { worker: id.clone(), done: Ok(()) });
        let gone = || {
            let facts = WorktreeFacts { worker: id.clone(), path: None, branch: None };
            Input::Worktrees(vec![facts])
        };
        let told = |out: &[Effect]| {
            happened(out).iter().filter(|it| matches!(it, Happened::Worktree { .. })).count()
        };
        assert_eq!(told(&hub.give(gone())), 0);
        let outcome = if is_done {
            Ok(CleanedUp { worktree_removed: true, branch_deleted: true, notes: Vec::new() })
        } else {
            Err("git: cannot lock ref".to_owned())
        };
        let out = hub.give(Input::CleanupOver { worker: id.clone(), outcome });
        let finds = |it: &Effect| matches!(it, Effect::Local(LocalEffect::FindWorktrees(_)));
        assert_eq!(out.iter().any(finds), !is_done, "{out:?}");
        assert_eq!(told(&hub.give(gone())), usize::from(!is_done));
    }
}

#[test]
fn cleanup_closes_the_window_first_and_survives_a_crash() {
    let (mut hub, id) = Hub::with_agent();
    let cleanup = cleanup_of(&id);
    let (request_id, out) = hub.ask(Request::Cleanup(cleanup.clone()));
    assert!(out.contains(&Effect::Record(Record::Cleanup(cleanup.clone()))));
    assert!(out.contains(&Effect::Tmux(TmuxEffect::CloseWindow {
        worker: id.clone(),
        pane: PANE,
        window: WINDOW
    })));

    let mut found = restart::remembered(&hub, &id);
    found.cleanups = vec![cleanup];
    let (mut next, _) = Hub::with(found);
    next.give(Input::Linked(linked()));
    let row = next.seen(&id, &[]);
    let out = next.give(listed(vec![row]));
    assert!(
        out.contains(&Effect::Tmux(TmuxEffect::CloseWindow {
            worker: id.clone(),
            pane: PANE,
            window: WINDOW
        })),
        "{out:?}"
    );

    let out = hub.give(Input::WindowClosed { worker: id.clone(), done: Ok(()) });
    assert!(
        out.iter().any(|it| matches!(it, Effect::Local(LocalEffect::Cleanup { .. }))),
        "{out:?}"
    );
    let done = CleanedUp { worktree_removed: true, branch_deleted: true, notes: Vec::new() };
    let out = hub.give(Input::CleanupOver { worker: id.clone(), outcome: Ok(done) });
    assert!(matches!(answer_to(&out, request_id), Some(Answer::CleanedUp { .. })), "{out:?}");
    assert!(out.contains(&Effect::Record(Record::CleanupOver(id))));
    assert!(
        out.contains(&Effect::Local(LocalEffect::Unlink)),
        "the last worker takes the fleet along: {out:?}"
    );
}
