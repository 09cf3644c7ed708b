//! Other tmux servers of this user that have workers, if their hubs run: a hub without live workers
//! exits.
use std::path::PathBuf;

use super::Context;
use crate::{
    client::{Hub, HubLocation},
    model::{Answer, Request},
};

/// Sockets of other tmux servers, each with its number of live workers.
pub(super) async fn servers(context: &Context) -> Vec<(PathBuf, usize)> {
    let Ok(here) = context.whereabouts() else { return Vec::new() };
    let machine = here.state.root().parent().map(std::fs::read_dir);
    let Some(Ok(entries)) = machine else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let at = HubLocation { state: crate::paths::StateDir::at(entry.path()), ..here.clone() };
        if at.state != here.state {
            found.extend(ask(&at).await);
        }
    }
    found.retain(|(_, n)| *n > 0);
    found.sort();
    found
}

async fn ask(at: &HubLocation) -> Option<(PathBuf, usize)> {
    let mut hub = Hub::connect(at).await.ok()?;
    let Answer::Status(status) = hub.ask(Request::Status).await.ok()? else { return None };
    Some((status.tmux_socket, status.live_workers))
}
