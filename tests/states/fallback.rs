//! A profile that does not fit its agent's screen makes way for the generic rules.
use super::{Crew, PATIENCE, SOON, Seen, eventually, world};

/// The profile of another version: neither its box nor its rules match.
const OLD: &str = r#"
name = "old"
foreground = ["fake-agent"]
[keys]
interrupt = ["Escape"]
[box]
prompt = '^ask me: '
[[rule]]
state = "working"
all = ['Busy with your request']
"#;

#[test]
fn a_profile_that_never_fits_is_left_for_the_generic_rules_and_the_prompt_arrives() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let program = sandbox.fake_agent().display().to_string();
    let turn = ["--set", "turn.min_ms=3000", "--set", "turn.max_ms=3000"];
    let argv = [&[program.as_str()], &turn[..]].concat();
    let (worker, _) = crew.hire_with(("old", Some(OLD)), "old", Seen::Alone, &argv);
    let id = worker.id.as_str();
    let log = sandbox.agent_log();
    eventually(PATIENCE, "the prompt", || (log.turns(Some(id)) == ["hello"]).then_some(()));
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
    let note = "the profile `old` does not fit: none of its rules matches the screen; \
                the generic rules are used";
    let events = sandbox.wtmag(["events", "--worker", id]).run().success();
    assert_eq!(events.matches(note).count(), 1, "{events}");
    for verb in ["show", "explain"] {
        let told = sandbox.wtmag([verb, id]).run().success();
        assert!(told.contains(note), "{verb}: {told}");
    }
    // Its keys are still its own: a turn can be interrupted.
    crew.send(&worker, "again");
    let in_turn = || (crew.word(&worker) == "working").then_some(());
    eventually(SOON, "a turn", in_turn);
    sandbox.wtmag(["send", "--now", id, "something else"]).run().success();
    let all = || (log.turns(Some(id)) == ["hello", "again", "something else"]).then_some(());
    eventually(SOON, "the text that interrupts", all);
}
