//! Attaches a client to the server in one step.
//!
//! A client identifies itself in several messages. A tmux before 3.7 crashes if, in the middle of
//! them, it has to notify its control-mode clients or loses this one (tmux#4980, tmux#5004). So
//! wtmag's clients connect to a socket of wtmag, which passes them on when their identification is
//! complete. Knows the messages that a client begins with; later ones pass unchanged.
use std::{
    fs, io,
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::{
    cmsg_space,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
};
use tokio::{
    io::{AsyncWriteExt as _, Interest, copy_bidirectional},
    net::{UnixListener, UnixStream},
    time,
};

use crate::model::Version;

/// How long a client may take to connect and identify itself.
const LIMIT: Duration = Duration::from_secs(10);

/// A server reads no more than this at a time.
const READ_SIZE: usize = 64 << 10;

/// What the kernel keeps in one piece. A longer identification is sent without the client's
/// environment, which does not matter with `-E`.
const MAX_PIECE: usize = 32 << 10;

/// A message and its header; tmux has no longer ones.
const MAX_MESSAGE: usize = 16 << 10;
const HEADER: usize = 16;

/// The message that passes the standard output.
const IDENTIFY_STDOUT: u32 = 110;
/// The messages with one variable each.
const IDENTIFY_ENVIRON: u32 = 105;
/// The last message of an identification.
const IDENTIFY_DONE: u32 = 106;

/// A client passes its standard input and output with a message each.
const MAX_FDS: usize = 2;

#[cfg(target_vendor = "apple")]
const RECEIVE: RecvFlags = RecvFlags::empty();
#[cfg(not(target_vendor = "apple"))]
const RECEIVE: RecvFlags = RecvFlags::CMSG_CLOEXEC;

/// A socket that accepts one client. Its directory must belong to the user alone.
pub(super) struct Relay {
    listener: UnixListener,
    path: PathBuf,
}

impl Relay {
    /// True if a server of this release does not survive every normal attach.
    pub(super) fn is_needed(version: Version) -> bool {
        version < Version::new(3, 7, 0)
    }

    /// A socket beside the first possible one of `places`. Each relay has its own name, so that an
    /// abandoned one does not remove the next one's socket.
    pub(super) fn bind(places: &[PathBuf]) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut failed = io::Error::from(io::ErrorKind::NotFound);
        for place in places {
            match Self::bind_at(place.with_extension(format!("t{number}"))) {
                Err(error) => failed = error,
                bound => return bound,
            }
        }
        Err(failed)
    }

    /// Replaces a socket that was left there.
    fn bind_at(path: PathBuf) -> io::Result<Self> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        Ok(Self { listener: UnixListener::bind(&path)?, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Accepts one client, identifies it to the server, and relays their messages until one of them
    /// ends.
    pub(super) async fn run(self, server: PathBuf) {
        let introduced = time::timeout(LIMIT, self.introduce(&server)).await;
        match introduced.unwrap_or_else(|late| Err(late.into())) {
            Ok((mut client, mut server)) => {
                if let Err(error) = copy_bidirectional(&mut client, &mut server).await {
                    tracing::debug!(%error, "cannot read from a tmux client");
                }
            }
            Err(error) => tracing::warn!(%error, "could not attach a tmux client"),
        }
    }

    async fn introduce(self, server: &Path) -> io::Result<(UnixStream, UnixStream)> {
        let (client, _) = self.listener.accept().await?;
        drop(self);
        let (mut said, mut handed) = (Vec::new(), Vec::new());
        let introduction = loop {
            if receive(&client, &mut said, &mut handed).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(introduction) = introduction(&said)? {
                break introduction;
            }
        };
        // A client on a terminal needs no second descriptor, and only one can be sent with a piece.
        let input = handed.into_iter().next().ok_or(io::ErrorKind::InvalidData)?;
        let mut server = UnixStream::connect(server).await?;
        let n_sent = send(&server, &introduction, &input).await?;
        if n_sent < introduction.len() {
            tracing::warn!(n_sent, "a tmux client was not attached in one step");
        }
        server.write_all(introduction.get(n_sent..).unwrap_or_default()).await?;
        Ok((client, server))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It is already gone, as intended.
        fs::remove_file(&self.path).unwrap_or_default();
    }
}

/// The client's messages in `said`, without the one that passes its standard output, if the
/// identification is complete.
fn introduction(said: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let (mut rest, mut messages) = (said, Vec::new());
    while let Some((kind, len)) = header(rest) {
        if !(HEADER..=MAX_MESSAGE).contains(&len) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some((message, later)) = rest.split_at_checked(len) else { break };
        rest = later;
        messages.push((kind, message));
        if kind == IDENTIFY_DONE {
            let is_long = said.len() > MAX_PIECE;
            messages.retain(|(kind, _)| {
                *kind != IDENTIFY_STDOUT && !(is_long && *kind == IDENTIFY_ENVIRON)
            });
            let messages = messages.into_iter().map(|(_, message)| message);
            return Ok(Some(messages.chain([rest]).collect::<Vec<_>>().concat()));
        }
    }
    Ok(None)
}

/// The kind of the message that begins here, and its length with its header.
fn header(bytes: &[u8]) -> Option<(u32, usize)> {
    let (kind, rest) = bytes.split_first_chunk()?;
    let (len, _) = rest.split_first_chunk()?;
    Some((u32::from_ne_bytes(*kind), u16::from_ne_bytes(*len).into()))
}

/// Appends the next bytes and the descriptors that came with them; returns the number of bytes, 0
/// at the end.
async fn receive(
    from: &UnixStream,
    said: &mut Vec<u8>,
    handed: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut buffer = vec![0; READ_SIZE];
    let mut receive = || {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(from, &mut [IoSliceMut::new(&mut buffer)], &mut control, RECEIVE)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                handed.extend(fds);
            }
        }
        Ok(got.bytes)
    };
    let n_bytes = from.async_io(Interest::READABLE, &mut receive).await?;
    said.extend_from_slice(buffer.get(..n_bytes).unwrap_or_default());
    Ok(n_bytes)
}

/// Sends as many of `bytes` as fit, and the descriptor with them, in one call.
async fn send(to: &UnixStream, bytes: &[u8], handed: &OwnedFd) -> io::Result<usize> {
    let send = || {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [handed.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&fds));
        Ok(sendmsg(to, &[IoSlice::new(bytes)], &mut control, SendFlags::empty())?)
    };
    to.async_io(Interest::WRITABLE, send).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u32, body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(HEADER + body.len()).unwrap();
        let mut message = [&kind.to_ne_bytes()[..], &len.to_ne_bytes()].concat();
        message.resize(HEADER, 0);
        message.extend_from_slice(body);
        message
    }

    #[test]
    fn an_introduction_is_held_back_until_it_is_complete() {
        let flags = message(111, &[0; 8]);
        let (output, done) = (message(IDENTIFY_STDOUT, b""), message(IDENTIFY_DONE, b""));
        let command = message(200, b"attach-session");
        let said = [&flags[..], &output, &done, &command[..5]].concat();
        let is_complete_at = flags.len() + output.len() + done.len();
        for end in 0..is_complete_at {
            assert_eq!(introduction(&said[..end]).unwrap(), None, "{end}");
        }
        let kept = [&flags[..], &done, &command[..5]].concat();
        assert_eq!(introduction(&said).unwrap(), Some(kept));
    }

    #[test]
    fn what_is_too_long_for_one_piece_goes_without_the_environment() {
        let (flags, done) = (message(111, &[0; 8]), message(IDENTIFY_DONE, b""));
        let variable = message(IDENTIFY_ENVIRON, &[b'x'; 1000]);
        let said = |n| [&flags[..], &variable.repeat(n), &done].concat();
        assert_eq!(introduction(&said(30)).unwrap(), Some(said(30)));
        assert_eq!(introduction(&said(40)).unwrap(), Some(said(0)));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for len in [0_u16, 15, u16::MAX] {
            let said = [&111_u32.to_ne_bytes()[..], &len.to_ne_bytes()].concat();
            assert!(introduction(&said).is_err(), "{len}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(said: Vec<u8>) {
            drop(introduction(&said));
        }
    }
}
