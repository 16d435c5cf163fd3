//! Opaque cursors of paged lists: base64url of JSON.
//!
//! A cursor names its list, so that one of another list, or of another auction, is refused. It is not
//! signed: it says where to go on in a list that the caller may read anyway, and holds nothing that
//! they may not know.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gavel_core::limits::CURSOR_LEN_MAX;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor<P> {
    list: String,
    after: P,
}

/// The cursor for what follows `after` in `list`.
pub(crate) fn encode<P: Serialize>(list: &str, after: &P) -> String {
    let cursor = Cursor { list: list.to_owned(), after };
    let json = serde_json::to_vec(&cursor).expect("positions are plain structs with text keys");
    URL_SAFE_NO_PAD.encode(json)
}

/// The position in `list` that `text` stands for; `None` when it is not a cursor of this list.
pub(crate) fn decode<P: DeserializeOwned>(list: &str, text: &str) -> Option<P> {
    if text.len() > CURSOR_LEN_MAX {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(text).ok()?;
    let cursor: Cursor<P> = serde_json::from_slice(&json).ok()?;
    (cursor.list == list).then_some(cursor.after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Position {
        at: i64,
    }

    #[test]
    fn a_cursor_reads_back_in_its_own_list_only() {
        let text = encode("bids of a", &Position { at: 7 });
        assert!(text.len() < 100, "{text}");
        assert_eq!(decode("bids of a", &text), Some(Position { at: 7 }));
        assert_eq!(decode::<Position>("bids of b", &text), None);
    }

    #[test]
    fn what_is_not_a_cursor_is_refused() {
        let of = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for wrong in [
            String::new(),
            "?".to_owned(),
            "a=".to_owned(),
            of(""),
            of("null"),
            of(r#"{"list":"l","after":{"at":"7"}}"#),
            of(r#"{"list":"l","after":{"at":7,"more":1}}"#),
            of(r#"{"list":"l","after":{"at":7},"more":1}"#),
            of(r#"{"after":{"at":7}}"#),
            of(&format!(r#"{{"list":"l","after":{{"at":7}}{}}}"#, " ".repeat(CURSOR_LEN_MAX))),
        ] {
            assert_eq!(decode::<Position>("l", &wrong), None, "{wrong}");
        }
    }
}
