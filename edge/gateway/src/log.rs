//! Log lines: one JSON object a line on standard error, with a constant message.
//!
//! Fields are values that are fit to be stored: never a token, a key, a body or a header.

use serde_json::{Map, Value};

/// Something failed that should not; `fields` say where.
pub fn warn(message: &'static str, fields: &[(&'static str, &dyn std::fmt::Display)]) {
    write("warn", message, fields);
}

/// Something worth knowing.
pub fn info(message: &'static str, fields: &[(&'static str, &dyn std::fmt::Display)]) {
    write("info", message, fields);
}

fn write(
    level: &'static str,
    message: &'static str,
    fields: &[(&'static str, &dyn std::fmt::Display)],
) {
    let mut line = Map::new();
    line.insert("level".to_owned(), level.into());
    line.insert("message".to_owned(), message.into());
    for (name, value) in fields {
        line.insert((*name).to_owned(), value.to_string().into());
    }
    eprintln!("{}", Value::Object(line));
}
