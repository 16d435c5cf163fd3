//! Requests: what is read, what is refused, and which field is named.

use crate::limits::{AMOUNT_MAX, IMAGE_URLS_MAX, TITLE_CHARS_MAX, URL_CHARS_MAX};
use crate::money::Currency;
use crate::time::Timestamp;
use crate::wire::*;

fn bid_faults(body: &str) -> Vec<String> {
    match BidRequest::parse(body.as_bytes()) {
        Ok(request) => panic!("accepted {body}: {request:?}"),
        Err(InvalidBody::Malformed { .. }) => vec!["malformed".to_owned()],
        Err(InvalidBody::Fields(errors)) => errors.into_iter().map(|error| error.field).collect(),
    }
}

#[test]
fn a_bid_has_an_amount_and_maybe_a_maximum_and_a_currency() {
    let plain = BidRequest::parse(br#"{"amount": 15000}"#).unwrap();
    assert_eq!((plain.amount.minor(), plain.max.minor(), plain.currency), (15_000, 15_000, None));
    let full = BidRequest::parse(br#"{"amount":1,"max":2,"currency":"USD"}"#).unwrap();
    assert_eq!((full.max.minor(), full.currency.map(|c| c.to_string())), (2, Some("USD".into())));
    let largest = format!("{{\"amount\": {AMOUNT_MAX}}}");
    assert_eq!(BidRequest::parse(largest.as_bytes()).unwrap().amount.minor(), AMOUNT_MAX);
}

#[test]
fn a_wrong_amount_is_refused_by_name() {
    for amount in [
        "0",
        "-5",
        "1.5",
        "150.5e0",
        "1e-3",
        "1e400",
        "-0.0",
        "\"150\"",
        "true",
        "[1]",
        "null",
        "9007199254740992",
        "99999999999999999999",
    ] {
        assert_eq!(bid_faults(&format!("{{\"amount\": {amount}}}")), ["amount"], "{amount}");
    }
}

#[test]
fn every_fault_of_a_bid_is_named_at_once() {
    assert_eq!(bid_faults("{}"), ["amount"]);
    assert_eq!(bid_faults(r#"{"amount": 5, "amuont": 6}"#), ["amuont"]);
    assert_eq!(bid_faults(r#"{"amount": 5, "max": 4}"#), ["max"]);
    assert_eq!(
        bid_faults(r#"{"amount": 0, "max": "x", "currency": "usd", "y": 1}"#),
        ["amount", "max", "currency", "y"]
    );
    assert_eq!(bid_faults(r#"{"amount": 5, "amount": 6}"#), ["amount"], "twice");
}

#[test]
fn what_is_not_json_is_malformed_whatever_it_began_like() {
    for broken in [
        "",
        " ",
        "{",
        "{\"amount\": }",
        "{\"amount\": 5} x",
        "{\"amount\": 5}{}",
        "{\"amount\": 05}",
        "{\"amount\": 5,}",
        "{\"amount\": 5, \"amount\": 6",
        "\u{0}",
        "{'amount': 5}",
        "\u{feff}{\"amount\": 5}",
        "[1,2",
        "[1] x",
        "[1,]",
        "[1}",
        "\"abc",
        "\"a\nb\"",
        "\"\\ud800\"",
        "nul",
        "nulll",
        "tru",
        "-",
        "1.",
        "01",
        "1 2",
        "amount=5",
    ] {
        assert_eq!(bid_faults(broken), ["malformed"], "{broken:?}");
    }
    for broken in [&b"\"\xff\""[..], b"{\"amount\": \"\xc3\"}", b"[\"\xed\xa0\x80\"]"] {
        let read = read_object(broken);
        assert!(matches!(read, Err(InvalidBody::Malformed { .. })), "{broken:?} {read:?}");
    }
    for deep in ["[", "{\"a\":"] {
        let deep = deep.repeat(200);
        let read = read_object(deep.as_bytes());
        assert!(matches!(read, Err(InvalidBody::Malformed { .. })), "too deep, unended");
    }
    let deep = format!("{}5{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(bid_faults(&format!("{{\"amount\": {deep}}}")), ["malformed"], "too deep");
    assert_eq!(bid_faults(&deep), ["malformed"], "too deep");
}

#[test]
fn json_that_is_no_object_is_an_invalid_request() {
    for other in ["5", "[]", "null", "\"text\"", " [1, {\"a\": 2}]\n", "true", "1e999999999"] {
        assert_eq!(bid_faults(other), [""], "{other}");
    }
}

#[test]
fn malformed_json_is_malformed_where_it_is() {
    for (broken, line, column) in [("", 1, 1), ("{\"amount\":\n  1e3, x}", 2, 8), ("[1,2", 1, 5)] {
        let expected = InvalidBody::Malformed { line, column };
        assert_eq!(read_object(broken.as_bytes()), Err(expected), "{broken:?}");
    }
}

fn auction_faults(change: &str) -> Vec<String> {
    let mut body: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(r#"{"title": "A watch", "starting_price": 1000, "duration_s": 60}"#)
            .unwrap();
    body.extend(serde_json::from_str::<serde_json::Map<_, _>>(change).unwrap());
    match CreateAuction::parse(&serde_json::to_vec(&body).unwrap()) {
        Ok(_) => Vec::new(),
        Err(InvalidBody::Malformed { .. }) => vec!["malformed".to_owned()],
        Err(InvalidBody::Fields(errors)) => errors.into_iter().map(|error| error.field).collect(),
    }
}

#[test]
fn an_auction_has_defaults() {
    let body = br#"{"title": "A watch", "starting_price": 1000, "duration_s": 60}"#;
    let auction = CreateAuction::parse(body).unwrap();
    assert_eq!(auction.terms.currency.as_str(), "USD");
    assert_eq!(auction.terms.duration_ms, 60_000);
    assert_eq!(auction.terms.increments.bands().len(), 1);
    assert_eq!(auction.terms.soft_close.max_extensions, 5);
    assert!(!auction.private);
}

#[test]
fn a_currency_that_does_not_exist_is_refused_on_create_and_on_edit() {
    for code in ["UDS", "XXX", "XTS", "DEM", "XAU", "XDR", "BGN", "usd"] {
        let change = format!(r#"{{"currency": "{code}"}}"#);
        assert_eq!(auction_faults(&change), ["currency"], "{code}");
        match EditAuction::parse(change.as_bytes()) {
            Err(InvalidBody::Fields(errors)) => assert_eq!(errors[0].field, "currency", "{code}"),
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn a_bid_may_name_what_its_auction_is_held_in_though_that_was_withdrawn() {
    let bid = BidRequest::parse(br#"{"amount": 1, "currency": "BGN"}"#).unwrap();
    assert_eq!(bid.currency, Currency::recorded("BGN"));
}

#[test]
fn bids_rise_by_one_major_unit_of_the_currency_where_no_increments_are_named() {
    for (currency, step) in [("USD", 100), ("JPY", 1), ("KWD", 1_000), ("CLF", 10_000)] {
        let body = format!(
            r#"{{"title": "A", "starting_price": 100, "duration_s": 60, "currency": "{currency}"}}"#
        );
        let terms = CreateAuction::parse(body.as_bytes()).unwrap().terms;
        let bands = terms.increments.bands();
        assert_eq!((bands.len(), bands[0].step.minor()), (1, step), "{currency}");
    }
}

#[test]
fn a_wrong_auction_is_refused_by_field() {
    for (change, fields) in [
        (r#"{"title": ""}"#, vec!["title"]),
        (r#"{"title": "a\u0000b"}"#, vec!["title"]),
        (r#"{"starting_price": 0}"#, vec!["starting_price"]),
        (r#"{"duration_s": 4}"#, vec!["duration_s"]),
        (r#"{"reserve_price": 999}"#, vec!["reserve_price"]),
        (r#"{"buy_now_price": 2000, "reserve_price": 3000}"#, vec!["buy_now_price"]),
        (r#"{"bid_ceiling": 1500, "reserve_price": 2000}"#, vec!["reserve_price"]),
        (r#"{"increments": []}"#, vec!["increments"]),
        (r#"{"increments": [{"from": 0, "step": 0}]}"#, vec!["increments[0].step"]),
        (r#"{"increments": [{"from": 5, "step": 1}]}"#, vec!["increments"]),
        (r#"{"increments": [{"from": 0, "step": 1, "to": 9}]}"#, vec!["increments[0].to"]),
        (
            r#"{"soft_close": {"window_s": 5}}"#,
            vec!["soft_close.extension_s", "soft_close.max_extensions"],
        ),
        (r#"{"grace_ms": 5001}"#, vec!["grace_ms"]),
        (r#"{"image_urls": ["http://x"]}"#, vec!["image_urls[0]"]),
        (r#"{"opens_at": "tomorrow"}"#, vec!["opens_at"]),
        (r#"{"private": "yes"}"#, vec!["private"]),
        (r#"{"seller_id": "me"}"#, vec!["seller_id"]),
    ] {
        assert_eq!(auction_faults(change), fields, "{change}");
    }
}

#[test]
fn a_member_twice_is_refused_at_every_depth() {
    for (members, field) in [
        (r#""title": "B""#, "title"),
        (r#""title": {"a": "B"}"#, "title"),
        (
            r#""soft_close": {"window_s": 0, "window_s": 30, "extension_s": 5}"#,
            "soft_close.window_s",
        ),
        (
            r#""increments": [{"from": 0, "step": 1}, {"from": 9, "step": 1, "step": 2}]"#,
            "increments[1].step",
        ),
        (r#""x": [[], [1, {"y`": {"z": null, "z": -1.5}}]]"#, "x[1][1].y`.z"),
        (r#""x": {"y": 1, "\u0079": 2}"#, "x.y"),
    ] {
        let body = format!(
            r#"{{"title": "A watch", "starting_price": 1000, "duration_s": 60, {members}}}"#
        );
        let expected = InvalidBody::Fields(vec![FieldError::new(field, "appears twice")]);
        assert_eq!(CreateAuction::parse(body.as_bytes()).unwrap_err(), expected, "{members}");
    }
    let body = br#"{"a": [null, true, -1, 1, 0.5, "s\n", {"b": {}}, []], "c": {"b": "b"}}"#;
    let plain: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(read_object(body).unwrap(), *plain.as_object().unwrap(), "all else reads as ever");
}

#[test]
fn what_is_given_is_read() {
    let body = r#"{"title": "A watch", "starting_price": 1000, "duration_s": 60, "private": true,
        "opens_at": "2026-11-23T05:17:00.007Z", "image_urls": ["https://a.b/c?d=e"],
        "soft_close": {"window_s": 0, "extension_s": 3600, "max_extensions": 1000}}"#;
    let auction = CreateAuction::parse(body.as_bytes()).unwrap();
    assert!(auction.private);
    assert_eq!(auction.terms.opens_at, Timestamp::parse("2026-11-23T05:17:00.007Z"));
    assert_eq!(auction.image_urls, ["https://a.b/c?d=e"]);
    assert_eq!(auction.terms.soft_close.extension_ms, 3_600_000);
}

#[test]
fn limits_themselves_are_allowed() {
    let urls = |count| serde_json::json!({"image_urls": vec!["https://x"; count]}).to_string();
    let bands = |count: u64| {
        let bands: Vec<_> =
            (0..count).map(|from| serde_json::json!({"from": from, "step": 1})).collect();
        serde_json::json!({ "increments": bands }).to_string()
    };
    let url = |chars: usize| {
        serde_json::json!({"image_urls": [format!("https://{}", "x".repeat(chars - 8))]})
            .to_string()
    };
    let title = |chars| serde_json::json!({"title": "ß".repeat(chars)}).to_string();
    for (change, fields) in [
        (r#"{"reserve_price": 1000}"#.to_owned(), vec![]),
        (r#"{"bid_ceiling": 1000, "buy_now_price": 1000, "reserve_price": 1000}"#.into(), vec![]),
        (r#"{"duration_s": 5}"#.into(), vec![]),
        (r#"{"grace_ms": 5000}"#.into(), vec![]),
        (urls(IMAGE_URLS_MAX), vec![]),
        (urls(IMAGE_URLS_MAX + 1), vec!["image_urls"]),
        (bands(32), vec![]),
        (bands(33), vec!["increments"]),
        (url(URL_CHARS_MAX), vec![]),
        (url(URL_CHARS_MAX + 1), vec!["image_urls[0]"]),
        (title(TITLE_CHARS_MAX), vec![]),
        (title(TITLE_CHARS_MAX + 1), vec!["title"]),
    ] {
        assert_eq!(auction_faults(&change), fields, "{change}");
    }
    assert_eq!(BidRequest::parse(br#"{"amount": 5, "max": 5}"#).unwrap().max.minor(), 5);
}

#[test]
fn an_image_url_is_https_without_what_could_break_out_of_a_page() {
    for wrong in ["https://", "https:/x", "https://a b", "https://a\"b", "https://<x>", "https://ä"]
    {
        let change = serde_json::json!({ "image_urls": [wrong] }).to_string();
        assert_eq!(auction_faults(&change), ["image_urls[0]"], "{wrong}");
    }
}
