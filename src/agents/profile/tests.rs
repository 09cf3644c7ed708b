//! Profiles as texts: what is refused, and what they mean.
use super::*;

#[track_caller]
fn refused(text: &str, want: &[&str]) {
    let error = Profile::parse("/home/me/.config/wtmag/agents/x.toml", text).unwrap_err();
    let shown = format!("{error}: {}", error.source);
    for part in want {
        assert!(shown.contains(part), "{part} is not in: {shown}");
    }
}

#[test]
fn an_error_names_the_file_the_line_and_the_key() {
    refused("name = 'x'\nquiet = 3", &["agents/x.toml", "line 2", "quiet"]);
    refused("name = 'x'\n[box]\nprompt = '^('", &["line 3", "prompt", "unclosed group"]);
    refused(
        "name = 'x'\n[[rule]]\nstate = 'busy'\nall = ['x']",
        &["line 2", "unknown state `busy`", "working"],
    );
    refused(
        "name = 'x'\n[[rule]]\nstate = 'idle'\nall = ['x']\n\n[[rule]]\nall = ['x']\nstate = 'busy'",
        &["rule at line 6", "unknown state `busy`"],
    );
    refused("name = 'x'\n[[rule]]\nstate = 'idle'\nall = ['(']", &["line 4", "unclosed group"]);
    refused(
        "name = 'x'\n[[rule]]\nstate = 'idle'\nin = 'top 3'\nall = ['x']",
        &["unknown region `top 3`", "bottom N"],
    );
    refused("name = 'x'\n[[rule]]\nstate = 'idle'", &["rule for `idle` needs `all` or `any`"]);
    refused(
        "name = 'x'\n[[rule]]\nstate = 'idle'\nin = 'below'\nall = ['x']",
        &["rule `idle` has a region relative to the box, but there is no [box]"],
    );
    refused("name = 'x'\n[box]\nbottom = '^-'", &["[box] needs `top`, `frame` or `prompt`"]);
}

#[test]
fn a_key_that_tmux_would_type_is_refused() {
    for key in ["Esc", "Ctrl-C", "Return", "F13", "", "C-", "q!"] {
        refused(&format!("name = 'x'\nkeys = {{ interrupt = ['{key}'] }}"), &["[keys]", key]);
    }
    for key in ["Escape", "C-c", "^C", "M-S-Up", "f12", "q", "é", "S-Tab", "BSpace", "C-Space"] {
        let text = format!("name = 'x'\nkeys = {{ quit = ['{key}'] }}");
        assert!(Profile::parse("x", &text).is_ok(), "{key}");
    }
}

#[test]
fn only_a_profile_that_says_so_takes_several_lines_into_its_box() {
    let lines = |profile: &Profile| profile.paste.comfortable_lines;
    assert_eq!(lines(&Profile::parse("x", "name = 'x'").unwrap()), 1);
    assert_eq!(lines(&Profile::shared("generic").unwrap()), 1);
    for name in ["codex", "opencode", "pi"] {
        assert_eq!(lines(&Profile::shared(name).unwrap()), 200, "{name}");
    }
    assert_eq!(lines(&Profile::shared("claude").unwrap()), 3, "more is an attachment");
}

#[test]
fn a_folded_paste_is_nothing_but_its_placeholder() {
    for (name, text) in [
        ("claude", "[Pasted text #1]"),
        ("claude", "[Pasted text #2 +12 lines]"),
        ("codex", "[Pasted Content 2177 chars]"),
        ("opencode", "[Pasted ~3 lines]"),
        ("pi", "[paste #1 2177 chars]"),
        ("pi", "[paste #1 +12 lines]"),
    ] {
        let profile = Profile::shared(name).unwrap();
        assert!(profile.is_folded(text), "{name} {text}");
        assert!(!profile.is_folded(&format!("draft {text}")), "{name} {text}");
    }
}

#[test]
fn the_example_of_the_docs_is_a_profile() {
    let text: String = include_str!("../mod.rs")
        .lines()
        .skip_while(|line| !line.contains("```toml"))
        .skip(1)
        .take_while(|line| !line.contains("```"))
        .map(|line| line.trim_start_matches("//! ").trim_start_matches("//!").to_owned() + "\n")
        .collect();
    assert_eq!(Profile::parse("docs", &text).unwrap().rules.len(), 2);
}
