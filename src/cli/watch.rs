//! `wtmag watch`, and choosing a worker for `attach`.
use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use super::{Context, Failure};
use crate::{
    dash::{self, Options, Purpose, Theme},
    git::Repo,
    model::{Worker, WorkerId},
};

/// Show the dashboard: a live list of workers, with keys to act on them
///
/// `wtmag` without a command does the same. The workers that need you come first. The selected worker's
/// screen, question, changes, messages, log and receipts are beside or below the list. `?` shows all keys;
/// `q` closes the dashboard.
///
/// Inside tmux, Enter switches your client to the worker's window, and the dashboard stays open. Outside
/// tmux, Enter attaches your terminal; when you detach it, the dashboard is back.
///
/// `wtmag attach` without a name shows the same list to choose from.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Show the workers of every project [default: those of the current repository]
    #[arg(short, long)]
    all: bool,
    /// Print the list once and exit
    #[arg(long)]
    once: bool,
    /// When you go to a worker, switch this tmux client instead of your own, and close the dashboard. In a popup or a
    /// key binding, pass `#{client_name}`
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Begin with this worker selected
    #[arg(long, value_name = "ID", conflicts_with = "once")]
    select: Option<WorkerId>,
    /// Begin as if this key had been pressed
    #[arg(long, value_name = "KEY", hide = true, conflicts_with = "once")]
    press: Option<char>,
}

/// The columns of a list that is not printed to a terminal.
const COLUMNS: u16 = 100;

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    // No hub is started for the mistyped name of a server.
    let has_hub = context.hub_to_look().await?.is_some();
    let all = args.all || args.select.is_some();
    let mut options = options(context, Purpose::Watch, all)?;
    options.client = args.client;
    options.select = args.select;
    options.press = args.press;
    if args.once && !has_hub {
        context.print(
            "no workers; `wtmag create --help` shows how to make one
",
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.once {
        options.theme.colour = false;
        let columns = context.style().width.and_then(|it| it.try_into().ok());
        let text = dash::once(&options, columns.unwrap_or(COLUMNS)).await.map_err(failure)?;
        context.print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    require_terminal(context)?;
    dash::run(options).await.map_err(failure)?;
    Ok(ExitCode::SUCCESS)
}

/// The worker that the user chooses from the list, if any.
pub(super) async fn pick(context: &Context) -> Result<Option<Worker>, Failure> {
    require_terminal(context)?;
    drop(context.hub_that_knows().await?);
    dash::run(options(context, Purpose::Pick, true)?).await.map_err(failure)
}

/// The dashboard of all projects in the first window of session `wtmag`, until the user leaves it or no
/// terminal shows the window.
pub(super) async fn in_first_window(context: &Context) -> Result<(), Failure> {
    require_terminal(context)?;
    dash::run(options(context, Purpose::FirstWindow, true)?).await.map(drop).map_err(failure)
}

fn require_terminal(context: &Context) -> Result<(), Failure> {
    if context.env.var("TERM").is_some_and(|it| it == "dumb") {
        return Err(Failure::user("the list of workers cannot be drawn: TERM is `dumb`")
            .hint("`wtmag list` prints the workers; `wtmag attach ID` goes to one"));
    }
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::user("the dashboard needs a terminal")
            .hint("`wtmag watch --once` prints the list; so does `wtmag list`"));
    }
    Ok(())
}

fn failure(error: dash::Error) -> Failure {
    match error {
        dash::Error::Hub(error) => error.into(),
        dash::Error::Terminal(_) => Failure::user(error),
    }
}

fn options(context: &Context, purpose: Purpose, all: bool) -> Result<Options, Failure> {
    let repo = context.repo().filter(|_| !all);
    Ok(Options {
        at: context.whereabouts()?,
        purpose,
        theme: theme(context),
        title: repo.as_ref().map_or_else(|| "all projects".to_owned(), Repo::project),
        repo: repo.map(|it| it.common_dir().to_owned()),
        client: None,
        select: None,
        press: None,
        tmux_env: context.env.tmux_vars(),
        editor: context.editor_script(),
    })
}

pub(super) fn theme(context: &Context) -> Theme {
    Theme { colour: context.style().colour, unicode: is_utf8(context) }
}

/// Whether the locale has more than ASCII.
fn is_utf8(context: &Context) -> bool {
    let set = |name| context.env.var(name).filter(|it| !it.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let name = locale.map(|it| it.to_string_lossy().to_lowercase()).unwrap_or_default();
    name.contains("utf-8") || name.contains("utf8")
}
