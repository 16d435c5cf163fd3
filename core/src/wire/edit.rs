//! Changing an auction that is not open yet: the request, and what it makes of the auction.
//!
//! The fields are those of creating one, and so are the rules: a change is laid over the auction as
//! it is, and the whole is validated as if it were new. Lists and objects are replaced as wholes.
//! What is not named is taken over as it is, without being judged again: the rules may have become
//! stricter, or time passed, since it was right.

use serde_json::{Map, Value, json};

use super::auction::CreateAuction;
use super::body::read_object;
use super::invalid::InvalidBody;
use crate::limits::DURATION_S_MIN;
use crate::money::Currency;
use crate::time::Timestamp;

/// The fields that change. Null takes an optional field away, or back to its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditAuction {
    changes: Map<String, Value>,
}

impl EditAuction {
    /// Reads a body and validates what can be without knowing the auction.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        let edit = Self { changes: read_object(body)? };
        // With the lowest price: what is wrong on top of it is wrong on top of any.
        edit.on_top_of(json!({ "starting_price": 1 }), None)?;
        Ok(edit)
    }

    /// The auction after the change, which came at `now`, or why it would not be one.
    pub fn apply(
        &self,
        auction: &CreateAuction,
        now: Timestamp,
    ) -> Result<CreateAuction, InvalidBody> {
        // A currency that was withdrawn since stays, unless the change names one.
        let named = self.changes.contains_key("currency");
        let kept = (!named).then_some(auction.terms.currency);
        let mut edited = self.on_top_of(judged_together(auction), kept)?;
        let (terms, old) = (&mut edited.terms, &auction.terms);
        self.keep("opens_at", &mut terms.opens_at, &old.opens_at);
        self.keep("duration_s", &mut terms.duration_ms, &old.duration_ms);
        self.keep("soft_close", &mut terms.soft_close, &old.soft_close);
        self.keep("grace_ms", &mut terms.grace_ms, &old.grace_ms);
        self.keep("title", &mut edited.title, &auction.title);
        self.keep("description", &mut edited.description, &auction.description);
        self.keep("category", &mut edited.category, &auction.category);
        self.keep("condition", &mut edited.condition, &auction.condition);
        self.keep("image_urls", &mut edited.image_urls, &auction.image_urls);
        self.keep("private", &mut edited.private, &auction.private);
        if edited.terms.opens_at != auction.terms.opens_at {
            edited.check_opening(now)?;
        }
        Ok(edited)
    }

    /// Takes a field over unless it is named.
    fn keep<T: Clone>(&self, name: &str, field: &mut T, old: &T) {
        if !self.changes.contains_key(name) {
            field.clone_from(old);
        }
    }

    /// The changes on the plainest auction there is with these terms.
    fn on_top_of(
        &self,
        terms: Value,
        kept: Option<Currency>,
    ) -> Result<CreateAuction, InvalidBody> {
        let mut members = Map::new();
        members.insert("title".to_owned(), json!("-"));
        members.insert("duration_s".to_owned(), json!(DURATION_S_MIN));
        if let Value::Object(terms) = terms {
            members.extend(terms);
        }
        members.extend(self.changes.clone());
        CreateAuction::from_members(members, kept)
    }
}

/// What of a request for `auction` is judged together: its prices, and the currency that gives them
/// their usual steps.
fn judged_together(auction: &CreateAuction) -> Value {
    let terms = &auction.terms;
    json!({
        "currency": terms.currency,
        "starting_price": terms.starting_price,
        "reserve_price": terms.reserve_price,
        "buy_now_price": terms.buy_now_price,
        "bid_ceiling": terms.bid_ceiling,
        "increments": terms.increments,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::FieldError;

    const FULL: &str = r#"{"title": "A watch", "description": "Old", "category": "watches",
        "condition": "worn", "image_urls": ["https://a.b/c"], "private": true, "currency": "EUR",
        "starting_price": 1000, "reserve_price": 2000, "buy_now_price": 5000, "bid_ceiling": 9000,
        "increments": [{"from": 0, "step": 50}, {"from": 500, "step": 100}],
        "opens_at": "2026-11-23T05:17:00.007Z", "duration_s": 90,
        "soft_close": {"window_s": 10, "extension_s": 20, "max_extensions": 3}, "grace_ms": 250}"#;

    fn full() -> CreateAuction {
        CreateAuction::parse(FULL.as_bytes()).unwrap()
    }

    fn edited(changes: &str) -> Result<CreateAuction, InvalidBody> {
        edited_at(changes, "2026-11-01T00:00:00Z")
    }

    fn edited_at(changes: &str, now: &str) -> Result<CreateAuction, InvalidBody> {
        EditAuction::parse(changes.as_bytes())?.apply(&full(), Timestamp::parse(now).unwrap())
    }

    fn faults(result: &Result<CreateAuction, InvalidBody>) -> Vec<&str> {
        match result {
            Err(InvalidBody::Fields(errors)) => {
                errors.iter().map(|error: &FieldError| error.field.as_str()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        assert_eq!(edited("{}"), Ok(full()));
        let renamed = CreateAuction { title: "A clock".to_owned(), ..full() };
        assert_eq!(edited(r#"{"title": "A clock"}"#), Ok(renamed));
    }

    #[test]
    fn an_auction_in_a_currency_that_was_withdrawn_since_can_still_be_edited() {
        let mut old = full();
        old.terms.currency = Currency::recorded("BGN").unwrap();
        let now = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
        let edit = |changes: &str| EditAuction::parse(changes.as_bytes())?.apply(&old, now);
        let renamed = edit(r#"{"title": "A clock"}"#).unwrap();
        assert_eq!(renamed, CreateAuction { title: "A clock".to_owned(), ..old.clone() });
        let mended = edit(r#"{"currency": "EUR"}"#).unwrap();
        assert_eq!(mended.terms, full().terms);
        let stepped = edit(r#"{"currency": "JPY", "increments": null}"#).unwrap().terms;
        assert_eq!(stepped.increments.bands()[0].step.minor(), 1, "one yen");
        old.terms.currency = Currency::parse("JPY").unwrap();
        let edit = EditAuction::parse(br#"{"increments": null}"#).unwrap();
        let usual = edit.apply(&old, now).unwrap().terms;
        assert_eq!(usual.increments.bands()[0].step.minor(), 1, "of the currency it has");
    }

    #[test]
    fn null_takes_an_optional_field_away() {
        let plain = edited(
            r#"{"description": null, "reserve_price": null, "opens_at": null, "soft_close": null}"#,
        );
        let plain = plain.unwrap();
        assert_eq!((plain.description, plain.terms.reserve_price), (None, None));
        assert_eq!((plain.terms.opens_at, plain.terms.soft_close), (None, Default::default()));
        assert_eq!(faults(&edited(r#"{"title": null}"#)), ["title"]);
    }

    #[test]
    fn a_change_is_checked_by_itself_and_with_what_stays() {
        for alone in [r#"{"duration_s": 1}"#, r#"{"seller_id": "me"}"#, r#"{"grace_ms": "x"}"#] {
            assert!(EditAuction::parse(alone.as_bytes()).is_err(), "{alone}");
        }
        assert!(EditAuction::parse(b"[]").is_err());
        let above_the_reserve = r#"{"starting_price": 3000}"#;
        assert!(EditAuction::parse(above_the_reserve.as_bytes()).is_ok());
        assert_eq!(faults(&edited(above_the_reserve)), ["reserve_price"]);
        let both = edited(r#"{"starting_price": 3000, "reserve_price": 3000}"#).unwrap();
        assert_eq!(both.terms.reserve_price, Some(both.terms.starting_price));
    }

    #[test]
    fn a_start_is_judged_when_it_is_changed_and_only_then() {
        let after = "2026-11-23T06:00:00Z";
        for changes in [
            r#"{"title": "A clock"}"#,
            r#"{"opens_at": "2026-11-23T06:17:00.007+01:00"}"#,
            r#"{"opens_at": null}"#,
            r#"{"opens_at": "2026-11-23T05:55:00Z"}"#,
        ] {
            assert!(edited_at(changes, after).is_ok(), "{changes}");
        }
        for changes in [
            r#"{"opens_at": "2026-11-23T05:54:59.999Z"}"#,
            r#"{"opens_at": "2025-11-23T05:17:00Z"}"#,
            r#"{"opens_at": "2206-11-23T05:17:00Z", "title": "A clock"}"#,
        ] {
            assert_eq!(faults(&edited_at(changes, after)), ["opens_at"], "{changes}");
        }
    }

    #[test]
    fn what_an_edit_leaves_as_it_is_is_not_judged_again() {
        let unseen = "\u{200b}".to_owned();
        let mut old = full();
        (old.title, old.description) = (unseen.clone(), Some(unseen.clone()));
        (old.category, old.condition) = (Some(unseen.clone()), Some(unseen));
        old.image_urls = vec!["http://once.allowed/".to_owned()];
        (old.terms.duration_ms, old.terms.grace_ms) = (1_500, 60_000);
        let now = Timestamp::from_ms(0);
        let edit = EditAuction::parse(br#"{"starting_price": 900}"#).unwrap();
        let mut expected = old.clone();
        expected.terms.starting_price = crate::money::Amount::new(900).unwrap();
        assert_eq!(edit.apply(&old, now), Ok(expected));
        let again = EditAuction::parse(br#"{"title": "\u200b"}"#);
        assert!(matches!(again, Err(InvalidBody::Fields(_))), "{again:?}");
    }
}
