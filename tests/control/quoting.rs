//! Text that is sent stays text.
use std::fs;

use proptest::{collection::vec, prelude::*};
use wtmag::tmux::{
    Acted, Guard, command,
    quote::{Format, push_quoted},
};

use super::{Stage, eventually, look};

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::new();
    push_quoted(&mut text, bytes);
    text
}

/// Text that tmux, a shell or a terminal would read as something else.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("#(touch ran)"),
        Just("#{pane_id}"),
        Just("#{"),
        Just("#["),
        Just("#"),
        Just("##"),
        Just("["),
        Just("}"),
        Just(","),
        Just("%H"),
        Just("%"),
        Just("$(touch ran)"),
        Just("`touch ran`"),
        Just(";"),
        Just("~"),
        Just("\\"),
        Just("\"'"),
        Just("é✓"),
        Just("-x :."),
    ];
    let any_text = "[^\\p{C}]{0,5}";
    vec(prop_oneof![piece.prop_map(str::to_owned), any_text.boxed()], 1..8)
        .prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, max_shrink_iters: 64, ..Default::default() })]

    #[test]
    fn any_bytes_but_nul_come_back(values in vec(vec(1_u8.., 0..200), 50)) {
        let stage = Stage::new();
        let file = |at: usize| stage.dir.path().join(at.to_string());
        let ask = |(at, value): (usize, &Vec<u8>)| {
            let (value, file) = (quoted(value), file(at).display().to_string());
            [
                format!("set-option @x{at} {value}"),
                format!("show-options -v @x{at}"),
                format!("set-buffer -b x -- {value}"),
                format!("save-buffer -b x {file}"),
            ]
        };
        let lines: Vec<String> = values.iter().enumerate().flat_map(ask).collect();
        let answers = stage.converse(&lines);
        // Some releases escape what they print. What was read is in the buffer, as it is, in all.
        let prints_raw = stage.converse(&[r#"display-message -p "\001""#.to_owned()]) == [[1]];
        for (at, value) in values.iter().enumerate() {
            if prints_raw {
                prop_assert_eq!(&answers[4 * at + 1], value);
            }
            // An empty buffer is none.
            if !value.is_empty() {
                prop_assert_eq!(&fs::read(file(at)).unwrap(), value);
            }
        }
    }

    #[test]
    fn a_literal_format_comes_back_from_a_message_and_runs_nothing(
        texts in vec(hostile(), 50),
    ) {
        let stage = Stage::new();
        stage.tmux(&["set-option", "-g", "default-command", "exec cat"]);
        let ask = |text: &String| command::display(None, &Format::literal(text)).line().to_owned();
        let answers = stage.converse(&texts.iter().map(ask).collect::<Vec<_>>());
        for (text, answer) in texts.iter().zip(answers) {
            prop_assert_eq!(&String::from_utf8(answer).unwrap(), text);
        }
        prop_assert!(!stage.dir.path().join("ran").exists());
    }

    #[test]
    fn a_condition_compares_text_as_it_is(texts in vec(hostile(), 50)) {
        let stage = Stage::new();
        let ask = |text: &String| {
            let same = Format::equals("#{@v}", text);
            let other = Format::equals("#{@v}", format!("{text}x"));
            let when = |condition: &Format| {
                let condition = quoted(condition.as_bytes());
                format!("if-shell -F {condition} {{ display -p yes }} {{ display -p no }}")
            };
            let set = format!("set-option -w @v {}", quoted(text.as_bytes()));
            [set, when(&same), when(&same.and(&same)), when(&other.and(&same))]
        };
        let answers = stage.converse(&texts.iter().flat_map(ask).collect::<Vec<_>>());
        let said = |it: &Vec<u8>| !it.is_empty();
        let answers: Vec<_> = answers.into_iter().filter(said).collect();
        for (text, answers) in texts.iter().zip(answers.chunks(3)) {
            prop_assert_eq!(answers, [&b"yes"[..], b"yes", b"no"], "{}", text);
        }
    }
}

#[tokio::test]
async fn a_window_in_a_hostile_place_starts_as_it_was_asked_to() {
    let stage = Stage::new();
    let place = stage.dir.path().join("a#(touch z)b #{pane_id} 'q\" $x ~;%H#[x");
    fs::create_dir(&place).unwrap();
    let (connection, _events) = stage.connect().await;
    let value = "line\nfeed;$(touch z)#(touch z)\\\"'é\u{1b}[31m~";
    let mut spec = stage.window(
        "fix#(touch z)#{pane_id};$(touch z)",
        r#"{ printf '%s\0' "$PWD" "$VALUE" "$@"; } >part; mv part ../out; exec cat"#,
    );
    spec.cwd = place.clone();
    spec.env = vec![("VALUE".to_owned(), value.to_owned())];
    spec.argv.extend(["sh", "-x", "", value, "a;", ";"].map(str::to_owned));
    let created = connection.create_window(&spec).await.unwrap();
    let out = stage.dir.path().join("out");
    let seen = eventually(|| fs::read_to_string(&out).ok()).await;
    let want = [place.to_str().unwrap(), value, "-x", "", value, "a;", ";", ""];
    assert_eq!(seen.split('\0').collect::<Vec<_>>(), want);
    let name = stage.tmux(&["display", "-p", "-t", &created.pane.to_string(), "#{window_name}"]);
    assert_eq!(name, spec.name);
    for place in [stage.dir.path(), &place] {
        assert!(!place.join("z").exists());
    }
    connection.close().await;
}

#[tokio::test]
async fn a_users_aliases_do_not_change_what_we_say() {
    let stage = Stage::new();
    let spec = stage.window("x", "exec cat");
    let spawned = ["list-sessions", "attach-session", "load-buffer"];
    let names = command::Verb::ALL.iter().map(|it| it.name()).chain(spawned);
    for (at, name) in names.enumerate() {
        let option = format!("command-alias[{}]", 100 + at);
        stage.tmux(&["set-optio", "-s", &option, &format!("{name}=kill-server")]);
    }
    let (connection, _events) = stage.connect().await;
    let pane = connection.create_window(&spec).await.unwrap().pane;
    let guard = Guard { pid: None, command: "cat".to_owned(), cursor: None };
    look(&connection, pane, |it| it.command == "cat").await;
    let long = "x".repeat(20_000);
    assert_eq!(connection.paste((pane, None), &guard, &long).await.unwrap(), Acted::Done);
    assert_eq!(connection.enter(pane, &guard).await.unwrap(), Acted::Done);
    connection.close().await;
}
