//! The chosen agent, and its command line in a worktree.
use std::{collections::BTreeMap, path::Path};

use super::options::CreateOptions;
use crate::{
    agents::{
        Launch,
        kinds::{self, AgentKind, Lead, Wire, Wiring},
        launch::{Error, Model, Request, Resume, commit_dirs, launch},
        profile::Profile,
    },
    brief::BOOTSTRAP,
    cli::{
        Context, Failure, agent_version,
        settings::{self, FoundProfile},
    },
    client::HubLocation,
    config::{self, AgentHooks, Loaded, MoreHooks, Trust},
    git::Made,
    model::{Agent, DeliveryMode},
    paths::{self, Env},
    proc::Cancel,
};

/// An agent from the configuration, with its profile.
#[derive(Debug)]
pub(in crate::cli) struct AgentChoice {
    pub(super) name: String,
    block: config::Agent,
    profile: FoundProfile,
    model: Option<Model>,
    plan: bool,
    resume_at_reset: bool,
    /// Its conversation, if it is started again.
    resume: Option<Resume>,
    /// Its first prompt.
    first_prompt: Option<String>,
    /// What it is started with as an orchestrator.
    lead: Option<Lead>,
}

impl AgentChoice {
    /// The agent to start. Checks here, before anything is created, that it supports the model
    /// and the mode.
    pub(super) fn find(
        context: &Context,
        loaded: &Loaded,
        options: &CreateOptions,
    ) -> Result<Self, Failure> {
        let name = options.agent.as_deref();
        let chosen = Self::named(context, loaded, name, (options.model.clone(), options.plan));
        chosen.map_err(|failure| if name.is_some() { failure.into_usage() } else { failure })
    }

    /// The agent of an earlier worker, to be started again.
    pub(in crate::cli) fn again(
        context: &Context,
        loaded: &Loaded,
        agent: &Agent,
    ) -> Result<Self, Failure> {
        let model = agent.model.as_deref().map(Model::parse).transpose()?;
        Self::next(context, loaded, &agent.name, model)
    }

    /// The agent that takes over.
    pub(in crate::cli) fn next(
        context: &Context,
        loaded: &Loaded,
        name: &str,
        model: Option<Model>,
    ) -> Result<Self, Failure> {
        Self::named(context, loaded, Some(name), (model, false))
    }

    pub(super) fn has_conversation(&self) -> bool {
        self.resume.is_some()
    }

    /// How its conversation begins: an earlier one, a first prompt, or neither.
    pub(in crate::cli) fn begin(&mut self, resume: Option<Resume>, prompt: Option<&str>) {
        (self.resume, self.first_prompt) = (resume, prompt.map(str::to_owned));
    }

    /// It will direct workers. It works in the user's own worktree, so wtmag answers no trust question for it.
    pub(in crate::cli) fn direct(&mut self, lead: Lead, env: &Env) {
        self.block.trust = Trust::Ask;
        let config = self.kind().map(|it| user_config(it, env)).unwrap_or_default();
        self.lead = Some(Lead { config, ..lead });
    }

    /// Whether its launch can give it instructions. Others are told by a first prompt.
    pub(in crate::cli) fn takes_instructions(&self) -> bool {
        self.kind().is_some()
    }

    pub(in crate::cli) fn named(
        context: &Context,
        loaded: &Loaded,
        name: Option<&str>,
        (model, plan): (Option<Model>, bool),
    ) -> Result<Self, Failure> {
        let config = &loaded.config;
        let name = name.unwrap_or(&config.agents.default.name).to_owned();
        let block = settings::agent(&context.env, loaded, &name)?;
        let profile = settings::profile(&context.env, &name, &block)?;
        let resume_at_reset = config.limits.resume;
        let (resume, first_prompt) = (None, Some(BOOTSTRAP.to_owned()));
        let chosen = Self {
            name,
            block,
            profile,
            model,
            plan,
            resume_at_reset,
            resume,
            first_prompt,
            lead: None,
        };
        chosen.request(&context.env, &[], None, None)?;
        Ok(chosen)
    }

    pub(in crate::cli) fn name(&self) -> &str {
        &self.name
    }

    /// What the profile says about starting it again.
    pub(in crate::cli) fn profile(&self) -> &Profile {
        &self.profile.profile
    }

    /// Its command line without the parts that depend on the worktree.
    pub(super) fn outline(&self, env: &Env) -> Result<Launch, Failure> {
        self.request(env, &[], None, None)
    }

    /// Its command line for this worktree, and notes for the user. If the agent needs a plugin to
    /// report its turns, writes it.
    pub(in crate::cli) fn launch(
        &self,
        env: &Env,
        made: &Made,
        common_dir: &Path,
        hub: &HubLocation,
    ) -> Result<(Launch, Vec<String>), Failure> {
        let writable = self.writable(env, made, common_dir, hub);
        let worktree = made.path.display().to_string();
        let trust = (self.block.trust == Trust::Worktree).then_some(worktree.as_str());
        let wire = self.wire(env, hub);
        let launched = match self.try_request(env, &writable, trust, wire.as_ref()) {
            Err(Error::Taken(_, flag)) => {
                let launch = self.request(env, &writable, trust, None)?;
                let note = format!(
                    "the arguments of `{}` already have `{flag}`, so its state is read from the screen alone",
                    self.name
                );
                return Ok((launch, vec![note]));
            }
            other => other?,
        };
        if let Some((path, text)) = &launched.file {
            write_plugin(Path::new(path), text, hub)?;
        }
        let name = &self.name;
        let note = format!(
            "`{name}` begins a prompt of its command line before you trust the worktree: wtmag types the prompt"
        );
        let is_other = self.delivery() != self.block.delivery;
        Ok((launched, is_other.then_some(note).into_iter().collect()))
    }

    /// The agent as the hub records it.
    pub(in crate::cli) fn record(&self, argv: Vec<String>) -> Agent {
        Agent {
            name: self.name.clone(),
            profile: self.profile.name.clone(),
            profile_text: self.profile.text.clone(),
            argv,
            model: self.model.as_ref().map(Model::to_string),
            delivery: self.delivery(),
            trust: self.block.trust == Trust::Worktree,
            resume_at_reset: self.resume_at_reset,
        }
    }

    /// What to tell about the version of its program, when that is news. A user knows which version their
    /// own profile is for.
    pub(super) async fn version_note(&self, hub: &HubLocation, cancel: &Cancel) -> Option<String> {
        let memory = hub.state.root().join("agents.json");
        let profile = &self.profile;
        if profile.text.is_some() {
            return None;
        }
        agent_version::note(&self.command(), &profile.profile, &memory, cancel).await
    }

    /// How it gets its first prompt. It must get it once.
    pub(super) fn delivery(&self) -> DeliveryMode {
        match self.block.trust {
            Trust::Ask if self.profile.profile.launch.prompt_before_trust => DeliveryMode::Ready,
            Trust::Ask | Trust::Worktree => self.block.delivery,
        }
    }

    /// Whether `delivery = "argument"` would help a user who has not set it.
    pub(super) fn could_take_argument(&self) -> bool {
        let launch = &self.profile.profile.launch;
        self.block.delivery == DeliveryMode::Ready && !launch.prompt_before_trust
    }

    /// Whether `trust = "worktree"` would help a user who has not set it.
    pub(super) fn could_be_trusted(&self) -> bool {
        let spec = &self.profile.profile.trust;
        self.block.trust == Trust::Ask && !(spec.args.is_empty() && spec.label.is_none())
    }

    pub(super) fn command(&self) -> String {
        self.block.argv().into_iter().next().unwrap_or_default()
    }

    fn request(
        &self,
        env: &Env,
        writable: &[String],
        trust: Option<&str>,
        wire: Option<&Wire>,
    ) -> Result<Launch, Failure> {
        self.try_request(env, writable, trust, wire).map_err(|error| {
            if !matches!(error, Error::NoMapping { .. }) {
                return error.into();
            }
            Failure::user(error)
                .hint("`wtmag help profiles` tells how to write a profile for this agent")
                .hint_of_option("agent", "`--agent NAME` chooses another agent")
        })
    }

    fn try_request(
        &self,
        env: &Env,
        writable: &[String],
        trust: Option<&str>,
        wire: Option<&Wire>,
    ) -> Result<Launch, Error> {
        let value = |name: &str| Some((name.to_owned(), env.var(name)?.to_str()?.to_owned()));
        // If hooks are off, a model may still add to a variable.
        let merged = kinds::ALL.iter().flat_map(|it| it.merged_env);
        let set = self.profile.profile.launch.env.keys().map(String::as_str);
        let env: BTreeMap<String, String> = merged.copied().chain(set).filter_map(value).collect();
        let by_argument = self.delivery() == DeliveryMode::Argument;
        let lead = self.kind().zip(self.lead.as_ref()).map(|(kind, lead)| kind.direct(lead));
        launch(
            &self.profile.profile,
            &Request {
                argv: &self.block.argv(),
                model: self.model.as_ref(),
                plan: self.plan,
                prompt: self.first_prompt.as_deref().filter(|_| by_argument),
                prompt_flag: Some(&self.block.prompt_flag),
                trust,
                writable,
                resume: self.resume.as_ref(),
                wire,
                lead: lead.as_ref(),
                env: &env,
            },
        )
    }

    /// Directories that the agent must write to, in order to commit and to report from a sandbox
    /// without access to the hub's socket; plus those that it may already write to, because the
    /// launch replaces that list.
    fn writable(
        &self,
        env: &Env,
        made: &Made,
        common_dir: &Path,
        hub: &HubLocation,
    ) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let ours = commit_dirs(&text(common_dir), &text(&made.git_dir));
        let theirs = self.kind().map(|it| it.writable(&user_config(it, env)));
        let spool = text(&hub.state.spool());
        theirs.into_iter().flatten().chain(ours).chain([spool]).collect()
    }

    fn kind(&self) -> Option<&'static AgentKind> {
        self.profile.profile.hooks.as_ref().map(|it| it.kind)
    }

    /// How the agent reports its turns, unless the user turned hooks off.
    fn wire(&self, env: &Env, hub: &HubLocation) -> Option<Wire> {
        let kind = self.kind().filter(|_| self.block.hooks != AgentHooks::Plain(false))?;
        let program = hub.program.to_str()?.to_owned();
        let plugin = hub.state.root().join("plugins").join(format!("wtmag-{}", kind.name));
        Some(kind.wire(&Wiring {
            command: vec![program, "hook".to_owned(), kind.name.to_owned()],
            plugin: plugin.to_str()?.to_owned(),
            config: user_config(kind, env),
            reviewed: matches!(self.block.hooks, AgentHooks::More(MoreHooks::All)),
        }))
    }
}

/// The user's settings file of an agent program; empty if it cannot be read.
fn user_config(kind: &AgentKind, env: &Env) -> toml::Table {
    let Some(spec) = kind.user_config else { return toml::Table::new() };
    let dir = env.var(spec.dir_variable);
    let dir = dir.map_or_else(|| env.home().join(spec.default_dir), Into::into);
    let text = std::fs::read_to_string(dir.join(spec.file)).ok();
    text.and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// One file for all workers: it contains nothing specific to a worker.
fn write_plugin(path: &Path, text: &str, hub: &HubLocation) -> Result<(), Failure> {
    if std::fs::read_to_string(path).is_ok_and(|it| it == text) {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(hub.state.root());
    paths::private_dir(dir, hub.uid).map_err(Failure::user)?;
    // Readable by the user alone.
    paths::replace(path, text.as_bytes())
        .map_err(|error| Failure::user(format!("could not write `{}`: {error}", path.display())))
}
