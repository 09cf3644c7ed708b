//! Asks the forge about the pull requests of one repository's workers, for the hub, in a process of its
//! own.
//!
//! A pull request is a worker's own if the worker reviews it, if it is recorded, or if it is in a
//! repository that a remote leads to, from its branch in such a repository, at a commit that is here.
use std::{collections::BTreeMap, process::ExitCode};

use super::{Context, Failure, board, job};
use crate::{
    git::Repo,
    model::{Host, Kind, Pulled, Worker, error_chain},
    proc,
    sources::{
        self, pulls,
        question::{Found, Question},
    },
    wire::{PullsAsked, PullsJob},
};

/// Ask the forge about pull requests (internal)
///
/// Reads a job from standard input and prints the answers, both as JSON.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(context: &Context, _: Args) -> Result<ExitCode, Failure> {
    let job = job::read(PullsJob::parse)?;
    let Some(first) = job.asked.first() else {
        context.print_json(&[(); 0])?;
        return Ok(ExitCode::SUCCESS);
    };
    let repo = Repo::discover(&first.worker.repo)?;
    let cancel = proc::never();
    let cx = sources::Context::new(repo.home(), &cancel);
    let answers = Answers::ask(&cx, &repo, &job.asked).await;
    let mut pulled: Vec<Pulled> = job.asked.iter().map(|it| answers.about(&repo, it)).collect();
    for (pulled, asked) in pulled.iter_mut().zip(&job.asked) {
        let is_new = pulled.state.is_some() && asked.worker.work.pull.is_none();
        if is_new && asked.worker.kind != Kind::Review {
            let worker = Worker { pr: pulled.url.clone(), ..asked.worker.clone() };
            let moved = board::moved(context, &repo, &worker, board::Moment::Pull, &cancel);
            pulled.note = moved.await;
        }
    }
    context.print_json(&pulled)?;
    Ok(ExitCode::SUCCESS)
}

/// The pull request of a worker of which none is known.
pub(crate) async fn find(cx: &sources::Context<'_>, repo: &Repo, worker: &Worker) -> Pulled {
    let asked = PullsAsked { worker: worker.clone(), candidates: Vec::new(), by_branch: true };
    Answers::ask(cx, repo, std::slice::from_ref(&asked)).await.about(repo, &asked)
}

/// What the forges said.
#[derive(Default)]
struct Answers {
    found: Vec<Found>,
    /// Why a repository gave no answer.
    errors: BTreeMap<Place, String>,
    /// Why it is not known which repository is asked by branches.
    error: Option<String>,
}

impl Answers {
    /// One question to each repository.
    async fn ask(cx: &sources::Context<'_>, repo: &Repo, all: &[PullsAsked]) -> Self {
        let mut answers = Self::default();
        let mut questions = Questions::new();
        for url in all.iter().flat_map(|it| urls(repo, it)) {
            if let Some(page) = pulls::page(&url) {
                let numbers =
                    &mut question(&mut questions, (page.kind, page.host, page.repo)).numbers;
                if !numbers.contains(&page.number) {
                    numbers.push(page.number);
                }
            }
        }
        let branches = all.iter().filter(|it| it.by_branch);
        let branches: Vec<String> = branches.map(|it| it.worker.branch.clone()).collect();
        // Without a server there is no forge.
        if !branches.is_empty() && !repo.host_name().is_empty() {
            let kind = pulls::kind_of(cx, repo.host(), &repo.host_name()).await;
            match pulls::fetch_forge(cx, kind).await {
                Ok(forge) => {
                    let place = (forge.kind, forge.host, forge.repo);
                    question(&mut questions, place).branches = branches;
                }
                Err(error) => answers.error = Some(error_chain(&error)),
            }
        }
        for (place, question) in questions {
            match pulls::ask(cx, place.0, &question).await {
                Ok(found) => answers.found.extend(found),
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
        let is_its_own = |it: &&Found| {
            it.branch == worker.branch && is_from_here(repo, it) && repo.has_commit(&it.state.head)
        };
        let of_url = |url: &str| self.found.iter().find(|it| is_page(&it.state.url, url));
        let mut found = known.as_deref().and_then(of_url).map(|it| it.state.clone());
        let mut url = known.clone();
        if url.is_none() {
            let candidates = asked.candidates.iter().filter_map(|it| of_url(it));
            let by_branch = self.found.iter().filter(|_| asked.by_branch);
            found = candidates.chain(by_branch).find(is_its_own).map(|it| it.state.clone());
            url = found.as_ref().map(|it| it.url.clone());
        }
        let place = |url: &str| pulls::page(url).map(|it| (it.kind, it.host, it.repo));
        let mut asked_urls = known.iter().chain(&asked.candidates);
        let error = asked_urls.find_map(|it| self.errors.get(&place(it)?)).cloned();
        let by_branch = self.error.clone().filter(|_| asked.by_branch);
        let error = error.or(by_branch).filter(|_| found.is_none());
        // A forge that cannot be asked proves nothing against the only one.
        if let (None, Some(_), [only]) = (&url, &error, asked.candidates.as_slice()) {
            url = in_this_repository(repo, only).then(|| only.clone());
        }
        Pulled { worker: worker.id.clone(), url, state: found, error, note: None }
    }
}

/// The forge, its host, and the repository there.
type Place = (Host, String, String);

type Questions = BTreeMap<Place, Question>;

/// The question to this repository.
fn question(questions: &mut Questions, place: Place) -> &mut Question {
    let (_, host, repo) = place.clone();
    questions.entry(place).or_insert(Question { host, repo, ..Question::default() })
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
    pulls::repository(url).is_some_and(|it| repo.remote_for(it).is_some())
}

/// Its branch is in the repository that has the pull request, or in one that a remote leads to.
fn is_from_here(repo: &Repo, found: &Found) -> bool {
    let Some(from) = &found.from else { return false };
    let is_base = pulls::repository(&found.state.url).is_some_and(|it| is_page(it, from));
    is_base || repo.remote_for(from).is_some()
}

fn is_page(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
