//! The command line with which a user's shell starts the agent.
//!
//! Knows four shell languages and how to quote for them; runs nothing.
//!
//! Every line does the same: change to the worktree after the start-up files, report that the shell
//! got this far, run the agent, resume it each time it is stopped, and end with the agent's status.
//! The start-up files have run by then, so a line trusts no alias, option or variable.
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

/// The parts of a line.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    pub worktree: &'a Path,
    /// Command word and arguments of the agent.
    pub agent: &'a [OsString],
    /// Run just before the agent, without a terminal; its outcome does not matter.
    pub started: &'a [OsString],
    /// Gets SIGUSR1 just before the agent starts.
    pub pid: u32,
}

/// A program to run in the pane's foreground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Bash,
    Zsh,
    Fish,
    Posix,
}

/// How `shell` is told to start the agent. A shell with an unknown language is replaced by
/// `/bin/sh`.
pub fn launch(shell: &Path, parts: &Parts<'_>) -> Launch {
    let (program, flags, language) = dialect(shell);
    let args = vec![flags.into(), OsString::from_vec(language.line(parts))];
    Launch { program: program.to_owned(), args }
}

/// The program that starts agents for a user's `shell`, and the flags before its line.
pub fn starter(shell: &Path) -> (&Path, &'static str) {
    let (program, flags, _) = dialect(shell);
    (program, flags)
}

fn dialect(shell: &Path) -> (&Path, &'static str, Language) {
    let name = shell.file_name().and_then(OsStr::to_str).unwrap_or_default();
    match name {
        "bash" => (shell, "-lic", Language::Bash),
        "zsh" => (shell, "-lic", Language::Zsh),
        "fish" => (shell, "-lic", Language::Fish),
        "sh" | "dash" | "ash" | "ksh" | "mksh" => (shell, "-lc", Language::Posix),
        _ => (Path::new("/bin/sh"), "-lc", Language::Posix),
    }
}

// A stopped agent makes bash leave a loop, hence the recursion. With a trap for INT, the shell
// survives an agent that dies of it. `builtin`, backslashes and quotes prevent aliases.
const BASH: &str = "\
    \\builtin set '+e'; \
    \\builtin trap ':' 'INT'; \
    \\builtin cd -- {worktree} || \\builtin exit 1; \
    {started} </dev/null >/dev/null 2>&1; \
    \\builtin kill '-USR1' {pid}; \
    __wtmag_resume() { \
        \\builtin test -z \"$(\\builtin jobs '-ps')\" && \\builtin return; \
        \\builtin fg >/dev/null; \
        __wtmag_status=$?; \
        __wtmag_resume; \
    }; \
    {agent}; \
    __wtmag_status=$?; \
    __wtmag_resume; \
    (\\builtin exit \"$__wtmag_status\")";

// The same; but zsh forgets the rest of the line when an agent that is a function is stopped, and
// runs its exit hooks. (It then also reports status 0 for such a job, except after a signal.)
const ZSH: &str = "\
    \\builtin unsetopt 'ERR_EXIT' 'ERR_RETURN'; \
    \\builtin trap ':' 'INT'; \
    \\builtin cd -- {worktree} || \\builtin exit 1; \
    {started} </dev/null >/dev/null 2>&1; \
    \\builtin kill '-USR1' {pid}; \
    __wtmag_resume() { \
        \\builtin local jobs=\"$(\\builtin jobs '-s')\"; \
        \\builtin test -z \"$jobs\" && \\builtin return; \
        \\builtin fg \"%${${jobs#\\[}%%\\]*}\" >/dev/null; \
        __wtmag_status=$?; \
        __wtmag_resume; \
    }; \
    __wtmag_exit() { \
        [[ -o 'monitor' && -n \"$(\\builtin jobs '-s')\" ]] || \\builtin return; \
        __wtmag_resume; \
        \\builtin exit \"$__wtmag_status\"; \
    }; \
    zshexit_functions+=('__wtmag_exit'); \
    {agent}; \
    __wtmag_status=$?; \
    __wtmag_resume; \
    (\\builtin exit \"$__wtmag_status\")";

// `fg` does not return the status of the job it waited for; an event handler gets it.
const FISH: &str = "\
    status job-control full; \
    builtin cd -- {worktree}; or exit 1; \
    {started} </dev/null >/dev/null 2>&1; \
    command kill '-USR1' {pid}; \
    function __wtmag_resume; \
        jobs | string match -q '*stopped*'; or return; \
        function __wtmag_ended --on-process-exit (jobs -lp); \
            set -g __wtmag_status $argv[3]; \
        end; \
        fg >/dev/null 2>/dev/null; \
        __wtmag_resume; \
    end; \
    {agent}; \
    set -g __wtmag_status $status; \
    __wtmag_resume; \
    exit $__wtmag_status";

// A status of 128 and a stop signal's number (17 to 22 on Linux and macOS) means stopped: in a
// subshell `jobs` knows no jobs.
const POSIX: &str = "\
    set +e; \
    set -m; \
    trap ':' INT; \
    command cd -- {worktree} || exit 1; \
    {started} </dev/null >/dev/null 2>&1; \
    command kill '-USR1' {pid}; \
    {agent}; \
    __wtmag_status=$?; \
    while [ \"$__wtmag_status\" -ge 145 ] && [ \"$__wtmag_status\" -le 150 ]; do \
        fg >/dev/null; \
        __wtmag_status=$?; \
    done; \
    exit \"$__wtmag_status\"";

impl Language {
    fn line(self, parts: &Parts<'_>) -> Vec<u8> {
        let mut line = Vec::new();
        let mut rest = match self {
            Self::Bash => BASH,
            Self::Zsh => ZSH,
            Self::Fish => FISH,
            Self::Posix => POSIX,
        };
        while let Some((before, (name, after))) = next_name(rest) {
            line.extend(before.bytes());
            match name {
                "worktree" => line.extend(self.quote(parts.worktree.as_os_str())),
                "started" => line.extend(self.words(parts.started)),
                "agent" => line.extend(self.words(parts.agent)),
                _ => line.extend(parts.pid.to_string().bytes()),
            }
            rest = after;
        }
        line.extend(rest.bytes());
        line
    }

    /// The command word unquoted if it is plain, so that aliases and functions work.
    fn words(self, argv: &[OsString]) -> Vec<u8> {
        let mut words = Vec::new();
        for (n, word) in argv.iter().enumerate() {
            if n > 0 {
                words.push(b' ');
            }
            if n == 0 && is_plain(word) {
                words.extend(word.as_bytes());
            } else {
                words.extend(self.quote(word));
            }
        }
        words
    }

    fn quote(self, text: &OsStr) -> Vec<u8> {
        let mut quoted = vec![b'\''];
        for &byte in text.as_bytes() {
            match (byte, self) {
                (b'\'' | b'\\', Self::Fish) => quoted.extend([b'\\', byte]),
                (b'\'', Self::Bash | Self::Zsh | Self::Posix) => quoted.extend(b"'\\''"),
                _ => quoted.push(byte),
            }
        }
        quoted.push(b'\'');
        quoted
    }
}

/// Splits at the first `{name}`; other braces are the shell's.
fn next_name(text: &str) -> Option<(&str, (&str, &str))> {
    let names = ["{worktree}", "{started}", "{agent}", "{pid}"];
    let (at, name) = names.iter().filter_map(|it| Some((text.find(it)?, it))).min()?;
    let (before, from) = text.split_at_checked(at)?;
    Some((before, (name.trim_matches(['{', '}']), from.get(name.len()..)?)))
}

/// `[A-Za-z0-9_./-]+`, also below the home directory.
fn is_plain(word: &OsStr) -> bool {
    let bytes = word.as_bytes();
    let bytes = bytes.strip_prefix(b"~/").unwrap_or(bytes);
    let is_plain = |c: &u8| c.is_ascii_alphanumeric() || b"_./-".contains(c);
    !bytes.is_empty() && bytes.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[track_caller]
    fn check(shell: &str, program: &str, flags: &str, template: &str, agent: &str) {
        let parts = Parts {
            worktree: Path::new("/w/{agent}"),
            agent: &argv(&["pi", "it's", "\\'", ""]),
            started: &argv(&["/bin/wt mag", "hook"]),
            pid: 7,
        };
        let want = template
            .replace("{agent}", agent)
            .replace("{worktree}", "'/w/{agent}'")
            .replace("{started}", "'/bin/wt mag' 'hook'")
            .replace("{pid}", "7");
        let want = Launch { program: program.into(), args: argv(&[flags, &want]) };
        assert_eq!(launch(Path::new(shell), &parts), want);
    }

    #[test]
    fn each_shell_has_its_line_and_its_quotes() {
        let agent = r"pi 'it'\''s' '\'\''' ''";
        check("/bin/bash", "/bin/bash", "-lic", BASH, agent);
        check("/opt/zsh", "/opt/zsh", "-lic", ZSH, agent);
        check("/bin/fish", "/bin/fish", "-lic", FISH, r"pi 'it\'s' '\\\'' ''");
        check("/bin/dash", "/bin/dash", "-lc", POSIX, agent);
        check("/usr/bin/nu", "/bin/sh", "-lc", POSIX, agent);
        check("", "/bin/sh", "-lc", POSIX, agent);
    }

    #[test]
    fn only_a_plain_command_word_is_bare() {
        for plain in ["claude", "my-agent_2", "./x", "/a/b.c", "~/bin/x", "-"] {
            assert!(is_plain(OsStr::new(plain)), "{plain}");
        }
        for other in ["", "~/", "a b", "$x", "a;b", "FOO=1", "é", "a~", "a\n", "~a", "[", "{"] {
            assert!(!is_plain(OsStr::new(other)), "{other}");
        }
    }
}
