//! The terminal and the subscription: keys and events in, a drawn list out.
use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crossterm::event::{self, Event as Terminal, KeyEvent};
use ratatui::DefaultTerminal;
use tokio::{sync::mpsc, time};

use super::{
    Theme,
    keys::wish,
    list::{Known, List, Next},
    view::draw,
};
use crate::{
    client::{self, Hub, HubLocation},
    model::{Answer, Request, Timestamp, Worker},
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not use the terminal")]
    Terminal(#[from] io::Error),
    #[error(transparent)]
    Hub(#[from] client::Error),
}

/// Ages are shown in seconds.
const REDRAW: Duration = Duration::from_secs(1);

/// Shows the workers until one is chosen; None when the user leaves. Owns the terminal meanwhile.
///
/// # Errors
/// [`Error::Hub`] when the hub cannot be reached, or is lost and cannot be started again.
pub async fn pick(at: &HubLocation, theme: Theme) -> Result<Option<Worker>, Error> {
    let (hub, workers) = subscribe(at).await?;
    let list = List::new(workers);
    let mut terminal = ratatui::try_init()?;
    let chosen = choose(at, hub, list, (&mut terminal, theme)).await;
    ratatui::try_restore()?;
    chosen
}

async fn choose(
    at: &HubLocation,
    mut hub: Hub,
    mut list: List,
    (terminal, theme): (&mut DefaultTerminal, Theme),
) -> Result<Option<Worker>, Error> {
    let mut keys = keys();
    loop {
        show(terminal, &list, theme)?;
        tokio::select! {
            press = keys.recv() => {
                // No more keys: the terminal is gone.
                let Some(press) = press else { return Ok(None) };
                let wish = if let Press::Key(key) = press { wish(key) } else { None };
                match wish.map_or(Next::Stay, |it| list.handle_wish(it)) {
                    Next::Stay => {}
                    Next::Go(worker) => return Ok(Some(*worker)),
                    Next::Leave => return Ok(None),
                }
            }
            event = hub.event() => match event {
                Ok(event) => {
                    if list.handle_event(event) == Known::AskAgain {
                        list.replace(all(&mut hub).await?);
                    }
                }
                // It was replaced or it died; the next one knows what this one knew.
                Err(_) => {
                    let (next, workers) = subscribe(at).await?;
                    hub = next;
                    list.replace(workers);
                }
            },
            () = time::sleep(REDRAW) => {}
        }
    }
}

fn show(terminal: &mut DefaultTerminal, list: &List, theme: Theme) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    terminal.draw(|frame| {
        let area = frame.area();
        let cursor = draw(list, now, theme, area, frame.buffer_mut());
        frame.set_cursor_position(cursor);
    })?;
    Ok(())
}

async fn subscribe(at: &HubLocation) -> Result<(Hub, Vec<Worker>), client::Error> {
    let mut hub = Hub::connect_or_start(at).await?;
    let answer = hub.ask(Request::Subscribe { workers: Vec::new() }).await?;
    let Answer::Subscribed { workers, .. } = answer else { return Err(client::Error::Closed) };
    Ok((hub, workers))
}

async fn all(hub: &mut Hub) -> Result<Vec<Worker>, client::Error> {
    let answer = hub.ask(Request::List { ended: false }).await?;
    let Answer::Workers { workers, .. } = answer else { return Err(client::Error::Closed) };
    Ok(workers)
}

enum Press {
    Key(KeyEvent),
    /// The terminal changed its size, or something else that is no key.
    Other,
}

/// A thread that reads the terminal; it ends with the process, blocked or not.
fn keys() -> mpsc::Receiver<Press> {
    let (sender, keys) = mpsc::channel(64);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            let press = if let Terminal::Key(key) = event { Press::Key(key) } else { Press::Other };
            if sender.blocking_send(press).is_err() {
                return;
            }
        }
    });
    keys
}
