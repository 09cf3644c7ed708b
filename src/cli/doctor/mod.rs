//! `wtmag doctor`: looks at everything that wtmag stands on. Starts no hub and no tmux server,
//! changes nothing.
mod agents;
mod hub;
mod repo;
mod report;
mod store;
mod tmux;
mod tools;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use self::report::{Finding, Group, Report};
use super::{Context, Failure, settings};
use crate::{
    client::HubLocation,
    config,
    git::Repo,
    proc::{self, Cancel, Cmd, Output},
};

/// How long any one program may take to say its version.
const LIMIT: Duration = Duration::from_secs(10);

/// Check what wtmag needs: tmux, git, WorkTrunk, forges, agents, hub, configuration, repository
///
/// Prints what is ok, what is worth a note, and what is a problem, with what to do about it. Starts
/// no hub and no tmux server and changes nothing. Exits 1 when there is a problem, 0 otherwise.
///
/// With --json: {"problems": N, "notes": N, "groups": [{"name": ..., "findings": [{"mark": "ok",
/// "note" or "problem", "text": ..., "advice": [...]}]}]}
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args;

/// What the checks have in common.
struct Doctor<'a> {
    context: &'a Context,
    cancel: Cancel,
    at: Option<HubLocation>,
    /// The tmux socket that is meant.
    socket: Option<PathBuf>,
    /// The repository around the current directory.
    repo: Option<Repo>,
    config: Result<config::Loaded, config::Error>,
}

pub(crate) async fn run(context: &Context, _args: Args) -> Result<ExitCode, Failure> {
    let found = context.whereabouts();
    let doctor = Doctor::new(context, found.as_ref().ok().cloned())?;
    let places = found.err().map(|failure| {
        Finding::problem(first_line(failure.to_string().trim_start_matches("error: ")))
    });
    // The slow ones wait for other programs: all at once.
    let (tmux, mut tools, agents, hub) = tokio::join!(
        tmux::check(&doctor),
        tools::check(&doctor),
        agents::check(&doctor),
        hub::check(&doctor),
    );
    tools.extend(repo::check(&doctor, hub.workers.as_deref()).await);
    let mut groups = vec![Group { name: "tmux", findings: tmux }];
    groups.extend(tools);
    groups.push(Group { name: "configuration", findings: config_findings(&doctor) });
    groups.push(Group { name: "agents", findings: agents });
    groups.push(Group { name: "hub", findings: places.into_iter().chain(hub.findings).collect() });
    let report = Report::new(groups);
    if context.json() {
        context.print_json(&report)?;
    } else {
        context.print(&report.render(context.style()))?;
    }
    Ok(ExitCode::from(u8::from(report.problems > 0)))
}

impl<'a> Doctor<'a> {
    fn new(context: &'a Context, at: Option<HubLocation>) -> Result<Self, Failure> {
        let repo = std::env::current_dir().ok().and_then(|dir| Repo::discover(&dir).ok());
        let dirs = settings::project_dirs(repo.as_ref());
        let config = config::load(&context.env.config_file(), &dirs, &[]);
        let socket = at.as_ref().map(|it| it.tmux_socket.clone());
        Ok(Self { context, cancel: context.cancel()?, at, socket, repo, config })
    }

    /// Runs a program for what it says.
    async fn ask(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        args: &[&str],
    ) -> Result<Output, proc::Error> {
        let dir =
            if self.context.env.home().is_dir() { self.context.env.home() } else { Path::new("/") };
        Cmd::new(program, dir).args(args).limit(LIMIT).run(&self.cancel).await
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
