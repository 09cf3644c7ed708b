//! The same agents as if they were unknown: with the generic profile alone.
use super::{
    agent::{Kind, for_each_agent},
    desk::{Desk, Setup},
};

for_each_agent! {
    an_unknown_agent_gets_its_prompt_when_it_is_ready,
    an_unknown_agent_gets_nothing_into_its_dialog,
    an_unknown_agent_gets_one_text_after_the_other,
}

fn an_unknown_agent_gets_its_prompt_when_it_is_ready(kind: &'static Kind) {
    for _ in 0..3 {
        let desk = Desk::new(kind, Setup { trusted: true, unknown: true, ..Setup::default() });
        let worker = desk.create("one");
        assert_eq!(worker.made["outcome"], "accepted", "{}", desk.account(&worker));
        desk.assert_told_once(&worker);
    }
}

fn an_unknown_agent_gets_nothing_into_its_dialog(kind: &'static Kind) {
    let Some((question, keys)) = kind.trust else { return };
    for _ in 0..3 {
        let desk = Desk::new(kind, Setup { unknown: true, ..Setup::default() });
        let worker = desk.create("one");
        assert_eq!(worker.made["outcome"], "held", "{}", desk.account(&worker));
        desk.wait(&worker, "blocked");
        // Whatever was typed here would have answered it, or would show.
        let screen = desk.capture(&worker);
        assert!(screen.contains(question), "{}", desk.account(&worker));
        assert!(!screen.contains("prompt.md"), "{}", desk.account(&worker));
        assert!(desk.prompts().is_empty(), "{}", desk.account(&worker));
        desk.press(&worker, keys);
        desk.assert_told_once(&worker);
    }
}

fn an_unknown_agent_gets_one_text_after_the_other(kind: &'static Kind) {
    let desk = Desk::new(kind, Setup { trusted: true, unknown: true, ..Setup::default() });
    let worker = desk.settled("one");
    desk.send(&worker, "SLOW please");
    desk.send(&worker, "And then look around");
    desk.wait(&worker, "idle");
    let prompts = desk.prompts();
    assert_eq!(prompts[1..], ["SLOW please", "And then look around"], "{}", desk.account(&worker));
}
