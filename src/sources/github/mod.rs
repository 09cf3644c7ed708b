//! Issues and pull requests, through the GitHub CLI.
//!
//! The repository is resolved once, as `gh` resolves it from the remotes and `gh repo set-default`,
//! and named in every later call.
mod board;
mod complaint;
mod forge;
mod json;
mod open;
mod pull;
mod pulls;
mod ready;

use serde::de::DeserializeOwned;

pub use self::{
    board::move_issue,
    forge::fetch_forge,
    open::list_open,
    pull::{merge_pull, pull_page, pull_state},
    pulls::ask_pulls,
};
use self::{
    complaint::{Complaint, complaint, failed},
    forge::argument,
    json::{HeadJson, ItemJson, Login, Named, PullJson, UrlJson, is_pull_page, read},
};
use super::{
    Context, Error, Fetched, Program, SourceSpec, Task, TaskRef,
    forge::{Forge, is_commit, is_slug},
};
use crate::{
    brief::{Detail, Pull, WorkItem},
    model::{Source, SourceKind},
    text::one_line,
};

static PROGRAM: Program = Program {
    name: "gh",
    version: &["--version"],
    // Answers from stored data: no network.
    login: Some(&["auth", "token"]),
    install: "install the GitHub CLI from https://cli.github.com, then run `gh auth login`",
    log_in: "run `gh auth login`, or set GH_TOKEN to a token that is valid",
    refused: "`gh auth status` shows what your token may do, `gh api rate_limit` how often",
};

pub static SPEC: SourceSpec = SourceSpec {
    flag: "github",
    value_name: "N|URL",
    help: "GitHub issue or pull request of this repository: its number or its URL",
    program: Some(&PROGRAM),
    types: &[("issue", SourceKind::GithubIssue), ("pr", SourceKind::GithubPr)],
    parse,
    resolve: |cx, task| Box::pin(resolve(cx, task)),
    fetch: |cx, task| Box::pin(fetch(cx, task)),
    ready: Some(|cx, wanted| Box::pin(ready::ready(cx, wanted))),
};

/// GitHub's own limit is 256.
const MAX_TITLE: usize = 256;

const ISSUE_FIELDS: &str = "number,title,body,url,author,state,labels,comments";
const PULL_FIELDS: &str = "number,title,body,url,author,state,labels,comments,isDraft,\
    baseRefName,headRefName,headRefOid,headRepository,headRepositoryOwner,isCrossRepository,\
    files,changedFiles,additions,deletions";

/// `456`, `#456`, or the URL of a page.
fn parse(text: &str) -> Result<TaskRef, Error> {
    let bad = || Error::BadNumber { text: one_line(text, 200) };
    let number = |text: &str| text.parse::<u64>().ok().filter(|it| *it > 0).ok_or_else(bad);
    let text = text.trim();
    let Some((_, rest)) = text.split_once("://") else {
        let number = number(text.strip_prefix('#').unwrap_or(text))?;
        let text = format!("#{number}");
        return Ok(TaskRef { spec: &SPEC, text, key: number.to_string(), kind: None, repo: None });
    };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let mut parts = path.split('/');
    let mut next = || parts.next().filter(|it| !it.is_empty()).ok_or_else(bad);
    let (host, owner, name, page, at) = (next()?, next()?, next()?, next()?, next()?);
    let kind = match page {
        "issues" => SourceKind::GithubIssue,
        "pull" => SourceKind::GithubPr,
        _ => return Err(bad()),
    };
    let repo = format!("{owner}/{name}");
    if !is_slug(&repo) {
        return Err(bad());
    }
    let host = host.rsplit('@').next().unwrap_or(host).trim_start_matches("www.").to_lowercase();
    let (key, repo) = (number(at)?.to_string(), Some((host, repo)));
    Ok(TaskRef { spec: &SPEC, text: one_line(text, 200), key, kind: Some(kind), repo })
}

/// Whether it is a pull request of this repository; asks if the user did not say.
async fn resolve(cx: &Context<'_>, task: &TaskRef) -> Result<SourceKind, Error> {
    let forge = fetch_forge(cx).await?;
    if let Some((host, repo)) = &task.repo
        && !(forge.host.eq_ignore_ascii_case(host) && forge.repo.eq_ignore_ascii_case(repo))
    {
        return Err(Error::OtherRepository { url: task.text.clone(), repo: forge.repo });
    }
    if let Some(known) = task.kind {
        return Ok(known);
    }
    // `gh issue view` answers for both kinds.
    let found: UrlJson = view(cx, &forge, "issue", &task.key, "number,url").await?;
    let is_pull = is_pull_page(&found.url);
    Ok(if is_pull { SourceKind::GithubPr } else { SourceKind::GithubIssue })
}

async fn fetch(cx: &Context<'_>, task: &Task) -> Result<Fetched, Error> {
    let forge = fetch_forge(cx).await?;
    let is_pull = task.kind == SourceKind::GithubPr;
    let item = if is_pull {
        fetch_pull(cx, &forge, &task.key).await?
    } else {
        fetch_issue(cx, &forge, &task.key).await?
    };
    Ok(Fetched { item, forge: Some(forge) })
}

/// The issue with all comments.
async fn fetch_issue(cx: &Context<'_>, forge: &Forge, number: &str) -> Result<WorkItem, Error> {
    let item: ItemJson = view(cx, forge, "issue", number, ISSUE_FIELDS).await?;
    if item.is_pull_request() {
        return Err(Error::IsPullRequest { number: number.to_owned(), repo: forge.repo.clone() });
    }
    let title = one_line(&item.title, MAX_TITLE);
    let source = Source::new(SourceKind::GithubIssue, number, &item.url, title);
    let command = format!("gh issue view {number} --comments --repo {}", forge.repo);
    Ok(item.into_work_item(source, command, Detail::None))
}

/// The pull request with all comments; its [`Pull`] names the commit to check out.
async fn fetch_pull(cx: &Context<'_>, forge: &Forge, number: &str) -> Result<WorkItem, Error> {
    let pull: PullJson = match view(cx, forge, "pr", number, PULL_FIELDS).await {
        Err(not_found @ Error::NotFound { .. }) => {
            // An issue number is a likely mistake here and gets its own error.
            return Err(match view::<UrlJson>(cx, forge, "issue", number, "number,url").await {
                Ok(_) => Error::IsIssue { number: number.to_owned(), repo: forge.repo.clone() },
                Err(Error::Cancelled) => Error::Cancelled,
                Err(_) => not_found,
            });
        }
        found => found?,
    };
    if !is_commit(&pull.head_ref_oid) {
        return Err(nonsense("head commit", &pull.head_ref_oid));
    }
    let title = one_line(&pull.item.title, MAX_TITLE);
    let source = Source::new(SourceKind::GithubPr, number, &pull.item.url, title);
    let command = format!("gh pr view {number} --comments --repo {}", forge.repo);
    let detail = Detail::Pull(Pull {
        base: pull.base_ref_name,
        head: pull.head_ref_name,
        head_sha: pull.head_ref_oid,
        head_repo: head_repo(pull.head_repository_owner, pull.head_repository),
        is_cross_repository: pull.is_cross_repository,
        is_draft: pull.is_draft,
        n_files: pull.changed_files,
        additions: pull.additions,
        deletions: pull.deletions,
        files: pull.files,
    });
    Ok(pull.item.into_work_item(source, command, detail))
}

async fn view<T: DeserializeOwned>(
    cx: &Context<'_>,
    forge: &Forge,
    what: &'static str,
    number: &str,
    fields: &str,
) -> Result<T, Error> {
    let repo = argument(forge);
    let args = [what, "view", number, "--repo", &repo, "--json", fields];
    let output = cx.run(&PROGRAM, &args).await?;
    if output.is_success() {
        return read(&output.stdout);
    }
    let stderr = output.stderr_text();
    let complaint = complaint(output.status.code(), &stderr);
    if matches!(complaint, Complaint::NumberNotFound) {
        let what = if what == "pr" { "pull request" } else { what };
        let (number, repo) = (number.to_owned(), forge.repo.clone());
        return Err(Error::NotFound { what, number, repo });
    }
    Err(complaint.into_error(&forge.repo, &stderr))
}

/// The branch that the pull request with this URL is for.
pub async fn head_branch(cx: &Context<'_>, url: &str) -> Result<String, Error> {
    let output = cx.run(&PROGRAM, &["pr", "view", url, "--json", "headRefName"]).await?;
    if !output.is_success() {
        return Err(failed(&output.stderr_text()));
    }
    Ok(read::<HeadJson>(&output.stdout)?.head_ref_name)
}

/// `gh` has a login for this server; asks no network.
pub async fn knows(cx: &Context<'_>, host: &str) -> bool {
    let asked = cx.run(&PROGRAM, &["auth", "token", "--hostname", host]).await;
    asked.is_ok_and(|it| it.is_success())
}

fn nonsense(what: &'static str, value: &str) -> Error {
    Error::Nonsense { program: &PROGRAM, what, value: one_line(value, 80) }
}

fn head_repo(owner: Option<Login>, repo: Option<Named>) -> Option<String> {
    let (owner, name) = (owner?.login?, repo?.name);
    (!owner.is_empty() && !name.is_empty()).then(|| format!("{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_named_by_number_or_page() {
        for text in ["456", "#456", " 456 "] {
            let it = parse(text).unwrap();
            assert_eq!((it.key.as_str(), it.kind, it.repo), ("456", None, None), "{text}");
            assert_eq!(it.text, "#456");
        }
        let repo = Some(("github.com".to_owned(), "acme/blog".to_owned()));
        let (issue, pull) = (Some(SourceKind::GithubIssue), Some(SourceKind::GithubPr));
        for (text, kind) in [
            ("https://github.com/acme/blog/issues/4", issue),
            ("https://www.github.com/acme/blog/issues/4#issuecomment-1", issue),
            ("http://GitHub.com/acme/blog/issues/4?x=y", issue),
            ("https://github.com/acme/blog/pull/4/files", pull),
        ] {
            let it = parse(text).unwrap();
            assert_eq!((it.key.as_str(), it.kind, &it.repo), ("4", kind, &repo), "{text}");
        }
        for bad in [
            "",
            "0",
            "#0",
            "-1",
            "x",
            "1 2",
            "https://github.com/acme/blog",
            "https://github.com",
            "https://github.com/acme/blog/issues/x",
            "https://github.com/-x/blog/issues/4",
            "https://github.com/acme/blog/wiki/4",
        ] {
            assert!(matches!(parse(bad), Err(Error::BadNumber { .. })), "{bad}");
        }
    }
}
