//! A repository on a forge, and what the URLs of remotes say about it.
use crate::model::Host;

/// A repository on GitHub or GitLab, or on a server of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forge {
    pub kind: Host,
    /// `github.com`, or the name of another server.
    pub host: String,
    /// `owner/name`, on GitLab also `group/subgroup/name`; current even after a rename.
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
}

/// `owner/name` in the characters that GitHub allows.
pub(super) fn is_slug(text: &str) -> bool {
    is_path(text) && text.matches('/').count() == 1
}

/// `group/subgroup/name` in the characters that forges allow.
pub(super) fn is_path(text: &str) -> bool {
    let is_name = |name: &str| {
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        !name.is_empty() && !name.starts_with(['-', '.']) && name.bytes().all(is_plain)
    };
    text.contains('/') && text.len() <= 255 && text.split('/').all(is_name)
}

/// A whole id of a commit.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|c| c.is_ascii_hexdigit())
}

/// Host and path of `https://host/owner/name.git`, `ssh://git@host:22/…`, `git@host:…`.
pub(super) fn split_remote(url: &str) -> Option<(&str, &str)> {
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
        let nested = split_remote("git@gitlab.acme.org:web/shop/blog.git");
        assert_eq!(nested, Some(("gitlab.acme.org", "web/shop/blog")));
        for url in ["/srv/blog.git", "../blog", "file:///srv/blog.git"] {
            assert_eq!(split_remote(url), None, "{url}");
        }
    }

    #[test]
    fn the_users_own_remote_is_fetched_from() {
        let forge = Forge {
            kind: Host::Github,
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
        for bad in ["", "blog", "-R/blog", "a/-b", "a/b c", "../..x/\n", "a/$(b)", "a//b", "a/../b"]
        {
            assert!(!is_slug(bad) && !is_path(bad), "{bad}");
        }
        assert!(is_slug("acme/blog.github.io"));
        assert!(!is_slug("a/b/c") && is_path("a/b/c"));
    }
}
