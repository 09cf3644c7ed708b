//! No `tmux` process is started by looking, by states that change or by time that passes.
use super::{Crew, SOON, Sandbox, Seen, eventually, fs};

/// Every `tmux` that was started in the sandbox so far, with its arguments.
fn started(sandbox: &Sandbox) -> Vec<String> {
    let text = fs::read_to_string(sandbox.path("tmux.log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn no_tmux_is_spawned_by_looking_by_states_or_by_time() {
    let sandbox = Sandbox::new();
    let real = sandbox.run("sh").args(["-c", "command -v tmux"]).run().success();
    let log = sandbox.path("tmux.log");
    // Of a server by another name the program is not run in the place of the recorder.
    let server = sandbox.path("run/server");
    fs::copy(real.trim(), &server).unwrap();
    let recorder =
        format!("#!/bin/sh\necho \"$@\" >> {}\nexec {} \"$@\"\n", log.display(), server.display());
    sandbox.put_program("tmux", &recorder);
    let tmux = sandbox.tmux();
    tmux.start("main");
    let agent = sandbox.fake_agent();
    let agent = agent.to_str().unwrap();
    let mut crew = Crew::new(&sandbox);
    let workers: Vec<_> = (0..3)
        .map(|n| {
            let argv = [agent, "--set", "turn.max_ms=3000", "--set", "turn.min_ms=1500"];
            crew.hire(&n.to_string(), Seen::Alone, &argv).0
        })
        .collect();
    // The recorder works, also for the hub, which has its server's PATH.
    let before = started(&sandbox);
    assert!(before.iter().any(|it| it.contains("-CC")), "{before:#?}");

    // Three agents get ready, are given their first prompt, work and end their turns.
    let log = sandbox.agent_log();
    let ids: Vec<_> = workers.iter().map(|it| it.id.as_str()).collect();
    for id in &ids {
        eventually(SOON, "a turn to end", || log.all("turn_end", Some(id)).pop());
        sandbox.wtmag(["wait", id, "--until", "idle", "--timeout", "30s"]).run().success();
        sandbox.wtmag(["show", id]).run().success();
        sandbox.wtmag(["send", id, "again"]).run().success();
    }
    for _ in 0..10 {
        sandbox.wtmag(["hub", "start"]).run().success();
        sandbox.wtmag(["list", "--all", "--json"]).run().success();
    }
    sandbox.wtmag(["events"]).run().success();
    // Nothing happens for five seconds.
    let still = ["wait", ids[0], "--until", "lost", "--timeout", "5s"];
    sandbox.wtmag(still).run().failure(4);
    let spawned = started(&sandbox).split_off(before.len());
    assert!(spawned.is_empty(), "{spawned:#?}");
}
