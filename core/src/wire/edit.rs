//! Changing an auction that is not open yet: the request, and what it makes of the auction.
//!
//! The fields are those of creating one, and so are the rules: a change is laid over the auction as
//! it is, and the whole is validated as if it were new. Lists and objects are replaced as wholes.

use serde_json::{Map, Value, json};

use super::auction::CreateAuction;
use super::body::{InvalidBody, read_object};

/// The fields that change. Null takes an optional field away, or back to its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditAuction {
    changes: Map<String, Value>,
}

impl EditAuction {
    /// Reads a body and validates what can be without knowing the auction.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        let edit = Self { changes: read_object(body)? };
        // The plainest auction there is, with the lowest price: what is wrong on top of it is wrong
        // on top of any.
        let plainest = json!({"title": "-", "starting_price": 1, "duration_s": 60});
        edit.on_top_of(plainest)?;
        Ok(edit)
    }

    /// The auction after the change, or why it would not be one.
    pub fn apply(&self, auction: &CreateAuction) -> Result<CreateAuction, InvalidBody> {
        self.on_top_of(request(auction))
    }

    fn on_top_of(&self, auction: Value) -> Result<CreateAuction, InvalidBody> {
        let mut members = match auction {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        members.extend(self.changes.clone());
        CreateAuction::from_members(members)
    }
}

/// The request that would create `auction`.
fn request(auction: &CreateAuction) -> Value {
    let terms = &auction.terms;
    json!({
        "title": auction.title,
        "description": auction.description,
        "category": auction.category,
        "condition": auction.condition,
        "image_urls": auction.image_urls,
        "private": auction.private,
        "currency": terms.currency,
        "starting_price": terms.starting_price,
        "reserve_price": terms.reserve_price,
        "buy_now_price": terms.buy_now_price,
        "bid_ceiling": terms.bid_ceiling,
        "increments": terms.increments,
        "opens_at": terms.opens_at,
        "duration_s": terms.duration_ms / 1_000,
        "soft_close": super::auction::SoftCloseView::from(terms.soft_close),
        "grace_ms": terms.grace_ms,
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
        EditAuction::parse(changes.as_bytes())?.apply(&full())
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
}
