//! Finds a tmux server and the session `wtmag` in it, or creates them.
//!
//! Knows the few commands that are spawned while no connection exists, and when to retry; not the
//! purpose of the connection.
use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt as _, path::Path, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time;

use super::{
    command::{self, FLEET_OPTION},
    driver::LIMIT,
    error::Error,
    pty::Server,
    values::NoConnection,
};
use crate::{
    model::{ServerId, SessionId, Version},
    proc::{self, Cmd, Output},
};

/// Possible names of the session; the second, if a user's session has the first.
const FLEET_NAMES: [&str; 2] = ["wtmag", "wtmag-fleet"];

/// Size of windows that no client has shown yet.
const SIZE: [&str; 4] = ["-x", "120", "-y", "40"];

/// The value of `window-size` with which tmux before 3.7 crashes on a new window, and later ones
/// make it as large as possible.
pub(super) const MANUAL_SIZE: &str = "manual";

/// A new server reads the user's configuration first.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server that is just ending accepts no clients; how often and how soon to retry.
const KNOCKS: u32 = 6;

/// The session that shows every worker, and its server.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    pub(super) session: SessionId,
    /// `None` if it is not a release.
    pub(super) version: Option<Version>,
}

impl Fleet {
    /// Reads `session version`.
    fn parse(text: &str) -> Option<Self> {
        let (session, version) = text.trim_end().split_once(' ')?;
        Some(Self { session: session.parse().ok()?, version: Version::parse(version) })
    }
}

/// What [`Fleet::parse`] reads.
const FLEET_FORMAT: &str = "#{session_id} #{version}";

/// Waits that grow: 50 ms, doubled up to 2 s.
#[derive(Clone, Debug)]
struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: Duration::from_millis(50) }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.next;
        self.next = (wait * 2).min(Duration::from_secs(2));
        Some(wait)
    }
}

/// Makes a server recreate its socket, which cleaners of `/tmp` remove. False, and nothing done, if
/// the process is not a tmux server (any more).
pub async fn revive_socket(id: Option<ServerId>) -> bool {
    let Some(id) = id else { return false };
    let name = proc::name_of(id.pid).await.unwrap_or_default();
    let pid = i32::try_from(id.pid).ok().filter(|_| name.starts_with("tmux"));
    pid.is_some_and(|pid| kill(Pid::from_raw(pid), Signal::SIGUSR1).is_ok())
}

/// The session `wtmag`, created if there is none, on a server that is started if wanted.
pub(super) async fn require_fleet(
    server: &Server,
    placeholder: &[String],
    absent: NoConnection,
) -> Result<Fleet, Error> {
    let mut waits = Backoff::default();
    let mut knocks = 0..KNOCKS;
    loop {
        let found = match fetch_fleet(server).await {
            Ok(Some(fleet)) => return Ok(fleet),
            Ok(None) if absent == NoConnection::Leave => Err(Error::NoFleet),
            Ok(None) => return add_fleet(server, placeholder).await,
            Err(Error::NoServer { .. }) if absent == NoConnection::StartServer => {
                make_fleet(server, placeholder, absent).await
            }
            Err(error) => Err(error),
        };
        match found {
            Err(Error::NoServer { .. })
                if absent == NoConnection::StartServer && knocks.next().is_some() =>
            {
                time::sleep(waits.next().unwrap_or_default()).await;
            }
            found => return found,
        }
    }
}

/// The session on a running server. If that server ends meanwhile, no other one silently replaces
/// it.
async fn add_fleet(server: &Server, placeholder: &[String]) -> Result<Fleet, Error> {
    let args = ["show-option", "-gqv", "window-size"];
    if run(server, &args, NoConnection::MakeFleet).await?.stdout_text().trim() == MANUAL_SIZE {
        return Err(Error::ManualSize);
    }
    match make_fleet(server, placeholder, NoConnection::MakeFleet).await {
        Err(Error::NoServer { socket }) => Err(Error::ServerEnded { socket }),
        made => made,
    }
}

async fn fetch_fleet(server: &Server) -> Result<Option<Fleet>, Error> {
    let format = format!("{FLEET_FORMAT} #{{{FLEET_OPTION}}}");
    let output = run(server, &["list-session", "-F", &format], NoConnection::MakeFleet).await?;
    let text = output.stdout_text();
    let mut rows = text.lines().filter_map(|row| row.rsplit_once(' '));
    Ok(rows.find(|(_, mark)| !mark.is_empty()).and_then(|(fleet, _)| Fleet::parse(fleet)))
}

/// The mark and the options that keep the session alive are set before anything else can happen to
/// it.
async fn make_fleet(
    server: &Server,
    placeholder: &[String],
    absent: NoConnection,
) -> Result<Fleet, Error> {
    if absent == NoConnection::StartServer {
        make_socket_dir(server)?;
    }
    let mut refused = Err(Error::NoServer { socket: server.socket.clone() });
    for name in FLEET_NAMES {
        let target = format!("={name}:");
        let mut args =
            vec!["new-sessio", "-dPE", "-F", FLEET_FORMAT, "-s", name, "-n", name, "-c", "/"];
        args.extend(SIZE);
        args.push("--");
        let words: Vec<String> = placeholder.iter().map(|it| unsplit(it)).collect();
        args.extend(words.iter().map(String::as_str));
        for (option, value) in [("destroy-unattached", "off"), (FLEET_OPTION, "1")] {
            args.extend([";", "set-optio", "-t", &target, option, value]);
        }
        refused = match run(server, &args, absent).await {
            Ok(output) => {
                let verb = "new-session";
                return Fleet::parse(&output.stdout_text()).ok_or(Error::Unreadable { verb });
            }
            Err(error @ Error::SessionExists { .. }) => Err(error),
            Err(error) => return Err(error),
        };
    }
    refused
}

/// The clients that were attached to the fleet were ended. Unless the server has, the fleet goes if
/// nothing is in it, and what is said is that they were detached.
pub(super) async fn give_up_fleet(server: &Server, fleet: &Fleet) -> Error {
    let (target, untouched) = (format!("{}:", fleet.session), command::untouched());
    let kill = format!("kill-session -t '{}'", fleet.session);
    let condition = String::from_utf8_lossy(untouched.as_bytes()).into_owned();
    let args = ["if-shel", "-F", "-t", &target, &condition, &kill];
    match run(server, &args, NoConnection::MakeFleet).await {
        Err(Error::NoServer { socket }) => Error::ServerEnded { socket },
        // Gone already, by the same hand that ended the clients.
        Ok(_) | Err(_) => Error::Detached,
    }
}

/// tmux creates the directory of its sockets, but not of a socket path that it is given; then it
/// fails and reports success.
fn make_socket_dir(server: &Server) -> Result<(), Error> {
    let Some(dir) = server.socket.parent() else { return Ok(()) };
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::Start { program: server.tmux.clone(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// On a command line, unlike on the connection, tmux treats a `;` at the end of an argument as a
/// separator.
fn unsplit(arg: &str) -> String {
    arg.strip_suffix(';').map_or_else(|| arg.to_owned(), |head| format!("{head}\\;"))
}

/// Puts `bytes` into a paste buffer of the connected server `id`. Large ones are faster this way
/// than on the connection.
pub(super) async fn load_buffer(
    server: &Server,
    id: ServerId,
    name: &str,
    bytes: &[u8],
) -> Result<(), Error> {
    let mut waits = Backoff::default().take(4);
    loop {
        let args = ["load-buffe", "-b", name, "-"];
        let loaded =
            finish(server, tmux(server, &args, NoConnection::MakeFleet).stdin(bytes)).await;
        match (loaded, waits.next()) {
            (Err(Error::NoServer { .. }), Some(wait)) => {
                revive_socket(Some(id)).await;
                time::sleep(wait).await;
            }
            (loaded, _) => return loaded.map(drop),
        }
    }
}

async fn run(server: &Server, args: &[&str], absent: NoConnection) -> Result<Output, Error> {
    finish(server, tmux(server, args, absent)).await
}

fn tmux(server: &Server, args: &[&str], absent: NoConnection) -> Cmd<'static> {
    let mut cmd = Cmd::new(&server.tmux, Path::new("/")).args(["-u"]);
    if absent != NoConnection::StartServer {
        cmd = cmd.args(["-N"]);
    }
    // Programs of the new server must not take it for theirs.
    for (name, _) in std::env::vars_os() {
        if proc::is_caller_specific(&name) {
            cmd = cmd.env_remove(name);
        }
    }
    let limit = if absent == NoConnection::StartServer { START_LIMIT } else { LIMIT };
    cmd.args(["-S"]).args([&server.socket]).args(args).limit(limit)
}

async fn finish(server: &Server, cmd: Cmd<'_>) -> Result<Output, Error> {
    let output = cmd.run(&proc::never()).await?;
    if output.is_success() {
        return Ok(output);
    }
    let said = output.stderr_text();
    let is_absent = said.starts_with("no server running")
        || said.starts_with("server exited")
        || said.starts_with("lost server")
        || (said.starts_with("error connecting")
            && (said.contains("No such file") || said.contains("Connection refused")));
    if is_absent {
        return Err(Error::NoServer { socket: server.socket.clone() });
    }
    Err(Error::refused("tmux", said.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_two_seconds() {
        let waits: Vec<u128> = Backoff::default().take(8).map(|it| it.as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }

    #[test]
    fn a_semicolon_at_the_end_of_an_argument_stays() {
        assert_eq!(unsplit("a;"), "a\\;");
        assert_eq!(unsplit("a;b"), "a;b");
    }
}
