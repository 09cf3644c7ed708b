//! Lands a worker's work in a local branch.
use std::io::{self, IsTerminal as _, Read as _, Write as _};

use super::{
    Job,
    look::{Looked, confirm, judge, look},
    report::Done,
};
use crate::{
    cli::{Failure, cleanup::end, output::count, progress::Progress, settings, worktree_tool},
    client::Hub,
    clock, config,
    git::{
        Hooks, News, Repo, RepoLock, Run, Tool,
        land::{self, Advance, LandOptions, Landing, Mode, Outcome},
    },
    model::{Landed, Request, Worker},
    proc,
};

/// One worker to land.
struct Local<'a, 'j> {
    job: &'a Job<'j>,
    repo: &'a Repo,
    land: &'a config::Land,
    mode: Mode,
    message: Option<String>,
}

pub(super) async fn land(
    job: &Job<'_>,
    hub: &mut Hub,
    worker: &Worker,
    (repo, land, mode): (&Repo, &config::Land, Mode),
) -> Result<Done, Failure> {
    let message = job.args.message.as_ref().map(|it| format!("{}\n", it.trim_end()));
    let mut local = Local { job, repo, land, mode, message };
    local.run(hub, worker).await
}

impl Local<'_, '_> {
    async fn run(&mut self, hub: &mut Hub, worker: &Worker) -> Result<Done, Failure> {
        let progress = Progress::new(&self.job.context.env);
        progress.step(format!("checking {}", worker.id));
        let (looked, lock) = self.look(hub, worker, &progress).await?;
        if self.job.args.dry_run {
            return Ok(self.done(&looked, true));
        }
        drop((lock, progress));
        self.edit(&looked).await?;
        let into = looked.facts.target.as_ref().map(|it| it.name.clone()).unwrap_or_default();
        confirm(self.job, &looked, self.land, (&into, &self.mode.to_string())).await?;
        let progress = Progress::new(&self.job.context.env);
        let mut tell = |news: &News| progress.news(news);
        let mut run = Run { cancel: self.job.cancel, tell: &mut tell };
        let tool = self.tool(&mut run).await?;
        self.before(&tool, &looked, &mut run).await?;
        // Time has passed: what is acted on is read under the lock that the act holds.
        progress.step(format!("landing {}", worker.id));
        let (looked, lock) = self.look(hub, worker, &progress).await?;
        let mut done = self.done(&looked, false);
        if done.already {
            self.record(hub, &looked, &done).await?;
        } else {
            self.advance(hub, &looked, &done, (&lock, &progress)).await?;
        }
        drop(lock);
        let mut tell = |news: &News| progress.news(news);
        let mut run = Run { cancel: self.job.cancel, tell: &mut tell };
        done.notes.extend(self.after(&tool, &looked, &done, &mut run).await);
        drop(progress);
        match self.left_to_push(&done.into).await {
            Ok(left) => (done.remote, done.to_push) = left,
            Err(failure) => done.notes.push(failure.line()),
        }
        if !self.job.args.keep {
            done.removed = Some(self.remove(hub, &looked.worker, &done).await?);
        }
        Ok(done)
    }

    fn options<'o>(&'o self, worker: &'o Worker) -> LandOptions<'o> {
        LandOptions { mode: self.mode, branch: &worker.branch, message: self.message.as_deref() }
    }

    async fn look(
        &self,
        hub: &mut Hub,
        worker: &Worker,
        progress: &Progress,
    ) -> Result<(Looked, RepoLock), Failure> {
        let into = self.job.args.into.as_deref();
        let what = (self.repo, into, self.options(worker));
        let (looked, lock) = look(self.job, hub, worker, what, progress).await?;
        let need = self.job.need(self.land);
        judge(self.job, hub, &looked, (&need, None)).await?;
        Ok((looked, lock))
    }

    /// With `-e`: the message that would be used, in the user's editor.
    async fn edit(&mut self, looked: &Looked) -> Result<(), Failure> {
        let has_message = matches!(self.mode, Mode::Merge | Mode::Squash);
        let (true, true, Some(Outcome::Ready { commit })) =
            (self.job.args.edit, has_message, &looked.facts.outcome)
        else {
            return Ok(());
        };
        if !io::stdin().is_terminal() {
            return Err(Failure::usage("`-e` needs a terminal").hint("pass `--message TEXT`"));
        }
        let mut tell = |_: &News| {};
        let run = Run { cancel: self.job.cancel, tell: &mut tell };
        let message = land::message(self.repo, commit, &run).await?;
        let mut file = tempfile::Builder::new().prefix("wtmag-land-").suffix(".txt").tempfile()?;
        file.write_all(message.as_bytes())?;
        proc::in_foreground("sh", self.job.context.editor(file.path()))?;
        let mut text = String::new();
        // Editors write a new file and rename it, so the name counts.
        std::fs::File::open(file.path())?.read_to_string(&mut text)?;
        if text.trim().is_empty() {
            return Err(Failure::user("the message is empty, so nothing was landed"));
        }
        self.message = Some(format!("{}\n", text.trim()));
        Ok(())
    }

    async fn tool(&self, run: &mut Run<'_>) -> Result<Tool, Failure> {
        let loaded = settings::load(self.job.context, Some(self.repo))?;
        worktree_tool::choose(self.job.context, &loaded, run).await
    }

    fn hooks(&self) -> Hooks {
        if self.job.args.yes { Hooks::Yes } else { Hooks::Approved }
    }

    /// WorkTrunk's hooks before a merge, in the worker's worktree.
    async fn before(&self, tool: &Tool, looked: &Looked, run: &mut Run<'_>) -> Result<(), Failure> {
        let worker = &looked.worker;
        let is_needed = matches!(looked.facts.outcome, Some(Outcome::Ready { .. }));
        let Some(target) = looked.facts.target.as_ref().filter(|_| is_needed) else {
            return Ok(());
        };
        if !worker.worktree.is_dir() {
            return Ok(());
        }
        let place = (worker.worktree.as_path(), target.name.as_str());
        let ran = land::run_hook(tool, place, "pre-merge", self.hooks(), run).await;
        ran.map_err(|error| Failure::from(error).hint("nothing was changed"))
    }

    /// The hooks after it, in the target's worktree. The target has moved: a failure is a note.
    async fn after(
        &self,
        tool: &Tool,
        looked: &Looked,
        done: &Done,
        run: &mut Run<'_>,
    ) -> Option<String> {
        if done.already {
            return None;
        }
        let checkouts = looked.facts.target.iter().flat_map(|it| &it.checkouts);
        let dir = checkouts.map(|it| it.path.as_path()).next().unwrap_or(self.repo.home());
        let place = (dir, done.into.as_str());
        let ran = land::run_hook(tool, place, "post-merge", self.hooks(), run).await;
        ran.err().map(|error| error.to_string())
    }

    async fn advance(
        &self,
        hub: &mut Hub,
        looked: &Looked,
        done: &Done,
        (lock, progress): (&RepoLock, &Progress),
    ) -> Result<(), Failure> {
        let context = self.job.context;
        let worker = &looked.worker;
        let landing = Landing {
            repo: self.repo.common_dir().to_owned(),
            at: clock::now(),
            worker: worker.id.clone(),
            branch: worker.branch.clone(),
            tip: looked.facts.tip.clone().unwrap_or_default(),
            mode: done.mode.clone(),
        };
        let checkouts = looked.facts.target.iter().flat_map(|it| &it.checkouts);
        let advance = Advance {
            into: done.into.clone(),
            from: done.from.clone(),
            to: done.commit.clone(),
            checkout: checkouts.map(|it| it.path.clone()).next(),
        };
        let mut tell = |news: &News| progress.news(news);
        // From here on, an interrupt comes too late.
        let never = proc::never();
        let mut run = Run { cancel: &never, tell: &mut tell };
        let mut journal = land::start(&context.whereabouts()?.state.lands(), landing)?;
        let moved = land::advance(self.repo, lock, (&mut journal, &advance), &mut run).await;
        match moved {
            Ok(()) => {}
            Err(error) => {
                // It reports only what changed nothing.
                journal.commit()?;
                return Err(error.into());
            }
        }
        self.record(hub, looked, done).await?;
        journal.commit()?;
        Ok(())
    }

    /// Tells the hub. Work that the target had before was landed without wtmag, or by a killed command.
    async fn record(&self, hub: &mut Hub, looked: &Looked, done: &Done) -> Result<(), Failure> {
        let worker = &looked.worker;
        let tip = looked.facts.tip.clone().unwrap_or_default();
        if done.already && worker.state.landed.as_ref().is_some_and(|it| it.tip == tip) {
            return Ok(());
        }
        let landed = Landed {
            into: done.into.clone(),
            commit: (!done.already).then(|| done.commit.clone()),
            tip,
            how: if done.already { "found".to_owned() } else { done.mode.clone() },
            at: clock::now(),
        };
        hub.ask(Request::Landed { id: worker.id.clone(), landed }).await?;
        Ok(())
    }

    fn done(&self, looked: &Looked, dry_run: bool) -> Done {
        let target = looked.facts.target.as_ref();
        let from = target.map(|it| it.tip.clone()).unwrap_or_default();
        let commit = match &looked.facts.outcome {
            Some(Outcome::Ready { commit }) => Some(commit.clone()),
            _ => None,
        };
        let mut notes = Vec::new();
        if let Some(target) = target {
            let name = &target.name;
            if target.catches_up > 0 {
                let n = count(target.catches_up, "commit");
                notes.push(format!("`{name}` also receives {n} that its remote has"));
            }
            if target.diverged_from.is_some() {
                notes.push(format!("`{name}` and its remote copy have diverged"));
            }
        }
        Done {
            worker: looked.worker.clone(),
            into: target.map(|it| it.name.clone()).unwrap_or_default(),
            already: commit.is_none(),
            commit: commit.unwrap_or_else(|| from.clone()),
            from,
            mode: self.mode.to_string(),
            commits: looked.facts.commits.clone(),
            dry_run,
            to_push: 0,
            remote: None,
            removed: None,
            notes,
        }
    }

    /// Pushes if the user's settings say so; else says what is left to push.
    async fn left_to_push(&self, into: &str) -> Result<(Option<String>, usize), Failure> {
        let mut tell = |_: &News| {};
        let run = Run { cancel: self.job.cancel, tell: &mut tell };
        Ok(land::left_to_push(self.repo, into, self.land.push, &run).await?)
    }

    async fn remove(
        &self,
        hub: &mut Hub,
        worker: &Worker,
        done: &Done,
    ) -> Result<end::Removed, Failure> {
        let (how, mut asked) = (end::How::default(), worktree_tool::Asked::default());
        asked.about_removal(self.job.context, worker, self.job.cancel).await?;
        let removed = end::remove(self.job.context, hub, worker, how, self.job.cancel).await;
        removed.map_err(|failure| {
            let text = format!("its work is in `{}`, but the worker is still there", done.into);
            failure.hint(text)
        })
    }
}
