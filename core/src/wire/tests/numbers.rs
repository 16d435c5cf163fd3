//! Whole numbers in requests, in whatever form JSON has for them.

use serde_json::{Map, Value, json};

use crate::wire::*;

fn auction(members: &str) -> Result<CreateAuction, InvalidBody> {
    let body = format!(r#"{{"title": "A watch", "category": "1.0", {members}}}"#);
    CreateAuction::parse(body.as_bytes())
}

#[test]
fn a_whole_number_is_taken_in_every_form_in_every_field() {
    let bid = BidRequest::parse(br#"{"amount": 1000.0, "max": 1e4}"#).unwrap();
    assert_eq!((bid.amount.minor(), bid.max.minor()), (1_000, 10_000));
    let plain = r#""starting_price": 1000, "reserve_price": 2000, "buy_now_price": 5000,
        "bid_ceiling": 9000, "increments": [{"from": 0, "step": 50}, {"from": 500, "step": 100}],
        "duration_s": 90, "grace_ms": 250,
        "soft_close": {"window_s": 10, "extension_s": 20, "max_extensions": 3}"#;
    let long = r#""starting_price": 1000.0, "reserve_price": 2e3, "buy_now_price": 5E+3,
        "bid_ceiling": 90000e-1,
        "increments": [{"from": -0.0, "step": 50.00}, {"from": 5.0e2, "step": 0.1e3}],
        "duration_s": 9e1, "grace_ms": 250.0,
        "soft_close": {"window_s": 1e1, "extension_s": 20.0, "max_extensions": 0.3e1}"#;
    assert_eq!(auction(long), auction(plain));
    assert!(auction(plain).is_ok());
    let edit = EditAuction::parse(br#"{"starting_price": 9e2, "soft_close": null}"#).unwrap();
    let now = crate::time::Timestamp::default();
    let edited = edit.apply(&auction(plain).unwrap(), now).unwrap();
    assert_eq!(edited.terms.starting_price.minor(), 900);
}

#[test]
fn a_number_with_a_fraction_is_refused_as_such_in_every_field() {
    for (members, field) in [
        (r#""starting_price": 1000.5, "duration_s": 60"#, "starting_price"),
        (r#""starting_price": 1000, "duration_s": 60.1"#, "duration_s"),
        (r#""starting_price": 1, "duration_s": 60, "reserve_price": 25e-1"#, "reserve_price"),
        (
            r#""starting_price": 1, "duration_s": 60, "increments": [{"from": 0, "step": 1.5}]"#,
            "increments[0].step",
        ),
        (r#""starting_price": 9007199254740991.4, "duration_s": 60"#, "starting_price"),
        (r#""starting_price": 9007199254740990.99999999, "duration_s": 60"#, "starting_price"),
    ] {
        let Err(InvalidBody::Fields(errors)) = auction(members) else { panic!("{members} passed") };
        assert_eq!(errors.len(), 1, "{members} {errors:?}");
        assert_eq!(errors[0].field, field, "{members}");
        assert!(errors[0].reason.starts_with("must be a whole number"), "{errors:?}");
    }
}

#[test]
fn a_number_of_any_size_is_json_and_costs_no_more_than_its_text() {
    let nines = "9".repeat(100_000);
    for number in ["1e999999999", "1e-999999999", "-1e400", "1e99999999999999999999", &nines] {
        let body = format!(r#"{{"amount": {number}}}"#);
        let Err(InvalidBody::Fields(errors)) = BidRequest::parse(body.as_bytes()) else {
            panic!("{number:.30} passed or is malformed");
        };
        assert_eq!(errors[0].field, "amount", "{number:.30}");
    }
}

#[test]
fn a_body_is_read_as_json_readers_read_it_but_for_how_a_whole_number_is_written() {
    let body =
        br#"{"a": [null, true, -1, 1, 0.5, -2.25e-3, "s\n\ud83e\udd80", {"b": {}}, []], "": 0,
        "c": {"b": "b"}, "\u0064": 18446744073709551616, "e": "1.0"}"#;
    let plain: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(read_object(body).unwrap(), *plain.as_object().unwrap());
    let whole: Map<String, Value> = read_object(br#"{"a": [1.0, -5e0], "b": {"c": 1e2}}"#).unwrap();
    assert_eq!(Value::Object(whole), json!({"a": [1, -5], "b": {"c": 100}}));
}
