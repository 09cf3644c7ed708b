//! `[notify] bell`: the user's terminal rings, and no pane is written to.
use super::{SOON, eventually, world};
use crate::support::{Crew, Seen};

fn n_bells(output: &[u8]) -> usize {
    output.iter().filter(|it| **it == 7).count()
}

#[test]
fn a_users_terminal_rings_once_for_what_is_not_looked_at() {
    let sandbox = world();
    sandbox.put("config/wtmag/config.toml", "[notify]\nbell = true\n");
    let tmux = sandbox.tmux();
    let main = tmux.show("main", "#{session_id}");
    let mut crew = Crew::new(&sandbox);
    let [one, other] = ["one", "other"].map(|name| crew.hire_idle(name, Seen::In(&main), &["cat"]));
    let seat = sandbox.seat("tmux -u attach -t =main");
    // A tmux inside of a pane, which could be an agent's.
    tmux.run(["new-session", "-d", "-s", "inner"]);
    let nested = tmux.new_window("main:", "unset TMUX; exec tmux -u attach -t =inner");
    let pipe = |pane: &str, name: &str| {
        let path = sandbox.path(name);
        tmux.run(["pipe-pane", "-t", pane, &format!("cat >> {}", path.display())]);
        move || std::fs::read(&path).unwrap_or_default()
    };
    let panes = [
        pipe(&nested, "nested.out"),
        pipe(&one.place.pane.to_string(), "one.out"),
        pipe(&other.place.pane.to_string(), "other.out"),
    ];
    let clients = || {
        let rows = tmux.run(["list-clients", "-F", "#{client_control_mode}"]);
        (rows.lines().filter(|it| *it == "0").count() == 2).then_some(())
    };
    eventually(SOON, "the clients", clients);
    let before = n_bells(&seat.output());
    crew.fill_inbox(std::slice::from_ref(&one), 1);
    let rings = |n: usize| {
        eventually(SOON, "the bell", || (n_bells(&seat.output()) == before + n).then_some(()));
    };
    rings(1);
    // tmux 3.2 cannot be told to show a message to another client.
    if !tmux.show("main", "#{version}").starts_with("3.2") {
        seat.wait_for_text("keep the redirect");
    }
    // What the user looks at does not ring; what comes after it does, once.
    tmux.run(["select-window", "-t", &one.place.window.to_string()]);
    eventually(SOON, "it to be seen", || {
        tmux.show(&one.place.window.to_string(), "#{@wtmag_unseen}").is_empty().then_some(())
    });
    crew.ask_question(&one, "second");
    eventually(SOON, "the second", || {
        let inbox = sandbox.wtmag(["inbox", "--all"]).run().success();
        inbox.contains("second").then_some(())
    });
    crew.ask_question(&other, "third");
    rings(2);
    for output in panes {
        assert_eq!(n_bells(&output()), 0);
    }
}
