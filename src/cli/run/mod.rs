//! `wtmag run`: a list of tasks, each given to a worker of its own.
mod file;
mod follow;
pub(crate) mod job;
mod passed_on;
mod view;

use std::{
    collections::BTreeSet,
    io::{self, Read as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use self::passed_on::PassedOn;
use super::{
    Context, Failure,
    approval::Wanted,
    create::{self, TaskFlags},
    land, ready, settings, unexpected, worktree_tool,
};
use crate::{
    client::Hub,
    config::{LandMode, Loaded},
    git::Repo,
    model::{Answer, NewTask, OnFail, Request, Run, RunAct, RunId, RunOrder},
    sources::custom,
};

/// Work through a list of tasks: a worker for each, one after the other or a few at a time
///
/// Returns at once with the number of the run. The hub creates the workers. The next task starts when a task is over:
/// its worker reported `done` or `failed`, or its agent ended its turn with new commits or a pull request. If the
/// agent asks something, or ends its turn with neither, the task stays at work: answer the agent, or send it a text.
/// If the agent exits before its task is over, the task has failed. A review is over when the agent has finished its
/// turn. With --timeout, a task that takes longer has failed; its worker keeps running.
///
/// A run survives a restart of the hub. It survives a reboot and the end of the tmux server, too, but its open tasks
/// go on only when you run `wtmag resume` (not `wtmag run resume`), which starts their agents again. If you close a
/// worker's window, its task has failed. Runs in one repository go one after the other, unless you pass `--parallel`.
/// When a run is over, `wtmag inbox` has an item.
///
/// FILE is one of: a text per line, where lines that begin with `#` are skipped; a Markdown list, where each item (`-
/// TEXT`, `- [ ] TEXT`, `1. TEXT`) with the lines indented below it is a task, and checked items (`- [x]`) are
/// skipped; a JSON object per line, with options of `wtmag create`: {"github": 12, "prompt": "Focus on the tests",
/// "agent": "claude"}. Options on the command line apply to every task.
///
/// With --json: {"run", "project", "created", "stopped", "over", "jobs", "tasks": [{"n", "title", "state": queued,
/// creating, at work, landing, done, failed or skipped, "attempt", "worker", "commits", "pr", "landed", "text",
/// "why"}]}; `run list` prints an array of them.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, args_conflicts_with_subcommands = true, override_usage = USAGE)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    new: New,
}

#[derive(clap::Args)]
struct New {
    /// Tasks in your words
    #[arg(value_name = "TASK", help_heading = "Tasks")]
    texts: Vec<String>,
    /// Read tasks from a file; `-` reads stdin
    #[arg(short, long, value_name = "FILE", help_heading = "Tasks")]
    file: Option<PathBuf>,
    #[command(flatten)]
    kept: TaskFlags,
    /// Work through the tasks that `wtmag ready` lists
    #[arg(long, help_heading = "Tasks")]
    ready: bool,
    /// With --ready: take at most N tasks
    #[arg(short = 'n', value_name = "N", requires = "ready", help_heading = "Tasks")]
    most: Option<usize>,
    /// With --ready: take the issues with this label
    #[arg(long, value_name = "LABEL", requires = "ready", help_heading = "Tasks")]
    label: Option<String>,
    /// Repository to work in [default: the repository of the current directory]
    #[arg(long, value_name = "DIR", help_heading = "Place")]
    project: Option<PathBuf>,
    /// How many tasks may be at work at the same time
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// A task that takes longer has failed: `90m`, `2h`
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    timeout: Option<Duration>,
    /// What to do when a task fails: start no more tasks, or continue [default: continue; with --land: stop]
    #[arg(long, value_name = "stop|continue", value_parser = on_fail)]
    on_fail: Option<OnFail>,
    /// Land the work of each task when it is over, as `wtmag land --mode MODE`; then the next one starts in its place
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    land: Option<String>,
    /// Do not wait for other runs in this repository
    #[arg(long)]
    parallel: bool,
    /// Show the progress until the run is over
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    options: PassedOn,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// List the runs of the current project
    List {
        /// List those of every project
        #[arg(long)]
        all: bool,
    },
    /// Show the tasks of a run
    Show {
        /// Number of the run, as `wtmag run list` prints it
        #[arg(value_name = "N")]
        run: RunId,
        /// Show the progress until the run is over
        #[arg(long)]
        wait: bool,
    },
    /// Start no more tasks; running workers continue
    Stop {
        /// Number of the run, as `wtmag run list` prints it
        #[arg(value_name = "N")]
        run: RunId,
    },
    /// Continue a run that was stopped: start the tasks that were skipped
    Resume {
        /// Number of the run, as `wtmag run list` prints it
        #[arg(value_name = "N")]
        run: RunId,
    },
    /// Retry failed or skipped tasks, each with a new worker; the former worker stays
    Retry {
        /// Number of the run, as `wtmag run list` prints it
        #[arg(value_name = "N")]
        run: RunId,
        /// Numbers of tasks, as `wtmag run show` prints them
        #[arg(value_name = "TASK", required = true)]
        tasks: Vec<usize>,
    },
}

const USAGE: &str = "wtmag run [OPTIONS] TASK…
       wtmag run [OPTIONS] -f FILE
       wtmag run [OPTIONS] --github N,N…
       wtmag run [OPTIONS] --ready [-n N]
       wtmag run list | show N | stop N | resume N | retry N TASK…";

const EXAMPLES: &str = "\
Examples:
  wtmag run \"Fix the title\" \"Document the API\"
  wtmag run -f tasks.md -j 3 --agent claude
  wtmag run --github 12,15,18 --timeout 2h --wait
  wtmag run --ready -n 5 -j 2
  wtmag run -f steps.md --land=squash
  wtmag run show 3 --wait
  wtmag run retry 3 2

Exit codes: 0 ok; with --wait: 0 every task is done, 1 a task failed or was skipped, 130 interrupted: the run
continues.";

fn on_fail(text: &str) -> Result<OnFail, String> {
    match text {
        "stop" => Ok(OnFail::Stop),
        "continue" => Ok(OnFail::Continue),
        _ => Err("use `stop` or `continue`".to_owned()),
    }
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        None => start(context, args.new).await,
        Some(Verb::List { all }) => list(context, all).await,
        Some(Verb::Show { run, wait: true }) => follow::follow(context, run).await,
        Some(Verb::Show { run, wait: false }) => {
            let mut hub = context.hub_that_knows().await?;
            let run = one(&mut hub, Request::Runs { run: Some(run) }).await?;
            view::print(context, &mut hub, &run).await
        }
        Some(Verb::Stop { run }) => act(context, run, RunAct::Stop).await,
        Some(Verb::Resume { run }) => act(context, run, RunAct::Resume).await,
        Some(Verb::Retry { run, tasks }) => act(context, run, RunAct::Retry { tasks }).await,
    }
}

async fn start(context: &Context, new: New) -> Result<ExitCode, Failure> {
    let repo = create::repo(new.project.as_deref())?;
    let loaded = settings::load(context, Some(&repo))?;
    let mut tasks = new.tasks(&repo)?;
    tasks.extend(new.ready_tasks(context, &repo, &loaded).await?);
    if tasks.is_empty() {
        context.say("no task is ready to start");
        return Ok(ExitCode::SUCCESS);
    }
    check_names(context, &repo, &loaded, &tasks).await?;
    let order = new.order(context, &repo, &loaded)?;
    if tasks.iter().any(runs_hooks) {
        let cancel = context.cancel()?;
        let lands = order.land.is_some();
        worktree_tool::approve_for_run(context, (&repo, &loaded), lands, &cancel).await?;
    }
    let mut hub = context.hub().await?;
    // Asked once: a second request would be a second run.
    let begun = one(&mut hub, Request::Run { order: Box::new(order), tasks }).await;
    let run = begun.map_err(|failure| match failure.is_of_the_hub() {
        true => failure.hint("`wtmag run list` shows whether the run started"),
        false => failure,
    })?;
    if new.wait {
        return follow::follow(context, run.id).await;
    }
    view::print_begun(context, &run)
}

impl New {
    /// Arguments of `create` for each task, checked before any task begins.
    fn tasks(&self, repo: &Repo) -> Result<Vec<NewTask>, Failure> {
        let mut all: Vec<(Option<usize>, Vec<String>)> =
            self.texts.iter().map(|it| (None, vec![format!("--prompt={it}")])).collect();
        if let Some(path) = &self.file {
            let found = file::parse(&read(path)?)
                .map_err(|it| Failure::usage(format!("`{}`, {it}", path.display())))?;
            all.extend(found.into_iter().map(|(line, args)| (Some(line), args)));
        }
        for task in self.kept.each() {
            let named = task.named.iter().map(|(spec, key)| format!("--{}={key}", spec.flag));
            let kind = task.kind.iter().map(|it| format!("--type={it}"));
            all.push((None, named.chain(kind).collect()));
        }
        if all.is_empty() && !self.ready {
            return Err(Failure::usage("no tasks are given")
                .hint("pass them: `wtmag run \"TASK\" …`, `-f FILE`, `--github N,N…` or `--ready`")
                .hint("`wtmag run list` shows the runs"));
        }
        all.into_iter().map(|(line, args)| self.task(repo, line, &args)).collect()
    }

    /// Those that trackers say are ready.
    async fn ready_tasks(
        &self,
        context: &Context,
        repo: &Repo,
        loaded: &Loaded,
    ) -> Result<Vec<NewTask>, Failure> {
        if !self.ready {
            return Ok(Vec::new());
        }
        let asked =
            ready::Asked { label: self.label.clone(), most: self.most, ..ready::Asked::default() };
        let found = ready::find(context, repo, loaded, &asked).await?;
        found.notes.iter().for_each(|it| context.say(&format!("note: {it}")));
        found.tasks.iter().map(|it| self.task(repo, None, &[ready::args(it)])).collect()
    }

    fn task(&self, repo: &Repo, line: Option<usize>, args: &[String]) -> Result<NewTask, Failure> {
        // What a line says counts more than what is said for all.
        let is_given = |it: &&String| {
            let name = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
            args.iter().any(|arg| name(arg) == name(it))
        };
        let common = self.options.0.iter().filter(|it| !is_given(it));
        let mut args: Vec<String> = args.iter().chain(common).cloned().collect();
        for arg in &mut args {
            if matches!(arg.as_str(), "--base=HEAD" | "--base=@") {
                *arg = format!("--base={}", create::head(repo)?);
            }
        }
        let title = create::check(&args).map_err(|failure| match line {
            Some(line) => Failure::usage(format!("line {line}: {}", failure.line())),
            None => failure.into_usage(),
        })?;
        Ok(NewTask { title, args })
    }

    fn order(&self, context: &Context, repo: &Repo, loaded: &Loaded) -> Result<RunOrder, Failure> {
        let mut landing = None;
        if let Some(mode) = &self.land {
            land::may_land(context, &loaded.config.land)?;
            let mode = Some(mode).filter(|it| !it.is_empty());
            if let Some(mode) = mode {
                land::mode(mode).map_err(|it| Failure::usage(format!("`--land={mode}`: {it}")))?;
            }
            let args: Vec<String> = mode.map(|it| format!("--mode={it}")).into_iter().collect();
            let pr = mode.map_or(loaded.config.land.mode == LandMode::Pr, |it| it == "pr");
            // A new pull request has checks that still run.
            let wait = pr.then(|| "--wait=30m".to_owned());
            landing = Some(args.into_iter().chain(wait).collect());
        }
        let parent = ["WTMAG_WORKER", "WTMAG_PARENT"].iter().find_map(|it| context.env.var(it));
        let default = if landing.is_some() { OnFail::Stop } else { OnFail::Continue };
        Ok(RunOrder {
            project: repo.project(),
            repo: repo.common_dir().to_owned(),
            dir: repo.home().to_owned(),
            caller: context.caller()?.unwrap_or_default(),
            // The hub knows it.
            server: None,
            parent: parent.and_then(|it| it.to_str()?.parse().ok()),
            jobs: usize::from(self.jobs),
            timeout_ms: self.timeout.and_then(|it| u64::try_from(it.as_millis()).ok()),
            on_fail: self.on_fail.unwrap_or(default),
            land: landing,
            parallel: self.parallel,
            env: context.passed_on(),
        })
    }
}

fn read(path: &PathBuf) -> Result<String, Failure> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
        .map_err(|it| Failure::usage(format!("could not read `{}`: {it}", path.display())))
}

/// Only what the user has approved may run for it.
fn runs_hooks(task: &NewTask) -> bool {
    !task.args.iter().any(|it| it == "--yes" || it == "--no-hooks")
}

/// The agents and sources exist, and what the repository's file says of them is approved: nobody can be asked
/// later.
async fn check_names(
    context: &Context,
    repo: &Repo,
    loaded: &Loaded,
    tasks: &[NewTask],
) -> Result<(), Failure> {
    let default = loaded.config.agents.default.name.as_str();
    let agent = |it: &NewTask| {
        let named = it.args.iter().find_map(|arg| arg.strip_prefix("--agent="));
        named.unwrap_or(default).to_owned()
    };
    for name in tasks.iter().map(agent).collect::<BTreeSet<String>>() {
        loaded.config.agent(&name).map_err(|it| Failure::from(it).into_usage())?;
    }
    let cancel = context.cancel()?;
    for name in tasks.iter().filter(|it| runs_hooks(it)).map(agent).collect::<BTreeSet<String>>() {
        if let Some(wanted) = Wanted::find(context, repo, loaded, &name)? {
            wanted.ask(context, &cancel).await?;
        }
    }
    let source = |it: &NewTask| {
        let named = it.args.iter().find_map(|arg| arg.strip_prefix("--source="));
        custom::SPEC.parse(named?).ok()?.kind
    };
    for kind in tasks.iter().filter_map(source) {
        settings::custom_source(loaded, kind).map_err(|it| Failure::from(it).into_usage())?;
    }
    for kind in tasks.iter().filter(|it| !it.args.iter().any(|it| it == "--yes")).filter_map(source)
    {
        if let Some(wanted) = Wanted::source(context, repo, loaded, kind.name())? {
            wanted.ask(context, &cancel).await?;
        }
    }
    Ok(())
}

async fn list(context: &Context, all: bool) -> Result<ExitCode, Failure> {
    let Some(mut hub) = context.hub_to_look().await? else {
        return view::print_list(context, &[]);
    };
    let answer = hub.ask(Request::Runs { run: None }).await?;
    let Answer::Runs { mut runs, .. } = answer else { return Err(unexpected(&answer)) };
    let here = context.project().filter(|_| !all);
    runs.retain(|it| here.as_ref().is_none_or(|repo| it.order.repo == *repo));
    view::print_list(context, &runs)
}

async fn act(context: &Context, run: RunId, act: RunAct) -> Result<ExitCode, Failure> {
    let mut hub = context.hub_that_knows().await?;
    let run = one(&mut hub, Request::ActOnRun { run, act }).await?;
    view::print(context, &mut hub, &run).await
}

/// The one run that the hub answers with.
async fn one(hub: &mut Hub, ask: Request) -> Result<Run, Failure> {
    let answer = hub.ask(ask).await?;
    let Answer::Runs { runs, .. } = answer else { return Err(unexpected(&answer)) };
    runs.into_iter().next().ok_or_else(|| Failure::bug("the hub did not say which run it meant"))
}
