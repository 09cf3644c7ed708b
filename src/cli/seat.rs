//! The tmux client of a user: what it shows, and messages to it.
use std::{ffi::OsString, path::PathBuf};

use super::{Context, Failure};
use crate::{
    model::WorkerId,
    proc::{self, Cmd},
    text::one_line,
};

/// Longest message, in characters.
const MAX_TEXT: usize = 240;
/// How long a message stays, in milliseconds; a key ends it.
const SHOWN: &str = "4000";

/// The tmux server, which is asked by its own program.
pub(super) struct Tmux {
    program: OsString,
    socket: PathBuf,
}

/// A client of the user's, and what it shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) client: String,
    /// Columns and rows.
    pub(super) size: Option<(u16, u16)>,
    /// The key table in which the client looks up the next key.
    pub(super) key_table: String,
    /// Session and window.
    pub(super) place: String,
    pub(super) worker: Option<WorkerId>,
    /// The session is the worker's own.
    pub(super) is_promoted: bool,
    pub(super) pane: String,
    /// In tmux 3.2 popups have no titles, and a message cannot name its client.
    pub(super) is_3_2: bool,
}

const CLIENTS: &str = "#{client_control_mode} #{client_activity} #{client_name} #{session_id} \
                       #{session_id}:#{window_id} #{pane_id} #{version} #{client_width} #{client_height} \
                       #{client_key_table} #{==:#{session_name},#{@wtmag_id}} #{@wtmag_id}";

/// The client of this name; else the one that was used last, in this session if there is one.
fn find_seat(clients: &str, name: Option<&str>, session: Option<&str>) -> Option<Seat> {
    let mut best: Option<((bool, u64), Seat)> = None;
    for line in clients.lines() {
        let mut words = line.splitn(12, ' ');
        let mut next = || words.next().unwrap_or_default();
        let (control, activity, client, of, place) = (next(), next(), next(), next(), next());
        if control == "1" || name.is_some_and(|it| it != client) {
            continue;
        }
        let rank = (session == Some(of), activity.parse().unwrap_or_default());
        if best.as_ref().is_none_or(|(known, _)| *known < rank) {
            let (client, place, pane) = (client.to_owned(), place.to_owned(), next().to_owned());
            let is_3_2 = next().starts_with("3.2");
            let size = next().parse().ok().zip(next().parse().ok());
            let (key_table, own, worker) = (next().to_owned(), next(), next().parse().ok());
            let is_promoted = own == "1";
            let seat = Seat { client, size, key_table, place, worker, is_promoted, pane, is_3_2 };
            best = Some((rank, seat));
        }
    }
    best.map(|(_, seat)| seat)
}

impl Tmux {
    pub(super) async fn find(context: &Context) -> Result<Self, Failure> {
        let socket = context.whereabouts()?.tmux_socket;
        Ok(Self { program: proc::tmux(&socket).await, socket })
    }

    pub(super) async fn run(&self, args: &[&str]) -> Result<String, Failure> {
        self.run_as(Vec::new(), args).await
    }

    /// The same with the variables of the client that asks.
    pub(super) async fn run_as(
        &self,
        client: Vec<(&'static str, OsString)>,
        args: &[&str],
    ) -> Result<String, Failure> {
        let cmd = Cmd::new(&self.program, "/".as_ref()).args(["-S"]).args([&self.socket]);
        let said = cmd.envs(client).args(args).run(&proc::never()).await?;
        if said.is_success() {
            return Ok(said.stdout_text());
        }
        Err(Failure::user(format!("tmux refused: {}", said.stderr_text())))
    }

    /// Replaces this process with tmux. Returns only if that fails.
    pub(super) fn exec(self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Failure {
        let server = ["-S".into(), self.socket.into_os_string()];
        let args = server.into_iter().chain(args.into_iter().map(Into::into));
        // A terminal of another tmux server is like any terminal when this server was requested by name.
        proc::exec(self.program, args, &["TMUX", "TMUX_PANE"]).into()
    }

    pub(super) async fn seat(
        &self,
        name: Option<&str>,
        session: Option<&str>,
    ) -> Result<Seat, Failure> {
        let clients = self.run(&["list-clients", "-F", CLIENTS]).await?;
        find_seat(&clients, name, session).ok_or_else(|| match name {
            Some(name) => no_client(name),
            None => Failure::user("no client is attached to this tmux server"),
        })
    }

    /// Where the client is after these commands, and the line that they print, if any: the value of an option
    /// that begins with a session's id.
    pub(super) async fn seat_after(
        &self,
        commands: &[&str],
        client: &str,
    ) -> Result<(String, Seat), Failure> {
        let list = [";", "list-clients", "-F", CLIENTS];
        let said = self.run(&[commands, &list].concat()).await?;
        let (value, clients) = match said.split_once('\n') {
            Some((value, clients)) if value.starts_with('$') => (value, clients),
            Some(_) | None => ("", said.as_str()),
        };
        let seat = find_seat(clients, Some(client), None).ok_or_else(|| no_client(client))?;
        Ok((value.to_owned(), seat))
    }

    /// A message at the client, in which nothing is expanded.
    pub(super) async fn tell(&self, seat: &Seat, text: &str) -> Result<(), Failure> {
        self.run_and_tell(&[], seat, text).await
    }

    /// The same after other commands, each with its `;`.
    pub(super) async fn run_and_tell(
        &self,
        commands: &[&str],
        seat: &Seat,
        text: &str,
    ) -> Result<(), Failure> {
        let text = format!("wtmag: {}", one_line(text, MAX_TEXT));
        let text = text.replace('#', "##").replace('%', "%%");
        // tmux takes a `;` at the end of an argument for the end of the command.
        let text = text.trim_end_matches(';');
        let mut words = [commands, &["display-message", "-d", SHOWN]].concat();
        let mut env = Vec::new();
        if seat.is_3_2 {
            // It takes the client that was active last among those that show this pane.
            env.push(("TMUX_PANE", OsString::from(&seat.pane)));
        } else {
            words.extend(["-c", &seat.client]);
        }
        words.push(text);
        self.run_as(env, &words).await.map(drop)
    }
}

fn no_client(name: &str) -> Failure {
    Failure::user(format!("tmux has no client `{}`", one_line(name, 80)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_named_one_or_the_last_used_of_the_session() {
        let clients = "0 50 /dev/pts/1 $1 $1:@1 %1 3.2a 80 24 root 0 \n\
                       0 40 /dev/pts/2 $2 $2:@3 %4 3.5a 80 24 wtmag 1 blog-x\n\
                       1 99 client-7 $2 $2:@3 %4 3.5a   root 1 blog-x\n";
        let check = |name, session, want: Option<&str>| {
            let seat = find_seat(clients, name, session);
            assert_eq!(seat.as_ref().map(|it| it.client.as_str()), want);
        };
        check(None, None, Some("/dev/pts/1"));
        check(None, Some("$2"), Some("/dev/pts/2"));
        check(Some("/dev/pts/2"), Some("$1"), Some("/dev/pts/2"));
        check(Some("/dev/pts/9"), None, None);
        let old = find_seat(clients, Some("/dev/pts/1"), None).unwrap();
        assert!(old.is_3_2 && !old.is_promoted && old.worker.is_none());
        let seat = find_seat(clients, Some("/dev/pts/2"), None).unwrap();
        let want = Seat {
            client: "/dev/pts/2".to_owned(),
            size: Some((80, 24)),
            key_table: "wtmag".to_owned(),
            place: "$2:@3".to_owned(),
            worker: Some("blog-x".parse().unwrap()),
            is_promoted: true,
            pane: "%4".to_owned(),
            is_3_2: false,
        };
        assert_eq!(seat, want);
    }
}
