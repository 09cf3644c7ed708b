//! The state of merge requests of one project, by one question to GitLab's GraphQL interface; and
//! merging one.
use serde::Deserialize;

use super::{
    api::{Complaint, ask, read},
    pull_page,
};
use crate::{
    model::{Checks, PullState, Review},
    sources::{
        Context, Error, GitlabError,
        forge::{is_commit, is_path},
        question::{Found, MAX, Question},
    },
    text::one_line,
};

const FRAGMENT: &str = "fragment F on MergeRequest { webUrl iid state draft diffHeadSha sourceBranch \
    sourceProject { webUrl } targetBranch mergeCommitSha approved approvedBy(first: 1) { nodes { username } } \
    headPipeline { status } }";

#[derive(Deserialize)]
struct AnswerJson {
    data: Option<DataJson>,
}

#[derive(Deserialize)]
struct DataJson {
    project: Option<ProjectJson>,
}

#[derive(Deserialize)]
struct ProjectJson {
    numbers: Option<Nodes<MergeJson>>,
    branches: Option<Nodes<MergeJson>>,
}

#[derive(Deserialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MergeJson {
    web_url: String,
    iid: String,
    state: String,
    draft: bool,
    diff_head_sha: Option<String>,
    source_branch: String,
    source_project: Option<SourceJson>,
    target_branch: String,
    merge_commit_sha: Option<String>,
    #[serde(default)]
    approved: bool,
    approved_by: Option<Nodes<serde::de::IgnoredAny>>,
    head_pipeline: Option<PipelineJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceJson {
    web_url: Option<String>,
}

#[derive(Deserialize)]
struct PipelineJson {
    status: Option<String>,
}

/// Asks GitLab once. What it does not have is left out.
///
/// # Errors
/// If it cannot be asked at all.
pub async fn ask_pulls(cx: &Context<'_>, question: &Question) -> Result<Vec<Found>, Error> {
    if !is_path(&question.repo) {
        return Ok(Vec::new());
    }
    let query = format!("query={}", query(question));
    let args = ["graphql", "--raw-field", query.as_str()];
    let answer = ask(cx, Some(&question.host), &args).await.map_err(|it| it.into_error(cx))?;
    let answer: AnswerJson = read(&answer)?;
    let Some(project) = answer.data.and_then(|it| it.project) else {
        return Err(GitlabError::NoProject { project: question.repo.clone() }.into());
    };
    let all = [project.numbers, project.branches].into_iter().flatten().flat_map(|it| it.nodes);
    Ok(all.filter_map(pull).collect())
}

/// One merge request.
///
/// # Errors
/// If it cannot be asked, or is not there.
pub async fn one(
    cx: &Context<'_>,
    host: String,
    repo: String,
    number: u64,
) -> Result<Found, Error> {
    let question = Question { host, repo, numbers: vec![number], branches: Vec::new() };
    let found = ask_pulls(cx, &question).await?.into_iter().next();
    found.ok_or_else(|| {
        let (number, project) = (format!("!{number}"), question.repo);
        GitlabError::NotFound { what: "merge request", number, project }.into()
    })
}

/// Texts are JSON strings, which GraphQL's are, too.
fn query(question: &Question) -> String {
    let text = |it: &str| serde_json::Value::from(it).to_string();
    let list = |all: Vec<String>| all.join(", ");
    let mut parts = Vec::new();
    if !question.numbers.is_empty() {
        let numbers = question.numbers.iter().take(MAX).map(|it| text(&it.to_string())).collect();
        parts.push(format!(
            "numbers: mergeRequests(iids: [{}]) {{ nodes {{ ...F }} }}",
            list(numbers)
        ));
    }
    if !question.branches.is_empty() {
        let branches = question.branches.iter().take(MAX).map(|it| text(it)).collect();
        parts.push(format!(
            "branches: mergeRequests(sourceBranches: [{}], state: opened) {{ nodes {{ ...F }} }}",
            list(branches)
        ));
    }
    let project = text(&question.repo);
    format!("query {{ project(fullPath: {project}) {{ {} }} }} {FRAGMENT}", parts.join(" "))
}

/// `None` for one whose head is no commit.
fn pull(it: MergeJson) -> Option<Found> {
    let has_approved = it.approved_by.is_some_and(|it| !it.nodes.is_empty());
    let state = PullState {
        url: Some(it.web_url)
            .filter(|it| it.starts_with("https://"))
            .map(|it| one_line(&it, 200))?,
        number: it.iid.parse().ok()?,
        head: it.diff_head_sha.filter(|it| is_commit(it))?,
        base: one_line(&it.target_branch, 200),
        is_open: it.state == "opened",
        is_merged: it.state == "merged",
        is_draft: it.draft,
        merge_commit: it.merge_commit_sha.filter(|it| is_commit(it)),
        // Without a rule, one that nobody has looked at counts as approved.
        review: match (it.approved, has_approved) {
            (true, true) => Review::Approved,
            (true, false) => Review::None,
            (false, _) => Review::Required,
        },
        checks: checks(it.head_pipeline.and_then(|it| it.status).as_deref()),
    };
    let from = it.source_project.and_then(|it| it.web_url);
    Some(Found { state, branch: it.source_branch, from })
}

fn checks(pipeline: Option<&str>) -> Checks {
    match pipeline {
        None => Checks::None,
        Some("SUCCESS" | "SKIPPED") => Checks::Passed,
        Some("FAILED" | "CANCELED" | "CANCELING") => Checks::Failed,
        Some(_) => Checks::Pending,
    }
}

#[derive(Deserialize)]
struct MergedJson {
    state: String,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
    sha: Option<String>,
}

/// Lets GitLab merge the merge request, if its head is this commit. `method` is `merge` or `squash`.
/// Returns the new commit of the base.
pub async fn merge_pull(
    cx: &Context<'_>,
    url: &str,
    head: &str,
    method: &str,
) -> Result<String, Error> {
    let refused = |why: String| Error::NotMerged { url: one_line(url, 200), why };
    let (host, project, number) =
        pull_page(url).ok_or_else(|| GitlabError::BadNumber { text: one_line(url, 200) })?;
    if method == "rebase" {
        return Err(refused(
            "GitLab rebases by a setting of the project: use `[land] pr = \"merge\"`".into(),
        ));
    }
    let path = format!("projects/{}/merge_requests/{number}/merge", project.replace('/', "%2F"));
    let sha = format!("sha={head}");
    let squash = format!("squash={}", method == "squash");
    let args = ["--method", "PUT", &path, "--raw-field", &sha, "--raw-field", &squash];
    let answer = ask(cx, Some(&host), &args).await.map_err(|it| match it {
        Complaint::Other(Error::Failed { detail, .. } | Error::Refused { detail, .. }) => {
            refused(detail)
        }
        Complaint::NotFound => refused("it is not there".to_owned()),
        other @ (Complaint::NotOnGitlab
        | Complaint::NoRemote
        | Complaint::NoRepository
        | Complaint::Other(_)) => other.into_error(cx),
    })?;
    let it: MergedJson = read(&answer)?;
    if it.state != "merged" {
        return Err(refused(format!("it is {} now", one_line(&it.state, 40))));
    }
    let commits = [it.merge_commit_sha, it.squash_commit_sha, it.sha];
    Ok(commits.into_iter().flatten().find(|it| is_commit(it)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_in_the_question() {
        let question = Question {
            host: "gitlab.com".into(),
            repo: "acme/blog".into(),
            numbers: vec![4, 5],
            branches: vec!["a\"b{}".into()],
        };
        let asked = query(&question);
        assert!(asked.contains(r#"mergeRequests(iids: ["4", "5"])"#), "{asked}");
        assert!(asked.contains(r#"sourceBranches: ["a\"b{}"]"#), "{asked}");
    }

    #[test]
    fn approved_by_no_one_is_not_approved() {
        let found = |approved: bool, by: &str, pipeline: &str| {
            let text = format!(
                r#"{{"webUrl":"https://gitlab.com/a/b/-/merge_requests/5","iid":"5","state":"opened",
                "draft":false,"diffHeadSha":"{}","sourceBranch":"docs","targetBranch":"main","sourceProject":null,
                "mergeCommitSha":null,"approved":{approved},"approvedBy":{{"nodes":[{by}]}},
                "headPipeline":{pipeline}}}"#,
                "a".repeat(40)
            );
            let it = pull(serde_json::from_str(&text).unwrap()).unwrap().state;
            (it.review, it.checks)
        };
        let ann = r#"{"username":"ann"}"#;
        assert_eq!(found(true, "", "null"), (Review::None, Checks::None));
        assert_eq!(found(true, ann, r#"{"status":"SUCCESS"}"#), (Review::Approved, Checks::Passed));
        assert_eq!(
            found(false, ann, r#"{"status":"RUNNING"}"#),
            (Review::Required, Checks::Pending)
        );
        assert_eq!(found(true, "", r#"{"status":"FAILED"}"#), (Review::None, Checks::Failed));
    }
}
