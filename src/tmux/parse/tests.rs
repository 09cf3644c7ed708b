//! Lines as tmux 3.2a to 3.8 print them.
use proptest::prelude::*;

use super::{Notification as N, *};

#[track_caller]
fn check(input: &str, want: N) {
    assert_eq!(line(input.as_bytes()), Line::Notification(want));
}

fn name(text: &str) -> String {
    text.to_owned()
}

#[test]
fn guards_keep_their_numbers() {
    let stamp = Stamp { time: 1_795_214_409, number: 267, flags: 1 };
    assert_eq!(line(b"%begin 1795214409 267 1"), Line::Begin(stamp));
    assert_eq!(line(b"%end 1795214409 267 1"), Line::End(stamp));
    assert_eq!(line(b"%error 1795214409 267 1"), Line::Error(stamp));
    check("%end 1 2", N::Unknown(b"%end 1 2".into()));
}

#[test]
fn output_is_bytes() {
    check(r"%output %0 a\134b\015", N::Output { pane: PaneId(0), bytes: b"a\\b\r".into() });
    let cut = line(b"%output %12 \xe2");
    let want = N::Output { pane: PaneId(12), bytes: b"\xe2".into() };
    assert_eq!(cut, Line::Notification(want));
    check(
        r"%extended-output %3 250 : a : \033",
        N::ExtendedOutput { pane: PaneId(3), age: 250, bytes: b"a : \x1b".into() },
    );
    check(
        "%extended-output %3 250 more to come : x",
        N::ExtendedOutput { pane: PaneId(3), age: 250, bytes: b"x".into() },
    );
}

#[test]
fn windows_and_panes_are_told_apart() {
    check("%pause %1", N::Pause(PaneId(1)));
    check("%continue %1", N::Continue(PaneId(1)));
    check("%window-add @4", N::WindowAdd(WindowId(4)));
    check("%unlinked-window-add @4", N::UnlinkedWindowAdd(WindowId(4)));
    check("%window-close @4", N::WindowClose(WindowId(4)));
    check("%unlinked-window-close @4", N::UnlinkedWindowClose(WindowId(4)));
    check("%pane-mode-changed %7", N::PaneModeChanged(PaneId(7)));
    check(
        "%window-pane-changed @1 %7",
        N::WindowPaneChanged { window: WindowId(1), pane: PaneId(7) },
    );
    check(
        "%session-window-changed $1 @7",
        N::SessionWindowChanged { session: SessionId(1), window: WindowId(7) },
    );
    let (layout, visible_layout) = (name("b25d,80x24,0,0,0"), name("b25d,80x24,0,0,1"));
    for (input, flags) in [
        ("%layout-change @2 b25d,80x24,0,0,0 b25d,80x24,0,0,1 *", "*"),
        ("%layout-change @2 b25d,80x24,0,0,0 b25d,80x24,0,0,1 ", ""),
    ] {
        let (layout, visible_layout) = (layout.clone(), visible_layout.clone());
        let window = WindowId(2);
        check(input, N::LayoutChange { window, layout, visible_layout, flags: name(flags) });
    }
}

#[test]
fn names_run_to_the_end_of_the_line() {
    let window = WindowId(4);
    check("%window-renamed @4 a b", N::WindowRenamed { window, name: name("a b") });
    check("%window-renamed @4 ", N::WindowRenamed { window, name: name("") });
    check("%unlinked-window-renamed @4 $x", N::UnlinkedWindowRenamed { window, name: name("$x") });
    let session = SessionId(2);
    check("%session-changed $2 my work", N::SessionChanged { session, name: name("my work") });
    check("%session-renamed $2 my work", N::SessionRenamed { session, name: name("my work") });
    check(
        "%client-session-changed /dev/pts/3 $2 a $3",
        N::ClientSessionChanged { client: name("/dev/pts/3"), session, name: name("a $3") },
    );
    check("%client-detached /dev/pts/3", N::ClientDetached(name("/dev/pts/3")));
    check("%sessions-changed", N::SessionsChanged);
}

#[test]
fn messages_buffers_and_the_end() {
    check("%paste-buffer-changed buffer0", N::PasteBufferChanged(name("buffer0")));
    check("%paste-buffer-deleted buffer0", N::PasteBufferDeleted(name("buffer0")));
    check("%config-error a.conf:1: what", N::ConfigError(name("a.conf:1: what")));
    check("%message hello there", N::Message(name("hello there")));
    check("%exit", N::Exit(None));
    check("%exit too far behind", N::Exit(Some(name("too far behind"))));
}

#[test]
fn a_subscription_names_what_it_is_about() {
    let (session, value) = (SessionId(1), name("v : w"));
    let (window, index, pane) = (Some(WindowId(2)), Some(3), Some(PaneId(4)));
    for (input, window, index, pane) in [
        ("%subscription-changed s $1 @2 3 %4 : v : w", window, index, pane),
        ("%subscription-changed s $1 @2 3 - : v : w", window, index, None),
        ("%subscription-changed s $1 - - - : v : w", None, None, None),
    ] {
        let (name, value) = (name("s"), value.clone());
        check(input, N::SubscriptionChanged { name, session, window, index, pane, value });
    }
}

#[test]
fn a_new_notification_is_not_an_error() {
    for input in ["%brand-new 1 2", "%window-add nonsense", "%window-add @4 more", "%", "%pause %"]
    {
        check(input, N::Unknown(input.into()));
    }
}

#[test]
fn what_is_no_notification_is_stray() {
    let stray = b"/nonexistent: No such file or directory";
    assert_eq!(line(stray), Line::Stray(stray));
    assert_eq!(line(b""), Line::Stray(b""));
}

#[test]
fn only_one_carriage_return_and_the_prefix_belong_to_the_terminal() {
    assert_eq!(bare(b"\x1bP1000p%begin 1 2 0\r"), b"%begin 1 2 0");
    assert_eq!(bare(b"a\r\r"), b"a\r");
    assert_eq!(bare(b"a"), b"a");
}

#[test]
fn unescape_is_byte_exact() {
    assert_eq!(unescape(b"\xc3\\015\\134 \\9 \\400 \\"), b"\xc3\r\\ \\9 \\400 \\");
}

/// How tmux encodes output: [`unescape`] decodes it.
fn escape(raw: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(raw.len());
    for &byte in raw {
        if byte < b' ' || byte == b'\\' {
            escaped.extend([b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
        } else {
            escaped.push(byte);
        }
    }
    escaped
}

proptest! {
    #[test]
    fn unescape_undoes_escape(raw: Vec<u8>) {
        prop_assert_eq!(unescape(&escape(&raw)), raw);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _line = line(bare(&bytes));
    }

    #[test]
    fn no_line_like_bytes_panic(
        word in "%(output|extended-output|begin|layout-change|subscription-changed|client-session-changed|exit)",
        args in " [ $@%0-9a:\\\\-]{0,20}",
    ) {
        let _line = line(format!("{word}{args}").as_bytes());
    }
}
