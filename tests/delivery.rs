//! Texts to agents that nobody knows: each arrives once, as one turn, and nowhere else.
use crate::support::{BOOTSTRAP, Hand, Yard, is_full, percentiles, seeds};

/// Workers that start at the same time.
const BATCH: usize = 10;

/// Random agents in one shell: each gets its bootstrap once, as one turn, and nothing when it does not listen.
fn check_shell(shell: &str, n: usize) {
    let mut faults = Vec::new();
    let mut latencies = Vec::new();
    for seeds in seeds(n).chunks(BATCH) {
        let hands: Vec<Hand> = seeds.iter().copied().map(Hand::random).collect();
        let yard = Yard::new(shell, &hands);
        let ran = yard.create_all(&hands);
        let workers = yard.workers();
        for (hand, ran) in hands.iter().zip(ran) {
            let Some(worker) = workers.get(&hand.name) else {
                faults.push(format!("{shell} {}: no worker: {ran}", hand.name));
                continue;
            };
            let mut wrong = yard.faults(worker, &[BOOTSTRAP]);
            if ran.code != 0 {
                wrong.push(format!("create: {ran}"));
            }
            latencies.extend(yard.latency(worker));
            if !wrong.is_empty() {
                faults.push(format!(
                    "{shell} {}: {}\n{}",
                    hand.name,
                    wrong.join("; "),
                    yard.account(worker)
                ));
            }
        }
        yard.end_agents();
        faults.extend(yard.shell_faults());
        println!("{shell}: {seeds:?} done, {} faults so far", faults.len());
    }
    println!("{shell}: box drawn to turn: {}", percentiles(latencies));
    assert!(faults.is_empty(), "{} of {n}:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn random_agents_in_bash_get_their_prompt_once() {
    check_shell("bash", if is_full() { 70 } else { 6 });
}

#[test]
fn random_agents_in_zsh_get_their_prompt_once() {
    check_shell("zsh", if is_full() { 65 } else { 6 });
}

#[test]
fn random_agents_in_fish_get_their_prompt_once() {
    check_shell("fish", if is_full() { 65 } else { 6 });
}
