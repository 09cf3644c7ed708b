//! Trackers that the configuration adds as `[sources.NAME]`: a command that prints a task as JSON, and
//! one that prints those that are ready.
//!
//! Commands run without a shell and get the key as their last argument. What they print is data.
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Context, CustomError, Error, Fetched, LIMIT, SourceSpec, Task, TaskRef, ready::Ready, reason,
};
use crate::{
    brief::{Comment, Detail, WorkItem},
    model::{Source, SourceKind},
    proc::{self, Cmd},
    text::{clean, one_line},
};

/// One tracker of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custom {
    /// What `[sources.NAME]` is called.
    pub name: String,
    pub kind: SourceKind,
    /// Prints one task.
    pub command: Vec<String>,
    /// Prints the tasks that are ready.
    pub ready: Option<Vec<String>>,
}

pub static SPEC: SourceSpec = SourceSpec {
    flag: "source",
    value_name: "NAME:KEY",
    help: "Task of a tracker in your configuration: the NAME of its `[sources.NAME]` block and the task's KEY, as in `linear:ENG-12`",
    program: None,
    types: &[],
    parse,
    resolve: |_, task| Box::pin(async { kind(task) }),
    fetch: |cx, task| Box::pin(fetch(cx, task)),
    ready: None,
};

const MAX_TITLE: usize = 256;

/// Between the name of a tracker and the key of a task.
pub const SEPARATOR: char = ':';

fn parse(text: &str) -> Result<TaskRef, Error> {
    let bad = || CustomError::BadTask { text: one_line(text, 80) };
    let (name, key) = text.trim().split_once(SEPARATOR).ok_or_else(bad)?;
    let kind = SourceKind::custom(name).filter(|_| is_key(key)).ok_or_else(bad)?;
    let (text, key) = (text.trim().to_owned(), key.to_owned());
    Ok(TaskRef { spec: &SPEC, text, key, kind: Some(kind), repo: None })
}

fn kind(task: &TaskRef) -> Result<SourceKind, Error> {
    Ok(task.kind.ok_or_else(|| CustomError::BadTask { text: task.text.clone() })?)
}

/// `ENG-12`, `acme/blog#4`: never a flag, no list of keys, and a part of a branch's name.
fn is_key(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./#".contains(c);
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_plain)
}

/// What a command prints for one task.
#[derive(Deserialize)]
struct TaskJson {
    key: Option<Key>,
    title: String,
    body: Option<String>,
    url: Option<String>,
    author: Option<String>,
    state: Option<String>,
    labels: Option<Vec<String>>,
    comments: Option<Vec<CommentJson>>,
}

#[derive(Deserialize)]
struct CommentJson {
    author: Option<String>,
    body: Option<String>,
    at: Option<String>,
}

/// A tracker with numbers may print one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Key {
    Text(String),
    Number(u64),
}

impl Key {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Custom {
    /// What `create` is given to name a task of it.
    fn task(&self, key: &str) -> String {
        format!("{}{SEPARATOR}{key}", self.name)
    }

    /// The tasks that its `ready` command prints.
    pub(super) async fn ready(&self, cx: &Context<'_>) -> Result<Vec<Ready>, Error> {
        let Some(argv) = &self.ready else { return Ok(Vec::new()) };
        let (all, failed): (Vec<TaskJson>, _) = self.ask(cx, argv).await?;
        let one = |it: TaskJson| {
            let key = it.key.map(Key::text).unwrap_or_default();
            if !is_key(&key) {
                return Err(failed(format!("gave `{}` as a key", one_line(&key, 80))));
            }
            let url = it.url.filter(|it| is_page(it)).unwrap_or_default();
            let labels = it.labels.unwrap_or_default();
            let name = (SPEC.flag, self.task(&key));
            Ok(Ready::new(name, (self.kind, &key, &url), &it.title, &labels))
        };
        all.into_iter().map(one).collect()
    }

    /// Runs a command of its; also returns how a failure of that command is told.
    async fn ask<T: DeserializeOwned>(
        &self,
        cx: &Context<'_>,
        argv: &[String],
    ) -> Result<(T, impl Fn(String) -> Error + use<T>), Error> {
        let (name, command) = (self.name.clone(), line(argv));
        let failed = move |why: String| -> Error {
            let (name, command) = (name.clone(), command.clone());
            CustomError::Command { name, command, why }.into()
        };
        let (program, args) = argv.split_first().ok_or_else(|| failed("is empty".to_owned()))?;
        let mut cmd = Cmd::new(program, cx.dir).args(args).env("NO_COLOR", "1").limit(LIMIT);
        for (name, value) in cx.env {
            cmd = cmd.env(name, value);
        }
        let output = cmd.run(cx.cancel).await.map_err(|error| match error {
            proc::Error::Cancelled => Error::Cancelled,
            proc::Error::Missing { program } => {
                failed(format!("needs `{program}`, which is not installed"))
            }
            proc::Error::TimedOut { limit, .. } => {
                failed(format!("did not finish within {} s", limit.as_secs()))
            }
            proc::Error::Start { source, .. } => failed(format!("could not be run: {source}")),
        })?;
        // The last program of a pipe may succeed with nothing.
        if !output.is_success() || output.stdout.trim_ascii().is_empty() {
            let why = reason(&clean(&output.stderr_text()));
            return Err(failed(format!("failed: {why}")));
        }
        let read = serde_json::from_slice(&output.stdout);
        let read = read.map_err(|error| {
            failed(format!("did not print the JSON that wtmag expects: {error}"))
        })?;
        Ok((read, failed))
    }
}

async fn fetch(cx: &Context<'_>, task: &Task) -> Result<Fetched, Error> {
    let custom = find(cx.custom, task.kind)?;
    let argv: Vec<String> = custom.command.iter().chain([&task.key]).cloned().collect();
    let (json, failed) = custom.ask::<TaskJson>(cx, &argv).await?;
    let key = json.key.map_or_else(|| task.key.clone(), Key::text);
    if !is_key(&key) {
        return Err(failed(format!("gave `{}` as the key", one_line(&key, 80))));
    }
    let title = one_line(&json.title, MAX_TITLE);
    if title.is_empty() {
        return Err(failed("printed a task without a title".to_owned()));
    }
    let url = json.url.filter(|it| is_page(it)).unwrap_or_default();
    let comment = |it: CommentJson| Comment {
        author: it.author,
        at: it.at.unwrap_or_default(),
        text: it.body.unwrap_or_default(),
    };
    let item = WorkItem {
        source: Source::new(custom.kind, &key, &url, title),
        author: json.author,
        state: json.state,
        labels: json.labels.unwrap_or_default(),
        body: json.body.unwrap_or_default(),
        comments: json.comments.unwrap_or_default().into_iter().map(comment).collect(),
        view_command: Some(line(&argv)),
        detail: Detail::None,
    };
    Ok(Fetched { item, forge: None })
}

/// The tracker that has tasks of this kind.
pub fn find(all: &[Custom], kind: SourceKind) -> Result<&Custom, CustomError> {
    all.iter().find(|it| it.kind == kind).ok_or_else(|| CustomError::Unknown {
        name: kind.name().to_owned(),
        known: all.iter().map(|it| it.name.clone()).collect(),
    })
}

/// As one would type it.
fn line(argv: &[String]) -> String {
    shlex::try_join(argv.iter().map(String::as_str)).unwrap_or_else(|_| argv.join(" "))
}

/// The address of a web page, in one word.
fn is_page(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "<>\"`".contains(c);
    ["https://", "http://"].iter().any(|it| text.starts_with(it))
        && text.len() <= 500
        && text.is_ascii()
        && !text.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_named_by_its_tracker_and_its_key() {
        let it = parse(" linear:ENG-12 ").unwrap();
        assert_eq!((it.text.as_str(), it.key.as_str()), ("linear:ENG-12", "ENG-12"));
        let source = it.known().unwrap().outline();
        assert_eq!(
            (source.to_string(), source.branch()),
            ("linear ENG-12".into(), "linear-eng-12".into())
        );
        assert_eq!(source.task_key().as_deref(), Some("linear-eng-12"));
        assert_eq!(
            parse("a:acme/blog#4").unwrap().known().unwrap().outline().branch(),
            "a-acme-blog-4"
        );
        let long = format!("a:{}", "1".repeat(65));
        for bad in [
            "",
            ":",
            "linear",
            "linear:",
            ":ENG-1",
            "linear:--all",
            "linear:a b",
            "linear:a,b",
            "li near:1",
            "github:1",
            "jira:X-1",
            "bead:b-1",
            "opsx:a",
            "gitlab:3",
            "-x:1",
            "linear:\u{1b}",
            "linear:ä",
            &long,
        ] {
            assert!(matches!(parse(bad), Err(Error::Custom(CustomError::BadTask { .. }))), "{bad}");
        }
    }

    #[test]
    fn an_address_is_one_word() {
        assert!(is_page("https://linear.app/acme/issue/ENG-12"));
        for bad in
            ["", "javascript:x", "https://a b", "https://a\u{1b}[2J", "https://a`x`", "https://ä"]
        {
            assert!(!is_page(bad), "{bad}");
        }
    }
}
