//! The user's templates: `implement`, `review` and `pr`, in the project or in their home.
//!
//! A template for one host (`pr-github.tmpl`) wins over the general one (`pr.tmpl`), wherever they
//! are. For the same name, the project wins over the user's directory. Embedded templates come
//! last.
use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::{
    brief::{self, Template, Templates},
    model::{Host, Kind},
};

use super::Error;

/// The project's directory of templates, next to its `wtmag.toml`. Never the one in a worktree for
/// a pull request: its author must not choose what a reviewer is told.
pub const PROJECT_DIR: &str = "wtmag-prompts";

/// Largest template, in bytes.
const MAX: u64 = 1 << 20;

/// A directory that may hold templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dir {
    pub path: PathBuf,
    /// The project that it belongs to. A repository's link must not lead out of it, to a file of
    /// the user that an agent would then read.
    pub within: Option<PathBuf>,
}

/// The templates for this kind of work. `dirs` are in order of precedence; missing ones are
/// skipped.
pub fn load(dirs: &[Dir], kind: Kind, host: Host) -> Result<Templates, Error> {
    Ok(Templates {
        work: find(dirs, brief::template_type(kind), host)?,
        pr: find(dirs, "pr", host)?,
    })
}

fn find(dirs: &[Dir], kind: &str, host: Host) -> Result<Template, Error> {
    for name in brief::file_names(kind, host) {
        for dir in dirs {
            if let Some(template) = read(dir, &name)? {
                return Ok(template);
            }
        }
    }
    Ok(Template::embedded(kind, host))
}

fn read(dir: &Dir, name: &str) -> Result<Option<Template>, Error> {
    let path = dir.path.join(name);
    match read_text(&path, dir.within.as_deref()) {
        Ok(text) => Ok(Some(Template { name: path.display().to_string(), text: Cow::Owned(text) })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(source) => Err(Error::Template { path, source }),
    }
}

fn read_text(path: &Path, within: Option<&Path>) -> io::Result<String> {
    let real = fs::canonicalize(path)?;
    if let Some(project) = within
        && !real.starts_with(fs::canonicalize(project)?)
    {
        return Err(io::Error::other("it is a link that leads out of the project"));
    }
    // Reading a pipe or a device would never end.
    if !fs::metadata(&real)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    File::open(&real)?.take(MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|it| it > MAX) {
        return Err(io::Error::other("it is larger than 1 MB"));
    }
    Ok(text)
}
