//! The inputs of a delivery, and the actions that it asks for.
use std::time::Duration;

use crate::model::{AgentState, DeliveryId, Hold, Take};

/// The content of the input box, compared with the text of this delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// The box or its content cannot be read.
    #[default]
    Unseen,
    Empty,
    /// The delivered text, or the placeholder for it, and nothing else.
    Ours,
    /// The previous delivered text and nothing else: an interrupted agent puts it back.
    Former,
    /// Something else, with or without the delivered text.
    Other,
}

/// One capture of the worker's pane.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The turn as confirmed over time.
    pub settled: &'a AgentState,
    /// The turn according to this capture alone.
    pub seen: &'a AgentState,
    pub content: Content,
    /// How often the text is on the screen outside the box.
    pub n_shown: usize,
    /// Grows whenever the agent draws.
    pub n_drawn: u64,
    /// What keeps keys from reaching the agent, whatever it shows.
    pub obstacle: Option<&'a Hold>,
    /// The foreground program, in words for [`Hold::Foreground`].
    pub program: &'a str,
    /// The content of the box, or the last rows of the screen.
    pub shows: &'a str,
    /// The profile names a key that clears the box.
    pub can_clear: bool,
    /// The agent takes the text for a command of its own, if it knows it.
    pub is_command: bool,
    /// The agent's hooks report each prompt that it accepts.
    pub hooks_tell: bool,
    /// The delivery whose text was pasted last, as the pane is marked.
    pub pasted: Option<DeliveryId>,
}

/// An event of the worker, or the result of an action.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    Look(Look<'a>),
    /// tmux has not shown the screen for some time.
    Unseen,
    /// The guarded action was carried out.
    Done,
    /// The guard refused: nothing was sent.
    Refused(Hold),
    /// So was one for which the cursor had to be where the last capture showed it.
    Moved,
    /// The reply was lost: the result is unknown.
    Unknown,
    /// The agent does not read its channel.
    NotTaken,
    /// A hook reports that the agent accepted this text.
    Told(&'a str),
    /// The agent or its pane is gone.
    Gone(&'a str),
    Cancel,
    /// A human's decision about it.
    Take(Take),
}

/// What the hub must do. A record comes before the action that it announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Store the delivery as it is now and tell subscribers.
    Record,
    Paste,
    /// Give the text to the agent by its own channel.
    Pass,
    Enter,
    /// Press the agent's own interrupt key.
    Interrupt,
    /// Press the agent's key that clears its box.
    Clear,
    /// Capture again after this time, even if nothing is printed.
    Look(Duration),
}
