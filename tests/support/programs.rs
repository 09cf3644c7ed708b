//! Which programs there are: ours, those of the machine, and those that run inside a directory.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::SystemTime,
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

pub(super) const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_agent");

/// The caller's PATH, without the shims of version managers: they look for their own files in HOME.
pub(super) fn path() -> String {
    let path = std::env::var("PATH").unwrap();
    path.split(':').filter(|dir| !dir.ends_with("/shims")).collect::<Vec<_>>().join(":")
}

/// `cargo test --test suite` alone does not build examples, so this does if it has to.
pub(super) fn fake_agent() -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let target = Path::new(WTMAG).parent().unwrap();
        let program = target.join("examples/fake-agent");
        if modified(&program) < newest(Path::new(SOURCES)) {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "--quiet", "--example", "fake-agent"]);
            cargo.args(target.ends_with("release").then_some("--release"));
            cargo.arg("--target-dir").arg(target.parent().unwrap());
            let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
            assert!(status.success(), "the fake agent could not be built");
        }
        program
    });
    BUILT.clone()
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn newest(dir: &Path) -> SystemTime {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|it| if it.is_dir() { newest(&it) } else { modified(&it) }).max().unwrap()
}

/// Processes other than this one whose HOME or working directory is in `dir`, with their command lines.
/// None are known where there is no `/proc`.
pub(crate) fn inside(dir: &Path) -> Vec<(u32, String)> {
    // Without a slash at its end.
    let dir: PathBuf = dir.components().collect();
    let home = format!("HOME={}/", dir.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let proc = entry.path();
        let has_home = fs::read(proc.join("environ")).is_ok_and(|it| {
            it.split(|byte| *byte == 0).any(|var| var.starts_with(home.as_bytes()))
        });
        let is_there = fs::read_link(proc.join("cwd")).is_ok_and(|it| it.starts_with(&dir));
        let line = fs::read(proc.join("cmdline")).unwrap_or_default();
        // A zombie has no command line: its parent is not under the test's control.
        if (has_home || is_there) && pid != std::process::id() && !line.is_empty() {
            found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
        }
    }
    found
}

/// Whether a process has ended and its files are closed. Its first thread may end before the others, which
/// have the files open until they end. A process that nobody waits for stays, with its last thread.
pub(crate) fn has_ended(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.into_iter().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // `1 (name) Z …`; the name may contain anything.
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim().chars().next());
        matches!(state, None | Some('Z' | 'X'))
    })
}

pub(super) fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    // It may have gone by itself in the meantime.
    assert!(matches!(signal::kill(pid, Signal::SIGKILL), Ok(()) | Err(nix::errno::Errno::ESRCH)));
}
