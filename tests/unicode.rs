//! Texts of all of Unicode into boxes that draw like those of today's agents: each is one turn.
//!
//! `WTMAG_FULL` makes it 10,000 random texts, 2,000 by each way to draw. A quick run has the texts that
//! were held once, and those of `WTMAG_SEED`.
use std::{sync::Mutex, thread};

use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    string::string_regex,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use wtmag::{
    agents::{GENERIC, Profile},
    model::Worker,
};

use crate::support::{AgentLog, Crew, Sandbox, Seen, is_full, poll, seeds};

/// All general categories but surrogates, which are no text.
const CATEGORIES: [&str; 29] = [
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi",
    "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cn",
];
/// Texts that one agent is told, and those of a quick run.
const N_TEXTS: usize = 20;
const N_QUICK: usize = 8;
/// Seeds at one time: agents mostly wait.
const N_BESIDE: usize = 3;

/// Seeds of texts that were held: marks in front that make the agent miscount its columns, an empty first
/// line, and a joiner with nothing to join.
const ONCE_WRONG: [u64; 3] = [53_102_000, 54_833_000, 93_251_016];

/// An agent that draws like a real one, and what its profile says of its box.
struct Style {
    name: &'static str,
    look: &'static [&'static str],
    /// None: by its shape alone.
    input: Option<&'static str>,
}

const STYLES: [Style; 5] = [
    Style {
        name: "claude",
        look: &["prompt=\"❯\"", "placeholder='Try \"fix it\"'", "cursor_visible=false"],
        input: Some(
            "top='^─{20,}$'\nbottom='^─{20,}$'\nprompt='^❯ ?'\nindent='^ {2}'\nplaceholder=['^Try \"']",
        ),
    },
    Style {
        name: "codex",
        look: &["frame=\"bare\"", "prompt=\"›\"", "placeholder=\"Ask to do anything\""],
        input: Some(
            "prompt='^› '\nindent='^ {2}'\nfooter_block=true\nplaceholder=['^Ask to do anything$']",
        ),
    },
    Style {
        name: "pi",
        look: &["prompt=\"\"", "cursor_visible=false"],
        input: Some("top='^─{20,}$'\nbottom='^─{20,}$'\nindent='^ '"),
    },
    Style {
        name: "ink",
        look: &[
            "frame=\"box\"",
            "prompt=\"❯\"",
            "placeholder=\"Ask me anything...\"",
            "cursor_visible=false",
        ],
        input: None,
    },
    Style { name: "toolkit", look: &["prompt=\"✨\""], input: None },
];

/// Words of one category each; a word that shows and tells this text from all others is among them.
fn texts(seed: u64) -> Vec<String> {
    let bytes: Vec<u8> = seed.to_le_bytes().repeat(4);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let word = (0..CATEGORIES.len())
        .prop_flat_map(|at| string_regex(&format!("[\\p{{{}}}]{{1,6}}", CATEGORIES[at])).unwrap());
    let words = (vec(word, 0..10), any::<prop::sample::Index>());
    (0..if is_full() { N_TEXTS } else { N_QUICK })
        .map(|n| {
            let (mut words, at) = words.new_tree(&mut runner).unwrap().current();
            words.insert(at.index(words.len() + 1), format!("text{n}of{seed}"));
            words.join(" ")
        })
        .collect()
}

/// What reaches an agent of a text: controls would be keys; empty lines in front and blank lines at
/// the end are no part of it.
fn clean(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    let kept: String = kept.collect();
    let kept = kept.trim_start_matches('\n');
    let (text, blank) = kept.split_at(kept.trim_end().len());
    format!("{text}{}", blank.split('\n').next().unwrap())
}

#[test]
fn every_text_is_one_turn_in_whatever_way_it_is_drawn() {
    let given = std::env::var_os("WTMAG_SEED").is_some();
    let seeds = match is_full() {
        true => seeds(10_000 / N_TEXTS / STYLES.len()),
        false if given => seeds(1),
        false => ONCE_WRONG.to_vec(),
    };
    let todo = Mutex::new(seeds);
    thread::scope(|scope| {
        for _ in 0..N_BESIDE {
            scope.spawn(|| {
                let next = || todo.lock().unwrap().pop();
                while let Some(seed) = next() {
                    tell(seed);
                }
            });
        }
    });
}

/// The texts of one seed, each to an agent of every style.
fn tell(seed: u64) {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    let mut crew = Crew::new(&sandbox);
    let texts = texts(seed);
    let workers: Vec<Worker> = STYLES.iter().map(|it| hire(&sandbox, &mut crew, it)).collect();
    for text in &texts {
        STYLES.iter().zip(&workers).for_each(|(it, worker)| crew.send(worker, &it.typed(text)));
    }
    let log = sandbox.agent_log();
    let mut wrong = Vec::new();
    for (style, worker) in STYLES.iter().zip(&workers) {
        let told = || {
            let n = log.all("turn", Some(worker.id.as_str())).len();
            (n > texts.len()).then_some(())
        };
        let typed: Vec<String> = texts.iter().map(|it| style.typed(it)).collect();
        if poll(LIMIT, told).is_none() || !is_right(&log, worker, &typed) {
            wrong.push(format!("{}: {}", style.name, account(&sandbox, worker, &log, &texts)));
        }
    }
    assert!(wrong.is_empty(), "seed {seed}\n{}", wrong.join("\n"));
    println!("seed {seed}: {} texts by each of {} styles", texts.len(), STYLES.len());
}

impl Style {
    /// What is typed of a text: what an agent gets in a file only is left out.
    fn typed(&self, text: &str) -> String {
        let by_shape =
            self.input.is_none().then(|| Profile::shared(GENERIC).unwrap().paste.clone());
        let goes_by_file = by_shape.unwrap_or_default().may_be_drawn_wrongly(text);
        if goes_by_file { text.replace(['\t', '\u{200D}'], " ") } else { text.to_owned() }
    }
}

/// For all texts of one agent.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(150);

fn hire(sandbox: &Sandbox, crew: &mut Crew, style: &Style) -> Worker {
    let generic = include_str!("../src/agents/profiles/generic.toml");
    let quick = generic.replace("quiet_ms = 3000", "quiet_ms = 200").replace("= 1500", "= 200");
    let known = |input| {
        format!(
            "name = 'style'\nforeground = ['fake-agent']\n[box]\n{input}\n[[rule]]\nstate = 'working'\n\
             in = 'above 2'\nall = ['esc to interrupt']\n"
        )
    };
    let profile = style.input.map_or(quick, known);
    let program = sandbox.fake_agent();
    let look = style.look.iter().map(|it| format!("look.{it}"));
    let drawing = format!("look.drawing=\"{}\"", style.name);
    let turns = ["turn.min_ms=100", "turn.max_ms=100", "fold_chars=0"].map(str::to_owned);
    let changes: Vec<String> = look.chain([drawing]).chain(turns).collect();
    let mut argv = vec![program.to_str().unwrap()];
    argv.extend(changes.iter().flat_map(|it| ["--set", it]));
    crew.hire_with(("style", Some(&profile)), style.name, Seen::Alone, &argv).0
}

/// The bootstrap, then each text once, in order.
fn is_right(log: &AgentLog, worker: &Worker, texts: &[String]) -> bool {
    let turns = log.turns(Some(worker.id.as_str()));
    turns.iter().skip(1).eq(texts.iter().map(|it| clean(it)).collect::<Vec<_>>().iter())
}

fn account(sandbox: &Sandbox, worker: &Worker, log: &AgentLog, texts: &[String]) -> String {
    let turns = log.turns(Some(worker.id.as_str()));
    let n_right = turns.iter().skip(1).zip(texts).take_while(|(turn, it)| **turn == clean(it));
    let at = n_right.count();
    let said = sandbox.wtmag(["receipts", worker.id.as_str()]).run();
    format!(
        "{at} of {} right, then {:?} for {:?}\n{said}\n{}",
        texts.len(),
        turns.get(at + 1),
        texts.get(at),
        sandbox.tmux().capture(&worker.place.pane.to_string())
    )
}
