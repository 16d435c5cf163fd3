//! Problems as the contract has them: a response for each code, and one for each status that
//! several codes of an operation share; and the headers of all replies.

use std::collections::BTreeMap;

use gavel_core::wire::{Code, PROBLEM_CONTENT_TYPE};
use serde_json::{Map, Value, json};

/// The responses, by status, of an operation that refuses with `codes`. Those of a single code are
/// put into `shared`.
pub(super) fn responses(
    codes: &[Code],
    shared: &mut BTreeMap<String, Value>,
) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(*code);
    }
    let respond = |(status, codes): (u16, Vec<Code>)| {
        let response = match codes.as_slice() {
            [code] => {
                let name = code.as_str();
                let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                shared.entry(name).or_insert_with(|| response(&codes));
                reference
            }
            several => response(several),
        };
        (status.to_string(), response)
    };
    by_status.into_iter().map(respond).collect()
}

/// A response with any of `codes`, which share their status.
fn response(codes: &[Code]) -> Value {
    let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
    let variants: Vec<Value> = codes.iter().map(|code| variant(*code)).collect();
    let special = match variants.as_slice() {
        [one] => one.clone(),
        several => json!({ "oneOf": several }),
    };
    let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, special] });
    let headers: Map<String, Value> =
        codes.iter().flat_map(|code| marks(special_headers(*code))).collect();
    json!({
        "description": format!("{}.", titles.join("; or: ")),
        "headers": headers,
        "content": { PROBLEM_CONTENT_TYPE: { "schema": schema } },
    })
}

/// What a problem of this code has for certain.
fn variant(code: Code) -> Value {
    let mut required = vec!["code"];
    let more: &[&str] = match code {
        Code::MaximumNotRaised => &["maximum"],
        Code::InvalidRequest => &["errors"],
        Code::BidUnconfirmed => &["bid_id", "seq"],
        Code::BidUnsettled => &["bid_id", "settled_at"],
        _ => &[],
    };
    required.extend(more);
    let properties = json!({
        "type": { "const": format!("urn:gavel:problem:{}", code.as_str()) },
        "code": { "const": code.as_str() },
        "status": { "const": code.status() },
    });
    json!({ "required": required, "properties": properties })
}

fn special_headers(code: Code) -> &'static [&'static str] {
    match code {
        Code::Unauthenticated => &["WWW-Authenticate"],
        Code::RateLimited => &["Retry-After", "RateLimit", "RateLimit-Policy"],
        Code::BiddingSuspended | Code::Unavailable | Code::BidUnsettled => &["Retry-After"],
        Code::BidUnconfirmed => &["Retry-After", "Gavel-Bid-Id"],
        _ => &[],
    }
}

/// The headers of a reply: those named, and what every reply has.
pub(super) fn marks<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> Map<String, Value> {
    names
        .into_iter()
        .copied()
        .chain(["X-Request-Id"])
        .map(|name| {
            let reference = json!({ "$ref": format!("#/components/headers/{name}") });
            (name.to_owned(), reference)
        })
        .collect()
}

/// Every header that a reply may have to tell something.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value| {
        let mut header = json!({ "description": description, "required": true });
        header["schema"] = schema;
        header
    };
    let text = || json!({ "type": "string", "minLength": 1 });
    json!({
        "X-Request-Id": header("Names the request in the logs.", text()),
        "Idempotency-Key": header("The key of the request, given or made up.", text()),
        "Gavel-Bid-Id": header("The bid that this answers, 2xx or not.", text()),
        "Location": header("The path of what was made.", text()),
        "WWW-Authenticate": header("How to sign in (RFC 6750).", text()),
        "Retry-After": header("When to try again, in seconds.",
                              json!({ "type": "integer", "minimum": 1 })),
        "RateLimit": header("What is left of the limit, and until when.", text()),
        "RateLimit-Policy": header("The limit that was reached.", text()),
    })
}
