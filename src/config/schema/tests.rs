//! What the schema accepts, and its messages for the rest.
use super::*;

fn config(layers: &[&str]) -> Config {
    let mut table = Table::new();
    for text in [TEMPLATE].iter().chain(layers) {
        merge(&mut table, parse(text, Owner::User).unwrap().table);
    }
    settle(table).unwrap()
}

#[track_caller]
fn check_fault(text: &str, want: &str) {
    let fault = parse(text, Owner::Project).unwrap_err();
    let (before, _) = text.split_at(fault.at);
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    assert_eq!(format!("{line}:{column}: {}", fault.message), want);
}

#[test]
fn the_template_is_what_the_first_user_gets() {
    let config = config(&[]);
    assert_eq!(config.agents.default.name, "pi");
    assert_eq!(config.launch.placement(Kind::Implementation), Placement::Window);
    assert_eq!(config.launch.placement(Kind::Review), Placement::Window);
    let names: Vec<_> = config.agents.by_name.keys().map(String::as_str).collect();
    assert_eq!(names, ["claude", "codex", "opencode", "pi"]);
    for (name, agent) in &config.agents.by_name {
        let flag = if name == "opencode" { "--prompt" } else { "" };
        assert_eq!(agent.argv(), [name.as_str()]);
        assert_eq!((agent.delivery, agent.prompt_flag.as_str()), (DeliveryMode::Ready, flag));
        assert!(
            agent.hooks == AgentHooks::default()
                && agent.trust == Trust::Ask
                && agent.profile.is_none()
        );
    }
    assert_eq!(config.worktree.backend, Backend::Auto);
    assert!(config.record.enabled);
}

#[test]
fn the_template_may_have_another_default_agent() {
    let text = template("opencode");
    assert_eq!(config(&[&text]).agents.default.name, "opencode");
    assert_eq!(text.lines().count(), TEMPLATE.lines().count());
    assert_eq!(template("pi"), TEMPLATE);
}

#[test]
fn what_the_template_has_as_a_comment_can_be_switched_on() {
    let is_example = |it: &&str| it.starts_with('[') || it.starts_with(|c: char| c.is_lowercase());
    let comments = TEMPLATE.lines().filter_map(|it| it.strip_prefix("# "));
    let settings =
        comments.filter(|it| it.starts_with('[') || it.contains(" = ")).filter(is_example);
    let text = settings.collect::<Vec<_>>().join("\n");
    let config = config(&[&text]);
    assert_eq!(config.agents.by_name["aider"].prompt_flag, "--message");
    assert_eq!(config.agents.by_name["aider"].delivery, DeliveryMode::Argument);
    assert_eq!(config.agent("careful").unwrap().argv(), ["claude", "--permission-mode", "plan"]);
}

#[test]
fn a_block_replaces_the_whole_block_and_other_keys_one_value() {
    let user = "[agents.pi]\ncommand = 'pi'\nargs = ['-x']\ntrust = 'worktree'\nhooks = false";
    let project = "agents.pi.prompt_flag = '-p'\n[launch]\nreview = 'session'\n\
                   [agents.default]\nname = 'claude'";
    let config = config(&[user, project]);
    let pi = &config.agents.by_name["pi"];
    assert_eq!(pi.argv(), ["pi"]);
    assert_eq!(
        (pi.trust, pi.hooks, pi.delivery),
        (Trust::Ask, AgentHooks::Plain(true), DeliveryMode::Argument)
    );
    assert_eq!(config.launch.implementation, Placement::Window);
    assert_eq!(config.launch.review, Placement::Session);
    assert_eq!(config.agents.default.name, "claude");
    assert!(config.agent("codex").is_ok());
}

#[test]
fn delivery_follows_from_the_prompt_flag() {
    let delivery =
        |block: &str| config(&[&format!("[agents.x]\n{block}")]).agents.by_name["x"].delivery;
    assert_eq!(delivery(""), DeliveryMode::Ready);
    assert_eq!(delivery("prompt_flag = ''"), DeliveryMode::Argument);
    assert_eq!(delivery("prompt_flag = '-m'\ndelivery = 'ready'"), DeliveryMode::Ready);
    assert_eq!(delivery("delivery = 'argument'"), DeliveryMode::Argument);
}

#[test]
fn a_command_may_be_of_several_words() {
    let config = config(&["[agents.x]\ncommand = \"npx 'my pi' -v\"\nargs = ['', '$x']"]);
    assert_eq!(config.agents.by_name["x"].argv(), ["npx", "my pi", "-v", "", "$x"]);
}

#[test]
fn an_agent_that_is_not_there_is_named_with_its_nearest() {
    let missing = config(&[]).agent("cluade").unwrap_err();
    let want = "no agent `cluade` in the configuration; did you mean `claude`?";
    assert_eq!(missing.to_string(), want);
    assert_eq!(missing.known, ["claude", "codex", "opencode", "pi"]);
    for other in ["zzz", "aider", "amp", "x"] {
        assert_eq!(config(&[]).agent(other).unwrap_err().nearest, None, "{other}");
    }
    assert!(config(&[]).agent("default").is_err());
}

#[test]
fn an_unknown_key_is_an_error_at_its_place() {
    check_fault(
        "[agnets.pi]\ncommand = 'x'",
        "1:2: unknown key `agnets` in the top level, which takes `launch`, `worktree`, \
         `record`, `history`, `limits`, `inbox`, `answer`, `notify`, `land`, `ready`, `board`, `sources` and `agents`; did you mean `agents`?",
    );
    check_fault(
        "[agents.pi]\ncommand = 'x'\n  promt_flag = ''",
        "3:3: unknown key `promt_flag` in `[agents.pi]`, which takes `command`, `args`, \
         `delivery`, `prompt_flag`, `profile`, `trust` and `hooks`; did you mean \
         `prompt_flag`?",
    );
    check_fault(
        "launch = { reviews = 'window' }",
        "1:12: unknown key `reviews` in `[launch]`, which takes `implementation` and \
         `review`; did you mean `review`?",
    );
}

#[test]
fn a_wrong_type_or_value_is_an_error_at_its_place() {
    check_fault(
        "[launch]\nreview = 'windw'",
        "2:10: `launch.review` must be `window` or `session`, not the string \"windw\"; did \
         you mean `window`?",
    );
    check_fault(
        "[launch]\nreview = 3",
        "2:10: `launch.review` must be `window` or `session`, not an integer",
    );
    check_fault(
        "agents.pi.args = '-x'",
        "1:18: `agents.pi.args` must be an array of strings, not the string \"-x\"",
    );
    check_fault(
        "agents.pi.args = ['-x', 1]",
        "1:25: `agents.pi.args` must be an array of strings, but contains an integer",
    );
    check_fault(
        "agents.default = 'pi'",
        "1:18: `agents.default` must be a table, not the string \"pi\"",
    );
    check_fault(
        "[record]\nenabled = 'yes'",
        "2:11: `record.enabled` must be `true` or `false`, not the string \"yes\"",
    );
    check_fault("[[agents.pi]]", "1:1: `agents.pi` must be a table, not an array");
    for bad in ["''", "'a \"b'", "'  '", "\"''\""] {
        let fault = parse(&format!("agents.pi.command = {bad}"), Owner::User).unwrap_err();
        assert!(fault.message.contains("must be a command"), "{}", fault.message);
    }
    check_fault(
        "agents.pi.profile = '../x'",
        "1:21: `agents.pi.profile` must be a name of letters, digits, `-` and `_`, not the string \"../x\"",
    );
    check_fault(
        "agents.'../x'.hooks = true",
        "1:8: agent name `../x` must be letters, digits, `-` and `_`",
    );
}

#[test]
fn a_board_has_an_owner_and_a_number() {
    let given = config(&[
        "[ready]\nproject = 'acme/3'\n[board]\nproject = 'acme/3'\non_start = 'In progress'",
    ]);
    assert_eq!(given.ready.board().unwrap().number, 3);
    assert_eq!(given.ready.column, "Todo");
    assert_eq!(given.board.on_start.as_deref(), Some("In progress"));
    assert_eq!(config(&[]).board.board(), None);
    check_fault(
        "[ready]\nproject = 'acme'",
        "2:11: `ready.project` must be a project board of GitHub, as in `acme/3`, not the string \"acme\"",
    );
}

#[test]
fn limits_are_numbers() {
    let config = config(&["[limits]\nworkers = 6\nper_agent = { claude = 3 }"]);
    let room = |agent| config.limits.room(agent);
    assert_eq!((room("claude").workers, room("claude").of_agent), (Some(6), Some(3)));
    assert_eq!(room("pi").of_agent, None);
    let fault = |text: &str| parse(text, Owner::User).unwrap_err().message;
    assert_eq!(
        fault("limits.workers = 0"),
        "`limits.workers` must be a number from 1 to 9999, not an integer"
    );
    assert!(fault("limits.workers = '3'").contains("must be a number"));
    assert!(fault("limits.per_agent = { claude = -1 }").contains("must be numbers by agent"));
    check_fault("[limits]\nworkers = 1", "1:2: `limits` can only be set in your own configuration");
}

#[test]
fn what_is_no_toml_is_an_error_at_its_place() {
    for (text, at) in [("[launch\n", "1:8"), ("a = 1\na = 2\n", "2:1"), ("x = \"\u{1}\"", "1:6")] {
        let fault = parse(text, Owner::User).unwrap_err();
        let (before, _) = text.split_at(fault.at);
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        assert_eq!(format!("{line}:{column}"), at, "{}", fault.message);
        assert!(!fault.message.contains('\n') && !fault.message.is_empty());
    }
}

#[test]
fn a_repository_may_not_opt_its_users_in() {
    check_fault(
        "agents.pi = { trust = 'worktree' }",
        "1:15: `agents.pi.trust` can only be set in your own configuration",
    );
    assert!(parse("agents.pi.trust = 'worktree'", Owner::User).is_ok());
    check_fault(
        "[history]\nkeep = '1d'",
        "1:2: `history` can only be set in your own configuration",
    );
}
