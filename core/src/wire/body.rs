//! Reading a JSON body strictly: one object, no member twice at any depth, every fault told apart.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
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

/// Reads one JSON object. A member that appears twice, at any depth, is refused: two readers could
/// disagree about which one counts.
pub fn read_object(body: &[u8]) -> Result<Map<String, Value>, InvalidBody> {
    let mut twice = None;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = reader
        .deserialize_map(ObjectVisitor(Unique { twice: &mut twice }))
        .and_then(|members| reader.end().map(|()| members));
    match (read, twice) {
        (Ok(members), _) => Ok(members),
        (Err(_), Some(path)) => {
            Err(InvalidBody::Fields(vec![FieldError::new(path, "appears twice")]))
        }
        (Err(error), None) if error.is_data() => {
            Err(InvalidBody::Fields(vec![FieldError::new("", "the body must be a JSON object")]))
        }
        (Err(error), None) => {
            Err(InvalidBody::Malformed { line: error.line(), column: error.column() })
        }
    }
}

/// A JSON value without a repeated member. When there is one, its path is put together on the way
/// out: on the way in, it would be copied for each of many items.
struct Unique<'a> {
    twice: &'a mut Option<String>,
}

impl Unique<'_> {
    fn members<'de, A: MapAccess<'de>>(
        &mut self,
        mut access: A,
    ) -> Result<Map<String, Value>, A::Error> {
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if members.contains_key(&name) {
                *self.twice = Some(name);
                return Err(A::Error::custom("a member appears twice"));
            }
            let value = access.next_value_seed(Unique { twice: &mut *self.twice });
            let value = value.inspect_err(|_| self.within(&name))?;
            members.insert(name, value);
        }
        Ok(members)
    }

    /// The path seen from one level further out.
    fn within(&mut self, outer: &str) {
        if let Some(path) = self.twice.take() {
            let dot = if path.starts_with('[') { "" } else { "." };
            *self.twice = Some(format!("{outer}{dot}{path}"));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let item = access.next_element_seed(Unique { twice: &mut *self.twice });
            match item.inspect_err(|_| self.within(&format!("[{}]", items.len())))? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, access: A) -> Result<Value, A::Error> {
        self.members(access).map(Value::Object)
    }
}

/// The body itself: an object and nothing else.
struct ObjectVisitor<'a>(Unique<'a>);

impl<'de> Visitor<'de> for ObjectVisitor<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, access: A) -> Result<Self::Value, A::Error> {
        self.0.members(access)
    }
}
