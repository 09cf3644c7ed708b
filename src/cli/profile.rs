//! `wtmag profile`: from a running agent to a profile of it.
use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Context, Failure, naming::Purpose, resolve::Target, unexpected};
use crate::{
    agents::{
        Profile,
        learn::{self, Outcome, Shot},
    },
    client::Hub,
    model::{Answer, Request, Sample, WorkerId},
    paths,
    proc::Cancel,
};

/// Write a profile for an agent that wtmag does not know
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    New(New),
}

/// Write a profile from the screens of a running worker
///
/// Asks you to bring the agent into one state after the other, and saves its screen in each. From
/// these it proposes where the input box is and one rule for each state, tests the rules on all saved
/// screens, and writes `~/.config/wtmag/agents/NAME.toml` with the screens beside it. Nothing is typed
/// into the agent: you do that.
///
/// Start the agent as a worker first: `wtmag create --agent NAME --prompt 'wait'`. Adjust the file
/// afterwards: `wtmag help profiles`.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
struct New {
    /// Name of the profile: that of the agent's command
    name: String,
    /// The worker whose agent it is [default: the worker of this worktree or tmux window]
    #[command(flatten)]
    target: Target,
    /// Replace your profile of that name
    #[arg(long)]
    force: bool,
}

const EXAMPLES: &str = "\
Examples:
  wtmag profile new robot docs
  wtmag explain --screen ~/.config/wtmag/agents/robot.screens/working.txt --agent robot";

/// The states, and how a human brings an agent into each.
const STEPS: [(&str, &str); 6] = [
    (learn::REST, "at rest: it waits for a prompt, and its input box is empty"),
    (learn::DRAFT, "with a draft: type a few words into its box, without Enter"),
    ("working", "at work: give it a task that takes a while"),
    ("waiting: permission", "asking for permission: give it a task for which it needs yours"),
    (learn::AFTER, "after a turn: its answer is complete, and its box is empty again"),
    ("blocked: trust", "with its trust dialog: start it in a directory that it does not know"),
];

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Action::New(args) = args.action;
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::usage("`wtmag profile new` asks for one state after the other")
            .hint("run it in a terminal; `wtmag help profiles` says how to write one by hand"));
    }
    let file = context.env.profiles_dir().join(format!("{}.toml", args.name));
    if args.name.contains(['/', '.']) || args.name.is_empty() {
        return Err(Failure::usage(format!("`{}` is no name of a profile", args.name)));
    }
    if file.exists() && !args.force {
        return Err(Failure::user(format!("there is a profile `{}` already", file.display()))
            .hint("`--force` replaces it"));
    }
    let mut hub = context.hub_that_knows().await?;
    let worker = args.target.worker_or_own(context, &mut hub, Purpose::Look).await?;
    let cancel = context.cancel()?;
    let shots = collect(context, &mut hub, &worker.id, &cancel).await?;
    let text = learn::propose(&args.name, &shots).ok_or_else(|| {
        Failure::user("no input box was found in a screen at rest")
            .hint("start again with the agent at rest, or write the profile: `wtmag help profiles`")
    })?;
    let profile = Profile::parse(&args.name, &text)?;
    save(&file, &text, &shots)?;
    let outcomes = learn::judge(&profile, &shots);
    context.print(&report(&file, &outcomes))?;
    Ok(if outcomes.iter().all(|it| it.is_right) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks for each state, and takes the screen that shows when the user says so.
async fn collect(
    context: &Context,
    hub: &mut Hub,
    worker: &WorkerId,
    cancel: &Cancel,
) -> Result<Vec<Shot>, Failure> {
    context.say(&format!("Bring the agent of `{worker}` into each state, in its own window."));
    let mut shots = Vec::new();
    for (state, how) in STEPS {
        context.ask_user(&format!("{how}. Enter: it shows; s: skip  "));
        if context.read_line(cancel).await?.trim() == "s" {
            continue;
        }
        let Some(sample) = look(hub, worker).await? else {
            context.say("  its screen could not be read; skipped");
            continue;
        };
        let last = sample.last_lines(1).concat();
        context.say(&format!("  saved: {} rows, the last is `{last}`", sample.used_rows().len()));
        shots.push(Shot { state: state.to_owned(), sample });
    }
    Ok(shots)
}

async fn look(hub: &mut Hub, worker: &WorkerId) -> Result<Option<Sample>, Failure> {
    let answer = hub.ask_any(Request::Explain { id: worker.clone() }).await?;
    let Answer::Explained(explained) = answer else { return Err(unexpected(&answer)) };
    Ok(explained.sample.clone())
}

/// The profile, and its screens in a directory beside it.
fn save(file: &Path, text: &str, shots: &[Shot]) -> Result<(), Failure> {
    let dir = screens_dir(file);
    std::fs::create_dir_all(&dir)?;
    for shot in shots {
        let rows = shot.sample.used_rows().join("\n") + "\n";
        paths::replace(&dir.join(screen_name(&shot.state)), rows.as_bytes())?;
    }
    let head = format!(
        "# Proposed by `wtmag profile new` from the screens in `{}`.\n",
        dir.file_name().unwrap_or_default().to_string_lossy()
    );
    paths::replace(file, (head + text).as_bytes())?;
    Ok(())
}

fn screens_dir(file: &Path) -> PathBuf {
    file.with_extension("screens")
}

fn screen_name(state: &str) -> String {
    format!("{}.txt", state.replace(": ", "-"))
}

/// What came of it, a screen a line.
fn report(file: &Path, outcomes: &[Outcome]) -> String {
    let line = |it: &Outcome| match it.is_right {
        true => format!("  {:<20} right\n", it.state),
        false => format!("  {:<20} reads as `{}`: add or change a rule\n", it.state, it.found),
    };
    let lines: String = outcomes.iter().map(line).collect();
    format!(
        "{}\n{lines}\nNext: look at the file, and set `profile` or the agent's name in your configuration.\n",
        file.display()
    )
}
