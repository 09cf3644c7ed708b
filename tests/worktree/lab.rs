//! A scratch home with repositories in it, in a separate process.
//!
//! git, wt and gix read the home and the environment of the process they run in, so each test starts
//! this binary once more for itself alone, with nothing but what is set here.
use std::{
    any::type_name,
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
    time::{Duration, UNIX_EPOCH},
};

use wtmag::{
    git::{
        self, Backend, CreateJournal, Error, Made, Repo, Run, Start, Step, Tool, Undone,
        WorktreeRequest, record, scratch, undo,
    },
    model::Timestamp,
    proc,
};

use crate::support::{FULL, Scratch};

/// Set for the process that is the test.
const ALONE: &str = "WTMAG_TEST_LAB";

/// What the test has to itself.
pub(crate) struct Lab {
    pub(crate) root: PathBuf,
    news: Mutex<Vec<String>>,
}

/// Runs the calling test's body in a separate process, in a new directory.
#[track_caller]
pub(crate) fn alone<F: AsyncFnOnce(Lab)>(body: F) {
    if let Some(root) = env::var_os(ALONE) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let lab = Lab { root: PathBuf::from(root), news: Mutex::default() };
        let limit = Duration::from_secs(1800);
        runtime.block_on(async { tokio::time::timeout(limit, body(lab)).await.unwrap() });
        runtime.shutdown_background();
        return;
    }
    let name = type_name::<F>().trim_start_matches("suite::").trim_end_matches("::{{closure}}");
    let temp = Scratch::new();
    let root = fs::canonicalize(temp.path()).unwrap();
    let output = again(&root, name, &[]).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{name}\n{out}\n{err}");
}

/// This binary once more, to run one test in the lab at `root`.
#[expect(clippy::disallowed_methods, reason = "a test's environment is made here")]
fn again(root: &Path, test: &str, more_env: &[(&str, &str)]) -> Command {
    let home = root.join("home");
    fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--include-ignored", "--nocapture", "--test-threads=1"]);
    command.env_clear().current_dir(root).env(ALONE, root).env("HOME", &home);
    // Programs of the test's own come first.
    let own = [root.join("bin")].into_iter();
    let path = env::join_paths(own.chain(env::split_paths(&env::var_os("PATH").unwrap()))).unwrap();
    command.env("PATH", path).env("TMPDIR", "/tmp").env("LANG", "C.UTF-8");
    command.env("GIT_CONFIG_NOSYSTEM", "1");
    command.envs(env::var_os(FULL).map(|it| (FULL, it)));
    for (who, name) in [("AUTHOR", "Ann"), ("COMMITTER", "Cy")] {
        command.env(format!("GIT_{who}_NAME"), name);
        command.env(format!("GIT_{who}_EMAIL"), "nobody@example.invalid");
    }
    command.envs(more_env.iter().copied());
    command
}

/// What the role that this process plays is about: a directory and a branch. Nothing in the process
/// that runs all tests.
pub(crate) fn part() -> Option<(PathBuf, String)> {
    let dir = env::var_os("LAB_DIR")?;
    Some((dir.into(), env::var_os("LAB_BRANCH")?.into_string().unwrap()))
}

/// Runs git, which must succeed; its output without the end of the last line.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the test's own hand")]
pub(crate) fn git<S: AsRef<OsStr>>(dir: &Path, args: impl IntoIterator<Item = S>) -> String {
    let output = Command::new("git")
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Runs WorkTrunk, which must succeed.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the test's own hand")]
pub(crate) fn wt(dir: &Path, args: &[&str]) {
    let output = Command::new("wt").args(args).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Commits one file and returns the commit's id.
#[track_caller]
pub(crate) fn commit(dir: &Path, file: &str, text: &str) -> String {
    put(&dir.join(file), text);
    git(dir, ["add", "-A", "."]);
    git(dir, ["commit", "-qm", &format!("{file}: {text}")]);
    tip(dir, "HEAD")
}

#[track_caller]
pub(crate) fn tip(dir: &Path, name: &str) -> String {
    git(dir, ["rev-parse", "--verify", &format!("{name}^{{commit}}")])
}

/// Writes a file and the directories above it.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a scratch file")]
pub(crate) fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Changes a file in the second in which git has written the index, and leaves its size: what git notes of
/// a file is then the same as before. Returns in the next second.
#[track_caller]
pub(crate) fn change_in_the_second_of_the_index(worktree: &Path, file: &str) {
    let path = worktree.join(file);
    let text = fs::read_to_string(&path).unwrap();
    let other: String = text.chars().map(|it| if it == '\n' { it } else { '~' }).collect();
    let second = || path.metadata().unwrap().ctime();
    let written = loop {
        put(&path, &text);
        let written = second();
        git(worktree, ["update-index", "--refresh"]);
        put(&path, &other);
        if second() == written {
            break written;
        }
    };
    let clock = || UNIX_EPOCH.elapsed().unwrap().as_secs();
    while clock() <= written.cast_unsigned() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Branches, worktrees, locks and the names beside them: what a `create` can leave behind.
pub(crate) fn traces(repo: &Path) -> String {
    let refs = git(repo, ["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]);
    let worktrees = git(repo, ["worktree", "list", "--porcelain"]);
    let common = git(repo, ["rev-parse", "--path-format=absolute", "--git-common-dir"]);
    let listing = |dir: &Path| {
        let entries = fs::read_dir(dir).map(|it| it.flatten().collect()).unwrap_or_else(|_| vec![]);
        let mut names: Vec<_> = entries.iter().map(fs::DirEntry::file_name).collect();
        names.sort();
        format!("{names:?}")
    };
    let beside = listing(repo.parent().unwrap());
    let registry = listing(&Path::new(&common).join("worktrees"));
    let locks = ["packed-refs.lock", "config.lock"].map(|it| Path::new(&common).join(it).exists());
    format!("{refs}\n{worktrees}\n{registry}\n{beside}\n{locks:?}")
}

impl Lab {
    /// A bare repository at `name` with one commit, as a server would have it, and a clone of it
    /// (`<name>.pusher`) from which another user pushes.
    pub(crate) fn server(&self, name: &str) -> PathBuf {
        let server = self.root.join("srv").join(format!("{name}.git"));
        fs::create_dir_all(&server).unwrap();
        git(&server, ["init", "-q", "--bare", "-b", "main"]);
        let pusher = self.pusher(name);
        git(&self.root, ["clone".as_ref(), "-q".as_ref(), server.as_os_str(), pusher.as_os_str()]);
        git(&pusher, ["checkout", "-q", "-B", "main"]);
        commit(&pusher, "a.txt", "one");
        git(&pusher, ["push", "-q", "origin", "main"]);
        server
    }

    pub(crate) fn pusher(&self, name: &str) -> PathBuf {
        self.root.join("srv").join(format!("{name}.pusher"))
    }

    /// Commits something to a branch of the server; its id.
    pub(crate) fn push(&self, name: &str, branch: &str, text: &str) -> String {
        let pusher = self.pusher(name);
        git(&pusher, ["checkout", "-q", "-B", branch]);
        let sha = commit(&pusher, &format!("{branch}.txt").replace('/', "-"), text);
        git(&pusher, ["push", "-q", "-f", "origin", branch]);
        sha
    }

    /// An ordinary clone of a fresh server.
    pub(crate) fn cloned(&self, name: &str) -> PathBuf {
        let server = self.server(name);
        let dir = self.root.join("src").join(name);
        fs::create_dir_all(dir.parent().unwrap()).unwrap();
        git(&self.root, ["clone".as_ref(), "-q".as_ref(), server.as_os_str(), dir.as_os_str()]);
        dir
    }

    /// `git clone --bare URL project/.git`: no fetch refspec, no remote-tracking branches.
    pub(crate) fn bare_layout(&self, name: &str) -> PathBuf {
        let server = self.server(name);
        let project = self.root.join("src").join(name);
        fs::create_dir_all(&project).unwrap();
        let git_dir = project.join(".git");
        git(
            &self.root,
            ["clone", "-q", "--bare"]
                .map(OsStr::new)
                .into_iter()
                .chain([server.as_os_str(), git_dir.as_os_str()]),
        );
        project
    }

    /// This binary, to play a role in this lab.
    pub(crate) fn role(&self, test: &str, dir: &Path, branch: &str) -> Command {
        let env = [("LAB_DIR", dir.to_str().unwrap()), ("LAB_BRANCH", branch)];
        again(&self.root, test, &env)
    }

    /// The user's WorkTrunk config.
    pub(crate) fn wt_config(&self, text: &str) {
        put(&self.root.join("home/.config/worktrunk/config.toml"), text);
    }

    pub(crate) fn journals(&self) -> PathBuf {
        self.root.join("creates")
    }

    /// Calls `body` with a run that is never cancelled; its progress is kept.
    pub(crate) async fn run<T>(&self, body: impl AsyncFnOnce(&mut Run<'_>) -> T) -> T {
        let cancel = proc::never();
        let mut tell = |news: &git::News| self.news.lock().unwrap().push(news.to_string());
        body(&mut Run { cancel: &cancel, tell: &mut tell }).await
    }

    /// What was told since the last call.
    pub(crate) fn news(&self) -> Vec<String> {
        std::mem::take(&mut self.news.lock().unwrap())
    }

    pub(crate) async fn wt(&self) -> Tool {
        let chosen = self.run(async |run| Tool::choose(Backend::Wt, "wt".as_ref(), run).await);
        chosen.await.unwrap()
    }

    /// What `create` does with git, start to end: everything or nothing.
    pub(crate) async fn create(
        &self,
        dir: &Path,
        tool: &Tool,
        order: &WorktreeRequest,
    ) -> Result<Made, Error> {
        let repo = Repo::discover(dir)?;
        let mut journal = undo::start(&self.journals(), &repo)?;
        match self.steps(&repo, tool, order, &mut journal).await {
            Ok(made) => journal.commit().map(|()| made),
            Err(it) => {
                self.run(async |run| undo::undo(journal, run).await).await.unwrap();
                Err(it)
            }
        }
    }

    /// Up to, but not including, the commit point.
    pub(crate) async fn steps(
        &self,
        repo: &Repo,
        tool: &Tool,
        order: &WorktreeRequest,
        journal: &mut CreateJournal,
    ) -> Result<Made, Error> {
        let made = self.run(async |run| git::make(repo, tool, order, journal, run).await).await?;
        let record = worker(&order.branch);
        record::refuse_claimed(&made.git_dir)?;
        let git_dir = made.git_dir.clone();
        journal.announce(Step::Record { git_dir, record: record.clone() })?;
        record::claim(&made.git_dir, &record)?;
        self.brief(&made, journal)?;
        Ok(made)
    }

    /// Announces the brief and writes it.
    pub(crate) fn brief(&self, made: &Made, journal: &mut CreateJournal) -> Result<(), Error> {
        let before = scratch::brief_before(&made.path)?;
        journal.announce(Step::Brief { worktree: made.path.clone(), before })?;
        scratch::write_brief(&made.path, "the task\n").map(drop)
    }

    /// Undoes what dead creates left; panics when that fails.
    pub(crate) async fn sweep(&self) -> Vec<Undone> {
        let dir = self.journals();
        self.run(async |run| {
            let mut all = Vec::new();
            for leftover in git::leftovers(&dir, run).await.unwrap() {
                all.push(leftover.undo(run).await.unwrap());
            }
            all
        })
        .await
    }
}

/// An order for new work on a branch.
pub(crate) fn new(branch: &str) -> WorktreeRequest {
    WorktreeRequest {
        branch: branch.to_owned(),
        start: Start::Default,
        reuse: false,
        path: None,
        git_hooks: true,
    }
}

pub(crate) fn worker(branch: &str) -> record::WorktreeRecord {
    record::WorktreeRecord {
        worker: wtmag::model::WorkerId::for_branch("p", branch),
        hub: PathBuf::from("/run/hub"),
        created: Timestamp(1),
        tmux: None,
        worktree_made: true,
    }
}

/// Plain git, by choice.
pub(crate) const GIT: Tool = Tool::Git { why: None };

/// Waits until `done` says so, for at most ten seconds.
#[track_caller]
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        thread::yield_now();
    }
}
