//! Which characters people may use in what others are shown.
//!
//! Nothing here repairs a text: what does not fit is refused, so that nobody is shown as somebody
//! else than they asked for. Only line breaks are brought to one form, which shows the same.

use crate::limits::{NAME_CHARS_MAX, NAME_CHARS_MIN};

/// Whether `text` is one line of at most `chars_max` that others can be shown: something to see, no
/// control characters (line breaks among them), nothing that turns the direction of the text around
/// it, no noncharacters (two of which, U+FFFE and U+FFFF, SQS does not even carry).
#[must_use]
pub(super) fn is_line(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max
        && text.chars().all(is_shown_character)
        && text.chars().any(is_seen)
}

/// Whether `text` is the same in one line or more, with U+000A between them, and tabs.
#[must_use]
pub(super) fn is_text(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max
        && text.chars().all(|c| matches!(c, '\n' | '\t') || is_shown_character(c))
        && text.chars().any(is_seen)
}

/// `text` with U+000A for whatever breaks a line in it: CR LF, CR, the next line of mainframes, and
/// Unicode's line and paragraph separators, which editors put into what is copied from them.
#[must_use]
pub(super) fn with_one_kind_of_break(text: &str) -> String {
    text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n")
}

/// The class of the schema's pattern is the same list: `schema::CONTROLS`, `BREAKS` and `UNSHOWN`.
fn is_shown_character(c: char) -> bool {
    let noncharacter = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    !c.is_control()
        && !noncharacter
        && !matches!(c,
            '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}')
}

/// Whether there is something to see of `c` where it stands alone. What is not seen may be of use
/// between what is: U+200D joins emoji. The schema has the same list: `schema::UNSEEN`.
fn is_seen(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether `text` can be a display name: words of visible characters with single spaces between
/// them. Characters that are not seen, that combine with others, or that are another form of a plain
/// letter are left out, so that two names that look alike mostly are alike.
#[must_use]
pub(super) fn is_name(text: &str) -> bool {
    let visible = text.chars().filter(|c| *c != ' ').count();
    (NAME_CHARS_MIN..=NAME_CHARS_MAX).contains(&visible)
        && text.chars().count() <= NAME_CHARS_MAX
        && text.split(' ').all(|word| !word.is_empty())
        && text.chars().all(is_name_character)
}

/// The class of the schema's pattern is the same list: `schema::NAMELESS`.
fn is_name_character(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{a0}' | '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{1100}'..='\u{11ff}'
            | '\u{1680}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{2000}'..='\u{2018}'
            | '\u{201a}'..='\u{209f}' | '\u{20d0}'..='\u{218f}' | '\u{2460}'..='\u{24ff}'
            | '\u{2800}' | '\u{3000}' | '\u{3099}'..='\u{309c}' | '\u{3131}'..='\u{318f}'
            | '\u{3200}'..='\u{33ff}' | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}'
            | '\u{e000}'..='\u{f8ff}' | '\u{fb00}'..='\u{fdff}' | '\u{fe00}'..='\u{ffff}'
            | '\u{1d100}'..='\u{1d1ff}' | '\u{1d400}'..='\u{1d7ff}' | '\u{1f100}'..='\u{1f1ff}'
            | '\u{e0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_of_visible_characters() {
        for name in [
            "Ann",
            "ann-marie_2",
            "Jörg Böhm",
            "山田太郎",
            "O'Neil",
            "O\u{2019}Neil",
            "한글이",
            "がくせい",
            "user-0a1b2c3d",
            "🦀🦀🦀",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "An",
            "A b",
            " Ann",
            "Ann ",
            "An  na",
            "Ann\n",
            "An\u{200b}n",
            "An\u{202e}n",
            "Ann\u{301}",
            "\u{ff21}nn",
            "\u{1d400}nn",
            "\u{3164}\u{3164}\u{3164}",
            "An\u{a0}n",
            // Other forms of a dash, a Hangul syllable, a kana, a letter; and an invisible sign.
            "bidder\u{2010}5f3a9c01",
            "\u{1112}\u{1161}\u{11ab}",
            "\u{304b}\u{3099}\u{304b}",
            "\u{216f}ark",
            "Ann\u{1d173}",
            "Ann\u{20dd}",
            "Ann\u{fe2f}",
            "Ann\u{10fffd}",
        ] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_name(&"n".repeat(30)) && !is_name(&"n".repeat(31)));
    }

    #[test]
    fn a_line_turns_nothing_around() {
        for text in ["a", "Is it signed? 👩‍🎨", "  x ", "a\u{fffd}", "❤\u{fe0f}", &"é".repeat(500)]
        {
            assert!(is_line(text, 500) && is_text(text, 500), "{text}");
        }
        for text in ["", " ", "\u{2003}", "a\nb", "a\tb", "a\u{7f}", "a\rb", "a\u{2028}b"] {
            assert!(!is_line(text, 500), "{text:?}");
        }
        for turning in ['\u{61c}', '\u{200e}', '\u{200f}', '\u{202e}', '\u{2067}', '\u{206a}'] {
            let text = format!("a{turning}b");
            assert!(!is_line(&text, 500) && !is_text(&text, 500), "{turning:?}");
        }
        assert!(!is_line(&"é".repeat(501), 500) && !is_text(&"é".repeat(501), 500));
    }

    #[test]
    fn a_text_that_nobody_sees_is_none() {
        for unseen in ['\u{200b}', '\u{ad}', '\u{3164}', '\u{2800}', '\u{2060}', '\u{200d}'] {
            let text = format!("{unseen} {unseen}");
            assert!(!is_line(&text, 500) && !is_text(&text, 500), "{unseen:?}");
            assert!(is_line(&format!("a{unseen}"), 500), "{unseen:?}");
        }
        assert!(!is_text("\n\t\u{200b}", 500));
    }

    #[test]
    fn a_text_has_no_character_that_is_none() {
        for refused in ['\u{fffe}', '\u{ffff}', '\u{fdd0}', '\u{fdef}', '\u{1fffe}', '\u{10ffff}'] {
            let text = format!("a{refused}");
            assert!(!is_line(&text, 500) && !is_text(&text, 500), "{refused:?}");
        }
    }

    #[test]
    fn whatever_breaks_a_line_becomes_one_character() {
        for text in ["a\nb", "a\r\nb", "a\rb", "a\u{85}b", "a\u{2028}b", "a\u{2029}b"] {
            assert_eq!(with_one_kind_of_break(text), "a\nb", "{text:?}");
        }
        assert_eq!(with_one_kind_of_break("\r\n\r\na\r\r\n\t"), "\n\na\n\n\t");
    }
}
