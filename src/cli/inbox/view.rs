//! How items are printed.
use std::{collections::BTreeMap, process::ExitCode};

use serde::Serialize;

use super::Found;
use crate::{
    cli::{
        Context, Failure,
        output::{Cell, Paint, Style, Table, age, count, fields},
    },
    clock,
    model::{Changes, Item, ItemKind, Origin, Timestamp, Worker, WorkerId, pull_name},
    text::clean,
};

/// An item, as `inbox --json` prints it.
#[derive(Debug, Serialize)]
struct View<'a> {
    n: u64,
    worker: &'a str,
    kind: ItemKind,
    at: Timestamp,
    text: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    choices: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pr: Option<&'a str>,
    /// Of what is done: its commits and lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
    /// What the worker answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    /// The delivery that answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<u64>,
}

/// Longest text, choice and list of choices in the table, in characters, where no terminal cuts them.
const MAX_WHAT: usize = 100;
const MAX_CHOICE: usize = 24;
const MAX_CHOICES: usize = 80;

pub(super) fn print(context: &Context, found: &Found) -> Result<ExitCode, Failure> {
    if context.json() {
        context.print_json(&views(found))?;
    } else if found.items.is_empty() {
        context.print("nothing needs you\n")?;
    } else {
        context.print(&table(found, clock::now(), context.style()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Every item with its whole text.
pub(super) fn print_full(context: &Context, found: &Found) -> Result<ExitCode, Failure> {
    if context.json() {
        context.print_json(&views(found))?;
        return Ok(ExitCode::SUCCESS);
    }
    for item in &found.items {
        context.print(&describe(item, found.worker_of(item), clock::now(), context.style()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn views(found: &Found) -> Vec<View<'_>> {
    let all = found.items.iter().map(|item| View {
        n: item.id.0,
        worker: item.worker.as_str(),
        kind: item.kind,
        at: item.at,
        text: &item.text,
        choices: &item.choices,
        size: found
            .worker_of(item)
            .and_then(|it| it.work.changes.as_ref())
            .filter(|_| item.kind == ItemKind::Done)
            .map(size)
            .filter(|it| !it.is_empty()),
        pr: found.worker_of(item).and_then(|it| it.pr.as_deref()),
        answer: item.answer.as_ref().map(|it| it.text.as_str()),
        reply: item.reply.map(|it| it.0),
    });
    all.collect()
}

fn table(found: &Found, now: Timestamp, style: Style) -> String {
    let mut table = Table::new(["N", "WORKER", "KIND", "AGE", "~WHAT"]);
    let names = Names::of(found);
    for item in &found.items {
        table.row([
            Cell::new(item.id.to_string()),
            Cell::new(names.of_worker(item)).paint(Paint::Bold),
            Cell::new(item.kind.to_string()).paint(Paint::of_tone(item.kind.face().0)),
            Cell::new(age(now.since(item.at))).paint(Paint::Dim),
            Cell::new(what(item, found.worker_of(item), style)),
        ]);
    }
    let mut text = table.render(style);
    if let Some(hint) = found.items.first().map(|it| hint(it, names.of_worker(it))) {
        text += &format!("{}\n", style.paint(&hint, Paint::Dim));
    }
    text
}

/// The names of workers: short ones where all are of one project.
struct Names<'a>(BTreeMap<&'a WorkerId, &'a str>);

impl<'a> Names<'a> {
    fn of(found: &'a Found) -> Self {
        let is_one_project = found.is_one_project();
        let short = found.workers.values().filter(|_| is_one_project);
        Self(short.map(|it| (&it.id, it.short_name())).collect())
    }

    fn of_worker(&self, item: &'a Item) -> &'a str {
        self.0.get(&item.worker).copied().unwrap_or(item.worker.as_str())
    }
}

/// `2 commits +12 -3`.
fn size(changes: &Changes) -> String {
    let n = usize::try_from(changes.ahead).unwrap_or(usize::MAX);
    let commits = if n == 0 { String::new() } else { count(n, "commit") };
    format!("{commits} {}", changes.lines()).trim().to_owned()
}

/// What it is about, with its choices and its pull request, on one line.
fn what(item: &Item, worker: Option<&Worker>, style: Style) -> String {
    let mut parts: Vec<String> = Vec::new();
    let texts = [Some(&item.text), item.answer.as_ref().map(|it| &it.text)];
    let texts = texts.into_iter().flatten().filter(|it| !it.is_empty());
    parts.extend(texts.map(|it| style.brief(it, MAX_WHAT)));
    let pr = worker.and_then(|it| it.pr.as_deref()).filter(|_| item.kind == ItemKind::Done);
    parts.extend(pr.map(|url| format!("PR {}", pull_name(url))));
    let changes = worker.and_then(|it| it.work.changes.as_ref());
    let changes = changes.filter(|_| item.kind == ItemKind::Done);
    parts.extend(changes.map(size).filter(|it| !it.is_empty()));
    parts.extend(item.reply.map(|it| format!("answer {it} is on its way")));
    let mut line = parts.join(" · ");
    if !item.choices.is_empty() {
        let choices = item.choices.iter().zip(1..);
        let numbered = choices.map(|(it, n)| format!("{n} {}", style.brief(it, MAX_CHOICE)));
        let choices = numbered.collect::<Vec<_>>().join(", ");
        line += &format!(" ({})", style.brief(&choices, MAX_CHOICES));
    }
    line
}

/// What to type next, for the oldest item.
fn hint(item: &Item, name: &str) -> String {
    let n = item.id;
    let is_dialog = item.origin == Origin::State
        && matches!(item.kind, ItemKind::Permission | ItemKind::Question | ItemKind::Blocked);
    let first = match item.kind {
        // Without choices, such as a question of the user's shell, only its window helps.
        _ if is_dialog && item.choices.is_empty() => {
            format!("answer it in its window: wtmag attach {name}")
        }
        _ if is_dialog => format!("answer it: wtmag answer {name}"),
        ItemKind::Exited | ItemKind::Lost => format!("look: wtmag show {name}"),
        ItemKind::Review => "all of them: wtmag reviews".to_owned(),
        ItemKind::Schedule => format!("in full: wtmag inbox {n}"),
        ItemKind::Run => {
            let run = item.worker.as_str().trim_start_matches("run-");
            format!("its tasks: wtmag run show {run}")
        }
        ItemKind::Question
        | ItemKind::Permission
        | ItemKind::Blocked
        | ItemKind::Done
        | ItemKind::Failed
        | ItemKind::Limited
        | ItemKind::Stalled
        | ItemKind::Delivery
        | ItemKind::Bell
        | ItemKind::Answer
        | ItemKind::Other(_) => {
            format!("in full: wtmag inbox {n}   answer: wtmag inbox reply {n} TEXT")
        }
    };
    format!("{first}   dealt with: wtmag inbox ack {n}")
}

fn describe(item: &Item, worker: Option<&Worker>, now: Timestamp, style: Style) -> String {
    let mut lines = vec![
        ("kind", item.kind.to_string()),
        ("age", age(now.since(item.at))),
        ("what", clean(&item.text)),
    ];
    lines.extend(item.answer.as_ref().map(|it| ("answer", clean(&it.text))));
    if !item.choices.is_empty() {
        let numbered = item.choices.iter().zip(1..).map(|(it, n)| format!("{n} {}", clean(it)));
        lines.push(("choices", numbered.collect::<Vec<_>>().join("\n")));
    }
    lines.extend(worker.and_then(|it| it.pr.as_deref()).map(|url| ("pr", clean(url))));
    lines.extend(item.reply.map(|it| ("reply", format!("text {it} is on its way"))));
    lines.retain(|(_, value)| !value.is_empty());
    let head = format!("{} {}", item.id, item.worker);
    format!("{}\n{}", style.paint(&head, Paint::Bold), fields(style, &lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::ItemId,
        model::samples::{self, NOW},
    };

    fn item(id: u64, kind: ItemKind, origin: Origin, text: &str) -> Item {
        Item {
            id: ItemId(id),
            text: text.into(),
            ..Item::new("blog-github-issue-456".parse().unwrap(), kind, origin, NOW)
        }
    }

    fn of(items: Vec<Item>, workers: Vec<Worker>) -> Found {
        let workers = workers.into_iter().map(|it| (it.id.clone(), it)).collect();
        Found { items, workers, ..Found::default() }
    }

    fn found() -> Found {
        let mut worker = samples::worker("blog-github-issue-456");
        worker.pr = Some("https://github.com/acme/blog/pull/501".into());
        let mut permission = item(7, ItemKind::Permission, Origin::State, "npm test -- --watch");
        permission.choices = vec!["Yes".into(), "No\x1b[2J, and\u{202e} tell it".into()];
        let done = item(8, ItemKind::Done, Origin::Message, "All 214 tests\ngreen");
        of(vec![permission, done], vec![worker])
    }

    #[test]
    fn an_item_is_a_line_with_its_choices_and_what_to_type() {
        let now = Timestamp(NOW.0 + 125_000);
        insta::assert_snapshot!(table(&found(), now, Style::default()), @r"
        N  WORKER            KIND        AGE  WHAT
        7  github-issue-456  permission  2m   npm test -- --watch (1 Yes, 2 No, and tell it)
        8  github-issue-456  done        2m   All 214 tests green · PR #501
        answer it: wtmag answer github-issue-456   dealt with: wtmag inbox ack 7
        ");
        insta::assert_snapshot!(table(&found(), now, Style { colour: false, width: Some(60) }), @r"
        N  WORKER            KIND        AGE  WHAT
        7  github-issue-456  permission  2m   npm test -- --watch (…
        8  github-issue-456  done        2m   All 214 tests green ·…
        answer it: wtmag answer github-issue-456   dealt with: wtmag inbox ack 7
        ");
    }

    #[test]
    fn ten_workers_are_a_few_hundred_tokens() {
        let (workers, items) = samples::day();
        let n = workers.len();
        let found = of(items, workers);
        samples::assert_short(&table(&found, NOW, Style::default()), n);
    }

    #[test]
    fn an_item_in_full_has_all_of_its_text() {
        let found = found();
        let text = describe(&found.items[1], found.workers.values().next(), NOW, Style::default());
        insta::assert_snapshot!(text, @r"
        8 blog-github-issue-456
          kind  done
          age   0s
          what  All 214 tests
                green
          pr    https://github.com/acme/blog/pull/501
        ");
    }

    #[test]
    fn the_json_of_an_item_is_short() {
        let mut found = found();
        found.items[0].choices.truncate(1);
        let text = serde_json::to_string(&views(&found)).unwrap();
        insta::assert_snapshot!(text, @r#"[{"n":7,"worker":"blog-github-issue-456","kind":"permission","at":"2026-11-20T22:40:00.000Z","text":"npm test -- --watch","choices":["Yes"],"pr":"https://github.com/acme/blog/pull/501"},{"n":8,"worker":"blog-github-issue-456","kind":"done","at":"2026-11-20T22:40:00.000Z","text":"All 214 tests\ngreen","pr":"https://github.com/acme/blog/pull/501"}]"#);
    }
}
