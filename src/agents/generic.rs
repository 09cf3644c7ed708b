//! Finds boxes and dialogs by their shape, for programs whose screens are unknown.
//!
//! Knows one [`Sample`](crate::model::Sample). When in doubt, it reports a dialog: what may be a
//! dialog is never treated as an input box.
mod boxes;
mod dialogs;

pub(crate) use boxes::{find_box, is_edge, is_framed_prompt, split_column, unframed};
pub(crate) use dialogs::{Dialog, dialogs};

#[cfg(test)]
mod tests;
