//! Chooses remotes: where new work starts, where it is pushed to, and which one points to a
//! repository on a forge; and a remote's default branch.
//!
//! Reads refs and configuration. Asks `ssh` to resolve a host alias, but uses no network.
use std::{fs, path::Path, time::Duration};

use gix::{
    bstr::{BStr, ByteSlice as _},
    remote::Direction,
};

use super::{Error, Repo, Run, repo::branch_of};
use crate::{
    model::Host,
    proc::{Cmd, Output},
};

/// The remote that new work starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upstream {
    pub name: String,
    /// The other remotes, if nothing in the repository decides which one to use.
    pub instead_of: Vec<String>,
}

impl Repo {
    /// Names of all remotes.
    pub fn remotes(&self) -> Vec<String> {
        self.gix().remote_names().iter().map(ToString::to_string).collect()
    }

    /// The remote that new work starts from: the one that `gh repo set-default` chose, the one that
    /// the default branch follows, `checkout.defaultRemote`, `origin`, or the only one.
    pub fn remote(&self) -> Option<String> {
        self.upstream().map(|it| it.name)
    }

    pub(super) fn upstream(&self) -> Option<Upstream> {
        let remotes = self.remotes();
        let config = self.gix().config_snapshot();
        let setting = |key: &str| config.string(key).map(|it| it.to_string());
        let known = |name: Option<String>| name.filter(|it| remotes.contains(it));
        let resolved = |name: &&String| {
            setting(&format!("remote.{name}.gh-resolved")).as_deref() == Some("base")
        };
        let followed = |branch: String| known(setting(&format!("branch.{branch}.remote")));
        let sure = match remotes.as_slice() {
            [] => return None,
            [only] => Some(only.clone()),
            _ => remotes
                .iter()
                .find(resolved)
                .cloned()
                .or_else(|| self.default_names(&remotes).into_iter().find_map(followed))
                .or_else(|| known(setting("checkout.defaultRemote")))
                .or_else(|| known(Some("origin".to_owned()))),
        };
        if let Some(name) = sure {
            return Some(Upstream { name, instead_of: Vec::new() });
        }
        let has_head = |name: &&String| self.head_of(name).is_some();
        let usual = known(Some("upstream".to_owned()));
        let name = usual.or_else(|| remotes.iter().find(has_head).or(remotes.first()).cloned())?;
        let instead_of = remotes.into_iter().filter(|it| *it != name).collect();
        Some(Upstream { name, instead_of })
    }

    /// The remote that finished work is pushed to: `remote.pushDefault`, else `origin` (a fork's
    /// `origin` is the fork), else the remote that work starts from.
    pub fn push_remote(&self) -> Option<String> {
        let remotes = self.remotes();
        let set = self.gix().config_snapshot().string("remote.pushDefault");
        let set = set.map(|it| it.to_string());
        let known = set.into_iter().chain(["origin".to_owned()]).find(|it| remotes.contains(it));
        known.or_else(|| self.remote())
    }

    /// Possible names of the default branch here, the most likely first.
    fn default_names(&self, remotes: &[String]) -> Vec<String> {
        let heads = remotes.iter().filter_map(|it| self.head_of(it));
        heads.chain(self.usual_names()).collect()
    }

    /// WorkTrunk's record of it, the HEAD of a bare repository, `init.defaultBranch`, `main`,
    /// `master`.
    fn usual_names(&self) -> Vec<String> {
        let config = self.gix().config_snapshot();
        let noted = |key: &str| config.string(key).map(|it| it.to_string());
        let bare_head = self.main_head().filter(|_| self.is_bare_layout());
        let known = [noted("worktrunk.default-branch"), bare_head, noted("init.defaultBranch")];
        let usual = ["main", "master"].map(|it| Some(it.to_owned()));
        known.into_iter().chain(usual).flatten().collect()
    }

    /// The branch that is checked out in the main worktree or a bare repository.
    pub(super) fn main_head(&self) -> Option<String> {
        let head = fs::read_to_string(self.common_dir().join("HEAD")).unwrap_or_default();
        head.strip_prefix("ref: ").and_then(branch_of)
    }

    /// The remote's last known default branch.
    fn head_of(&self, remote: &str) -> Option<String> {
        let own = format!("refs/remotes/{remote}/");
        let head = self.gix().try_find_reference(&format!("{own}HEAD")).ok()??;
        let target = head.target().try_name()?.as_bstr().to_str_lossy().into_owned();
        target.strip_prefix(&own).map(str::to_owned)
    }

    /// This remote's default branch, as far as the repository knows it.
    pub(super) fn known_default(&self, remote: Option<&str>) -> Option<String> {
        let exists = |branch: &String| {
            let theirs = remote.map(|it| format!("refs/remotes/{it}/{branch}"));
            let names = [Some(format!("refs/heads/{branch}")), theirs];
            names.iter().flatten().any(|it| matches!(self.ref_id(it), Ok(Some(_))))
        };
        let head = remote.and_then(|it| self.head_of(it));
        head.or_else(|| self.usual_names().into_iter().find(exists))
    }

    /// The branch that new work starts from: the remote's last known default, WorkTrunk's record of
    /// it, the HEAD of a bare repository, `init.defaultBranch`, `main`, `master`. Without a remote,
    /// finally the branch of the main worktree; with a remote, that may hold unpushed commits.
    ///
    /// # Errors
    /// [`Error::NoDefaultBranch`].
    pub fn default_branch(&self) -> Result<String, Error> {
        let remote = self.remote();
        let own = || self.main_head().filter(|_| remote.is_none());
        self.known_default(remote.as_deref())
            .or_else(own)
            .ok_or_else(|| Error::NoDefaultBranch { path: self.home().to_owned() })
    }

    /// The default branch, if WorkTrunk could not find it without asking the remote.
    pub(super) fn unnoted_default(&self) -> Option<String> {
        let remote = self.remote()?;
        let has_head = self.head_of(&remote).is_some();
        let is_noted = self.gix().config_snapshot().string("worktrunk.default-branch").is_some();
        if has_head || is_noted { None } else { self.default_branch().ok() }
    }

    /// The remote with a last known branch of this name: the one that work starts from is
    /// preferred.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn remote_with_branch(&self, branch: &str) -> Result<Option<String>, Error> {
        for remote in self.remotes_by_rank() {
            if self.ref_id(&format!("refs/remotes/{remote}/{branch}"))?.is_some() {
                return Ok(Some(remote));
            }
        }
        Ok(None)
    }

    /// All remotes; first the one that work starts from and the one that it is pushed to.
    pub(super) fn remotes_by_rank(&self) -> Vec<String> {
        let mut ranked: Vec<String> = self.remote().into_iter().chain(self.push_remote()).collect();
        ranked.dedup();
        let others = self.remotes().into_iter().filter(|it| !ranked.contains(it));
        let others: Vec<String> = others.collect();
        ranked.into_iter().chain(others).collect()
    }

    /// Whether `git fetch` without arguments updates nothing, as after `git clone --bare`.
    pub fn lacks_refspec(&self) -> bool {
        self.remote().is_some_and(|it| self.brings_nothing(&it))
    }

    /// The same for one remote.
    pub fn brings_nothing(&self, remote: &str) -> bool {
        let remote = self.gix().try_find_remote(BStr::new(remote)).and_then(Result::ok);
        remote.is_some_and(|it| it.refspecs(Direction::Fetch).is_empty())
    }

    /// The fetch URL of the remote, with `insteadOf` applied.
    pub fn fetch_url(&self, remote: &str) -> Option<String> {
        let remote = self.gix().try_find_remote(BStr::new(remote))?.ok()?;
        Some(remote.url(Direction::Fetch)?.to_bstring().to_string())
    }

    /// The remote that points to the same repository as `url`, with any protocol, judged by its URL
    /// alone.
    pub fn remote_for(&self, url: &str) -> Option<String> {
        let wanted = place(url)?;
        let leads_there = |name: &String| self.place_of(name).is_some_and(|it| it.is_same(&wanted));
        self.remotes_by_rank().into_iter().find(leads_there)
    }

    /// The same, also through a host alias in the user's `~/.ssh/config`.
    pub(super) async fn remote_leading_to(&self, url: &str, run: &Run<'_>) -> Option<String> {
        if let Some(known) = self.remote_for(url) {
            return Some(known);
        }
        let wanted = place(url)?;
        let places =
            self.remotes_by_rank().into_iter().filter_map(|it| Some((self.place_of(&it)?, it)));
        let alike: Vec<_> = places.filter(|(it, _)| it.is_ssh && it.path == wanted.path).collect();
        for (place, name) in &alike {
            if ssh_host(&place.host, self.home(), run).await.is_some_and(|it| it == wanted.host) {
                return Some(name.clone());
            }
        }
        // A host that no server has is an alias; a remote with the repository's path matches.
        match alike.as_slice() {
            [(place, name)] if place.is_alias_of(&wanted.host) => Some(name.clone()),
            _ => None,
        }
    }

    fn place_of(&self, remote: &str) -> Option<Place> {
        place(&self.fetch_url(remote)?)
    }

    /// The server of the remote; empty if it has none.
    pub fn host_name(&self) -> String {
        let place = self.remote().and_then(|it| self.place_of(&it));
        place.map(|it| it.host).unwrap_or_default()
    }

    /// The forge, by the host name of the remote.
    pub fn host(&self) -> Host {
        let host = self.host_name();
        if host.contains("github") {
            Host::Github
        } else if host.contains("gitlab") {
            Host::Gitlab
        } else {
            Host::Other
        }
    }
}

/// What a URL points to: `https://github.com/O/r.git` and `git@github.com:o/r` are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Lower-case; the name in the forge's page URLs.
    host: String,
    /// Lower-case, without `.git`.
    path: String,
    is_ssh: bool,
}

impl Place {
    fn is_same(&self, other: &Self) -> bool {
        self.host == other.host && self.path == other.path
    }

    /// Whether the host looks like a user's alias for `host`: `github-work`, `github.com-work`.
    fn is_alias_of(&self, host: &str) -> bool {
        !self.host.contains('.') || self.host.starts_with(host)
    }
}

fn place(url: &str) -> Option<Place> {
    let url = gix::url::parse(BStr::new(url)).ok()?;
    let path = url.path.to_str_lossy().to_lowercase();
    let path = path.trim_matches('/').trim_end_matches(".git").to_owned();
    let is_ssh = url.scheme == gix::url::Scheme::Ssh;
    Some(Place { host: canonical_host(url.host().unwrap_or_default()), path, is_ssh })
}

/// Forges have alternative host names for users behind a firewall.
fn canonical_host(host: &str) -> String {
    let host = host.to_lowercase();
    let known = match host.as_str() {
        "ssh.github.com" | "www.github.com" => "github.com",
        "altssh.gitlab.com" | "www.gitlab.com" => "gitlab.com",
        "altssh.bitbucket.org" => "bitbucket.org",
        _ => return host,
    };
    known.to_owned()
}

/// The host that `ssh` would connect to.
async fn ssh_host(host: &str, dir: &Path, run: &Run<'_>) -> Option<String> {
    if host.is_empty() || host.starts_with('-') {
        return None;
    }
    let cmd = Cmd::new("ssh", dir).args(["-G", host]).limit(Duration::from_secs(5));
    let output = cmd.run(run.cancel).await.ok().filter(Output::is_success)?;
    let text = output.stdout_text();
    let name = text.lines().find_map(|line| line.strip_prefix("hostname "))?;
    Some(canonical_host(name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_many_urls() {
        let want = place("https://github.com/o/r").unwrap();
        for url in [
            "https://token@GitHub.com/O/R.git",
            "git@github.com:o/r.git",
            "ssh://git@github.com/o/r/",
            "ssh://git@ssh.github.com:443/o/r.git",
            "https://www.github.com/o/r",
        ] {
            assert!(place(url).unwrap().is_same(&want), "{url}");
        }
        let local = place("/srv/git/r.git").unwrap();
        assert_eq!((local.host.as_str(), local.path.as_str()), ("", "srv/git/r"));
    }

    #[test]
    fn a_name_that_no_server_has_is_an_alias() {
        for (url, want) in [
            ("git@github-work:o/r.git", true),
            ("git@github.com-work:o/r", true),
            ("git@gitlab.com:o/r", false),
            ("git@git.example.org:o/r", false),
        ] {
            assert_eq!(place(url).unwrap().is_alias_of("github.com"), want, "{url}");
        }
    }
}
