//! Which values fit a key.
use std::path::{Component, Path};

use toml::{Spanned, de::DeValue};

use super::{
    Shape,
    hub::{days, minutes},
    one_of,
};
use crate::model::{BoardRef, ItemKind};

/// Whether the value has the shape, and what would have it.
pub(super) fn fits(shape: &Shape, value: &Spanned<DeValue<'_>>) -> (bool, String) {
    let text = value.get_ref().as_str();
    let is_text = |it: &Spanned<DeValue<'_>>| it.get_ref().is_str();
    match shape {
        Shape::Text => (text.is_some(), "a string".to_owned()),
        Shape::Board => (
            text.is_some_and(|it| it.parse::<BoardRef>().is_ok()),
            "a project board of GitHub, as in `acme/3`".to_owned(),
        ),
        Shape::Bool => (value.get_ref().is_bool(), "`true` or `false`".to_owned()),
        Shape::BoolOr(word) => (
            value.get_ref().is_bool() || text == Some(word),
            format!("`true`, `false` or `\"{word}\"`"),
        ),
        Shape::Kinds => {
            let array = value.get_ref().as_array();
            let is_kind = |it: &Spanned<DeValue<'_>>| {
                it.get_ref().as_str().is_some_and(|it| ItemKind::NAMES.contains(&it))
            };
            let is_ok = value.get_ref().is_bool() || array.is_some_and(|it| it.iter().all(is_kind));
            (is_ok, format!("true, false or an array of {}", ItemKind::NAMES.join(", ")))
        }
        Shape::Count => (is_count(value), "a number from 1 to 9999".to_owned()),
        Shape::Counts => {
            let fits = value.get_ref().as_table().is_some_and(|it| it.values().all(is_count));
            (fits, "numbers by agent, as in `{ claude = 3 }`".to_owned())
        }
        Shape::Minutes => {
            (text.and_then(minutes).is_some(), "minutes or hours, as in `10m` or `2h`".to_owned())
        }
        Shape::Days => {
            (text.and_then(days).is_some(), "days or weeks, as in `90d` or `12w`".to_owned())
        }
        Shape::Texts => {
            let array = value.get_ref().as_array();
            (array.is_some_and(|it| it.iter().all(is_text)), "an array of strings".to_owned())
        }
        Shape::Name => {
            (text.is_some_and(is_name), "a name of letters, digits, `-` and `_`".to_owned())
        }
        Shape::CommandLine => {
            let words = text.and_then(shlex::split).unwrap_or_default();
            (words.first().is_some_and(|it| !it.is_empty()), "a command".to_owned())
        }
        Shape::Place => (
            text.is_some_and(is_place),
            "a path with `{branch}` in it, and `{repo}` if you like".to_owned(),
        ),
        Shape::Inside => {
            let array = value.get_ref().as_array();
            let is_inside =
                |it: &Spanned<DeValue<'_>>| it.get_ref().as_str().is_some_and(is_inside);
            let fits = array.is_some_and(|it| it.iter().all(is_inside));
            (fits, "an array of paths below the repository".to_owned())
        }
        Shape::SomeOf(names) => some_of(names, value),
        Shape::OneOf(names) => {
            (text.is_some_and(|it| names.contains(&it)), one_of(names.iter().copied(), "or"))
        }
    }
}

/// An array of these names.
fn some_of(names: &[&str], value: &Spanned<DeValue<'_>>) -> (bool, String) {
    let is_known =
        |it: &Spanned<DeValue<'_>>| it.get_ref().as_str().is_some_and(|it| names.contains(&it));
    let fits = value.get_ref().as_array().is_some_and(|it| it.iter().all(is_known));
    (fits, format!("an array of {}", one_of(names.iter().copied(), "and")))
}

fn is_count(value: &Spanned<DeValue<'_>>) -> bool {
    let number = value.get_ref().as_integer().filter(|it| it.radix() == 10);
    let number: Option<u32> = number.and_then(|it| it.as_str().parse().ok());
    number.is_some_and(|it| (1..=9999).contains(&it))
}

fn is_place(text: &str) -> bool {
    let rest = text.replace("{branch}", "").replace("{repo}", "");
    text.contains("{branch}") && !rest.contains(['{', '}', '\0'])
}

fn is_inside(text: &str) -> bool {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    !text.is_empty() && !text.contains('\0') && Path::new(text).components().all(is_plain)
}

pub(super) fn is_name(text: &str) -> bool {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain)
}
