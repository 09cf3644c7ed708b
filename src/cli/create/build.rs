//! Creates the worktree with its brief, and the window through the hub; everything is undone if it
//! fails.
use super::{
    fork::Fork,
    options::CreateOptions,
    repo_context::RepoContext,
    reserve::{self, Reserved},
    resolution::{self, Resolution},
    source,
};
use crate::{
    brief::{self, BOOTSTRAP, Options},
    cli::{Context, Failure, progress::Progress, resolve, story, unexpected, worktree_tool},
    client::{self, Hub},
    clock,
    git::{
        self, CreateJournal, Made, News, Run, Step,
        record::{self, WorktreeRecord},
    },
    model::{Answer, Base, DeliveryId, Follows, Kind, NewWorker, Request, Timestamp, Worker},
    proc::Cancel,
    sources::{Fetched, templates},
};

/// The inputs of one `create`.
pub(super) struct Job<'a> {
    pub(super) context: &'a Context,
    pub(super) repo_context: &'a RepoContext,
    pub(super) options: &'a CreateOptions,
    pub(super) reserved: Reserved,
    pub(super) fetched: &'a Fetched,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
    /// An older worker with that id is a different one.
    pub(super) started: Timestamp,
}

/// A worker that exists.
pub(super) struct Created {
    pub(super) worker: Worker,
    pub(super) delivery: DeliveryId,
    pub(super) worktree_made: bool,
    /// Open until changes that moved into its worktree are taken away here.
    pub(super) journal: Option<CreateJournal>,
}

/// How many hubs in a row may go away while one window is created.
const SUCCESSORS: usize = 10;

/// Why the worker was not created, or why that is unknown.
pub(super) enum BuildError {
    /// No worker was created: what was made can be undone.
    Before(Failure),
    /// Likewise. Another command made the branch after the name was reserved; a number makes another name.
    Taken(Failure),
    /// The hub was asked to create the window, and its answer was lost.
    Unsure(Failure),
}

impl<E: Into<Failure>> From<E> for BuildError {
    fn from(error: E) -> Self {
        Self::Before(error.into())
    }
}

impl Job<'_> {
    /// Creates everything; each step is in the journal before it begins.
    pub(super) async fn build(
        &mut self,
        hub: &mut Hub,
        journal: &mut CreateJournal,
    ) -> Result<Created, BuildError> {
        let mut tell = |news: &News| self.progress.news(news);
        let mut run = Run { cancel: self.cancel, tell: &mut tell };
        let loaded = &self.repo_context.loaded;
        let tool = worktree_tool::choose(self.context, loaded, &mut run).await?;
        let templates = templates::load(
            &self.repo_context.template_dirs(self.context),
            self.options.task.kind(),
            source::host(self.fetched, &self.repo_context.repo),
        )?;
        self.progress.step(format!("creating a worktree for {}", self.reserved.branch));
        let made = self.make_worktree(&tool, journal, &mut run).await?;
        // Checked before anything is written to a directory that another worker may be reading.
        let is_ours = self.claim(hub, &made, journal).await?;
        self.place_changes(&made, journal, &run).await?;
        if made.worktree_made {
            let base = made.base.as_ref().map(|it| it.name.as_str());
            let hooks = self.options.hooks;
            let files = self.context.env.worktrunk_files();
            let repo = &self.repo_context.repo;
            let may_have = files.is_none_or(|it| git::may_have_hooks(&it, repo, &made.path));
            if may_have && hooks.run_with(&tool) {
                journal.announce(Step::Hooks)?;
                git::run_hooks(&tool, &made.path, base, hooks, &mut run).await?;
            }
            self.set_up(&made, journal, &mut run).await?;
        } else {
            self.note_programs(&made, &run).await?;
        }
        let mut brief = self.brief(&templates, &made)?;
        if let Some(fork) = &self.options.fork {
            brief.insert_str(0, &self.copy_context(fork, hub, &made, &run).await?);
        }
        let before = git::scratch::brief_before(&made.path)?;
        journal.announce(Step::Brief { worktree: made.path.clone(), before })?;
        git::scratch::write_brief(&made.path, &brief)?;
        let markers = worktree_tool::shows_markers(loaded, &tool);
        let mut new = NewWorker { worktree_made: is_ours, markers, ..self.new_worker(&made)? };
        if let Some(earlier) = self.earlier(hub, &made).await? {
            let since = (earlier.id == new.id).then(|| earlier.history_since());
            new.follows = Some(Follows { since, last_message: earlier.last_message });
            new.base = new.base.or(earlier.base);
            new.branch_made = earlier.branch_made;
            new.pr = new.pr.or(earlier.pr);
        }
        if *self.cancel.borrow() {
            return Err(Failure::interrupted().into());
        }
        self.progress.step("opening the window");
        let (worker, delivery) = self.create(hub, new).await?;
        Ok(Created { worker, delivery, worktree_made: made.worktree_made, journal: None })
    }

    /// The worktree, and its branch.
    async fn make_worktree(
        &self,
        tool: &git::Tool,
        journal: &mut CreateJournal,
        run: &mut Run<'_>,
    ) -> Result<Made, BuildError> {
        let request = git::WorktreeRequest {
            branch: self.reserved.branch.clone(),
            start: source::start(self.fetched, self.repo_context, self.options),
            reuse: self.options.reuse,
            path: self.repo_context.worktree_path(self.context),
            git_hooks: self.options.hooks != git::Hooks::Skip,
        };
        let made = git::make(&self.repo_context.repo, tool, &request, journal, run).await;
        made.map_err(|error| {
            let is_taken = matches!(error, git::Error::BranchExists { .. });
            if is_taken && reserve::is_numbered(self.options) {
                BuildError::Taken(error.into())
            } else {
                BuildError::Before(error.into())
            }
        })
    }

    /// Copies the changes that move with `--with-changes`.
    async fn place_changes(
        &self,
        made: &Made,
        journal: &mut CreateJournal,
        run: &Run<'_>,
    ) -> Result<(), git::Error> {
        let Some(carried) = &self.options.carried else { return Ok(()) };
        // Copies may be removed again.
        journal.announce(Step::Hooks)?;
        journal.announce(Step::Carry { carried: carried.clone() })?;
        carried.place(&made.path, &made.git_dir, run).await
    }

    /// A worktree that was there may have an agent already: in another pane, or in a daemon of its own.
    async fn note_programs(&self, made: &Made, run: &Run<'_>) -> Result<(), Failure> {
        for it in git::programs_inside(&made.path, run).await? {
            self.progress.note(&it.beside());
        }
        Ok(())
    }

    /// Copies the files and runs the command that `[worktree]` sets for a new worktree.
    async fn set_up(
        &self,
        made: &Made,
        journal: &mut CreateJournal,
        run: &mut Run<'_>,
    ) -> Result<(), Failure> {
        let settings = &self.repo_context.loaded.config.worktree;
        let command = settings.setup.as_ref().filter(|_| self.options.hooks != git::Hooks::Skip);
        if settings.copy.is_empty() && command.is_none() {
            return Ok(());
        }
        // The files in the worktree so far are not anyone's work.
        journal.announce(Step::Hooks)?;
        git::copy_files(&self.repo_context.repo, &made.path, &settings.copy, run)?;
        if let Some(command) = command {
            git::set_up(&made.path, command, run).await?;
        }
        Ok(())
    }

    /// What the agent is told of the worker that it is a copy of.
    async fn copy_context(
        &self,
        fork: &Fork,
        hub: &mut Hub,
        made: &Made,
        run: &Run<'_>,
    ) -> Result<String, Failure> {
        let has_conversation = self.repo_context.agent.has_conversation();
        if !has_conversation {
            let (id, agent) = (&fork.worker.id, &fork.worker.agent.name);
            let deliveries = story::deliveries(hub, &fork.worker).await?;
            let about = (&fork.worker, deliveries.as_slice());
            let to = story::To::Copy(&made.path);
            story::write(hub, about, (&self.repo_context.repo, to), run).await?;
            self.progress.note(&format!(
                "`{agent}` cannot copy the conversation of `{id}`: the new agent gets `.wtmag/handoff.md` instead"
            ));
        }
        Ok(fork.preface(made, has_conversation))
    }

    fn brief(&self, templates: &brief::Templates, made: &Made) -> Result<String, Failure> {
        let remote = self.repo_context.repo.push_remote();
        let base = made.base.as_ref().filter(|_| self.fetched.item.pull().is_none());
        let target = base.and_then(|it| self.target(&it.name, remote.as_deref()));
        let options = Options {
            host: source::host(self.fetched, &self.repo_context.repo),
            repo: self.fetched.forge.as_ref().map(|it| it.repo.as_str()),
            branch: &made.branch,
            base,
            remote: remote.as_deref(),
            target: target.as_deref(),
            open_pr: self.options.open_pr,
            plan: self.options.plan,
            submodules: made.path.join(".gitmodules").exists(),
            instructions: self.options.instructions.as_deref(),
        };
        Ok(brief::render(templates, &self.fetched.item, &options)?)
    }

    /// The target branch of a pull request: the requested base, if it is a branch.
    fn target(&self, base: &str, remote: Option<&str>) -> Option<String> {
        self.options.base.as_ref()?;
        let theirs = remote.and_then(|it| base.strip_prefix(it)?.strip_prefix('/'));
        let is_ours = matches!(self.repo_context.repo.branch_tip(base), Ok(Some(_)));
        theirs.map(str::to_owned).or_else(|| is_ours.then(|| base.to_owned()))
    }

    /// Claims the worktree for this worker, and returns whether wtmag created it, now or for an
    /// earlier worker. A record of a worker that is gone is ignored.
    async fn claim(
        &self,
        hub: &mut Hub,
        made: &Made,
        journal: &mut CreateJournal,
    ) -> Result<bool, Failure> {
        let ours = self.repo_context.hub.state.root();
        let record = WorktreeRecord {
            worker: self.reserved.reservation.id.clone(),
            hub: ours.to_owned(),
            created: clock::now(),
            tmux: Some(self.repo_context.hub.tmux_socket.clone()),
            worktree_made: made.worktree_made,
        };
        let before = match take(&made.git_dir, &record, journal) {
            Ok(()) => return Ok(made.worktree_made),
            Err(error @ git::Error::Claimed { .. }) => {
                record::load(&made.git_dir)?.ok_or(Failure::from(error))?
            }
            Err(error) => return Err(error.into()),
        };
        let workers = resolve::present(hub).await?;
        let is_live = workers.iter().any(|it| it.id == before.worker && !it.place.gone);
        let is_ours = before.hub == ours;
        if is_ours && is_live || !is_ours && self.may_be_live_elsewhere(&before) {
            return Err(self.claimed(made, &before, is_ours));
        }
        record::remove(&made.git_dir, &before.worker)?;
        let worktree_made = made.worktree_made || before.worktree_made;
        take(&made.git_dir, &WorktreeRecord { worktree_made, ..record }, journal)?;
        Ok(worktree_made)
    }

    /// A tmux server has one hub. A record of this server by another hub is stale, for example
    /// because the machine's id changed.
    fn may_be_live_elsewhere(&self, before: &WorktreeRecord) -> bool {
        let is_here = before.tmux.as_ref() == Some(&self.repo_context.hub.tmux_socket);
        before.hub.exists() && !is_here && !before.is_of_a_dead_server()
    }

    fn claimed(&self, made: &Made, before: &WorktreeRecord, is_ours: bool) -> Failure {
        let (id, path) = (&before.worker, made.path.display());
        let elsewhere = if is_ours { "" } else { " of another tmux server" };
        let failure = Failure::user(format!("worker `{id}`{elsewhere} has the worktree `{path}`"));
        match &before.tmux {
            _ if is_ours => failure.hint(format!("`wtmag cleanup {id}` removes it")),
            Some(socket) => {
                let server = server_flag(socket);
                failure.hint(format!("`wtmag {server} cleanup {id}` removes it"))
            }
            None => {
                let note = made.git_dir.join("wtmag.json");
                failure
                    .hint("clean up that worker first: `wtmag cleanup` with `-L NAME` or `-S SOCKET` of its server")
                    .hint(format!(
                        "if that tmux server is gone for good, delete `{}`",
                        note.display()
                    ))
            }
        }
    }

    /// An earlier worker on the branch: its facts about the branch are still true.
    async fn earlier(&self, hub: &mut Hub, made: &Made) -> Result<Option<Worker>, Failure> {
        if made.branch_made {
            return Ok(None);
        }
        let workers = resolve::all(hub).await?;
        let repo = self.repo_context.repo.common_dir();
        let same = workers.into_iter().filter(|it| it.repo == repo && it.branch == made.branch);
        Ok(same.max_by_key(|it| it.created))
    }

    /// A copy started from the other worker's branch.
    fn base(&self, made: &Made) -> Option<Base> {
        let base = made.base.clone()?;
        let fork = self.options.fork.as_ref();
        let name = fork.map_or_else(|| base.name.clone(), |it| it.worker.branch.clone());
        Some(Base { name, ..base })
    }

    fn new_worker(&self, made: &Made) -> Result<NewWorker, Failure> {
        let (repo_context, context) = (self.repo_context, self.context);
        let (launch, notes) = repo_context.agent.launch(
            &context.env,
            made,
            repo_context.repo.common_dir(),
            &repo_context.hub,
        )?;
        for note in notes {
            self.progress.note(&note);
        }
        let source = self.fetched.item.source.clone();
        let pr = source.url.clone().filter(|_| source.kind.row().work == Kind::Review);
        Ok(NewWorker {
            id: self.reserved.reservation.id.clone(),
            worktree: made.path.clone(),
            git_dir: made.git_dir.clone(),
            branch_made: made.branch_made,
            worktree_made: made.worktree_made,
            base: self.base(made),
            kind: source.kind.row().work,
            source,
            agent: repo_context.agent.record(launch.argv),
            pr,
            parent: repo_context.parent.clone(),
            wakes: if self.options.quiet {
                Some(Vec::new())
            } else {
                repo_context.loaded.config.notify.parent.kinds()
            },
            env: passed_on(context, &self.reserved.reservation.env_names),
            launch_env: launch.env,
            bootstrap: BOOTSTRAP.to_owned(),
            follows: None,
            resumes: None,
            texts: Vec::new(),
            drops: Vec::new(),
            head: repo_context.repo.branch_tip(&made.branch)?,
            record: repo_context.loaded.config.record.enabled,
            markers: false,
        })
    }

    /// If a hub goes away meanwhile, it may have created the window or not: its successor knows,
    /// and creates it if needed.
    async fn create(
        &mut self,
        hub: &mut Hub,
        new: NewWorker,
    ) -> Result<(Worker, DeliveryId), BuildError> {
        let new = Box::new(new);
        let mut failure = None;
        for _ in 0..SUCCESSORS {
            reserve::renew(hub, self.repo_context, self.options, &mut self.reserved).await?;
            let error = match hub.ask(Request::Create(new.clone())).await {
                Ok(Answer::Created { worker, delivery, .. }) => return Ok((*worker, delivery)),
                Err(client::Error::Refused(refusal)) => return Err(Failure::from(refusal).into()),
                Ok(other) => return Err(BuildError::Unsure(unexpected(&other))),
                Err(error) => error,
            };
            let is_gone = error.is_gone();
            match resolution::of(&new.id, hub, self.started).await {
                Resolution::Made(worker, delivery) => return Ok((*worker, delivery)),
                Resolution::Unknown => return Err(BuildError::Unsure(error.into())),
                Resolution::NotMade if !is_gone => return Err(Failure::from(error).into()),
                Resolution::NotMade => failure = Some(Failure::from(error)),
            }
        }
        Err(failure.unwrap_or_else(|| Failure::bug("no hub was asked")).into())
    }
}

/// The flag that selects a server on the command line.
fn server_flag(socket: &std::path::Path) -> String {
    let dir = socket.parent().and_then(std::path::Path::file_name).unwrap_or_default();
    let name = socket.file_name().and_then(|it| it.to_str());
    match name.filter(|_| dir.to_string_lossy().starts_with("tmux-")) {
        Some(name) => format!("-L {}", shlex::try_quote(name).unwrap_or_default()),
        None => format!("-S {}", socket.display()),
    }
}

/// The caller's values of the variables that tmux copies from clients to sessions. Names may
/// contain the wildcards `*` and `?`, as in tmux's `update-environment`.
pub(in crate::cli) fn passed_on(context: &Context, names: &[String]) -> Vec<(String, String)> {
    let vars =
        context.env.vars().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    let wanted =
        vars.filter(|(name, _)| names.iter().any(|it| glob_match(it.as_bytes(), name.as_bytes())));
    let mut passed: Vec<_> =
        wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    passed.sort();
    passed
}

fn glob_match(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            (0..=name.len()).any(|n| name.get(n..).is_some_and(|tail| glob_match(rest, tail)))
        }
        (Some((b'?', rest)), Some((_, tail))) => glob_match(rest, tail),
        (Some((a, rest)), Some((b, tail))) => a == b && glob_match(rest, tail),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Records the worktree as this worker's. Another worker's worktree is not announced, so that it is
/// not undone.
pub(in crate::cli) fn take(
    git_dir: &std::path::Path,
    record: &WorktreeRecord,
    journal: &mut CreateJournal,
) -> Result<(), git::Error> {
    record::refuse_claimed(git_dir)?;
    journal.announce(Step::Record { git_dir: git_dir.to_owned(), record: record.clone() })?;
    record::claim(git_dir, record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_may_have_wildcards() {
        for (pattern, name, want) in [
            ("DISPLAY", "DISPLAY", true),
            ("DISPLAY", "DISPLAYS", false),
            ("SSH_*", "SSH_AUTH_SOCK", true),
            ("*", "", true),
            ("?*S", "ABS", true),
            ("?", "", false),
        ] {
            assert_eq!(glob_match(pattern.as_bytes(), name.as_bytes()), want, "{pattern} {name}");
        }
    }
}
