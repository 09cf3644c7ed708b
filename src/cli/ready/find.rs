//! Asks the trackers of a repository, and leaves out the tasks that have a worker or wait for one.
use std::collections::BTreeSet;

use crate::{
    cli::{Context, Failure, approval::Wanted, progress::Progress, resolve, settings, unexpected},
    client::Hub,
    config::Loaded,
    git::Repo,
    model::{Answer, Deed, Host, Request, Source},
    proc::Cancel,
    sources::{
        self, SourceSpec, Tracker, pulls,
        ready::{self, Column, Ready},
    },
};

/// What a user asks for.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Asked {
    /// Only this tracker.
    pub(in crate::cli) source: Option<String>,
    pub(in crate::cli) label: Option<String>,
    /// At most so many.
    pub(in crate::cli) most: Option<usize>,
    /// Ask the user nothing.
    pub(in crate::cli) is_silent: bool,
}

/// The tasks that are ready, and notes about trackers that could not be asked.
#[derive(Debug, Default)]
pub(in crate::cli) struct Found {
    pub(in crate::cli) tasks: Vec<Ready>,
    pub(in crate::cli) notes: Vec<String>,
}

/// Fails if no tracker could be asked.
pub(in crate::cli) async fn find(
    context: &Context,
    repo: &Repo,
    loaded: &Loaded,
    asked: &Asked,
) -> Result<Found, Failure> {
    let cancel = context.cancel()?;
    let custom = settings::custom_sources(loaded);
    let cx = sources::Context { custom: &custom, ..sources::Context::new(repo.home(), &cancel) };
    let forge = pulls::kind_of(&cx, repo.host(), &repo.host_name()).await;
    let trackers = trackers((repo, forge), loaded, &custom, asked.source.as_deref())?;
    if trackers.is_empty() {
        return Err(Failure::user("this repository uses no tracker that wtmag knows")
            .hint("wtmag looks for a remote on GitHub or GitLab, beads, `[ready] jql`, and `[sources.NAME]` with `ready`")
            .hint("`wtmag help sources` lists the trackers, and shows how to add one"));
    }
    let progress = (!asked.is_silent).then(|| Progress::new(&context.env));
    let wanted = wanted(loaded, asked);
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for tracker in &trackers {
        let found = async {
            approve((context, asked), repo, loaded, *tracker, &cancel).await?;
            if let Some(progress) = &progress {
                progress.step(format!("asking {}", tracker.name()));
            }
            Ok::<_, Failure>(tracker.ready(&cx, &wanted).await?)
        };
        match found.await {
            Ok(found) => tasks.extend(found),
            Err(failure) if failure.is_interrupt() => return Err(failure),
            Err(failure) => failures.push(failure),
        }
    }
    drop(progress);
    if failures.len() == trackers.len()
        && let Some(first) = failures.pop()
    {
        return Err(first);
    }
    let taken = match context.hub_to_look().await? {
        Some(mut hub) => taken(&mut hub, repo).await?,
        None => BTreeSet::new(),
    };
    tasks.retain(|it| it.source.task_key().is_none_or(|key| !taken.contains(&key)));
    tasks.truncate(asked.most.unwrap_or(usize::MAX));
    Ok(Found { tasks, notes: failures.iter().map(Failure::line_and_hint).collect() })
}

/// The options count more than the configuration.
fn wanted(loaded: &Loaded, asked: &Asked) -> ready::Wanted {
    let config = &loaded.config.ready;
    let column = |board| Column { board, column: config.column.clone() };
    ready::Wanted {
        label: asked.label.clone().or_else(|| config.label.clone()),
        column: config.board().map(column).filter(|_| asked.label.is_none()),
        jql: config.jql.clone(),
    }
}

/// The one that is named, else those that the repository uses.
fn trackers<'a>(
    (repo, forge): (&Repo, Host),
    loaded: &Loaded,
    custom: &'a [sources::Custom],
    named: Option<&str>,
) -> Result<Vec<Tracker<'a>>, Failure> {
    let built_in = sources::ALL.into_iter().filter(|it| it.ready.is_some());
    let custom = custom.iter().filter(|it| it.ready.is_some()).map(Tracker::Custom);
    let Some(name) = named else {
        let used = built_in.filter(|it| is_used((repo, forge), loaded, it)).map(Tracker::BuiltIn);
        return Ok(used.chain(custom).collect());
    };
    let all: Vec<Tracker<'a>> = built_in.map(Tracker::BuiltIn).chain(custom).collect();
    let found = all.iter().find(|it| it.name() == name);
    found.map(|it| vec![*it]).ok_or_else(|| {
        let known: Vec<String> = all.iter().map(|it| format!("`{}`", it.name())).collect();
        Failure::usage(format!("`{name}` is not a source that can list ready tasks"))
            .hint(format!("these can: {}; see `wtmag help sources`", known.join(", ")))
    })
}

fn is_used((repo, forge): (&Repo, Host), loaded: &Loaded, spec: &SourceSpec) -> bool {
    match spec.flag {
        "github" => forge == Host::Github,
        "gitlab" => forge == Host::Gitlab,
        "jira" => loaded.config.ready.jql.is_some(),
        "bead" => repo.home().join(".beads").is_dir(),
        _ => false,
    }
}

/// A repository's command runs only once approved.
async fn approve(
    (context, asked): (&Context, &Asked),
    repo: &Repo,
    loaded: &Loaded,
    tracker: Tracker<'_>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let Tracker::Custom(custom) = tracker else { return Ok(()) };
    match Wanted::source(context, repo, loaded, &custom.name)? {
        Some(wanted) if asked.is_silent => Err(wanted.refusal()),
        Some(wanted) => wanted.ask(context, cancel).await,
        None => Ok(()),
    }
}

/// Keys of the tasks of this repository that have a worker, or wait for one: in a run, in the line of
/// `create --queue`, or for a time.
async fn taken(hub: &mut Hub, repo: &Repo) -> Result<BTreeSet<String>, Failure> {
    let workers = resolve::present(hub).await?;
    let here = workers.iter().filter(|it| it.repo == repo.common_dir());
    let mut taken: BTreeSet<String> = here.filter_map(|it| it.source.task_key()).collect();
    let answer = hub.ask_any(Request::Runs { run: None }).await?;
    let Answer::Runs { runs, making, .. } = answer else { return Err(unexpected(&answer)) };
    let making = making.into_iter().filter(|it| it.repo == repo.common_dir());
    taken.extend(making.map(|it| it.task));
    let open = runs.iter().filter(|it| it.order.repo == repo.common_dir() && it.over.is_none());
    for run in open.filter(|it| it.stopped.is_none()) {
        // A list of runs has no arguments.
        let answer = hub.ask_any(Request::Runs { run: Some(run.id) }).await?;
        let Answer::Runs { runs, .. } = answer else { return Err(unexpected(&answer)) };
        let tasks = runs.iter().flat_map(|it| &it.tasks).filter(|it| !it.state.is_over());
        taken.extend(tasks.flat_map(|it| keys(&it.new.args)));
    }
    let answer = hub.ask_any(Request::Schedules).await?;
    let Answer::Schedules { schedules } = answer else { return Err(unexpected(&answer)) };
    for schedule in schedules {
        if let Deed::Create { dir, args, .. } = &schedule.plan.deed
            && Repo::discover(dir).is_ok_and(|it| it.common_dir() == repo.common_dir())
        {
            taken.extend(keys(args));
        }
    }
    Ok(taken)
}

/// Pure: the keys of the tasks that arguments of `create` name.
fn keys(args: &[String]) -> Vec<String> {
    let named = |spec: &&SourceSpec| {
        let flag = format!("--{}", spec.flag);
        let after = args.iter().position(|it| *it == flag).and_then(|at| args.get(at + 1));
        let joined = args.iter().find_map(|it| it.strip_prefix(&format!("{flag}=")));
        let text = after.map(String::as_str).or(joined)?;
        Some(spec.split(text).iter().flat_map(|it| keys_of(spec, it)).collect::<Vec<_>>())
    };
    sources::ALL.iter().filter_map(named).flatten().collect()
}

/// Of a task whose kind is not known, there are several.
fn keys_of(spec: &SourceSpec, text: &str) -> Vec<String> {
    let Ok(task) = spec.parse(text) else { return Vec::new() };
    let kinds = spec.types.iter().map(|it| it.1).chain(task.kind);
    kinds.filter_map(|kind| Source::new(kind, &task.key, "", String::new()).task_key()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_wait_are_recognised_by_their_arguments() {
        let check = |args: &[&str], want: &[&str]| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            assert_eq!(keys(&args), want, "{args:?}");
        };
        check(&["--agent", "pi", "--github", "12"], &["github-issue-12", "github-pr-12"]);
        check(&["--bead=bd-a1"], &["bead-bd-a1"]);
        check(&["--source=linear:A-1,A-2"], &["linear-a-1", "linear-a-2"]);
        check(&["Fix it"], &[]);
        check(&["--github"], &[]);
    }
}
