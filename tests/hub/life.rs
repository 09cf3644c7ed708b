//! Start, one per server, stop.
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::Stdio,
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;

use super::{
    SOON, Sandbox, eventually, hub_file, hub_pid, kill_hub, log, pid_of, signal, socket, state_dir,
    status, wait_for_end, world,
};

/// The environment a process was started with.
fn environment(pid: u32) -> BTreeMap<String, String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let vars = text.split_terminator('\0').filter_map(|it| it.split_once('='));
    vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Fields of `/proc/PID/stat` after the name: state, parent, group, session, …
fn stat(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = text.rsplit_once(')').unwrap();
    fields.split_whitespace().map(str::to_owned).collect()
}

const OF_THE_CALLER: [(&str, &str); 6] = [
    ("CLAUDECODE", "1"),
    ("CODEX_SANDBOX", "/x"),
    ("GIT_DIR", "/x"),
    ("WTMAG_WORKER", "x"),
    ("WORKTRUNK_DIRECTIVE_FILE", "/x"),
    ("MARK", "of the caller"),
];

#[test]
fn a_hub_has_its_servers_environment_and_a_session_of_its_own() {
    let sandbox = Sandbox::new();
    let start = ["-f", "/dev/null", "new-session", "-d", "-s", "main"];
    sandbox.run("tmux").args(start).env("MARK", "of the server").run().success();
    let mut list = sandbox.wtmag(["hub", "start"]);
    for (name, value) in OF_THE_CALLER {
        list = list.env(name, value);
    }
    list.run().success();
    let pid = pid_of(&status(&sandbox));

    let env = environment(pid);
    assert_eq!(env["MARK"], "of the server");
    let foreign = OF_THE_CALLER.iter().filter(|(name, _)| *name != "MARK");
    let inherited: Vec<_> = foreign.filter(|(name, _)| env.contains_key(*name)).collect();
    assert!(inherited.is_empty(), "{inherited:?}");
    assert_eq!(stat(pid)[3], pid.to_string(), "its session");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
}

#[test]
fn without_a_server_a_hub_keeps_nothing_of_its_caller_that_misleads() {
    let sandbox = Sandbox::new();
    let mut list =
        sandbox.wtmag(["hub", "start"]).env("TMUX_PANE", "%7").env("CODEX_HOME", "/home");
    for (name, value) in OF_THE_CALLER {
        list = list.env(name, value);
    }
    list.run().success();
    let pid = pid_of(&status(&sandbox));
    let env = environment(pid);
    let foreign = ["CLAUDECODE", "CODEX_SANDBOX", "GIT_DIR", "WTMAG_WORKER", "TMUX_PANE"];
    let inherited: Vec<_> = foreign.iter().filter(|it| env.contains_key(**it)).collect();
    assert!(inherited.is_empty(), "{inherited:?}");
    assert_eq!(env["CODEX_HOME"], "/home", "where the user keeps things");
    assert_eq!(stat(pid)[3], pid.to_string(), "its session");
    // Looking for workers starts no server.
    assert!(!sandbox.tmux().is_running());
}

#[test]
fn twenty_commands_at_once_start_one_hub() {
    let sandbox = world();
    thread::scope(|scope| {
        let list = || drop(sandbox.wtmag(["hub", "start"]).run().success());
        for _ in 0..20 {
            scope.spawn(list);
        }
    });
    assert_eq!(log(&sandbox).matches("started").count(), 1, "{}", log(&sandbox));
}

#[test]
fn each_server_has_a_hub_of_its_own() {
    let sandbox = world();
    let other = ["-L", "other", "-f", "/dev/null", "new-session", "-d"];
    sandbox.run("tmux").args(other).run().success();
    let path = sandbox.tmux().socket().with_file_name("other");
    let path = path.to_str().unwrap();

    let first = hub_pid(&sandbox);
    sandbox.wtmag(["-L", "other", "list"]).run().success();
    let pid = |args: &[&str]| pid_of(&sandbox.wtmag(args).run().json());
    let second = pid(&["-L", "other", "hub", "status", "--json"]);
    assert_ne!(first, second);
    assert_eq!(pid(&["-S", path, "hub", "status", "--json"]), second);
    assert_eq!(pid(&["hub", "status", "--json", "-S", path]), second);
    assert_eq!(pid_of(&status(&sandbox)), first);

    sandbox.wtmag(["-L", "other", "hub", "stop"]).run().success();
    sandbox.run("tmux").args(["-L", "other", "kill-server"]).run().success();
}

#[test]
fn a_hub_stops_when_told_and_says_when_there_is_none() {
    let sandbox = world();
    let none = sandbox.wtmag(["hub", "status"]).run().failure(3);
    assert!(none.contains("no hub is running"), "{none}");
    let pid = hub_pid(&sandbox);
    let said = sandbox.wtmag(["hub", "stop"]).run().success();
    assert_eq!(said, format!("hub {pid} stopped; agents keep running\n"));
    // Nothing of it is waited for: its lock is free, and its file is gone.
    let lock = fs::File::open(state_dir(&sandbox).join("hub.lock")).unwrap();
    lock.try_lock().unwrap();
    drop(lock);
    assert!(hub_file(&sandbox).is_none());
    wait_for_end(pid);
    sandbox.wtmag(["hub", "stop"]).run().success();
    sandbox.wtmag(["hub", "status"]).run().failure(3);
    assert_ne!(hub_pid(&sandbox), pid);
}

#[test]
fn a_hub_ends_properly_on_sigterm() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    signal(pid, Signal::SIGTERM);
    wait_for_end(pid);
    assert!(hub_file(&sandbox).is_none());
    assert!(log(&sandbox).contains("left"));
}

#[test]
fn what_a_hub_keeps_is_for_its_user_only() {
    let sandbox = world();
    hub_pid(&sandbox);
    let socket = socket(&sandbox);
    let dir = state_dir(&sandbox);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("spool")), 0o700);
    assert_eq!(mode(&dir.join("log/hub.log")), 0o600);
}

#[test]
fn a_dead_hubs_files_are_not_in_the_way() {
    let sandbox = world();
    let first = hub_pid(&sandbox);
    kill_hub(first);
    // Socket, lock and `hub.json` are all still there.
    assert!(socket(&sandbox).exists());
    sandbox.wtmag(["hub", "status"]).run().failure(3);
    assert_ne!(hub_pid(&sandbox), first);
}

/// tmux tells of a child that ended badly, in a mode of a pane that is not ours.
#[test]
fn a_hub_that_is_killed_shows_in_no_pane() {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let seat = sandbox.seat("tmux -u attach -t =main");
    seat.wait_for_text("main");
    for _ in 0..3 {
        kill_hub(hub_pid(&sandbox));
    }
    hub_pid(&sandbox);
    assert_eq!(tmux.run(["list-panes", "-a", "-F", "#{pane_in_mode}"]), "0");
}

/// A command starts a hub and is killed while the hub still waits for the lock, as a dashboard does that
/// is closed meanwhile.
#[test]
fn a_start_that_was_given_up_does_not_fail_the_next_one() {
    let sandbox = world();
    hub_pid(&sandbox);
    sandbox.wtmag(["hub", "stop"]).run().success();
    let root = state_dir(&sandbox);
    let lock = fs::File::options().append(true).open(root.join("hub.lock")).unwrap();
    lock.lock().unwrap();
    let start = || {
        let mut command = sandbox.command(env!("CARGO_BIN_EXE_wtmag"));
        command.args(["hub", "start", "--json"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let client = command.spawn().unwrap();
        let name = format!("start-{}.sock", client.id());
        eventually(SOON, "its hub to wait", || {
            fs::read_to_string(root.join("ready")).ok()?.contains(&name).then_some(())
        });
        client
    };
    let mut first = start();
    first.kill().unwrap();
    first.wait().unwrap();
    let second = start();
    drop(lock);
    let said = second.wait_with_output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let hub = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(pid_of(&hub), hub_pid(&sandbox));
    // The other one has nothing to do.
    let hubs = || {
        let find = ["-f", &format!("hub run .*--state {}", root.display())];
        sandbox.run("pgrep").args(find).run().stdout.lines().count()
    };
    eventually(SOON, "one hub", || (hubs() == 1).then_some(()));
}

/// It would take over from the hub that runs when that one is stopped.
#[test]
fn a_hub_whose_starter_gave_up_before_it_began_does_not_wait() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_wtmag"));
    command.args(["hub", "run", "--tmux-socket"]).arg(sandbox.tmux().socket());
    command.arg("--state").arg(state_dir(&sandbox));
    command.arg("--ready").arg(sandbox.path("run/nobody.sock"));
    let mut late = command.spawn().unwrap();
    let code = eventually(Duration::from_secs(4), "its end", || late.try_wait().unwrap());
    assert!(code.success(), "{code}");
    assert_eq!(hub_pid(&sandbox), pid);
}

#[test]
fn a_socket_that_vanished_is_made_again() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    fs::remove_file(socket(&sandbox)).unwrap();
    assert_eq!(hub_pid(&sandbox), pid);
    assert!(socket(&sandbox).exists());
}

#[test]
fn a_file_that_does_not_say_where_the_hub_is_is_written_again() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    let path = state_dir(&sandbox).join("hub.json");
    for garbage in ["", "garbage", "{}"] {
        fs::write(&path, garbage).unwrap();
        assert_eq!(hub_pid(&sandbox), pid, "{garbage:?}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(hub_pid(&sandbox), pid);
}

/// Two hubs would act on one server.
#[test]
fn a_hub_whose_state_directory_was_deleted_leaves_the_server_to_the_next() {
    let sandbox = world();
    let first = hub_pid(&sandbox);
    fs::remove_dir_all(state_dir(&sandbox)).unwrap();
    let next = hub_pid(&sandbox);
    assert_ne!(next, first);
    wait_for_end(first);
    // It takes nothing of the next one with it.
    assert_eq!(hub_pid(&sandbox), next);
}

#[test]
fn a_hub_that_stands_still_is_named_and_goes_on_afterwards() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    signal(pid, Signal::SIGSTOP);
    let said = sandbox.wtmag(["hub", "start"]).run().failure(3);
    assert!(said.contains(&format!("the hub (pid {pid}) does not answer")), "{said}");
    signal(pid, Signal::SIGCONT);
    assert_eq!(hub_pid(&sandbox), pid);
}

#[test]
fn a_log_that_has_grown_is_put_aside() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    sandbox.wtmag(["hub", "stop"]).run().success();
    wait_for_end(pid);
    let path = state_dir(&sandbox).join("log/hub.log");
    fs::write(&path, "old\n".repeat(2 << 20)).unwrap();
    hub_pid(&sandbox);
    let aside = path.with_extension("log.1");
    eventually(SOON, "the log to be rotated", || {
        (aside.exists() && log(&sandbox).len() < 1 << 20).then_some(())
    });
}

#[test]
fn how_much_is_logged_is_the_servers_wtmag_log() {
    for (level, is_talkative) in [("wtmag=trace", true), ("=,garbage=[", false)] {
        let sandbox = Sandbox::new();
        let start = ["-f", "/dev/null", "new-session", "-d"];
        sandbox.run("tmux").args(start).env("WTMAG_LOG", level).run().success();
        hub_pid(&sandbox);
        let log = log(&sandbox);
        assert!(log.contains("INFO"), "{log}");
        assert_eq!(log.contains("TRACE"), is_talkative, "{level}: {log}");
    }
}

#[test]
fn a_state_directory_that_cannot_be_used_is_named() {
    let sandbox = world();
    let path = sandbox.put("state/wtmag", "a file is in the way");
    let said = sandbox.wtmag(["hub", "start"]).run();
    assert!(said.code != 0 && said.stderr.contains(path.to_str().unwrap()), "{said}");
    fs::remove_file(&path).unwrap();
    hub_pid(&sandbox);

    // The lock cannot be opened: what a read-only file system looks like to the superuser, too.
    sandbox.wtmag(["hub", "stop"]).run().success();
    let lock = state_dir(&sandbox).join("hub.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let said = sandbox.wtmag(["hub", "start"]).run();
    assert!(said.code != 0 && said.stderr.contains("hub.lock"), "{said}");
    fs::remove_dir(&lock).unwrap();
    hub_pid(&sandbox);
}

/// The number in the lock file is a program's by now that is no hub.
#[test]
fn no_other_program_gets_the_signal_that_wakes_a_hub() {
    let sandbox = world();
    hub_pid(&sandbox);
    sandbox.wtmag(["hub", "stop"]).run().success();
    let lock = state_dir(&sandbox).join("hub.lock");
    // Holds the lock, says so, and would end of the signal, as most programs do.
    let script = "exec 9>>\"$1\"; flock -x 9; printf %s $$ >\"$1\"; echo held; exec sleep 100";
    let mut holder = sandbox.command("sh");
    holder.args(["-c", script, "sh"]).arg(&lock).stdout(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(fs::read_to_string(&lock).unwrap(), holder.id().to_string());
    let refused = sandbox.wtmag(["list"]).limit(2 * SOON).run().failure(3);
    let ended = holder.try_wait().unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(ended, None, "{refused}");
    sandbox.wtmag(["list"]).run().success();
}
