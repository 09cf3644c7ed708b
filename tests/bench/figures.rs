//! What whole processes take: `wtmag list`, a first prompt, a hub and a server with many workers.
#![expect(clippy::print_stdout, reason = "the figures are what this is for")]
#![expect(clippy::indexing_slicing, reason = "what is not in a log is null")]
use std::{
    fs,
    io::{Read as _, Write as _},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use wtmag::model::{AgentState, Happened};

use super::support::{
    Crew, Run, Sandbox, Seen, eventually, hook, now_ms, resident_kb, state_delays, state_dir,
};

const SOON: Duration = Duration::from_secs(120);
/// Workers that `wtmag list` lists.
const N_LISTED: usize = 200;
/// Workers that animate, and frames a second of each.
const N_SPINNING: usize = 100;
const FPS: &str = "10";
/// Before and during a measurement of processor time. A new pane is heard until it has printed
/// 16 KB, which takes these workers 14 s.
const SETTLE: Duration = Duration::from_secs(20);
const SPAN: Duration = Duration::from_secs(20);
/// Reports of an agent's hook that are timed.
const N_HOOKS: usize = 300;
/// Workers that are created, each beside a bare worktree.
const N_CREATES: usize = 21;
/// First prompts that are timed.
const N_PROMPTS: usize = 30;
/// Turns of each of three agents, every fourth of which asks something.
const N_TURNS: usize = 20;
/// Returns of `wait --any` that are timed.
const N_WAITS: usize = 30;
/// Events in the log that is read.
const N_EVENTS: usize = 10_000;
/// Items in the inbox that is read, and workers that they are from.
const N_ITEMS: usize = 1000;
const N_ASKING: usize = 20;

/// Times that each key is pressed.
const N_PRESSES: usize = 30;

/// Those that are named; all without a name.
pub(crate) fn print(names: &[String]) {
    let all: [(&str, fn()); 10] = [
        ("creates", creates),
        ("hooks", hooks),
        ("prompts", first_prompts),
        ("states", states),
        ("waits", waits),
        ("events", events),
        ("inbox", inbox),
        ("list", lists),
        ("keys", keys),
        ("spinners", spinners),
    ];
    for (name, measure) in all {
        if names.is_empty() || names.iter().any(|it| it == name) {
            measure();
        }
    }
}

/// What `create --no-wait` takes beside the fetch and the worktree that it makes, in turns.
fn creates() {
    for backend in ["wt", "git"] {
        let sandbox = world();
        let repo = sandbox.repo("blog");
        let config = format!(
            "[agents.default]\nname = \"sleeper\"\n[agents.sleeper]\ncommand = \"sleep 600\"\n\
             [worktree]\nbackend = \"{backend}\"\n"
        );
        sandbox.put("config/wtmag/config.toml", config);
        let mut pairs = Vec::new();
        for n in 0..N_CREATES {
            let (own, bare) = (format!("own-{n}"), format!("bare-{n}"));
            let run = |args: &[&str]| sandbox.run(args[0]).args(&args[1..]).cwd(&repo.dir).time();
            let create = ["create", "x", "--no-wait", "-s", "--name", &own];
            let all = sandbox.wtmag(create).cwd(&repo.dir).time();
            // Each fetches: what was fetched just now would be shared.
            fs::remove_file(repo.dir.join(".git/wtmag/fetched.json")).unwrap();
            let fetched = run(&["git", "fetch", "--quiet", "origin", "main"]);
            let path = format!("../{bare}");
            let made = match backend {
                "wt" => run(&["wt", "switch", "--no-cd", "--no-hooks", "--create", &bare]),
                _ => run(&["git", "worktree", "add", "--quiet", "-b", &bare, &path]),
            };
            pairs.push((all, fetched + made));
        }
        // The first one starts the hub.
        let ms = |it: Duration| u64::try_from(it.as_millis()).unwrap();
        let more = pairs.iter().skip(1).map(|(all, bare)| ms(all.saturating_sub(*bare))).collect();
        let bare = pairs.iter().skip(1).map(|(_, bare)| ms(*bare)).collect();
        println!("fetch and worktree by {backend}, {N_CREATES} times: {}", spread(bare, "ms"));
        println!("  `create --no-wait` on top of that: {}", spread(more, "ms"));
    }
}

/// From the agent's first frame with an open box to the turn that Enter starts, by its own log.
fn first_prompts() {
    for profile in ["its own", "the generic"] {
        first_prompts_by(profile);
    }
}

fn first_prompts_by(profile: &str) {
    let sandbox = world();
    let agent = sandbox.fake_agent();
    let log = sandbox.agent_log();
    let mut crew = Crew::new(&sandbox);
    let mut delays = Vec::new();
    for n in 0..N_PROMPTS {
        let (worker, _) = match profile {
            "its own" => crew.hire_calm(&n.to_string(), Seen::Alone, &[]),
            _ => crew.hire(&n.to_string(), Seen::Alone, &[agent.to_str().unwrap()]),
        };
        let id = worker.id.as_str();
        let turn = eventually(SOON, "a turn", || log.all("turn", Some(id)).pop());
        let drawn = log.all("drawn", Some(id));
        let ready = drawn.iter().find(|it| it["phase"] == "ready").unwrap();
        let ms = |it: &serde_json::Value| it["at_ms"].as_u64().unwrap();
        delays.push(ms(&turn).saturating_sub(ms(ready)));
        sandbox.tmux().run(["kill-window", "-t", &worker.place.window.to_string()]);
    }
    let delays = spread(delays, "ms");
    println!(
        "agent ready on its screen to Enter, by {profile} profile, {N_PROMPTS} agents: {delays}"
    );
}

/// From the last byte of the first frame that shows a state to the hub's event, by the agents' own log.
fn states() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let asks = "turn.permission={kind=\"menu\",heading=\"H\",question=\"Go on?\",\
                entries=[\"No\",\"Yes\"],chosen=0,right=1,hint=\"\"}";
    let changes = ["turn.min_ms=1500", "turn.max_ms=3000", "human_ms=1500", asks];
    let hire = |n: usize| crew.hire_calm(&n.to_string(), Seen::Alone, &changes).0;
    let workers: Vec<_> = (0..3).map(hire).collect();
    for n in 1..N_TURNS {
        for worker in &workers {
            crew.send(worker, &format!("text {n}"));
        }
    }
    let log = sandbox.agent_log();
    for worker in &workers {
        let over = || {
            let n_over = log.all("turn_end", Some(worker.id.as_str())).len();
            (n_over == N_TURNS && crew.word(worker) == "idle").then_some(())
        };
        eventually(SOON, "all turns to end", over);
    }
    let all = workers.iter().flat_map(|it| state_delays(&log, &crew.events(it, 0), it));
    let all: Vec<_> = all.filter_map(|(state, delay)| Some((state, delay?))).collect();
    println!(
        "frame to state, by the screen alone: {}",
        spread(all.iter().map(|it| it.1).collect(), "ms")
    );
    for state in ["working", "waiting", "idle"] {
        let delays: Vec<u64> = all.iter().filter(|it| it.0 == state).map(|it| it.1).collect();
        println!("  {state}, {} times: {}", delays.len(), spread(delays, "ms"));
    }
}

/// From the hub's event to the end of a `wtmag wait --any` on three workers.
fn waits() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let hire = |n: usize| crew.hire_calm(&n.to_string(), Seen::Alone, &[]).0;
    let workers: Vec<_> = (0..3).map(hire).collect();
    let ids: Vec<&str> = workers.iter().map(|it| it.id.as_str()).collect();
    let mut delays = Vec::new();
    for n in 0..N_WAITS {
        for worker in &workers {
            eventually(SOON, "rest", || (crew.word(worker) == "idle").then_some(()));
        }
        let worker = &workers[n % workers.len()];
        let (since, n_clients) = (crew.last_event(), crew.status().clients);
        let wait = ["wait", "--any", "--until", "working"].iter().chain(&ids);
        let run = sandbox.wtmag(wait);
        let end = thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                run.run_quietly();
                now_ms()
            });
            let is_there = || (crew.status().clients > n_clients).then_some(());
            eventually(SOON, "the client", is_there);
            crew.send(worker, "go");
            waiting.join().unwrap()
        });
        let is_it =
            |what: &Happened| matches!(what, Happened::Turn(it) if it.value == AgentState::Working);
        let event = crew.events(worker, since).into_iter().find(|it| is_it(&it.what)).unwrap();
        delays.push(end.saturating_sub(event.at.0));
    }
    println!("wtmag wait --any, state to return, {N_WAITS} times: {}", spread(delays, "ms"));
}

fn events() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("x", Seen::Alone, &["cat"]);
    crew.fill_log(&worker, N_EVENTS);
    let last = crew.last_event();
    for n in [10, 1000, last] {
        let since = (last - n).to_string();
        let args = ["events", "--since", &since];
        let times = (0..50).map(|_| {
            let started = Instant::now();
            sandbox.wtmag(args).run_quietly();
            u64::try_from(started.elapsed().as_micros()).unwrap()
        });
        let times = spread(times.collect(), "us");
        println!("wtmag events --since, the newest {n} of {last}: {times}");
    }
}

fn inbox() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let hire = |n: usize| crew.hire_idle(&n.to_string(), Seen::Alone, &["cat"]);
    let workers: Vec<_> = (0..N_ASKING).map(hire).collect();
    crew.fill_log(&workers[0], N_EVENTS);
    crew.fill_inbox(&workers, N_ITEMS);
    let pane = sandbox.tmux().show("main", "#{pane_id}");
    let var = sandbox.tmux().show("main", "#{socket_path},#{pid},0");
    let outside = || sandbox.wtmag(["inbox", "--all"]);
    let inside = || outside().env("TMUX", &var).env("TMUX_PANE", &pane);
    let runs: [(&dyn Fn() -> Run, &str); 2] =
        [(&outside, "outside of tmux"), (&inside, "in a pane")];
    for (run, place) in runs {
        let times = (0..50).map(|_| u64::try_from(run().time().as_micros()).unwrap());
        let times = spread(times.collect(), "us");
        println!("wtmag inbox {place}, {N_ITEMS} items, {N_EVENTS} events: {times}");
    }
}

/// For how long an agent is held up at the end of a turn.
fn hooks() {
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let (worker, delivery) = crew.hire_as("claude", "x", Seen::Alone, &["cat"]);
    crew.take_back(delivery);
    let pid = crew.pid().to_string();
    let signal = |name: &str| sandbox.run("kill").args([name, &pid]).run_quietly();
    let print = |hub: &str| {
        let time = |_| hook(&sandbox, &worker, "done").time().as_micros();
        let mut times: Vec<u128> = (0..N_HOOKS).map(time).collect();
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        println!("wtmag hook, hub {hub}: p50 {} us, p99 {} us", at(50), at(99));
    };
    print("up");
    signal("-STOP");
    print("stopped");
    signal("-KILL");
    print("gone");
}

fn lists() {
    let sandbox = world();
    let session = sandbox.tmux().show("main", "#{session_id}");
    let mut crew = Crew::new(&sandbox);
    for n in 0..N_LISTED {
        crew.hire_idle(&n.to_string(), Seen::In(&session), &["cat"]);
    }
    give_work(&sandbox, crew.pid());
    crew.rejoin();
    settle();
    let shown = sandbox.wtmag(["list", "--all"]).run().success();
    for part in ["+1204 -88", "approved"] {
        assert_eq!(shown.matches(part).count(), N_LISTED, "{shown}");
    }
    for args in [&["list"][..], &["list", "--json"], &["--version"]] {
        let times = (0..100).map(|_| {
            let started = Instant::now();
            sandbox.wtmag(args).run_quietly();
            u64::try_from(started.elapsed().as_micros()).unwrap()
        });
        let times = spread(times.collect(), "us");
        println!("wtmag {} as a process, {N_LISTED} workers: {times}", args.join(" "));
    }
    let pid = crew.pid();
    println!("hub with {N_LISTED} idle workers: {} kB resident", resident_kb(pid));
}

/// Each worker gets changes and a pull request, as a hub records them that counted and asked.
fn give_work(sandbox: &Sandbox, hub: u32) {
    sandbox.wtmag(["hub", "stop"]).run().success();
    let proc = format!("/proc/{hub}");
    eventually(SOON, "the hub to end", || (!fs::exists(&proc).unwrap()).then_some(()));
    let db = rusqlite::Connection::open(state_dir(sandbox).join("hub.db")).unwrap();
    let at = "2026-01-01T00:00:00Z";
    let (head, url) = ("5".repeat(40), "https://github.com/o/blog/pull/");
    let work = json!({
        "changes": { "at": at, "added": 1204, "deleted": 88, "ahead": 3, "behind": 1, "head": head,
                     "pushed": head },
        "pull": { "url": url, "number": 0, "head": head, "base": "main", "is_open": true,
                  "is_merged": false, "is_draft": false, "merge_commit": null,
                  "review": "approved", "checks": "passed", "at": at, "since": at },
    });
    let change = "UPDATE workers SET doc = json_set(doc, '$.work', \
                  json_set(?1, '$.pull.number', n, '$.pull.url', ?2 || n), '$.pr', ?2 || n)";
    assert_eq!(db.execute(change, (work.to_string(), url)).unwrap(), N_LISTED);
    drop(db);
    sandbox.wtmag(["hub", "start"]).run().success();
}

/// A tmux client on a terminal of its own. What it draws is read as it comes.
struct Client {
    script: Child,
    drawn: Receiver<Vec<u8>>,
}

impl Client {
    fn attach(sandbox: &Sandbox) -> Self {
        let mut script = sandbox.command("script");
        let line = "stty cols 160 rows 50; exec tmux -u attach -t =main";
        script.args(["-qfc", line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.spawn().unwrap();
        let (send, drawn) = mpsc::channel();
        let mut stdout = script.stdout.take().unwrap();
        thread::spawn(move || {
            let mut bytes = [0; 65536];
            while let Ok(n) = stdout.read(&mut bytes) {
                if n == 0 || send.send(bytes[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let client = Self { script, drawn };
        client.wait_for("[main]");
        client
    }

    fn press(&self, key: &str) {
        self.script.stdin.as_ref().unwrap().write_all(key.as_bytes()).unwrap();
    }

    fn wait_for(&self, text: &str) {
        let mut seen = Vec::new();
        while !seen.windows(text.len()).any(|it| it == text.as_bytes()) {
            seen.extend(self.drawn.recv_timeout(SOON).unwrap());
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.script.kill());
        drop(self.script.wait());
    }
}

/// From the last key to what it shows to a person.
fn keys() {
    let sandbox = world();
    let session = sandbox.tmux().show("main", "#{session_id}");
    let mut crew = Crew::new(&sandbox);
    let hire = |n: usize| crew.hire_idle(&n.to_string(), Seen::In(&session), &["cat"]);
    let workers: Vec<_> = (0..N_LISTED).map(hire).collect();
    for n in [3, 7] {
        crew.ask_question(&workers[n], "Which one?");
    }
    let pane = sandbox.tmux().show("main", "#{pane_id}");
    sandbox.wtmag_in(&pane, ["tmux", "load"]).run_quietly();
    // In the middle, where a menu or a popup covers it.
    let covered = "printf '\\033[25;75HCOVERED'; exec cat";
    // The form opens in a repository.
    let repo = sandbox.repo("blog").dir.display().to_string();
    sandbox.tmux().run(["respawn-pane", "-k", "-t", &pane, "-c", &repo, covered]);
    // Keys that come at once are no paste.
    sandbox.tmux().run(["set-option", "-g", "assume-paste-time", "0"]);
    sandbox.tmux().run(["set-option", "-g", "escape-time", "0"]);
    let person = Client::attach(&sandbox);
    settle();
    let shown: [(&str, &[&str], &str, &str); 3] = [
        ("menu", &["W"], "All workers", "q"),
        ("dashboard", &["W", "w"], "enter", "q"),
        ("form", &["W", "c"], "What should the new worker do", "\x1b"),
    ];
    for (what, keys, text, close) in shown {
        let (last, first) = keys.split_last().unwrap();
        let times = (0..N_PRESSES).map(|_| {
            person.press("\x02");
            first.iter().for_each(|key| person.press(key));
            let started = Instant::now();
            person.press(last);
            person.wait_for(text);
            let time = u64::try_from(started.elapsed().as_millis()).unwrap();
            person.press(close);
            person.wait_for("COVERED");
            time
        });
        println!("{what}, {N_LISTED} workers: {}", spread(times.collect(), "ms"));
    }
    let client = sandbox.tmux().run(["list-clients", "-t", "=main", "-F", "#{client_name}"]);
    let times = (0..N_PRESSES).map(|_| {
        u64::try_from(sandbox.wtmag(["next", "--client", &client]).time().as_millis()).unwrap()
    });
    println!("wtmag next, {N_LISTED} workers: {}", spread(times.collect(), "ms"));
}

fn spinners() {
    spinners_that("draw", "--spin");
    spinners_that("draw and report their status", "--spin-speaking");
}

fn spinners_that(what: &str, mode: &str) {
    let sandbox = world();
    let tmux = sandbox.tmux();
    let agent = sandbox.fake_agent();
    let argv = [agent.to_str().unwrap(), mode, FPS];
    let line = format!("exec {}", argv.join(" "));
    let panes: Vec<String> = (0..N_SPINNING).map(|_| tmux.new_window("main:", &line)).collect();
    for pane in &panes {
        tmux.wait_for_text(pane, "Spinning");
    }
    let server = tmux.show("main", "#{pid}").parse().unwrap();
    let [alone] = load([server]);
    drop(sandbox);

    let sandbox = world();
    let tmux = sandbox.tmux();
    let session = tmux.show("main", "#{session_id}");
    let mut crew = Crew::new(&sandbox);
    let workers: Vec<_> = (0..N_SPINNING)
        .map(|n| crew.hire_idle(&n.to_string(), Seen::In(&session), &argv))
        .collect();
    for worker in &workers {
        eventually(SOON, "a worker at work", || (crew.word(worker) == "working").then_some(()));
    }
    let server = tmux.show("main", "#{pid}").parse().unwrap();
    let clients = tmux.run(["list-clients", "-F", "#{client_pid}"]);
    let clients: Vec<u32> = clients.lines().map(|it| it.parse().unwrap()).collect();
    let hub = crew.pid();
    let [watched, of_hub, one, other] = load([server, hub, clients[0], clients[1]]);
    println!("{N_SPINNING} workers that {what}, {FPS} frames a second, % of a core:");
    println!("  server without hub {alone:.1}, with hub {watched:.1}");
    println!("  hub {of_hub:.1}, its two tmux clients {:.1}", one + other);
    println!("  hub {} kB resident", resident_kb(hub));
    let wtmag = env!("CARGO_BIN_EXE_wtmag");
    let seat = sandbox.seat(&format!("exec {wtmag} watch --all"));
    seat.wait_for_text("enter go");
    let [of_hub, dashboard] = load([hub, seat.pid()]);
    println!("  with a dashboard: hub {of_hub:.1}, the dashboard {dashboard:.1}");
}

fn world() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    sandbox
}

fn settle() {
    thread::sleep(SETTLE);
}

/// Processor time of processes over the same span, in percent of a core.
fn load<const N: usize>(pids: [u32; N]) -> [f64; N] {
    settle();
    let before = pids.map(processor_ms);
    let started = Instant::now();
    thread::sleep(SPAN);
    let after = pids.map(processor_ms);
    let wall = started.elapsed().as_secs_f64() * 1000.0;
    std::array::from_fn(|at| f64::from(after[at] - before[at]) * 100.0 / wall)
}

fn processor_ms(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    // Linux counts in hundredths of a second, whatever the kernel's own clock is.
    ticks.map(|it| it.parse::<u32>().unwrap() * 10).sum()
}

fn spread(mut values: Vec<u64>, unit: &str) -> String {
    values.sort_unstable();
    let at = |percent: usize| values[(values.len() - 1) * percent / 100];
    let (p50, p95, max) = (at(50), at(95), at(100));
    format!("p50 {p50} {unit}, p95 {p95} {unit}, max {max} {unit}")
}
