//! Beads, through `bd` (github.com/steveyegge/beads).
use serde::Deserialize;
use serde_json::Value;

use super::{Context, Error, Fetched, Program, SourceSpec, Task, TaskRef, ready::Ready, reason};
use crate::{
    brief::{Comment, Detail, Ticket, WorkItem},
    model::{Source, SourceKind},
    text::{clean, one_line},
};

static PROGRAM: Program = Program {
    name: "bd",
    version: &["version"],
    login: None,
    install: "install beads from https://github.com/steveyegge/beads",
    log_in: "beads needs no login",
    refused: "`bd doctor` checks the database",
};

pub static SPEC: SourceSpec = SourceSpec {
    flag: "bead",
    value_name: "ID",
    help: "Issue of beads",
    program: Some(&PROGRAM),
    types: &[],
    parse,
    resolve: |_, _| Box::pin(async { Ok(SourceKind::Bead) }),
    fetch: |cx, task| Box::pin(fetch(cx, task)),
    ready: Some(|cx, _| Box::pin(ready(cx))),
};

const MAX_TITLE: usize = 256;

fn parse(text: &str) -> Result<TaskRef, Error> {
    let key = text.trim();
    if !is_id(key) {
        return Err(Error::BadBead { id: one_line(text, 80) });
    }
    let kind = Some(SourceKind::Bead);
    Ok(TaskRef { spec: &SPEC, text: key.to_owned(), key: key.to_owned(), kind, repo: None })
}

/// `bd-a1b2`, `web-shop-12.3`: also a part of a branch's name, and never a flag.
fn is_id(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(is_plain)
        && !text.contains("..")
        && !text.contains(".lock")
        && text.contains('-')
}

#[derive(Deserialize)]
struct BeadJson {
    id: String,
    title: String,
    description: Option<String>,
    design: Option<String>,
    acceptance_criteria: Option<String>,
    notes: Option<String>,
    status: Option<String>,
    priority: Option<i64>,
    issue_type: Option<String>,
    assignee: Option<String>,
    created_by: Option<String>,
    parent: Option<String>,
    labels: Option<Vec<String>>,
    comments: Option<Vec<CommentJson>>,
}

#[derive(Deserialize)]
struct CommentJson {
    author: Option<String>,
    #[serde(default)]
    text: String,
    created_at: Option<String>,
}

async fn fetch(cx: &Context<'_>, task: &Task) -> Result<Fetched, Error> {
    let id = task.key.as_str();
    let output = cx.run(&PROGRAM, &["show", id, "--json"]).await?;
    if !output.is_success() {
        let said = [output.stderr_text(), output.stdout_text()].join("\n");
        return Err(complaint(id, &said));
    }
    let bead = read(&output.stdout)?.ok_or_else(|| Error::NoBead { id: id.to_owned() })?;
    Ok(Fetched { item: item(bead)?, forge: None })
}

/// What nothing blocks.
pub(super) async fn ready(cx: &Context<'_>) -> Result<Vec<Ready>, Error> {
    let output = cx.run(&PROGRAM, &["ready", "--json"]).await?;
    if !output.is_success() {
        let said = [output.stderr_text(), output.stdout_text()].join("\n");
        return Err(complaint("ready", &said));
    }
    let unreadable = |source| Error::Unreadable { program: &PROGRAM, source };
    let all: Option<Vec<BeadJson>> = serde_json::from_slice(&output.stdout).map_err(unreadable)?;
    let all = all.unwrap_or_default().into_iter().filter(|it| is_id(&it.id));
    let one = |it: BeadJson| {
        let labels = it.labels.unwrap_or_default();
        Ready::new((SPEC.flag, it.id.clone()), (SourceKind::Bead, &it.id, ""), &it.title, &labels)
    };
    Ok(all.map(one).collect())
}

/// An array of one; older versions print the object itself.
fn read(stdout: &[u8]) -> Result<Option<BeadJson>, Error> {
    let unreadable = |source| Error::Unreadable { program: &PROGRAM, source };
    let value: Value = serde_json::from_slice(stdout).map_err(unreadable)?;
    let first = match value {
        Value::Array(all) => all.into_iter().next(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Some(value)
        }
    };
    first.map(|it| serde_json::from_value(it).map_err(unreadable)).transpose()
}

fn item(bead: BeadJson) -> Result<WorkItem, Error> {
    if !is_id(&bead.id) {
        let value = one_line(&bead.id, 80);
        return Err(Error::Nonsense { program: &PROGRAM, what: "id", value });
    }
    let given = |it: Option<String>| it.filter(|it| !it.trim().is_empty());
    let part = |title: &str, it: Option<String>| given(it).map(|it| format!("## {title}\n\n{it}"));
    let parts = [
        given(bead.description),
        part("Design", bead.design),
        part("Acceptance criteria", bead.acceptance_criteria),
        part("Notes", bead.notes),
    ];
    let comment = |it: CommentJson| Comment {
        author: given(it.author),
        at: it.created_at.unwrap_or_default(),
        text: it.text,
    };
    let title = one_line(&bead.title, MAX_TITLE);
    Ok(WorkItem {
        source: Source::new(SourceKind::Bead, &bead.id, "", title),
        author: given(bead.created_by),
        state: given(bead.status),
        labels: bead.labels.unwrap_or_default(),
        body: parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"),
        comments: bead.comments.unwrap_or_default().into_iter().map(comment).collect(),
        view_command: Some(format!("bd show {}", bead.id)),
        detail: Detail::Ticket(Ticket {
            kind: given(bead.issue_type),
            priority: bead.priority.map(|it| format!("P{it}")),
            assignee: given(bead.assignee),
            parent: given(bead.parent),
        }),
    })
}

fn complaint(id: &str, said: &str) -> Error {
    let program = &PROGRAM;
    let said = clean(said);
    if ["no issue found", "not found", "no issues found"].iter().any(|it| said.contains(it)) {
        return Error::NoBead { id: id.to_owned() };
    }
    let detail = reason(said.trim_start().trim_start_matches("Error: "));
    Error::Failed { program, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_flag_and_no_path() {
        for ok in ["bd-a1b2", "web-shop-12.3", " bd-1 "] {
            assert_eq!(parse(ok).unwrap().key, ok.trim());
        }
        let long = format!("bd-{}", "1".repeat(64));
        for bad in
            ["", "--json", "bd", "-1", "bd-", "bd-1..2", "bd/1", "bd-1 x", "bd-1.lock", &long]
        {
            assert!(matches!(parse(bad), Err(Error::BadBead { .. })), "{bad}");
        }
    }

    #[test]
    fn a_bead_is_one_text() {
        let text = r###"[{"id":"bd-a1b2","title":"Dark\u001b[2J mode","description":"Night.","design":"","acceptance_criteria":"It is dark.","status":"open","priority":1,"issue_type":"feature","labels":["ui"],"comments":[{"author":"ann","text":"Yes","created_at":"2026-01-02T03:04:05Z"}],"dependencies":[{"id":"bd-1"}]}]"###;
        let it = item(read(text.as_bytes()).unwrap().unwrap()).unwrap();
        assert_eq!(it.source.title, "Dark mode");
        assert_eq!(it.source.branch(), "bead-bd-a1b2");
        assert_eq!(it.body, "Night.\n\n## Acceptance criteria\n\nIt is dark.");
        assert_eq!((it.comments.len(), it.view_command.as_deref()), (1, Some("bd show bd-a1b2")));
        assert!(matches!(read(b"[]"), Ok(None)));
        for (bad, want) in [
            (r#"[{"id":"--x","title":""}]"#, "gave `--x` as the id"),
            (r#"[{"id":7}]"#, "cannot read"),
            ("boom", "cannot read"),
        ] {
            let error = read(bad.as_bytes()).and_then(|it| item(it.unwrap())).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
        }
    }

    #[test]
    fn a_complaint_is_understood() {
        for (said, want) in [
            ("Error resolving ID bd-9: no issue found matching \"bd-9\"", "no bead `bd-9`"),
            ("Error: no beads database found\nHint: run 'bd init'", "no beads database found"),
            ("", "did not say why"),
        ] {
            let error = complaint("bd-9", said);
            assert!(error.to_string().contains(want), "{error}");
        }
    }
}
