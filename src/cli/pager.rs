//! Shows long texts on a terminal through the user's pager, as git does.
//!
//! Knows the terminal's size and `PAGER`; not the subject of the text.
use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal as _},
};

use super::{Context, Failure};
use crate::proc;

/// `less` exits by itself if the text fits, keeps colours, and leaves the text on the screen.
const LESS: (&str, &str) = ("LESS", "FRX");

/// Prints a text; if it does not fit on the terminal, through the pager.
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
    // The user's setting may be a command line, as in `PAGER="less -S"`, so their shell runs it.
    let args: [OsString; 2] = ["-c".into(), pager.into()];
    let default = context.env.var(LESS.0).is_none().then_some(LESS);
    // If the pager is missing, the plain text is better than an error.
    if proc::feed("sh", args, default, text).is_err() {
        return context.print(text);
    }
    Ok(())
}
