//! Agents that a script starts and waits for: the foreground is called by the script's shell.
use super::{SOON, Sandbox, Signal, eventually, fs, kill_hub, signal, world};
use crate::support::{Crew, Seen};
use wtmag::model::Worker;

/// The agent, whose process is not its pane's first.
fn agent_pid(sandbox: &Sandbox, worker: &Worker) -> u32 {
    let told = || sandbox.agent_log().all("turn", Some(worker.id.as_str())).pop();
    let turn = eventually(SOON, "a turn", told);
    turn["pid"].as_u64().unwrap().try_into().unwrap()
}

fn wait_for_turn(sandbox: &Sandbox, worker: &Worker, text: &str) {
    eventually(SOON, &format!("`{text}` to reach {}", worker.id), || {
        sandbox.agent_log().turns(Some(worker.id.as_str())).contains(&text.to_owned()).then_some(())
    });
}

#[test]
fn an_agent_behind_a_script_is_told_its_texts() {
    let sandbox = world();
    let bash = sandbox.put_program("by-bash", "#!/bin/bash\n\"$@\"\nexit $?\n");
    let twice = format!("#!/bin/sh\n'{}' \"$@\"\nexit $?\n", bash.display());
    let twice = sandbox.put_program("by-two", &twice);
    let python =
        "#!/usr/bin/env python3\nimport subprocess, sys\nsys.exit(subprocess.call(sys.argv[1:]))\n";
    let python = sandbox.put_program("by-python", python);
    let [bash, twice, python] = [&bash, &twice, &python].map(|it| it.to_str().unwrap());
    let piped = ["sh", "-c", "\"$@\" 2>/dev/null; exit $?", "sh"];
    let wrappers = [&[bash][..], &[twice], &[python], &piped];
    let mut crew = Crew::new(&sandbox);
    let workers: Vec<Worker> = (0_u8..)
        .zip(wrappers)
        .map(|(n, by)| crew.hire_calm_by(by, &n.to_string(), Seen::Alone, &[]).0)
        .collect();
    for worker in &workers {
        wait_for_turn(&sandbox, worker, "hello");
        crew.send(worker, "and more");
        wait_for_turn(&sandbox, worker, "and more");
    }
    // The next hub knows it, too.
    kill_hub(crew.pid());
    sandbox.wtmag(["hub", "start"]).run().success();
    crew.rejoin();
    crew.send(&workers[0], "and again");
    wait_for_turn(&sandbox, &workers[0], "and again");
}

/// What a script leaves behind is not the agent, whatever it is called.
#[test]
fn a_shell_that_a_script_becomes_is_told_nothing() {
    let sandbox = world();
    let script = "#!/bin/bash\n\"$@\"\nexec bash --norc -i\n";
    let script = sandbox.put_program("then-shell", script);
    let mut crew = Crew::new(&sandbox);
    let by = [script.to_str().unwrap()];
    let (worker, _) = crew.hire_calm_by(&by, "one", Seen::Alone, &[]);
    wait_for_turn(&sandbox, &worker, "hello");
    eventually(SOON, "the turn to end", || (crew.word(&worker) == "idle").then_some(()));
    signal(agent_pid(&sandbox, &worker), Signal::SIGKILL);
    let pane = worker.place.pane.to_string();
    sandbox.tmux().wait_for_text(&pane, "bash-");
    crew.send(&worker, "touch ran");
    eventually(SOON, "the text to be held", || {
        let explained = sandbox.wtmag(["receipts", worker.id.as_str()]).run().success();
        explained.contains("held").then_some(())
    });
    eventually(SOON, "the state to be unknown", || (crew.word(&worker) == "unknown").then_some(()));
    let screen = sandbox.tmux().capture(&pane);
    assert!(!screen.contains("touch ran"), "{screen}");
    assert!(!fs::exists(sandbox.path("src/one/ran")).unwrap());
}

/// The same program by the same name, started by a user in the worker's pane, is not the worker's.
#[test]
fn a_pane_that_was_respawned_is_told_nothing() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let mut crew = Crew::new(&sandbox);
    let (worker, _) = crew.hire_calm("one", Seen::Alone, &[]);
    wait_for_turn(&sandbox, &worker, "hello");
    let pane = worker.place.pane.to_string();
    let agent = sandbox.fake_agent();
    tmux.run(["respawn-pane", "-k", "-t", &pane, agent.to_str().unwrap(), "--set", "silence_ms=0"]);
    eventually(SOON, "the worker to be lost", || {
        (crew.word(&worker) == "lost: pane respawned").then_some(())
    });
    let refused = sandbox.wtmag(["send", worker.id.as_str(), "more"]).run();
    assert_ne!(refused.code, 0, "{refused}");
    // The pane is still the worker's to close.
    assert!(tmux.run(["list-panes", "-aF", "#{pane_id}"]).lines().any(|it| it == pane));
    sandbox.wtmag(["hub", "stop"]).run().success();
    sandbox.wtmag(["hub", "start"]).run().success();
    crew.rejoin();
    assert_eq!(crew.word(&worker), "lost: pane respawned");
}
