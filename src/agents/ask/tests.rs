//! Dialogs of real agents, as tmux showed them, and what a human reads in them.
use super::*;

#[track_caller]
fn check(screen: &str, turn: AgentState, want: (AskKind, &str, &str, &[&str])) {
    let rows: Vec<String> = screen.lines().map(str::to_owned).collect();
    let row = rows.iter().rposition(|it| !it.trim().is_empty());
    let ask = read(&rows, &turn, row).unwrap();
    let choices: Vec<String> = ask
        .choices
        .iter()
        .map(|it| if it.selected { format!("> {}", it.label) } else { it.label.clone() })
        .collect();
    let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
    let found = (ask.kind, ask.about.as_str(), ask.question.as_str(), choices.as_slice());
    assert_eq!(found, want, "{screen}");
}

const PERMISSION: AgentState = AgentState::Waiting(Question::Permission);
const QUESTION: AgentState = AgentState::Waiting(Question::Question);
const OTHER: AgentState = AgentState::Blocked(Blocker::Other);

#[test]
fn a_command_is_named_with_its_answers() {
    check(
        "● Printing hi\n  ⎿  $ touch ./x\n──────────────────────\n Bash command\n Tip: auto mode handles these\n\n Print hi\n\
         ╌╌╌╌╌╌╌╌╌╌╌╌╌╌\n touch ./stub-touched.txt\n╌╌╌╌╌╌╌╌╌╌╌╌╌╌\n Do you want to proceed?\n ❯ 1. Yes\n   2. No\n\n Esc to cancel",
        PERMISSION,
        (AskKind::Command, "touch ./stub-touched.txt", "Do you want to proceed?", &["> Yes", "No"]),
    );
    check(
        "› TOOL please run it\n\n• Running echo hi\n\n  Would you like to run the following command?\n\n  Environment: local\n\n\
         \x20 Reason: stub wants to print hi\n\n  $ echo hi\n\n› 1. Yes, proceed (y)\n  2. No, and tell Codex (esc)\n\n  Press enter to confirm",
        PERMISSION,
        (
            AskKind::Command,
            "echo hi",
            "Would you like to run the following command?",
            &["> Yes, proceed (y)", "No, and tell Codex (esc)"],
        ),
    );
    check(
        "     $ echo hi\n     ▣  Build · Stub Model\n\n  ┃\n  ┃  △ Permission required\n  ┃    # Shell command\n  ┃\n  ┃  $ echo hi\n  ┃\n\
         \x20 ┃   Allow once   Allow always   Reject              ctrl+f fullscreen  ⇆ select\n  ┃",
        PERMISSION,
        (
            AskKind::Command,
            "echo hi",
            "△ Permission required",
            &["Allow once", "Allow always", "Reject"],
        ),
    );
}

#[test]
fn a_command_is_named_also_by_a_dialog_that_unknown() {
    check(
        "● Bash(touch x)\n╭────────────────────────\n│\n│  Bash(touch ./x.txt)\n│\n│  ⎿ Will run: touch ./x.txt\n│\n\
         │  Would you like to continue?\n│\n│  Note: Dangerous commands will be blocked.\n│\n│  > Continue (tab)\n│    No, and tell Continue (esc)\n╰───────────────────",
        QUESTION,
        (
            AskKind::Command,
            "touch ./x.txt",
            "Would you like to continue?",
            &["> Continue (tab)", "No, and tell Continue (esc)"],
        ),
    );
    check(
        "  > TOOLWRITE golf please\n\n  ? Shell touch ./x.txt (Print hi) ←\n\n     ⚠ Auto Mode couldn't classify this action\n\n     touch ./x.txt\n\n\
         \x20  Allow execution of: 'touch'?\n\n   › 1. Yes, allow once\n     2. No, suggest changes (esc)\n\n  ⠏ Waiting for user confirmation...",
        PERMISSION,
        (
            AskKind::Command,
            "touch ./x.txt",
            "Allow execution of: 'touch'?",
            &["> Yes, allow once", "No, suggest changes (esc)"],
        ),
    );
    check(
        "■ Running touch ./x.txt\n ⠸ Running command… (1s)\n┌────────────────────\n│ Permission for the file_system.bash tool (touch *)\n│ touch ./x.txt\n│\n\
         │   1. Allow once\n│   2. Always allow\n│   3. Deny\n│\n│ ↑↓/jk navigate  Enter select  Esc reject\n└──────────────",
        OTHER,
        (
            AskKind::Command,
            "touch ./x.txt",
            "Permission for the file_system.bash tool (touch *)",
            &["Allow once", "Always allow", "Deny"],
        ),
    );
    check(
        "npm test\n\nRun shell command? (Y)es/(N)o/(D)on't ask again [Yes]:",
        QUESTION,
        (AskKind::Command, "npm test", "Run shell command?", &["> Yes", "No", "Don't ask again"]),
    );
}

#[test]
fn files_addresses_tools_and_plans_are_named() {
    check(
        "─────────────\n Edit file\n src/main.rs\n╌╌╌╌╌╌╌╌╌╌╌\n 1 - old run\n 1 + new run\n╌╌╌╌╌╌╌╌╌╌╌\n Do you want to make this edit to main.rs?\n ❯ 1. Yes\n   2. No",
        PERMISSION,
        (
            AskKind::Path,
            "src/main.rs",
            "Do you want to make this edit to main.rs?",
            &["> Yes", "No"],
        ),
    );
    check(
        "─────────────\n Fetch\n https://example.org/a\n Claude wants to fetch content from example.org\n Do you want to allow Claude to fetch this content?\n ❯ 1. Yes\n   2. No",
        PERMISSION,
        (
            AskKind::Url,
            "https://example.org/a",
            "Do you want to allow Claude to fetch this content?",
            &["> Yes", "No"],
        ),
    );
    check(
        "─────────────\n Tool use\n github - create_issue(title: \"x\") (MCP)\n Do you want to proceed?\n ❯ 1. Yes\n   2. No",
        PERMISSION,
        (
            AskKind::Tool,
            "github - create_issue(title: \"x\") (MCP)",
            "Do you want to proceed?",
            &["> Yes", "No"],
        ),
    );
    check(
        "─────────────\n Ready to code?\n Here is Claude's plan:\n 1. Fix the title\n Would you like to proceed with this plan?\n ❯ Yes, and auto-accept edits\n   No, keep planning",
        PERMISSION,
        (
            AskKind::Plan,
            "1. Fix the title",
            "Would you like to proceed with this plan?",
            &["> Yes, and auto-accept edits", "No, keep planning"],
        ),
    );
}

#[test]
fn trust_names_the_directory() {
    let trust = AgentState::Blocked(Blocker::Trust);
    check(
        "─────────────\n Trust project folder?\n /home/dev/work/pi\n\n This allows pi to load .pi settings and resources, install missing project packages\n\n → Trust\n   Do not trust\n\n ↑↓ navigate",
        trust.clone(),
        (
            AskKind::Trust,
            "/home/dev/work/pi",
            "Trust project folder?",
            &["> Trust", "Do not trust"],
        ),
    );
    check(
        "   ╭───────────────\n   │\n   │ Do you trust this folder?\n   │ Trusting a folder allows Qwen Code to execute commands it suggests.\n   │\n   │ › 1. Trust folder (blog.one)\n   │   2. Don't trust (esc)\n   ╰─────────────",
        trust.clone(),
        (
            AskKind::Trust,
            "blog.one",
            "Do you trust this folder?",
            &["> Trust folder (blog.one)", "Don't trust (esc)"],
        ),
    );
    check(
        "─────────────\n Accessing workspace:\n\n /home/ann/src\n\n Quick safety check: Is this a project you created or one you trust? (Like your own code.)\n\n ❯ No, exit\n   Yes, I trust this folder",
        trust,
        (
            AskKind::Trust,
            "/home/ann/src",
            "Quick safety check: Is this a project you created or one you trust?",
            &["> No, exit", "Yes, I trust this folder"],
        ),
    );
}

#[test]
fn a_question_is_no_permission() {
    check(
        "● I need to know one thing.\n\n Which database should it use?\n\n ❯ 1. Postgres\n   2. SQLite\n\n Enter to select",
        QUESTION,
        (AskKind::Question, "", "Which database should it use?", &["> Postgres", "SQLite"]),
    );
    check(
        "Add .aider* to .gitignore (recommended)? (Y)es/(N)o [Yes]:",
        QUESTION,
        (AskKind::Question, "", "Add .aider* to .gitignore (recommended)?", &["> Yes", "No"]),
    );
    check(
        "Overwrite it? [y/N]",
        QUESTION,
        (AskKind::Question, "", "Overwrite it?", &["Yes", "> No"]),
    );
}

#[test]
fn what_acts_on_a_terminal_is_taken_out_and_long_texts_are_cut() {
    let long = "x".repeat(1000);
    let screen = format!("Run this command?\n$ e\u{202e}cho\u{1b}]0;t\u{7} {long}\n❯ Yes\n  No");
    let rows: Vec<String> = screen.lines().map(str::to_owned).collect();
    let ask = read(&rows, &PERMISSION, None).unwrap();
    assert!(ask.about.starts_with("echo␛]0;t␇ xxx"), "{}", ask.about);
    assert_eq!(ask.about.chars().count(), Ask::MAX_TEXT);
}

#[test]
fn words_that_ask_for_leave_make_a_permission_of_a_menu() {
    let ask = |kind| Ask {
        kind,
        about: String::new(),
        question: String::new(),
        choices: Vec::new(),
        source: FactSource::Screen,
    };
    let (leave, question) = (ask(AskKind::Command), ask(AskKind::Question));
    assert_eq!(named(OTHER, Some(&leave), false), PERMISSION);
    assert_eq!(named(QUESTION, Some(&leave), true), PERMISSION);
    assert_eq!(named(QUESTION, Some(&leave), false), QUESTION, "a profile says so");
    assert_eq!(named(OTHER, Some(&question), true), OTHER);
    let trust = AgentState::Blocked(Blocker::Trust);
    assert_eq!(named(trust.clone(), Some(&leave), true), trust);
}

#[test]
fn entries_for_words_are_known() {
    for label in
        ["Type something.", "Type your own answer", "No, and tell Claude what to do differently"]
    {
        assert!(takes_words(label) && !leads_back(label), "{label}");
    }
    let esc = "No, and tell Codex what to do differently (esc)";
    assert!(leads_back(esc) && !takes_words(esc));
    for label in ["No", "Yes", "Chat about this", "Typescript"] {
        assert!(!takes_words(label) && !leads_back(label), "{label}");
    }
    let rows = ["❯ 1. Yes", "  2. No", "Esc to cancel · Tab to amend", ""].map(String::from);
    assert!(is_amendable(&rows) && !is_amendable(&rows[..2]));
}
