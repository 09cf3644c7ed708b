//! Windows, sessions and clients of the server, through the held connection.
//!
//! Knows which tmux commands make up one action, and how to undo half of one; not its purpose.
use std::{collections::BTreeSet, path::Path};

use super::{
    client::Connection,
    command::{self, FLEET_OPTION, Verb},
    error::Error,
    reply::{self, ClientRow, Link, PaneRow, SessionRow},
    session::Reply,
    start::MANUAL_SIZE,
    values::{Created, NewWindow, Promoted, Show},
};
use crate::model::{PaneId, SessionId, Version, WindowId, WorkerId};

impl Connection {
    /// Creates a worker's window: in session `wtmag`, tagged, shown as `spec` says, named; in one
    /// step that leaves nothing behind if it fails. [`Error::Gone`]: the session to show it in does
    /// not exist; [`Error::SessionExists`]: the session to create exists.
    pub async fn create_window(&self, spec: &NewWindow) -> Result<Created, Error> {
        self.require_size().await?;
        let name = self.unique_name();
        let (version, fleet) = (self.info().version, self.info().fleet);
        let line = command::create_window(version, fleet, spec, &name);
        let reply = self.converse(line).await?;
        let first = reply.blocks.first().and_then(|body| reply::session_id(body));
        let made = reply.blocks.get(2).and_then(|body| reply::created(body));
        let session = match &spec.show {
            Show::In { session, name } => Some((*session, name.clone())),
            Show::Alone { name, .. } => first.map(|it| (it, name.clone())),
        };
        match (&reply.error, made, session) {
            (None, Some((pane, window, pid)), Some(session)) => {
                let (server, session) = (self.info().id, Some(session));
                Ok(Created { server, pane, pid, window, session })
            }
            _ => {
                if let Some((_, window, _)) = made {
                    self.undo(command::kill_window(window)).await;
                }
                if let Some(session) = first {
                    self.undo(command::kill_session(session)).await;
                }
                Err(failure(Verb::NewWindow, &reply))
            }
        }
    }

    /// Shows the window in its own session, and in no other except session `wtmag`. The agent does
    /// not notice; clients that show it move with it.
    pub async fn promote(
        &self,
        window: WindowId,
        session: &str,
        cwd: &Path,
    ) -> Result<Promoted, Error> {
        self.require_size().await?;
        let panes = self.all_panes().await?;
        let leave = links_to_leave(&panes, window, self.info().fleet);
        let froms: Vec<SessionId> = leave.iter().map(|link| link.session).collect();
        let clients = self.clients().await?;
        let looking = |it: &ClientRow| it.window == window && it.session != self.info().fleet;
        let followed: Vec<String> = clients.into_iter().filter(looking).map(|it| it.name).collect();
        let line = command::promote(window, session, cwd, &followed, &froms);
        let reply = {
            let _alone = self.ending.lock().await;
            self.converse(line).await?
        };
        let made = reply.blocks.first().and_then(|body| reply::session_id(body));
        // Session, its option, link: after these, the window is in its place.
        match made {
            Some(made) if reply.blocks.len() >= 3 => {
                let ended = leave.into_iter().filter(|it| is_last(&panes, window, it));
                let ended = ended.map(|it| it.session_name).collect();
                Ok(Promoted { session: made, ended })
            }
            Some(made) => {
                self.undo(command::kill_session(made)).await;
                Err(failure(Verb::NewSession, &reply))
            }
            None => Err(failure(Verb::NewSession, &reply)),
        }
    }

    /// New windows get a size.
    async fn require_size(&self) -> Result<(), Error> {
        let size = self.ask(command::window_size()).await?;
        if size.trim_ascii() == MANUAL_SIZE.as_bytes() { Err(Error::ManualSize) } else { Ok(()) }
    }

    /// Ends a half-created thing. If that fails too, the thing or the connection is gone.
    async fn undo(&self, command: command::Command) {
        let _alone = self.ending.lock().await;
        if let Err(error) = self.call(command).await {
            tracing::warn!(%error, "could not undo");
        }
    }

    /// Ends a worker's window, or only its pane if the user has moved it into another window.
    pub async fn close_worker(
        &self,
        worker: &WorkerId,
        pane: PaneId,
        window: WindowId,
    ) -> Result<(), Error> {
        let _alone = self.ending.lock().await;
        self.call(command::close_worker(worker, pane, window)).await.map(drop)
    }

    /// Puts the pane `new` where the worker's pane `old` is, and ends `old`.
    pub async fn take_place(
        &self,
        worker: &WorkerId,
        new: PaneId,
        old: PaneId,
    ) -> Result<(), Error> {
        let _alone = self.ending.lock().await;
        self.call(command::take_place(worker, new, old)).await.map(drop)
    }

    /// Ends session `wtmag`, and with it the connection, unless the user keeps windows or panes in
    /// it.
    pub async fn end_fleet(&self) -> Result<(), Error> {
        let _alone = self.ending.lock().await;
        self.call(command::end_fleet(self.info().fleet)).await.map(drop)
    }

    /// The panes with a worker's id in their options or their window's. Also links those that are
    /// not in session `wtmag` into it, and forgets the bells of closed panes.
    pub async fn panes(&self) -> Result<Vec<PaneRow>, Error> {
        self.keep_subscribed().await?;
        // A pane that rings meanwhile may be too new for the list.
        let had_rung = self.had_rung();
        let panes = reply::panes(&self.ask(command::worker_panes()).await?);
        let lives: BTreeSet<PaneId> = panes.iter().map(|it| it.pane).collect();
        self.forget(&(&had_rung - &lives));
        self.gather(&panes).await?;
        Ok(panes)
    }

    async fn gather(&self, panes: &[PaneRow]) -> Result<(), Error> {
        let fleet = self.info().fleet;
        let is_astray = |row: &PaneRow| row.links.iter().all(|link| link.session != fleet);
        let astray: BTreeSet<WindowId> =
            panes.iter().filter(|row| is_astray(row)).map(|row| row.window).collect();
        for window in astray {
            match self.call(command::link_window(window, fleet)).await {
                // It ended meanwhile.
                Err(Error::Gone { .. }) => {}
                done => drop(done?),
            }
        }
        Ok(())
    }

    /// Every pane of the server.
    pub async fn all_panes(&self) -> Result<Vec<PaneRow>, Error> {
        Ok(reply::panes(&self.ask(command::all_panes()).await?))
    }

    /// The path of each pane's terminal.
    pub async fn pane_terminals(&self) -> Result<Vec<String>, Error> {
        let body = self.ask(command::pane_terminals()).await?;
        Ok(String::from_utf8_lossy(&body).lines().map(str::to_owned).collect())
    }

    /// Every attached client, except wtmag's two.
    pub async fn clients(&self) -> Result<Vec<ClientRow>, Error> {
        let clients = reply::clients(&self.ask(command::clients()).await?);
        let fleet = self.info().fleet;
        let is_foreign = |it: &ClientRow| !(it.is_control && it.session == fleet);
        Ok(clients.into_iter().filter(is_foreign).collect())
    }

    pub async fn sessions(&self) -> Result<Vec<SessionRow>, Error> {
        Ok(reply::sessions(&self.ask(command::sessions()).await?))
    }

    /// Shows `text` to the person at `client`, as tmux shows its messages. tmux 3.2 cannot show one to
    /// another client than the one that asks.
    pub async fn announce(&self, client: &str, text: &str) -> Result<(), Error> {
        if self.info().version < Version::new(3, 3, 0) {
            return Ok(());
        }
        self.call(command::announce(client, text)).await.map(drop)
    }

    /// The process of the first window of session `wtmag`, and whether a terminal shows that window. None
    /// if another program is there.
    pub async fn dashboard_window(&self) -> Result<Option<(u32, bool)>, Error> {
        let body = self.ask(command::dashboard_window(self.info().fleet)).await?;
        let text = String::from_utf8_lossy(&body);
        let found = text.trim().split_once(' ');
        let read = |(pid, window): (&str, &str)| {
            Some((pid.parse().ok()?, window.parse::<WindowId>().ok()?))
        };
        let Some((pid, window)) = found.and_then(read) else { return Ok(None) };
        Ok(Some((pid, self.clients().await?.iter().any(|it| it.window == window))))
    }

    /// Moves `client` to another session, and there to `window` if given.
    pub async fn switch_client(
        &self,
        client: &str,
        session: SessionId,
        window: Option<WindowId>,
    ) -> Result<(), Error> {
        self.call(command::switch_client(client, session, window)).await.map(drop)
    }

    pub async fn detach_client(&self, client: &str) -> Result<(), Error> {
        self.call(command::detach_client(client)).await.map(drop)
    }

    /// The session of a command typed in `pane`: one that shows its window, an attached one if
    /// there is one, never session `wtmag`. Without a pane, `session` if it exists.
    pub async fn caller_session(
        &self,
        pane: Option<PaneId>,
        session: Option<SessionId>,
    ) -> Result<Option<Link>, Error> {
        let panes = self.all_panes().await?;
        let fleet = self.info().fleet;
        let is_meant = |row: &&PaneRow, link: &Link| match pane {
            Some(pane) => row.pane == pane,
            None => Some(link.session) == session,
        };
        let links = panes.iter().flat_map(|row| row.links.iter().map(move |link| (row, link)));
        let meant = links.filter(|(row, link)| link.session != fleet && is_meant(row, link));
        // If several are attached: the one in the caller's environment.
        let preference = |link: &Link| (link.n_attached > 0, Some(link.session) == session);
        Ok(meant.map(|(_, link)| link).max_by_key(|link| preference(link)).cloned())
    }

    /// The shell for new panes of the session.
    pub async fn default_shell(&self, session: SessionId) -> Result<String, Error> {
        Ok(reply::text(&self.ask(command::session_option(session, "default-shell")).await?))
    }

    /// What a session adds to (a value) or removes from (`None`) the environment of its panes.
    pub async fn session_environment(
        &self,
        session: SessionId,
    ) -> Result<Vec<(String, Option<String>)>, Error> {
        Ok(reply::environment(&self.ask(command::environment(session)).await?))
    }

    /// Names of the variables that a session copies from a client that attaches.
    pub async fn update_environment(&self, session: SessionId) -> Result<Vec<String>, Error> {
        let body = self.ask(command::session_option(session, "update-environment")).await?;
        Ok(reply::elements(&body))
    }

    pub async fn set_global_option(&self, name: &'static str, value: &str) -> Result<(), Error> {
        self.call(command::set_global_option(name, value)).await.map(drop)
    }

    pub async fn set_window_option(
        &self,
        window: WindowId,
        name: &'static str,
        value: &str,
    ) -> Result<(), Error> {
        self.call(command::set_window_option(window, name, value)).await.map(drop)
    }

    /// Keeps the user's options from ending or renumbering session `wtmag`, and links into it what
    /// only other sessions show.
    pub(super) async fn tidy_fleet(&self) -> Result<(), Error> {
        let fleet = self.info().fleet;
        let options = [
            (FLEET_OPTION, "1"),
            ("destroy-unattached", "off"),
            ("detach-on-destroy", "on"),
            ("renumber-windows", "off"),
        ];
        for (name, value) in options {
            self.call(command::set_session_option(fleet, name, value)).await?;
        }
        self.panes().await.map(drop)
    }
}

/// The sessions that show `window`, except session `wtmag`; of a group, whose sessions share their
/// windows, one.
fn links_to_leave(panes: &[PaneRow], window: WindowId, fleet: SessionId) -> Vec<Link> {
    let mut leave: Vec<Link> = Vec::new();
    let links = panes.iter().filter(|it| it.window == window).flat_map(|it| &it.links);
    for link in links.filter(|it| it.session != fleet) {
        let is_same = |it: &Link| it.session == link.session || shares_group(it, link);
        if !leave.iter().any(is_same) {
            leave.push(link.clone());
        }
    }
    leave
}

fn shares_group(one: &Link, other: &Link) -> bool {
    one.group.is_some() && one.group == other.group
}

/// The session shows only `window`.
fn is_last(panes: &[PaneRow], window: WindowId, link: &Link) -> bool {
    let others = panes.iter().filter(|it| it.window != window);
    !others.flat_map(|it| &it.links).any(|it| it.session == link.session)
}

fn failure(verb: Verb, reply: &Reply) -> Error {
    match &reply.error {
        Some(said) => Error::refused(verb.name(), said),
        None => Error::Unreadable { verb: verb.name() },
    }
}
