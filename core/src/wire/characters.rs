//! Which characters people may use in what others are shown.
//!
//! Nothing here repairs a text: what does not fit is refused, so that nobody is shown as somebody
//! else than they asked for. Only line breaks are brought to one form, which shows the same.

use unicode_normalization::char::is_combining_mark;

use crate::limits::{NAME_CHARS_MAX, NAME_CHARS_MIN, NAME_MARKS_MAX};

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
    !c.is_control()
        && !is_noncharacter(c)
        && !matches!(c,
            '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}')
}

/// Whether `c` is one of the 66 that Unicode will never give a meaning.
fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
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

/// Whether `text` can be a display name: words with single spaces between them, of letters and what
/// else is seen, each with the marks that its script puts on it. A letter with its marks counts as
/// one, so that a decomposed name is as long as a composed one. One is enough in a script where it is
/// a syllable or a word. What is not seen, or is another form of a plain letter, is left out.
/// The schema says the same: `schema::display_name`.
#[must_use]
pub(super) fn is_name(text: &str) -> bool {
    let (mut letters, mut marks) = (0, 0);
    let mut before = ' ';
    for c in text.chars() {
        let fits = if extends(c) {
            marks += 1;
            before != ' ' && marks <= NAME_MARKS_MAX && (!is_joiner(c) || is_joined(before))
        } else {
            (letters, marks) = (letters + 1, 0);
            c != ' ' || !(before == ' ' || is_joiner(before))
        };
        if !fits || !is_name_character(c) {
            return false;
        }
        before = c;
    }
    let least = if text.chars().next().is_some_and(says_all) { 1 } else { NAME_CHARS_MIN };
    !(before == ' ' || is_joiner(before)) && (least..=NAME_CHARS_MAX).contains(&letters)
}

/// Whether `c` belongs to the letter before it: a mark, the vowel or the last consonant of a
/// decomposed Hangul syllable, or what decides how letters join. In the schema: `schema::EXTENDING`.
fn extends(c: char) -> bool {
    is_combining_mark(c) || is_joiner(c) || ('\u{1160}'..='\u{11ff}').contains(&c)
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200d}')
}

/// Whether what follows `c` can join it in more than one way: the blocks of Arabic, of India, Myanmar
/// and Khmer. In the schema: `schema::JOINED`.
const fn is_joined(c: char) -> bool {
    matches!(c,
        '\u{620}'..='\u{6ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}')
}

/// Whether `c` alone can be somebody's name: it is a word or a syllable (Han, Hangul, kana, Ethiopic,
/// Thai, and the scripts of India and its neighbours). In the schema: `schema::SAYING_ALL`.
const fn says_all(c: char) -> bool {
    matches!(c,
        '\u{900}'..='\u{109f}' | '\u{1100}'..='\u{1112}' | '\u{1200}'..='\u{139f}'
        | '\u{1780}'..='\u{17ff}' | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3ffff}')
}

/// The class of the schema's pattern is the same list: `schema::NAMELESS`, and `UNSHOWN` for what is
/// no character.
fn is_name_character(c: char) -> bool {
    !c.is_control()
        && !is_noncharacter(c)
        && !matches!(c,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{488}'..='\u{489}' | '\u{61c}'
            | '\u{1113}'..='\u{1160}' | '\u{1176}'..='\u{11a7}' | '\u{11c3}'..='\u{11ff}'
            | '\u{1680}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{1ab0}'..='\u{1aff}' | '\u{1d00}'..='\u{1dff}' | '\u{2000}'..='\u{200b}'
            | '\u{200e}'..='\u{2018}' | '\u{201a}'..='\u{209f}' | '\u{20d0}'..='\u{218f}'
            | '\u{2460}'..='\u{24ff}' | '\u{2800}' | '\u{3000}' | '\u{309b}'..='\u{309c}'
            | '\u{3131}'..='\u{318f}' | '\u{3200}'..='\u{33ff}' | '\u{a670}'..='\u{a672}'
            | '\u{a960}'..='\u{a97f}' | '\u{d7b0}'..='\u{d7ff}' | '\u{e000}'..='\u{f8ff}'
            | '\u{fb00}'..='\u{fdff}' | '\u{fe00}'..='\u{ffff}' | '\u{1d100}'..='\u{1d1ff}'
            | '\u{1d400}'..='\u{1d7ff}' | '\u{1f100}'..='\u{1f1ff}'
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
            "A b",
            "Ann\u{301}",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "A",
            " ",
            "A ",
            " Ann",
            "Ann ",
            "An  na",
            "Ann\n",
            "An\u{200b}n",
            "An\u{202e}n",
            "\u{301}Ann",
            "Ann \u{301}Lee",
            "A\u{301}",
            "\u{ff21}nn",
            "\u{1d400}nn",
            "\u{3164}\u{3164}\u{3164}",
            "An\u{a0}n",
            // Other forms of a dash, a Hangul letter, a kana, a letter; and an invisible sign.
            "bidder\u{2010}5f3a9c01",
            "\u{1113}\u{1161}\u{11ab}",
            "\u{304b}\u{309b}\u{304b}",
            "\u{216f}ark",
            "Ann\u{1d173}",
            "Ann\u{20dd}",
            "Ann\u{fe2f}",
            "Ann\u{10fffd}",
            "Ann\u{1ffff}",
        ] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_name(&"n".repeat(30)) && !is_name(&"n".repeat(31)));
    }

    #[test]
    fn people_are_named_as_their_script_writes_whole_names() {
        for name in [
            "李娜",
            "田中",
            "Ng",
            "이준",
            "أحمد",
            "Jo",
            "Øy",
            "翠",
            "준",
            "あ",
            "नु",
            "နု",
            "श्रीनिवास",
            "ශ්\u{200d}රී",
            "ณัฐ",
            "น้ำ",
            "מֹשֶׁה",
            "مُحَمَّد",
            "علی\u{200c}رضا",
            "தமிழ்",
            "ភិរុណ",
            "བསྟན་འཛིན",
            "Ἀριστοτέλης",
            "Đặng Thị Huệ",
            "ኃይለ",
            "𞤀𞤣𞤤𞤢𞤥",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in ["N", "Ж", "7", "ب", "-"] {
            assert!(!is_name(name), "{name} is an initial");
        }
    }

    #[test]
    fn a_decomposed_name_is_as_long_as_a_composed_one() {
        for (composed, decomposed) in [
            ("Zoë", "Zoe\u{308}"),
            ("Huệ", "Hue\u{323}\u{302}"),
            ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
            ("준", "\u{110c}\u{116e}\u{11ab}"),
            ("がくせい", "\u{304b}\u{3099}くせい"),
        ] {
            assert!(is_name(composed) && is_name(decomposed), "{composed}");
        }
        for letter in ["é", "e\u{301}", "ệ", "e\u{323}\u{302}", "\u{1112}\u{1161}\u{11ab}"] {
            assert!(is_name(&letter.repeat(30)), "{letter}");
            assert!(!is_name(&letter.repeat(31)), "{letter}");
        }
    }

    #[test]
    fn marks_do_not_pile_up_and_joiners_join() {
        assert!(is_name(&format!("An{}", "\u{301}\u{302}\u{303}\u{304}")));
        assert!(!is_name(&format!("An{}", "\u{301}\u{302}\u{303}\u{304}\u{305}")));
        for joiner in ['\u{200c}', '\u{200d}'] {
            for name in [format!("A{joiner}nn"), format!("{joiner}Ann"), format!("علی{joiner}")]
            {
                assert!(!is_name(&name), "{name:?}");
            }
        }
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
