//! A task, or more instructions, in the user's own words.
use std::io::{self, Read};

use super::Error;

/// Longest prompt, in bytes; a file given by mistake is longer.
const MAX: usize = 8 << 20;

/// The text of `--prompt TEXT`; `-` reads it from `stdin`. Blank text is an error.
pub fn read(arg: &str, stdin: impl Read) -> Result<String, Error> {
    let mut text = arg.to_owned();
    if arg == "-" {
        text.clear();
        let max = u64::try_from(MAX).unwrap_or(u64::MAX);
        stdin.take(max + 1).read_to_string(&mut text).map_err(Error::Stdin)?;
        if text.len() > MAX {
            return Err(Error::Stdin(io::Error::other("it is longer than 8 MB")));
        }
    }
    if text.trim().is_empty() {
        return Err(Error::EmptyPrompt);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_taken_as_it_is_or_read() {
        assert_eq!(read("--force is my task", &b"no"[..]).unwrap(), "--force is my task");
        assert_eq!(read("-", &b"from stdin\n"[..]).unwrap(), "from stdin\n");
    }

    #[test]
    fn a_prompt_that_says_nothing_is_an_error() {
        for (arg, stdin) in [("", ""), (" \n\t", ""), ("-", ""), ("-", " \n")] {
            assert!(matches!(read(arg, stdin.as_bytes()), Err(Error::EmptyPrompt)), "{arg}");
        }
        assert!(matches!(read("-", &b"\xff"[..]), Err(Error::Stdin(_))));
        assert!(matches!(read("-", io::repeat(b'x')), Err(Error::Stdin(_))));
    }
}
