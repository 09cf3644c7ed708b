//! A login shell that asks something before it starts the agent: this is reported, and nothing is typed into it.
use super::desk::{BOOTSTRAP, Desk, SOON};
use crate::support::eventually;

/// In a worker's shell alone: the others of the desk are not in the way.
const ASKS: &str = "\
if [ -n \"$WTMAG_WORKER\" ]; then
    echo 'Update the shell now?'
    read answer
    echo \"got $answer\" >>~/answers
fi
";

const ID: &str = "blog-prompt-x";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.sandbox.put("home/.bash_profile", ASKS);
    desk
}

/// Waits for the worker's shell to be given up on, and sees that nothing was told to it.
#[track_caller]
fn wait_for_block(desk: &Desk) {
    eventually(SOON, "the worker", || desk.list(&[]).first().map(|_| ()));
    desk.wtmag(&["wait", ID, "--until", "blocked", "--timeout", "50"]).success();
    let worker = &desk.list(&[])[0];
    let state = (&worker["state"]["text"], &worker["state"]["process"]);
    assert_eq!(state, (&"blocked: shell".into(), &"starting".into()), "{worker}");
    assert_eq!(worker["delivery"]["step"], "queued", "{worker}");
    let table = desk.wtmag(&["list"]).success();
    assert!(table.contains("blocked: shell"), "{table}");
    assert!(!desk.sandbox.path("home/answers").exists());
    assert!(desk.sandbox.agent_log().events().is_empty());
}

/// A person answers in the pane.
fn answer(desk: &Desk) {
    let pane = desk.list(&[])[0]["pane"].as_str().unwrap().to_owned();
    desk.sandbox.tmux().type_text(&pane, "not now");
    desk.sandbox.tmux().run(["send-keys", "-t", &pane, "Enter"]);
}

/// The shell has had the answer and nothing else, the agent its prompt and nothing before it listened.
#[track_caller]
fn check_told(desk: &Desk) {
    desk.wtmag(&["wait", ID, "--until", "idle", "--timeout", "30"]).success();
    let answers = std::fs::read_to_string(desk.sandbox.path("home/answers")).unwrap();
    assert_eq!(answers, "got not now\n");
    let log = desk.sandbox.agent_log();
    assert_eq!(log.turns(Some(ID)), [BOOTSTRAP]);
    assert_eq!(log.n_early_bytes(None), 0);
    let receipts = desk.wtmag(&["receipts", "--json", ID]).json();
    let steps: Vec<_> = receipts.as_array().unwrap().iter().map(|it| &it["step"]).collect();
    assert_eq!(steps, ["accepted"]);
}

#[test]
fn a_shell_that_asks_ends_a_create_and_its_answer_brings_the_prompt_to_the_agent() {
    let desk = desk();
    let said = desk.wtmag(&["create", "--prompt", "x"]).failure(4);
    for want in [
        "error: your shell has not started the agent yet\n",
        "  | Update the shell now?\n",
        "hint: one of its start-up files asks a question, hangs or starts another shell\n",
        &format!("hint: worker `{ID}` and its worktree `"),
        &format!("hint: `wtmag attach {ID}` goes there, `wtmag cleanup {ID}` removes it\n"),
    ] {
        assert!(said.contains(want), "{want}: {said}");
    }
    wait_for_block(&desk);
    answer(&desk);
    check_told(&desk);
}

#[test]
fn a_create_that_waits_sees_the_prompt_arrive_once_the_shell_is_answered() {
    let desk = desk();
    let create = desk.start(&["create", "--prompt", "x", "--wait", "--json"]);
    wait_for_block(&desk);
    answer(&desk);
    let (code, said) = create.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(r#""outcome":"accepted""#), "{said}");
    check_told(&desk);
}
