//! Captures panes: because they rang, and to find out whether they are quiet.
//!
//! Knows the clock, and how to capture and continue a pane; the rules are in `doorbell`.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{self, Instant},
};

use super::{
    command::{self, Command, Verb},
    doorbell::{Doorbell, Glanced, Printed},
    driver::Handle,
    error::Error,
    events::Mailbox,
    osc::Scanner,
    reply::{self, Look},
};
use crate::{
    clock,
    model::{PaneId, Sample, Spoken, Timestamp},
};

/// Panes that are due soon are checked together: each wake-up costs tmux more than a check.
const SLACK: Duration = Duration::from_millis(30);

const UNREADABLE: Error = Error::Unreadable { verb: Verb::CapturePane.name() };

/// The rules, shared by the client that gets the output and the callers that capture.
#[derive(Debug, Default)]
pub(super) struct Shared {
    doorbell: Mutex<Doorbell>,
    scanners: Mutex<BTreeMap<PaneId, Scanner>>,
    /// A pane that was not open was sampled.
    sampled: Notify,
}

impl Shared {
    pub(super) fn doorbell(&self) -> MutexGuard<'_, Doorbell> {
        self.doorbell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scanners(&self) -> MutexGuard<'_, BTreeMap<PaneId, Scanner>> {
        self.scanners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a pane printed: its words, and what is to be done.
    pub(super) fn handle_output(&self, pane: PaneId, bytes: &[u8]) -> (Vec<Spoken>, Printed) {
        let words = self.scanners().entry(pane).or_default().read(bytes);
        let reports = |it: &Spoken| matches!(it, Spoken::Status(_) | Spoken::Query);
        let mut doorbell = self.doorbell();
        if words.iter().any(reports) {
            doorbell.handle_report(pane);
        }
        let printed = doorbell.handle_output(pane, bytes.len(), now());
        (words, printed)
    }

    /// tmux continued the pane; what it printed meanwhile is lost.
    pub(super) fn handle_continued(&self, pane: PaneId) {
        if let Some(scanner) = self.scanners().get_mut(&pane) {
            scanner.restart();
        }
        self.doorbell().handle_continued(pane, now());
    }
}

#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// Where panes are looked at.
    command: Handle,
    /// Where they are heard.
    hearing: Handle,
    shared: Arc<Shared>,
    mailbox: Mailbox,
}

impl Watch {
    pub(super) fn new(
        command: Handle,
        hearing: Handle,
        shared: Arc<Shared>,
        mailbox: Mailbox,
    ) -> Self {
        Self { command, hearing, shared, mailbox }
    }

    /// The clients that this watch uses, the one that gets the output first.
    pub(super) fn handles(&self) -> [&Handle; 2] {
        [&self.hearing, &self.command]
    }

    /// Captures the pane; it rings when it shows something else.
    pub(super) async fn sample(&self, pane: PaneId) -> Result<Sample, Error> {
        self.shared.doorbell().handle_sampling(pane);
        let is_open = self.shared.doorbell().is_open(pane);
        let look = self.look(pane).await?;
        if !is_open {
            if self.shared.doorbell().handle_sampled(pane, look.digest, now()) {
                self.mailbox.ring(pane);
            }
            self.shared.sampled.notify_one();
        }
        Ok(look.sample)
    }

    async fn look(&self, pane: PaneId) -> Result<Look, Error> {
        let (screen, rest) = self.see(command::sample(pane)).await?;
        reply::look(&screen, &rest, clock::now()).ok_or(UNREADABLE)
    }

    async fn glance(&self, pane: PaneId) -> Result<(u64, Timestamp), Error> {
        let (screen, rest) = self.see(command::glance(pane)).await?;
        reply::glance(&screen, &rest).ok_or(UNREADABLE)
    }

    async fn see(&self, command: Command) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let blocks: [Vec<u8>; 2] =
            self.command.run(command).await?.try_into().map_err(|_| UNREADABLE)?;
        Ok(blocks.into())
    }

    /// The panes that have ever rung.
    pub(super) fn known(&self) -> BTreeSet<PaneId> {
        self.shared.doorbell().known().collect()
    }

    pub(super) fn forget(&self, gone: &BTreeSet<PaneId>) {
        self.shared.doorbell().forget(gone);
        self.shared.scanners().retain(|pane, _| !gone.contains(pane));
    }

    /// Checks panes that have rung: rings for those that changed, continues those that are quiet.
    /// Ends with the connection.
    pub(super) async fn poll(self) {
        loop {
            let next = self.shared.doorbell().next_glance();
            let sampled = self.shared.sampled.notified();
            match next {
                Some(at) => {
                    let _is_due = time::timeout_at(Instant::from_std(at), sampled).await;
                }
                None => sampled.await,
            }
            let due = self.shared.doorbell().poll_due(now() + SLACK);
            let mut glances = JoinSet::new();
            for pane in due {
                let watch = self.clone();
                glances.spawn(async move { (pane, watch.glance_at(pane).await) });
            }
            while let Some(glance) = glances.join_next().await {
                match glance {
                    Ok((_, Ok(()))) => {}
                    Ok((_, Err(Error::Closed))) => return,
                    Ok((pane, Err(Error::Gone { .. }))) => self.forget(&BTreeSet::from([pane])),
                    Ok((pane, Err(error))) => tracing::warn!(%pane, %error, "a capture failed"),
                    Err(error) => tracing::error!(%error, "a capture failed"),
                }
            }
        }
    }

    async fn glance_at(&self, pane: PaneId) -> Result<(), Error> {
        let (digest, printed) = self.glance(pane).await?;
        let age = clock::now().since(printed);
        let glanced = self.shared.doorbell().handle_glance(pane, digest, age, now());
        match glanced {
            Glanced::Wait => {}
            Glanced::Ring => self.mailbox.ring(pane),
            Glanced::Continue => {
                let is_same = self.reopen(pane, digest).await;
                // Unless it has rung by itself. Without an answer, the pane must be captured.
                let is_known = matches!(is_same, Ok(true) | Err(Error::Gone { .. }));
                if !is_known && self.shared.doorbell().is_open(pane) {
                    self.mailbox.ring(pane);
                }
                is_same?;
            }
        }
        Ok(())
    }

    /// Lets the pane ring again, and checks it afterwards: what is printed in between is seen and
    /// rings, too. True if it looks the same.
    async fn reopen(&self, pane: PaneId, digest: u64) -> Result<bool, Error> {
        self.hearing.resume(pane).await?;
        Ok(self.glance(pane).await?.0 == digest)
    }
}

pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}
