//! `wtmag tmux`: one key in the user's tmux, the menu behind it, and the popups that it opens.
mod input;
mod menu;
mod popup;

use std::{ffi::OsString, path::Path, process::ExitCode};

use clap::ValueEnum;

use super::{Context, Failure};
use crate::{
    model::{PaneId, WorkerId},
    proc::{self, Cmd},
};

/// The plugin, as in the repository's `tmux` folder.
const PLUGIN: &str = include_str!("../../../tmux/wtmag.tmux");

/// Set up a tmux key for a menu: create a worker, go to a worker, promote or clean up a worker
///
/// `wtmag tmux init` prints a line for your tmux.conf. That line binds prefix W, or the key that the tmux
/// option @wtmag-key names. It also changes tmux's split keys, prefix `"` and prefix `%`: in a worker's
/// window, they open the new pane in the worktree. Keys that you have bound yourself stay as they are.
/// `set -g @wtmag-split off` leaves the split keys alone.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the line for tmux.conf
    Init,
    /// Bind the keys in the current tmux server; the line in tmux.conf runs this
    Load,
    /// Print the script that a tmux plugin manager loads
    Script,
    /// Open the menu (what the key does)
    #[command(hide = true)]
    Menu {
        #[arg(long)]
        client: String,
        #[arg(long)]
        pane: PaneId,
    },
    /// Ask for a task and create a worker, in a popup
    #[command(hide = true)]
    New { what: Task },
    /// Move a worker to its own session, in a popup
    #[command(hide = true)]
    Promote { id: WorkerId },
    /// Ask, then clean a worker up, in a popup
    #[command(hide = true)]
    Cleanup { id: WorkerId },
}

/// Where a new worker's task comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Task {
    Prompt,
    Issue,
    Pr,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    match args.verb {
        Verb::Init => context.print(&init(&program(context)?)?)?,
        Verb::Script => context.print(PLUGIN)?,
        Verb::Load => load(context).await?,
        Verb::Menu { client, pane } => return open_menu(context, &client, pane).await,
        Verb::New { what } => return popup::create(context, what).await,
        Verb::Promote { id } => return popup::promote(context, &id).await,
        Verb::Cleanup { id } => return popup::cleanup(context, &id).await,
    }
    Ok(ExitCode::SUCCESS)
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
        "# prefix W opens the menu of wtmag; for another key, before this line: set -g @wtmag-key X\n\
         run-shell {}\n",
        menu::quote(&command)
    ))
}

async fn load(context: &Context) -> Result<(), Failure> {
    let Some(tmux) = context.env.var("TMUX") else {
        return Err(Failure::user(
            "`wtmag tmux load` is for tmux.conf, and this is not inside tmux",
        )
        .hint("`wtmag tmux init` prints the line for tmux.conf"));
    };
    let script = Cmd::new("sh", Path::new("/")).args(["-s"]).stdin(PLUGIN);
    let server = proc::tmux(&context.whereabouts()?.tmux_socket).await;
    let script =
        script.env("TMUX", tmux).env("WTMAG_TMUX", server).env("WTMAG_PROGRAM", program(context)?);
    let output = script.run(&proc::never()).await.map_err(Failure::user)?;
    if output.is_success() {
        return Ok(());
    }
    Err(Failure::user(format!("tmux did not bind the key: {}", output.stderr_text()))
        .hint("set @wtmag-key to a key in tmux's notation, such as W or M-w"))
}

/// Replaces this process with tmux, which shows the menu to one client and waits for a choice.
async fn open_menu(context: &Context, client: &str, pane: PaneId) -> Result<ExitCode, Failure> {
    let socket = context.whereabouts()?.tmux_socket;
    let text =
        socket.to_str().ok_or_else(|| Failure::user("the tmux socket's path is not UTF-8"))?;
    let tmux = proc::tmux(&socket).await;
    let format = "#{version} #{client_width} #{client_height} \
                  #{==:#{session_name},#{@wtmag_id}} #{@wtmag_id}";
    // The client is the one that was active last: it pressed the key. tmux 3.2 cannot be told another.
    let here = ["-S", text, "display-message", "-p", "-t", &pane.to_string(), format];
    let said = Cmd::new(&tmux, Path::new("/")).args(here).run(&proc::never()).await?;
    if !said.is_success() {
        return Err(Failure::user(format!("tmux did not answer: {}", said.stderr_text())));
    }
    let place = Place::parse(&said.stdout_text());
    let mut args: Vec<OsString> = vec!["-S".into(), text.into()];
    let items = if place.is_too_small() {
        menu::too_small((!place.is_3_2).then_some(client))
    } else {
        menu::menu(&program(context)?, text, client, pane, &place)
    };
    args.extend(items.into_iter().map(OsString::from));
    Err(Failure::user(proc::exec(tmux, args, &[])))
}

/// Where the key was pressed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    /// In tmux 3.2 popups have no titles, and messages go to the client that was active last.
    is_3_2: bool,
    size: Option<(u16, u16)>,
    worker: Option<WorkerId>,
    /// Whether the worker has its own session.
    is_promoted: bool,
}

impl Place {
    fn parse(text: &str) -> Self {
        let mut words = text.trim().splitn(5, ' ');
        let mut next = || words.next().unwrap_or_default();
        let is_3_2 = next().starts_with("3.2");
        let (width, height, own, id) = (next(), next(), next(), next());
        let size = width.parse().ok().zip(height.parse().ok());
        Self { is_3_2, size, worker: id.parse().ok(), is_promoted: own == "1" }
    }

    /// tmux does not show a menu that does not fit, and does not say so.
    fn is_too_small(&self) -> bool {
        let (width, height) = menu::SIZE;
        self.size.is_some_and(|(columns, rows)| columns < width || rows < height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_for_tmux_conf_survives_any_path() {
        let line = |path: &str| init(path).unwrap().lines().nth(1).unwrap().to_owned();
        assert_eq!(line("/usr/bin/wtmag"), r#"run-shell "/usr/bin/wtmag tmux load""#);
        assert_eq!(line("/a b/#(x)/w"), r##"run-shell "'/a b/##(x)/w' tmux load""##);
        assert_eq!(line("/a'b$c/w"), r#"run-shell "\"/a'b\"'\$c/w' tmux load""#);
    }
}
