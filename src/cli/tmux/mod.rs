//! `wtmag tmux`: one key in the user's tmux, the menu behind it, and the popups that it opens.
mod menu;
mod new;

use std::{path::Path, process::ExitCode};

use menu::Opened;
pub(super) use menu::quote;

use super::{
    Context, Failure,
    seat::{Seat, Tmux},
};
use crate::{
    model::PaneId,
    proc::{self, Cmd},
};

/// The plugin, as in the repository's `tmux` folder.
const PLUGIN: &str = include_str!("../../../tmux/wtmag.tmux");

/// Set up wtmag in tmux: a key for a menu, marks of windows, a summary in the status line
///
/// `wtmag tmux init` prints a line for your tmux.conf. With that line, prefix W opens the menu; the tmux option
/// @wtmag-key names a different key. The line also adds a mark to each worker's window, a summary to `status-right`,
/// and the worker's id to the borders of panes. In a worker's window, tmux's split keys, prefix `"` and prefix `%`,
/// open the new pane in the worktree; split keys that you have bound yourself stay as they are. `wtmag help tmux`
/// lists the options that turn off each part.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the line for tmux.conf
    Init,
    /// Add the keys, marks and summary to the current tmux server; the line in tmux.conf runs this
    Load,
    /// Remove the keys, marks, summary and options from the current tmux server
    Remove,
    /// Print how many workers need you and how many are working, for a status line outside tmux
    ///
    /// In tmux's own status line, use `#{@wtmag_summary}` or another option of `wtmag help tmux`: they start no
    /// process. Without a tmux server, the numbers are 0 and the summary is empty.
    Status {
        /// What to print: {needs} and {working} are numbers, {summary} is both in words
        #[arg(long, value_name = "FORMAT", default_value = "{summary}")]
        format: String,
    },
    /// Print the script that a tmux plugin manager loads
    Script,
    /// Open the menu (what the key does)
    #[command(hide = true)]
    Menu {
        #[arg(long)]
        client: String,
        #[arg(long)]
        pane: PaneId,
        /// Do what this key of the menu does
        #[arg(long)]
        key: Option<String>,
    },
    /// Fill in the form for a new worker
    #[command(hide = true)]
    New {
        /// The tmux client that is told of the end
        #[arg(long)]
        client: Option<String>,
    },
    /// Make the worker of the form
    #[command(hide = true)]
    Start {
        #[arg(long)]
        client: String,
        #[arg(long)]
        typed: String,
        #[arg(last = true)]
        args: Vec<String>,
    },
}

/// The key table of the keys of the menu.
const TABLE: &str = "wtmag";
const NO_WORKER: &str = "no worker in this window";

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::Init => context.print(&init(&program(context)?)?)?,
        Verb::Script => context.print(PLUGIN)?,
        Verb::Load => script(context, None).await?,
        Verb::Remove => {
            script(context, Some("remove")).await?;
            context.print(
                "removed from this tmux server; also delete the line of `wtmag tmux load` from your tmux.conf\n",
            )?;
        }
        Verb::Menu { client, pane, key } => {
            return open_menu(context, &client, pane, key.as_deref()).await;
        }
        Verb::Status { format } => status(context, &format).await?,
        Verb::New { client } => return new::run(context, client.as_deref()).await,
        Verb::Start { client, typed, args } => {
            return new::make(context, &client, &typed, &args).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(context: &Context, format: &str) -> Result<(), Failure> {
    let tmux = Tmux::find(context).await?;
    let options = "#{@wtmag_needs} #{@wtmag_working} #{@wtmag_summary}";
    let said = tmux.run(&["display-message", "-p", options]).await.unwrap_or_default();
    context.print(&format!("{}\n", filled(format, said.trim_end_matches('\n'))))
}

/// The format with the values of the options. An option that is not set counts as zero.
fn filled(format: &str, options: &str) -> String {
    let mut words = options.splitn(3, ' ');
    let mut next = || words.next().unwrap_or_default();
    let (needs, working, summary) = (next(), next(), next());
    let number = |text: &str| if text.is_empty() { "0".to_owned() } else { text.to_owned() };
    let format = format.replace("{needs}", &number(needs)).replace("{working}", &number(working));
    format.replace("{summary}", summary)
}

/// This program's path as text, for tmux's configuration.
fn program(context: &Context) -> Result<String, Failure> {
    let path = context.env.program()?.into_os_string().into_string();
    path.map_err(|path| {
        Failure::user(format!(
            "tmux.conf cannot hold the path `{}`: it is not UTF-8",
            path.display()
        ))
    })
}

/// The line for tmux.conf: quoted for sh, then for formats, then for tmux's own parser.
fn init(program: &str) -> Result<String, Failure> {
    let program = shlex::try_quote(program).map_err(Failure::user)?;
    let command = format!("{program} tmux load").replace('#', "##");
    Ok(format!(
        "# wtmag: prefix W opens its menu; `wtmag help tmux` lists its options. Keep this the last line.\n\
         run-shell {}\n",
        quote(&command)
    ))
}

async fn script(context: &Context, arg: Option<&str>) -> Result<(), Failure> {
    let Some(tmux) = context.env.var("TMUX") else {
        return Err(Failure::user(
            "this command changes the current tmux server, and you are not inside tmux",
        )
        .hint("`wtmag tmux init` prints the line for tmux.conf"));
    };
    let script = Cmd::new("sh", Path::new("/")).args(["-s"]).args(arg).stdin(PLUGIN);
    let server = proc::tmux(&context.whereabouts()?.tmux_socket).await;
    let script =
        script.env("TMUX", tmux).env("WTMAG_TMUX", server).env("WTMAG_PROGRAM", program(context)?);
    let output = script.run(&proc::never()).await.map_err(Failure::user)?;
    if output.is_success() {
        return Ok(());
    }
    Err(Failure::user(format!("tmux refused: {}", output.stderr_text()))
        .hint("set @wtmag-key to a key in tmux's notation, such as W or M-w"))
}

/// Replaces this process with tmux, which shows the menu to one client and waits for a choice, or does
/// what a key of the menu does.
async fn open_menu(
    context: &Context,
    client: &str,
    pane: PaneId,
    key: Option<&str>,
) -> Result<ExitCode, Failure> {
    let tmux = Tmux::find(context).await?;
    let seat = tmux.seat(Some(client), None).await?;
    let shown = menu_or_act(context, &tmux, &seat, pane, key).await;
    // A key binding has no terminal for an error.
    let said = match &shown {
        Ok(Shown::Tmux(args)) => return Err(tmux.exec(args)),
        Ok(Shown::Text(text)) => text.clone(),
        Ok(Shown::Nothing) => return Ok(ExitCode::SUCCESS),
        Err(failure) => failure.to_string(),
    };
    tmux.tell(&seat, &said).await?;
    shown.map(|_| ExitCode::SUCCESS)
}

/// What a key of the menu leads to.
enum Shown {
    /// tmux does it, by a command with these arguments.
    Tmux(Vec<String>),
    Text(String),
    Nothing,
}

async fn menu_or_act(
    context: &Context,
    tmux: &Tmux,
    seat: &Seat,
    pane: PaneId,
    key: Option<&str>,
) -> Result<Shown, Failure> {
    let socket = context.whereabouts()?.tmux_socket;
    let socket =
        socket.to_str().ok_or_else(|| Failure::user("the tmux socket's path is not UTF-8"))?;
    let program = program(context)?;
    let opened = Opened { program: &program, socket, pane };
    if let Some(key) = key {
        let act = menu::press(key, &opened, seat);
        return Ok(act.map_or_else(|| Shown::Text(NO_WORKER.to_owned()), Shown::Tmux));
    }
    if seat.key_table != TABLE {
        // A key of the menu was pressed before it appeared.
        return Ok(Shown::Nothing);
    }
    let Some(small) = menu::too_small(seat) else {
        return Ok(Shown::Tmux(menu::menu(&opened, seat)));
    };
    tmux.run(&["switch-client", "-c", &seat.client, "-T", "root"]).await?;
    Ok(Shown::Text(small))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_filled_with_numbers_and_words() {
        let format = "{needs}/{working}: {summary}";
        assert_eq!(filled(format, "2 3 2 need you, 3 working"), "2/3: 2 need you, 3 working");
        assert_eq!(filled(format, "  "), "0/0: ");
        assert_eq!(filled("{summary}", ""), "");
    }

    #[test]
    fn the_line_for_tmux_conf_survives_any_path() {
        let line = |path: &str| init(path).unwrap().lines().nth(1).unwrap().to_owned();
        assert_eq!(line("/usr/bin/wtmag"), r#"run-shell "/usr/bin/wtmag tmux load""#);
        assert_eq!(line("/a b/#(x)/w"), r##"run-shell "'/a b/##(x)/w' tmux load""##);
        assert_eq!(line("/a'b$c/w"), r#"run-shell "\"/a'b\"'\$c/w' tmux load""#);
    }
}
