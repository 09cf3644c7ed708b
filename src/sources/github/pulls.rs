//! The state of many pull requests of one repository, by one question.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{PROGRAM, complaint::complaint, json::Oid, json::read};
use crate::{
    model::{Checks, PullState, Review},
    sources::{
        Context, Error,
        forge::{is_commit, is_slug},
        question::{Found, MAX, Question},
    },
    text::one_line,
};

const FRAGMENT: &str = "fragment F on PullRequest { url number state isDraft headRefOid headRefName \
    headRepository { url } baseRefName mergeCommit { oid } reviewDecision commits(last: 1) { nodes { commit { \
    statusCheckRollup { state } } } } }";

#[derive(Deserialize)]
struct AnswerJson {
    #[serde(default)]
    data: Option<DataJson>,
}

#[derive(Deserialize)]
struct DataJson {
    repository: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullJson {
    url: String,
    number: u64,
    state: String,
    is_draft: bool,
    head_ref_oid: String,
    head_ref_name: String,
    head_repository: Option<RepositoryJson>,
    base_ref_name: String,
    merge_commit: Option<Oid>,
    review_decision: Option<String>,
    commits: Value,
}

#[derive(Deserialize)]
struct RepositoryJson {
    url: String,
}

/// Asks the forge once. What it does not have is left out.
///
/// # Errors
/// If it cannot be asked at all.
pub async fn ask_pulls(cx: &Context<'_>, question: &Question) -> Result<Vec<Found>, Error> {
    let Some((owner, name)) = question.repo.split_once('/').filter(|_| is_slug(&question.repo))
    else {
        return Ok(Vec::new());
    };
    let numbers = question.numbers.iter().take(MAX);
    let branches: Vec<&String> = question.branches.iter().take(MAX).collect();
    let parts = numbers.map(|n| format!("p{n}: pullRequest(number: {n}) {{ ...F }}"));
    let of_branch = |n: usize| {
        format!(
            "b{n}: pullRequests(headRefName: $b{n}, first: 5, states: [OPEN]) {{ nodes {{ ...F }} }}"
        )
    };
    let parts: Vec<String> = parts.chain((0..branches.len()).map(of_branch)).collect();
    let variables: String = (0..branches.len()).map(|n| format!(", $b{n}: String!")).collect();
    let query = format!(
        "query Pulls($owner: String!, $name: String!{variables}) {{ repository(owner: $owner, name: \
         $name) {{ {} }} }} {FRAGMENT}",
        parts.join(" ")
    );
    let mut args = vec!["api".to_owned(), "graphql".to_owned()];
    args.extend(["--hostname".to_owned(), question.host.clone()]);
    // `-f` passes a text as it is.
    args.extend(["-f".to_owned(), format!("query={query}")]);
    args.extend([
        "-f".to_owned(),
        format!("owner={owner}"),
        "-f".to_owned(),
        format!("name={name}"),
    ]);
    for (n, branch) in branches.iter().enumerate() {
        args.extend(["-f".to_owned(), format!("b{n}={branch}")]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = cx.run(&PROGRAM, &args).await?;
    // With one that does not exist, gh fails and prints the others.
    let answer: Option<AnswerJson> = read(&output.stdout).ok();
    let found = answer.and_then(|it| it.data).and_then(|it| it.repository);
    let Some(found) = found else {
        let stderr = output.stderr_text();
        return Err(complaint(output.status.code(), &stderr).into_error(&question.repo, &stderr));
    };
    let nodes =
        found.into_values().flat_map(|it| match it.get("nodes").and_then(Value::as_array) {
            Some(nodes) => nodes.clone(),
            None => vec![it],
        });
    Ok(nodes.filter_map(|it| pull(serde_json::from_value(it).ok()?)).collect())
}

/// `None` for one whose head is no commit.
fn pull(it: PullJson) -> Option<Found> {
    let rollup = it.commits.pointer("/nodes/0/commit/statusCheckRollup/state");
    let state = PullState {
        url: Some(it.url).filter(|it| it.starts_with("https://")).map(|it| one_line(&it, 200))?,
        number: it.number,
        head: Some(it.head_ref_oid).filter(|it| is_commit(it))?,
        base: one_line(&it.base_ref_name, 200),
        is_open: it.state == "OPEN",
        is_merged: it.state == "MERGED",
        is_draft: it.is_draft,
        merge_commit: it.merge_commit.map(|it| it.oid).filter(|it| is_commit(it)),
        review: review(it.review_decision.as_deref().unwrap_or_default()),
        checks: checks(rollup.and_then(Value::as_str)),
    };
    Some(Found { state, branch: it.head_ref_name, from: it.head_repository.map(|it| it.url) })
}

pub(super) fn review(decision: &str) -> Review {
    match decision {
        "APPROVED" => Review::Approved,
        "CHANGES_REQUESTED" => Review::ChangesRequested,
        "REVIEW_REQUIRED" => Review::Required,
        _ => Review::None,
    }
}

fn checks(rollup: Option<&str>) -> Checks {
    match rollup {
        None | Some("") => Checks::None,
        Some("SUCCESS") => Checks::Passed,
        Some("PENDING" | "EXPECTED") => Checks::Pending,
        Some(_) => Checks::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(change: impl Fn(&mut Value)) -> Option<Found> {
        let mut it = serde_json::json!({
            "url": "https://github.com/acme/blog/pull/5", "number": 5, "state": "OPEN",
            "isDraft": false, "headRefOid": "a".repeat(40), "headRefName": "docs",
            "headRepository": {"url": "https://github.com/eve/blog"}, "baseRefName": "main\u{1b}[2J", "mergeCommit": null, "reviewDecision": "APPROVED",
            "commits": {"nodes": [{"commit": {"statusCheckRollup": {"state": "FAILURE"}}}]},
        });
        change(&mut it);
        pull(serde_json::from_value(it).ok()?)
    }

    #[test]
    fn an_answer_is_read_and_nonsense_is_not() {
        let it = answer(|_| ()).unwrap();
        assert_eq!(it.state.to_string(), "#5 ✗ checks");
        assert_eq!((it.state.base.as_str(), it.branch.as_str()), ("main", "docs"));
        assert_eq!(it.state.review, Review::Approved);
        assert_eq!(it.from.as_deref(), Some("https://github.com/eve/blog"));
        assert_eq!(answer(|it| it["headRepository"] = Value::Null).unwrap().from, None);
        for (key, value) in [
            ("headRefOid", Value::from("--upload-pack=x")),
            ("url", Value::from("javascript:x")),
            ("number", Value::from("5; rm")),
            ("isDraft", Value::Null),
        ] {
            assert_eq!(answer(|it| it[key] = value.clone()), None, "{key}");
        }
        let none = answer(|it| it["commits"] = Value::Null).unwrap();
        assert_eq!(none.state.checks, Checks::None);
    }
}
