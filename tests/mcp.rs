//! `wtmag mcp`: the protocol as a client speaks it, line by line.
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Sandbox, eventually};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");
const SOON: Duration = Duration::from_secs(20);

/// A client: it says lines, and hears those of the server.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    heard: Receiver<Value>,
    last: u64,
}

impl Client {
    fn start(sandbox: &Sandbox, dir: &std::path::Path, here: &str) -> Self {
        let mut child = sandbox.wtmag(["mcp"]).cwd(dir).env("TMUX", here).piped();
        let (sender, heard) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // What is no JSON would break every client.
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let mut client = Self { child, input, heard, last: 0 };
        let hello = json!({
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let answer = client.ask("initialize", hello);
        assert_eq!(answer["result"]["serverInfo"]["name"], "wtmag", "{answer}");
        client.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        client
    }

    fn say(&mut self, line: &str) {
        self.say_bytes(line.as_bytes());
    }

    fn say_bytes(&mut self, line: &[u8]) {
        self.input.as_mut().unwrap().write_all(&[line, b"\n"].concat()).unwrap();
    }

    /// The answer to a request; notifications in between are dropped.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let id = self.last;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.say(&request.to_string());
        loop {
            let heard = self.heard.recv_timeout(SOON).unwrap();
            if heard["id"] == id {
                return heard;
            }
        }
    }

    fn call(&mut self, tool: &str, args: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": args }))
    }

    /// The structured content of a call that succeeded.
    fn done(&mut self, tool: &str, args: Value) -> Value {
        let mut answer = self.call(tool, args);
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["structuredContent"].take()
    }

    fn tools(&mut self) -> Vec<String> {
        let list = self.ask("tools/list", json!({}));
        let tools = list["result"]["tools"].as_array().unwrap().iter();
        tools.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    }

    /// It ends with its input.
    fn end(mut self) {
        drop(self.input.take());
        let status = eventually(SOON, "the server to end", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

#[test]
fn a_client_works_with_a_worker_and_bad_calls_are_errors() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("blog");
    let config = format!(
        "[agents.default]\nname = \"demo\"\n[agents.demo]\ncommand = \"{WTMAG} demo-agent --start-ms 100 \
         --work-ms 300\"\n[worktree]\nbackend = \"git\"\n"
    );
    sandbox.put("config/wtmag/config.toml", config.clone());
    let pane = sandbox.tmux().start("main");
    let here = sandbox.tmux().show(&pane, "#{socket_path},#{pid},0");
    let mut client = Client::start(&sandbox, &repo.dir, &here);
    let tools = client.tools();
    assert!(tools.contains(&"create_worker".to_owned()), "{tools:?}");
    assert!(!tools.iter().any(|it| it == "land" || it == "answer"), "{tools:?}");

    let made = client.done("create_worker", json!({ "prompt": "--help `x` $(y)", "name": "one" }));
    assert_eq!((&made["outcome"], &made["worker"]["branch"]), (&"accepted".into(), &"one".into()));
    let waited = client.done("wait", json!({ "workers": ["one"], "seconds": 20 }));
    assert_eq!(waited["result"][0]["id"], "blog-one", "{waited}");
    let list = client.done("list_workers", json!({}));
    assert_eq!(list["result"][0]["id"], "blog-one", "{list}");
    let sent = client.done("send", json!({ "worker": "one", "text": "-n more" }));
    assert_eq!(sent["result"][0]["step"], "accepted", "{sent}");
    let log = client.ask("resources/read", json!({ "uri": "wtmag://worker/one/log" }));
    assert!(log["result"]["contents"][0]["text"].as_str().unwrap().contains("created"), "{log}");

    // What fails is a result with its hint, and what is no call is an error; neither ends the server.
    let failed = client.call("show_worker", json!({ "worker": "nobody" }));
    assert_eq!(failed["result"]["isError"], true, "{failed}");
    assert!(failed["result"]["structuredContent"]["error"]["hint"].is_string(), "{failed}");
    for (tool, args) in [
        ("land", json!({ "worker": "one" })),
        ("nothing", json!({})),
        ("send", json!({ "worker": 3 })),
        ("send", json!({ "worker": "one", "text": "x", "more": 1 })),
        ("wait", json!([])),
    ] {
        let answer = client.call(tool, args);
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
    for uri in ["wtmag://worker/nobody/log", "wtmag://other", "file:///etc/passwd"] {
        let answer = client.ask("resources/read", json!({ "uri": uri }));
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
    for line in ["", "{", "[]", "null", "\u{0}", r#"{"jsonrpc":"2.0","id":99}"#, r#"{"method":1}"#]
    {
        client.say(line);
    }
    client.say(&"x".repeat(1 << 20));
    assert_eq!(client.tools(), tools);
    client.end();

    // A client outside of tmux has no session of its own.
    let mut client = Client::start(&sandbox, &repo.dir, "");
    let made = client.done("create_worker", json!({ "prompt": "x", "name": "two" }));
    assert_eq!(made["worker"]["session"], "blog-two", "{made}");
    client.end();

    // What the user allows is offered.
    sandbox.put("config/wtmag/config.toml", config + "[land]\nagents = true\n");
    let mut client = Client::start(&sandbox, &repo.dir, &here);
    assert!(client.tools().contains(&"land".to_owned()));
    client.end();
}

/// A value of each type that a parameter of this type is not.
fn strangers(schema: &Value) -> Vec<Value> {
    match schema["type"].as_str().unwrap() {
        "string" => vec![json!(3), json!(true), json!([]), json!({}), json!("a\u{0}b")],
        "integer" => vec![json!("x"), json!(-1), json!(1.5), json!([1]), json!(1e300)],
        "boolean" => vec![json!("yes"), json!(1), json!([])],
        _ => vec![json!("x"), json!(3), json!({}), json!([[]]), json!([null]), json!([1, "x"])],
    }
}

/// A request in which some bytes are other ones, or missing.
fn broken(whole: &[u8], random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    let mut line = whole.to_vec();
    for _ in 0..=random(3) {
        let at = random(line.len());
        match random(3) {
            0 => line.truncate(at.max(1)),
            1 => line[at] = u8::try_from(random(256)).unwrap(),
            _ => drop(line.splice(at..at, (0..5).map(|n| 250 + n))),
        }
    }
    line.retain(|it| *it != b'\n');
    line
}

#[test]
fn nothing_that_a_client_says_makes_the_server_hang() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("blog");
    sandbox.put("config/wtmag/config.toml", "[land]\nagents = true\n[answer]\nagents = true\n");
    let pane = sandbox.tmux().start("main");
    let here = sandbox.tmux().show(&pane, "#{socket_path},#{pid},0");
    let mut client = Client::start(&sandbox, &repo.dir, &here);
    let list = client.ask("tools/list", json!({}));
    let tools = list["result"]["tools"].as_array().unwrap().clone();
    assert_eq!(tools.len(), 18);
    // Each parameter of each tool in each wrong type: no command is run.
    for tool in &tools {
        let name = tool["name"].as_str().unwrap();
        let schema = &tool["inputSchema"];
        for (param, property) in schema["properties"].as_object().unwrap() {
            for value in strangers(property) {
                let answer = client.call(name, json!({ param: value }));
                assert!(answer["error"]["message"].is_string(), "{name} {param} {value}: {answer}");
            }
        }
        for args in [json!([]), json!(3), json!("x"), json!({ "zzz": 1 })] {
            let answer = client.call(name, args);
            assert!(answer["error"]["message"].is_string(), "{name}: {answer}");
        }
        if !schema["required"].as_array().unwrap().is_empty() {
            let answer = client.call(name, json!({}));
            assert!(answer["error"]["message"].is_string(), "{name}: {answer}");
        }
    }
    // Lines that are no text, cut, mixed up, deep and huge.
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let call = json!({ "jsonrpc": "2.0", "id": 900_001, "method": "tools/call",
        "params": { "name": "show_worker", "arguments": { "worker": "nobody" } } });
    let call = call.to_string().into_bytes();
    for _ in 0..300 {
        let line = broken(&call, &mut random);
        client.say_bytes(&line);
    }
    for line in [&b"\xff\xfe{"[..], &[b'['; 100_000], &[b'x'; 16 << 20]] {
        client.say_bytes(line);
        assert_eq!(client.tools().len(), tools.len());
    }
    let answer = client.call("show_worker", json!({ "worker": "y".repeat(4 << 20) }));
    assert!(answer["error"].is_object() || answer["result"]["isError"] == true);
    client.end();
    let listed = sandbox.wtmag(["list", "--all", "--json"]).run().json();
    assert_eq!(listed, json!([]));
}
