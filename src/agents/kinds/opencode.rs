//! OpenCode: a plugin that `OPENCODE_CONFIG_CONTENT` names.
use serde_json::json;

use super::{AgentKind, Lead, PayloadSource, Wire, Wiring, no_writable, plugin, script};

const CONFIG: &str = "OPENCODE_CONFIG_CONTENT";

pub(super) const KIND: AgentKind = AgentKind {
    name: "opencode",
    payload: PayloadSource::Stdin,
    user_config: None,
    merged_env: &[CONFIG],
    channel: false,
    wire,
    direct,
    read: plugin::read,
    writable: no_writable,
};

fn wire(wiring: &Wiring) -> Wire {
    let path = format!("{}.js", wiring.plugin);
    let config = json!({ "plugin": [format!("file://{path}")] });
    let text = script(include_str!("opencode.js"), wiring);
    Wire { env: Some((CONFIG, config)), file: Some((path, text)), ..Wire::default() }
}

fn direct(lead: &Lead) -> Wire {
    let plugin = &lead.plugin;
    let config = json!({
        "skills": { "paths": [format!("{plugin}/skills")] },
        "instructions": [lead.instructions],
        "plugin": [format!("file://{plugin}/prime.js")],
    });
    Wire { env: Some((CONFIG, config)), ..Wire::default() }
}
