//! The arguments of each agent, from its profile.
use super::*;
use crate::agents::kinds::{self, Wiring};

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

struct Want<'a> {
    model: &'a str,
    prompt: Option<&'a str>,
    plan: bool,
    env: &'a [(&'a str, &'a str)],
}

const PLAIN: Want<'_> = Want { model: "", prompt: None, plan: false, env: &[] };

fn run(agent: &str, want: &Want<'_>) -> Result<Launch, Error> {
    let profile = Profile::shared(agent).unwrap();
    let model = (!want.model.is_empty()).then(|| Model::parse(want.model)).transpose()?;
    let env = want.env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    launch(
        &profile,
        &Request {
            argv: &strings(&[agent]),
            model: model.as_ref(),
            plan: want.plan,
            prompt: want.prompt,
            prompt_flag: None,
            trust: None,
            writable: &[],
            resume: None,
            wire: None,
            lead: None,
            env: &env,
        },
    )
}

#[track_caller]
fn check(agent: &str, want: &Want<'_>, argv: &[&str]) {
    assert_eq!(run(agent, want).unwrap().argv, strings(argv));
}

#[track_caller]
fn refused(agent: &str, want: &Want<'_>, message: &str) {
    assert_eq!(run(agent, want).unwrap_err().to_string(), message);
}

#[test]
fn a_model_is_read_whole_or_not_at_all() {
    let model = Model::parse("openrouter/anthropic/claude:max").unwrap();
    assert_eq!((model.provider.as_str(), model.name.as_str()), ("openrouter", "anthropic/claude"));
    assert_eq!(model.thinking, Some(Thinking::Max));
    assert_eq!(model.to_string(), "openrouter/anthropic/claude:max");
    for bad in
        ["gpt", "/gpt", "openai/", "openai/:high", "openai/gpt:", "a b/c", "a//b", "-a/b", ""]
    {
        assert!(matches!(Model::parse(bad), Err(Error::Model(_))), "{bad}");
    }
    assert!(matches!(Model::parse("openai/gpt:hard"), Err(Error::Thinking(_))));
}

#[test]
fn each_agent_gets_its_own_model_flags() {
    let opus = Want { model: "anthropic/claude-sonnet-4.5:max", ..PLAIN };
    check("pi", &opus, &["pi", "--model", "anthropic/claude-sonnet-4.5:max"]);
    check("claude", &opus, &["claude", "--model", "claude-sonnet-4.5", "--effort", "max"]);
    refused("codex", &opus, "agent `codex` accepts models from `openai`, not from `anthropic`");
    let gpt = Want { model: "openai/gpt-5.2:high", ..PLAIN };
    let flags = ["codex", "--no-daemon", "-m", "gpt-5.2", "-c", "model_reasoning_effort=\"high\""];
    check("codex", &gpt, &flags);
    refused("generic", &gpt, "agent `generic` has no known flag for a model");
    let off = Want { model: "anthropic/opus:off", ..PLAIN };
    refused(
        "claude",
        &off,
        "agent `claude` has no thinking level `off`: it has `low`, `medium`, `high`, `xhigh`, `max`",
    );
    check("pi", &Want { model: "a/b:none", ..PLAIN }, &["pi", "--model", "a/b:off"]);
}

#[test]
fn opencode_thinks_by_its_configuration_merged_with_the_users() {
    let user = r#"{"theme":"dark","provider":{"openai":{"name":"mine"}}}"#;
    let env = [("OPENCODE_CONFIG_CONTENT", user)];
    let launch =
        run("opencode", &Want { model: "openai/gpt-5.2:high", env: &env, ..PLAIN }).unwrap();
    assert_eq!(launch.argv, strings(&["opencode", "--model", "openai/gpt-5.2"]));
    let [(name, value)] = launch.env.as_slice() else { panic!("{:?}", launch.env) };
    assert_eq!(name, "OPENCODE_CONFIG_CONTENT");
    let value: Value = serde_json::from_str(value).unwrap();
    assert_eq!(value.pointer("/theme").unwrap(), "dark");
    assert_eq!(value.pointer("/provider/openai/name").unwrap(), "mine");
    let effort = "/provider/openai/models/gpt-5.2/options/reasoningEffort";
    assert_eq!(value.pointer(effort).unwrap(), "high");
    let env = [("OPENCODE_CONFIG_CONTENT", "{ // mine\n}")];
    let error = run("opencode", &Want { model: "a/b:high", env: &env, ..PLAIN }).unwrap_err();
    assert!(matches!(error, Error::Env { .. }));
}

#[test]
fn a_prompt_is_never_read_as_an_option() {
    let dash = Want { prompt: Some("--help me"), ..PLAIN };
    check("claude", &dash, &["claude", "--", "--help me"]);
    check("codex", &dash, &["codex", "--no-daemon", "--", "--help me"]);
    check("pi", &dash, &["pi", "--", "--help me"]);
    check("opencode", &dash, &["opencode", "--prompt=--help me"]);
    let plain = Want { prompt: Some("do it"), ..PLAIN };
    check("pi", &plain, &["pi", "do it"]);
    check("claude", &plain, &["claude", "--", "do it"]);
    check("opencode", &plain, &["opencode", "--prompt", "do it"]);
    refused(
        "pi",
        &Want { prompt: Some("@x"), ..PLAIN },
        "agent `pi` has no known flag for a prompt that begins with this character",
    );
    refused("generic", &plain, "agent `generic` has no known flag for a prompt");
}

#[test]
fn a_variable_that_the_agent_wants_is_set_unless_the_user_has_it() {
    let env = |user: &[(&str, &str)]| run("pi", &Want { env: user, ..PLAIN }).unwrap().env;
    let set = ("PI_PROGRAM_STATUS".to_owned(), "1".to_owned());
    assert_eq!(env(&[]), [set]);
    assert_eq!(env(&[("PI_PROGRAM_STATUS", "0")]), []);
}

#[test]
fn plan_mode_is_a_flag_or_an_error() {
    let plan = Want { plan: true, ..PLAIN };
    check("claude", &plan, &["claude", "--permission-mode", "plan"]);
    check("opencode", &plan, &["opencode", "--agent", "plan"]);
    refused("codex", &plan, "agent `codex` has no known flag for plan mode");
    refused("pi", &plan, "agent `pi` has no known flag for plan mode");
}

#[test]
fn trust_resume_writable_and_hooks_find_their_places() {
    let profile = Profile::shared("codex").unwrap();
    let wiring = Wiring { command: strings(&["/w", "hook", "codex"]), ..Wiring::default() };
    let wire = kinds::find("codex").unwrap().wire(&wiring);
    let resume = Resume::Session("0-1".to_owned());
    let launch = launch(
        &profile,
        &Request {
            argv: &strings(&["/opt/codex", "--search", "--no-daemon"]),
            model: None,
            plan: false,
            prompt: None,
            prompt_flag: None,
            trust: Some("/w/a \"b\" {path}"),
            writable: &commit_dirs("/r/.git/", "/r/.git/worktrees/x"),
            resume: Some(&resume),
            wire: Some(&wire),
            lead: None,
            env: &BTreeMap::new(),
        },
    );
    let want = [
        "/opt/codex",
        "resume",
        "0-1",
        "--search",
        "--no-daemon",
        "-c",
        concat!(
            "sandbox_workspace_write.writable_roots=",
            r#"["/r/.git/objects", "/r/.git/refs", "/r/.git/logs", "/r/.git/worktrees/x"]"#
        ),
        "-c",
        "projects={'/w/a \"b\" {path}'={trust_level=\"trusted\"}}",
        "-c",
        "notify=[\"/w\", \"hook\", \"codex\"]",
    ];
    assert_eq!(launch.unwrap().argv, strings(&want));
}

#[test]
fn a_session_is_copied_by_the_agents_own_flags() {
    let argv = |agent: &str| {
        let profile = Profile::shared(agent).unwrap();
        let request = Request {
            argv: &strings(&[agent]),
            model: None,
            plan: false,
            prompt: Some("go"),
            prompt_flag: None,
            trust: None,
            writable: &[],
            resume: Some(&Resume::Fork("s1".to_owned())),
            wire: None,
            lead: None,
            env: &BTreeMap::new(),
        };
        launch(&profile, &request).map(|it| it.argv.join(" "))
    };
    assert_eq!(argv("claude").unwrap(), "claude --resume s1 --fork-session -- go");
    assert_eq!(argv("codex").unwrap(), "codex fork s1 -C . --no-daemon -- go");
    assert_eq!(argv("pi").unwrap(), "pi --fork s1 go");
    assert_eq!(argv("opencode").unwrap(), "opencode --session s1 --fork --prompt go");
    assert!(matches!(argv("gemini"), Err(Error::NoMapping { .. })));
}

#[test]
fn settings_of_the_user_are_not_pushed_aside() {
    let profile = Profile::shared("claude").unwrap();
    let wiring = Wiring { command: strings(&["/w"]), ..Wiring::default() };
    let wire = kinds::find("claude").unwrap().wire(&wiring);
    let request = Request {
        argv: &strings(&["claude", "--settings=mine.json"]),
        model: None,
        plan: false,
        prompt: None,
        prompt_flag: None,
        trust: None,
        writable: &[],
        resume: None,
        wire: Some(&wire),
        lead: None,
        env: &BTreeMap::new(),
    };
    assert!(matches!(launch(&profile, &request), Err(Error::Taken(..))));
}
