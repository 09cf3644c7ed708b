//! What the hub sends to a client.
//!
//! Workers and items can be many, and a command spends most of its time on reading them. serde's derived code
//! for an enum with a tag or with a fallback copies all of a value before it reads it, so a frame is read by its kind
//! here, and an answer by its tag.
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::value::RawValue;

use crate::model::{Answer, Delivery, Event, Item, ItemId, Refusal, Worker};

/// Hub to client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frame {
    Answer {
        id: u64,
        answer: Answer,
    },
    Refused {
        id: u64,
        refusal: Refusal,
    },
    /// For the subscription that request `id` opened.
    Event {
        id: u64,
        event: Event,
    },
    /// The subscriber was too slow and missed the events after `seq`; it may ask for them by
    /// number.
    Lagged {
        id: u64,
        seq: u64,
    },
    /// A value from a newer version.
    #[serde(untagged)]
    Other(serde_json::Value),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Known<'a> {
    Answer {
        id: u64,
        #[serde(borrow)]
        answer: &'a RawValue,
    },
    Refused {
        id: u64,
        refusal: Refusal,
    },
    Event {
        id: u64,
        event: Event,
    },
    Lagged {
        id: u64,
        seq: u64,
    },
}

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(json)?.get();
        let known = serde_json::from_str(raw).and_then(|it| {
            Ok(match it {
                Known::Answer { id, answer } => Self::Answer { id, answer: read(answer.get())? },
                Known::Refused { id, refusal } => Self::Refused { id, refusal },
                Known::Event { id, event } => Self::Event { id, event },
                Known::Lagged { id, seq } => Self::Lagged { id, seq },
            })
        });
        known.or_else(|_| serde_json::from_str(raw).map(Self::Other)).map_err(D::Error::custom)
    }
}

/// The tag of an answer, which a hub writes first.
fn tag(raw: &str) -> Option<&str> {
    raw.strip_prefix("{\"answer\":\"")?.split('"').next()
}

fn read(raw: &str) -> serde_json::Result<Answer> {
    #[derive(Deserialize)]
    struct Workers {
        workers: Vec<Worker>,
        deliveries: Vec<Delivery>,
        orphans: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Items {
        items: Vec<Item>,
        workers: Vec<Worker>,
        last: ItemId,
        seq: u64,
        #[serde(default)]
        untold: Vec<ItemId>,
    }
    #[derive(Deserialize)]
    struct Subscribed {
        workers: Vec<Worker>,
        deliveries: Vec<Delivery>,
        seq: u64,
    }
    let answer = match tag(raw) {
        Some("workers") => serde_json::from_str(raw).map(|it: Workers| {
            let Workers { workers, deliveries, orphans } = it;
            Answer::Workers { workers, deliveries, orphans }
        }),
        Some("items") => serde_json::from_str(raw).map(|it: Items| {
            let Items { items, workers, last, seq, untold } = it;
            Answer::Items { items, workers, last, seq, untold }
        }),
        Some("subscribed") => serde_json::from_str(raw).map(|it: Subscribed| {
            let Subscribed { workers, deliveries, seq } = it;
            Answer::Subscribed { workers, deliveries, seq }
        }),
        _ => return serde_json::from_str(raw),
    };
    // A newer hub may say it in another way.
    answer.or_else(|_| serde_json::from_str(raw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples;

    /// Read by its tag, an answer is what the derived code reads.
    #[test]
    fn long_answers_are_read_as_any_other() {
        let (workers, items) = samples::day();
        let (deliveries, last, untold) = (Vec::new(), ItemId(50), vec![ItemId(7)]);
        let all = [
            Answer::Workers {
                workers: workers.clone(),
                deliveries: Vec::new(),
                orphans: vec!["x".to_owned()],
            },
            Answer::Items { items, workers: workers.clone(), last, seq: 9, untold },
            Answer::Subscribed { workers, deliveries, seq: 9 },
        ];
        for answer in all {
            let json = serde_json::to_string(&answer).unwrap();
            assert!(tag(&json).is_some(), "{json}");
            assert_eq!(read(&json).unwrap(), answer);
            assert_eq!(serde_json::from_str::<Answer>(&json).unwrap(), answer);
            let frame = Frame::Answer { id: 3, answer };
            let json = serde_json::to_string(&frame).unwrap();
            assert_eq!(serde_json::from_str::<Frame>(&json).unwrap(), frame);
        }
    }

    /// A newer hub's answer that has something else in the place of its workers is kept as it is.
    #[test]
    fn an_answer_that_says_it_in_another_way_is_kept() {
        let json = r#"{"answer":{"id":3,"answer":{"answer":"workers","workers":7}}}"#;
        let frame: Frame = serde_json::from_str(json).unwrap();
        assert!(matches!(frame, Frame::Answer { id: 3, answer: Answer::Other(_) }), "{frame:?}");
        assert_eq!(serde_json::to_string(&frame).unwrap(), json);
    }
}
