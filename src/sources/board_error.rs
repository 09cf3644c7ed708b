//! Why an item of a project board is not listed or moved.

#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    #[error("GitHub has no project board `{board}` that you may see")]
    NoBoard { board: String },
    #[error("issue #{number} is not on the project board `{board}`")]
    NotOnBoard { number: String, board: String },
    #[error("the project board `{board}` has no column `{column}`")]
    NoColumn { board: String, column: String, known: Vec<String> },
}

impl BoardError {
    /// What to do, as one sentence without a full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::NoBoard { .. } => "check OWNER/N in the address of the board; \
                                     `gh auth refresh -s project` lets `gh` see boards"
                .to_owned(),
            Self::NotOnBoard { .. } => "add it to the board on GitHub".to_owned(),
            Self::NoColumn { known, .. } => format!("its columns are: {}", known.join(", ")),
        }
    }
}
