//! The command line: parse, call one function, print, exit. Decides nothing.
//!
//! A verb is a file: its `Args`, whose doc comments are the help, and its `run`. Everything that
//! verbs need from outside (environment, streams, interrupt) is in one [`Context`].
mod adopt;
mod agent_shell;
mod agent_version;
mod answer;
mod approval;
mod ask;
mod attach;
mod board;
mod cleanup;
mod complete;
mod completions;
mod config;
mod context;
mod create;
mod demo;
mod diff;
mod doctor;
mod elsewhere;
mod events;
mod exec;
mod explain;
mod failure;
mod form;
mod handoff;
mod help;
mod hook;
mod hub;
mod inbox;
mod job;
mod land;
mod lead;
mod leftovers;
mod list;
mod log;
mod look_job;
mod man;
mod marker_job;
mod mcp;
mod message;
mod mine;
mod naming;
mod next;
mod orchestrate;
mod outcome;
mod output;
mod pager;
mod pane;
mod path;
mod prime;
mod profile;
mod progress;
mod projects;
mod promote;
mod pulls_job;
mod ready;
mod receipt;
mod receipts;
mod removed;
mod report;
mod resolve;
mod restore;
mod resume;
mod reviews;
mod run;
mod said;
mod schedule;
mod seat;
mod send;
mod settings;
mod show;
mod skill;
mod story;
mod texts;
mod timing;
mod tmux;
mod wait;
mod watch;
mod without_terminal;
mod worktree_tool;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};

pub(crate) use context::Context;
pub(crate) use failure::Failure;

use crate::{model::Answer, proc};

/// Run AI coding agents in parallel, each in its own git worktree and tmux window
///
/// `wtmag help` also lists the topics: `wtmag help tour` is the place to start.
#[derive(clap::Parser)]
#[command(name = "wtmag", version, max_term_width = 100, disable_help_subcommand = true)]
struct Args {
    #[command(flatten)]
    server: Server,
    /// Print JSON, for programs, where a command has something to print
    #[arg(long, global = true, help_heading = "Global options")]
    json: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Selects the tmux server, as in tmux itself
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Server {
    /// Use the tmux server with this socket name [default: the server you are in, else tmux's default server]
    // Verbs have their own `name` and `socket`: a global argument of that name would be the same.
    #[arg(short = 'L', global = true, value_name = "NAME", help_heading = "Global options")]
    server_name: Option<OsString>,
    /// Use the tmux server with this socket
    #[arg(short = 'S', global = true, value_name = "PATH", help_heading = "Global options")]
    server_socket: Option<std::path::PathBuf>,
}

impl Server {
    /// Whether the user selected a server.
    fn is_named(&self) -> bool {
        self.server_name.is_some() || self.server_socket.is_some()
    }
}

#[derive(clap::Subcommand)]
enum Verb {
    #[command(visible_alias = "new", alias = "add")]
    Create(Box<create::Args>),
    #[command(visible_alias = "ls", aliases = ["ps", "status", "workers"])]
    List(list::Args),
    #[command(alias = "info")]
    Show(show::Args),
    #[command(aliases = ["go", "open", "switch"])]
    Attach(attach::Args),
    #[command(alias = "tell")]
    Send(send::Args),
    #[command(aliases = ["dashboard", "dash", "ui", "tui"])]
    Watch(watch::Args),
    Next(next::Args),
    #[command(alias = "orchestrator")]
    Orchestrate(orchestrate::Args),
    Wait(wait::Args),
    Inbox(inbox::Args),
    Reviews(reviews::Args),
    Ask(ask::Args),
    Answer(answer::Args),
    Said(said::Args),
    Prime(prime::Args),
    Adopt(adopt::Args),
    Report(report::Args),
    Receipts(receipts::Args),
    Schedule(schedule::Args),
    Promote(promote::Args),
    #[command(visible_alias = "rm", aliases = ["remove", "delete"])]
    Cleanup(cleanup::Args),
    Diff(diff::Args),
    #[command(alias = "merge")]
    Land(land::Args),
    Resume(resume::Args),
    Handoff(handoff::Args),
    Run(Box<run::Args>),
    Path(path::Args),
    Exec(exec::Args),
    Restore(restore::Args),
    Ready(ready::Args),
    Projects(projects::Args),
    Events(events::Args),
    Log(log::Args),
    Explain(explain::Args),
    Profile(profile::Args),
    Config(config::Args),
    Hub(hub::Args),
    Tmux(tmux::Args),
    Skill(skill::Args),
    Mcp(mcp::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
    Help(help::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    DemoAgent(demo::agent::Args),
    #[command(hide = true)]
    CleanupJob(cleanup::job::Args),
    #[command(hide = true)]
    LookJob(look_job::Args),
    #[command(hide = true)]
    MarkerJob(marker_job::Args),
    #[command(hide = true)]
    PullsJob(pulls_job::Args),
    #[command(hide = true)]
    RunJob(run::job::Args),
    #[command(hide = true)]
    Hook(hook::Args),
    #[command(hide = true)]
    Pane(pane::Args),
    #[command(hide = true)]
    WithoutTerminal(without_terminal::Args),
}

/// Runs one command and returns its exit code.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args = texts::protect(args.collect());
    match complete::answer(&args) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => return failure::usage(error, false),
    }
    if let Some(words) = args.get(1..).filter(|it| it.first().is_some_and(|it| it == "hook")) {
        return hook::main(words);
    }
    if let Some(failure) = shed_callers_repository(&args) {
        return failure.report(wants_json(&args));
    }
    let mut command = command();
    let matched = command.try_get_matches_from_mut(&args);
    let matched = matched.and_then(|it| Ok((options(&command, &it), Args::from_arg_matches(&it)?)));
    let (options, parsed) = match matched {
        Ok(matched) => matched,
        Err(error) => return failure::usage(error.format(&mut command), wants_json(&args)),
    };
    let context = match Context::new(parsed.server, parsed.json, options) {
        Ok(context) => context,
        Err(failure) => return failure.report(parsed.json),
    };
    let json = context.json();
    // A single-threaded runtime: a command waits for one thing at a time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Failure::bug(error).report(json),
    };
    let done = runtime.block_on(dispatch(&context, parsed.verb));
    // A thread that still blocks must not keep the command from ending.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(failure) => context.fit(failure).report(json),
    }
}

/// The options of the command that was typed.
fn options(command: &clap::Command, matches: &clap::ArgMatches) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|it| it.get_long().map(str::to_owned));
    let verb = matches.subcommand();
    let verb = verb.and_then(|(name, it)| Some((command.find_subcommand(name)?, it)));
    own.chain(verb.into_iter().flat_map(|(command, it)| options(command, it))).collect()
}

/// Starts this program again without the variables that a git hook or alias sets for its own
/// repository, because git would apply them to every repository that is opened here. Returns if
/// there are none, and with the error if the start failed.
fn shed_callers_repository(args: &[OsString]) -> Option<Failure> {
    let is_set = |name: &&&str| name.starts_with("GIT_") && std::env::var_os(name).is_some();
    let said: Vec<&str> = proc::MISLEADING.iter().filter(is_set).copied().collect();
    if said.is_empty() {
        return None;
    }
    let again = |program| proc::exec(program, args.iter().skip(1), &said);
    Some(std::env::current_exe().map_or_else(Failure::from, |it| again(it).into()))
}

async fn dispatch(context: &Context, verb: Option<Verb>) -> Result<ExitCode, Failure> {
    let Some(verb) = verb else { return without_a_verb(context).await };
    match verb {
        Verb::Create(args) => create::run(context, *args).await,
        Verb::List(args) => list::run(context, args).await,
        Verb::Show(args) => show::run(context, args).await,
        Verb::Attach(args) => attach::run(context, args).await,
        Verb::Send(args) => send::run(context, args).await,
        Verb::Watch(args) => watch::run(context, args).await,
        Verb::Wait(args) => wait::run(context, args).await,
        Verb::Answer(args) => answer::run(context, args).await,
        Verb::Ask(args) => ask::run(context, args).await,
        Verb::Said(args) => said::run(context, args).await,
        Verb::Prime(args) => prime::run(context, args).await,
        Verb::Adopt(args) => adopt::run(context, args).await,
        Verb::Inbox(args) => inbox::run(context, args).await,
        Verb::Report(args) => report::run(context, args).await,
        Verb::Receipts(args) => receipts::run(context, args).await,
        Verb::Schedule(args) => schedule::run(context, args).await,
        Verb::Orchestrate(args) => orchestrate::run(context, args).await,
        Verb::Next(args) => next::run(context, args).await,
        Verb::Promote(args) => promote::run(context, args).await,
        Verb::Cleanup(args) => cleanup::run(context, args).await,
        Verb::Diff(args) => diff::run(context, args).await,
        Verb::Land(args) => land::run(context, args).await,
        Verb::Resume(args) => resume::run(context, args).await,
        Verb::Handoff(args) => handoff::run(context, args).await,
        Verb::Run(args) => run::run(context, *args).await,
        Verb::RunJob(args) => run::job::run(context, args).await,
        Verb::Path(args) => path::run(context, args).await,
        Verb::Exec(args) => exec::run(context, args).await,
        Verb::CleanupJob(args) => cleanup::job::run(context, args).await,
        Verb::LookJob(args) => look_job::run(context, args).await,
        Verb::MarkerJob(args) => marker_job::run(context, args).await,
        Verb::PullsJob(args) => pulls_job::run(context, args).await,
        Verb::Reviews(args) => reviews::run(context, args).await,
        Verb::Restore(args) => restore::run(context, args).await,
        Verb::Ready(args) => ready::run(context, args).await,
        Verb::Projects(args) => projects::run(context, args).await,
        Verb::Events(args) => events::run(context, args).await,
        Verb::Log(args) => log::run(context, args).await,
        Verb::Explain(args) => explain::run(context, args).await,
        Verb::Profile(args) => profile::run(context, args).await,
        Verb::Config(args) => config::run(context, args).await,
        Verb::Tmux(args) => tmux::run(context, args).await,
        Verb::Skill(args) => skill::run(context, args),
        Verb::Mcp(args) => mcp::run(context, args).await,
        Verb::Doctor(args) => doctor::run(context, args).await,
        Verb::Completions(args) => completions::run(context, &args).await,
        Verb::Man(args) => man::run(context, &args),
        Verb::Help(args) => help::run(context, &args),
        Verb::Demo(args) => demo::run(context, args).await,
        Verb::DemoAgent(args) => demo::agent::run(&args),
        Verb::Hub(args) => hub::run(context, args).await,
        Verb::Hook(args) => Ok(hook::run(args)),
        Verb::Pane(args) => pane::run(context, args).await,
        Verb::WithoutTerminal(args) => Err(without_terminal::run(&args)),
    }
}

/// `wtmag` alone is the dashboard; where that cannot be drawn, the help.
async fn without_a_verb(context: &Context) -> Result<ExitCode, Failure> {
    if !context.json() && io::stdin().is_terminal() && io::stdout().is_terminal() {
        return watch::run(context, watch::Args::default()).await;
    }
    let required = command().subcommand_required(true).arg_required_else_help(!context.json());
    match required.try_get_matches_from(["wtmag"]) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => Ok(failure::usage(error, context.json())),
    }
}

/// Runs a verb from inside another one, as if it had been typed.
async fn verb(context: &Context, args: Vec<OsString>) -> Result<ExitCode, Failure> {
    let parsed = Args::try_parse_from(args)?;
    dispatch(context, parsed.verb).await
}

/// The definition of the whole command line, for completions and for the check of the documents.
pub fn command() -> clap::Command {
    Args::command()
}

/// `--json` also decides how a usage error is printed, so it is searched before parsing.
fn wants_json(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

/// An answer of the wrong kind.
fn unexpected(answer: &Answer) -> Failure {
    // Only its kind, without the content, which may be pages long.
    let text = format!("{answer:?}");
    let kind = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    Failure::bug(format!("the hub gave an answer that was not asked for: {kind}"))
}

/// `90`, `90s`, `5m`, `2h`, `3d`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = match text.strip_prefix(digits) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 24 * 3600,
        Some(_) | None => 0,
    };
    let number: Option<u64> = digits.parse().ok();
    let seconds = number.filter(|_| unit > 0).and_then(|it| it.checked_mul(unit));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "times look like `90s`, `5m`, `2h` or `3d`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let secs = |text| duration(text).map(|it| it.as_secs()).ok();
        assert_eq!(
            [secs("90"), secs("90s"), secs("5m"), secs("2h")],
            [90, 90, 300, 7200].map(Some)
        );
        assert_eq!(secs("3d"), Some(3 * 86_400));
        assert_eq!([secs(""), secs("m"), secs("5x"), secs("-1"), secs("1.5s")], [None; 5]);
    }

    /// A verb's argument with the name of a global one would be the same argument.
    #[test]
    fn no_verb_uses_the_name_of_a_global_argument() {
        let command = command();
        let global: Vec<_> = command.get_arguments().map(clap::Arg::get_id).collect();
        assert_eq!(global.len(), 3);
        let mut verbs: Vec<_> = command.get_subcommands().collect();
        while let Some(verb) = verbs.pop() {
            let own = verb.get_arguments().map(clap::Arg::get_id).find(|id| global.contains(id));
            assert_eq!(own, None, "{}", verb.get_name());
            verbs.extend(verb.get_subcommands());
        }
    }

    #[test]
    fn clap_accepts_the_definition() {
        command().debug_assert();
    }
}
