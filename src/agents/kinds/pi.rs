//! pi: an extension by `-e`.
use super::{AgentKind, Lead, PayloadSource, Wire, Wiring, no_writable, plugin, script};

pub(super) const KIND: AgentKind = AgentKind {
    name: "pi",
    payload: PayloadSource::Stdin,
    user_config: None,
    merged_env: &[],
    channel: true,
    wire,
    direct,
    read: plugin::read,
    writable: no_writable,
};

fn wire(wiring: &Wiring) -> Wire {
    let path = format!("{}.ts", wiring.plugin);
    let text = script(include_str!("pi.ts"), wiring);
    Wire { args: vec!["-e".to_owned(), path.clone()], file: Some((path, text)), env: None }
}

fn direct(lead: &Lead) -> Wire {
    let plugin = &lead.plugin;
    let words = [
        ("--skill", format!("{plugin}/skills/wtmag")),
        ("--append-system-prompt", lead.instructions.clone()),
        ("-e", format!("{plugin}/prime.ts")),
    ];
    let args = words.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    Wire { args, ..Wire::default() }
}
