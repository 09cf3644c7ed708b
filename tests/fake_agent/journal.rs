//! The agent's log of what reached it: JSON lines, appended, never rewritten.
use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    time::Instant,
};

use serde_json::{Map, Value, json};

/// Many agents may share one file: a line is one `write` to a descriptor in append mode.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Option<File>,
    /// In every line: which process, and for which worker.
    who: Value,
    started: Instant,
}

impl Journal {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path));
        let worker = std::env::var_os("WTMAG_WORKER").map(|it| it.to_string_lossy().into_owned());
        let who = json!({ "pid": std::process::id(), "worker": worker });
        Ok(Self { file: file.transpose()?, who, started: Instant::now() })
    }

    /// `what` is an object; its fields come after the time, the writer and the event's name.
    pub(crate) fn note(&mut self, event: &str, what: Value) {
        let Some(file) = &mut self.file else { return };
        let mut line = Map::new();
        line.insert("event".into(), event.into());
        line.insert("at_ms".into(), wtmag::clock::now().0.into());
        let since = self.started.elapsed().as_millis();
        line.insert("t_ms".into(), u64::try_from(since).unwrap_or(0).into());
        for part in [self.who.clone(), what] {
            if let Value::Object(fields) = part {
                line.extend(fields);
            }
        }
        let text = Value::Object(line).to_string() + "\n";
        // A full disk must not change what the agent does.
        drop(file.write_all(text.as_bytes()));
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }
}

/// Bytes as they are kept in the log: exact, and readable.
pub(crate) fn bytes(bytes: &[u8]) -> Value {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "n": bytes.len(), "hex": hex, "text": String::from_utf8_lossy(bytes) })
}
