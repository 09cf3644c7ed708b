//! Merges layers of settings and computes the result.
//!
//! Knows checked tables; not what a key means.
use toml::{Table, Value};

use super::Config;

/// Merges `over` into `base`: an agent's block replaces the whole block, other keys replace one
/// value, and `land.need` grows.
pub(in crate::config) fn merge(base: &mut Table, over: Table) {
    for (section, value) in over {
        let is_agents = section == "agents";
        let is_land = section == "land";
        let (Value::Table(value), Value::Table(base)) =
            (value, base.entry(section).or_insert_with(|| Value::Table(Table::new())))
        else {
            continue;
        };
        if is_agents {
            merge_agents(base, value);
        } else if is_land {
            merge_land(base, value);
        } else {
            base.extend(value);
        }
    }
}

/// What one layer needs before a landing, another one cannot drop.
fn merge_land(base: &mut Table, mut over: Table) {
    let more = over.remove("need");
    base.extend(over);
    let Some(Value::Array(more)) = more else { return };
    let need = base.entry("need").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(need) = need {
        need.extend(more);
    }
}

fn merge_agents(base: &mut Table, over: Table) {
    for (name, block) in over {
        match (base.get_mut(&name), block) {
            (Some(Value::Table(old)), Value::Table(new)) if name == "default" => old.extend(new),
            (_, block) => {
                base.insert(name, block);
            }
        }
    }
}

/// The settings of a merged table. Defaults that depend on other keys are filled in here.
pub(in crate::config) fn settle(mut table: Table) -> Result<Config, toml::de::Error> {
    let agents = table.get_mut("agents").and_then(Value::as_table_mut);
    for (name, block) in agents.into_iter().flatten().filter(|(name, _)| *name != "default") {
        let Some(block) = block.as_table_mut() else { continue };
        let delivery = if block.contains_key("prompt_flag") { "argument" } else { "ready" };
        block.entry("command").or_insert_with(|| name.clone().into());
        block.entry("delivery").or_insert_with(|| delivery.into());
    }
    table.try_into()
}
