//! Counts the commits that a worker made.
use std::path::Path;

use super::{Error, at::At, fetch::first_line};
use crate::proc::Cancel;

/// Commits of the branch that are neither in the history of `head`, its commit at the beginning, nor in
/// that of its base.
///
/// # Errors
/// [`Error::Read`] with git's message; [`Error::Proc`] if the user cancelled.
pub async fn new_commits(
    common_dir: &Path,
    branch: &str,
    (head, base): (&str, Option<&str>),
    cancel: &Cancel,
) -> Result<usize, Error> {
    let without = [Some(head), base].into_iter().flatten().map(|it| format!("^{it}"));
    let cmd = At::bare(common_dir).cmd().args(["rev-list", "--count", "--ignore-missing"]);
    let cmd = cmd.args([format!("refs/heads/{branch}")]).args(without).args(["--"]);
    let output = cmd.run(cancel).await?;
    if !output.is_success() {
        return Err(Error::read("the commits")(first_line(&output.stderr_text())));
    }
    output.stdout_text().trim().parse().map_err(Error::read("the commits"))
}
