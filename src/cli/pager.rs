//! Long texts on a terminal: through the user's pager, as git does it.
//!
//! Knows the terminal's size and `PAGER`; not what the text is about.
use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal as _},
};

use super::{Context, Failure};
use crate::proc;

/// `less` ends by itself when the text fits, keeps colours, and leaves the text on the screen.
const LESS: (&str, &str) = ("LESS", "FRX");

/// Prints a text; one that does not fit on the terminal goes through the pager.
pub(super) fn show(context: &Context, text: &str) -> Result<(), Failure> {
    let size = crossterm::terminal::size().ok().filter(|_| io::stdout().is_terminal());
    let fits = size.is_none_or(|(_, rows)| text.lines().count() < usize::from(rows));
    if fits {
        return context.print(text);
    }
    let pager = context.env.var("PAGER").unwrap_or(OsStr::new("less"));
    if pager == "cat" {
        return context.print(text);
    }
    // The user's own words, as in `PAGER="less -S"`: a command line for their shell.
    let args: [OsString; 2] = ["-c".into(), pager.into()];
    let default = context.env.var(LESS.0).is_none().then_some(LESS);
    // Without a pager the text itself is better than an error.
    if proc::feed("sh", args, default, text).is_err() {
        return context.print(text);
    }
    Ok(())
}
