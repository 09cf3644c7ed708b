//! A question about many pull requests of one repository, and its answer.
use crate::model::PullState;

/// Pull requests that are asked for at one time.
pub(super) const MAX: usize = 100;

/// Which pull requests of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    pub host: String,
    /// `owner/name`, on GitLab also `group/subgroup/name`.
    pub repo: String,
    pub numbers: Vec<u64>,
    /// Open ones for these branches.
    pub branches: Vec<String>,
}

/// One pull request, and the branch that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub state: PullState,
    pub branch: String,
    /// The page of the repository that has the branch: a fork's, or the one that was asked. `None` if it is
    /// gone.
    pub from: Option<String>,
}
