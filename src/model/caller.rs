//! Who asks, as far as tmux knows.
use serde::{Deserialize, Serialize};

use super::{PaneId, SessionId};

/// Where in tmux the asking process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub pane: Option<PaneId>,
    pub session: Option<SessionId>,
}
