//! What the system tells about itself and its processes.
//!
//! Linux tells it in `/proc`. Elsewhere (macOS) `ps` and `sysctl` are asked, which costs a process each
//! time; what they do not tell is unknown.
use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Cmd, Output, never};

/// A group has a few processes. More of them are not worth the time.
const MAX_FOUND: usize = 64;

/// Programs that run a script which has a name of its own. A shell's script is not among them: what it
/// runs in the foreground is a process of the same group.
const INTERPRETERS: [&str; 6] = ["node", "bun", "deno", "python", "ruby", "perl"];

/// How long `ps` and `sysctl` may take.
const LIMIT: Duration = Duration::from_secs(2);

/// What [`Ps`] reads.
const PS_TABLE: [&str; 3] = ["-A", "-o", "pid=,ppid=,pgid=,tpgid=,command="];

/// Changes when the machine is rebooted; empty if the system does not tell.
pub async fn boot_id() -> String {
    let id = match fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id,
        Err(_) => ask("sysctl", &["-n", "kern.bootsessionuuid"]).await,
    };
    id.trim().to_owned()
}

/// The name of a process; `None` if it has ended, even if it was not collected yet.
pub async fn name_of(pid: u32) -> Option<String> {
    if has_proc() {
        let stat = fs::read_to_string(proc_dir(pid).join("stat")).ok()?;
        let (head, rest) = stat.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        return living(rest.trim_start(), name);
    }
    let line = ask("ps", &["-o", "stat=,comm=", "-p", &pid.to_string()]).await;
    let (state, program) = line.trim().split_once(' ')?;
    living(state, &base_name(program.trim()))
}

/// A zombie keeps its name.
fn living(state: &str, name: &str) -> Option<String> {
    (!state.starts_with(['Z', 'X', 'x'])).then(|| name.to_owned())
}

/// The names of the programs in the foreground of the terminal that process `leader` of a pane has,
/// unless that is `leader` itself or the shell that it started: the process that the group is called
/// by, and those that it started.
pub async fn foreground(leader: u32) -> Vec<String> {
    if has_proc() {
        return names_in_foreground(leader, &mut Proc);
    }
    names_in_foreground(leader, &mut Ps::parse(&ask("ps", &PS_TABLE).await))
}

/// Whether the process is in the foreground of its terminal, and that is this device, as far as the system tells.
pub async fn has_foreground_of(pid: u32, device: u64) -> bool {
    let is_it = |it: Stat| {
        it.group == it.foreground && it.terminal.is_none_or(|it| u64::from(it) == device)
    };
    if has_proc() {
        return Proc.stat(pid).is_some_and(is_it);
    }
    Ps::parse(&ask("ps", &PS_TABLE).await).stat(pid).is_some_and(is_it)
}

/// The processes above this one, the nearest first; empty where they are unknown.
pub async fn ancestors() -> Vec<u32> {
    let own = std::process::id();
    if has_proc() {
        return ancestors_of(own, &mut Proc);
    }
    ancestors_of(own, &mut Ps::parse(&ask("ps", &PS_TABLE).await))
}

fn ancestors_of(pid: u32, processes: &mut impl Processes) -> Vec<u32> {
    let mut parent = |pid: &u32| processes.stat(*pid).map(|it| it.parent).filter(|it| *it > 1);
    let nearest = parent(&pid);
    std::iter::successors(nearest, parent).take(MAX_FOUND).collect()
}

fn has_proc() -> bool {
    Path::new("/proc/self/stat").exists()
}

/// What a program prints; nothing if it fails.
async fn ask(program: &str, args: &[&str]) -> String {
    let cmd = Cmd::new(program, Path::new("/")).args(args).limit(LIMIT);
    let output = cmd.run(&never()).await.ok().filter(Output::is_success);
    output.as_ref().map(Output::stdout_text).unwrap_or_default()
}

/// A source of facts about processes.
trait Processes {
    fn stat(&mut self, pid: u32) -> Option<Stat>;
    fn children(&mut self, pid: u32) -> Vec<u32>;
    /// Its arguments, each ended by a NUL.
    fn command_line(&mut self, pid: u32) -> Vec<u8>;
}

fn names_in_foreground(leader: u32, processes: &mut impl Processes) -> Vec<String> {
    let Some(pane) = processes.stat(leader) else { return Vec::new() };
    let group = pane.foreground;
    let is_agents = |it: &Stat| group != leader && it.parent != leader;
    if !processes.stat(group).is_some_and(|it| is_agents(&it)) {
        return Vec::new();
    }
    let mut names = Vec::new();
    let mut found = vec![group];
    let mut at = 0;
    while let Some(pid) = found.get(at).filter(|_| at < MAX_FOUND).copied() {
        names.extend(names_of(&processes.command_line(pid)));
        for child in processes.children(pid) {
            if processes.stat(child).is_some_and(|it| it.group == group) {
                found.push(child);
            }
        }
        at += 1;
    }
    names
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    group: u32,
    /// The group that has the terminal.
    foreground: u32,
    /// The device of the terminal, where it is known.
    terminal: Option<u32>,
}

/// `/proc`.
struct Proc;

impl Processes for Proc {
    fn stat(&mut self, pid: u32) -> Option<Stat> {
        Stat::parse(&fs::read_to_string(proc_dir(pid).join("stat")).ok()?)
    }

    /// Of every thread: each may start processes.
    fn children(&mut self, pid: u32) -> Vec<u32> {
        let threads = fs::read_dir(proc_dir(pid).join("task")).into_iter().flatten().flatten();
        let lists = threads.filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
        lists
            .flat_map(|it| {
                it.split_whitespace().filter_map(|it| it.parse().ok()).collect::<Vec<_>>()
            })
            .collect()
    }

    fn command_line(&mut self, pid: u32) -> Vec<u8> {
        fs::read(proc_dir(pid).join("cmdline")).unwrap_or_default()
    }
}

fn proc_dir(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

impl Stat {
    /// `pid (command) state parent group session terminal foreground …`, where the command may hold
    /// anything.
    fn parse(stat: &str) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(')')?;
        let mut words = rest.split_whitespace().skip(1);
        let (parent, group) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let terminal = words.nth(1)?.parse().ok();
        // -1 without a terminal.
        let foreground = words.next()?.parse().ok()?;
        Some(Self { parent, group, foreground, terminal })
    }
}

/// The output of `ps`: a process each line, as `pid parent group foreground command…`. `ps` joins the
/// arguments with spaces, so that one with a space in it looks like two.
struct Ps(Vec<(u32, Stat, String)>);

impl Ps {
    fn parse(table: &str) -> Self {
        let row = |line: &str| {
            let mut words = line.split_whitespace();
            let mut number = || words.next()?.parse::<u32>().ok();
            let (pid, parent, group) = (number()?, number()?, number()?);
            // 0 or -1 without a terminal.
            let foreground = words.next()?.parse().unwrap_or_default();
            let command = words.collect::<Vec<_>>().join("\0");
            Some((pid, Stat { parent, group, foreground, terminal: None }, command))
        };
        Self(table.lines().filter_map(row).collect())
    }
}

impl Processes for Ps {
    fn stat(&mut self, pid: u32) -> Option<Stat> {
        self.0.iter().find(|it| it.0 == pid).map(|it| it.1)
    }

    fn children(&mut self, pid: u32) -> Vec<u32> {
        self.0.iter().filter(|it| it.1.parent == pid).map(|it| it.0).collect()
    }

    fn command_line(&mut self, pid: u32) -> Vec<u8> {
        let found = self.0.iter().find(|it| it.0 == pid);
        found.map(|it| it.2.clone().into_bytes()).unwrap_or_default()
    }
}

/// A program as tmux would call it, and the script that it runs.
fn names_of(cmdline: &[u8]) -> Vec<String> {
    let mut words = cmdline.split(|it| *it == 0).map(String::from_utf8_lossy);
    // A program that gave itself a title has all of it in one word.
    let title = words.next().unwrap_or_default();
    let program = base_name(title.split_whitespace().next().unwrap_or_default());
    let is_interpreter = INTERPRETERS.iter().any(|it| program.starts_with(it));
    // `-c` and `-e` are followed by a program's text.
    let is_file = |it: &Cow<'_, str>| !it.starts_with("-c") && !it.starts_with("-e");
    let mut words = words.take_while(is_file);
    let script = words.find(|it| !it.starts_with('-')).filter(|_| is_interpreter);
    let names = [program, script.map(|it| base_name(&it)).unwrap_or_default()];
    names.into_iter().filter(|it| !it.is_empty()).collect()
}

fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_called_by_its_program_and_its_script() {
        let check = |cmdline: &str, want: &[&str]| {
            assert_eq!(names_of(cmdline.as_bytes()), want, "{cmdline:?}");
        };
        check("/bin/bash\0/home/x/claude\0--y\0", &["bash"]);
        check("-zsh\0", &["zsh"]);
        check("/usr/bin/node\0--max-old-space-size=9\0/opt/cli/pi\0-x\0", &["node", "pi"]);
        check("/w/.venv/bin/python3.12\0/w/.venv/bin/aider\0", &["python3.12", "aider"]);
        check("python3\0-c\0import x\0", &["python3"]);
        check("python3\0-m\0aider\0", &["python3", "aider"]);
        check("npm exec @openai/codex\0\0", &["npm"]);
        check("claude\0", &["claude"]);
        check("", &[]);
    }

    #[test]
    fn a_command_may_hold_anything() {
        let stat = Stat::parse("7 (a) b (c) S 2 7 1 34816 9 4194304 1").unwrap();
        let terminal = Some(34816);
        assert_eq!(stat, Stat { parent: 2, group: 7, foreground: 9, terminal });
        assert_eq!(Stat::parse("7 (a) S 2 7 1 0 -1 4194304"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn a_table_of_ps_tells_the_foreground_as_proc_does() {
        let table = "    1     0     1    -1 /sbin/launchd\n  200     1   200   310 -zsh\n\
                     300   200   300   310 wtmag pane --shell zsh\n\
                     310   300   310   310 /bin/bash /Users/x/bin/claude\n\
                     311   310   310   310 node /opt/homebrew/bin/claude --model x\n\
                     312   310   312   310 sleep 5\nodd line\n";
        let names = |leader| names_in_foreground(leader, &mut Ps::parse(table));
        assert_eq!(names(200), ["bash", "node", "claude"]);
        assert_eq!(names(300), [""; 0], "it is the shell that it started");
        assert_eq!(names(1), [""; 0]);
        assert_eq!(names(999), [""; 0]);
        assert_eq!(ancestors_of(312, &mut Ps::parse(table)), [310, 300, 200]);
    }

    #[test]
    fn a_process_that_has_ended_has_no_name() {
        assert_eq!(living("S 1 12", "tmux: server"), Some("tmux: server".to_owned()));
        assert_eq!(living("Z 1 12", "tmux: server"), None);
        assert_eq!(living("X", "tmux"), None);
        assert_eq!(living("Ss+", "tmux"), Some("tmux".to_owned()));
    }

    #[tokio::test]
    async fn this_process_and_this_boot_have_names() {
        assert!(name_of(std::process::id()).await.is_some());
        assert_eq!(name_of(u32::MAX).await, None);
        assert!(!boot_id().await.is_empty());
    }
}
