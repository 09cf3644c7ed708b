//! What the hub sends to a client.
//!
//! Workers and items can be many, and a command spends most of its time on reading them. serde's derived code
//! for an enum with a tag or with a fallback copies all of a value before it reads it, so long answers are read here,
//! by their tag, as they come.
use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::Error;
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

/// The frames of this version.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Known<A> {
    Answer { id: u64, answer: A },
    Refused { id: u64, refusal: Refusal },
    Event { id: u64, event: Event },
    Lagged { id: u64, seq: u64 },
}

impl<A: Into<Answer>> From<Known<A>> for Frame {
    fn from(known: Known<A>) -> Self {
        match known {
            Known::Answer { id, answer } => Self::Answer { id, answer: answer.into() },
            Known::Refused { id, refusal } => Self::Refused { id, refusal },
            Known::Event { id, event } => Self::Event { id, event },
            Known::Lagged { id, seq } => Self::Lagged { id, seq },
        }
    }
}

impl Frame {
    /// Parses one line, with or without its newline.
    pub fn read(line: &[u8]) -> Result<Self, Error> {
        let text = super::text(line)?;
        let frame = serde_json::from_str::<Known<LongAnswer>>(text).map(Self::from);
        // Another answer, or one that a newer hub gives in another way.
        let frame = frame.or_else(|_| serde_json::from_str::<Known<Answer>>(text).map(Self::from));
        Ok(frame.or_else(|_| serde_json::from_str(text).map(Self::Other))?)
    }
}

/// One of the answers that are read as they come.
struct LongAnswer(Answer);

impl From<LongAnswer> for Answer {
    fn from(LongAnswer(answer): LongAnswer) -> Self {
        answer
    }
}

impl<'de> Deserialize<'de> for LongAnswer {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(ByTag)
    }
}

struct ByTag;

impl<'de> Visitor<'de> for ByTag {
    type Value = LongAnswer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer that begins with its tag")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<LongAnswer, M::Error> {
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
        // A hub writes the tag first.
        if map.next_key::<&str>()? != Some("answer") {
            return Err(M::Error::custom("no tag"));
        }
        let tag = map.next_value::<&str>()?;
        let rest = MapAccessDeserializer::new(map);
        Ok(LongAnswer(match tag {
            "workers" => {
                let Workers { workers, deliveries, orphans } = Workers::deserialize(rest)?;
                Answer::Workers { workers, deliveries, orphans }
            }
            "items" => {
                let Items { items, workers, last, seq, untold } = Items::deserialize(rest)?;
                Answer::Items { items, workers, last, seq, untold }
            }
            "subscribed" => {
                let Subscribed { workers, deliveries, seq } = Subscribed::deserialize(rest)?;
                Answer::Subscribed { workers, deliveries, seq }
            }
            _ => return Err(M::Error::custom("an answer that is short")),
        }))
    }
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
            let LongAnswer(read) = serde_json::from_str(&json).unwrap();
            assert_eq!(read, answer);
            assert_eq!(serde_json::from_str::<Answer>(&json).unwrap(), answer);
            let frame = Frame::Answer { id: 3, answer };
            assert_eq!(Frame::read(&crate::wire::encode(&frame).unwrap()).unwrap(), frame);
        }
    }

    /// A newer hub's answer that has something else in the place of its workers is kept as it is.
    #[test]
    fn an_answer_that_says_it_in_another_way_is_kept() {
        let json = r#"{"answer":{"id":3,"answer":{"answer":"workers","workers":7}}}"#;
        let frame = Frame::read(json.as_bytes()).unwrap();
        assert!(matches!(frame, Frame::Answer { id: 3, answer: Answer::Other(_) }), "{frame:?}");
        assert_eq!(serde_json::to_string(&frame).unwrap(), json);
    }
}
