//! An open issue or pull request of a forge, as a list shows it.
use crate::text::{clean, one_line};

/// Longest title and label, in characters.
const MAX_TITLE: usize = 200;
const MAX_LABEL: usize = 40;

/// In clean lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub number: u64,
    pub title: String,
    /// Its labels, and whether it is a draft.
    pub about: String,
}

impl Open {
    pub(super) fn new<'a>(
        number: u64,
        title: &str,
        labels: impl IntoIterator<Item = &'a str>,
        is_draft: bool,
    ) -> Self {
        let labels = labels.into_iter().map(|it| one_line(&clean(it), MAX_LABEL));
        let draft = is_draft.then(|| "draft".to_owned());
        Self {
            number,
            title: one_line(&clean(title), MAX_TITLE),
            about: draft.into_iter().chain(labels).collect::<Vec<_>>().join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_forge_says_is_clean_lines() {
        let found = Open::new(3, "a\u{1b}[31m\nb", ["bug\u{7}"], true);
        assert_eq!((found.number, found.title.as_str()), (3, "a b"));
        assert_eq!(found.about, "draft, bug␇");
    }
}
