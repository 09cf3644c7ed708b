//! Rules about the source itself, run with the other tests.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Which module may use which, longest prefix first. Each may use itself and `model`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("agents", &["text"]),
    ("brief", &["text"]),
    ("build", &[]),
    (
        "cli",
        &[
            "agents", "brief", "client", "clock", "config", "dash", "git", "hub", "pane", "paths",
            "proc", "schedule", "sources", "text", "wire",
        ],
    ),
    ("client", &["paths", "proc", "wire"]),
    ("clock", &[]),
    ("config/schema", &["agents"]),
    ("config", &["agents", "paths"]),
    ("dash", &["client", "clock", "proc", "text", "wire"]),
    ("delivery", &[]),
    ("git", &["clock", "paths", "proc"]),
    ("hub/state", &["agents", "delivery", "schedule", "text", "tmux"]),
    ("hub", &["agents", "clock", "delivery", "git", "pane", "paths", "proc", "tmux", "wire"]),
    ("model", &[]),
    ("pane", &["clock", "paths", "proc", "wire"]),
    ("paths", &[]),
    ("proc", &[]),
    ("schedule", &[]),
    ("sources", &["brief", "proc", "text"]),
    ("text", &[]),
    ("tmux/command", &[]),
    ("tmux/doorbell", &[]),
    ("tmux/osc", &[]),
    ("tmux/parse", &[]),
    ("tmux/quote", &[]),
    ("tmux/reply", &[]),
    ("tmux/session", &[]),
    ("tmux/values", &[]),
    ("tmux/verb", &[]),
    ("tmux", &["clock", "proc"]),
    ("wire", &["text"]),
];

/// Modules that decide; they may not act.
const PURE: &[&str] = &[
    "agents",
    "brief",
    "config/schema.rs",
    "dash/act.rs",
    "dash/keys.rs",
    "dash/page.rs",
    "dash/rows.rs",
    "dash/state",
    "dash/view",
    "delivery.rs",
    "hub/state",
    "model",
    "pane/line.rs",
    "schedule",
    "schedule.rs",
    "text",
    "text.rs",
    "tmux/command.rs",
    "tmux/doorbell.rs",
    "tmux/osc.rs",
    "tmux/parse.rs",
    "tmux/quote.rs",
    "tmux/reply.rs",
    "tmux/session.rs",
    "tmux/values.rs",
    "tmux/verb.rs",
    "wire",
];
const DOING: &[&str] =
    &["tokio::", "std::fs", "std::net", "std::process", "std::env", "Instant::now", "SystemTime"];

const MAX_LINES: usize = 500;

/// Files of one module that may use each other.
const CIRCLES: &[(&str, &[&str])] = &[
    // What is found on a screen, and what of it is the text that was sent, depend on each other.
    ("agents", &["classify", "echo", "typed"]),
    // One object, whose methods are in one file for each subject.
    ("hub/state", &["live_worker", "reconcile", "requests"]),
    // One task and the handle by which it is asked.
    ("tmux", &["driver", "watch"]),
];

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

/// Inside a module, too, dependencies point one way: a file that is used does not use its user.
#[test]
fn files_of_a_module_point_one_way() {
    let all = sources();
    let modules = all.iter().filter(|(path, _)| path.ends_with("mod.rs"));
    let mut found = BTreeSet::new();
    for (path, text) in modules {
        let dir = path.parent().unwrap();
        for circle in circles(&arrows(dir, text, &all)) {
            found.insert((dir.display().to_string(), circle));
        }
    }
    let names = |it: &[&str]| it.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let allowed: BTreeSet<_> =
        CIRCLES.iter().map(|(dir, files)| ((*dir).to_owned(), names(files))).collect();
    let new: Vec<_> = found.difference(&allowed).collect();
    assert!(new.is_empty(), "these know each other: {new:?}");
    let gone: Vec<_> = allowed.difference(&found).collect();
    assert!(gone.is_empty(), "untangled, take it out of CIRCLES: {gone:?}");
}

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Which child of the module in `dir` uses which other one.
fn arrows(dir: &Path, mod_rs: &str, all: &[(PathBuf, String)]) -> Arrows {
    let child = |path: &Path| {
        let name = path.strip_prefix(dir).ok()?.with_extension("");
        // Its tests may use anything.
        let name = Some(name).filter(|it| !it.ends_with("tests"))?;
        let name = name.iter().next()?.to_str()?.to_owned();
        (name != "mod" && name != "tests").then_some(name)
    };
    let mut arrows: Arrows =
        all.iter().filter_map(|(path, _)| Some((child(path)?, BTreeSet::new()))).collect();
    // What `mod.rs` hands on belongs to the file that it is from.
    let mut handed_on: BTreeMap<&str, &str> = BTreeMap::new();
    let mod_rs = code(mod_rs);
    for line in mod_rs.split(';') {
        let Some((_, path)) = line.split_once("use ").filter(|_| line.contains("pub")) else {
            continue;
        };
        let (from, names) = path.split_once("::").unwrap_or((path, ""));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let names = names.split(|c| !is_name(c)).filter(|it| !it.is_empty());
        handed_on.extend(names.map(|name| (name, from)));
    }
    let own = format!("crate::{}::", dir.display().to_string().replace('/', "::"));
    for (path, text) in all {
        let Some(from) = child(path) else { continue };
        let text = code(text);
        let is_direct = path.parent() == Some(dir)
            || (path.ends_with("mod.rs") && path.parent().and_then(Path::parent) == Some(dir));
        let by_super = text.match_indices("super::").filter(|_| is_direct);
        // In a group, the parts of this module stand behind its name.
        let grouped = text.replace("use crate::{", "use crate::{\n").replace("    ", "");
        let first = dir.iter().count() == 1;
        let in_group = format!("\n{}::", dir.display());
        let by_group = grouped.match_indices(&in_group).filter(|_| first);
        let used = by_super
            .chain(text.match_indices(&own))
            .flat_map(|(at, it)| heads(&text[at + it.len()..]))
            .chain(by_group.flat_map(|(at, it)| heads(&grouped[at + it.len()..])));
        let targets: Vec<String> =
            used.map(|name| {
                if arrows.contains_key(name) { name } else { handed_on.get(name).unwrap_or(&"") }
            })
            .filter(|it| !it.is_empty() && *it != from && arrows.contains_key(*it))
            .map(ToOwned::to_owned)
            .collect();
        arrows.entry(from).or_default().extend(targets);
    }
    arrows
}

/// Sets of names that can all be reached from each other.
fn circles(arrows: &Arrows) -> BTreeSet<BTreeSet<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(at) = todo.pop() {
            todo.extend(
                arrows.get(at).into_iter().flatten().filter(|it| seen.insert((*it).clone())),
            );
        }
        seen
    };
    let reached: Arrows = arrows.keys().map(|it| (it.clone(), reach(it))).collect();
    let mutual = |a: &String| {
        let both = |b: &&String| reached[a].contains(*b) && reached[*b].contains(a);
        reached.keys().filter(both).cloned().collect::<BTreeSet<_>>()
    };
    reached.keys().map(mutual).filter(|it| it.len() > 1).collect()
}

#[test]
fn a_circle_is_found_and_a_line_is_not() {
    let arrows = |all: &[(&str, &str)]| {
        let mut arrows = Arrows::new();
        for (from, to) in all {
            arrows.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            arrows.entry((*to).to_owned()).or_default();
        }
        circles(&arrows)
    };
    assert_eq!(arrows(&[("a", "b"), ("b", "c"), ("a", "c")]), BTreeSet::new());
    let want = BTreeSet::from(["a", "b", "c"].map(String::from));
    assert_eq!(arrows(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]), [want].into());
}

/// A source without its tests and comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    code.lines().filter(is_code).collect::<Vec<_>>().join("\n")
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

/// Idioms that a reader has to translate, each with what to write instead.
const IDIOMS: &[(&str, &str)] = &[
    ("somebody", "a user, a process"),
    ("anybody", "any user, any process"),
    ("whoever", "the user, the process that"),
    ("nowhere else", "what would be lost"),
    (" of ours", "our, wtmag's"),
    (" of yours", "your"),
    ("all the same", "anyway"),
    ("at one go", "in one step"),
    ("same breath", "in the same command"),
    (" goes on", "continues"),
    ("that agree", "equal, consecutive"),
    (" comes to be", "is created"),
    ("two looks", "two captures"),
    ("last look", "last capture"),
    ("takes its time", "is slower"),
    ("says nothing of", "does not mention"),
    ("no telling", "unknown"),
    ("nothing else than", "only"),
    ("is no worker's", "without a worker"),
    ("who wants to", "to"),
    ("where nobody looks", "unseen"),
    ("there is no worker", "no worker is named"),
];

/// Texts are read by people who have never seen the project.
#[test]
fn words_are_plain() {
    let endings = ["rs", "md", "toml", "tmpl", "snap"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md")];
    let mut todo = ["src", "skill", "tests"].map(|it| root.join(it)).to_vec();
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let is_text = path.extension().is_some_and(|it| endings.iter().any(|end| it == *end));
            // What agents said is kept as they said it.
            if path.is_dir() && !path.ends_with("fixtures") {
                todo.push(path);
            } else if is_text && !path.ends_with("tests/tidy.rs") {
                paths.push(path);
            }
        }
    }
    assert!(paths.len() > 300, "only {} files were found", paths.len());
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        for (line, at) in text.lines().zip(1..) {
            let line = line.to_lowercase();
            let found = IDIOMS.iter().find(|(idiom, _)| line.contains(idiom));
            let Some((idiom, better)) = found else { continue };
            panic!("{}:{at}: `{idiom}`, better: {better}", path.display());
        }
    }
}

/// A picture that a document shows is in the repository.
#[test]
fn pictures_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("src/docs")).unwrap().map(|it| it.unwrap().path());
    let pages = docs.filter(|it| it.extension().is_some_and(|it| it == "md"));
    let mut images = Vec::new();
    for page in pages.chain([root.join("README.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        let linked = text.split("](").skip(1).filter_map(|it| it.split(')').next());
        let linked = linked.filter(|it| it.ends_with(".svg"));
        images.extend(linked.map(|it| page.parent().unwrap().join(it)));
    }
    assert!(images.len() > 3, "few pictures: {images:?}");
    for image in images {
        let text = fs::read_to_string(&image).unwrap();
        let image = image.display();
        let is_plain = !text.contains("<script") && !text.contains("http://localhost");
        assert!(text.starts_with("<svg ") && is_plain, "{image}: not a plain picture");
    }
}

/// An unused dependency costs build time.
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

pub(super) fn sources() -> Vec<(PathBuf, String)> {
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
