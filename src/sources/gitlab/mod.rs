//! Issues and merge requests of GitLab, through the GitLab CLI.
//!
//! The project is resolved once, as `glab` resolves it from the remotes; later calls name it by its
//! number.
mod api;
mod json;
mod open;
mod pulls;
mod ready;

use self::{
    api::{Complaint, Project, get, list, project},
    json::{DiffJson, ItemJson, MergeJson, NoteJson, PathJson},
};
pub use self::{
    open::list_open,
    pulls::{ask_pulls, merge_pull, one},
};
use super::{
    Context, Error, Fetched, GitlabError, Program, SourceSpec, Task, TaskRef,
    forge::{Forge, is_commit, is_path},
};
use crate::{
    brief::{Detail, Pull, WorkItem},
    model::{Source, SourceKind},
    text::one_line,
};

static PROGRAM: Program = Program {
    name: "glab",
    version: &["--version"],
    // `glab auth status` asks the network.
    login: None,
    install: "install the GitLab CLI from https://gitlab.com/gitlab-org/cli, then run `glab auth login`",
    log_in: "run `glab auth login`; for a server of your own, add `--hostname HOST`",
    refused: "`glab auth status` shows what your token may do",
};

pub static SPEC: SourceSpec = SourceSpec {
    flag: "gitlab",
    value_name: "N|!N|URL",
    help: "GitLab issue (`12`) or merge request (`!12`) of this repository: its number or URL",
    program: Some(&PROGRAM),
    types: &[("issue", SourceKind::GitlabIssue), ("mr", SourceKind::GitlabMr)],
    parse,
    resolve: |cx, task| Box::pin(resolve(cx, task)),
    fetch: |cx, task| Box::pin(fetch(cx, task)),
    ready: Some(|cx, wanted| Box::pin(ready::ready(cx, wanted))),
};

/// GitLab's own limit is 255.
const MAX_TITLE: usize = 256;

/// Between a project and its pages.
const PAGES: &str = "/-/";

/// `12`, `#12`, `!12`, or the URL of a page.
fn parse(text: &str) -> Result<TaskRef, Error> {
    let bad = || Error::from(GitlabError::BadNumber { text: one_line(text, 200) });
    let number = |text: &str| text.parse::<u64>().ok().filter(|it| *it > 0).ok_or_else(bad);
    let text = text.trim();
    if !text.contains("://") {
        let (mark, digits) = match text.strip_prefix('!') {
            Some(digits) => ('!', digits),
            None => ('#', text.strip_prefix('#').unwrap_or(text)),
        };
        let kind = (mark == '!').then_some(SourceKind::GitlabMr);
        let key = number(digits)?.to_string();
        return Ok(TaskRef { spec: &SPEC, text: format!("{mark}{key}"), key, kind, repo: None });
    }
    let (kind, host, project, key) = page(text).ok_or_else(bad)?;
    let (text, repo) = (one_line(text, 200), Some((host, project)));
    Ok(TaskRef { spec: &SPEC, text, key: key.to_string(), kind: Some(kind), repo })
}

/// Kind, host, project and number of a page.
fn page(url: &str) -> Option<(SourceKind, String, String, u64)> {
    let (_, rest) = url.split_once("://")?;
    let rest = rest.split(['?', '#']).next()?;
    let (place, page) = rest.split_once(PAGES)?;
    let (host, project) = place.split_once('/')?;
    let mut parts = page.split('/');
    let kind = match parts.next()? {
        "issues" | "work_items" => SourceKind::GitlabIssue,
        "merge_requests" => SourceKind::GitlabMr,
        _ => return None,
    };
    let number = parts.next()?.parse().ok().filter(|it| *it > 0)?;
    let host = host.rsplit('@').next().unwrap_or(host).to_lowercase();
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let is_good = !host.is_empty() && !host.starts_with('-') && host.chars().all(is_host);
    (is_good && is_path(project)).then(|| (kind, host, project.to_owned(), number))
}

/// Host, project and number of the page of a merge request.
pub fn pull_page(url: &str) -> Option<(String, String, u64)> {
    let (kind, host, project, number) = page(url)?;
    (kind == SourceKind::GitlabMr).then_some((host, project, number))
}

/// The repository that `glab` uses for `cx.dir`.
pub async fn fetch_forge(cx: &Context<'_>) -> Result<Forge, Error> {
    Ok(project(cx).await?.forge)
}

/// `glab` has a login for this server; asks no network.
pub async fn knows(cx: &Context<'_>, host: &str) -> bool {
    let asked = cx.run(&PROGRAM, &["config", "get", "token", "--host", host]).await;
    asked.is_ok_and(|it| it.is_success() && !it.stdout_text().trim().is_empty())
}

/// Issues and merge requests are numbered apart: a bare number is an issue.
async fn resolve(cx: &Context<'_>, task: &TaskRef) -> Result<SourceKind, Error> {
    if let Some((host, path)) = &task.repo {
        let forge = project(cx).await?.forge;
        let asked = host.split(':').next().unwrap_or(host);
        if !(forge.host.eq_ignore_ascii_case(asked) && forge.repo.eq_ignore_ascii_case(path)) {
            let (url, project) = (task.text.clone(), forge.repo);
            return Err(GitlabError::OtherProject { url, project }.into());
        }
    }
    Ok(task.kind.unwrap_or(SourceKind::GitlabIssue))
}

async fn fetch(cx: &Context<'_>, task: &Task) -> Result<Fetched, Error> {
    let project = project(cx).await?;
    let item = if task.kind == SourceKind::GitlabMr {
        fetch_merge_request(cx, &project, &task.key).await?
    } else {
        fetch_issue(cx, &project, &task.key).await?
    };
    Ok(Fetched { item, forge: Some(project.forge) })
}

async fn fetch_issue(cx: &Context<'_>, project: &Project, number: &str) -> Result<WorkItem, Error> {
    let path = format!("projects/{}/issues/{number}", project.id);
    let item: ItemJson =
        get(cx, &path).await.map_err(|it| missing(it, cx, project, ("issue", '#', number)))?;
    let notes = notes(cx, &path).await?;
    let source = source(SourceKind::GitlabIssue, &item);
    let command = format!("glab issue view {number} --comments --repo {}", project.forge.url);
    Ok(item.into_work_item(source, notes, command, Detail::None))
}

/// The merge request with all comments; its [`Pull`] names the commit to check out.
async fn fetch_merge_request(
    cx: &Context<'_>,
    project: &Project,
    number: &str,
) -> Result<WorkItem, Error> {
    let path = format!("projects/{}/merge_requests/{number}", project.id);
    let it: MergeJson = get(cx, &path)
        .await
        .map_err(|it| missing(it, cx, project, ("merge request", '!', number)))?;
    let head_sha = it.sha.clone().unwrap_or_default();
    if !is_commit(&head_sha) {
        let value = one_line(&head_sha, 80);
        return Err(Error::Nonsense { program: &PROGRAM, what: "head commit", value });
    }
    let notes = notes(cx, &path).await?;
    // Servers before 15.7 do not list them.
    let diffs: Vec<DiffJson> = match list(cx, &format!("{path}/diffs?per_page=100")).await {
        Ok(diffs) => diffs,
        Err(Complaint::NotFound) => Vec::new(),
        Err(other) => return Err(other.into_error(cx)),
    };
    let is_fork = it.source_project_id != Some(it.target_project_id);
    let head_repo = match it.source_project_id.filter(|_| is_fork) {
        Some(id) => get::<PathJson>(cx, &format!("projects/{id}")).await.ok(),
        None => None,
    };
    let own = (!is_fork).then(|| project.forge.repo.clone());
    let files: Vec<_> = diffs.into_iter().map(DiffJson::into_file).collect();
    let detail = Detail::Pull(Pull {
        base: it.target_branch,
        head: it.source_branch,
        head_sha,
        head_repo: head_repo.map(|it| it.path_with_namespace).filter(|it| is_path(it)).or(own),
        is_cross_repository: is_fork,
        is_draft: it.draft,
        n_files: u64::try_from(files.len()).unwrap_or(u64::MAX),
        additions: files.iter().map(|it| it.additions).sum(),
        deletions: files.iter().map(|it| it.deletions).sum(),
        files: files.into_iter().take(MAX_FILES).collect(),
    });
    let source = source(SourceKind::GitlabMr, &it.item);
    let command = format!("glab mr view {number} --comments --repo {}", project.forge.url);
    Ok(it.item.into_work_item(source, notes, command, detail))
}

/// As many as GitHub gives.
const MAX_FILES: usize = 100;

fn source(kind: SourceKind, item: &ItemJson) -> Source {
    let url = if item.web_url.starts_with("http") { item.web_url.as_str() } else { "" };
    Source::new(kind, &item.iid.to_string(), &one_line(url, 500), one_line(&item.title, MAX_TITLE))
}

async fn notes(cx: &Context<'_>, item: &str) -> Result<Vec<NoteJson>, Error> {
    let path = format!("{item}/notes?sort=asc&order_by=created_at&per_page=100");
    list(cx, &path).await.map_err(|it| it.into_error(cx))
}

fn missing(
    complaint: Complaint,
    cx: &Context<'_>,
    project: &Project,
    (what, mark, number): (&'static str, char, &str),
) -> Error {
    if !matches!(complaint, Complaint::NotFound) {
        return complaint.into_error(cx);
    }
    let (number, project) = (format!("{mark}{number}"), project.forge.repo.clone());
    GitlabError::NotFound { what, number, project }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_issue_and_a_bang_a_merge_request() {
        let found = |text: &str| {
            let it = parse(text).unwrap();
            (it.key, it.kind, it.repo.map(|(host, path)| format!("{host} {path}")))
        };
        let (issue, merge) = (Some(SourceKind::GitlabIssue), Some(SourceKind::GitlabMr));
        assert_eq!(found(" 12 "), ("12".into(), None, None));
        assert_eq!(found("#12"), ("12".into(), None, None));
        assert_eq!(found("!12"), ("12".into(), merge, None));
        let place = Some("gitlab.acme.org web/shop/blog".to_owned());
        let at = |page: &str| found(&format!("https://gitlab.acme.org/web/shop/blog/-/{page}"));
        assert_eq!(at("issues/4#note_1"), ("4".into(), issue, place.clone()));
        assert_eq!(at("work_items/4"), ("4".into(), issue, place.clone()));
        assert_eq!(at("merge_requests/4/diffs?x=y"), ("4".into(), merge, place));
        for bad in [
            "",
            "0",
            "!0",
            "-1",
            "x",
            "1 2",
            "!",
            "#!1",
            "https://gitlab.com/acme/blog/issues/4",
            "https://gitlab.com/acme/-/issues/4",
            "https://gitlab.com/-x/blog/-/issues/4",
            "https://gitlab.com/acme/blog/-/wikis/4",
            "https:///a/b/-/issues/4",
            "https://-x/a/b/-/issues/4",
        ] {
            assert!(matches!(parse(bad), Err(Error::Gitlab(_))), "{bad}");
        }
    }
}
