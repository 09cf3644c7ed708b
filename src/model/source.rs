//! Where a worker's task came from.
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use unicode_width::UnicodeWidthChar as _;

use super::{UnknownName, unknown::name_of};

/// The task of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum Source {
    GithubIssue {
        number: u64,
        url: String,
        title: String,
    },
    GithubPr {
        number: u64,
        url: String,
        title: String,
    },
    Jira {
        key: String,
        url: String,
        title: String,
    },
    Prompt {
        title: String,
    },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(Value),
}

/// The kind of work; decides the brief and the default placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Implementation,
    Review,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// The forge that holds the repository, judged by its remote's host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    Github,
    Gitlab,
    Other,
}

impl Source {
    /// The branch name for this source, unless the user chooses one.
    pub fn branch(&self) -> String {
        match self {
            Self::GithubIssue { number, .. } => format!("github-issue-{number}"),
            Self::GithubPr { number, .. } => format!("github-pr-{number}"),
            Self::Jira { key, .. } => format!("jira-ticket-{}", key.to_lowercase()),
            Self::Prompt { title } => format!("prompt-{}", slug(title)),
            Self::Other(value) => slug(&format!("{} {}", name_of(value), field(value, "key"))),
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::GithubPr { .. } => Kind::Review,
            Self::GithubIssue { .. } | Self::Jira { .. } | Self::Prompt { .. } | Self::Other(_) => {
                Kind::Implementation
            }
        }
    }

    pub fn url(&self) -> Option<&str> {
        match self {
            Self::GithubIssue { url, .. } | Self::GithubPr { url, .. } | Self::Jira { url, .. } => {
                Some(url)
            }
            Self::Prompt { .. } => None,
            Self::Other(value) => value.get("url")?.as_str(),
        }
    }

    /// The pull request that `text` names for this work, if it names exactly one. For an issue, it
    /// must be of the issue's repository; for other work, of a repository named like the project,
    /// else of any. For a review, the pull request is already known.
    pub fn pull_request_in(&self, text: &str, project: &str) -> Option<String> {
        let urls = pull_requests_in(text);
        match self {
            Self::GithubPr { .. } => None,
            Self::GithubIssue { url, .. } => {
                let base = format!("{}/pull/", url.rsplit_once("/issues/")?.0);
                only(urls.into_iter().filter(|it| it.starts_with(&base)))
            }
            Self::Jira { .. } | Self::Prompt { .. } | Self::Other(_) => {
                let is_own = |url: &&String| {
                    let path = url.split("/-/").next().unwrap_or_default();
                    let repo = path.split("/pull/").next().and_then(|it| it.rsplit('/').next());
                    repo.is_some_and(|it| it.eq_ignore_ascii_case(project))
                };
                if urls.iter().any(|it| is_own(&it)) {
                    only(urls.iter().filter(is_own).cloned())
                } else {
                    only(urls.into_iter())
                }
            }
        }
    }

    pub fn title(&self) -> &str {
        match self {
            Self::GithubIssue { title, .. }
            | Self::GithubPr { title, .. }
            | Self::Jira { title, .. }
            | Self::Prompt { title } => title,
            Self::Other(value) => field(value, "title"),
        }
    }

    /// A key that two workers on the same task in one repository share; prompts have none.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::GithubIssue { number, .. } => Some(format!("github-issue-{number}")),
            Self::GithubPr { number, .. } => Some(format!("github-pr-{number}")),
            Self::Jira { key, .. } => Some(format!("jira-{}", key.to_lowercase())),
            Self::Prompt { .. } => None,
            Self::Other(value) => Some(value.to_string()),
        }
    }
}

/// A field of a source from a newer version.
fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GithubIssue { number, .. } => write!(f, "issue #{number}"),
            Self::GithubPr { number, .. } => write!(f, "PR #{number}"),
            Self::Jira { key, .. } => f.write_str(key),
            Self::Prompt { .. } => f.write_str("prompt"),
            Self::Other(value) => f.write_str(name_of(value)),
        }
    }
}

/// The value that all of them share, if they do.
fn only(mut urls: impl Iterator<Item = String>) -> Option<String> {
    let first = urls.next()?;
    urls.all(|it| it == first).then_some(first)
}

/// URLs of pull requests (GitHub) and merge requests (GitLab) in a text, without what follows the
/// number.
fn pull_requests_in(text: &str) -> Vec<String> {
    const PATHS: [&str; 2] = ["/pull/", "/-/merge_requests/"];
    let is_end = |c: char| c.is_whitespace() || "()[]<>\"'`".contains(c);
    let words =
        text.split(is_end).filter_map(|word| word.find("https://").and_then(|at| word.get(at..)));
    let url = |word: &str| {
        let (path, at) = PATHS.iter().find_map(|it| Some((*it, word.find(it)?)))?;
        let (base, rest) = (word.get(..at)?, word.get(at + path.len()..)?);
        let number = rest.split(|it: char| !it.is_ascii_digit()).next().unwrap_or_default();
        let is_repo = base.matches('/').count() >= 4;
        (is_repo && !number.is_empty()).then(|| format!("{base}{path}{number}"))
    };
    words.filter_map(url).collect()
}

/// A letter or digit of any script, or a mark that belongs to the preceding letter.
fn is_letter(c: char) -> bool {
    // Of the characters without width, these affect the surrounding text or are invisible.
    let is_hidden = matches!(
        c,
        '\0'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    c.is_alphanumeric() || c.width() == Some(0) && !is_hidden
}

/// The first words of a prompt as part of a branch name.
fn slug(text: &str) -> String {
    const MAX_WORDS: usize = 6;
    const MAX_LEN: usize = 40;
    let mut slug = String::new();
    let mut len = 0;
    let words = text.split(|c: char| !is_letter(c)).filter(|it| it.contains(char::is_alphanumeric));
    for word in words.take(MAX_WORDS) {
        let n_letters = word.chars().count();
        if len > 0 && len + 1 + n_letters > MAX_LEN {
            break;
        }
        if len > 0 {
            slug.push('-');
        }
        slug.extend(word.chars().take(MAX_LEN).flat_map(char::to_lowercase));
        len += 1 + n_letters;
    }
    if slug.is_empty() { "task".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pull_request_is_one_of_the_issues_repository() {
        let url = "https://github.com/acme/blog/issues/4".to_owned();
        let issue = Source::GithubIssue { number: 4, url, title: String::new() };
        let check = |text: &str, want: Option<&str>| {
            assert_eq!(issue.pull_request_in(text, "blog").as_deref(), want, "{text}");
        };
        let own = "https://github.com/acme/blog/pull/7";
        check("Opened https://github.com/acme/blog/pull/7.", Some(own));
        check(&format!("{own} ({own}/files)"), Some(own));
        check("https://github.com/acme/blog/pull/7 or https://github.com/acme/blog/pull/8", None);
        check("https://github.com/acme/other/pull/7", None);
        check("https://github.com/acme/blog/pull/new", None);
    }

    #[test]
    fn other_work_takes_the_one_pull_request_of_its_project() {
        let prompt = Source::Prompt { title: String::new() };
        let check = |text: &str, want: Option<&str>| {
            assert_eq!(prompt.pull_request_in(text, "Blog").as_deref(), want, "{text}");
        };
        let own = "https://github.com/acme/blog/pull/7";
        let other = "https://github.com/acme/other/pull/3";
        let merge = "https://gitlab.com/acme/team/blog/-/merge_requests/9";
        check(&format!("Opened [#7]({own}), like {other}."), Some(own));
        check(&format!("Opened {merge}."), Some(merge));
        check(&format!("Opened {other}."), Some(other));
        check(&format!("See {other} and https://github.com/acme/else/pull/3"), None);
        check(&format!("{own} and {own}0"), None);
        check("https://github.com/pull/7 https://github.com/acme/blog/issues/7", None);
        let review = Source::GithubPr { number: 7, url: own.to_owned(), title: String::new() };
        assert_eq!(review.pull_request_in(other, "blog"), None);
    }

    #[test]
    fn a_prompt_names_its_branch() {
        let branch = |title: &str| Source::Prompt { title: title.to_owned() }.branch();
        assert_eq!(branch("Fix the login-bug, please!"), "prompt-fix-the-login-bug-please");
        assert_eq!(branch("--force ../../etc #{x}"), "prompt-force-etc-x");
        assert_eq!(branch("日本語を直す。テストも"), "prompt-日本語を直す-テストも");
        assert_eq!(branch("Ändere die Überschrift"), "prompt-ändere-die-überschrift");
        assert_eq!(branch("हिन्दी में लिखो"), "prompt-हिन्दी-में-लिखो");
        assert_eq!(branch("🎉 \u{202e}\u{200b}\u{fe0f}!"), "prompt-task");
        assert_eq!(branch(&"a".repeat(99)), format!("prompt-{}", "a".repeat(40)));
    }
}
