//! Conversations that are continued, copied, or handed to another agent.
use super::{
    agent::{Kind, for_each_agent},
    desk::{Desk, LONG, Setup},
    lives::kill,
};
use crate::support::eventually;

for_each_agent! {
    a_killed_agent_continues_its_conversation,
    a_copy_continues_the_conversation_in_another_worktree,
    the_next_agent_reads_what_was_said,
}

fn a_killed_agent_continues_its_conversation(kind: &'static Kind) {
    let desk = Desk::new(kind, Setup { trusted: true, ..Setup::default() });
    let mut one = desk.settled("one");
    desk.send(&one, "Remember the word PINEAPPLE");
    desk.wait(&one, "idle");
    kill(&desk, &one);
    desk.wait(&one, "exited");
    let n_prompts = desk.prompts().len();
    let done = desk.wtmag(&["resume", &one.id, "--json"]).run().json();
    assert!(done[0]["conversation"].is_string(), "{done}");
    let show = desk.wtmag(&["show", "--json", &one.id]).run().json();
    one.pane = show["worker"]["pane"].as_str().unwrap().to_owned();
    desk.wait(&one, "idle,ready");
    assert!(desk.all_of(&one).contains("PINEAPPLE"), "{}", desk.account(&one));
    assert_eq!(desk.prompts().len(), n_prompts, "{}", desk.account(&one));
    desk.send(&one, "Still there?");
    desk.wait(&one, "idle");
    assert_eq!(desk.prompts().len(), n_prompts + 1, "{}", desk.account(&one));
}

fn a_copy_continues_the_conversation_in_another_worktree(kind: &'static Kind) {
    let desk = Desk::new(kind, Setup { trusted: true, ..Setup::default() });
    let one = desk.settled("one");
    desk.send(&one, "Remember the word PINEAPPLE");
    desk.wait(&one, "idle");
    let two = desk.fork(&one, "two");
    assert_eq!(two.made["outcome"], "accepted", "{}", desk.account(&two));
    desk.wait(&two, "idle");
    assert!(desk.all_of(&two).contains("PINEAPPLE"), "{}", desk.account(&two));
    assert!(!two.dir.join(".wtmag/handoff.md").exists());
    // The first one continues its own.
    desk.send(&one, "Still there?");
    desk.wait(&one, "idle");
}

fn the_next_agent_reads_what_was_said(kind: &'static Kind) {
    let desk = Desk::new(kind, Setup { trusted: true, ..Setup::default() });
    let one = desk.settled("one");
    let done = desk.wtmag(&["handoff", &one.id, "--json"]).limit(LONG * 2).run().json();
    assert_eq!(done["outcome"], "accepted", "{}", desk.account(&one));
    eventually(LONG, "the first prompt at the provider", || {
        let last = desk.prompts().pop().unwrap();
        last.contains("Read ./.wtmag/handoff.md").then_some(())
    });
    desk.wait(&one, "idle");
}
