//! Collects the facts about a worktree before its removal. Reads everything, decides nothing; what
//! cannot be read is a fact, too.
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    elsewhere::{self, Ref, Staying, is_per_worktree},
    facts::{Facts, Kind, Place, Repository, Subject},
    files,
    nested::{self, Inner, WorktreeToRemove},
    place,
};
use crate::{
    git::{
        BranchTip, Error, Repo, RepoLock, Run,
        at::At,
        processes::{self, Process},
        record,
    },
    model::error_chain,
};

/// How long a git that runs in the worktree is waited for.
const MAX_GIT: Duration = Duration::from_secs(2);
/// Processes of others report their end to nobody but their parents.
const AGAIN: Duration = Duration::from_millis(50);

/// Checks the worktree, the repositories in it, its branch and the processes in it.
///
/// A caller that removes what was checked must hold the lock from here on: otherwise another
/// removal may delete what this check counted as staying.
///
/// # Errors
/// [`Error::MainWorktree`]; [`Error::Proc`] if the user cancelled.
pub async fn look(
    lock: &RepoLock,
    subject: &Subject<'_>,
    run: &mut Run<'_>,
) -> Result<Facts, Error> {
    let place = place::find(subject.path, subject.git_dir);
    look_at(lock, subject, place, run).await
}

/// The same for a worktree whose path is known.
///
/// A shell's prompt, an editor, and wtmag itself ask git for the changes now and then: it waits a short time
/// for a git that runs in the worktree.
pub(super) async fn look_at(
    lock: &RepoLock,
    subject: &Subject<'_>,
    place: Place,
    run: &mut Run<'_>,
) -> Result<Facts, Error> {
    let until = Instant::now() + MAX_GIT;
    loop {
        let top = top_of(&place);
        while let Some(top) = top
            && has_git(&processes::inside(top, subject.known, run).await?)
            && Instant::now() < until
        {
            tokio::time::sleep(AGAIN).await;
        }
        let facts = collect(lock, subject, place.clone(), run).await?;
        // Another one may have begun meanwhile.
        if !has_git(&facts.processes) || Instant::now() >= until {
            return Ok(facts);
        }
    }
}

fn has_git(processes: &[Process]) -> bool {
    processes.iter().any(|it| it.command == "git")
}

fn top_of(place: &Place) -> Option<&Path> {
    match place {
        Place::Here { path } | Place::Damaged { path, .. } => Some(path),
        Place::Missing | Place::Foreign { .. } => None,
    }
}

async fn collect(
    lock: &RepoLock,
    subject: &Subject<'_>,
    place: Place,
    run: &mut Run<'_>,
) -> Result<Facts, Error> {
    let top = top_of(&place).map(Path::to_owned);
    let doomed = WorktreeToRemove::new(top.as_deref(), subject.git_dir, subject.common_dir);
    if doomed.git_dir == doomed.common_dir {
        return Err(Error::MainWorktree { path: subject.path.to_owned() });
    }
    let mut facts = Facts { place, ..Facts::default() };
    let below = top.as_deref().map(nested::walk).unwrap_or_default();
    let relative = |path: &Path| {
        let path = top.as_ref().and_then(|it| path.strip_prefix(it).ok()).unwrap_or(path);
        path.display().to_string()
    };
    facts.mounts = below.mounts.iter().map(|it| relative(it)).collect();
    let unreadable =
        below.unreadable.iter().map(|(dir, why)| format!("`{}`: {why}", relative(dir)));
    facts.unreadable.extend(unreadable);
    let repo = Repo::discover(subject.common_dir);
    let mut staying = None;
    match &repo {
        Err(error) => facts.unreadable.push(error_chain(error)),
        Ok(repo) => match elsewhere::refs(&At::bare(subject.common_dir), run).await? {
            Ok(refs) => staying = Some(Staying::new(repo, lock, subject, refs)),
            Err(why) => facts.unreadable.push(format!("the refs: {why}")),
        },
    }
    let mut look = Look { doomed: &doomed, staying, run };
    let own = look.worktree(subject, top.clone(), &below.repositories).await?;
    let (own, branch) = own;
    facts.branch = branch;
    facts.repositories.push(own);
    look.inner(&below.repositories, &relative, &mut facts).await?;
    if let Some(top) = &doomed.top {
        facts.processes = processes::inside(top, subject.known, look.run).await?;
    }
    Ok(facts)
}

/// One check of everything.
struct Look<'a, 'r> {
    doomed: &'a WorktreeToRemove,
    staying: Option<Staying<'a>>,
    run: &'a mut Run<'r>,
}

impl Look<'_, '_> {
    /// The worktree itself, and its branch.
    async fn worktree(
        &mut self,
        subject: &Subject<'_>,
        top: Option<PathBuf>,
        inner: &[PathBuf],
    ) -> Result<(Repository, Option<BranchTip>), Error> {
        let mut it = Repository::new(Kind::Worktree, String::new());
        it.git_dir.clone_from(&self.doomed.git_dir);
        it.common_dir.clone_from(&self.doomed.common_dir);
        let at = At { git_dir: self.doomed.git_dir.clone(), work_tree: top };
        let mut tips = Vec::new();
        let mut branch = None;
        if at.git_dir.is_dir() {
            self.state(&at, inner, &mut it).await?;
            tips.extend(self.own_tips(&at, &mut it).await?);
        } else if at.work_tree.is_some() {
            it.unreadable.push("its files: git knows nothing of them any more".to_owned());
        }
        if let (Some(name), Some(staying)) = (subject.branch, &self.staying) {
            it.stashes = stashes(subject.common_dir, Some(name));
            let full = format!("refs/heads/{name}");
            match ref_at(&staying.at, &full, self.run).await? {
                Ok(Some(id)) => {
                    branch = Some(BranchTip { name: name.to_owned(), tip: id.clone() });
                    tips.push(Ref { name: full, id });
                }
                Ok(None) => {}
                Err(why) => it.unreadable.push(format!("branch `{name}`: {why}")),
            }
        }
        for Ref { name, id } in tips {
            let Some(staying) = &mut self.staying else { break };
            match staying.prove(name, id, self.run).await? {
                Ok(tip) => it.tips.push(tip),
                Err(why) => it.unreadable.push(why),
            }
        }
        Ok((it, branch))
    }

    /// Commits that only the worktree names: a detached HEAD, and per-worktree refs.
    async fn own_tips(&mut self, at: &At, it: &mut Repository) -> Result<Vec<Ref>, Error> {
        let mut tips = Vec::new();
        match fs::read_to_string(at.git_dir.join("HEAD")) {
            Ok(text) if text.starts_with("ref: ") => {}
            Ok(text) => tips.push(Ref { name: "HEAD".to_owned(), id: text.trim().to_owned() }),
            Err(error) => it.unreadable.push(format!("`HEAD`: {error}")),
        }
        match elsewhere::refs(&At::bare(&at.git_dir), self.run).await? {
            Ok(refs) => tips.extend(refs.into_iter().filter(|it| is_per_worktree(&it.name))),
            Err(why) => it.unreadable.push(format!("the refs: {why}")),
        }
        Ok(tips)
    }

    /// Its files, and unfinished operations.
    async fn state(
        &mut self,
        at: &At,
        inner: &[PathBuf],
        it: &mut Repository,
    ) -> Result<(), Error> {
        match files::look(at, inner, self.run).await? {
            Ok(files) => it.files = files,
            Err(why) => it.unreadable.push(format!("its files: {why}")),
        }
        it.operation = files::operation(&at.git_dir);
        it.lock = lock_reason(&at.git_dir);
        match record::load(&at.git_dir) {
            Ok(found) => it.worker = found.map(|it| it.worker.to_string()),
            Err(error) => it.unreadable.push(error_chain(&error)),
        }
        Ok(())
    }

    /// The repositories inside it, and those kept for submodules.
    async fn inner(
        &mut self,
        found: &[PathBuf],
        relative: &impl Fn(&Path) -> String,
        facts: &mut Facts,
    ) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let mut kept = nested::modules(&self.doomed.git_dir);
        for dir in found {
            let inside: Vec<PathBuf> =
                found.iter().filter(|it| *it != dir && it.starts_with(dir)).cloned().collect();
            let mut it = Repository::new(Kind::Nested, relative(dir));
            match self.doomed.open(dir) {
                Ok(inner) => {
                    it.git_dir.clone_from(&inner.at.git_dir);
                    it.common_dir.clone_from(&inner.common_dir);
                    it.goes = inner.goes;
                    seen.insert(inner.at.git_dir.clone());
                    kept.extend(
                        nested::modules(&inner.at.git_dir).into_iter().filter(|_| inner.goes),
                    );
                    self.repository(&inner, &inside, &mut it).await?;
                }
                Err(why) => it.unreadable.push(why),
            }
            facts.repositories.push(it);
        }
        for git_dir in kept {
            let git_dir = fs::canonicalize(&git_dir).unwrap_or(git_dir);
            if seen.insert(git_dir.clone()) {
                let path = git_dir.display().to_string();
                let name = path.split_once("/modules/").map_or(path.as_str(), |it| it.1);
                let name = name.replace("/modules/", "/");
                let mut it = Repository::new(Kind::Submodule, name);
                let common_dir = git_dir.clone();
                (it.git_dir, it.common_dir, it.goes) = (git_dir.clone(), git_dir.clone(), true);
                let at = At { git_dir, work_tree: None };
                let inner = Inner { kind: Kind::Submodule, at, goes: true, common_dir };
                self.repository(&inner, &[], &mut it).await?;
                facts.repositories.push(it);
            }
        }
        Ok(())
    }

    async fn repository(
        &mut self,
        inner: &Inner,
        inside: &[PathBuf],
        it: &mut Repository,
    ) -> Result<(), Error> {
        it.kind = inner.kind;
        if inner.kind == Kind::Main {
            return Ok(());
        }
        let is_linked = inner.kind == Kind::Linked;
        self.state(&inner.at, inside, it).await?;
        let at = At::bare(&inner.at.git_dir);
        let refs = match elsewhere::refs(&at, self.run).await? {
            Ok(refs) => refs,
            Err(why) => {
                it.unreadable.push(format!("the refs: {why}"));
                return Ok(());
            }
        };
        let mut tips: Vec<Ref> = Vec::new();
        let head = fs::read_to_string(inner.at.git_dir.join("HEAD")).unwrap_or_default();
        if !head.starts_with("ref: ") && (is_linked || inner.goes) {
            tips.push(Ref { name: "HEAD".to_owned(), id: head.trim().to_owned() });
        }
        let goes = inner.goes && !is_linked;
        let is_tip = |it: &&Ref| {
            is_per_worktree(&it.name)
                || (goes && !it.name.starts_with("refs/remotes/") && it.name != "refs/stash")
        };
        tips.extend(refs.iter().filter(is_tip).cloned());
        if goes {
            it.stashes = stashes(&inner.common_dir, None);
            it.needed_by = nested::needed_by(&inner.common_dir, self.doomed);
        }
        let tips = if inner.common_dir == self.doomed.common_dir {
            self.prove_own(tips, it).await?
        } else {
            let mut staying = self.staying.as_ref().map(Staying::local).unwrap_or_default();
            // In another repository that stays, all refs stay.
            let stays = |it: &&Ref| !inner.goes && !is_per_worktree(&it.name);
            staying.extend(refs.iter().filter(stays).map(|it| it.id.clone()));
            let what = (self.doomed, &staying[..]);
            elsewhere::prove_inner(&at, &refs, tips, what, self.run).await?
        };
        match tips {
            Ok(tips) => it.tips.extend(tips),
            Err(why) => it.unreadable.push(why),
        }
        Ok(())
    }

    /// Tips of the repository's other worktrees, which stay.
    async fn prove_own(
        &mut self,
        tips: Vec<Ref>,
        it: &mut Repository,
    ) -> Result<Result<Vec<super::facts::Tip>, String>, Error> {
        let mut proven = Vec::new();
        for Ref { name, id } in tips {
            let Some(staying) = &mut self.staying else { break };
            match staying.prove(name, id, self.run).await? {
                Ok(tip) => proven.push(tip),
                Err(why) => it.unreadable.push(why),
            }
        }
        Ok(Ok(proven))
    }
}

/// The branch's commit. A branch that exists but cannot be read is an error.
async fn ref_at(
    at: &At,
    name: &str,
    run: &Run<'_>,
) -> Result<Result<Option<String>, String>, Error> {
    match at.ask(["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")], run).await? {
        Ok(id) => Ok(Ok(Some(String::from_utf8_lossy(&id).trim().to_owned()))),
        Err(why) => {
            let is_there = at.git_dir.join(name).symlink_metadata().is_ok();
            let is_listed = at.ask(["show-ref", "--verify", "--quiet", name], run).await?.is_ok();
            Ok(if is_there || is_listed { Err(why) } else { Ok(None) })
        }
    }
}

/// The reason of `git worktree lock`, in words.
fn lock_reason(git_dir: &Path) -> Option<String> {
    let text = fs::read(git_dir.join("locked")).ok()?;
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    Some(if text.is_empty() { "no reason given".to_owned() } else { text })
}

/// Messages of the repository's stashes, newest first; only those made on one branch, if it is
/// given.
fn stashes(common_dir: &Path, branch: Option<&str>) -> Vec<String> {
    let text = fs::read(common_dir.join("logs/refs/stash")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_meant = |message: &&str| {
        branch.is_none_or(|branch| {
            let (wip, named) = (format!("WIP on {branch}: "), format!("On {branch}: "));
            message.starts_with(&wip) || message.starts_with(&named)
        })
    };
    let messages = text.lines().filter_map(|line| Some(line.split_once('\t')?.1));
    let mut found: Vec<String> = messages.filter(is_meant).map(str::to_owned).collect();
    found.reverse();
    found
}
