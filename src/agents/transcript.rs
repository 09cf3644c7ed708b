//! What agents write down of their conversations: where the files are, and what was said in them.
//!
//! Pure: names of files and their lines come in; turns come out. opencode keeps its conversations in a database
//! of its own; its plugin tells what it says.
use serde_json::Value;

use crate::model::Timestamp;

/// Where an agent program keeps its conversations: one file of JSON lines each.
#[derive(Debug)]
pub struct Transcripts {
    /// The profiles of the agent are called like it.
    pub agent: &'static str,
    /// The variable that names its directory, and the directory below the home directory without it.
    pub dir_variable: &'static str,
    pub default_dir: &'static str,
    /// Below that: where the files are, so many directories deep.
    pub below: &'static str,
    pub depth: usize,
    read: fn(&Value) -> Option<Said>,
}

/// One turn that said something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When the last message came.
    pub at: Timestamp,
    /// The last message.
    pub text: String,
}

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// A turn begins.
    Prompt,
    Message(String),
}

static ALL: [Transcripts; 3] = [
    Transcripts {
        agent: "claude",
        dir_variable: "CLAUDE_CONFIG_DIR",
        default_dir: ".claude",
        below: "projects",
        depth: 1,
        read: claude,
    },
    Transcripts {
        agent: "codex",
        dir_variable: "CODEX_HOME",
        default_dir: ".codex",
        below: "sessions",
        depth: 3,
        read: codex,
    },
    Transcripts {
        agent: "pi",
        dir_variable: "PI_CODING_AGENT_DIR",
        default_dir: ".pi/agent",
        below: "sessions",
        depth: 1,
        read: pi,
    },
];

/// Those of the agent with this profile.
pub fn of(profile: &str) -> Option<&'static Transcripts> {
    ALL.iter().find(|it| it.agent == profile)
}

/// This is the file of a session.
pub fn is_of_session(file_name: &str, session: &str) -> bool {
    let stem = file_name.strip_suffix(".jsonl");
    let rest = stem.and_then(|it| it.strip_suffix(session)).filter(|_| !session.is_empty());
    rest.is_some_and(|it| it.is_empty() || it.ends_with(['-', '_']))
}

/// The beginning of a file names this directory as the one that the agent works in.
pub fn is_of_directory(head: &str, dir: &str) -> bool {
    let name = Value::from(dir).to_string();
    head.contains(&format!("\"cwd\":{name}"))
}

impl Transcripts {
    /// The turns in these lines, the oldest first. A line that cannot be read says nothing: the last one may be half
    /// written.
    pub fn turns(&self, lines: &str) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        let mut is_new = true;
        for line in lines.lines() {
            let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
            match (self.read)(&value) {
                Some(Said::Prompt) => is_new = true,
                Some(Said::Message(text)) if !text.trim().is_empty() => {
                    let at = at(&value);
                    match turns.last_mut().filter(|_| !is_new) {
                        Some(turn) => *turn = Turn { at: at.unwrap_or(turn.at), text },
                        None => turns.push(Turn { at: at.unwrap_or_default(), text }),
                    }
                    is_new = false;
                }
                Some(Said::Message(_)) | None => {}
            }
        }
        turns
    }
}

fn at(line: &Value) -> Option<Timestamp> {
    line.get("timestamp")?.as_str()?.parse().ok()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// The parts of a message that have this type, on lines of their own.
fn parts(message: &Value, kind: &str) -> Option<String> {
    let parts = message.get("content")?.as_array()?.iter();
    let texts = parts.filter(|it| text(it, "/type") == Some(kind));
    let texts: Vec<&str> = texts.filter_map(|it| text(it, "/text")).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// A subagent's lines are marked; what a tool brought comes as the user's, in parts.
fn claude(line: &Value) -> Option<Said> {
    let is = |name: &str| line.get(name).and_then(Value::as_bool) == Some(true);
    if is("isSidechain") || is("isMeta") {
        return None;
    }
    let message = line.get("message")?;
    match text(line, "/type")? {
        "assistant" => parts(message, "text").map(Said::Message),
        "user" => {
            let is_typed = text(message, "/content").is_some() || parts(message, "text").is_some();
            is_typed.then_some(Said::Prompt)
        }
        _ => None,
    }
}

fn codex(line: &Value) -> Option<Said> {
    let payload = line.get("payload")?;
    match (text(line, "/type")?, text(payload, "/type")?) {
        ("event_msg", "task_started") => Some(Said::Prompt),
        ("event_msg", "task_complete") => {
            text(payload, "/last_agent_message").map(|it| Said::Message(it.to_owned()))
        }
        ("response_item", "message") if text(payload, "/role") == Some("assistant") => {
            parts(payload, "output_text").map(Said::Message)
        }
        _ => None,
    }
}

fn pi(line: &Value) -> Option<Said> {
    let message = line.get("message").filter(|_| text(line, "/type") == Some("message"))?;
    match text(message, "/role")? {
        "user" => Some(Said::Prompt),
        "assistant" => parts(message, "text").map(Said::Message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the real agents, with what is not read cut out.
    const CLAUDE: &str = include_str!("../../tests/fixtures/transcripts/claude.jsonl");
    const CODEX: &str = include_str!("../../tests/fixtures/transcripts/codex.jsonl");
    const PI: &str = include_str!("../../tests/fixtures/transcripts/pi.jsonl");

    fn texts(agent: &str, lines: &str) -> Vec<String> {
        of(agent).unwrap().turns(lines).into_iter().map(|it| it.text).collect()
    }

    #[test]
    fn each_turn_has_its_last_message() {
        let two = ["Stub reply to: 'TOOL please'", "Stub reply to: 'Second question'"];
        assert_eq!(texts("claude", CLAUDE), two);
        assert_eq!(texts("pi", PI), two);
        assert_eq!(texts("codex", CODEX), two);
        let turns = of("claude").unwrap().turns(CLAUDE);
        assert_eq!(turns[1].at.to_string(), "2026-11-29T09:41:46.672Z");
        for agent in ["claude", "codex", "pi"] {
            assert_eq!(texts(agent, "{\"type\": half a line\n\nnull\n[1]\n"), [""; 0]);
        }
        assert!(of("opencode").is_none() && of("generic").is_none());
    }

    #[test]
    fn what_a_subagent_says_is_not_the_agents() {
        let line = |side: bool, text: &str| {
            let message = serde_json::json!({"content": [{"type": "text", "text": text}]});
            serde_json::json!({"type": "assistant", "isSidechain": side, "message": message})
                .to_string()
        };
        let lines = format!("{}\n{}\n", line(false, "mine"), line(true, "a subagent's"));
        assert_eq!(texts("claude", &lines), ["mine"]);
    }

    #[test]
    fn a_file_is_known_by_its_session_or_its_directory() {
        let id = "01a226ae-9fac-70e1-bf50-8083ee750d0d";
        for name in ["", "rollout-2026-11-29T09-41-48-", "2026-11-29T09-41-49-459Z_"] {
            assert!(is_of_session(&format!("{name}{id}.jsonl"), id), "{name}");
        }
        for name in [format!("x{id}.jsonl"), format!("{id}.json"), format!("{id}-2.jsonl")] {
            assert!(!is_of_session(&name, id), "{name}");
        }
        assert!(!is_of_session("-.jsonl", ""));
        for head in [CLAUDE, CODEX, PI] {
            assert!(is_of_directory(head, "/src/blog"));
            assert!(!is_of_directory(head, "/src/blo") && !is_of_directory(head, "/src/blog2"));
        }
    }
}
