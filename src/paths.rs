//! Where files are: the only reader of the environment (HOME, XDG, TMUX and the rest).
//!
//! Knows names of files and directories and who may own them; not their content.
use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write as _},
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::{DirBuilderExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::model::{PaneId, SessionId};

/// Longest path of a unix socket, in bytes, that every system accepts (`sun_path` without its NUL).
pub const MAX_SOCKET_LEN: usize = 103;

/// Files with a permanent id of this machine, best first.
const MACHINE_IDS: &[&str] = &["/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostid"];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no home directory: `HOME` is not set")]
    NoHome,
    #[error("socket path `{}` is longer than {MAX_SOCKET_LEN} bytes", path.display())]
    TooLong { path: PathBuf },
    #[error("`{}` {why}", path.display())]
    Unsafe { path: PathBuf, why: &'static str },
    #[error("could not use directory `{}`", path.display())]
    Directory { path: PathBuf, source: io::Error },
}

/// The environment of this process, read once at the edge and passed down.
#[derive(Clone, Debug)]
pub struct Env {
    vars: HashMap<OsString, OsString>,
    home: PathBuf,
    uid: u32,
}

/// The caller's place in tmux, from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Real path of the server's socket.
    pub socket: PathBuf,
    pub server_pid: u32,
    /// The session in which the caller's pane was *created*; it may have moved since.
    pub session: SessionId,
    /// None in a popup.
    pub pane: Option<PaneId>,
}

impl Env {
    /// This process's own environment. Fails when there is no home directory.
    pub fn capture() -> Result<Self, Error> {
        let home = std::env::home_dir().filter(|it| it.is_absolute()).ok_or(Error::NoHome)?;
        Ok(Self::new(std::env::vars_os(), home, nix::unistd::getuid().as_raw()))
    }

    /// An environment made from `vars`.
    pub fn new<N: Into<OsString>, V: Into<OsString>>(
        vars: impl IntoIterator<Item = (N, V)>,
        home: PathBuf,
        uid: u32,
    ) -> Self {
        let vars = vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { vars, home, uid }
    }

    /// A variable; an empty one counts as not set.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|it| !it.is_empty())
    }

    /// The path by which this program was called, or that PATH has for its name. Symbolic links are
    /// kept, so that the path survives an upgrade.
    pub fn program(&self) -> io::Result<PathBuf> {
        let real = std::env::current_exe()?;
        let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
        Ok(self.program_called(&called, &real).unwrap_or(real))
    }

    /// The path by which `called` refers to the file `real`.
    fn program_called(&self, called: &Path, real: &Path) -> Option<PathBuf> {
        let inode = |path: &Path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
        let name = called.file_name()?;
        let dirs = self.var("PATH").map(std::env::split_paths).into_iter().flatten();
        let in_path = dirs.filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
        let given = called.components().nth(1).and_then(|_| std::path::absolute(called).ok());
        // After an upgrade the file of this process is gone, and the path leads to its replacement.
        let is_it = |it: &PathBuf| {
            inode(it).is_some() && (inode(it) == inode(real) || inode(real).is_none())
        };
        given.into_iter().chain(in_path).find(is_it)
    }

    /// Every variable, including empty ones, in no particular order.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// `~/.config/wtmag`, also on macOS.
    pub fn config_dir(&self) -> PathBuf {
        self.base_dir("XDG_CONFIG_HOME", ".config").join("wtmag")
    }

    pub fn config_file(&self) -> PathBuf {
        self.config_dir().join("config.toml")
    }

    /// Where the user's agent profiles are: `<name>.toml`.
    pub fn profiles_dir(&self) -> PathBuf {
        self.config_dir().join("agents")
    }

    /// What was typed into the form for a new worker.
    pub fn form_dir(&self) -> PathBuf {
        self.state_home().join("form")
    }

    /// Where the user's personas for orchestrators are: `<name>.md`.
    pub fn personas_dir(&self) -> PathBuf {
        self.config_dir().join("personas")
    }

    /// Where the user's brief templates are.
    pub fn prompts_dir(&self) -> PathBuf {
        self.config_dir().join("prompts")
    }

    /// Files of the user and the machine in which WorkTrunk may find hooks; `None` if variables
    /// name other files.
    pub fn worktrunk_files(&self) -> Option<Vec<PathBuf>> {
        let is_setting = |name: &OsStr| {
            let name = name.to_string_lossy();
            let words = ["CONFIG", "START", "CREATE", "HOOK"];
            name.starts_with("WORKTRUNK_") && words.iter().any(|it| name.contains(it))
        };
        if self.vars().any(|(name, _)| is_setting(name)) {
            return None;
        }
        let user = self.base_dir("XDG_CONFIG_HOME", ".config");
        let machine = self.var("XDG_CONFIG_DIRS").map(std::env::split_paths);
        let usual = ["/etc/xdg", "/etc", "/Library/Application Support"].map(PathBuf::from);
        let dirs = [user].into_iter().chain(machine.into_iter().flatten()).chain(usual);
        Some(dirs.map(|it| it.join("worktrunk/config.toml")).collect())
    }

    /// Which settings from repositories the user has approved.
    pub fn approvals_file(&self) -> PathBuf {
        self.base_dir("XDG_STATE_HOME", ".local/state").join("wtmag/approved.json")
    }

    /// The tmux socket to use, found as tmux does: the `-S` path, else the `-L` name, else `$TMUX`,
    /// else `default`. An absolute, real path; the socket need not exist.
    pub fn tmux_socket(&self, path: Option<&Path>, name: Option<&OsStr>) -> Result<PathBuf, Error> {
        let caller = || self.tmux_var().map(|(socket, _, _)| socket);
        let socket = match (path, name) {
            (Some(path), _) => path.to_owned(),
            (None, Some(name)) => self.tmux_dir().join(name),
            (None, None) => caller().unwrap_or_else(|| self.tmux_dir().join("default")),
        };
        let socket = real_path(&socket)?;
        if socket.as_os_str().len() > MAX_SOCKET_LEN {
            return Err(Error::TooLong { path: socket });
        }
        Ok(socket)
    }

    /// Where in tmux the caller is; None outside tmux or if the variables are malformed.
    pub fn caller(&self) -> Option<Caller> {
        let (socket, server_pid, session) = self.tmux_var()?;
        let pane = self.var("TMUX_PANE").and_then(|it| it.to_str()?.parse().ok());
        Some(Caller { socket: real_path(&socket).ok()?, server_pid, session, pane })
    }

    /// The variables that say which tmux client and pane ask. Children do not inherit them.
    pub fn tmux_vars(&self) -> Vec<(&'static str, OsString)> {
        let vars = ["TMUX", "TMUX_PANE"].into_iter();
        vars.filter_map(|name| Some((name, self.var(name)?.to_owned()))).collect()
    }

    /// The hub's directory for the tmux server at `socket` (as [`Env::tmux_socket`] gives it).
    pub fn state_dir(&self, socket: &Path) -> StateDir {
        StateDir::at(self.state_home().join(machine_id()).join(hash(socket)))
    }

    /// Where records, logs and recorded screens are: `~/.local/state/wtmag`.
    pub fn state_home(&self) -> PathBuf {
        self.base_dir("XDG_STATE_HOME", ".local/state").join("wtmag")
    }

    /// Where the sockets of hubs may be, besides in the state directory.
    pub fn runtime_dirs(&self) -> Vec<PathBuf> {
        let runtime = self.var("XDG_RUNTIME_DIR").map(|it| Path::new(it).join("wtmag"));
        let shared = Path::new("/tmp").join(format!("wtmag-{}", self.uid));
        runtime.into_iter().chain([shared]).collect()
    }

    /// A path for the socket of the hub with this directory, in a private directory that is created
    /// if needed. Clients do not compute it: `hub.json` names it.
    pub fn hub_socket(&self, state: &StateDir) -> Result<PathBuf, Error> {
        self.hub_socket_beside(Path::new("/tmp"), state)
    }

    /// The same with another shared directory.
    fn hub_socket_beside(&self, shared: &Path, state: &StateDir) -> Result<PathBuf, Error> {
        let name = format!("{}.sock", hash(state.root()));
        if let Some(dir) = self.var("XDG_RUNTIME_DIR").map(Path::new) {
            let socket = dir.join("wtmag").join(&name);
            let is_ours = fs::metadata(dir).is_ok_and(|it| it.is_dir() && it.uid() == self.uid);
            if dir.is_absolute() && is_ours && socket.as_os_str().len() <= MAX_SOCKET_LEN {
                private_dir(&dir.join("wtmag"), self.uid)?;
                return Ok(socket);
            }
        }
        let dir = shared.join(format!("wtmag-{}", self.uid));
        let Err(refused) = private_dir(&dir, self.uid) else { return Ok(dir.join(name)) };
        // Another user created the directory first. This one belongs to this user alone. Its path is
        // short, because a socket's must be; the names of other sockets there are no longer than this.
        let dir = self.state_home().join("run");
        let socket = dir.join(name);
        if socket.as_os_str().len() > MAX_SOCKET_LEN {
            return Err(refused);
        }
        private_dir(&dir, self.uid)?;
        Ok(socket)
    }

    /// An XDG base directory; relative ones are ignored, as its specification asks.
    fn base_dir(&self, name: &str, default: &str) -> PathBuf {
        let dir = self.var(name).map(PathBuf::from).filter(|it| it.is_absolute());
        dir.unwrap_or_else(|| self.home.join(default))
    }

    /// tmux takes the first of `$TMUX_TMPDIR` and `/tmp` that exists.
    fn tmux_dir(&self) -> PathBuf {
        let wanted = self.var("TMUX_TMPDIR").and_then(|it| fs::canonicalize(it).ok());
        let base = wanted.unwrap_or_else(|| PathBuf::from("/tmp"));
        base.join(format!("tmux-{}", self.uid))
    }

    /// The fields of `$TMUX`, split from the right: the path may hold commas.
    fn tmux_var(&self) -> Option<(PathBuf, u32, SessionId)> {
        let bytes = self.var("TMUX")?.as_bytes();
        let mut fields = bytes.rsplitn(3, |&byte| byte == b',');
        let mut number = || str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (session, pid) = (number()?, number()?);
        let socket = fields.next().filter(|it| !it.is_empty())?;
        Some((OsString::from_vec(socket.to_vec()).into(), pid, SessionId(session)))
    }
}

/// Like [`Env::program`], for callers without an environment.
pub fn own_program() -> io::Result<PathBuf> {
    Env::capture().map_err(io::Error::other)?.program()
}

/// Creates `path` (mode 0700) and its parents if needed; refuses a symbolic link, another owner,
/// and access for others.
pub fn private_dir(path: &Path, uid: u32) -> Result<(), Error> {
    let fail = |source| Error::Directory { path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail)?;
    let found = fs::symlink_metadata(path).map_err(fail)?;
    let why = if !found.is_dir() {
        "is a symbolic link"
    } else if found.uid() != uid {
        "belongs to another user"
    } else if found.mode() & 0o077 != 0 {
        "can be accessed by other users; run `chmod 700` on it"
    } else {
        return Ok(());
    };
    Err(Error::Unsafe { path: path.to_owned(), why })
}

/// The path without symbolic links, as far as it exists.
fn real_path(path: &Path) -> Result<PathBuf, Error> {
    let fail = |source| Error::Directory { path: path.to_owned(), source };
    let path = std::path::absolute(path).map_err(fail)?;
    for ancestor in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (fs::canonicalize(ancestor), path.strip_prefix(ancestor)) {
            return Ok(real.components().chain(rest.components()).collect());
        }
    }
    Ok(path)
}

/// Sixteen hex digits derived from a path.
fn hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Distinguishes this machine's state from another's in a shared home directory.
fn machine_id() -> String {
    let is_id =
        |id: &String| id.len() >= 8 && id.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
    let named = MACHINE_IDS.iter().filter_map(|it| fs::read_to_string(it).ok());
    if let Some(id) = named.map(|it| it.trim().to_lowercase()).find(is_id) {
        return id;
    }
    // A Mac's host name depends on the network, but its home is on its own disk.
    let is_mac = cfg!(target_os = "macos");
    let host = if is_mac { None } else { nix::unistd::gethostname().ok() };
    let host = host.and_then(|it| it.into_string().ok()).unwrap_or_default();
    let plain: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("host-{plain}")
}

/// Replaces a file in one step: a reader finds the old content or the new, never half of it. Only
/// the user may read it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    written_beside(path, bytes)?.persist(path)?;
    Ok(())
}

/// Like `replace`, for files that must survive a power failure: the content is on disk before it
/// gets its name.
pub fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = written_beside(path, bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn written_beside(path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let dir = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".").tempfile_in(dir)?;
    file.write_all(bytes)?;
    Ok(file)
}

mod state_dir;

pub use state_dir::StateDir;

#[cfg(test)]
mod tests;
