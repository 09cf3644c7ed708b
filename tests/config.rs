//! Settings in files: where they are found, which one wins, the errors for a bad one.
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use tempfile::TempDir;
use wtmag::config::{self, Error, Loaded, Origin, Setting, TEMPLATE};

struct Files {
    dir: TempDir,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            put(&dir.path().join(name), text);
        }
        Self { dir }
    }

    fn user(&self) -> PathBuf {
        self.dir.path().join("home/config.toml")
    }

    fn load(&self, dirs: &[&str]) -> Result<Loaded, Error> {
        let dirs: Vec<_> = dirs.iter().map(|it| self.dir.path().join(it)).collect();
        config::load(&self.user(), &dirs)
    }

    /// A setting as `wtmag config` prints it, with the directory left out.
    fn setting(&self, loaded: &Loaded, key: &str) -> String {
        self.shown(loaded.settings.iter().find(|it| it.key == key).unwrap())
    }

    fn shown(&self, setting: &Setting) -> String {
        setting.to_string().replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "nothing is lost if a test crashes")]
    fs::write(path, text).unwrap();
}

#[test]
fn without_files_the_built_in_values_are_in_force() {
    let files = Files::new(&[]);
    let loaded = files.load(&["repo"]).unwrap();
    assert!(loaded.files.is_empty());
    assert!(loaded.settings.iter().all(|it| it.origin == Origin::BuiltIn));
    let shown: Vec<_> = loaded.settings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    agents.claude.args = []  # built-in
    agents.claude.command = "claude"  # built-in
    agents.claude.delivery = "ready"  # built-in
    agents.claude.hooks = true  # built-in
    agents.claude.prompt_flag = ""  # built-in
    agents.claude.trust = "ask"  # built-in
    agents.codex.args = []  # built-in
    agents.codex.command = "codex"  # built-in
    agents.codex.delivery = "ready"  # built-in
    agents.codex.hooks = true  # built-in
    agents.codex.prompt_flag = ""  # built-in
    agents.codex.trust = "ask"  # built-in
    agents.default.name = "pi"  # built-in
    agents.opencode.args = []  # built-in
    agents.opencode.command = "opencode"  # built-in
    agents.opencode.delivery = "ready"  # built-in
    agents.opencode.hooks = true  # built-in
    agents.opencode.prompt_flag = "--prompt"  # built-in
    agents.opencode.trust = "ask"  # built-in
    agents.pi.args = []  # built-in
    agents.pi.command = "pi"  # built-in
    agents.pi.delivery = "ready"  # built-in
    agents.pi.hooks = true  # built-in
    agents.pi.prompt_flag = ""  # built-in
    agents.pi.trust = "ask"  # built-in
    answer.agents = false  # built-in
    history.keep = "90d"  # built-in
    inbox.stalled = "10m"  # built-in
    land.agents = false  # built-in
    land.confirm = false  # built-in
    land.mode = "merge"  # built-in
    land.need = []  # built-in
    land.pr = "merge"  # built-in
    land.push = false  # built-in
    launch.implementation = "window"  # built-in
    launch.review = "window"  # built-in
    limits.resume = false  # built-in
    notify.bell = false  # built-in
    notify.parent = true  # built-in
    ready.column = "Todo"  # built-in
    record.enabled = true  # built-in
    worktree.backend = "auto"  # built-in
    worktree.copy = []  # built-in
    worktree.markers = false  # built-in
    "#);
}

#[test]
fn each_layer_wins_over_the_one_below_and_origins_say_which() {
    let files = Files::new(&[
        (
            "home/config.toml",
            "[agents.default]\nname = \"claude\"\n\n[launch]\nreview = \"session\"\n\n\
             [agents.pi]\ncommand = \"pi\"\nargs = [\"-x\"]\nhooks = false\n",
        ),
        (
            "repo/wtmag.toml",
            "[agents.default]\nname = \"codex\"\n[agents.pi]\nprompt_flag = \"-p\"\n",
        ),
    ]);
    let loaded = files.load(&["repo"]).unwrap();
    assert_eq!(loaded.files, [files.user(), files.dir.path().join("repo/wtmag.toml")]);
    for want in [
        "agents.default.name = \"codex\"  # repo/wtmag.toml:2",
        "agents.pi.command = \"pi\"  # built-in",
        "agents.pi.args = []  # built-in",
        "agents.pi.hooks = true  # built-in",
        "agents.pi.prompt_flag = \"-p\"  # repo/wtmag.toml:4",
        "agents.pi.delivery = \"argument\"  # built-in",
        "launch.review = \"session\"  # home/config.toml:5",
        "launch.implementation = \"window\"  # built-in",
        "record.enabled = true  # built-in",
    ] {
        let (key, _) = want.split_once(" = ").unwrap();
        assert_eq!(files.setting(&loaded, key), want);
    }
    let project = Origin::File { path: files.dir.path().join("repo/wtmag.toml"), line: 4 };
    assert_eq!(loaded.origin("agents.pi"), Some(&project));
    assert_eq!(loaded.origin("agents.opencode"), Some(&Origin::BuiltIn));
    assert_eq!(loaded.origin("agents.none"), None);
}

#[test]
fn the_nearest_project_file_counts_and_a_workers_never() {
    let files = Files::new(&[
        ("worker/wtmag.toml", "agents.pi.command = 'evil'"),
        ("worker/.wtmag/prompt.md", ""),
        ("main/wtmag.toml", "agents.default.name = 'main'"),
        ("bare/wtmag.toml", "agents.default.name = 'bare'"),
    ]);
    let default = |dirs: &[&str]| files.load(dirs).unwrap().config.agents.default.name;
    assert_eq!(default(&["other", "main", "bare"]), "main");
    assert_eq!(default(&["no/such", "bare"]), "bare");
    let loaded = files.load(&["worker", "main"]).unwrap();
    assert_eq!(loaded.config.agents.by_name["pi"].command, "pi");
    assert_eq!(loaded.config.agents.default.name, "main");
}

#[test]
fn a_bad_file_is_named_with_line_and_column_and_left_alone() {
    let bad = "# mine\n[agents.pi]\nprompt_flagg = ''\n";
    let files = Files::new(&[("home/config.toml", bad)]);
    let error = files.load(&[]).unwrap_err().to_string();
    let path = files.user();
    let start = format!("`{}`, line 3, column 1: unknown key `prompt_flagg`", path.display());
    assert!(error.starts_with(&start), "{error}");
    assert!(error.ends_with("; did you mean `prompt_flag`?"), "{error}");
    assert!(!config::write_template(&path, "pi").unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), bad);
}

#[test]
fn what_is_no_readable_file_is_an_error_not_a_first_run() {
    let files = Files::new(&[("home/config.toml/x", ""), ("repo/wtmag.toml", "")]);
    assert!(matches!(files.load(&[]), Err(Error::Read { .. })));
    let files = Files::new(&[]);
    put(&files.user(), "");
    #[expect(clippy::disallowed_methods, reason = "nothing is lost if a test crashes")]
    fs::write(files.user(), b"x = '\xff'").unwrap();
    assert!(matches!(files.load(&[]), Err(Error::Read { .. })));
}

#[test]
fn the_first_run_writes_the_template_once_however_many_run_at_once() {
    let files = Files::new(&[]);
    let wrote: Vec<bool> = thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let wrote = config::write_template(&files.user(), "pi").unwrap();
                    // The others find the whole file.
                    assert_eq!(fs::read_to_string(files.user()).unwrap(), TEMPLATE);
                    wrote
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(wrote.iter().filter(|it| **it).count(), 1);
    assert_eq!(fs::read_dir(files.user().parent().unwrap()).unwrap().count(), 1);
    assert_eq!(files.load(&[]).unwrap().files, [files.user()]);
}

#[test]
fn a_dangling_link_is_not_written_through() {
    let files = Files::new(&[("home/x", "")]);
    std::os::unix::fs::symlink("elsewhere", files.user()).unwrap();
    assert!(!config::write_template(&files.user(), "pi").unwrap());
    assert!(files.load(&[]).unwrap().files.is_empty());
}
