//! `wtmag mcp`: a server of the Model Context Protocol on standard input and output.
//!
//! Knows the protocol, by `rmcp`, and how a command is run; not what the commands do: each tool is a command
//! of wtmag, with its checks and its JSON.
mod tools;

use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
        ListResourceTemplatesResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, ResourceContents, ResourceTemplate, ServerCapabilities, ServerConfig,
        Tool, ToolAnnotations,
    },
    service::RequestContext,
    transport::stdio,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Context, Failure, settings};
use crate::proc::{Cmd, Output};
use tools::{ALL, Effect, Offered};

/// Serve the workers to an MCP client, on standard input and output
///
/// For clients of the Model Context Protocol. To add it to claude: `claude mcp add wtmag -- wtmag mcp`. Each tool
/// runs a command of wtmag and returns compact JSON: create_worker, list_workers, show_worker, send, ask, said, wait, inbox,
/// ack, reply, report, ready, run, run_status, diff, schedule; `land` if `[land] agents` is true, `answer` if
/// `[answer] agents` is true. Resources: `wtmag://worker/ID/log` and `wtmag://worker/ID/screen`.
///
/// The tools work in the repository in which the server starts. The server ends when its standard input closes.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// How often the client is told that a call still runs.
const PROGRESS: Duration = Duration::from_secs(2);
/// Longest output that is passed on, in bytes.
const MAX_OUTPUT: usize = 1 << 20;
const INSTRUCTIONS: &str = "wtmag runs coding agents, each in its own git worktree and tmux window. You \
    create workers, are told by `inbox` what needs attention, answer, and report to the user. Do not poll \
    `list_workers`: `wait` returns when something happens. `wtmag skill show` prints how to work with it.";

pub(crate) async fn run(context: &Context, _: Args) -> Result<ExitCode, Failure> {
    let here = settings::repo_around(&std::env::current_dir()?)?;
    let loaded = settings::load(context, here.as_ref())?;
    let allowed = Allowed { land: loaded.config.land.agents, answer: loaded.config.answer.agents };
    let server = Server {
        program: context.env.program()?,
        socket: context.whereabouts()?.tmux_socket,
        dir: std::env::current_dir()?,
        tmux_env: context.env.tmux_vars(),
        is_outside: context.caller()?.is_none(),
        allowed,
    };
    let service = server.serve(stdio()).await.map_err(Failure::user)?;
    service.waiting().await.map_err(Failure::bug)?;
    Ok(ExitCode::SUCCESS)
}

/// What the user lets agents do.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    land: bool,
    answer: bool,
}

impl Allowed {
    fn has(self, tool: &tools::Tool) -> bool {
        match tool.offered {
            Offered::Always => true,
            Offered::IfAgentsLand => self.land,
            Offered::IfAgentsAnswer => self.answer,
        }
    }
}

struct Server {
    program: PathBuf,
    socket: PathBuf,
    dir: PathBuf,
    /// Which pane the client is in.
    tmux_env: Vec<(&'static str, OsString)>,
    /// It is in none.
    is_outside: bool,
    allowed: Allowed,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("wtmag", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let offered = ALL.iter().filter(|it| self.allowed.has(it));
        Ok(ListToolsResult::with_all_items(offered.map(described).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let found = ALL.iter().find(|it| it.name == request.name && self.allowed.has(it));
        let Some(tool) = found else {
            return Err(ErrorData::invalid_params(format!("no tool `{}`", request.name), None));
        };
        let mut args = request.arguments.unwrap_or_default();
        if self.is_outside {
            tool.outside_tmux(&mut args);
        }
        let (words, limit) =
            tool.command(&args).map_err(|why| ErrorData::invalid_params(why, None))?;
        let said = self.run(&words, Duration::from_secs(limit), &context).await?;
        Ok(result(&said).into())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let row = |what: &str, about: &str| {
            ResourceTemplate::new(format!("wtmag://worker/{{id}}/{what}"), format!("worker {what}"))
                .with_description(about)
                .with_mime_type("text/plain")
        };
        let all = vec![
            row("log", "What happened to a worker"),
            row("screen", "What a worker's terminal shows, with its state"),
        ];
        Ok(ListResourceTemplatesResult::with_all_items(all))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let unknown = || ErrorData::resource_not_found(format!("no resource `{uri}`"), None);
        let rest = uri.strip_prefix("wtmag://worker/").ok_or_else(unknown)?;
        let verb = match rest.rsplit_once('/') {
            Some((id, "log")) => ["log", id],
            Some((id, "screen")) => ["show", id],
            _ => return Err(unknown()),
        };
        let [verb, id] = verb;
        let words = [verb, "--", id].map(str::to_owned);
        let said = self.run(&words, Duration::from_secs(60), &context).await?;
        if !said.is_success() {
            return Err(ErrorData::resource_not_found(said.stderr_text(), None));
        }
        let text = clipped(said.stdout_text());
        Ok(ReadResourceResult::new(vec![ResourceContents::text(text, uri)]).into())
    }
}

impl Server {
    /// Runs a command of wtmag, until its end, its limit, or the client cancels the call.
    async fn run(
        &self,
        words: &[String],
        limit: Duration,
        context: &RequestContext<RoleServer>,
    ) -> Result<Output, ErrorData> {
        let cmd = Cmd::new(&self.program, &self.dir).args(["-S"]).args([&self.socket]);
        let cmd = cmd.envs(self.tmux_env.iter().map(|(name, value)| (name, value)));
        let (cancel, is_cancelled) = watch::channel(false);
        let run = cmd.args(words).limit(limit).run(&is_cancelled);
        tokio::pin!(run);
        let mut beat = tokio::time::interval(PROGRESS);
        let mut n = 0.0;
        loop {
            tokio::select! {
                said = &mut run => return said.map_err(|error| {
                    ErrorData::internal_error(error.to_string(), None)
                }),
                () = context.ct.cancelled() => {
                    // The command ends as by Ctrl-C: it undoes what is half done.
                    cancel.send_replace(true);
                    drop(run.await);
                    return Err(ErrorData::internal_error("the call was cancelled", None));
                }
                _ = beat.tick() => {
                    n += 1.0;
                    tell_progress(context, n).await;
                }
            }
        }
    }
}

/// A client that has gone is noticed by the transport.
async fn tell_progress(context: &RequestContext<RoleServer>, n: f64) {
    let Some(token) = context.meta.get_progress_token() else { return };
    let told = ProgressNotificationParam::new(token, n).with_message("wtmag is working");
    if let Err(error) = context.peer.notify_progress(told).await {
        tracing::debug!(%error, "a progress notification");
    }
}

fn described(tool: &tools::Tool) -> Tool {
    let reads = tool.effect == Effect::Reads;
    let annotations = ToolAnnotations::new()
        .read_only(reads)
        .destructive(tool.effect == Effect::Destroys)
        .open_world(false);
    Tool::new(tool.name, tool.about, Arc::new(tool.schema())).annotate(annotations)
}

/// What a command printed, as a result: its JSON as an object, or why it failed.
fn result(said: &Output) -> CallToolResult {
    let text = clipped(said.stdout_text());
    let value = match serde_json::from_str(&text) {
        Ok(value @ Value::Object(_)) => value,
        Ok(value) => json!({ "result": value }),
        Err(_) => json!({ "text": text }),
    };
    let content = vec![ContentBlock::text(value.to_string())];
    let mut result = if said.is_success() {
        CallToolResult::success(content)
    } else {
        let said = said.stderr_text();
        let why = if value.get("error").is_some() { value.to_string() } else { said };
        CallToolResult::error(vec![ContentBlock::text(why)])
    };
    result.structured_content = Some(value);
    result
}

fn clipped(mut text: String) -> String {
    if text.len() > MAX_OUTPUT {
        let end = (0..=MAX_OUTPUT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
