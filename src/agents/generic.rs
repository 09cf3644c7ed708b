//! Boxes and dialogs by their shape, for programs whose words are not known.
//!
//! Knows one [`Sample`](crate::model::Sample). Errs on the side of a dialog: what may be one is never
//! taken for an input box.
mod boxes;
mod dialogs;

pub(crate) use boxes::{find_box, is_edge, is_framed_prompt, split_column};
pub(crate) use dialogs::{Dialog, dialogs};

#[cfg(test)]
mod tests;
