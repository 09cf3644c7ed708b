//! A task, or more instructions, in the user's own words.
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::Error;

/// Longest prompt, in bytes; a longer file was probably passed by mistake.
const MAX: usize = 8 << 20;

/// The text of `--prompt TEXT`; `-` reads it from `stdin`. Blank text is an error.
pub fn read(arg: &str, stdin: impl Read) -> Result<String, Error> {
    let text = if arg == "-" { read_all(stdin).map_err(Error::Stdin)? } else { arg.to_owned() };
    require_words(text)
}

/// The text of a file; `-` is standard input. Blank text is an error.
pub fn read_file(path: &Path) -> Result<String, Error> {
    if path == Path::new("-") {
        return read("-", io::stdin());
    }
    let text = File::open(path).and_then(read_all);
    require_words(text.map_err(|source| Error::PromptFile { path: path.to_owned(), source })?)
}

fn read_all(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    let max = u64::try_from(MAX).unwrap_or(u64::MAX);
    from.take(max + 1).read_to_string(&mut text)?;
    if text.len() > MAX {
        return Err(io::Error::other("it is longer than 8 MB"));
    }
    Ok(text)
}

fn require_words(text: String) -> Result<String, Error> {
    if text.trim().is_empty() { Err(Error::EmptyPrompt) } else { Ok(text) }
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
