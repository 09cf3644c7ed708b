//! Many texts to unknown agents on a busy machine, with dialogs, drafts, modes and turns in between.
use std::{thread, time::Duration};

use serde_json::Value;

use super::{
    BOOTSTRAP, Hand, Yard,
    busy::{Draw, keep_busy},
    eventually,
    held::{Account, Reasons},
    is_full, now_ms, percentiles, poll, seeds,
};

/// Agents at a time.
const BATCH: usize = 25;
/// Longer than anything takes here.
const PATIENCE: &str = "100s";
const LIMIT: Duration = Duration::from_secs(150);

/// One worker, and what was done to it.
pub(super) struct Trial<'a> {
    yard: &'a Yard,
    pub worker: String,
    pane: String,
    draw: Draw,
    /// Every text, in order: the first prompt and those that were sent.
    pub texts: Vec<String>,
    /// Those that were sent with `--now`, which go before others that wait: the index of each, and
    /// how many had been accepted when it was sent.
    pub urgent: Vec<(usize, usize)>,
    /// What the test itself put in the way, and from when to when in Unix milliseconds.
    pub obstacles: Vec<(&'static str, u64, u64)>,
    /// What went wrong on the way.
    pub faults: Vec<String>,
}

/// What happens around a text.
#[derive(Clone, Copy, Debug)]
enum Twist {
    /// The agent rests.
    Calm,
    /// As soon as the one before was accepted: its turn still runs.
    Hurry,
    /// Two more are sent before it can be delivered.
    Burst,
    CopyMode,
    InputOff,
    Draft,
    /// The running turn is interrupted.
    Now,
}

impl<'a> Trial<'a> {
    /// Creates the worker, with its first prompt.
    fn start(yard: &'a Yard, hand: &Hand, seed: u64) -> Result<Self, String> {
        let place = if seed.is_multiple_of(2) { "-w" } else { "-s" };
        let ran = yard.create(&hand.name, &[place]);
        if ran.code != 0 {
            return Err(format!("create: {ran}"));
        }
        let made = ran.json();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        Ok(Self {
            yard,
            worker: text(&made["worker"]["id"]),
            pane: text(&made["worker"]["pane"]),
            draw: Draw::new(seed),
            texts: vec![BOOTSTRAP.to_owned()],
            urgent: Vec::new(),
            obstacles: Vec::new(),
            faults: Vec::new(),
        })
    }

    /// Sends until it was given `n` texts.
    fn live(&mut self, n: usize) {
        while self.texts.len() < n && self.faults.is_empty() {
            let twists = [
                Twist::Calm,
                Twist::Hurry,
                Twist::Hurry,
                Twist::Burst,
                Twist::CopyMode,
                Twist::InputOff,
                Twist::Draft,
                Twist::Now,
            ];
            let twist = twists[usize::try_from(self.draw.below(8)).unwrap()];
            match twist {
                Twist::Calm => {
                    self.rest();
                    self.send(&[]);
                }
                Twist::Hurry => self.send(&[]),
                Twist::Burst => {
                    for _ in self.texts.len()..n.min(self.texts.len() + 2) {
                        self.queue();
                    }
                }
                Twist::CopyMode => self.behind_copy_mode(),
                Twist::InputOff => self.behind_input_off(),
                Twist::Draft => self.behind_draft(),
                // Each fourth turn may ask at any moment, and Escape would be an answer.
                Twist::Now if self.texts.len() % 4 != 1 => self.send_now(),
                Twist::Now => self.send(&[]),
            }
        }
        self.settle();
    }

    fn rest(&mut self) {
        let until = ["wait", &self.worker, "--until", "idle,failed", "--timeout", PATIENCE];
        let ran = self.yard.sandbox.wtmag(until).limit(LIMIT).run();
        if ran.code != 0 {
            self.faults.push(format!("no rest: {ran}"));
        }
    }

    /// A new text, unlike all others.
    fn next_text(&mut self) -> String {
        const WORDS: [&str; 8] =
            ["fix", "the", "title", "\"quoted\"", "$HOME", "#{pane_id}", "`x`", "ünïcödé"];
        let n_words = match self.draw.below(4) {
            0 => 60,
            _ => 2 + self.draw.below(12),
        };
        let mut words = format!("Text {} for {}:", self.texts.len(), self.worker);
        for _ in 0..n_words {
            words += " ";
            words += WORDS[usize::try_from(self.draw.below(8)).unwrap()];
        }
        self.texts.push(words.clone());
        words
    }

    fn send(&mut self, more: &[&str]) {
        let text = self.next_text();
        let args = ["send", &self.worker, &text, "--wait", "--timeout", PATIENCE];
        let ran = self.yard.sandbox.wtmag(args).args(more).limit(LIMIT).run();
        if ran.code != 0 {
            self.faults.push(format!("send: {ran}"));
        }
    }

    fn send_now(&mut self) {
        let receipts = self.yard.receipts(&self.worker);
        let n_accepted = receipts.iter().filter(|it| it["step"] == "accepted").count();
        self.urgent.push((self.texts.len(), n_accepted));
        self.send(&["--now"]);
    }

    /// The order in which the texts should have come, given how they came.
    fn expected(&self, came: &[String]) -> Vec<&str> {
        let sent: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        let is_urgent = |text: &&str| self.urgent.iter().any(|(at, _)| sent[*at] == *text);
        let in_turn = sent.iter().copied().filter(|it| !is_urgent(it));
        let mut expected: Vec<&str> = in_turn.collect();
        for (sent_at, n_accepted) in &self.urgent {
            let text = sent[*sent_at];
            // Before none that it came too late for, and before all that were sent after it.
            let came_at = came.iter().position(|it| it == text).unwrap_or(*sent_at);
            let at = came_at.clamp(*n_accepted, *sent_at).min(expected.len());
            expected.insert(at, text);
        }
        expected
    }

    fn queue(&mut self) {
        let text = self.next_text();
        self.yard.wtmag(&["send", "--no-wait", &self.worker, &text]).success();
    }

    /// Waits until every text that was sent is accepted.
    fn settle(&mut self) {
        if !self.faults.is_empty() {
            return;
        }
        let is_over = |it: &Value| it["step"] == "accepted" || it["step"] == "failed";
        let over = || self.yard.receipts(&self.worker).iter().all(is_over).then_some(());
        if poll(LIMIT, over).is_none() {
            self.faults.push("not all texts came through".into());
        }
    }

    /// Waits until the newest text is held for this reason.
    fn wait_for_hold(&mut self, why: &str, turn: Option<&str>) {
        let held = || {
            let hold = &self.yard.newest(&self.worker)["hold"];
            (hold["why"] == why && turn.is_none_or(|turn| hold["turn"] == turn)).then_some(())
        };
        if poll(LIMIT, held).is_none() {
            self.faults.push(format!("not held: {why}"));
        }
    }

    fn behind_copy_mode(&mut self) {
        self.settle();
        let tmux = self.yard.sandbox.tmux();
        let from = now_ms();
        tmux.run(["copy-mode", "-t", &self.pane]);
        self.queue();
        self.wait_for_hold("pane-mode", None);
        tmux.run(["send-keys", "-t", &self.pane, "-X", "cancel"]);
        self.obstacles.push(("pane-mode", from, now_ms()));
        self.settle();
    }

    fn behind_input_off(&mut self) {
        self.settle();
        let tmux = self.yard.sandbox.tmux();
        let from = now_ms();
        tmux.run(["select-pane", "-d", "-t", &self.pane]);
        self.queue();
        self.wait_for_hold("input-off", None);
        tmux.run(["select-pane", "-e", "-t", &self.pane]);
        self.obstacles.push(("input-off", from, now_ms()));
        self.settle();
    }

    /// A person types a letter, waits, and deletes it.
    fn behind_draft(&mut self) {
        self.settle();
        self.rest();
        let tmux = self.yard.sandbox.tmux();
        let from = now_ms();
        let before = tmux.capture(&self.pane);
        tmux.type_text(&self.pane, "x");
        // What an agent has not drawn yet cannot be known.
        eventually(LIMIT, "the draft", || (tmux.capture(&self.pane) != before).then_some(()));
        self.queue();
        self.wait_for_hold("turn", Some("draft"));
        tmux.run(["send-keys", "-t", &self.pane, "BSpace"]);
        self.obstacles.push(("draft", from, now_ms()));
        self.settle();
    }

    /// The agent dies while one more text is on its way: where that ends is for the shell's account.
    fn die(&mut self, pid: &str) {
        self.rest();
        let text = self.next_text();
        self.texts.pop();
        self.yard.wtmag(&["send", "--no-wait", &self.worker, &text]).success();
        thread::sleep(Duration::from_millis(self.draw.below(600)));
        let sandbox = &self.yard.sandbox;
        sandbox.run("sh").args(["-c", &format!("kill -9 {pid}")]).run().success();
        let until = ["wait", &self.worker, "--until", "exited", "--timeout", "30s"];
        self.yard.wtmag(&until).success();
        let log = sandbox.agent_log();
        let turns = log.turns(Some(&self.worker));
        let receipt = self.yard.newest(&self.worker);
        match (turns.last() == Some(&text), receipt["step"].as_str()) {
            (true, Some("accepted" | "failed")) | (false, Some("failed")) => {}
            (came, step) => self.faults.push(format!("came: {came}, the receipt says {step:?}")),
        }
        if turns.last() == Some(&text) {
            self.texts.push(text);
        }
    }
}

/// Unknown agents; only the key that stops them is known.
fn profile() -> String {
    let generic = include_str!("../../src/agents/profiles/generic.toml");
    format!("{generic}\n[keys]\ninterrupt = [\"Escape\"]\n")
}

/// A batch of agents, each given so many texts; all of it is told by their own log afterwards.
fn check_batch(
    hands: &[Hand],
    seeds: &[u64],
    n_texts: usize,
    reasons: &mut Reasons,
) -> Vec<String> {
    let mut yard = Yard::new("bash", hands);
    yard.sandbox.put("config/wtmag/agents/generic.toml", profile());
    keep_busy(&mut yard.sandbox);
    let yard = &yard;
    let trials: Vec<_> = thread::scope(|scope| {
        let live = |(hand, seed): (&Hand, &u64)| {
            let (hand, seed) = (hand.clone(), *seed);
            scope.spawn(move || {
                let mut trial = Trial::start(yard, &hand, seed)?;
                trial.live(n_texts);
                Ok(trial)
            })
        };
        let threads: Vec<_> = hands.iter().zip(seeds).map(live).collect();
        let died = |_| Err("a trial came to an end before its time".to_owned());
        threads.into_iter().map(|it| it.join().unwrap_or_else(died)).collect()
    });
    let mut faults = Vec::new();
    let starts = yard.sandbox.agent_log().all("start", None);
    for trial in trials {
        let mut trial: Trial<'_> = match trial {
            Ok(trial) => trial,
            Err(why) => {
                faults.push(why);
                continue;
            }
        };
        let events = yard.wtmag(&["events", "--worker", &trial.worker]).success();
        let account = Account::new(&yard.sandbox.agent_log(), &trial, &events);
        trial.faults.extend(account.check(&yard.receipts(&trial.worker), reasons));
        let pid = starts.iter().find(|it| it["worker"] == trial.worker.as_str());
        if let Some(pid) = pid.filter(|_| trial.draw.below(4) == 0 && trial.faults.is_empty()) {
            trial.die(&pid["pid"].to_string());
        }
        let came = yard.sandbox.agent_log().turns(Some(&trial.worker));
        let wrong = yard.faults(&trial.worker, &trial.expected(&came));
        trial.faults.extend(wrong);
        if !trial.faults.is_empty() {
            let account = yard.account(&trial.worker);
            let what = format!("{}: {}", trial.worker, trial.faults.join("; "));
            println!("{what}");
            faults.push(format!("{what}\n{account}"));
        }
    }
    yard.end_agents();
    faults.extend(yard.shell_faults());
    faults
}

#[test]
fn texts_under_load_arrive_once_and_what_is_held_says_why() {
    let (n_agents, n_texts) = if is_full() { (100, 10) } else { (8, 3) };
    let mut reasons = Reasons::default();
    let mut faults = Vec::new();
    for seeds in seeds(n_agents).chunks(BATCH) {
        let mut hands: Vec<Hand> = seeds.iter().copied().map(Hand::random).collect();
        if !is_full() {
            let quick = ["start_delay_ms=300", "silence_ms=300", "turn.max_ms=1500"];
            for hand in &mut hands {
                hand.args.extend(quick.iter().flat_map(|it| ["--set".into(), (*it).into()]));
            }
        }
        faults.extend(check_batch(&hands, seeds, n_texts, &mut reasons));
        println!("{seeds:?} done, {} faults so far", faults.len());
    }
    let n_sent = n_agents * n_texts;
    println!("{n_sent} texts; ready seen to accepted: {}", percentiles(reasons.latencies));
    println!("held: {:?}", reasons.counts);
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
}
