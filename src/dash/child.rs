//! Runs this program's own commands as children.
use std::{ffi::OsString, path::PathBuf, time::Duration};

use serde::{Deserialize, de::IgnoredAny};

use super::{
    act::Act,
    page::Tab,
    state::{Input, Offer},
};
use crate::{
    model::{WorkerId, error_chain},
    proc::{self, Cmd},
    text::count,
};

/// A removal or a landing may run slow hooks of the project.
const LIMIT: Duration = Duration::from_secs(3600);
/// The text of a view comes soon or not at all.
const PAGE_LIMIT: Duration = Duration::from_secs(30);
/// Longest text of a view, in bytes.
const MAX_PAGE: usize = 1 << 20;

/// How this program is started.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) tmux_socket: PathBuf,
    /// What says which tmux client asks.
    pub(super) tmux_env: Vec<(&'static str, OsString)>,
    pub(super) colour: bool,
}

impl Program {
    /// A command on the same tmux server. It runs at this terminal, because a person decides, but reads
    /// nothing from it.
    fn command(&self, words: &[String]) -> Cmd<'static> {
        let dir = std::env::current_dir().unwrap_or_else(|_| "/".into());
        let cmd = Cmd::new(&self.path, &dir).args(["-S"]).args([&self.tmux_socket]).args(words);
        cmd.envs(self.tmux_env.iter().map(|(name, value)| (name, value))).on_terminal()
    }

    /// The words after the program, for a command that has the terminal for itself.
    pub(super) fn words(&self, words: &[&str]) -> Vec<OsString> {
        let server = ["-S".into(), self.tmux_socket.clone().into_os_string()];
        server.into_iter().chain(words.iter().map(OsString::from)).collect()
    }

    pub(super) async fn act(self, act: Act) -> Input {
        let mut cmd = self.command(&act.words()).limit(LIMIT);
        if let Some(text) = act.input() {
            cmd = cmd.stdin(text);
        }
        match cmd.run(&proc::never()).await {
            Ok(output) => {
                let is_ok = output.is_success();
                let (text, offer) = match &act {
                    Act::Remove { .. } => removal(&output.stdout, &output.stderr_text()),
                    Act::CheckMerged { .. } => merged(&output.stdout, &output.stderr_text()),
                    Act::Answer { .. }
                    | Act::Send { .. }
                    | Act::CheckLand { .. }
                    | Act::Land { .. }
                    | Act::Resume { .. }
                    | Act::Promote { .. }
                    | Act::HandOff { .. }
                    | Act::Ack { .. } => {
                        let text = format!("{}\n{}", output.stderr_text(), output.stdout_text());
                        (text, Offer::Nothing)
                    }
                };
                Input::Done { act, is_ok, text: text.trim().to_owned(), offer }
            }
            Err(error) => {
                Input::Done { act, is_ok: false, text: error_chain(&error), offer: Offer::Nothing }
            }
        }
    }

    /// The text of a view, for so many columns.
    pub(super) async fn page(self, id: WorkerId, tab: Tab, columns: u16) -> Input {
        let words: Vec<String> =
            tab.verb().into_iter().map(str::to_owned).chain([id.to_string()]).collect();
        let mut cmd = self.command(&words).limit(PAGE_LIMIT).env("COLUMNS", columns.to_string());
        if self.colour {
            cmd = cmd.env("CLICOLOR_FORCE", "1");
        }
        let text = match cmd.run(&proc::never()).await {
            Ok(output) => format!("{}{}", output.stdout_text(), output.stderr_text()),
            Err(error) => error_chain(&error),
        };
        let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_PAGE);
        let text = text.get(..end.unwrap_or(text.len())).unwrap_or_default().to_owned();
        Input::Page { id, tab, text }
    }
}

/// What `cleanup --json` prints.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Printed {
    id: Option<String>,
    notes: Vec<String>,
    removed: Vec<IgnoredAny>,
    kept: Vec<Kept>,
    error: Option<Refused>,
}

#[derive(Deserialize)]
struct Kept {
    id: String,
    error: String,
}

#[derive(Deserialize)]
struct Refused {
    message: String,
    #[serde(default)]
    output: Vec<String>,
    discard: Option<String>,
}

/// It in words, and the state that may be discarded. `said` is what it said besides.
fn removal(json: &[u8], said: &str) -> (String, Offer) {
    let Ok(printed) = serde_json::from_slice::<Printed>(json) else {
        return (said.to_owned(), Offer::Nothing);
    };
    if let Some(Refused { message, output, discard }) = printed.error {
        let lines = output.into_iter().map(|it| format!("  {it}"));
        let lines: Vec<String> = std::iter::once(message).chain(lines).collect();
        return (lines.join("\n"), discard.map_or(Offer::Nothing, Offer::Discard));
    }
    let mut lines = printed.notes;
    lines.extend(printed.kept.into_iter().map(|it| format!("{}: {}", it.id, it.error)));
    lines.push(match printed.id {
        Some(id) => format!("{id} is removed"),
        None => format!("{} removed", count(printed.removed.len(), "worker")),
    });
    (lines.join("\n"), Offer::Nothing)
}

/// What `cleanup --merged --dry-run --json` prints of a worker.
#[derive(Deserialize)]
struct Verdict {
    id: WorkerId,
    verdict: String,
    why: String,
}

/// It in words, those to remove first, and which may be removed.
fn merged(json: &[u8], said: &str) -> (String, Offer) {
    let Ok(verdicts) = serde_json::from_slice::<Vec<Verdict>>(json) else {
        return (said.to_owned(), Offer::Nothing);
    };
    let (merged, kept): (Vec<_>, Vec<_>) =
        verdicts.into_iter().partition(|it| it.verdict == "remove");
    let line = |it: &Verdict| format!("{}: {}", it.id, it.why);
    let mut lines: Vec<String> = merged.iter().map(line).collect();
    if merged.is_empty() {
        lines.push("no worker's work is merged yet".to_owned());
    }
    if !kept.is_empty() {
        lines.extend([String::new(), "kept:".to_owned()]);
        lines.extend(kept.iter().map(line));
    }
    (lines.join("\n"), Offer::Remove(merged.into_iter().map(|it| it.id).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_removal_says_what_would_be_lost() {
        let json = br#"{"error":{"message":"`a` has work","output":["untracked files: `x`"],
            "hint":"h","discard":"1a2b@/w"}}"#;
        let (text, discard) = removal(json, "");
        assert_eq!(text, "`a` has work\n  untracked files: `x`");
        assert_eq!(discard, Offer::Discard("1a2b@/w".to_owned()));
        let json = br#"{"removed":[{"id":"a"}],"kept":[{"id":"b","error":"busy"}]}"#;
        assert_eq!(removal(json, "").0, "b: busy\n1 worker removed");
        let json = br#"{"id":"a","notes":["ignored files: `.env`"]}"#;
        assert_eq!(removal(json, "").0, "ignored files: `.env`\na is removed");
        assert_eq!(removal(b"", "error: x").0, "error: x");
    }

    #[test]
    fn only_what_is_merged_is_offered() {
        let row = |id: &str, verdict: &str, why: &str| {
            format!(
                r#"{{"id":"{id}","verdict":"{verdict}","why":"{why}","error":null,"removed":null}}"#
            )
        };
        let json = format!("[{},{}]", row("a", "keep", "busy"), row("b", "remove", "in main"));
        let (text, offer) = merged(json.as_bytes(), "");
        assert_eq!(text, "b: in main\n\nkept:\na: busy");
        assert_eq!(offer, Offer::Remove(vec!["b".parse().unwrap()]));
        let (text, offer) = merged(b"[]", "");
        assert_eq!(
            (text.as_str(), offer),
            ("no worker's work is merged yet", Offer::Remove(Vec::new()))
        );
        assert_eq!(merged(br#"{"error":{}}"#, "error: x").0, "error: x");
    }
}
