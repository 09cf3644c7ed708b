//! Claude Code: hooks by `--settings`, payloads as JSON on standard input.
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AgentKind, Lead, PayloadSource, Wire, Wiring, no_writable};
use crate::{
    agents::hooks::{Event, HookEvent},
    model::AskKind,
};

pub(super) const KIND: AgentKind = AgentKind {
    name: "claude",
    payload: PayloadSource::Stdin,
    user_config: None,
    merged_env: &[],
    channel: false,
    wire,
    direct,
    read,
    writable: no_writable,
};

const EVENTS: [&str; 11] = [
    "SessionStart",
    "UserPromptSubmit",
    "PermissionRequest",
    "PermissionDenied",
    "PostToolUse",
    "PostToolUseFailure",
    "Notification",
    "Stop",
    "StopFailure",
    "SessionEnd",
    "Elicitation",
];

fn wire(wiring: &Wiring) -> Wire {
    let words = wiring.command.iter().map(String::as_str);
    let command = shlex::try_join(words).unwrap_or_default();
    let entry = json!([{ "hooks": [{ "type": "command", "command": command, "timeout": 5 }] }]);
    let hooks = EVENTS.iter().map(|it| (it.to_string(), entry.clone()));
    // In its list of background sessions a text would start another one, outside of the pane.
    let settings = json!({ "hooks": Value::Object(hooks.collect()), "disableAgentView": true });
    Wire { args: vec!["--settings".to_owned(), settings.to_string()], ..Wire::default() }
}

/// The hooks of a plugin are added to those of `--settings`.
fn direct(lead: &Lead) -> Wire {
    let args = ["--plugin-dir", &lead.plugin, "--append-system-prompt-file", &lead.instructions];
    Wire { args: args.map(str::to_owned).to_vec(), ..Wire::default() }
}

fn read(payload: &str) -> serde_json::Result<Option<HookEvent>> {
    serde_json::from_str(payload).map(event)
}

#[derive(Deserialize)]
struct Payload {
    hook_event_name: String,
    session_id: Option<String>,
    prompt: Option<String>,
    tool_name: Option<String>,
    #[serde(default)]
    tool_input: Value,
    /// Of a command, with `stdout` and `stderr`.
    #[serde(default)]
    tool_response: Value,
    message: Option<String>,
    notification_type: Option<String>,
    last_assistant_message: Option<String>,
    #[serde(default)]
    background_tasks: Vec<BackgroundTask>,
    error: Option<Value>,
    error_details: Option<String>,
    reason: Option<String>,
    /// Set when a subagent speaks.
    agent_id: Option<String>,
}

#[derive(Deserialize)]
struct BackgroundTask {
    description: Option<String>,
}

fn event(it: Payload) -> Option<HookEvent> {
    let printed = it.tool_response.get("stdout").and_then(Value::as_str).map(str::to_owned);
    let what = it.message.unwrap_or_default();
    let message = it.last_assistant_message;
    let event = match it.hook_event_name.as_str() {
        "SessionStart" => Event::Started,
        "UserPromptSubmit" => Event::PromptAccepted { text: it.prompt.unwrap_or_default() },
        "PermissionRequest" => asked(it.tool_name.as_deref().unwrap_or_default(), &it.tool_input),
        "PostToolUse" | "PostToolUseFailure" | "PermissionDenied" => Event::Answered,
        "Elicitation" => Event::question(&what, Vec::new()),
        "Notification" => match it.notification_type.as_deref() {
            Some("permission_prompt") => Event::permission(AskKind::Tool, &what),
            Some("elicitation_dialog") => Event::question(&what, Vec::new()),
            Some(_) | None => return None,
        },
        "Stop" if it.agent_id.is_some() => return None,
        "Stop" => match it.background_tasks.into_iter().next() {
            Some(task) => Event::Background { message, what: task.description.unwrap_or_default() },
            None => Event::TurnEnded { message },
        },
        "StopFailure" => {
            let named = it.error.map(|it| it.as_str().map_or(it.to_string(), String::from));
            let error = it.error_details.or(named).unwrap_or_default();
            Event::TurnFailed { error, message }
        }
        "SessionEnd" => Event::Ended { reason: it.reason.unwrap_or_default() },
        _ => return None,
    };
    Some(HookEvent { event, session: it.session_id, prompt: None, printed })
}

/// What a tool would do, by its name and its input.
fn asked(tool: &str, input: &Value) -> Event {
    let text = |key: &str| input.get(key).and_then(Value::as_str).filter(|it| !it.is_empty());
    let first = |keys: &[&str]| keys.iter().find_map(|key| text(key)).unwrap_or(tool);
    match tool {
        "AskUserQuestion" => {
            let question = input.pointer("/questions/0");
            let options = question.and_then(|it| it.get("options")).and_then(Value::as_array);
            let label = |it: &Value| it.get("label").and_then(Value::as_str).map(str::to_owned);
            let labels = options.into_iter().flatten().filter_map(label).collect();
            let words = question.and_then(|it| it.get("question")).and_then(Value::as_str);
            Event::question(words.unwrap_or_default(), labels)
        }
        "ExitPlanMode" => Event::permission(AskKind::Plan, first(&["plan"])),
        "Bash" | "PowerShell" => Event::permission(AskKind::Command, first(&["command"])),
        "WebFetch" | "WebSearch" => Event::permission(AskKind::Url, first(&["url", "query"])),
        _ if text("file_path").or(text("notebook_path")).is_some() => {
            Event::permission(AskKind::Path, first(&["file_path", "notebook_path"]))
        }
        _ => Event::permission(AskKind::Tool, tool),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::wiring, *};

    #[test]
    fn it_says_what_it_does() {
        let check = |payload: &str, want| crate::agents::kinds::tests::check(&KIND, payload, want);
        check(r#"{"hook_event_name":"SessionStart","source":"startup"}"#, Some(Event::Started));
        check(
            r#"{"hook_event_name":"UserPromptSubmit","prompt":"do it"}"#,
            Some(Event::PromptAccepted { text: "do it".into() }),
        );
        check(
            r#"{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"ls"}}"#,
            Some(Event::permission(AskKind::Command, "ls")),
        );
        check(
            r#"{"hook_event_name":"PermissionRequest","tool_name":"Write","tool_input":{"file_path":"/a/b","content":"x"}}"#,
            Some(Event::permission(AskKind::Path, "/a/b")),
        );
        check(
            r#"{"hook_event_name":"PermissionRequest","tool_name":"mcp__a__b","tool_input":{"x":1}}"#,
            Some(Event::permission(AskKind::Tool, "mcp__a__b")),
        );
        check(
            r#"{"hook_event_name":"PermissionRequest","tool_name":"AskUserQuestion","tool_input":{
                "questions":[{"question":"Which?","options":[{"label":"A"},{"label":"B"}]}]}}"#,
            Some(Event::question("Which?", vec!["A".into(), "B".into()])),
        );
        check(
            r#"{"hook_event_name":"Notification","notification_type":"permission_prompt","message":"to use Bash"}"#,
            Some(Event::permission(AskKind::Tool, "to use Bash")),
        );
        check(r#"{"hook_event_name":"PostToolUse","tool_name":"Bash"}"#, Some(Event::Answered));
        let opened =
            r#"{"hook_event_name":"PostToolUse","tool_response":{"stdout":"https://x\n"}}"#;
        assert_eq!(KIND.read(opened).unwrap().unwrap().printed.as_deref(), Some("https://x\n"));
        check(
            r#"{"hook_event_name":"Stop","last_assistant_message":"done","background_tasks":[]}"#,
            Some(Event::TurnEnded { message: Some("done".into()) }),
        );
        check(
            r#"{"hook_event_name":"Stop","background_tasks":[{"description":"npm run dev"}]}"#,
            Some(Event::Background { message: None, what: "npm run dev".into() }),
        );
        check(r#"{"hook_event_name":"Stop","agent_id":"a1"}"#, None);
        check(
            r#"{"hook_event_name":"StopFailure","error":"server_error"}"#,
            Some(Event::TurnFailed { error: "server_error".into(), message: None }),
        );
        check(r#"{"hook_event_name":"Notification","notification_type":"idle_prompt"}"#, None);
        check(r#"{"hook_event_name":"SomethingNew","x":[1]}"#, None);
    }

    #[test]
    fn it_gets_settings_with_a_quoted_command() {
        let wire = wire(&wiring());
        let [flag, settings] = wire.args.as_slice() else { panic!("{wire:?}") };
        assert_eq!(flag, "--settings");
        let settings: Value = serde_json::from_str(settings).unwrap();
        let command = settings.pointer("/hooks/Stop/0/hooks/0/command").unwrap();
        assert_eq!(command, "'/opt/my tools/wtmag' hook x");
        assert_eq!(settings.pointer("/disableAgentView"), Some(&Value::from(true)));
    }
}
