//! Usage limits: texts wait for the reset, and the wall clock says when it is.
use std::{thread, time::Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{Crew, Duration, SOON, Seen, eventually, world};

/// How long the provider of these tests wants to be left alone.
const RESET: Duration = Duration::from_secs(20);

#[test]
fn a_text_waits_for_the_reset_and_goes_out_once_though_the_hub_slept_over_it() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let limit =
        format!("turn.limit=\"You've hit your usage limit. Try again in {} s.\"", RESET.as_secs());
    let (worker, _) = crew.hire_calm("limits", Seen::Alone, &[&limit]);
    let id = worker.id.as_str();
    let told = sandbox.wtmag(["wait", id, "--timeout", "30s"]).run().success();
    let began = Instant::now();
    assert!(told.contains("limited: until ") && told.contains("(resets in "), "{told}");
    let sent = sandbox.wtmag(["send", "--no-wait", "--json", id, "after the reset"]).run().json();
    let held = || {
        let receipts = sandbox.wtmag(["receipts", "--json", id]).run().json();
        let of = |it: &&serde_json::Value| it["id"] == sent[0]["id"];
        let held = receipts.as_array().unwrap().iter().find(of).unwrap()["held"].clone();
        held.as_str()
            .filter(|it| it.starts_with("the provider's limit is reached, until "))
            .map(|_| ())
    };
    eventually(SOON, "the text to be held", held);
    assert_eq!(sandbox.agent_log().turns(Some(id)).len(), 1);

    // The machine sleeps over the reset.
    kill(Pid::from_raw(crew.pid().cast_signed()), Signal::SIGSTOP).unwrap();
    thread::sleep((RESET + Duration::from_secs(3)).saturating_sub(began.elapsed()));
    assert_eq!(sandbox.agent_log().turns(Some(id)).len(), 1, "nothing goes out of a sleeping hub");
    kill(Pid::from_raw(crew.pid().cast_signed()), Signal::SIGCONT).unwrap();

    let log = sandbox.agent_log();
    let second = || (log.turns(Some(id)).len() > 1).then_some(());
    eventually(SOON, "the text to go out", second);
    sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
    assert_eq!(log.turns(Some(id)), ["hello", "after the reset"]);
}
