//! The socket, spoken to by hand: what a hub says to strangers, and what a client says to strange hubs.
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{SOON, Sandbox, eventually, hub_pid, pid_of, socket, state_dir, status, world};
use crate::support::{Crew, Seen, resident_kb};

/// Lines to and from a hub.
struct Peer {
    stream: BufReader<UnixStream>,
}

impl Peer {
    fn connect(sandbox: &Sandbox) -> Self {
        Self::on(UnixStream::connect(socket(sandbox)).unwrap())
    }

    fn on(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// One that has said hello, and heard it.
    fn greeted(sandbox: &Sandbox) -> Self {
        let mut peer = Self::connect(sandbox);
        peer.say(&json!({ "wtmag": "0.1.0", "protocol": 1, "pid": 1 }));
        assert_eq!(peer.hear().unwrap()["protocol"], 1);
        peer
    }

    fn say(&mut self, line: &Value) {
        self.write(format!("{line}\n").as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        // The other side may have closed already, which is then what the test looks at.
        drop(self.stream.get_mut().write_all(bytes));
    }

    /// The next line; none at the end of the stream.
    fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            // Closed with unread bytes.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            done => {
                done.unwrap();
                Some(serde_json::from_str(&line).unwrap())
            }
        }
    }
}

#[test]
fn both_versions_of_the_protocol_are_understood_and_others_told_ours() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    for (protocol, is_understood) in [(0, true), (1, true), (2, false), (99, false)] {
        let mut peer = Peer::connect(&sandbox);
        peer.say(&json!({ "wtmag": "9.9.9", "protocol": protocol, "pid": 1, "more": [] }));
        let hello = peer.hear().unwrap();
        assert_eq!(
            (hello["pid"].as_u64(), hello["protocol"].as_u64()),
            (Some(pid.into()), Some(1))
        );
        peer.say(&json!({ "id": 5, "ask": { "verb": "status" } }));
        assert_eq!(peer.hear().is_some(), is_understood, "protocol {protocol}");
    }
}

#[test]
fn what_is_no_request_is_refused_and_the_next_one_answered() {
    let sandbox = world();
    hub_pid(&sandbox);
    let mut peer = Peer::greeted(&sandbox);
    for (line, id) in [
        ("garbage", 0),
        ("", 0),
        ("[1,2", 0),
        ("\u{0}\u{1b}[31m", 0),
        (r#"{"id":7,"ask":{"verb":"of a later version"}}"#, 7),
        (r#"{"id":8,"ask":{"verb":"show"}}"#, 8),
    ] {
        peer.write(format!("{line}\n").as_bytes());
        let refused = &peer.hear().unwrap()["refused"];
        assert_eq!(
            (&refused["id"], &refused["refusal"]["kind"]),
            (&json!(id), &json!("bad-request"))
        );
    }
    peer.say(&json!({ "id": 9, "ask": { "verb": "status" } }));
    assert_eq!(peer.hear().unwrap()["answer"]["id"], 9);
}

#[test]
fn a_line_without_end_is_not_kept() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    let mut peer = Peer::greeted(&sandbox);
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..9 {
        peer.write(&chunk);
    }
    assert_eq!(peer.hear(), None);
    // Nor is one that is not even a hello.
    let mut peer = Peer::connect(&sandbox);
    for _ in 0..9 {
        peer.write(&chunk);
    }
    while peer.hear().is_some() {}
    assert_eq!(hub_pid(&sandbox), pid);
}

/// Partial lines are not kept for long, and not all at once; clients that send whole lines get answers.
#[test]
fn many_half_lines_fill_no_memory_and_keep_nobody_waiting() {
    const N_PEERS: usize = 20;
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    let before = resident_kb(pid);
    let half = vec![b'x'; 7 << 20];
    let peers: Vec<_> = (0..N_PEERS)
        .map(|_| {
            let mut peer = Peer::greeted(&sandbox);
            // Taken from us only as far as the hub reads it.
            peer.stream.get_mut().set_nonblocking(true).unwrap();
            peer
        })
        .collect();
    let mut written = [0; N_PEERS];
    let fill = |peers: &[Peer], written: &mut [usize; N_PEERS]| {
        for (peer, n) in peers.iter().zip(written) {
            while let Ok(more @ 1..) = peer.stream.get_ref().write(&half[*n..]) {
                *n += more;
            }
        }
    };
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        fill(&peers, &mut written);
        assert_eq!(pid_of(&status(&sandbox)), pid);
    }
    let n_long = written.iter().filter(|it| **it > 1 << 20).count();
    assert!((1..=4).contains(&n_long), "{written:?}");
    let more = resident_kb(pid).saturating_sub(before);
    assert!(more < 60_000, "{more} kB more for half lines");
    // A client that continues its line too late is dropped, and its partial line with it.
    eventually(SOON, "the half lines to be given up", || {
        fill(&peers, &mut written);
        (status(&sandbox)["clients"] == 1).then_some(())
    });
    assert_eq!(hub_pid(&sandbox), pid);
}

/// More clients than there is room for wait for their turn.
#[test]
fn clients_beyond_the_bound_are_answered_when_others_leave() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    let mut held: Vec<Peer> = (0..256).map(|_| Peer::greeted(&sandbox)).collect();
    let mut late = Peer::connect(&sandbox);
    late.stream.get_mut().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    late.say(&json!({ "wtmag": "0.1.0", "protocol": 1, "pid": 1 }));
    let mut line = String::new();
    late.stream.read_line(&mut line).unwrap_err();
    held.pop();
    late.stream.get_mut().set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(late.hear().unwrap()["pid"], pid);
}

#[test]
fn clients_that_leave_in_the_middle_of_a_line_are_forgotten() {
    let sandbox = world();
    let pid = hub_pid(&sandbox);
    for half in [&b""[..], b"{\"wtmag", b"\xff\xfe"] {
        let mut peer = Peer::connect(&sandbox);
        peer.write(half);
    }
    let mut peer = Peer::greeted(&sandbox);
    peer.write(b"{\"id\":1,\"ask\":{\"verb\":\"sta");
    drop(peer);
    let left = || (status(&sandbox)["clients"] == 1).then_some(());
    eventually(SOON, "one client", left);
    assert_eq!(pid_of(&status(&sandbox)), pid);
}

#[test]
fn a_subscriber_that_does_not_read_hears_where_it_stopped() {
    const N_EVENTS: u64 = 2000;
    let sandbox = world();
    let mut crew = Crew::new(&sandbox);
    let worker = crew.hire_idle("cat", Seen::Alone, &["cat"]);
    let mut slow = Peer::greeted(&sandbox);
    slow.say(&json!({ "id": 1, "ask": { "verb": "subscribe", "workers": [worker.id] } }));
    let first = slow.hear().unwrap()["answer"]["answer"]["seq"].as_u64().unwrap();
    // Each makes an event of some hundred bytes.
    let mut busy = Peer::greeted(&sandbox);
    for batch in 0..N_EVENTS / 100 {
        for n in 0..100 {
            let hook = json!({ "name": "agent", "payload": "x" });
            let id = (batch * 100 + n).to_string();
            let ask = json!({ "verb": "hook", "id": id, "worker": worker.id, "pane": "%999999", "hook": hook });
            busy.say(&json!({ "id": n, "ask": ask }));
        }
        for _ in 0..100 {
            let answer = busy.hear().unwrap();
            assert!(answer["answer"].is_object(), "{answer}");
        }
    }
    let mut last = first;
    let lagged = loop {
        let frame = slow.hear().unwrap();
        match frame["event"]["event"]["seq"].as_u64() {
            Some(seq) => {
                assert!(seq > last, "{seq} after {last}");
                last = seq;
            }
            None => break frame,
        }
    };
    assert_eq!(lagged["lagged"], json!({ "id": 1, "seq": last }));
    assert!(last < first + N_EVENTS);
}

/// A hub of another kind, which `hub.json` names: says hello to everyone, and does the first thing
/// that it is asked, which it returns, and leaves.
fn stand_in(sandbox: &Sandbox, hello: Value) -> thread::JoinHandle<Value> {
    let path = sandbox.path("run/stand-in");
    let listener = UnixListener::bind(&path).unwrap();
    let file = json!({ "pid": 1, "version": "x", "socket": path });
    fs::write(state_dir(sandbox).join("hub.json"), file.to_string()).unwrap();
    thread::spawn(move || {
        loop {
            let mut peer = Peer::on(listener.accept().unwrap().0);
            peer.hear();
            peer.say(&hello);
            if let Some(asked) = peer.hear() {
                peer.say(
                    &json!({ "answer": { "id": asked["id"], "answer": { "answer": "done" } } }),
                );
                return asked;
            }
        }
    })
}

/// A world whose hub has been and gone.
fn left_world() -> Sandbox {
    let sandbox = world();
    hub_pid(&sandbox);
    sandbox.wtmag(["hub", "stop"]).run().success();
    sandbox
}

#[test]
fn an_older_hub_is_asked_to_leave_and_replaced() {
    let sandbox = left_world();
    let hello = json!({ "wtmag": "0.0.9", "protocol": 1, "pid": 77 });
    let old = stand_in(&sandbox, hello);
    let pid = hub_pid(&sandbox);
    assert_ne!(pid, 77);
    let asked = old.join().unwrap();
    assert_eq!(asked["ask"]["verb"], "stop");
    assert!(asked["ask"]["reason"].as_str().unwrap().starts_with("replaced by wtmag "));
}

#[test]
fn a_hub_of_another_protocol_is_refused_by_name() {
    let sandbox = left_world();
    let path = sandbox.path("run/stand-in");
    let hello = json!({ "wtmag": "99.0.0", "protocol": 99, "pid": 77 });
    drop(stand_in(&sandbox, hello));
    let said = sandbox.wtmag(["hub", "start"]).run().failure(3);
    assert!(
        said.contains("the hub (pid 77) speaks another protocol (99, this program 1)"),
        "{said}"
    );
    drop(fs::remove_file(path));
}
