//! What a repository's `wtmag.toml` may run after its user has approved it.
//!
//! The author of the repository wrote the file. It may choose among the user's agents without
//! approval. An agent or a setup command that it defines must be approved once per repository, word
//! for word: after a change, wtmag asks again.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use super::{Context, Failure};
use crate::{config::Loaded, git::Repo, paths, proc::Cancel};

/// The approved sections, keyed by the repository's common git dir.
type Approved = BTreeMap<PathBuf, BTreeSet<String>>;

/// The sections of a project's file that need approval.
#[derive(Debug)]
pub(crate) struct Wanted {
    file: PathBuf,
    repo: PathBuf,
    sections: Vec<String>,
}

impl Wanted {
    /// The sections that still need approval: of everything that the project's file sets, or of
    /// what this agent needs.
    pub(crate) fn find(
        context: &Context,
        repo: &Repo,
        loaded: &Loaded,
        agent: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        let Some(file) = loaded.project.clone() else { return Ok(None) };
        let all = loaded.config.agents.by_name.keys().map(String::as_str);
        let agents: Vec<&str> = agent.map_or_else(|| all.collect(), |it| vec![it]);
        let names = agents.into_iter().map(|it| format!("agents.{it}"));
        let names = names.chain(["worktree".to_owned()]);
        let repo = repo.common_dir().to_owned();
        let approved = load(context)?.remove(&repo).unwrap_or_default();
        let sections = names.filter_map(|it| loaded.from_project(&it));
        let sections: Vec<String> = sections.filter(|it| !approved.contains(it)).collect();
        Ok((!sections.is_empty()).then_some(Self { file, repo, sections }))
    }

    /// Asks the user in a terminal; otherwise fails and says how to approve.
    pub(crate) async fn ask(self, context: &Context, cancel: &Cancel) -> Result<(), Failure> {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(self.refusal());
        }
        context.say(&format!("`{}` of this repository sets", self.file.display()));
        self.lines().for_each(|line| context.say(&format!("  | {line}")));
        context.ask_user("This can run commands as you. Approve it? [y/N] ");
        let answer = context.read_line(cancel).await?;
        if !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            return Err(Failure::user("not approved, so nothing was done"));
        }
        self.save(context)
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().flat_map(|it| it.lines())
    }

    fn refusal(&self) -> Failure {
        let message =
            format!("`{}` can run commands, and you have not approved them", self.file.display());
        Failure::user(message)
            .quote(self.lines())
            .hint("`wtmag config approve` shows and approves them")
            .hint("`wtmag create --yes` uses them this once")
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
