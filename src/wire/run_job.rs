//! What the hub has a child do for a task of a run, and the result.
use serde::{Deserialize, Serialize};

use super::job::{self, BadJob};
use crate::model::RunJob;

const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Versioned {
    #[serde(default)]
    version: u32,
    #[serde(flatten)]
    job: RunJob,
}

/// The result: an error, or what was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunJobResult {
    #[serde(default)]
    pub error: Option<String>,
    /// The branch that has the work now.
    #[serde(default)]
    pub landed: Option<String>,
}

/// The job as the child reads it.
pub fn write_run_job(job: RunJob) -> String {
    serde_json::to_string(&Versioned { version: VERSION, job }).unwrap_or_default()
}

/// # Errors
/// [`BadJob`].
pub fn read_run_job(text: &[u8]) -> Result<RunJob, BadJob> {
    job::read(("job", VERSION), text).map(|it: Versioned| it.job)
}

impl RunJobResult {
    pub fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// # Errors
    /// Anything that is not a result of this or another version.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attempt, Caller, RunId, RunWork};

    #[test]
    fn a_job_is_read_as_it_was_written_and_a_newer_one_is_refused() {
        let job = RunJob {
            attempt: Attempt { run: RunId(3), task: 2, number: 1 },
            caller: Caller::default(),
            server: None,
            work: RunWork::Create { args: vec!["--prompt=x".into()] },
        };
        let text = write_run_job(job.clone());
        assert_eq!(read_run_job(text.as_bytes()).unwrap(), job);
        let newer = text.replace("\"version\":1", "\"version\":2");
        assert!(matches!(read_run_job(newer.as_bytes()), Err(BadJob::Newer { found: 2, .. })));
        assert!(matches!(read_run_job(b"{}"), Err(BadJob::Unreadable { .. })));
    }
}
