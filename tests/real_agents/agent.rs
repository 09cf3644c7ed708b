//! What a human has to know of each agent to use it: its questions and the keys that answer them.

/// One of the real agents.
#[derive(Debug)]
pub(super) struct Kind {
    /// As `tests/fixtures/agents/real-agents` calls it: with its version, where it has several.
    pub name: &'static str,
    pub profile: &'static str,
    /// Its arguments in the config. `{home}` is its HOME.
    pub args: &'static [&'static str],
    /// How it takes a start-up prompt; none: not at all, or it leaves after it.
    pub prompt_flag: Option<&'static str>,
    /// Part of its trust dialog, and the keys of a human who trusts; none where it never asks.
    pub trust: Option<(&'static str, &'static [&'static str])>,
    /// Part of another question that it begins with, and the keys that answer it.
    pub greets: Option<(&'static str, &'static [&'static str])>,
    /// A prompt after which it asks for leave, and part of the question.
    pub asks: Option<(&'static str, &'static str)>,
    /// Keys of a human who ends it.
    pub quit: &'static [&'static str],
    /// Keys with which a human ends a turn.
    pub stop: &'static [&'static str],
    /// Its word for what it shows when the provider fails.
    pub failing: &'static str,
    /// Part of what it draws when a turn begins.
    pub spinner: &'static str,
    /// Part of the command line of a process that outlives it.
    pub daemon: Option<&'static str>,
    /// It offers its model no tools, so nothing tells its prompts from its helpers'.
    pub toolless: bool,
    /// Rows of the table that are not as they should be, and why that is so.
    pub known: &'static [(&'static str, &'static str)],
}

/// What most of them have.
const PLAIN: Kind = Kind {
    name: "",
    profile: "",
    args: &[],
    prompt_flag: None,
    trust: None,
    greets: None,
    asks: None,
    quit: &["C-c", "C-c"],
    stop: &["Escape"],
    failing: "failed",
    spinner: "interrupt",
    daemon: None,
    toolless: false,
    known: &[],
};

pub(super) const CLAUDE: Kind = Kind {
    name: "claude",
    profile: "claude",
    args: &["--permission-mode", "manual"],
    prompt_flag: Some(""),
    trust: Some(("Yes, I trust this folder", &["Down", "Enter"])),
    asks: Some(("TOOLWRITE please", "Do you want to")),
    failing: "retrying",
    ..PLAIN
};

pub(super) const CLAUDE_OLD: Kind = Kind {
    name: "claude-2.1.197",
    args: &["--permission-mode", "default"],
    trust: Some(("Yes, I trust this folder", &["Enter"])),
    ..CLAUDE
};

pub(super) const CODEX: Kind = Kind {
    name: "codex",
    profile: "codex",
    prompt_flag: Some(""),
    trust: Some(("Trust and continue", &["Enter"])),
    asks: Some(("TOOL please", "Would you like to")),
    quit: &["C-c"],
    spinner: "Working",
    ..PLAIN
};

pub(super) const OPENCODE: Kind = Kind {
    name: "opencode",
    profile: "opencode",
    prompt_flag: Some("--prompt"),
    asks: Some(("TOOL please", "Permission required")),
    quit: &["C-c"],
    stop: &["Escape", "Escape"],
    failing: "retrying",
    ..PLAIN
};

pub(super) const OPENCODE_OLD: Kind = Kind {
    name: "opencode-1.2.27",
    daemon: Some("opencode-ai/bin/.opencode"),
    known: &[("first prompt as argument", "it sends an empty prompt in a second session, too")],
    ..OPENCODE
};

pub(super) const PI: Kind = Kind {
    name: "pi",
    profile: "pi",
    prompt_flag: Some(""),
    trust: Some(("Trust project folder?", &["Enter"])),
    failing: "retrying",
    spinner: "Working",
    ..PLAIN
};

pub(super) const GEMINI: Kind = Kind {
    name: "gemini",
    profile: "gemini",
    prompt_flag: Some("-i"),
    trust: Some(("Do you trust the files in this folder?", &["Enter"])),
    asks: Some(("TOOLWRITE please", "Allow execution of")),
    spinner: "esc to cancel",
    ..PLAIN
};

pub(super) const GEMINI_OLD: Kind = Kind { name: "gemini-0.45.2", ..GEMINI };

pub(super) const QWEN: Kind = Kind {
    name: "qwen",
    profile: "qwen",
    args: &["--approval-mode", "default"],
    prompt_flag: Some("-i"),
    trust: Some(("Do you trust this folder?", &["Enter"])),
    asks: Some(("TOOLWRITE please", "Allow execution of")),
    spinner: "esc to cancel",
    ..PLAIN
};

pub(super) const COPILOT: Kind = Kind {
    name: "copilot",
    profile: "copilot",
    prompt_flag: Some("-i"),
    trust: Some(("Do you trust the files in this folder?", &["Enter"])),
    asks: Some(("TOOLWRITE please", "Do you want to run this command?")),
    stop: &["Escape", "Escape"],
    ..PLAIN
};

pub(super) const KILO: Kind = Kind {
    name: "kilo",
    profile: "kilo",
    prompt_flag: Some("--prompt"),
    asks: Some(("TOOL please", "Permission required")),
    quit: &["C-d"],
    stop: &["Escape", "Escape"],
    failing: "retrying",
    ..PLAIN
};

pub(super) const CN: Kind = Kind {
    name: "cn",
    profile: "cn",
    args: &["--config", "{home}/.continue/config.yaml"],
    prompt_flag: Some(""),
    asks: Some(("TOOLWRITE please", "Would you like to continue?")),
    ..PLAIN
};

pub(super) const CLINE: Kind = Kind {
    name: "cline",
    profile: "cline",
    args: &["-i"],
    greets: Some(("any other key to close", &["Space"])),
    daemon: Some("--cline-hub-daemon"),
    ..PLAIN
};

pub(super) const GROK: Kind = Kind {
    name: "grok",
    profile: "grok",
    prompt_flag: Some(""),
    asks: Some(("TOOLWRITE please", "Do you want to proceed")),
    ..PLAIN
};

pub(super) const VIBE: Kind = Kind {
    name: "vibe",
    profile: "vibe",
    prompt_flag: Some(""),
    asks: Some(("TOOLWRITE please", "Permission for the")),
    ..PLAIN
};

pub(super) const KIMI: Kind = Kind {
    name: "kimi",
    profile: "kimi",
    asks: Some(("TOOLWRITE please", "requesting approval")),
    quit: &["C-d"],
    spinner: "Composing",
    ..PLAIN
};

pub(super) const AIDER: Kind = Kind {
    name: "aider",
    profile: "aider",
    args: &["--no-auto-commits"],
    greets: Some((".gitignore (recommended)?", &["Enter"])),
    stop: &["C-c"],
    spinner: "Waiting for",
    toolless: true,
    ..PLAIN
};

/// Their login shows, and nothing else.
pub(super) const WITHOUT_ACCOUNT: [Kind; 3] = [
    Kind { name: "amp", profile: "generic", ..PLAIN },
    Kind { name: "auggie", profile: "generic", ..PLAIN },
    Kind { name: "droid", profile: "generic", ..PLAIN },
];

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
