//! Waits for new items: subscribed before it looks, so that none is missed.
use std::time::{Duration, Instant};

use super::{Found, Scope};
use crate::{
    cli::{
        Context, Failure,
        failure::Kind,
        outcome::{interrupt, sleep_until},
    },
    client::Hub,
    model::{Event, Happened, ItemId, Request},
};

/// The items with a number above `since`, or above the newest one of now, once there are any. A hub
/// that goes away is started again.
pub(super) async fn new_items(
    context: &Context,
    scope: &Scope,
    since: Option<ItemId>,
    limit: Option<Duration>,
) -> Result<(Hub, Found), Failure> {
    let deadline = limit.map(|limit| Instant::now() + limit);
    let cancel = context.cancel()?;
    let waited = look_until_new(context, scope, since);
    tokio::select! {
        found = waited => found,
        () = sleep_until(deadline) => {
            Err(Failure::new(Kind::Waited, "nothing new came in time"))
        }
        () = interrupt(&cancel) => Err(Failure::interrupted()),
    }
}

async fn look_until_new(
    context: &Context,
    scope: &Scope,
    mut since: Option<ItemId>,
) -> Result<(Hub, Found), Failure> {
    loop {
        let (mut hub, _) =
            context.hub_that_answers(Request::Subscribe { workers: Vec::new() }).await?;
        loop {
            let mut found = Found::all(context, &mut hub, true).await?;
            let after = *since.get_or_insert(found.last);
            found.keep(scope, after);
            if !found.items.is_empty() {
                return Ok((hub, found));
            }
            if !next_item(&mut hub, after).await? {
                break;
            }
        }
    }
}

/// Waits until an item above this number is there; false: the hub has gone.
async fn next_item(hub: &mut Hub, after: ItemId) -> Result<bool, Failure> {
    loop {
        match hub.event().await {
            Ok(event) if is_new(&event, after) => return Ok(true),
            Ok(_) => {}
            Err(error) if error.is_gone() => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
}

fn is_new(event: &Event, after: ItemId) -> bool {
    matches!(&event.what, Happened::Item { item } if item.id > after && item.is_shown())
}
