//! What makes two display names the same: whatever their case, their composition and their alphabet.
//!
//! Two keys are kept beside each name, and no two people have one in common. `spelling` is the name
//! folded as Unicode's compatibility caseless match does (D146), so `Straße`, `STRASSE` and a
//! decomposed spelling are one; without a locale, so that a name is the same name everywhere. `look` is
//! what the name looks like in the case it is written in. Both end as a skeleton of UTS #39, so that
//! nobody passes for somebody else by letters of another alphabet: in a chat the name is all that
//! people see. What is stored stays as it was given, in NFC.

use gavel_core::wire::DisplayName;
use unicode_normalization::UnicodeNormalization as _;

use super::UsersError;
use super::outline::{caseless, outline};
use super::reserved::is_reserved;

/// A name that somebody may have, if nobody else has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub(super) shown: String,
    pub(super) keys: Keys,
}

/// What no two names have in common. They are stored: where another release of the libraries makes
/// others, it needs a migration that empties `keyed_name`, and `gavel migrate` makes them anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) spelling: String,
    pub(super) look: String,
}

impl Name {
    /// The name somebody asks for; [`UsersError::NameReserved`] when it passes for somebody in charge.
    pub fn chosen(name: &DisplayName) -> Result<Self, UsersError> {
        if is_reserved(name.as_str()) {
            return Err(UsersError::NameReserved);
        }
        Ok(Self::of(name))
    }

    /// The name of somebody who has chosen none, made of a random number.
    pub(super) fn generated(random: u32) -> Self {
        Self::of(&DisplayName::generated(random))
    }

    fn of(name: &DisplayName) -> Self {
        let shown: String = name.as_str().nfc().collect();
        Self { keys: Keys::of(&shown), shown }
    }
}

impl Keys {
    /// The keys of a name, one that could not be chosen any more among them.
    pub(super) fn of(name: &str) -> Self {
        Self { spelling: outline(&caseless(name)), look: outline(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether two people may not be called so at once.
    fn are_one(one: &str, other: &str) -> bool {
        let (one, other) = (Keys::of(one), Keys::of(other));
        one.spelling == other.spelling || one.look == other.look
    }

    #[test]
    fn names_are_one_in_whatever_case_composition_and_compatible_form() {
        for (one, other) in [
            ("Straße1", "STRASSE1"),
            ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
            ("ΟΔΟΣ", "οδοσ"),
            ("Jörg", "JO\u{308}RG"),
            ("Ǆemal", "ǆemal"),
            ("Ǆemal", "DŽEMAL"),
            ("ŉdou", "\u{2bc}NDOU"),
            ("Işık", "IŞIK"),
            ("ışık", "IŞIK"),
            ("İnci", "i\u{307}nci"),
            ("Անի", "ԱՆԻ"),
            ("ᾳσμα", "ΑΙΣΜΑ"),
            ("한글", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"),
            ("豈", "\u{f900}"),
            ("ශ්\u{200d}රී", "ශ්රී"),
            ("علی\u{200c}رضا", "علیرضا"),
        ] {
            assert!(are_one(one, other), "{one} {other} {:?} {:?}", Keys::of(one), Keys::of(other));
        }
    }

    #[test]
    fn names_that_look_alike_are_one() {
        for (one, other) in [
            ("Ann", "Аnn"),
            ("ANN", "ΑΝΝ"),
            ("Bob0", "BobO"),
            ("Ann1", "Annl"),
            ("Barney", "Bamey"),
            ("сор", "cop"),
        ] {
            assert!(are_one(one, other), "{one} {other} {:?} {:?}", Keys::of(one), Keys::of(other));
        }
    }

    #[test]
    fn names_that_are_told_apart_are_two() {
        for (one, other) in [
            ("Jörg", "Jorg"),
            ("Ali", "All"),
            ("Ann", "Anna"),
            ("Ann 2", "Ann 3"),
            ("がく", "かく"),
            ("李娜", "李哪"),
            ("Иван", "Иваν"),
            ("Αννα", "Anna"),
            ("user-00000001", "user-00000010"),
        ] {
            assert!(!are_one(one, other), "{one} {other}");
        }
    }

    #[test]
    fn no_two_made_up_names_are_one() {
        let digits = "0123456789abcdef";
        let looks: std::collections::BTreeSet<String> =
            digits.chars().map(|digit| Keys::of(&format!("user-{digit}")).look).collect();
        assert_eq!(looks.len(), digits.len(), "{looks:?}");
    }

    #[test]
    fn a_name_is_kept_in_nfc_and_otherwise_as_given() {
        for (given, kept) in [
            ("Zoe\u{308}", "Zoë"),
            ("\u{1112}\u{1161}\u{11ab}", "한"),
            ("\u{304b}\u{3099}く", "がく"),
            ("StraßE", "StraßE"),
        ] {
            let name = Name::chosen(&DisplayName::parse(given).unwrap()).unwrap();
            assert_eq!(name.shown, kept);
        }
    }

    #[test]
    fn keys_stay_what_the_database_has() {
        for (name, spelling, look) in [
            ("Straße1", "strassel", "strassel"),
            ("ADMIN", "adrnin", "adrnln"),
            ("Σίσυφος", "oíouɸoo", "ʃíouɸoo"),
            ("Zoë", "zoe\u{308}", "zoe\u{308}"),
        ] {
            let keys = Keys::of(name);
            let found: [String; 2] = [keys.spelling, keys.look].map(|key| key.nfd().collect());
            let expected: [String; 2] = [spelling, look].map(|key| key.nfd().collect());
            assert_eq!(found, expected, "{name}: with a migration that empties `keyed_name`");
        }
    }
}
