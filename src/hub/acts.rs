//! What is done on the held connection, and what comes of it.
//!
//! Knows the tmux client; decides nothing. Each act has a deadline below it, and an answer, also when
//! there is no connection.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time;

use super::state::{
    Act, Acted, Effect, Input, Listed, Made, NotMade, PaneSeen, PromotedTo, Show, WindowSpec,
};
use crate::{
    model::{Hold, PaneId, SessionId, WindowId, WorkerId, error_chain},
    tmux::{
        Connection, Error, Promoted,
        command::{Guard, NewWindow, Show as TmuxShow},
        reply::{Acted as TmuxActed, PaneRow, Refusal},
    },
};

/// An act on the held connection, and what came of it.
pub(super) async fn act(tmux: Arc<Connection>, effect: Effect) -> Option<Input> {
    Some(match effect {
        Effect::ListPanes { after } => {
            time::sleep(after).await;
            Input::Panes(list(&tmux).await.map_err(|error| error_chain(&error)))
        }
        Effect::FindSession { request_id, caller } => {
            let found = tmux.caller_session(caller.pane, caller.session).await;
            let found = found.map(|link| link.map(|it| (it.session, it.session_name)));
            Input::SessionFound { request_id, found: found.map_err(|error| error_chain(&error)) }
        }
        Effect::MakeWindow(spec) => {
            let worker = spec.worker.clone();
            let made = make_window(tmux, *spec).await.map_err(not_made);
            Input::WindowMade { worker, made }
        }
        Effect::Look { worker, pane, resume } => {
            let sample = if resume { tmux.sample(pane).await } else { tmux.look(pane).await };
            Input::Sampled { worker, sample: sample.map_err(|error| error_chain(&error)) }
        }
        Effect::Act { worker, delivery, pane, command, act } => {
            let acted = do_act(tmux, pane, &Guard { command }, act).await;
            Input::Acted { worker, delivery, acted: acted.map_err(|error| error_chain(&error)) }
        }
        Effect::Press { pane, command, key } => {
            let act = Act::Keys(vec![key], Duration::ZERO);
            ignore("press", do_act(tmux, pane, &Guard { command }, act).await.map(drop));
            return None;
        }
        Effect::Promote { request_id, worker, window, name, cwd } => {
            let done = tmux.promote(window, &name, &cwd).await.map_err(|error| error_chain(&error));
            let to =
                |it: Promoted| PromotedTo { session: it.session, name, ended_sessions: it.ended };
            Input::Promoted { request_id, worker, done: done.map(to) }
        }
        Effect::CloseWindow { worker, pane, window } => {
            let done = close_window(&tmux, &worker, (pane, window)).await;
            Input::WindowClosed { worker, done }
        }
        Effect::Status { window, word } => {
            ignore("@wtmag_status", tmux.set_window_option(window, "@wtmag_status", &word).await);
            return None;
        }
        Effect::Announce(text) => {
            tracing::info!(text);
            ignore("announce", announce(&tmux, &text).await);
            return None;
        }
        Effect::Record(_)
        | Effect::Answer(..)
        | Effect::Subscribe(..)
        | Effect::Link { .. }
        | Effect::Unlink
        | Effect::Cleanup { .. }
        | Effect::FindWorktrees(_)
        | Effect::Keep { .. }
        | Effect::Leave { .. } => return None,
    })
}

/// What comes of an act when there is no connection: nothing was done.
pub(super) fn not_connected(effect: Effect) -> Option<Input> {
    let error = || error_chain(&Error::Closed);
    Some(match effect {
        Effect::ListPanes { .. } => Input::Panes(Err(error())),
        Effect::FindSession { request_id, .. } => {
            Input::SessionFound { request_id, found: Err(error()) }
        }
        Effect::MakeWindow(spec) => {
            Input::WindowMade { worker: spec.worker, made: Err(NotMade::Refused(error())) }
        }
        Effect::Look { worker, .. } => Input::Sampled { worker, sample: Err(error()) },
        Effect::Act { worker, delivery, .. } => {
            Input::Acted { worker, delivery, acted: Err(error()) }
        }
        Effect::Promote { request_id, worker, .. } => {
            Input::Promoted { request_id, worker, done: Err(error()) }
        }
        Effect::CloseWindow { worker, .. } => Input::WindowClosed { worker, done: Err(error()) },
        Effect::Press { .. }
        | Effect::Status { .. }
        | Effect::Announce(_)
        | Effect::Record(_)
        | Effect::Answer(..)
        | Effect::Subscribe(..)
        | Effect::Link { .. }
        | Effect::Unlink
        | Effect::Cleanup { .. }
        | Effect::FindWorktrees(_)
        | Effect::Keep { .. }
        | Effect::Leave { .. } => return None,
    })
}

async fn list(tmux: &Connection) -> Result<Listed, Error> {
    let asked = Instant::now();
    let panes = panes_seen(tmux.panes().await?, tmux.info().fleet);
    let sessions = tmux.sessions().await?.into_iter().map(|it| it.session).collect();
    Ok(Listed { asked, panes, sessions })
}

/// A window that is gone is closed.
async fn close_window(
    tmux: &Connection,
    worker: &WorkerId,
    (pane, window): (PaneId, WindowId),
) -> Result<(), String> {
    match tmux.close_worker(worker, pane, window).await {
        Err(Error::Gone { .. }) => Ok(()),
        done => done.map_err(|error| error_chain(&error)),
    }
}

fn not_made(error: Error) -> NotMade {
    // tmux may still do what it was told.
    if matches!(error, Error::Closed | Error::Deadline { .. }) {
        NotMade::Unknown(error_chain(&error))
    } else {
        NotMade::Refused(error_chain(&error))
    }
}

/// Tells every person who is attached.
async fn announce(tmux: &Connection, text: &str) -> Result<(), Error> {
    for client in tmux.clients().await? {
        // Gone in between, or a program that speaks control mode.
        ignore("announce", tmux.announce(&client.name, text).await);
    }
    Ok(())
}

/// For acts that are worth a note when they fail, and no more.
pub(super) fn ignore(act: &str, done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::debug!(act, error = error_chain(&error), "did not work");
    }
}

async fn make_window(tmux: Arc<Connection>, spec: WindowSpec) -> Result<Made, Error> {
    let (show, own_name, mut env) = match spec.show {
        // The session's own variables, for the programs of its windows, come first.
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
    // As the user has it now, in that session.
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

async fn do_act(
    tmux: Arc<Connection>,
    pane: PaneId,
    guard: &Guard,
    act: Act,
) -> Result<Acted, Error> {
    let acted = match act {
        Act::Paste(text) => tmux.paste(pane, guard, &text).await?,
        Act::Enter => tmux.enter(pane, guard).await?,
        Act::Keys(keys, gap) => press(&tmux, pane, guard, (&keys, gap)).await?,
    };
    Ok(match acted {
        TmuxActed::Done => Acted::Done,
        TmuxActed::Refused(Refusal::InMode) => Acted::Refused(Hold::PaneMode),
        TmuxActed::Refused(Refusal::InputOff) => Acted::Refused(Hold::InputOff),
        TmuxActed::Refused(Refusal::Synchronized) => Acted::Refused(Hold::Synchronized),
        TmuxActed::Refused(Refusal::Gone | Refusal::Dead | Refusal::Foreground(_)) => {
            Acted::Refused(Hold::Foreground)
        }
    })
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
) -> Result<TmuxActed, Error> {
    for (n, key) in keys.iter().enumerate() {
        if n > 0 {
            time::sleep(gap).await;
        }
        let acted = tmux.keys(pane, guard, &[key]).await?;
        if acted != TmuxActed::Done {
            return Ok(acted);
        }
    }
    Ok(TmuxActed::Done)
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
