//! Finds the worker that a name means. Pure: workers and a name in, one worker or an error out.
//!
//! A name is tried as the whole id, the branch, the number of an issue, pull request or ticket, and
//! consecutive whole words of the id or of the branch, which may have letters that ids do not have: first
//! among the workers of the current project, then among all.
use std::path::Path;

use super::Failure;
use crate::model::Worker;

/// Why a worker is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Only to read: any part of an id is enough if no other worker has it.
    Look,
    Change,
}

/// One way in which a name can match a worker.
type Reading<'a> = dyn Fn(&Worker) -> bool + 'a;

/// The worker that `name` means, if there is one. `project` is the common git dir of the current repository.
pub(super) fn search<'a>(
    name: &str,
    workers: &'a [Worker],
    project: Option<&Path>,
    purpose: Purpose,
) -> Result<Option<&'a Worker>, Failure> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Failure::usage("the name of a worker is empty").hint(SEE));
    }
    let lower = name.to_lowercase();
    if let Some(worker) = workers.iter().find(|it| it.id.as_str() == lower) {
        return Ok(Some(worker));
    }
    let readings: [&Reading<'_>; 4] = [
        &|it| it.branch == name,
        &|it| has_number(it, name),
        &|it| it.is_orchestrator() && it.short_name() == lower,
        &|it| has_words(it, &lower),
    ];
    let is_part: &Reading<'_> = &|it| {
        let is_in = it.id.as_str().contains(&lower) || it.branch.to_lowercase().contains(&lower);
        purpose == Purpose::Look && is_in
    };
    let is_here = |it: &&Worker| project.is_some_and(|repo| it.repo == repo);
    let order = readings.map(|it| (it, true)).into_iter().chain(readings.map(|it| (it, false)));
    for (fits, only_here) in order.chain([(is_part, true), (is_part, false)]) {
        let found = workers.iter().filter(|it| fits(it) && (!only_here || is_here(it)));
        match found.collect::<Vec<_>>().as_slice() {
            [] => {}
            [worker] => return Ok(Some(worker)),
            several => return Err(ambiguous(name, several)),
        }
    }
    Ok(None)
}

pub(super) const SEE: &str = "`wtmag list --all` shows all workers";
const SEE_REMOVED: &str = "`wtmag list --all --ended` shows removed workers, too";

/// `456`, `#456`, `PROJ-12`, or the URL of the issue, pull request or ticket.
fn has_number(worker: &Worker, name: &str) -> bool {
    let is_page = |url: &str| url.trim_end_matches('/') == name.trim_end_matches('/');
    let number = name.strip_prefix('#').unwrap_or(name);
    let is_pr = |url: &str| {
        let is_number = number.bytes().all(|it| it.is_ascii_digit());
        is_page(url) || is_number && url.rsplit('/').next() == Some(number)
    };
    worker.source.is_called(name) || worker.pr.as_deref().is_some_and(is_pr)
}

/// Consecutive whole words of the id or the branch: `docs`, `issue-456`, `anmeldung-für`.
fn has_words(worker: &Worker, name: &str) -> bool {
    let name = format!("-{}-", name.replace('/', "-").trim_matches('-'));
    let branch = worker.branch.to_lowercase().replace('/', "-");
    format!("-{}-", worker.id).contains(&name) || format!("-{branch}-").contains(&name)
}

fn ambiguous(name: &str, several: &[&Worker]) -> Failure {
    let word = |it: &Worker| match it.ended {
        Some(_) => "removed".to_owned(),
        None => it.state.word().to_string(),
    };
    let lines = several.iter().map(|it| format!("{}  {}", it.id, word(it)));
    Failure::user(format!("`{name}` matches {} workers", several.len()))
        .quote(lines)
        .hint("type more of the id")
}

/// No worker has this name.
pub(super) fn missing(name: &str) -> Failure {
    Failure::user(format!("no worker is named `{name}`"))
}

/// The same, with the nearest name.
pub(super) fn unknown<'a>(name: &str, workers: impl IntoIterator<Item = &'a Worker>) -> Failure {
    const CLOSE: f64 = 0.85;
    let failure = missing(name);
    let lower = name.to_lowercase();
    let closeness = |candidate: &str| strsim::jaro_winkler(&lower, candidate);
    let scored = workers.into_iter().map(|it| {
        let id = it.id.as_str();
        let score = closeness(it.short_name()).max(closeness(&it.branch));
        // Ids of one project begin alike, so their beginning proves little.
        let whole = strsim::normalized_damerau_levenshtein(&lower, id);
        let score = score.max(whole).max(closest_words(&lower, it));
        (if id.contains(&lower) { 1.0 } else { score }, it)
    });
    let nearest = scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score >= CLOSE);
    match nearest {
        Some((_, Worker { id, ended: None, .. })) => failure.hint(format!("did you mean `{id}`?")),
        Some((_, Worker { id, ended: Some(_), .. })) => {
            failure.hint(format!("did you mean `{id}`, which was removed?")).hint(SEE_REMOVED)
        }
        None => failure.hint(SEE),
    }
}

/// How close a name comes to as many consecutive words of the worker's id; the project may stand before them.
fn closest_words(name: &str, worker: &Worker) -> f64 {
    let project = worker.id.as_str().strip_suffix(worker.short_name()).unwrap_or_default();
    let name = name.strip_prefix(project).unwrap_or(name);
    let words: Vec<&str> = worker.short_name().split('-').collect();
    let runs = words.windows(name.split('-').count()).map(|it| it.join("-"));
    runs.map(|it| strsim::normalized_damerau_levenshtein(name, &it)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::samples,
        model::{Source, SourceKind},
    };

    fn worker(project: &str, branch: &str, source: Source) -> Worker {
        let mut worker = samples::worker("a");
        worker.id = crate::model::WorkerId::for_branch(project, branch);
        worker.project = project.to_owned();
        worker.repo = format!("/src/{project}/.git").into();
        worker.branch = branch.to_owned();
        worker.source = source;
        worker
    }

    fn workers() -> Vec<Worker> {
        let prompt = || Source::prompt("");
        let issue = |number: u64| {
            let url = format!("https://github.com/acme/blog/issues/{number}");
            Source::new(SourceKind::GithubIssue, &number.to_string(), &url, String::new())
        };
        let jira = Source::new(SourceKind::Jira, "PROJ-12", "", String::new());
        let mut workers = vec![
            worker("blog", "github-issue-4", issue(4)),
            worker("blog", "github-issue-45", issue(45)),
            worker("blog", "feature/docs", prompt()),
            worker("blog", "jira-ticket-proj-12", jira),
            worker("shop", "docs", prompt()),
            worker("shop", "github-issue-45", issue(45)),
            worker("shop", "prices", prompt()),
        ];
        workers[0].pr = Some("https://github.com/acme/blog/pull/501".into());
        workers
    }

    fn find<'a>(
        name: &str,
        workers: &'a [Worker],
        project: Option<&Path>,
        purpose: Purpose,
    ) -> Result<&'a Worker, Failure> {
        search(name, workers, project, purpose)?.ok_or_else(|| unknown(name.trim(), workers))
    }

    #[track_caller]
    fn check(name: &str, project: &str, purpose: Purpose, want: Result<&str, &str>) {
        let workers = workers();
        let repo = format!("/src/{project}/.git");
        let project = (!project.is_empty()).then(|| Path::new(&repo));
        match (find(name, &workers, project, purpose), want) {
            (Ok(worker), Ok(want)) => assert_eq!(worker.id.as_str(), want, "{name}"),
            (Err(failure), Err(want)) => {
                let text = failure.to_string();
                assert!(text.contains(want), "{name}: {text}");
            }
            (found, want) => panic!("{name}: {found:?} is not {want:?}"),
        }
    }

    #[test]
    fn a_name_is_an_id_a_branch_a_number_or_words() {
        for (name, want) in [
            ("blog-github-issue-4", "blog-github-issue-4"),
            ("BLOG-github-issue-45", "blog-github-issue-45"),
            ("github-issue-4", "blog-github-issue-4"),
            ("feature/docs", "blog-feature-docs"),
            ("4", "blog-github-issue-4"),
            ("#45", "blog-github-issue-45"),
            ("501", "blog-github-issue-4"),
            ("PROJ-12", "blog-jira-ticket-proj-12"),
            ("proj-12", "blog-jira-ticket-proj-12"),
            ("https://github.com/acme/blog/issues/45", "blog-github-issue-45"),
            ("issue-45", "blog-github-issue-45"),
            ("docs", "blog-feature-docs"),
            ("prices", "shop-prices"),
            ("shop-docs", "shop-docs"),
        ] {
            check(name, "blog", Purpose::Change, Ok(want));
            check(name, "blog", Purpose::Look, Ok(want));
        }
    }

    #[test]
    fn letters_that_an_id_cannot_have_name_a_worker_by_its_branch() {
        let branch = "prompt-修复登录-für-alle";
        let all =
            [worker("blog", branch, Source::prompt("")), worker("blog", "x", Source::prompt(""))];
        assert_eq!(all[0].id.as_str(), "blog-prompt-fur-alle");
        for (name, purpose) in [
            ("für-alle", Purpose::Change),
            ("修复登录", Purpose::Change),
            ("FÜR", Purpose::Change),
            ("登录", Purpose::Look),
        ] {
            assert_eq!(find(name, &all, None, purpose).unwrap().branch, branch, "{name}");
        }
        assert!(find("登录", &all, None, Purpose::Change).is_err());
    }

    #[test]
    fn the_current_project_comes_first() {
        check("docs", "shop", Purpose::Change, Ok("shop-docs"));
        check("45", "shop", Purpose::Change, Ok("shop-github-issue-45"));
        check("45", "", Purpose::Change, Err("`45` matches 2 workers\n  | blog-github-issue-45"));
        check("45", "other", Purpose::Look, Err("matches 2 workers"));
    }

    #[test]
    fn the_first_orchestrator_needs_no_more_words() {
        let orchestrator = |name: &str| {
            let source = Source::new(SourceKind::Orchestrator, name, "", String::new());
            let mut it = worker("blog", "x", source);
            it.branch = String::new();
            it.kind = crate::model::Kind::Orchestrator;
            it.id = format!("blog-orchestrator{name}").parse().unwrap();
            it
        };
        let all = [orchestrator(""), orchestrator("-two")];
        for (name, want) in [("orchestrator", 0), ("two", 1)] {
            assert_eq!(find(name, &all, None, Purpose::Change).unwrap().id, all[want].id, "{name}");
        }
    }

    #[test]
    fn only_those_who_look_may_name_a_part_of_a_word() {
        check("pric", "blog", Purpose::Look, Ok("shop-prices"));
        check("pric", "blog", Purpose::Change, Err("did you mean `shop-prices`?"));
        check("issue", "blog", Purpose::Look, Err("matches 2 workers"));
    }

    #[test]
    fn what_is_unknown_is_said() {
        check("", "blog", Purpose::Look, Err("is empty"));
        check("nosuch", "blog", Purpose::Look, Err("wtmag list --all"));
        check("blog-nosuch", "blog", Purpose::Change, Err("wtmag list --all"));
        check("../x", "blog", Purpose::Look, Err("no worker is named `../x`"));
        check(
            "blog-github-isue-45",
            "blog",
            Purpose::Change,
            Err("did you mean `blog-github-issue-45`?"),
        );
        // Some of the words, with the project or without it.
        let long = [worker("blog", "prompt-describe-the-api", Source::prompt(""))];
        for name in ["blog-descrbe-the-api", "descrbe-the", "describe-teh-api", "promt-describe"] {
            let failure = find(name, &long, None, Purpose::Change).unwrap_err().to_string();
            let want = "did you mean `blog-prompt-describe-the-api`?";
            assert!(failure.contains(want), "{name}: {failure}");
        }
        let failure = find("blog-delete-the-api", &long, None, Purpose::Change).unwrap_err();
        assert!(!failure.to_string().contains("did you mean"), "{failure}");
        check("5", "blog", Purpose::Change, Err("no worker is named `5`"));
        // The project alone is no likeness.
        let all = workers();
        let failure = find("blog-nosuch", &all, None, Purpose::Change).unwrap_err();
        assert!(!failure.to_string().contains("did you mean"), "{failure}");
    }

    #[test]
    fn a_short_name_leaves_the_project_out() {
        let names: Vec<String> = workers().iter().map(|it| it.short_name().to_owned()).collect();
        assert_eq!(names[..3], ["github-issue-4", "github-issue-45", "feature-docs"]);
        let mut odd = samples::worker("other");
        odd.project = "blog".into();
        assert_eq!(odd.short_name(), "other");
    }
}
