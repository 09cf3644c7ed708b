//! The backup of a removal: removed work is kept for a while and can be restored.
//!
//! A commit that only the worktree named gets a ref below `refs/wtmag/removed/`. Uncommitted files
//! get a commit. A removed repository gets a bundle. A record in the repository's `wtmag/removed`
//! lists what belongs together.
mod restore;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use gix::bstr::ByteSlice as _;
pub use restore::{Restored, restore};
use serde::{Deserialize, Serialize};

use super::{
    facts::{Facts, Kind, Proof, Repository},
    files,
    losses::is_lost,
};
use crate::{
    git::{
        Error, Run,
        at::{At, said},
        index::Index,
    },
    model::{Timestamp, WorkerId},
    paths,
};

const PREFIX: &str = "refs/wtmag/removed/";

/// The same of work that the user abandoned.
const ABANDONED: &str = "refs/wtmag/abandoned/";

/// Whether a ref is a backup: it does not stay.
pub(super) fn is_backup(name: &str) -> bool {
    name.starts_with(PREFIX) || name.starts_with(ABANDONED)
}

/// Where the refs of a backup are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Removed,
    /// Found by the branch's name.
    Abandoned,
}

/// How long backups are kept.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Most bytes of bundles; the oldest are deleted first.
const MAX_BUNDLES: u64 = 1 << 30;

/// Uncommitted files are kept up to this total size.
const MAX_FILES: u64 = 100 << 20;

/// One removal that can be restored. Later versions read it, too: do not require fields that older
/// ones do not write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    pub worker: WorkerId,
    pub removed: Timestamp,
    pub worktree: PathBuf,
    /// The deleted branch and its commit.
    #[serde(default)]
    pub branch: Option<BranchWas>,
    /// A commit with the uncommitted files.
    #[serde(default)]
    pub files: Option<String>,
    /// Refs that keep commits, and their former names.
    #[serde(default)]
    pub refs: Vec<Kept>,
    /// Bundles of the repositories that were in the worktree.
    #[serde(default)]
    pub bundles: Vec<Kept>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchWas {
    pub name: String,
    pub commit: String,
}

/// Something that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The ref or file that keeps it.
    pub at: String,
    /// Its name in the worktree.
    pub was: String,
}

/// Keeps what is about to be removed, and deletes backups older than [`KEPT`]. Returns, as
/// sentences, what could not be kept.
///
/// # Errors
/// [`Error::Io`] if the record cannot be written; [`Error::Proc`] if the user cancelled.
pub(super) async fn keep(
    common_dir: &Path,
    (worker, worktree): (&WorkerId, &Path),
    (facts, space): (&Facts, Space),
    run: &Run<'_>,
) -> Result<Vec<String>, Error> {
    let dir = dir(common_dir);
    fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
    let now = now();
    forget_old(common_dir, now, run).await?;
    let mut keeper =
        Keeper { at: At::bare(common_dir), space, time: name_of(now), run, failed: Vec::new() };
    let mut backup = Backup {
        worker: worker.clone(),
        removed: now,
        worktree: worktree.to_owned(),
        branch: None,
        files: None,
        refs: Vec::new(),
        bundles: Vec::new(),
    };
    if let Some(branch) = &facts.branch {
        let (name, commit) = (branch.name.clone(), branch.tip.clone());
        backup.branch = Some(BranchWas { name, commit });
    }
    for it in &facts.repositories {
        if it.goes {
            backup.bundles.extend(keeper.bundle(&dir, worker, it).await?);
        } else {
            backup.refs.extend(keeper.refs(worker, it).await?);
        }
        if it.kind == Kind::Worktree {
            backup.files = keeper.files(worker, facts, it).await?;
        }
    }
    let path = dir.join(format!("{}-{worker}.json", keeper.time));
    let text = serde_json::to_vec_pretty(&backup).map_err(io::Error::from);
    text.and_then(|text| paths::replace_durably(&path, &text))
        .map_err(Error::io("write", &path))?;
    limit_bundles(&dir)?;
    Ok(keeper.failed)
}

struct Keeper<'a, 'r> {
    at: At,
    space: Space,
    time: String,
    run: &'a Run<'r>,
    failed: Vec<String>,
}

impl Keeper<'_, '_> {
    /// A ref for each commit that loses its name and that no local ref contains.
    async fn refs(&mut self, worker: &WorkerId, it: &Repository) -> Result<Vec<Kept>, Error> {
        let mut kept = Vec::new();
        for tip in it.tips.iter().filter(|it| it.proof != Some(Proof::Local)) {
            let was = tip.name.trim_start_matches("refs/heads/");
            let base = if was.len() < tip.name.len() { was } else { worker.as_str() };
            let mut name = format!("{PREFIX}{base}-{}", self.time);
            if kept.iter().any(|it: &Kept| it.at == name) {
                name = format!("{name}-{}", kept.len());
            }
            // The short name may be taken by an earlier backup, or by one of `a` or `a/b`.
            let short = format!("{ABANDONED}{base}");
            let longer = format!("{ABANDONED}{}-{}", base.replace('/', "%2F"), self.time);
            let names = match self.space {
                Space::Removed => vec![name],
                Space::Abandoned => vec![short, longer, name],
            };
            match self.first(&At::bare(&it.common_dir), &names, &tip.id).await? {
                Ok(name) => kept.push(Kept { at: name, was: tip.name.clone() }),
                Err(why) => self.failed.push(format!("`{}` could not be kept: {why}", tip.name)),
            }
        }
        Ok(kept)
    }

    /// Makes a ref with the first of these names that is free.
    async fn first(
        &self,
        at: &At,
        names: &[String],
        id: &str,
    ) -> Result<Result<String, String>, Error> {
        let mut why = String::new();
        for name in names {
            match at.ask(["update-ref", name, id, ""], self.run).await? {
                Ok(_) => return Ok(Ok(name.clone())),
                Err(error) => why = error,
            }
        }
        Ok(Err(why))
    }

    /// A bundle of what a repository has and its remotes do not.
    async fn bundle(
        &mut self,
        dir: &Path,
        worker: &WorkerId,
        it: &Repository,
    ) -> Result<Option<Kept>, Error> {
        let is_unsure = it
            .tips
            .iter()
            .any(|tip| is_lost(tip) || matches!(tip.proof, Some(Proof::NotAsked { .. })));
        if !is_unsure && it.stashes.is_empty() {
            return Ok(None);
        }
        let name: String =
            it.path.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let path = dir.join(format!("{}-{worker}-{name}.bundle", self.time));
        let file = path.display().to_string();
        let args = [
            "bundle",
            "create",
            "--quiet",
            &file,
            "HEAD",
            "--branches",
            "--tags",
            "--glob=refs/stash",
        ];
        let args = args.into_iter().chain(["--not", "--remotes"]);
        match At::bare(&it.git_dir).ask(args, self.run).await? {
            Ok(_) => Ok(Some(Kept { at: file, was: it.path.clone() })),
            Err(why) => {
                self.failed.push(format!("`{}` could not be kept: {why}", it.path));
                Ok(None)
            }
        }
    }

    /// A commit of the current files, including untracked ones.
    async fn files(
        &mut self,
        worker: &WorkerId,
        facts: &Facts,
        it: &Repository,
    ) -> Result<Option<String>, Error> {
        let (super::Place::Here { path } | super::Place::Damaged { path, .. }) = &facts.place
        else {
            return Ok(None);
        };
        let files = &it.files;
        if files.changed.is_empty() && files.untracked.is_empty() {
            return Ok(None);
        }
        let all = files.changed.iter().chain(&files.untracked);
        if all.map(|it| size(&path.join(it))).sum::<u64>() > MAX_FILES {
            self.failed.push("the uncommitted files are too large to be kept".to_owned());
            return Ok(None);
        }
        let at = At { git_dir: it.git_dir.clone(), work_tree: Some(path.clone()) };
        match snapshot(&at, self.run).await? {
            Ok(commit) => {
                let name = format!("{PREFIX}{worker}-files-{}", self.time);
                match self.at.ask(["update-ref", &name, &commit, ""], self.run).await? {
                    Ok(_) => return Ok(Some(name)),
                    Err(why) => self.failed.push(format!("the files could not be kept: {why}")),
                }
            }
            Err(why) => self.failed.push(format!("the files could not be kept: {why}")),
        }
        Ok(None)
    }
}

/// A commit that stands for everything in the worktree that its repository does not have: equal
/// states have equal commits. `None` if its branch is not what it has checked out, or if it cannot be
/// read.
///
/// # Errors
/// [`Error::Proc`] if the user cancelled.
pub async fn state_of(facts: &Facts, run: &Run<'_>) -> Result<Option<String>, Error> {
    let (super::Place::Here { path }, Some(it)) = (&facts.place, facts.repositories.first()) else {
        return Ok(None);
    };
    let at = At { git_dir: it.git_dir.clone(), work_tree: Some(path.clone()) };
    let head = at.ask(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], run).await?;
    let head = head.map(|it| it.trim_ascii().to_str_lossy().into_owned()).ok();
    let is_other = |branch: &crate::git::BranchTip| Some(&branch.tip) != head.as_ref();
    if facts.branch.as_ref().is_some_and(is_other) {
        return Ok(None);
    }
    if it.files.changed.is_empty() && it.files.untracked.is_empty() {
        return Ok(head);
    }
    let all = it.files.changed.iter().chain(&it.files.untracked);
    if all.map(|it| size(&path.join(it))).sum::<u64>() > MAX_FILES {
        return Ok(None);
    }
    Ok(snapshot(&at, run).await?.ok())
}

/// A commit of all files except ignored ones, on top of HEAD; index and branch stay unchanged. Files that git
/// is told to skip are in it.
async fn snapshot(at: &At, run: &Run<'_>) -> Result<Result<String, String>, Error> {
    let top = at.work_tree.as_deref().unwrap_or(&at.git_dir);
    let seeing = match files::seeing_index(at, top, run).await? {
        Ok(seeing) => seeing,
        Err(why) => return Ok(Err(why)),
    };
    let index = match seeing {
        Some(index) => index,
        None => Index::copy(at)?,
    };
    let cmd = |args: &[&str]| {
        let cmd = at.cmd().args(["-c", "advice.addEmbeddedRepo=false"]).args(args);
        cmd.env("GIT_INDEX_FILE", &index.path)
    };
    if let Err(why) = said(cmd(&["add", "--all", "--ignore-errors", "."]), run).await? {
        return Ok(Err(why));
    }
    let tree = match said(cmd(&["write-tree"]), run).await? {
        Ok(tree) => tree.trim_ascii().to_str_lossy().into_owned(),
        Err(why) => return Ok(Err(why)),
    };
    let mut args = vec!["commit-tree", &tree, "-m", "uncommitted files of a removed worktree"];
    let head = at.ask(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], run).await?;
    let head = head.map(|it| it.trim_ascii().to_str_lossy().into_owned()).ok();
    args.extend(head.iter().flat_map(|it| ["-p", it]));
    let mut cmd = cmd(&args);
    for who in ["AUTHOR", "COMMITTER"] {
        cmd = cmd.env(format!("GIT_{who}_NAME"), "wtmag");
        cmd = cmd.env(format!("GIT_{who}_EMAIL"), "wtmag@localhost");
        cmd = cmd.env(format!("GIT_{who}_DATE"), "1000000000 +0000");
    }
    Ok(said(cmd, run).await?.map(|it| it.trim_ascii().to_str_lossy().into_owned()))
}

/// All removals that can be restored, newest first. Unreadable records are skipped.
///
/// # Errors
/// [`Error::Io`].
pub fn list(common_dir: &Path) -> Result<Vec<Backup>, Error> {
    let mut found: Vec<Backup> = records(common_dir)?.into_iter().map(|it| it.1).collect();
    found.sort_by_key(|it| std::cmp::Reverse(it.removed));
    Ok(found)
}

fn records(common_dir: &Path) -> Result<Vec<(PathBuf, Backup)>, Error> {
    let dir = dir(common_dir);
    let entries = match fs::read_dir(&dir) {
        Err(it) if it.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("read", &dir))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io("read", &dir))?.path();
        if path.extension().is_some_and(|it| it == "json") {
            let text = fs::read(&path).map_err(Error::io("read", &path))?;
            match serde_json::from_slice(&text) {
                Ok(backup) => found.push((path, backup)),
                Err(error) => tracing::warn!(path = %path.display(), %error, "backup left out"),
            }
        }
    }
    Ok(found)
}

/// Deletes backups that are too old.
async fn forget_old(common_dir: &Path, now: Timestamp, run: &Run<'_>) -> Result<(), Error> {
    let at = At::bare(common_dir);
    for (path, backup) in records(common_dir)? {
        if now.since(backup.removed) < KEPT {
            continue;
        }
        let refs = backup.refs.iter().map(|it| it.at.as_str()).chain(backup.files.as_deref());
        for name in refs.filter(|it| is_backup(it)) {
            // A ref that is already gone is fine.
            drop(at.ask(["update-ref", "-d", name], run).await?);
        }
        for bundle in &backup.bundles {
            fs::remove_file(&bundle.at).unwrap_or_default();
        }
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}

/// Deletes the oldest bundles while their total size is too large.
fn limit_bundles(dir: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(dir).map_err(Error::io("read", dir))?;
    let mut bundles: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
    bundles.retain(|it| it.extension().is_some_and(|it| it == "bundle"));
    // Their names begin with the time.
    bundles.sort();
    let mut total: u64 = bundles.iter().map(|it| size(it)).sum();
    for bundle in bundles {
        if total <= MAX_BUNDLES {
            break;
        }
        total -= size(&bundle);
        fs::remove_file(&bundle).map_err(Error::io("remove", &bundle))?;
    }
    Ok(())
}

/// Bytes of a file, or of all files below a directory.
fn size(path: &Path) -> u64 {
    let Ok(found) = path.symlink_metadata() else { return 0 };
    if !found.is_dir() {
        return found.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|it| size(&it.path())).sum()
}

fn dir(common_dir: &Path) -> PathBuf {
    common_dir.join("wtmag/removed")
}

fn now() -> Timestamp {
    Timestamp(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default())
}

/// A time in a form that ref names allow.
fn name_of(time: Timestamp) -> String {
    time.to_string().chars().filter(char::is_ascii_alphanumeric).collect()
}
