//! The vocabulary of this program as values: ids, workers, states, samples, receipts.
//!
//! Knows only how values look, compare and (de)serialise. Uses no other module, no IO, no clock, no
//! environment.
mod ask;
mod board;
mod caller;
mod delivery;
mod end_cause;
mod error;
mod event;
mod exit;
mod explained;
mod fact;
mod id;
mod item;
mod landed;
mod marker;
mod new_worker;
mod pull;
mod report;
mod request;
mod room;
mod run;
mod sample;
#[cfg(test)]
pub(crate) mod samples;
mod schedule;
mod source;
mod state;
mod status;
mod time;
mod unknown;
mod usage;
mod version;
mod work;
mod worker;

pub use ask::{Ask, AskKind, Choice, DialogAnswer};
pub use board::BoardRef;
pub use caller::Caller;
pub use delivery::{Delivery, DeliveryMode, Hold, Step, StepAt, Stuck, Take};
pub use end_cause::EndCause;
pub use error::error_chain;
pub use event::{Event, Happened};
pub use exit::Exit;
pub use explained::{Explained, Heard, HeardReport};
pub use fact::{Fact, FactSource};
pub use id::{BadId, DeliveryId, PaneId, SessionId, WindowId, WorkerId};
pub use item::{
    Answered, AnsweredBy, Closed, Ending, InboxQuery, Item, ItemId, ItemKind, Origin, Told,
};
pub use landed::Landed;
pub use marker::Marker;
pub use new_worker::{Follows, NewWorker};
pub use pull::{Checks, Pull, PullState, Pulled, Review, pull_name};
pub use report::{Progress, Report, ReportKind, current};
pub use request::{
    Answer, Cleanup, Hook, HookReport, HubStatus, Making, NewDelivery, Refusal, RefusalKind,
    Request, Reservation, Reserve, WindowPane,
};
pub use room::{InLine, Room};
pub use run::{
    Attempt, NewTask, OnFail, Outcome, Run, RunAct, RunId, RunJob, RunOrder, RunWork, Task,
    TaskState,
};
pub use sample::{InputBox, RuleSaid, Said, Sample, Verdict};
pub use schedule::{Addressee, Deed, Firing, Plan, Schedule, ScheduleId, When};
pub use source::{Host, Kind, Source, SourceKind, pull_requests_in};
pub use state::{
    AgentState, Blocker, DisplayState, Face, Limit, Need, Process, Question, Reported, Tone,
    WorkerState,
};
pub use status::{BlockKind, ProgramState, Spoken, StatusReport};
pub use time::{Now, Timestamp};
pub use unknown::{UnknownName, name_of};
pub use usage::Usage;
pub use version::Version;
pub use work::{Changes, Looked, Work};
pub use worker::{Agent, Base, Own, ParentPane, Place, Placement, ServerId, Worker};
