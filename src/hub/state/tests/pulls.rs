//! When the forge is asked about pull requests, and what its answer means.
use super::{
    inbox::{accepted, at_rest, report},
    *,
};
use crate::model::{
    Changes, Checks, InboxQuery, ItemKind, Landed, Looked, PullState, Pulled, ReportKind, Review,
};

const URL: &str = "https://github.com/acme/blog/pull/501";

/// What the forge is asked: candidates, and whether by the branch, of each worker.
fn asked(out: &[Effect]) -> Vec<(Vec<String>, bool)> {
    let questions = out.iter().filter_map(|it| {
        let Effect::Local(LocalEffect::AskPulls { asked, .. }) = it else { return None };
        Some(asked.iter().map(|it| (it.candidates.clone(), it.by_branch)))
    });
    questions.flatten().collect()
}

fn state(head: &str) -> PullState {
    PullState { head: head.repeat(40), checks: Checks::Pending, ..samples::pull_state(501) }
}

fn pulled(hub: &mut Hub, id: &WorkerId, state: PullState) -> Vec<Effect> {
    let url = Some(state.url.clone());
    let found = Pulled { worker: id.clone(), url, state: Some(state), error: None, note: None };
    hub.give(Input::Pulled { repo: "/r/.git".into(), found: Ok(vec![found]) })
}

fn nothing(id: &WorkerId) -> Pulled {
    Pulled { worker: id.clone(), url: None, state: None, error: None, note: None }
}

fn counted(hub: &mut Hub, id: &WorkerId, pushed: Option<&str>) -> Vec<Effect> {
    let changes = Changes {
        at: Timestamp(1),
        added: 3,
        deleted: 0,
        ahead: 1,
        behind: 0,
        head: "a".repeat(40),
        pushed: pushed.map(|it| it.repeat(40)),
    };
    let (what, worker) = (Touched::Worktree(id.clone()), id.clone());
    let found = Looked { worker, changes: Some(changes), landed: None, error: None };
    hub.give(Input::Looked { what, found: Ok(vec![found]) })
}

fn refresh(hub: &mut Hub, waits: bool) -> (RequestId, Vec<Effect>) {
    hub.ask(Request::Pulls { repo: None, waits })
}

fn reviews(hub: &mut Hub) -> Vec<Item> {
    let (request_id, out) = hub.ask(Request::Inbox(InboxQuery::default()));
    let Some(Answer::Items { items, .. }) = answer_to(&out, request_id) else { panic!("{out:?}") };
    items.into_iter().filter(|it| it.kind == ItemKind::Review).collect()
}

#[test]
fn the_forge_is_asked_after_a_push_and_when_someone_looks_but_not_each_time() {
    let (mut hub, id) = at_rest();
    assert_eq!(asked(&counted(&mut hub, &id, None)), []);
    assert_eq!(asked(&refresh(&mut hub, false).1), []);
    let by_branch = vec![(Vec::new(), true)];
    assert_eq!(asked(&counted(&mut hub, &id, Some("a"))), by_branch);
    pulled(&mut hub, &id, state("a"));
    assert_eq!(hub.state.workers[&id].worker.pr.as_deref(), Some(URL));
    // Pushed nothing more.
    assert_eq!(asked(&counted(&mut hub, &id, Some("a"))), []);
    assert_eq!(asked(&refresh(&mut hub, false).1), []);
    assert_eq!(asked(&hub.after(600_000).give(Input::Tick)), [], "nobody looks");
    let known = vec![(Vec::new(), false)];
    let (request_id, out) = refresh(&mut hub, true);
    assert_eq!((asked(&out), answer_to(&out, request_id)), (known.clone(), None));
    let out = pulled(&mut hub, &id, state("a"));
    assert_eq!(answer_to(&out, request_id), Some(Answer::Pulls { problems: Vec::new() }));
    // What is new is answered at once.
    let (request_id, out) = refresh(&mut hub, true);
    assert!(asked(&out).is_empty() && answer_to(&out, request_id).is_some());
    assert_eq!(asked(&counted(&mut hub, &id, Some("b"))), known);
}

/// Its user pushed the branch and opened the pull request: no turn of the agent tells of it.
#[test]
fn to_someone_who_waits_each_branch_with_commits_is_asked_about() {
    let (mut hub, id) = at_rest();
    counted(&mut hub, &id, None);
    assert_eq!(asked(&refresh(&mut hub, false).1), []);
    let (_, out) = refresh(&mut hub, true);
    assert_eq!(asked(&out), [(Vec::new(), true)]);
    pulled(&mut hub, &id, state("a"));
    assert_eq!(hub.state.workers[&id].worker.pr.as_deref(), Some(URL));
}

#[test]
fn a_pull_request_that_wtmag_merged_is_shown_as_merged() {
    let (mut hub, id) = at_rest();
    counted(&mut hub, &id, Some("a"));
    pulled(&mut hub, &id, state("a"));
    let mut land = |tip: &str, how: &str| {
        let landed = Landed {
            into: "main".to_owned(),
            commit: Some("b".repeat(40)),
            tip: tip.repeat(40),
            how: how.to_owned(),
            at: Timestamp(0),
        };
        hub.ask(Request::Landed { id: id.clone(), landed });
        let pull = hub.state.workers[&id].worker.work.pull.clone().unwrap().state;
        (pull.is_open, pull.is_merged, pull.merge_commit)
    };
    let open = (true, false, None);
    assert_eq!(land("a", "squash"), open);
    assert_eq!(land("c", "pr"), open, "another commit");
    assert_eq!(land("a", "pr"), (false, true, Some("b".repeat(40))));
}

#[test]
fn what_an_agent_names_is_a_question_and_no_fact() {
    let (mut hub, id) = at_rest();
    let other = "https://github.com/other/else/pull/3";
    let said = format!("Opened {other} and {URL}/files.");
    let end = serde_json::json!({"hook_event_name": "Stop", "last_assistant_message": said});
    let begin = r#"{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"x"}"#;
    hub.after(5_000).report(&id, Hook::Agent { payload: begin.into() });
    hub.report(&id, Hook::Agent { payload: end.to_string() });
    assert_eq!(hub.state.workers[&id].worker.pr, None);
    let out = counted(&mut hub, &id, None);
    assert_eq!(asked(&out), [(vec![other.to_owned(), URL.to_owned()], false)]);
    // A tool printed it; only the last few count.
    let none = Pulled {
        worker: id.clone(),
        url: None,
        state: None,
        error: Some("no gh".into()),
        note: None,
    };
    hub.give(Input::Pulled { repo: "/r/.git".into(), found: Ok(vec![none]) });
    let many: Vec<String> =
        (0..50).map(|n| format!("https://github.com/acme/blog/pull/{n}")).collect();
    let tool = serde_json::json!({"hook_event_name": "PostToolUse",
        "tool_response": {"stdout": many.join("\n")}});
    hub.report(&id, Hook::Agent { payload: tool.to_string() });
    let out = counted(&mut hub, &id, Some("a"));
    assert_eq!(asked(&out), [(many[42..].to_vec(), true)]);
    let (_, out) = refresh(&mut hub, false);
    assert_eq!(asked(&out), []);
}

#[test]
fn a_question_that_the_forge_did_not_answer_is_asked_again() {
    let (mut hub, id) = at_rest();
    let by_branch = vec![(Vec::new(), true)];
    assert_eq!(asked(&counted(&mut hub, &id, Some("a"))), by_branch);
    let repo = || PathBuf::from("/r/.git");
    hub.give(Input::Pulled { repo: repo(), found: Err("no network".into()) });
    assert_eq!(asked(&refresh(&mut hub, false).1), [], "not at once");
    let (_, out) = refresh(hub.after(61_000), false);
    assert_eq!(asked(&out), by_branch);
    hub.give(Input::Pulled { repo: repo(), found: Ok(vec![nothing(&id)]) });
    assert_eq!(asked(&refresh(hub.after(61_000), false).1), []);
    // The next hub asks once about what was pushed: the answer to an earlier one may have been lost.
    let (mut hub, _) = Hub::with(restart::remembered(&hub, &id));
    hub.give(Input::Linked(linked()));
    let row = hub.seen(&id, &[(SESSION, "work")]);
    hub.give(listed(vec![row]));
    assert_eq!(asked(&refresh(&mut hub, false).1), by_branch);
    hub.give(Input::Pulled { repo: repo(), found: Ok(vec![nothing(&id)]) });
    assert_eq!(asked(&refresh(hub.after(61_000), false).1), []);
}

#[test]
fn an_open_pull_request_is_an_item_until_it_is_merged_and_new_commits_bring_it_back() {
    let (mut hub, id) = at_rest();
    let mut pr = report(ReportKind::Done, "Works.");
    pr.pr = Some(URL.into());
    accepted(&mut hub, &id, pr);
    assert_eq!(reviews(&mut hub), []);
    let out = pulled(&mut hub, &id, state("a"));
    let announces = |it: &Effect| matches!(it, Effect::Tmux(TmuxEffect::Announce { .. }));
    assert!(!out.iter().any(announces));
    let first = reviews(&mut hub).remove(0);
    assert_eq!(first.text, "PR #501 checks run");
    hub.ask(Request::Ack { items: vec![first.id] });
    assert_eq!(reviews(&mut hub), []);
    // The checks end: it was seen at this commit.
    pulled(hub.after(1_000), &id, PullState { checks: Checks::Passed, ..state("a") });
    assert_eq!(reviews(&mut hub), []);
    pulled(hub.after(1_000), &id, PullState { review: Review::Approved, ..state("b") });
    let again = reviews(&mut hub).remove(0);
    assert!(again.id > first.id);
    let merged = PullState { is_open: false, is_merged: true, ..state("a") };
    counted(&mut hub, &id, Some("a"));
    pulled(&mut hub, &id, merged);
    assert_eq!(reviews(&mut hub), []);
    let landed = hub.state.workers[&id].worker.state.landed.clone().unwrap();
    assert_eq!((landed.into.as_str(), landed.how.as_str()), ("main", "pr"));
    // Its window is closed: nothing is lost.
    hub.give(listed(Vec::new()));
    assert_eq!(hub.word(&id).to_string(), "landed: main");
}
