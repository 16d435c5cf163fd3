//! Byte limits of bodies against the character limits of what is in them.

use serde_json::{Value, json};

use crate::limits::*;
use crate::wire::*;

/// A body as wordy as JSON allows within reason: every character of names and texts escaped, indented.
fn escaped(value: &Value) -> String {
    let text = |text: &str| {
        let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        format!("\"{units}\"")
    };
    let (open, items, close) = match value {
        Value::String(string) => return text(string),
        Value::Array(items) => ('[', items.iter().map(escaped).collect::<Vec<_>>(), ']'),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", text(name), escaped(value).replace('\n', "\n    "))
            };
            ('{', members.iter().map(member).collect(), '}')
        }
        other => return other.to_string(),
    };
    format!("{open}\n    {}\n{close}\n", items.join(",\n    "))
}

/// As long as it may be, of characters that take the most bytes.
fn emoji(chars: usize) -> String {
    "\u{1f600}".repeat(chars)
}

fn largest_auction() -> Value {
    let image = format!("https://example.com/{}", "x".repeat(URL_CHARS_MAX - 20));
    let bands: Vec<Value> = (0..INCREMENT_BANDS_MAX)
        .map(|band| match band {
            0 => json!({"from": 0, "step": AMOUNT_MAX}),
            band => {
                json!({"from": AMOUNT_MAX / 2 + u64::try_from(band).unwrap(), "step": AMOUNT_MAX})
            }
        })
        .collect();
    json!({
        "title": emoji(TITLE_CHARS_MAX),
        "description": emoji(DESCRIPTION_CHARS_MAX),
        "category": emoji(LABEL_CHARS_MAX),
        "condition": emoji(LABEL_CHARS_MAX),
        "image_urls": vec![image; IMAGE_URLS_MAX],
        "currency": "USD",
        "starting_price": AMOUNT_MAX,
        "reserve_price": AMOUNT_MAX,
        "buy_now_price": AMOUNT_MAX,
        "bid_ceiling": AMOUNT_MAX,
        "increments": bands,
        "duration_s": DURATION_S_MAX,
        "soft_close": {
            "window_s": SOFT_CLOSE_S_MAX,
            "extension_s": SOFT_CLOSE_S_MAX,
            "max_extensions": EXTENSIONS_MAX,
        },
        "grace_ms": GRACE_MS_MAX,
        "private": false,
    })
}

#[test]
fn what_is_within_its_character_limits_is_within_its_byte_limit_however_it_is_escaped() {
    let faults = |invalid: InvalidBody| format!("{invalid:?}");
    let check = |body: &Value, bytes_max: usize, parse: &dyn Fn(&[u8]) -> Result<(), String>| {
        for text in [escaped(body), body.to_string()] {
            assert!(text.len() <= bytes_max, "{} of {bytes_max} bytes", text.len());
            assert_eq!(parse(text.as_bytes()), Ok(()));
        }
    };
    let auction = largest_auction();
    check(&auction, AUCTION_BODY_BYTES_MAX, &|body| {
        CreateAuction::parse(body).map(drop).map_err(faults)
    });
    check(&auction, AUCTION_BODY_BYTES_MAX, &|body| {
        EditAuction::parse(body).map(drop).map_err(faults)
    });
    let chat = json!({"text": emoji(CHAT_TEXT_CHARS_MAX)});
    check(&chat, CHAT_BODY_BYTES_MAX, &|body| ChatRequest::parse(body).map(drop).map_err(faults));
    let bid = json!({"amount": AMOUNT_MAX, "max": AMOUNT_MAX, "currency": "USD"});
    check(&bid, BID_BODY_BYTES_MAX, &|body| BidRequest::parse(body).map(drop).map_err(faults));
    // Letters beyond U+FFFF: names have no emoji.
    let me = json!({
        "display_name": "\u{20000}".repeat(NAME_CHARS_MAX),
        "notifications": {"channel": "email", "push_token": "x".repeat(PUSH_TOKEN_CHARS_MAX)},
    });
    check(&me, ME_BODY_BYTES_MAX, &|body| EditMe::parse(body).map(drop).map_err(faults));
    let viewer = json!({"viewer_id": "bidder-5f3a9c01"});
    check(&viewer, VIEWER_BODY_BYTES_MAX, &|body| {
        RevokeViewer::parse(body).map(drop).map_err(faults)
    });
}
