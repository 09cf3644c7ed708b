//! Why a tracker of the configuration gave no task.

#[derive(Debug, thiserror::Error)]
pub enum CustomError {
    #[error("`{text}` does not name a task of a tracker in your configuration")]
    BadTask { text: String },
    #[error("the configuration has no `[sources.{name}]`")]
    Unknown { name: String, known: Vec<String> },
    #[error("the command of `[sources.{name}]` {why}")]
    Command { name: String, command: String, why: String },
}

impl CustomError {
    /// What to do, as one sentence without a full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::BadTask { .. } => {
                "write NAME:KEY, as in `linear:ENG-12`; NAME is the name of a `[sources.NAME]` block; \
                 see `wtmag help sources`"
                    .to_owned()
            }
            Self::Unknown { known, .. } if known.is_empty() => {
                "`wtmag help sources` shows how to add it".to_owned()
            }
            Self::Unknown { known, .. } => {
                format!(
                    "it has these: {}; `wtmag help sources` shows how to add one",
                    known.join(", ")
                )
            }
            Self::Command { command, .. } => format!("try it: `{command}`"),
        }
    }
}
