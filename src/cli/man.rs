//! `wtmag man`: manual pages, for packages.
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::ExitCode};

use clap_mangen::Man;

use super::{Context, Failure};
use crate::paths;

/// Write the manual pages, one for each command
///
/// Use it when you package wtmag, or to install the pages for yourself:
///
///   wtmag man --out ~/.local/share/man/man1 && man wtmag-create
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Directory to write to; created if it does not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<ExitCode, Failure> {
    fs::create_dir_all(&args.out)?;
    let mut command = super::command().disable_help_subcommand(true);
    command.build();
    let mut pages = vec![("wtmag".to_owned(), command.clone())];
    let mut n_pages = 0;
    while let Some((name, command)) = pages.pop() {
        let verbs = command.get_subcommands().filter(|it| !it.is_hide_set());
        pages.extend(verbs.map(|it| (format!("{name}-{}", it.get_name()), it.clone())));
        let mut page = Vec::new();
        Man::new(command.display_name(&name)).title(&name).render(&mut page)?;
        let path = args.out.join(format!("{name}.1"));
        paths::replace(&path, &page)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        n_pages += 1;
    }
    if context.json() {
        context.print_json(&serde_json::json!({ "out": args.out, "pages": n_pages }))?;
    } else {
        context.print(&format!("wrote {n_pages} pages to {}\n", args.out.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
