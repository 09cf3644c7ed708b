//! When something is done, instead of now: `--at`, `--in`, `--cron`.
use std::time::Duration;

use jiff::tz::TimeZone;

use super::{Context, Failure, naming::Purpose, resolve, unexpected};
use crate::{
    agents::profile::Paste,
    client::Hub,
    clock,
    model::{
        Addressee, Answer, Deed, NewDelivery, Plan, Request, Schedule, Timestamp, When, Worker,
        WorkerId,
    },
    schedule::{self, Error},
};

/// At most one of them. The name of the group is for arguments that make no sense with a later time.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
#[group(id = "timing", multiple = false)]
pub(crate) struct Timing {
    /// Do it at this time: `15:00`, `tomorrow 9:00`, `2026-12-01 09:00`. The command returns now; `wtmag schedule
    /// list` shows what is planned
    #[arg(long, value_name = "TIME", help_heading = "Schedule")]
    at: Option<String>,
    /// Do it after this time: `90s`, `5m`, `2h`, `3d`
    #[arg(
        id = "after", long = "in", value_name = "D", value_parser = super::duration,
        help_heading = "Schedule"
    )]
    after: Option<Duration>,
    /// Do it each time a cron expression matches: `0 9 * * MON-FRI`, `@hourly`
    #[arg(long, value_name = "EXPR", help_heading = "Schedule")]
    cron: Option<String>,
}

impl Timing {
    pub(crate) fn is_now(&self) -> bool {
        self.at.is_none() && self.after.is_none() && self.cron.is_none()
    }

    /// When it happens, and the first time.
    pub(crate) fn read(&self) -> Result<(When, Timestamp), Failure> {
        self.read_at(clock::now(), &TimeZone::system())
    }

    fn read_at(&self, now: Timestamp, zone: &TimeZone) -> Result<(When, Timestamp), Failure> {
        if let Some(expr) = &self.cron {
            let zone_name = zone.iana_name().map(str::to_owned);
            let when = When::Cron { expr: expr.clone(), zone: zone_name };
            let first = schedule::next(&when, now, zone).map_err(failure)?;
            return Ok((when, first.unwrap_or(now)));
        }
        let first = match (&self.at, self.after) {
            (Some(text), _) => schedule::at(text, now, zone).map_err(failure)?,
            (None, after) => {
                let millis = after.unwrap_or_default().as_millis();
                Timestamp(now.0.saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)))
            }
        };
        Ok((When::Once, first))
    }
}

fn failure(error: Error) -> Failure {
    let hint = match &error {
        Error::NotATime { .. } => {
            "times look like `15:00`, `tomorrow 9:00` or `2026-12-01 09:00`; `--in 2h` counts from now"
        }
        Error::Past { .. } => "name a time that is still to come",
        Error::NotCron { .. } => {
            "five fields: minute, hour, day of the month, month, day of the week, as in `0 9 * * MON-FRI`"
        }
        Error::Never { .. } => "no month has such a day",
        Error::Unknown { .. } => "a newer wtmag made it",
    };
    Failure::usage(error.to_string()).hint(hint)
}

/// Who gets it at that time.
pub(crate) enum To {
    Worker(Box<Worker>),
    /// Not known as a worker now.
    Found(Addressee),
}

impl From<To> for Addressee {
    fn from(to: To) -> Self {
        match to {
            To::Worker(worker) => Self::Worker { id: worker.id },
            To::Found(to) => to,
        }
    }
}

/// `self`, `parent`, `orchestrator`, or the name of a worker.
pub(crate) async fn addressee(context: &Context, hub: &mut Hub, name: &str) -> Result<To, Failure> {
    match name {
        "self" => {
            if let Some(worker) = resolve::find_own(context, hub).await? {
                return Ok(To::Worker(Box::new(worker)));
            }
            let pane = context.caller()?.and_then(|it| it.pane);
            let pane = pane
                .ok_or_else(|| Failure::user("`self` needs a tmux pane or a worker's worktree"))?;
            Ok(To::Found(Addressee::Pane { pane, server: None }))
        }
        "parent" => {
            let worker = resolve::find_own(context, hub).await?;
            let worker = worker.ok_or_else(|| {
                Failure::user(
                    "only a worker has a parent, and this is not a worktree or window of a worker",
                )
            })?;
            Ok(To::Found(Addressee::ParentOf { id: worker.id }))
        }
        "orchestrator" if context.project().is_some() => Ok(To::Found(Addressee::Orchestrator)),
        "orchestrator" => Err(Failure::user("this is not inside a project")),
        name => {
            let worker = resolve::worker(context, hub, name, Purpose::Change).await?;
            Ok(To::Worker(Box::new(worker)))
        }
    }
}

/// A text for an agent that is not known yet: short, and nothing that an agent runs as a command.
pub(crate) fn plain(text: &str) -> Result<NewDelivery, Failure> {
    let text = text.trim_matches(['\n', '\r']);
    let limits = Paste::default();
    if text.trim_start().starts_with(['/', '!', '#', '@', '&', '$']) {
        return Err(Failure::user("an agent may run a text that begins like this as a command")
            .hint("begin it with a word"));
    }
    if text.len() > limits.comfortable_bytes || text.lines().count() > limits.comfortable_lines {
        return Err(Failure::user("the text is too long for the input box of an unknown agent")
            .hint("write it to a file, and send a text that names the file"));
    }
    let worker = WorkerId::for_branch("later", "");
    let text = text.to_owned();
    Ok(NewDelivery { worker, text, submit: true, interrupt: false, file: None })
}

/// Asks the hub to do this later.
pub(crate) async fn plan(
    context: &Context,
    hub: &mut Hub,
    (when, first): (When, Timestamp),
    (to, deed): (Addressee, Deed),
) -> Result<Schedule, Failure> {
    let plan = Plan { first, when, to, deed, repo: context.project() };
    let answer = hub.ask(Request::Schedule(Box::new(plan))).await.map_err(|error| {
        let is_gone = error.is_gone();
        let failure = Failure::from(error);
        match is_gone {
            true => failure.hint("it may be planned: check `wtmag schedule list` first"),
            false => failure,
        }
    })?;
    let Answer::Scheduled { schedule } = answer else { return Err(unexpected(&answer)) };
    Ok(*schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(timing: &Timing) -> Result<(When, Timestamp), String> {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        timing.read_at(Timestamp(1_795_214_400_000), &zone).map_err(|it| it.to_string())
    }

    #[test]
    fn a_time_a_span_and_an_expression_are_read() {
        let at = |text: &str| Timing { at: Some(text.into()), ..Timing::default() };
        let (when, first) = read(&at("2026-12-01 09:00")).unwrap();
        assert_eq!((when, first.to_string().as_str()), (When::Once, "2026-12-01T08:00:00.000Z"));
        let after = Timing { after: Some(Duration::from_secs(5400)), ..Timing::default() };
        assert_eq!(read(&after).unwrap().1, Timestamp(1_795_214_400_000 + 5_400_000));
        let cron = |expr: &str| Timing { cron: Some(expr.into()), ..Timing::default() };
        let (when, first) = read(&cron("0 9 * * *")).unwrap();
        assert_eq!(first.to_string(), "2026-11-21T08:00:00.000Z");
        let zone = Some("Europe/Berlin".to_owned());
        assert_eq!(when, When::Cron { expr: "0 9 * * *".into(), zone });
        assert!(read(&cron("0 0 30 2 *")).unwrap_err().contains("never comes"));
        assert!(read(&at("2020-01-01 00:00")).unwrap_err().contains("is over"));
        assert!(Timing::default().is_now() && !cron("x").is_now());
    }
}
