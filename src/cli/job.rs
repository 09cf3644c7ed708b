//! The job that the hub passes to a command on its standard input.
use std::{
    error::Error,
    io::{self, Read as _},
};

use super::Failure;

/// # Errors
/// The job cannot be read: only the hub writes one.
pub(super) fn read<T, E: Error + Send + Sync + 'static>(
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<T, Failure> {
    parse(&text()?).map_err(Failure::bug)
}

pub(super) fn text() -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text)?;
    Ok(text)
}
