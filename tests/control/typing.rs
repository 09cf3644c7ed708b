//! Text is typed into a pane exactly, or not at all.
use std::fs;

use wtmag::{
    model::{DeliveryId, PaneId},
    tmux::{Acted, Connection, Created, Events, Guard, Refusal},
};

use super::{Stage, eventually, look, shows};

/// Records what it reads, as a program with a raw terminal does.
const RECORDER: &str = "stty raw -echo; printf 'READY\\033[?2004h'; exec cat >>typed";

async fn recorder(stage: &Stage) -> (Connection, Events, Created) {
    let (connection, events) = stage.connect().await;
    let made = connection.create_window(&stage.window("x", RECORDER)).await.unwrap();
    look(&connection, made.pane, |it| shows("READY")(it) && it.command == "cat").await;
    (connection, events, made)
}

fn cat() -> Guard {
    Guard { pid: None, command: "cat".to_owned(), cursor: None }
}

/// What the recorder has read, once it has read as much as is wanted.
async fn typed(stage: &Stage, want: &str) {
    let path = stage.dir.path().join("typed");
    let is_enough = |it: &Vec<u8>| it.len() >= want.len();
    let typed = eventually(|| fs::read(&path).ok().filter(is_enough)).await;
    assert_eq!(String::from_utf8(typed).unwrap(), want);
}

/// The proof that a paste happened, for a hub that did not see the reply.
#[tokio::test]
async fn a_pane_is_marked_with_what_was_pasted_and_only_then() {
    let long = "x".repeat(70_000);
    for (n, text) in [(1, "x"), (2, long.as_str())] {
        let stage = Stage::new();
        let (connection, _events, made) = recorder(&stage).await;
        let pasted = async || connection.sample(made.pane).await.unwrap().pasted;
        let to = |n| (made.pane, Some(DeliveryId(n)));
        let other = Guard { command: "vim".to_owned(), ..cat() };
        let refused = connection.paste(to(7), &other, text).await.unwrap();
        assert!(matches!(refused, Acted::Refused(_)));
        assert_eq!(pasted().await, None);
        assert_eq!(connection.paste(to(n), &cat(), text).await.unwrap(), Acted::Done);
        assert_eq!(pasted().await, Some(DeliveryId(n)));
        assert_eq!(connection.paste((made.pane, None), &cat(), text).await.unwrap(), Acted::Done);
        assert_eq!(pasted().await, Some(DeliveryId(n)));
    }
}

#[tokio::test]
async fn a_paste_arrives_exactly_and_enter_is_one_carriage_return() {
    let long = "0123456789abcdé ".repeat(4096);
    for text in ["x", "-b é✓ 'q\" $x #(y) #{z} %H\\ ;\n\ttwo;", &long] {
        let stage = Stage::new();
        let (connection, _events, made) = recorder(&stage).await;
        assert_eq!(connection.paste((made.pane, None), &cat(), text).await.unwrap(), Acted::Done);
        typed(&stage, &format!("\x1b[200~{text}\x1b[201~")).await;
        assert_eq!(connection.enter(made.pane, &cat()).await.unwrap(), Acted::Done);
        typed(&stage, &format!("\x1b[200~{text}\x1b[201~\r")).await;
        assert_eq!(
            connection.keys(made.pane, &cat(), &["Down", "C-c"]).await.unwrap(),
            Acted::Done
        );
        typed(&stage, &format!("\x1b[200~{text}\x1b[201~\r\x1b[B\x03")).await;
        assert_eq!(stage.tmux(&["list-buffers"]), "");
        connection.close().await;
    }
}

/// Whatever was drawn since the cursor was seen: no text and no key goes there.
#[tokio::test]
async fn what_was_drawn_meanwhile_gets_nothing() {
    let stage = Stage::new();
    let (connection, _events, made) = recorder(&stage).await;
    let at = connection.sample(made.pane).await.unwrap().cursor;
    let guard = |cursor| Guard { cursor: Some(cursor), ..cat() };
    for elsewhere in [(at.0 + 1, at.1), (at.0, at.1 + 1)] {
        let moved = Acted::Refused(Refusal::Moved);
        let pasted = connection.paste((made.pane, None), &guard(elsewhere), "x").await.unwrap();
        assert_eq!(pasted, moved);
        assert_eq!(connection.enter(made.pane, &guard(elsewhere)).await.unwrap(), moved);
    }
    assert_eq!(connection.paste((made.pane, None), &guard(at), "y").await.unwrap(), Acted::Done);
    typed(&stage, "\x1b[200~y\x1b[201~").await;
    assert_eq!(stage.tmux(&["list-buffers"]), "");
    connection.close().await;
}

#[tokio::test]
async fn control_characters_do_not_end_a_paste() {
    let stage = Stage::new();
    let (connection, _events, made) = recorder(&stage).await;
    let text = "a\x1b[201~\x03rm -rf\r\n\u{9b}201~b\0";
    assert_eq!(connection.paste((made.pane, None), &cat(), text).await.unwrap(), Acted::Done);
    typed(&stage, "\x1b[200~a[201~rm -rf\n201~b\x1b[201~").await;
    connection.close().await;
}

#[track_caller]
fn refused(acted: Acted, why: &Refusal) {
    assert_eq!(acted, Acted::Refused(why.clone()));
}

/// Tries each way to type, and finds that none did.
async fn all_refused(stage: &Stage, connection: &Connection, pane: PaneId, why: Refusal) {
    let long = "x".repeat(20_000);
    refused(connection.paste((pane, None), &cat(), "text").await.unwrap(), &why);
    refused(connection.paste((pane, None), &cat(), &long).await.unwrap(), &why);
    refused(connection.enter(pane, &cat()).await.unwrap(), &why);
    refused(connection.keys(pane, &cat(), &["x"]).await.unwrap(), &why);
    assert_eq!(stage.tmux(&["list-buffers"]), "");
}

#[tokio::test]
async fn nothing_is_typed_where_it_would_go_elsewhere() {
    let stage = Stage::new();
    let (connection, _events, made) = recorder(&stage).await;
    let pane = made.pane.to_string();

    stage.tmux(&["copy-mode", "-t", &pane]);
    all_refused(&stage, &connection, made.pane, Refusal::InMode).await;
    stage.tmux(&["send-keys", "-t", &pane, "-X", "cancel"]);

    stage.tmux(&["select-pane", "-d", "-t", &pane]);
    all_refused(&stage, &connection, made.pane, Refusal::InputOff).await;
    stage.tmux(&["select-pane", "-e", "-t", &pane]);

    let other = connection.create_window(&stage.window("y", "exec sleep 1000")).await.unwrap();
    look(&connection, other.pane, |it| it.command == "sleep").await;
    let why = Refusal::Foreground("sleep".to_owned());
    all_refused(&stage, &connection, other.pane, why).await;

    stage.tmux(&["set-option", "-p", "-t", &pane, "remain-on-exit", "on"]);
    let pid = stage.tmux(&["display", "-p", "-t", &pane, "#{pane_pid}"]);
    stage.tmux(&["run-shell", &format!("kill {pid}")]);
    look(&connection, made.pane, |it| it.dead).await;
    all_refused(&stage, &connection, made.pane, Refusal::Dead).await;

    all_refused(&stage, &connection, PaneId(999), Refusal::Gone).await;

    // The same program in the same pane, but not the one that was meant.
    stage.tmux(&["respawn-pane", "-k", "-t", &pane, "sh", "-c", RECORDER]);
    look(&connection, made.pane, |it| it.command == "cat").await;
    let guard = Guard { pid: Some(made.pid), ..cat() };
    refused(connection.paste((made.pane, None), &guard, "text").await.unwrap(), &Refusal::Gone);
    refused(connection.enter(made.pane, &guard).await.unwrap(), &Refusal::Gone);
    assert_eq!(fs::read(stage.dir.path().join("typed")).unwrap(), b"");
    connection.close().await;
}

#[tokio::test]
async fn keys_are_not_mirrored_into_the_users_synchronized_panes() {
    let stage = Stage::new();
    let (connection, _events, made) = recorder(&stage).await;
    let window = made.window.to_string();
    let guard = cat();
    let keys = || connection.keys(made.pane, &guard, &["x"]);
    stage.tmux(&["set-option", "-w", "-t", &window, "synchronize-panes", "on"]);
    assert_eq!(keys().await.unwrap(), Acted::Done, "there is no other pane");
    let split = ["split-window", "-dP", "-F", "#{pane_id}", "-t", &window, "exec cat"];
    let other = stage.tmux(&split).trim().to_owned();
    refused(keys().await.unwrap(), &Refusal::Synchronized);
    assert_eq!(connection.paste((made.pane, None), &cat(), "y").await.unwrap(), Acted::Done);
    assert_eq!(connection.enter(made.pane, &cat()).await.unwrap(), Acted::Done);
    typed(&stage, "x\x1b[200~y\x1b[201~\r").await;
    stage.tmux(&["set-option", "-w", "-t", &window, "synchronize-panes", "off"]);
    assert_eq!(keys().await.unwrap(), Acted::Done);
    typed(&stage, "x\x1b[200~y\x1b[201~\rx").await;
    assert_eq!(stage.tmux(&["capture-pane", "-p", "-t", &other]).trim(), "", "its tty would echo");
    connection.close().await;
}

#[tokio::test]
async fn a_line_end_around_a_text_is_not_pasted() {
    let stage = Stage::new();
    let (connection, _events, made) = recorder(&stage).await;
    let acted = connection.paste((made.pane, None), &cat(), "\n\r\none\ntwo\r\n\n").await.unwrap();
    assert_eq!(acted, Acted::Done);
    typed(&stage, "\x1b[200~one\ntwo\x1b[201~").await;
    connection.close().await;
}
