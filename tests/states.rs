//! What is told of agents: their questions, their limits, their own words; profiles that do not fit.
mod fallback;
mod limits;
mod reports;
mod taking;

use std::time::Duration;

use super::support::{Crew, Sandbox, Seen, eventually};

const SOON: Duration = Duration::from_secs(30);
/// The screen of a new agent that no rule matches counts as unknown after half a minute.
const PATIENCE: Duration = Duration::from_secs(60);

fn world() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    sandbox
}

/// Asked in the first turn of a calm agent.
const ASKS: &str = "turn.permission={kind=\"numbered\",heading=\"$ npm test\",question=\"Go on?\",\
                    entries=[\"No\",\"Yes\"],chosen=0,right=1,hint=\"\"}";

#[test]
fn what_an_agent_asks_is_told_with_its_answers() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let (worker, _) = crew.hire_calm("asks", Seen::Alone, &[ASKS]);
    let id = worker.id.as_str();
    let wait = ["wait", id, "--until", "waiting", "--timeout", "30s"];
    let told = sandbox.wtmag(wait).run().success();
    assert!(told.contains("waiting: permission for"), "{told}");
    assert!(told.contains(": command: npm test"), "{told}");
    let list = sandbox.wtmag(["list", "--all"]).run().success();
    assert!(list.contains("\n    command: npm test\n"), "{list}");
    let list = sandbox.wtmag(["list", "--all", "--json"]).run().json();
    assert_eq!(list[0]["needs"], "command: npm test", "{list}");
    let shown = sandbox.wtmag(["show", id, "--json"]).run().json();
    let asks = serde_json::json!({
        "kind": "command", "about": "npm test", "question": "Go on?",
        "choices": [{ "label": "No", "selected": true }, { "label": "Yes" }], "source": "screen",
    });
    assert_eq!(shown["worker"]["state"]["asks"], asks, "{shown}");
    let why = sandbox.wtmag(["explain", id]).run().success();
    assert!(why.contains("asks         command: npm test (by screen)"), "{why}");
    let events = sandbox.wtmag(["events", "--worker", id]).run().success();
    let at = |what: &str| events.find(what).unwrap_or_else(|| panic!("{what}: {events}"));
    assert!(at(r#""kind":"asks","asks":{"kind":"command""#) < at(r#""value":{"waiting""#));

    sandbox.tmux().run(["send-keys", "-t", &worker.place.pane.to_string(), "2"]);
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
    let asks = || crew.show(&worker).0.state.asks.is_none().then_some(());
    eventually(SOON, "the question to be over", asks);
    let list = sandbox.wtmag(["list", "--all"]).run().success();
    assert!(!list.contains("npm test"), "{list}");
}
