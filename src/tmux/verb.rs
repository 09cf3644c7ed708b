//! The tmux commands that wtmag may use, and how lines are built from them.
//!
//! Knows words and their order; not their purpose. The list of verbs is closed: it cannot express
//! commands that wait (`wait-for`, `display-popup`, `run-shell`) or can crash a server
//! (`respawn-pane`).
use super::quote::{Format, push_quoted};

macro_rules! verbs {
    ($($verb:ident $name:literal),* $(,)?) => {
        /// A tmux command that wtmag uses.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Verb {
            $($verb),*
        }

        impl Verb {
            pub const ALL: &[Self] = &[$(Self::$verb),*];

            /// Its name in the manual.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$verb => $name),*
                }
            }
        }
    };
}

verbs! {
    CapturePane "capture-pane",
    DeleteBuffer "delete-buffer",
    DetachClient "detach-client",
    DisplayMessage "display-message",
    HasSession "has-session",
    IfShell "if-shell",
    KillSession "kill-session",
    KillPane "kill-pane",
    KillWindow "kill-window",
    LinkWindow "link-window",
    ListClients "list-clients",
    ListPanes "list-panes",
    ListSessions "list-sessions",
    NewSession "new-session",
    NewWindow "new-window",
    PasteBuffer "paste-buffer",
    RefreshClient "refresh-client",
    RenameWindow "rename-window",
    ResizeWindow "resize-window",
    SendKeys "send-keys",
    SetBuffer "set-buffer",
    SetOption "set-option",
    ShowEnvironment "show-environment",
    ShowOptions "show-options",
    SwapPane "swap-pane",
    SwitchClient "switch-client",
    UnlinkWindow "unlink-window",
}

impl Verb {
    /// Its name as wtmag sends it. A user's `command-alias` replaces a command of the same name,
    /// also from wtmag. tmux still understands a name without its last letter, and no alias uses
    /// it.
    pub fn word(self) -> &'static str {
        let name = self.name();
        name.get(..name.len() - 1).unwrap_or(name)
    }
}

/// One line for tmux, without its end: a command, or several that run with nothing in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    verb: Verb,
    line: String,
    is_compound: bool,
}

impl Command {
    pub(super) fn new(verb: Verb) -> Self {
        Self { verb, line: verb.word().to_owned(), is_compound: false }
    }

    pub(super) fn flag(mut self, flag: &'static str) -> Self {
        self.line.push(' ');
        self.line.push_str(flag);
        self
    }

    pub(super) fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.line.push(' ');
        push_quoted(&mut self.line, arg.as_ref());
        self
    }

    pub(super) fn opt(self, flag: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.flag(flag).arg(value)
    }

    pub(super) fn format(self, format: &Format) -> Self {
        self.arg(format.as_bytes())
    }

    /// `;`: runs next, unless this fails.
    pub(super) fn then(mut self, next: &Self) -> Self {
        self.line.push_str(" ; ");
        self.line.push_str(&next.line);
        self.is_compound = true;
        self
    }

    /// `{ … }`, the argument of `if-shell`.
    pub(super) fn block(mut self, inner: &Self) -> Self {
        self.line.push_str(" { ");
        self.line.push_str(&inner.line);
        self.line.push_str(" }");
        self.is_compound = true;
        self
    }

    /// The first command: the line's name in errors.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    pub fn line(&self) -> &str {
        &self.line
    }

    /// The line is answered by several blocks, fewer if one of its commands fails.
    pub fn is_compound(&self) -> bool {
        self.is_compound
    }
}
