//! The shell that starts agents, and what may surprise its user.
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::Context;
use crate::{
    pane::line,
    proc::{self, Cmd},
};

/// The program that starts agents, and its flags before their line.
pub(super) struct AgentShell {
    pub(super) program: PathBuf,
    pub(super) flags: &'static str,
    /// The user's shell, and where it is set.
    wanted: PathBuf,
    origin: &'static str,
    /// tmux's `default-command`, which starts no agents.
    command: Option<String>,
}

impl AgentShell {
    /// tmux's `default-shell`, else `$SHELL`.
    pub(super) async fn find(context: &Context) -> Self {
        let (wanted, origin) = match option(context, "default-shell").await {
            Some(shell) => (PathBuf::from(shell), "tmux's `default-shell`"),
            None => {
                let shell = context.env.var("SHELL").unwrap_or(OsStr::new("/bin/sh"));
                (PathBuf::from(shell), "$SHELL")
            }
        };
        Self::of(wanted, origin, option(context, "default-command").await)
    }

    pub(super) fn of(
        wanted: impl Into<PathBuf>,
        origin: &'static str,
        command: Option<String>,
    ) -> Self {
        let wanted = wanted.into();
        let (program, flags) = line::starter(&wanted);
        Self { program: program.to_owned(), flags, wanted, origin, command }
    }

    /// The program and its origin.
    pub(super) fn described(&self) -> String {
        format!("`{}`, from {}", self.program.display(), self.origin)
    }

    /// Why it may not be the shell that the user expects: a sentence, and what to do.
    pub(super) fn surprises(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let program = self.program.display();
        if self.program != self.wanted {
            let wanted = self.wanted.display();
            found.push((
                format!("agents start in `{program}`, because wtmag does not support the shell `{wanted}`"),
                format!(
                    "{} names that shell; agents and variables that only its start-up files set are \
                     not found",
                    self.origin
                ),
            ));
        }
        if let Some(command) = &self.command {
            found.push((
                format!(
                    "agents start in `{program}`, not in tmux's `default-command` (`{command}`)"
                ),
                format!(
                    "if agents are not found: tmux set -g default-shell /path/to/{}",
                    first_word(command)
                ),
            ));
        }
        found
    }
}

/// A global option of the running tmux server that is set to something.
async fn option(context: &Context, name: &str) -> Option<String> {
    let socket = context.whereabouts().ok()?.tmux_socket;
    let args = ["show-options", "-gv", name];
    let tmux = proc::tmux(&socket).await;
    let cmd = Cmd::new(tmux, Path::new("/")).args(["-N", "-S"]).args([&socket]).args(args);
    let output = cmd.run(&proc::never()).await.ok().filter(proc::Output::is_success)?;
    Some(output.stdout_text().trim().to_owned()).filter(|it| !it.is_empty())
}

fn first_word(command: &str) -> &str {
    let word = command.split_whitespace().next().unwrap_or_default();
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_that_is_another_than_the_users_is_named() {
        let shell = |wanted: &str, command: Option<&str>| {
            AgentShell::of(wanted, "tmux's `default-shell`", command.map(str::to_owned))
        };
        let plain = shell("/bin/zsh", None);
        assert!(plain.surprises().is_empty());
        assert_eq!(plain.described(), "`/bin/zsh`, from tmux's `default-shell`");
        let [(nu, _)] = shell("/opt/nu", None).surprises().try_into().unwrap();
        assert!(nu.contains("`/bin/sh`") && nu.contains("`/opt/nu`"), "{nu}");
        let [(fish, act)] =
            shell("/bin/bash", Some("/bin/fish -l")).surprises().try_into().unwrap();
        assert!(fish.contains("`default-command` (`/bin/fish -l`)"), "{fish}");
        assert!(act.ends_with("default-shell /path/to/fish"), "{act}");
    }
}
