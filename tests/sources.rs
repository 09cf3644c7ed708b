//! Work from GitHub by the real `gh` against a stub on a unix socket; templates from directories.
mod jira;

use std::{
    collections::HashSet,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::UnixListener, sync::watch};
use wtmag::{
    brief::{self, Templates, WorkItem},
    model::{Host, Kind, SourceKind},
    proc::{Cancel, never},
    sources::{Context, Error, Forge, Task, github, open::Open, templates},
};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// GitHub on a unix socket, for any number of `gh`s that are given [`Self::env`].
struct GithubStub {
    server: Child,
    dir: TempDir,
}

impl GithubStub {
    /// Serves the repositories of `tests/fixtures/gh/data.json` until it is dropped.
    #[expect(
        clippy::disallowed_methods,
        reason = "a server that outlives one call is not for proc"
    )]
    fn start() -> Self {
        // Short: a socket's path has about 100 bytes.
        let dir = tempfile::Builder::new().prefix("wmgh").tempdir_in("/tmp").unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::copy(format!("{FIXTURES}/gh/data.json"), at("data.json")).unwrap();
        fs::create_dir(at("config")).unwrap();
        let mut server = Command::new(format!("{FIXTURES}/gh/gh_stub.py"))
            .args([Path::new("--socket"), &at("socket"), Path::new("--data"), &at("data.json")])
            .args([Path::new("--log"), &at("log")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let stub = Self { server, dir };
        stub.ask_at("socket");
        stub
    }

    /// Makes every later `gh` ask at this socket in the stub's directory.
    fn ask_at(&self, socket: &str) {
        let socket = self.dir.path().join(socket);
        let config = format!("http_unix_socket: {}\n", socket.display());
        put(&self.dir.path().join("config/config.yml"), &config);
    }

    /// What makes a `gh` ask this stub, logged in; nothing of the user's own comes through.
    fn env(&self) -> Vec<(String, String)> {
        let config = self.dir.path().join("config").display().to_string();
        let home = self.dir.path().display().to_string();
        [("GH_CONFIG_DIR", config), ("GH_TOKEN", "dummy".to_owned()), ("HOME", home)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// Changes what it knows, from the next request on.
    fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let path = self.dir.path().join("data.json");
        let mut data = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        edit(&mut data);
        // In one step: a request may be reading it.
        put(&path.with_extension("new"), &data.to_string());
        fs::rename(path.with_extension("new"), path).unwrap();
    }
}

impl Drop for GithubStub {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

/// A repository with remotes, and the stub that its `gh` asks.
struct Desk {
    stub: GithubStub,
    repo: TempDir,
    cancel: Cancel,
    env: Vec<(String, String)>,
}

impl Desk {
    fn new(remotes: &[(&str, &str)]) -> Self {
        let stub = GithubStub::start();
        let desk =
            Self { env: stub.env(), stub, repo: tempfile::tempdir().unwrap(), cancel: never() };
        desk.git(&["init", "--quiet"]);
        for (name, url) in remotes {
            desk.git(&["remote", "add", name, url]);
        }
        desk
    }

    fn blog() -> Self {
        Self::new(&[("origin", "https://github.com/acme/blog.git")])
    }

    #[expect(clippy::disallowed_methods, reason = "git, from outside")]
    fn git(&self, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(args).current_dir(&self.repo).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let status = git.status().unwrap();
        assert!(status.success(), "git {args:?}");
    }

    async fn with<T>(&self, ask: impl AsyncFnOnce(Context<'_>) -> T) -> T {
        let env: Vec<_> = self.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        ask(Context { dir: self.repo.path(), env: &env, custom: &[], cancel: &self.cancel }).await
    }

    fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    async fn forge(&self) -> Result<Forge, Error> {
        self.with(async |cx| github::fetch_forge(&cx).await).await
    }

    async fn issue(&self, number: u64) -> Result<WorkItem, Error> {
        self.fetch(number, SourceKind::GithubIssue).await
    }

    async fn pull(&self, number: u64) -> Result<WorkItem, Error> {
        self.fetch(number, SourceKind::GithubPr).await
    }

    async fn fetch(&self, number: u64, kind: SourceKind) -> Result<WorkItem, Error> {
        let task = Task { spec: &github::SPEC, kind, key: number.to_string() };
        self.with(async |cx| Ok(task.fetch(&cx).await?.item)).await
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a file of a test")]
    fs::write(path, text).unwrap();
}

/// The error as a user reads it: message and hint.
#[track_caller]
pub(crate) fn said<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let error = result.unwrap_err();
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

#[tokio::test]
async fn an_issue_comes_with_its_comments() {
    let item = Desk::blog().issue(456).await.unwrap();
    insta::assert_debug_snapshot!(item, @r#"
    WorkItem {
        source: Source {
            kind: GithubIssue,
            key: "456",
            url: Some(
                "https://github.com/acme/blog/issues/456",
            ),
            title: "Login fails when the e-mail has a plus sign",
            rest: {},
        },
        author: Some(
            "ann",
        ),
        state: Some(
            "OPEN",
        ),
        labels: [
            "bug",
            "auth",
        ],
        body: "Steps\n1. sign up as `ann+test@example.com`\n2. log in\n\nThe page says `unknown user`.",
        comments: [
            Comment {
                author: Some(
                    "bob",
                ),
                at: "2026-01-02T03:04:05Z",
                text: "Same here, since 2.3.",
            },
        ],
        view_command: Some(
            "gh issue view 456 --comments --repo acme/blog",
        ),
        detail: None,
    }
    "#);
}

#[tokio::test]
async fn all_pages_of_comments_are_read() {
    let desk = Desk::blog();
    desk.stub.edit(|data| {
        data["page"] = json!(2);
        let comment = |n| json!({"author": null, "body": format!("no. {n}")});
        let comments: Vec<_> = (0..5).map(comment).collect();
        data["repositories"]["acme/blog"]["issues"]["456"]["comments"] = json!(comments);
        data["repositories"]["acme/blog"]["pulls"]["234"]["comments"] = json!(comments);
    });
    for item in [desk.issue(456).await.unwrap(), desk.pull(234).await.unwrap()] {
        let texts: HashSet<_> = item.comments.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, HashSet::from(["no. 0", "no. 1", "no. 2", "no. 3", "no. 4"]));
        assert!(item.comments.iter().all(|it| it.author.is_none()));
    }
}

#[tokio::test]
async fn an_author_whose_account_was_deleted_is_named_so() {
    let desk = Desk::blog();
    desk.stub.edit(|data| {
        data["repositories"]["acme/blog"]["issues"]["456"]["author"] = json!(null);
    });
    let item = desk.issue(456).await.unwrap();
    assert_eq!(item.author.as_deref(), Some("a deleted account"));
}

#[tokio::test]
async fn a_pull_request_tells_the_commit_to_review() {
    let desk = Desk::blog();
    let item = desk.pull(234).await.unwrap();
    insta::assert_debug_snapshot!(item, @r#"
    WorkItem {
        source: Source {
            kind: GithubPr,
            key: "234",
            url: Some(
                "https://github.com/acme/blog/pull/234",
            ),
            title: "Cache the rendered posts",
            rest: {},
        },
        author: Some(
            "carol",
        ),
        state: Some(
            "OPEN",
        ),
        labels: [
            "performance",
        ],
        body: "Renders each post once and keeps it for an hour.",
        comments: [],
        view_command: Some(
            "gh pr view 234 --comments --repo acme/blog",
        ),
        detail: Pull(
            Pull {
                base: "main",
                head: "feature/cache",
                head_sha: "1111111111111111111111111111111111111111",
                head_repo: Some(
                    "acme/blog",
                ),
                is_cross_repository: false,
                is_draft: false,
                n_files: 2,
                additions: 49,
                deletions: 3,
                files: [
                    ChangedFile {
                        path: "src/cache.rs",
                        additions: 42,
                        deletions: 0,
                    },
                    ChangedFile {
                        path: "src/render.rs",
                        additions: 7,
                        deletions: 3,
                    },
                ],
            },
        ),
    }
    "#);
    let fork = desk.pull(235).await.unwrap();
    let fork = fork.pull().unwrap();
    assert!(fork.is_cross_repository && fork.is_draft);
    assert_eq!(fork.head_repo.as_deref(), Some("dave/blog"));
}

#[tokio::test]
async fn a_repository_is_known_by_its_present_name() {
    let desk = Desk::new(&[("origin", "git@github.com:Acme/old-blog.git")]);
    let forge = desk.forge().await.unwrap();
    assert_eq!((forge.repo.as_str(), forge.host.as_str()), ("acme/blog", "github.com"));
    assert_eq!(forge.default_branch.as_deref(), Some("main"));
    let item = desk.issue(456).await.unwrap();
    assert_eq!(item.source.url.as_deref(), Some("https://github.com/acme/blog/issues/456"));
}

#[tokio::test]
async fn the_default_that_gh_was_told_holds() {
    let remotes =
        [("origin", "https://github.com/me/blog"), ("upstream", "https://github.com/acme/blog")];
    let desk = Desk::new(&remotes);
    desk.stub.edit(|data| data["repositories"]["me/blog"] = json!({"parent": "acme/blog"}));
    desk.git(&["config", "remote.origin.gh-resolved", "base"]);
    let forge = desk.forge().await.unwrap();
    assert_eq!(forge.repo, "me/blog");
    assert_eq!(forge.fetch_url(remotes.map(|(_, url)| url)), "https://github.com/me/blog");
    desk.git(&["config", "remote.origin.gh-resolved", "acme/blog"]);
    let forge = desk.forge().await.unwrap();
    assert_eq!(forge.fetch_url(remotes.map(|(_, url)| url)), "https://github.com/acme/blog");
}

#[tokio::test]
async fn each_kind_of_number_is_told_apart() {
    let desk = Desk::blog();
    insta::assert_snapshot!(said(desk.issue(234).await), @"
    #234 of `acme/blog` is a pull request, not an issue
    hint: to review it: `wtmag create --github 234`
    ");
    insta::assert_snapshot!(said(desk.pull(456).await), @"
    #456 of `acme/blog` is an issue, not a pull request
    hint: to work on it: `wtmag create --github 456`
    ");
    insta::assert_snapshot!(said(desk.issue(999).await), @"
    `acme/blog` has no issue #999
    hint: `gh repo set-default --view` shows which repository is asked
    ");
    insta::assert_snapshot!(said(desk.pull(999).await), @"
    `acme/blog` has no pull request #999
    hint: `gh repo set-default --view` shows which repository is asked
    ");
    desk.stub.edit(|data| data["repositories"]["acme/blog"]["issues_enabled"] = json!(false));
    insta::assert_snapshot!(said(desk.issue(1).await), @"
    issues are switched off in `acme/blog`
    hint: `gh repo set-default` chooses another repository
    ");
}

#[tokio::test]
async fn a_repository_that_cannot_be_told_has_its_own_error() {
    insta::assert_snapshot!(said(Desk::new(&[]).issue(456).await), @"
    the repository has no remote
    hint: add one with `git remote add origin <url>`, or give the task in your own words
    ");
    let gitlab = Desk::new(&[("origin", "https://gitlab.com/acme/blog.git")]);
    insta::assert_snapshot!(said(gitlab.issue(456).await), @"
    no remote of the repository is on GitHub
    hint: check GH_HOST, if it is set; for a GitHub server of your own, run `gh auth login --hostname <host>`; elsewhere give the task in your own words
    ");
    let gone = Desk::new(&[("origin", "https://github.com/acme/gone.git")]);
    insta::assert_snapshot!(said(gone.issue(456).await), @"
    GitHub has no repository `acme/gone` that you may see
    hint: check `git remote -v` and `gh auth status`; `gh repo set-default` chooses between remotes
    ");
    let mut outside = Desk::blog();
    outside.repo = tempfile::tempdir().unwrap();
    assert!(matches!(outside.issue(456).await, Err(Error::NoRepository { .. })));
}

#[tokio::test]
async fn a_missing_program_or_login_has_its_own_error() {
    let mut desk = Desk::blog();
    desk.set("GH_TOKEN", "");
    insta::assert_snapshot!(said(desk.issue(456).await), @"
    `gh` is not logged in
    hint: run `gh auth login`, or set GH_TOKEN to a token that is valid
    ");
    desk.set("PATH", "/nonexistent");
    insta::assert_snapshot!(said(desk.issue(456).await), @"
    `gh` is not installed
    hint: install the GitHub CLI from https://cli.github.com, then run `gh auth login`
    ");
}

#[tokio::test]
async fn what_the_server_refuses_is_said() {
    let desk = Desk::blog();
    let answer = |status: u16, message: &'static str| {
        desk.stub.edit(|data| {
            data["status"] = json!(status);
            data["message"] = json!(message);
        });
    };
    answer(401, "Bad credentials");
    assert!(matches!(desk.issue(456).await, Err(Error::NotLoggedIn { .. })));
    answer(403, "API rate limit exceeded for user");
    insta::assert_snapshot!(said(desk.issue(456).await), @"
    the server refused `gh`: HTTP 403: API rate limit exceeded for user (https://api.github.com/graphql)
    hint: `gh auth status` shows what your token may do, `gh api rate_limit` how often
    ");
    answer(502, "Bad gateway");
    insta::assert_snapshot!(said(desk.issue(456).await), @"
    `gh` could not reach its server: HTTP 502: Bad gateway (https://api.github.com/graphql)
    hint: check the connection and try again; a task in your own words needs no network
    ");
}

#[tokio::test]
async fn what_is_open_is_listed_the_newest_first() {
    let desk = Desk::blog();
    desk.stub.edit(|data| {
        let blog = &mut data["repositories"]["acme/blog"];
        blog["issues"] = json!({
            "3": {"title": "Old", "labels": ["bug"]}, "12": {"title": "New"},
            "9": {"title": "Done", "state": "CLOSED"},
        });
        blog["pulls"] = json!({"7": {"title": "Fix", "draft": true, "labels": ["docs"]}});
    });
    let list = async |pulls| {
        let found = desk.with(async |cx| github::list_open(&cx, pulls).await).await?;
        let row = |it: &Open| format!("{} {} ({})", it.number, it.title, it.about);
        Ok::<_, Error>(found.iter().map(row).collect::<Vec<_>>())
    };
    assert_eq!(list(false).await.unwrap(), ["12 New ()", "3 Old (bug)"]);
    assert_eq!(list(true).await.unwrap(), ["7 Fix (draft, docs)"]);
    desk.stub.edit(|data| data["repositories"]["acme/blog"]["issues_enabled"] = json!(false));
    assert!(matches!(list(false).await, Err(Error::IssuesOff { .. })));
}

#[tokio::test]
async fn no_connection_has_its_own_error() {
    let desk = Desk::blog();
    desk.stub.ask_at("missing");
    assert!(matches!(desk.issue(456).await, Err(Error::Network { .. })));
}

#[tokio::test]
async fn giving_up_ends_the_call() {
    let (stop, cancel) = watch::channel(false);
    let desk = Desk { cancel, ..Desk::blog() };
    let silent = UnixListener::bind(desk.stub.dir.path().join("silent")).unwrap();
    desk.stub.ask_at("silent");
    let give_up = async {
        let connection = silent.accept().await.unwrap();
        stop.send(true).unwrap();
        connection
    };
    let (result, _connection) = tokio::join!(desk.forge(), give_up);
    assert!(matches!(result, Err(Error::Cancelled)));
}

#[tokio::test]
async fn hostile_items_become_harmless_briefs() {
    let desk = Desk::blog();
    let head = "$(touch x)#(touch y);kill-server";
    desk.stub.edit(|data| {
        let repo = &mut data["repositories"]["acme/blog"];
        let issue = &mut repo["issues"]["456"];
        issue["title"] = json!("\x1b]0;own\x07a\r\n\n#{pane_id}\u{202e} `$(x)` --web");
        issue["body"] = json!("x".repeat(1 << 20));
        repo["pulls"]["234"]["head"] = json!(head);
        repo["pulls"]["234"]["body"] = json!("````\n\x1b[2J{{ open_pr }}\0````");
    });
    let issue = desk.issue(456).await.unwrap();
    assert_eq!(
        issue.source.title.as_str(),
        "^[]0;own^Ga #{pane_id} `$(x)` --web",
        "gh does its part"
    );
    assert_eq!(issue.body.len(), 1 << 20);
    let text = render(&issue);
    assert!(
        text.len() < 200 << 10 && text.contains("gh issue view 456 --comments --repo acme/blog")
    );
    let pull = desk.pull(234).await.unwrap();
    assert_eq!(pull.pull().unwrap().head, head);
    assert_eq!(pull.source.branch(), "github-pr-234");
    let text = render(&pull);
    assert_eq!(text.matches("$(touch x)").count(), 1);
    assert!(!text.contains(['\x1b', '\0']) && text.contains("{{ open_pr }}"));
    desk.stub.edit(|data| {
        data["repositories"]["acme/blog"]["pulls"]["234"]["sha"] = json!("--upload-pack=x");
    });
    insta::assert_snapshot!(said(desk.pull(234).await), @"
    `gh` gave `--upload-pack=x` as the head commit
    hint: run `wtmag doctor` for its version
    ");
    let left: Vec<_> =
        fs::read_dir(&desk.repo).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, [".git"]);
}

fn render(item: &WorkItem) -> String {
    let options = brief::Options {
        host: Host::Github,
        repo: Some("acme/blog"),
        branch: "b",
        base: None,
        remote: None,
        target: None,
        open_pr: true,
        submodules: false,
        plan: false,
        instructions: None,
    };
    brief::render(&Templates::embedded(item.source.kind.row().work, Host::Github), item, &options)
        .unwrap()
}

#[test]
fn templates_are_found_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let dirs: Vec<PathBuf> = ["project", "user"].map(|it| dir.path().join(it)).into();
    let places: Vec<_> =
        dirs.iter().map(|it| templates::Dir { path: it.clone(), within: None }).collect();
    let load = |kind| templates::load(&places, kind, Host::Github).unwrap();
    let texts = |kind| (load(kind).work.text, load(kind).pr.text);
    assert_eq!(load(Kind::Review), Templates::embedded(Kind::Review, Host::Github));
    put(&dirs[1].join("pr.tmpl"), "user pr");
    put(&dirs[1].join("implement.tmpl"), "user implement");
    put(&dirs[0].join("implement.tmpl"), "project implement");
    assert_eq!(texts(Kind::Implementation), ("project implement".into(), "user pr".into()));
    put(&dirs[1].join("implement-github.tmpl"), "user implement-github");
    put(&dirs[0].join("pr-gitlab.tmpl"), "project pr-gitlab");
    assert_eq!(texts(Kind::Implementation), ("user implement-github".into(), "user pr".into()));
    assert_eq!(load(Kind::Implementation).pr.name, dirs[1].join("pr.tmpl").display().to_string());
}

#[test]
fn a_template_that_cannot_be_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    let path = project.join("review.tmpl");
    let secret = dir.path().join("secret");
    put(&secret, "a secret");
    put(&project.join("inside"), "fine");
    let check = |make: &dyn Fn(&Path), want: Result<&str, &str>| {
        // Whatever the one before left.
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap_or_default();
        make(&path);
        let place = templates::Dir { path: project.clone(), within: Some(project.clone()) };
        match (templates::load(&[place], Kind::Review, Host::Other), want) {
            (Ok(loaded), Ok(want)) => assert_eq!(loaded.work.text, want),
            (Err(Error::Template { path: named, source }), Err(want)) => {
                assert_eq!((named, source.to_string()), (path.clone(), want.to_owned()));
            }
            (got, want) => panic!("{got:?}, not {want:?}"),
        }
    };
    let link = |to: &Path, path: &Path| std::os::unix::fs::symlink(to, path).unwrap();
    check(&|it| fs::create_dir(it).unwrap(), Err("it is not a regular file"));
    check(&|it| link(Path::new("inside"), it), Ok("fine"));
    check(&|it| link(&secret, it), Err("it is a link that leads out of the project"));
    check(
        &|it| link(Path::new("/dev/zero"), it),
        Err("it is a link that leads out of the project"),
    );
    let fifo = |it: &Path| nix::unistd::mkfifo(it, nix::sys::stat::Mode::S_IRWXU).unwrap();
    check(&fifo, Err("it is not a regular file"));
    check(&|it| put(it, &"x".repeat((1 << 20) + 1)), Err("it is larger than 1 MB"));
}

#[test]
fn the_stand_ins_can_be_run() {
    for program in ["gh/gh_stub.py", "jira/jira", "beads/bd", "linear/linear"] {
        let mode = fs::metadata(format!("{FIXTURES}/{program}")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{program}");
    }
}
