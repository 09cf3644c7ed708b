//! Names from a user or a forge: which may become a branch, a remote or an argument of git.
//!
//! Pure. A name that passes cannot be taken for a flag, a refspec or a revision expression.
use gix::bstr::BStr;

use super::Error;

/// Longest branch name, in bytes: with `.lock` appended, it becomes a file name.
const MAX_LEN: usize = 200;

/// Checks the name of a new branch.
///
/// # Errors
/// [`Error::BadName`] with the reason in words.
pub fn check_branch(name: &str) -> Result<(), Error> {
    check(name, "branch name")?;
    let full = format!("refs/heads/{name}");
    let bad = |why: String| Error::BadName { what: "branch name", name: printable(name), why };
    gix::validate::reference::name(BStr::new(&full)).map_err(|it| bad(it.to_string()))?;
    if matches!(name, "@" | "HEAD" | "^") {
        return Err(bad("git gives it a special meaning".to_owned()));
    }
    Ok(())
}

/// Checks a name before it is looked up: a branch, `REMOTE/BRANCH`, a tag or a commit id.
///
/// # Errors
/// [`Error::BadName`] with the reason in words.
pub fn check_base(name: &str) -> Result<(), Error> {
    check(name, "base")?;
    gix::validate::reference::name_partial(BStr::new(name)).map(drop).map_err(|it| Error::BadName {
        what: "base",
        name: printable(name),
        why: it.to_string(),
    })
}

fn check(name: &str, what: &'static str) -> Result<(), Error> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.starts_with('-') {
        "it starts with `-`"
    } else if name.chars().any(|c| c.is_control() || is_invisible(c)) {
        "it holds control characters"
    } else if name.contains(char::is_whitespace) {
        "it holds white space"
    } else if name.contains([':', '^', '~', '?', '*', '[', '\\']) {
        "it holds one of `: ^ ~ ? * [ \\`"
    } else if name.len() > MAX_LEN {
        "it is too long"
    } else {
        return Ok(());
    };
    Err(Error::BadName { what, name: printable(name), why: why.to_owned() })
}

/// Marks that change how the surrounding text is shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The name as it can be shown on a terminal, cut to fit into an error.
fn printable(name: &str) -> String {
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    if name.chars().nth(80).is_some() { format!("{shown}…") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for name in ["main", "feature/x", "github-issue-456", "ünï", "$(touch)#(touch);kill-server"]
        {
            check_branch(name).unwrap();
            check_base(name).unwrap();
        }
        for name in ["origin/main", "v1.0", "ffbd65226c75377c0159434ba6159dbde2a63b2c"] {
            check_base(name).unwrap();
        }
    }

    #[test]
    fn no_name_becomes_a_flag_a_refspec_or_an_expression() {
        let hostile = [
            "",
            "-x",
            "--upload-pack=x",
            "a b",
            "$(touch x)#(touch y);kill-server",
            "a:b",
            "+a:b",
            "a..b",
            "a\nb",
            "a\0b",
            "a\u{1b}[2J",
            "HEAD~1",
            "a^",
            "@{u}",
            "a.lock",
            "/a",
            "a/",
            "a//b",
            "..",
            "\u{202e}a",
        ];
        for name in hostile {
            assert!(check_branch(name).is_err(), "{name:?}");
            assert!(check_base(name).is_err(), "{name:?}");
        }
        assert!(check_branch("@").is_err());
        assert!(check_branch(&"x".repeat(300)).is_err());
    }

    #[test]
    fn a_bad_name_is_shown_harmless() {
        let err = check_branch("a\u{1b}[2Jb").unwrap_err().to_string();
        assert_eq!(
            err,
            "`a\\u{1b}[2Jb` cannot be used as a branch name: it holds control characters"
        );
    }
}
