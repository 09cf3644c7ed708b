//! Everything that wtmag says to tmux: each command as one line, all in one place.
//!
//! Knows which flags each verb gets and what it expands; not how a line travels or is answered.
use std::{os::unix::ffi::OsStrExt as _, path::Path};

pub use super::verb::{Command, Verb};
use super::{
    quote::Format,
    values::{Guard, NewWindow, Show},
};
use crate::model::{DeliveryId, PaneId, SessionId, Version, WindowId, WorkerId};

/// The name of a worker's window until it gets its final one; no branch or user uses it.
#[derive(Clone, Debug)]
pub struct UniqueName(String);

impl UniqueName {
    pub fn new(nonce: u64, number: u64) -> Self {
        Self(format!("wtmag-{nonce:x}-{number}"))
    }

    fn target(&self, fleet: SessionId) -> String {
        format!("{fleet}:={}", self.0)
    }
}

/// Tokens that a guarded act answers with.
pub const ACK: &str = "wtmag:done";
pub const NAK: &str = "wtmag:refused ";

/// The foreground command. It may hold any character; a line feed would look like a new row.
const COMMAND: &str = "#{s/\n/?/:pane_current_command}";

const PANE_ROW: &str = concat!(
    "#{pane_id} #{pane_pid} #{pane_dead} #{window_id} ",
    "#{?@wtmag_pane,#{q:@wtmag_pane},#{q:@wtmag_id}} #{?@wtmag_pane,1,0} ",
    "#{session_id} #{q:session_name} #{session_attached} #{q:session_group}",
);

const CLIENT_ROW: &str =
    "#{q:client_name} #{client_pid} #{client_control_mode} #{session_id} #{window_id}";

/// The last field: one `x` for each window that is not a worker's.
const SESSION_ROW: &str = "#{session_id} #{session_activity} #{W:#{?@wtmag_id,,x}}";

const SAMPLE_ROW: &str = concat!(
    "#{cursor_x} #{cursor_y} #{cursor_flag} #{pane_width} #{pane_height} #{alternate_on} ",
    "#{pane_in_mode} #{pane_input_off} #{pane_dead} #{bracket_paste_flag} #{q:pane_title} ",
    "#{q;s/\n/?/:pane_current_command} #{history_size} #{@wtmag_pasted}",
);

const GLANCE_ROW: &str = "#{q:pane_title} #{history_size} #{window_activity}";

/// Whether synchronize-panes is on: keys would also go to other panes.
const MIRRORED: &str = "#{&&:#{pane_synchronized},#{!=:#{window_panes},1}}";

/// [`NAK`] and why. What is pasted goes to one pane in any case.
const REFUSAL_ROW: &str = concat!(
    "wtmag:refused #{pane_id} #{pane_pid} #{pane_dead} #{pane_in_mode} #{pane_input_off} 0 ",
    "#{q;s/\n/?/:pane_current_command}",
);

/// The same for keys.
const KEYS_REFUSAL_ROW: &str = concat!(
    "wtmag:refused #{pane_id} #{pane_pid} #{pane_dead} #{pane_in_mode} #{pane_input_off} ",
    "#{&&:#{pane_synchronized},#{!=:#{window_panes},1}} ",
    "#{q;s/\n/?/:pane_current_command}",
);

/// Every pane of a worker's window, in every session that shows it, with attributes that change
/// without a notification.
const WATCHED: &str = concat!(
    "#{S:#{W:#{?@wtmag_id,#{P:#{session_id} #{window_id} #{pane_id} ",
    "#{pane_pid} #{pane_dead}#{pane_input_off};},}}}",
);

/// Marks the session that holds every worker's window.
pub const FLEET_OPTION: &str = "@wtmag_fleet";

/// The command that shows a window until the next command in the same line replaces it.
const STAND_IN: [&str; 2] = ["sleep", "60"];

/// Prints `format`, as seen from `pane`.
pub fn display(pane: Option<PaneId>, format: &Format) -> Command {
    let command = Command::new(Verb::DisplayMessage).flag("-p");
    let command = match pane {
        Some(pane) => command.opt("-t", pane.to_string()),
        None => command,
    };
    // A literal may begin with `-`.
    command.flag("--").format(&format.timeless())
}

/// Process id, start time and version of the server, and the name of our session.
pub fn server() -> Command {
    display(None, &Format::code("#{pid} #{start_time} #{session_id} #{q:session_name} #{version}"))
}

/// The process of the first window of session `wtmag`, and that window. Nothing if another program is
/// there, or if that process does not listen yet.
pub fn dashboard_window(fleet: SessionId) -> Command {
    let command = Command::new(Verb::DisplayMessage).flag("-p").opt("-t", format!("{fleet}:^"));
    command.flag("--").format(&Format::code(concat!(
        "#{?#{&&:#{m:*--placeholder*,#{pane_start_command}},#{keypad_flag}},",
        "#{pane_pid} #{window_id},}",
    )))
}

/// Asks only for an answer.
pub fn ping() -> Command {
    display(None, &Format::code(ACK))
}

/// The size that new windows get.
pub fn window_size() -> Command {
    Command::new(Verb::ShowOptions).flag("-gqv").arg("window-size")
}

/// The value of an option in a session, its own or inherited.
pub fn session_option(session: SessionId, name: &'static str) -> Command {
    Command::new(Verb::ShowOptions).flag("-Aqv").opt("-t", session.to_string()).arg(name)
}

pub fn set_session_option(session: SessionId, name: &'static str, value: &str) -> Command {
    set_on_session(&session.to_string(), name, value)
}

pub fn set_window_option(window: WindowId, name: &'static str, value: &str) -> Command {
    set_on_window(&window.to_string(), name, value)
}

/// Inherited by every session.
pub fn set_global_option(name: &'static str, value: &str) -> Command {
    Command::new(Verb::SetOption).flag("-g").flag("--").arg(name).arg(value)
}

fn set_on_session(target: &str, name: &'static str, value: &str) -> Command {
    Command::new(Verb::SetOption).opt("-t", target).flag("--").arg(name).arg(value)
}

fn set_on_window(target: &str, name: &'static str, value: &str) -> Command {
    Command::new(Verb::SetOption).flag("-w").opt("-t", target).flag("--").arg(name).arg(value)
}

/// Set on the active pane, which keeps it wherever the user moves it.
fn set_on_pane(target: &str, name: &'static str, value: &str) -> Command {
    Command::new(Verb::SetOption).flag("-p").opt("-t", target).flag("--").arg(name).arg(value)
}

pub fn environment(session: SessionId) -> Command {
    Command::new(Verb::ShowEnvironment).flag("-s").opt("-t", session.to_string())
}

/// One row per pane and session that shows it.
pub fn all_panes() -> Command {
    Command::new(Verb::ListPanes).flag("-a").opt("-F", PANE_ROW)
}

/// The rows of the panes that have a worker's id in their options or their window's.
pub fn worker_panes() -> Command {
    let marked = "#{||:#{@wtmag_pane},#{@wtmag_id}}";
    Command::new(Verb::ListPanes).flag("-a").opt("-f", marked).opt("-F", PANE_ROW)
}

pub fn clients() -> Command {
    Command::new(Verb::ListClients).opt("-F", CLIENT_ROW)
}

/// The terminal of each pane.
pub fn pane_terminals() -> Command {
    Command::new(Verb::ListPanes).flag("-a").opt("-F", "#{pane_tty}")
}

pub fn sessions() -> Command {
    Command::new(Verb::ListSessions).opt("-F", SESSION_ROW)
}

/// Shows `text` at `client` for as long as messages stay there.
pub fn announce(client: &str, text: &str) -> Command {
    // Characters that a message cannot show would be drawn differently.
    let text: String = text.chars().filter(|it| !it.is_control()).collect();
    let text = Format::literal(text).timeless();
    Command::new(Verb::DisplayMessage).opt("-c", client).flag("--").format(&text)
}

/// Tells within a second when a worker's panes or their places change, even where tmux has no
/// notification. What it looks at is the same for every window. Without one it would be tied to the
/// client's session, and tmux (3.3a to 3.7 at least) dies when it looks in the moment between the
/// end of that session and the client's.
pub fn subscribe(window: WindowId) -> Command {
    Command::new(Verb::RefreshClient).opt("-B", format!("wtmag:{window}:{WATCHED}"))
}

/// Prints the id of the session's first window.
pub fn first_window(session: SessionId) -> Command {
    let target = format!("{session}:^");
    Command::new(Verb::DisplayMessage).flag("-p").opt("-t", target).arg("#{window_id}")
}

/// No more output of `pane` to this client, until it is continued.
pub fn pause(pane: PaneId) -> Command {
    Command::new(Verb::RefreshClient).opt("-A", format!("{pane}:pause"))
}

/// Output of `pane` again, from now on.
pub fn resume(pane: PaneId) -> Command {
    Command::new(Verb::RefreshClient).opt("-A", format!("{pane}:continue"))
}

/// The screen, and in a second block all that is known beside it.
pub fn sample(pane: PaneId) -> Command {
    let capture = Command::new(Verb::CapturePane).flag("-p").opt("-t", pane.to_string());
    capture.then(&display(Some(pane), &Format::code(SAMPLE_ROW)))
}

/// The screen with its colours, and with the spaces at the end of rows, which may have one.
pub fn view(pane: PaneId) -> Command {
    Command::new(Verb::CapturePane).flag("-peN").opt("-t", pane.to_string())
}

/// Shows whether the pane has changed, at half the cost of a sample.
pub fn glance(pane: PaneId) -> Command {
    let capture = Command::new(Verb::CapturePane).flag("-p").opt("-t", pane.to_string());
    capture.then(&display(Some(pane), &Format::code(GLANCE_ROW)))
}

/// Creates the window in session `wtmag`, where its first byte is watched, then shows it in the
/// requested place. The third block contains pane and window; the first, if a session is created,
/// its id.
pub fn create_window(
    version: Version,
    fleet: SessionId,
    spec: &NewWindow,
    name: &UniqueName,
) -> Command {
    let here = name.target(fleet);
    let mut make = Command::new(Verb::NewWindow)
        .flag("-dP")
        .opt("-F", "#{pane_id} #{window_id} #{pane_pid}")
        .opt("-t", format!("{fleet}:"))
        .opt("-n", &name.0)
        .opt("-c", directory(&spec.cwd).as_bytes());
    for (name, value) in &spec.env {
        make = make.opt("-e", format!("{name}={value}"));
    }
    make = spec.argv.iter().fold(make.flag("--"), Command::arg);
    let (first, link) = match &spec.show {
        Show::In { session, .. } => (
            // Fails before anything is created.
            Command::new(Verb::HasSession)
                .opt("-t", session.to_string())
                .then(&size_as_in(*session, fleet)),
            link("-d", &here, &format!("{session}:")),
        ),
        Show::Alone { name, env } => {
            (new_session(name, &spec.cwd, env), link("-dk", &here, &format!("={name}:^")))
        }
    };
    if version < Version::new(3, 3, 0) {
        make = make.then(&fit(&here));
    }
    first
        .then(&make)
        .then(&set_on_window(&here, "@wtmag_id", spec.worker.as_str()))
        .then(&set_on_pane(&here, "@wtmag_pane", spec.worker.as_str()))
        .then(&set_on_window(&here, "automatic-rename", "off"))
        .then(&set_on_window(&here, "allow-rename", "off"))
        .then(&set_on_window(&here, "remain-on-exit", "off"))
        // Also where the user moves the pane: tmux 3.2 can crash when one stays that is watched.
        .then(&set_on_pane(&here, "remain-on-exit", "off"))
        .then(&link)
        .then(&rename(&here, &spec.name))
}

/// New windows of session `wtmag` get the size of the user's windows; otherwise the first client
/// that shows them would resize them.
fn size_as_in(session: SessionId, fleet: SessionId) -> Command {
    let size = Format::equals("#{session_id}", session.to_string())
        .in_session("#{window_width}x#{window_height}");
    let set = Command::new(Verb::SetOption).flag("-F").opt("-t", fleet.to_string()).flag("--");
    set.arg("default-size").format(&size)
}

/// Gives a window that no client shows the default size: tmux 3.2 makes it as large as the client that
/// asks, 80 by 24. The verb fixes the size, so that is undone.
fn fit(window: &str) -> Command {
    let resize = Command::new(Verb::ResizeWindow).flag("-A").opt("-t", window);
    resize.then(&Command::new(Verb::SetOption).flag("-wu").opt("-t", window).arg("window-size"))
}

/// A session with a placeholder window, kept although no client is attached.
fn new_session(name: &str, cwd: &Path, env: &[(String, String)]) -> Command {
    let mut make = Command::new(Verb::NewSession)
        .flag("-dP")
        .opt("-F", "#{session_id}")
        .opt("-s", Format::literal(name).as_bytes())
        .opt("-c", directory(cwd).as_bytes());
    for (name, value) in env {
        make = make.opt("-e", format!("{name}={value}"));
    }
    make = STAND_IN.iter().fold(make.flag("--"), Command::arg);
    make.then(&set_on_session(&format!("={name}:"), "destroy-unattached", "off"))
}

fn directory(path: &Path) -> Format {
    Format::literal(path.as_os_str().as_bytes())
}

fn link(flags: &'static str, from: &str, to: &str) -> Command {
    Command::new(Verb::LinkWindow).flag(flags).opt("-s", from).opt("-t", to)
}

fn rename(target: &str, name: &str) -> Command {
    // A newer tmux refuses control characters in a name, and an empty name is not a name.
    let name: String = name.chars().filter(|it| !it.is_control()).collect();
    let name = if name.is_empty() { "worker" } else { &name };
    let command = Command::new(Verb::RenameWindow).opt("-t", target).flag("--");
    command.format(&Format::literal(name))
}

/// Shows the window in a new session, moves the clients that showed it there, and unlinks it from
/// the sessions `leave`. The first block contains the session's id.
pub fn promote(
    window: WindowId,
    session: &str,
    cwd: &Path,
    clients: &[String],
    leave: &[SessionId],
) -> Command {
    let place = link("-dk", &window.to_string(), &format!("={session}:^"));
    let mut line = new_session(session, cwd, &[]).then(&place);
    for client in clients {
        let to = format!("={session}:");
        line = line.then(&Command::new(Verb::SwitchClient).opt("-c", client).opt("-t", to));
    }
    leave.iter().fold(line, |line, from| line.then(&unlink_window(*from, window)))
}

pub fn link_window(window: WindowId, session: SessionId) -> Command {
    link("-d", &window.to_string(), &format!("{session}:"))
}

pub fn unlink_window(session: SessionId, window: WindowId) -> Command {
    Command::new(Verb::UnlinkWindow).opt("-t", format!("{session}:{window}"))
}

/// Ends the window in every session.
pub fn kill_window(window: WindowId) -> Command {
    Command::new(Verb::KillWindow).opt("-t", window.to_string())
}

/// Ends the pane's window if it is the worker's; if the user has moved the pane into another
/// window, only the pane. Check and action are atomic.
pub fn close_worker(worker: &WorkerId, pane: PaneId, window: WindowId) -> Command {
    let is_its = Format::equals("#{pane_id}", pane.to_string())
        .and(&Format::equals("#{@wtmag_id}", worker.as_str()));
    Command::new(Verb::IfShell)
        .flag("-F")
        .opt("-t", pane.to_string())
        .format(&is_its)
        .block(&kill_window(window))
        .block(&Command::new(Verb::KillPane).opt("-t", pane.to_string()))
}

/// Puts the pane `new` where the worker's pane `old` is, and ends `old`: the window, its place and its
/// other panes stay. Nothing happens if `old` is not the worker's. Check and action are atomic.
pub fn take_place(worker: &WorkerId, new: PaneId, old: PaneId) -> Command {
    let (new, old) = (new.to_string(), old.to_string());
    let is_its =
        Format::equals("#{pane_id}", &old).and(&Format::equals("#{@wtmag_pane}", worker.as_str()));
    let swap = Command::new(Verb::SwapPane).flag("-d").opt("-s", new).opt("-t", &old);
    Command::new(Verb::IfShell)
        .flag("-F")
        .opt("-t", &old)
        .format(&is_its)
        .block(&swap.then(&Command::new(Verb::KillPane).opt("-t", &old)))
}

pub fn kill_session(session: SessionId) -> Command {
    Command::new(Verb::KillSession).opt("-t", session.to_string())
}

/// Ends session `wtmag` if it shows only its unchanged first window. Check and action are atomic.
pub fn end_fleet(fleet: SessionId) -> Command {
    Command::new(Verb::IfShell)
        .flag("-F")
        .opt("-t", format!("{fleet}:"))
        .format(&untouched())
        .block(&kill_session(fleet))
}

/// True of a session that shows nothing but the fleet's first window.
pub(super) fn untouched() -> Format {
    Format::equals("#{session_windows} #{window_panes}", "1 1")
        .and(&Format::code("#{m:*--placeholder*,#{pane_start_command}}"))
}

/// Moves the client to another session, and there to `window` if given.
pub fn switch_client(client: &str, session: SessionId, window: Option<WindowId>) -> Command {
    let window = window.map(|it| it.to_string()).unwrap_or_default();
    Command::new(Verb::SwitchClient).opt("-c", client).opt("-t", format!("{session}:{window}"))
}

pub fn detach_client(client: &str) -> Command {
    Command::new(Verb::DetachClient).opt("-t", client)
}

/// Pastes `text`, bracketed if the program asked for it, if the guard holds. A pane that got it is
/// marked with the delivery, in the same line: a paste whose reply was lost can be told from one that
/// never happened.
pub fn paste(
    (pane, mark): (PaneId, Option<DeliveryId>),
    guard: &Guard,
    buffer: &str,
    text: &str,
) -> Command {
    let set = Command::new(Verb::SetBuffer).opt("-b", buffer).flag("--").arg(text);
    let paste = set.then(&paste_buffer("-dpr", pane, buffer));
    guarded(pane, guard, &marked(paste, pane, mark), None)
}

/// The same with an existing buffer; if refused, the buffer is deleted.
pub fn paste_loaded(
    (pane, mark): (PaneId, Option<DeliveryId>),
    guard: &Guard,
    buffer: &str,
) -> Command {
    let paste = marked(paste_buffer("-dpr", pane, buffer), pane, mark);
    guarded(pane, guard, &paste, Some(&delete_buffer(buffer)))
}

fn marked(paste: Command, pane: PaneId, mark: Option<DeliveryId>) -> Command {
    let Some(mark) = mark else { return paste };
    paste.then(&set_on_pane(&pane.to_string(), "@wtmag_pasted", &mark.to_string()))
}

/// Enter, if the guard holds: tmux makes a carriage return of a pasted line feed.
pub fn enter(pane: PaneId, guard: &Guard, buffer: &str) -> Command {
    let set = Command::new(Verb::SetBuffer).opt("-b", buffer).flag("--").arg("\n");
    guarded(pane, guard, &set.then(&paste_buffer("-d", pane, buffer)), None)
}

/// Keys by tmux's names, if the guard holds and they go to this pane alone: unlike pasted text,
/// they reach every pane of a synchronized window.
pub fn keys(pane: PaneId, guard: &Guard, keys: &[&str]) -> Command {
    let send = Command::new(Verb::SendKeys).opt("-t", pane.to_string()).flag("--");
    let holds = holds(pane, guard).and(&Format::equals(MIRRORED, "0"));
    let nak = display(Some(pane), &Format::code(KEYS_REFUSAL_ROW));
    only_if(pane, &holds, &keys.iter().fold(send, Command::arg), &nak)
}

fn paste_buffer(flags: &'static str, pane: PaneId, buffer: &str) -> Command {
    Command::new(Verb::PasteBuffer).flag(flags).opt("-b", buffer).opt("-t", pane.to_string())
}

pub fn delete_buffer(buffer: &str) -> Command {
    Command::new(Verb::DeleteBuffer).opt("-b", buffer)
}

fn guarded(pane: PaneId, guard: &Guard, act: &Command, refused: Option<&Command>) -> Command {
    let nak = display(Some(pane), &Format::code(REFUSAL_ROW));
    let nak = match refused {
        Some(first) => first.clone().then(&nak),
        None => nak,
    };
    only_if(pane, &holds(pane, guard), act, &nak)
}

/// True if the guard holds. (`if-shell` with a missing target checks another pane instead: hence
/// `pane_id`.)
fn holds(pane: PaneId, guard: &Guard) -> Format {
    let is_it = match guard.pid {
        Some(pid) => Format::equals("#{pane_id} #{pane_pid}", format!("{pane} {pid}")),
        None => Format::equals("#{pane_id}", pane.to_string()),
    };
    let holds = is_it
        .and(&Format::equals("#{pane_dead}#{pane_in_mode}#{pane_input_off}", "000"))
        .and(&Format::equals(COMMAND, &guard.command));
    match guard.cursor {
        Some((x, y)) => holds.and(&Format::equals("#{cursor_x} #{cursor_y}", format!("{x} {y}"))),
        None => holds,
    }
}

/// Check and action are atomic. The last block is [`ACK`], or [`NAK`] and what was found.
fn only_if(pane: PaneId, holds: &Format, act: &Command, nak: &Command) -> Command {
    Command::new(Verb::IfShell)
        .flag("-F")
        .opt("-t", pane.to_string())
        .format(holds)
        .block(&act.clone().then(&display(None, &Format::code(ACK))))
        .block(nak)
}

#[cfg(test)]
mod tests;
