//! Performs actions on the tmux connection, and returns their results.
//!
//! Knows the tmux client; decides nothing. The client gives each action a deadline. Each action has
//! a result, even without a connection.
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time;

use super::{
    bell,
    state::{Act, Input, Listed, Met, NotMade, Target, TmuxEffect},
};
use crate::{
    model::{Caller, DeliveryId, PaneId, Sample, SessionId, WindowId, WorkerId, error_chain},
    proc,
    tmux::{Acted, Connection, Created, Error, NewWindow, Promoted, Refusal, Show},
};

/// Files of the user's that are looked into.
const MAX_PROFILES: usize = 100;

/// Performs it on the connection, if there is one, and returns the result.
pub(super) async fn act(
    tmux: Option<Arc<Connection>>,
    profiles: &Path,
    effect: TmuxEffect,
) -> Option<Input> {
    let tmux = tmux.ok_or(Error::Closed);
    Some(match effect {
        TmuxEffect::ListPanes { after } => {
            time::sleep(after).await;
            Input::Panes(in_words(list(tmux).await))
        }
        TmuxEffect::FindSession { request_id, caller } => {
            Input::SessionFound { request_id, found: in_words(find_session(tmux, caller).await) }
        }
        TmuxEffect::MakeWindow { window, agent } => {
            let worker = window.worker.clone();
            let made = match tmux {
                Ok(tmux) => make_window(&tmux, *window, agent).await.map_err(not_made),
                Err(error) => Err(NotMade::Refused(error_chain(&error))),
            };
            Input::WindowMade { worker, made }
        }
        TmuxEffect::Look { worker, pane, group_of, styled } => {
            Input::Sampled { worker, sample: in_words(sample(tmux, pane, group_of, styled).await) }
        }
        TmuxEffect::View { request_id, pane, number } => {
            Input::Viewed { request_id, number, screen: in_words(view(tmux, pane).await) }
        }
        TmuxEffect::Meet { pane } => meet(tmux, pane, profiles).await,
        TmuxEffect::Act { worker, delivery, to, act } => Input::Acted {
            worker,
            delivery,
            acted: in_words(do_act(tmux, (&to, Some(delivery)), act).await),
        },
        TmuxEffect::Press { to, act } => return press_once(tmux, &to, act).await,
        TmuxEffect::Promote { request_id, worker, window, name, cwd } => {
            let done = in_words(promote(tmux, window, &name, &cwd).await);
            Input::Promoted { request_id, worker, name, done }
        }
        TmuxEffect::CloseWindow { worker, pane, window } => {
            let done = in_words(close_window(tmux, &worker, (pane, window)).await);
            Input::WindowClosed { worker, done }
        }
        TmuxEffect::TakePlace { worker, new, old } => {
            return take_place(tmux, &worker, (new, old)).await;
        }
        TmuxEffect::SetOption { window, name, value } => {
            ignore(name, set_option(tmux, window, name, &value).await);
            return None;
        }
        TmuxEffect::Announce { text, rings } => {
            ignore("announce", announce(tmux, &text, rings).await);
            return None;
        }
    })
}

/// The connection, or why there is none.
type Tmux = Result<Arc<Connection>, Error>;

fn in_words<T>(done: Result<T, Error>) -> Result<T, String> {
    done.map_err(|error| error_chain(&error))
}

async fn find_session(tmux: Tmux, caller: Caller) -> Result<Option<(SessionId, String)>, Error> {
    let link = tmux?.caller_session(caller.pane, caller.session).await?;
    Ok(link.map(|it| (it.session, it.session_name)))
}

async fn sample(
    tmux: Tmux,
    pane: PaneId,
    group_of: Option<u32>,
    styled: bool,
) -> Result<Sample, Error> {
    let tmux = tmux?;
    let sample = tmux.sample(pane).await?;
    let view = if styled { tmux.view(pane).await? } else { String::new() };
    let group = match group_of {
        Some(leader) => proc::foreground(leader).await,
        None => Vec::new(),
    };
    let styled = view.lines().map(str::to_owned).collect();
    Ok(Sample { group, styled, ..sample })
}

async fn view(tmux: Tmux, pane: PaneId) -> Result<String, Error> {
    tmux?.view(pane).await
}

/// What a pane shows that the hub does not watch.
async fn meet(tmux: Tmux, pane: PaneId, profiles: &Path) -> Input {
    let found = in_words(look_at(tmux, pane).await);
    let met = |met: Met| Met { profiles: own_profiles(profiles), ..met };
    Input::Met { pane, found: found.map(|it| it.map(met)) }
}

async fn look_at(tmux: Tmux, pane: PaneId) -> Result<Option<Met>, Error> {
    let tmux = tmux?;
    let row = tmux.all_panes().await?.into_iter().find(|row| row.pane == pane && !row.dead);
    let Some(row) = row else { return Ok(None) };
    let sample = tmux.sample(pane).await?;
    let sample = Sample { group: proc::foreground(row.pid).await, ..sample };
    Ok(Some(Met { pid: row.pid, window: row.window, sample, profiles: Vec::new() }))
}

/// What can be read of the user's own profiles, as they are now.
fn own_profiles(dir: &Path) -> Vec<(String, String)> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|it| it.path());
    let profiles = files.filter(|it| it.extension().is_some_and(|it| it == "toml"));
    let read = |path: PathBuf| {
        let name = path.file_stem()?.to_str()?.to_owned();
        Some((name, fs::read_to_string(&path).ok()?))
    };
    let mut profiles: Vec<_> = profiles.take(MAX_PROFILES).filter_map(read).collect();
    profiles.sort();
    profiles
}

async fn promote(tmux: Tmux, window: WindowId, name: &str, cwd: &Path) -> Result<Promoted, Error> {
    tmux?.promote(window, name, cwd).await
}

async fn set_option(
    tmux: Tmux,
    window: Option<WindowId>,
    name: &'static str,
    value: &str,
) -> Result<(), Error> {
    match window {
        Some(window) => tmux?.set_window_option(window, name, value).await,
        None => tmux?.set_global_option(name, value).await,
    }
}

async fn list(tmux: Tmux) -> Result<Listed, Error> {
    let tmux = tmux?;
    let asked = Instant::now();
    let mut panes = tmux.panes().await?;
    for row in &mut panes {
        row.links.retain(|link| link.session != tmux.info().fleet);
    }
    let sessions = tmux.sessions().await?.into_iter().map(|it| it.session).collect();
    let clients = tmux.clients().await?.into_iter().filter(|it| !it.is_control);
    let watched = clients.map(|it| it.window).collect();
    Ok(Listed { asked, panes, sessions, watched })
}

/// A window that is already gone counts as closed.
async fn close_window(
    tmux: Tmux,
    worker: &WorkerId,
    (pane, window): (PaneId, WindowId),
) -> Result<(), Error> {
    match tmux?.close_worker(worker, pane, window).await {
        Err(Error::Gone { .. }) => Ok(()),
        done => done,
    }
}

/// If it fails, the next list of the panes asks for it again.
async fn take_place(tmux: Tmux, worker: &WorkerId, (new, old): (PaneId, PaneId)) -> Option<Input> {
    let done = async { tmux?.take_place(worker, new, old).await };
    ignore("take place", done.await);
    None
}

async fn press_once(tmux: Tmux, to: &Target, act: Act) -> Option<Input> {
    ignore("press", do_act(tmux, (to, None), act).await.map(drop));
    None
}

fn not_made(error: Error) -> NotMade {
    // tmux may still carry out the command.
    if matches!(error, Error::Closed | Error::Deadline { .. }) {
        NotMade::Unknown(error_chain(&error))
    } else {
        NotMade::Refused(error_chain(&error))
    }
}

/// Shows a message to every attached user. `rings`: with the bell of their terminals.
async fn announce(tmux: Tmux, text: &str, rings: bool) -> Result<(), Error> {
    tracing::info!(text);
    let tmux = tmux?;
    let panes = if rings { tmux.pane_terminals().await? } else { Vec::new() };
    for client in tmux.clients().await? {
        // Before tmux draws the message.
        if rings && let Err(error) = bell::ring(&client, &panes).await {
            tracing::debug!(%error, terminal = client.name, "could not ring");
        }
        // It is gone meanwhile, or it speaks control mode.
        ignore("announce", tmux.announce(&client.name, text).await);
    }
    Ok(())
}

/// For actions whose failure is only logged.
pub(super) fn ignore(act: &str, done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::debug!(act, error = error_chain(&error), "did not work");
    }
}

/// Adds what only tmux knows: the shell and the variables that the user has there now.
async fn make_window(
    tmux: &Connection,
    mut window: NewWindow,
    agent: Vec<String>,
) -> Result<Created, Error> {
    let session = match window.show {
        Show::In { session, .. } => {
            let env = tmux.session_environment(session).await?;
            let set = env.into_iter().filter_map(|(name, value)| Some((name, value?)));
            window.env = set.chain(window.env).collect();
            session
        }
        Show::Alone { .. } => tmux.info().fleet,
    };
    let shell = tmux.default_shell(session).await?;
    window.argv.extend(["--shell".to_owned(), shell, "--".to_owned()]);
    window.argv.extend(agent);
    tmux.create_window(&window).await
}

/// What is pasted for a delivery marks the pane with it.
async fn do_act(
    tmux: Tmux,
    (to, mark): (&Target, Option<DeliveryId>),
    act: Act,
) -> Result<Acted, Error> {
    let (tmux, pane, guard) = (tmux?, to.pane, &to.guard);
    // tmux itself knows the foreground by one name only, and that may be a shell's.
    if let (Some(program), Some(pid)) = (&to.program, guard.pid)
        && !proc::foreground(pid).await.contains(program)
    {
        return Ok(Acted::Refused(Refusal::Foreground(guard.command.clone())));
    }
    match act {
        Act::Paste(text) => tmux.paste((pane, mark), guard, &text).await,
        Act::Enter => tmux.enter(pane, guard).await,
        Act::Keys(keys, gap) => press(&tmux, to, (&keys, gap)).await,
    }
}

/// Stops at the first key that the guard refuses.
async fn press(
    tmux: &Connection,
    to: &Target,
    (keys, gap): (&[String], Duration),
) -> Result<Acted, Error> {
    for (n, key) in keys.iter().enumerate() {
        if n > 0 {
            time::sleep(gap).await;
        }
        let acted = tmux.keys(to.pane, &to.guard, &[key]).await?;
        if acted != Acted::Done {
            return Ok(acted);
        }
    }
    Ok(Acted::Done)
}
