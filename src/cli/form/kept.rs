//! Texts of the form that outlive it: what was typed and not used yet, and what was used before. A file
//! that only the user can read.
use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::paths;

/// So many texts are kept.
const MAX_TEXTS: usize = 50;
/// Longest text that is kept, in bytes.
const MAX_TEXT: usize = 64 << 10;

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) draft: String,
    /// The newest first.
    pub(super) history: Vec<String>,
}

/// The file of the kept texts.
#[derive(Clone, Debug)]
pub(in crate::cli) struct KeptFile {
    pub(in crate::cli) path: PathBuf,
    /// Who may read it.
    pub(in crate::cli) uid: u32,
}

impl KeptFile {
    /// Empty without the file. A file that cannot be read is an error: it is not overwritten.
    pub(super) fn read(&self) -> io::Result<Kept> {
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(error),
        }
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        paths::private_dir(dir, self.uid).map_err(io::Error::other)?;
        paths::replace(&self.path, &serde_json::to_vec(kept).map_err(io::Error::other)?)
    }

    /// Keeps what was typed.
    pub(super) fn keep_draft(&self, text: &str) -> io::Result<()> {
        let mut kept = self.read()?;
        if kept.draft == text || text.len() > MAX_TEXT {
            return Ok(());
        }
        text.clone_into(&mut kept.draft);
        self.write(&kept)
    }

    /// The worker of this text is there: it is history now.
    pub(in crate::cli) fn used(&self, text: &str) -> io::Result<()> {
        let mut kept = self.read()?;
        if kept.draft == text {
            kept.draft.clear();
        }
        if !text.trim().is_empty() && text.len() <= MAX_TEXT {
            kept.history.retain(|it| it != text);
            kept.history.insert(0, text.to_owned());
            kept.history.truncate(MAX_TEXTS);
        }
        self.write(&kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_until_its_worker_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = KeptFile {
            path: dir.path().join("new/worker.json"),
            uid: nix::unistd::getuid().as_raw(),
        };
        assert_eq!(file.read().unwrap(), Kept::default());
        file.keep_draft("one\ntwo").unwrap();
        assert_eq!(file.read().unwrap().draft, "one\ntwo");
        file.used("another").unwrap();
        assert_eq!(file.read().unwrap().draft, "one\ntwo");
        file.used("one\ntwo").unwrap();
        file.used("another").unwrap();
        let kept = file.read().unwrap();
        assert_eq!(
            (kept.draft.as_str(), kept.history),
            ("", vec!["another".into(), "one\ntwo".into()])
        );
    }
}
