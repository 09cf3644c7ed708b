//! The names that tmux has for keys.

/// tmux's names for keys, in the lower case that it compares.
const KEYS: [&str; 23] = [
    "bspace", "btab", "dc", "delete", "down", "end", "enter", "escape", "home", "ic", "insert",
    "kpenter", "left", "npage", "pagedown", "pageup", "pgdn", "pgup", "ppage", "right", "space",
    "tab", "up",
];

/// Whether `send-keys` knows it as a key: it types what it does not know.
pub(super) fn is_key(name: &str) -> bool {
    let mut bare = name.strip_prefix('^').filter(|it| !it.is_empty()).unwrap_or(name);
    while let Some((modifier, rest)) = bare.split_at_checked(2)
        && ["c-", "m-", "s-"].contains(&modifier.to_ascii_lowercase().as_str())
        && !rest.is_empty()
    {
        bare = rest;
    }
    let word = bare.to_ascii_lowercase();
    let is_function = |n: &str| n.parse().is_ok_and(|n: u8| (1..=12).contains(&n));
    bare.chars().count() == 1
        || KEYS.contains(&word.as_str())
        || word.strip_prefix('f').is_some_and(is_function)
}
