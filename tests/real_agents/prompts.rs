//! The first prompt: held by a dialog, answered by a human or not at all, and then accepted once.
use super::{
    agent::{Kind, for_each_agent},
    desk::{Desk, SOON, Setup, Worker},
};
use crate::support::eventually;

/// Part of a question, and the keys that answer it.
pub(super) type Dialog = (&'static str, &'static [&'static str]);

for_each_agent! {
    a_prompt_to_be_typed_waits_for_the_trust_of_a_human,
    a_prompt_as_argument_waits_for_the_trust_of_a_human,
    a_prompt_is_typed_at_once_where_the_worktree_is_trusted,
    a_prompt_as_argument_is_taken_at_once_where_the_worktree_is_trusted,
    a_user_who_opted_in_is_not_asked_for_trust,
}

fn a_prompt_to_be_typed_waits_for_the_trust_of_a_human(kind: &'static Kind) {
    check_untrusted(kind, Setup::default());
    check_untrusted(kind, Setup { no_hooks: true, ..Setup::default() });
}

fn a_prompt_as_argument_waits_for_the_trust_of_a_human(kind: &'static Kind) {
    check_untrusted(kind, Setup { by_argument: true, ..Setup::default() });
    check_untrusted(kind, Setup { by_argument: true, no_hooks: true, ..Setup::default() });
}

fn a_prompt_is_typed_at_once_where_the_worktree_is_trusted(kind: &'static Kind) {
    check_trusted(kind, Setup { trusted: true, ..Setup::default() });
    check_trusted(kind, Setup { trusted: true, no_hooks: true, ..Setup::default() });
}

fn a_prompt_as_argument_is_taken_at_once_where_the_worktree_is_trusted(kind: &'static Kind) {
    check_trusted(kind, Setup { trusted: true, by_argument: true, ..Setup::default() });
    let setup = Setup { trusted: true, by_argument: true, no_hooks: true, ..Setup::default() };
    check_trusted(kind, setup);
}

fn a_user_who_opted_in_is_not_asked_for_trust(kind: &'static Kind) {
    check_trusted(kind, Setup { block: "trust = \"worktree\"", ..Setup::default() });
}

fn check_trusted(kind: &'static Kind, setup: Setup) {
    let desk = Desk::new(kind, setup);
    let worker = desk.create("one");
    assert_eq!(worker.made["outcome"], "accepted", "{}", desk.account(&worker));
    desk.assert_told_once(&worker);
}

fn check_untrusted(kind: &'static Kind, setup: Setup) {
    let Some((question, keys)) = kind.trust else { return check_trusted(kind, setup) };
    let desk = Desk::new(kind, setup);
    let worker = desk.create("one");
    assert_eq!(worker.made["outcome"], "held", "{}", desk.account(&worker));
    assert_held(&desk, &worker, question);
    desk.press(&worker, keys);
    desk.assert_told_once(&worker);
    assert_eq!(desk.receipt(&worker)["step"], "accepted", "{}", desk.account(&worker));
}

/// The dialog is open, untouched, and is named as the reason for the hold.
fn assert_held(desk: &Desk, worker: &Worker, question: &str) {
    let shows = || desk.capture(worker).contains(question).then_some(());
    eventually(SOON, question, shows);
    desk.wait(worker, "blocked");
    let hold = desk.receipt(worker)["hold"].clone();
    assert_eq!(hold["turn"]["blocked"], "trust", "{}", desk.account(worker));
    assert!(desk.prompts().is_empty(), "{}", desk.account(worker));
    assert!(desk.capture(worker).contains(question), "{}", desk.account(worker));
}
