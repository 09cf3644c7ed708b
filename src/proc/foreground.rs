//! Which programs share the foreground of a terminal.
//!
//! Reads `/proc`; where there is none, nothing is known.
use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

/// A group has a few processes. More of them are not worth the time.
const MAX_FOUND: usize = 64;

/// Programs that run a script which has a name of its own. A shell's script is not among them: what it
/// runs in the foreground is a process of the same group.
const INTERPRETERS: [&str; 6] = ["node", "bun", "deno", "python", "ruby", "perl"];

/// The names of the programs in the foreground of the terminal that process `leader` of a pane has,
/// unless that is `leader` itself or the shell that it started: the process that the group is called
/// by, and those that it started.
pub fn foreground(leader: u32) -> Vec<String> {
    let Some(pane) = Stat::of(leader) else { return Vec::new() };
    let group = pane.foreground;
    let Some(first) = Stat::of(group).filter(|it| group != leader && it.parent != leader) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    let mut found = vec![(group, first)];
    let mut at = 0;
    while let Some(pid) = found.get(at).filter(|_| at < MAX_FOUND).map(|(pid, _)| *pid) {
        names.extend(names_of(&fs::read(proc_dir(pid).join("cmdline")).unwrap_or_default()));
        let children = children(pid).into_iter().filter_map(|it| Some((it, Stat::of(it)?)));
        found.extend(children.filter(|(_, stat)| stat.group == group));
        at += 1;
    }
    names
}

/// The processes above this one, the nearest first; empty where they are unknown.
pub fn ancestors() -> Vec<u32> {
    let parent = |pid: &u32| Stat::of(*pid).map(|it| it.parent).filter(|it| *it > 1);
    std::iter::successors(parent(&std::process::id()), parent).take(MAX_FOUND).collect()
}

fn proc_dir(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// Of every thread: each may start processes.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(proc_dir(pid).join("task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
    lists
        .flat_map(|it| it.split_whitespace().filter_map(|it| it.parse().ok()).collect::<Vec<_>>())
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    group: u32,
    /// The group that has the terminal.
    foreground: u32,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(proc_dir(pid).join("stat")).ok()?)
    }

    /// `pid (command) state parent group session terminal foreground …`, where the command may hold
    /// anything.
    fn parse(stat: &str) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(')')?;
        let mut words = rest.split_whitespace().skip(1);
        let (parent, group) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        // -1 without a terminal.
        let foreground = words.nth(2)?.parse().ok()?;
        Some(Self { parent, group, foreground })
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
        assert_eq!(stat, Stat { parent: 2, group: 7, foreground: 9 });
        assert_eq!(Stat::parse("7 (a) S 2 7 1 0 -1 4194304"), None);
        assert_eq!(Stat::parse(""), None);
    }
}
