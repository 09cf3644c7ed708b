//! How a hub comes up and goes: its lock, its socket, its file, its log, its spool.
//!
//! Knows the files of one hub's directory; decides nothing about workers.
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    iter::successors,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use file_rotate::{ContentLimit, FileRotate, compression::Compression, suffix::AppendCount};
use nix::{sys::signal, unistd};
use tokio::{
    io::AsyncWriteExt as _,
    net::{UnixListener, UnixStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use tracing_subscriber::EnvFilter;

use super::{
    listen,
    run::{Options, Wake},
};
use crate::{
    model::HookReport,
    paths::{self, Env},
    wire::HubFile,
};

/// How long a hub that is leaving may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// How long clients may take to read their last lines.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// One log file's size, and how many older ones are kept.
const LOG_BYTES: usize = 4 << 20;
const LOG_FILES: usize = 3;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Paths(#[from] paths::Error),
    #[error("could not {act} `{}`", path.display())]
    File { act: &'static str, path: PathBuf, source: io::Error },
    #[error("another hub holds `{}` and does not leave", path.display())]
    Held { path: PathBuf },
}

/// A hub that holds its lock and its socket.
pub(super) struct Started {
    pub(super) program: PathBuf,
    pub(super) socket: PathBuf,
    file: PathBuf,
    uid: u32,
    wakes: Option<mpsc::Sender<Wake>>,
    /// Number of the last client, whichever socket it came by.
    last_client: Arc<AtomicU64>,
    /// The task that accepts clients; gone with this value.
    listening: JoinSet<()>,
    stop: watch::Sender<bool>,
    ready_path: PathBuf,
    /// Released by the kernel when the process ends, however it ends. Holds our pid, for those who
    /// find the other files gone.
    lock: File,
    lock_path: PathBuf,
}

/// Takes the lock, or finds that a well hub has it: then that one is asked to show itself again,
/// and there is nothing to start.
pub(super) async fn start(options: &Options) -> Result<Option<Started>, Error> {
    let env = Env::capture()?;
    options.state.make(env.uid())?;
    // A session of its own, so that no terminal's end reaches it. Fails for a group's leader only.
    unistd::setsid().map_or_else(|_| (), |_| ());
    std::env::set_current_dir("/").map_err(|source| Error::File {
        act: "go to",
        path: "/".into(),
        source,
    })?;
    let Some(lock) = lock(options).await? else { return Ok(None) };
    log(&options.state.log())?;
    let program = std::env::current_exe().map_err(|source| Error::File {
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
        ready_path: options.state.root().join("ready"),
        lock,
        lock_path: options.state.hub_lock(),
    }))
}

impl Started {
    /// Accepts clients from now on, and tells them where in `hub.json`.
    pub(super) fn listen(&mut self, wakes: mpsc::Sender<Wake>) -> Result<(), Error> {
        self.wakes = Some(wakes);
        self.bind()
    }

    fn bind(&mut self) -> Result<(), Error> {
        let Some(wakes) = self.wakes.clone() else { return Ok(()) };
        remove(&self.socket);
        let bound = UnixListener::bind(&self.socket);
        let act = "listen on";
        let path = self.socket.clone();
        let listener = bound.map_err(|source| Error::File { act, path, source })?;
        // A socket that is gone takes no more clients, and keeps those it has.
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

    /// Makes the socket again, for somebody who found it gone and waits for the word.
    pub(super) async fn renew(&mut self) {
        let word = match self.bind() {
            Ok(()) => "ready".to_owned(),
            Err(error) => words(&error),
        };
        if let Ok(waiting) = fs::read_to_string(&self.ready_path) {
            remove(&self.ready_path);
            Starter::greet(Some(Path::new(waiting.trim()))).await.tell(&word).await;
        }
    }

    /// Takes no more clients, and lets those that are there read what was written for them.
    pub(super) async fn close(&mut self) {
        remove(&self.file);
        remove(&self.socket);
        // Nobody is to wake us any more.
        self.lock.set_len(0).unwrap_or_default();
        self.stop.send_replace(true);
        let all = async { while self.listening.join_next().await.is_some() {} };
        if timeout(CLOSE_LIMIT, all).await.is_err() {
            tracing::debug!("some clients did not read to the end");
        }
    }
}

async fn lock(options: &Options) -> Result<Option<File>, Error> {
    let path = options.state.hub_lock();
    let fail = |source| Error::File { act: "lock", path: path.clone(), source };
    let file = File::options().create(true).append(true).open(&path).map_err(fail)?;
    // The pid in it is a dead hub's; ours comes when we can be woken.
    let own = |file: File| file.set_len(0).map(|()| file);
    match file.try_lock() {
        Ok(()) => return own(file).map(Some).map_err(fail),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(source)) => return Err(fail(source)),
    }
    if wake_hidden_hub(options) {
        return Ok(None);
    }
    // One that is just leaving.
    let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    match timeout(LEAVE_LIMIT, waiting).await {
        Ok(Ok(locked)) => locked.and_then(own).map(Some).map_err(fail),
        Ok(Err(_)) | Err(_) => Err(Error::Held { path }),
    }
}

/// A hub whose socket vanished is told to make it again; it will say the word in our place.
fn wake_hidden_hub(options: &Options) -> bool {
    let Some(ready) = &options.ready else { return false };
    let Ok(text) = fs::read_to_string(options.state.hub_lock()) else { return false };
    // Anything else than a process of its own is no hub.
    let Some(pid) = text.trim().parse().ok().filter(|pid: &i32| *pid > 1) else { return false };
    let waiting = options.state.root().join("ready");
    let noted = replace(&waiting, ready.to_string_lossy().as_bytes());
    let woken = signal::kill(unistd::Pid::from_raw(pid), signal::Signal::SIGUSR1);
    noted.is_ok() && woken.is_ok()
}

/// Logs to a file that is rotated by size. `WTMAG_LOG` says how much: `debug`, `wtmag::tmux=trace`.
fn log(dir: &Path) -> Result<(), Error> {
    let suffix = AppendCount::new(LOG_FILES);
    let limit = ContentLimit::BytesSurpassed(LOG_BYTES);
    let mut private = File::options();
    private.read(true).create(true).append(true).mode(0o600);
    let file =
        FileRotate::new(dir.join("hub.log"), suffix, limit, Compression::None, Some(private));
    let filter = EnvFilter::try_from_env("WTMAG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(file));
    // A second hub in one process, as tests have it, logs where the first one does.
    subscriber.try_init().unwrap_or_default();
    Ok(())
}

/// Whoever waits for a hub to be ready. Connected from the hub's first moment on, so that a hub
/// that dies before it can say anything is heard, too.
pub(super) struct Starter(Option<UnixStream>);

impl Starter {
    pub(super) async fn greet(path: Option<&Path>) -> Self {
        let Some(path) = path else { return Self(None) };
        match timeout(LEAVE_LIMIT, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => Self(Some(stream)),
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("nobody waits any more");
                Self(None)
            }
        }
    }

    /// Says the one word: `ready`, `elsewhere`, or what went wrong.
    pub(super) async fn tell(self, word: &str) {
        let Some(mut stream) = self.0 else { return };
        let say = async {
            stream.write_all(word.as_bytes()).await?;
            stream.shutdown().await
        };
        if !matches!(timeout(LEAVE_LIMIT, say).await, Ok(Ok(()))) {
            tracing::debug!("nobody waits any more");
        }
    }
}

/// An error with its causes, in one line.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let lines = successors(Some(error), |&it| it.source()).map(ToString::to_string);
    let mut words = Vec::new();
    for line in lines {
        // Transparent errors repeat their source's words.
        if words.last() != Some(&line) {
            words.push(line);
        }
    }
    words.join(": ")
}

/// The reports that hooks left while no hub answered, oldest first, with their files. One that
/// cannot be read is set aside, not lost.
pub(super) fn load_spool(dir: &Path) -> Vec<(PathBuf, HookReport)> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    paths.sort();
    let mut reports = Vec::new();
    for path in paths {
        match fs::read(&path).map(|bytes| serde_json::from_slice(&bytes)) {
            Ok(Ok(report)) => reports.push((path, report)),
            // Its sender has heard from us by the socket, and took it back.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Err(error)) => {
                tracing::warn!(path = %path.display(), %error, "a report that cannot be read");
                fs::rename(&path, path.with_extension("bad")).unwrap_or_default();
            }
            Err(error) => tracing::warn!(path = %path.display(), %error, "cannot read a report"),
        }
    }
    reports
}

/// Changes when the machine is rebooted; empty where the system does not tell.
pub(super) fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

fn replace_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Error> {
    let write = || replace(path, &serde_json::to_vec(value)?);
    write().map_err(|source| Error::File { act: "write", path: path.to_owned(), source })
}

/// Replaces a file in one step.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new().prefix(".").tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

pub(super) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove");
        }
        Ok(()) | Err(_) => {}
    }
}
