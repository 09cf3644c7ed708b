//! What agents tell of themselves: how each is made to, and what its words mean.
//!
//! Knows the JSON of four agents and the arguments that make them send it, for one run and without
//! touching the user's files. Who called and when is for others to check.
use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use super::profile::HooksKind;

/// One event, in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub event: Event,
    /// The agent's own id of the conversation, to resume it by.
    pub session: Option<String>,
    /// The prompt of the turn that the event is about, where the event names it.
    pub prompt: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent's program is up; its box need not be.
    Started,
    /// It took a prompt, and works.
    PromptAccepted { text: String },
    /// It works.
    Busy,
    /// It asks for leave to do this.
    Permission { what: String },
    /// It asks something else.
    Question { what: String },
    /// The question is answered.
    Answered,
    /// The provider answers with errors; it tries again.
    Retrying { error: String },
    /// The turn is over, and this was said last.
    TurnEnded { message: Option<String> },
    /// The turn is over because of this.
    TurnFailed { error: String, message: Option<String> },
    /// The turn is over, and work goes on beside it.
    Background { message: Option<String>, what: String },
    /// The agent leaves.
    Ended { reason: String },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the agent came up"),
            Self::PromptAccepted { text } => write!(f, "it took a prompt: {text}"),
            Self::Busy => f.write_str("it works"),
            Self::Permission { what } => write!(f, "it asks for leave: {what}"),
            Self::Question { what } => write!(f, "it asks: {what}"),
            Self::Answered => f.write_str("its question was answered, or a tool call is over"),
            Self::Retrying { error } => write!(f, "the provider fails, it tries again: {error}"),
            Self::TurnEnded { message } => {
                write!(f, "its turn is over: {}", message.as_deref().unwrap_or_default())
            }
            Self::TurnFailed { error, .. } => write!(f, "its turn failed: {error}"),
            Self::Background { what, .. } => write!(f, "its turn is over, and beside it: {what}"),
            Self::Ended { reason } => write!(f, "the agent leaves: {reason}"),
        }
    }
}

/// A payload that is not what the agent's version was known to send.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the hook payload of `{agent}`")]
pub struct Error {
    pub agent: &'static str,
    pub source: serde_json::Error,
}

/// How to reach us from inside the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// Command word and arguments; the payload follows on stdin, for codex as the last argument.
    pub command: Vec<String>,
    /// Where a plug-in may be written: an absolute path without an ending.
    pub plugin: String,
    /// The `notify` command of the user's codex configuration, which ours replaces.
    pub notify: Option<Vec<String>>,
}

/// What makes an agent report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    pub args: Vec<String>,
    /// A variable, and the JSON to merge into what the user has in it.
    pub env: Option<(&'static str, Value)>,
    /// A file to write before the launch: its path and its text.
    pub file: Option<(String, String)>,
}

const CLAUDE_EVENTS: [&str; 11] = [
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

/// How to make an agent of this kind report.
pub fn wire(kind: HooksKind, wiring: &Wiring) -> Wire {
    match kind {
        HooksKind::Claude => {
            let words = wiring.command.iter().map(String::as_str);
            let command = shlex::try_join(words).unwrap_or_default();
            let entry =
                json!([{ "hooks": [{ "type": "command", "command": command, "timeout": 5 }] }]);
            let hooks = CLAUDE_EVENTS.iter().map(|it| (it.to_string(), entry.clone()));
            let settings = json!({ "hooks": Value::Object(hooks.collect()) });
            Wire { args: vec!["--settings".to_owned(), settings.to_string()], ..Wire::default() }
        }
        HooksKind::Codex => {
            let then = wiring.notify.iter().flat_map(|it| ["--then"].into_iter().chain(words(it)));
            let command: Vec<&str> = words(&wiring.command).chain(then).collect();
            let value = toml::Value::from(command).to_string();
            Wire { args: vec!["-c".to_owned(), format!("notify={value}")], ..Wire::default() }
        }
        HooksKind::Opencode => {
            let path = format!("{}.js", wiring.plugin);
            let config = json!({ "plugin": [format!("file://{path}")] });
            let text = script(include_str!("hooks/opencode.js"), wiring);
            let env = Some(("OPENCODE_CONFIG_CONTENT", config));
            Wire { env, file: Some((path, text)), ..Wire::default() }
        }
        HooksKind::Pi => {
            let path = format!("{}.ts", wiring.plugin);
            let text = script(include_str!("hooks/pi.ts"), wiring);
            Wire { args: vec!["-e".to_owned(), path.clone()], file: Some((path, text)), env: None }
        }
    }
}

fn words(argv: &[String]) -> impl Iterator<Item = &str> {
    argv.iter().map(String::as_str)
}

fn script(text: &str, wiring: &Wiring) -> String {
    text.replace("__HOOK__", &json!(wiring.command).to_string())
}

/// What a payload means; none when it means nothing for us.
pub fn parse(kind: HooksKind, payload: &str) -> Result<Option<Report>, Error> {
    let parsed = match kind {
        HooksKind::Claude => serde_json::from_str(payload).map(claude),
        HooksKind::Codex => serde_json::from_str(payload).map(codex),
        HooksKind::Opencode | HooksKind::Pi => serde_json::from_str(payload).map(plugin),
    };
    let agent = match kind {
        HooksKind::Claude => "claude",
        HooksKind::Codex => "codex",
        HooksKind::Opencode => "opencode",
        HooksKind::Pi => "pi",
    };
    parsed.map_err(|source| Error { agent, source })
}

#[derive(Deserialize)]
struct Claude {
    hook_event_name: String,
    session_id: Option<String>,
    prompt: Option<String>,
    tool_name: Option<String>,
    message: Option<String>,
    notification_type: Option<String>,
    last_assistant_message: Option<String>,
    #[serde(default)]
    background_tasks: Vec<ClaudeTask>,
    error: Option<Value>,
    error_details: Option<String>,
    reason: Option<String>,
    /// Set when a subagent speaks.
    agent_id: Option<String>,
}

#[derive(Deserialize)]
struct ClaudeTask {
    description: Option<String>,
}

fn claude(it: Claude) -> Option<Report> {
    let what = it.tool_name.or(it.message).unwrap_or_default();
    let message = it.last_assistant_message;
    let event = match it.hook_event_name.as_str() {
        "SessionStart" => Event::Started,
        "UserPromptSubmit" => Event::PromptAccepted { text: it.prompt.unwrap_or_default() },
        "PermissionRequest" if what == "AskUserQuestion" => Event::Question { what },
        "PermissionRequest" => Event::Permission { what },
        "PostToolUse" | "PostToolUseFailure" | "PermissionDenied" => Event::Answered,
        "Elicitation" => Event::Question { what },
        "Notification" => match it.notification_type.as_deref() {
            Some("permission_prompt") => Event::Permission { what },
            Some("elicitation_dialog") => Event::Question { what },
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
    Some(Report { event, session: it.session_id, prompt: None })
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Codex {
    r#type: String,
    thread_id: Option<String>,
    #[serde(default)]
    input_messages: Vec<String>,
    last_assistant_message: Option<String>,
}

fn codex(it: Codex) -> Option<Report> {
    if it.r#type != "agent-turn-complete" {
        return None;
    }
    let event = Event::TurnEnded { message: it.last_assistant_message };
    Some(Report { event, session: it.thread_id, prompt: it.input_messages.into_iter().next_back() })
}

/// What our own plug-ins send.
#[derive(Deserialize)]
struct Plugin {
    event: String,
    session: Option<String>,
    text: Option<String>,
    message: Option<String>,
    failed: Option<String>,
    reason: Option<String>,
}

fn plugin(it: Plugin) -> Option<Report> {
    let text = it.text.unwrap_or_default();
    let event = match it.event.as_str() {
        "started" => Event::Started,
        "prompt" => Event::PromptAccepted { text },
        "busy" => Event::Busy,
        "permission" => Event::Permission { what: text },
        "question" => Event::Question { what: text },
        "answered" => Event::Answered,
        "retry" => Event::Retrying { error: text },
        "ended" => match it.failed {
            Some(error) => Event::TurnFailed { error, message: it.message },
            None => Event::TurnEnded { message: it.message },
        },
        "exit" => Event::Ended { reason: it.reason.unwrap_or_default() },
        _ => return None,
    };
    Some(Report { event, session: it.session, prompt: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: HooksKind, payload: &str, want: Option<Event>) {
        let report = parse(kind, payload).unwrap();
        assert_eq!(report.map(|it| it.event), want, "{payload}");
    }

    #[test]
    fn claude_says_what_it_does() {
        let check = |payload: &str, want| check(HooksKind::Claude, payload, want);
        check(r#"{"hook_event_name":"SessionStart","source":"startup"}"#, Some(Event::Started));
        check(
            r#"{"hook_event_name":"UserPromptSubmit","prompt":"do it"}"#,
            Some(Event::PromptAccepted { text: "do it".into() }),
        );
        check(
            r#"{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"ls"}}"#,
            Some(Event::Permission { what: "Bash".into() }),
        );
        check(r#"{"hook_event_name":"PostToolUse","tool_name":"Bash"}"#, Some(Event::Answered));
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
        assert!(parse(HooksKind::Claude, "[]").is_err());
    }

    #[test]
    fn codex_names_thread_and_prompt() {
        let payload = r#"{"type":"agent-turn-complete","thread-id":"t1","turn-id":"1","cwd":"/w",
            "input-messages":["a","b"],"last-assistant-message":"done"}"#;
        let want = Report {
            event: Event::TurnEnded { message: Some("done".into()) },
            session: Some("t1".into()),
            prompt: Some("b".into()),
        };
        assert_eq!(parse(HooksKind::Codex, payload).unwrap(), Some(want));
        check(HooksKind::Codex, r#"{"type":"other"}"#, None);
    }

    #[test]
    fn our_plugins_speak_one_language() {
        for kind in [HooksKind::Opencode, HooksKind::Pi] {
            check(kind, r#"{"event":"started","session":"s"}"#, Some(Event::Started));
            check(kind, r#"{"event":"busy"}"#, Some(Event::Busy));
            let failed = Event::TurnFailed { error: "500".into(), message: None };
            check(kind, r#"{"event":"ended","failed":"500"}"#, Some(failed));
            check(kind, r#"{"event":"later"}"#, None);
        }
    }

    fn wiring() -> Wiring {
        let command = ["/opt/my tools/wtmag", "hook", "x"].map(String::from).to_vec();
        Wiring { command, plugin: "/state/plugin".into(), notify: None }
    }

    #[test]
    fn claude_gets_settings_with_a_quoted_command() {
        let wire = wire(HooksKind::Claude, &wiring());
        let [flag, settings] = wire.args.as_slice() else { panic!("{wire:?}") };
        assert_eq!(flag, "--settings");
        let settings: Value = serde_json::from_str(settings).unwrap();
        let command = settings.pointer("/hooks/Stop/0/hooks/0/command").unwrap();
        assert_eq!(command, "'/opt/my tools/wtmag' hook x");
    }

    #[test]
    fn codex_notifies_us_and_then_the_user() {
        let notify = Some(vec!["notify-send".to_owned(), "it's \"done\"".to_owned()]);
        let wire = wire(HooksKind::Codex, &Wiring { notify, ..wiring() });
        let [_, value] = wire.args.as_slice() else { panic!("{wire:?}") };
        let value: toml::Table = toml::from_str(value).unwrap();
        let words = ["/opt/my tools/wtmag", "hook", "x", "--then", "notify-send", "it's \"done\""];
        assert_eq!(value["notify"], toml::Value::from(words.to_vec()));
    }

    #[test]
    fn plugins_know_how_to_reach_us() {
        for kind in [HooksKind::Opencode, HooksKind::Pi] {
            let (path, text) = wire(kind, &wiring()).file.unwrap();
            assert!(path.starts_with("/state/plugin."));
            assert!(text.contains(r#"= ["/opt/my tools/wtmag","hook","x"];"#), "{text}");
        }
    }
}
