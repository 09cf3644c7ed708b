//! Conversations as tmux holds them.
use proptest::prelude::*;

use super::*;
use crate::{
    model::{PaneId, SessionId, WindowId},
    tmux::command,
};

const ATTACHED: &[u8] = b"\x1bP1000p%begin 1 7 0\r\n%end 1 7 0\r\n";

fn attached() -> Session {
    let mut session = Session::new(0xabc);
    assert_eq!(drive(&mut session, ATTACHED), [Event::Attached]);
    session
}

/// Feeds `wire` one byte at a time, so no test can depend on how reads happen to be split.
fn drive(session: &mut Session, wire: &[u8]) -> Vec<Event> {
    wire.chunks(1).for_each(|byte| session.handle_bytes(byte));
    std::iter::from_fn(|| session.poll_event()).collect()
}

fn reply(ticket: Ticket, blocks: &[&str]) -> Event {
    let blocks = blocks.iter().map(|it| it.as_bytes().to_owned()).collect();
    Event::Reply { ticket, reply: Reply { blocks, error: None } }
}

#[test]
fn nothing_is_sent_before_tmux_has_attached_us() {
    let mut session = Session::new(0);
    session.send(&command::clients());
    assert_eq!(session.transmit(), b"");
    drive(&mut session, ATTACHED);
    assert!(session.transmit().ends_with(b"\n"));
    session.handle_written(usize::MAX);
    assert_eq!(session.transmit(), b"");
}

#[test]
fn a_refused_attach_says_why() {
    let mut session = Session::new(0);
    let wire = b"%begin 1 7 0\r\ncan't find session: x\r\n%error 1 7 0\r\n%exit\r\n";
    let want = [
        Event::Refused("can't find session: x".into()),
        Event::Notification(Notification::Exit(None)),
    ];
    assert_eq!(drive(&mut session, wire), want);
}

#[test]
fn replies_go_to_the_commands_in_their_order() {
    let mut session = attached();
    let (first, second) = (session.send(&command::clients()), session.send(&command::clients()));
    let wire = b"%begin 1 8 1\n%0\n%end 1 8 1\n%begin 1 9 1\n%end 1 9 1\n";
    assert_eq!(drive(&mut session, wire), [reply(first, &["%0\n"]), reply(second, &[""])]);
    assert_eq!(session.n_awaited(), 0);
}

#[test]
fn a_failed_command_is_a_reply_too() {
    let mut session = attached();
    let ticket = session.send(&command::kill_window(WindowId(9)));
    let wire = b"%begin 1 8 1\ncan't find window: @9\n%error 1 8 1\n";
    let error = Some(b"can't find window: @9\n".to_vec());
    let want = Event::Reply { ticket, reply: Reply { blocks: vec![], error } };
    assert_eq!(drive(&mut session, wire), [want]);
}

#[test]
fn a_screen_that_quotes_a_guard_does_not_end_the_reply() {
    let mut session = attached();
    let ticket = session.send(&command::clients());
    let wire = b"%begin 1 8 1\n%end 1 7 1\n%begin 1 9 1\n%exit\n%end 1 8 1\n";
    let want = reply(ticket, &["%end 1 7 1\n%begin 1 9 1\n%exit\n"]);
    assert_eq!(drive(&mut session, wire), [want]);
}

#[test]
fn the_output_of_hooks_answers_no_command() {
    let mut session = attached();
    let ticket = session.send(&command::clients());
    let wire = b"%begin 1 8 0\nhook\n%end 1 8 0\n%begin 1 9 1\n%end 1 9 1\n";
    assert_eq!(drive(&mut session, wire), [reply(ticket, &[""])]);
}

#[test]
fn a_compound_line_is_answered_up_to_its_sentinel() {
    let mut session = attached();
    let ticket = session.send(&command::sample(PaneId(1)));
    let sent = String::from_utf8(session.transmit().to_owned()).unwrap();
    assert!(sent.ends_with("\ndisplay-messag -p wtmag:abc:0\n"), "{sent}");
    let next = session.send(&command::clients());
    let wire = b"%begin 1 8 1\n$ ls\n%end 1 8 1\n%begin 1 9 1\n0 0\n%end 1 9 1\n\
        %begin 1 10 1\nwtmag:abc:0\n%end 1 10 1\n%begin 1 11 1\n%end 1 11 1\n";
    assert_eq!(
        drive(&mut session, wire),
        [reply(ticket, &["$ ls\n", "0 0\n"]), reply(next, &[""])]
    );
}

#[test]
fn a_compound_line_that_fails_half_way_is_answered_up_to_its_sentinel() {
    let mut session = attached();
    let ticket = session.send(&command::sample(PaneId(1)));
    let wire = b"%begin 1 8 1\ncan't find pane: %1\n%error 1 8 1\n\
        %begin 1 10 1\nwtmag:abc:0\n%end 1 10 1\n";
    let error = Some(b"can't find pane: %1\n".to_vec());
    let want = Event::Reply { ticket, reply: Reply { blocks: vec![], error } };
    assert_eq!(drive(&mut session, wire), [want]);
}

#[test]
fn a_notification_inside_the_block_of_a_silent_command_is_one() {
    let mut session = attached();
    let ticket = session.send(&command::pause(PaneId(1)));
    let wire = b"%begin 1 8 1\n%pause %1\n%end 1 8 1\n";
    let pause = Event::Notification(Notification::Pause(PaneId(1)));
    assert_eq!(drive(&mut session, wire), [pause, reply(ticket, &[""])]);
}

#[test]
fn stray_lines_and_unknown_notifications_pass() {
    let mut session = attached();
    let wire = b"/x: No such file or directory\n%brand-new 1\n%end 1 2 1\n%exit\n\x1b\\";
    let want = [
        Event::Stray(b"/x: No such file or directory".to_vec()),
        Event::Notification(Notification::Unknown(b"%brand-new 1".to_vec())),
        Event::Stray(b"%end 1 2 1".to_vec()),
        Event::Notification(Notification::Exit(None)),
    ];
    assert_eq!(drive(&mut session, wire), want);
}

#[test]
fn a_detach_is_a_blank_line() {
    let mut session = attached();
    session.detach();
    assert_eq!(session.transmit(), b"\n");
}

/// What tmux 3.3a, 3.5a and 3.8 said to the same nineteen lines.
#[test]
fn recorded_conversations_are_understood() {
    for wire in [
        &include_bytes!("../../../tests/fixtures/control/3.3a.txt")[..],
        include_bytes!("../../../tests/fixtures/control/3.5a.txt"),
        include_bytes!("../../../tests/fixtures/control/3.8.txt"),
    ] {
        let mut session = Session::new(0);
        let lines = (0..19).map(|at| match at {
            0 => command::subscribe(WindowId(0)),
            5 => command::pause(PaneId(1)),
            6 => command::resume(PaneId(1)),
            _ => command::clients(),
        });
        let tickets: Vec<Ticket> = lines.map(|line| session.send(&line)).collect();
        let events = drive(&mut session, wire);

        let replies = events.iter().filter_map(|event| match event {
            Event::Reply { ticket, reply } => Some((*ticket, reply.clone())),
            Event::Attached | Event::Refused(_) | Event::Notification(_) | Event::Stray(_) => None,
        });
        let replies: Vec<_> = replies.collect();
        assert!(replies.iter().map(|it| it.0).eq(tickets), "{replies:?}");
        let failed: Vec<usize> = (0..19).filter(|at| replies[*at].1.error.is_some()).collect();
        assert_eq!(failed, [2]);
        assert_eq!(replies[17].1.blocks, [b"%end 1 2 1\n"]);

        let is_stray = |it: &&Event| matches!(it, Event::Stray(_));
        assert_eq!(events.iter().filter(is_stray).count(), 1);
        let unknown =
            events.iter().find(|it| matches!(it, Event::Notification(Notification::Unknown(_))));
        assert_eq!(unknown, None);
        let output = Notification::ExtendedOutput {
            pane: PaneId(1),
            age: 0,
            bytes: "café \\ \u{1b}[1mbold\u{1b}[0m\r\r\n".into(),
        };
        assert!(events.contains(&Event::Notification(output)));
        assert_eq!(events.last(), Some(&Event::Notification(Notification::Exit(None))));
    }
}

/// Pieces that conversations are made of, broken ones too.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"%begin 1 8 1\r\n".to_vec()),
        Just(b"%end 1 8 1\r\n".to_vec()),
        Just(b"%error 1 8 1\r\n".to_vec()),
        Just(b"%begin 1 9 0\r\n%end 1 9 0\r\n".to_vec()),
        Just(b"%pause %1\r\n".to_vec()),
        Just(b"wtmag:abc:1\r\n".to_vec()),
        Just(b"\x1b\\".to_vec()),
        Just(ATTACHED.to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
        "%output %[0-9] [a-z\\\\0-7]{0,20}\r\n".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn chunks_do_not_matter(pieces in proptest::collection::vec(piece(), 0..30), at: u16) {
        let wire = [ATTACHED.to_vec(), pieces.concat()].concat();
        let (mut whole, mut split) = (Session::new(0xabc), Session::new(0xabc));
        for session in [&mut whole, &mut split] {
            session.send(&command::pause(PaneId(1)));
            session.send(&command::sample(PaneId(1)));
            session.send(&command::kill_session(SessionId(1)));
        }
        whole.handle_bytes(&wire);
        let (head, tail) = wire.split_at(usize::from(at) % wire.len());
        split.handle_bytes(head);
        let mut events = drive(&mut split, b"");
        events.extend(drive(&mut split, tail));
        prop_assert_eq!(drive(&mut whole, b""), events);
    }
}
