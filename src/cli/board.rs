//! Moves the item of a worker's task on its board, as `[board]` says. What goes wrong is a note: the work
//! does not depend on it.
use std::time::Duration;

use super::{Context, approval::Wanted, settings};
use crate::{
    config::Loaded,
    git::Repo,
    model::{SourceKind, Worker, error_chain},
    proc::{Cancel, Cmd},
    sources::{self, github, ready::Column},
    text::one_line,
};

/// When an item moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Its worker was created.
    Start,
    /// Its worker has a pull request.
    Pull,
    /// The work has landed.
    Land,
}

const LIMIT: Duration = Duration::from_secs(30);

/// Moves it. Returns a note if that failed.
pub(crate) async fn moved(
    context: &Context,
    repo: &Repo,
    worker: &Worker,
    moment: Moment,
    cancel: &Cancel,
) -> Option<String> {
    let loaded = match settings::load(context, Some(repo)) {
        Ok(loaded) => loaded,
        Err(failure) => {
            return Some(format!("the task was not moved on its board: {}", failure.line()));
        }
    };
    let to = target(&loaded, moment)?;
    let task = worker.source.reference()?;
    let why = match Wanted::board(context, repo, &loaded) {
        Ok(None) => act(repo, worker, &loaded, &to, cancel).await.err()?,
        Ok(Some(_)) => {
            "you have not approved `[board]` of this repository's wtmag.toml; to approve it: \
                        `wtmag config approve`"
                .to_owned()
        }
        Err(failure) => failure.line(),
    };
    Some(format!("{task} was not moved on its board: {}", one_line(&why, 400)))
}

/// What `[board]` says for this moment.
fn target(loaded: &Loaded, moment: Moment) -> Option<String> {
    let board = &loaded.config.board;
    match moment {
        Moment::Start => board.on_start.clone(),
        Moment::Pull => board.on_pr.clone(),
        Moment::Land => board.on_land.clone(),
    }
}

async fn act(
    repo: &Repo,
    worker: &Worker,
    loaded: &Loaded,
    to: &str,
    cancel: &Cancel,
) -> Result<(), String> {
    let source = &worker.source;
    if let Some(board) = loaded.config.board.board() {
        if source.kind != SourceKind::GithubIssue {
            return Ok(());
        }
        let column = Column { board, column: to.to_owned() };
        let cx = sources::Context::new(repo.home(), cancel);
        let moved = github::move_issue(&cx, &source.key, &column).await;
        return moved.map_err(|error| match error.hint() {
            Some(hint) => format!("{} ({hint})", error_chain(&error)),
            None => error_chain(&error),
        });
    }
    command(repo, worker, to, cancel).await
}

/// Runs the user's command with the task's key as its last argument.
async fn command(repo: &Repo, worker: &Worker, line: &str, cancel: &Cancel) -> Result<(), String> {
    let argv = shlex::split(line).ok_or_else(|| format!("`{line}` has an open quote"))?;
    let (program, args) = argv.split_first().ok_or("the command is empty")?;
    let source = &worker.source;
    let cmd = Cmd::new(program, repo.home()).args(args).args([&source.key]);
    let cmd = cmd.env("WTMAG_WORKER", worker.id.as_str());
    let cmd = cmd.env("WTMAG_SOURCE", source.kind.name());
    let cmd = cmd.env("WTMAG_URL", source.url.as_deref().unwrap_or_default());
    let cmd = cmd.env("WTMAG_PR", worker.pr.as_deref().unwrap_or_default());
    let output = cmd.limit(LIMIT).run(cancel).await.map_err(|it| error_chain(&it))?;
    if output.is_success() {
        return Ok(());
    }
    Err(format!("`{line}` failed: {}", sources::reason(&output.stderr_text())))
}
