//! One line of tmux control mode in, one [`Line`] out.
//!
//! Knows the text protocol of tmux 3.2 to 3.8 and nothing else: no process, no clock, no memory of
//! earlier lines. A new kind of notification is [`Notification::Unknown`], never an error.
use memchr::{memchr, memmem};
use nom::{
    IResult, Parser as _,
    bytes::complete::{tag, take_till},
    character::complete::{char, u32, u64},
    combinator::{all_consuming, map, opt, rest, value},
    sequence::{preceded, terminated},
};

use crate::model::{PaneId, SessionId, WindowId};

/// What `-CC` writes before the first line.
const DCS: &[u8] = b"\x1bP1000p";

/// What `-CC` writes after the last line.
pub const DCS_END: &[u8] = b"\x1b\\";

/// One line outside a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Begin(Stamp),
    End(Stamp),
    Error(Stamp),
    Notification(Notification),
    /// Not a line of the protocol: commands that wait print their errors like this.
    Stray(&'a [u8]),
}

/// Pairs a `%begin` with its `%end` or `%error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Unix seconds.
    pub time: u64,
    /// Unique in the life of the server.
    pub number: u64,
    /// 1 if the block answers a command of this client, 0 if tmux started it.
    pub flags: u32,
}

/// A notification. Names are as tmux prints them, with invalid UTF-8 replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// Bytes of a pane in a window of our session; may start or end inside a character.
    Output {
        pane: PaneId,
        bytes: Vec<u8>,
    },
    /// The same, when the client asked for `pause-after`; `age` in milliseconds.
    ExtendedOutput {
        pane: PaneId,
        age: u64,
        bytes: Vec<u8>,
    },
    Pause(PaneId),
    Continue(PaneId),
    WindowAdd(WindowId),
    UnlinkedWindowAdd(WindowId),
    /// A link of the window was removed in some session; the window itself may still exist.
    WindowClose(WindowId),
    UnlinkedWindowClose(WindowId),
    WindowRenamed {
        window: WindowId,
        name: String,
    },
    UnlinkedWindowRenamed {
        window: WindowId,
        name: String,
    },
    /// This client's session.
    SessionChanged {
        session: SessionId,
        name: String,
    },
    /// Another client's session.
    ClientSessionChanged {
        client: String,
        session: SessionId,
        name: String,
    },
    ClientDetached(String),
    SessionRenamed {
        session: SessionId,
        name: String,
    },
    /// A session was made or closed.
    SessionsChanged,
    SessionWindowChanged {
        session: SessionId,
        window: WindowId,
    },
    WindowPaneChanged {
        window: WindowId,
        pane: PaneId,
    },
    LayoutChange {
        window: WindowId,
        layout: String,
        visible_layout: String,
        flags: String,
    },
    PaneModeChanged(PaneId),
    SubscriptionChanged {
        name: String,
        session: SessionId,
        window: Option<WindowId>,
        index: Option<u32>,
        pane: Option<PaneId>,
        value: String,
    },
    PasteBufferChanged(String),
    PasteBufferDeleted(String),
    ConfigError(String),
    Message(String),
    /// The last line of a client, with a reason when tmux has one.
    Exit(Option<String>),
    /// From a newer tmux, or in an unknown format.
    Unknown(Vec<u8>),
}

/// Reads one line, without its line end.
pub fn line(input: &[u8]) -> Line<'_> {
    if !input.starts_with(b"%") {
        return Line::Stray(input);
    }
    let word_end = memchr(b' ', input).unwrap_or(input.len());
    let (word, args) = input.split_at(word_end);
    let args = args.strip_prefix(b" ").unwrap_or(args);
    let block = match word {
        b"%begin" => stamp(args).map(Line::Begin),
        b"%end" => stamp(args).map(Line::End),
        b"%error" => stamp(args).map(Line::Error),
        _ => None,
    };
    block.unwrap_or_else(|| {
        let known = notification(word, args);
        Line::Notification(known.unwrap_or_else(|| Notification::Unknown(input.to_owned())))
    })
}

/// The line without what belongs to the terminal: the `-CC` prefix and the pty's `\r`.
pub fn bare(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(DCS).unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Decodes tmux's `\ooo`; every other byte stands for itself, valid UTF-8 or not.
pub fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(at) = memchr(b'\\', rest) {
        let (plain, tail) = rest.split_at(at);
        raw.extend_from_slice(plain);
        rest = match tail {
            [_, a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                raw.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                tail
            }
            [backslash, tail @ ..] => {
                raw.push(*backslash);
                tail
            }
            [] => tail,
        };
    }
    raw.extend_from_slice(rest);
    raw
}

fn notification(word: &[u8], args: &[u8]) -> Option<Notification> {
    use Notification as N;
    Some(match word {
        b"%output" => {
            let (escaped, pane) = terminated(pane, char(' ')).parse(args).ok()?;
            N::Output { pane, bytes: unescape(escaped) }
        }
        b"%extended-output" => extended_output(args)?,
        b"%pause" => N::Pause(all(pane, args)?),
        b"%continue" => N::Continue(all(pane, args)?),
        b"%window-add" => N::WindowAdd(all(window, args)?),
        b"%unlinked-window-add" => N::UnlinkedWindowAdd(all(window, args)?),
        b"%window-close" => N::WindowClose(all(window, args)?),
        b"%unlinked-window-close" => N::UnlinkedWindowClose(all(window, args)?),
        b"%window-renamed" => {
            let (window, name) = all((window, tail), args)?;
            N::WindowRenamed { window, name }
        }
        b"%unlinked-window-renamed" => {
            let (window, name) = all((window, tail), args)?;
            N::UnlinkedWindowRenamed { window, name }
        }
        b"%session-changed" => {
            let (session, name) = all((session, tail), args)?;
            N::SessionChanged { session, name }
        }
        b"%session-renamed" => {
            let (session, name) = all((session, tail), args)?;
            N::SessionRenamed { session, name }
        }
        b"%client-session-changed" => client_session_changed(args)?,
        b"%client-detached" => N::ClientDetached(text(args)),
        b"%sessions-changed" => N::SessionsChanged,
        b"%session-window-changed" => {
            let (session, window) = all((session, preceded(char(' '), window)), args)?;
            N::SessionWindowChanged { session, window }
        }
        b"%window-pane-changed" => {
            let (window, pane) = all((window, preceded(char(' '), pane)), args)?;
            N::WindowPaneChanged { window, pane }
        }
        b"%layout-change" => layout_change(args)?,
        b"%pane-mode-changed" => N::PaneModeChanged(all(pane, args)?),
        b"%subscription-changed" => subscription_changed(args)?,
        b"%paste-buffer-changed" => N::PasteBufferChanged(text(args)),
        b"%paste-buffer-deleted" => N::PasteBufferDeleted(text(args)),
        b"%config-error" => N::ConfigError(text(args)),
        b"%message" => N::Message(text(args)),
        b"%exit" => N::Exit((!args.is_empty()).then(|| text(args))),
        _ => return None,
    })
}

/// `%p AGE … : DATA`; a newer tmux may put more before the colon.
fn extended_output(args: &[u8]) -> Option<Notification> {
    let (head, escaped) = at_colon(args)?;
    let (_, (pane, age)) = (pane, preceded(char(' '), number)).parse(head).ok()?;
    Some(Notification::ExtendedOutput { pane, age, bytes: unescape(escaped) })
}

/// `CLIENT $s NAME`; a client is named by its terminal's path.
fn client_session_changed(args: &[u8]) -> Option<Notification> {
    let at = memmem::find(args, b" $")?;
    let (client, rest) = args.split_at(at);
    let (session, name) = all((preceded(char(' '), session), tail), rest)?;
    Some(Notification::ClientSessionChanged { client: text(client), session, name })
}

fn layout_change(args: &[u8]) -> Option<Notification> {
    let (window, layout, visible_layout, flags) = all((window, word, word, tail), args)?;
    let (layout, visible_layout) = (text(layout), text(visible_layout));
    Some(Notification::LayoutChange { window, layout, visible_layout, flags })
}

/// `NAME $s @w IDX %p … : VALUE`, with `-` for what does not apply.
fn subscription_changed(args: &[u8]) -> Option<Notification> {
    let (head, value) = at_colon(args)?;
    let mut fields = (
        take_till(|it| it == b' '),
        preceded(char(' '), session),
        preceded(char(' '), maybe(window)),
        preceded(char(' '), maybe(u32)),
        preceded(char(' '), maybe(pane)),
    );
    let (_, (name, session, window, index, pane)) = fields.parse(head).ok()?;
    let (name, value) = (text(name), text(value));
    Some(Notification::SubscriptionChanged { name, session, window, index, pane, value })
}

type Parsed<'a, T> = IResult<&'a [u8], T>;

fn pane(input: &[u8]) -> Parsed<'_, PaneId> {
    map(preceded(char('%'), u32), PaneId).parse(input)
}

fn window(input: &[u8]) -> Parsed<'_, WindowId> {
    map(preceded(char('@'), u32), WindowId).parse(input)
}

fn session(input: &[u8]) -> Parsed<'_, SessionId> {
    map(preceded(char('$'), u32), SessionId).parse(input)
}

fn number(input: &[u8]) -> Parsed<'_, u64> {
    u64(input)
}

/// The thing, or `-`.
fn maybe<'a, T: Clone>(
    thing: impl nom::Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> impl nom::Parser<&'a [u8], Output = Option<T>, Error = nom::error::Error<&'a [u8]>> {
    nom::branch::alt((value(None, tag("-")), map(thing, Some)))
}

/// ` word`.
fn word(input: &[u8]) -> Parsed<'_, &[u8]> {
    preceded(char(' '), take_till(|it| it == b' ')).parse(input)
}

/// ` the rest of the line`, or nothing.
fn tail(input: &[u8]) -> Parsed<'_, String> {
    map((opt(char(' ')), rest), |(_, it)| text(it)).parse(input)
}

fn stamp(args: &[u8]) -> Option<Stamp> {
    let fields = (terminated(number, char(' ')), terminated(number, char(' ')), u32);
    let (time, number, flags) = all(fields, args)?;
    Some(Stamp { time, number, flags })
}

fn all<'a, T>(
    parser: impl nom::Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
    input: &'a [u8],
) -> Option<T> {
    all_consuming(parser).parse(input).ok().map(|(_, it)| it)
}

fn at_colon(args: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memmem::find(args, b" : ")?;
    Some((args.get(..at)?, args.get(at + 3..)?))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
