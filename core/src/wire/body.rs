//! Reading a JSON body strictly: one object, no member twice, every fault told apart.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::fields::FieldError;
use super::problem::{Code, Problem};

/// Why a body is not a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// Not JSON.
    #[error("the body is not valid JSON at line {line}, column {column}")]
    Malformed {
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// JSON, but some fields are wrong.
    #[error("the request has {} invalid field(s)", .0.len())]
    Fields(Vec<FieldError>),
}

impl From<InvalidBody> for Problem {
    fn from(invalid: InvalidBody) -> Self {
        match invalid {
            InvalidBody::Malformed { .. } => Self::new(Code::MalformedRequest, invalid.to_string()),
            InvalidBody::Fields(errors) => Self::invalid(errors),
        }
    }
}

/// Reads one JSON object. A member that appears twice is refused: two readers could disagree about
/// which one counts.
pub fn read_object(body: &[u8]) -> Result<Map<String, Value>, InvalidBody> {
    match serde_json::from_slice::<UniqueMembers>(body) {
        Ok(UniqueMembers(members)) => Ok(members),
        Err(error) if error.is_data() => {
            let text = error.to_string();
            let (field, reason) = match text.split('`').nth(1) {
                Some(name) if text.starts_with(TWICE) => (name, "appears twice"),
                _ => ("", "the body must be a JSON object"),
            };
            Err(InvalidBody::Fields(vec![FieldError::new(field, reason)]))
        }
        Err(error) => Err(InvalidBody::Malformed { line: error.line(), column: error.column() }),
    }
}

const TWICE: &str = "twice";

struct UniqueMembers(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Self)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{TWICE} `{name}`")));
            }
            members.insert(name, value);
        }
        Ok(members)
    }
}
