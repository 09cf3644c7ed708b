//! `create --with-changes`: the uncommitted changes of the current worktree move into the new one.
use std::io::{self, IsTerminal as _};

use super::{args::Args, options::CreateOptions};
use crate::{
    cli::{Failure, progress::Progress},
    git::{
        CreateJournal, News, Repo, Run,
        carry::{self, Carried},
    },
    model::Kind,
    proc::{self, Cancel},
};

/// Which changes move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WithChanges {
    No,
    All,
    Chosen,
}

impl WithChanges {
    pub(super) fn of(args: &Args) -> Self {
        match (args.with_changes, args.patch) {
            (false, _) => Self::No,
            (true, false) => Self::All,
            (true, true) => Self::Chosen,
        }
    }

    /// The changes, which the user may choose. Nothing is touched yet.
    pub(super) async fn wanted(
        self,
        repo: &Repo,
        options: &CreateOptions,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Option<Carried>, Failure> {
        if self == Self::No {
            return Ok(None);
        }
        if options.task.kind() == Kind::Review {
            return Err(Failure::usage(
                "`--with-changes` cannot be used with a pull request or a merge request",
            ));
        }
        let Some(top) = repo.worktree() else {
            return Err(Failure::user(
                "`--with-changes` needs a worktree, and this directory is in none",
            ));
        };
        let mut tell = |news: &News| progress.news(news);
        let run = Run { cancel, tell: &mut tell };
        let mut carried = carry::capture(repo, &top, &run).await?;
        if self == Self::Chosen {
            if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
                return Err(Failure::usage("`--patch` needs a terminal")
                    .hint("without it, all uncommitted changes move"));
            }
            carry::choose(&mut carried, &run).await?;
        }
        Ok(Some(carried))
    }
}

/// The worker exists, and its worktree has them. If its agent could not be started, they stay here as well.
pub(super) async fn take_away(
    carried: &Carried,
    journal: CreateJournal,
    is_gone: bool,
    progress: &Progress,
) -> Result<(), Failure> {
    let from = carried.from.display();
    let mut tell = |news: &News| progress.news(news);
    let never = proc::never();
    let run = Run { cancel: &never, tell: &mut tell };
    let taken = if is_gone { None } else { Some(carried.take_away(&run).await) };
    journal.commit()?;
    let note = match taken {
        None => format!("the agent did not start: your changes are also still in `{from}`"),
        Some(Ok(())) if carried.is_part() => {
            format!("the changes that you chose in `{from}` have moved to the worker")
        }
        Some(Ok(())) => format!("your uncommitted changes in `{from}` have moved to the worker"),
        Some(Err(error)) => format!("{error}; the worker has a copy of them"),
    };
    progress.note(&note);
    Ok(())
}
