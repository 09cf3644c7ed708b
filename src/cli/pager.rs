//! Shows long texts on a terminal through the user's pager, as git does.
//!
//! Knows the terminal's size and `PAGER`; not the subject of the text.
use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal as _},
};

use super::{Context, Failure, output::clean_painted, settings};
use crate::{git::changes::PagerSettings, proc};

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
    show_in(context, pager, text)
}

/// Prints a text in a pager, which is a command line.
pub(super) fn show_in(
    context: &Context,
    pager: impl AsRef<OsStr>,
    text: &str,
) -> Result<(), Failure> {
    let text = clean_painted(text);
    // The user's setting may be a command line, as in `PAGER="less -S"`, so their shell runs it.
    let args: [OsString; 2] = ["-c".into(), pager.as_ref().into()];
    let default = context.env.var(LESS.0).is_none().then_some(LESS);
    // If the pager is missing, the plain text is better than an error.
    if proc::feed("sh", args, default, &text).is_err() {
        return context.print(&text);
    }
    Ok(())
}

/// The pager for diffs, as git chooses it; `None` if there shall be none.
pub(super) fn of_diffs(context: &Context, settings: &PagerSettings) -> Option<String> {
    let has_delta = !settings::installed(&context.env, ["delta"]).is_empty();
    let var = |name: &str| context.env.var(name).and_then(OsStr::to_str);
    choose(settings, var("GIT_PAGER"), var("PAGER"), has_delta)
}

/// Pure. `pager.diff`, GIT_PAGER and `core.pager` are choices for git; PAGER is one for everything,
/// which `delta` uses itself.
fn choose(
    settings: &PagerSettings,
    git_pager: Option<&str>,
    pager: Option<&str>,
    has_delta: bool,
) -> Option<String> {
    let of_diff = settings.diff.as_deref().unwrap_or("true").to_owned();
    let chosen = match of_diff.to_lowercase().as_str() {
        "false" | "no" | "off" | "0" => return None,
        "true" | "yes" | "on" | "1" | "" => git_pager.or(settings.core.as_deref()),
        _ => Some(of_diff.as_str()),
    };
    let delta = has_delta.then_some("delta");
    let pager = chosen.or(delta).or(pager).unwrap_or("less");
    (!pager.is_empty() && pager != "cat").then(|| pager.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pager_is_the_one_of_git() {
        type Case<'a> = ([Option<&'a str>; 4], bool, Option<&'a str>);
        let cases: &[Case<'_>] = &[
            ([None, None, None, None], false, Some("less")),
            ([None, None, None, Some("more")], false, Some("more")),
            ([None, None, None, Some("more")], true, Some("delta")),
            ([None, Some("less -S"), None, Some("more")], true, Some("less -S")),
            ([None, Some("less -S"), Some("bat"), None], true, Some("bat")),
            (
                [Some("diff-so-fancy | less"), Some("less"), Some("bat"), None],
                true,
                Some("diff-so-fancy | less"),
            ),
            ([Some("true"), Some("less -S"), None, None], true, Some("less -S")),
            ([Some("false"), Some("less"), None, None], true, None),
            ([None, Some("cat"), None, None], true, None),
            ([None, None, Some(""), None], true, None),
        ];
        for ([diff, core, git_pager, pager], has_delta, want) in cases {
            let settings =
                PagerSettings { diff: diff.map(str::to_owned), core: core.map(str::to_owned) };
            let found = choose(&settings, *git_pager, *pager, *has_delta);
            assert_eq!(found.as_deref(), *want, "{settings:?} {git_pager:?} {pager:?}");
        }
    }
}
