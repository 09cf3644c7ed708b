//! The tools: for each one a row with its parameters, and how a call becomes a command. Pure.
use serde_json::{Map, Value, json};

/// The arguments of a call, or the schema of them.
pub(super) type Object = Map<String, Value>;

/// What a tool does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    /// It adds something, and takes nothing away.
    Adds,
    /// It may end or remove something.
    Destroys,
}

/// When a tool is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Always,
    /// Only with `[land] agents = true`.
    IfAgentsLand,
    /// Only with `[answer] agents = true`.
    IfAgentsAnswer,
}

/// Where a parameter goes in the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// After the options, in the order of the table.
    Operand,
    /// `--name=value`.
    Option(&'static str),
    /// `--name`, if it is true.
    Switch(&'static str),
    /// Seconds, as `--name=90s`.
    Seconds(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Texts,
    Number,
    Numbers,
    Flag,
}

#[derive(Clone, Copy, Debug)]
struct Param {
    name: &'static str,
    kind: Kind,
    required: bool,
    place: Place,
    about: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) effect: Effect,
    pub(super) offered: Offered,
    /// The command's first words.
    verb: &'static [&'static str],
    params: &'static [Param],
    /// Longest time that a call takes, in seconds, if no parameter says so.
    pub(super) limit: u64,
}

const fn text(name: &'static str, place: Place, about: &'static str) -> Param {
    Param { name, kind: Kind::Text, required: false, place, about }
}

const fn required(param: Param) -> Param {
    Param { required: true, ..param }
}

const fn texts(param: Param) -> Param {
    Param { kind: Kind::Texts, ..param }
}

const fn number(param: Param) -> Param {
    Param { kind: Kind::Number, ..param }
}

const fn numbers(param: Param) -> Param {
    Param { kind: Kind::Numbers, ..param }
}

const fn flag(name: &'static str, option: &'static str, about: &'static str) -> Param {
    Param { name, kind: Kind::Flag, required: false, place: Place::Switch(option), about }
}

const WORKER: Param = text(
    "worker",
    Place::Operand,
    "The worker: its id, or its issue, pull request, ticket or branch",
);
/// The parameter of a tool that opens a window.
const SESSION: &str = "session";
const TEXT: Param = text("text", Place::Operand, "The text");
const TIMEOUT: Param = number(text(
    "seconds",
    Place::Seconds("timeout"),
    "Longest wait in seconds, at most 600 [default: 60]",
));

const fn row(
    name: &'static str,
    verb: &'static [&'static str],
    effect: Effect,
    about: &'static str,
    params: &'static [Param],
) -> Tool {
    Tool { name, about, effect, offered: Offered::Always, verb, params, limit: 60 }
}

pub(super) const ALL: [Tool; 18] = [
    Tool {
        limit: 180,
        ..row(
            "create_worker",
            &["create"],
            Effect::Adds,
            "Create a worker: a branch, a git worktree and a tmux window with a coding agent that gets the \
             task. Name one task: a text, or a task of one of the trackers below. Returns when the agent \
             has its prompt, or a dialog holds it; at most 180 s.",
            &[
                text(
                    "prompt",
                    Place::Option("prompt"),
                    "The task in words; with an issue, more instructions",
                ),
                text(
                    "github",
                    Place::Option("github"),
                    "Number or URL of a GitHub issue or pull request",
                ),
                text(
                    "gitlab",
                    Place::Option("gitlab"),
                    "Number or URL of a GitLab issue; of a merge request, `!` and its number, or its URL",
                ),
                text("jira", Place::Option("jira"), "Key of a Jira ticket"),
                text("bead", Place::Option("bead"), "Id of a bead"),
                text("openspec", Place::Option("openspec"), "Name of an OpenSpec change"),
                text(
                    "source",
                    Place::Option("source"),
                    "Task of a tracker in the user's configuration: NAME:KEY, as `linear:ENG-12`",
                ),
                text("agent", Place::Option("agent"), "The agent [default: the configuration's]"),
                text("model", Place::Option("model"), "PROVIDER/MODEL[:THINKING]"),
                text("base", Place::Option("base"), "Branch, tag or commit to start from"),
                text("name", Place::Option("name"), "Name of the new branch"),
                flag("plan", "plan", "Start the agent in its plan mode"),
                flag(
                    SESSION,
                    "session",
                    "Open it in its own tmux session, not in a window of the user's session",
                ),
                flag("no_pr", "no-pr", "Do not ask for a pull request"),
                flag("queue", "queue", "Wait for a free place if the limit of workers is reached"),
            ],
        )
    },
    row(
        "list_workers",
        &["list"],
        Effect::Reads,
        "List the workers of the project: state, agent, branch, pull request, last message.",
        &[flag("all", "all", "Those of all projects")],
    ),
    row(
        "show_worker",
        &["show"],
        Effect::Reads,
        "Show one worker in full: task, state, question and screen.",
        &[required(WORKER)],
    ),
    row(
        "send",
        &["send", "--timeout=45s"],
        Effect::Adds,
        "Type a text into a worker's agent and submit it. Waits up to 45 s until the agent has it; a text \
         that is held is delivered later.",
        &[required(WORKER), required(TEXT)],
    ),
    row(
        "ask",
        &["ask"],
        Effect::Adds,
        "Ask a worker something and wait for its answer.",
        &[required(WORKER), required(TEXT), TIMEOUT],
    ),
    row(
        "said",
        &["said"],
        Effect::Reads,
        "Read a worker's last messages.",
        &[
            required(WORKER),
            number(text("turns", Place::Option("turns"), "How many turns [default: 1]")),
        ],
    ),
    row(
        "wait",
        &["wait", "--any"],
        Effect::Reads,
        "Wait until one of these workers is at rest, asks something or ends. Without workers, waits for any \
         worker of the project.",
        &[
            texts(text("workers", Place::Operand, "The workers")),
            text("until", Place::Option("until"), "Another state to wait for"),
            TIMEOUT,
        ],
    ),
    row(
        "inbox",
        &["inbox"],
        Effect::Reads,
        "List what needs attention: questions, permissions, reports, failures, pull requests.",
        &[number(text("since", Place::Option("since"), "Only items after this number"))],
    ),
    row(
        "ack",
        &["inbox", "ack"],
        Effect::Adds,
        "Mark items of the inbox as dealt with.",
        &[required(numbers(text("items", Place::Operand, "Their numbers")))],
    ),
    row(
        "reply",
        &["inbox", "reply"],
        Effect::Adds,
        "Answer an item of the inbox; the text is delivered to its worker.",
        &[required(number(text("item", Place::Operand, "Its number"))), required(TEXT)],
    ),
    row(
        "report",
        &["report"],
        Effect::Adds,
        "For an agent that is a worker: report that the work is done or failed, or ask a question.",
        &[
            required(text(
                "kind",
                Place::Operand,
                "done, failed, blocked, question, progress or answer",
            )),
            TEXT,
            text("pr", Place::Option("pr"), "URL of the pull request"),
            number(text("to", Place::Option("to"), "The question that it answers")),
        ],
    ),
    row(
        "ready",
        &["ready"],
        Effect::Reads,
        "List tasks that are ready to start: open, not blocked, and without a worker.",
        &[text(
            "source",
            Place::Option("source"),
            "Ask only this source: github, gitlab, jira, bead or the name of another",
        )],
    ),
    row(
        "run",
        &["run"],
        Effect::Adds,
        "Work through a list of tasks, a worker for each. Returns at once with the run's number; `run_status` \
         tells how it goes.",
        &[
            required(texts(text("tasks", Place::Operand, "The tasks in words"))),
            number(text("jobs", Place::Option("jobs"), "How many at a time [default: 1]")),
            text("agent", Place::Option("agent"), "The agent"),
        ],
    ),
    row(
        "run_status",
        &["run", "show"],
        Effect::Reads,
        "Show the tasks of a run and their results.",
        &[required(number(text("run", Place::Operand, "Its number")))],
    ),
    row(
        "diff",
        &["diff"],
        Effect::Reads,
        "Show what a worker changed: commits, and files with their lines.",
        &[required(WORKER)],
    ),
    row(
        "schedule",
        &["send"],
        Effect::Adds,
        "Send a text to a worker later: after a time, at a time, or again and again.",
        &[
            text("in", Place::Option("in"), "After this time: 30m, 2h"),
            text("at", Place::Option("at"), "At this time: 17:30, tomorrow 9:00, 2030-01-31 09:00"),
            text("cron", Place::Option("cron"), "A cron expression: 0 9 * * 1-5"),
            required(WORKER),
            required(TEXT),
        ],
    ),
    Tool {
        offered: Offered::IfAgentsLand,
        limit: 300,
        ..row(
            "land",
            &["land", "--yes"],
            Effect::Destroys,
            "Merge a worker's work into its base branch, then remove the worker. Refuses what it cannot prove \
             to be safe.",
            &[required(WORKER)],
        )
    },
    Tool {
        offered: Offered::IfAgentsAnswer,
        ..row(
            "answer",
            &["answer"],
            Effect::Adds,
            "Choose an answer in the dialog that a worker shows, by its label.",
            &[
                required(WORKER),
                required(text("choice", Place::Operand, "The answer's label or number")),
            ],
        )
    },
];

/// Longest wait that a caller may ask for, in seconds.
const MAX_SECONDS: u64 = 600;

impl Tool {
    /// A JSON schema of the arguments.
    pub(super) fn schema(&self) -> Object {
        let property = |it: &Param| {
            let of = |kind: &str| json!({ "type": kind, "description": it.about });
            let list = |kind: &str| json!({ "type": "array", "items": { "type": kind }, "description": it.about });
            let schema = match it.kind {
                Kind::Text => of("string"),
                Kind::Number => of("integer"),
                Kind::Flag => of("boolean"),
                Kind::Texts => list("string"),
                Kind::Numbers => list("integer"),
            };
            (it.name.to_owned(), schema)
        };
        let required = self.params.iter().filter(|it| it.required).map(|it| it.name);
        let mut schema = Object::new();
        schema.insert("type".to_owned(), "object".into());
        let properties: Object = self.params.iter().map(property).collect();
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("required".to_owned(), required.collect::<Vec<_>>().into());
        schema.insert("additionalProperties".to_owned(), false.into());
        schema
    }

    /// A client outside of tmux has no session in which a window could open: the worker gets one of its own.
    pub(super) fn outside_tmux(&self, args: &mut Object) {
        if self.params.iter().any(|it| it.name == SESSION) {
            args.entry(SESSION).or_insert(Value::Bool(true));
        }
    }

    /// The command of a call, and how many seconds it may take. What the schema does not allow is an error.
    pub(super) fn command(&self, args: &Object) -> Result<(Vec<String>, u64), String> {
        if let Some(name) =
            args.keys().find(|it| self.params.iter().all(|known| known.name != **it))
        {
            return Err(format!("`{}` has no parameter `{name}`", self.name));
        }
        let mut words: Vec<String> = self.verb.iter().map(|it| (*it).to_owned()).collect();
        words.push("--json".to_owned());
        let mut operands = Vec::new();
        let mut limit = self.limit;
        for param in self.params {
            let values = param.values(args.get(param.name))?;
            if values.is_empty() && param.required {
                return Err(format!("`{}` needs the parameter `{}`", self.name, param.name));
            }
            match param.place {
                Place::Operand => operands.extend(values),
                Place::Option(name) => {
                    words.extend(values.into_iter().map(|it| format!("--{name}={it}")));
                }
                Place::Switch(name) => words.extend(values.iter().map(|_| format!("--{name}"))),
                Place::Seconds(name) => {
                    let given = values.first().and_then(|it| it.parse().ok());
                    let seconds = given.unwrap_or(self.limit).clamp(1, MAX_SECONDS);
                    words.push(format!("--{name}={seconds}s"));
                    // The command itself says that the time is over.
                    limit = seconds + 10;
                }
            }
        }
        // After `--` nothing is an option.
        words.push("--".to_owned());
        words.extend(operands);
        Ok((words, limit))
    }
}

impl Param {
    /// The values as words. A flag that is false has none.
    fn values(&self, value: Option<&Value>) -> Result<Vec<String>, String> {
        let wrong = |what: &str| format!("`{}` must be {what}", self.name);
        let Some(value) = value.filter(|it| !it.is_null()) else { return Ok(Vec::new()) };
        let text = |it: &Value| it.as_str().map(str::to_owned);
        let number = |it: &Value| it.as_u64().map(|it| it.to_string());
        let list = |of: &dyn Fn(&Value) -> Option<String>| {
            value.as_array().and_then(|all| all.iter().map(of).collect::<Option<Vec<_>>>())
        };
        match self.kind {
            Kind::Text => text(value).map(|it| vec![it]).ok_or_else(|| wrong("a string")),
            Kind::Number => number(value).map(|it| vec![it]).ok_or_else(|| wrong("a whole number")),
            Kind::Texts => list(&text).ok_or_else(|| wrong("an array of strings")),
            Kind::Numbers => list(&number).ok_or_else(|| wrong("an array of whole numbers")),
            Kind::Flag => match value.as_bool() {
                Some(true) => Ok(vec![String::new()]),
                Some(false) => Ok(Vec::new()),
                None => Err(wrong("true or false")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> &'static Tool {
        ALL.iter().find(|it| it.name == name).unwrap()
    }

    fn command(name: &str, args: Value) -> Result<String, String> {
        let (words, _) = tool(name).command(args.as_object().unwrap())?;
        Ok(words.join(" "))
    }

    #[test]
    fn a_call_is_a_command_in_which_texts_are_no_options() {
        let check = |name: &str, args: Value, want: &str| {
            assert_eq!(command(name, args).as_deref(), Ok(want));
        };
        check(
            "create_worker",
            json!({ "prompt": "--help me", "plan": true, "queue": false, "agent": null }),
            "create --json --prompt=--help me --plan --",
        );
        check("send", json!({ "worker": "a", "text": "-x" }), "send --timeout=45s --json -- a -x");
        check("ack", json!({ "items": [3, 4] }), "inbox ack --json -- 3 4");
        check("wait", json!({ "seconds": 5000 }), "wait --any --json --timeout=600s --");
        check(
            "schedule",
            json!({ "worker": "a", "text": "x", "in": "2h" }),
            "send --json --in=2h -- a x",
        );
    }

    #[test]
    fn outside_of_tmux_a_worker_gets_a_session_unless_the_client_says_otherwise() {
        let words = |name: &str, args: Value| {
            let mut args = args.as_object().unwrap().clone();
            tool(name).outside_tmux(&mut args);
            tool(name).command(&args).unwrap().0.join(" ")
        };
        assert_eq!(words("create_worker", json!({})), "create --json --session --");
        assert_eq!(words("create_worker", json!({ "session": false })), "create --json --");
        assert_eq!(words("list_workers", json!({})), "list --json --");
    }

    #[test]
    fn what_the_schema_does_not_allow_is_an_error() {
        let fails = |name: &str, args: Value, part: &str| {
            let error = command(name, args).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        fails("send", json!({ "worker": "a" }), "needs the parameter `text`");
        fails("send", json!({ "worker": 3, "text": "x" }), "must be a string");
        fails("ack", json!({ "items": ["x"] }), "whole numbers");
        fails("list_workers", json!({ "all": "yes" }), "true or false");
        fails("list_workers", json!({ "every": true }), "no parameter `every`");
        fails("reply", json!({ "item": -1, "text": "x" }), "a whole number");
    }

    #[test]
    fn every_tool_has_a_schema_and_says_what_it_does() {
        for tool in ALL {
            let schema = tool.schema();
            assert_eq!(schema["type"], "object");
            assert!(tool.about.ends_with('.'), "{}", tool.name);
            for param in tool.params {
                assert!(!schema["properties"][param.name]["description"].is_null());
            }
        }
    }
}
