//! The state of one pull request, for a worker that made or reviews it.
use serde::Deserialize;

use super::{
    PROGRAM,
    complaint::failed,
    json::{Oid, read},
    nonsense, parse,
    pulls::review,
};
use crate::{
    model::{Checks, PullState, SourceKind},
    sources::{Context, Error, forge::is_commit},
    text::one_line,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StateJson {
    url: String,
    number: u64,
    state: String,
    is_draft: bool,
    head_ref_oid: String,
    base_ref_name: String,
    merge_commit: Option<Oid>,
    #[serde(default)]
    review_decision: Option<String>,
    #[serde(default)]
    status_check_rollup: Option<Vec<CheckJson>>,
}

/// A check run has a conclusion, a commit status a state.
#[derive(Deserialize)]
struct CheckJson {
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    state: Option<String>,
}

const FIELDS: &str = "url,number,state,isDraft,headRefOid,baseRefName,mergeCommit,reviewDecision,\
    statusCheckRollup";

/// Asks the forge about the pull request at `url`.
pub async fn pull_state(cx: &Context<'_>, url: &str) -> Result<PullState, Error> {
    let (repo, number) = place(url)?;
    let args = ["pr", "view", &number, "--repo", &repo, "--json", FIELDS];
    let output = cx.run(&PROGRAM, &args).await?;
    if !output.is_success() {
        return Err(failed(&output.stderr_text()));
    }
    let it: StateJson = read(&output.stdout)?;
    if !is_commit(&it.head_ref_oid) {
        return Err(nonsense("head commit", &it.head_ref_oid));
    }
    Ok(PullState {
        url: one_line(&it.url, 200),
        number: it.number,
        head: it.head_ref_oid,
        base: one_line(&it.base_ref_name, 200),
        is_open: it.state == "OPEN",
        is_merged: it.state == "MERGED",
        is_draft: it.is_draft,
        merge_commit: it.merge_commit.map(|it| it.oid).filter(|it| is_commit(it)),
        review: review(it.review_decision.as_deref().unwrap_or_default()),
        checks: checks(it.status_check_rollup.as_deref().unwrap_or_default()),
    })
}

#[derive(Deserialize)]
struct MergedJson {
    merged: bool,
    sha: String,
}

#[derive(Deserialize)]
struct MessageJson {
    message: String,
}

/// Lets the forge merge the pull request, if its head is this commit. `method` is `merge`, `squash` or
/// `rebase`. Returns the new commit of the base.
pub async fn merge_pull(
    cx: &Context<'_>,
    url: &str,
    head: &str,
    method: &str,
) -> Result<String, Error> {
    let (repo, number) = place(url)?;
    let (host, repo) = match repo.split('/').collect::<Vec<_>>()[..] {
        [host, owner, name] => (host.to_owned(), format!("{owner}/{name}")),
        _ => ("github.com".to_owned(), repo),
    };
    let path = format!("repos/{repo}/pulls/{number}/merge");
    let (sha, method) = (format!("sha={head}"), format!("merge_method={method}"));
    let args = ["api", "--hostname", &host, "--method", "PUT", &path, "-f", &sha, "-f", &method];
    let output = cx.run(&PROGRAM, &args).await?;
    if !output.is_success() {
        // The answer's message says more than gh's.
        let message = read::<MessageJson>(&output.stdout).map(|it| it.message);
        let why = one_line(&message.unwrap_or_else(|_| output.stderr_text()), 300);
        return Err(Error::NotMerged { url: one_line(url, 200), why });
    }
    let it: MergedJson = read(&output.stdout)?;
    if !it.merged {
        return Err(Error::NotMerged { url: one_line(url, 200), why: "no reason given".into() });
    }
    Ok(it.sha)
}

/// `[HOST/]OWNER/NAME` and the number, from the URL of its page.
pub(super) fn place(url: &str) -> Result<(String, String), Error> {
    let task = parse(url)?;
    let repo = task.repo.filter(|_| task.kind == Some(SourceKind::GithubPr));
    let (host, repo) = repo.ok_or_else(|| Error::BadNumber { text: one_line(url, 200) })?;
    let repo = if host == "github.com" { repo } else { format!("{host}/{repo}") };
    Ok((repo, task.key))
}

/// Host, `owner/name` and number of the page of a pull request.
pub fn pull_page(url: &str) -> Option<(String, String, u64)> {
    let task = parse(url).ok().filter(|it| it.kind == Some(SourceKind::GithubPr))?;
    let (host, repo) = task.repo?;
    Some((host, repo, task.key.parse().ok()?))
}

/// One that failed decides, then one that is not over.
fn checks(all: &[CheckJson]) -> Checks {
    let one = |it: &CheckJson| {
        let word = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
        let result = word(&it.conclusion).or_else(|| word(&it.state));
        match result.as_deref() {
            Some("SUCCESS" | "NEUTRAL" | "SKIPPED") => Checks::Passed,
            None | Some("PENDING" | "EXPECTED") => Checks::Pending,
            Some(_) => Checks::Failed,
        }
    };
    let all: Vec<Checks> = all.iter().map(one).collect();
    let order = [Checks::Failed, Checks::Pending, Checks::Passed];
    order.into_iter().find(|it| all.contains(it)).unwrap_or(Checks::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_check_decides() {
        let read = |text: &str| checks(&serde_json::from_str::<Vec<CheckJson>>(text).unwrap());
        let passed = r#"{"status":"COMPLETED","conclusion":"SUCCESS"}"#;
        let running = r#"{"status":"IN_PROGRESS","conclusion":""}"#;
        let failed = r#"{"status":"COMPLETED","conclusion":"TIMED_OUT"}"#;
        let status = r#"{"state":"PENDING"}"#;
        for (all, want) in [
            (vec![], Checks::None),
            (vec![passed], Checks::Passed),
            (vec![passed, running], Checks::Pending),
            (vec![passed, status], Checks::Pending),
            (vec![running, failed, passed], Checks::Failed),
            (vec![r#"{"state":"SUCCESS"}"#], Checks::Passed),
            (vec![r#"{"state":"ERROR"}"#], Checks::Failed),
        ] {
            assert_eq!(read(&format!("[{}]", all.join(","))), want, "{all:?}");
        }
    }

    #[test]
    fn a_pull_request_is_named_by_its_page() {
        let at = |url| place(url).ok();
        let want = Some(("acme/blog".to_owned(), "5".to_owned()));
        assert_eq!(at("https://github.com/acme/blog/pull/5"), want);
        let want = Some(("ghe.acme.org/acme/blog".to_owned(), "5".to_owned()));
        assert_eq!(at("https://ghe.acme.org/acme/blog/pull/5"), want);
        for bad in ["https://github.com/acme/blog/issues/5", "5", "https://x/-a/b/pull/5", ""] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
