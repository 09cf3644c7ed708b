//! Jira tickets, through `jira` (github.com/ankitpokhrel/jira-cli).
//!
//! Prefers Jira's raw answer: Cloud gives a document, a self-hosted server gives wiki markup. If
//! the raw answer is missing or unreadable, uses the text that `jira` prints.
use serde::Deserialize;
use serde_json::Value;

use crate::{
    brief::{Comment, Detail, Ticket, WorkItem},
    model::{Source, SourceKind},
    text::{clean, one_line},
};

use super::{
    Context, Error, Fetched, Program, SourceSpec, Task, TaskRef, adf,
    ready::{Ready, Wanted},
};

static PROGRAM: Program = Program {
    name: "jira",
    version: &["version"],
    login: None,
    install: "install https://github.com/ankitpokhrel/jira-cli, then run `jira init`",
    log_in: "set JIRA_API_TOKEN, then run `jira init`",
    refused: "check with `jira me` that your account may see the project",
};

pub static SPEC: SourceSpec = SourceSpec {
    flag: "jira",
    value_name: "KEY",
    help: "Jira ticket",
    program: Some(&PROGRAM),
    types: &[],
    parse,
    resolve: |_, _| Box::pin(async { Ok(SourceKind::Jira) }),
    fetch: |cx, task| Box::pin(fetch(cx, task)),
    ready: Some(|cx, wanted| Box::pin(ready(cx, wanted))),
};

/// Jira's own limit is 255.
const MAX_TITLE: usize = 256;

/// How many comments to request for the text that `jira` prints.
const MAX_COMMENTS: &str = "100";

/// Letters, digits and `_` starting with a letter, then a dash and digits; any case.
fn parse(text: &str) -> Result<TaskRef, Error> {
    let key = key(text).ok_or_else(|| Error::BadKey { key: one_line(text, 80) })?;
    let kind = Some(SourceKind::Jira);
    Ok(TaskRef { spec: &SPEC, text: key.clone(), key, kind, repo: None })
}

/// `PROJ-123`, in upper case.
fn key(text: &str) -> Option<String> {
    let (project, number) = text.trim().split_once('-')?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_project = project.starts_with(|c: char| c.is_ascii_alphabetic())
        && (2..=64).contains(&project.len())
        && project.chars().all(is_word);
    let is_number = (1..=18).contains(&number.len()) && number.bytes().all(|c| c.is_ascii_digit());
    (is_project && is_number).then(|| text.trim().to_ascii_uppercase())
}

/// The ticket with its comments.
async fn fetch(cx: &Context<'_>, task: &Task) -> Result<Fetched, Error> {
    Ok(Fetched { item: fetch_item(cx, &task.key).await?, forge: None })
}

async fn fetch_item(cx: &Context<'_>, key: &str) -> Result<WorkItem, Error> {
    let output = cx.run(&PROGRAM, &["issue", "view", key, "--raw"]).await?;
    if output.is_success() {
        if let Ok(ticket) = serde_json::from_slice::<TicketJson>(&output.stdout) {
            return from_json(cx, key, ticket).await;
        }
    } else if !output.stderr_text().contains("unknown flag") {
        return Err(complaint(key, &output.stderr_text()));
    }
    let args = ["issue", "view", key, "--plain", "--comments", MAX_COMMENTS];
    let output = cx.run(&PROGRAM, &args).await?;
    if !output.is_success() {
        return Err(complaint(key, &output.stderr_text()));
    }
    Ok(from_plain(key, &output.stdout_text()))
}

async fn from_json(cx: &Context<'_>, asked: &str, json: TicketJson) -> Result<WorkItem, Error> {
    // A moved ticket answers under its new key.
    let key = json.key.and_then(|it| key(&it)).unwrap_or_else(|| asked.to_owned());
    let url = match json.own_url.as_deref().and_then(|url| browse_url(url, &key)) {
        Some(url) => url,
        None => fetch_url(cx, &key).await?,
    };
    let fields = json.fields;
    let name = |it: Option<Named>| it.and_then(Named::into_name);
    let comment = |it: CommentJson| Comment {
        author: name(it.author),
        at: it.created.unwrap_or_default(),
        text: markdown(&it.body),
    };
    let comments = fields.comment.map(|it| it.comments).unwrap_or_default();
    let title = fields.summary.unwrap_or_default();
    Ok(WorkItem {
        source: Source::new(SourceKind::Jira, &key, &url, one_line(&title, MAX_TITLE)),
        author: name(fields.reporter),
        state: name(fields.status),
        labels: fields.labels.unwrap_or_default(),
        body: markdown(&fields.description),
        comments: comments.into_iter().map(comment).collect(),
        view_command: Some(view_command(&key)),
        detail: Detail::Ticket(Ticket {
            kind: name(fields.issue_type),
            priority: name(fields.priority),
            assignee: name(fields.assignee),
            parent: fields.parent.map(ParentJson::into_line),
        }),
    })
}

/// The tickets that the query finds, the oldest first.
async fn ready(cx: &Context<'_>, wanted: &Wanted) -> Result<Vec<Ready>, Error> {
    let jql = wanted.jql.as_ref().ok_or(Error::NoQuery)?;
    let query = format!("--jql={jql}");
    let order = ["--order-by", "created", "--reverse", "--paginate", "0:100"];
    let args = [&["issue", "list", "--raw", query.as_str()][..], &order].concat();
    let output = cx.run(&PROGRAM, &args).await?;
    if !output.is_success() {
        let stderr = output.stderr_text();
        // An empty list is a failure for it.
        let is_empty = stderr.contains("No result found");
        return if is_empty { Ok(Vec::new()) } else { Err(complaint("", &stderr)) };
    }
    let read = serde_json::from_slice::<Vec<TicketJson>>(&output.stdout);
    let found = read.map_err(|source| Error::Unreadable { program: &PROGRAM, source })?;
    let one = |it: TicketJson| {
        let key = key(it.key.as_deref()?)?;
        let url = it.own_url.as_deref().and_then(|url| browse_url(url, &key)).unwrap_or_default();
        let labels = it.fields.labels.unwrap_or_default();
        let title = it.fields.summary.unwrap_or_default();
        Some(Ready::new((SPEC.flag, key.clone()), (SourceKind::Jira, &key, &url), &title, &labels))
    };
    Ok(found.into_iter().filter_map(one).collect())
}

/// The ticket from the text that `jira` prints: `# Title`, the rest, `View this issue on Jira:
/// URL`.
fn from_plain(key: &str, text: &str) -> WorkItem {
    let text = clean(text);
    let after = |lead: &str| text.lines().find_map(|line| line.trim().strip_prefix(lead));
    let url = after("View this issue on Jira: ").unwrap_or_default().trim().to_owned();
    let title = one_line(after("# ").unwrap_or_default(), MAX_TITLE);
    let plain = WorkItem::prompt(&text);
    WorkItem {
        source: Source::new(SourceKind::Jira, key, &url, title),
        view_command: Some(view_command(key)),
        detail: Detail::Ticket(Ticket::default()),
        ..plain
    }
}

/// Shows it to the agent.
fn view_command(key: &str) -> String {
    format!("jira issue view {key} --plain --comments {MAX_COMMENTS}")
}

/// The URL of the ticket's page, from its REST URL.
fn browse_url(own_url: &str, key: &str) -> Option<String> {
    let (server, _) = own_url.split_once("/rest/api/")?;
    // A gateway serves many sites and has no pages.
    if !server.starts_with("http") || server.contains("/ex/jira/") {
        return None;
    }
    Some(format!("{server}/browse/{key}"))
}

/// The URL of the ticket's page, from `jira`'s server setting; empty if unknown.
async fn fetch_url(cx: &Context<'_>, key: &str) -> Result<String, Error> {
    let output = cx.run(&PROGRAM, &["open", key, "--no-browser"]).await?;
    let text = output.stdout_text();
    let url = text.split_whitespace().find(|word| word.starts_with("http"));
    Ok(url.unwrap_or_default().to_owned())
}

/// A document, wiki markup as it is, or nothing.
fn markdown(body: &Value) -> String {
    body.as_str().map_or_else(|| adf::to_markdown(body), str::to_owned)
}

/// The reason for a failure of `jira`; its exit code is always 1.
fn complaint(key: &str, stderr: &str) -> Error {
    let program = &PROGRAM;
    let stderr = clean(stderr);
    let says = |text: &str| stderr.contains(text);
    if says("'404 ") || says("Issue does not exist") {
        return Error::TicketNotFound { key: key.to_owned() };
    }
    if says("'401 ") || says("needs a Jira API token") || says("Missing configuration file") {
        return Error::NotLoggedIn { program };
    }
    let lines = stderr.lines().map(|line| line.trim_matches(|c| " -✗".contains(c)));
    let mut lines = lines.filter(|line| !matches!(*line, "" | "Error:") && !is_progress(line));
    let detail = lines.next().unwrap_or("it did not say why");
    let detail = one_line(detail.trim_start_matches("Error: "), 300);
    if says("'403 ") || says("'429 ") {
        return Error::Refused { program, detail };
    }
    let network = ["dial tcp", "no such host", "timeout", "deadline exceeded", "'5"];
    if network.iter().any(|text| says(text)) {
        return Error::Network { program, detail };
    }
    Error::Failed { program, detail }
}

fn is_progress(line: &str) -> bool {
    line.contains("Fetching issue details")
}

#[derive(Deserialize)]
struct TicketJson {
    key: Option<String>,
    #[serde(rename = "self")]
    own_url: Option<String>,
    fields: FieldsJson,
}

#[derive(Deserialize)]
struct FieldsJson {
    summary: Option<String>,
    #[serde(default)]
    description: Value,
    labels: Option<Vec<String>>,
    comment: Option<CommentsJson>,
    status: Option<Named>,
    #[serde(rename = "issuetype", alias = "issueType")]
    issue_type: Option<Named>,
    priority: Option<Named>,
    assignee: Option<Named>,
    reporter: Option<Named>,
    parent: Option<ParentJson>,
}

#[derive(Deserialize)]
struct CommentsJson {
    #[serde(default)]
    comments: Vec<CommentJson>,
}

#[derive(Deserialize)]
struct CommentJson {
    author: Option<Named>,
    #[serde(default)]
    body: Value,
    created: Option<String>,
}

/// A person, a status, a priority: the name is in different fields.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "displayName")]
    display_name: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct ParentJson {
    key: Option<String>,
    fields: Option<ParentFieldsJson>,
}

#[derive(Deserialize)]
struct ParentFieldsJson {
    summary: Option<String>,
}

impl Named {
    fn into_name(self) -> Option<String> {
        self.display_name.or(self.name).filter(|name| !name.is_empty())
    }
}

impl ParentJson {
    fn into_line(self) -> String {
        let summary = self.fields.and_then(|fields| fields.summary);
        [self.key, summary].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "PROJ-123";

    #[test]
    fn a_key_is_checked_and_put_in_upper_case() {
        assert_eq!(parse(" proj-123 ").unwrap().key, KEY);
        assert_eq!(parse("A1_B-0").unwrap().key, "A1_B-0");
        let long = format!("AB-{}", "1".repeat(19));
        for bad in [
            "", "-", "PROJ", "PROJ-", "-1", "A-1", "1A-1", "PROJ-1x", "--raw", "AB-1 --x", "ÄB-1",
            "AB-1-2", "../A-1", &long,
        ] {
            assert!(matches!(parse(bad), Err(Error::BadKey { .. })), "{bad}");
        }
    }

    #[test]
    fn the_page_is_told_by_the_address() {
        let url = |own| browse_url(own, KEY);
        let page = Some("https://acme.atlassian.net/browse/PROJ-123".to_owned());
        assert_eq!(url("https://acme.atlassian.net/rest/api/3/issue/10002"), page);
        let page = Some("https://acme.test/jira/browse/PROJ-123".to_owned());
        assert_eq!(url("https://acme.test/jira/rest/api/2/issue/10002"), page);
        assert_eq!(url("https://api.atlassian.com/ex/jira/0a/rest/api/3/issue/10002"), None);
        assert_eq!(url("javascript:/rest/api/"), None);
    }

    #[track_caller]
    fn check(stderr: &str, want: &str) {
        let got = format!("{:?}", complaint(KEY, stderr));
        assert!(got.contains(want), "{got}");
    }

    #[test]
    fn a_complaint_is_understood() {
        let response = |status: &str| {
            format!(
                "⠋ Fetching issue details...\n\njira: Received unexpected response '{status}'.\n\
                Please check the parameters you supplied and try again."
            )
        };
        check(&response("404 Not Found"), "TicketNotFound");
        check(
            "Error:\n  - Issue does not exist or you do not have permission to see it.",
            "TicketNotFound",
        );
        check(&response("401 Unauthorized"), "NotLoggedIn");
        check(
            "\x1b[0;31m✗\x1b[0m Missing configuration file.\nRun 'jira init' to configure",
            "NotLoggedIn",
        );
        check("\x1b[0;33mThe tool needs a Jira API token to function.\n", "NotLoggedIn");
        check(&response("403 Forbidden"), "Refused");
        check(&response("503 Service Unavailable"), "Network");
        check("Error: Get \"https://a.b\": dial tcp: lookup a.b: no such host", "detail: \"Get");
        check("Error: unknown command \"issue\" for \"jira\"", "Failed");
        check("", "it did not say why");
    }
}
