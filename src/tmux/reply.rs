//! What tmux answers, as values.
//!
//! Knows the rows that `command` requests; not how they arrive. A row that cannot be read is
//! skipped or `None`: a server may have its own formats.
use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use super::{
    command::{ACK, NAK},
    values::{Acted, Guard, Refusal},
};
use crate::model::{DeliveryId, PaneId, Sample, ServerId, SessionId, Timestamp, Version, WindowId};

/// The server we are connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    pub id: ServerId,
    pub version: Version,
    /// As tmux prints it.
    pub version_text: String,
    /// The session that holds every worker's window.
    pub fleet: SessionId,
    pub fleet_name: String,
}

/// A pane and every session that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneRow {
    pub pane: PaneId,
    /// Process id of the pane's first process.
    pub pid: u32,
    pub dead: bool,
    pub window: WindowId,
    /// Its `@wtmag_pane`, else its window's `@wtmag_id`, no matter who set it.
    pub worker: Option<String>,
    /// It has a mark of its own, and not only its window.
    pub is_marked: bool,
    pub links: Vec<Link>,
}

/// A window in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub session: SessionId,
    pub session_name: String,
    /// Clients attached to the session.
    pub n_attached: u32,
    /// Sessions of a group share their windows.
    pub group: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub session: SessionId,
    /// When a client was last active in it, in seconds since 1970.
    pub activity: u64,
    /// It shows other windows than workers'.
    pub has_other_windows: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// The path of its terminal, or a name for one without.
    pub name: String,
    pub pid: u32,
    /// It uses control mode: wtmag's client, or another program's.
    pub is_control: bool,
    pub session: SessionId,
    /// The window that it shows.
    pub window: WindowId,
}

/// A sample, and a digest that changes when output has changed the pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub sample: Sample,
    pub digest: u64,
}

impl Link {
    pub fn place(&self) -> (SessionId, String) {
        (self.session, self.session_name.clone())
    }
}

/// Process id, start time, session id and name, version.
pub fn server(body: &[u8]) -> Option<ServerInfo> {
    let row = rows(body).into_iter().next()?;
    let [pid, started, fleet, fleet_name, version_text] = row.try_into().ok()?;
    let id = ServerId { pid: pid.parse().ok()?, started: started.parse().ok()? };
    let (version, fleet) = (Version::parse(&version_text)?, fleet.parse().ok()?);
    Some(ServerInfo { id, version, version_text, fleet, fleet_name })
}

pub fn panes(body: &[u8]) -> Vec<PaneRow> {
    let mut found: Vec<PaneRow> = Vec::new();
    for (row, link) in rows(body).into_iter().filter_map(pane_row) {
        match found.iter_mut().find(|it| it.pane == row.pane) {
            Some(known) => known.links.push(link),
            None => found.push(PaneRow { links: vec![link], ..row }),
        }
    }
    found
}

fn pane_row(row: Vec<String>) -> Option<(PaneRow, Link)> {
    let [pane, pid, dead, window, worker, is_marked, session, session_name, n_attached, group] =
        row.try_into().ok()?;
    let link = Link {
        session: session.parse().ok()?,
        session_name,
        n_attached: n_attached.parse().ok()?,
        group: some(group),
    };
    let pane = PaneRow {
        pane: pane.parse().ok()?,
        pid: pid.parse().ok()?,
        dead: is_on(&dead),
        window: window.parse().ok()?,
        worker: some(worker),
        is_marked: is_on(&is_marked),
        links: Vec::new(),
    };
    Some((pane, link))
}

/// The rows of [`super::command::sessions`].
pub fn sessions(body: &[u8]) -> Vec<SessionRow> {
    let session = |row: Vec<String>| {
        let [session, activity, others] = row.try_into().ok()?;
        let (session, activity) = (session.parse().ok()?, activity.parse().ok()?);
        Some(SessionRow { session, activity, has_other_windows: !others.is_empty() })
    };
    rows(body).into_iter().filter_map(session).collect()
}

pub fn clients(body: &[u8]) -> Vec<ClientRow> {
    let client = |row: Vec<String>| {
        let [name, pid, is_control, session, window] = row.try_into().ok()?;
        let (session, window) = (session.parse().ok()?, window.parse().ok()?);
        let (pid, is_control) = (pid.parse().ok()?, is_on(&is_control));
        Some(ClientRow { name, pid, is_control, session, window })
    };
    rows(body).into_iter().filter_map(client).collect()
}

/// The screen's rows from one block, the rest from the other.
pub fn look(screen: &[u8], flags: &[u8], at: Timestamp) -> Option<Look> {
    let row = rows(flags).into_iter().next()?;
    let [
        x,
        y,
        visible,
        width,
        height,
        alternate,
        in_mode,
        input_off,
        dead,
        paste,
        title,
        command,
        n_scrolled,
        pasted,
    ] = row.try_into().ok()?;
    let sample = Sample {
        at,
        rows: screen_rows(screen),
        styled: Vec::new(),
        title,
        command,
        group: Vec::new(),
        cursor: (x.parse().ok()?, y.parse().ok()?),
        cursor_visible: is_on(&visible),
        size: (width.parse().ok()?, height.parse().ok()?),
        alternate: is_on(&alternate),
        in_mode: is_on(&in_mode),
        input_off: is_on(&input_off),
        dead: is_on(&dead),
        bracketed_paste: (!paste.is_empty()).then(|| is_on(&paste)),
        pasted: pasted.parse().ok().map(DeliveryId),
    };
    let digest = digest(&sample.rows, &sample.title, &n_scrolled);
    Some(Look { sample, digest })
}

/// The reply to `glance`: the digest that a sample would have, and when the window last printed, in
/// whole seconds.
pub fn glance(screen: &[u8], rest: &[u8]) -> Option<(u64, Timestamp)> {
    let row = rows(rest).into_iter().next()?;
    let [title, n_scrolled, printed] = row.try_into().ok()?;
    let printed = Timestamp(printed.parse::<u64>().ok()?.saturating_mul(1000));
    Some((digest(&screen_rows(screen), &title, &n_scrolled), printed))
}

fn digest(rows: &[String], title: &str, n_scrolled: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (rows, title, n_scrolled).hash(&mut hasher);
    hasher.finish()
}

fn screen_rows(screen: &[u8]) -> Vec<String> {
    lines(screen).map(|line| line.trim_end_matches(' ').to_owned()).collect()
}

/// Pane and window of a window that was made, and its first process.
pub fn created(body: &[u8]) -> Option<(PaneId, WindowId, u32)> {
    let row = rows(body).into_iter().next()?;
    let [pane, window, pid] = row.try_into().ok()?;
    Some((pane.parse().ok()?, window.parse().ok()?, pid.parse().ok()?))
}

pub fn session_id(body: &[u8]) -> Option<SessionId> {
    text(body).parse().ok()
}

pub fn window_id(body: &[u8]) -> Option<WindowId> {
    text(body).parse().ok()
}

/// The last block of a guarded act on `pane`.
pub fn acted(body: &[u8], pane: PaneId, guard: &Guard) -> Option<Acted> {
    let said = text(body);
    if said == ACK {
        return Some(Acted::Done);
    }
    let row = fields(said.strip_prefix(NAK)?);
    let [found, found_pid, dead, in_mode, input_off, mirrored, command] = row.try_into().ok()?;
    let is_other = guard.pid.is_some_and(|it| found_pid.parse() != Ok(it));
    let why = if found.parse() != Ok(pane) || is_other {
        Refusal::Gone
    } else if is_on(&dead) {
        Refusal::Dead
    } else if is_on(&in_mode) {
        Refusal::InMode
    } else if is_on(&input_off) {
        Refusal::InputOff
    } else if is_on(&mirrored) {
        Refusal::Synchronized
    } else if command != guard.command {
        Refusal::Foreground(command)
    } else {
        Refusal::Moved
    };
    Some(Acted::Refused(why))
}

/// `NAME="value"; export NAME;` and `unset NAME;`, as `show-environment -s` prints them: a value
/// may contain line feeds. `None` is a variable that the session removes.
pub fn environment(body: &[u8]) -> Vec<(String, Option<String>)> {
    let text = String::from_utf8_lossy(body);
    let mut found = Vec::new();
    let mut rest = &*text;
    while !rest.is_empty() {
        if let Some(unset) = rest.strip_prefix("unset ") {
            let (name, after) = unset.split_once(";\n").unwrap_or((unset, ""));
            found.push((name.to_owned(), None));
            rest = after;
            continue;
        }
        let Some((name, quoted)) = rest.split_once("=\"") else { break };
        let (value, after) = unquote(quoted);
        found.push((name.to_owned(), Some(value)));
        rest = after.split_once(";\n").map_or("", |(_, after)| after);
    }
    found
}

/// Up to the closing quote, and the rest. Besides characters special to a shell, some releases
/// escape control characters as C does.
fn unquote(quoted: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('r') => value.push('\r'),
                Some(digit @ '0'..='3') => {
                    let octal: String = [digit].into_iter().chain(chars.by_ref().take(2)).collect();
                    value.extend(u8::from_str_radix(&octal, 8).map(char::from));
                }
                Some(other) => value.push(other),
                None => break,
            },
            plain => value.push(plain),
        }
    }
    (value, chars.as_str())
}

/// The value of an option: all but the line end.
pub fn text(body: &[u8]) -> String {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    String::from_utf8_lossy(body).into_owned()
}

/// The elements of an array option.
pub fn elements(body: &[u8]) -> Vec<String> {
    lines(body).filter(|it| !it.is_empty()).collect()
}

fn lines(body: &[u8]) -> impl Iterator<Item = String> {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    body.split(|&it| it == b'\n').map(|line| String::from_utf8_lossy(line).into_owned())
}

fn rows(body: &[u8]) -> Vec<Vec<String>> {
    lines(body).map(|line| fields(&line)).collect()
}

/// Fields between spaces; `\` before any character (`#{q:…}`) makes it part of its field.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => fields.push(std::mem::take(&mut field)),
            '\\' => field.extend(chars.next()),
            plain => field.push(plain),
        }
    }
    fields.push(field);
    fields
}

fn is_on(flag: &str) -> bool {
    !matches!(flag, "" | "0")
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the pane is gone"),
            Self::Dead => f.write_str("the pane is dead"),
            Self::InMode => f.write_str("the pane is in a tmux mode"),
            Self::InputOff => f.write_str("input to the pane is off"),
            Self::Synchronized => {
                f.write_str("synchronize-panes is on: keys would also go to other panes")
            }
            Self::Foreground(command) => write!(f, "`{command}` is in the foreground"),
            Self::Moved => f.write_str("the screen has changed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_fields_hold_anything() {
        assert_eq!(fields(r"%1  a\ b\\ \#x "), ["%1", "", r"a b\", "#x", ""]);
    }

    #[test]
    fn a_pane_shown_twice_is_one_pane() {
        let body = b"%1 42 0 @2 blog-x 1 $0 wtmag 2 \n\
            %1 42 0 @2 blog-x 1 $3 my\\ work 1 g\nnonsense\n";
        let [pane] = panes(body).try_into().unwrap();
        assert_eq!((pane.worker.as_deref(), pane.pid, pane.dead), (Some("blog-x"), 42, false));
        assert!(pane.is_marked);
        let [fleet, mine] = pane.links.try_into().unwrap();
        assert_eq!((fleet.session, fleet.group), (SessionId(0), None));
        let group = Some("g".to_owned());
        let (session, session_name) = (SessionId(3), "my work".to_owned());
        assert_eq!(mine, Link { session, session_name, n_attached: 1, group });
    }

    #[test]
    fn a_sample_keeps_its_blank_rows_and_not_its_trailing_blanks() {
        let screen = b"one  \n\n%end 1 2 1\n";
        let flags = b"3 1 1 80 3 0 0 0 0  ti\\ tle bash 10 7\n";
        let Look { sample, digest } = look(screen, flags, Timestamp(9)).unwrap();
        assert_eq!(sample.rows, ["one", "", "%end 1 2 1"]);
        assert_eq!((sample.title.as_str(), sample.command.as_str()), ("ti tle", "bash"));
        assert_eq!((sample.cursor, sample.size), ((3, 1), (80, 3)));
        assert_eq!((sample.bracketed_paste, sample.pasted), (None, Some(DeliveryId(7))));
        assert_eq!(glance(screen, b"ti\\ tle 10 7\n"), Some((digest, Timestamp(7000))));
        assert_ne!(glance(screen, b"ti\\ tle 11 7\n").unwrap().0, digest);
    }

    fn guard() -> Guard {
        Guard { pid: Some(42), command: "claude".to_owned(), cursor: Some((3, 8)) }
    }

    #[track_caller]
    fn check_acted(body: &str, want: Acted) {
        assert_eq!(acted(body.as_bytes(), PaneId(7), &guard()), Some(want));
    }

    #[test]
    fn a_refused_act_says_why() {
        check_acted("wtmag:done\n", Acted::Done);
        check_acted("wtmag:refused %8 42 0 0 0 0 vim\n", Acted::Refused(Refusal::Gone));
        check_acted("wtmag:refused %7 43 0 0 0 0 vim\n", Acted::Refused(Refusal::Gone));
        check_acted("wtmag:refused %7 42 1 0 0 0 vim\n", Acted::Refused(Refusal::Dead));
        check_acted("wtmag:refused %7 42 0 2 0 0 vim\n", Acted::Refused(Refusal::InMode));
        check_acted("wtmag:refused %7 42 0 0 1 1 vim\n", Acted::Refused(Refusal::InputOff));
        check_acted("wtmag:refused %7 42 0 0 0 1 vim\n", Acted::Refused(Refusal::Synchronized));
        let vim = Refusal::Foreground("vim".to_owned());
        check_acted("wtmag:refused %7 42 0 0 0 0 vim\n", Acted::Refused(vim));
        check_acted("wtmag:refused %7 42 0 0 0 0 claude\n", Acted::Refused(Refusal::Moved));
        assert_eq!(acted(b"", PaneId(7), &guard()), None);
    }

    #[test]
    fn an_environment_keeps_line_feeds_and_removals() {
        let body = b"unset DISPLAY;\nA=\"1\n2; export \\\"A\\\";\\n\\033x\"; export A;\nunset B;\n";
        let value = "1\n2; export \"A\";\n\u{1b}x".to_owned();
        let want = [("DISPLAY", None), ("A", Some(value)), ("B", None)];
        assert_eq!(environment(body), want.map(|(name, value)| (name.to_owned(), value)));
    }
}
