//! The README and the pages of `wtmag help`, followed: commands run and print what the text shows, and
//! examples of files are accepted.
use std::{fmt::Write as _, fs, path::Path};

use regex::Regex;
use wtmag::{agents::Profile, config};

use crate::support::Sandbox;

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

/// One line that the reader types, and what the README says comes back.
struct Step<'t> {
    command: &'t str,
    answer: Vec<&'t str>,
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Fenced blocks of one language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let opening = format!("```{language}\n");
    let parts = text.split(opening.as_str()).skip(1);
    parts.map(|it| it.split("\n```").next().unwrap()).collect()
}

fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in blocks(text, "console").into_iter().flat_map(str::lines) {
        match line.strip_prefix("$ ") {
            Some(command) => steps.push(Step { command, answer: Vec::new() }),
            None => steps.last_mut().unwrap().answer.push(line),
        }
    }
    steps
}

/// Whether a line is as the README has it: `…` stands for anything, columns may be wider.
fn is_like(line: &str, want: &str) -> bool {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let pattern = squeeze(want).split('…').map(regex::escape).collect::<Vec<_>>().join(".*");
    Regex::new(&format!("^{pattern}$")).unwrap().is_match(&squeeze(line))
}

#[test]
fn the_tour_prints_what_it_says() {
    let sandbox = Sandbox::new();
    let bin = Path::new(WTMAG).parent().unwrap().display();
    sandbox.put("home/.profile", format!("PATH={bin}:$PATH\n"));
    let text = page("src/docs/tour.md");
    let steps = steps(&text);
    assert!(steps.len() > 10);
    let mut script = format!("PATH={bin}:$PATH; cd {}; exec 2>&1\n", sandbox.path("src").display());
    for (at, step) in steps.iter().enumerate() {
        writeln!(script, "echo '== {at}'\n{}", step.command).unwrap();
    }
    let script = sandbox.put("tour.sh", script);
    sandbox.tmux().start("main");
    let ran = sandbox.tmux().run_in_window("main", &format!("bash {}", script.display()));
    for (at, step) in steps.iter().enumerate() {
        let (_, rest) = ran.stdout.split_once(&format!("== {at}\n")).unwrap();
        let said = rest.split("== ").next().unwrap();
        // On a terminal these lines come and go.
        let lines = said.lines().filter(|line| !line.ends_with(" …"));
        let lines: Vec<&str> = lines.collect();
        let is_same = lines.len() == step.answer.len()
            && lines.iter().zip(&step.answer).all(|(line, want)| is_like(line, want));
        let want = step.answer.join("\n");
        assert!(is_same, "$ {}\n--- the page\n{want}\n--- in truth\n{said}", step.command);
    }
}

#[test]
fn the_example_of_a_configuration_is_accepted() {
    let sandbox = Sandbox::new();
    let text = page("src/docs/configuration.md");
    let blocks = blocks(&text, "toml");
    let file = sandbox.put("config.toml", blocks[0]);
    let loaded = config::load(&file, &[]).unwrap();
    assert_eq!(loaded.config.agent("aider").unwrap().prompt_flag, "--message");
}

/// A reader who writes the profile of the page, saves its screens and asks what it makes of them.
#[test]
fn the_example_of_a_profile_classifies_screens_as_shown() {
    let sandbox = Sandbox::new();
    let bin = Path::new(WTMAG).parent().unwrap().display();
    let text = page("src/docs/profiles.md");
    let profiles = blocks(&text, "toml");
    sandbox.put("config/wtmag/agents/aider.toml", profiles[0]);
    assert_eq!(Profile::parse("profiles.md", profiles[1]).unwrap().name, "robot");
    let mut n_judged = 0;
    for Step { command, answer } in steps(&text) {
        if let Some(file) = command.strip_prefix("cat ") {
            sandbox.put(Path::new("home").join(file), answer.join("\n") + "\n");
        }
        if command.starts_with("wtmag explain") {
            let script = format!("PATH={bin}:$PATH; {command}");
            let said = sandbox.run("sh").args(["-c", &script]).run().success();
            let lines: Vec<&str> = said.lines().collect();
            let is_same = lines.len() == answer.len()
                && lines.iter().zip(&answer).all(|(line, want)| is_like(line, want));
            assert!(is_same, "$ {command}\n--- the page\n{answer:#?}\n--- in truth\n{said}");
            n_judged += 1;
        }
    }
    assert_eq!(n_judged, 4);
}
