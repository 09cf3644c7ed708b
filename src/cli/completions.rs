//! `wtmag completions`: the code that a shell needs to complete wtmag's commands.
use std::{path::Path, process::ExitCode};

use clap_complete::env::Shells;

use super::{Context, Failure, complete};

/// Print the shell code that completes commands, flags, worker names and agents
///
/// Put the line for your shell into the file:
///
/// bash  ~/.bashrc                              eval "$(wtmag completions bash)"
/// zsh   ~/.zshrc, after compinit               eval "$(wtmag completions zsh)"
/// fish  ~/.config/fish/completions/wtmag.fish  wtmag completions fish | source
///
/// Worker names are completed only while the hub runs: completion does not start it.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    shell: Shell,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Placeholder for the program in a script, replaced by a form that the shell can read.
const PROGRAM: &str = "wtmag_program";

pub(crate) async fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    let program = program()?;
    let script = match args.shell {
        // This shell's script puts the program in double quotes, unescaped.
        Shell::Bash => {
            script("bash", PROGRAM)?.replace(&format!("\"{PROGRAM}\""), &quote(&program)?)
        }
        Shell::Zsh => script("zsh", &program)?,
        Shell::Fish => script("fish", &program)?,
    };
    context.print_raw(&script)?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: &str, program: &str) -> Result<String, Failure> {
    let shells = Shells::builtins();
    let completer =
        shells.completer(shell).ok_or_else(|| Failure::bug("a shell without a script"))?;
    let mut script = Vec::new();
    completer.write_registration(complete::VARIABLE, "wtmag", "wtmag", program, &mut script)?;
    String::from_utf8(script).map_err(Failure::bug)
}

/// The bare name if PATH leads to this program, so that an upgrade to another path still works.
fn program() -> Result<String, Failure> {
    let own = crate::paths::own_program()?;
    let is_own = |found: &Path| found.canonicalize().ok() == own.canonicalize().ok();
    if which::which("wtmag").is_ok_and(|found| is_own(&found)) {
        return Ok("wtmag".to_owned());
    }
    let path = own.into_os_string().into_string();
    path.map_err(|path| {
        Failure::user(format!(
            "a shell script cannot hold the path `{}`: it is not UTF-8",
            path.display()
        ))
    })
}

fn quote(text: &str) -> Result<String, Failure> {
    Ok(shlex::try_quote(text).map_err(Failure::bug)?.into_owned())
}
