//! A client's side of the hub: find it, start it if needed, ask it, listen to it.
//!
//! Knows [`crate::wire`], where a hub's files are and how to start its process; not what the hub
//! does inside. To wait for a starting hub, it waits for a message on a socket made for that
//! purpose.
mod mirror;

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    model::{Answer, Event, Refusal, Request},
    paths::{self, Env, StateDir},
    proc::{self, Cmd},
    wire::{self, Envelope, Frame, Hello, HubFile},
};

pub use mirror::{Change, Known, Mirror};

/// Events that are buffered while an answer is awaited. When there are more, the client must catch
/// up like any slow reader.
const MAX_WAITING: usize = 4096;
/// Bytes of a long answer that are read at once.
const READ_AT_ONCE: usize = 64 * 1024;
/// How long a hub may take to say hello.
const HELLO_LIMIT: Duration = Duration::from_secs(5);
/// How long a hub may take to start, including its database and the end of an older hub.
const START_LIMIT: Duration = Duration::from_secs(15);
/// How long to keep reconnecting while one hub after another goes away.
const SUCCESSION_LIMIT: Duration = Duration::from_secs(30);
/// How long a hub may take to answer a request that does not wait for anything.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no hub is running for this tmux server")]
    NotRunning,
    #[error("could not start the hub: {why}")]
    Start { why: String },
    #[error("the hub (pid {pid}) does not answer")]
    Silent { pid: u32 },
    #[error("the hub (pid {pid}) speaks another protocol ({theirs}, this program {ours})", ours = wire::PROTOCOL)]
    Foreign { pid: u32, theirs: u32 },
    #[error("the hub closed the connection")]
    Closed,
    #[error("the hub did not answer within {} s", limit.as_secs())]
    TimedOut { limit: Duration },
    #[error("lost the connection to the hub")]
    Io(#[source] io::Error),
    #[error("invalid message from the hub")]
    Frame(#[from] wire::Error),
    /// The client can ask for the missed events by number, or for everything.
    #[error("events were missed after number {after}")]
    Lagged { after: u64 },
    #[error("the hub sent an answer of the wrong kind")]
    Unexpected,
    #[error("`{}` cannot be read", path.display())]
    HubFile { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Paths(#[from] paths::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A hub that exits closes its connections; a killed hub resets them. Both mean that it is gone.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
        let is_end =
            matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected);
        if is_end { Self::Closed } else { Self::Io(error) }
    }
}

impl Error {
    /// The connection ended or events were missed: the client can reconnect or catch up.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::NotRunning | Self::Closed | Self::Lagged { .. })
    }
}

/// Which hub to use, and how to start it.
#[derive(Clone, Debug)]
pub struct HubLocation {
    pub tmux_socket: PathBuf,
    pub state: StateDir,
    /// Private directory for short-lived sockets.
    pub runtime: PathBuf,
    pub program: PathBuf,
    pub uid: u32,
}

impl HubLocation {
    /// The hub of the tmux server chosen by `-S`, `-L` or the environment.
    pub fn find(env: &Env, path: Option<&Path>, name: Option<&OsString>) -> Result<Self, Error> {
        let tmux_socket = env.tmux_socket(path, name.map(OsString::as_os_str))?;
        let state = env.state_dir(&tmux_socket);
        let hub_socket = env.hub_socket(&state)?;
        let runtime = hub_socket.parent().unwrap_or(Path::new("/tmp")).to_owned();
        let program = paths::own_program().map_err(Error::Io)?;
        Ok(Self { tmux_socket, state, runtime, program, uid: env.uid() })
    }

    /// What the running hub wrote about itself, if its file exists. An unreadable file counts as
    /// missing: the hub writes it again when a client asks.
    pub fn hub_file(&self) -> Result<Option<HubFile>, Error> {
        let path = self.state.hub_json();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::HubFile { path, source }),
        };
        Ok(serde_json::from_slice(&bytes).ok())
    }
}

/// A connection to a hub.
#[derive(Debug)]
pub struct Hub {
    at: HubLocation,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    pub hello: Hello,
    line: Vec<u8>,
    last_id: u64,
    /// Events that came while an answer was awaited.
    waiting: VecDeque<Event>,
    /// Events after this one were missed.
    lagged: Option<u64>,
    subscription: Subscription,
}

/// Whether this connection is sent events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscription {
    None,
    Active,
    /// A hub that has gone had it. Its successor knows nothing of it.
    Lost,
}

impl Hub {
    /// Connects to the running hub, whatever its version; `NotRunning` if none runs.
    pub async fn connect(at: &HubLocation) -> Result<Self, Error> {
        let Some(file) = at.hub_file()? else { return Err(Error::NotRunning) };
        let stream = match UnixStream::connect(&file.socket).await {
            Ok(stream) => stream,
            Err(error) if is_absent(&error) => return Err(Error::NotRunning),
            Err(error) => return Err(error.into()),
        };
        let silent = Error::Silent { pid: file.pid };
        timeout(HELLO_LIMIT, Self::greet(at, stream)).await.map_err(|_| silent)?
    }

    /// Connects to a usable hub: starts one if none runs, and replaces an older one. If it dies in
    /// between, starts it again.
    pub async fn connect_or_start(at: &HubLocation) -> Result<Self, Error> {
        const TRIES: usize = 3;
        for _ in 1..TRIES {
            match Self::try_to_reach(at).await {
                Err(error) if error.is_gone() => {}
                other => return other,
            }
        }
        Self::try_to_reach(at).await
    }

    async fn try_to_reach(at: &HubLocation) -> Result<Self, Error> {
        match Self::connect(at).await {
            Ok(hub) if hub.hello.is_older() => {}
            Ok(hub) => return Ok(hub),
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error),
        }
        at.state.make(at.uid)?;
        // One caller starts the hub; the others wait here and then find it running.
        let turn = start_turn(at).await?;
        let hub = match Self::connect(at).await {
            Ok(hub) if hub.hello.is_older() => {
                hub.replace().await?;
                start(at).await?;
                Self::connect(at).await
            }
            Err(error) if error.is_gone() => {
                start(at).await?;
                Self::connect(at).await
            }
            other => other,
        };
        drop(turn);
        hub
    }

    /// Asks and waits for the answer. Events that arrive in between are kept for [`Hub::event`].
    /// What only reads is asked of the next hub, if this one goes away before it answers.
    pub async fn ask(&mut self, request: Request) -> Result<Answer, Error> {
        if request.only_reads() {
            return self.ask_any(request).await;
        }
        self.ask_within(request, ANSWER_LIMIT).await
    }

    /// Asks a request that may be repeated: if this hub goes away before it answers, asks its
    /// successor and uses that connection from then on. A subscription does not move with it: the
    /// next [`Hub::event`] says that the hub has gone.
    pub async fn ask_any(&mut self, request: Request) -> Result<Answer, Error> {
        self.ask_any_within(request, ANSWER_LIMIT).await
    }

    /// Like [`Hub::ask_any`], with a time limit for each hub's answer.
    pub async fn ask_any_within(
        &mut self,
        request: Request,
        limit: Duration,
    ) -> Result<Answer, Error> {
        let mut deadline = None;
        loop {
            match self.ask_within(request.clone(), limit).await {
                Err(error) if error.is_gone() => {
                    let now = Instant::now();
                    if now >= *deadline.get_or_insert(now + SUCCESSION_LIMIT) {
                        return Err(error);
                    }
                }
                other => return other,
            }
            match Self::connect_or_start(&self.at).await {
                Ok(successor) => {
                    let subscription = match self.subscription {
                        Subscription::None => Subscription::None,
                        Subscription::Active | Subscription::Lost => Subscription::Lost,
                    };
                    *self = Self { subscription, ..successor };
                }
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Like [`Hub::ask`], with a time limit.
    pub async fn ask_within(&mut self, request: Request, limit: Duration) -> Result<Answer, Error> {
        let subscribes = matches!(request, Request::Subscribe { .. });
        let id = self.send(request).await?;
        let answered = async {
            loop {
                match self.frame().await? {
                    Frame::Answer { id: to, answer } if to == id => {
                        if subscribes {
                            self.subscription = Subscription::Active;
                        }
                        return Ok(answer);
                    }
                    Frame::Refused { id: to, refusal } if to == id => return Err(refusal.into()),
                    Frame::Event { event, .. } => self.keep(event),
                    Frame::Lagged { seq, .. } => self.lagged = self.lagged.or(Some(seq)),
                    Frame::Answer { .. } | Frame::Refused { .. } | Frame::Other(_) => {}
                }
            }
        };
        timeout(limit, answered).await.map_err(|_| Error::TimedOut { limit })?
    }

    fn keep(&mut self, event: Event) {
        if self.lagged.is_some() {
            return;
        }
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(event);
        } else {
            self.lagged = Some(event.seq.saturating_sub(1));
        }
    }

    /// The next event of a subscription. Safe to drop while it waits.
    pub async fn event(&mut self) -> Result<Event, Error> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(event);
        }
        if self.subscription == Subscription::Lost {
            return Err(Error::Closed);
        }
        if let Some(after) = self.lagged.take() {
            return Err(Error::Lagged { after });
        }
        loop {
            match self.frame().await? {
                Frame::Event { event, .. } => return Ok(event),
                Frame::Lagged { seq, .. } => return Err(Error::Lagged { after: seq }),
                Frame::Answer { .. } | Frame::Refused { .. } | Frame::Other(_) => {}
            }
        }
    }

    /// Sends a request without waiting for its answer; returns its number.
    pub async fn send(&mut self, request: Request) -> Result<u64, Error> {
        self.last_id += 1;
        let request = Envelope { id: self.last_id, request };
        self.writer.write_all(&wire::encode(&request)?).await?;
        Ok(self.last_id)
    }

    async fn greet(at: &HubLocation, stream: UnixStream) -> Result<Self, Error> {
        let (read, mut writer) = stream.into_split();
        let mut reader = BufReader::with_capacity(READ_AT_ONCE, read);
        writer.write_all(&wire::encode(&Hello::new(std::process::id()))?).await?;
        let mut line = Vec::new();
        next_line(&mut reader, &mut line).await?;
        let hello: Hello = wire::decode(&line)?;
        if !hello.is_understood() {
            return Err(Error::Foreign { pid: hello.pid, theirs: hello.protocol });
        }
        Ok(Self {
            at: at.clone(),
            reader,
            writer,
            hello,
            line: Vec::new(),
            last_id: 0,
            waiting: VecDeque::new(),
            lagged: None,
            subscription: Subscription::None,
        })
    }

    /// The next frame. If this is dropped while it waits, the bytes read so far stay in `line`.
    async fn frame(&mut self) -> Result<Frame, Error> {
        next_line(&mut self.reader, &mut self.line).await?;
        let line = std::mem::take(&mut self.line);
        Ok(Frame::read(&line)?)
    }

    /// Asks an older hub to finish its current step and exit, and waits until it has.
    async fn replace(mut self) -> Result<(), Error> {
        let reason = format!("replaced by wtmag {}", env!("CARGO_PKG_VERSION"));
        match self.ask_within(Request::Stop { reason }, ANSWER_LIMIT).await {
            // It exited before it answered.
            Err(Error::Closed | Error::Io(_)) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => self.closed().await,
        }
    }

    /// Waits until the hub has closed the connection: it is gone.
    pub async fn closed(&mut self) -> Result<(), Error> {
        let pid = self.hello.pid;
        let gone = async { while self.frame().await.is_ok() {} };
        timeout(START_LIMIT, gone).await.map_err(|_| Error::Silent { pid })
    }
}

/// Waits for the lock that allows starting a hub. The kernel releases it if its holder dies.
async fn start_turn(at: &HubLocation) -> Result<File, Error> {
    let path = at.state.root().join("start.lock");
    let turn = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).append(true).open(&path)?;
        file.lock()?;
        io::Result::Ok(file)
    });
    let turn = timeout(START_LIMIT, turn).await;
    let why = || "another wtmag is still starting it".to_owned();
    let turn = turn.map_err(|_| Error::Start { why: why() })?;
    Ok(turn.map_err(io::Error::other)??)
}

/// Starts a hub and waits until it reports that it is ready, or why it is not.
async fn start(at: &HubLocation) -> Result<(), Error> {
    let word = at.runtime.join(format!("start-{}.sock", std::process::id()));
    drop(std::fs::remove_file(&word));
    let listener = UnixListener::bind(&word)?;
    let heard = async {
        launch(at, &word).await?;
        // The new hub connects at once. It may find that another one has the lock, which then sends the
        // message.
        let mut words = JoinSet::new();
        loop {
            let word = tokio::select! {
                accepted = listener.accept() => {
                    words.spawn(read_to_end(accepted?.0));
                    continue;
                }
                Some(word) = words.join_next() => word.map_err(io::Error::other)??,
            };
            return match word.trim() {
                "ready" => Ok(()),
                // It died.
                "" => Err(Error::Closed),
                why => Err(Error::Start { why: why.to_owned() }),
            };
        }
    };
    let heard = timeout(START_LIMIT, heard).await;
    drop(std::fs::remove_file(&word));
    let log = at.state.log().display().to_string();
    let why = format!("it was not ready within {} s; see {log}", START_LIMIT.as_secs());
    heard.map_err(|_| Error::Start { why })?
}

async fn read_to_end(mut stream: UnixStream) -> io::Result<String> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// Starts the hub from the tmux server if one runs, so that the hub gets the server's environment,
/// scope and lifetime; otherwise directly.
async fn launch(at: &HubLocation, word: &Path) -> Result<(), Error> {
    let failed = |error: proc::Error| Error::Start { why: error.to_string() };
    let args: [OsString; 8] = [
        "hub".into(),
        "run".into(),
        "--tmux-socket".into(),
        at.tmux_socket.clone().into(),
        "--state".into(),
        at.state.root().into(),
        "--ready".into(),
        word.into(),
    ];
    if let Some(line) = shell_line(&at.program, &args) {
        let server = [OsString::from("-N"), "-S".into(), at.tmux_socket.clone().into()];
        let run = [OsString::from("run-shell"), "-b".into(), line.into()];
        let tmux = proc::tmux(&at.tmux_socket).await;
        let cmd = Cmd::new(tmux, Path::new("/")).args(server.iter().chain(&run));
        let started = cmd.limit(HELLO_LIMIT).run(&proc::never()).await;
        if started.is_ok_and(|output| output.is_success()) {
            return Ok(());
        }
    }
    proc::detach(&at.program, &args, None).map_err(failed)?;
    Ok(())
}

/// The command for tmux's `run-shell`: quoted for sh, then for tmux's formats. None when a path
/// cannot be written on one line. The shell starts the hub in the background and exits: when a tmux
/// job itself fails or is killed, tmux shows a message over a pane and puts the pane into a mode.
fn shell_line(program: &Path, args: &[OsString]) -> Option<String> {
    let words = std::iter::once(program.as_os_str()).chain(args.iter().map(OsString::as_os_str));
    let quoted = words.map(|word| shlex::try_quote(word.to_str()?).ok().map(String::from));
    let quoted: Vec<String> = quoted.collect::<Option<_>>()?;
    // In the background: if tmux waits for a command that fails, it shows the failure in a mode of
    // the pane that it takes for the current one.
    let line = format!("{} </dev/null >/dev/null 2>&1 &", quoted.join(" "));
    Some(line.replace('#', "##"))
}

async fn next_line(reader: &mut BufReader<OwnedReadHalf>, line: &mut Vec<u8>) -> Result<(), Error> {
    let limit = u64::try_from(wire::MAX_FRAME).unwrap_or(u64::MAX);
    reader.take(limit).read_until(b'\n', line).await?;
    match line.last() {
        Some(b'\n') => Ok(()),
        Some(_) if line.len() >= wire::MAX_FRAME => Err(wire::Error::TooLong.into()),
        Some(_) | None => Err(Error::Closed),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_neither_shell_nor_format() {
        let path = "/a b/#(touch z)'q'$x";
        let line = shell_line(Path::new(path), &["hub".into()]).unwrap();
        assert!(line.contains("##(touch z)"), "{line}");
        let words = shlex::split(&line.replace("##", "#")).unwrap();
        assert_eq!(words.get(..2).unwrap(), [path, "hub"]);
    }
}
