//! The hub's side of its socket: one task per client, lines in, lines out.
//!
//! Knows frames and limits; not the requests. Refuses a peer of another user, and tells a peer with
//! another protocol so. A line that is too long or not a request ends only its own connection.
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedReadHalf},
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    state::{Input, RequestId},
    wake::{Outgoing, Wake},
};
use crate::{
    model::{Refusal, RefusalKind},
    wire::{self, Envelope, Frame, Hello},
};

/// Lines that may be queued for a client that reads slowly.
pub(super) const QUEUE: usize = 256;
/// How long a client may take to send its first line, to send the rest of any line, or to read a
/// line.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most clients at one time; more wait until one leaves.
const MAX_CLIENTS: usize = 256;
/// Lines up to this length are read at once. Longer ones are read a few at a time, so that partial
/// lines of many clients cannot fill the memory.
const SHORT_LINE: u64 = 64 << 10;
static LONG_LINES: Semaphore = Semaphore::const_new(4);

/// Accepts clients until `stop` becomes true, then waits for the existing ones. `last_id` belongs
/// to the hub: after the socket is recreated, clients of the earlier one still exist.
pub(super) async fn listen(
    listener: UnixListener,
    wakes: mpsc::Sender<Wake>,
    uid: u32,
    last_id: Arc<AtomicU64>,
    mut stop: watch::Receiver<bool>,
) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            accepted = listener.accept(), if clients.len() < MAX_CLIENTS => match accepted {
                Ok((stream, _)) => {
                    let id = last_id.fetch_add(1, Ordering::Relaxed) + 1;
                    clients.spawn(serve(stream, id, wakes.clone(), uid));
                }
                // Out of descriptors: leave the peer in the backlog until one is free again.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a client");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(ended) = clients.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a client's task failed");
                }
            }
        }
    }
    drop(listener);
    while clients.join_next().await.is_some() {}
}

async fn serve(stream: UnixStream, client: u64, wakes: mpsc::Sender<Wake>, uid: u32) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == uid => {}
        Ok(peer) => return tracing::warn!(uid = peer.uid(), "turned away another user"),
        Err(error) => return tracing::warn!(%error, "cannot identify the user of a client"),
    }
    let (read, mut write) = stream.into_split();
    let (lines, mut queue) = mpsc::channel(QUEUE);
    let writer = async move {
        while let Some(Outgoing::Line(line)) = queue.recv().await {
            let sent = timeout(PATIENCE, write.write_all(&line)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    };
    let has_come = AtomicBool::new(false);
    let (known, forgotten) = oneshot::channel();
    let reader = async {
        let mut reader = BufReader::new(read);
        if !greet(&mut reader, &lines).await {
            return;
        }
        let came = Wake::ClientCame { client, lines: lines.clone(), known };
        if wakes.send(came).await.is_err() {
            return;
        }
        has_come.store(true, Ordering::Relaxed);
        if let Err(error) = requests(&mut reader, client, &wakes, &lines).await {
            tracing::debug!(client, %error, "client ended");
        }
    };
    // A client that stops reading is dropped, like one that stops writing.
    tokio::pin!(writer);
    tokio::select! {
        () = &mut writer => {}
        // The hub has dropped it, or it has not read its answers: ignore what it sends.
        _ = forgotten => {
            drop(lines);
            if timeout(PATIENCE, writer).await.is_err() {
                tracing::debug!(client, "last lines were not read");
            }
            return;
        }
        () = reader => {
            // Requests from before it closed its side are still answered: the hub holds the queue.
            if has_come.load(Ordering::Relaxed) {
                say_gone(&wakes, client).await;
            }
            drop(lines);
            if timeout(PATIENCE, writer).await.is_err() {
                tracing::debug!(client, "last lines were not read");
            }
            return;
        }
    }
    if has_come.load(Ordering::Relaxed) {
        say_gone(&wakes, client).await;
    }
}

async fn say_gone(wakes: &mpsc::Sender<Wake>, client: u64) {
    if wakes.send(Wake::Input(Input::ClientGone { client })).await.is_err() {
        tracing::debug!("the hub is exiting");
    }
}

async fn greet(reader: &mut BufReader<OwnedReadHalf>, lines: &mpsc::Sender<Outgoing>) -> bool {
    let first = timeout(PATIENCE, line(reader)).await;
    let Ok(Ok(Some(first))) = first else { return false };
    let ours = Hello::new(std::process::id());
    if let Ok(hello) = wire::encode(&ours)
        && lines.send(Outgoing::Line(hello)).await.is_err()
    {
        return false;
    }
    match wire::decode::<Hello>(&first) {
        Ok(theirs) => theirs.is_understood(),
        Err(error) => {
            tracing::debug!(%error, "no hello");
            false
        }
    }
}

async fn requests(
    reader: &mut BufReader<OwnedReadHalf>,
    client: u64,
    wakes: &mpsc::Sender<Wake>,
    lines: &mpsc::Sender<Outgoing>,
) -> io::Result<()> {
    while let Some(line) = line(reader).await? {
        match wire::decode::<Envelope>(&line) {
            Ok(Envelope { id, request }) => {
                let request_id = RequestId { client, number: id };
                let asked = Wake::Input(Input::Requested { request_id, request });
                if wakes.send(asked).await.is_err() {
                    return Ok(());
                }
            }
            Err(error) => {
                let refusal = Refusal::new(RefusalKind::BadRequest, error.to_string());
                let frame = Frame::Refused { id: id_of(&line), refusal };
                let Ok(frame) = wire::encode(&frame) else { return Ok(()) };
                if lines.send(Outgoing::Line(frame)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The number of a request with an unknown verb, so that its client gets an answer.
fn id_of(line: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct OnlyId {
        id: u64,
    }
    serde_json::from_slice::<OnlyId>(line).map_or(0, |it| it.id)
}

/// One line without its end; `None` at the end of the stream. A client may be silent for any time,
/// but not in the middle of a line.
async fn line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Vec<u8>>> {
    if reader.fill_buf().await?.is_empty() {
        return Ok(None);
    }
    let rest = timeout(PATIENCE, whole_line(reader)).await;
    rest.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "half a line"))?.map(Some)
}

async fn whole_line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    (&mut *reader).take(SHORT_LINE).read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') && line.len() >= 64 << 10 {
        let _turn = LONG_LINES.acquire().await.map_err(io::Error::other)?;
        let limit = u64::try_from(wire::MAX_FRAME).unwrap_or(u64::MAX).saturating_sub(SHORT_LINE);
        reader.take(limit).read_until(b'\n', &mut line).await?;
    }
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, wire::Error::TooLong));
    }
    Ok(line)
}
