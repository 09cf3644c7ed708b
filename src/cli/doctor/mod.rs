//! `wtmag doctor`: checks everything that wtmag depends on. Starts no hub and no tmux server, and
//! changes nothing.
mod agents;
mod everything;
mod hub;
mod repo;
mod report;
mod sheet;
mod store;
mod tmux;
mod tools;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use self::{
    report::{DoctorReport, Finding, Group},
    sheet::Sheet,
};
use super::{Context, Failure, settings};
use crate::{
    client::HubLocation,
    config,
    git::Repo,
    proc::{self, Cancel, Cmd, Output},
};

/// How long a program may take to print its version.
const LIMIT: Duration = Duration::from_secs(10);

/// Check what wtmag needs: tmux, git, WorkTrunk, gh, glab, jira, bd, agents, hub, configuration, repository
///
/// Marks each finding as ok, note or problem, and says what to do about it. Starts no hub and no tmux
/// server, and changes nothing. Exits with 1 if there is a problem, else with 0.
///
/// With --json: {"problems": how many, "notes": how many, "groups": [{"name", "findings": [{"mark":
/// "ok", "note" or "problem", "text", "advice": […]}]}]}
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Also list the bugs of the installed tmux that wtmag works around
    #[arg(short, long)]
    verbose: bool,
    /// Do not check: list what wtmag has in your home directory, in this tmux server and in this repository, with
    /// the commands that remove it
    #[arg(long, conflicts_with = "verbose")]
    leftovers: bool,
}

/// What all checks share.
struct Doctor<'a> {
    context: &'a Context,
    cancel: Cancel,
    at: Option<HubLocation>,
    /// The selected tmux socket.
    socket: Option<PathBuf>,
    /// The repository around the current directory.
    repo: Option<Repo>,
    config: Result<config::Loaded, config::Error>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let found = context.whereabouts();
    let doctor = Doctor::new(context, found.as_ref().ok().cloned())?;
    let places = found.err().map(|failure| {
        Finding::problem(first_line(failure.to_string().trim_start_matches("error: ")))
    });
    let sheet = Sheet::new(context, args.verbose);
    if args.leftovers {
        sheet.put(0, everything::find(&doctor).await);
        let report = sheet.finish()?;
        return Ok(ExitCode::from(u8::from(report.problems > 0)));
    }
    let one = |name, findings| vec![Group { name, findings }];
    // All checks wait for other programs, so they run at once. The agents come last because they
    // take longest.
    let tmux = async { sheet.put(0, one("tmux", tmux::check(&doctor).await)) };
    let tools = async { sheet.put(1, tools::check(&doctor).await) };
    let hub = async {
        let hub = hub::check(&doctor).await;
        sheet.put(3, one("hub", places.into_iter().chain(hub.findings).collect()));
        let repo = repo::check(&doctor, hub.workers.as_deref()).await;
        sheet.put(4, repo.into_iter().collect());
    };
    let agents = async { sheet.put(5, one("agents", agents::check(&doctor).await)) };
    sheet.put(2, one("configuration", config_findings(&doctor)));
    tokio::join!(tmux, tools, hub, agents);
    let report = sheet.finish()?;
    Ok(ExitCode::from(u8::from(report.problems > 0)))
}

impl<'a> Doctor<'a> {
    fn new(context: &'a Context, at: Option<HubLocation>) -> Result<Self, Failure> {
        let repo = std::env::current_dir().ok().and_then(|dir| Repo::discover(&dir).ok());
        let dirs = settings::project_dirs(repo.as_ref());
        let config = config::load(&context.env.config_file(), &dirs);
        let socket = at.as_ref().map(|it| it.tmux_socket.clone());
        Ok(Self { context, cancel: context.cancel()?, at, socket, repo, config })
    }

    /// Runs a program for its output.
    async fn ask(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        args: &[&str],
    ) -> Result<Output, proc::Error> {
        self.cmd(program, args).run(&self.cancel).await
    }

    fn cmd(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Cmd<'static> {
        let dir =
            if self.context.env.home().is_dir() { self.context.env.home() } else { Path::new("/") };
        Cmd::new(program, dir).args(args).limit(LIMIT)
    }

    /// Asks the running tmux server, without starting one. `None` if it does not answer.
    async fn ask_tmux(&self, args: &[&str]) -> Option<String> {
        let socket = self.socket.as_deref()?.to_str()?;
        let output = self
            .ask(proc::tmux(Path::new(socket)).await, &[&["-N", "-S", socket], args].concat())
            .await
            .ok()?;
        output.is_success().then(|| output.stdout_text())
    }
}

fn config_findings(doctor: &Doctor<'_>) -> Vec<Finding> {
    let file = doctor.context.env.config_file();
    match &doctor.config {
        Ok(loaded) if loaded.files.is_empty() => {
            vec![Finding::ok(format!("built-in settings; `{}` does not exist yet", file.display()))]
        }
        Ok(loaded) => {
            let shown = loaded.files.iter().map(|it| Finding::ok(format!("`{}`", it.display())));
            shown.collect()
        }
        Err(error) => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let finding = Finding::problem(error.to_string());
            vec![cause.into_iter().fold(finding, Finding::advice)]
        }
    }
}

fn first_line(text: &str) -> String {
    text.trim().lines().next().unwrap_or_default().to_owned()
}
