//! `wtmag demo`: three workers of a scratch repository in a private tmux server, and their states
//! as they change. Needs only tmux and git, and touches none of the user's files.
pub(crate) mod agent;
mod live;
mod scratch;

use std::{process::ExitCode, time::Duration};

use tokio::time;

use self::{
    live::{Live, delivery},
    scratch::Scratch,
};
use super::{Context, Failure, receipt};
use crate::{
    client::{Known, Mirror},
    model::{AgentState, Answer, Blocker, Request, Step, Worker},
    proc::{self, Cancel},
};

/// Show wtmag at work: three workers in a private tmux server, each with a simulated agent
///
/// Needs no account, no agent and no WorkTrunk, and takes about half a minute. One agent asks whether you
/// trust the folder that it runs in. wtmag holds that agent's prompt until the demo answers the question as
/// you would. At the end, everything that the demo made is removed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave everything running, and print how to see it and how to end it
    #[arg(long)]
    keep: bool,
}

/// After this long, something is wrong.
const LIMIT: Duration = Duration::from_secs(90);

/// Agent and task of each worker.
const TASKS: [(&str, &str); 3] = [
    ("demo", "Write an about page"),
    ("careful", "Tidy the stylesheet"),
    ("demo", "Check every link"),
];

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let cancel = context.cancel()?;
    let scratch = Scratch::make().await?;
    let mut stop = cancel.clone();
    let played = tokio::select! {
        played = time::timeout(LIMIT, play(context, &scratch, &cancel)) => {
            played.unwrap_or_else(|_| Err(Failure::bug("the demo did not finish")))
        }
        () = proc::cancelled(&mut stop) => Err(Failure::interrupted()),
    };
    if args.keep && played.is_ok() {
        let dir = scratch.keep();
        context.print(&kept(&dir.display().to_string()))?;
        return Ok(ExitCode::SUCCESS);
    }
    scratch.end().await?;
    played?;
    context.print("\nEverything was removed: agents, windows, worktrees and the tmux server.\n")?;
    Ok(ExitCode::SUCCESS)
}

async fn play(context: &Context, scratch: &Scratch, cancel: &Cancel) -> Result<(), Failure> {
    let mut live = Live::new(context);
    live.say("A scratch repository, a private tmux server, three tasks:\n\n")?;
    for (agent, task) in TASKS {
        live.say(&format!("  $ wtmag create --prompt \"{task}\" --agent {agent}\n"))?;
    }
    live.say("\n")?;
    let mut watch = Watch::start(scratch).await?;
    let creates = async {
        tokio::try_join!(
            create(scratch, TASKS[0], cancel),
            create(scratch, TASKS[1], cancel),
            create(scratch, TASKS[2], cancel),
        )
    };
    tokio::pin!(creates);
    let mut made = false;
    // Until each prompt has arrived, or waits for a human.
    while !(made && watch.all(|known, it| has_prompt(known, it) || asks(it))) {
        live.show(&watch.0.known)?;
        tokio::select! {
            done = &mut creates, if !made => {
                done?;
                made = true;
            }
            more = watch.next() => more?,
        }
    }
    live.show(&watch.0.known)?;
    answer(scratch, &mut live, &mut watch).await?;
    while !watch.all(|known, it| has_prompt(known, it) && it.state.turn.value == AgentState::Idle) {
        watch.next().await?;
        live.show(&watch.0.known)?;
    }
    live.say(&receipts(&watch.0.known))?;
    live.say(NEXT)
}

/// All worker changes of the scratch server, pushed by its hub.
struct Watch(Mirror);

impl Watch {
    async fn start(scratch: &Scratch) -> Result<Self, Failure> {
        let hub = scratch.context().hub().await?;
        Ok(Self(Mirror::open(hub, Vec::new()).await?))
    }

    async fn next(&mut self) -> Result<(), Failure> {
        self.0.next().await?;
        Ok(())
    }

    fn all(&self, is: impl Fn(&Known, &Worker) -> bool) -> bool {
        let workers = &self.0.known.workers;
        workers.len() == TASKS.len() && workers.values().all(|it| is(&self.0.known, it))
    }
}

async fn create(
    scratch: &Scratch,
    (agent, task): (&str, &str),
    cancel: &Cancel,
) -> Result<(), Failure> {
    let socket = scratch.socket();
    let server = ["-S".as_ref(), socket.as_os_str()];
    let words = ["create", "--prompt", task, "--agent", agent];
    let cmd = scratch.cmd(&scratch.program).args(server).args(words);
    let output = cmd.run(cancel).await?;
    if output.is_success() {
        return Ok(());
    }
    Err(Failure::user(format!("`wtmag create` failed: {}", output.stderr_text())))
}

fn has_prompt(known: &Known, worker: &Worker) -> bool {
    delivery(known, &worker.id).is_some_and(|it| it.step == Step::Accepted)
}

fn asks(worker: &Worker) -> bool {
    worker.state.turn.value == AgentState::Blocked(Blocker::Trust)
}

/// Answers the dialog as a human would.
async fn answer(scratch: &Scratch, live: &mut Live<'_>, watch: &mut Watch) -> Result<(), Failure> {
    let Some(worker) = watch.0.known.workers.values().find(|it| asks(it)) else { return Ok(()) };
    let (id, pane) = (worker.id.clone(), worker.place.pane.to_string());
    let shown = watch.0.hub().ask(Request::Show { id: id.clone() }).await?;
    let Answer::Shown { screen: Some(screen), .. } = shown else { return Ok(()) };
    let rows: Vec<String> =
        screen.last_lines(8).iter().map(|row| format!("    │ {row}\n")).collect();
    live.say(&format!(
        "\n{id} is held: its agent shows a question, and typing now would answer it.\n\n{}\n\
         wtmag leaves that to you: `wtmag attach {id}`, then ↑ and Enter.\n\
         The demo presses these keys in its window now; the prompt goes out by itself.\n\n",
        rows.concat()
    ))?;
    scratch.tmux(&["send-keys", "-t", &pane, "Up", "Enter"]).await?;
    Ok(())
}

fn receipts(known: &Known) -> String {
    let mut text = "\nEvery prompt has a receipt, with the time of each step:\n\n".to_owned();
    for it in known.deliveries.values() {
        text.push_str(&format!("  {}\n    {}\n", it.worker, receipt::line(it)));
    }
    text
}

const NEXT: &str = "
What you would type next, in a repository of your own:

  wtmag list                                  all workers and their states
  wtmag show blog-prompt-check-every-link     one in full, with its screen
  wtmag attach blog-prompt-check-every-link   go to its window
  wtmag send blog-prompt-check-every-link \"…\" tell it something
  wtmag cleanup blog-prompt-check-every-link  remove it, unless work would be lost
";

fn kept(dir: &str) -> String {
    format!(
        "
Everything is still running. To see it, and to use the commands above in a shell:

  tmux -S {dir}/tmux attach
  . {dir}/env

To end it:

  (. {dir}/env; wtmag hub stop; tmux -S {dir}/tmux kill-server); rm -r {dir}
"
    )
}
