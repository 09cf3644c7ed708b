//! What the hub pushes: workers, items of the inbox, and the screen of one worker.
use std::{path::PathBuf, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time,
};

use super::state::Input;
use crate::{
    client::{Change, Error, Hub, HubLocation, Mirror},
    model::{Answer, InboxQuery, Item, Request, Worker, WorkerId, error_chain},
};

/// How long to wait before a hub is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a screen may stay as it is before it is asked for again, in case that an answer was lost.
const UNCHANGED: Duration = Duration::from_secs(600);

/// The workers and what they need, kept up to date.
pub(super) struct Feed {
    at: HubLocation,
    /// Only the workers of this repository.
    repo: Option<PathBuf>,
    /// None while the hub cannot be reached.
    mirror: Option<Mirror>,
    /// The workers are another hub's, and were not told yet.
    is_new: bool,
    /// The items are to be asked for.
    is_stale: bool,
}

impl Feed {
    pub(super) async fn open(at: HubLocation, repo: Option<PathBuf>) -> Result<Self, Error> {
        let mirror = Mirror::open(Hub::connect_or_start(&at).await?, Vec::new()).await?;
        Ok(Self { at, repo, mirror: Some(mirror), is_new: false, is_stale: true })
    }

    /// Workers that were not removed.
    pub(super) fn workers(&self) -> Vec<Worker> {
        let all = self.mirror.iter().flat_map(|it| it.known.workers.values());
        let is_wanted = |it: &&Worker| self.repo.as_ref().is_none_or(|repo| it.repo == *repo);
        all.filter(is_wanted).filter(|it| it.ended.is_none()).cloned().collect()
    }

    /// The next news. Safe to drop while it waits.
    pub(super) async fn next(&mut self) -> Input {
        match self.try_next().await {
            Ok(input) => input,
            Err(error) => {
                self.mirror = None;
                Input::Hub(Err(format!("hub: {}", error_chain(&error))))
            }
        }
    }

    async fn try_next(&mut self) -> Result<Input, Error> {
        let Some(mirror) = &mut self.mirror else {
            time::sleep(AGAIN).await;
            *self = Self::open(self.at.clone(), self.repo.clone()).await?;
            self.is_new = true;
            return Ok(Input::Hub(Ok(())));
        };
        if std::mem::take(&mut self.is_new) {
            return Ok(Input::Workers(self.workers()));
        }
        if self.is_stale {
            let items = items(mirror.hub()).await?;
            self.is_stale = false;
            return Ok(Input::Items(items));
        }
        if mirror.next().await? != Change::Detail {
            self.is_stale = true;
        }
        Ok(Input::Workers(self.workers()))
    }
}

async fn items(hub: &mut Hub) -> Result<Vec<Item>, Error> {
    let answer = hub.ask(Request::Inbox(InboxQuery::default())).await?;
    let Answer::Items { items, .. } = answer else { return Err(Error::Unexpected) };
    Ok(items)
}

/// Sends the screens of the worker that `wanted` names, until nobody receives them.
pub(super) async fn screens(
    at: HubLocation,
    mut wanted: watch::Receiver<Option<WorkerId>>,
    screens: mpsc::Sender<Input>,
) {
    let (mut hub, mut known) = (None, None);
    loop {
        let Some(id) = wanted.borrow_and_update().clone() else {
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        };
        if known.as_ref().is_some_and(|(of, _)| *of != id) {
            known = None;
        }
        let number = known.as_ref().map(|(_, number)| *number);
        let screen = tokio::select! {
            screen = next_screen(&at, &mut hub, &id, number) => screen,
            changed = wanted.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let is_lost = screen.is_err();
        let screen = match screen {
            Ok((number, text)) => {
                known = Some((id.clone(), number));
                Ok(text)
            }
            Err(why) => {
                (hub, known) = (None, None);
                Err(why)
            }
        };
        if screens.send(Input::Screen(id, screen)).await.is_err() {
            return;
        }
        if is_lost {
            // Another worker may be wanted before.
            drop(time::timeout(AGAIN, wanted.changed()).await);
        }
    }
}

async fn next_screen(
    at: &HubLocation,
    hub: &mut Option<Hub>,
    id: &WorkerId,
    known: Option<u64>,
) -> Result<(u64, String), String> {
    let ask = async {
        let hub = match hub {
            Some(hub) => hub,
            None => hub.insert(Hub::connect(at).await?),
        };
        let request = Request::View { id: id.clone(), known };
        hub.ask_within(request, UNCHANGED).await
    };
    match ask.await {
        Ok(Answer::Viewed { number, text }) => Ok((number, text)),
        Ok(_) => Err(error_chain(&Error::Unexpected)),
        Err(error) => Err(error_chain(&error)),
    }
}
