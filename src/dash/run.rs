//! The terminal, the connections and the children of the dashboard: inputs in, a drawn screen out.
use std::{
    ffi::OsString,
    future, io,
    path::PathBuf,
    time::{Duration, Instant},
};

use crossterm::event::{
    Event as Terminal, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers,
};
use ratatui::DefaultTerminal;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time,
};
use tokio_stream::StreamExt as _;

use super::{
    Theme,
    child::Program,
    feed::{self, Feed},
    state::{Dash, Effect, Input},
    terminal::{edit, enter, leave, resized},
    view::{Scene, draw},
};
use crate::{
    client::{self, HubLocation},
    clock,
    model::{Timestamp, Worker, WorkerId, error_chain},
    proc::{self, Visibility},
};

/// Least time between two drawings of what the hub tells. What the user types is drawn at once.
const FRAME: Duration = Duration::from_millis(50);
/// Ages of many workers are drawn together.
const AGES: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not use the terminal")]
    Terminal(#[from] io::Error),
    #[error(transparent)]
    Hub(#[from] client::Error),
}

/// What the dashboard is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To stay open.
    Watch,
    /// To choose one worker.
    Pick,
    /// To stay open while a terminal shows the window.
    FirstWindow,
}

/// How the dashboard is opened.
pub struct Options {
    pub at: HubLocation,
    pub purpose: Purpose,
    pub theme: Theme,
    /// Only the workers of this repository, by its common git dir.
    pub repo: Option<PathBuf>,
    /// What the workers have in common, in words.
    pub title: String,
    /// The tmux client that goes to a worker; in a popup, the one that shows it.
    pub client: Option<String>,
    /// The worker that is selected first, and the key that is pressed first.
    pub select: Option<WorkerId>,
    pub press: Option<char>,
    /// Variables that say which tmux client asks.
    pub tmux_env: Vec<(&'static str, OsString)>,
    /// A script for `sh` that opens its first argument in the user's editor.
    pub editor: OsString,
}

/// Shows the workers until the user leaves. Returns the worker that the user chose, if the purpose is
/// to choose one. Owns the terminal meanwhile.
///
/// # Errors
/// [`Error::Hub`] if the hub cannot be reached in the beginning; later it is tried again.
pub async fn run(options: Options) -> Result<Option<Worker>, Error> {
    let feed = Feed::open(options.at.clone(), options.repo.clone()).await?;
    let mut terminal = enter()?;
    let done = Watching::new(options).run(feed, &mut terminal).await;
    leave()?;
    done
}

/// The list as text, as wide as asked.
pub async fn once(options: &Options, columns: u16) -> Result<String, Error> {
    let mut feed = Feed::open(options.at.clone(), options.repo.clone()).await?;
    let mut dash = Dash::new(false);
    let now = Instant::now();
    dash.handle(now, Input::Workers(feed.workers()));
    let items = feed.next().await;
    dash.handle(now, items);
    super::view::as_text(&mut dash, &scene(options), columns).map_err(Error::from)
}

fn scene(options: &Options) -> Scene<'_> {
    Scene { project: &options.title, now: clock::now(), theme: options.theme }
}

/// What is the same at every input.
struct Watching {
    options: Options,
    program: Program,
    dash: Dash,
    children: JoinSet<Input>,
    /// The newest view's command; an older one is ended.
    page: Option<AbortHandle>,
    wanted: watch::Sender<Option<WorkerId>>,
    keys: EventStream,
    /// When the screen was drawn last.
    drawn: Option<Instant>,
    /// The user has typed since.
    is_typed: bool,
    /// No terminal shows the window.
    is_hidden: bool,
}

/// What the loop does next.
enum Next {
    Stay,
    End(Option<Box<Worker>>),
}

impl Watching {
    fn new(options: Options) -> Self {
        let program = Program {
            path: options.at.program.clone(),
            tmux_socket: options.at.tmux_socket.clone(),
            tmux_env: options.tmux_env.clone(),
            colour: options.theme.colour,
        };
        let mut dash = Dash::new(options.purpose == Purpose::Pick);
        dash.is_all = options.repo.is_none();
        let wanted = watch::Sender::new(None);
        Self {
            options,
            program,
            dash,
            children: JoinSet::new(),
            page: None,
            wanted,
            keys: EventStream::new(),
            drawn: None,
            is_typed: false,
            is_hidden: false,
        }
    }

    async fn run(
        mut self,
        mut feed: Feed,
        terminal: &mut DefaultTerminal,
    ) -> Result<Option<Worker>, Error> {
        let (sender, mut screens) = mpsc::channel(1);
        let mut helpers = JoinSet::new();
        helpers.spawn(feed::screens(self.options.at.clone(), self.wanted.subscribe(), sender));
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let mut visibility = match self.options.purpose {
            Purpose::FirstWindow => Some(Visibility::listen()?),
            Purpose::Watch | Purpose::Pick => None,
        };
        self.dash.handle(Instant::now(), Input::Workers(feed.workers()));
        let mut inputs = self.first();
        loop {
            for input in inputs {
                for effect in self.dash.handle(Instant::now(), input) {
                    if let Next::End(chosen) = self.perform(effect, terminal)? {
                        return Ok(chosen.map(|it| *it));
                    }
                }
            }
            self.wanted.send_if_modified(|it| {
                let viewed = self.dash.viewed().cloned();
                let is_new = *it != viewed;
                *it = viewed;
                is_new
            });
            if self.is_hidden && self.dash.is_at_rest() {
                return Ok(None);
            }
            let rest = self.show_if_due(terminal)?;
            inputs = tokio::select! {
                typed = self.keys.next() => match self.typed(typed, terminal)? {
                    Some(input) => vec![input],
                    None => return Ok(None),
                },
                _ = hangup.recv() => return Ok(None),
                _ = terminated.recv() => return Ok(None),
                is_shown = changed(&mut visibility) => {
                    self.is_hidden = !is_shown;
                    vec![Input::Tick]
                }
                news = feed.next() => vec![news],
                Some(screen) = screens.recv() => vec![screen],
                Some(done) = self.children.join_next() => done.into_iter().collect(),
                () = time::sleep(rest) => vec![Input::Tick],
            };
        }
    }

    /// What the dashboard is opened with.
    fn first(&self) -> Vec<Input> {
        let select = self.options.select.clone().map(Input::Select);
        let key = |it| Input::Key(KeyEvent::new(KeyCode::Char(it), KeyModifiers::NONE));
        select.into_iter().chain(self.options.press.map(key)).collect()
    }

    /// None when the terminal is gone.
    fn typed(
        &mut self,
        typed: Option<io::Result<Terminal>>,
        terminal: &mut DefaultTerminal,
    ) -> io::Result<Option<Input>> {
        self.is_typed = true;
        match typed.transpose()? {
            Some(Terminal::Resize(..)) => resized(terminal).map(|()| Some(Input::Tick)),
            typed => Ok(typed.map(input_of)),
        }
    }

    /// Returns how long nothing is to be drawn, unless something comes.
    fn show_if_due(&mut self, terminal: &mut DefaultTerminal) -> io::Result<Duration> {
        let is_typed = std::mem::take(&mut self.is_typed);
        let rest = self.drawn.map(|at| FRAME.saturating_sub(at.elapsed()));
        if let Some(rest) = rest.filter(|it| !is_typed && !it.is_zero()) {
            return Ok(rest);
        }
        self.show(terminal)?;
        self.drawn = Some(Instant::now());
        Ok(self.rest())
    }

    fn show(&mut self, terminal: &mut DefaultTerminal) -> io::Result<()> {
        let scene = scene(&self.options);
        terminal.draw(|frame| draw(&mut self.dash, &scene, frame))?;
        Ok(())
    }

    /// How long nothing on the screen changes by itself.
    fn rest(&self) -> Duration {
        let now = clock::now();
        let shown = self.dash.rows.shown().filter_map(|(_, it)| it);
        let age = shown.map(|it| until_older(now, it.state.since()).max(AGES)).min();
        let deadline = self.dash.next_deadline();
        let deadline = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        [age, deadline].into_iter().flatten().min().unwrap_or(Duration::from_secs(3600))
    }

    fn perform(&mut self, effect: Effect, terminal: &mut DefaultTerminal) -> Result<Next, Error> {
        match effect {
            Effect::Leave => return Ok(Next::End(None)),
            Effect::Go(worker) if self.options.purpose == Purpose::Pick => {
                return Ok(Next::End(Some(worker)));
            }
            Effect::Go(worker) => return self.go(&worker, terminal),
            Effect::Run(act) => {
                self.children.spawn(self.program.clone().act(act));
            }
            Effect::Load(id, tab) => {
                if let Some(page) = self.page.take() {
                    page.abort();
                }
                let columns = self.dash.drawn.detail.width.max(40);
                self.page = Some(self.children.spawn(self.program.clone().page(id, tab, columns)));
            }
            Effect::Edit(text) => {
                let edited = self.away(terminal, |it| edit(&it.options.editor, &text))?;
                let input = edited.map_or_else(Input::Failed, Input::Edited);
                self.dash.handle(Instant::now(), input);
            }
            Effect::New => {
                let words = match &self.options.client {
                    Some(client) => self.program.words(&["tmux", "new", "--client", client]),
                    None => self.program.words(&["tmux", "new"]),
                };
                self.foreground(terminal, words)?;
            }
        }
        Ok(Next::Stay)
    }

    /// Inside tmux, the client goes to the worker and the dashboard stays; elsewhere, the terminal is
    /// attached until the user detaches it.
    fn go(&mut self, worker: &Worker, terminal: &mut DefaultTerminal) -> Result<Next, Error> {
        let id = worker.id.as_str();
        let words = match &self.options.client {
            Some(client) => self.program.words(&["attach", id, "--client", client]),
            None => self.program.words(&["attach", id]),
        };
        self.foreground(terminal, words)?;
        let is_popup = self.options.client.is_some();
        Ok(if is_popup { Next::End(None) } else { Next::Stay })
    }

    fn foreground(
        &mut self,
        terminal: &mut DefaultTerminal,
        words: Vec<OsString>,
    ) -> io::Result<()> {
        let path = self.program.path.clone();
        let done = self.away(terminal, |_| proc::in_foreground(path, words))?;
        if let Err(error) = done {
            self.dash.handle(Instant::now(), Input::Failed(error_chain(&error)));
        }
        Ok(())
    }

    /// Gives the terminal to another program.
    fn away<T>(
        &mut self,
        terminal: &mut DefaultTerminal,
        what: impl FnOnce(&Self) -> T,
    ) -> io::Result<T> {
        leave()?;
        // Another program reads the keys now. A new reader stands still until it is asked.
        self.keys = EventStream::new();
        let done = what(self);
        *terminal = enter()?;
        Ok(done)
    }
}

/// The next change, if changes matter.
async fn changed(visibility: &mut Option<Visibility>) -> bool {
    match visibility {
        Some(it) => it.changed().await,
        None => future::pending().await,
    }
}

fn input_of(typed: Terminal) -> Input {
    match typed {
        Terminal::Key(key) if key.kind != KeyEventKind::Release => Input::Key(key),
        Terminal::Mouse(mouse) => Input::Mouse(mouse),
        Terminal::Paste(text) => Input::Paste(text),
        Terminal::Key(_) | Terminal::Resize(..) | Terminal::FocusGained | Terminal::FocusLost => {
            Input::Tick
        }
    }
}

/// When an age in words changes next.
fn until_older(now: Timestamp, since: Timestamp) -> Duration {
    let age = now.since(since);
    let unit: u64 = match age.as_secs() {
        0..60 => 1,
        60..3600 => 60,
        3600..86_400 => 3600,
        _ => 86_400,
    };
    let next = Duration::from_secs((age.as_secs() / unit + 1) * unit);
    next.saturating_sub(age).max(Duration::from_millis(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_change_when_their_unit_does() {
        let check = |age: u64, want: u64| {
            let now = Timestamp(10_000_000_000);
            let since = Timestamp(now.0 - age);
            assert_eq!(until_older(now, since), Duration::from_millis(want));
        };
        check(0, 1000);
        check(1500, 500);
        check(61_000, 59_000);
        check(3_600_000, 3_600_000);
    }
}
