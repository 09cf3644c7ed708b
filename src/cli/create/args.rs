//! What `create` may be told. Its doc comments are the help.
use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;

use crate::sources;

/// Make a worker: a branch, a worktree, a tmux window and an agent at work in it
///
/// The task comes from exactly one place: a GitHub issue or pull request, a Jira ticket, or your own
/// words. It becomes `.wtmag/prompt.md` in a new worktree; the agent starts beside it in a tmux
/// window, and is told to read it once its screen shows that it listens. `create` returns when the
/// agent has provably taken the prompt, and prints the receipt.
///
/// Issues, tickets and prompts start from the freshly fetched default branch. A pull request is
/// checked out at its head, to be reviewed: its worker changes nothing. Until the agent's window is
/// there, any failure and Ctrl-C leave everything as it was; after that, Ctrl-C only stops waiting.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Args {
    /// GitHub issue or pull request of this repository; `-t` says which
    #[arg(long, value_name = "N", value_parser = number, help_heading = "Task")]
    pub(super) github: Option<u64>,
    /// What `--github N` is
    #[arg(
        short = 't',
        long = "type",
        value_enum,
        value_name = "issue|pr",
        hide_possible_values = true,
        help_heading = "Task"
    )]
    pub(super) github_type: Option<GithubType>,
    /// Jira ticket
    #[arg(long, value_name = "KEY", help_heading = "Task")]
    pub(super) jira: Option<String>,
    /// The task in your words, or more instructions for an issue, PR or ticket; `-` reads stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Task")]
    pub(super) prompt: Option<String>,
    /// Do not ask the worker for a pull request
    #[arg(long, overrides_with = "pr", help_heading = "Task")]
    pub(super) no_pr: bool,
    /// Ask the worker for a pull request, also for a mere prompt
    #[arg(long, help_heading = "Task")]
    pub(super) pr: bool,

    /// Agent to start, by its name in the config
    #[arg(long, value_name = "AGENT", help_heading = "Agent")]
    pub(super) agent: Option<String>,
    /// Model, with how much it thinks: off, none, minimal, low, medium, high, xhigh, max
    #[arg(long, value_name = "PROVIDER/MODEL[:THINKING]", help_heading = "Agent")]
    pub(super) model: Option<String>,
    /// Start the agent in its plan mode
    #[arg(long, help_heading = "Agent")]
    pub(super) plan: bool,

    /// Where the agent is shown: a window of this session, or a session of its own
    #[arg(
        long,
        value_enum,
        value_name = "window|session",
        hide_possible_values = true,
        help_heading = "Place"
    )]
    pub(super) launch: Option<Launch>,
    /// The same as `--launch window`
    #[arg(short, long, help_heading = "Place")]
    pub(super) window: bool,
    /// The same as `--launch session`
    #[arg(short, long, help_heading = "Place")]
    pub(super) session: bool,
    /// Repository to work in, instead of the one around the current directory
    #[arg(long, value_name = "DIR", help_heading = "Place")]
    pub(super) project: Option<PathBuf>,

    /// Start from this branch, with the commits that only you have, tag or commit instead of the
    /// default branch as the remote has it
    #[arg(long, value_name = "REF", help_heading = "Worktree")]
    pub(super) base: Option<String>,
    /// Name of the new branch
    #[arg(long, value_name = "BRANCH", help_heading = "Worktree")]
    pub(super) name: Option<String>,
    /// Go on with a branch and a worktree that are there already
    #[arg(long, help_heading = "Worktree")]
    pub(super) reuse: bool,
    /// Run no WorkTrunk hooks
    #[arg(long, conflicts_with = "yes", help_heading = "Worktree")]
    pub(super) no_hooks: bool,
    /// Run the project's hooks although nobody approved them
    #[arg(short, long, help_heading = "Worktree")]
    pub(super) yes: bool,

    /// Wait past dialogs until the prompt is taken, and for a state of the agent if one is named
    #[arg(
        long, value_name = "STATE", num_args = 0..=1, require_equals = true,
        default_missing_value = "", help_heading = "Waiting"
    )]
    pub(super) wait: Option<String>,
    /// Return once the window is there
    #[arg(long, conflicts_with = "wait", help_heading = "Waiting")]
    pub(super) no_wait: bool,
    /// Longest wait: `90`, `90s`, `5m` [default: 60s for the prompt, none for a state]
    #[arg(long, value_name = "TIME", value_parser = crate::cli::duration, help_heading = "Waiting")]
    pub(super) timeout: Option<Duration>,

    /// Print what would be made, and the brief; make nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

const USAGE: &str = "wtmag create --github N -t issue|pr [OPTIONS]
       wtmag create --jira KEY [OPTIONS]
       wtmag create --prompt TEXT|- [OPTIONS]";

const EXAMPLES: &str = "\
Examples:
  wtmag create --github 456 -t issue              work on an issue
  wtmag create --github 234 -t pr -s              review a pull request, in a session of its own
  wtmag create --jira PROJ-123 --agent claude     a ticket, by this agent
  wtmag create --prompt \"Make the tests faster\"   your own words
  wtmag create --github 456 -t issue --prompt \"Focus on test coverage\"
  wtmag create --github 456 -t issue --agent opencode --model openai/gpt-5.2:high
  wtmag create --prompt - < task.md               a long task
  wtmag create --prompt \"Fix the typo\" --wait=idle   come back when the turn is over

Exit codes: 0 the agent has the prompt, or a dialog that you can answer holds it; 1 it failed;
4 it did not get there in time, or, with --wait, a dialog still holds it; 130 interrupted.

With --json: {\"worker\": …, \"delivery\": …, \"outcome\": \"accepted\"|\"held\"|\"reached\"|\"created\",
\"held\": why or null, \"worktree_made\": bool}; `worker` as in `wtmag list --json`, `delivery` as in
`wtmag receipts --json`.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum GithubType {
    Issue,
    Pr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Launch {
    Window,
    Session,
}

fn number(text: &str) -> Result<u64, String> {
    let number = text.trim_start_matches('#').parse().ok().filter(|it| *it > 0);
    number.ok_or_else(|| sources::Error::BadNumber.hint().unwrap_or_default())
}
