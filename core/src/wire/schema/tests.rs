//! That schema and parser agree: samples at every edge of a schema, and texts both ways.

use proptest::prelude::*;
use proptest::string::string_regex;
use regex::Regex;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

use super::*;
use crate::auction::Outcome;
use crate::ids::InvalidId;
use crate::wire::{
    AuctionView, BidRequest, ChatRequest, CreateAuction, EditAuction, EditMe, InvalidBody,
    RevokeViewer,
};

fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        (settings.inline_subschemas, settings.contract) = (true, Contract::Serialize)
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn is(schema: &Value, kind: &str) -> bool {
    let named = &schema["type"];
    named == kind || named.as_array().is_some_and(|kinds| kinds.contains(&json!(kind)))
}

/// Values that `schema` allows, at its edges; the first is the plainest.
fn allowed(schema: &Value) -> Vec<Value> {
    let mut values = if let Some(named) = schema["enum"].as_array() {
        return named.clone();
    } else if is(schema, "integer") {
        let (least, most) = (schema["minimum"].clone(), schema["maximum"].clone());
        // An integer to JSON Schema is what has no fraction, however it is written.
        let written: Value = serde_json::from_str(&format!("{most}.0")).unwrap();
        assert_ne!(written.to_string(), most.to_string());
        vec![least, most, written]
    } else if is(schema, "boolean") {
        vec![json!(true), json!(false)]
    } else if is(schema, "object") {
        allowed_objects(schema)
    } else if is(schema, "array") {
        let most = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
        let mut lists = vec![list(schema, 1), list(schema, most)];
        lists.extend(schema["minItems"].is_null().then(|| json!([])));
        lists
    } else if schema["format"] == "date-time" {
        ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2026-11-23T05:17:00+02:00"]
            .map(Value::from)
            .to_vec()
    } else {
        let longest = schema["maxLength"].as_u64().map(|chars| text(schema, chars));
        let shortest = match schema["pattern"].as_str() {
            Some("^[A-Z]{3}$") => json!("EUR"),
            Some(pattern) if pattern.starts_with("^bidder-") => json!("bidder-5f3a9c01"),
            _ => text(schema, 9),
        };
        [Some(shortest), longest].into_iter().flatten().collect()
    };
    values.extend(is(schema, "null").then_some(Value::Null));
    values
}

/// Values that `schema` does not allow, just past its edges.
fn refused(schema: &Value) -> Vec<Value> {
    let mut values = if schema["enum"].is_array() {
        vec![json!(""), json!("UDS"), json!("usd"), json!(5)]
    } else if is(schema, "integer") {
        let (least, most) =
            (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        vec![json!(least - 1), json!(most + 1), json!(1.5), json!("5"), json!(true)]
    } else if is(schema, "boolean") {
        vec![json!("true"), json!(1)]
    } else if is(schema, "object") {
        refused_objects(schema)
    } else if is(schema, "array") {
        let most = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
        let mut lists = vec![list(schema, most + 1), json!({}), json!("x")];
        lists.extend(refused(&schema["items"]).into_iter().map(|item| json!([item])));
        lists.extend(schema["minItems"].is_u64().then(|| json!([])));
        lists
    } else if schema["format"] == "date-time" {
        ["1969-12-31T23:59:59Z", "2026-11-23", "tomorrow"].map(Value::from).to_vec()
    } else {
        let longest = schema["maxLength"].as_u64();
        let too_long = longest.map(|chars| text(schema, chars + 1));
        let mut texts =
            vec![json!(""), json!(" \n"), json!("a\u{7f}"), json!("\u{200b}"), json!(5)];
        texts.extend([json!("a\u{202e}b"), json!("a\u{ffff}"), json!("a\u{1ffff}")]);
        texts.extend(too_long);
        texts
    };
    values.extend((!is(schema, "null")).then_some(Value::Null));
    values
}

fn members(schema: &Value) -> &Map<String, Value> {
    schema["properties"].as_object().unwrap()
}

fn plainest(schema: &Value) -> Value {
    let required = schema["required"].as_array().unwrap();
    let member = |name: &Value| {
        let name = name.as_str().unwrap();
        (name.to_owned(), allowed(&members(schema)[name])[0].clone())
    };
    Value::Object(required.iter().map(member).collect())
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn allowed_objects(schema: &Value) -> Vec<Value> {
    let mut objects = vec![plainest(schema)];
    for (name, member) in members(schema) {
        objects
            .extend(allowed(member).into_iter().map(|value| with(plainest(schema), name, value)));
    }
    objects
}

fn refused_objects(schema: &Value) -> Vec<Value> {
    assert_eq!(schema["additionalProperties"], false, "unknown fields are refused");
    let mut objects = vec![with(plainest(schema), "unknown", json!(1)), json!([])];
    for name in plainest(schema).as_object().unwrap().keys() {
        let mut object = plainest(schema);
        object.as_object_mut().unwrap().remove(name);
        objects.push(object);
    }
    for (name, member) in members(schema) {
        objects
            .extend(refused(member).into_iter().map(|value| with(plainest(schema), name, value)));
    }
    objects
}

/// So many plain items; bands must rise.
fn list(schema: &Value, count: usize) -> Value {
    let item = |index| {
        let plain = allowed(&schema["items"])[0].clone();
        if plain["from"].is_u64() { with(plain, "from", json!(index)) } else { plain }
    };
    (0..count).map(item).collect()
}

fn text(schema: &Value, chars: u64) -> Value {
    let (start, letter) = match schema["pattern"].as_str() {
        Some(pattern) if pattern.starts_with("^https://") => ("https://", "u"),
        Some("^[!-~]+$") => ("", "u"),
        _ => ("", "é"),
    };
    json!(format!("{start}{}", letter.repeat(usize::try_from(chars).unwrap() - start.len())))
}

fn check<T: JsonSchema + std::fmt::Debug>(parse: fn(&[u8]) -> Result<T, InvalidBody>) {
    let schema = of::<T>();
    for body in allowed(&schema) {
        let parsed = parse(body.to_string().as_bytes());
        assert!(parsed.is_ok(), "the schema allows {body:.300}, the parser says {parsed:?}");
    }
    for body in refused(&schema) {
        let parsed = parse(body.to_string().as_bytes());
        assert!(parsed.is_err(), "the schema refuses {body:.300}, the parser takes it");
    }
}

#[test]
fn a_bid_is_parsed_to_the_edges_of_its_schema_and_no_further() {
    check(BidRequest::parse);
    let bid = BidRequest::parse(br#"{"amount": 5}"#).unwrap();
    let fields = serde_json::to_value(bid).unwrap();
    assert!(fields.as_object().unwrap().keys().eq(members(&of::<BidRequest>()).keys()));
}

#[test]
fn an_auction_is_parsed_to_the_edges_of_its_schema_and_no_further() {
    check(CreateAuction::parse);
}

#[test]
fn a_change_is_parsed_to_the_edges_of_its_schema_and_no_further() {
    check(EditAuction::parse);
    assert_eq!(members(&of::<EditAuction>()), members(&of::<CreateAuction>()));
}

#[test]
fn a_viewer_is_parsed_to_the_edges_of_its_schema_and_no_further() {
    check(RevokeViewer::parse);
}

#[test]
fn a_profile_and_a_message_are_parsed_to_the_edges_of_their_schemas_and_no_further() {
    check(EditMe::parse);
    check(ChatRequest::parse);
}

#[test]
fn an_auction_is_shown_with_every_field_it_was_asked_for() {
    let ours = [
        "id",
        "seller_id",
        "status",
        "created_at",
        "ends_at",
        "outcome",
        "winner_id",
        "hammer_price",
        "playback_url",
        "has_reserve",
        "buy_now_open",
    ];
    let shown = of::<AuctionView>();
    let theirs = members(&shown).keys().filter(|name| !ours.contains(&name.as_str()));
    assert!(theirs.eq(members(&of::<CreateAuction>()).keys()), "a field without its schema");
}

#[test]
fn the_currencies_named_are_all_that_are_taken_and_each_is_taken() {
    let schema = of::<CreateAuction>()["properties"]["currency"].clone();
    let named = schema["enum"].as_array().unwrap();
    let letters = || b'A'..=b'Z';
    let codes = letters().flat_map(|first| letters().map(move |second| (first, second)));
    for (first, second) in codes {
        for third in letters() {
            let code = String::from_utf8(vec![first, second, third]).unwrap();
            let taken = Currency::parse(&code).is_some();
            assert_eq!(taken, named.contains(&json!(code)), "{code}");
        }
    }
    assert_eq!(named.last(), Some(&Value::Null), "it may be left out");
}

#[test]
fn outcomes_are_named_as_they_are_written() {
    let named: Vec<Value> = of::<OutcomeName>()["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["const"].clone())
        .collect();
    let written = [Outcome::Unsold, Outcome::Cancelled].map(|outcome| json!(outcome.as_str()));
    assert!(written.iter().all(|name| named.contains(name)) && named.contains(&json!("sold")));
}

/// Texts by a pattern and what its parser says to them.
struct Texts {
    schema: Value,
    takes: fn(&str) -> bool,
}

fn texts() -> Vec<Texts> {
    fn ok<T>(parsed: &Result<T, InvalidId>) -> bool {
        parsed.is_ok()
    }
    fn in_a_body(name: &str, text: &str) -> bool {
        let mut body = json!({ "title": "x", "starting_price": 1, "duration_s": 60 });
        body[name] = if name == "image_urls" { json!([text]) } else { json!(text) };
        CreateAuction::parse(body.to_string().as_bytes()).is_ok()
    }
    fn in_a_profile(text: &str) -> bool {
        EditMe::parse(json!({ "display_name": text }).to_string().as_bytes()).is_ok()
    }
    fn in_a_message(text: &str) -> bool {
        ChatRequest::parse(json!({ "text": text }).to_string().as_bytes()).is_ok()
    }
    let auction = of::<CreateAuction>();
    vec![
        Texts { schema: of::<EditMe>()["properties"]["display_name"].clone(), takes: in_a_profile },
        Texts { schema: of::<ChatRequest>()["properties"]["text"].clone(), takes: in_a_message },
        Texts { schema: of::<MessageId>(), takes: |text| ok(&MessageId::parse(text)) },
        Texts { schema: of::<AuctionId>(), takes: |text| ok(&AuctionId::parse(text)) },
        Texts { schema: of::<BidId>(), takes: |text| ok(&BidId::parse(text)) },
        Texts { schema: of::<UserId>(), takes: |text| ok(&UserId::parse(text)) },
        Texts {
            schema: of::<IdempotencyKey>(),
            takes: |text| ok(&IdempotencyKey::from_header(text)),
        },
        Texts {
            schema: auction["properties"]["title"].clone(),
            takes: |text| in_a_body("title", text),
        },
        Texts {
            schema: auction["properties"]["description"].clone(),
            takes: |text| in_a_body("description", text),
        },
        Texts {
            schema: auction["properties"]["condition"].clone(),
            takes: |text| in_a_body("condition", text),
        },
        Texts {
            schema: of::<BidRequest>()["properties"]["currency"].clone(),
            takes: |text| {
                let bid = json!({ "amount": 1, "currency": text });
                BidRequest::parse(bid.to_string().as_bytes()).is_ok()
            },
        },
        Texts {
            schema: auction["properties"]["image_urls"]["items"].clone(),
            takes: |text| in_a_body("image_urls", text),
        },
    ]
}

/// Characters next to what the patterns tell apart.
const NASTY: &str = "[ -~\\t\\n\\r\\x00\\x08\\x0b\\x0c\\x0e\\x1f\\x7f\u{80}\u{84}\u{85}\u{86}\u{9f}\u{a0}\u{ad}\
    \u{61c}\u{1680}\u{200b}\u{200d}-\u{2010}\u{2027}-\u{202f}\u{2060}\u{2065}-\u{2070}\u{2800}\u{3000}\
    \u{3164}\u{fdcf}\u{fdd0}\u{fdef}\u{fdf0}\u{feff}\u{fffd}\u{fffe}\u{ffff}\u{1fffd}-\u{20000}\
    \u{10fffd}-\u{10ffff}aé💰\u{301}\u{34f}\u{626}\u{646}\u{91c}\u{94d}\u{1112}\u{1161}\u{11ab}\
    \u{11ff}준李]{0,6}";

#[test]
fn patterns_and_parsers_agree_about_texts() {
    for Texts { schema, takes } in texts() {
        let pattern = schema["pattern"].as_str().unwrap();
        let matches = Regex::new(pattern).unwrap();
        let forbidden = schema["not"]["pattern"].as_str().map(|not| Regex::new(not).unwrap());
        let most = schema["maxLength"].as_u64().map_or(usize::MAX, |most| most.try_into().unwrap());
        let fitting = string_regex(pattern.trim_start_matches('^').trim_end_matches('$')).unwrap();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let any = prop_oneof![fitting, string_regex(NASTY).unwrap()];
        let agree = |text: String| {
            let forbidden = forbidden.as_ref().is_some_and(|forbidden| forbidden.is_match(&text));
            let fits = text.chars().count() <= most && matches.is_match(&text) && !forbidden;
            prop_assert_eq!(takes(&text), fits, "{} on {:?}", pattern, text);
            Ok(())
        };
        runner.run(&any, agree).unwrap();
    }
}
