//! Looking at panes: when they ring, and when restless ones would have.
//!
//! Knows the clock, how a pane is looked at and continued; the rules are `doorbell`'s.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use tokio::{
    sync::Notify,
    time::{self, Instant},
};

use super::{
    command,
    doorbell::{Doorbell, Polled},
    driver::Handle,
    error::Error,
    events::Mailbox,
    reply::{self, Look},
};
use crate::model::{PaneId, Sample, Timestamp};

/// The rules, shared by the client that hears and those who look.
#[derive(Debug, Default)]
pub(super) struct Shared {
    doorbell: Mutex<Doorbell>,
    /// A restless pane was sampled.
    sampled: Notify,
}

impl Shared {
    pub(super) fn doorbell(&self) -> MutexGuard<'_, Doorbell> {
        self.doorbell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// Where panes are looked at.
    command: Handle,
    /// Where they are heard, if that is safe.
    hearing: Option<Handle>,
    shared: Arc<Shared>,
    mailbox: Mailbox,
}

impl Watch {
    pub(super) fn new(
        command: Handle,
        hearing: Option<Handle>,
        shared: Arc<Shared>,
        mailbox: Mailbox,
    ) -> Self {
        Self { command, hearing, shared, mailbox }
    }

    pub(super) fn hears(&self) -> bool {
        self.hearing.is_some()
    }

    /// The clients that this watch uses, the one that hears first.
    pub(super) fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.hearing.iter().chain([&self.command])
    }

    /// Looks, and has the pane ring when it shows something else.
    pub(super) async fn sample(&self, pane: PaneId) -> Result<Sample, Error> {
        // Continued first: what is printed between the two is seen, and rings, rather than neither.
        if !self.shared.doorbell().is_restless(pane) {
            self.resume(pane).await?;
        }
        let look = self.look(pane).await?;
        self.shared.doorbell().handle_sampled(pane, look.digest, now());
        self.shared.sampled.notify_one();
        Ok(look.sample)
    }

    pub(super) async fn look(&self, pane: PaneId) -> Result<Look, Error> {
        let asked = command::sample(pane);
        let verb = asked.verb().name();
        let blocks = self.command.run(asked).await?;
        let [screen, rest] = blocks.as_slice() else { return Err(Error::Unreadable { verb }) };
        reply::look(screen, rest, timestamp()).ok_or(Error::Unreadable { verb })
    }

    async fn resume(&self, pane: PaneId) -> Result<(), Error> {
        match &self.hearing {
            Some(hearing) => hearing.resume(pane).await.map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn retain(&self, lives: impl Fn(PaneId) -> bool) {
        self.shared.doorbell().retain(lives);
    }

    /// Looks at restless panes, and rings for them. Ends with the connection.
    pub(super) async fn poll(self) {
        loop {
            let next = self.shared.doorbell().next_poll();
            let sampled = self.shared.sampled.notified();
            match next {
                Some(at) => {
                    let _is_due = time::timeout_at(Instant::from_std(at), sampled).await;
                }
                None => sampled.await,
            }
            let due = self.shared.doorbell().poll_due(now());
            for pane in due {
                match self.poll_pane(pane).await {
                    Ok(()) => {}
                    Err(Error::Closed) => return,
                    Err(Error::Gone { .. }) => self.retain(|it| it != pane),
                    Err(error) => tracing::warn!(%pane, %error, "a look failed"),
                }
            }
        }
    }

    async fn poll_pane(&self, pane: PaneId) -> Result<(), Error> {
        let look = self.look(pane).await?;
        let age = look.sample.at.since(look.printed);
        let polled = self.shared.doorbell().handle_look(pane, look.digest, age, now());
        match polled {
            Polled::Wait => {}
            Polled::Ring => self.mailbox.ring(pane),
            Polled::Continue => {
                self.resume(pane).await?;
                if self.look(pane).await?.digest != look.digest {
                    self.mailbox.ring(pane);
                }
            }
        }
        Ok(())
    }
}

pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn timestamp() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
