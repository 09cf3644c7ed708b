//! Codex: one notification command by `-c notify=`, with its payload as the last argument. wtmag's
//! command replaces the user's and then runs it. Its hooks, with payloads on standard input, are passed
//! only if the user wants them: it asks the user to review each before it runs it, and remembers the answer.
use serde::Deserialize;
use serde_json::Value;

use super::{AgentKind, Lead, PayloadSource, UserConfig, Wire, Wiring, strings};
use crate::{
    agents::hooks::{Event, HookEvent},
    model::AskKind,
};

pub(super) const KIND: AgentKind = AgentKind {
    name: "codex",
    payload: PayloadSource::LastArgument,
    user_config: Some(UserConfig {
        dir_variable: "CODEX_HOME",
        default_dir: ".codex",
        file: "config.toml",
    }),
    merged_env: &[],
    channel: false,
    wire,
    direct,
    read,
    writable,
};

/// What its notification does not tell.
const HOOKS: [&str; 2] = ["Interrupt", "PermissionRequest"];
/// In seconds; codex waits for the end of a hook.
const PATIENCE: i64 = 5;

fn wire(wiring: &Wiring) -> Wire {
    let notify = wiring.config.get("notify").and_then(strings).unwrap_or_default();
    let then = if notify.is_empty() { None } else { Some("--then".to_owned()) };
    let command: Vec<String> = wiring.command.iter().cloned().chain(then).chain(notify).collect();
    let value = toml::Value::from(command).to_string();
    let notify = format!("notify={value}");
    let hooks = HOOKS.iter().filter(|_| wiring.reviewed).map(|it| hook(it, &wiring.command));
    let args = [notify].into_iter().chain(hooks).flat_map(|it| ["-c".to_owned(), it]);
    Wire { args: args.collect(), ..Wire::default() }
}

fn hook(event: &str, command: &[String]) -> String {
    let command = shlex::try_join(command.iter().map(String::as_str)).unwrap_or_default();
    let command = toml::Value::from(command);
    format!("hooks.{event}=[{{hooks=[{{type=\"command\",command={command},timeout={PATIENCE}}}]}}]")
}

/// It reads skills from its own directories only. What it is told replaces what the user's settings say, so that
/// comes first.
fn direct(lead: &Lead) -> Wire {
    let theirs = lead.config.get("developer_instructions").and_then(toml::Value::as_str);
    let text: Vec<&str> = theirs.into_iter().chain([lead.text.as_str()]).collect();
    let text = toml::Value::from(text.join("\n\n"));
    Wire {
        args: vec!["-c".to_owned(), format!("developer_instructions={text}")],
        ..Wire::default()
    }
}

fn writable(config: &toml::Table) -> Vec<String> {
    let roots = config.get("sandbox_workspace_write").and_then(|it| it.get("writable_roots"));
    roots.and_then(strings).unwrap_or_default()
}

fn read(payload: &str) -> serde_json::Result<Option<HookEvent>> {
    serde_json::from_str(payload).map(event)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Payload {
    Hook(Hook),
    Notification(Notification),
}

#[derive(Deserialize)]
struct Hook {
    hook_event_name: String,
    session_id: Option<String>,
    tool_name: Option<String>,
    #[serde(default)]
    tool_input: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Notification {
    r#type: String,
    thread_id: Option<String>,
    #[serde(default)]
    input_messages: Vec<String>,
    last_assistant_message: Option<String>,
}

fn event(it: Payload) -> Option<HookEvent> {
    match it {
        Payload::Hook(it) => hooked(it),
        Payload::Notification(it) => notified(it),
    }
}

fn hooked(it: Hook) -> Option<HookEvent> {
    let event = match it.hook_event_name.as_str() {
        "Interrupt" => Event::TurnEnded { message: None },
        "PermissionRequest" => asked(it.tool_name.as_deref().unwrap_or_default(), &it.tool_input),
        _ => return None,
    };
    Some(HookEvent { event, session: it.session_id, prompt: None, printed: None })
}

/// What a tool would do. A patch names its files in its text.
fn asked(tool: &str, input: &Value) -> Event {
    let command = input.get("command").and_then(Value::as_str).filter(|it| !it.is_empty());
    let file = command.into_iter().flat_map(str::lines).find_map(|line| {
        let (kind, path) = line.strip_prefix("*** ")?.split_once(" File: ")?;
        ["Add", "Update", "Delete"].contains(&kind).then_some(path)
    });
    match (tool, command, file) {
        ("apply_patch", _, Some(path)) => Event::permission(AskKind::Path, path),
        ("Bash", Some(command), _) => Event::permission(AskKind::Command, command),
        _ => Event::permission(AskKind::Tool, tool),
    }
}

fn notified(it: Notification) -> Option<HookEvent> {
    if it.r#type != "agent-turn-complete" {
        return None;
    }
    let event = Event::TurnEnded { message: it.last_assistant_message };
    let prompt = it.input_messages.into_iter().next_back();
    Some(HookEvent { event, session: it.thread_id, prompt, printed: None })
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{check, wiring},
        *,
    };

    #[test]
    fn it_names_thread_and_prompt() {
        let payload = r#"{"type":"agent-turn-complete","thread-id":"t1","turn-id":"1","cwd":"/w",
            "input-messages":["a","b"],"last-assistant-message":"done"}"#;
        let want = HookEvent {
            printed: None,
            event: Event::TurnEnded { message: Some("done".into()) },
            session: Some("t1".into()),
            prompt: Some("b".into()),
        };
        assert_eq!(read(payload).unwrap(), Some(want));
        check(&KIND, r#"{"type":"other"}"#, None);
    }

    #[test]
    fn its_hooks_tell_of_permissions_and_interrupts() {
        check(
            &KIND,
            r#"{"hook_event_name":"PermissionRequest","session_id":"t1","tool_name":"Bash","tool_input":{"command":"ls"}}"#,
            Some(Event::permission(AskKind::Command, "ls")),
        );
        check(
            &KIND,
            r#"{"hook_event_name":"PermissionRequest","tool_name":"apply_patch","tool_input":{
                "command":"*** Begin Patch\n*** Update File: src/a.rs\n@@"}}"#,
            Some(Event::permission(AskKind::Path, "src/a.rs")),
        );
        check(
            &KIND,
            r#"{"hook_event_name":"PermissionRequest","tool_name":"mcp__a__b"}"#,
            Some(Event::permission(AskKind::Tool, "mcp__a__b")),
        );
        check(
            &KIND,
            r#"{"hook_event_name":"Interrupt","session_id":"t1","turn_id":"1"}"#,
            Some(Event::TurnEnded { message: None }),
        );
        check(&KIND, r#"{"hook_event_name":"SomethingNew"}"#, None);
    }

    #[test]
    fn hooks_that_it_asks_about_are_passed_if_the_user_wants_them() {
        assert_eq!(wire(&wiring()).args.len(), 2);
        let wire = wire(&Wiring { reviewed: true, ..wiring() });
        let values: Vec<toml::Table> =
            wire.args.chunks(2).map(|it| toml::from_str(&it[1]).unwrap()).collect();
        let found: Vec<&toml::Value> = values[1..]
            .iter()
            .zip(HOOKS)
            .map(|(it, event)| &it["hooks"][event][0]["hooks"][0]["command"])
            .collect();
        assert_eq!(found, [&toml::Value::from("'/opt/my tools/wtmag' hook x"); 2]);
    }

    #[test]
    fn it_notifies_us_and_then_the_user() {
        let config = "notify = ['notify-send', 'it''s \"done\"']";
        let config = config.replace("'it''s \"done\"'", "\"it's \\\"done\\\"\"").parse().unwrap();
        let wire = wire(&Wiring { config, ..wiring() });
        let [_, value] = wire.args.as_slice() else { panic!("{wire:?}") };
        let value: toml::Table = toml::from_str(value).unwrap();
        let words = ["/opt/my tools/wtmag", "hook", "x", "--then", "notify-send", "it's \"done\""];
        assert_eq!(value["notify"], toml::Value::from(words.to_vec()));
    }

    #[test]
    fn instructions_of_the_user_come_first() {
        let config = "developer_instructions = \"Speak \\\"German\\\".\"".parse().unwrap();
        let wire = direct(&Lead { text: "Direct\nworkers.".into(), config, ..Lead::default() });
        let [_, value] = wire.args.as_slice() else { panic!("{wire:?}") };
        let value: toml::Table = toml::from_str(value).unwrap();
        let want = "Speak \"German\".\n\nDirect\nworkers.";
        assert_eq!(value["developer_instructions"].as_str(), Some(want));
    }

    #[test]
    fn directories_of_the_user_are_kept() {
        let config = "[sandbox_workspace_write]\nwritable_roots = ['/a', '/b']";
        assert_eq!(writable(&config.parse().unwrap()), ["/a", "/b"]);
        assert_eq!(writable(&toml::Table::new()), [""; 0]);
    }
}
