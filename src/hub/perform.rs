//! Does what the state decided: tmux, child processes. What comes of it goes back as an input.
//!
//! Knows the tmux client and how to start wtmag itself; decides nothing. Every act is a task of its
//! own in one set, so that a slow one holds up no other, and every one has a deadline below it.
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet, time};

use super::{
    run::{Options, Wake},
    screens::ScreenLog,
    start::words,
    state::{
        Act, Acted, CleanedUp, Effect, Input, Linked, Made, PaneSeen, PromotedTo, Setup, Show,
        WindowSpec,
    },
    visitors::{Visitors, WayOut},
};
use crate::{
    git,
    model::{Cleanup, Hold, PaneId, SessionId, Worker, WorkerId},
    proc::{self, Cmd},
    tmux::{
        Absent, Connection, Error, Event, Events, Promoted, Server,
        command::{Guard, NewWindow, Show as TmuxShow},
        reply::{Acted as TmuxActed, PaneRow, Refusal},
    },
};

/// A removal may run the project's own hooks.
const CLEANUP_LIMIT: Duration = Duration::from_secs(600);
/// How long the connection may take to say goodbye.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// The hub's hands.
pub(super) struct Performer {
    server: Arc<Server>,
    placeholder: Arc<Vec<String>>,
    program: PathBuf,
    screens: ScreenLog,
    wakes: mpsc::Sender<Wake>,
    tasks: JoinSet<()>,
    connection: Option<Arc<Connection>>,
    /// Turns the connection's events into inputs; gone with the connection.
    events: JoinSet<()>,
}

impl Performer {
    pub(super) fn new(setup: &Setup, options: &Options, wakes: mpsc::Sender<Wake>) -> Self {
        let placeholder =
            vec![setup.program.display().to_string(), "pane".into(), "--placeholder".into()];
        let server = Server { tmux: "tmux".into(), socket: options.tmux_socket.clone() };
        Self {
            server: Arc::new(server),
            placeholder: Arc::new(placeholder),
            program: setup.program.clone(),
            screens: ScreenLog::new(options.state.screens()),
            wakes,
            tasks: JoinSet::new(),
            connection: None,
            events: JoinSet::new(),
        }
    }

    /// Waits for a task to end; never ready while there is none.
    pub(super) async fn reap(&mut self) {
        match self.tasks.join_next().await {
            Some(Err(error)) if error.is_panic() => tracing::error!(%error, "an act failed"),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }

    /// Says goodbye to tmux.
    pub(super) async fn leave(mut self) {
        self.events.abort_all();
        self.tasks.shutdown().await;
        if let Some(connection) = self.connection.take().and_then(Arc::into_inner)
            && time::timeout(LEAVE_LIMIT, connection.close()).await.is_err()
        {
            tracing::warn!("tmux did not let go in time");
        }
    }

    /// A new connection is there.
    pub(super) fn connected(
        &mut self,
        connection: Connection,
        events: Events,
        env_names: Vec<String>,
    ) -> Linked {
        let info = connection.info();
        let linked = Linked {
            server: info.id,
            version: info.version.text.clone(),
            fleet: info.fleet_name.clone(),
            env_names,
            default_shell: info.default_shell.clone(),
        };
        let connection = Arc::new(connection);
        self.events.abort_all();
        self.events.spawn(pump(events, Arc::downgrade(&connection), self.wakes.clone()));
        self.connection = Some(connection);
        linked
    }

    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Link { may_start, after } => self.link(may_start, after),
            Effect::Unlink => self.unlink(),
            Effect::Cleanup { cleanup, worker } => self.clean_up(cleanup, *worker),
            Effect::Keep { worker, samples } => self.screens.append(&worker, &samples),
            Effect::FindWorktrees(of) => self.find_worktrees(of),
            // The loop's own.
            Effect::Record(_)
            | Effect::Answer(..)
            | Effect::Subscribe(..)
            | Effect::Leave { .. } => {}
            effect @ (Effect::ListPanes { .. }
            | Effect::FindSession { .. }
            | Effect::MakeWindow(_)
            | Effect::Look { .. }
            | Effect::Act { .. }
            | Effect::Press { .. }
            | Effect::Promote { .. }
            | Effect::CloseWindow { .. }
            | Effect::Status { .. }
            | Effect::Announce(_)) => self.with(move |tmux| on_tmux(tmux, effect)),
        }
    }

    /// Runs `act` on the connection; without one, its failure is the answer.
    fn with<F>(&mut self, act: impl FnOnce(Arc<Connection>) -> F + Send + 'static)
    where
        F: Future<Output = Option<Input>> + Send + 'static,
    {
        let Some(tmux) = self.connection.clone() else { return };
        let wakes = self.wakes.clone();
        self.tasks.spawn(async move {
            if let Some(input) = act(tmux).await {
                send(&wakes, input).await;
            }
        });
    }
}

/// An act on the held connection, and what came of it.
async fn on_tmux(tmux: Arc<Connection>, effect: Effect) -> Option<Input> {
    Some(match effect {
        Effect::ListPanes { after } => {
            time::sleep(after).await;
            let rows = tmux.panes().await.map_err(|error| words(&error));
            Input::Panes(rows.map(|rows| panes_seen(rows, tmux.info().fleet)))
        }
        Effect::FindSession { ticket, caller } => {
            let found = tmux.caller_session(caller.pane, caller.session).await;
            let found = found.map(|link| link.map(|it| (it.session, it.session_name)));
            Input::SessionFound { ticket, found: found.map_err(|error| words(&error)) }
        }
        Effect::MakeWindow(spec) => {
            let worker = spec.worker.clone();
            let made = make_window(tmux, *spec).await.map_err(|error| words(&error));
            Input::WindowMade { worker, made }
        }
        Effect::Look { worker, pane, resume } => {
            let sample = if resume { tmux.sample(pane).await } else { tmux.look(pane).await };
            Input::Sampled { worker, sample: sample.map_err(|error| words(&error)) }
        }
        Effect::Act { worker, delivery, pane, command, act } => {
            let acted = do_act(tmux, pane, &Guard { command }, act).await;
            Input::Acted { worker, delivery, acted: acted.map_err(|error| words(&error)) }
        }
        Effect::Press { pane, command, key } => {
            let act = Act::Keys(vec![key], Duration::ZERO);
            ignore("press", do_act(tmux, pane, &Guard { command }, act).await.map(drop));
            return None;
        }
        Effect::Promote { ticket, worker, window, name, cwd } => {
            let done = tmux.promote(window, &name, &cwd).await.map_err(|error| words(&error));
            let to =
                |it: Promoted| PromotedTo { session: it.session, name, ended_sessions: it.ended };
            Input::Promoted { ticket, worker, done: done.map(to) }
        }
        Effect::CloseWindow { worker, window } => {
            let done = tmux.kill_window(window).await.map_err(|error| words(&error));
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

/// The connection: made, left.
impl Performer {
    fn link(&mut self, may_start: bool, after: Duration) {
        self.connection = None;
        self.events.abort_all();
        let (server, wakes) = (Arc::clone(&self.server), self.wakes.clone());
        let placeholder = Arc::clone(&self.placeholder);
        self.tasks.spawn(async move {
            time::sleep(after).await;
            let absent = if may_start { Absent::Start } else { Absent::Fail };
            let opened = async {
                let (connection, events) = Connection::open(&server, &placeholder, absent).await?;
                let fleet = connection.info().fleet;
                let names = connection.update_environment(fleet).await?;
                Ok::<_, Error>((connection, events, names))
            };
            let wake = match opened.await {
                Ok((connection, events, names)) => {
                    Wake::Connected(Box::new(connection), events, names)
                }
                Err(error) => {
                    let no_server = matches!(error, Error::NoServer { .. });
                    Wake::Input(Input::LinkFailed { error: words(&error), no_server })
                }
            };
            if wakes.send(wake).await.is_err() {
                tracing::debug!("the hub is leaving");
            }
        });
    }

    /// Ends the fleet, which goes only when nothing of the user's is in it, and lets go.
    fn unlink(&mut self) {
        self.events.abort_all();
        let Some(connection) = self.connection.take() else { return };
        self.tasks.spawn(async move {
            ignore("end the fleet", end_fleet(&connection).await);
            if let Some(connection) = Arc::into_inner(connection) {
                connection.close().await;
            }
        });
    }
}

/// Ends the fleet's session unless somebody keeps windows of his own in it.
async fn end_fleet(tmux: &Connection) -> Result<(), Error> {
    let fleet = tmux.info().fleet;
    let rows = tmux.all_panes().await?;
    let in_fleet = rows.iter().filter(|row| row.links.iter().any(|link| link.session == fleet));
    let windows: BTreeSet<_> = in_fleet.map(|row| row.window).collect();
    // The placeholder alone.
    if windows.len() > 1 { Ok(()) } else { tmux.kill_session(fleet).await }
}

/// Tells every person who is attached.
async fn announce(tmux: &Connection, text: &str) -> Result<(), Error> {
    for client in tmux.clients().await? {
        // Gone in between, or a program that speaks control mode.
        ignore("announce", tmux.announce(&client.name, text).await);
    }
    Ok(())
}

/// Turns what tmux tells into what the state understands, until the connection ends. Holds the
/// connection only while it uses it, so that whoever closes it has it alone.
async fn pump(mut events: Events, tmux: Weak<Connection>, wakes: mpsc::Sender<Wake>) {
    let mut visitors = match tmux.upgrade() {
        Some(tmux) => Visitors::new(tmux.info().fleet, tmux.clients().await.unwrap_or_default()),
        None => return,
    };
    while let Some(event) = events.recv().await {
        let input = match event {
            Event::Ring(pane) => Input::Rang(pane),
            Event::Structure => Input::Restructured,
            Event::Closed { why } => return send(&wakes, Input::LinkLost { why }).await,
            Event::Wedged => Input::Wedged(true),
            Event::Answers => Input::Wedged(false),
            Event::ClientSession { client, session, name } => {
                tracing::debug!(client, %session, name, "a client moved");
                if let (Some(left), Some(tmux)) = (visitors.moved(&client, session), tmux.upgrade())
                {
                    ignore("show out", show_out(&tmux, &visitors, &client, left).await);
                }
                continue;
            }
            Event::ClientDetached { client } => {
                visitors.detached(&client);
                continue;
            }
        };
        send(&wakes, input).await;
    }
    let why = "the connection ended".to_owned();
    send(&wakes, Input::LinkLost { why }).await;
}

async fn show_out(
    tmux: &Connection,
    visitors: &Visitors,
    client: &str,
    left: SessionId,
) -> Result<(), Error> {
    match visitors.way_out(left, &tmux.sessions().await?) {
        WayOut::Stay => Ok(()),
        WayOut::To(session) => tmux.switch_client(client, session, None).await,
        WayOut::Detach => tmux.detach_client(client).await,
    }
}

async fn send(wakes: &mpsc::Sender<Wake>, input: Input) {
    if wakes.send(Wake::Input(input)).await.is_err() {
        tracing::debug!("the hub is leaving");
    }
}

/// For acts that are worth a note when they fail, and no more.
fn ignore(act: &str, done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::debug!(act, error = words(&error), "did not work");
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
    let new = NewWindow {
        worker: spec.worker,
        name: spec.title,
        cwd: spec.cwd,
        env,
        argv: spec.argv,
        show,
    };
    let created = tmux.create_window(&new).await?;
    let name = own_name.or(spec.session_name).unwrap_or_default();
    let session = Some((created.session, name));
    Ok(Made { pane: created.pane, window: created.window, session })
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
        sessions: others.map(|link| (link.session, link.session_name)).collect(),
    })
}

/// Files and children.
impl Performer {
    fn find_worktrees(&mut self, of: Vec<(WorkerId, PathBuf)>) {
        let wakes = self.wakes.clone();
        self.tasks.spawn(async move {
            let found =
                of.into_iter().map(|(id, git_dir)| (id, git::worktree_of_git_dir(&git_dir)));
            send(&wakes, Input::Worktrees(found.collect())).await;
        });
    }
}

/// The second half of a cleanup: a child of ours, so that it lives when the worker's window and
/// whoever asked from inside it are gone.
impl Performer {
    fn clean_up(&mut self, cleanup: Cleanup, worker: Worker) {
        let (program, wakes) = (self.program.clone(), self.wakes.clone());
        self.tasks.spawn(async move {
            let id = worker.id.clone();
            let outcome = finish_cleanup(program, &cleanup, &worker).await;
            send(&wakes, Input::CleanupOver { worker: id, outcome }).await;
        });
    }
}

async fn finish_cleanup(
    program: PathBuf,
    cleanup: &Cleanup,
    worker: &Worker,
) -> Result<CleanedUp, String> {
    let job = json!({ "cleanup": cleanup, "worker": worker }).to_string();
    let dir = worker.repo.parent().filter(|it| it.is_dir()).unwrap_or(Path::new("/"));
    let mut cmd = Cmd::new(program, dir).args(["cleanup", "--finish"]).stdin(job);
    for (name, value) in &cleanup.env {
        cmd = cmd.env(name, value);
    }
    let output = cmd.limit(CLEANUP_LIMIT).run(&proc::never()).await.map_err(|it| words(&it))?;
    if !output.is_success() {
        return Err(output.stderr_text());
    }
    serde_json::from_slice(&output.stdout).map_err(|it| words(&it))
}
