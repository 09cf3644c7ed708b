//! The brief of a worker: a work item and two templates in, the text of `.wtmag/prompt.md` out.
//!
//! Knows work items, the variables and filters that templates may use, and the embedded templates:
//! `implement` briefs a worker that changes code, `review` one that reviews a pull request, and
//! `pr`, of which there is one per kind of host, is the part of `implement` that says how a pull
//! request is opened. The head of each template says what it may use and how to replace it.
//! No IO, no clock, no environment: this module does not know who fetched the item or where a
//! template was found. Fetched text was written by other people: it is cleaned, cut to a stated
//! length, fenced and marked as data. Only the user's own words are instructions.
mod item;
pub mod text;
mod view;

use std::{
    borrow::Cow,
    io::{self, Write},
};

use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};

use crate::model::{Base, Host, Kind};

pub use item::{ChangedFile, Comment, Detail, Pull, Ticket, WorkItem};

/// The first line that an agent gets, word for word.
pub const BOOTSTRAP: &str = "Read ./.wtmag/prompt.md and use it as the full task brief.";

/// The first line for an agent that takes over from another one, word for word.
pub const HANDOFF: &str = "Read ./.wtmag/handoff.md and continue the work that it describes.";

/// Longest body that a brief repeats, in bytes; GitHub's own limit is half of it.
pub const MAX_BODY: usize = 128 << 10;

/// Most bytes of comments that a brief repeats; the newest are kept.
pub const MAX_COMMENTS: usize = 128 << 10;

/// Steps that a template may take: a thousand times what the built-in ones need. A repository's
/// template is code that other people wrote.
const FUEL: u64 = 2_000_000;

/// Longest brief that a template may write.
const MAX_BRIEF: usize = 16 << 20;

/// Most changed files that a brief lists.
pub const MAX_FILES: usize = 300;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("could not render the template `{name}`")]
    Template { name: String, source: minijinja::Error },
    #[error("the template `{name}` renders to nothing")]
    Empty { name: String },
    #[error("the template `{name}` renders to more than {} MB", MAX_BRIEF >> 20)]
    TooLong { name: String },
}

/// One template: its text, and its name in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub name: String,
    pub text: Cow<'static, str>,
}

/// The templates of one brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Templates {
    /// The brief itself: `implement` or `review`.
    pub work: Template,
    /// How a pull request is opened: `pr`. Rendered first; the brief has it as `pr`.
    pub pr: Template,
}

/// What the brief contains besides the item.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The host of the remote that work is pushed to.
    pub host: Host,
    /// `owner/name` on the forge.
    pub repo: Option<&'a str>,
    /// The worktree's branch.
    pub branch: &'a str,
    /// The start of the branch; for a review, the base of the pull request.
    pub base: Option<&'a Base>,
    /// Name of the remote that work is pushed to.
    pub remote: Option<&'a str>,
    /// Branch that a pull request is opened against; `None` for the repository's default.
    pub target: Option<&'a str>,
    /// Ask the worker to push and to open a pull request.
    pub open_pr: bool,
    /// The agent starts in its plan mode.
    pub plan: bool,
    /// The repository has submodules, which are empty in a new worktree.
    pub submodules: bool,
    /// The user's own words beside the item (`--prompt` with a source).
    pub instructions: Option<&'a str>,
}

/// Names of the template files of one type, the most specific first: `pr-github.tmpl`, `pr.tmpl`.
pub fn file_names(kind: &str, host: Host) -> Vec<String> {
    let special = host_name(host).map(|host| format!("{kind}-{host}.tmpl"));
    special.into_iter().chain([format!("{kind}.tmpl")]).collect()
}

/// The type of the template that briefs this kind of work.
pub fn template_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Implementation | Kind::Orchestrator | Kind::Other(_) => "implement",
        Kind::Review => "review",
    }
}

impl Template {
    /// The embedded template of this type: one for the host, else the general one.
    pub fn embedded(kind: &str, host: Host) -> Self {
        let (name, text) = match (kind, host) {
            ("review", _) => ("review.tmpl", include_str!("templates/review.tmpl")),
            ("pr", Host::Github) => ("pr-github.tmpl", include_str!("templates/pr-github.tmpl")),
            ("pr", Host::Gitlab) => ("pr-gitlab.tmpl", include_str!("templates/pr-gitlab.tmpl")),
            ("pr", Host::Other) => ("pr.tmpl", include_str!("templates/pr.tmpl")),
            _ => ("implement.tmpl", include_str!("templates/implement.tmpl")),
        };
        Self { name: name.to_owned(), text: Cow::Borrowed(text) }
    }
}

impl Templates {
    /// The templates for a user who has none.
    pub fn embedded(kind: Kind, host: Host) -> Self {
        Self {
            work: Template::embedded(template_type(kind), host),
            pr: Template::embedded("pr", host),
        }
    }
}

/// The whole brief as Markdown, with a newline at its end.
pub fn render(
    templates: &Templates,
    item: &WorkItem,
    options: &Options<'_>,
) -> Result<String, Error> {
    let failed = |source| Error::Template { name: templates.work.name.clone(), source };
    let env = environment().map_err(failed)?;
    let context = Template {
        name: "context.tmpl".to_owned(),
        text: Cow::Borrowed(include_str!("templates/context.tmpl")),
    };
    let mut view = view::View::new(item, options);
    view.context = render_one(&env, &context, &view)?;
    if options.open_pr {
        view.pr = Some(render_one(&env, &templates.pr, &view)?);
    }
    let brief = render_one(&env, &templates.work, &view)?;
    if brief.is_empty() {
        return Err(Error::Empty { name: templates.work.name.clone() });
    }
    Ok(brief + "\n")
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    env.add_filter("fence", |text: &str| text::fence("untrusted", text.trim_matches('\n')));
    env.add_filter("sh", quote_for_shell);
    Ok(env)
}

fn render_one(
    env: &Environment<'_>,
    template: &Template,
    view: &view::View,
) -> Result<String, Error> {
    let failed = |source| Error::Template { name: template.name.clone(), source };
    let compiled = env.template_from_named_str(&template.name, &template.text).map_err(failed)?;
    let mut brief = Brief::default();
    let rendered = compiled.render_captured_to(Serde(view), &mut brief);
    if brief.is_full {
        return Err(Error::TooLong { name: template.name.clone() });
    }
    rendered.map_err(failed)?;
    let text = String::from_utf8_lossy(&brief.text);
    Ok(text.trim().to_owned())
}

/// What a template has written so far.
#[derive(Default)]
struct Brief {
    text: Vec<u8>,
    is_full: bool,
}

impl Write for Brief {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > MAX_BRIEF {
            self.is_full = true;
            return Err(io::Error::other("the brief is too long"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text as one word of a shell command.
fn quote_for_shell(text: &str) -> Result<String, minijinja::Error> {
    let quoted = shlex::try_quote(text).map_err(|source| {
        let kind = minijinja::ErrorKind::InvalidOperation;
        minijinja::Error::new(kind, "text with a NUL cannot be quoted").with_source(source)
    })?;
    Ok(quoted.into_owned())
}

fn host_name(host: Host) -> Option<&'static str> {
    match host {
        Host::Github => Some("github"),
        Host::Gitlab => Some("gitlab"),
        Host::Other => None,
    }
}

#[cfg(test)]
mod tests;
