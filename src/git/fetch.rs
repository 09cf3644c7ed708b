//! Fetches one ref with `git fetch`. All processes share the answer for some seconds.
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Duration,
};

use gix::ObjectId;
use serde::{Deserialize, Serialize};

use super::{Error, News, Repo, RepoLock, Run, lock, names};
use crate::{
    clock,
    model::Timestamp,
    proc::{self, Cmd},
};

/// How long all processes may reuse an answer, also a refusal.
const SHARED: Duration = Duration::from_secs(10);

/// How long a server may take.
const LIMIT: Duration = Duration::from_secs(60);

/// One remote ref, and its local copy.
pub(super) struct Wanted<'a> {
    /// Name of a remote or a URL.
    pub from: &'a str,
    /// Full name on the remote.
    pub theirs: &'a str,
    /// Full local name, below `refs/wtmag/`.
    pub ours: &'a str,
    /// A commit that the ref is known to have had: an answer without it is too old to reuse.
    pub at_least: Option<ObjectId>,
    /// An older answer is not reused.
    pub since: Timestamp,
}

/// A fetch that other processes may reuse.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stamp {
    /// Unix milliseconds.
    at: u64,
    sha: Option<String>,
    why: String,
}

/// Why there is no fresh commit.
#[derive(Clone, Debug)]
pub(super) struct FetchFailure {
    pub why: String,
}

impl FetchFailure {
    /// The server answered that it has no such ref.
    pub(super) fn is_absent(&self) -> bool {
        self.why.contains("find remote ref")
    }
}

/// The ref's commit on the remote now, or within the last ten seconds.
pub(super) async fn shared(
    repo: &Repo,
    lock: &RepoLock,
    wanted: &Wanted<'_>,
    run: &mut Run<'_>,
) -> Result<Result<String, FetchFailure>, Error> {
    let key = format!("{} {}", wanted.from, wanted.theirs);
    let known = load(&stamps_path(repo)?).remove(&key);
    if let Some(stamp) = known.filter(|it| is_young(it, clock::now().0) && it.at >= wanted.since.0)
    {
        match stamp.sha {
            None => return Ok(Err(FetchFailure { why: stamp.why })),
            Some(sha) if is_enough(repo, &sha, wanted.at_least) => return Ok(Ok(sha)),
            Some(_) => {}
        }
    }
    fresh(repo, lock, wanted, run).await
}

fn is_enough(repo: &Repo, sha: &str, at_least: Option<ObjectId>) -> bool {
    let found = repo.commit_id(sha);
    found.is_some_and(|it| at_least.is_none_or(|least| repo.is_ancestor(least, it)))
}

/// The ref's commit on the remote now.
pub(super) async fn fresh(
    repo: &Repo,
    _lock: &RepoLock,
    wanted: &Wanted<'_>,
    run: &mut Run<'_>,
) -> Result<Result<String, FetchFailure>, Error> {
    let what = wanted.theirs.trim_start_matches("refs/heads/").to_owned();
    (run.tell)(&News::Fetching { what, from: wanted.from.to_owned() });
    let answer = ask(repo, wanted, run).await?;
    let (sha, why) = match &answer {
        Ok(sha) => (Some(sha.clone()), String::new()),
        Err(refusal) => (None, refusal.why.clone()),
    };
    let path = stamps_path(repo)?;
    let now = clock::now().0;
    let mut stamps = load(&path);
    stamps.retain(|_, stamp| is_young(stamp, now));
    stamps.insert(format!("{} {}", wanted.from, wanted.theirs), Stamp { at: now, sha, why });
    save(&path, &stamps)?;
    Ok(answer)
}

async fn ask(
    repo: &Repo,
    wanted: &Wanted<'_>,
    run: &mut Run<'_>,
) -> Result<Result<String, FetchFailure>, Error> {
    let lock_file = repo.common_dir().join(format!("{}.lock", wanted.ours));
    let answer = ask_once(repo, wanted, run).await?;
    if answer.is_err() && remove_below(repo, wanted.ours, run).await? {
        return ask_once(repo, wanted, run).await;
    }
    if answer.is_ok() || !lock_file.exists() {
        return Ok(answer);
    }
    // Only wtmag writes this ref, and this process holds the repository's lock, so the lock file is
    // from a `git fetch` whose wtmag died. That fetch is about to end, or is dead too.
    tokio::time::sleep(Duration::from_millis(200)).await;
    fs::remove_file(&lock_file).unwrap_or_default();
    ask_once(repo, wanted, run).await
}

/// Deletes the refs that an older version kept below this name, because they block a ref of this
/// name; true if there were any.
async fn remove_below(repo: &Repo, ours: &str, run: &Run<'_>) -> Result<bool, Error> {
    let read = || format!("the refs below `{ours}`");
    let refs = repo.gix().references().map_err(Error::read(read()))?;
    let below = format!("{ours}/");
    let found = refs.prefixed(below.as_str()).map_err(Error::read(read()))?;
    let names: Vec<String> = found.flatten().map(|it| it.name().as_bstr().to_string()).collect();
    for name in &names {
        let deleted = git(repo).args(["update-ref", "-d", name]).run(run.cancel).await?;
        if !deleted.is_success() {
            return Ok(false);
        }
    }
    Ok(!names.is_empty())
}

/// The name of the remote's default branch now; `None` when it has no branch.
pub(super) async fn head(
    repo: &Repo,
    remote: &str,
    run: &mut Run<'_>,
) -> Result<Result<Option<String>, FetchFailure>, Error> {
    let what = "the name of the default branch".to_owned();
    (run.tell)(&News::Fetching { what, from: remote.to_owned() });
    let cmd = git(repo).args(["ls-remote", "--symref", "--", remote, "HEAD"]).limit(LIMIT);
    let output = match cmd.run(run.cancel).await {
        Ok(output) => output,
        Err(it @ proc::Error::TimedOut { .. }) => {
            return Ok(Err(FetchFailure { why: it.to_string() }));
        }
        Err(it) => return Err(it.into()),
    };
    if !output.is_success() {
        return Ok(Err(FetchFailure { why: first_line(&output.stderr_text()) }));
    }
    let text = output.stdout_text();
    let name = text.lines().find_map(|it| it.strip_prefix("ref: refs/heads/")?.split('\t').next());
    let name = name.filter(|it| names::check_branch(it).is_ok());
    Ok(Ok(name.map(str::to_owned)))
}

async fn ask_once(
    repo: &Repo,
    wanted: &Wanted<'_>,
    run: &mut Run<'_>,
) -> Result<Result<String, FetchFailure>, Error> {
    let refspec = format!("+{}:{}", wanted.theirs, wanted.ours);
    let cmd = git(repo).args([
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-auto-gc",
        "--no-recurse-submodules",
        // Only the named refs: none of the user's refs moves.
        "--refmap=",
        "--",
        wanted.from,
        &refspec,
    ]);
    let output = match cmd.limit(LIMIT).run(run.cancel).await {
        Ok(output) => output,
        Err(it @ proc::Error::TimedOut { .. }) => {
            return Ok(Err(FetchFailure { why: it.to_string() }));
        }
        Err(it) => return Err(it.into()),
    };
    if !output.is_success() {
        return Ok(Err(FetchFailure { why: first_line(&output.stderr_text()) }));
    }
    match repo.ref_id(wanted.ours)? {
        Some(id) => Ok(Ok(id.to_string())),
        None => Err(Error::Answer { program: "git", why: format!("no `{}`", wanted.ours) }),
    }
}

/// `git` on this repository, from any directory; never prompts for a password.
pub(super) fn git(repo: &Repo) -> Cmd<'static> {
    git_at(repo.home()).args(["--git-dir".as_ref(), repo.common_dir().as_os_str()])
}

/// `git` in a directory; never prompts for a password, and prints English.
pub(super) fn git_at(dir: &Path) -> Cmd<'static> {
    Cmd::new("git", dir)
        .env("LC_ALL", "C")
        .env("GIT_TERMINAL_PROMPT", "0")
        // A background program that prompts on the terminal stops for ever.
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("GIT_OPTIONAL_LOCKS", "0")
}

/// The line of git's output that explains the failure.
pub(super) fn first_line(text: &str) -> String {
    let is_reason = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let line =
        text.lines().find(is_reason).or_else(|| text.lines().next()).unwrap_or("no reason given");
    line.trim_start_matches("fatal: ").trim_start_matches("error: ").trim().to_owned()
}

fn stamps_path(repo: &Repo) -> Result<std::path::PathBuf, Error> {
    Ok(lock::state_dir(repo)?.join("fetched.json"))
}

/// Only a cache: an unreadable one counts as empty.
fn load(path: &Path) -> BTreeMap<String, Stamp> {
    let text = fs::read(path).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Under the repository's lock: no other process writes the partial file.
fn save(path: &Path, stamps: &BTreeMap<String, Stamp>) -> Result<(), Error> {
    let partial = path.with_extension("partial");
    let write = || -> std::io::Result<()> {
        File::create(&partial)?.write_all(&serde_json::to_vec(stamps)?)?;
        fs::rename(&partial, path)
    };
    write().map_err(Error::io("write", path))
}

/// A time stamp from the future (the clock was set back) is ignored.
fn is_young(stamp: &Stamp, now: u64) -> bool {
    now.checked_sub(stamp.at).is_some_and(|age| u128::from(age) < SHARED.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shared_for_ten_seconds() {
        let stamp = Stamp { at: 100_000, sha: None, why: String::new() };
        assert!(is_young(&stamp, 100_000));
        assert!(is_young(&stamp, 109_999));
        assert!(!is_young(&stamp, 110_000));
        assert!(!is_young(&stamp, 99_999));
    }

    #[test]
    fn the_reason_is_found_among_gits_words() {
        assert_eq!(
            first_line("hint: x\nfatal: unable to access 'u'\nmore"),
            "unable to access 'u'"
        );
        assert_eq!(first_line("ssh: no route\n"), "ssh: no route");
        assert_eq!(first_line(""), "no reason given");
    }
}
