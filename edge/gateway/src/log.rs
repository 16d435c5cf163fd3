//! Log lines: one JSON object a line on standard error, with a constant message.
//!
//! Fields are values that are fit to be stored: never a token, a key, a body or a header. A line
//! that cannot be written is lost, and nothing else: a panic would end every request of the instance.

use std::io::Write;

use serde_json::{Map, Value};

/// Something failed that should not; `fields` say where.
pub fn warn(message: &'static str, fields: &[(&'static str, &dyn std::fmt::Display)]) {
    write(std::io::stderr(), "warn", message, fields);
}

/// Something worth knowing.
pub fn info(message: &'static str, fields: &[(&'static str, &dyn std::fmt::Display)]) {
    write(std::io::stderr(), "info", message, fields);
}

fn write(
    mut to: impl Write,
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
    // Whole, so that lines of interleaved requests do not mix.
    let line = format!("{}\n", Value::Object(line));
    let _written = to.write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object() {
        let mut written = Vec::new();
        write(&mut written, "warn", "it failed", &[("status", &503)]);
        let expected = r#"{"level":"warn","message":"it failed","status":"503"}"#;
        assert_eq!(String::from_utf8(written).unwrap(), format!("{expected}\n"));
    }

    #[test]
    fn a_line_that_cannot_be_written_ends_nothing() {
        let mut full: [u8; 4] = [0; 4];
        write(&mut full[..], "warn", "it failed", &[]);
    }
}
