//! pi: an extension by `-e`.
use super::{AgentKind, PayloadSource, Wire, Wiring, no_writable, plugin, script};

pub(super) const KIND: AgentKind = AgentKind {
    name: "pi",
    payload: PayloadSource::Stdin,
    user_config: None,
    merged_env: &[],
    wire,
    read: plugin::read,
    writable: no_writable,
};

fn wire(wiring: &Wiring) -> Wire {
    let path = format!("{}.ts", wiring.plugin);
    let text = script(include_str!("pi.ts"), wiring);
    Wire { args: vec!["-e".to_owned(), path.clone()], file: Some((path, text)), env: None }
}
