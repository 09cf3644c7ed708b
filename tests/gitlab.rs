//! Work from GitLab by a stand-in for `glab`, whose answers are those of GitLab's documentation.
use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;
use wtmag::{
    brief::WorkItem,
    model::{Checks, Host, Review},
    proc::{Cancel, never},
    sources::{
        Context, Error, Tracker,
        gitlab::{self, SPEC},
        pulls,
        question::Question,
        ready::Wanted,
    },
};

use crate::sources::said;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// A clone of a project, and what its `glab` knows.
struct Desk {
    dir: TempDir,
    cancel: Cancel,
    env: Vec<(&'static str, String)>,
}

impl Desk {
    fn new(remote: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data.json");
        fs::copy(format!("{FIXTURES}/glab/data.json"), &data).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let path = format!("{FIXTURES}/glab:{}", path.display());
        let env = vec![("PATH", path), ("GLAB_STUB_DATA", data.display().to_string())];
        let desk = Self { dir, cancel: never(), env };
        desk.git(&["init", "--quiet"]);
        if !remote.is_empty() {
            desk.git(&["remote", "add", "origin", remote]);
        }
        desk
    }

    fn blog() -> Self {
        Self::new("git@git.acme.test:acme/web/blog.git")
    }

    #[expect(clippy::disallowed_methods, reason = "git, from outside")]
    fn git(&self, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(args).current_dir(&self.dir).env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.status().unwrap().success(), "git {args:?}");
    }

    fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let path = self.dir.path().join("data.json");
        let mut data = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        edit(&mut data);
        #[expect(clippy::disallowed_methods, reason = "a file of a test")]
        fs::write(path, data.to_string()).unwrap();
    }

    async fn with<T>(&self, ask: impl AsyncFnOnce(Context<'_>) -> T) -> T {
        let env: Vec<_> = self.env.iter().map(|(k, v)| (*k, v.as_str())).collect();
        ask(Context { env: &env, ..Context::new(self.dir.path(), &self.cancel) }).await
    }

    async fn fetch(&self, text: &str) -> Result<WorkItem, Error> {
        let task = SPEC.parse(text)?;
        self.with(async |cx| Ok(task.resolve(&cx).await?.fetch(&cx).await?.item)).await
    }

    async fn ready(&self, label: Option<&str>) -> Vec<String> {
        let wanted = Wanted { label: label.map(str::to_owned), ..Wanted::default() };
        let found = self.with(async |cx| Tracker::BuiltIn(&SPEC).ready(&cx, &wanted).await).await;
        found.unwrap().iter().map(|it| format!("{} {}", it.task, it.source.title)).collect()
    }
}

#[tokio::test]
async fn an_issue_comes_with_what_people_said() {
    let desk = Desk::blog();
    // Page after page.
    desk.edit(|data| data["page"] = json!(1));
    let item = desk.fetch("12").await.unwrap();
    assert_eq!(item.source.to_string(), "issue #12");
    assert_eq!(item.source.branch(), "gitlab-issue-12");
    assert_eq!(item.source.url.as_deref(), Some("https://git.acme.test/acme/web/blog/-/issues/12"));
    assert_eq!((item.state.as_deref(), &*item.labels), (Some("opened"), &["bug".to_owned()][..]));
    let comments: Vec<_> =
        item.comments.iter().map(|it| (it.author.as_deref(), it.text.as_str())).collect();
    assert_eq!(comments, [(Some("bob"), "Same here."), (None, "And here.")]);
    let command = "glab issue view 12 --comments --repo https://git.acme.test/acme/web/blog";
    assert_eq!(item.view_command.as_deref(), Some(command));
    let page = "https://git.acme.test/acme/web/blog/-/issues/12";
    assert_eq!(desk.fetch(page).await.unwrap().source, item.source);
}

#[tokio::test]
async fn a_merge_request_tells_the_commit_to_review() {
    let desk = Desk::blog();
    let item = desk.fetch("!7").await.unwrap();
    assert_eq!(item.source.to_string(), "MR !7");
    assert_eq!(
        (item.source.branch(), item.source.reference()),
        ("gitlab-mr-7".into(), Some("!7".into()))
    );
    let pull = item.pull().unwrap();
    assert_eq!((pull.base.as_str(), pull.head.as_str()), ("main", "feature/cache"));
    assert_eq!((pull.n_files, pull.additions, pull.deletions), (2, 3, 1));
    assert_eq!(
        (pull.head_repo.as_deref(), pull.is_cross_repository),
        (Some("acme/web/blog"), false)
    );
    let fork = desk.fetch("https://git.acme.test/acme/web/blog/-/merge_requests/8").await.unwrap();
    let fork = fork.pull().unwrap();
    assert!(fork.is_cross_repository && fork.is_draft);
    assert_eq!(fork.head_repo.as_deref(), Some("dave/blog"));
    desk.edit(|data| {
        data["projects"]["acme/web/blog"]["merge_requests"]["7"]["sha"] = json!("--upload-pack=x");
    });
    insta::assert_snapshot!(said(desk.fetch("!7").await), @"
    `glab` gave `--upload-pack=x` as the head commit
    hint: run `wtmag doctor` for its version
    ");
}

#[tokio::test]
async fn each_failure_has_its_own_error() {
    let mut desk = Desk::blog();
    insta::assert_snapshot!(said(desk.fetch("99").await), @"
    `acme/web/blog` has no issue #99
    hint: to name the merge request of that number: `--gitlab '!99'`
    ");
    insta::assert_snapshot!(said(desk.fetch("!99").await), @"
    `acme/web/blog` has no merge request !99
    hint: `glab repo view` shows which project `glab` uses
    ");
    insta::assert_snapshot!(said(desk.fetch("https://gitlab.com/acme/web/blog/-/issues/1").await), @"
    `https://gitlab.com/acme/web/blog/-/issues/1` belongs to another project; for `glab`, this directory belongs to `acme/web/blog`
    hint: run this in a clone of that project
    ");
    insta::assert_snapshot!(said(Desk::new("git@github.com:acme/blog.git").fetch("1").await), @"
    no remote of the repository is on a GitLab server that `glab` knows
    hint: for a GitLab server of your own, run `glab auth login --hostname HOST`; for other servers, give the task in your own words
    ");
    insta::assert_snapshot!(said(Desk::new("https://gitlab.com/acme/gone.git").fetch("1").await), @"
    GitLab has no project for this repository's remote that you may see
    hint: check `git remote -v` and `glab auth status`
    ");
    assert!(matches!(Desk::new("").fetch("1").await, Err(Error::NoRemote)));
    for (how, want) in
        [("401", "NotLoggedIn"), ("403", "Refused"), ("502", "Network"), ("network", "Network")]
    {
        desk.env.push(("GLAB_STUB_FAIL", how.to_owned()));
        let got = format!("{:?}", desk.fetch("12").await.unwrap_err());
        assert!(got.starts_with(want), "{how}: {got}");
        desk.env.pop();
    }
    desk.env.push(("PATH", "/nonexistent".to_owned()));
    assert!(said(desk.fetch("12").await).starts_with("`glab` is not installed"));
}

#[tokio::test]
async fn open_issues_of_the_user_or_with_a_label_are_ready() {
    let desk = Desk::blog();
    assert_eq!(desk.ready(None).await, ["12 Login fails with a plus sign"]);
    assert_eq!(desk.ready(Some("good first")).await, ["13 Docs"]);
}

#[tokio::test]
async fn what_is_open_is_listed() {
    let desk = Desk::blog();
    let list = async |pulls| {
        let found = desk.with(async |cx| gitlab::list_open(&cx, pulls).await).await.unwrap();
        found
            .iter()
            .map(|it| format!("{} {} ({})", it.number, it.title, it.about))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list(false).await,
        ["12 Login fails with a plus sign (bug)", "13 Docs (good first)"]
    );
    let pulls = ["7 Cache the rendered posts (performance)", "8 Draft: From a fork (draft)"];
    assert_eq!(list(true).await, pulls);
}

#[tokio::test]
async fn the_state_of_merge_requests_is_asked_at_once() {
    let desk = Desk::blog();
    let url = "https://git.acme.test/acme/web/blog/-/merge_requests/7";
    let page = pulls::page(url).unwrap();
    assert_eq!((page.kind, page.number), (Host::Gitlab, 7));
    let question = Question {
        host: page.host,
        repo: page.repo,
        numbers: vec![7, 99],
        branches: vec!["mr-9".into(), "$(touch x)".into()],
    };
    let found = desk.with(async |cx| pulls::ask(&cx, Host::Gitlab, &question).await).await.unwrap();
    let seen: Vec<_> = found.iter().map(|it| (it.state.number, it.branch.as_str())).collect();
    assert_eq!(seen, [(7, "feature/cache"), (8, "$(touch x)")]);
    let it = desk.with(async |cx| pulls::state(&cx, url).await).await.unwrap();
    assert_eq!((it.review, it.checks, it.is_open), (Review::Approved, Checks::Passed, true));
    assert_eq!(
        desk.with(async |cx| pulls::head_branch(&cx, url).await).await.unwrap(),
        "feature/cache"
    );
    let merge = async |head: &str, method: &str| {
        desk.with(async |cx| pulls::merge(&cx, url, head, method).await).await
    };
    insta::assert_snapshot!(said(merge(&"3".repeat(40), "merge").await), @"the forge did not merge https://git.acme.test/acme/web/blog/-/merge_requests/7: glab: SHA does not match HEAD of source branch (HTTP 409)");
    assert!(said(merge(&"1".repeat(40), "rebase").await).contains("a setting of the project"));
    assert_eq!(merge(&"1".repeat(40), "squash").await.unwrap(), "1".repeat(40));
    let it = desk.with(async |cx| pulls::state(&cx, url).await).await.unwrap();
    assert!(it.is_merged && !it.is_open);
}

#[tokio::test]
async fn a_server_that_glab_has_a_login_for_is_known() {
    let desk = Desk::blog();
    let knows = async |host: &str| desk.with(async |cx| gitlab::knows(&cx, host).await).await;
    assert!(knows("git.acme.test").await);
    assert!(!knows("example.org").await);
}

#[test]
fn the_stand_in_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(Path::new(FIXTURES).join("glab/glab")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
}
