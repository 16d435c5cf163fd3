//! Every text that people see: what may be in it, and in which form it is kept.

use serde_json::json;

use crate::wire::*;

/// Fields of an auction in one line; `description` is the one in more.
const LINES: [&str; 3] = ["title", "category", "condition"];

fn create(field: &str, text: &str) -> Result<CreateAuction, InvalidBody> {
    let mut body = json!({ "title": "A watch", "starting_price": 1000, "duration_s": 60 });
    body[field] = json!(text);
    CreateAuction::parse(body.to_string().as_bytes())
}

fn edit(field: &str, text: &str) -> Result<CreateAuction, InvalidBody> {
    let edit = EditAuction::parse(json!({ field: text }).to_string().as_bytes())?;
    edit.apply(&create("title", "A watch").unwrap(), crate::time::Timestamp::default())
}

/// The field of every fault that `text` is in every field: on creating and on editing, and of a chat.
fn check(text: &str, fields: &[&str], fits: bool) {
    for field in fields {
        for result in [create(field, text), edit(field, text)] {
            match result {
                Ok(_) => assert!(fits, "{field} takes {text:?}"),
                Err(InvalidBody::Fields(errors)) => {
                    assert!(!fits, "{field} refuses {text:?}: {errors:?}");
                    assert_eq!(errors.len(), 1, "{errors:?}");
                    assert_eq!(errors[0].field, *field);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn no_text_that_people_see_turns_round_what_is_around_it() {
    for turning in [
        '\u{202e}', '\u{202a}', '\u{202d}', '\u{2066}', '\u{2068}', '\u{2069}', '\u{200e}',
        '\u{200f}', '\u{61c}', '\u{206a}',
    ] {
        let text = format!("a{turning}b");
        check(&text, &["title", "category", "condition", "description"], false);
        let chat = json!({ "text": text }).to_string();
        assert!(ChatRequest::parse(chat.as_bytes()).is_err(), "{turning:?}");
    }
}

#[test]
fn no_text_that_people_see_is_invisible() {
    for unseen in ["\u{200b}", "\u{3164}", "\u{ad} \u{2060}", "\u{2800}", "\u{feff}", "\u{e0041}"] {
        check(unseen, &["title", "category", "condition", "description"], false);
    }
    check("\n\u{200b}\t", &["description"], false);
    // Between what is seen they are of use.
    check("👩\u{200d}🎨 م\u{200c}ا ❤\u{fe0f}", &["title", "category", "condition"], true);
    check("👩\u{200d}🎨 م\u{200c}ا ❤\u{fe0f}", &["description"], true);
}

#[test]
fn no_text_that_people_see_has_what_is_no_character() {
    for none in ['\u{ffff}', '\u{fffe}', '\u{fdd0}', '\u{1fffe}', '\u{10ffff}', '\0', '\u{9f}'] {
        check(&format!("a{none}"), &["title", "category", "condition", "description"], false);
    }
}

#[test]
fn every_line_break_of_a_description_is_kept_as_one_form() {
    for text in [
        "line 1\nline 2",
        "line 1\r\nline 2",
        "line 1\rline 2",
        "line 1\u{85}line 2",
        "line 1\u{2028}line 2",
        "line 1\u{2029}line 2",
    ] {
        for result in [create("description", text), edit("description", text)] {
            let kept = result.unwrap().description;
            assert_eq!(kept.as_deref(), Some("line 1\nline 2"), "{text:?}");
        }
        check(text, &LINES, false);
    }
    let mixed = create("description", "\r\n\r\na\n\r\tb\r\r\n").unwrap().description;
    assert_eq!(mixed.as_deref(), Some("\n\na\n\n\tb\n\n"));
    for other in ["a\u{b}b", "a\u{c}b", "a\u{8}b"] {
        check(other, &["description"], false);
    }
}

#[test]
fn a_line_break_counts_as_one_character_however_it_is_sent() {
    let most = crate::limits::DESCRIPTION_CHARS_MAX;
    let text = |chars: usize| format!("{}\r\n", "é".repeat(chars - 1));
    check(&text(most), &["description"], true);
    check(&text(most + 1), &["description"], false);
}
