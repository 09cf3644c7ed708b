//! Every command and flag in the documents exists: the skill, the README, the plugin.
use std::{fs, path::Path};

use clap::Command;

use crate::support::Sandbox;

/// Documents whose code must name real commands and flags.
const DOCUMENTS: &[&str] =
    &["README.md", "skill/SKILL.md", "skill/references/worker.md", "tmux/wtmag.tmux"];

/// Those, and the pages of `wtmag help`.
fn documents() -> Vec<String> {
    let pages = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/docs")).unwrap();
    let pages = pages.map(|it| it.unwrap().file_name().into_string().unwrap());
    let pages = pages.filter(|it| it.ends_with(".md")).map(|it| format!("src/docs/{it}"));
    DOCUMENTS.iter().map(|&it| it.to_owned()).chain(pages).collect()
}

#[test]
fn every_command_that_a_document_names_exists() {
    let command = wtmag::cli::command();
    let mut n_commands = 0;
    for document in documents() {
        let text = read(&document);
        for (line, code) in code(&text, document.ends_with(".md")) {
            for words in commands(code) {
                let place = format!("{document}:{line}: `{code}`");
                let fault = check(&command, &words).err();
                assert_eq!(fault, None, "{place}");
                n_commands += 1;
            }
        }
    }
    assert!(n_commands > 50, "only {n_commands} commands were found: is the reader broken?");
}

#[test]
fn every_flag_that_the_skill_names_alone_exists() {
    let command = wtmag::cli::command();
    let text = read("skill/SKILL.md");
    for (line, code) in code(&text, true) {
        for flag in code.split_whitespace().filter(|word| is_flag(word)).map(flag_name) {
            assert!(has_flag_anywhere(&command, flag), "SKILL.md:{line}: no verb has `{flag}`");
        }
    }
}

/// The Agent Skills format: a name and a description between rules, the name in a plain alphabet.
#[test]
fn the_skill_has_its_head() {
    let text = read("skill/SKILL.md");
    let head = text.strip_prefix("---\n").and_then(|it| it.split("\n---\n").next()).unwrap();
    let value = |key: &str| {
        head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).unwrap()
    };
    assert_eq!(value("name"), "wtmag");
    assert!((40..=1024).contains(&value("description").len()));
    assert!(text.lines().count() < 250, "what is read at each use should be short");
}

#[test]
fn the_check_sees_what_is_wrong() {
    let command = wtmag::cli::command();
    let wrong = |text: &str| commands(text).iter().any(|it| check(&command, it).is_err());
    assert!(!wrong("wtmag list --all --json; wtmag hub status"));
    assert!(wrong("wtmag lost"));
    assert!(wrong("wtmag list --everything"));
    assert!(wrong("wtmag -S sock show X && wtmag hub stopp"));
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Pieces of code with their line numbers: the lines of fenced blocks and the spans between
/// backticks; of other files, every line.
fn code(text: &str, is_markdown: bool) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_fenced = !is_markdown;
    for (at, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced {
            found.push((at, line));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (at, span)));
        }
    }
    found
}

/// The words behind each `wtmag` that stands where a command may begin.
pub(super) fn commands(code: &str) -> Vec<Vec<String>> {
    let code = code.strip_prefix("$ ").unwrap_or(code);
    let code = code.split(" #").next().unwrap();
    let parts = code.split([';', '|', '(', ')']).flat_map(|part| part.split("&&"));
    let parts = parts.filter_map(|part| part.trim().strip_prefix("wtmag "));
    // A column of explanation begins after several spaces.
    parts.map(|part| words(part.trim().split("   ").next().unwrap())).collect()
}

fn words(text: &str) -> Vec<String> {
    shlex::split(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect())
}

/// Goes down the tree of verbs and looks up every flag on the way.
pub(super) fn check(command: &Command, words: &[String]) -> Result<(), String> {
    let mut chain = vec![command];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let verb = chain.last().unwrap();
        if word == "--" {
            return Ok(());
        }
        if is_flag(word) {
            let name = flag_name(word);
            let flag = chain.iter().find_map(|verb| find_flag(verb, name));
            let flag = flag.ok_or_else(|| format!("`{}` has no `{name}`", verb.get_name()))?;
            let is_joined = word.contains('=') || (!word.starts_with("--") && word.len() > 2);
            if flag.get_action().takes_values() && !is_joined && !is_optional(flag) {
                words.next();
            }
        } else if verb.has_subcommands() {
            // Such as `wtmag <verb>`.
            if word.starts_with(['<', '[', '…', '.']) {
                return Ok(());
            }
            match verb.get_subcommands().find(|it| it.get_name() == word) {
                Some(sub) => chain.push(sub),
                // Such as a task of `wtmag run`.
                None if verb.get_positionals().next().is_some() => return Ok(()),
                None => return Err(format!("there is no verb `{word}`")),
            }
        }
    }
    Ok(())
}

fn is_optional(flag: &clap::Arg) -> bool {
    flag.is_require_equals_set()
}

fn is_flag(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    word.starts_with('-') && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// `--wait` of `--wait=idle`, `-L` of `-Lwork`.
pub(super) fn flag_name(word: &str) -> &str {
    if word.starts_with("--") { word.split('=').next().unwrap() } else { &word[..2] }
}

pub(super) fn find_flag<'c>(command: &'c Command, name: &str) -> Option<&'c clap::Arg> {
    command.get_arguments().find(|arg| {
        let long = arg.get_long().is_some_and(|long| name.strip_prefix("--") == Some(long));
        let short = arg.get_short().is_some_and(|short| name == format!("-{short}"));
        long || short
    })
}

pub(super) fn has_flag_anywhere(command: &Command, name: &str) -> bool {
    // `gh` and `git` have their own flags in examples, which are written with the program.
    find_flag(command, name).is_some()
        || command.get_subcommands().any(|sub| has_flag_anywhere(sub, name))
}

/// Spans such as `[record] enabled = false` name settings of the configuration or keys of a profile.
#[test]
fn every_setting_that_a_document_names_exists() {
    let span = regex::Regex::new(r"^(\[[a-z_.X]+\]) ([a-z_]+ = .+)$").unwrap();
    let mut n_settings = 0;
    for document in documents() {
        let text = read(&document);
        for (line, code) in code(&text, document.ends_with(".md")) {
            let Some(it) = span.captures(code) else { continue };
            let snippet = format!("{}\n{}\n", it[1].replace('X', "x"), &it[2]);
            let profile = format!("name = \"x\"\nforeground = [\"x\"]\n{snippet}");
            let is_known =
                wtmag::agents::Profile::parse("profile", &profile).is_ok() || is_config(&snippet);
            assert!(is_known, "{document}:{line}: there is no setting `{code}`");
            n_settings += 1;
        }
    }
    assert!(n_settings > 0, "no setting was found: is the reader broken?");
    assert!(!is_config("[record]\nenable = false\n"));
}

fn is_config(text: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::io::Write::write_all(&mut fs::File::create(&file).unwrap(), text.as_bytes()).unwrap();
    wtmag::config::load(&file, &[]).is_ok()
}

#[test]
fn the_skill_is_installed_where_agents_look_and_removed_again() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo("blog");
    let skill = |args: &[&str]| sandbox.wtmag([&["skill"], args].concat()).cwd(&repo.dir).run();
    assert_eq!(skill(&[]).success(), read("skill/SKILL.md"));
    assert_eq!(skill(&["show", "worker"]).success(), read("skill/references/worker.md"));
    assert!(skill(&["show", "nothing"]).failure(2).contains("worker"));
    // No agent is installed here.
    assert!(skill(&["install"]).failure(1).contains("--agent NAME"));
    let both = ["--agent", "claude", "--agent", "pi"];
    let said = skill(&[&["install"], &both[..]].concat()).success();
    assert_eq!(said.matches(": installed").count(), 2, "{said}");
    let home = sandbox.path("home");
    for dir in [".claude", ".agents"] {
        let text = fs::read_to_string(home.join(dir).join("skills/wtmag/SKILL.md")).unwrap();
        assert!(text.contains("wtmag skill show"), "{text}");
    }
    skill(&["install", "--project", "--agent", "codex"]).success();
    assert!(repo.dir.join(".agents/skills/wtmag/SKILL.md").exists());
    let state = |args: &[&str]| skill(&[&["status", "--json"], args].concat()).json();
    let found = state(&both);
    assert_eq!((&found[0]["state"], &found[1]["state"]), (&"current".into(), &"current".into()));
    let changed = sandbox.put("home/.claude/skills/wtmag/SKILL.md", "mine");
    let said = skill(&[&["remove"], &both[..]].concat()).success();
    assert!(said.contains("changed, left as it is") && said.contains("removed"), "{said}");
    assert_eq!(fs::read_to_string(&changed).unwrap(), "mine");
    assert_eq!(state(&["--agent", "pi"])[0]["state"], "missing");
    let elsewhere = sandbox.wtmag(["skill", "install", "--project", "--agent", "pi"]);
    assert!(elsewhere.cwd(&home).run().failure(1).contains("git repository"));
}
