//! The terminal of a screen that fills it, and the user's editor.
use std::{
    ffi::OsStr,
    io::{self, Read as _, Write as _},
};

use crossterm::{
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
};
use ratatui::DefaultTerminal;

use crate::{model::error_chain, proc};

/// Takes the terminal: another screen, no echo, pastes and the mouse as events.
///
/// # Errors
/// If the terminal cannot be used.
pub fn enter() -> io::Result<DefaultTerminal> {
    let terminal = ratatui::try_init()?;
    execute!(io::stdout(), EnableBracketedPaste, EnableMouseCapture)?;
    Ok(terminal)
}

/// Makes the next drawing a whole one, after the terminal said that its size changed. The size may be
/// the old one again, and the terminal has lost what was outside of the one between.
///
/// # Errors
/// If the terminal cannot be used.
pub fn resized(terminal: &mut DefaultTerminal) -> io::Result<()> {
    let size = terminal.size()?;
    terminal.resize(size.into())
}

/// Gives it back as it was.
///
/// # Errors
/// If the terminal cannot be used.
pub fn leave() -> io::Result<()> {
    execute!(io::stdout(), DisableMouseCapture, DisableBracketedPaste)?;
    ratatui::try_restore()
}

/// The text as the user's editor left it, or what went wrong. `editor` is a script for `sh` that opens its
/// first argument.
pub fn edit(editor: &OsStr, text: &str) -> Result<String, String> {
    let edited = || -> io::Result<String> {
        let mut file = tempfile::Builder::new().prefix("wtmag-text-").suffix(".md").tempfile()?;
        file.write_all(text.as_bytes())?;
        let args = ["-c".as_ref(), editor, "sh".as_ref(), file.path().as_os_str()];
        proc::in_foreground("sh", args).map_err(io::Error::other)?;
        let mut text = String::new();
        // Editors write a new file and rename it, so the name counts.
        std::fs::File::open(file.path())?.read_to_string(&mut text)?;
        Ok(text)
    };
    edited().map_err(|error| format!("the editor failed: {}", error_chain(&error)))
}
