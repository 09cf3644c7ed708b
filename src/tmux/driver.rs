//! The task that owns one attached client: its terminal, its process and its [`Session`].
//!
//! Knows how bytes and commands move, and which notifications become events; decides nothing about
//! workers. All waiting of one client happens here, in one loop.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use pty_process::Pty;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Child,
    sync::{mpsc, oneshot},
    time,
};

use super::{
    command::{self, Command},
    error::Error,
    events::Mailbox,
    parse::Notification,
    session::{Event, Reply, Session, Ticket},
    watch::{Shared, now},
};
use crate::model::{PaneId, SessionId};

/// Requests queued for the driver; further senders wait.
const QUEUE: usize = 64;

/// Commands sent and not answered; later ones stay in the queue.
const MAX_AWAITED: usize = 256;

const READ_SIZE: usize = 64 << 10;

/// A server that does not answer in this time hangs.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// How long a client may take to end after its terminal is gone.
const GRACE: Duration = Duration::from_secs(2);

/// The purpose of a client.
pub(super) enum Role {
    /// Commands and notifications. Gets no output, so nothing delays it.
    Command { fleet: SessionId },
    /// Output, as a bell.
    Watch(Arc<Shared>),
}

enum Request {
    Call { command: Command, answer: oneshot::Sender<Reply> },
    Resume { pane: PaneId, answer: oneshot::Sender<Reply> },
    Detach,
}

/// The queue for commands to one client.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    requests: mpsc::Sender<Request>,
}

pub(super) struct Driver {
    session: Session,
    role: Role,
    requests: mpsc::Receiver<Request>,
    waiters: BTreeMap<Ticket, Waiter>,
    attached: Option<oneshot::Sender<Result<(), String>>>,
    mailbox: Mailbox,
    /// The last line outside the protocol: what a client that cannot attach prints.
    stray: String,
    exit: Option<String>,
}

struct Waiter {
    answer: oneshot::Sender<Reply>,
    /// The pane that this command continues.
    resumed: Option<PaneId>,
}

impl Handle {
    /// Sends a command line and waits for its reply, even if only a part of it was executed. If the
    /// caller gives up, the reply is still awaited; the command may have run.
    pub(super) async fn call(&self, command: Command) -> Result<Reply, Error> {
        let verb = command.verb().name();
        self.hand_in(verb, LIMIT, |answer| Request::Call { command, answer }).await
    }

    /// The blocks of a line that was executed in full.
    pub(super) async fn run(&self, command: Command) -> Result<Vec<Vec<u8>>, Error> {
        let verb = command.verb().name();
        let reply = self.call(command).await?;
        match reply.error {
            Some(said) => Err(Error::refused(verb, &said)),
            None => Ok(reply.blocks),
        }
    }

    /// The one block of a simple command.
    pub(super) async fn ask(&self, command: Command) -> Result<Vec<u8>, Error> {
        let verb = command.verb().name();
        self.run(command).await?.pop().ok_or(Error::Unreadable { verb })
    }

    /// Waits without a time limit.
    pub(super) async fn ping(&self) -> Result<Reply, Error> {
        let command = command::ping();
        let verb = command.verb().name();
        self.hand_in(verb, Duration::MAX, |answer| Request::Call { command, answer }).await
    }

    /// Lets `pane` ring again, from what it prints after the reply on.
    pub(super) async fn resume(&self, pane: PaneId) -> Result<Reply, Error> {
        let verb = command::resume(pane).verb().name();
        self.hand_in(verb, LIMIT, |answer| Request::Resume { pane, answer }).await
    }

    async fn hand_in(
        &self,
        verb: &'static str,
        limit: Duration,
        request: impl FnOnce(oneshot::Sender<Reply>) -> Request,
    ) -> Result<Reply, Error> {
        let (answer, reply) = oneshot::channel();
        let asked = async {
            self.requests.send(request(answer)).await.map_err(|_| Error::Closed)?;
            reply.await.map_err(|_| Error::Closed)
        };
        time::timeout(limit, asked).await.unwrap_or(Err(Error::Deadline { verb, limit }))
    }

    pub(super) async fn detach(&self) {
        // It is already gone, as intended.
        self.requests.send(Request::Detach).await.unwrap_or_default();
    }
}

impl Driver {
    /// A driver, its command queue, and a signal when it is attached or failed.
    pub(super) fn new(
        session: Session,
        role: Role,
        mailbox: Mailbox,
    ) -> (Self, Handle, oneshot::Receiver<Result<(), String>>) {
        let (sender, requests) = mpsc::channel(QUEUE);
        let (attached, is_attached) = oneshot::channel();
        let driver = Self {
            session,
            role,
            requests,
            waiters: BTreeMap::new(),
            attached: Some(attached),
            mailbox,
            stray: String::new(),
            exit: None,
        };
        (driver, Handle { requests: sender }, is_attached)
    }

    /// Runs until the client has ended, and reaps it.
    pub(super) async fn run(mut self, mut pty: Pty, mut child: Child) {
        self.converse(&mut pty).await;
        let why = match self.exit.take() {
            Some(reason) => reason,
            None => "the client of tmux was lost".to_owned(),
        };
        if let Some(attached) = self.attached.take() {
            let said = if self.stray.is_empty() { why.clone() } else { self.stray.clone() };
            attached.send(Err(said)).unwrap_or_default();
        }
        self.mailbox.close(&why);
        drop(pty);
        if time::timeout(GRACE, child.wait()).await.is_err() {
            tracing::warn!(client = child.id(), "a client of tmux does not end");
        }
    }

    async fn converse(&mut self, pty: &mut Pty) {
        let (mut reader, mut writer) = pty.split();
        let mut buffer = vec![0; READ_SIZE];
        loop {
            let has_room = self.session.n_awaited() < MAX_AWAITED;
            let is_waiting = !self.session.transmit().is_empty();
            // Reading comes last: a flood of output must not delay `pause`.
            tokio::select! {
                biased;
                request = self.requests.recv(), if has_room => match request {
                    Some(request) => self.handle_request(request),
                    None => return,
                },
                written = writer.write(self.session.transmit()), if is_waiting => match written {
                    Ok(n_bytes) => self.session.handle_written(n_bytes),
                    Err(_) => return,
                },
                read = reader.read(&mut buffer) => match read {
                    // The end of a terminal is an error on some systems.
                    Ok(0) | Err(_) => return,
                    Ok(n_bytes) => {
                        self.session.handle_bytes(buffer.get(..n_bytes).unwrap_or_default());
                    }
                },
            }
            while let Some(event) = self.session.poll_event() {
                self.handle_event(event);
            }
        }
    }

    fn handle_request(&mut self, request: Request) {
        let (command, answer, resumed) = match request {
            Request::Call { command, answer } => (command, answer, None),
            Request::Resume { pane, answer } => (command::resume(pane), answer, Some(pane)),
            Request::Detach => return self.session.detach(),
        };
        // Cancelled while it was queued: it must not run later.
        if !answer.is_closed() {
            let ticket = self.session.send(&command);
            self.waiters.insert(ticket, Waiter { answer, resumed });
        }
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Attached => self.handle_attached(Ok(())),
            Event::Refused(said) => self.handle_attached(Err(said)),
            Event::Reply { ticket, reply } => self.handle_reply(ticket, reply),
            Event::Notification(it) => self.handle_notification(it),
            Event::Stray(line) => {
                self.stray = String::from_utf8_lossy(&line).trim().to_owned();
                tracing::debug!(line = self.stray, "stray line from tmux");
            }
        }
    }

    fn handle_attached(&mut self, attached: Result<(), String>) {
        if let Some(waiter) = self.attached.take() {
            waiter.send(attached).unwrap_or_default();
        }
    }

    fn handle_reply(&mut self, ticket: Ticket, reply: Reply) {
        let Some(waiter) = self.waiters.remove(&ticket) else { return };
        if let (Some(pane), Role::Watch(shared)) = (waiter.resumed, &self.role) {
            shared.handle_continued(pane);
        }
        let has_given_up = waiter.answer.send(reply).is_err();
        // Nobody checks what the pane printed while it was paused: a capture does.
        if let Some(pane) = waiter.resumed.filter(|_| has_given_up) {
            self.mailbox.ring(pane);
        }
    }

    fn handle_notification(&mut self, it: Notification) {
        use Notification as N;
        if let N::Exit(reason) = it {
            self.exit = Some(reason.unwrap_or_else(|| "tmux ended the connection".to_owned()));
            return;
        }
        match &self.role {
            Role::Watch(shared) => {
                if let N::Output { pane, bytes } | N::ExtendedOutput { pane, bytes, .. } = it {
                    let (words, printed) = shared.handle_output(pane, &bytes);
                    if !words.is_empty() {
                        self.mailbox.say(pane, words);
                    }
                    if printed.pause {
                        self.session.send(&command::pause(pane));
                    }
                    if printed.ring {
                        self.mailbox.ring(pane);
                    }
                } else if let N::Pause(pane) = it
                    && shared.doorbell().handle_paused(pane, now())
                {
                    self.mailbox.ring(pane);
                }
            }
            Role::Command { fleet } => notify(it, *fleet, &self.mailbox),
        }
    }
}

/// Which notifications become events. Names do not; a window that comes into view does.
fn notify(it: Notification, fleet: SessionId, mailbox: &Mailbox) {
    use Notification as N;
    match it {
        N::SessionWindowChanged { session, .. } if session == fleet => {
            mailbox.fleet_window();
            mailbox.structure();
        }
        N::WindowAdd(_)
        | N::UnlinkedWindowAdd(_)
        | N::WindowClose(_)
        | N::UnlinkedWindowClose(_)
        | N::SessionRenamed { .. }
        | N::SessionsChanged
        | N::LayoutChange { .. }
        | N::PaneModeChanged(_)
        | N::SessionWindowChanged { .. }
        | N::SubscriptionChanged { .. } => mailbox.structure(),
        N::ClientSessionChanged { client, session, name } => mailbox.client(client, session, name),
        N::ClientDetached(client) => mailbox.client_detached(client),
        // Some releases move a client whose session was closed, instead of ending it.
        N::SessionChanged { session, .. } if session != fleet => {
            mailbox.close("the session that holds the workers was closed");
        }
        N::ConfigError(text) | N::Message(text) => tracing::info!(text, "message from tmux"),
        N::Unknown(line) => {
            tracing::debug!(line = %String::from_utf8_lossy(&line), "unknown notification");
        }
        N::Output { .. }
        | N::ExtendedOutput { .. }
        | N::Pause(_)
        | N::Continue(_)
        | N::WindowRenamed { .. }
        | N::UnlinkedWindowRenamed { .. }
        | N::SessionChanged { .. }
        | N::WindowPaneChanged { .. }
        | N::PasteBufferChanged(_)
        | N::PasteBufferDeleted(_)
        | N::Exit(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::tmux::events::{self, Events};

    /// On a machine that is too busy, tmux answers after the caller has stopped waiting.
    #[tokio::test(start_paused = true)]
    async fn a_pane_that_is_continued_too_late_rings() {
        let (mailbox, shared) = (Mailbox::default(), Arc::new(Shared::default()));
        let mut events = Events::new(mailbox.clone());
        let role = Role::Watch(Arc::clone(&shared));
        let (mut driver, handle, _is_attached) = Driver::new(Session::new(1), role, mailbox);
        let pane = PaneId(3);
        shared.handle_output(pane, &[b'x'; 64 << 10]);
        assert!(!shared.doorbell().is_open(pane));
        for is_late in [false, true] {
            let handle = handle.clone();
            let mut asked = JoinSet::new();
            asked.spawn(async move { handle.resume(pane).await });
            let request = driver.requests.recv().await.unwrap();
            driver.handle_request(request);
            if is_late {
                time::advance(2 * LIMIT).await;
                let answer = asked.join_next().await.unwrap().unwrap();
                assert!(matches!(answer, Err(Error::Deadline { .. })));
            }
            let ticket = *driver.waiters.keys().next().unwrap();
            driver.handle_reply(ticket, Reply::default());
            assert!(shared.doorbell().is_open(pane));
            let rang = time::timeout(Duration::ZERO, events.recv()).await;
            assert_eq!(rang.ok().flatten(), is_late.then_some(events::Event::Ring(pane)));
        }
    }
}
