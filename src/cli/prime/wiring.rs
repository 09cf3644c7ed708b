//! How an agent is made to run `wtmag prime` at the start of a session: what the user puts into its settings.
//!
//! It is printed. Nothing of the user's is changed.

/// What an agent needs.
#[derive(Debug)]
pub(in crate::cli) struct Wiring {
    pub(in crate::cli) agent: &'static str,
    /// Where it goes.
    pub(in crate::cli) place: &'static str,
    pub(in crate::cli) text: &'static str,
}

static ALL: [Wiring; 3] = [
    Wiring {
        agent: "claude",
        place: "add this to ~/.claude/settings.json, or to .claude/settings.json in a project",
        text: include_str!("claude.json"),
    },
    Wiring {
        agent: "opencode",
        place: "save this as ~/.config/opencode/plugin/wtmag-prime.js",
        text: include_str!("opencode.js"),
    },
    Wiring {
        agent: "pi",
        place: "save this as ~/.pi/agent/extensions/wtmag-prime.ts",
        text: include_str!("pi.ts"),
    },
];

/// The agents that can be made to.
pub(in crate::cli) fn agents() -> [&'static str; 3] {
    ALL.each_ref().map(|it| it.agent)
}

pub(in crate::cli) fn of(agent: &str) -> Option<&'static Wiring> {
    ALL.iter().find(|it| it.agent == agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runs_prime_and_says_nothing_without_workers() {
        for agent in agents() {
            let text = of(agent).unwrap().text;
            let words: String = text.chars().filter(|it| !"\"',[]".contains(*it)).collect();
            assert!(words.contains("wtmag prime --if-any"), "{words}");
        }
        let claude: serde_json::Value = serde_json::from_str(of("claude").unwrap().text).unwrap();
        assert_eq!(claude["hooks"]["SessionStart"][0]["hooks"][0]["type"], "command");
        assert!(of("codex").is_none());
    }
}
