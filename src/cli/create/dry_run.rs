//! Shows what would be created, without creating it: asks only the task's source.
use std::collections::BTreeMap;

use serde_json::json;

use super::{order::Order, reserve, site::Site, source};
use crate::{
    brief::{self, Options},
    cli::{Context, Failure, output::fields, progress::Progress},
    model::{DeliveryMode, WorkerId},
    proc::Cancel,
    sources::templates,
};

/// What only the remote knows.
const UNKNOWN: &str = "the remote's default branch";

pub(super) async fn describe(
    context: &Context,
    site: &Site,
    order: &Order,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<String, Failure> {
    let branch = free_branch(site, order)?;
    let id = WorkerId::for_branch(&site.repo.project(), &branch);
    let fetched = source::fetch(site, order, progress, cancel).await?;
    let launch = site.agent.outline(&context.env)?;
    let templates = templates::load(
        &site.template_dirs(context),
        order.task.kind(),
        source::host(&fetched, &site.repo),
    )?;
    let remote = site.repo.push_remote();
    let options = Options {
        host: source::host(&fetched, &site.repo),
        repo: fetched.forge.as_ref().map(|it| it.repo.as_str()),
        branch: &branch,
        base: None,
        remote: remote.as_deref(),
        target: order.base.as_deref(),
        open_pr: order.open_pr,
        plan: order.plan,
        submodules: site.repo.home().join(".gitmodules").exists(),
        instructions: order.instructions.as_deref(),
    };
    let brief = brief::render(&templates, &fetched.item, &options)?;
    let base = match (fetched.item.pull(), &order.base) {
        (Some(pull), _) => pull.head_sha.clone(),
        (None, Some(base)) => base.clone(),
        (None, None) => site.repo.default_branch().unwrap_or_else(|_| UNKNOWN.to_owned()),
    };
    let variables: BTreeMap<_, _> = launch.env.iter().cloned().collect();
    if context.json() {
        let value = json!({
            "id": id, "branch": branch, "base": base, "placement": site.placement,
            "agent": site.agent.name, "argv": launch.argv, "env": variables, "delivery": site.agent.delivery(),
            "source": fetched.item.source, "brief": brief,
        });
        return Ok(format!("{value}\n"));
    }
    let words = launch.argv.iter().map(String::as_str);
    let command = shlex::try_join(words).unwrap_or_else(|_| launch.argv.join(" "));
    let by = match site.agent.delivery() {
        DeliveryMode::Ready | DeliveryMode::Other(_) => "typed when the agent is ready",
        DeliveryMode::Argument => "on the command line",
    };
    let mut rows = vec![
        ("id", id.to_string()),
        ("branch", format!("{branch} from {base}")),
        ("placement", site.placement.to_string()),
        ("agent", site.agent.name.clone()),
        ("command", command),
        ("variables", variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect()),
        ("prompt", by.to_owned()),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    let text = fields(context.style(), &rows);
    Ok(format!("would create\n{text}\n{brief}"))
}

/// The branch that `create` would create now, as far as the repository decides it.
fn free_branch(site: &Site, order: &Order) -> Result<String, Failure> {
    let mut first = None;
    for branch in reserve::branches(order) {
        if site.repo.branch_tip(&branch)?.is_none() {
            match reserve::check_free(site, order, &branch) {
                Ok(()) => return Ok(branch),
                Err(error) if !reserve::is_numbered(order) => return Err(error.into()),
                Err(_) => {}
            }
        }
        first.get_or_insert(branch);
    }
    Ok(first.unwrap_or_default())
}
