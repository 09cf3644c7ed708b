//! Finds out whether a window exists that was requested without an answer.
use crate::{
    client::{self, Hub},
    model::{Answer, DeliveryId, Request, Timestamp, Worker, WorkerId},
};

/// What a hub reports about it afterwards.
pub(super) enum Resolution {
    Made(Box<Worker>, DeliveryId),
    NotMade,
    Unknown,
}

/// Asks the hub or its successor. A worker with that id from before `since` is a different one.
pub(super) async fn of(id: &WorkerId, hub: &mut Hub, since: Timestamp) -> Resolution {
    let is_same_hub = match hub.ask(Request::Release { id: id.clone() }).await {
        Ok(Answer::Released { existed: false }) => return Resolution::NotMade,
        Ok(_) => true,
        // The successor closes a window that was created but not recorded, and nothing was typed
        // into it.
        Err(_) => match hub.ask_any(Request::Recover { id: id.clone() }).await {
            Ok(Answer::Recovered { exists: false }) => return Resolution::NotMade,
            Ok(_) => false,
            Err(_) => return Resolution::Unknown,
        },
    };
    match hub.ask(Request::Show { id: id.clone() }).await {
        Ok(Answer::Shown { worker, deliveries, .. }) if worker.created >= since => {
            let first = deliveries.first().map(|it| it.id);
            first.map_or(Resolution::Unknown, |first| Resolution::Made(worker, first))
        }
        // What a hub had not recorded when it ended did not happen.
        Ok(Answer::Shown { .. }) | Err(client::Error::Refused(_)) if !is_same_hub => {
            Resolution::NotMade
        }
        Ok(_) | Err(_) => Resolution::Unknown,
    }
}
