//! Errors as text.
use std::{error::Error, iter::successors};

/// An error with its causes, in one line.
pub fn error_chain(error: &dyn Error) -> String {
    let lines = successors(Some(error), |&it| it.source()).map(ToString::to_string);
    let mut parts = Vec::new();
    for line in lines {
        // A transparent error repeats the text of its source.
        if parts.last() != Some(&line) {
            parts.push(line);
        }
    }
    parts.join(": ")
}
