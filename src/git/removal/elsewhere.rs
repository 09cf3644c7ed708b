//! Finds where the commits of a tip exist besides what is removed. Asks git, and a remote if that
//! decides.
use std::{collections::BTreeMap, fs, io::Write as _, path::PathBuf, time::Duration};

use gix::bstr::ByteSlice as _;

use super::{
    backup::is_backup,
    facts::{Proof, Subject, Tip},
    merged,
    nested::WorktreeToRemove,
};
use crate::{
    git::{
        Error, Repo, RepoLock, Run,
        at::{At, Said, history, said},
        base::{fetch_branch_anew, kept_ref},
    },
    model::Landed,
};

/// How long a remote may take to list its refs.
const LIMIT: Duration = Duration::from_secs(10);

/// How long a remote's answer counts as proof.
const SHARED: Duration = Duration::from_secs(10);

/// Where wtmag keeps the remote branches that it fetched.
const FETCHED: &str = "refs/wtmag/base/";

/// A ref name and its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ref {
    pub name: String,
    pub id: String,
}

/// All refs of a repository, including those of one worktree.
pub(super) async fn refs(at: &At, run: &Run<'_>) -> Result<Result<Vec<Ref>, String>, Error> {
    let format = "--format=%(refname)%00%(objectname)%00%(objecttype)%00%(*objecttype)";
    let answer = at.ask(["for-each-ref", format], run).await?;
    Ok(answer.map(|text| {
        let one = |line: &[u8]| {
            let line = line.to_str_lossy();
            let mut words = line.split('\0');
            let (name, id) = (words.next()?, words.next()?);
            let mut kinds = words.filter(|it| !it.is_empty());
            let is_commit = kinds.next_back().is_some_and(|it| it == "commit" || it == "tag");
            is_commit.then(|| Ref { name: name.to_owned(), id: id.to_owned() })
        };
        text.lines().filter_map(one).collect()
    }))
}

/// Refs that belong to one worktree and are removed with it.
pub(super) fn is_per_worktree(name: &str) -> bool {
    ["refs/worktree/", "refs/bisect/", "refs/rewritten/"].iter().any(|it| name.starts_with(it))
}

/// A copy of a remote's earlier state.
fn is_copy(name: &str) -> bool {
    name.starts_with("refs/remotes/") || name.starts_with(FETCHED)
}

/// The repository that stays, and its refs that stay.
pub(super) struct Staying<'a> {
    pub repo: &'a Repo,
    pub lock: &'a RepoLock,
    pub at: At,
    /// The branch that is deleted.
    pub branch: Option<&'a str>,
    /// Where its work was landed.
    landed: Option<&'a Landed>,
    /// All of its refs.
    refs: Vec<Ref>,
    /// The remotes' answers, each asked once.
    asked: BTreeMap<String, Result<Vec<Ref>, String>>,
}

impl<'a> Staying<'a> {
    pub(super) fn new(
        repo: &'a Repo,
        lock: &'a RepoLock,
        subject: &Subject<'a>,
        refs: Vec<Ref>,
    ) -> Self {
        let at = At::bare(repo.common_dir());
        let Subject { branch, landed, .. } = *subject;
        Self { repo, lock, at, branch, landed, refs, asked: BTreeMap::new() }
    }

    /// Local refs that stay whatever a remote does: other branches, tags, heads of pull requests,
    /// and the default branch as last fetched.
    pub(super) fn local(&self) -> Vec<String> {
        let own = self.branch.map(|it| format!("refs/heads/{it}"));
        let default = self.default_refs();
        let stays = |it: &&Ref| {
            Some(&it.name) != own.as_ref()
                && it.name != "refs/stash"
                && !is_backup(&it.name)
                && !is_per_worktree(&it.name)
                && (!is_copy(&it.name) || default.contains(&it.name))
        };
        self.refs.iter().filter(stays).map(|it| it.id.clone()).collect()
    }

    /// The default branch's name here, if it exists here.
    fn default_refs(&self) -> Vec<String> {
        let Ok(default) = self.repo.default_branch() else { return Vec::new() };
        let mut names = vec![format!("refs/heads/{default}"), kept_ref(&default)];
        names.extend(self.repo.remote().map(|it| format!("refs/remotes/{it}/{default}")));
        names
    }

    /// Searches for the commits of one tip.
    ///
    /// # Errors
    /// [`Error::Proc`] if the user cancelled.
    pub(super) async fn prove(
        &mut self,
        name: String,
        id: String,
        run: &mut Run<'_>,
    ) -> Result<Result<Tip, String>, Error> {
        let mut tip = Tip {
            name,
            id,
            commits: Vec::new(),
            proof: Some(Proof::Local),
            looks_merged_into: None,
        };
        let mut staying = self.local();
        if staying.contains(&tip.id) {
            return Ok(Ok(tip));
        }
        tip.commits = match history(&self.at, std::slice::from_ref(&tip.id), &staying, run).await? {
            Ok(commits) => commits,
            Err(why) => return Ok(Err(why)),
        };
        if tip.commits.is_empty() {
            return Ok(Ok(tip));
        }
        if let Some(landed) = self.landed.filter(|it| it.tip == tip.id)
            && let Some(proof) = self.landing(landed, run).await?
        {
            tip.proof = Some(proof);
            return Ok(Ok(tip));
        }
        tip.proof = match self.remote_has(&tip, &mut staying, run).await? {
            None => self.merged(&mut tip, run).await?,
            some => some,
        };
        Ok(Ok(tip))
    }

    /// A landing of exactly this commit that was recorded. If the base was rewritten before, no comparison of files
    /// shows it.
    async fn landing(&self, landed: &Landed, run: &Run<'_>) -> Result<Option<Proof>, Error> {
        let into = landed.into.clone();
        // The forge was asked when this was recorded, and does not change it.
        if landed.how == "pr" {
            return Ok(Some(Proof::Pull { into }));
        }
        // wtmag made this commit, so it has the work, as long as the branch has it.
        let target = self.repo.ref_id(&format!("refs/heads/{into}"))?.map(|it| it.to_string());
        let commit = landed.commit.as_ref().filter(|it| self.repo.has_commit(it));
        let (Some(commit), Some(target)) = (commit, target) else { return Ok(None) };
        let is_there = self.at.is_ancestor(commit, &target, run).await?;
        Ok(is_there.then_some(Proof::Merged { into }))
    }

    /// A remote has the commits now, or had them and cannot be asked.
    async fn remote_has(
        &mut self,
        tip: &Tip,
        staying: &mut Vec<String>,
        run: &mut Run<'_>,
    ) -> Result<Option<Proof>, Error> {
        let is_in = async |at: &At, staying: &[String], run: &Run<'_>| {
            let left = history(at, std::slice::from_ref(&tip.id), staying, run).await?;
            Ok::<bool, Error>(left.is_ok_and(|it| it.is_empty()))
        };
        for remote in self.remotes_with(&tip.id, run).await? {
            // The previous check asked: what it proved is not asked again.
            let said = self.remembered(&remote).into_iter().map(|it| it.id);
            let known: Vec<String> = staying.iter().cloned().chain(said).collect();
            if known.len() > staying.len() && is_in(&self.at, &known, run).await? {
                return Ok(Some(Proof::Remote { remote }));
            }
            let offered = self.ask_remote(&remote, run).await?;
            let before = staying.len();
            match &offered {
                Ok(offered) => staying.extend(offered.iter().map(|it| it.id.clone())),
                Err(_) => staying.extend(self.copies_of(&remote)),
            }
            if staying.len() > before && is_in(&self.at, staying, run).await? {
                return Ok(Some(match offered {
                    Ok(_) => Proof::Remote { remote },
                    Err(why) => Proof::NotAsked { remote, why },
                }));
            }
            // It may have moved on, to commits that are not here yet.
            for branch in self.moved_on(&offered) {
                if let Ok(sha) =
                    fetch_branch_anew(self.repo, self.lock, &remote, &branch, run).await?
                {
                    staying.push(sha);
                }
            }
            if is_in(&self.at, staying, run).await? {
                return Ok(Some(Proof::Remote { remote }));
            }
        }
        Ok(None)
    }

    /// Remotes that may have a commit: those with a tracking ref at or after it, and the default
    /// remote.
    async fn remotes_with(&self, id: &str, run: &Run<'_>) -> Result<Vec<String>, Error> {
        let args = ["for-each-ref", "--format=%(refname)", "--contains", id, "refs/remotes"];
        let answer = self.at.ask(args, run).await?;
        let names = answer.map(|it| it.to_str_lossy().into_owned()).unwrap_or_default();
        let has = |remote: &String| {
            names.lines().any(|it| it.starts_with(&format!("refs/remotes/{remote}/")))
        };
        let mut found: Vec<String> = self.repo.remotes().into_iter().filter(has).collect();
        found.extend(self.repo.remote().filter(|it| !found.contains(it)));
        Ok(found)
    }

    async fn ask_remote(
        &mut self,
        remote: &str,
        run: &mut Run<'_>,
    ) -> Result<Result<Vec<Ref>, String>, Error> {
        if let Some(known) = self.asked.get(remote) {
            return Ok(known.clone());
        }
        let answer = offered(&self.at, remote, run).await?;
        if let Ok(text) = &answer {
            // Only saves the next check a request.
            let file = fs::File::create(self.memory(remote));
            file.and_then(|mut it| it.write_all(text)).unwrap_or_default();
        }
        let offered = answer.map(|text| parse(&text));
        self.asked.insert(remote.to_owned(), offered.clone());
        Ok(offered)
    }

    fn memory(&self, remote: &str) -> PathBuf {
        let name: String =
            remote.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        self.repo.common_dir().join("wtmag").join(format!("offered-{name}"))
    }

    /// A remote's answer of the last seconds, to this process or another one.
    fn remembered(&self, remote: &str) -> Vec<Ref> {
        let path = self.memory(remote);
        let age = path.metadata().and_then(|it| it.modified()).map(|it| it.elapsed());
        match age {
            Ok(Ok(age)) if age < SHARED => parse(&fs::read(&path).unwrap_or_default()),
            _ => Vec::new(),
        }
    }

    fn copies_of(&self, remote: &str) -> Vec<String> {
        let prefix = format!("refs/remotes/{remote}/");
        let is_copy = |it: &&Ref| it.name.starts_with(&prefix) || it.name.starts_with(FETCHED);
        self.refs.iter().filter(is_copy).map(|it| it.id.clone()).collect()
    }

    /// The worker's branch and the default branch, if the remote has them at commits that are not
    /// here.
    fn moved_on(&self, offered: &Result<Vec<Ref>, String>) -> Vec<String> {
        let Ok(offered) = offered else { return Vec::new() };
        let default = self.repo.default_branch().ok();
        let names = self.branch.map(str::to_owned).into_iter().chain(default);
        let is_new = |branch: &String| {
            let name = format!("refs/heads/{branch}");
            let theirs = offered.iter().find(|it| it.name == name);
            theirs.is_some_and(|it| self.repo.commit_id(&it.id).is_none())
        };
        names.filter(is_new).collect()
    }

    /// The default branch has the files, but not the commits.
    async fn merged(&self, tip: &mut Tip, run: &mut Run<'_>) -> Result<Option<Proof>, Error> {
        let mut targets: Vec<(String, String)> = Vec::new();
        let landed = self.landed.map(|it| format!("refs/heads/{}", it.into));
        for name in self.default_refs().into_iter().chain(landed) {
            // Read again, because the remote was just asked.
            if let Ok(Some(id)) = self.repo.ref_id(&name) {
                let id = id.to_string();
                if targets.iter().all(|(_, it)| *it != id) {
                    targets.push((short(&name), id));
                }
            }
        }
        for (name, target) in &targets {
            if merged::is_in(&self.at, &tip.id, target, run).await? {
                return Ok(Some(Proof::Merged { into: name.clone() }));
            }
        }
        for (name, target) in targets {
            if merged::looks_merged(&self.at, &tip.id, &target, run).await? {
                tip.looks_merged_into = Some(name);
                break;
            }
        }
        Ok(None)
    }
}

fn short(name: &str) -> String {
    let name = name.trim_start_matches("refs/heads/").trim_start_matches("refs/remotes/");
    name.trim_start_matches(FETCHED).replace("%2F", "/")
}

/// The remote's current branches and tags.
async fn offered(at: &At, remote: &str, run: &Run<'_>) -> Result<Said, Error> {
    let args = ["ls-remote", "--quiet", "--heads", "--tags", "--", remote];
    said(at.cmd().args(args).limit(LIMIT), run).await
}

fn parse(text: &[u8]) -> Vec<Ref> {
    let one = |line: &[u8]| {
        let (id, name) = line.to_str().ok()?.split_once('\t')?;
        Some(Ref { name: name.to_owned(), id: id.to_owned() })
    };
    text.lines().filter_map(one).collect()
}

/// The tips of a repository that is removed as a whole, and where else their commits are: in its
/// remotes, if those stay, or in the repository that stays.
pub(super) async fn prove_inner(
    at: &At,
    refs: &[Ref],
    tips: Vec<Ref>,
    (doomed, staying): (&WorktreeToRemove, &[String]),
    run: &mut Run<'_>,
) -> Result<Result<Vec<Tip>, String>, Error> {
    let mut todo = Vec::new();
    let staying = [staying, &fetched(at)].concat();
    for Ref { name, id } in tips {
        let mut tip = Tip { name, id, commits: Vec::new(), proof: None, looks_merged_into: None };
        let ids = std::slice::from_ref(&tip.id);
        tip.commits = match history(at, ids, &staying, run).await? {
            Ok(commits) => commits,
            Err(why) => return Ok(Err(why)),
        };
        if tip.commits.is_empty() {
            tip.proof = Some(Proof::Local);
        }
        todo.push(tip);
    }
    for (remote, url) in remotes(at, run).await? {
        let is_open = todo.iter().any(|it| it.proof.is_none());
        if !is_open || is_doomed(&url, at, doomed) {
            continue;
        }
        let prefix = format!("refs/remotes/{remote}/");
        let (known, why) = match offered(at, &remote, run).await? {
            Ok(text) => (parse(&text).into_iter().map(|it| it.id).collect(), None),
            Err(why) => {
                let copies = refs.iter().filter(|it| it.name.starts_with(&prefix));
                (copies.map(|it| it.id.clone()).collect::<Vec<_>>(), Some(why))
            }
        };
        for tip in todo.iter_mut().filter(|it| it.proof.is_none()) {
            let hidden = [&known[..], &staying].concat();
            match history(at, std::slice::from_ref(&tip.id), &hidden, run).await? {
                Ok(left) if left.is_empty() => {
                    let remote = remote.clone();
                    tip.proof = Some(match &why {
                        None => Proof::Remote { remote },
                        Some(why) => Proof::NotAsked { remote, why: why.clone() },
                    });
                }
                Ok(left) => tip.commits = left,
                Err(why) => return Ok(Err(why)),
            }
        }
    }
    Ok(Ok(todo))
}

/// What the last fetch brought, such as a commit that no remote branch has.
fn fetched(at: &At) -> Vec<String> {
    let text = fs::read(at.git_dir.join("FETCH_HEAD")).unwrap_or_default();
    let id = |line: &[u8]| Some(line.split_str("\t").next()?.to_str().ok()?.to_owned());
    text.lines().filter_map(id).filter(|it| it.bytes().all(|c| c.is_ascii_hexdigit())).collect()
}

/// Names and URLs.
async fn remotes(at: &At, run: &Run<'_>) -> Result<Vec<(String, String)>, Error> {
    let answer = at.ask(["config", "-z", "--get-regexp", r"^remote\..*\.url$"], run).await?;
    let text = answer.unwrap_or_default();
    let one = |entry: &[u8]| {
        let (key, url) = entry.to_str().ok()?.split_once('\n')?;
        let name = key.strip_prefix("remote.")?.strip_suffix(".url")?;
        Some((name.to_owned(), url.to_owned()))
    };
    Ok(text.split_str("\0").filter_map(one).collect())
}

/// The remote is a directory that is also removed.
fn is_doomed(url: &str, at: &At, doomed: &WorktreeToRemove) -> bool {
    let path = url.strip_prefix("file://").unwrap_or(url);
    let base = at.work_tree.as_deref().unwrap_or(&at.git_dir);
    // Other URL schemes are not directories.
    doomed.holds(&base.join(path))
}
