//! The menu as arguments of tmux's `display-menu`. Pure.
//!
//! tmux reads a menu's commands twice: it expands formats when the menu opens, and parses the
//! result when an entry is chosen. Both are quoted here. Text from users does not pass through
//! them: popups ask for it themselves.
use crate::{cli::seat::Seat, model::PaneId};

/// Columns and rows that the longest menu needs, with its frame and the status line.
pub(super) const SIZE: (u16, u16) = (45, 18);

/// Width and height of a popup.
type Size = (&'static str, &'static str);

const LARGE: Size = ("95%", "90%");
const MIDDLE: Size = ("80%", "75%");

/// What the menu does with the worker in the window, each by a key of the dashboard.
const ACTS: [(&str, &str, &str); 8] = [
    ("Answer its question", "a", "a"),
    ("Send it a text", "t", "s"),
    ("See its changes", "d", "d"),
    ("See its log", "l", "l"),
    ("Land its work", "m", "m"),
    ("Start its agent again", "r", "r"),
    ("Move it to its own session", "s", "p"),
    ("Remove it", "x", "x"),
];

/// A row of the menu.
#[derive(Debug)]
pub(super) enum Row {
    Line,
    Entry {
        name: String,
        key: &'static str,
        command: String,
    },
    /// It cannot be chosen.
    Note(&'static str),
}

/// Where the menu was opened, and by which program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened<'a> {
    pub(super) program: &'a str,
    pub(super) socket: &'a str,
    pub(super) pane: PaneId,
}

/// All arguments that show the menu. The client's keys are no longer those of the key table `wtmag`, which
/// are for who types faster than the menu appears.
pub(super) fn menu(opened: &Opened<'_>, seat: &Seat) -> Vec<String> {
    let pane = opened.pane.to_string();
    let client = seat.client.as_str();
    let rows = rows(opened, seat).into_iter().flat_map(|row| match row {
        Row::Line => vec![String::new()],
        Row::Entry { name, key, command } => vec![name, key.to_owned(), command],
        // A leading `-` disables an entry.
        Row::Note(text) => vec![format!("-{text}"), String::new(), String::new()],
    });
    let words = ["switch-client", "-c", client, "-T", "root", ";", "display-menu", "-c", client];
    let words = words.into_iter().chain(["-t", &pane, "-T", " wtmag ", "-x", "C", "-y", "C"]);
    words.map(str::to_owned).chain(rows).collect()
}

/// All arguments that do what the entry of this key does, if there is one.
pub(super) fn press(key: &str, opened: &Opened<'_>, seat: &Seat) -> Option<Vec<String>> {
    let pane = opened.pane.to_string();
    let command = rows(opened, seat).into_iter().find_map(|row| match row {
        Row::Entry { key: it, command, .. } if it == key => Some(command),
        Row::Entry { .. } | Row::Line | Row::Note(_) => None,
    })?;
    // The menu may have appeared meanwhile, over which tmux shows no popup: this closes it, too.
    let close = ["display-popup", "-C", "-c", &seat.client, ";"];
    // It expands formats and parses the result, as a menu does.
    let act = ["run-shell", "-t", &pane, "-C", &command];
    Some(close.into_iter().chain(act).map(str::to_owned).collect())
}

/// Without a worker, there are no entries that need one.
fn rows(opened: &Opened<'_>, seat: &Seat) -> Vec<Row> {
    let Opened { program, socket, pane } = *opened;
    let client = seat.client.as_str();
    let pane = pane.to_string();
    let popup = |title: &str, size: Size, words: &[&str]| {
        let title = (!seat.is_3_2).then_some(title);
        popup(&pane, title, size, &[&[program, "-S", socket], words].concat())
    };
    let background = |words: &[&str]| {
        let all = [&[program, "-S", socket], words, &["--client", client]].concat();
        background(&all)
    };
    let dashboard = ["watch", "--all", "--client", client];
    let entry =
        |name: &str, key: &'static str, command| Row::Entry { name: name.to_owned(), key, command };
    let mut items = vec![
        entry("All workers", "w", popup("workers", LARGE, &dashboard)),
        entry("Next worker that needs you", "n", background(&["next", "--repeat"])),
        entry("Back to where you were", "Tab", background(&["next", "--back"])),
        Row::Line,
        entry("New worker", "c", popup("new worker", MIDDLE, &["tmux", "new", "--client", client])),
        Row::Line,
    ];
    match &seat.worker {
        Some(id) => {
            let key = |key| ["watch", "--client", client, "--select", id.as_str(), "--press", key];
            let shown = ACTS.iter().filter(|(_, key, _)| *key != "s" || !seat.is_promoted);
            items.extend(shown.map(|(name, letter, pressed)| {
                entry(name, letter, popup(id.as_str(), LARGE, &key(pressed)))
            }));
            let shell = format!("split-window -t {pane} -c \"##{{pane_current_path}}\"");
            items.push(entry("Open a shell in its worktree", "o", shell));
        }
        None => items.push(Row::Note("No worker in this window")),
    }
    items
}

/// What is said in place of a menu that does not fit: tmux does not show it, and does not say so.
pub(super) fn too_small(seat: &Seat) -> Option<String> {
    let (width, height) = SIZE;
    let (columns, rows) = seat.size?;
    let is_too_small = columns < width || rows < height;
    is_too_small.then(|| format!("the menu needs {width} columns and {height} rows"))
}

/// A tmux command that shows a program in a popup, started in the pane's directory. The popup
/// closes if the program succeeds, and stays open so that a failure can be read.
fn popup(pane: &str, title: Option<&str>, (width, height): Size, argv: &[&str]) -> String {
    let title = title.map(|it| format!(" wtmag: {it} "));
    let mut flags = vec!["display-popup", "-EE", "-t", pane, "-w", width, "-h", height];
    flags.extend(title.iter().flat_map(|it| ["-T", it]));
    let words = |words: &[&str]| {
        let quoted = words.iter().map(|it| quote(it).replace('#', "##"));
        quoted.collect::<Vec<_>>().join(" ")
    };
    // The pane's directory is the only format, and only the popup expands it.
    format!("{} -d \"##{{pane_current_path}}\" -- {}", words(&flags), words(argv))
}

/// A tmux command that starts a program and shows nothing of it.
fn background(argv: &[&str]) -> String {
    // An argument has no NUL byte, which alone cannot be quoted.
    let words = argv.iter().map(|it| shlex::try_quote(it).unwrap_or_default());
    let line = words.collect::<Vec<_>>().join(" ").replace('#', "##");
    let line = format!("exec {line} </dev/null >/dev/null 2>&1");
    // The menu expands formats, and `run-shell` does it again.
    format!("run-shell -b {}", quote(&line).replace('#', "##"))
}

/// One word for tmux's parser.
pub(in crate::cli) fn quote(word: &str) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' | '$' => quoted.extend(['\\', c]),
            // A `~` is expanded only at the beginning of a word.
            '~' => quoted.push_str("\\176"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\{:03o}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::tmux::PLUGIN, model::WorkerId};

    const OPENED: Opened<'_> = Opened { program: "w", socket: "s", pane: PaneId(3) };

    #[test]
    fn a_key_does_what_its_entry_does() {
        let seat = Seat::default();
        let done = press("n", &OPENED, &seat).unwrap();
        assert_eq!(done[5..9], ["run-shell", "-t", "%3", "-C"]);
        assert!(done[9].contains("next --repeat"), "{done:?}");
        assert_eq!(press("x", &OPENED, &seat), None);
    }

    #[test]
    fn a_word_is_one_word_to_tmux() {
        assert_eq!(quote("a b"), r#""a b""#);
        assert_eq!(quote("\"$x\\\n~"), r#""\"\$x\\\012\176""#);
    }

    #[test]
    fn nothing_is_expanded_but_the_directory() {
        let id = WorkerId::for_branch("blog", "x");
        let client = "/dev/pts/1".to_owned();
        let seat = Seat { worker: Some(id), client, ..Seat::default() };
        let opened = Opened { program: "/a #(b)/wtmag", ..OPENED };
        let args = menu(&opened, &seat);
        for command in args.iter().filter(|it| it.starts_with("\"display-popup")) {
            let rest = command.replace("##{pane_current_path}", "").replace("##", "");
            assert!(!rest.contains('#'), "{command}");
        }
        let next = args.iter().find(|it| it.contains("--repeat")).unwrap();
        let want = "run-shell -b \"exec '/a ####(b)/wtmag' -S s next --repeat --client /dev/pts/1 \
                    </dev/null >/dev/null 2>&1\"";
        assert_eq!(next, want);
    }

    #[test]
    fn entries_for_a_worker_need_one() {
        let args = |worker, is_promoted| {
            let seat = Seat { worker, is_promoted, ..Seat::default() };
            menu(&OPENED, &seat)
        };
        let has = |args: &[String], name: &str| args.iter().any(|it| it == name);
        let id = WorkerId::for_branch("blog", "x");
        let all = args(Some(id.clone()), false);
        assert!(has(&all, "Remove it") && has(&all, "Move it to its own session"));
        assert!(all.join(" ").contains(r#""--select" "blog-x" "--press" "x""#));
        // Each key is there once, and the menu fits where it says.
        let seat = Seat { worker: Some(id.clone()), ..Seat::default() };
        let rows = rows(&OPENED, &seat);
        let key = |row: &Row| if let Row::Entry { key, .. } = row { Some(*key) } else { None };
        let keys: Vec<&str> = rows.iter().filter_map(key).collect();
        let script = PLUGIN.lines().find_map(|it| it.strip_prefix("keys=")).unwrap();
        let bound: Vec<&str> = script.trim_matches('\'').split(' ').collect();
        assert_eq!(bound, keys);
        let different: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(keys.len(), different.len());
        assert_eq!(usize::from(SIZE.1), rows.len() + 2 + 1);
        assert!(!has(&args(Some(id), true), "Move it to its own session"));
        assert!(!has(&args(None, false), "Remove it"));
    }
}
