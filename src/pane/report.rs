//! Reports to the hub what happened in a pane: through its socket, and through a file if it does
//! not answer.
//!
//! Knows the spool's files and one request of the protocol. Never waits long: an agent or a shell
//! waits for it.
use std::{
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process,
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{
    clock,
    model::{Answer, Hook, HookReport, PaneId, Refusal, Request, WorkerId},
    paths::{self, Env},
    proc,
    wire::{self, Envelope, Frame, Hello},
};

/// Longest wait for the hub's answer; a whole report takes 30 ms.
const ANSWER: Duration = Duration::from_millis(25);

/// Longest wait until the report is in the hub's socket. That is immediate, unless the machine is
/// busy or a stopped hub has a full queue of connections.
const SEND: Duration = Duration::from_millis(250);

/// What became of a report whose sender waits for the answer.
#[derive(Debug)]
pub enum Told {
    Answered(Box<Result<Answer, Refusal>>),
    /// The hub will find it in its spool.
    Kept,
    Lost,
}

/// The outcome of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The hub answered.
    Hub,
    /// The hub will find it in its spool.
    Spool,
    /// The hub was killed: the next one will find it in its spool.
    Dead,
    /// Neither; the hub may still read it from its socket.
    NoListener,
}

/// Reports `hook`. The file is written first: whatever happens to this process or to the hub, the
/// hub gets the report, at worst twice with the same id.
pub fn report(
    spool: &Path,
    socket: &Path,
    worker: &WorkerId,
    pane: Option<PaneId>,
    hook: Hook,
) -> Reached {
    let report = HookReport { id: report_id(), worker: worker.clone(), pane, hook };
    send_and_keep(spool, socket, report, ANSWER).0
}

/// Sorts by time, and no two reports of one process have the same.
pub fn report_id() -> String {
    format!("{:020}-{}", clock::nanos(), process::id())
}

/// Like [`report_to_any`], and waits for the hub's answer. `server`: the hub's tmux server.
pub fn report_and_hear(
    spool: &Path,
    socket: &Path,
    server: Option<&Path>,
    report: HookReport,
    patience: Duration,
) -> Told {
    match send_and_keep(spool, socket, report, patience) {
        (_, Some(answer)) => Told::Answered(Box::new(answer)),
        (Reached::Dead, None) => {
            let _pid = server.and_then(|it| start_hub(it, spool));
            Told::Kept
        }
        (Reached::Hub | Reached::Spool, None) => Told::Kept,
        (Reached::NoListener, None) => Told::Lost,
    }
}

type Reply = Result<Answer, Refusal>;

fn send_and_keep(
    spool: &Path,
    socket: &Path,
    report: HookReport,
    patience: Duration,
) -> (Reached, Option<Reply>) {
    let file = write_spool(spool, &report).ok();
    match (file, ask(socket, report, patience)) {
        (file, Answered::Yes(reply)) => {
            if let Some(file) = file {
                // The hub may have processed it already.
                std::fs::remove_file(file).unwrap_or_default();
            }
            (Reached::Hub, Some(*reply))
        }
        (Some(_), Answered::Refused) => (Reached::Dead, None),
        (Some(_), Answered::Sent | Answered::No) => (Reached::Spool, None),
        (None, _) => (Reached::NoListener, None),
    }
}

/// Like [`report`]. A killed hub is replaced by the next one; a stopped one is not.
pub fn report_to_any(
    spool: &Path,
    socket: &Path,
    worker: &WorkerId,
    pane: Option<PaneId>,
    hook: Hook,
) {
    if report(spool, socket, worker, pane, hook) == Reached::Dead {
        // Without it, the report waits for the next client of a hub.
        let caller = Env::capture().ok().and_then(|it| it.caller());
        let _pid = caller.and_then(|it| start_hub(&it.socket, spool));
    }
}

/// Does not wait for its end. The agent's environment may name another place for the state than the worker's.
fn start_hub(server: &Path, spool: &Path) -> Option<u32> {
    let program = paths::own_program().ok()?;
    let args = [OsStr::new("-S"), server.as_os_str(), OsStr::new("hub"), OsStr::new("start")];
    let home = state_home(spool).map(|it| ("XDG_STATE_HOME", it.as_os_str()));
    proc::detach(&program, args, home).ok()
}

/// The directory that has the state of all hubs, if this is the spool of one: `HOME/wtmag/MACHINE/SERVER/spool`.
fn state_home(spool: &Path) -> Option<&Path> {
    let wtmag = spool.ancestors().nth(3)?;
    wtmag.parent().filter(|it| it.is_absolute() && wtmag.ends_with("wtmag"))
}

/// The outcome of a request to the hub.
#[derive(Debug)]
enum Answered {
    Yes(Box<Reply>),
    /// It is in the hub's socket.
    Sent,
    No,
    /// Its socket exists, but no process listens.
    Refused,
}

/// Writes one JSON line to a new file in one step.
fn write_spool(spool: &Path, report: &HookReport) -> io::Result<PathBuf> {
    let path = spool.join(format!("{}.json", report.id));
    let mut file = tempfile::Builder::new().prefix(".").tempfile_in(spool)?;
    serde_json::to_writer(&mut file, report)?;
    file.write_all(b"\n")?;
    file.persist_noclobber(&path)?;
    Ok(path)
}

/// How often a report is sent while hubs end before they answer. A killed hub may still accept for a moment,
/// and another may listen by then.
const TRIES: usize = 3;

/// The hub's answer, if it came in time.
fn ask(socket: &Path, report: HookReport, patience: Duration) -> Answered {
    let (sender, progress) = mpsc::sync_channel(TRIES + 1);
    let socket = socket.to_owned();
    // `connect` has no time limit.
    thread::spawn(move || {
        let told = try_each(&socket, report, || sender.send(Answered::Sent).is_ok());
        sender.send(told).unwrap_or_default();
    });
    let mut limit = SEND;
    loop {
        match progress.recv_timeout(limit) {
            Ok(Answered::Sent) => limit = patience,
            Ok(told) => return told,
            Err(_) => return Answered::No,
        }
    }
}

/// `sent` is called each time the report may be in a hub's socket, and returns whether the answer is awaited.
fn try_each(socket: &Path, report: HookReport, sent: impl Fn() -> bool) -> Answered {
    let Ok(lines) = lines(report) else { return Answered::No };
    for _ in 0..TRIES {
        let mut stream = match UnixStream::connect(socket) {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Answered::Refused;
            }
            Err(_) => return Answered::No,
        };
        let is_written = stream.write_all(&lines).is_ok();
        if !sent() {
            return Answered::No;
        }
        if let (true, Some(answer)) = (is_written, answer_in(stream)) {
            return Answered::Yes(Box::new(answer));
        }
    }
    Answered::No
}

fn lines(report: HookReport) -> Result<Vec<u8>, wire::Error> {
    let request = Envelope { id: 1, request: Request::Hook(report) };
    let mut lines = wire::encode(&Hello::new(process::id()))?;
    lines.extend(wire::encode(&request)?);
    Ok(lines)
}

fn answer_in(stream: UnixStream) -> Option<Reply> {
    // The hub's hello comes first and is not a frame.
    let lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
    let mut frames = lines.filter_map(|line| Frame::read(&line).ok());
    frames.find_map(|frame| match frame {
        Frame::Answer { answer, .. } => Some(Ok(answer)),
        Frame::Refused { refusal, .. } => Some(Err(refusal)),
        Frame::Event { .. } | Frame::Lagged { .. } | Frame::Other(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Reports to a hub that takes the report and ends without an answer; `then` is what comes of its socket.
    fn told(then: impl FnOnce(&Path) + Send) -> Answered {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("hub.sock");
        let hub = UnixListener::bind(&socket).unwrap();
        let worker = "w".parse().unwrap();
        let report = HookReport { id: report_id(), worker, pane: None, hook: Hook::Started };
        thread::scope(|scope| {
            scope.spawn(|| {
                let (stream, _) = hub.accept().unwrap();
                // Before the end of the connection, which the reporter waits for.
                drop(hub);
                then(&socket);
                drop(stream);
            });
            try_each(&socket, report, || true)
        })
    }

    #[test]
    fn a_hub_that_ends_before_it_answers_was_killed_or_stopped_or_has_a_next_one() {
        assert!(matches!(told(|_| {}), Answered::Refused));
        assert!(matches!(told(|socket| std::fs::remove_file(socket).unwrap()), Answered::No));
        let (sender, next) = mpsc::channel();
        let by_the_next = told(move |socket| {
            std::fs::remove_file(socket).unwrap();
            let hub = UnixListener::bind(socket).unwrap();
            let next = thread::spawn(move || {
                let (mut stream, _) = hub.accept().unwrap();
                stream.write_all(&wire::encode(&Hello::new(1)).unwrap()).unwrap();
                let answer = Frame::Answer { id: 1, answer: Answer::Done };
                stream.write_all(&wire::encode(&answer).unwrap()).unwrap();
            });
            sender.send(next).unwrap();
        });
        assert!(matches!(by_the_next, Answered::Yes(reply) if matches!(*reply, Ok(Answer::Done))));
        next.recv().unwrap().join().unwrap();
    }
}
