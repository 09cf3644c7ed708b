//! The held connection to one tmux server.
//!
//! Knows the server, the session `wtmag` and how to capture panes and type into them; not what a
//! worker is doing. Two clients are attached to that session: one for commands, which gets no
//! output, and one for output, which sends nothing except `pause` and `continue`. The first keeps
//! the agents running while the second is slow.
use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Mutex,
    task::{AbortHandle, JoinSet},
    time,
};

use super::{
    command::{self, Command, UniqueName, Verb},
    driver::{Driver, Handle, LIMIT, Role},
    error::Error,
    events::{Events, Mailbox},
    pty::{self, Server},
    relay::Relay,
    reply::{self, ServerInfo},
    session::{Reply, Session},
    start::{self, Fleet},
    values::{Acted, Guard, NoConnection},
    watch::{Shared, Watch},
};
use crate::model::{DeliveryId, PaneId, Sample, Version, WindowId};

/// How often the server is asked whether it still answers.
const WATCHDOG: Duration = Duration::from_secs(5);

const ATTACH_LIMIT: Duration = Duration::from_secs(10);

/// Longest text that is quoted on the connection; longer ones go through a file descriptor.
const MAX_INLINE: usize = 16 << 10;

const COMMAND_FLAGS: &str = "no-output,ignore-size,no-detach-on-destroy";
const WATCH_FLAGS: &str = "ignore-size,no-detach-on-destroy,pause-after=2";

/// Dropping it ends both clients; [`Connection::close`] detaches them cleanly and waits.
#[derive(Debug)]
pub struct Connection {
    server: Server,
    info: ServerInfo,
    command: Handle,
    watch: Watch,
    nonce: u64,
    number: AtomicU64,
    /// The window that the subscription is tied to.
    subscribed: Mutex<Option<WindowId>>,
    /// Held while a window or session ends. If one command line ends a session's current window and
    /// then the session, tmux crashes when it reports the current window.
    pub(super) ending: Mutex<()>,
    tasks: JoinSet<()>,
    /// Tasks that do not end with the clients.
    helpers: [AbortHandle; 2],
}

/// Without empty lines in front and blank lines at the end.
fn without_blank_ends(text: &str) -> &str {
    let text = text.trim_start_matches('\n');
    let end = text.trim_end().len();
    let n_kept = text.get(end..).and_then(|it| it.find('\n')).map_or(text.len(), |at| end + at);
    text.get(..n_kept).unwrap_or(text)
}

impl Connection {
    /// Connects to the server, finds or creates the session `wtmag`, and makes sure that it shows
    /// every window with a worker's id. `placeholder` is the command of its first window: two words
    /// or more. Earlier events are not reported: list the panes, and sample them all.
    pub async fn open(
        server: &Server,
        placeholder: &[String],
        absent: NoConnection,
    ) -> Result<(Self, Events), Error> {
        let found = start::require_fleet(server, placeholder, absent).await?;
        match Self::attach(server, &found).await {
            Err(Error::Closed) => Err(start::give_up_fleet(server, &found).await),
            done => done,
        }
    }

    async fn attach(server: &Server, found: &Fleet) -> Result<(Self, Events), Error> {
        let fleet = found.session;
        let mailbox = Mailbox::default();
        let mut tasks = JoinSet::new();
        let role = Role::Command { fleet };
        let command = attach(server, found, COMMAND_FLAGS, role, &mailbox, &mut tasks).await?;
        let info = fetch_info(&command).await?;
        if info.version < Version::new(3, 2, 0) {
            return Err(Error::TooOld { found: info.version_text });
        }
        let shared = Arc::new(Shared::default());
        let role = Role::Watch(shared.clone());
        let hearing = attach(server, found, WATCH_FLAGS, role, &mailbox, &mut tasks).await?;
        let watch = Watch::new(command.clone(), hearing, shared, mailbox.clone());
        let helpers = [
            tasks.spawn(watch_over(command.clone(), mailbox.clone())),
            tasks.spawn(watch.clone().poll()),
        ];
        let (nonce, number) = (nonce(), AtomicU64::new(0));
        let connection = Self {
            server: server.clone(),
            info,
            command,
            watch,
            nonce,
            number,
            subscribed: Mutex::default(),
            ending: Mutex::default(),
            tasks,
            helpers,
        };
        connection.tidy_fleet().await?;
        Ok((connection, Events::new(mailbox)))
    }

    pub fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// Detaches both clients and waits until they have ended.
    pub async fn close(mut self) {
        self.helpers.iter().for_each(AbortHandle::abort);
        for handle in self.watch.handles() {
            handle.detach().await;
        }
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if time::timeout(LIMIT, ended).await.is_err() {
            tracing::warn!("the clients of tmux do not end");
        }
    }

    /// Captures the pane. It rings if it has changed since: the last frame before a silence is
    /// always seen.
    pub async fn sample(&self, pane: PaneId) -> Result<Sample, Error> {
        self.watch.sample(pane).await
    }

    /// The pane's rows with their colours as escape sequences.
    pub async fn view(&self, pane: PaneId) -> Result<String, Error> {
        let screen = self.ask(command::view(pane)).await?;
        Ok(String::from_utf8_lossy(&screen).into_owned())
    }

    /// Pastes `text` into the pane as a terminal does, if `guard` holds at that moment. Control
    /// characters except line feed and tab are removed: one could end the paste and type the rest.
    /// The pane is marked with the delivery.
    pub async fn paste(
        &self,
        (pane, mark): (PaneId, Option<DeliveryId>),
        guard: &Guard,
        text: &str,
    ) -> Result<Acted, Error> {
        let text: String =
            text.chars().filter(|it| !it.is_control() || matches!(it, '\n' | '\t')).collect();
        // A program without bracketed paste would take a line feed at either end for Enter.
        let text = without_blank_ends(&text);
        let buffer = self.buffer_name();
        let act = if text.len() <= MAX_INLINE {
            command::paste((pane, mark), guard, &buffer, text)
        } else {
            start::load_buffer(&self.server, self.info.id, &buffer, text.as_bytes()).await?;
            command::paste_loaded((pane, mark), guard, &buffer)
        };
        self.act(pane, guard, act, &buffer).await
    }

    /// Presses Enter, if `guard` holds at that moment.
    pub async fn enter(&self, pane: PaneId, guard: &Guard) -> Result<Acted, Error> {
        let buffer = self.buffer_name();
        self.act(pane, guard, command::enter(pane, guard, &buffer), &buffer).await
    }

    /// Presses keys, by tmux's names, if `guard` holds at that moment.
    pub async fn keys(&self, pane: PaneId, guard: &Guard, keys: &[&str]) -> Result<Acted, Error> {
        let blocks = self.call(command::keys(pane, guard, keys)).await?;
        acted(&blocks, pane, guard)
    }

    async fn act(
        &self,
        pane: PaneId,
        guard: &Guard,
        act: Command,
        buffer: &str,
    ) -> Result<Acted, Error> {
        let done = self.call(act).await.and_then(|blocks| acted(&blocks, pane, guard));
        if let Err(error) = &done {
            tracing::warn!(%pane, %error, "a paste failed");
            // Its content is for that pane only. It may already be gone, as intended.
            drop(self.call(command::delete_buffer(buffer)).await);
        }
        done
    }

    fn buffer_name(&self) -> String {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        format!("wtmag-{:x}-{number}", self.nonce)
    }

    pub(super) fn unique_name(&self) -> UniqueName {
        UniqueName::new(self.nonce, self.number.fetch_add(1, Ordering::Relaxed))
    }

    /// Ties the subscription to the fleet's first window, which the user may have closed.
    pub(super) async fn keep_subscribed(&self) -> Result<(), Error> {
        let mut subscribed = self.subscribed.lock().await;
        let first = reply::window_id(&self.ask(command::first_window(self.info.fleet)).await?);
        let Some(window) = first.filter(|it| Some(*it) != *subscribed) else { return Ok(()) };
        self.call(command::subscribe(window)).await?;
        *subscribed = Some(window);
        Ok(())
    }

    pub(super) fn had_rung(&self) -> BTreeSet<PaneId> {
        self.watch.known()
    }

    /// Forgets the bells of closed panes.
    pub(super) fn forget(&self, gone: &BTreeSet<PaneId>) {
        self.watch.forget(gone);
    }

    /// The whole reply, even if only a part of the line was executed.
    pub(super) async fn converse(&self, command: Command) -> Result<Reply, Error> {
        self.command.call(command).await
    }

    /// The blocks of a line that was executed in full.
    pub(super) async fn call(&self, command: Command) -> Result<Vec<Vec<u8>>, Error> {
        self.command.run(command).await
    }

    /// The one block of a simple command.
    pub(super) async fn ask(&self, command: Command) -> Result<Vec<u8>, Error> {
        self.command.ask(command).await
    }
}

/// Starts a client and waits until it is attached.
async fn attach(
    server: &Server,
    fleet: &Fleet,
    flags: &str,
    role: Role,
    mailbox: &Mailbox,
    tasks: &mut JoinSet<()>,
) -> Result<Handle, Error> {
    let relay = fleet.version.filter(|it| Relay::is_needed(*it));
    let relay = relay.map(|_| Relay::bind(&server.relays)).transpose().map_err(Error::Relay)?;
    let socket = relay.as_ref().map_or(&*server.socket, Relay::path);
    let (pty, child) = pty::attach(&server.tmux, socket, fleet.session, flags)?;
    if let Some(relay) = relay {
        tasks.spawn(relay.run(server.socket.clone()));
    }
    let (driver, handle, attached) = Driver::new(Session::new(nonce()), role, mailbox.clone());
    tasks.spawn(driver.run(pty, child));
    let verb = "attach-session";
    match time::timeout(ATTACH_LIMIT, attached).await {
        Err(_) => Err(Error::Deadline { verb, limit: ATTACH_LIMIT }),
        Ok(Err(_)) => Err(Error::Closed),
        Ok(Ok(Err(said))) => Err(Error::Attach { said }),
        Ok(Ok(Ok(()))) => Ok(handle),
    }
}

async fn fetch_info(handle: &Handle) -> Result<ServerInfo, Error> {
    let body = handle.ask(command::server()).await?;
    let verb = command::server().verb().name();
    reply::server(&body).ok_or(Error::Unreadable { verb })
}

/// Reports when the server stops answering, and when it answers again.
async fn watch_over(handle: Handle, mailbox: Mailbox) {
    loop {
        time::sleep(WATCHDOG).await;
        let ping = handle.ping();
        tokio::pin!(ping);
        let answer = match time::timeout(LIMIT, &mut ping).await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::error!("tmux does not answer");
                mailbox.wedged(true);
                let answer = ping.await;
                mailbox.wedged(false);
                answer
            }
        };
        if answer.is_err() {
            return;
        }
    }
}

fn acted(blocks: &[Vec<u8>], pane: PaneId, guard: &Guard) -> Result<Acted, Error> {
    let last = blocks.last().and_then(|body| reply::acted(body, pane, guard));
    last.ok_or(Error::Unreadable { verb: Verb::IfShell.name() })
}

/// A number that no program in a pane can guess.
fn nonce() -> u64 {
    RandomState::new().build_hasher().finish()
}
