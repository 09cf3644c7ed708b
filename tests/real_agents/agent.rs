//! What a human has to know of each agent to use it: its questions and the keys that answer them.

/// One of the real agents.
#[derive(Debug)]
pub(super) struct Kind {
    pub name: &'static str,
    /// Its arguments in the config.
    pub args: &'static [&'static str],
    pub prompt_flag: &'static str,
    /// Part of its trust dialog, and the keys of a human who trusts; none where it never asks.
    pub trust: Option<(&'static str, &'static [&'static str])>,
    /// A prompt after which it asks for leave, and part of the question.
    pub asks: Option<(&'static str, &'static str)>,
    /// Keys of a human who ends it.
    pub quit: &'static [&'static str],
    /// How often Escape is pressed to end a turn.
    pub escapes: usize,
    /// Its word for what it shows when the provider fails.
    pub failing: &'static str,
    /// Part of what it draws when a turn begins.
    pub spinner: &'static str,
}

pub(super) const CLAUDE: Kind = Kind {
    name: "claude",
    args: &["--permission-mode", "default"],
    prompt_flag: "",
    trust: Some(("Yes, I trust this folder", &["Down", "Enter"])),
    asks: Some(("TOOLWRITE please", "Do you want to")),
    quit: &["C-c", "C-c"],
    escapes: 1,
    failing: "retrying",
    spinner: "interrupt",
};

pub(super) const CODEX: Kind = Kind {
    name: "codex",
    args: &[],
    prompt_flag: "",
    trust: Some(("Trust and continue", &["Enter"])),
    asks: Some(("TOOL please", "Would you like to")),
    quit: &["C-c"],
    escapes: 1,
    failing: "failed",
    spinner: "Working",
};

pub(super) const OPENCODE: Kind = Kind {
    name: "opencode",
    args: &[],
    prompt_flag: "--prompt",
    trust: None,
    asks: Some(("TOOL please", "Permission required")),
    quit: &["C-c"],
    escapes: 2,
    failing: "retrying",
    spinner: "interrupt",
};

pub(super) const PI: Kind = Kind {
    name: "pi",
    args: &[],
    prompt_flag: "",
    trust: Some(("Trust project folder?", &["Enter"])),
    asks: None,
    quit: &["C-c", "C-c"],
    escapes: 1,
    failing: "retrying",
    spinner: "Working",
};

/// One test of each name for each agent, whose body is the function of that name.
macro_rules! for_each_agent {
    ($($test:ident),+ $(,)?) => {
        for_each_agent! { @ claude CLAUDE $($test)+ }
        for_each_agent! { @ codex CODEX $($test)+ }
        for_each_agent! { @ opencode OPENCODE $($test)+ }
        for_each_agent! { @ pi PI $($test)+ }
    };
    (@ $module:ident $kind:ident $($test:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::$test(&crate::real_agents::agent::$kind);
                }
            )+
        }
    };
}
pub(super) use for_each_agent;
