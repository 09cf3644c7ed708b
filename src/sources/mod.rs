//! Where tasks come from: one file per source, one external program each.
//!
//! Knows how to ask `gh` and `jira`, how to read a prompt and how to find templates. Creates
//! nothing. Does not know worktrees, tmux, agents or the hub. Numbers, keys and repository names
//! are checked before they become arguments, so that no text of a user or a forge can act as a
//! flag.
mod adf;
mod error;
pub mod github;
pub mod jira;
pub mod prompt;
pub mod templates;

use std::{path::Path, time::Duration};

use crate::proc::{self, Cancel, Cmd, Output};

pub use error::{Error, Program};

/// Longest time that one call of `gh` or `jira` may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Where and how external programs are run.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// A directory in the user's repository.
    pub dir: &'a Path,
    /// Variables in addition to the caller's environment.
    pub env: &'a [(&'a str, &'a str)],
    pub cancel: &'a Cancel,
}

impl Context<'_> {
    async fn run(&self, program: Program, args: &[&str]) -> Result<Output, Error> {
        let mut cmd = Cmd::new(program.name(), self.dir).args(args).limit(LIMIT);
        let quiet = [
            ("GH_PROMPT_DISABLED", "1"),
            ("GH_NO_UPDATE_NOTIFIER", "1"),
            ("NO_COLOR", "1"),
            ("PAGER", "cat"),
        ];
        for name in ["GH_FORCE_TTY", "GH_DEBUG", "CLICOLOR_FORCE"] {
            cmd = cmd.env_remove(name);
        }
        for (name, value) in quiet.iter().chain(self.env) {
            cmd = cmd.env(name, value);
        }
        cmd.run(self.cancel).await.map_err(|error| not_run(program, error))
    }
}

fn not_run(program: Program, error: proc::Error) -> Error {
    match error {
        proc::Error::Missing { .. } => Error::Missing { program },
        proc::Error::TimedOut { limit, .. } => Error::TimedOut { program, limit },
        proc::Error::Cancelled => Error::Cancelled,
        proc::Error::Start { source, .. } => Error::Start { program, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_named_with_a_hint() {
        let error = proc::Error::TimedOut { program: "gh".to_owned(), limit: LIMIT };
        let error = not_run(Program::Gh, error);
        assert_eq!(error.to_string(), "`gh` did not answer within 30 s");
        assert!(error.hint().is_some_and(|hint| hint.contains("connection")));
    }
}
