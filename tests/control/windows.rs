//! Windows, sessions and the clients that show them.
use std::{fs, time::Duration};

use tokio::time;
use wtmag::{
    model::{PaneId, SessionId, WindowId},
    tmux::{Connection, Error, Event, Events, NoConnection, Show},
};

use super::{Stage, Terminal, event, eventually, look, placeholder, screen, shows};

#[tokio::test]
async fn a_worker_window_is_in_the_fleet_and_where_it_is_wanted() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    let mut spec = stage.window("x", "exec cat");
    let shown = connection.create_window(&spec).await.unwrap();
    assert_eq!(shown.session, Some((stage.user, "user".to_owned())));
    spec.show = Show::Alone { name: "blog-y".to_owned(), env: vec![("A".into(), "b;c".into())] };
    let alone = connection.create_window(&spec).await.unwrap();

    let rows = stage.tmux(&[
        "list-windows",
        "-aF",
        "#{session_name} #{window_id} #{window_name} #{@wtmag_id} #{automatic-rename}",
    ]);
    let want = [
        format!("blog-y {} x blog-x 0", alone.window),
        format!("user {} x blog-x 0", shown.window),
        format!("wtmag {} x blog-x 0", shown.window),
        format!("wtmag {} x blog-x 0", alone.window),
    ];
    let of_workers: Vec<_> = rows.lines().filter(|it| it.contains("blog-x")).collect();
    assert_eq!(of_workers, want);
    assert_eq!(stage.tmux(&["list-windows", "-t", "=blog-y"]).lines().count(), 1);
    assert_eq!(stage.tmux(&["show-environment", "-t", "=blog-y", "A"]), "A=b;c");

    let panes = connection.panes().await.unwrap();
    assert_eq!(panes.len(), 2);
    let found = panes.iter().find(|it| it.pane == shown.pane).unwrap();
    assert_eq!((found.window, found.worker.as_deref()), (shown.window, Some("blog-x")));
    let names: Vec<_> = found.links.iter().map(|it| it.session_name.as_str()).collect();
    assert_eq!(names, ["user", "wtmag"]);
    connection.close().await;
}

#[tokio::test]
async fn a_window_that_cannot_be_shown_is_not_made() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    let before = stage.tmux(&["list-windows", "-a"]);
    let mut spec = stage.window("x", "exec cat");
    spec.show = Show::In { session: SessionId(999), name: "x".to_owned() };
    let gone = connection.create_window(&spec).await;
    assert!(matches!(gone, Err(Error::Gone { .. })), "{gone:?}");
    spec.show = Show::Alone { name: "user".to_owned(), env: Vec::new() };
    let taken = connection.create_window(&spec).await;
    assert!(matches!(&taken, Err(Error::SessionExists { name }) if name == "user"), "{taken:?}");
    assert_eq!(stage.tmux(&["list-windows", "-a"]), before);
    connection.close().await;
}

/// All that a user could notice of a session, and the bells that reached their terminal.
fn noticed(stage: &Stage, terminal: &Terminal) -> (String, String, usize) {
    let windows = stage.tmux(&[
        "list-windows",
        "-t",
        "=user",
        "-F",
        "#{window_index} #{window_active} #{window_flags} #{window_bell_flag} \
            #{window_activity_flag} #{window_silence_flag}",
    ]);
    let client = stage.looks(&terminal.name);
    let bells = terminal.seen.lock().unwrap().iter().filter(|&&it| it == 7).count();
    (windows, client, bells)
}

#[tokio::test]
async fn a_linked_window_disturbs_no_more_than_the_users_own() {
    for script in ["printf READY", "printf 'READY\\a'", "printf '\\a'; sleep 1.2; printf READY"] {
        let script = &format!("{script}; exec cat");
        let (ours, theirs) = (Stage::new(), Stage::new());
        let mut seen = Vec::new();
        for stage in [&ours, &theirs] {
            for option in ["monitor-activity", "monitor-bell", "visual-activity"] {
                stage.tmux(&["set-option", "-g", option, "on"]);
            }
            let terminal = Terminal::attach(stage, "user").await;
            let (connection, _events) = stage.connect().await;
            let pane = if std::ptr::eq(stage, &ours) {
                connection.create_window(&stage.window("x", script)).await.unwrap().pane
            } else {
                let made =
                    ["new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "=user:", "-n", "x"];
                stage.tmux(&[&made[..], &["sh", "-c", script]].concat()).parse().unwrap()
            };
            look(&connection, pane, shows("READY")).await;
            // Everything tmux has to say to the terminal about it has been said.
            let marker = "MARK";
            stage.tmux(&["set-option", "-g", "status-right", marker]);
            eventually(|| {
                let seen = terminal.seen.lock().unwrap();
                seen.windows(marker.len()).any(|it| it == marker.as_bytes()).then_some(())
            })
            .await;
            seen.push(noticed(stage, &terminal));
            if std::ptr::eq(stage, &ours) {
                let size =
                    ["list-windows", "-t", "=user", "-F", "#{window_width}x#{window_height}"];
                assert_eq!(stage.tmux(&size), "120x39\n120x39", "{script}");
            }
            connection.close().await;
        }
        assert_eq!(seen[0], seen[1], "{script}");
    }
}

#[tokio::test]
async fn a_promoted_window_keeps_its_agent_and_its_watchers() {
    let stage = Stage::new();
    let terminal = Terminal::attach(&stage, "user").await;
    let (connection, mut events) = stage.connect().await;
    let log = stage.dir.path().join("log");
    let script =
        format!("i=0; while :; do i=$((i+1)); echo n$i; echo $i >>{}; done", log.display());
    let made = connection.create_window(&stage.window("x", &script)).await.unwrap();
    connection.switch_client(&terminal.name, stage.user, Some(made.window)).await.unwrap();
    let pid = stage.tmux(&["display", "-p", "-t", &made.pane.to_string(), "#{pane_pid}"]);

    let cwd = stage.dir.path();
    let promoted = connection.promote(made.window, "blog-x", cwd).await.unwrap();
    assert!(promoted.ended.is_empty(), "{promoted:?}");
    let place = |what: &str| stage.tmux(&["list-windows", "-aF", what]);
    let places = place("#{session_name} #{window_id}");
    let places: Vec<_> =
        places.lines().filter(|it| it.ends_with(&made.window.to_string())).collect();
    assert_eq!(places, [format!("blog-x {}", made.window), format!("wtmag {}", made.window)]);
    assert_eq!(stage.looks(&terminal.name), format!("blog-x {} 120x40", made.window));
    assert_eq!(stage.tmux(&["display", "-p", "-t", &made.pane.to_string(), "#{pane_pid}"]), pid);

    let before = fs::read_to_string(&log).unwrap().lines().count();
    screen(&connection, &mut events, made.pane, |_| {
        fs::read_to_string(&log).unwrap().lines().count() > before
    })
    .await;
    let numbers: Vec<usize> =
        fs::read_to_string(&log).unwrap().lines().filter_map(|it| it.parse().ok()).collect();
    assert!(numbers.iter().enumerate().all(|(at, n)| *n == at + 1), "output was interrupted");

    // Closing the user's session ends no worker, and its own session outlives it.
    stage.tmux(&["kill-window", "-t", &made.window.to_string()]);
    assert!(!place("#{session_name}").contains("blog-x"));
    connection.close().await;
}

#[tokio::test]
async fn promoting_the_last_window_of_a_session_ends_it_and_says_so() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    let made = connection.create_window(&stage.window("x", "exec cat")).await.unwrap();
    stage.tmux(&["kill-window", "-t", "=user:0"]);
    let terminal = Terminal::attach(&stage, "user").await;
    let promoted = connection.promote(made.window, "blog-x", stage.dir.path()).await.unwrap();
    assert_eq!(promoted.ended, ["user"]);
    assert_eq!(stage.looks(&terminal.name), format!("blog-x {} 120x40", made.window));
    let again = connection.promote(made.window, "blog-x", stage.dir.path()).await;
    assert!(matches!(again, Err(Error::SessionExists { .. })), "{again:?}");
    let gone = connection.promote(WindowId(999), "blog-z", stage.dir.path()).await;
    assert!(matches!(gone, Err(Error::Gone { .. })), "{gone:?}");
    assert_eq!(stage.tmux(&["list-sessions", "-F", "#{session_name}"]), "blog-x\nwtmag");
    connection.close().await;
}

#[tokio::test]
async fn the_callers_session_is_the_one_that_shows_the_pane() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    let made = connection.create_window(&stage.window("x", "exec cat")).await.unwrap();
    let name = async |pane, session| {
        let found = connection.caller_session(pane, session).await.unwrap();
        found.map(|it| it.session_name)
    };
    let user = Some("user".to_owned());
    assert_eq!(name(Some(made.pane), None).await, user);
    assert_eq!(name(None, Some(stage.user)).await, user);
    assert_eq!(name(None, Some(connection.info().fleet)).await, None);
    assert_eq!(name(Some(PaneId(999)), None).await, None);

    stage.tmux(&["new-session", "-d", "-s", "second"]);
    stage.tmux(&["link-window", "-d", "-s", &made.window.to_string(), "-t", "=second:"]);
    let _terminal = Terminal::attach(&stage, "second").await;
    assert_eq!(name(Some(made.pane), Some(stage.user)).await.as_deref(), Some("second"));
    connection.close().await;
}

#[tokio::test]
async fn the_fleet_survives_options_and_names_of_the_users() {
    let stage = Stage::new();
    let _keep = Terminal::attach(&stage, "user").await;
    stage.tmux(&["set-option", "-g", "destroy-unattached", "on"]);
    stage.tmux(&["set-option", "-g", "detach-on-destroy", "off"]);
    stage.tmux(&["set-hook", "-g", "after-new-window", "list-keys"]);
    stage.tmux(&["set-hook", "-g", "window-linked", "display-message -p hook"]);
    stage.tmux(&["rename-session", "-t", "=user", "wtmag"]);
    let (connection, mut events) = stage.connect().await;
    assert_eq!(connection.info().fleet_name, "wtmag-fleet");
    let mut spec = stage.window("x", "printf seen; exec cat");
    let made = connection.create_window(&spec).await.unwrap();
    screen(&connection, &mut events, made.pane, shows("seen")).await;
    spec.show = Show::Alone { name: "blog-y".to_owned(), env: Vec::new() };
    connection.create_window(&spec).await.unwrap();
    let sessions = stage.tmux(&["list-sessions", "-F", "#{session_name}"]);
    assert_eq!(sessions, "blog-y\nwtmag\nwtmag-fleet");
    connection.close().await;
}

#[tokio::test]
async fn a_server_is_started_only_if_that_is_wanted() {
    let stage = Stage::empty();
    let refused = Connection::open(&stage.server, &placeholder(), NoConnection::MakeFleet).await;
    assert!(matches!(refused, Err(Error::NoServer { .. })), "{:?}", refused.err());
    assert!(!stage.server.socket.exists());
    let (connection, _events) = stage.connect().await;
    assert!(connection.info().version >= wtmag::model::Version::new(3, 2, 0));
    assert_eq!(stage.tmux(&["list-sessions", "-F", "#{session_name}"]), "wtmag");
    connection.close().await;
}

#[tokio::test]
async fn a_sessions_environment_is_read_as_it_is() {
    let stage = Stage::new();
    let (connection, _events) = stage.connect().await;
    let user = stage.user;
    let value = "a\nb\"$x`y`\\z\té; export B";
    stage.tmux(&["set-environment", "-t", "=user:", "A_TEST", value]);
    stage.tmux(&["set-environment", "-r", "-t", "=user:", "B_TEST"]);
    let found = connection.session_environment(user).await.unwrap();
    let of = |name: &str| found.iter().find(|it| it.0 == name).map(|it| it.1.as_deref());
    assert_eq!((of("A_TEST"), of("B_TEST")), (Some(Some(value)), Some(None)));
    let names = connection.update_environment(user).await.unwrap();
    assert!(names.contains(&"SSH_AUTH_SOCK".to_owned()), "{names:?}");
    connection.close().await;
}

#[tokio::test]
async fn what_changes_is_told() {
    let stage = Stage::new();
    let (connection, mut events) = stage.connect().await;
    let made = connection.create_window(&stage.window("x", "exec cat")).await.unwrap();
    let user = stage.user;
    let pane = made.pane.to_string();
    let structure = |it: &Event| *it == Event::Structure;
    // Modes and links are told at once, `select-pane -d` by the subscription.
    for act in [
        &["copy-mode", "-t", &pane][..],
        &["select-pane", "-d", "-t", &pane],
        &["unlink-window", "-t", &format!("{user}:{}", made.window)],
    ] {
        event(&mut events, structure).await;
        drain(&mut events).await;
        stage.tmux(act);
    }
    event(&mut events, structure).await;
    let terminal = Terminal::attach(&stage, "user").await;
    stage.tmux(&["switch-client", "-c", &terminal.name, "-t", "=wtmag"]);
    let fleet = connection.info().fleet;
    let moved =
        |it: &Event| matches!(it, Event::ClientSession { session, .. } if *session == fleet);
    event(&mut events, moved).await;
    let clients = connection.clients().await.unwrap();
    let names: Vec<_> = clients.iter().map(|it| (it.name.as_str(), it.session)).collect();
    assert_eq!(names, [(terminal.name.as_str(), fleet)]);
    connection.close().await;
}

/// Drops what was told so far: until nothing has come for longer than a subscription takes.
async fn drain(events: &mut Events) {
    while time::timeout(Duration::from_millis(1200), events.recv()).await.is_ok() {}
}
