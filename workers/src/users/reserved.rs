//! Names that nobody may choose, because they pass for somebody in charge, in whatever spelling.
//!
//! A name is reserved when nothing but the words of [`WORDS`] and [`FILLERS`] is in it, at least one of
//! the former among them (`Auctioneer`, `The Admin Team`, `support_1`), when it has the name of this
//! service in it, or when it begins as bidders are shown. Words within other words are free: `Hostettler`,
//! `Peter Sellers`. Only English is known. Who had such a name before keeps it: what somebody is
//! is said by the role of a message, never by a name.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::outline::{caseless, outline};

/// Who runs an auction or this service.
const WORDS: [&str; 23] = [
    "admin",
    "administration",
    "administrator",
    "auction",
    "auctioneer",
    "consignor",
    "helpdesk",
    "host",
    "mod",
    "moderation",
    "moderator",
    "operator",
    "organiser",
    "organizer",
    "owner",
    "root",
    "seller",
    "staff",
    "superuser",
    "support",
    "sysop",
    "system",
    "vendor",
];

/// What takes nothing away from such a claim.
const FILLERS: [&str; 15] = [
    "account", "bot", "chat", "desk", "house", "official", "real", "room", "s", "service", "sys",
    "team", "the", "this", "verified",
];

/// This service: a name with it in it speaks for it, whatever it says besides.
const SERVICE: &str = "gavel";

/// How bidders are shown where nobody is told who they are.
const BIDDER: &str = "bidder";

/// Whether a name passes for somebody in charge.
pub(super) fn is_reserved(name: &str) -> bool {
    let name: String = name.nfkc().collect();
    let words = name.split(|c: char| !is_part_of_word(c));
    // A number beside them makes nobody another: `Seller 2`.
    let words: Vec<&str> = words.filter(|word| word.chars().any(char::is_alphabetic)).collect();
    let (service, bidder) = (plain(SERVICE), plain(BIDDER));
    words.iter().flat_map(|word| readings(word)).any(|word| word == service)
        || readings(&words.concat()).iter().any(|whole| {
            whole.starts_with(&service) || whole.starts_with(&bidder) || is_claim(whole)
        })
}

/// What may be read as a letter: digits and signs among letters are.
fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '@' | '$' | '!' | '|' | '+')
}

/// A word as it may be read: by its capitals or by its small letters, with the digits at its ends or
/// without.
fn readings(word: &str) -> Vec<String> {
    let no_letter = |c: char| !c.is_alphabetic();
    let starts = [word, word.trim_start_matches(no_letter)];
    let words = starts.into_iter().flat_map(|word| [word, word.trim_end_matches(no_letter)]);
    words.flat_map(|word| [outline(word), outline(&caseless(word))]).map(|it| plain(&it)).collect()
}

/// An outline without marks, with everything that may be read as one letter made that letter. `i` and
/// `l` are one, as `I` and `l` look alike, and `rn` is how outlines have `m`.
fn plain(outline: &str) -> String {
    let mut plain = String::with_capacity(outline.len());
    for c in outline.nfd().filter(|c| !is_combining_mark(*c)) {
        match c {
            'm' | 'ʍ' | 'м' | 'μ' => plain.push_str("rn"),
            'i' | '1' | '!' | '|' | 'ɪ' | 'ʟ' | 'ı' | 'ι' => plain.push('l'),
            '0' => plain.push('o'),
            '3' | 'ε' | 'ɛ' | 'є' => plain.push('e'),
            '4' | '@' => plain.push('a'),
            '5' | '$' | 'ꜱ' => plain.push('s'),
            '7' | '+' | 'т' | 'τ' | 'ᴛ' => plain.push('t'),
            '8' | 'в' | 'ʙ' | 'β' => plain.push('b'),
            '6' | '9' | 'ɢ' => plain.push('g'),
            'н' | 'ʜ' => plain.push('h'),
            'ɴ' | 'η' | 'п' => plain.push('n'),
            'ʀ' | 'я' => plain.push('r'),
            'ʏ' => plain.push('y'),
            'к' | 'κ' | 'ĸ' => plain.push('k'),
            c => plain.push(c),
        }
    }
    plain
}

/// Whether a text is made of words and fillers alone, with a word among them.
fn is_claim(text: &str) -> bool {
    fn is_made_up(rest: &str, claims: bool, words: &[(String, bool)]) -> bool {
        if rest.is_empty() {
            return claims;
        }
        words.iter().any(|(word, claim)| {
            rest.strip_prefix(word.as_str())
                .is_some_and(|rest| is_made_up(rest, claims || *claim, words))
        })
    }
    let words = WORDS.map(|word| (plain(word), true)).into_iter();
    let words: Vec<_> = words.chain(FILLERS.map(|word| (plain(word), false))).collect();
    is_made_up(text, false, &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_passes_for_who_is_in_charge_in_any_spelling_that_looks_alike() {
        for name in [
            "Auctioneer",
            "Seller",
            "Admin",
            "Administrator",
            "System",
            "Gavel",
            "Gavel Support",
            "Support",
            "Moderator",
            "Host",
            "ADMIN",
            "aDmIn",
            "Adm1n",
            "Admln",
            "4dmin",
            "4dmin7",
            "A d m i n",
            "a-d.m_i n",
            "auctioneer_",
            "_auctioneer",
            "auctioneer1",
            "1 Seller",
            "Seller 2",
            "5eller",
            "M0d3rat0r",
            "Admins",
            "Sellers",
            "The Auctioneer",
            "The Admin Team",
            "System Admin",
            "Gavel Support 1",
            "GavelSupport",
            "gavel.support",
            "G a v e l",
            "Gavel Billing",
            "Your Gavel Team",
            "Аdmin",
            "ΑDMIN",
            "ΑDΜΙΝ",
            "аdмin",
            "Ꭺdmin",
            "ꓮDMIN",
            "Ádmîn",
            "Ａｄｍｉｎ",
            "A\u{301}dmin",
            "★ Admin ★",
            "Ѕеllег",
            "Ηοst",
            "ѕystеm",
            "Suppοrt",
            "Bidder-5f3a9c01",
            "bіdder-5f3a9c01",
            "Bidder 5f3a9c01",
            "b1dder_5f3a9c01",
        ] {
            assert!(is_reserved(name), "{name} {:?}", readings(name));
        }
    }

    #[test]
    fn names_of_people_are_free() {
        for name in [
            "Ann",
            "Peter Sellers",
            "Hostettler",
            "Madmin",
            "Support Act",
            "Admiral Nelson",
            "Modesty",
            "Gavin",
            "Bob the Host",
            "Theodora",
            "Mr. Systema",
            "李娜",
            "Ng",
            "user-0a1b2c3d",
            "🦀🦀🦀",
            "42",
            "s s",
            "The Real",
            "Jörg Böhm",
        ] {
            assert!(!is_reserved(name), "{name} {:?}", readings(name));
        }
    }
}
