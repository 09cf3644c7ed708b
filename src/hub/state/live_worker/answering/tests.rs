//! What is pressed and typed, capture by capture. No tmux, no clock.
use super::*;
use crate::model::{AskKind, Choice, FactSource};

/// As claude 2.1.332 shows it: a question, and a permission whose answers take words after Tab.
const COLOUR: [&str; 3] = ["Red", "Blue", "Type something."];
const LEAVE: [&str; 2] = ["Yes", "No"];

fn ask(labels: &[&str]) -> Ask {
    let choices = labels.iter().map(|it| Choice { label: (*it).to_owned(), selected: false });
    Ask {
        kind: AskKind::Question,
        about: String::new(),
        question: "Which?".into(),
        choices: choices.collect(),
        source: FactSource::Screen,
    }
}

struct Play {
    answering: Answering,
    asked: Ask,
    start: Instant,
    ms: u64,
    by_colour: bool,
}

impl Play {
    fn new(labels: &[&str], label: &str, words: Option<&str>) -> Self {
        let (asked, request_id) = (ask(labels), RequestId { client: 1, number: 1 });
        let words = words.map(str::to_owned);
        let answering = Answering::new(request_id, label.to_owned(), words, asked.clone());
        Self { answering, asked, start: Instant::now(), ms: 0, by_colour: false }
    }

    /// The screen shows these answers, with this one highlighted; no answers: the dialog is gone.
    fn see(
        &mut self,
        labels: &[&str],
        selected: usize,
        is_amendable: bool,
    ) -> Result<Next, String> {
        self.ms += 150;
        let rows: Vec<String> = labels
            .iter()
            .enumerate()
            .map(|(n, it)| format!("{} {}. {it}", if n == selected { "❯" } else { " " }, n + 1))
            .collect();
        let shown = (!labels.is_empty()).then(|| ask(labels));
        let seen = Seen {
            shown: shown.as_ref(),
            known: Some(&self.asked).filter(|_| shown.is_some()),
            menu: menu::read(&rows).map(|it| Menu { by_colour: self.by_colour, ..it }),
            is_styled: true,
            obstacle: None,
            is_amendable,
        };
        self.answering.next(self.start + Duration::from_millis(self.ms), &seen)
    }
}

#[test]
fn an_answer_is_moved_to_confirmed_and_seen_to_be_gone() {
    let mut play = Play::new(&LEAVE, "No", None);
    assert_eq!(play.see(&LEAVE, 0, false), Ok(Next::Press("Down")));
    assert_eq!(play.see(&LEAVE, 0, false), Ok(Next::Wait), "not drawn yet");
    assert_eq!(play.see(&LEAVE, 1, false), Ok(Next::Press("Enter")));
    assert_eq!(play.see(&LEAVE, 1, false), Ok(Next::Wait));
    assert_eq!(play.see(&[], 0, false), Ok(Next::Over));
    let mut play = Play::new(&LEAVE, "No", None);
    let error = play.see(&["Yes", "Never"], 0, false).unwrap_err();
    assert!(error.contains("another dialog"), "{error}");
}

/// An entry that is always red may be taken for the highlighted one.
#[test]
fn what_only_colours_tell_is_believed_when_a_key_has_moved_it() {
    for (selected, [away, back]) in [(0, ["Down", "Up"]), (1, ["Up", "Down"])] {
        let mut play = Play::new(&LEAVE, LEAVE[selected], None);
        play.by_colour = true;
        assert_eq!(play.see(&LEAVE, selected, false), Ok(Next::Press(away)));
        assert_eq!(play.see(&LEAVE, selected, false), Ok(Next::Wait), "not drawn yet");
        assert_eq!(play.see(&LEAVE, 1 - selected, false), Ok(Next::Press(back)));
        assert_eq!(play.see(&LEAVE, 1 - selected, false), Ok(Next::Wait));
        assert_eq!(play.see(&LEAVE, selected, false), Ok(Next::Press("Enter")));
        assert_eq!(play.see(&[], 0, false), Ok(Next::Over));
    }
    // It moves there anyway.
    let mut play = Play::new(&LEAVE, "No", None);
    play.by_colour = true;
    assert_eq!(play.see(&LEAVE, 0, false), Ok(Next::Press("Down")));
    assert_eq!(play.see(&LEAVE, 1, false), Ok(Next::Press("Enter")));
    // It is another one that is highlighted.
    let mut play = Play::new(&LEAVE, "No", None);
    play.by_colour = true;
    assert_eq!(play.see(&LEAVE, 1, false), Ok(Next::Press("Up")));
    play.ms += 6_000;
    let error = play.see(&LEAVE, 1, false).unwrap_err();
    assert!(error.contains("did not react to the arrow keys"), "{error}");
}

#[test]
fn words_are_typed_into_the_entry_that_takes_them() {
    let words = "Green, because I like it more than all others";
    let mut play = Play::new(&COLOUR, "Type something.", Some(words));
    assert_eq!(play.see(&COLOUR, 0, false), Ok(Next::Press("Down")));
    assert_eq!(play.see(&COLOUR, 1, false), Ok(Next::Press("Down")));
    assert_eq!(play.see(&COLOUR, 2, false), Ok(Next::Type(words.into())));
    assert_eq!(play.see(&COLOUR, 2, false), Ok(Next::Wait), "not drawn yet");
    let typed = ["Red", "Blue", "Green, because I like it more than all o…"];
    assert_eq!(play.see(&typed, 2, false), Ok(Next::Press("Enter")));
    assert_eq!(play.see(&typed, 2, false), Ok(Next::Wait));
    assert_eq!(play.see(&[], 0, false), Ok(Next::Over));
}

#[test]
fn an_entry_that_can_be_amended_is_opened_first() {
    let mut play = Play::new(&LEAVE, "No", Some("use tabs"));
    assert_eq!(play.see(&LEAVE, 1, true), Ok(Next::Press("Tab")));
    assert_eq!(play.see(&LEAVE, 1, true), Ok(Next::Wait));
    let open = ["Yes", "No, and tell Claude what to do differently"];
    assert_eq!(play.see(&open, 1, false), Ok(Next::Type("use tabs".into())));
    assert_eq!(play.see(&["Yes", "No, use tabs"], 1, false), Ok(Next::Press("Enter")));
    assert_eq!(play.see(&[], 0, false), Ok(Next::Over));
}

#[test]
fn nothing_is_typed_or_confirmed_where_the_dialog_is_not_as_expected() {
    let mut play = Play::new(&LEAVE, "No", Some("use tabs"));
    let error = play.see(&LEAVE, 1, false).unwrap_err();
    assert!(error.contains("takes no text"), "{error}");
    // Another dialog comes while the words are typed: no Enter.
    let mut play = Play::new(&COLOUR, "Type something.", Some("Green"));
    assert_eq!(play.see(&COLOUR, 2, false), Ok(Next::Type("Green".into())));
    let error = play.see(&LEAVE, 0, false).unwrap_err();
    assert!(error.contains("changed while"), "{error}");
    // The words never show.
    let mut play = Play::new(&COLOUR, "Type something.", Some("Green"));
    assert_eq!(play.see(&COLOUR, 2, false), Ok(Next::Type("Green".into())));
    play.ms += 6_000;
    let error = play.see(&COLOUR, 2, false).unwrap_err();
    assert!(error.contains("does not show the words"), "{error}");
}

#[test]
fn dialogs_are_told_apart_by_what_they_are_about() {
    let about = |text: &str, source: FactSource| Ask { about: text.into(), source, ..ask(&LEAVE) };
    let (hook, screen) = (FactSource::Hook, FactSource::Screen);
    for source in [hook, screen] {
        assert!(is_same(&about("npm test", source), &about("npm test", source), None));
        assert!(!is_same(&about("npm test", source), &about("rm -rf .", source), None));
    }
    // A screen may cut what a hook tells whole.
    assert!(is_same(&about("npm te…", screen), &about("npm test", hook), None));
}
