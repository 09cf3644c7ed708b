//! The terminal and the subscription: keys and events in, a drawn list out.
use std::{io, time::Duration};

use crossterm::event::{self, Event as Terminal, KeyEvent};
use ratatui::DefaultTerminal;
use tokio::{sync::mpsc, time};

use super::{
    Theme,
    keys::wish,
    list::{List, Next},
    view::draw,
};
use crate::{
    client::{self, Change, Hub, HubLocation, Mirror},
    clock,
    model::Worker,
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not use the terminal")]
    Terminal(#[from] io::Error),
    #[error(transparent)]
    Hub(#[from] client::Error),
}

/// Ages change every second.
const REDRAW: Duration = Duration::from_secs(1);

/// Shows the workers until one is chosen; None if the user cancels. Owns the terminal meanwhile.
///
/// # Errors
/// [`Error::Hub`] if the hub cannot be reached, or is lost and cannot be started again.
pub async fn pick(at: &HubLocation, theme: Theme) -> Result<Option<Worker>, Error> {
    let mirror = Mirror::open(Hub::connect_or_start(at).await?, Vec::new()).await?;
    let list = List::new(present(&mirror));
    let mut terminal = ratatui::try_init()?;
    let chosen = choose(mirror, list, (&mut terminal, theme)).await;
    ratatui::try_restore()?;
    chosen
}

async fn choose(
    mut mirror: Mirror,
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
            change = mirror.next() => match change? {
                Change::Detail => list.update(&mirror.known.workers),
                Change::Workers => list.replace(present(&mirror)),
            },
            () = time::sleep(REDRAW) => {}
        }
    }
}

fn show(terminal: &mut DefaultTerminal, list: &List, theme: Theme) -> io::Result<()> {
    let now = clock::now();
    terminal.draw(|frame| {
        let area = frame.area();
        let cursor = draw(list, now, theme, area, frame.buffer_mut());
        frame.set_cursor_position(cursor);
    })?;
    Ok(())
}

/// Workers that were not removed.
fn present(mirror: &Mirror) -> Vec<Worker> {
    let workers = mirror.known.workers.values();
    workers.filter(|it| it.ended.is_none()).cloned().collect()
}

enum Press {
    Key(KeyEvent),
    /// The terminal was resized, or another event that is not a key.
    Other,
}

/// A thread that reads the terminal; it ends with the process, even if it is blocked.
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
