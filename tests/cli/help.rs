//! `wtmag help` and `wtmag man`: pages that the binary carries.
use std::fs;

use crate::support::Sandbox;

#[test]
fn help_lists_commands_and_topics_and_shows_each() {
    let sandbox = Sandbox::new();
    let overview = sandbox.wtmag(["help"]).run().success();
    for word in ["create", "cleanup", "doctor", "states", "troubleshooting"] {
        assert!(overview.contains(&format!("\n  {word} ")), "{word}: {overview}");
    }
    let topics = overview.split("Topics").nth(1).unwrap();
    let topics = topics.lines().filter_map(|it| it.strip_prefix("  ")?.split(' ').next());
    let mut n_topics = 0;
    for topic in topics {
        // Into a pipe it is the page itself.
        let page = sandbox.wtmag(["help", topic]).run().success();
        assert!(page.starts_with("# "), "{topic}: {page}");
        n_topics += 1;
    }
    assert_eq!(n_topics, 12);
    let nested = sandbox.wtmag(["help", "hub", "start"]).run().success();
    assert!(nested.contains("Usage: wtmag hub start"), "{nested}");
    let flag = sandbox.wtmag(["create", "--help"]).run().success();
    assert_eq!(sandbox.wtmag(["help", "create"]).run().success(), flag);
}

#[test]
fn an_unknown_topic_is_a_usage_error_with_the_nearest_one() {
    let sandbox = Sandbox::new();
    let said = sandbox.wtmag(["help", "state"]).run().failure(2);
    assert!(said.contains("did you mean `wtmag help states`?"), "{said}");
}

#[test]
fn a_page_on_a_terminal_goes_through_the_pager_unless_it_fits() {
    let sandbox = Sandbox::new();
    sandbox.put_program("show", "#!/bin/sh\necho PAGED; cat\n");
    let wtmag = env!("CARGO_BIN_EXE_wtmag");
    let seat = sandbox.seat(&format!("PAGER=show {wtmag} help states"));
    assert_eq!(seat.wait_for_end(), 0);
    let said = String::from_utf8(seat.output()).unwrap();
    assert!(said.contains("PAGED") && said.contains("Where a state comes from"), "{said}");
    assert!(!said.contains("# Worker"), "{said}");
    let seat = sandbox.seat(&format!("PAGER=show {wtmag} help completions"));
    assert_eq!(seat.wait_for_end(), 0);
    let said = String::from_utf8(seat.output()).unwrap();
    assert!(said.contains("Usage") && !said.contains("PAGED"), "{said}");
}

#[test]
fn man_pages_are_written_for_every_command() {
    let sandbox = Sandbox::new();
    let out = sandbox.path("man");
    sandbox.wtmag(["man", "--out"]).arg(&out).run().success();
    for page in ["wtmag.1", "wtmag-create.1", "wtmag-hub-start.1"] {
        let text = fs::read_to_string(out.join(page)).unwrap();
        assert!(text.contains(".TH") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    assert!(!out.join("wtmag-pane.1").exists(), "internal programs have no page");
}
