//! Codex: one notification command by `-c notify=`, with its payload as the last argument. wtmag's
//! command replaces the user's and then runs it.
use serde::Deserialize;

use super::{AgentKind, PayloadSource, UserConfig, Wire, Wiring, strings};
use crate::agents::hooks::{Event, HookEvent};

pub(super) const KIND: AgentKind = AgentKind {
    name: "codex",
    payload: PayloadSource::LastArgument,
    user_config: Some(UserConfig {
        dir_variable: "CODEX_HOME",
        default_dir: ".codex",
        file: "config.toml",
    }),
    merged_env: &[],
    wire,
    read,
    writable,
};

fn wire(wiring: &Wiring) -> Wire {
    let notify = wiring.config.get("notify").and_then(strings).unwrap_or_default();
    let then = if notify.is_empty() { None } else { Some("--then".to_owned()) };
    let command: Vec<String> = wiring.command.iter().cloned().chain(then).chain(notify).collect();
    let value = toml::Value::from(command).to_string();
    Wire { args: vec!["-c".to_owned(), format!("notify={value}")], ..Wire::default() }
}

fn writable(config: &toml::Table) -> Vec<String> {
    let roots = config.get("sandbox_workspace_write").and_then(|it| it.get("writable_roots"));
    roots.and_then(strings).unwrap_or_default()
}

fn read(payload: &str) -> serde_json::Result<Option<HookEvent>> {
    serde_json::from_str(payload).map(event)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Payload {
    r#type: String,
    thread_id: Option<String>,
    #[serde(default)]
    input_messages: Vec<String>,
    last_assistant_message: Option<String>,
}

fn event(it: Payload) -> Option<HookEvent> {
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
    fn directories_of_the_user_are_kept() {
        let config = "[sandbox_workspace_write]\nwritable_roots = ['/a', '/b']";
        assert_eq!(writable(&config.parse().unwrap()), ["/a", "/b"]);
        assert_eq!(writable(&toml::Table::new()), [""; 0]);
    }
}
