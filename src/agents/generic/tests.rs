//! Random boxes and dialogs of unknown programs.
use proptest::{prelude::*, sample::select};

use unicode_width::UnicodeWidthStr as _;

use crate::{
    agents::{Profile, classify, echo, echo::Holding, explain},
    model::{AgentState, Blocker, InputBox, Sample, Verdict},
};

const RULES: [&str; 9] = ["─", "━", "═", "╌", "┄", "-", "=", "▔", "~"];
const PROMPTS: [&str; 13] = [">", "❯", "›", "»", "▸", "λ", "→", "●", "▌", "✎", "::", "=>", ">>>"];
const POINTERS: [&str; 9] = ["❯", "›", ">", "▶", "→", "●", "*", "»", "➤"];
const ASKS: [&str; 8] = [
    "Press any key to continue",
    "hit any key",
    "press return",
    "Zorp blem? [y/N]",
    "Zorp blem? (y/n)",
    "Zorp? y/n:",
    "Zorp ←→ select · enter confirm",
    "PIN code:",
];

fn screen(rows: &[String], cursor: (usize, usize), cursor_visible: bool) -> Sample {
    let to = |n: usize| u16::try_from(n).unwrap();
    Sample {
        rows: rows.to_vec(),
        command: "frobnicator".to_owned(),
        cursor: (to(cursor.0), to(cursor.1)),
        cursor_visible,
        size: (60, 30),
        ..Sample::default()
    }
}

fn judge(sample: &Sample, sent: &[String]) -> Verdict {
    let profile = Profile::shared("generic").unwrap();
    explain(&profile, sample, sent).verdict
}

#[test]
fn a_list_of_keys_is_no_work() {
    let check = |keys: &str, want: AgentState| {
        let rule = "─".repeat(60);
        let rows = ["", keys, "press ctrl+o for more", "", &rule, "", &rule, "~/src (main)"];
        let rows = rows.map(str::to_owned);
        assert_eq!(judge(&screen(&rows, (0, 5), true), &[]).turn, want, "{keys}");
    };
    for keys in [
        " █▀ █ escape interrupt · ctrl+c/ctrl+d clear/exit · / commands · ! bash",
        "ctrl+d quit • esc to interrupt • / commands",
        "Keys: ctrl-c abort, ctrl-d exit",
    ] {
        check(keys, AgentState::Ready);
    }
    for work in [
        "Baking (esc to interrupt · ctrl+t to show todos)",
        "Baking (esc to interrupt, ctrl+c to quit)",
        "▣▣ esc interrupt",
        "esc to stop",
    ] {
        check(work, AgentState::Working);
    }
}

fn words(n: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    proptest::collection::vec("[bcdfgjklmpqrvwz][aeiou][bdfgklmprvz]{1,3}", n)
        .prop_map(|words| words.join(" "))
}

fn transcript() -> impl Strategy<Value = Vec<String>> {
    let line = (select(&["", "● ", "  ", "• ", "$ "][..]), words(0..12));
    proptest::collection::vec(line.prop_map(|(lead, text)| lead.to_owned() + &text), 0..8)
}

/// A list with a pointer, numbered or not, perhaps in a frame.
fn menu() -> impl Strategy<Value = Vec<String>> {
    let parts = (select(&POINTERS[..]), proptest::collection::vec(words(1..4), 2..5));
    (parts, any::<prop::sample::Index>(), any::<bool>(), any::<bool>()).prop_map(
        |((pointer, entries), chosen, numbered, framed)| {
            let chosen = chosen.index(entries.len());
            let rows = entries.iter().enumerate().map(|(at, entry)| {
                let lead = if at == chosen { pointer } else { " " };
                let number = if numbered { format!("{}. ", at + 1) } else { String::new() };
                let (open, close) = if framed { ("│", "  │") } else { ("", "") };
                format!("{open} {lead} {number}{entry}{close}")
            });
            rows.collect()
        },
    )
}

fn question() -> impl Strategy<Value = Vec<String>> {
    let buttons = (words(1..2), words(1..2)).prop_map(|(a, b)| format!("  [ {a} ]    {b}  "));
    let asked = prop_oneof![select(&ASKS[..]).prop_map(String::from), buttons];
    prop_oneof![menu(), asked.prop_map(|row| vec![row])]
}

/// Rows of a box, and where its text begins.
fn boxed(frame: u8, rule: &str, prompt: &str, text: &str) -> (Vec<String>, (usize, usize)) {
    let lead = match frame {
        0 | 3 => format!("{prompt} "),
        1 => format!("│ {prompt} "),
        _ => format!("┃ {prompt} "),
    };
    let line = format!("{lead}{text}");
    let rows = match frame {
        0 => vec![rule.repeat(60), line, rule.repeat(60)],
        1 => {
            let fill = " ".repeat(59_usize.saturating_sub(line.width()));
            vec![
                format!("╭{}╮", "─".repeat(58)),
                format!("{line}{fill}│"),
                format!("╰{}╯", "─".repeat(58)),
            ]
        }
        _ => vec![String::new(), line, String::new()],
    };
    (rows, (lead.width(), 1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_dialog_is_never_a_box(
        before in transcript(),
        rule in select(&RULES[..]),
        heading in words(1..4),
        question in question(),
        hint in select(&["", "enter to confirm · esc to cancel", "↑↓ navigate"][..]),
        at_end in any::<bool>(),
        visible in any::<bool>(),
    ) {
        let mut rows = before;
        rows.extend([rule.repeat(60), format!(" {heading}"), String::new()]);
        rows.extend(question);
        rows.extend([String::new(), hint.to_owned()]);
        let end = rows.iter().rposition(|row| !row.is_empty()).unwrap();
        let cursor = if at_end { (rows[end].chars().count(), end) } else { (0, rows.len()) };
        let verdict = judge(&screen(&rows, cursor, visible), &[]);
        prop_assert!(
            matches!(verdict.turn, AgentState::Blocked(_) | AgentState::Waiting(_)),
            "{verdict:?} in\n{}", rows.join("\n"),
        );
    }

    #[test]
    fn a_box_is_found_and_our_text_in_it(
        before in transcript(),
        frame in 0..4_u8,
        rule in select(&RULES[..]),
        prompt in select(&PROMPTS[..]),
        placeholder in words(0..5),
        footer in words(0..6),
        visible in any::<bool>(),
    ) {
        let (drawn, (column, row)) = boxed(frame, rule, prompt, &placeholder);
        let offset = before.len();
        let mut rows = before.clone();
        rows.extend(drawn);
        rows.push(format!("  {footer}"));
        let rows: Vec<String> = rows.iter().map(|row| row.trim_end().to_owned()).collect();
        let empty = screen(&rows, (column, offset + row), visible);
        let verdict = judge(&empty, &[]);
        prop_assert_eq!(&verdict.turn, &AgentState::Ready, "{:?} in\n{}", verdict, rows.join("\n"));
        prop_assert_eq!(&verdict.input, &InputBox::Empty);

        let text = "Read ./.wtmag/prompt.md and use it";
        let (drawn, _) = boxed(frame, rule, prompt, text);
        let mut rows = before;
        rows.extend(drawn);
        rows.push(format!("  {footer}"));
        let cursor = (column + text.len(), offset + row);
        let after = screen(&rows, cursor, visible);
        let verdict = judge(&after, &[text.to_owned()]);
        prop_assert_eq!(&verdict.turn, &AgentState::Draft, "{:?} in\n{}", verdict, rows.join("\n"));
        let profile = Profile::shared("generic").unwrap();
        prop_assert_eq!(echo::holding(&profile, &verdict.input, text), Holding::Ours);
        let echo = echo::echoed(&empty, &after, text).unwrap();
        prop_assert!(echo.cursor_behind);
        prop_assert!(echo::gone(&echo, &empty, text));
    }
}

#[test]
fn a_text_that_wraps_without_a_frame_is_read_whole() {
    let profile = Profile::shared("generic").unwrap();
    let long = "Read ./.wtmag/prompt.md and use it all day and all of the nigh";
    let leads = [("┃ :: ", "┃    "), ("┃ ", "┃    "), (":: ", "   "), ("┃ ▌ ", "┃   ")];
    for (lead, indent) in leads {
        for cut in ["it as the task", "} k", "é", "}", "_id} fix"] {
            let text = format!("{long}{cut}");
            let rows = [
                "│ said before".to_owned(),
                String::new(),
                format!("{lead}{long}"),
                format!("{indent}{cut}"),
                String::new(),
                "  footer".to_owned(),
            ];
            let cursor = (indent.chars().count() + cut.chars().count(), 3);
            for visible in [true, false] {
                let sample = screen(&rows, cursor, visible);
                let verdict = judge(&sample, std::slice::from_ref(&text));
                let holding = echo::holding(&profile, &verdict.input, &text);
                assert_eq!(holding, Holding::Ours, "{lead} {cut} {verdict:?}");
            }
        }
    }
}

#[track_caller]
fn check(rows: &[&str], cursor: (usize, usize), visible: bool, want: &AgentState) {
    let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let verdict = judge(&screen(&rows, cursor, visible), &[]);
    assert_eq!(&verdict.turn, want, "{verdict:?} in\n{}", rows.join("\n"));
}

#[test]
fn a_box_that_asks_for_something_else_is_not_for_prompts() {
    let rule = "─".repeat(40);
    let frame = format!("╭{rule}╮");
    let rows = ["Paste code here if prompted", &frame, "│          │", &frame, "Esc to go back"];
    check(&rows, (2, 2), false, &AgentState::Blocked(Blocker::Login));
    check(&["Password:"], (10, 0), true, &AgentState::Blocked(Blocker::Login));
    check(&["Your name?", "Name: "], (6, 1), true, &AgentState::Unknown);
}

#[test]
fn a_hidden_cursor_elsewhere_leaves_only_what_stands_between_two_edges() {
    let rule = "─".repeat(40);
    check(&[&rule, "❯", &rule, "footer"], (0, 9), false, &AgentState::Ready);
    check(&[&rule, "> type here", &rule], (0, 9), false, &AgentState::Ready);
    check(&["> type here", ""], (0, 9), false, &AgentState::Unknown);
    check(&["hello", "", "world"], (0, 9), false, &AgentState::Unknown);
}

#[test]
fn work_shows_by_spinner_and_hint() {
    check(&["⠹ Thinking", "────────", ">", "────────"], (2, 2), true, &AgentState::Working);
    check(&["✶ Pondering…", "────────", ">", "────────"], (2, 2), true, &AgentState::Working);
    check(&["────────", ">", "────────", "esc to interrupt"], (2, 1), true, &AgentState::Working);
}

#[test]
fn a_wrapped_text_of_ours_is_no_menu() {
    let text = "Read the brief and use it as the task";
    let rows = ["› Read the brief", "  and use it as", "  the task", "", "› Ask anything"];
    let rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let sample = screen(&rows, (2, 4), true);
    assert_eq!(judge(&sample, &[text.to_owned()]).turn, AgentState::Ready);
    let profile = Profile::shared("generic").unwrap();
    assert_eq!(classify(&profile, &sample).rule, "menu", "without knowing the text: rather not");
}
