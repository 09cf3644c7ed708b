//! What a delivery is told, and what it asks for.
use std::time::Duration;

use crate::model::{AgentState, Hold, Take};

/// What is in the input box, compared with the text of this delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// The box, or what is in it, cannot be seen.
    #[default]
    Unseen,
    Empty,
    /// Our text, or the placeholder for it, and nothing else.
    Ours,
    /// Our last text and nothing else: an interrupted agent puts it back.
    Former,
    /// Something else, with or without our text.
    Other,
}

/// One look at the worker's pane.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The turn as confirmed over time.
    pub settled: &'a AgentState,
    /// The turn as this look alone shows it.
    pub seen: &'a AgentState,
    pub content: Content,
    /// How often our text stands on the screen outside the box.
    pub n_shown: usize,
    /// Grows whenever the agent draws.
    pub n_drawn: u64,
    /// What keeps keys from the agent, whatever it shows.
    pub obstacle: Option<&'a Hold>,
    /// Which program has the terminal, in words for [`Hold::Foreground`].
    pub program: &'a str,
    /// What the box holds, or the last rows of the screen.
    pub shows: &'a str,
    /// The profile names a key that clears the box.
    pub can_clear: bool,
}

/// Something that happened to the worker or to an act of ours.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    Look(Look<'a>),
    /// The guarded act was carried out.
    Done,
    /// The guard refused: nothing was sent.
    Refused(Hold),
    /// The reply was lost: nobody knows.
    Unknown,
    /// A hook says that the agent took this text.
    Told(&'a str),
    /// The agent or its pane is gone.
    Gone(&'a str),
    Cancel,
    /// What a human says of it.
    Take(Take),
}

/// What the hub is to do. Records come before the act they announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// Store the delivery as it is now and tell subscribers.
    Record,
    Paste,
    Enter,
    /// Press the agent's own interrupt key.
    Interrupt,
    /// Press the agent's own key that clears its box.
    Clear,
    /// Look again after this long, even if nothing rings.
    Look(Duration),
}
