//! Starts one agent again: worktree, launch, window, and the texts that it is still owed.
use std::path::Path;

use super::{
    Job,
    plan::{self, Plan, Ways, Why},
};
use crate::{
    agents::launch::Resume,
    brief::HANDOFF,
    cli::{
        Failure,
        approval::Wanted,
        cleanup::panes,
        create::{agent::AgentChoice, build},
        lead, message,
        progress::Progress,
        removed, settings, story, unexpected, worktree_tool,
    },
    client::Hub,
    config::Loaded,
    git::{
        self, CreateJournal, Hooks, Made, News, Repo, Run, Start, Step, WorktreeRequest,
        record::{self, WorktreeRecord},
    },
    model::{
        Agent, Answer, Caller, Delivery, DeliveryId, NewDelivery, NewWorker, Placement, Request,
        Reservation, Reserve, Room, SessionId, Worker,
    },
    proc::{self, Cmd},
};

/// An agent that was started again.
pub(in crate::cli) struct Resumed {
    pub(in crate::cli) worker: Worker,
    pub(super) plan: Plan,
    pub(super) worktree_made: bool,
    /// The first prompt of a new conversation.
    pub(in crate::cli) first: Option<DeliveryId>,
    /// Other deliveries that wait until it is ready.
    pub(in crate::cli) texts: Vec<Delivery>,
    pub(in crate::cli) notes: Vec<String>,
}

/// One worker whose agent is started again.
struct Again<'a, 'j> {
    job: &'a Job<'j>,
    worker: &'a Worker,
    repo: Repo,
    loaded: Loaded,
    agent: AgentChoice,
    /// What an orchestrator is told by its first prompt, if its launch cannot tell it.
    told: Option<String>,
    plan: Plan,
    /// All deliveries to the worker, oldest first.
    deliveries: Vec<Delivery>,
    notes: Vec<String>,
}

/// Starts the agent of one worker again, or changes nothing.
pub(in crate::cli) async fn start(
    job: &Job<'_>,
    hub: &mut Hub,
    worker: &Worker,
) -> Result<Resumed, Failure> {
    let (context, id) = (job.context, &worker.id);
    if worker.is_live() && job.how.handoff.is_none() {
        return Err(Failure::user(format!("the agent of `{id}` is running"))
            .hint(format!("to go there: `wtmag attach {id}`")));
    }
    let repo = Repo::discover(&worker.repo)?;
    let loaded = settings::load(context, Some(&repo))?;
    let deliveries = story::deliveries(hub, worker).await?;
    let mut agent = match &job.how.handoff {
        None => AgentChoice::again(context, &loaded, &worker.agent)?,
        Some(next) => match next.agent.as_deref().filter(|it| *it != worker.agent.name) {
            None if next.model.is_none() => AgentChoice::again(context, &loaded, &worker.agent)?,
            name => {
                let name = name.unwrap_or(&worker.agent.name);
                AgentChoice::next(context, &loaded, name, next.model.clone())?
            }
        },
    };
    if let Some(wanted) = Wanted::find(context, &repo, &loaded, agent.name())? {
        wanted.ask(context, job.cancel).await?;
    }
    let launch = &agent.profile().launch;
    let ways =
        Ways { by_session: !launch.resume.is_empty(), latest: !launch.resume_latest.is_empty() };
    let asked = match &job.how.handoff {
        Some(_) => Some(Why::HandedOff),
        None => job.how.fresh.then_some(Why::Asked),
    };
    let plan = plan::plan(worker, &deliveries, ways, asked);
    if let (true, Plan::Fresh(why)) = (job.how.only_continue, &plan) {
        let (word, why) = (worker.state.word(), why.phrase());
        return Err(Failure::user(format!(
            "the agent of `{id}` has ended ({word}), and cannot continue its conversation: {why}"
        ))
        .hint(format!("`wtmag resume {id}` starts a new one")));
    }
    let mut told = None;
    let persona = job.how.persona.as_deref();
    if worker.is_orchestrator() {
        let lead = lead::write(&context.whereabouts()?, id, &worker.project, persona)?;
        told = (!agent.takes_instructions()).then(|| lead::first_prompt(&lead));
        agent.direct(lead, &context.env);
    }
    agent.begin(resume_of(&plan), plan.first_prompt(worker, &deliveries));
    refuse_busy_pane(job, hub, worker).await?;
    let mut again =
        Again { job, worker, repo, loaded, agent, told, plan, deliveries, notes: Vec::new() };
    again.run(hub).await
}

fn resume_of(plan: &Plan) -> Option<Resume> {
    match plan {
        Plan::Continue(resume) => Some(resume.clone()),
        Plan::Fresh(_) => None,
    }
}

impl Again<'_, '_> {
    async fn run(&mut self, hub: &mut Hub) -> Result<Resumed, Failure> {
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
    ) -> Result<Resumed, Failure> {
        let made = self.worktree(journal, progress).await?;
        self.claim(&made, journal)?;
        let mut tell = |news: &News| progress.news(news);
        let run = Run { cancel: self.job.cancel, tell: &mut tell };
        // An agent whose session has moved out of the pane is still at work.
        if !made.worktree_made && !self.worker.is_live() {
            let beside = git::programs_inside(&made.path, &run).await?;
            self.notes.extend(beside.iter().map(git::Process::beside));
        }
        if self.plan.hands_off() {
            let about = (self.worker, self.deliveries.as_slice());
            let words = self.job.how.handoff.as_ref().and_then(|it| it.words.as_deref());
            let to = story::To::Next(&made.path, words);
            story::write(hub, about, (&self.repo, to), &run).await?;
        }
        let markers = self.shows_markers(progress).await?;
        let new = NewWorker { markers, ..self.new_worker(&made, reservation)? };
        let first = new.bootstrap.clone();
        let (worker, mut texts) = self.create(hub, new).await?;
        let first = texts.iter().position(|it| !first.is_empty() && it.text == first);
        let first = first.map(|at| texts.remove(at).id);
        let (plan, notes) = (self.plan.clone(), std::mem::take(&mut self.notes));
        let worktree_made = made.worktree_made;
        Ok(Resumed { worker, plan, worktree_made, first, texts, notes })
    }

    /// If the hub goes away meanwhile, its successor knows whether the agent was started.
    async fn create(
        &self,
        hub: &mut Hub,
        new: NewWorker,
    ) -> Result<(Worker, Vec<Delivery>), Failure> {
        let error = match hub.ask(Request::Create(Box::new(new))).await {
            Ok(Answer::Resumed { worker, deliveries }) => return Ok((*worker, deliveries)),
            Ok(answer) => return Err(unexpected(&answer)),
            Err(error) => error,
        };
        let (id, before) = (&self.worker.id, &self.worker.place);
        if error.is_gone()
            && let Answer::Shown { worker, deliveries, .. } =
                hub.ask(Request::Show { id: id.clone() }).await?
            && worker.ended.is_none()
            && (worker.place.server, worker.place.pane) != (before.server, before.pane)
        {
            let open = deliveries.into_iter().filter(|it| !it.step.is_final());
            return Ok((*worker, open.collect()));
        }
        Err(error.into())
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
            ends_agent: self.job.how.handoff.is_some(),
            room: self.room(),
            attempt: None,
        };
        let answer = hub.ask_any(Request::Reserve(reserve)).await?;
        let Answer::Reserved(reservation) = answer else { return Err(unexpected(&answer)) };
        Ok(reservation)
    }

    /// An agent that takes over from one of the same kind needs no more room.
    fn room(&self) -> Room {
        let name = self.agent.name();
        if self.worker.is_orchestrator() {
            return Room::default();
        }
        if self.worker.is_live() && self.worker.agent.name == name {
            return Room { agent: name.to_owned(), ..Room::default() };
        }
        self.loaded.config.limits.room(name)
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
        let (found, what) = match context.caller()? {
            Some(caller) => ((Placement::Window, caller), "its window opens in yours"),
            None => ((Placement::Session, Caller::default()), "it gets a new session of its own"),
        };
        // If its window is there, the new pane comes into that.
        if place.gone {
            self.notes.push(format!("{gone}, so {what}"));
        }
        Ok(found)
    }

    async fn shows_markers(&self, progress: &Progress) -> Result<bool, Failure> {
        if self.worker.is_orchestrator() || !self.loaded.config.worktree.markers {
            return Ok(false);
        }
        let mut tell = |news: &News| progress.news(news);
        let mut run = Run { cancel: self.job.cancel, tell: &mut tell };
        let tool = worktree_tool::choose(self.job.context, &self.loaded, &mut run).await?;
        Ok(worktree_tool::shows_markers(&self.loaded, &tool))
    }

    /// Its worktree; created again from the branch, if it is gone.
    async fn worktree(
        &mut self,
        journal: &mut CreateJournal,
        progress: &Progress,
    ) -> Result<Made, Failure> {
        let worker = self.worker;
        if worker.is_orchestrator() {
            let home = self.repo.home().to_owned();
            return Ok(Made { path: home, git_dir: worker.git_dir.clone(), ..Made::default() });
        }
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
            if worker.ended.is_some() {
                return Err(removed::refusal(self.job.context, worker));
            }
            let (id, branch) = (&worker.id, &worker.branch);
            return Err(Failure::user(format!("the branch `{branch}` of `{id}` is gone"))
                .hint(format!("`wtmag cleanup {id}` removes what is left of it")));
        }
        let mut tell = |news: &News| progress.news(news);
        let mut run = Run { cancel: self.job.cancel, tell: &mut tell };
        let settings = &self.loaded.config.worktree;
        let tool = worktree_tool::choose(self.job.context, &self.loaded, &mut run).await?;
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
        if self.worker.is_orchestrator() {
            return Ok(());
        }
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
        let first = self.plan.first_prompt(worker, &self.deliveries);
        let file = if first == Some(HANDOFF) { "handoff.md" } else { "prompt.md" };
        let has_file = made.path.join(".wtmag").join(file).is_file();
        let needs_file = is_fresh && !worker.is_orchestrator();
        if needs_file && !has_file && self.job.how.prompt.is_none() {
            return Err(Failure::user(format!(
                "the brief of `{}` is gone, and it has no conversation to continue",
                worker.id
            ))
            .hint_of_option("prompt", "`--prompt TEXT` tells the agent what to do"));
        }
        let told = self.told.as_deref().filter(|_| is_fresh && first.is_none());
        let first = first.filter(|_| has_file).or(told);
        self.agent.begin(resume_of(&self.plan), first);
        let common = self.repo.common_dir();
        let (launch, notes) = self.agent.launch(&context.env, made, common, &at)?;
        self.notes.extend(notes);
        let session = worker.agent_session.clone().filter(|_| !is_fresh);
        let earlier = Worker { agent_session: session, ..worker.clone() };
        let agent = self.agent.record(launch.argv);
        let texts = self.texts(&agent, &made.path)?;
        Ok(NewWorker {
            id: worker.id.clone(),
            worktree: made.path.clone(),
            git_dir: made.git_dir.clone(),
            branch_made: worker.branch_made,
            worktree_made: worker.worktree_made || made.worktree_made,
            base: worker.base.clone(),
            source: worker.source.clone(),
            kind: worker.kind,
            agent,
            pr: worker.pr.clone(),
            parent: worker.parent.clone(),
            wakes: worker.wakes.clone(),
            env: build::passed_on(context, &reservation.env_names),
            launch_env: launch.env,
            bootstrap: first.unwrap_or_default().to_owned(),
            texts,
            drops: plan::dropped(&self.deliveries),
            head: None,
            record: self.loaded.config.record.enabled,
            markers: false,
            follows: None,
            resumes: Some(Box::new(earlier)),
        })
    }
}

impl Again<'_, '_> {
    /// What the agent is still owed, and what the user adds. The hub takes it with the new window.
    fn texts(&self, agent: &Agent, worktree: &Path) -> Result<Vec<NewDelivery>, Failure> {
        let owed = plan::owed(self.worker, &self.deliveries, &self.plan).into_iter();
        let mut texts: Vec<NewDelivery> = owed
            .map(|it| NewDelivery {
                worker: self.worker.id.clone(),
                text: it.text.clone(),
                submit: it.submit,
                interrupt: false,
                file: it.file.clone(),
            })
            .collect();
        if let Some(text) = &self.job.how.prompt {
            let to = (&self.worker.id, agent);
            texts.push(message::compose_for(to, worktree, text, message::How::default())?);
        }
        Ok(texts)
    }
}

/// The pane of an agent that exited has the user's shell, and is closed.
async fn refuse_busy_pane(job: &Job<'_>, hub: &mut Hub, worker: &Worker) -> Result<(), Failure> {
    if worker.place.gone || worker.is_live() || worker.ended.is_some() {
        return Ok(());
    }
    let mut tell = |_: &News| {};
    let run = Run { cancel: job.cancel, tell: &mut tell };
    let panes = panes::look(hub, worker, &run).await?;
    let mut busy = Vec::new();
    for pid in panes.known {
        if let Some(process) = git::foreground_process(pid, &run).await? {
            busy.push(format!("process {} (`{}`) runs in its pane", process.pid, process.command));
        }
    }
    if busy.is_empty() {
        return Ok(());
    }
    let id = &worker.id;
    Err(Failure::user(format!("the pane of `{id}` would be closed, but it is in use"))
        .quote(&busy)
        .hint("end that, then try again"))
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
