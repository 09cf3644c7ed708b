//! `wtmag mcp` with the real claude as its client.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    agent::CLAUDE,
    desk::{Desk, LONG, Setup},
};

const PREFIX: &str = "mcp__wtmag__";

/// Each tool with arguments that it takes, in an order in which all of them work.
fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("create_worker", json!({ "prompt": "Do it", "name": "one", "agent": "kid" })),
        ("list_workers", json!({})),
        ("show_worker", json!({ "worker": "one" })),
        ("wait", json!({ "workers": ["one"], "seconds": 20 })),
        ("send", json!({ "worker": "one", "text": "more" })),
        ("ask", json!({ "worker": "one", "text": "ready?", "seconds": 20 })),
        ("said", json!({ "worker": "one" })),
        ("diff", json!({ "worker": "one" })),
        ("schedule", json!({ "worker": "one", "text": "later", "in": "2h" })),
        ("inbox", json!({})),
        ("ready", json!({ "source": "beads" })),
        ("report", json!({ "kind": "progress", "text": "half" })),
        ("ack", json!({ "items": [999] })),
        ("reply", json!({ "item": 999, "text": "x" })),
        ("run", json!({ "tasks": ["Do it"], "agent": "kid" })),
        ("run_status", json!({ "run": 1 })),
        ("answer", json!({ "worker": "one", "choice": "Yes" })),
        ("land", json!({ "worker": "one" })),
    ]
}

/// These have nothing to act on here: they must say so.
const REFUSED: [&str; 6] = ["ready", "report", "ack", "reply", "answer", "land"];

#[test]
fn claude_lists_and_calls_every_tool() {
    const BLOCK: &str = concat!(
        "[agents.kid]\ncommand = \"",
        env!("CARGO_BIN_EXE_wtmag"),
        " demo-agent --start-ms 100 --work-ms 300\"\ndelivery = \"ready\"\nprofile = \"demo\"\n\
         [land]\nagents = true\n[answer]\nagents = true\n[launch]\nimplementation = \"session\"\n"
    );
    let desk = Desk::new(&CLAUDE, Setup { trusted: true, block: BLOCK, ..Setup::default() });
    let claude = desk.sandbox.path("agents/claude");
    let run = |args: &[&str]| {
        let run = desk.sandbox.run(&claude).args(args).cwd(&desk.repo).limit(LONG);
        run.env("ENABLE_TOOL_SEARCH", "false").run()
    };
    let socket = desk.sandbox.tmux().socket().display().to_string();
    let wtmag = desk.put_wtmag();
    run(&["mcp", "add", "wtmag", "--", &wtmag, "-S", &socket, "mcp"]).success();
    let listed = run(&["mcp", "list"]).success();
    assert!(listed.contains("Connected"), "{listed}");
    let mut said = BTreeMap::new();
    for (tool, args) in calls() {
        let prompt = format!("TOOLMCP {tool} {args}");
        run(&["-p", &prompt, "--allowedTools", "mcp__wtmag"]).success();
        let asked = desk.requests();
        let last = asked.iter().rfind(|it| it["prompt"] == prompt.as_str()).unwrap();
        let offered = last["tools"].as_array().unwrap();
        assert!(offered.contains(&format!("{PREFIX}{tool}").into()), "{tool}: {offered:?}");
        let result = last["result"].as_str().unwrap().to_owned();
        let is_done = serde_json::from_str::<Value>(&result).is_ok_and(|it| it["error"].is_null());
        assert_eq!(is_done, !REFUSED.contains(&tool), "{tool}: {result}");
        said.insert(tool, result);
    }
    assert!(said["create_worker"].contains("blog-one"), "{said:?}");
    assert!(said["list_workers"].contains("blog-one"), "{said:?}");
}
