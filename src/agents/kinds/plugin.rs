//! The payload of wtmag's own plugins, the same in every agent.
use serde::Deserialize;

use crate::{
    agents::hooks::{Event, HookEvent},
    model::AskKind,
};

#[derive(Deserialize)]
struct Payload {
    event: String,
    session: Option<String>,
    text: Option<String>,
    /// What a permission is for: the command, the path, ….
    about: Option<String>,
    #[serde(default)]
    choices: Vec<String>,
    message: Option<String>,
    failed: Option<String>,
    reason: Option<String>,
    /// URLs of pull requests in what a tool printed.
    printed: Option<String>,
}

pub(super) fn read(payload: &str) -> serde_json::Result<Option<HookEvent>> {
    serde_json::from_str(payload).map(event)
}

fn event(it: Payload) -> Option<HookEvent> {
    let text = it.text.unwrap_or_default();
    let event = match it.event.as_str() {
        "started" => Event::Started,
        "prompt" => Event::PromptAccepted { text },
        "busy" => Event::Busy,
        "permission" => permission(&text, it.about.as_deref().unwrap_or_default()),
        "question" => Event::question(&text, it.choices),
        "answered" => Event::Answered,
        "retry" => Event::Retrying { error: text },
        "ended" => match it.failed {
            Some(error) => Event::TurnFailed { error, message: it.message },
            None => Event::TurnEnded { message: it.message },
        },
        "exit" => Event::Ended { reason: it.reason.unwrap_or_default() },
        _ => return None,
    };
    Some(HookEvent { event, session: it.session, prompt: None, printed: it.printed })
}

/// By the agent's own name for what it wants to do.
fn permission(name: &str, about: &str) -> Event {
    let kind = match name {
        "bash" | "shell" => AskKind::Command,
        "edit" | "write" | "read" | "patch" | "external_directory" => AskKind::Path,
        "webfetch" | "websearch" => AskKind::Url,
        _ => AskKind::Tool,
    };
    Event::permission(kind, if about.is_empty() { name } else { about })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            opencode, pi,
            tests::{check, wiring},
        },
        *,
    };

    #[test]
    fn our_plugins_speak_one_language() {
        for kind in [opencode::KIND, pi::KIND] {
            check(&kind, r#"{"event":"started","session":"s"}"#, Some(Event::Started));
            check(&kind, r#"{"event":"busy"}"#, Some(Event::Busy));
            let failed = Event::TurnFailed { error: "500".into(), message: None };
            check(&kind, r#"{"event":"ended","failed":"500"}"#, Some(failed));
            let asks = r#"{"event":"permission","text":"bash","about":"npm test"}"#;
            check(&kind, asks, Some(Event::permission(AskKind::Command, "npm test")));
            let asks = r#"{"event":"permission","text":"bash"}"#;
            check(&kind, asks, Some(Event::permission(AskKind::Command, "bash")));
            let asks = r#"{"event":"question","text":"Which?","choices":["A"]}"#;
            check(&kind, asks, Some(Event::question("Which?", vec!["A".into()])));
            let printed = r#"{"event":"answered","printed":"https://x/y/z/pull/1"}"#;
            let told = kind.read(printed).unwrap().unwrap();
            let url = told.printed.as_deref();
            assert_eq!((told.event, url), (Event::Answered, Some("https://x/y/z/pull/1")));
            check(&kind, r#"{"event":"later"}"#, None);
        }
    }

    #[test]
    fn plugins_know_how_to_reach_us() {
        for kind in [opencode::KIND, pi::KIND] {
            let (path, text) = kind.wire(&wiring()).file.unwrap();
            assert!(path.starts_with("/state/plugin."));
            assert!(text.contains(r#"= ["/opt/my tools/wtmag","hook","x"];"#), "{text}");
        }
    }
}
