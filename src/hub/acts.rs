//! Performs actions on the tmux connection, and returns their results.
//!
//! Knows the tmux client; decides nothing. The client gives each action a deadline. Each action has
//! a result, even without a connection.
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time;

use super::state::{Act, Input, Listed, Made, NotMade, PaneSeen, Show, TmuxEffect, WindowSpec};
use crate::{
    model::{Caller, PaneId, Sample, SessionId, WindowId, WorkerId, error_chain},
    tmux::{Acted, Connection, Error, Guard, NewWindow, PaneRow, Promoted, Show as TmuxShow},
};

/// Performs it on the connection, if there is one, and returns the result.
pub(super) async fn act(tmux: Option<Arc<Connection>>, effect: TmuxEffect) -> Option<Input> {
    let tmux = tmux.ok_or(Error::Closed);
    Some(match effect {
        TmuxEffect::ListPanes { after } => {
            time::sleep(after).await;
            Input::Panes(in_words(list(tmux).await))
        }
        TmuxEffect::FindSession { request_id, caller } => {
            Input::SessionFound { request_id, found: in_words(find_session(tmux, caller).await) }
        }
        TmuxEffect::MakeWindow(spec) => {
            let worker = spec.worker.clone();
            let made = match tmux {
                Ok(tmux) => make_window(&tmux, *spec).await.map_err(not_made),
                Err(error) => Err(NotMade::Refused(error_chain(&error))),
            };
            Input::WindowMade { worker, made }
        }
        TmuxEffect::Look { worker, pane, resume } => {
            Input::Sampled { worker, sample: in_words(sample(tmux, pane, resume).await) }
        }
        TmuxEffect::Act { worker, delivery, pane, command, act } => {
            let acted = do_act(tmux, pane, &Guard { command }, act).await;
            Input::Acted { worker, delivery, acted: in_words(acted) }
        }
        TmuxEffect::Press { pane, command, key } => {
            let act = Act::Keys(vec![key], Duration::ZERO);
            ignore("press", do_act(tmux, pane, &Guard { command }, act).await.map(drop));
            return None;
        }
        TmuxEffect::Promote { request_id, worker, window, name, cwd } => {
            let done = in_words(promote(tmux, window, &name, &cwd).await);
            Input::Promoted { request_id, worker, name, done }
        }
        TmuxEffect::CloseWindow { worker, pane, window } => {
            let done = in_words(close_window(tmux, &worker, (pane, window)).await);
            Input::WindowClosed { worker, done }
        }
        TmuxEffect::Status { window, word } => {
            ignore("@wtmag_status", show_status(tmux, window, &word).await);
            return None;
        }
        TmuxEffect::Announce(text) => {
            tracing::info!(text);
            ignore("announce", announce(tmux, &text).await);
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

async fn sample(tmux: Tmux, pane: PaneId, resume: bool) -> Result<Sample, Error> {
    let tmux = tmux?;
    if resume { tmux.sample(pane).await } else { tmux.look(pane).await }
}

async fn promote(tmux: Tmux, window: WindowId, name: &str, cwd: &Path) -> Result<Promoted, Error> {
    tmux?.promote(window, name, cwd).await
}

async fn show_status(tmux: Tmux, window: WindowId, word: &str) -> Result<(), Error> {
    tmux?.set_window_option(window, "@wtmag_status", word).await
}

async fn list(tmux: Tmux) -> Result<Listed, Error> {
    let tmux = tmux?;
    let asked = Instant::now();
    let panes = panes_seen(tmux.panes().await?, tmux.info().fleet);
    let sessions = tmux.sessions().await?.into_iter().map(|it| it.session).collect();
    Ok(Listed { asked, panes, sessions })
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

fn not_made(error: Error) -> NotMade {
    // tmux may still carry out the command.
    if matches!(error, Error::Closed | Error::Deadline { .. }) {
        NotMade::Unknown(error_chain(&error))
    } else {
        NotMade::Refused(error_chain(&error))
    }
}

/// Shows a message to every attached user.
async fn announce(tmux: Tmux, text: &str) -> Result<(), Error> {
    let tmux = tmux?;
    for client in tmux.clients().await? {
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

async fn make_window(tmux: &Connection, spec: WindowSpec) -> Result<Made, Error> {
    let (show, own_name, mut env) = match spec.show {
        // The session's own variables come first, for the programs in its windows.
        Show::In(session) => {
            let env = tmux.session_environment(session).await?;
            let set = env.into_iter().filter_map(|(name, value)| Some((name, value?)));
            (TmuxShow::In(session), None, set.collect())
        }
        Show::Own(session) => {
            let show = TmuxShow::Alone { session: session.clone(), env: spec.caller_env.clone() };
            (show, Some(session), Vec::new())
        }
    };
    env.extend(spec.caller_env);
    env.extend(spec.env);
    // The user's current value in that session.
    let session = if let TmuxShow::In(session) = show { session } else { tmux.info().fleet };
    let mut argv = spec.pane;
    argv.extend(["--shell".to_owned(), tmux.default_shell(session).await?, "--".to_owned()]);
    argv.extend(spec.agent);
    let new = NewWindow { worker: spec.worker, name: spec.title, cwd: spec.cwd, env, argv, show };
    let created = tmux.create_window(&new).await?;
    let name = own_name.or(spec.session_name).unwrap_or_default();
    let session = Some((created.session, name));
    let server = tmux.info().id;
    Ok(Made { server, pane: created.pane, window: created.window, session })
}

async fn do_act(tmux: Tmux, pane: PaneId, guard: &Guard, act: Act) -> Result<Acted, Error> {
    let tmux = tmux?;
    match act {
        Act::Paste(text) => tmux.paste(pane, guard, &text).await,
        Act::Enter => tmux.enter(pane, guard).await,
        Act::Keys(keys, gap) => press(&tmux, pane, guard, (&keys, gap)).await,
    }
}

fn panes_seen(rows: Vec<PaneRow>, fleet: SessionId) -> Vec<PaneSeen> {
    rows.into_iter().filter_map(|row| pane_seen(row, fleet)).collect()
}

/// Stops at the first key that the guard refuses.
async fn press(
    tmux: &Connection,
    pane: PaneId,
    guard: &Guard,
    (keys, gap): (&[String], Duration),
) -> Result<Acted, Error> {
    for (n, key) in keys.iter().enumerate() {
        if n > 0 {
            time::sleep(gap).await;
        }
        let acted = tmux.keys(pane, guard, &[key]).await?;
        if acted != Acted::Done {
            return Ok(acted);
        }
    }
    Ok(Acted::Done)
}

fn pane_seen(row: PaneRow, fleet: SessionId) -> Option<PaneSeen> {
    let others = row.links.into_iter().filter(|link| link.session != fleet);
    Some(PaneSeen {
        pane: row.pane,
        window: row.window,
        tag: row.worker?,
        dead: row.dead,
        pid: row.pid,
        sessions: others.map(|link| (link.session, link.session_name)).collect(),
    })
}
