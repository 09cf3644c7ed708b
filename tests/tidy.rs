//! Rules about the source itself, run with the other tests.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Who may mention whom, longest prefix first. Everyone may mention itself and `model`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("agents", &[]),
    ("brief", &[]),
    (
        "cli",
        &[
            "agents", "brief", "client", "config", "git", "hub", "pane", "paths", "picker", "proc",
            "sources", "text", "wire",
        ],
    ),
    ("client", &["paths", "proc", "wire"]),
    ("config/schema", &["agents"]),
    ("config", &["agents", "paths"]),
    ("delivery", &[]),
    ("git", &["paths", "proc"]),
    ("hub/state", &["agents", "delivery"]),
    ("hub", &["agents", "delivery", "git", "pane", "paths", "proc", "tmux", "wire"]),
    ("model", &[]),
    ("pane", &["paths", "proc", "wire"]),
    ("paths", &[]),
    ("picker", &["client", "text", "wire"]),
    ("proc", &[]),
    ("sources", &["brief", "proc"]),
    ("text", &[]),
    ("tmux/command", &[]),
    ("tmux/doorbell", &[]),
    ("tmux/parse", &[]),
    ("tmux/quote", &[]),
    ("tmux/reply", &[]),
    ("tmux/session", &[]),
    ("tmux/verb", &[]),
    ("tmux", &["proc"]),
    ("wire", &[]),
];

/// Code that decides; it may not do.
const PURE: &[&str] = &[
    "agents",
    "brief",
    "config/schema.rs",
    "delivery.rs",
    "hub/state",
    "model",
    "pane/line.rs",
    "picker/keys.rs",
    "picker/list.rs",
    "picker/view.rs",
    "text.rs",
    "tmux/command.rs",
    "tmux/doorbell.rs",
    "tmux/parse.rs",
    "tmux/quote.rs",
    "tmux/reply.rs",
    "tmux/session.rs",
    "tmux/verb.rs",
    "wire",
];
const DOING: &[&str] =
    &["tokio::", "std::fs", "std::net", "std::process", "std::env", "Instant::now", "SystemTime"];

const MAX_LINES: usize = 500;

#[test]
fn modules_point_one_way() {
    for (path, text) in sources() {
        let shown = path.with_extension("");
        if ["lib", "main"].iter().any(|root| shown.ends_with(root)) {
            continue;
        }
        let rule = MAY_USE.iter().find(|(prefix, _)| shown.starts_with(prefix));
        let (_, allowed) = rule.unwrap_or_else(|| panic!("{}: not in MAY_USE", path.display()));
        let own = shown.iter().next().unwrap().to_str().unwrap();
        let used = text.match_indices("crate::").flat_map(|(at, it)| heads(&text[at + it.len()..]));
        let strangers: BTreeSet<&str> = used
            .filter(|name| !name.is_empty() && *name != own && *name != "model")
            .filter(|name| !allowed.contains(name))
            .collect();
        assert!(strangers.is_empty(), "{}: may not use {strangers:?}", path.display());
        assert!(!text.contains("super::super"), "{}: write `crate::`", path.display());
    }
}

#[test]
fn pure_modules_do_nothing() {
    for (path, text) in sources() {
        if !PURE.iter().any(|pure| path.starts_with(pure)) || path.ends_with("tests.rs") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in DOING {
            assert!(!code.contains(word), "{}: pure code mentions `{word}`", path.display());
        }
    }
}

#[test]
fn files_stay_readable() {
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let n_lines = code.lines().count();
        assert!(n_lines <= MAX_LINES, "{}: {n_lines} lines, split it", path.display());
        let opens_with_doc = text.starts_with("//!")
            || text.starts_with("#![doc = include_str!")
            || path.starts_with("cli")
            || path.ends_with("main.rs");
        assert!(opens_with_doc, "{}: say in `//!` what it knows and may not know", path.display());
    }
}

#[test]
fn every_test_file_is_declared() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = fs::read_to_string(root.join("main.rs")).unwrap();
    for entry in fs::read_dir(&root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else {
            continue;
        };
        assert!(main.contains(&format!("mod {module};")), "tests/{name} is not in tests/main.rs");
    }
}

#[test]
fn the_top_level_is_closed() {
    let want =
        ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "skill", "src", "tests", "tmux"];
    let root = fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let found: BTreeSet<String> = root
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    assert_eq!(found, want.map(String::from).into());
}

/// A dependency that nobody names is built for nothing.
#[test]
fn every_dependency_is_used() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let names = |section: &str| {
        let names = manifest[section].as_table().unwrap().keys().map(|it| it.replace('-', "_"));
        names.collect::<Vec<String>>()
    };
    let is_named = |texts: &[(PathBuf, String)], name: &str| {
        let paths = [format!("{name}::"), format!("{name}!"), format!("use {name};")];
        texts.iter().any(|(_, text)| paths.iter().any(|it| text.contains(it)))
    };
    let (src, tests) = (sources(), files("tests"));
    let unused: Vec<String> =
        names("dependencies").into_iter().filter(|it| !is_named(&src, it)).collect();
    assert!(unused.is_empty(), "in Cargo.toml and not in src: {unused:?}");
    let is_unused = |it: &String| !is_named(&src, it) && !is_named(&tests, it);
    let unused: Vec<String> = names("dev-dependencies").into_iter().filter(is_unused).collect();
    assert!(unused.is_empty(), "in Cargo.toml and in no test: {unused:?}");
}

/// The first names of a use path: `hub` of `hub::x`, `hub` and `wire` of `{hub::{x, y}, wire}`.
fn heads(path: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let head = |part: &'_ str| part.trim().split(|c| !is_name(c)).next().unwrap_or("").len();
    let Some(group) = path.strip_prefix('{') else { return vec![&path[..head(path)]] };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        if depth == 0 && (c == ',' || c == '}') {
            let part = group[start..at].trim();
            names.push(&part[..head(part)]);
            start = at + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

#[test]
fn heads_sees_through_groups() {
    assert_eq!(heads("hub::state;"), ["hub"]);
    assert_eq!(heads("{hub::{a, b::c}, model::D, wire};"), ["hub", "model", "wire"]);
}

fn sources() -> Vec<(PathBuf, String)> {
    files("src")
}

/// The Rust files in a folder, by their paths in it.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found = Vec::new();
    let mut todo = vec![root.clone()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found
}
