//! The repository whose issues and pull requests are meant, as `gh` understands the remotes and
//! `gh repo set-default`.
use super::{
    PROGRAM,
    complaint::{Complaint, complaint, failed},
    json::{RepoJson, read},
    nonsense,
};
use crate::sources::{Context, Error};

/// A repository on GitHub or on a GitHub server.
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
    pub(super) fn argument(&self) -> String {
        if self.host == "github.com" {
            return self.repo.clone();
        }
        format!("{}/{}", self.host, self.repo)
    }
}

/// The repository that `gh` uses for `cx.dir`.
pub async fn fetch_forge(cx: &Context<'_>) -> Result<Forge, Error> {
    let fields = "nameWithOwner,url,sshUrl,defaultBranchRef";
    let output = cx.run(&PROGRAM, &["repo", "view", "--json", fields]).await?;
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

/// `owner/name` in the characters that GitHub allows.
pub(super) fn is_slug(text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
