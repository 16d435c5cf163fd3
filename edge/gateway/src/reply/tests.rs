//! The mapping to HTTP.

use gavel_core::wire::InvalidBody;

use super::*;
use crate::auth::TokenFault;
use crate::testing::body;

fn header<'a>(reply: &'a Reply<Bytes>, name: &str) -> Option<&'a str> {
    reply.headers().get(name).and_then(|value| value.to_str().ok())
}

#[test]
fn every_refusal_is_a_problem_with_its_status_and_headers() {
    let denied = Denied { policy: "user", burst: 20, window_s: 2, retry_after_s: 3 };
    let malformed = InvalidBody::Malformed { line: 1, column: 2 };
    for (refusal, status, code, headers) in [
        (Refusal::NotFound, 404, "not-found", &[][..]),
        (
            Refusal::MethodNotAllowed { allow: "GET, POST".to_owned() },
            405,
            "method-not-allowed",
            &[("allow", "GET, POST")],
        ),
        (Refusal::Malformed("x"), 400, "malformed-request", &[]),
        (Refusal::Body(malformed), 400, "malformed-request", &[]),
        (Refusal::field("amount", "is required"), 422, "invalid-request", &[]),
        (Refusal::MediaType("x"), 415, "unsupported-media-type", &[]),
        (Refusal::TooLarge { bytes_max: 9 }, 413, "payload-too-large", &[]),
        (Refusal::TokenTooLong { bytes_max: 9 }, 431, "headers-too-large", &[]),
        (
            Refusal::TokenMissing,
            401,
            "unauthenticated",
            &[("www-authenticate", "Bearer realm=\"gavel\"")],
        ),
        (
            Refusal::TokenInvalid(TokenFault::Signature),
            401,
            "unauthenticated",
            &[("www-authenticate", "Bearer error=\"invalid_token\"")],
        ),
        (
            Refusal::RateLimited(denied),
            429,
            "rate-limited",
            &[
                ("retry-after", "3"),
                ("ratelimit-policy", "\"user\";q=20;w=2"),
                ("ratelimit", "\"user\";r=0;t=3"),
            ],
        ),
        (Refusal::Unavailable("x"), 503, "unavailable", &[("retry-after", "1")]),
    ] {
        let reply = refuse(&refusal, None);
        assert_eq!(reply.status().as_u16(), status, "{refusal:?}");
        assert_eq!(header(&reply, "content-type"), Some(PROBLEM_CONTENT_TYPE));
        for (name, value) in headers {
            assert_eq!(header(&reply, name), Some(*value), "{refusal:?}");
        }
        let body: serde_json::Value = serde_json::from_slice(body(&reply)).unwrap();
        assert_eq!((&body["code"], &body["status"]), (&code.into(), &status.into()));
    }
}

#[test]
fn which_check_a_token_failed_is_not_told() {
    let reply = |fault| body(&refuse(&Refusal::TokenInvalid(fault), None)).clone();
    assert_eq!(reply(TokenFault::Expired), reply(TokenFault::Client));
}

#[test]
fn a_head_only_reply_says_all_but_the_body() {
    let whole: Reply<Bytes> = finish(ok(), &Marks::default());
    let head = finish(ok(), &Marks { head_only: true, ..Marks::default() });
    assert_eq!(head.headers(), whole.headers());
    assert_eq!(header(&head, "content-length"), Some("15"));
    assert!(body(&head).is_empty());
}

fn region(status: u16, headers: &[(&'static str, &'static str)]) -> Reply<Bytes> {
    let mut reply = Reply::new(Body::Relayed(Bytes::from_static(b"{\"stack\":\"trace\"}")));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        reply.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    reply
}

#[test]
fn only_listed_headers_of_a_region_are_passed_on() {
    let reply = relay(
        region(
            201,
            &[
                ("content-type", "application/json"),
                ("location", "/v1/auctions/x"),
                ("server", "worker/1.2.3"),
                ("set-cookie", "a=b"),
                ("gavel-edge-assertion", "secret"),
                ("x-internal-host", "10.0.0.1"),
            ],
        ),
        &Marks::default(),
    )
    .unwrap();
    let names: Vec<&str> = reply.headers().keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["content-type", "location"]);
    assert_eq!(reply.status(), 201);
}

#[test]
fn a_region_that_fails_shows_none_of_its_insides() {
    let problem = ("content-type", PROBLEM_CONTENT_TYPE);
    for (status, headers) in
        [(500, &[][..]), (502, &[("content-type", "text/html")]), (401, &[problem])]
    {
        let refused = relay(region(status, headers), &Marks::default());
        assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{status}");
    }
    for status in [400, 404, 409, 422, 503] {
        assert_eq!(relay(region(status, &[problem]), &Marks::default()).unwrap().status(), status);
    }
}

#[test]
fn only_an_anonymous_success_may_be_stored_and_only_if_the_region_says_so() {
    let finished = |shared, status, headers: &[(&'static str, &'static str)]| {
        let marks = Marks { request_id: "r-1".to_owned(), shared, ..Marks::default() };
        finish(relay(region(status, headers), &Marks::default()).unwrap(), &marks)
    };
    let fresh = ("cache-control", "max-age=1");
    let public = finished(true, 200, &[fresh]);
    assert_eq!(header(&public, "cache-control"), Some("max-age=1"));
    assert_eq!(header(&public, "vary"), Some("authorization"));
    assert_eq!(header(&public, "x-request-id"), Some("r-1"));
    assert_eq!(header(&public, "x-content-type-options"), Some("nosniff"));
    for other in
        [finished(false, 200, &[fresh]), finished(true, 404, &[fresh]), finished(true, 200, &[])]
    {
        assert_eq!(header(&other, "cache-control"), Some("no-store"));
    }
}

#[test]
fn a_region_that_fails_to_place_a_bid_without_naming_it_is_answered_for() {
    let bid = NamedBid {
        id: BidId::parse(&format!("use1_01928e2c-7f3e-7abc-8def-0123456789ab_{}", "0".repeat(32)))
            .unwrap(),
        settled_at: Timestamp::from_ms(1_795_411_020_007),
    };
    let marks = Marks { bid: Some(bid.clone()), ..Marks::default() };
    let problem = ("content-type", PROBLEM_CONTENT_TYPE);
    let refused = relay(region(503, &[problem]), &marks).unwrap_err();
    let own: Reply<Bytes> = finish(refuse(&refused, marks.bid.as_ref()), &marks);
    let told: serde_json::Value = serde_json::from_slice(body(&own)).unwrap();
    assert_eq!((&told["code"], &told["bid_id"]), (&"unavailable".into(), &bid.id.as_str().into()));
    assert_eq!(told["settled_at"], "2026-11-23T05:17:00.007Z");
    assert_eq!(header(&own, "gavel-bid-id"), Some(bid.id.as_str()));
    let named = relay(region(503, &[problem, ("gavel-bid-id", "named")]), &marks).unwrap();
    assert_eq!(header(&finish(named, &marks), "gavel-bid-id"), Some(bid.id.as_str()));
    assert!(relay(region(409, &[problem]), &marks).is_ok(), "a refusal is the region's to say");
}
