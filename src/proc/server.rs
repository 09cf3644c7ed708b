//! Finds the program that serves a tmux socket.
use std::{
    ffi::OsString,
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

/// The tmux to run for the server at `socket`: the server's own program, because two releases do
/// not always understand each other. Falls back to `tmux` from PATH when the program is unknown.
pub async fn tmux(socket: &Path) -> OsString {
    serving(socket).await.map_or_else(|| "tmux".into(), PathBuf::into_os_string)
}

/// Whether a process listens at `socket`.
pub async fn listens(socket: &Path) -> bool {
    match UnixStream::connect(socket).await {
        Ok(_) => true,
        // A server that is busy still exists.
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

/// The program of the tmux server at `socket`, if the system reveals it (Linux).
pub async fn serving(socket: &Path) -> Option<PathBuf> {
    // Never blocks: if the socket's queue is full, this is an error.
    let stream = UnixStream::connect(socket).await.ok()?;
    program(stream.peer_cred().ok()?.pid()?)
}

fn program(pid: i32) -> Option<PathBuf> {
    let running = PathBuf::from(format!("/proc/{pid}/exe"));
    let path = fs::read_link(&running).ok()?;
    // Not every socket is a tmux server's.
    let name = path.file_name()?.as_bytes();
    if !name.windows(4).any(|it| it == b"tmux") {
        return None;
    }
    let inode = |path: &Path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
    // A program that an upgrade replaced can still be run from here.
    Some(if inode(&path) == inode(&running) { path } else { running })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_without_a_tmux_behind_it_names_no_program() {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let socket = dir.path().join("s");
        assert_eq!(tmux(&socket).await, "tmux");
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(serving(&socket).await, None);
        assert_eq!(tmux(&socket).await, "tmux");
    }
}
