//! Issues and pull requests, through the GitHub CLI.
//!
//! The repository is resolved once, as `gh` resolves it from the remotes and `gh repo set-default`,
//! and named in every later call.
use std::{fmt, str::FromStr};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    brief::{ChangedFile, Comment, Detail, Pull, WorkItem},
    model::Source,
    text::one_line,
};

use super::{Context, Error, Program};

/// GitHub's own limit is 256.
const MAX_TITLE: usize = 256;

const ISSUE_FIELDS: &str = "number,title,body,url,author,state,labels,comments";
const PULL_FIELDS: &str = "number,title,body,url,author,state,labels,comments,isDraft,\
    baseRefName,headRefName,headRefOid,headRepository,headRepositoryOwner,isCrossRepository,\
    files,changedFiles,additions,deletions";

/// An issue or a pull request as the user named it: `456`, `#456`, or the URL of its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    pub number: u64,
    /// Host and `owner/name`, if the user gave a URL.
    pub repo: Option<(String, String)>,
    /// `None`: ask the forge.
    pub is_pull: Option<bool>,
}

impl FromStr for Pointer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::BadNumber { text: one_line(text, 200) };
        let number = |text: &str| text.parse().ok().filter(|it| *it > 0).ok_or_else(bad);
        let text = text.trim();
        let Some((_, rest)) = text.split_once("://") else {
            let number = number(text.strip_prefix('#').unwrap_or(text))?;
            return Ok(Self { number, repo: None, is_pull: None });
        };
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let mut parts = path.split('/');
        let mut next = || parts.next().filter(|it| !it.is_empty()).ok_or_else(bad);
        let (host, owner, name, kind, at) = (next()?, next()?, next()?, next()?, next()?);
        let is_pull = match kind {
            "issues" => false,
            "pull" => true,
            _ => return Err(bad()),
        };
        let repo = format!("{owner}/{name}");
        if !is_slug(&repo) {
            return Err(bad());
        }
        let host = host.rsplit('@').next().unwrap_or(host).trim_start_matches("www.");
        let repo = Some((host.to_lowercase(), repo));
        Ok(Self { number: number(at)?, repo, is_pull: Some(is_pull) })
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((host, repo)) = &self.repo else { return write!(f, "#{}", self.number) };
        let kind = if self.is_pull == Some(true) { "pull" } else { "issues" };
        write!(f, "https://{host}/{repo}/{kind}/{}", self.number)
    }
}

/// Whether it is a pull request of this repository; asks if the user did not say.
pub async fn resolve(cx: &Context<'_>, pointer: &Pointer) -> Result<bool, Error> {
    let forge = fetch_forge(cx).await?;
    if let Some((host, repo)) = &pointer.repo
        && !(forge.host.eq_ignore_ascii_case(host) && forge.repo.eq_ignore_ascii_case(repo))
    {
        return Err(Error::OtherRepository { url: pointer.to_string(), repo: forge.repo });
    }
    if let Some(known) = pointer.is_pull {
        return Ok(known);
    }
    // `gh issue view` answers for both kinds.
    let found: UrlJson = view(cx, &forge, "issue", pointer.number, "number,url").await?;
    Ok(is_pull_page(&found.url))
}

/// The repository of the issues and pull requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forge {
    /// `github.com`, or the name of an enterprise server.
    pub host: String,
    /// `owner/name`, current even after a rename.
    pub repo: String,
    /// The URL of its web page.
    pub url: String,
    pub ssh_url: String,
    /// `None` if the repository is empty.
    pub default_branch: Option<String>,
}

impl Forge {
    /// Where to fetch from: the URL of the user's remote for this repository, because their
    /// credentials work for it; else built with the protocol of their other remotes on this host.
    /// It may contain a password, so do not print it.
    pub fn fetch_url<'a>(&self, remotes: impl IntoIterator<Item = &'a str>) -> String {
        let mut by_ssh = false;
        for remote in remotes {
            let Some((host, path)) = split_remote(remote) else { continue };
            if !host.eq_ignore_ascii_case(&self.host) {
                continue;
            }
            if path.eq_ignore_ascii_case(&self.repo) {
                return remote.to_owned();
            }
            by_ssh |= !remote.starts_with("http");
        }
        if by_ssh { self.ssh_url.clone() } else { format!("{}.git", self.url) }
    }

    /// For `--repo`: includes the host unless it is github.com.
    fn argument(&self) -> String {
        if self.host == "github.com" {
            return self.repo.clone();
        }
        format!("{}/{}", self.host, self.repo)
    }
}

/// The repository that `gh` uses for `cx.dir`.
pub async fn fetch_forge(cx: &Context<'_>) -> Result<Forge, Error> {
    let fields = "nameWithOwner,url,sshUrl,defaultBranchRef";
    let output = cx.run(Program::Gh, &["repo", "view", "--json", fields]).await?;
    if !output.is_success() {
        return Err(match complaint(output.status.code(), &output.stderr_text()) {
            Complaint::NoRepository => Error::NoRepository { dir: cx.dir.to_owned() },
            Complaint::NoRemote => Error::NoRemote,
            Complaint::NotOnGithub => Error::NotOnGithub,
            Complaint::RepoNotFound(repo) => Error::RepoNotFound { repo },
            Complaint::Other(error) => error,
            Complaint::IssuesOff | Complaint::NumberNotFound => failed(&output.stderr_text()),
        });
    }
    let repo: RepoJson = read(&output.stdout)?;
    if !is_slug(&repo.name_with_owner) {
        return Err(nonsense("repository", &repo.name_with_owner));
    }
    let Some((host, _)) = split_remote(&repo.url) else {
        return Err(nonsense("repository's URL", &repo.url));
    };
    Ok(Forge {
        host: host.to_owned(),
        repo: repo.name_with_owner,
        ssh_url: repo.ssh_url,
        default_branch: repo.default_branch_ref.map(|it| it.name).filter(|it| !it.is_empty()),
        url: repo.url,
    })
}

/// The issue with all comments.
pub async fn fetch_issue(cx: &Context<'_>, forge: &Forge, number: u64) -> Result<WorkItem, Error> {
    let item: ItemJson = view(cx, forge, "issue", number, ISSUE_FIELDS).await?;
    if item.is_pull_request() {
        return Err(Error::IsPullRequest { number, repo: forge.repo.clone() });
    }
    let source = Source::GithubIssue {
        number,
        url: item.url.clone(),
        title: one_line(&item.title, MAX_TITLE),
    };
    Ok(item.into_work_item(source, Detail::None))
}

/// The pull request with all comments; its [`Pull`] names the commit to check out.
pub async fn fetch_pull(cx: &Context<'_>, forge: &Forge, number: u64) -> Result<WorkItem, Error> {
    let pull: PullJson = match view(cx, forge, "pr", number, PULL_FIELDS).await {
        Err(not_found @ Error::NotFound { .. }) => {
            // An issue number is a likely mistake here and gets its own error.
            return Err(match view::<UrlJson>(cx, forge, "issue", number, "number,url").await {
                Ok(_) => Error::IsIssue { number, repo: forge.repo.clone() },
                Err(Error::Cancelled) => Error::Cancelled,
                Err(_) => not_found,
            });
        }
        found => found?,
    };
    let is_hex = pull.head_ref_oid.bytes().all(|c| c.is_ascii_hexdigit());
    if !is_hex || !matches!(pull.head_ref_oid.len(), 40 | 64) {
        return Err(nonsense("head commit", &pull.head_ref_oid));
    }
    let source = Source::GithubPr {
        number,
        url: pull.item.url.clone(),
        title: one_line(&pull.item.title, MAX_TITLE),
    };
    let detail = Detail::Pull(Pull {
        base: pull.base_ref_name,
        head: pull.head_ref_name,
        head_sha: pull.head_ref_oid,
        head_repo: head_repo(pull.head_repository_owner, pull.head_repository),
        is_cross_repository: pull.is_cross_repository,
        is_draft: pull.is_draft,
        n_files: pull.changed_files,
        additions: pull.additions,
        deletions: pull.deletions,
        files: pull.files,
    });
    Ok(pull.item.into_work_item(source, detail))
}

async fn view<T: DeserializeOwned>(
    cx: &Context<'_>,
    forge: &Forge,
    what: &'static str,
    number: u64,
    fields: &str,
) -> Result<T, Error> {
    let (number_text, repo_argument) = (number.to_string(), forge.argument());
    let args = [what, "view", &number_text, "--repo", &repo_argument, "--json", fields];
    let output = cx.run(Program::Gh, &args).await?;
    if output.is_success() {
        return read(&output.stdout);
    }
    let repo = forge.repo.clone();
    let what = if what == "pr" { "pull request" } else { what };
    Err(match complaint(output.status.code(), &output.stderr_text()) {
        Complaint::NumberNotFound => Error::NotFound { what, number, repo },
        Complaint::IssuesOff => Error::IssuesOff { repo },
        Complaint::RepoNotFound(repo) => Error::RepoNotFound { repo },
        Complaint::Other(error) => error,
        Complaint::NoRepository | Complaint::NoRemote | Complaint::NotOnGithub => {
            failed(&output.stderr_text())
        }
    })
}

/// The reason for a failure of `gh`. It gives texts, not codes: 4 is a missing login, anything else
/// is 1.
#[derive(Debug)]
enum Complaint {
    NoRepository,
    NoRemote,
    NotOnGithub,
    RepoNotFound(String),
    NumberNotFound,
    IssuesOff,
    Other(Error),
}

fn complaint(code: Option<i32>, stderr: &str) -> Complaint {
    let program = Program::Gh;
    let says = |text: &str| stderr.contains(text);
    let detail = || detail(stderr);
    if code == Some(4) || says("HTTP 401") || says("gh auth login") && says("authentication") {
        return Complaint::Other(Error::NotLoggedIn { program });
    }
    if let Some((_, rest)) = stderr.split_once("Could not resolve to a Repository with the name '")
    {
        let repo = rest.split('\'').next().unwrap_or_default();
        return Complaint::RepoNotFound(one_line(repo, 140));
    }
    if says("Could not resolve to a") {
        return Complaint::NumberNotFound;
    }
    if says("has disabled issues") {
        return Complaint::IssuesOff;
    }
    if says("not a git repository") {
        return Complaint::NoRepository;
    }
    if says("no git remotes found") {
        return Complaint::NoRemote;
    }
    if says("none of the git remotes") {
        return Complaint::NotOnGithub;
    }
    Complaint::Other(if says("HTTP 403") || says("HTTP 429") || says("rate limit") {
        Error::Refused { program, detail: detail() }
    } else if says("error connecting to") || says("dial ") || says("HTTP 5") || says("timeout") {
        Error::Network { program, detail: detail() }
    } else {
        Error::Failed { program, detail: detail() }
    })
}

fn failed(stderr: &str) -> Error {
    Error::Failed { program: Program::Gh, detail: detail(stderr) }
}

fn nonsense(what: &'static str, value: &str) -> Error {
    Error::Nonsense { program: Program::Gh, what, value: one_line(value, 80) }
}

fn detail(stderr: &str) -> String {
    let line = stderr.lines().find(|line| !line.trim().is_empty());
    line.map_or_else(|| "it did not say why".to_owned(), |line| one_line(line, 300))
}

fn read<T: DeserializeOwned>(stdout: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(stdout)
        .map_err(|source| Error::Unreadable { program: Program::Gh, source })
}

/// `owner/name` in the characters that GitHub allows.
fn is_slug(text: &str) -> bool {
    let is_name = |name: &str| {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        !name.is_empty() && !name.starts_with('-') && name.bytes().all(is_plain)
    };
    text.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name))
}

/// Host and `owner/name` of `https://host/owner/name.git`, `ssh://git@host:22/…`, `git@host:…`.
fn split_remote(url: &str) -> Option<(&str, &str)> {
    let (authority, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => url.split_once(':')?,
    };
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next().filter(|host| !host.is_empty())?;
    let path = path.trim_matches('/');
    Some((host, path.strip_suffix(".git").unwrap_or(path)))
}

fn head_repo(owner: Option<Login>, repo: Option<Named>) -> Option<String> {
    let (owner, name) = (owner?.login?, repo?.name);
    (!owner.is_empty() && !name.is_empty()).then(|| format!("{owner}/{name}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepoJson {
    name_with_owner: String,
    url: String,
    ssh_url: String,
    default_branch_ref: Option<Named>,
}

#[derive(Deserialize)]
struct ItemJson {
    url: String,
    title: String,
    body: String,
    state: String,
    author: Option<Login>,
    labels: Vec<Named>,
    comments: Vec<CommentJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PullJson {
    #[serde(flatten)]
    item: ItemJson,
    is_draft: bool,
    base_ref_name: String,
    head_ref_name: String,
    head_ref_oid: String,
    head_repository: Option<Named>,
    head_repository_owner: Option<Login>,
    is_cross_repository: bool,
    files: Vec<ChangedFile>,
    changed_files: u64,
    additions: u64,
    deletions: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommentJson {
    author: Option<Login>,
    body: String,
    created_at: String,
}

#[derive(Deserialize)]
struct UrlJson {
    url: String,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Login {
    login: Option<String>,
}

fn is_pull_page(url: &str) -> bool {
    url.rsplit('/').nth(1) == Some("pull")
}

/// The name shown for a deleted account. `gh` gives an empty name for it, or for an app without
/// one.
const GHOST: &str = "a deleted account";

impl ItemJson {
    /// `gh issue view` also answers for a pull request; only the URL shows the difference.
    fn is_pull_request(&self) -> bool {
        is_pull_page(&self.url)
    }

    fn into_work_item(self, source: Source, detail: Detail) -> WorkItem {
        let login = |author: Option<Login>| {
            author?.login.filter(|login| !matches!(login.as_str(), "" | "app/"))
        };
        let comment = |it: CommentJson| Comment {
            author: login(it.author),
            at: it.created_at,
            text: it.body,
        };
        WorkItem {
            source,
            author: Some(login(self.author).unwrap_or_else(|| GHOST.to_owned())),
            state: Some(self.state),
            labels: self.labels.into_iter().map(|label| label.name).collect(),
            body: self.body,
            comments: self.comments.into_iter().map(comment).collect(),
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_named_by_number_or_page() {
        let parse = |text: &str| text.parse::<Pointer>();
        let plain = Pointer { number: 456, repo: None, is_pull: None };
        for text in ["456", "#456", " 456 "] {
            assert_eq!(parse(text).unwrap(), plain, "{text}");
        }
        let repo = Some(("github.com".to_owned(), "acme/blog".to_owned()));
        let issue = Pointer { number: 4, repo: repo.clone(), is_pull: Some(false) };
        for text in [
            "https://github.com/acme/blog/issues/4",
            "https://www.github.com/acme/blog/issues/4#issuecomment-1",
            "http://GitHub.com/acme/blog/issues/4?x=y",
        ] {
            assert_eq!(parse(text).unwrap(), issue, "{text}");
        }
        let pull = Pointer { is_pull: Some(true), ..issue };
        assert_eq!(parse("https://github.com/acme/blog/pull/4/files").unwrap(), pull);
        for bad in [
            "",
            "0",
            "#0",
            "-1",
            "x",
            "1 2",
            "https://github.com/acme/blog",
            "https://github.com",
            "https://github.com/acme/blog/issues/x",
            "https://github.com/-x/blog/issues/4",
            "https://github.com/acme/blog/wiki/4",
        ] {
            assert!(matches!(parse(bad), Err(Error::BadNumber { .. })), "{bad}");
        }
    }

    #[test]
    fn a_remote_names_host_and_repository() {
        for url in [
            "https://github.com/acme/blog",
            "https://me:secret@github.com/acme/blog.git",
            "git@github.com:acme/blog.git",
            "ssh://git@github.com:22/acme/blog.git/",
        ] {
            assert_eq!(split_remote(url), Some(("github.com", "acme/blog")), "{url}");
        }
        for url in ["/srv/blog.git", "../blog", "file:///srv/blog.git"] {
            assert_eq!(split_remote(url), None, "{url}");
        }
    }

    #[test]
    fn the_users_own_remote_is_fetched_from() {
        let forge = Forge {
            host: "github.com".to_owned(),
            repo: "acme/blog".to_owned(),
            url: "https://github.com/acme/blog".to_owned(),
            ssh_url: "git@github.com:acme/blog.git".to_owned(),
            default_branch: None,
        };
        let fork = "git@github.com:me/blog.git";
        assert_eq!(
            forge.fetch_url([fork, "ssh://git@github.com/Acme/Blog"]),
            "ssh://git@github.com/Acme/Blog"
        );
        assert_eq!(forge.fetch_url([fork, "/srv/x"]), forge.ssh_url);
        assert_eq!(
            forge.fetch_url(["git@gitlab.com:acme/blog"]),
            "https://github.com/acme/blog.git"
        );
    }

    #[test]
    fn a_repository_name_is_no_flag_and_no_path() {
        for bad in ["", "blog", "-R/blog", "a/-b", "a/b/c", "a/b c", "../..x/\n", "a/$(b)"] {
            assert!(!is_slug(bad), "{bad}");
        }
        assert!(is_slug("acme/blog.github.io"));
    }

    #[track_caller]
    fn check(code: i32, stderr: &str, want: &str) {
        let got = format!("{:?}", complaint(Some(code), stderr));
        assert!(got.contains(want), "{got}");
    }

    #[test]
    fn a_complaint_is_understood() {
        check(4, "To get started with GitHub CLI, please run:  gh auth login", "NotLoggedIn");
        check(1, "HTTP 401: Bad credentials (https://api.github.com/graphql)", "NotLoggedIn");
        check(1, "HTTP 403: API rate limit exceeded (https://…)", "Refused");
        check(1, "HTTP 502: x (https://api.github.com/graphql)", "Network");
        check(1, "error connecting to api.github.com\ncheck your internet", "Network");
        check(1, "failed to run git: fatal: not a git repository (or any…", "NoRepository");
        check(1, "the 'acme/blog' repository has disabled issues", "IssuesOff");
        check(1, "GraphQL: Could not resolve to a Repository with the name 'a/b'. (x)", "\"a/b\"");
        check(1, "\x1b[31mboom\n", "boom");
        check(2, "", "it did not say why");
    }
}
