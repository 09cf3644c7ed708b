//! The shapes of `--json`: what programs may rely on. A changed snapshot is a changed promise.
use serde_json::{Map, Value, json};

use super::desk::{Desk, SOON};
use crate::support::eventually;

/// The value with types in place of what differs from run to run; of an array its first element.
pub(super) fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(values) => values.iter().take(1).map(shape).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), shape(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

#[test]
fn what_programs_read_stays_as_it_is() {
    let mut desk = Desk::new();
    let sha = desk.pull_request();
    desk.github(&sha);
    let json = |args: &[&str]| shape(&desk.wtmag(&[args, &["--json"]].concat()).json());
    let dry = json(&["create", "--github", "456", "-t", "issue", "--dry-run"]);
    let mut create = json(&["create", "--github", "234", "-t", "pr", "--wait=idle"]);
    wait_for_changes(&desk);
    let worker = json(&["list", "--full"])[0].clone();
    create["worker"]["changes"] = worker["changes"].clone();
    assert_eq!(create["worker"], worker);
    let show = json(&["show", "234"]);
    assert_eq!(show["worker"], worker);
    let send = json(&["send", "blog-github-pr-234", "more", "--wait"]);
    let receipts = json(&["receipts"]);
    assert_eq!((&receipts[0], &receipts[0]), (&send[0], &create["delivery"]));
    // What only newer versions of tmux tell.
    let mut screen = show["screen"].clone();
    screen.as_object_mut().unwrap().remove("bracketed_paste");
    let shapes = json!({
        "hub status": json(&["hub", "status"]),
        "create": create,
        "create --dry-run": dry,
        "list": json(&["list"])[0],
        "show": screen,
        "wait": json(&["wait", "234"]),
        "explain": json(&["explain", "234"])["verdict"],
        "promote": json(&["promote", "blog-github-pr-234"]),
        "cleanup": json(&["cleanup", "blog-github-pr-234", "--force"]),
        "hub stop": json(&["hub", "stop"]),
        "hub start": json(&["hub", "start"]),
        "config": json(&["config"]),
        "config path": json(&["config", "path"]),
    });
    insta::assert_json_snapshot!(shapes);
}

/// What is counted after a turn would be in some of them or not.
fn wait_for_changes(desk: &Desk) {
    eventually(SOON, "the changes", || {
        let changes = &desk.list(&[])[0]["changes"];
        (!changes.is_null()).then_some(())
    });
}

#[test]
fn events_have_one_shape_for_each_kind() {
    let desk = Desk::new();
    let id = desk.worker("topic");
    wait_for_changes(&desk);
    desk.wtmag(&["promote", &id]).success();
    desk.wtmag(&["cleanup", &id, "--force"]).success();
    let mut kinds = Map::new();
    for line in desk.wtmag(&["events"]).success().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let kind = event["kind"].as_str().unwrap().to_owned();
        kinds.entry(kind).or_insert_with(|| shape(&event));
    }
    insta::assert_json_snapshot!(kinds);
}

#[test]
fn errors_are_json_too() {
    let desk = Desk::new();
    let error = |args: &[&str]| -> Value {
        let ran = desk.wtmag(&[args, &["--json"]].concat());
        assert_eq!(ran.stderr, "", "{ran}");
        let mut value: Value = serde_json::from_str(&ran.stdout).unwrap();
        value["code"] = ran.code.into();
        value
    };
    insta::assert_json_snapshot!(error(&["show", "nobody"]), @r#"
    {
      "code": 1,
      "error": {
        "hint": "`wtmag list --all` shows all workers",
        "kind": "user",
        "message": "no worker is named `nobody`"
      }
    }
    "#);
    insta::assert_json_snapshot!(error(&["create"]), @r#"
    {
      "code": 2,
      "error": {
        "hint": "pass one: `wtmag create \"TEXT\"`, `-f FILE`, `-e`, `--github N` or `--jira KEY`",
        "kind": "usage",
        "message": "no task given"
      }
    }
    "#);
    assert_eq!(error(&["lst"])["error"]["kind"], "usage");
}
