//! `wtmag config`.
use std::process::ExitCode;

use serde_json::json;

use super::{Context, Failure, approval::Wanted, settings};
use crate::{
    config::{self, Setting},
    proc,
};

/// Show the effective settings and where each comes from
///
/// The repository's `wtmag.toml` overrides your `config.toml`, which overrides the built-in values. Blocks
/// `[agents.X]` and `[sources.X]` are not merged: a block in the stronger file replaces the whole block of that name.
/// `wtmag help configuration` lists every key.
///
/// With --json: an array of {"key", "value", "origin"}.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the path of your config.toml
    Path,
    /// Show the commands in this repository's wtmag.toml, and allow wtmag to run them
    ///
    /// A `wtmag.toml` may define agents, sources of tasks, `[board]` and a `[worktree]` setup, which run commands as
    /// you. wtmag runs them only after you approved them, and asks again when they change. `create --yes` runs them
    /// without approval.
    Approve {
        /// Approve without asking
        #[arg(short, long)]
        yes: bool,
    },
    /// Edit your config.toml with $VISUAL or $EDITOR; the file is created if it is missing
    Edit,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        None => show(context),
        Some(Verb::Path) => {
            let path = context.env.config_file();
            if context.json() {
                context.print_json(&json!({ "path": path }))?;
            } else {
                context.print(&format!("{}\n", path.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(Verb::Approve { yes }) => approve(context, yes).await,
        Some(Verb::Edit) => edit(context),
    }
}

async fn approve(context: &Context, yes: bool) -> Result<ExitCode, Failure> {
    let repo = settings::repo_around(&std::env::current_dir()?)?;
    let loaded = settings::load(context, repo.as_ref())?;
    let wanted = match &repo {
        Some(repo) => Wanted::all(context, repo, &loaded)?,
        None => None,
    };
    let approved = wanted.is_some();
    match wanted {
        Some(wanted) if yes => wanted.save(context)?,
        Some(wanted) => wanted.ask(context, &context.cancel()?).await?,
        None => {}
    }
    if context.json() {
        context.print_json(&json!({ "approved": approved }))?;
    } else {
        context.print(if approved { "approved\n" } else { "nothing to approve\n" })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(context: &Context) -> Result<ExitCode, Failure> {
    let repo = settings::repo_around(&std::env::current_dir()?)?;
    let loaded = settings::load(context, repo.as_ref())?;
    if context.json() {
        let value = |it: &Setting| json!({ "key": it.key, "value": it.value, "origin": it.origin.to_string() });
        let values: Vec<serde_json::Value> = loaded.settings.iter().map(value).collect();
        context.print_json(&values)?;
    } else {
        let lines: String = loaded.settings.iter().map(|it| format!("{it}\n")).collect();
        context.print(&lines)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Replaces this process with the editor.
fn edit(context: &Context) -> Result<ExitCode, Failure> {
    let path = context.env.config_file();
    config::write_template(&path, settings::default_agent(&context.env))?;
    Err(proc::exec("sh", context.editor(&path), &[]).into())
}
