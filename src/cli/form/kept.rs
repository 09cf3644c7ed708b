//! Texts of the form that outlive it: what was typed and not used yet, and what was used before. Files
//! that only the user can read.
use std::{io, path::PathBuf};

use serde::de::DeserializeOwned;

use crate::paths;

/// So many texts are kept.
const MAX_TEXTS: usize = 50;
/// Longest text that is kept, in bytes.
const MAX_TEXT: usize = 64 << 10;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) draft: String,
    /// The newest first.
    pub(super) history: Vec<String>,
}

/// The directory of the kept texts.
#[derive(Clone, Debug)]
pub(in crate::cli) struct KeptTexts {
    pub(in crate::cli) dir: PathBuf,
    /// Who may read them.
    pub(in crate::cli) uid: u32,
}

impl KeptTexts {
    /// Empty without the files. A file that cannot be read is an error: it is not overwritten.
    pub(super) fn read(&self) -> io::Result<Kept> {
        Ok(Kept { draft: read(self.draft_file())?, history: read(self.history_file())? })
    }

    /// Keeps what was typed.
    pub(super) fn keep_draft(&self, text: &str) -> io::Result<()> {
        if text.len() > MAX_TEXT {
            return Ok(());
        }
        self.write(self.draft_file(), &serde_json::to_vec(text)?)
    }

    /// The worker of this text is there: it is history now.
    pub(in crate::cli) fn used(&self, text: &str) -> io::Result<()> {
        let Kept { draft, mut history } = self.read()?;
        if !text.trim().is_empty() && text.len() <= MAX_TEXT {
            history.retain(|it| it != text);
            history.insert(0, text.to_owned());
            history.truncate(MAX_TEXTS);
            self.write(self.history_file(), &serde_json::to_vec(&history)?)?;
        }
        if draft == text { self.keep_draft("") } else { Ok(()) }
    }

    fn draft_file(&self) -> PathBuf {
        self.dir.join("draft.json")
    }

    fn history_file(&self) -> PathBuf {
        self.dir.join("history.json")
    }

    fn write(&self, path: PathBuf, bytes: &[u8]) -> io::Result<()> {
        paths::private_dir(&self.dir, self.uid).map_err(io::Error::other)?;
        paths::replace(&path, bytes)
    }
}

fn read<T: DeserializeOwned + Default>(path: PathBuf) -> io::Result<T> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_until_its_worker_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let texts = KeptTexts { dir: dir.path().join("form"), uid: nix::unistd::getuid().as_raw() };
        assert_eq!(texts.read().unwrap(), Kept::default());
        texts.keep_draft("one\ntwo").unwrap();
        assert_eq!(texts.read().unwrap().draft, "one\ntwo");
        texts.used("another").unwrap();
        assert_eq!(texts.read().unwrap().draft, "one\ntwo");
        texts.used("one\ntwo").unwrap();
        texts.used("another").unwrap();
        let kept = texts.read().unwrap();
        assert_eq!(
            (kept.draft.as_str(), kept.history),
            ("", vec!["another".into(), "one\ntwo".into()])
        );
    }
}
