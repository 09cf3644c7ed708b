//! The arguments of `create`. The doc comments are its help.
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use clap::{Arg, ArgMatches, Command, FromArgMatches, ValueEnum, builder::PossibleValuesParser};

use crate::{
    cli::{Failure, timing::Timing},
    model::{Attempt, Caller},
    sources::{self, SourceSpec},
};

/// Create a worker: a branch, a worktree and a tmux window with a running agent
///
/// The task is a text, an issue or a pull request of GitHub, an issue or a merge request of GitLab, a Jira ticket, a
/// bead, an OpenSpec change, or a task of a tracker that you added (`wtmag help sources`). wtmag writes the brief
/// (the task and instructions for the agent) to `.wtmag/prompt.md` in a new worktree, and starts the agent there, in
/// a tmux window. The first prompt is one line that points to this file. When the agent is ready for input, wtmag
/// types the prompt, verifies that the agent received it, and prints how the delivery went. Some agents get the
/// prompt as an argument when they start.
///
/// A new branch starts from the remote's default branch (`origin/main`), which wtmag fetches first. Commits of your
/// local `main` that you have not pushed are left out, so that they do not get into a pull request; a note says so.
/// There are two exceptions. Without a remote or a network, the branch starts from your local `main`. The same is
/// true while your local `main` has work that `wtmag land` merged and you have not pushed. The worktree for a pull
/// request is at the newest commit of the pull request, and wtmag asks the agent to review it.
///
/// If `create` fails before the agent starts, or you press Ctrl-C before that, everything that it made is
/// removed. After that, Ctrl-C only ends the waiting; the worker stays.
///
/// `--github 12,15,18` creates three workers, which then run at the same time. (`wtmag run` starts the next task when
/// one is over.) If one cannot be created, wtmag still creates the others; after Ctrl-C, it tries no more.
///
/// With `--at`, `--in` or `--cron`, `create` returns at once, and the hub creates the worker at that time.
#[derive(clap::Args, Clone)]
#[command(after_long_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Args {
    /// The task in your words; with `--github` and the like, more instructions; `-` reads stdin
    #[arg(value_name = "TEXT", help_heading = "Task")]
    pub(super) text: Option<String>,
    /// More words: a text without quotes.
    #[arg(hide = true)]
    pub(super) rest: Vec<String>,
    /// The task in your words, as TEXT; use it if the text begins with a dash
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Task")]
    pub(super) prompt: Option<String>,
    /// Read the text from a file
    #[arg(short, long, value_name = "FILE", help_heading = "Task")]
    pub(super) file: Option<PathBuf>,
    /// Write the text in $VISUAL or $EDITOR
    #[arg(short, long, help_heading = "Task")]
    pub(super) edit: bool,
    #[command(flatten)]
    pub(super) task: TaskFlags,
    /// Start from this worker's newest commit, with a copy of its conversation. TEXT is the new task. Uncommitted
    /// changes are not copied. An agent that cannot copy a conversation gets a file about what was done and said,
    /// as in `wtmag handoff`
    #[arg(long, value_name = "ID", conflicts_with_all = ["base", "reuse", "project"], help_heading = "Task")]
    pub(super) fork: Option<String>,
    /// For an issue or a ticket, wtmag asks the agent to open a pull request. With this flag, it does not
    #[arg(long, overrides_with = "pr", help_heading = "Task")]
    pub(super) no_pr: bool,
    /// For a task in your own words: ask the agent to open a pull request
    #[arg(long, help_heading = "Task")]
    pub(super) pr: bool,

    /// Agent to start: one that wtmag has a profile of (`wtmag help profiles`), or one from the configuration
    /// [default: `name` in `[agents.default]`]
    #[arg(long, value_name = "AGENT", help_heading = "Agent")]
    pub(super) agent: Option<String>,
    /// Model and, after a colon, its thinking level: off, none, minimal, low, medium, high, xhigh, max
    #[arg(long, value_name = "PROVIDER/MODEL[:THINKING]", help_heading = "Agent")]
    pub(super) model: Option<String>,
    /// Start the agent in its plan mode, in which it plans and changes nothing; an error if wtmag knows no such mode
    /// of this agent
    #[arg(long, help_heading = "Agent")]
    pub(super) plan: bool,

    /// Open the agent in a window of your tmux session, or in a session of its own [default: a window, or what
    /// `[launch]` in the configuration says]
    #[arg(
        long,
        value_enum,
        value_name = "window|session",
        hide_possible_values = true,
        help_heading = "Place"
    )]
    pub(super) launch: Option<Launch>,
    /// Same as `--launch window`
    #[arg(short, long, help_heading = "Place")]
    pub(super) window: bool,
    /// Same as `--launch session`
    #[arg(short, long, help_heading = "Place")]
    pub(super) session: bool,
    /// Repository to work in [default: the repository of the current directory]
    #[arg(long, value_name = "DIR", help_heading = "Place")]
    pub(super) project: Option<PathBuf>,

    /// Start from this branch, tag or commit instead of the remote's default branch. A branch name means
    /// your local branch, with the commits that you have not pushed; HEAD means the current commit of the
    /// current worktree
    #[arg(long, value_name = "REF", help_heading = "Worktree")]
    pub(super) base: Option<String>,
    /// Name of the branch, which is also part of the worker's id [default: made from the task]
    #[arg(long, value_name = "BRANCH", help_heading = "Worktree")]
    pub(super) name: Option<String>,
    /// If the branch of the task exists, here or only on the remote, continue on it, in its worktree if it has one.
    /// Without this flag, a branch that exists is an error
    #[arg(long, help_heading = "Worktree")]
    pub(super) reuse: bool,
    /// Move the uncommitted changes of the current worktree to the new one, which starts from the same commit.
    /// wtmag checks the copy before it removes the changes here. If anything fails, they stay here. Ignored files
    /// do not move
    #[arg(
        long, conflicts_with_all = ["base", "reuse", "fork", "project", "timing", "dry_run"],
        help_heading = "Worktree"
    )]
    pub(super) with_changes: bool,
    /// With --with-changes: choose which parts of the changed files move, as in `git add --patch`
    #[arg(long, requires = "with_changes", help_heading = "Worktree")]
    pub(super) patch: bool,
    /// Make the worktree without WorkTrunk's hooks, git's hooks and the `[worktree] setup` of the
    /// configuration
    #[arg(long, conflicts_with = "yes", help_heading = "Worktree")]
    pub(super) no_hooks: bool,
    /// Run the commands that the repository defines (its hooks, its `wtmag.toml`) without asking you first
    #[arg(short, long, help_heading = "Worktree")]
    pub(super) yes: bool,

    /// Without this flag, `create` waits until the agent has the prompt, or until a dialog has held it for
    /// two seconds. `--wait` keeps waiting while a dialog holds it. `--wait=STATE` waits until the agent
    /// reaches that state (`wtmag wait --help` lists them)
    #[arg(
        long, value_name = "STATE", num_args = 0..=1, require_equals = true,
        default_missing_value = "", help_heading = "Waiting"
    )]
    pub(super) wait: Option<String>,
    /// Return as soon as the window exists; the hub delivers the prompt
    #[arg(long, conflicts_with = "wait", help_heading = "Waiting")]
    pub(super) no_wait: bool,
    /// Longest wait: `90`, `90s`, `5m` [default: 60s for the prompt, unlimited for a state]. After it, the worker
    /// stays, and the hub still delivers the prompt
    #[arg(long, value_name = "TIME", value_parser = crate::cli::duration, help_heading = "Waiting")]
    pub(super) timeout: Option<Duration>,

    /// If `[limits]` in the configuration allows no more workers now, wait until the agent of another worker has
    /// ended; the place in line is shown. Without this flag, that is an error
    #[arg(long, help_heading = "Waiting")]
    pub(super) queue: bool,

    /// The task of a run that the worker is for.
    #[arg(skip)]
    pub(super) of_run: Option<OfRun>,

    /// Send no messages about what the new worker needs to the agent that runs this command; `wtmag inbox` still
    /// lists that
    #[arg(long)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) timing: Timing,

    /// Print what would be created, and the brief; create nothing
    #[arg(long, conflicts_with = "timing")]
    pub(super) dry_run: bool,
}

const USAGE: &str = "wtmag create [OPTIONS] TEXT
       wtmag create [OPTIONS] -f FILE | -e
       wtmag create [OPTIONS] --github N|URL [TEXT]
       wtmag create [OPTIONS] --github N,N… [TEXT]
       wtmag create [OPTIONS] --fork ID [TEXT]
       wtmag create [OPTIONS] --gitlab N|!N|URL [TEXT]
       wtmag create [OPTIONS] --jira KEY | --bead ID | --opsx NAME | --source NAME:KEY [TEXT]";

const EXAMPLES: &str = "\
Examples:
  wtmag create \"Make the tests faster\"            a task in your own words
  wtmag create -e                                 write the task in your editor
  wtmag create -f task.md                         read it from a file
  wtmag create --github 456                       work on an issue
  wtmag create --github 456 \"Focus on the tests\"  add instructions
  wtmag create --github 234 -s                    review a pull request, in its own session
  wtmag create --github 12,15,18                  a worker for each; they run at the same time
  wtmag create --gitlab '!7'                      review a merge request of GitLab
  wtmag create --jira PROJ-123 --agent claude     work on a ticket, with this agent
  wtmag create --bead bd-a1b2                     work on an issue of beads
  wtmag create --opsx add-dark-mode               implement a change of OpenSpec
  wtmag create --source linear:ENG-12             a task of a tracker that you added
  wtmag create \"Finish this\" --with-changes       move your uncommitted changes to it
  wtmag create --fork 456 \"Try it with a cache\"   start with a copy of its conversation
  wtmag create \"Fix the typo\" --wait=idle         return when the agent is idle
  wtmag create --github 456 --agent opencode --model openai/gpt-5.2:high   choose the model

Exit codes: 0 the agent has the prompt, or, without --wait, a dialog holds it until you answer it;
1 it failed; 2 wrong usage; 4 timed out; 130 interrupted.

With --json: {\"worker\": …, \"delivery\": …, \"outcome\": \"accepted\"|\"held\"|\"reached\"|\"created\",
\"held\": why or null, \"worktree_made\": bool}; `worker` as in `wtmag list --json --full`, `delivery`
as in `wtmag receipts --json`. For several tasks: {\"created\": [such objects], \"failed\": [{\"task\",
\"error\"}], \"not_tried\": [tasks]}.";

/// A task of a run: the hub's child creates its worker.
#[derive(Clone, Debug)]
pub(in crate::cli) struct OfRun {
    pub(in crate::cli) attempt: Attempt,
    /// Where the worker's window opens: the child itself is in no window.
    pub(in crate::cli) caller: Option<Caller>,
}

impl Args {
    /// The tasks of `--github 12,15,18`; `None` if there is one, or none.
    pub(super) fn tasks(&self) -> Result<Option<Vec<TaskFlags>>, Failure> {
        let each = self.task.each();
        if self.task.named.len() != 1 || each.len() < 2 {
            return Ok(None);
        }
        if self.name.is_some() {
            return Err(Failure::usage("`--name` cannot be used with several tasks")
                .hint("leave `--name` out"));
        }
        Ok(Some(each))
    }
}

impl TaskFlags {
    /// One task each: values may be lists, `12,15,18`. None comes twice.
    pub(in crate::cli) fn each(&self) -> Vec<Self> {
        let mut seen = BTreeSet::new();
        let split = self
            .named
            .iter()
            .flat_map(|(spec, text)| spec.split(text).into_iter().map(|task| (*spec, task)));
        let new = split.filter(|(spec, key)| seen.insert((spec.flag, key.clone())));
        new.map(|one| Self { named: vec![one], kind: self.kind.clone() }).collect()
    }
}

/// The options that name a task of a source: one for each row of [`sources::ALL`], and its type.
#[derive(Clone, Debug)]
pub(in crate::cli) struct TaskFlags {
    pub(in crate::cli) named: Vec<(&'static SourceSpec, String)>,
    pub(in crate::cli) kind: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Launch {
    Window,
    Session,
}

const TYPE: &str = "type";
const TYPE_HELP: &str = "What the number is: an issue, a pull request or a merge request [default: wtmag asks GitHub; for GitLab, an issue]";

impl clap::Args for TaskFlags {
    fn augment_args(command: Command) -> Command {
        let words: BTreeSet<_> =
            sources::ALL.iter().flat_map(|it| it.types).map(|it| it.0).collect();
        let task = |it: &&SourceSpec| {
            let arg = Arg::new(it.flag).long(it.flag).value_name(it.value_name).help(it.help);
            arg.help_heading("Task")
        };
        let kind = Arg::new(TYPE).short('t').long(TYPE).value_name("TYPE");
        let kind = kind.value_parser(PossibleValuesParser::new(words));
        command.args(sources::ALL.iter().map(task)).arg(kind.help(TYPE_HELP).help_heading("Task"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TaskFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |name: &str| matches.get_one::<String>(name).cloned();
        let named = sources::ALL.iter().filter_map(|it| Some((*it, value(it.flag)?)));
        Ok(Self { named: named.collect(), kind: value(TYPE) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
