//! The lines as tmux reads them.
use super::*;

/// Every verb that is sent, and nothing else. Before you add one: does it wait (then everything
/// after it waits), and can it crash a server while a pane prints?
#[test]
fn the_verbs_are_a_closed_list() {
    let words: Vec<_> = Verb::ALL.iter().map(|it| it.name()).collect();
    let want = "capture-pane delete-buffer detach-client display-message has-session if-shell \
        kill-session kill-pane kill-window link-window list-clients list-panes list-sessions new-session \
        new-window paste-buffer refresh-client rename-window resize-window send-keys set-buffer set-option \
        show-environment show-options swap-pane switch-client unlink-window";
    assert_eq!(words.join(" "), want);
}

#[test]
fn a_client_is_only_refreshed_to_pause_to_continue_and_to_subscribe() {
    assert_eq!(pause(PaneId(3)).line(), r#"refresh-clien -A "%3:pause""#);
    assert_eq!(resume(PaneId(3)).line(), r#"refresh-clien -A "%3:continue""#);
    let subscribe = subscribe(WindowId(2));
    assert!(subscribe.line().starts_with(r#"refresh-clien -B "wtmag:@2:#{S:"#));
}

#[test]
fn what_is_pasted_is_guarded_in_the_same_line() {
    let guard = Guard { pid: Some(42), command: "a,b}#(x)".to_owned(), cursor: None };
    let acts = [
        paste((PaneId(3), Some(DeliveryId(7))), &guard, "b", "$x\n"),
        paste_loaded((PaneId(3), None), &guard, "b"),
        enter(PaneId(3), &guard, "b"),
        keys(PaneId(3), &guard, &["C-c"]),
    ];
    for act in acts {
        let line = act.line();
        let line = line.strip_prefix("if-shel -F -t \"%3\" \"").unwrap();
        let condition = line.trim_start_matches("#{&&:");
        assert!(condition.starts_with("#{==:#{pane_id} #{pane_pid},%3 42},"), "{line}");
        // Only keys are mirrored into synchronized panes.
        let (guard, _) = line.split_once(" { ").unwrap();
        assert_eq!(guard.contains("synchronized"), line.contains("send-key"), "{line}");
        assert!(act.line().contains("current_command},a#,b#}##(x)}"), "{}", act.line());
        assert_eq!(act.line().matches(" } { ").count(), 1, "{}", act.line());
    }
    let marked = paste((PaneId(3), Some(DeliveryId(7))), &guard, "b", "x");
    let (_, act) = marked.line().split_once("past").unwrap();
    assert!(act.contains(r#" ; set-optio -p -t "%3" -- "@wtmag_pasted" "7" ; "#), "{act}");
}

#[test]
fn a_window_is_made_shown_and_named_in_one_line() {
    let spec = NewWindow {
        worker: WorkerId::for_branch("blog", "x"),
        name: "x#(y)\u{7}".to_owned(),
        cwd: "/a#(b)".into(),
        env: vec![("A".to_owned(), "#(1)".to_owned())],
        argv: vec!["wtmag".to_owned(), "pane".to_owned()],
        show: Show::In { session: SessionId(3), name: "user".to_owned() },
    };
    let made_by = |version| create_window(version, SessionId(0), &spec, &UniqueName::new(1, 2));
    let line = made_by(Version::new(3, 3, 0));
    let want = [
        r#"has-sessio -t "\0443""#,
        r##"set-optio -F -t "\0440" -- "default-size" "#{S:#{?#{==:#{session_id},\0443},#{window_width}x#{window_height},}}""##,
        r##"new-windo -dP -F "#{pane_id} #{window_id} #{pane_pid}" -t "\0440:" -n "wtmag-1-2" -c "/a##(b)" -e "A=#(1)" -- "wtmag" "pane""##,
        r#"set-optio -w -t "\0440:=wtmag-1-2" -- "@wtmag_id" "blog-x""#,
        r#"set-optio -p -t "\0440:=wtmag-1-2" -- "@wtmag_pane" "blog-x""#,
        r#"set-optio -w -t "\0440:=wtmag-1-2" -- "automatic-rename" "off""#,
        r#"set-optio -w -t "\0440:=wtmag-1-2" -- "allow-rename" "off""#,
        r#"set-optio -w -t "\0440:=wtmag-1-2" -- "remain-on-exit" "off""#,
        r#"set-optio -p -t "\0440:=wtmag-1-2" -- "remain-on-exit" "off""#,
        r#"link-windo -d -s "\0440:=wtmag-1-2" -t "\0443:""#,
        r##"rename-windo -t "\0440:=wtmag-1-2" -- "x##(y)""##,
    ];
    assert_eq!(line.line().split(" ; ").collect::<Vec<_>>(), want);
    let line = made_by(Version::new(3, 2, 1));
    let more = line.line().split(" ; ").filter(|it| !want.contains(it));
    let fit = [
        r#"resize-windo -A -t "\0440:=wtmag-1-2""#,
        r#"set-optio -wu -t "\0440:=wtmag-1-2" "window-size""#,
    ];
    assert_eq!(more.collect::<Vec<_>>(), fit);
}
