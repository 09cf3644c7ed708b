//! Starts a new orchestrator: its files, then its window by the hub. It gets no worktree, no branch and no brief.
use super::Startup;
use crate::{
    cli::{
        Failure,
        approval::Wanted,
        create::{agent::AgentChoice, build},
        lead,
        progress::Progress,
        settings, skill, unexpected,
    },
    client::Hub,
    config::Loaded,
    git::Made,
    model::{
        Answer, Caller, Kind, NewWorker, Placement, Request, Reservation, Reserve, Room, Worker,
    },
    proc,
};

/// An orchestrator whose agent has been started.
pub(super) struct Started {
    pub(super) worker: Worker,
    pub(super) notes: Vec<String>,
}

pub(super) async fn start(startup: &Startup<'_>, hub: &mut Hub) -> Result<Started, Failure> {
    let (context, args) = (startup.context, startup.args);
    let loaded = settings::load(context, Some(&startup.repo))?;
    let how = (startup.model.clone(), false);
    let agent = AgentChoice::named(context, &loaded, args.agent.as_deref(), how);
    let agent = agent.map_err(|it| if args.agent.is_some() { it.into_usage() } else { it })?;
    if let Some(wanted) = Wanted::find(context, &startup.repo, &loaded, agent.name())? {
        wanted.ask(context, &startup.cancel).await?;
    }
    let progress = Progress::new(&context.env);
    progress.step(format!("starting {}", agent.name()));
    let reservation = reserve(startup, hub).await?;
    let id = reservation.id.clone();
    match make(startup, hub, (&loaded, agent), reservation).await {
        Ok(started) => Ok(started),
        Err(failure) => {
            // If the hub cannot be told, it drops the reservation with the connection.
            drop(hub.ask(Request::Release { id }).await);
            Err(failure)
        }
    }
}

async fn reserve(startup: &Startup<'_>, hub: &mut Hub) -> Result<Reservation, Failure> {
    let socket = startup.context.whereabouts()?.tmux_socket;
    let reserve = Reserve {
        repo: startup.repo.common_dir().to_owned(),
        branch: String::new(),
        project: startup.repo.project(),
        source_key: startup.source.task_key(),
        placement: Placement::Session,
        caller: Caller::default(),
        is_served: proc::listens(&socket).await,
        resumes: None,
        ends_agent: false,
        room: Room::default(),
        attempt: None,
    };
    let answer = hub.ask_any(Request::Reserve(reserve)).await?;
    let Answer::Reserved(reservation) = answer else { return Err(unexpected(&answer)) };
    Ok(reservation)
}

async fn make(
    startup: &Startup<'_>,
    hub: &mut Hub,
    (loaded, mut agent): (&Loaded, AgentChoice),
    reservation: Reservation,
) -> Result<Started, Failure> {
    let (context, repo) = (startup.context, &startup.repo);
    let at = context.whereabouts()?;
    let lead = lead::write(&at, &reservation.id, &repo.project(), startup.persona.as_deref())?;
    let first = (!agent.takes_instructions()).then(|| lead::first_prompt(&lead));
    agent.begin(None, first.as_deref());
    agent.direct(lead, &context.env);
    let made = Made {
        path: repo.home().to_owned(),
        git_dir: repo.common_dir().to_owned(),
        ..Made::default()
    };
    let (launch, mut notes) = agent.launch(&context.env, &made, repo.common_dir(), &at)?;
    notes.extend(skill::missing_note(&context.env, &agent.profile().name));
    let new = NewWorker {
        id: reservation.id,
        worktree: made.path,
        git_dir: made.git_dir,
        branch_made: false,
        worktree_made: false,
        base: None,
        source: startup.source.clone(),
        kind: Kind::Orchestrator,
        agent: agent.record(launch.argv),
        pr: None,
        parent: None,
        wakes: None,
        env: build::passed_on(context, &reservation.env_names),
        launch_env: launch.env,
        bootstrap: first.unwrap_or_default(),
        follows: None,
        resumes: None,
        texts: Vec::new(),
        drops: Vec::new(),
        head: None,
        record: loaded.config.record.enabled,
        markers: false,
    };
    match hub.ask(Request::Create(Box::new(new))).await {
        Ok(Answer::Created { worker, .. } | Answer::Resumed { worker, .. }) => {
            Ok(Started { worker: *worker, notes })
        }
        Ok(answer) => Err(unexpected(&answer)),
        Err(error) => {
            let failure = Failure::from(error);
            Err(failure
                .hint("run `wtmag orchestrate` again: it goes to the orchestrator, or starts it"))
        }
    }
}
