//! What the shell offers to complete.
use clap_complete::CompletionCandidate;

/// The workers that are there.
pub(crate) fn workers() -> Vec<CompletionCandidate> {
    Vec::new()
}
