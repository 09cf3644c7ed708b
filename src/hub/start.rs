//! Starts and ends a hub: its lock, its socket, its file, its log, its spool.
//!
//! Knows the files of one hub's directory; decides nothing about workers.
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use nix::{sys::signal, unistd};
use tokio::{
    net::UnixListener,
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    listen, log,
    spool::remove,
    starter::Starter,
    wake::{HubOptions, Wake},
};
use crate::{
    model::error_chain,
    paths::{self, Env},
    proc,
    wire::HubFile,
};

/// How long an exiting hub may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// How long clients may take to read their last lines.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Paths(#[from] paths::Error),
    #[error("could not {act} `{}`", path.display())]
    File { act: &'static str, path: PathBuf, source: io::Error },
    #[error("another hub holds `{}` and does not exit", path.display())]
    Held { path: PathBuf },
}

/// A hub that holds its lock and its socket.
pub(super) struct Started {
    pub(super) program: PathBuf,
    pub(super) socket: PathBuf,
    file: PathBuf,
    uid: u32,
    wakes: Option<mpsc::Sender<Wake>>,
    /// Number of the last client, whichever socket it used.
    last_client: Arc<AtomicU64>,
    /// The task that accepts clients; ends with this value.
    listening: JoinSet<()>,
    stop: watch::Sender<bool>,
    /// Names the socket of a process that waits for this hub, but did not start it.
    waiting_path: PathBuf,
    /// A lock that the kernel releases whenever the process ends. The file holds the pid, for
    /// clients that find the other files gone.
    lock: File,
    lock_path: PathBuf,
}

/// Takes the lock. None: another hub has it, and the starter waits no longer for this one.
pub(super) async fn start(
    options: &HubOptions,
    starter: &mut Starter,
) -> Result<Option<Started>, Error> {
    let env = Env::capture()?;
    options.state.make(env.uid())?;
    // A new session, so that the end of a terminal does not end the hub. Fails only for the leader
    // of a process group.
    unistd::setsid().map_or_else(|_| (), |_| ());
    std::env::set_current_dir("/").map_err(|source| Error::File {
        act: "go to",
        path: "/".into(),
        source,
    })?;
    let Some(lock) = lock(options, starter).await? else { return Ok(None) };
    log::open(&options.state.log());
    let program = paths::own_program().map_err(|source| Error::File {
        act: "find",
        path: "wtmag".into(),
        source,
    })?;
    let socket = env.hub_socket(&options.state)?;
    tracing::info!(pid = std::process::id(), version = env!("CARGO_PKG_VERSION"), "started");
    Ok(Some(Started {
        program,
        socket,
        file: options.state.hub_json(),
        uid: env.uid(),
        wakes: None,
        last_client: Arc::default(),
        listening: JoinSet::new(),
        stop: watch::Sender::new(false),
        waiting_path: options.state.hub_waiting(),
        lock,
        lock_path: options.state.hub_lock(),
    }))
}

impl Started {
    /// Accepts clients from now on, and records the socket in `hub.json`.
    pub(super) async fn listen(&mut self, wakes: mpsc::Sender<Wake>) -> Result<(), Error> {
        self.wakes = Some(wakes);
        self.bind()?;
        self.tell_waiting("ready").await;
        Ok(())
    }

    fn bind(&mut self) -> Result<(), Error> {
        let Some(wakes) = self.wakes.clone() else { return Ok(()) };
        remove(&self.socket);
        let bound = UnixListener::bind(&self.socket);
        let act = "listen on";
        let path = self.socket.clone();
        let listener = bound.map_err(|source| Error::File { act, path, source })?;
        // A deleted socket accepts no more clients, but keeps its connections.
        self.stop.send_replace(true);
        self.stop = watch::Sender::new(false);
        let (ids, stop) = (Arc::clone(&self.last_client), self.stop.subscribe());
        self.listening.spawn(listen::listen(listener, wakes, self.uid, ids, stop));
        let file = HubFile {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            socket: self.socket.clone(),
        };
        replace_json(&self.file, &file)?;
        let noted = self.lock.set_len(0).and_then(|()| write!(&self.lock, "{}", file.pid));
        noted.map_err(|source| Error::File { act: "write", path: self.lock_path.clone(), source })
    }

    /// Creates the socket again, for a process that found it gone and waits for the message.
    pub(super) async fn renew(&mut self) {
        let word = match self.bind() {
            Ok(()) => "ready".to_owned(),
            Err(error) => error_chain(&error),
        };
        self.tell_waiting(&word).await;
    }

    /// Called after the pid was written, so that a process that waits is told now, or reads the pid and signals.
    async fn tell_waiting(&self, word: &str) {
        // Renamed first: another one may take its place meanwhile.
        let taken = self.waiting_path.with_extension("taken");
        if fs::rename(&self.waiting_path, &taken).is_err() {
            return;
        }
        if let Ok(socket) = fs::read_to_string(&taken) {
            Starter::greet(Some(Path::new(socket.trim()))).await.tell(word).await;
        }
        remove(&taken);
    }

    /// Accepts no more clients.
    pub(super) fn stop(&mut self) {
        if self.is_ours() {
            remove(&self.file);
            remove(&self.socket);
        }
        // No process must signal this one any more.
        self.lock.set_len(0).unwrap_or_default();
        self.stop.send_replace(true);
    }

    /// Allows the next hub to start.
    pub(super) fn unlock(&self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "cannot unlock");
        }
    }

    /// Lets existing clients read what was written for them.
    pub(super) async fn close(mut self) {
        let all = async { while self.listening.join_next().await.is_some() {} };
        if timeout(CLOSE_LIMIT, all).await.is_err() {
            tracing::debug!("some clients did not read to the end");
        }
    }

    /// Whether the lock file is still the one that this hub holds: the directory was not removed or
    /// replaced.
    pub(super) fn is_ours(&self) -> bool {
        let id = |it: fs::Metadata| (it.dev(), it.ino());
        let held = self.lock.metadata().map(id);
        held.is_ok_and(|held| fs::metadata(&self.lock_path).is_ok_and(|it| id(it) == held))
    }
}

async fn lock(options: &HubOptions, starter: &mut Starter) -> Result<Option<File>, Error> {
    let path = options.state.hub_lock();
    let fail = |source| Error::File { act: "lock", path: path.clone(), source };
    let file = File::options().create(true).append(true).open(&path).map_err(fail)?;
    // The pid in it belongs to a dead hub; this hub's pid is written when it can be signalled.
    let own = |file: File| file.set_len(0).map(|()| file);
    match file.try_lock() {
        Ok(()) => return own(file).map(Some).map_err(fail),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(source)) => return Err(fail(source)),
    }
    // The other hub tells the starter when it listens: one that is still starting, or one whose socket
    // vanished. One that is just exiting leaves the lock.
    if let Some(ready) = &options.ready {
        paths::replace(&options.state.hub_waiting(), ready.as_os_str().as_bytes()).map_err(fail)?;
        wake_hidden_hub(&options.state.hub_lock()).await;
    }
    let unlocked = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    tokio::select! {
        unlocked = timeout(LEAVE_LIMIT, unlocked) => match unlocked {
            Ok(Ok(locked)) => locked.and_then(own).map(Some).map_err(fail),
            Ok(Err(_)) | Err(_) => Err(Error::Held { path }),
        },
        // It was told by the other hub, or gave up: the next command starts one of its own.
        () = starter.gone() => Ok(None),
    }
}

/// The pid may belong to another program by now, which must not get the signal.
async fn is_wtmag(pid: i32) -> bool {
    let Ok(pid) = u32::try_from(pid) else { return false };
    proc::name_of(pid).await.is_some_and(|it| it.starts_with("wtmag"))
}

/// A hub whose socket vanished creates it again.
async fn wake_hidden_hub(lock: &Path) {
    let Ok(text) = fs::read_to_string(lock) else { return };
    // A process that does not lead its own session is not a hub.
    let Some(pid) = text.trim().parse().ok().filter(|pid: &i32| *pid > 1) else { return };
    if is_wtmag(pid).await
        && let Err(error) = signal::kill(unistd::Pid::from_raw(pid), signal::Signal::SIGUSR1)
    {
        tracing::debug!(pid, %error, "the hub cannot be signalled");
    }
}

fn replace_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Error> {
    let write = || paths::replace(path, &serde_json::to_vec(value)?);
    write().map_err(|source| Error::File { act: "write", path: path.to_owned(), source })
}
