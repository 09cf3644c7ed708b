//! Lets the user write the task in their editor.
use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::PathBuf,
};

use tempfile::NamedTempFile;

use super::Args;
use crate::{
    cli::{Context, Failure},
    proc,
};

/// The last line of the file, which is not part of the task.
const NOTE: &str =
    "<!-- The task, in Markdown. This line is left out; an empty task creates nothing. -->";

/// A written text that has not been used yet.
pub(super) struct Draft(NamedTempFile);

impl Draft {
    /// Keeps the file.
    pub(super) fn keep(self) -> Result<PathBuf, Failure> {
        let (_, path) = self.0.keep().map_err(Failure::user)?;
        Ok(path)
    }
}

/// With `-e`: puts the text from the editor in place of the flag.
pub(super) fn fill(context: &Context, args: Args) -> Result<(Args, Option<Draft>), Failure> {
    let is_given = args.text.is_some() || args.prompt.is_some() || args.file.is_some();
    if !args.edit || is_given {
        return Ok((args, None));
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("`-e` needs a terminal").hint("pass the text, or `-f FILE`"));
    }
    let mut file = tempfile::Builder::new().prefix("wtmag-task-").suffix(".md").tempfile()?;
    write!(file, "\n\n{NOTE}\n")?;
    proc::in_foreground("sh", context.editor(file.path()))?;
    let mut text = String::new();
    // Editors write a new file and rename it, so the name counts.
    std::fs::File::open(file.path())?.read_to_string(&mut text)?;
    let text = text.replace(NOTE, "").trim().to_owned();
    if text.is_empty() {
        let failure = Failure::user("the task is empty, so nothing was created");
        return Err(
            failure.hint("run `wtmag create -e` again, write what to do above the note, and save")
        );
    }
    let args = Args { prompt: Some(text), edit: false, ..args };
    Ok((args, Some(Draft(file))))
}
