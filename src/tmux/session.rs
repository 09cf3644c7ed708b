//! A control-mode conversation as a value: bytes and commands in, bytes and events out.
//!
//! Knows which reply belongs to which command; not their meaning, and nothing about processes or
//! time. Use: queue commands with [`Session::send`]; write the bytes of [`Session::transmit`] and
//! confirm them with [`Session::handle_written`]; pass what was read to [`Session::handle_bytes`];
//! after each call, take events with [`Session::poll_event`] until there are none.
use std::collections::VecDeque;

use memchr::memchr;

use super::{
    command::{Command, Verb},
    parse::{self, Line, Notification, Stamp},
};

/// Identifies a command until its reply has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// tmux has attached the client: queued commands are sent now.
    Attached,
    /// tmux has not, with the reason. The end follows.
    Refused(String),
    Reply {
        ticket: Ticket,
        reply: Reply,
    },
    Notification(Notification),
    /// A line outside the protocol: an error of a waiting command, or of the client itself.
    Stray(Vec<u8>),
}

/// The reply to a command line: one block for each command that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Each as tmux printed it, every line with its line feed.
    pub blocks: Vec<Vec<u8>>,
    /// The error of the first command that failed; the commands after it did not run.
    pub error: Option<Vec<u8>>,
}

#[derive(Debug)]
pub struct Session {
    /// Generates sentinels that no screen can show.
    nonce: u64,
    next_ticket: u64,
    is_attached: bool,
    unread: Vec<u8>,
    block: Option<Block>,
    awaited: VecDeque<Awaited>,
    transmit: Vec<u8>,
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct Block {
    stamp: Stamp,
    text: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closed {
    Ok,
    Failed,
}

#[derive(Debug)]
struct Awaited {
    ticket: Ticket,
    /// The command prints nothing, so anything in its block is a notification.
    is_silent: bool,
    /// Body of the block that ends a compound line's reply; any one block ends a simple line's.
    sentinel: Option<String>,
    reply: Reply,
}

impl Session {
    /// A conversation that has not begun. Programs in panes cannot predict `nonce`.
    pub fn new(nonce: u64) -> Self {
        Self {
            nonce,
            next_ticket: 0,
            is_attached: false,
            unread: Vec::new(),
            block: None,
            awaited: VecDeque::new(),
            transmit: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Queues one command line after the earlier ones; none waits for another's reply.
    pub fn send(&mut self, command: &Command) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.push_line(command.line());
        // The number of blocks of a compound line depends on what fails, so an extra line follows
        // it, which is always answered.
        let sentinel = command.is_compound().then(|| {
            let token = format!("wtmag:{:x}:{}", self.nonce, ticket.0);
            self.push_line(&format!("{} -p {token}", Verb::DisplayMessage.word()));
            token
        });
        let is_silent = command.verb() == Verb::RefreshClient;
        self.awaited.push_back(Awaited { ticket, is_silent, sentinel, reply: Reply::default() });
        ticket
    }

    /// Asks to be detached: in control mode, by a blank line.
    pub fn detach(&mut self) {
        self.push_line("");
    }

    /// Bytes that tmux must read next. Empty until it has attached the client: what it reads
    /// earlier may run before the attach, or be echoed by the terminal.
    pub fn transmit(&self) -> &[u8] {
        if self.is_attached { &self.transmit } else { &[] }
    }

    /// The first `n_bytes` of [`Self::transmit`] were written.
    pub fn handle_written(&mut self, n_bytes: usize) {
        self.transmit.drain(..n_bytes.min(self.transmit.len()));
    }

    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(at) = memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(at);
            rest = tail.strip_prefix(b"\n").unwrap_or(tail);
            if self.unread.is_empty() {
                self.handle_line(head);
            } else {
                let mut line = std::mem::take(&mut self.unread);
                line.extend_from_slice(head);
                self.handle_line(&line);
                line.clear();
                self.unread = line;
            }
        }
        self.unread.extend_from_slice(rest);
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Commands without a reply so far.
    pub fn n_awaited(&self) -> usize {
        self.awaited.len()
    }

    fn push_line(&mut self, line: &str) {
        self.transmit.extend_from_slice(line.as_bytes());
        self.transmit.push(b'\n');
    }

    fn handle_line(&mut self, raw: &[u8]) {
        let raw = parse::bare(raw);
        let Some(block) = &mut self.block else {
            self.handle_free_line(raw);
            return;
        };
        // The body may be a screen, and a screen may show `%end`: only the block's own stamp closes
        // it.
        let is_ours = block.stamp.flags == 1;
        let is_silent = is_ours && self.awaited.front().is_some_and(|it| it.is_silent);
        match is_guard(raw).then(|| parse::line(raw)) {
            Some(Line::End(stamp)) if stamp == block.stamp => self.close_block(Closed::Ok),
            Some(Line::Error(stamp)) if stamp == block.stamp => self.close_block(Closed::Failed),
            _ if is_silent => self.handle_free_line(raw),
            _ => {
                block.text.extend_from_slice(raw);
                block.text.push(b'\n');
            }
        }
    }

    /// A line that does not belong to a command's output.
    fn handle_free_line(&mut self, raw: &[u8]) {
        let event = match parse::line(raw) {
            Line::Begin(stamp) if self.block.is_none() => {
                self.block = Some(Block { stamp, text: Vec::new() });
                return;
            }
            Line::Notification(it) => Event::Notification(it),
            Line::Begin(_) | Line::End(_) | Line::Error(_) | Line::Stray(_) => {
                Event::Stray(raw.to_owned())
            }
        };
        self.events.push_back(event);
    }

    fn close_block(&mut self, closed: Closed) {
        let Some(Block { stamp, text }) = self.block.take() else { return };
        if !self.is_attached {
            // The first block answers the client's own command line.
            self.is_attached = closed == Closed::Ok;
            self.events.push_back(match closed {
                Closed::Ok => Event::Attached,
                Closed::Failed => Event::Refused(String::from_utf8_lossy(&text).trim_end().into()),
            });
            return;
        }
        // Flags 0: a user's hook that ran because of some command.
        if stamp.flags != 1 {
            return;
        }
        let Some(awaited) = self.awaited.front_mut() else { return };
        let is_sentinel = closed == Closed::Ok
            && awaited
                .sentinel
                .as_ref()
                .is_some_and(|it| text.strip_suffix(b"\n") == Some(it.as_bytes()));
        let is_last = is_sentinel || awaited.sentinel.is_none();
        match closed {
            Closed::Ok if is_sentinel => {}
            Closed::Ok => awaited.reply.blocks.push(text),
            Closed::Failed => awaited.reply.error = Some(text),
        }
        if is_last && let Some(done) = self.awaited.pop_front() {
            self.events.push_back(Event::Reply { ticket: done.ticket, reply: done.reply });
        }
    }
}

fn is_guard(line: &[u8]) -> bool {
    line.starts_with(b"%end ") || line.starts_with(b"%error ")
}

#[cfg(test)]
mod tests;
