//! Finds processes that are using a directory.
//!
//! Reads `/proc`; without it, asks `lsof`. Does not see other users' processes.
use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Error, Run};
use crate::proc::Cmd;

/// A process that is using a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub command: String,
}

impl Process {
    /// A note for the user who starts an agent beside it.
    pub fn beside(&self) -> String {
        format!("`{}` (process {}) is already at work in the worktree", self.command, self.pid)
    }
}

/// A process, and what it is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    pid: u32,
    parent: u32,
    command: String,
    cwd: PathBuf,
    /// Its terminal, where it has one and that is known.
    terminal: Option<String>,
    /// It has a file in the directory open.
    has_file: bool,
    /// An interactive shell without a script or a command.
    is_interactive: bool,
    /// Nothing else uses its terminal: it waits for its user.
    is_waiting: bool,
}

/// Processes whose current directory or open file is in `dir`.
///
/// Excludes those in `known` and their descendants, this process and its ancestors, and shells that
/// wait for their users. A descendant with a terminal of its own counts: it does not end with the pane,
/// as a session that claude moved to its daemon.
pub(super) async fn inside(
    dir: &Path,
    known: &[u32],
    run: &Run<'_>,
) -> Result<Vec<Process>, Error> {
    Ok(at_work(&all(Some(dir), run).await?, dir, known, std::process::id()))
}

/// Programs at work in a directory, beside shells that wait for their users.
///
/// # Errors
/// [`Error::Proc`] if the user cancelled.
pub async fn programs_inside(dir: &Path, run: &Run<'_>) -> Result<Vec<Process>, Error> {
    inside(dir, &[], run).await
}

/// Whether a process with this command has its current directory in `dir`.
pub(super) async fn has(dir: &Path, command: &str, run: &Run<'_>) -> Result<bool, Error> {
    let all = all(None, run).await?;
    Ok(all.iter().any(|it| it.cwd.starts_with(dir) && it.command.starts_with(command)))
}

fn at_work(all: &[Found], dir: &Path, known: &[u32], own: u32) -> Vec<Process> {
    // A process that 1 or 0 (outside the namespace) adopted does not descend from the others that
    // they started. The length of the chain is limited in case it is circular.
    let line = |pid: u32| {
        let parent_of = |pid: &u32| all.iter().find(|it| it.pid == *pid).map(|it| it.parent);
        std::iter::successors(Some(pid), parent_of).take(100).take_while(|&it| it > 1)
    };
    let ancestors: Vec<u32> = line(own).collect();
    let terminal_of =
        |pid: u32| all.iter().find(|it| it.pid == pid).and_then(|it| it.terminal.as_deref());
    let is_excused = |it: &Found| {
        let pane = line(it.pid).find(|pid| known.contains(pid));
        let ends_with = |pid| it.terminal.is_none() || it.terminal.as_deref() == terminal_of(pid);
        ancestors.contains(&it.pid) || pane.is_some_and(ends_with)
    };
    let is_inside = |it: &Found| it.cwd.starts_with(dir) || it.has_file;
    let counts = |it: &&Found| {
        let works_itself = !it.is_interactive
            || !(it.is_waiting
                || all.iter().any(|child| child.parent == it.pid && is_inside(child)));
        is_inside(it) && works_itself && !is_excused(it)
    };
    let process = |it: &Found| Process { pid: it.pid, command: it.command.clone() };
    all.iter().filter(counts).map(process).collect()
}

/// Shells: what waits in a pane when nothing else runs.
const SHELLS: [&str; 12] =
    ["sh", "bash", "zsh", "fish", "dash", "ash", "ksh", "mksh", "tcsh", "csh", "nu", "xonsh"];

/// A helper that some prompts keep as a child of the shell.
const PROMPT_HELPER: &str = "gitstatusd";

/// What runs in a pane with this process: nothing for a shell that waits for its user, or for a
/// process that is gone.
///
/// # Errors
/// [`Error::Proc`] if the user cancelled.
pub async fn foreground_process(pane_pid: u32, run: &Run<'_>) -> Result<Option<Process>, Error> {
    let all = all(None, run).await?;
    let found = occupant_of(&all, pane_pid);
    Ok(found.map(|it| Process { pid: it.pid, command: it.command.clone() }))
}

fn occupant_of(all: &[Found], pane_pid: u32) -> Option<&Found> {
    let own = all.iter().find(|it| it.pid == pane_pid)?;
    let is_work = |it: &&Found| it.parent == pane_pid && !it.command.starts_with(PROMPT_HELPER);
    if is_shell(&own.command) { all.iter().find(is_work) } else { Some(own) }
}

fn is_shell(command: &str) -> bool {
    SHELLS.contains(&command.trim_start_matches('-'))
}

async fn all(dir: Option<&Path>, run: &Run<'_>) -> Result<Vec<Found>, Error> {
    if Path::new("/proc/self/cwd").exists() { Ok(from_proc(dir)) } else { from_lsof(run).await }
}

fn from_proc(dir: Option<&Path>) -> Vec<Found> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.flatten().filter_map(pid).filter_map(|pid| one_from_proc(pid, dir)).collect()
}

/// Nothing if the process ended meanwhile.
fn one_from_proc(pid: u32, inside: Option<&Path>) -> Option<Found> {
    let dir = PathBuf::from(format!("/proc/{pid}"));
    // Kernel threads and other users' processes show no directory, but they link to their parents.
    let cwd = fs::read_link(dir.join("cwd")).unwrap_or_default();
    let stat = fs::read_to_string(dir.join("stat")).ok()?;
    // `pid (command) state parent group session terminal foreground …`; the command may contain any
    // character.
    let (head, tail) = stat.rsplit_once(')')?;
    let command = head.split_once('(')?.1.to_owned();
    let mut words = tail.split_whitespace();
    let (state, parent, group) = (words.next()?, words.next()?, words.next()?);
    let (terminal, foreground) = (words.nth(1)?, words.next()?);
    let is_interactive = is_shell(&command)
        && terminal != "0"
        && has_no_script(&fs::read(dir.join("cmdline")).unwrap_or_default());
    let has_file = inside.is_some_and(|inside| {
        let files = fs::read_dir(dir.join("fd")).into_iter().flatten().flatten();
        let targets = files.filter_map(|it| fs::read_link(it.path()).ok());
        targets.into_iter().any(|it| it.starts_with(inside))
    });
    let is_waiting = state == "S" && foreground == group;
    let terminal = (terminal != "0").then(|| terminal.to_owned());
    let parent = parent.parse().ok()?;
    Some(Found { pid, parent, command, cwd, terminal, has_file, is_interactive, is_waiting })
}

/// Whether a shell has only flags as arguments, and no `-c`.
fn has_no_script(cmdline: &[u8]) -> bool {
    let args = cmdline.split(|it| *it == 0).skip(1).filter(|it| !it.is_empty());
    let is_flag = |it: &[u8]| match it {
        [b'-', b'-', ..] => true,
        [b'-' | b'+', rest @ ..] => !rest.contains(&b'c'),
        _ => false,
    };
    args.into_iter().all(is_flag)
}

async fn from_lsof(run: &Run<'_>) -> Result<Vec<Found>, Error> {
    let cmd = Cmd::new("lsof", Path::new("/")).args(["-w", "-d", "cwd", "-F", "pRcn"]);
    match cmd.run(run.cancel).await {
        Ok(output) => Ok(parse_lsof(&output.stdout_text())),
        // Without `lsof` nothing is known, which is not a reason to refuse.
        Err(crate::proc::Error::Missing { .. }) => Ok(Vec::new()),
        Err(it) => Err(it.into()),
    }
}

/// Lines `pPID`, `RPARENT`, `cCOMMAND`, `nPATH`; each `p` begins a process.
fn parse_lsof(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for line in text.lines() {
        let mut chars = line.chars();
        let (field, value) = (chars.next(), chars.as_str());
        if field == Some('p') {
            found.push(Found {
                pid: value.parse().unwrap_or_default(),
                parent: 0,
                command: String::new(),
                cwd: PathBuf::new(),
                terminal: None,
                has_file: false,
                is_interactive: false,
                is_waiting: false,
            });
        }
        let Some(last) = found.last_mut() else { continue };
        match field {
            Some('R') => last.parent = value.parse().unwrap_or_default(),
            Some('c') => value.clone_into(&mut last.command),
            Some('n') => last.cwd = PathBuf::from(value),
            Some(_) | None => {}
        }
    }
    // `lsof` does not report the terminal's foreground: a shell without descendants counts as
    // waiting.
    let parents: Vec<u32> = found.iter().map(|it| it.parent).collect();
    for it in &mut found {
        it.is_interactive = is_shell(&it.command);
        it.is_waiting = !parents.contains(&it.pid);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pid: u32, parent: u32, command: &str, cwd: &str) -> Found {
        let (command, cwd) = (command.to_owned(), PathBuf::from(cwd));
        let (has_file, is_interactive, is_waiting) = (false, false, false);
        Found { pid, parent, command, cwd, terminal: None, has_file, is_interactive, is_waiting }
    }

    #[test]
    fn a_shell_without_a_child_is_not_busy() {
        let all = [
            found(2, 1, "bash", ""),
            found(3, 1, "zsh", ""),
            found(4, 3, "vim", ""),
            found(5, 1, "htop", ""),
            found(6, 1, "-zsh", ""),
            found(7, 6, "gitstatusd-linux", ""),
        ];
        let check = |pid, want| assert_eq!(occupant_of(&all, pid).map(|it| it.pid), want, "{pid}");
        check(2, None);
        check(3, Some(4));
        check(5, Some(5));
        check(6, None);
        check(9, None);
    }

    #[test]
    fn shells_that_wait_and_the_callers_own_line_are_not_at_work() {
        let shell = |pid, parent, is_waiting| Found {
            is_interactive: true,
            is_waiting,
            ..found(pid, parent, "bash", "/w")
        };
        let all = [
            // The caller: a shell, the command, and a job of the same shell.
            shell(2, 1, false),
            found(3, 2, "wtmag", "/w"),
            found(4, 2, "server", "/w/sub"),
            // A waiting shell, and a shell whose program is using the directory.
            shell(5, 1, true),
            shell(6, 1, false),
            found(7, 6, "vim", "/w"),
            // A shell that waits for a program elsewhere.
            shell(8, 1, false),
            found(9, 8, "ssh", "/"),
            // The agent's processes.
            found(10, 1, "agent", "/w"),
            found(11, 10, "npm", "/w"),
            // An open file, and a directory whose name only begins the same.
            Found { has_file: true, ..found(12, 1, "tail", "/") },
            found(13, 1, "node", "/w2"),
        ];
        let at_work: Vec<u32> =
            at_work(&all, Path::new("/w"), &[10], 3).iter().map(|it| it.pid).collect();
        assert_eq!(at_work, [4, 7, 8, 12]);
    }

    #[test]
    fn what_has_a_terminal_of_its_own_does_not_end_with_the_pane() {
        let on = |terminal: &str, pid, parent| Found {
            terminal: Some(terminal.to_owned()),
            ..found(pid, parent, "claude", "/w")
        };
        let all = [
            on("pane", 10, 1),
            on("pane", 11, 10),
            // A daemon that the agent started, and the session that it runs.
            found(12, 11, "claude", "/w"),
            on("other", 13, 12),
            // The same, once the agent has gone.
            on("other", 14, 1),
        ];
        let at_work: Vec<u32> =
            at_work(&all, Path::new("/w"), &[10], 3).iter().map(|it| it.pid).collect();
        assert_eq!(at_work, [13, 14]);
    }

    #[test]
    fn only_a_shell_without_a_script_waits_for_its_user() {
        let check = |args: &[u8], want| assert_eq!(has_no_script(args), want, "{args:?}");
        check(b"-bash\0", true);
        check(b"zsh\0-l\0-i\0", true);
        check(b"bash\0--rcfile\0", true);
        check(b"bash\0-lic\0sleep 1\0", false);
        check(b"sh\0script\0", false);
    }

    #[test]
    fn the_answer_of_lsof_is_read() {
        let text = "p12\nR1\nczsh\nfcwd\nn/a/b c\np13\nR12\ncnode\nfcwd\nn/\n";
        let shell = Found { is_interactive: true, ..found(12, 1, "zsh", "/a/b c") };
        let node = Found { is_waiting: true, ..found(13, 12, "node", "/") };
        assert_eq!(parse_lsof(text), [shell, node]);
    }
}
