//! Boxes where no cursor tells a hint from a draft, and agents whose screen does not show that they
//! are idle.
use super::*;

/// A box between two rules, with the cursor hidden below it.
fn boxed(text: &str) -> String {
    let rule = "─".repeat(30);
    format!("reply\n{rule}\n❯ {text}\n{rule}\nfooter")
}

fn unknown_agent() -> Case {
    let mut case = Case::of(
        "name = 'x'\nforeground = ['fake']\nstructural = true\n[[rule]]\nstate = 'working'\nall = ['Thinking']",
    );
    case.quiet_since = Some(0);
    case
}

#[test]
fn where_no_cursor_tells_what_stood_there_first_is_a_hint_and_what_came_later_a_draft() {
    for hint in ["Ask me anything...", "Zorp the quux"] {
        let mut case = unknown_agent();
        case.at(1000).see(&boxed(hint)).at(1200).see(&boxed(hint)).is("ready");
        assert_eq!(case.tracker.verdict().input, InputBox::Empty, "{hint}");
        let draft = boxed("half typed by a human");
        case.at(3000).see(&draft).at(3200).see(&draft).at(6000).see(&draft).is("draft");
        assert!(matches!(case.tracker.verdict().input, InputBox::Holds(_)), "{hint}");
        case.at(7000).see(&boxed(hint)).at(8000).see(&boxed(hint)).is("ready");
    }
}

#[test]
fn a_text_that_is_no_hint_in_a_box_first_seen_after_a_turn_is_a_draft() {
    let mut case = unknown_agent();
    case.at(1000).see("⠹ Thinking").at(1200).see("⠹ Thinking").is("working");
    let draft = boxed("half typed by a human");
    case.quiet_since(2000).at(3000).see(&draft).at(4000).see(&draft).is("draft");
}

#[test]
fn a_hook_says_that_an_agent_rests_where_its_screen_does_not() {
    let rules = "name = 'x'\nforeground = ['fake']\n[box]\nprompt = '^> ?'\n[[rule]]\n\
                 state = 'ready'\nall = ['^zorp']\n[hooks]\nkind = 'codex'";
    let mut case = Case::of(rules);
    case.quiet_since = Some(0);
    case.at(1000).see("> ").at(1200).see("> ").is("starting");
    case.hook(ended()).is("idle").at(5000).see("> ").at(9000).see("> ").is("idle");
    assert!(case.tracker.verdict().turn.listens());
    case.at(9500).see("> my draft").at(9900).see("> my draft").is("draft");
}

/// opencode that has just been started again needs seconds before it shows its first sign of work.
#[test]
fn a_prompt_without_an_answer_is_no_turn_that_is_over() {
    let asked = "> first\nreply\ndone in 3 s\n> Still there, on that?\n\n> ";
    let answered = "> first\nreply\ndone in 3 s\n> Still there, on that?\nyes\ndone in 9 s\n> ";
    for hooks in [true, false] {
        let mut case = Case::ready();
        case.at(1500).see("> first\nreply\ndone in 3 s\n> ").is("ready");
        case.at(1800).see("> first\nreply\ndone in 3 s\n> ").is("idle");
        case.handle(Seen::Sent("Still there, on that?")).at(2000);
        let told = Event::PromptAccepted { text: "Still there, on that?".to_owned() };
        if hooks {
            case.hook(told)
        } else {
            case.handle(Seen::Accepted)
        };
        case.quiet_since(2100).at(2200).see(asked).at(5000).see(asked).is("working");
        case.at(6000).see(answered).at(6500).see(answered).is("idle");
        // An agent that shows nothing of a turn that was interrupted at once.
        case.handle(Seen::Sent("Still there, on that?")).at(7000).handle(Seen::Accepted);
        case.quiet_since(7100).at(7200).see(asked).at(13_000).see(asked).is("working");
        case.at(13_200).see(asked).is("idle");
    }
}
