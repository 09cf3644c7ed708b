//! `wtmag projects`.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;

use super::{
    Context, Failure,
    output::{Cell, Table},
    ready::{Asked, find},
    resolve, settings,
};
use crate::{
    git::Repo,
    model::{Tone, Worker},
};

/// List the repositories that have or had workers
///
/// Shows for each repository how many workers it has, how many of them need you, and how many tasks `wtmag ready`
/// lists there. The repository of the current directory is listed even if it never had a worker.
///
/// With --json: an array of {"project", "dir", "workers", "needs", "ready": a number, or null with
/// --no-ready or if every tracker failed, "problem": the first failure}.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Do not ask the trackers for ready tasks
    #[arg(long)]
    no_ready: bool,
}

const EXAMPLES: &str = "\
Examples:
  wtmag projects
  wtmag projects --no-ready --json";

/// One repository.
struct Project {
    name: String,
    dir: PathBuf,
    workers: usize,
    needs: usize,
    ready: Option<usize>,
    problem: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let workers = match context.hub_to_look().await? {
        Some(mut hub) => resolve::all(&mut hub).await?,
        None => Vec::new(),
    };
    let mut projects = known(&workers);
    if let Some(here) = settings::repo_around(&std::env::current_dir()?)? {
        let home = here.home().to_owned();
        let new = || empty(here.project(), home);
        projects.entry(here.common_dir().to_owned()).or_insert_with(new);
    }
    let mut projects: Vec<Project> = projects.into_values().collect();
    if !args.no_ready {
        for project in &mut projects {
            match ready(context, &project.dir).await {
                Ok((n, note)) => (project.ready, project.problem) = (Some(n), note),
                Err(failure) if failure.is_interrupt() => return Err(failure),
                Err(failure) => project.problem = Some(failure.line_and_hint()),
            }
        }
    }
    print(context, &projects)
}

fn empty(name: String, dir: PathBuf) -> Project {
    Project { name, dir, workers: 0, needs: 0, ready: None, problem: None }
}

/// Those of the workers whose directory is still there, by their common git dirs.
fn known(workers: &[Worker]) -> BTreeMap<PathBuf, Project> {
    let mut found: BTreeMap<PathBuf, Project> = BTreeMap::new();
    for worker in workers {
        if !worker.repo.is_dir() {
            continue;
        }
        let new = || empty(worker.project.clone(), home_of(&worker.repo));
        let project = found.entry(worker.repo.clone()).or_insert_with(new);
        if worker.ended.is_none() {
            project.workers += 1;
            project.needs += usize::from(worker.state.word().face().tone == Tone::WantsYou);
        }
    }
    found
}

/// [`Repo::home`], by the common git dir; of a repository that cannot be opened, that directory.
pub(super) fn home_of(common_dir: &Path) -> PathBuf {
    Repo::discover(common_dir).map_or_else(|_| common_dir.to_owned(), |it| it.home().to_owned())
}

async fn ready(context: &Context, dir: &Path) -> Result<(usize, Option<String>), Failure> {
    let repo = Repo::discover(dir)?;
    let loaded = settings::load(context, Some(&repo))?;
    let asked = Asked { is_silent: true, ..Asked::default() };
    let found = find(context, &repo, &loaded, &asked).await?;
    Ok((found.tasks.len(), found.notes.into_iter().next()))
}

fn print(context: &Context, projects: &[Project]) -> Result<ExitCode, Failure> {
    if context.json() {
        let one = |it: &Project| {
            json!({
                "project": it.name, "dir": it.dir, "workers": it.workers, "needs": it.needs,
                "ready": it.ready, "problem": it.problem,
            })
        };
        context.print_json(&projects.iter().map(one).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    if projects.is_empty() {
        context.say("no repository has workers");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(["PROJECT", "WORKERS", "NEED YOU", "READY", "~DIRECTORY"]);
    for it in projects {
        let ready = it.ready.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let dir = it.dir.display().to_string();
        let cells = [&it.name, &it.workers.to_string(), &it.needs.to_string(), &ready, &dir];
        table.row(cells.map(Cell::new));
    }
    context.print(&table.render(context.style()))?;
    let problems = projects.iter().filter_map(|it| Some((&it.name, it.problem.as_ref()?)));
    problems.for_each(|(name, why)| context.say(&format!("note: {name}: {why}")));
    Ok(ExitCode::SUCCESS)
}
