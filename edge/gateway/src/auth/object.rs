//! Reading a token's header and claims: one JSON object, no member twice at any depth, since two readers
//! could disagree about which one counts.
//!
//! Bodies of requests are read by `gavel_core`, which tells where each fault is. Of a token nobody is told
//! more than that it does not hold, and reading it so takes a third of the time.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The members of the object that `text` is.
pub(super) fn read_object(text: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(text) {
        Ok(Unique(Value::Object(members))) => Some(members),
        _ => None,
    }
}

/// A value in which no member is there twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without a member twice")
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

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            read.push(item);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some((name, Unique(value))) = members.next_entry()? {
            if read.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use gavel_core::wire;

    use super::*;

    #[test]
    fn a_token_is_read_as_a_body_is() {
        let nested =
            |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        for text in [
            r#"{}"#,
            r#" {"a":1,"b":[{"c":null},true,"x\u00e9\"\n"],"c":-3} "#,
            r#"{"a":18446744073709551615,"b":-9223372036854775808}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"a":[{"b":{"c":1,"c":2}}]}"#,
            r#"{"a":[{"b":1},{"b":2}]}"#,
            r#"{"a":1"#,
            r#"{"a":1}x"#,
            r#"{"a":1}{}"#,
            r#"{"a":01}"#,
            r#"{"a":"\ud800"}"#,
            r#"{a:1}"#,
            r#"{"a":1,}"#,
            r#"// x
            {}"#,
            r#"[]"#,
            r#""x""#,
            r#"null"#,
            "",
            "{\"a\":\"\u{1}\"}",
            &nested(100),
            &nested(1_000),
        ] {
            let (here, body) = (read_object(text.as_bytes()), wire::read_object(text.as_bytes()));
            assert_eq!(here, body.ok(), "{text}");
        }
        assert_eq!(read_object(b"{\"a\":\"\xff\"}"), None, "not UTF-8");
    }
}
