//! What `create` may be told, and what of it makes sense together. Touches nothing.
use std::{io::Read, path::PathBuf, time::Duration};

use clap::ValueEnum;

use crate::{
    agents::launch::Model,
    brief::WorkItem,
    cli::Failure,
    git::{self, Hooks},
    model::{Kind, Placement, Source, Word},
    sources::{self, jira::Key, prompt},
};

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
    github: Option<u64>,
    /// What `--github N` is
    #[arg(
        short = 't',
        long = "type",
        value_enum,
        value_name = "issue|pr",
        hide_possible_values = true,
        help_heading = "Task"
    )]
    github_type: Option<GithubType>,
    /// Jira ticket
    #[arg(long, value_name = "KEY", help_heading = "Task")]
    jira: Option<String>,
    /// The task in your words, or more instructions for an issue, PR or ticket; `-` reads stdin
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Task")]
    prompt: Option<String>,
    /// Do not ask the worker for a pull request
    #[arg(long, overrides_with = "pr", help_heading = "Task")]
    no_pr: bool,
    /// Ask the worker for a pull request, also for a mere prompt
    #[arg(long, help_heading = "Task")]
    pr: bool,

    /// Agent to start, by its name in the config
    #[arg(long, value_name = "AGENT", help_heading = "Agent")]
    agent: Option<String>,
    /// Model, with how much it thinks: off, none, minimal, low, medium, high, xhigh, max
    #[arg(long, value_name = "PROVIDER/MODEL[:THINKING]", help_heading = "Agent")]
    model: Option<String>,
    /// Start the agent in its plan mode
    #[arg(long, help_heading = "Agent")]
    plan: bool,

    /// Where the agent is shown: a window of this session, or a session of its own
    #[arg(
        long,
        value_enum,
        value_name = "window|session",
        hide_possible_values = true,
        help_heading = "Place"
    )]
    launch: Option<Launch>,
    /// The same as `--launch window`
    #[arg(short, long, help_heading = "Place")]
    window: bool,
    /// The same as `--launch session`
    #[arg(short, long, help_heading = "Place")]
    session: bool,
    /// Repository to work in, instead of the one around the current directory
    #[arg(long, value_name = "DIR", help_heading = "Place")]
    project: Option<PathBuf>,

    /// Start from this branch, tag or commit instead of the default branch
    #[arg(long, value_name = "REF", help_heading = "Worktree")]
    base: Option<String>,
    /// Name of the new branch
    #[arg(long, value_name = "BRANCH", help_heading = "Worktree")]
    name: Option<String>,
    /// Go on with a branch and a worktree that are there already
    #[arg(long, help_heading = "Worktree")]
    reuse: bool,
    /// Run no WorkTrunk hooks
    #[arg(long, conflicts_with = "yes", help_heading = "Worktree")]
    no_hooks: bool,
    /// Run the project's hooks although nobody approved them
    #[arg(short, long, help_heading = "Worktree")]
    yes: bool,

    /// Wait past dialogs until the prompt is taken, and for a state of the agent if one is named
    #[arg(
        long, value_name = "STATE", num_args = 0..=1, require_equals = true,
        default_missing_value = "", help_heading = "Waiting"
    )]
    wait: Option<String>,
    /// Return once the window is there
    #[arg(long, conflicts_with = "wait", help_heading = "Waiting")]
    no_wait: bool,
    /// Longest wait: `90`, `90s`, `5m` [default: 60s for the prompt, none for a state]
    #[arg(long, value_name = "TIME", value_parser = crate::cli::duration, help_heading = "Waiting")]
    timeout: Option<Duration>,

    /// Print what would be made, and the brief; make nothing
    #[arg(long)]
    dry_run: bool,
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
enum Launch {
    Window,
    Session,
}

/// What is wanted, checked as far as that goes without looking at anything.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) task: Task,
    /// The user's own words beside the task.
    pub(super) instructions: Option<String>,
    pub(super) open_pr: bool,
    pub(super) agent: Option<String>,
    pub(super) model: Option<Model>,
    pub(super) plan: bool,
    pub(super) placement: Option<Placement>,
    pub(super) project: Option<PathBuf>,
    pub(super) base: Option<String>,
    pub(super) name: Option<String>,
    pub(super) reuse: bool,
    pub(super) hooks: Hooks,
    pub(super) wait: Wait,
    pub(super) dry_run: bool,
}

#[derive(Debug)]
pub(super) enum Task {
    Issue(u64),
    Pull(u64),
    Ticket(Key),
    Prompt(String),
}

/// For what to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// `None`: not at all.
    pub(super) limit: Option<Option<Duration>>,
    /// A dialog is waited out.
    pub(super) through_dialogs: bool,
    /// States to wait for after the prompt was taken; any will do.
    pub(super) until: Vec<String>,
}

/// How long the first prompt may take unless told otherwise.
const LIMIT: Duration = Duration::from_secs(60);

impl Args {
    /// Everything that can be said to be wrong by looking at the words alone.
    pub(super) fn check(self, stdin: impl Read) -> Result<Order, Failure> {
        let placement = self.placement()?;
        let wait = self.wait()?;
        if let Some(name) = &self.name {
            git::names::check_branch(name)?;
        }
        if let Some(base) = &self.base {
            git::names::check_base(base)?;
        }
        let model = self.model.as_deref().map(Model::parse).transpose()?;
        let (task, instructions) = self.task(stdin)?;
        if matches!(task, Task::Pull(_)) && self.base.is_some() {
            return Err(Failure::usage("`--base` makes no sense for a pull request")
                .hint("its worktree is at its own head"));
        }
        let open_pr = self.pr || !self.no_pr && !matches!(task, Task::Prompt(_));
        let hooks = match (self.yes, self.no_hooks) {
            (_, true) => Hooks::Skip,
            (true, false) => Hooks::Yes,
            (false, false) => Hooks::Approved,
        };
        Ok(Order {
            task,
            instructions,
            open_pr,
            agent: self.agent,
            model,
            plan: self.plan,
            placement,
            project: self.project,
            base: self.base,
            name: self.name,
            reuse: self.reuse,
            hooks,
            wait,
            dry_run: self.dry_run,
        })
    }

    fn task(&self, stdin: impl Read) -> Result<(Task, Option<String>), Failure> {
        let task = match (self.github, self.github_type, &self.jira) {
            (Some(_), _, Some(_)) => {
                return Err(Failure::usage("`--github` and `--jira` are two tasks")
                    .hint("make a worker for each"));
            }
            (Some(number), None, None) => {
                return Err(Failure::usage(format!("`--github {number}` needs a type"))
                    .hint("`-t issue` to work on an issue, `-t pr` to review a pull request"));
            }
            (None, Some(_), _) => {
                return Err(Failure::usage("`-t` belongs to `--github N`"));
            }
            (Some(number), Some(GithubType::Issue), None) => Some(Task::Issue(number)),
            (Some(number), Some(GithubType::Pr), None) => Some(Task::Pull(number)),
            (None, None, Some(key)) => Some(Task::Ticket(key.parse::<Key>()?)),
            (None, None, None) => None,
        };
        let prompt = self.prompt.as_deref().map(|it| prompt::read(it, stdin)).transpose()?;
        if prompt.as_ref().is_some_and(|it| it.contains('\0')) {
            return Err(Failure::user("the prompt holds a NUL byte"));
        }
        match (task, prompt) {
            (Some(task), prompt) => Ok((task, prompt)),
            (None, Some(prompt)) => Ok((Task::Prompt(prompt), None)),
            (None, None) => Err(Failure::usage("no task is given").hint(
                "pass `--github N -t issue`, `--github N -t pr`, `--jira KEY` or `--prompt TEXT`",
            )),
        }
    }

    fn placement(&self) -> Result<Option<Placement>, Failure> {
        let window = self.window || self.launch == Some(Launch::Window);
        let session = self.session || self.launch == Some(Launch::Session);
        match (window, session) {
            (true, true) => Err(Failure::usage("a window and a session are both asked for")
                .hint("pass one of `-w`, `-s` and `--launch`")),
            (true, false) => Ok(Some(Placement::Window)),
            (false, true) => Ok(Some(Placement::Session)),
            (false, false) => Ok(None),
        }
    }

    fn wait(&self) -> Result<Wait, Failure> {
        let until = match self.wait.as_deref() {
            None | Some("") => Vec::new(),
            Some(names) => states(names)?,
        };
        let default = until.is_empty().then_some(LIMIT);
        let limit = (!self.no_wait).then_some(self.timeout.or(default));
        Ok(Wait { limit, through_dialogs: self.wait.is_some(), until })
    }
}

impl Task {
    /// What it is, as far as that is known before anything is fetched.
    pub(super) fn outline(&self) -> Source {
        let (url, title) = (String::new(), String::new());
        match self {
            Self::Issue(number) => Source::GithubIssue { number: *number, url, title },
            Self::Pull(number) => Source::GithubPr { number: *number, url, title },
            Self::Ticket(key) => Source::Jira { key: key.to_string(), url, title },
            Self::Prompt(text) => WorkItem::prompt(text).source,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.outline().kind()
    }
}

/// State names, separated by commas.
pub(crate) fn states(text: &str) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = text.split(',').map(|it| it.trim().to_lowercase()).collect();
    match names.iter().find(|name| !Word::NAMES.contains(&name.as_str())) {
        None => Ok(names),
        Some(name) => Err(Failure::usage(format!("`{name}` is no state of a worker"))
            .hint(format!("states are {}", Word::NAMES.join(", ")))),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let number = text.trim_start_matches('#').parse().ok().filter(|it| *it > 0);
    number.ok_or_else(|| sources::Error::BadNumber.hint().unwrap_or_default())
}

#[cfg(test)]
mod tests;
