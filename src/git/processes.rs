//! Processes that are at work in a directory.
//!
//! Reads `/proc`; where there is none, asks `lsof`. Other users' processes are not seen.
use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Error, Run};
use crate::proc::Cmd;

/// A process with its current directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
    command: String,
    cwd: PathBuf,
}

/// Pid and command of every process whose directory is `dir` or below, without those that are or
/// descend from one in `known`, and without this one.
pub(super) async fn inside(
    dir: &Path,
    known: &[u32],
    run: &Run<'_>,
) -> Result<Vec<(u32, String)>, Error> {
    let all = all(run).await?;
    let is_known = |pid: u32| {
        // The chain of parents is cut in case it turns round. Who is 1's or 0's (outside of our
        // namespace) by adoption does not descend from what else they started.
        let parents = std::iter::successors(Some(pid), |&pid| {
            all.iter().find(|it| it.pid == pid).map(|it| it.parent)
        });
        let mut line = parents.take(100).take_while(|&it| it > 1);
        known.contains(&pid) || line.any(|pid| known.contains(&pid))
    };
    let own = std::process::id();
    let inside =
        all.iter().filter(|it| it.cwd.starts_with(dir) && it.pid != own && !is_known(it.pid));
    Ok(inside.map(|it| (it.pid, it.command.clone())).collect())
}

/// Shells: what waits in a pane when nothing runs there.
const SHELLS: [&str; 12] =
    ["sh", "bash", "zsh", "fish", "dash", "ash", "ksh", "mksh", "tcsh", "csh", "nu", "xonsh"];

/// A child that a prompt keeps beside its shell for as long as that lives.
const PROMPT_HELPER: &str = "gitstatusd";

/// Pid and command of what a pane with this process is busy with: nothing for a shell that waits for
/// its user, and for one that is gone.
///
/// # Errors
/// [`Error::Proc`] when the user gave up.
pub async fn occupant(pane_pid: u32, run: &Run<'_>) -> Result<Option<(u32, String)>, Error> {
    Ok(occupant_of(&all(run).await?, pane_pid).map(|it| (it.pid, it.command.clone())))
}

fn occupant_of(all: &[Process], pane_pid: u32) -> Option<&Process> {
    let own = all.iter().find(|it| it.pid == pane_pid)?;
    let is_work = |it: &&Process| it.parent == pane_pid && !it.command.starts_with(PROMPT_HELPER);
    let is_shell = SHELLS.contains(&own.command.trim_start_matches('-'));
    if is_shell { all.iter().find(is_work) } else { Some(own) }
}

async fn all(run: &Run<'_>) -> Result<Vec<Process>, Error> {
    if Path::new("/proc/self/cwd").exists() { Ok(from_proc()) } else { from_lsof(run).await }
}

fn from_proc() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(pid).filter_map(one_from_proc).collect()
}

/// Nothing when it ended meanwhile.
fn one_from_proc(pid: u32) -> Option<Process> {
    let dir = PathBuf::from(format!("/proc/{pid}"));
    // Kernel threads and other users' processes show no directory, but link to their parents.
    let cwd = fs::read_link(dir.join("cwd")).unwrap_or_default();
    let stat = fs::read_to_string(dir.join("stat")).ok()?;
    // `pid (command) state parent …`, where the command may hold anything.
    let (head, tail) = stat.rsplit_once(')')?;
    let command = head.split_once('(')?.1.to_owned();
    let parent = tail.split_whitespace().nth(1)?.parse().ok()?;
    Some(Process { pid, parent, command, cwd })
}

async fn from_lsof(run: &Run<'_>) -> Result<Vec<Process>, Error> {
    let cmd = Cmd::new("lsof", Path::new("/")).args(["-w", "-d", "cwd", "-F", "pRcn"]);
    match cmd.run(run.cancel).await {
        Ok(output) => Ok(parse_lsof(&output.stdout_text())),
        // Without it nothing is known, which is not a reason to refuse.
        Err(crate::proc::Error::Missing { .. }) => Ok(Vec::new()),
        Err(it) => Err(it.into()),
    }
}

/// Lines `pPID`, `RPARENT`, `cCOMMAND`, `nPATH`, a new process at each `p`.
fn parse_lsof(text: &str) -> Vec<Process> {
    let mut found: Vec<Process> = Vec::new();
    for line in text.lines() {
        let mut chars = line.chars();
        let (field, value) = (chars.next(), chars.as_str());
        if field == Some('p') {
            let pid = value.parse().unwrap_or_default();
            found.push(Process { pid, parent: 0, command: String::new(), cwd: PathBuf::new() });
        }
        let Some(last) = found.last_mut() else { continue };
        match field {
            Some('R') => last.parent = value.parse().unwrap_or_default(),
            Some('c') => value.clone_into(&mut last.command),
            Some('n') => last.cwd = PathBuf::from(value),
            Some(_) | None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_without_a_child_is_nobodys_work() {
        let process = |pid, parent, command: &str| Process {
            pid,
            parent,
            command: command.to_owned(),
            cwd: PathBuf::new(),
        };
        let all = [
            process(2, 1, "bash"),
            process(3, 1, "zsh"),
            process(4, 3, "vim"),
            process(5, 1, "htop"),
            process(6, 1, "-zsh"),
            process(7, 6, "gitstatusd-linux"),
        ];
        let check = |pid, want| assert_eq!(occupant_of(&all, pid).map(|it| it.pid), want, "{pid}");
        check(2, None);
        check(3, Some(4));
        check(5, Some(5));
        check(6, None);
        check(9, None);
    }

    #[test]
    fn the_answer_of_lsof_is_read() {
        let text = "p12\nR1\nczsh\nfcwd\nn/a/b c\np13\nR12\ncnode\nfcwd\nn/\n";
        let process = |pid, parent, command: &str, cwd| Process {
            pid,
            parent,
            command: command.to_owned(),
            cwd: PathBuf::from(cwd),
        };
        assert_eq!(
            parse_lsof(text),
            [process(12, 1, "zsh", "/a/b c"), process(13, 12, "node", "/")]
        );
    }
}
