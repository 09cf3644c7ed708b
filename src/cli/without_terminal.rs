//! `wtmag without-terminal`: runs a program in a new session, for [`crate::proc`].
use std::ffi::OsString;

use super::Failure;
use crate::proc;

/// Run a program without a controlling terminal (internal)
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(last = true, required = true)]
    argv: Vec<OsString>,
}

/// Replaces this process with the program; returns only the error.
pub(crate) fn run(args: &Args) -> Failure {
    if let Err(error) = nix::unistd::setsid() {
        return Failure::bug(error);
    }
    let mut words = args.argv.iter();
    let program = words.next().cloned().unwrap_or_default();
    proc::exec(program, words, &[]).into()
}
