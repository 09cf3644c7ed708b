//! `wtmag profile`: from a running agent to a profile of it.
use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Context, Failure, naming::Purpose, resolve::Target, unexpected};
use crate::{
    agents::{
        self, Profile,
        learn::{self, Outcome, Shot},
    },
    client::Hub,
    model::{Answer, Request, Sample, WorkerId},
    paths,
    proc::Cancel,
    text::one_line,
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
/// First add the agent to your configuration (`[agents.NAME]` with its `command`), and start it with any task: `wtmag
/// create --agent NAME "Wait for me"`. Then wtmag asks you to bring the agent into one state after the other, and
/// saves its screen in each. wtmag types nothing into the agent: you do that. From these screens, wtmag works out
/// where the input box is, a rule for each state, and the key that stops a turn. It tests the rules on all saved
/// screens, and writes `~/.config/wtmag/agents/NAME.toml` with the screens beside it.
///
/// If a screen cannot show the state that was asked for, wtmag says why and asks again.
///
/// You can adjust the file afterwards: see `wtmag help profiles`.
#[derive(clap::Args)]
#[command(after_long_help = EXAMPLES)]
struct New {
    /// Name of the profile: the NAME of the agent's block in the configuration
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
const STEPS: [(&str, &str); 7] = [
    (learn::REST, "At rest: the agent waits for a prompt, and its input box is empty."),
    (learn::DRAFT, "With a draft: type a few words into the input box. Do not press Enter."),
    ("working", "At work: delete the words, and give the agent a task that takes a while."),
    ("waiting: permission", "Asking for permission: give the agent a task for which it asks you."),
    (learn::AFTER, "After a turn: the answer is complete, and the input box is empty again."),
    (
        learn::AFTER,
        "After a second turn: give the agent another task. wtmag looks for what both screens show.",
    ),
    (
        "blocked: trust",
        "With its trust dialog: end the agent, and start it in the same window, in a new directory.",
    ),
];
/// A step is skipped after so many screens that cannot be right.
const TRIES: usize = 5;
const MAX_SHOWN: usize = 60;

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let Action::New(args) = args.action;
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::usage(
            "`wtmag profile new` asks questions, and this is not a terminal",
        )
        .hint("run it in a terminal, or write the profile by hand: `wtmag help profiles`"));
    }
    let file = context.env.profiles_dir().join(format!("{}.toml", args.name));
    if args.name.contains(['/', '.']) || args.name.is_empty() {
        return Err(Failure::usage(format!("`{}` is no name of a profile", args.name)));
    }
    if file.exists() && !args.force {
        return Err(Failure::user(format!("there is a profile `{}` already", file.display()))
            .hint("`--force` replaces it"));
    }
    if agents::BUILTIN.iter().any(|(name, _)| *name == args.name) && !args.force {
        return Err(Failure::user(format!("wtmag has a profile `{}` already", args.name))
            .hint("`--force` writes one of your own, which wtmag uses instead"));
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
    context.print(&report(&args.name, &file, &profile, &outcomes))?;
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
    for (n, (state, how)) in (1..).zip(STEPS) {
        context.say(&format!("\n{n} of {}  {how}", STEPS.len()));
        for _ in 0..TRIES {
            context
                .ask_user("        Press Enter when the agent shows this, or type s to skip it: ");
            if context.read_line(cancel).await?.trim() == "s" {
                break;
            }
            let Some(sample) = look(hub, worker).await? else {
                context.say("        not saved: wtmag could not read its screen; try again");
                continue;
            };
            if let Some(objection) = learn::objection(state, &sample, &shots) {
                context.say(&format!("        not saved: {objection}"));
                continue;
            }
            let last = one_line(&sample.last_lines(1).concat(), MAX_SHOWN);
            context.say(&format!("        saved; the last row of the screen is `{last}`"));
            shots.push(Shot { state: state.to_owned(), sample });
            break;
        }
    }
    Ok(shots)
}

async fn look(hub: &mut Hub, worker: &WorkerId) -> Result<Option<Sample>, Failure> {
    let answer = hub.ask(Request::Explain { id: worker.clone() }).await?;
    let Answer::Explained(explained) = answer else { return Err(unexpected(&answer)) };
    Ok(explained.sample.clone())
}

/// The profile, and its screens in a directory beside it.
fn save(file: &Path, text: &str, shots: &[Shot]) -> Result<(), Failure> {
    let dir = screens_dir(file);
    std::fs::create_dir_all(&dir)?;
    for (at, shot) in shots.iter().enumerate() {
        let n_before = shots.iter().take(at).filter(|it| it.state == shot.state).count();
        let rows = shot.sample.used_rows().join("\n") + "\n";
        paths::replace(&dir.join(screen_name(&shot.state, n_before)), rows.as_bytes())?;
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

fn screen_name(state: &str, n_before: usize) -> String {
    let name = state.replace(": ", "-");
    if n_before == 0 { format!("{name}.txt") } else { format!("{name}-{}.txt", n_before + 1) }
}

/// What came of it, a screen a line.
fn report(name: &str, file: &Path, profile: &Profile, outcomes: &[Outcome]) -> String {
    let line = |it: &Outcome| match it.is_right {
        true => format!("  {:<20} right\n", it.state),
        false => format!("  {:<20} reads as `{}`: add or change a rule\n", it.state, it.found),
    };
    let mut lines: String = outcomes.iter().map(line).collect();
    if profile.keys.interrupt.is_empty() {
        lines.push_str(
            "  no key that stops a turn was found: `send --now` needs `[keys] interrupt`, so add it\n",
        );
    }
    format!(
        "\n{}\n{lines}\nwtmag uses it for new workers whose agent has `profile = \"{name}\"`, or is named `{name}` and \
         has no `profile`.\nNext: adjust the file (`wtmag help profiles`) and test it: `wtmag explain --screen {} --agent {}`\n",
        file.display(),
        screens_dir(file).join(screen_name(learn::REST, 0)).display(),
        file.display(),
    )
}
