//! The user's own templates: `implement`, `review` and `pr`, in the project or in their home.
//!
//! A template for one host (`pr-github.tmpl`) wins over the one for all (`pr.tmpl`), wherever the
//! two are; for one name the project wins over the user's directory; what is part of the program
//! comes last.
use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    brief::{self, Template, Templates},
    model::{Host, Kind},
};

use super::Error;

/// The project's directory of templates, in the directory that holds its `wtmag.toml`. Never that
/// of a worktree made for a pull request: its author does not choose what a reviewer is told.
pub const PROJECT_DIR: &str = "wtmag-prompts";

/// The templates for this kind of work; `dirs` in order of precedence, those that are missing are
/// skipped.
pub fn load(dirs: &[PathBuf], kind: Kind, host: Host) -> Result<Templates, Error> {
    Ok(Templates {
        work: find(dirs, brief::template_type(kind), host)?,
        pr: find(dirs, "pr", host)?,
    })
}

fn find(dirs: &[PathBuf], kind: &str, host: Host) -> Result<Template, Error> {
    for name in brief::file_names(kind, host) {
        for dir in dirs {
            if let Some(template) = read(&dir.join(&name))? {
                return Ok(template);
            }
        }
    }
    Ok(Template::embedded(kind, host))
}

fn read(path: &Path) -> Result<Option<Template>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Template { name: path.display().to_string(), text: Cow::Owned(text) })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(source) => Err(Error::Template { path: path.to_owned(), source }),
    }
}
