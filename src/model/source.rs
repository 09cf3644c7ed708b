//! Where a worker's task came from.
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unicode_width::UnicodeWidthChar as _;

use super::UnknownName;

/// The task of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SourceJson", into = "SourceJson")]
pub struct Source {
    pub kind: SourceKind,
    /// The number or key that its forge or tracker gives it; empty for a prompt.
    pub key: String,
    /// The address of its page.
    pub url: Option<String>,
    /// One clean line.
    pub title: String,
    /// Fields of a newer version.
    rest: Map<String, Value>,
}

/// Where a task is kept. What differs between them is a row of [`SourceKind::row`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    GithubIssue,
    GithubPr,
    GitlabIssue,
    GitlabMr,
    Jira,
    Bead,
    #[serde(rename = "openspec-change")]
    OpenSpec,
    Prompt,
    /// The workers of a project, which an orchestrator directs. Its key is the orchestrator's name.
    Orchestrator,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// The words for one kind of source.
#[derive(Clone, Copy, Debug)]
pub struct SourceRow {
    /// What it is called in a sentence: "issue".
    pub noun: &'static str,
    /// Stands before its key: "#".
    pub mark: &'static str,
    /// The key is a number.
    pub is_numbered: bool,
    pub work: Kind,
    /// Begins the name of the branch.
    branch: &'static str,
    /// Begins how it is shown in a list.
    shown: &'static str,
}

/// The kind of work; decides the brief and the default placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Implementation,
    Review,
    /// It directs other workers, and has no worktree and no branch of its own.
    Orchestrator,
    /// A value from a newer version.
    #[serde(untagged)]
    Other(UnknownName),
}

/// The forge that holds the repository, judged by its remote's host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    Github,
    Gitlab,
    Other,
}

impl SourceKind {
    pub fn row(self) -> SourceRow {
        let (noun, mark, branch, shown, work) = match self {
            Self::GithubIssue => ("issue", "#", "github-issue-", "issue #", Kind::Implementation),
            Self::GithubPr => ("pull request", "#", "github-pr-", "PR #", Kind::Review),
            Self::GitlabIssue => ("issue", "#", "gitlab-issue-", "issue #", Kind::Implementation),
            Self::GitlabMr => ("merge request", "!", "gitlab-mr-", "MR !", Kind::Review),
            Self::Jira => ("ticket", "", "jira-ticket-", "", Kind::Implementation),
            Self::Bead => ("bead", "", "bead-", "", Kind::Implementation),
            Self::OpenSpec => ("change", "", "opsx-change-", "change ", Kind::Implementation),
            Self::Prompt => ("task", "", "prompt-", "prompt", Kind::Implementation),
            Self::Orchestrator => ("orchestrator", "", "", "orchestrator ", Kind::Orchestrator),
            Self::Other(_) => ("task", "", "", "", Kind::Implementation),
        };
        SourceRow { noun, mark, is_numbered: !mark.is_empty(), work, branch, shown }
    }

    /// A tracker that the configuration adds. `None` if it cannot have this name: it is that of one that is
    /// built in, or longer than 31 characters, or has others than letters, digits, `-` and `_`.
    pub fn custom(name: &str) -> Option<Self> {
        const TAKEN: [&str; 5] = ["github", "gitlab", "opsx", "openspec", "source"];
        if name.starts_with('-') || TAKEN.contains(&name) {
            return None;
        }
        let kind: Self = serde_json::from_value(Value::from(name)).ok()?;
        matches!(kind, Self::Other(_)).then_some(kind)
    }

    /// As `--json` and the store have it: `github-issue`.
    pub fn name(&self) -> &str {
        match self {
            Self::GithubIssue => "github-issue",
            Self::GithubPr => "github-pr",
            Self::GitlabIssue => "gitlab-issue",
            Self::GitlabMr => "gitlab-mr",
            Self::Jira => "jira",
            Self::Bead => "bead",
            Self::OpenSpec => "openspec-change",
            Self::Prompt => "prompt",
            Self::Orchestrator => "orchestrator",
            Self::Other(name) => name.as_str(),
        }
    }
}

impl Source {
    pub fn new(kind: SourceKind, key: &str, url: &str, title: String) -> Self {
        let url = Some(url.to_owned()).filter(|it| !it.is_empty());
        Self { kind, key: key.to_owned(), url, title, rest: Map::new() }
    }

    /// A task in the user's own words.
    pub fn prompt(title: impl Into<String>) -> Self {
        Self::new(SourceKind::Prompt, "", "", title.into())
    }

    /// The branch name for this source, unless the user chooses one.
    pub fn branch(&self) -> String {
        match self.kind {
            SourceKind::Prompt => format!("{}{}", self.kind.row().branch, slug(&self.title)),
            SourceKind::Other(name) => {
                let key = self.key.to_lowercase();
                let parts = key.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty());
                let name = name.as_str().to_lowercase();
                std::iter::once(name.as_str()).chain(parts).collect::<Vec<_>>().join("-")
            }
            SourceKind::GithubIssue
            | SourceKind::GithubPr
            | SourceKind::GitlabIssue
            | SourceKind::GitlabMr
            | SourceKind::Jira
            | SourceKind::Bead
            | SourceKind::OpenSpec
            | SourceKind::Orchestrator => {
                format!("{}{}", self.kind.row().branch, self.key.to_lowercase())
            }
        }
    }

    /// The pull request that `text` names for this work, if it names exactly one. For an issue, it
    /// must be of the issue's repository; for other work, of a repository named like the project,
    /// else of any. For a review, the pull request is already known; those that an orchestrator names are its
    /// workers'.
    pub fn pull_request_in(&self, text: &str, project: &str) -> Option<String> {
        let urls = pull_requests_in(text);
        if self.kind.row().work != Kind::Implementation {
            return None;
        }
        let page = self.url.as_deref().and_then(|it| it.rsplit_once("/issues/"));
        let pages = match self.kind {
            SourceKind::GithubIssue => page.map(|(repo, _)| format!("{repo}/pull/")),
            // Its pages have a `/-` before them.
            SourceKind::GitlabIssue => page.map(|(repo, _)| format!("{repo}/merge_requests/")),
            SourceKind::GithubPr
            | SourceKind::GitlabMr
            | SourceKind::Jira
            | SourceKind::Bead
            | SourceKind::OpenSpec
            | SourceKind::Prompt
            | SourceKind::Orchestrator
            | SourceKind::Other(_) => None,
        };
        if let Some(base) = pages {
            return only(urls.into_iter().filter(|it| it.starts_with(&base)));
        }
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

    /// A key that two workers on the same task in one repository share; prompts have none.
    pub fn task_key(&self) -> Option<String> {
        let is_prompt = self.kind == SourceKind::Prompt;
        (!is_prompt).then(|| format!("{}-{}", self.kind.name(), self.key.to_lowercase()))
    }

    /// How its forge or tracker refers to it: `#456`, `PROJ-12`.
    pub fn reference(&self) -> Option<String> {
        (!self.key.is_empty()).then(|| format!("{}{}", self.kind.row().mark, self.key))
    }

    /// `text` is its number or key, or the address of its page.
    pub fn is_called(&self, text: &str) -> bool {
        let is_page = |url: &str| url.trim_end_matches('/') == text.trim_end_matches('/');
        let key = text.strip_prefix(self.kind.row().mark).unwrap_or(text);
        self.url.as_deref().is_some_and(is_page)
            || !self.key.is_empty() && self.key.eq_ignore_ascii_case(key)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if let SourceKind::Other(name) = self.kind {
            format!("{name} {}", self.key)
        } else {
            format!("{}{}", self.kind.row().shown, self.key)
        };
        f.write_str(text.trim_end())
    }
}

/// A source as it is stored and sent.
#[derive(Serialize, Deserialize)]
struct SourceJson {
    #[serde(rename = "type")]
    kind: SourceKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl From<SourceJson> for Source {
    fn from(json: SourceJson) -> Self {
        let key = json.key.or_else(|| json.number.map(|it| it.to_string())).unwrap_or_default();
        Self { kind: json.kind, key, url: json.url, title: json.title, rest: json.rest }
    }
}

impl From<Source> for SourceJson {
    fn from(source: Source) -> Self {
        let number = source.key.parse().ok().filter(|_| source.kind.row().is_numbered);
        let key = Some(source.key).filter(|it| number.is_none() && !it.is_empty());
        let Source { kind, url, title, rest, .. } = source;
        Self { kind, number, key, url, title, rest }
    }
}

/// The value that all of them share, if they do.
fn only(mut urls: impl Iterator<Item = String>) -> Option<String> {
    let first = urls.next()?;
    urls.all(|it| it == first).then_some(first)
}

/// URLs of pull requests (GitHub) and merge requests (GitLab) in a text, without what follows the
/// number.
pub fn pull_requests_in(text: &str) -> Vec<String> {
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
        let url = "https://github.com/acme/blog/issues/4";
        let issue = Source::new(SourceKind::GithubIssue, "4", url, String::new());
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
    fn a_merge_request_is_one_of_the_issues_project() {
        let url = "https://gitlab.com/acme/web/blog/-/issues/4";
        let issue = Source::new(SourceKind::GitlabIssue, "4", url, String::new());
        let own = "https://gitlab.com/acme/web/blog/-/merge_requests/7";
        let said = format!("{own} https://gitlab.com/acme/other/-/merge_requests/8");
        assert_eq!(issue.pull_request_in(&said, "x").as_deref(), Some(own));
        assert_eq!(
            issue.pull_request_in("https://gitlab.com/acme/other/-/merge_requests/8", "x"),
            None
        );
    }

    #[test]
    fn other_work_takes_the_one_pull_request_of_its_project() {
        let prompt = Source::prompt("");
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
        let review = Source::new(SourceKind::GithubPr, "7", own, String::new());
        assert_eq!(review.pull_request_in(other, "blog"), None);
    }

    #[test]
    fn a_prompt_names_its_branch() {
        let branch = |title: &str| Source::prompt(title).branch();
        assert_eq!(branch("Fix the login-bug, please!"), "prompt-fix-the-login-bug-please");
        assert_eq!(branch("--force ../../etc #{x}"), "prompt-force-etc-x");
        assert_eq!(branch("日本語を直す。テストも"), "prompt-日本語を直す-テストも");
        assert_eq!(branch("Ändere die Überschrift"), "prompt-ändere-die-überschrift");
        assert_eq!(branch("हिन्दी में लिखो"), "prompt-हिन्दी-में-लिखो");
        assert_eq!(branch("🎉 \u{202e}\u{200b}\u{fe0f}!"), "prompt-task");
        assert_eq!(branch(&"a".repeat(99)), format!("prompt-{}", "a".repeat(40)));
    }

    #[test]
    fn a_source_is_stored_as_ever_and_that_of_a_newer_version_is_kept() {
        for text in [
            r#"{"type":"github-issue","number":4,"url":"https://x/4","title":"Bug"}"#,
            r#"{"type":"gitlab-mr","number":7,"url":"https://x/7","title":"Bug"}"#,
            r#"{"type":"jira","key":"PROJ-12","url":"https://x/PROJ-12","title":"Bug"}"#,
            r#"{"type":"bead","key":"bd-a1b2","title":"Bug"}"#,
            r#"{"type":"openspec-change","key":"add-x","title":"Bug"}"#,
            r#"{"type":"prompt","title":"Fix it"}"#,
            r#"{"type":"sketch","key":"S-1","title":"hi","layers":[1,2]}"#,
        ] {
            let source: Source = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&source).unwrap(), text);
        }
    }
}
