//! How many workers may run at one time, and who waits until there is room.
use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The limits that hold for a new worker, as its user has set them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// The agent that it starts.
    pub agent: String,
    /// Most workers of all agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// Most workers of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_agent: Option<usize>,
    /// It waits until there is room; without this, it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<InLine>,
}

/// A worker that waits for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InLine {
    pub since: Timestamp,
    /// The place in line that its client knows: it is told of another one. 0: none yet.
    pub place: usize,
}

impl Room {
    /// Why there is no room, beside so many workers of all agents and of this one.
    pub fn refusal(&self, all: usize, of_agent: usize) -> Option<String> {
        if let Some(most) = self.workers.filter(|most| all >= *most) {
            return Some(format!("{} running, and `workers` in `[limits]` is {most}", are(all)));
        }
        let most = self.of_agent.filter(|most| of_agent >= *most)?;
        let agent = &self.agent;
        Some(format!(
            "{} running with `{agent}`, and `per_agent.{agent}` in `[limits]` is {most}",
            are(of_agent)
        ))
    }
}

fn are(n: usize) -> String {
    if n == 1 { "1 worker is".to_owned() } else { format!("{n} workers are") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_below_both_limits() {
        let room = |workers, of_agent| Room {
            agent: "claude".into(),
            workers,
            of_agent,
            ..Room::default()
        };
        assert_eq!(room(None, None).refusal(900, 900), None);
        assert_eq!(room(Some(3), Some(2)).refusal(2, 1), None);
        assert_eq!(
            room(Some(3), Some(2)).refusal(3, 1).unwrap(),
            "3 workers are running, and `workers` in `[limits]` is 3"
        );
        assert_eq!(
            room(Some(9), Some(1)).refusal(1, 1).unwrap(),
            "1 worker is running with `claude`, and `per_agent.claude` in `[limits]` is 1"
        );
        assert!(room(Some(0), None).refusal(0, 0).is_some());
    }
}
