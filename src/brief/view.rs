//! What a template sees: the item and the options as cleaned, cut values.
//!
//! Every field below is a variable of all templates. It is always defined, and `none` without a
//! value.
use serde::Serialize;

use crate::{
    model::{Host, SourceKind},
    text::{clean, one_line},
};

use super::{
    Detail, MAX_BODY, MAX_COMMENTS, MAX_FILES, Options, WorkItem, host_name,
    item::{self, ChangedFile},
    text::cut,
};

/// Longest name, label or path that a brief repeats, in characters.
const MAX_LINE: usize = 300;

#[derive(Debug, Serialize)]
pub(super) struct View {
    /// `github-issue`, `github-pr`, `jira` or `prompt`.
    source: String,
    /// Its name in a sentence: `issue`, `pull request`, `ticket`, `task`.
    noun: &'static str,
    /// What a commit or a pull request calls it: `#456`, `PROJ-123`.
    reference: Option<String>,
    number: Option<u64>,
    url: Option<String>,
    title: String,
    author: Option<String>,
    state: Option<String>,
    labels: Vec<String>,
    /// For a prompt the task itself, whole.
    body: String,
    body_is_cut: bool,
    comments: Vec<Comment>,
    /// How many older comments were left out.
    n_comments_left_out: usize,
    /// The command that prints the whole item.
    view_command: Option<String>,
    pull: Option<Pull>,
    ticket: Option<Ticket>,
    /// `github`, `gitlab` or `other`.
    host: &'static str,
    /// What the host calls a pull request: `merge request` on GitLab.
    request: &'static str,
    repo: Option<String>,
    branch: String,
    base: Option<Base>,
    remote: Option<String>,
    target: Option<String>,
    plan: bool,
    submodules: bool,
    open_pr: bool,
    /// The user's own words besides the item.
    instructions: Option<String>,
    /// Everything that was fetched, fenced and marked as data; empty for a prompt.
    pub(super) context: String,
    /// The rendered `pr` template; `none` when no pull request is to be opened.
    pub(super) pr: Option<String>,
}

#[derive(Debug, Serialize)]
struct Comment {
    author: String,
    at: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct Base {
    name: String,
    sha: String,
    fresh: bool,
}

#[derive(Debug, Serialize)]
struct Pull {
    base: String,
    head: String,
    head_sha: String,
    head_repo: Option<String>,
    is_fork: bool,
    is_draft: bool,
    n_files: u64,
    additions: u64,
    deletions: u64,
    files: Vec<File>,
    n_files_left_out: u64,
}

#[derive(Debug, Serialize)]
struct File {
    path: String,
    additions: u64,
    deletions: u64,
}

#[derive(Debug, Serialize)]
struct Ticket {
    kind: Option<String>,
    priority: Option<String>,
    assignee: Option<String>,
    parent: Option<String>,
}

impl View {
    pub(super) fn new(item: &WorkItem, options: &Options<'_>) -> Self {
        let row = item.source.kind.row();
        let is_prompt = item.source.kind == SourceKind::Prompt;
        let max_body = if is_prompt { usize::MAX } else { MAX_BODY };
        let body = clean(&item.body);
        let (body, body_is_cut) = cut(body.trim(), max_body);
        let (comments, n_comments_left_out) = newest_comments(&item.comments);
        Self {
            source: item.source.kind.name().to_owned(),
            noun: row.noun,
            reference: item.source.reference(),
            number: item.source.key.parse().ok().filter(|_| row.is_numbered),
            url: item.source.url.as_deref().map(line),
            title: line(&item.source.title),
            author: item.author.as_deref().map(line),
            state: item.state.as_deref().map(line),
            labels: item.labels.iter().map(|it| line(it)).collect(),
            body: body.into_owned(),
            body_is_cut,
            comments,
            n_comments_left_out,
            view_command: item.view_command.clone(),
            pull: item.pull().map(Pull::new),
            ticket: Ticket::new(&item.detail),
            host: host_name(options.host).unwrap_or("other"),
            request: match options.host {
                Host::Gitlab => "merge request",
                Host::Github | Host::Other => "pull request",
            },
            repo: options.repo.map(line),
            branch: line(options.branch),
            base: options.base.map(|base| Base {
                name: line(&base.name),
                sha: line(&base.sha),
                fresh: base.fresh,
            }),
            remote: options.remote.map(line),
            target: options.target.map(line),
            plan: options.plan,
            submodules: options.submodules,
            open_pr: options.open_pr,
            instructions: options.instructions.map(|text| clean(text).trim().to_owned()),
            context: String::new(),
            pr: None,
        }
    }
}

impl Pull {
    fn new(pull: &item::Pull) -> Self {
        let file = |file: &ChangedFile| File {
            path: line(&file.path),
            additions: file.additions,
            deletions: file.deletions,
        };
        let files: Vec<File> = pull.files.iter().take(MAX_FILES).map(file).collect();
        let n_listed = u64::try_from(files.len()).unwrap_or(u64::MAX);
        Self {
            base: line(&pull.base),
            head: line(&pull.head),
            head_sha: line(&pull.head_sha),
            head_repo: pull.head_repo.as_deref().map(line),
            is_fork: pull.is_cross_repository,
            is_draft: pull.is_draft,
            n_files: pull.n_files,
            additions: pull.additions,
            deletions: pull.deletions,
            files,
            n_files_left_out: pull.n_files.saturating_sub(n_listed),
        }
    }
}

impl Ticket {
    fn new(detail: &Detail) -> Option<Self> {
        let Detail::Ticket(ticket) = detail else { return None };
        Some(Self {
            kind: ticket.kind.as_deref().map(line),
            priority: ticket.priority.as_deref().map(line),
            assignee: ticket.assignee.as_deref().map(line),
            parent: ticket.parent.as_deref().map(line),
        })
    }
}

/// The newest comments that fit, oldest first, and how many older ones do not.
fn newest_comments(comments: &[item::Comment]) -> (Vec<Comment>, usize) {
    let mut room = MAX_COMMENTS;
    let mut kept = Vec::new();
    for comment in comments.iter().rev() {
        let text = clean(&comment.text);
        let text = text.trim();
        // The newest comment is always kept, cut if needed.
        if kept.is_empty() || text.len() <= room {
            room = room.saturating_sub(text.len());
        } else {
            break;
        }
        kept.push(Comment {
            author: line(comment.author.as_deref().unwrap_or("a deleted account")),
            at: line(&comment.at),
            text: cut(text, MAX_COMMENTS).0.into_owned(),
        });
    }
    kept.reverse();
    let n_left_out = comments.len().saturating_sub(kept.len());
    (kept, n_left_out)
}

fn line(text: &str) -> String {
    one_line(text, MAX_LINE)
}
