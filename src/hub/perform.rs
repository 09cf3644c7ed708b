//! Performs what the state decided: tmux, child processes. Results return as inputs.
//!
//! Knows the connection and how to start wtmag itself; decides nothing. Every action is a task of
//! its own in one set, so that a slow one does not delay others.
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use nix::unistd;
use tokio::{
    sync::{Mutex, mpsc},
    task::{self, JoinSet},
    time,
};

use super::{
    acts::{act, ignore},
    channel,
    git_watch::GitWatcher,
    jobs::Jobs,
    notify,
    spool::Spool,
    state::{
        Count, Input, Linked, LocalEffect, Setup, TmuxEffect, Touched, WorktreeFacts, WorktreeQuery,
    },
    stray_clients::{Redirect, StrayClients},
    wake::{HubOptions, Wake},
};
use crate::{
    git,
    model::{
        DeliveryId, HookReport, ScheduleId, ServerId, SessionId, Worker, WorkerId, error_chain,
    },
    paths,
    proc::{self, Cmd},
    tmux::{self, Connection, Error, Event, Events, NoConnection, Server},
    wire::{LookJob, MarkerJob},
};

/// A new worker may wait in line.
const CREATE_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// How long the connection may take to detach.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);

/// Performs the hub's effects.
pub(super) struct Performer {
    server: Server,
    placeholder: Arc<Vec<String>>,
    profiles: Arc<PathBuf>,
    jobs: Jobs,
    spool: Arc<Spool>,
    channels: PathBuf,
    wakes: mpsc::Sender<Wake>,
    tasks: JoinSet<()>,
    connection: Option<Arc<Connection>>,
    /// Held while a connection is made, or ended with the `wtmag` session.
    server_turn: Arc<Mutex<()>>,
    /// Turns the connection's events into inputs; ends with the connection.
    events: JoinSet<()>,
    git_watcher: GitWatcher,
}

impl Performer {
    pub(super) fn new(setup: &Setup, options: &HubOptions, wakes: mpsc::Sender<Wake>) -> Self {
        let placeholder =
            vec![setup.program.display().to_string(), "pane".into(), "--placeholder".into()];
        let server = Server {
            tmux: "tmux".into(),
            socket: options.tmux_socket.clone(),
            relays: vec![
                setup.hub_socket.with_extension("tmux"),
                options.state.root().join("tmux"),
            ],
        };
        Self {
            server,
            placeholder: Arc::new(placeholder),
            profiles: Arc::new(options.profiles.clone()),
            jobs: Jobs { program: setup.program.clone(), tmux_socket: options.tmux_socket.clone() },
            spool: Arc::new(Spool::new(options.state.spool())),
            channels: options.state.channels(),
            git_watcher: GitWatcher::new(wakes.clone()),
            wakes,
            tasks: JoinSet::new(),
            connection: None,
            server_turn: Arc::default(),
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

    /// Detaches from tmux.
    pub(super) async fn leave(mut self) {
        self.events.abort_all();
        self.tasks.shutdown().await;
        if let Some(connection) = self.connection.take().and_then(Arc::into_inner)
            && time::timeout(LEAVE_LIMIT, connection.close()).await.is_err()
        {
            tracing::warn!("tmux did not detach in time");
        }
    }

    /// Takes a new connection.
    pub(super) fn connected(
        &mut self,
        connection: Connection,
        events: Events,
        env_names: Vec<String>,
    ) -> Linked {
        let linked = Linked { info: connection.info().clone(), env_names };
        let connection = Arc::new(connection);
        self.events.abort_all();
        self.events.spawn(pump(events, Arc::downgrade(&connection), self.wakes.clone()));
        self.connection = Some(connection);
        linked
    }

    /// Acts on the connection; without one, the result is a failure.
    pub(super) fn on_tmux(&mut self, effect: TmuxEffect) {
        let (tmux, wakes, spool) =
            (self.connection.clone(), self.wakes.clone(), self.spool.clone());
        let profiles = Arc::clone(&self.profiles);
        self.tasks.spawn(async move {
            let input = act(tmux, &profiles, effect).await;
            // An agent or a shell reports before it draws. On a busy machine, such a report may not
            // have had time to reach the socket.
            if matches!(input, Some(Input::Sampled { .. })) {
                spool.read(&wakes).await;
            }
            if let Some(input) = input {
                send(&wakes, input).await;
            }
        });
    }

    pub(super) fn on_machine(&mut self, effect: LocalEffect) {
        let jobs = self.jobs.clone();
        match effect {
            LocalEffect::Link { missing, after, known } => self.link(missing, after, known),
            LocalEffect::Unlink => self.unlink(),
            // A child of the hub, so that it outlives the worker's window and a client inside it.
            LocalEffect::Cleanup { cleanup, worker } => self.begin(async move {
                let id = worker.id.clone();
                Input::CleanupOver { worker: id, outcome: jobs.clean_up(cleanup, *worker).await }
            }),
            LocalEffect::FindWorktrees(of) => self.find_worktrees(of),
            LocalEffect::WatchGit(watch) => {
                let watcher = self.git_watcher.clone();
                self.blocking(move || watcher.watch(*watch));
            }
            LocalEffect::UnwatchGit(what) => {
                let watcher = self.git_watcher.clone();
                self.blocking(move || watcher.unwatch(&what));
            }
            LocalEffect::Look { what, workers, counts } => self.look(what, workers, counts),
            LocalEffect::AskPulls { repo, asked } => self.begin(async move {
                let found = jobs.ask_pulls(&repo, asked).await;
                Input::Pulled { repo, found }
            }),
            LocalEffect::Create { schedule, dir, args, env } => {
                self.create(schedule, dir, args, env);
            }
            LocalEffect::Pass { worker, delivery, text } => self.pass(worker, delivery, text),
            LocalEffect::Notify { command, notice } => {
                self.begin(async move { Input::Notified(notify::run(&command, &notice).await) });
            }
            LocalEffect::RunJob { job, order } => self.begin(async move {
                let outcome = jobs.run((*job).clone(), &order).await;
                Input::RunJobOver { job, outcome }
            }),
            LocalEffect::CountCommits(count) => self.begin(async move {
                let found = new_commits(&count).await;
                Input::Counted(count, found)
            }),
            LocalEffect::ShowMarkers { repo, markers } => self.begin(async move {
                let done = jobs.show_markers(&MarkerJob::new(repo.clone(), markers)).await;
                Input::MarkersShown { repo, done }
            }),
        }
    }

    fn pass(&mut self, worker: WorkerId, delivery: DeliveryId, text: String) {
        let dir = self.channels.clone();
        self.begin(async move {
            let taken = channel::offer(&dir, &worker, &text).await.map_err(|it| it.to_string());
            Input::Passed((worker, delivery), taken)
        });
    }

    /// A task of its own, which ends with an input.
    fn begin(&mut self, act: impl Future<Output = Input> + Send + 'static) {
        let wakes = self.wakes.clone();
        self.tasks.spawn(async move { send(&wakes, act.await).await });
    }

    /// Reports that found no hub, the oldest first.
    pub(super) async fn waiting_reports(&self) -> Vec<(PathBuf, HookReport)> {
        self.spool.waiting().await
    }

    /// Reads reports that found no hub.
    pub(super) fn read_spool(&mut self) {
        let (wakes, spool) = (self.wakes.clone(), self.spool.clone());
        self.tasks.spawn(async move { spool.read(&wakes).await });
    }
}

/// Connects or disconnects.
impl Performer {
    fn link(&mut self, missing: NoConnection, after: Duration, known: Option<ServerId>) {
        self.connection = None;
        self.events.abort_all();
        let (mut server, wakes) = (self.server.clone(), self.wakes.clone());
        let placeholder = Arc::clone(&self.placeholder);
        let (turn, spool) = (Arc::clone(&self.server_turn), self.spool.clone());
        self.tasks.spawn(async move {
            time::sleep(after).await;
            let _alone = turn.lock().await;
            server.relays.retain(|place| is_private(place));
            server.tmux = proc::tmux(&server.socket).await.into();
            let opened = async {
                let (connection, events) = Connection::open(&server, &placeholder, missing).await?;
                let fleet = connection.info().fleet;
                let names = connection.update_environment(fleet).await?;
                Ok::<_, Error>((connection, events, names))
            };
            let wake = match opened.await {
                Ok((connection, events, names)) => {
                    // Reports from a time without a hub are older than anything on the screen.
                    spool.read(&wakes).await;
                    Wake::Connected(Box::new(connection), events, names)
                }
                Err(error) => {
                    let is_gone = matches!(error, Error::NoServer { .. } | Error::NoFleet);
                    let no_server = is_gone && !tmux::revive_socket(known).await;
                    Wake::Input(Input::LinkFailed { error: error_chain(&error), no_server })
                }
            };
            if wakes.send(wake).await.is_err() {
                tracing::debug!("the hub is exiting");
            }
        });
    }

    /// Ends the `wtmag` session, unless the user has something in it, and disconnects.
    fn unlink(&mut self) {
        self.events.abort_all();
        let Some(connection) = self.connection.take() else { return };
        // Held before any later connection can ask for it.
        let alone = Arc::clone(&self.server_turn).try_lock_owned();
        self.tasks.spawn(async move {
            let _alone = alone;
            ignore("end the fleet", connection.end_fleet().await);
            if let Some(connection) = Arc::into_inner(connection) {
                connection.close().await;
            }
        });
    }
}

/// Whether the directory allows a socket that no other user can replace.
fn is_private(socket: &Path) -> bool {
    let Some(dir) = socket.parent() else { return false };
    let made = paths::private_dir(dir, unistd::getuid().as_raw());
    if let Err(error) = &made {
        tracing::warn!(%error, "no place for a socket");
    }
    made.is_ok()
}

/// Turns tmux's events into inputs until the connection ends. Holds the connection only while using
/// it, so that the task that closes it has it alone.
async fn pump(mut events: Events, tmux: Weak<Connection>, wakes: mpsc::Sender<Wake>) {
    let mut stray_clients = match tmux.upgrade() {
        Some(tmux) => {
            StrayClients::new(tmux.info().fleet, tmux.clients().await.unwrap_or_default())
        }
        None => return,
    };
    let mut told = None;
    while let Some(event) = events.recv().await {
        let input = match event {
            Event::Ring(pane) => Input::Rang(pane),
            Event::Said(pane, said) => Input::Said(pane, said),
            Event::Structure => Input::Restructured,
            Event::Closed { why } => return send(&wakes, Input::LinkLost { why }).await,
            Event::Wedged => Input::Wedged(true),
            Event::Answers => Input::Wedged(false),
            Event::ClientSession { client, session, name } => {
                tracing::debug!(client, %session, name, "a client moved");
                if let (Some(left), Some(tmux)) =
                    (stray_clients.moved(&client, session), tmux.upgrade())
                {
                    ignore(
                        "move a stray client",
                        move_client(&tmux, &stray_clients, &client, left).await,
                    );
                }
                tell_first_window(&tmux, &mut told).await;
                continue;
            }
            Event::ClientDetached { client } => {
                stray_clients.detached(&client);
                tell_first_window(&tmux, &mut told).await;
                continue;
            }
            Event::FleetWindow => {
                tell_first_window(&tmux, &mut told).await;
                continue;
            }
        };
        send(&wakes, input).await;
    }
    let why = "the connection ended".to_owned();
    send(&wakes, Input::LinkLost { why }).await;
}

/// Tells the process of session `wtmag`'s first window whether a terminal shows that window, unless it has
/// been `told` so.
async fn tell_first_window(tmux: &Weak<Connection>, told: &mut Option<(u32, bool)>) {
    let Some(tmux) = tmux.upgrade() else { return };
    let found = tmux.dashboard_window().await;
    if let Ok(Some((pid, is_shown))) = found
        && told.replace((pid, is_shown)) != Some((pid, is_shown))
        && let Err(error) = proc::tell_visibility(pid, is_shown)
    {
        tracing::warn!(%error, "could not tell the first window");
    }
    ignore("find the first window", found.map(drop));
}

async fn move_client(
    tmux: &Connection,
    stray_clients: &StrayClients,
    client: &str,
    left: SessionId,
) -> Result<(), Error> {
    match stray_clients.redirect(left, &tmux.sessions().await?) {
        Redirect::Stay => Ok(()),
        Redirect::To(session) => tmux.switch_client(client, session, None).await,
        Redirect::Detach => tmux.detach_client(client).await,
    }
}

async fn send(wakes: &mpsc::Sender<Wake>, input: Input) {
    if wakes.send(Wake::Input(input)).await.is_err() {
        tracing::debug!("the hub is exiting");
    }
}

/// Files and children.
impl Performer {
    /// Files may be on a file system that does not answer.
    fn blocking(&mut self, act: impl FnOnce() + Send + 'static) {
        self.tasks.spawn(async move {
            if let Err(error) = task::spawn_blocking(act).await {
                tracing::error!(%error, "an act failed");
            }
        });
    }

    fn look(&mut self, what: Touched, workers: Vec<Worker>, counts: bool) {
        // What changes from here on is another look.
        self.git_watcher.arm(&what);
        let looked = self.jobs.clone().look(LookJob { workers, counts });
        self.begin(async { Input::Looked { what, found: looked.await } });
    }

    /// A worker that was planned, by this program's own `create`.
    fn create(
        &mut self,
        schedule: ScheduleId,
        dir: PathBuf,
        args: Vec<String>,
        env: Vec<(String, String)>,
    ) {
        let mut cmd = Cmd::new(&self.jobs.program, &dir);
        cmd = cmd.args(["-S"]).args([&self.server.socket]).args(["create"]).args(args);
        cmd = env.into_iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value));
        self.begin(async move {
            let output = cmd.limit(CREATE_LIMIT).run(&proc::never()).await;
            let outcome = match output {
                Ok(output) if output.is_success() => Ok(()),
                Ok(output) => Err(output.stderr_text().trim().replace('\n', "; ")),
                Err(error) => Err(error_chain(&error)),
            };
            Input::CreateOver { schedule, outcome }
        });
    }

    fn find_worktrees(&mut self, of: Vec<WorktreeQuery>) {
        let wakes = self.wakes.clone();
        self.tasks.spawn(async move {
            // A worktree may be on a file system that does not answer.
            let looked = task::spawn_blocking(move || of.into_iter().map(find_worktree).collect());
            if let Ok(found) = looked.await {
                send(&wakes, Input::Worktrees(found)).await;
            }
        });
    }
}

/// Blocks.
fn find_worktree(query: WorktreeQuery) -> WorktreeFacts {
    let WorktreeQuery { worker, repo, git_dir, branch } = query;
    let branch = git::renamed(&repo, &git_dir, &branch).unwrap_or_else(|error| {
        tracing::debug!(%worker, error = error_chain(&error), "could not look for a new name");
        None
    });
    WorktreeFacts { path: git::worktree_of_git_dir(&git_dir), worker, branch }
}

/// Counts the commits that a worker made.
async fn new_commits(count: &Count) -> Result<usize, String> {
    let without = (count.head.as_str(), count.base.as_deref());
    let counted = git::new_commits(&count.repo, &count.branch, without, &proc::never()).await;
    counted.map_err(|it| error_chain(&it))
}
