//! Reading a JSON body strictly: one object, no member twice at any depth, every fault told apart.
//!
//! What is not JSON at all is `Malformed`, whatever it began like; what is JSON but no object, or has
//! a member twice, has invalid fields. Numbers are read from their text: see [`number`].

use serde_json::{Map, Value};
use struson::reader::json_path::JsonPathPiece;
use struson::reader::{
    JsonReader as _, JsonReaderPosition, JsonStreamReader, ReaderError, ReaderSettings, ValueType,
};

use super::invalid::{FieldError, InvalidBody};
use super::number::number;
use crate::limits::BODY_DEPTH_MAX;

/// Reads one JSON object. A member that appears twice, at any depth, is refused: two readers could
/// disagree about which one counts. A number whose value is whole is an integer, however it is
/// written.
pub fn read_object(body: &[u8]) -> Result<Map<String, Value>, InvalidBody> {
    let settings = ReaderSettings {
        max_nesting_depth: Some(BODY_DEPTH_MAX),
        // A number of any size is JSON; reading one costs no more than its text.
        restrict_number_values: false,
        ..ReaderSettings::default()
    };
    let mut reader = Reader { json: JsonStreamReader::new_custom(body, settings), twice: None };
    let read = match reader.json.peek() {
        Ok(ValueType::Object) => reader.object().map(Some),
        Ok(_) => reader.json.skip_value().map(|()| None),
        Err(error) => Err(error),
    };
    let Reader { json, twice } = reader;
    let members = read
        .and_then(|members| json.consume_trailing_whitespace().map(|()| members))
        .map_err(|error| malformed(&error))?;
    let fault = match (members, twice) {
        (Some(members), None) => return Ok(members),
        (Some(_), Some(path)) => FieldError::new(path, "appears twice"),
        (None, _) => FieldError::new("", "the body must be a JSON object"),
    };
    Err(InvalidBody::Fields(vec![fault]))
}

/// A body that is being read, and the first member in it that appeared twice.
struct Reader<'a> {
    json: JsonStreamReader<&'a [u8]>,
    twice: Option<String>,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Value, ReaderError> {
        Ok(match self.json.peek()? {
            ValueType::Object => Value::Object(self.object()?),
            ValueType::Array => {
                let mut items = Vec::new();
                self.json.begin_array()?;
                while self.json.has_next()? {
                    items.push(self.value()?);
                }
                self.json.end_array()?;
                Value::Array(items)
            }
            ValueType::String => Value::String(self.json.next_string()?),
            ValueType::Number => number(self.json.next_number_as_str()?),
            ValueType::Boolean => Value::Bool(self.json.next_bool()?),
            ValueType::Null => {
                self.json.next_null()?;
                Value::Null
            }
        })
    }

    fn object(&mut self) -> Result<Map<String, Value>, ReaderError> {
        let mut members = Map::new();
        self.json.begin_object()?;
        while self.json.has_next()? {
            let name = self.json.next_name_owned()?;
            if members.contains_key(&name) && self.twice.is_none() {
                self.twice = Some(path(&self.json.current_position(true)));
            }
            let value = self.value()?;
            members.insert(name, value);
        }
        self.json.end_object()?;
        Ok(members)
    }
}

/// Where something stands, such as `increments[1].step`.
fn path(position: &JsonReaderPosition) -> String {
    let mut text = String::new();
    for piece in position.path.iter().flatten() {
        match piece {
            JsonPathPiece::ArrayItem(index) => text.push_str(&format!("[{index}]")),
            JsonPathPiece::ObjectMember(name) => {
                let dot = if text.is_empty() { "" } else { "." };
                text.push_str(&format!("{dot}{name}"));
            }
        }
    }
    text
}

fn malformed(error: &ReaderError) -> InvalidBody {
    let position = match error {
        ReaderError::SyntaxError(error) => error.location.line_pos,
        ReaderError::UnexpectedValueType { location, .. }
        | ReaderError::UnexpectedStructure { location, .. }
        | ReaderError::MaxNestingDepthExceeded { location, .. }
        | ReaderError::UnsupportedNumberValue { location, .. }
        | ReaderError::IoError { location, .. } => location.line_pos,
        _ => None,
    };
    // Counted from 1, as editors do.
    let counted = |from_0: u64| usize::try_from(from_0).unwrap_or(usize::MAX).saturating_add(1);
    let (line, column) = position.map_or((1, 1), |at| (counted(at.line), counted(at.column)));
    InvalidBody::Malformed { line, column }
}
