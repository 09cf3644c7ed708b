//! `wtmag config`.
use std::{ffi::OsString, process::ExitCode};

use serde_json::json;

use super::{Context, Failure, settings};
use crate::{
    config::{self, Setting},
    proc,
};

/// Show the settings in force and where each comes from
///
/// Strongest first: flags, `wtmag.toml` of the repository, your `config.toml`, what is built in. An
/// `[agents.X]` block replaces a weaker one of that name as a whole.
///
/// With --json: an array of {"key", "value", "origin"}.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print where your config.toml is
    Path,
    /// Edit your config.toml with $VISUAL or $EDITOR; writes the explained template first
    Edit,
}

pub(crate) fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
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
        Some(Verb::Edit) => edit(context),
    }
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

/// Becomes the editor, which may be a command line as in `EDITOR="code -w"`.
fn edit(context: &Context) -> Result<ExitCode, Failure> {
    let path = context.env.config_file();
    config::write_template(&path)?;
    let editor = context.env.var("VISUAL").or_else(|| context.env.var("EDITOR"));
    let mut script = editor.map_or_else(|| OsString::from("vi"), OsString::from);
    script.push(" \"$1\"");
    let args: [OsString; 4] = ["-c".into(), script, "sh".into(), path.into()];
    Err(proc::exec("sh", args, &[]).into())
}
