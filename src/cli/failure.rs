//! How a failed command reports its error, and its exit code.
use std::{
    error::Error,
    io::{self, Write as _},
    iter::successors,
    process::ExitCode,
};

use serde_json::json;

use crate::{
    agents, brief, client, config, git,
    model::{Refusal, RefusalKind},
    paths, proc, sources, text,
};

/// The kind of failure, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An error that the user can fix: 1.
    User,
    /// Wrong usage: 2.
    Usage,
    /// The hub or tmux cannot be reached: 3.
    Hub,
    /// Timed out, or still held when a wait ended: 4.
    Waited,
    /// A bug: 70.
    Bug,
    /// Interrupted: 130.
    Interrupted,
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    error: Box<dyn Error>,
    /// Text from elsewhere: a screen, a hook's output. Printed unchanged, indented.
    quoted: Vec<String>,
    hints: Vec<Hint>,
    /// More fields for the error object of `--json`.
    detail: Option<serde_json::Value>,
}

/// What to type next.
#[derive(Debug)]
struct Hint {
    text: String,
    /// The option of the command that it names.
    option: Option<&'static str>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, error: impl Into<Box<dyn Error>>) -> Self {
        let (quoted, hints) = (Vec::new(), Vec::new());
        Self { kind, error: error.into(), quoted, hints, detail: None }
    }

    pub(crate) fn user(error: impl Into<Box<dyn Error>>) -> Self {
        Self::new(Kind::User, error)
    }

    pub(crate) fn usage(error: impl Into<Box<dyn Error>>) -> Self {
        Self::new(Kind::Usage, error)
    }

    pub(crate) fn bug(error: impl Into<Box<dyn Error>>) -> Self {
        Self::new(Kind::Bug, error)
    }

    /// Turns it into a usage error, if it is the user's to fix.
    #[must_use]
    pub(crate) fn into_usage(self) -> Self {
        if self.kind == Kind::User { Self { kind: Kind::Usage, ..self } } else { self }
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        self.hint_of(None, hint)
    }

    /// Adds a hint that names an option. Where several commands share the code, only those that have the option
    /// show it.
    #[must_use]
    pub(crate) fn hint_of_option(self, option: &'static str, hint: impl Into<String>) -> Self {
        self.hint_of(Some(option), hint)
    }

    fn hint_of(mut self, option: Option<&'static str>, hint: impl Into<String>) -> Self {
        self.hints.push(Hint { text: text::clean(&hint.into()), option });
        self
    }

    /// Leaves out hints about options that the user's command does not have.
    #[must_use]
    pub(crate) fn fit(mut self, has: impl Fn(&str) -> bool) -> Self {
        self.hints.retain(|it| it.option.is_none_or(&has));
        self
    }

    /// Adds lines that show what happened: the last ones of a screen or of a program's output.
    #[must_use]
    pub(crate) fn quote<S: AsRef<str>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.quoted.extend(lines.into_iter().map(|line| text::clean(line.as_ref())));
        self
    }

    /// Adds fields to the error object of `--json`.
    #[must_use]
    pub(crate) fn detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Prints `error:`, `cause:` and `hint:` lines, or the error object for `--json`.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if self.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        let text = if json { self.to_json() } else { self.to_string() };
        // The reader may be gone, which is not worth a second failure.
        if json {
            io::stdout().write_all(text.as_bytes()).unwrap_or_default();
        } else {
            io::stderr().write_all(text.as_bytes()).unwrap_or_default();
        }
        self.exit_code()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self.kind {
            Kind::User => 1,
            Kind::Usage => 2,
            Kind::Hub => 3,
            Kind::Waited => 4,
            Kind::Bug => 70,
            Kind::Interrupted => 130,
        }
    }

    fn name(&self) -> &'static str {
        match self.kind {
            Kind::User => "user",
            Kind::Usage => "usage",
            Kind::Hub => "hub",
            Kind::Waited => "timed-out",
            Kind::Bug => "bug",
            Kind::Interrupted => "interrupted",
        }
    }

    fn to_json(&self) -> String {
        format!("{}\n", json!({ "error": self.to_value() }))
    }

    /// The error object of `--json`.
    pub(crate) fn to_value(&self) -> serde_json::Value {
        let mut error = json!({
            "kind": self.name(),
            "message": self.message(": "),
            "hint": self.hints.first().map(|it| &it.text),
        });
        if let (Some(fields), true) = (error.as_object_mut(), self.hints.len() > 1) {
            let hints: Vec<&str> = self.hints.iter().map(|it| it.text.as_str()).collect();
            fields.insert("hints".to_owned(), json!(hints));
        }
        if let (Some(fields), false) = (error.as_object_mut(), self.quoted.is_empty()) {
            fields.insert("output".to_owned(), json!(self.quoted));
        }
        if let (Some(fields), Some(serde_json::Value::Object(more))) =
            (error.as_object_mut(), self.detail.clone())
        {
            fields.extend(more);
        }
        error
    }

    /// The message, followed by its causes.
    pub(crate) fn message(&self, between: &str) -> String {
        let causes = successors(self.error.source(), |&cause| cause.source());
        let lines = std::iter::once(self.error.to_string()).chain(causes.map(ToString::to_string));
        // It may repeat text from a repository, a program or an agent.
        let lines = lines.map(|it| text::clean(&it));
        lines.collect::<Vec<_>>().join(between)
    }

    /// The message, its causes and its quoted text, on one line.
    pub(crate) fn line(&self) -> String {
        let said = self.quoted.iter().map(|it| it.trim());
        let said: Vec<&str> = said.filter(|it| !it.is_empty()).collect();
        let message = self.message(": ");
        if said.is_empty() { message } else { format!("{message} ({})", said.join("; ")) }
    }

    /// The same with the first hint.
    pub(crate) fn line_and_hint(&self) -> String {
        let hint = self.hints.first().map(|it| format!("; {}", it.text)).unwrap_or_default();
        self.line() + &hint
    }

    /// The command was used wrongly, whatever the task.
    pub(crate) fn is_usage(&self) -> bool {
        self.kind == Kind::Usage
    }

    /// The hub or tmux cannot be reached.
    pub(crate) fn is_of_the_hub(&self) -> bool {
        self.kind == Kind::Hub
    }

    /// The user stopped the command.
    pub(crate) fn is_interrupt(&self) -> bool {
        self.kind == Kind::Interrupted
    }

    fn is_broken_pipe(&self) -> bool {
        let error = self.error.downcast_ref::<io::Error>();
        error.is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "error: {}", self.message("\ncause: "))?;
        self.quoted.iter().try_for_each(|line| writeln!(f, "  | {line}"))?;
        self.hints.iter().try_for_each(|hint| writeln!(f, "hint: {}", hint.text))
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Refused(refusal) => Self::from(refusal),
            client::Error::TimedOut { .. } => Self::new(Kind::Waited, error),
            client::Error::NotRunning => Self::new(Kind::Hub, error).hint(
                "to start it now: `wtmag hub start`; any command that needs it does the same",
            ),
            client::Error::Paths(paths::Error::Unsafe { .. }) => Self::new(Kind::Hub, error)
                .hint("set XDG_RUNTIME_DIR to a directory of your own; its path must be short"),
            client::Error::Start { .. }
            | client::Error::Silent { .. }
            | client::Error::Foreign { .. }
            | client::Error::Closed
            | client::Error::Lagged { .. }
            | client::Error::Unexpected
            | client::Error::Io(_)
            | client::Error::Frame(_)
            | client::Error::HubFile { .. }
            | client::Error::Paths(_) => Self::new(Kind::Hub, error)
                .hint("to find out more: `wtmag hub status`, `wtmag hub logs`"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.kind {
            RefusalKind::NotFound
            | RefusalKind::Exists
            | RefusalKind::NotNow
            | RefusalKind::Other(_) => Kind::User,
            RefusalKind::Tmux | RefusalKind::Store => Kind::Hub,
            RefusalKind::BadRequest => Kind::Bug,
        };
        let hint = refusal.hint.clone();
        let failure = Self::new(kind, refusal);
        hint.into_iter().fold(failure, Self::hint)
    }
}

impl From<git::Error> for Failure {
    fn from(error: git::Error) -> Self {
        if error.is_cancelled() {
            return Self::interrupted();
        }
        let advice = error.advice();
        let mut said = String::new();
        if let git::Error::Unapproved { text, .. }
        | git::Error::HookFailed { text, .. }
        | git::Error::Setup { text, .. }
        | git::Error::GitHook { text, .. }
        | git::Error::Filter { said: text, .. }
        | git::Error::Failed { said: text, .. } = &error
        {
            said.clone_from(text);
        }
        let failure = Self::user(error).quote(said.lines());
        advice.into_iter().fold(failure, |failure, it| failure.hint_of(it.option, it.text))
    }
}

impl From<sources::Error> for Failure {
    fn from(error: sources::Error) -> Self {
        if matches!(error, sources::Error::Cancelled) {
            return Self::interrupted();
        }
        let hint = error.hint();
        hint.into_iter().fold(Self::user(error), Self::hint)
    }
}

impl From<config::NoAgent> for Failure {
    fn from(error: config::NoAgent) -> Self {
        let known = error.known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        let lines = format!("[agents.{0}]` and `command = \"{0}\"", error.name);
        Self::user(error)
            .hint(format!(
                "known agents: {known}; `wtmag help profiles` lists programs that need no block"
            ))
            .hint(format!("to add it: `wtmag config edit`, then the lines `{lines}`"))
    }
}

impl From<proc::Error> for Failure {
    fn from(error: proc::Error) -> Self {
        if matches!(error, proc::Error::Cancelled) {
            Self::interrupted()
        } else {
            Self::user(error)
        }
    }
}

/// Errors whose message needs no hint.
macro_rules! by_the_user {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::user(error)
            }
        }
    )*};
}

by_the_user!(agents::launch::Error, agents::profile::Error, brief::Error, config::Error);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::user(error)
    }
}

/// A usage error, in clap's words.
impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        let text = error.render().to_string();
        Self::usage(text.trim().trim_start_matches("error: "))
    }
}

/// Help and version are not errors; for the rest, prints clap's text or the error object.
pub(super) fn usage(error: clap::Error, json: bool) -> ExitCode {
    if !error.use_stderr() || !json {
        // A reader that has gone is not worth a failure.
        error.print().unwrap_or_default();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    Failure::from(error).report(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_why_and_what_next() {
        let error = client::Error::Io(io::Error::from(io::ErrorKind::PermissionDenied));
        let failure = Failure::new(Kind::Hub, error).hint("check who owns it");
        insta::assert_snapshot!(failure.to_string(), @r"
        error: lost the connection to the hub
        cause: permission denied
        hint: check who owns it
        ");
        insta::assert_snapshot!(failure.to_json(), @r#"{"error":{"hint":"check who owns it","kind":"hub","message":"lost the connection to the hub: permission denied"}}"#);
    }

    #[test]
    fn nothing_that_a_message_repeats_acts_on_a_terminal() {
        let failure =
            Failure::user("key `\u{1b}]0;x\u{7}\u{202e}y`").hint("a\u{1b}[2J").quote(["\u{9b}b"]);
        let text = failure.to_string();
        assert!(
            !text.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'),
            "{text:?}"
        );
        assert!(!failure.line().contains('\u{1b}'));
    }

    #[test]
    fn json_has_the_first_hint_and_all_of_several() {
        let failure = Failure::user("no").hint("look").quote(["a", "b"]).hint("ask");
        let json: serde_json::Value = serde_json::from_str(&failure.to_json()).unwrap();
        assert_eq!(json["error"]["hint"], "look");
        assert_eq!(json["error"]["hints"], json!(["look", "ask"]));
        assert_eq!(failure.line(), "no (a; b)");
        assert_eq!(failure.line_and_hint(), "no (a; b); look");
    }

    #[test]
    fn a_hint_about_an_option_is_for_commands_that_have_it() {
        let failure = |has: &[&str]| {
            let failure = Failure::user("no").hint("look").hint_of_option("name", "`--name N`");
            failure.fit(|it| has.contains(&it)).to_string()
        };
        assert_eq!(failure(&["name"]), "error: no\nhint: look\nhint: `--name N`\n");
        assert_eq!(failure(&["names"]), "error: no\nhint: look\n");
    }

    #[test]
    fn a_hub_that_does_not_run_is_not_asked_for_its_status() {
        let text = Failure::from(client::Error::NotRunning).to_string();
        assert!(text.contains("wtmag hub start") && !text.contains("hub status"), "{text}");
    }

    #[test]
    fn what_clap_says_is_an_error_once() {
        let error = crate::cli::command().try_get_matches_from(["wtmag", "lst"]).unwrap_err();
        let text = Failure::from(error).to_string();
        assert!(text.starts_with("error: unrecognized subcommand"), "{text}");
    }
}
