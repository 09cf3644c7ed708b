//! Facts about a new worktree that a user may not expect, one line each.
use std::{fmt, path::PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Nothing decides which of several remotes new work starts from.
    Remote { name: String, others: Vec<String> },
    /// The remote's default branch has another name now.
    Renamed { remote: String, old: String, new: String },
    /// The start has work that was landed here and not pushed.
    Landed { remote: String, branch: String, n: usize },
    /// The start does not have these commits of the local branch.
    Unpushed { remote: String, branch: String, n: usize },
    /// The new worktree is inside another worktree, which now ignores it.
    Hidden { path: PathBuf, by: PathBuf },
    /// The caller's worktree has a sparse checkout.
    FullCheckout,
    /// A file that `[worktree] copy` names does not exist.
    NotCopied { path: PathBuf },
    /// The repository has submodules, which are empty in a new worktree.
    Submodules,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote { name, others } => write!(
                f,
                "starting from the remote `{name}`, not from `{}`; `git config \
                 checkout.defaultRemote NAME` chooses another",
                others.join("`, `")
            ),
            Self::Renamed { remote, old, new } => write!(
                f,
                "the default branch of `{remote}` is now `{new}`, not `{old}`; `git remote set-head \
                 {remote} -a` makes git remember it"
            ),
            Self::Landed { remote, branch, n } => write!(
                f,
                "starting from your `{branch}`, which has landed work: {}; `--base {remote}/{branch}` \
                 starts without",
                not_pushed(*n)
            ),
            Self::Unpushed { remote, branch, n } => write!(
                f,
                "starting from `{branch}` of `{remote}`; your `{branch}` has {}, and `--base {branch}` \
                 starts with them",
                not_pushed(*n)
            ),
            Self::Hidden { path, by } => write!(
                f,
                "the worktree `{}` is inside the repository `{}`, which now ignores it by its \
                 `info/exclude`",
                path.display(),
                by.display()
            ),
            Self::FullCheckout => f.write_str(
                "this worktree has all files: the sparse checkout of the current worktree was not \
                 inherited",
            ),
            Self::NotCopied { path } => {
                write!(f, "`{}` does not exist, so it was not copied", path.display())
            }
            Self::Submodules => f.write_str(
                "the submodules of the new worktree are empty; `git submodule update --init` fills \
                 them",
            ),
        }
    }
}

fn not_pushed(n: usize) -> String {
    if n == 1 {
        "1 commit that is not pushed".to_owned()
    } else {
        format!("{n} commits that are not pushed")
    }
}
