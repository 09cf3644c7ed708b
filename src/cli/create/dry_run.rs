//! Shows what would be created, without creating it: asks only the task's source.
use std::{collections::BTreeMap, path::PathBuf};

use serde_json::json;

use super::{options::CreateOptions, repo_context::RepoContext, report::Told, reserve, source};
use crate::{
    brief::{self, Options},
    cli::{Context, Failure, output::fields, progress::Progress, settings},
    git::{self, News, Run, Tool},
    model::{DeliveryMode, WorkerId},
    proc::Cancel,
    sources::templates,
};

/// What only the remote knows.
const UNKNOWN: &str = "the remote's default branch";

pub(super) async fn describe(
    context: &Context,
    repo_context: &RepoContext,
    options: &CreateOptions,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Told, Failure> {
    let branch = free_branch(repo_context, options)?;
    let id = WorkerId::for_branch(&repo_context.repo.project(), &branch);
    let fetched = source::fetch(repo_context, options, progress, cancel).await?;
    let launch = repo_context.agent.outline(&context.env)?;
    let path = planned_path(context, repo_context, &branch, (progress, cancel)).await?;
    let templates = templates::load(
        &repo_context.template_dirs(context),
        options.task.kind(),
        source::host(&fetched, &repo_context.repo),
    )?;
    let remote = repo_context.repo.push_remote();
    let brief_options = Options {
        host: source::host(&fetched, &repo_context.repo),
        repo: fetched.forge.as_ref().map(|it| it.repo.as_str()),
        branch: &branch,
        base: None,
        remote: remote.as_deref(),
        target: options.base.as_deref(),
        open_pr: options.open_pr,
        plan: options.plan,
        submodules: repo_context.repo.home().join(".gitmodules").exists(),
        instructions: options.instructions.as_deref(),
    };
    let brief = brief::render(&templates, &fetched.item, &brief_options)?;
    let base = match (fetched.item.pull(), &options.base) {
        (Some(pull), _) => pull.head_sha.clone(),
        (None, Some(base)) => base.clone(),
        (None, None) => repo_context.repo.default_branch().unwrap_or_else(|_| UNKNOWN.to_owned()),
    };
    let variables: BTreeMap<_, _> = launch.env.iter().cloned().collect();
    let value = json!({
        "id": id, "branch": branch, "base": base, "worktree": path, "placement": repo_context.placement,
        "agent": repo_context.agent.name, "argv": launch.argv, "env": variables, "delivery": repo_context.agent.delivery(),
        "source": fetched.item.source, "brief": brief,
    });
    let row = [id.to_string(), fetched.item.source.to_string(), "not created".to_owned()];
    let words = launch.argv.iter().map(String::as_str);
    let command = shlex::try_join(words).unwrap_or_else(|_| launch.argv.join(" "));
    let by = match repo_context.agent.delivery() {
        DeliveryMode::Ready | DeliveryMode::Other(_) => "typed when the agent is ready",
        DeliveryMode::Argument => "on the command line",
    };
    let mut rows = vec![
        ("id", id.to_string()),
        ("branch", format!("{branch} from {base}")),
        (
            "worktree",
            path.map_or("where WorkTrunk puts it".to_owned(), |it| it.display().to_string()),
        ),
        ("placement", repo_context.placement.to_string()),
        ("agent", repo_context.agent.name.clone()),
        ("command", command),
        ("variables", variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect()),
        ("prompt", by.to_owned()),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    let text = fields(context.style(), &rows);
    Ok(Told { text: format!("would create\n{text}\n{brief}"), value, row })
}

/// Where the worktree would be; `None` if WorkTrunk decides.
async fn planned_path(
    context: &Context,
    repo_context: &RepoContext,
    branch: &str,
    (progress, cancel): (&Progress, &Cancel),
) -> Result<Option<PathBuf>, Failure> {
    let mut tell = |news: &News| progress.news(news);
    let mut run = Run { cancel, tell: &mut tell };
    let backend = settings::backend(repo_context.loaded.config.worktree.backend);
    let tool = Tool::choose(backend, "wt".as_ref(), &mut run).await?;
    let template = repo_context.worktree_path(context);
    let place = (branch, template.as_deref());
    Ok(git::planned_path(&repo_context.repo, &tool, place, &run).await?)
}

/// The branch that `create` would create now, as far as the repository decides it.
fn free_branch(repo_context: &RepoContext, options: &CreateOptions) -> Result<String, Failure> {
    let mut first = None;
    for branch in reserve::branches(options) {
        if repo_context.repo.branch_tip(&branch)?.is_none() {
            match reserve::check_free(repo_context, options, &branch) {
                Ok(()) => return Ok(branch),
                Err(error) if !reserve::is_numbered(options) => return Err(error.into()),
                Err(_) => {}
            }
        }
        first.get_or_insert(branch);
    }
    Ok(first.unwrap_or_default())
}
