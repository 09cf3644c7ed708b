//! Completion in the real shells.
use std::path::Path;

use crate::support::{Run, Sandbox};

const WTMAG: &str = env!("CARGO_BIN_EXE_wtmag");

/// What fish would offer for the last word.
fn offered(sandbox: &Sandbox, words: &[&str]) -> String {
    let ask = |it: Run| it.env("WTMAG_COMPLETE", "fish").arg("--").args(words).run();
    ask(sandbox.run(WTMAG)).success()
}

fn configure(sandbox: &Sandbox) {
    let config = format!(
        "[agents.default]\nname = \"demo\"\n[agents.demo]\ncommand = '''{WTMAG} demo-agent'''\n"
    );
    sandbox.put("config/wtmag/config.toml", config);
}

#[test]
fn ids_come_from_a_running_hub_with_what_the_worker_does() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let repo = sandbox.repo("blog");
    sandbox.tmux().start("main");
    let create = ["create", "-s", "--prompt", "Be there", "--name", "there"];
    sandbox.wtmag(create).cwd(&repo.dir).run().success();
    for verb in ["show", "attach", "cleanup", "promote", "wait", "explain", "log"] {
        let found = offered(&sandbox, &["wtmag", verb, ""]);
        assert!(found.contains("blog-there\t") && found.contains(", demo"), "{verb}: {found}");
    }
    assert!(offered(&sandbox, &["wtmag", "cleanup", "--id", "blog"]).contains("blog-there"));
}

#[test]
fn a_key_press_starts_no_hub() {
    let sandbox = Sandbox::new();
    sandbox.tmux().start("main");
    assert!(!offered(&sandbox, &["wtmag", "show", ""]).contains("blog"));
    assert!(!sandbox.path("state/wtmag").exists());
}

#[test]
fn agents_states_verbs_and_flags_are_offered() {
    let sandbox = Sandbox::new();
    configure(&sandbox);
    let agents = offered(&sandbox, &["wtmag", "create", "--agent", ""]);
    assert!(agents.contains("demo") && agents.contains("claude"), "{agents}");
    assert!(offered(&sandbox, &["wtmag", "wait", "x", "--until", "id"]).contains("idle"));
    assert!(offered(&sandbox, &["wtmag", "cr"]).starts_with("create"));
    assert!(offered(&sandbox, &["wtmag", "list", "--"]).contains("--all"));
    assert!(!offered(&sandbox, &["wtmag", ""]).contains("demo-agent"), "plumbing is not offered");
}

#[test]
fn each_shell_takes_its_script() {
    let sandbox = Sandbox::new();
    let program = sandbox.path("p a'th/wtmag");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::copy(WTMAG, &program).unwrap();
    let put = |shell: &str| {
        let script = sandbox.run(&program).args(["completions", shell]).run().success();
        sandbox.put(Path::new("completions").join(shell), script).display().to_string()
    };
    let [bash, zsh, fish] = ["bash", "zsh", "fish"].map(put);
    let ask = |shell: &str, line: &str| sandbox.run(shell).args(["-c", line]).run().success();
    let words = "COMP_WORDS=(wtmag doct); COMP_CWORD=1; COMP_TYPE=9";
    let complete = "_clap_complete_wtmag wtmag doct wtmag; echo \"${COMPREPLY[@]}\"";
    assert!(ask("bash", &format!(". {bash}; {words}; {complete}")).starts_with("doctor"));
    assert!(ask("fish", &format!(". {fish}; complete -C 'wtmag doct'")).starts_with("doctor"));
    let start = "autoload -U compinit; compinit -u";
    let registered = ask("zsh", &format!("{start}; . {zsh}; echo $_comps[wtmag]"));
    assert!(registered.contains("wtmag"), "{registered}");
}
