//! A private directory for the demo: a repository, a tmux server, settings and state. It is removed
//! at the end.
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::{Context, Failure},
    client::Hub,
    model::Request,
    paths::Env,
    proc::{self, Cmd},
};

/// The demo's directory.
pub(super) struct Scratch {
    dir: tempfile::TempDir,
    pub(super) program: PathBuf,
    vars: Vec<(&'static str, String)>,
    /// Variables for programs that should believe that they run in the demo's tmux session.
    inside: Option<String>,
}

impl Scratch {
    /// Creates it, with a repository `blog` and a tmux session `demo`.
    pub(super) async fn make() -> Result<Self, Failure> {
        // Short, because a socket's path is limited.
        let dir = tempfile::Builder::new().prefix("wtmag-demo-").tempdir_in("/tmp")?;
        let program = std::env::current_exe()?;
        let mut scratch = Self { vars: vars(dir.path()), dir, program, inside: None };
        scratch.write_files()?;
        scratch.make_repository().await?;
        scratch.start_tmux().await?;
        Ok(scratch)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.path("tmux")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.path("blog")
    }

    /// A context for commands in the demo.
    pub(super) fn context(&self) -> Context {
        let vars = self.vars.iter().map(|(name, value)| (*name, value.as_str()));
        let env = Env::new(vars, self.path("home"), nix::unistd::getuid().as_raw());
        Context::elsewhere(env, self.socket())
    }

    /// Runs a program in the repository, isolated from the user's environment.
    pub(super) fn cmd(&self, program: impl AsRef<std::ffi::OsStr>) -> Cmd<'static> {
        let cmd = Cmd::new(program, &self.repository());
        let cmd = self.vars.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value));
        match &self.inside {
            Some(inside) => cmd.env("TMUX", inside),
            None => cmd,
        }
    }

    /// Runs tmux on the demo's server.
    pub(super) async fn tmux(&self, args: &[&str]) -> Result<String, Failure> {
        let socket = self.socket();
        let server = [Path::new("-u").as_os_str(), "-S".as_ref(), socket.as_os_str()];
        let cmd = self.cmd("tmux").args(server).args(args);
        let output = cmd.run(&proc::never()).await?;
        if output.is_success() {
            return Ok(output.stdout_text().trim().to_owned());
        }
        Err(Failure::user(format!("tmux failed: {}", output.stderr_text())))
    }

    /// Ends the hub and the tmux server with all agents; the directory is removed when this is
    /// dropped.
    pub(super) async fn end(self) -> Result<(), Failure> {
        if let Ok(mut hub) = Hub::connect(&self.context().whereabouts()?).await {
            let reason = "the demo is over".to_owned();
            if hub.ask(Request::Stop { reason }).await.is_ok() {
                hub.closed().await?;
            }
        }
        self.tmux(&["kill-server"]).await?;
        Ok(self.dir.close()?)
    }

    /// Leaves everything running, and returns the directory.
    pub(super) fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_files(&self) -> Result<(), Failure> {
        for dir in ["home", "blog", "config/wtmag"] {
            fs::create_dir_all(self.path(dir))?;
        }
        fs::DirBuilder::new().mode(0o700).create(self.path("run"))?;
        let word = self.program.to_str().and_then(|it| shlex::try_quote(it).ok());
        let word = word.ok_or_else(|| Failure::user("this program's path is not UTF-8"))?;
        let config = SETTINGS.replace("PROGRAM", &format!("'''{word} demo-agent'''"));
        self.write("config/wtmag/config.toml", &config)?;
        let mut env = "unset TMUX TMUX_PANE\n".to_owned();
        for (name, value) in &self.vars {
            let value = shlex::try_quote(value).map_err(Failure::bug)?;
            env.push_str(&format!("export {name}={value}\n"));
        }
        env.push_str(&format!(
            "wtmag() {{ command {word} -S {} \"$@\"; }}\n",
            self.socket().display()
        ));
        self.write("env", &env)?;
        // For the shells in the demo's windows, where tmux already selects the server.
        self.write("home/.profile", &format!("wtmag() {{ command {word} \"$@\"; }}\n"))?;
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        fs::File::create(self.path(name))?.write_all(text.as_bytes())
    }

    async fn make_repository(&self) -> Result<(), Failure> {
        let commit = ["commit", "--quiet", "--allow-empty", "--message", "A blog"];
        for args in [&["init", "--quiet", "--initial-branch", "main"][..], &commit] {
            let output = self.cmd("git").args(args).run(&proc::never()).await?;
            if !output.is_success() {
                return Err(Failure::user(format!("git failed: {}", output.stderr_text())));
            }
        }
        Ok(())
    }

    async fn start_tmux(&mut self) -> Result<(), Failure> {
        let size = ["-x", "100", "-y", "30"];
        let start = ["-f", "/dev/null", "new-session", "-d", "-s", "demo"];
        self.tmux(&[&start[..], &size].concat()).await?;
        let pid = self.tmux(&["display-message", "-p", "#{pid}"]).await?;
        self.inside = Some(format!("{},{pid},0", self.socket().display()));
        Ok(())
    }
}

const SETTINGS: &str = r#"[agents.default]
name = "demo"

[agents.demo]
command = PROGRAM

[agents.careful]
command = PROGRAM
args = ["--careful"]
profile = "demo"

[worktree]
backend = "git"
"#;

/// Without the user's settings and identity.
fn vars(dir: &Path) -> Vec<(&'static str, String)> {
    let at = |name: &str| dir.join(name).display().to_string();
    let shell = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    vec![
        ("HOME", at("home")),
        ("XDG_CONFIG_HOME", at("config")),
        ("XDG_STATE_HOME", at("state")),
        ("XDG_RUNTIME_DIR", at("run")),
        ("SHELL", shell.to_owned()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_CONFIG_SYSTEM", "/dev/null".to_owned()),
        ("GIT_AUTHOR_NAME", "Demo".to_owned()),
        ("GIT_AUTHOR_EMAIL", "demo@example.org".to_owned()),
        ("GIT_COMMITTER_NAME", "Demo".to_owned()),
        ("GIT_COMMITTER_EMAIL", "demo@example.org".to_owned()),
    ]
}
