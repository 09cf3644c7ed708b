//! Starts one agent again: worktree, launch, window, and the texts that it is still owed.
use std::path::Path;

use super::{
    Job,
    plan::{self, Plan, Ways},
};
use crate::{
    brief::BOOTSTRAP,
    cli::{
        Failure,
        cleanup::panes,
        create::{agent::AgentChoice, build},
        message,
        progress::Progress,
        settings, unexpected,
    },
    client::Hub,
    config::Loaded,
    git::{
        self, CreateJournal, Hooks, Made, News, Repo, Run, Start, Step, Tool, WorktreeRequest,
        record::{self, WorktreeRecord},
    },
    model::{
        Answer, Caller, Delivery, NewWorker, Placement, Request, Reservation, Reserve, SessionId,
        Worker,
    },
    proc::{self, Cmd},
};

/// An agent that was started again.
pub(super) struct Resumed {
    pub(super) worker: Worker,
    pub(super) plan: Plan,
    pub(super) worktree_made: bool,
    /// Deliveries that wait until it is ready.
    pub(super) texts: Vec<Delivery>,
    pub(super) notes: Vec<String>,
}

/// One worker whose agent is started again.
struct Again<'a, 'j> {
    job: &'a Job<'j>,
    worker: &'a Worker,
    repo: Repo,
    loaded: Loaded,
    agent: AgentChoice,
    plan: Plan,
    notes: Vec<String>,
}

/// Starts the agent of one worker again, or changes nothing.
pub(super) async fn start(
    job: &Job<'_>,
    hub: &mut Hub,
    worker: &Worker,
) -> Result<Resumed, Failure> {
    let (context, id) = (job.context, &worker.id);
    if worker.is_live() {
        return Err(Failure::user(format!("the agent of `{id}` is running"))
            .hint(format!("to go there: `wtmag attach {id}`")));
    }
    let repo = Repo::discover(&worker.repo)?;
    let loaded = settings::load(context, Some(&repo))?;
    let deliveries = deliveries(hub, worker).await?;
    let mut agent = AgentChoice::again(context, &loaded, &worker.agent, None)?;
    let launch = &agent.profile().launch;
    let ways =
        Ways { by_session: !launch.resume.is_empty(), latest: !launch.resume_latest.is_empty() };
    let plan = plan::plan(worker, &deliveries, ways, job.args.fresh);
    if let Plan::Continue(resume) = &plan {
        agent = AgentChoice::again(context, &loaded, &worker.agent, Some(resume.clone()))?;
    }
    refuse_busy_panes(job, hub, worker).await?;
    let owed: Vec<String> =
        plan::owed(worker, &deliveries, &plan).into_iter().map(|it| it.text.clone()).collect();
    let mut again = Again { job, worker, repo, loaded, agent, plan, notes: Vec::new() };
    let (worker, worktree_made) = again.run(hub).await?;
    let texts = deliver(hub, &worker, owed.iter().chain(&job.args.prompt)).await?;
    Ok(Resumed { worker, plan: again.plan, worktree_made, texts, notes: again.notes })
}

impl Again<'_, '_> {
    async fn run(&mut self, hub: &mut Hub) -> Result<(Worker, bool), Failure> {
        let at = self.job.context.whereabouts()?;
        let progress = Progress::new(&self.job.context.env);
        progress.step(format!("resuming {}", self.worker.id));
        let reservation = self.reserve(hub).await?;
        let mut journal = git::undo::start(&at.state.creates(), &self.repo)?;
        let done = self.build(hub, &reservation, &mut journal, &progress).await;
        match done {
            Ok(done) => {
                journal.commit()?;
                Ok(done)
            }
            Err(failure) => {
                // If the hub cannot be told, it drops the reservation with the connection.
                let id = self.worker.id.clone();
                drop(hub.ask(Request::Release { id }).await);
                Err(undo(&progress, journal, failure).await)
            }
        }
    }

    async fn build(
        &mut self,
        hub: &mut Hub,
        reservation: &Reservation,
        journal: &mut CreateJournal,
        progress: &Progress,
    ) -> Result<(Worker, bool), Failure> {
        let made = self.worktree(journal, progress).await?;
        self.claim(&made, journal)?;
        let new = self.new_worker(&made, reservation)?;
        let answer = hub.ask(Request::Create(Box::new(new))).await?;
        let Answer::Resumed { worker } = answer else { return Err(unexpected(&answer)) };
        Ok((*worker, made.worktree_made))
    }

    async fn reserve(&mut self, hub: &mut Hub) -> Result<Reservation, Failure> {
        let (placement, caller) = self.place().await?;
        let worker = self.worker;
        let socket = self.job.context.whereabouts()?.tmux_socket;
        let reserve = Reserve {
            project: worker.project.clone(),
            repo: worker.repo.clone(),
            branch: worker.branch.clone(),
            source_key: None,
            placement,
            caller,
            is_served: proc::listens(&socket).await,
            resumes: Some(worker.id.clone()),
            room: self.loaded.config.limits.room(&worker.agent.name),
        };
        let answer = hub.ask_any(Request::Reserve(reserve)).await?;
        let Answer::Reserved(reservation) = answer else { return Err(unexpected(&answer)) };
        Ok(reservation)
    }

    /// Where it was: its own session, or the session that showed it, if that is still there.
    async fn place(&mut self) -> Result<(Placement, Caller), Failure> {
        let (context, place) = (self.job.context, &self.worker.place);
        if let (false, Some(session)) = (place.gone, place.session) {
            return Ok((Placement::Window, Caller { pane: None, session: Some(session) }));
        }
        if self.worker.placement == Placement::Session {
            return Ok((Placement::Session, Caller::default()));
        }
        let socket = context.whereabouts()?.tmux_socket;
        let name = place.session_name.as_deref();
        if let Some(session) = session_named(&socket, name.unwrap_or_default()).await {
            return Ok((Placement::Window, Caller { pane: None, session: Some(session) }));
        }
        let gone = name.map(|it| format!("its session `{it}` is gone"));
        let gone = gone.unwrap_or_else(|| "it had no session".to_owned());
        match context.caller()? {
            Some(caller) => {
                self.notes.push(format!("{gone}, so it is in yours"));
                Ok((Placement::Window, caller))
            }
            None => {
                self.notes.push(format!("{gone}, so it has a session of its own"));
                Ok((Placement::Session, Caller::default()))
            }
        }
    }

    /// Its worktree; created again from the branch, if it is gone.
    async fn worktree(
        &mut self,
        journal: &mut CreateJournal,
        progress: &Progress,
    ) -> Result<Made, Failure> {
        let worker = self.worker;
        if let Some(path) = git::worktree_of_git_dir(&worker.git_dir) {
            return Ok(Made {
                path,
                git_dir: worker.git_dir.clone(),
                branch: worker.branch.clone(),
                branch_made: false,
                worktree_made: false,
                base: None,
            });
        }
        if self.repo.branch_tip(&worker.branch)?.is_none() {
            let (id, branch) = (&worker.id, &worker.branch);
            return Err(Failure::user(format!("the branch `{branch}` of `{id}` is gone"))
                .hint(format!("`wtmag restore {id}` brings it back, if it was removed by wtmag")));
        }
        let mut tell = |news: &News| progress.news(news);
        let mut run = Run { cancel: self.job.cancel, tell: &mut tell };
        let settings = &self.loaded.config.worktree;
        let seen = self.job.context.whereabouts()?.state.root().join("wt.json");
        let backend = settings::backend(settings.backend);
        let tool = Tool::choose_seen(backend, "wt".as_ref(), &seen, &mut run).await?;
        let order = WorktreeRequest {
            branch: worker.branch.clone(),
            start: Start::Default,
            reuse: true,
            path: settings.path.clone(),
            git_hooks: true,
        };
        let made = git::make(&self.repo, &tool, &order, journal, &mut run).await?;
        if made.worktree_made {
            journal.announce(Step::Hooks)?;
            match git::run_hooks(&tool, &made.path, None, Hooks::Approved, &mut run).await {
                Ok(()) => {}
                Err(error @ git::Error::Unapproved { .. }) => {
                    self.notes.push(format!("{error}: they did not run"));
                }
                Err(error) => return Err(error.into()),
            }
            git::copy_files(&self.repo, &made.path, &settings.copy, &mut run)?;
        }
        Ok(made)
    }

    /// Another worker may have the worktree meanwhile.
    fn claim(&self, made: &Made, journal: &mut CreateJournal) -> Result<(), Failure> {
        let at = self.job.context.whereabouts()?;
        match record::load(&made.git_dir)? {
            Some(it) if it.worker == self.worker.id && it.hub == at.state.root() => return Ok(()),
            Some(it) if it.worker == self.worker.id && it.is_of_a_dead_server() => {
                record::remove(&made.git_dir, &it.worker)?;
            }
            Some(it) => return Err(git::Error::Claimed { worker: it.worker }.into()),
            None => {}
        }
        let record = WorktreeRecord {
            worker: self.worker.id.clone(),
            hub: at.state.root().to_owned(),
            created: self.worker.created,
            tmux: Some(at.tmux_socket),
            worktree_made: made.worktree_made || self.worker.worktree_made,
        };
        Ok(build::take(&made.git_dir, &record, journal)?)
    }

    fn new_worker(&mut self, made: &Made, reservation: &Reservation) -> Result<NewWorker, Failure> {
        let (context, worker) = (self.job.context, self.worker);
        let at = context.whereabouts()?;
        let is_fresh = matches!(self.plan, Plan::Fresh(_));
        let has_brief = made.path.join(".wtmag/prompt.md").is_file();
        if is_fresh && !has_brief && self.job.args.prompt.is_none() {
            return Err(Failure::user(format!(
                "the brief of `{}` is gone, and it has no conversation to continue",
                worker.id
            ))
            .hint("`--prompt TEXT` tells the agent what to do"));
        }
        let common = self.repo.common_dir();
        let (launch, notes) = self.agent.launch(&context.env, made, common, &at)?;
        self.notes.extend(notes);
        let session = worker.agent_session.clone().filter(|_| !is_fresh);
        let earlier = Worker { agent_session: session, ..worker.clone() };
        let bootstrap = if is_fresh && has_brief { BOOTSTRAP } else { "" };
        Ok(NewWorker {
            id: worker.id.clone(),
            worktree: made.path.clone(),
            git_dir: made.git_dir.clone(),
            branch_made: worker.branch_made,
            worktree_made: worker.worktree_made || made.worktree_made,
            base: worker.base.clone(),
            source: worker.source.clone(),
            kind: worker.kind,
            agent: self.agent.record(launch.argv),
            pr: worker.pr.clone(),
            parent: worker.parent.clone(),
            wakes: worker.wakes.clone(),
            env: build::passed_on(context, &reservation.env_names),
            launch_env: launch.env,
            bootstrap: bootstrap.to_owned(),
            record: self.loaded.config.record.enabled,
            resumes: Some(Box::new(earlier)),
        })
    }
}

/// Its deliveries, oldest first.
async fn deliveries(hub: &mut Hub, worker: &Worker) -> Result<Vec<Delivery>, Failure> {
    let answer = hub.ask_any(Request::Receipts { worker: Some(worker.id.clone()) }).await?;
    let Answer::Receipts { mut deliveries, .. } = answer else { return Err(unexpected(&answer)) };
    // An earlier worker may have had the same id.
    deliveries.retain(|it| it.steps.first().is_some_and(|first| first.at >= worker.created));
    deliveries.sort_by_key(|it| it.id);
    Ok(deliveries)
}

/// The window of an agent that exited has the user's shell, and is closed.
async fn refuse_busy_panes(job: &Job<'_>, hub: &mut Hub, worker: &Worker) -> Result<(), Failure> {
    if worker.place.gone || worker.ended.is_some() {
        return Ok(());
    }
    let mut tell = |_: &News| {};
    let run = Run { cancel: job.cancel, tell: &mut tell };
    let panes = panes::look(hub, worker, &run).await?;
    let mut busy: Vec<String> = panes.busy.iter().map(ToString::to_string).collect();
    for pid in panes.known {
        if let Some(process) = git::foreground_process(pid, &run).await? {
            busy.push(format!("process {} (`{}`) runs in its pane", process.pid, process.command));
        }
    }
    if busy.is_empty() {
        return Ok(());
    }
    let id = &worker.id;
    Err(Failure::user(format!("the window of `{id}` would be closed, but it is in use"))
        .quote(&busy)
        .hint("end that, then try again"))
}

/// Queues texts; they are typed when the agent is ready.
async fn deliver<'a>(
    hub: &mut Hub,
    worker: &Worker,
    texts: impl Iterator<Item = &'a String>,
) -> Result<Vec<Delivery>, Failure> {
    let mut queued = Vec::new();
    for text in texts {
        let new = message::compose(worker, text, message::How::default())?;
        let answer = hub.ask(Request::Send(new)).await?;
        let Answer::Queued { delivery, .. } = answer else { return Err(unexpected(&answer)) };
        queued.push(delivery);
    }
    Ok(queued)
}

/// The session with exactly this name.
async fn session_named(socket: &Path, name: &str) -> Option<SessionId> {
    let tmux = proc::tmux(socket).await;
    let args = ["list-sessions", "-F", "#{session_id} #{session_name}"];
    let cmd = Cmd::new(tmux, Path::new("/")).args(["-N", "-S"]).args([socket]).args(args);
    let output = cmd.run(&proc::never()).await.ok().filter(proc::Output::is_success)?;
    let text = output.stdout_text();
    let found = text.lines().filter_map(|it| it.split_once(' ')).find(|it| it.1 == name)?;
    found.0.parse().ok()
}

async fn undo(progress: &Progress, journal: CreateJournal, failure: Failure) -> Failure {
    let mut tell = |news: &News| progress.news(news);
    let never = proc::never();
    let mut run = Run { cancel: &never, tell: &mut tell };
    match git::undo::undo(journal, &mut run).await {
        Ok(undone) => undone
            .kept
            .into_iter()
            .fold(failure, |failure, kept| failure.hint(format!("kept {kept}"))),
        Err(error) => failure.hint(format!("not everything could be undone: {error}")),
    }
}
