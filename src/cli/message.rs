//! A text on its way to an agent: as it is, or in a file that one line announces.
use std::path::Path;

use super::Failure;
use crate::{
    agents::{self, Profile, profile::Paste},
    git,
    model::{Agent, NewDelivery, Worker, WorkerId},
};

/// What the hub must deliver for `text`. A text that is too long for the agent's box is written to
/// a file in the worktree first.
///
/// Removes line ends around the text: `echo` adds one, and an agent without bracketed paste takes
/// it for Enter.
pub(super) fn compose(worker: &Worker, text: &str, how: How) -> Result<NewDelivery, Failure> {
    // The hub refuses it anyway.
    let how = if worker.is_live() { how } else { How { paste: true, raw: true } };
    compose_for((&worker.id, &worker.agent), &worker.worktree, text, how)
}

/// The same for an agent that is about to be started in this worktree.
pub(super) fn compose_for(
    (id, agent): (&WorkerId, &Agent),
    worktree: &Path,
    text: &str,
    how: How,
) -> Result<NewDelivery, Failure> {
    let bare = text.trim_matches(['\n', '\r']);
    let mut new = NewDelivery {
        worker: id.clone(),
        text: bare.to_owned(),
        submit: true,
        interrupt: false,
        file: None,
    };
    let limits = limits(agent)?;
    let fits = how.paste || how.raw || is_comfortable(&limits, bare);
    if fits && (how.raw || !limits.is_command(bare)) {
        return Ok(new);
    }
    let file = git::scratch::write_message(worktree, text).map_err(|error| {
        let failure = Failure::from(error);
        if limits.is_command(bare) {
            let hint = "`--raw` types it as it is; the agent may run it as a command";
            return failure.hint_of_option("raw", hint);
        }
        failure.hint_of_option("paste", "`--paste` types it into the box, however long it is")
    })?;
    new.text = format!("Read ./{file} and treat it as a message to you.");
    new.file = Some(file);
    Ok(new)
}

/// How the user wants a text to be delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How {
    /// Type it into the box, however long it is.
    pub(super) paste: bool,
    /// Type it into the box, even if the agent runs it as a command.
    pub(super) raw: bool,
}

fn limits(agent: &Agent) -> Result<Paste, Failure> {
    if let Some(text) = &agent.profile_text {
        return Ok(Profile::parse(&agent.profile, text)?.paste);
    }
    let profile = Profile::shared(&agent.profile).or_else(|| Profile::shared(agents::GENERIC));
    Ok(profile.map(|it| it.paste.clone()).unwrap_or_default())
}

fn is_comfortable(limits: &Paste, text: &str) -> bool {
    text.len() <= limits.comfortable_bytes
        && text.lines().count() <= limits.comfortable_lines
        && !limits.may_be_drawn_wrongly(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    #[track_caller]
    fn check(profile: &str, text: &str, want: Option<&str>) {
        let dir = tempfile::tempdir().unwrap();
        gix::init(dir.path()).unwrap();
        let mut worker = samples::worker("a");
        worker.agent.profile = profile.to_owned();
        worker.worktree = dir.path().to_owned();
        let new = compose(&worker, text, How::default()).unwrap();
        assert_eq!(new.file.as_deref(), want);
        let path = dir.path().join(new.file.clone().unwrap_or_default());
        match want {
            Some(file) => {
                assert_eq!(std::fs::read_to_string(path).unwrap(), text);
                assert_eq!(new.text, format!("Read ./{file} and treat it as a message to you."));
            }
            None => assert_eq!(new.text, text),
        }
    }

    #[test]
    fn a_text_that_would_be_a_command_is_announced() {
        let file = Some(".wtmag/message-1.md");
        for text in ["!touch x", "  !touch x", "/clear", "#note", "@file do it"] {
            check("claude", text, file);
        }
        for profile in ["generic", "codex", "pi", "gemini", "opencode", "demo"] {
            check(profile, "!touch x", file);
            check(profile, "/quit", file);
            check(profile, "do it / or not!", None);
        }
        check("copilot", "สวัสดี น้ำ", file);
        check("copilot", "family 👩🏽‍💻", file);
        check("generic", "a\ttab", file);
        check("claude", "می\u{200D} خواهم", file);
        check("copilot", "สวัสดี, हन 🙂", None);
        let worker = samples::worker("a");
        let raw = compose(&worker, "!touch x", How { raw: true, ..How::default() }).unwrap();
        assert_eq!((raw.text.as_str(), raw.file), ("!touch x", None));
    }

    #[test]
    fn what_a_box_takes_well_is_typed_and_the_rest_is_announced() {
        let file = Some(".wtmag/message-1.md");
        check("generic", "one line", None);
        check("generic", "two\nlines", file);
        check("claude", "two\nlines", None);
        check("claude", &"long ".repeat(4000), file);
        check("claude", "1\n2\n3\n4", file);
        check("codex", "1\n2\n3\n4", None);
        check("a profile of a later version", "two\nlines", file);
    }

    #[test]
    fn line_ends_around_a_text_are_not_part_of_it() {
        let worker = samples::worker("a");
        for text in ["hello", "hello\n", "\r\nhello\r\n\n"] {
            assert_eq!(compose(&worker, text, How::default()).unwrap().text, "hello");
        }
        assert_eq!(
            compose(&worker, "a\n  b", How { paste: true, ..How::default() }).unwrap().text,
            "a\n  b"
        );
    }

    #[test]
    fn a_profile_says_what_its_box_takes_well() {
        let dir = tempfile::tempdir().unwrap();
        gix::init(dir.path()).unwrap();
        let mut worker = samples::worker("a");
        worker.worktree = dir.path().to_owned();
        worker.agent.profile_text = Some("name = 'x'\n[paste]\ncomfortable_bytes = 4".to_owned());
        assert_eq!(compose(&worker, "four", How::default()).unwrap().file, None);
        assert!(compose(&worker, "fives", How::default()).unwrap().file.is_some());
        assert_eq!(
            compose(&worker, "fives", How { paste: true, ..How::default() }).unwrap().text,
            "fives"
        );
        worker.worktree = dir.path().join("gone");
        let failure = compose(&worker, "fives", How::default()).unwrap_err().to_string();
        assert!(failure.contains("--paste"), "{failure}");
    }
}
