//! The menu as arguments of tmux's `display-menu`. Pure.
//!
//! tmux reads a menu's commands twice: it expands formats when the menu opens, and parses the
//! result when an entry is chosen. Both are quoted here. Text from users does not pass through
//! them: popups ask for it themselves.
use super::Place;
use crate::model::{PaneId, WorkerId};

/// Columns and rows that the menu needs, with its frame and the status line.
pub(super) const SIZE: (u16, u16) = (43, 12);

/// Width and height of a popup.
type Size = (&'static str, &'static str);

const LARGE: Size = ("80%", "75%");
const SMALL: Size = ("70%", "50%");

/// All arguments of `display-menu`. Without a worker, entries that need one are disabled.
pub(super) fn menu(
    program: &str,
    socket: &str,
    client: &str,
    pane: PaneId,
    place: &Place,
) -> Vec<String> {
    let pane = pane.to_string();
    let popup = |title: &str, size: Size, words: &[&str]| {
        let title = (!place.is_3_2).then_some(title);
        popup(&pane, title, size, &[&[program, "-S", socket], words].concat())
    };
    let create = |what| popup("new worker", LARGE, &["tmux", "new", what]);
    let entry = |name: &str, key: &str, command| vec![name.to_owned(), key.to_owned(), command];
    let line = vec![String::new()];
    let own = |id: &WorkerId| {
        let promote = popup("promote", SMALL, &["tmux", "promote", id.as_str()]);
        let cleanup = popup("clean up", SMALL, &["tmux", "cleanup", id.as_str()]);
        let shell = format!("split-window -t {pane} -c \"##{{pane_current_path}}\"");
        let mut entries = entry("This worker: open a shell beside it", "d", shell);
        if !place.is_promoted {
            entries.extend(entry("This worker: move to its own session", "s", promote));
        }
        entries.extend(entry("This worker: clean up", "x", cleanup));
        entries
    };
    // A leading `-` disables an entry.
    let none = || entry("-No worker in this window", "", String::new());
    let items = [
        entry("New worker: from a prompt", "p", create("prompt")),
        entry("New worker: from an issue", "i", create("issue")),
        entry("New worker: review a pull request", "r", create("pr")),
        line.clone(),
        entry("Go to a worker", "w", popup("workers", LARGE, &["attach", "--client", client])),
        line,
        place.worker.as_ref().map_or_else(none, own),
    ];
    let words = ["display-menu", "-c", client, "-t", &pane, "-T", " wtmag ", "-x", "C", "-y", "C"];
    words.into_iter().map(str::to_owned).chain(items.concat()).collect()
}

/// A message in place of a menu that does not fit.
pub(super) fn too_small(client: Option<&str>) -> Vec<String> {
    let (width, height) = SIZE;
    let text = format!("wtmag: the menu needs {width} columns and {height} rows");
    let to = client.into_iter().flat_map(|it| ["-c", it]);
    ["display-message"].into_iter().chain(to).chain([&*text]).map(str::to_owned).collect()
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

/// One word for tmux's parser.
pub(super) fn quote(word: &str) -> String {
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

    #[test]
    fn a_word_is_one_word_to_tmux() {
        assert_eq!(quote("a b"), r#""a b""#);
        assert_eq!(quote("\"$x\\\n~"), r#""\"\$x\\\012\176""#);
    }

    #[test]
    fn nothing_is_expanded_but_the_directory() {
        let id = WorkerId::for_branch("blog", "x");
        let place = Place { worker: Some(id), ..Place::default() };
        let args = menu("/a #(b)/wtmag", "/tmp/s", "/dev/pts/1", PaneId(3), &place);
        for command in args.iter().filter(|it| it.starts_with("\"display-popup")) {
            let rest = command.replace("##{pane_current_path}", "").replace("##", "");
            assert!(!rest.contains('#'), "{command}");
        }
    }

    #[test]
    fn entries_for_a_worker_need_one() {
        let args = |worker, is_promoted| {
            let place = Place { worker, is_promoted, ..Place::default() };
            menu("w", "s", "c", PaneId(3), &place).join("\n")
        };
        let id = WorkerId::for_branch("blog", "x");
        let all = args(Some(id.clone()), false);
        assert!(
            all.contains(r#""tmux" "cleanup" "blog-x""#) && all.contains("move to its own session")
        );
        assert!(!args(Some(id), true).contains("move to its own session"));
        assert!(!args(None, false).contains("cleanup"));
    }
}
