//! Asks the forge about the pull requests of one repository's workers, for the hub, in a process of its
//! own.
//!
//! A pull request is a worker's own if the worker reviews it, if it is recorded, or if it is in a
//! repository that a remote leads to, for the worker's branch, at a commit that is here.
use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    process::ExitCode,
};

use super::{Context, Failure};
use crate::{
    git::Repo,
    model::{Kind, PullState, Pulled, error_chain},
    proc,
    sources::{
        self,
        github::{self, Question},
    },
    wire::{PullsAsked, PullsJob},
};

/// Ask the forge about pull requests (internal)
///
/// Reads a job from standard input and prints the answers, both as JSON.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(context: &Context, _: Args) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text)?;
    let job = PullsJob::parse(&text).map_err(Failure::bug)?;
    let Some(first) = job.asked.first() else {
        context.print_json(&[(); 0])?;
        return Ok(ExitCode::SUCCESS);
    };
    let repo = Repo::discover(&first.worker.repo)?;
    let cancel = proc::never();
    let cx = sources::Context { dir: repo.home(), env: &[], cancel: &cancel };
    let answers = Answers::ask(&cx, &repo, &job).await;
    let pulled: Vec<Pulled> = job.asked.iter().map(|it| answers.about(&repo, it)).collect();
    context.print_json(&pulled)?;
    Ok(ExitCode::SUCCESS)
}

/// What the forges said.
#[derive(Default)]
struct Answers {
    /// With the branch that each is for.
    found: Vec<(PullState, String)>,
    /// Why a repository gave no answer.
    errors: BTreeMap<(String, String), String>,
    /// Why it is not known which repository is asked by branches.
    error: Option<String>,
}

impl Answers {
    /// One question to each repository.
    async fn ask(cx: &sources::Context<'_>, repo: &Repo, job: &PullsJob) -> Self {
        let mut answers = Self::default();
        let mut questions = Questions::new();
        for url in job.asked.iter().flat_map(|it| urls(repo, it)) {
            if let Some((host, name, number)) = github::pull_page(&url) {
                let numbers = &mut question(&mut questions, host, name).numbers;
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
        let branches = job.asked.iter().filter(|it| it.by_branch);
        let branches: Vec<String> = branches.map(|it| it.worker.branch.clone()).collect();
        if !branches.is_empty() {
            match github::fetch_forge(cx).await {
                Ok(forge) => {
                    question(&mut questions, forge.host, forge.repo).branches = branches;
                }
                Err(error) => answers.error = Some(error_chain(&error)),
            }
        }
        for (place, question) in questions {
            match github::ask_pulls(cx, &question).await {
                Ok(found) => {
                    answers.found.extend(found.into_iter().map(|it| (it.state, it.branch)));
                }
                Err(error) => {
                    answers.errors.insert(place, error_chain(&error));
                }
            }
        }
        answers
    }

    fn about(&self, repo: &Repo, asked: &PullsAsked) -> Pulled {
        let worker = &asked.worker;
        let known = known(asked);
        let is_its_own = |(state, branch): &&(PullState, String)| {
            *branch == worker.branch && repo.has_commit(&state.head)
        };
        let of_url = |url: &str| self.found.iter().find(|(it, _)| is_page(&it.url, url));
        let mut found = known.as_deref().and_then(of_url).map(|(it, _)| it.clone());
        let mut url = known.clone();
        if url.is_none() {
            let candidates = asked.candidates.iter().filter_map(|it| of_url(it));
            let by_branch = self.found.iter().filter(|_| asked.by_branch);
            found = candidates.chain(by_branch).find(is_its_own).map(|(it, _)| it.clone());
            url = found.as_ref().map(|it| it.url.clone());
        }
        let place = |url: &str| github::pull_page(url).map(|(host, name, _)| (host, name));
        let mut asked_urls = known.iter().chain(&asked.candidates);
        let error = asked_urls.find_map(|it| self.errors.get(&place(it)?)).cloned();
        let by_branch = self.error.clone().filter(|_| asked.by_branch);
        let error = error.or(by_branch).filter(|_| found.is_none());
        // A forge that cannot be asked proves nothing against the only one.
        if let (None, Some(_), [only]) = (&url, &error, asked.candidates.as_slice()) {
            url = in_this_repository(repo, only).then(|| only.clone());
        }
        Pulled { worker: worker.id.clone(), url, state: found, error }
    }
}

type Questions = BTreeMap<(String, String), Question>;

/// The question to this repository.
fn question(questions: &mut Questions, host: String, repo: String) -> &mut Question {
    let new = Question { host: host.clone(), repo: repo.clone(), ..Question::default() };
    questions.entry((host, repo)).or_insert(new)
}

/// The pull request that is known as its own.
fn known(asked: &PullsAsked) -> Option<String> {
    let worker = &asked.worker;
    let reviewed = worker.source.url.clone().filter(|_| worker.kind == Kind::Review);
    worker.pr.clone().or(reviewed)
}

fn urls(repo: &Repo, asked: &PullsAsked) -> Vec<String> {
    match known(asked) {
        Some(url) => vec![url],
        None => {
            let candidates = asked.candidates.iter().filter(|it| in_this_repository(repo, it));
            candidates.cloned().collect()
        }
    }
}

/// A remote leads to the repository of this page.
fn in_this_repository(repo: &Repo, url: &str) -> bool {
    let page = url.find("/pull/").and_then(|at| url.get(..at));
    page.is_some_and(|it| repo.remote_for(it).is_some())
}

fn is_page(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
