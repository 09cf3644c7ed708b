//! What a repository's `wtmag.toml` may run, and what its personas may say, after its user has approved it.
//!
//! The author of the repository wrote the file. It may choose among the user's agents without
//! approval. An agent, a setup command or a source of tasks that it defines must be approved once per
//! repository, word for word: after a change, wtmag asks again.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use super::{Context, Failure};
use crate::{config::Loaded, git::Repo, paths, proc::Cancel};

/// The approved sections, keyed by the repository's common git dir.
type Approved = BTreeMap<PathBuf, BTreeSet<String>>;

/// What a repository's file would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Danger {
    RunsCommands,
    InstructsAnAgent,
}

/// The sections of a project's file that need approval.
#[derive(Debug)]
pub(crate) struct Wanted {
    danger: Danger,
    file: PathBuf,
    repo: PathBuf,
    sections: Vec<String>,
}

impl Wanted {
    /// What of the project's file still needs approval before a worker of this agent can be made.
    pub(crate) fn find(
        context: &Context,
        repo: &Repo,
        loaded: &Loaded,
        agent: &str,
    ) -> Result<Option<Self>, Failure> {
        let names = [format!("agents.{agent}"), "worktree".to_owned(), "board".to_owned()];
        Self::of(context, repo, loaded, names)
    }

    /// The same of all that the project's file sets.
    pub(crate) fn all(
        context: &Context,
        repo: &Repo,
        loaded: &Loaded,
    ) -> Result<Option<Self>, Failure> {
        let agents = loaded.config.agents.by_name.keys().map(|it| format!("agents.{it}"));
        let sources = loaded.config.sources.keys().map(|it| format!("sources.{it}"));
        let names = agents.chain(sources).chain(["worktree".to_owned(), "board".to_owned()]);
        Self::of(context, repo, loaded, names)
    }

    /// The same of this source of tasks.
    pub(crate) fn source(
        context: &Context,
        repo: &Repo,
        loaded: &Loaded,
        name: &str,
    ) -> Result<Option<Self>, Failure> {
        Self::of(context, repo, loaded, [format!("sources.{name}")])
    }

    /// The same of what moves tasks on a board.
    pub(crate) fn board(
        context: &Context,
        repo: &Repo,
        loaded: &Loaded,
    ) -> Result<Option<Self>, Failure> {
        Self::of(context, repo, loaded, ["board".to_owned()])
    }

    fn of(
        context: &Context,
        repo: &Repo,
        loaded: &Loaded,
        names: impl IntoIterator<Item = String>,
    ) -> Result<Option<Self>, Failure> {
        let Some(file) = loaded.project.clone() else { return Ok(None) };
        let repo = repo.common_dir().to_owned();
        let approved = load(context)?.remove(&repo).unwrap_or_default();
        let sections = names.into_iter().filter_map(|it| loaded.from_project(&it));
        let sections: Vec<String> = sections.filter(|it| !approved.contains(it)).collect();
        let danger = Danger::RunsCommands;
        Ok((!sections.is_empty()).then_some(Self { danger, file, repo, sections }))
    }

    /// The text of a persona that comes with the repository, if it still needs approval.
    pub(crate) fn persona(
        context: &Context,
        repo: &Repo,
        file: &Path,
        text: &str,
    ) -> Result<Option<Self>, Failure> {
        let repo = repo.common_dir().to_owned();
        let approved = load(context)?.remove(&repo).unwrap_or_default();
        let section = format!("# persona\n{text}");
        let (danger, file) = (Danger::InstructsAnAgent, file.to_owned());
        let wanted = Self { danger, file, repo, sections: vec![section.clone()] };
        Ok((!approved.contains(&section)).then_some(wanted))
    }

    /// Asks the user in a terminal; otherwise fails and says how to approve.
    pub(crate) async fn ask(self, context: &Context, cancel: &Cancel) -> Result<(), Failure> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(self.refusal());
        }
        let (does, warning) = match self.danger {
            Danger::RunsCommands => ("sets", "This can run commands as you."),
            Danger::InstructsAnAgent => ("says", "The agent gets this as instructions."),
        };
        context.say(&format!("`{}` of this repository {does}", self.file.display()));
        self.lines().for_each(|line| context.say(&format!("  | {line}")));
        context.ask_user(&format!("{warning} Approve it? [y/N] "));
        let answer = context.read_line(cancel).await?;
        if !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            return Err(Failure::user("not approved, so nothing was done"));
        }
        self.save(context)
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        // The first line of a persona's section only names it.
        let title = usize::from(self.danger == Danger::InstructsAnAgent);
        self.sections.iter().flat_map(move |it| it.lines().skip(title))
    }

    pub(crate) fn refusal(&self) -> Failure {
        if self.danger == Danger::InstructsAnAgent {
            let file = self.file.display();
            return Failure::user(format!(
                "`{file}` of this repository instructs the agent, and you have not approved it"
            ))
            .quote(self.lines())
            .hint(
                "run the command in a terminal: wtmag shows the persona and asks you to approve it",
            );
        }
        let message =
            format!("`{}` can run commands, and you have not approved them", self.file.display());
        Failure::user(message)
            .quote(self.lines())
            .hint("`wtmag config approve` shows and approves them")
            .hint("`wtmag create` and `wtmag run` use them without approval if you pass `--yes`")
    }

    /// Stores all of it as approved.
    pub(crate) fn save(self, context: &Context) -> Result<(), Failure> {
        let path = context.env.approvals_file();
        let mut approved = load(context)?;
        approved.entry(self.repo).or_default().extend(self.sections);
        let write = || -> io::Result<()> {
            let dir = path.parent().unwrap_or(&path);
            fs::create_dir_all(dir)?;
            paths::replace_durably(&path, &serde_json::to_vec_pretty(&approved)?)
        };
        write().map_err(|it| Failure::user(format!("could not write `{}`: {it}", path.display())))
    }
}

fn load(context: &Context) -> Result<Approved, Failure> {
    let path = context.env.approvals_file();
    let failed = |why: String| Failure::user(format!("could not read `{}`: {why}", path.display()));
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|it| failed(it.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Approved::new()),
        Err(error) => Err(failed(error.to_string())),
    }
}
