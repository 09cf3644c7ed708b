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
    model::{Hook, HookReport, PaneId, Request, WorkerId},
    paths::{self, Env},
    proc,
    wire::{self, Envelope, Frame, Hello},
};

/// Longest wait for the hub's answer; a whole report takes 30 ms.
const ANSWER: Duration = Duration::from_millis(25);

/// Longest wait until the report is in the hub's socket. That is immediate, unless the machine is
/// busy or a stopped hub has a full queue of connections.
const SEND: Duration = Duration::from_millis(250);

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
    // Sorts by time, and no two reports of one process have the same.
    let id = format!("{:020}-{}", clock::nanos(), process::id());
    let report = HookReport { id, worker: worker.clone(), pane, hook };
    let file = write_spool(spool, &report).ok();
    let answer = ask(socket, report);
    if answer == Answered::Yes {
        if let Some(file) = file {
            // The hub may have processed it already.
            std::fs::remove_file(file).unwrap_or_default();
        }
        return Reached::Hub;
    }
    match (file, answer) {
        (Some(_), Answered::Refused) => Reached::Dead,
        (Some(_), Answered::Yes | Answered::No) => Reached::Spool,
        (None, _) => Reached::NoListener,
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
        let _pid = start_hub();
    }
}

/// Does not wait for its end.
fn start_hub() -> Option<u32> {
    let server = Env::capture().ok()?.caller()?.socket;
    let program = paths::own_program().ok()?;
    let args = [OsStr::new("-S"), server.as_os_str(), OsStr::new("hub"), OsStr::new("start")];
    proc::detach(&program, args).ok()
}

/// The outcome of a request to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    Yes,
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

/// Whether the hub answered in time, whatever it said.
fn ask(socket: &Path, report: HookReport) -> Answered {
    let (sender, progress) = mpsc::sync_channel(2);
    let socket = socket.to_owned();
    // `connect` has no time limit.
    thread::spawn(move || {
        let stream = send(&socket, report);
        let sent = match &stream {
            Ok(_) => Answered::Yes,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Answered::Refused,
            Err(_) => Answered::No,
        };
        let is_awaited = sender.send(sent).is_ok();
        if let (true, Ok(stream)) = (is_awaited, stream) {
            let answer = if is_answered(stream) { Answered::Yes } else { Answered::No };
            sender.send(answer).unwrap_or_default();
        }
    });
    match progress.recv_timeout(SEND) {
        Ok(Answered::Yes) => progress.recv_timeout(ANSWER).unwrap_or(Answered::No),
        Ok(failed) => failed,
        Err(_) => Answered::No,
    }
}

fn send(socket: &Path, report: HookReport) -> io::Result<UnixStream> {
    let request = Envelope { id: 1, request: Request::Hook(report) };
    let mut lines = wire::encode(&Hello::new(process::id())).map_err(io::Error::other)?;
    lines.extend(wire::encode(&request).map_err(io::Error::other)?);
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&lines)?;
    Ok(stream)
}

fn is_answered(stream: UnixStream) -> bool {
    // The hub's hello comes first and is not a frame.
    let lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
    let mut frames = lines.filter_map(|line| wire::decode(&line).ok());
    frames.any(|frame| matches!(frame, Frame::Answer { .. } | Frame::Refused { .. }))
}
