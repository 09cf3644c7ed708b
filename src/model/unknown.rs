//! Values from a newer version: kept unchanged, shown by name, and never acted on.
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

/// The name of a value that this program does not know. It is short and copied like known values,
/// and written back as it was read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnknownName {
    len: u8,
    bytes: [u8; Self::MAX_LEN],
}

impl UnknownName {
    const MAX_LEN: usize = 31;

    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::MAX_LEN];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { len: u8::try_from(text.len()).ok()?, bytes })
    }

    pub fn as_str(&self) -> &str {
        let name = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl fmt::Debug for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for UnknownName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for UnknownName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        let name = Self::new(&text).filter(|_| !text.is_empty() && text.bytes().all(is_plain));
        name.ok_or_else(|| D::Error::custom("not a name"))
    }
}

/// How an unknown value is named: its text, its tag, or its only key.
pub fn name_of(value: &Value) -> &str {
    const TAGS: [&str; 6] = ["kind", "why", "type", "name", "is", "answer"];
    let name = match value {
        Value::String(text) => Some(text.as_str()),
        Value::Object(fields) => {
            let tagged = TAGS.iter().find_map(|tag| fields.get(*tag)?.as_str());
            tagged.or_else(|| fields.keys().next().map(String::as_str))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    };
    name.unwrap_or("unknown")
}
