//! Everything that a verb needs from outside: environment, hub, interrupt, output.
use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use tokio::sync::watch;

use super::{
    Failure, Server,
    failure::Kind,
    outcome::interrupt,
    output::{Style, clean_painted},
};
use crate::{
    client::{Hub, HubLocation},
    git::Repo,
    model::{Answer, Caller, Request},
    paths::Env,
    proc::{self, Cancel, Cmd, Output},
};

/// Variables that git, WorkTrunk and the hooks may need in the hub. Never all: they may hold
/// secrets.
const PASSED_ON: [&str; 19] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "WORKTRUNK_CONFIG_PATH",
];

/// The context of one command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) env: Env,
    server: Server,
    json: bool,
    /// The options of the command.
    options: BTreeSet<String>,
}

impl Context {
    pub(super) fn new(
        server: Server,
        json: bool,
        options: BTreeSet<String>,
    ) -> Result<Self, Failure> {
        let env = Env::capture().map_err(Failure::user)?;
        Ok(Self { env, server, json, options })
    }

    /// A context with another environment, for another tmux server.
    pub(super) fn elsewhere(env: Env, socket: PathBuf) -> Self {
        let server = Server { server_name: None, server_socket: Some(socket) };
        Self { env, server, json: false, options: BTreeSet::new() }
    }

    /// The failure without hints that do not fit this command.
    pub(crate) fn fit(&self, failure: Failure) -> Failure {
        failure.fit(|option| self.options.contains(option))
    }

    /// Print machine-readable output.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// The hub of the selected tmux server.
    pub(crate) fn whereabouts(&self) -> Result<HubLocation, Failure> {
        Ok(HubLocation::find(
            &self.env,
            self.server.server_socket.as_deref(),
            self.server.server_name.as_ref(),
        )?)
    }

    /// A connection to that hub, which is started if needed.
    pub(crate) async fn hub(&self) -> Result<Hub, Failure> {
        Ok(Hub::connect_or_start(&self.whereabouts()?).await?)
    }

    /// The hub, for a command that only reads. `None` if there can be nothing to see: no tmux
    /// server runs, and none had workers. Starts nothing to find that out.
    pub(crate) async fn hub_to_look(&self) -> Result<Option<Hub>, Failure> {
        let at = self.whereabouts()?;
        if at.state.hub_db().exists() || proc::listens(&at.tmux_socket).await {
            return Ok(Some(Hub::connect_or_start(&at).await?));
        }
        if self.server.is_named() { Err(no_server(&at)) } else { Ok(None) }
    }

    /// Like `hub_to_look`, but an error if there is nothing to see.
    pub(crate) async fn hub_that_knows(&self) -> Result<Hub, Failure> {
        match self.hub_to_look().await? {
            Some(hub) => Ok(hub),
            None => Err(no_server(&self.whereabouts()?)),
        }
    }

    /// Starts the hub if needed, sends a request that may be repeated, and returns the hub that
    /// answered. A hub that ends before it answers is started again.
    pub(crate) async fn hub_that_answers(&self, ask: Request) -> Result<(Hub, Answer), Failure> {
        let at = self.whereabouts()?;
        let mut hub = Hub::connect_or_start(&at).await?;
        let answer = hub.ask_any(ask).await?;
        Ok((hub, answer))
    }

    /// The caller's place in the selected tmux server; `None` outside it.
    pub(crate) fn caller(&self) -> Result<Option<Caller>, Failure> {
        let socket = self.whereabouts()?.tmux_socket;
        let caller = self.env.caller().filter(|it| it.socket == socket);
        Ok(caller.map(|it| Caller { pane: it.pane, session: Some(it.session) }))
    }

    /// What a command that the hub starts later gets of the caller's environment.
    pub(crate) fn passed_on(&self) -> Vec<(String, String)> {
        let value = |name: &str| Some((name.to_owned(), self.env.var(name)?.to_str()?.to_owned()));
        PASSED_ON.iter().filter_map(|name| value(name)).collect()
    }

    /// The common git dir of the current repository.
    pub(crate) fn project(&self) -> Option<PathBuf> {
        self.repo().map(|it| it.common_dir().to_owned())
    }

    /// The current repository.
    pub(crate) fn repo(&self) -> Option<Repo> {
        let dir = std::env::current_dir().ok()?;
        Repo::discover(&dir).ok()
    }

    /// The worker id in the options of the current tmux window.
    pub(crate) async fn window_worker(&self) -> Option<String> {
        let pane = self.caller().ok()??.pane?.to_string();
        let socket = self.whereabouts().ok()?.tmux_socket;
        let tmux = proc::tmux(&socket).await;
        let args = ["display-message", "-p", "-t", &pane, "#{@wtmag_id}"];
        let cmd = Cmd::new(tmux, Path::new("/")).args(["-N", "-S"]).args([&socket]).args(args);
        let output = cmd.run(&proc::never()).await.ok().filter(Output::is_success)?;
        Some(output.stdout_text().trim().to_owned()).filter(|it| !it.is_empty())
    }

    /// Becomes true on the first Ctrl-C or SIGTERM. From this call on, these signals no longer end
    /// the process.
    pub(crate) fn cancel(&self) -> Result<Cancel, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let (stop, cancel) = watch::channel(false);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let listen = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            stop.send_replace(true);
            // The channel must stay open as long as a receiver exists.
            stop.closed().await;
        };
        #[expect(clippy::disallowed_methods, reason = "lives exactly as long as the command")]
        drop(tokio::spawn(listen));
        Ok(cancel)
    }

    /// Writes to standard output, and removes everything that acts on a terminal except wtmag's own
    /// colours. If the reader has gone, this is an error that ends the command quietly.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        self.print_raw(&clean_painted(text))
    }

    /// The same for output that a program reads or that moves the cursor; it must not contain text
    /// from others.
    pub(crate) fn print_raw(&self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    /// The same for bytes that need not be text.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(())
    }

    /// Prints one JSON value as a line.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(Failure::bug)?;
        self.print_raw(&format!("{text}\n"))
    }

    /// Prints a message to standard error that is not part of the output: progress, notes.
    pub(crate) fn say(&self, text: &str) {
        // There may be no reader; the command continues.
        writeln!(io::stderr(), "{}", clean_painted(text)).unwrap_or_default();
    }

    /// Like `say`, without a newline, before an answer is read.
    pub(crate) fn ask_user(&self, text: &str) {
        let mut err = io::stderr().lock();
        err.write_all(clean_painted(text).as_bytes()).unwrap_or_default();
        err.flush().unwrap_or_default();
    }

    /// The next line of standard input, unless the user cancels first.
    pub(crate) async fn read_line(&self, cancel: &Cancel) -> Result<String, Failure> {
        let read = tokio::task::spawn_blocking(|| io::stdin().lines().next().transpose());
        tokio::select! {
            line = read => Ok(line.map_err(Failure::bug)??.unwrap_or_default()),
            () = interrupt(cancel) => Err(Failure::interrupted()),
        }
    }

    /// Use colour if standard output is a terminal and `NO_COLOR` is not set. Output to a pipe is
    /// not cut.
    pub(crate) fn style(&self) -> Style {
        if !io::stdout().is_terminal() {
            return self.forced_style();
        }
        let width = crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns));
        let is_dumb = self.env.var("TERM").is_none_or(|it| it == "dumb");
        Style { colour: self.env.var("NO_COLOR").is_none() && !is_dumb, width }
    }

    /// The style for a program that shows the output in a terminal of its own: it sets `CLICOLOR_FORCE`
    /// and `COLUMNS`.
    fn forced_style(&self) -> Style {
        let is_set = |name| self.env.var(name).is_some_and(|it| !it.is_empty() && it != "0");
        if !is_set("CLICOLOR_FORCE") || is_set("NO_COLOR") {
            return Style::default();
        }
        let columns = self.env.var("COLUMNS").and_then(|it| it.to_str()?.parse().ok());
        Style { colour: true, width: columns }
    }

    /// Arguments of `sh` that open a file in $VISUAL or $EDITOR, which may be a command line as in
    /// `EDITOR="code -w"`.
    pub(crate) fn editor(&self, file: &Path) -> [OsString; 4] {
        ["-c".into(), self.editor_script(), "sh".into(), file.into()]
    }

    /// The script alone; the file is its first argument.
    pub(crate) fn editor_script(&self) -> OsString {
        let editor = self.env.var("VISUAL").or_else(|| self.env.var("EDITOR"));
        let mut script = editor.map_or_else(|| OsString::from("vi"), OsString::from);
        script.push(" \"$1\"");
        script
    }
}

fn no_server(at: &HubLocation) -> Failure {
    let socket = at.tmux_socket.display();
    Failure::new(
        Kind::Hub,
        format!("no tmux server runs at `{socket}`, and no workers are recorded for it"),
    )
    .hint("`-L NAME` or `-S PATH` chooses another server, as in tmux")
}
