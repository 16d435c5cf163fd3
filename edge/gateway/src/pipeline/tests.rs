//! Whole requests over fakes.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use gavel_core::wire::{ASSERTION_HEADER, ASSERTION_ISSUER, Assertion, body_digest};
use http_body_util::Full;
use jwt_simple::prelude::{HS256Key, MACLike as _, UnixTimeStamp, VerificationOptions};
use serde_json::Value;

use super::*;
use crate::limits::WORKER_REST_MS;
use crate::ports::{Clock as _, FetchError, Outgoing};
use crate::testing::{Fake, KEY_ID, Sent, Signer, body, config, json, jwks};

const AUCTION: &str = "/v1/auctions/use1_01928e2c-7f3e-7abc-8def-0123456789ab";
const BID: &str = r#"{"amount":15000}"#;

/// A gateway whose region answers everything with `region`.
fn edge(region: impl Fn(&Outgoing) -> crate::testing::Answer + 'static) -> (Fake, Gateway) {
    let fake = Fake::new();
    let keys = jwks(&[(KEY_ID, Signer::Pool)]);
    fake.answer(move |request| {
        if request.url.ends_with("jwks.json") { json(200, keys.clone()) } else { region(request) }
    });
    (fake, Gateway::new(config()))
}

fn accepts() -> (Fake, Gateway) {
    edge(|_| json(201, "{}"))
}

struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, String)>,
    body: &'a str,
}

impl<'a> Asked<'a> {
    fn new(method: &'a str, path: &'a str) -> Self {
        let headers = vec![("spin-client-addr", "203.0.113.7:40000".to_owned())];
        Self { method, path, headers, body: "" }
    }

    fn bid(fake: &Fake) -> Self {
        let token = Signer::Pool.access(KEY_ID, "ada", fake.now_s());
        Self { body: BID, ..Self::new("POST", concat_bids()) }
            .with("authorization", &format!("Bearer {token}"))
            .with("content-type", "application/json")
    }

    fn with(mut self, name: &'a str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn send(&self, fake: &Fake, gateway: &Gateway) -> Reply<Bytes> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let body = Sent(Full::new(Bytes::copy_from_slice(self.body.as_bytes())));
        handle(fake, Some(gateway), request.body(body).unwrap()).await
    }
}

fn concat_bids() -> &'static str {
    "/v1/auctions/use1_01928e2c-7f3e-7abc-8def-0123456789ab/bids"
}

fn header<'a>(reply: &'a Reply<Bytes>, name: &str) -> Option<&'a str> {
    reply.headers().get(name).and_then(|value| value.to_str().ok())
}

fn code(reply: &Reply<Bytes>) -> String {
    let problem: Value = serde_json::from_slice(body(reply)).unwrap_or_default();
    problem["code"].as_str().unwrap_or("no problem").to_owned()
}

/// The one request that reached the region, and the assertion in it.
fn forwarded(fake: &Fake) -> (Outgoing, Assertion) {
    let sent = fake.sent.borrow();
    let mut to_region = sent.iter().filter(|request| request.url.contains(":8080/"));
    let request = to_region.next().expect("something was forwarded").clone();
    assert!(to_region.next().is_none(), "more than one request was forwarded");
    let token = request.headers.get(ASSERTION_HEADER).unwrap().to_str().unwrap();
    let options = VerificationOptions {
        artificial_time: Some(UnixTimeStamp::from_secs(fake.now_s())),
        allowed_issuers: Some(HashSet::from([ASSERTION_ISSUER.to_owned()])),
        ..VerificationOptions::default()
    };
    let key = HS256Key::from_bytes(config().edge_key.expose());
    let claims = key.verify_token::<Assertion>(token, Some(options)).unwrap();
    (request, claims.custom)
}

#[tokio::test(start_paused = true)]
async fn a_bid_reaches_its_region_with_the_edges_word_for_it() {
    let (fake, gateway) = accepts();
    let reply = Asked::bid(&fake).with("idempotency-key", "\"k-1\"").send(&fake, &gateway).await;
    assert_eq!(reply.status(), 201);
    assert_eq!(header(&reply, "idempotency-key"), Some("k-1"));
    assert_eq!(header(&reply, "cache-control"), Some("no-store"));
    let (request, assertion) = forwarded(&fake);
    assert_eq!(request.url, format!("http://127.0.0.1:8080{AUCTION}/bids"));
    assert_eq!(request.body, BID);
    assert_eq!(header(&reply, "x-request-id"), Some(assertion.request_id.as_str()));
    let expected = Assertion {
        user: Some(gavel_core::ids::UserId::parse("ada").unwrap()),
        groups: vec!["seller".to_owned()],
        address: "203.0.113.7".to_owned(),
        arrived_at_ms: i64::try_from(fake.now_ms()).unwrap(),
        method: "POST".to_owned(),
        path: format!("{AUCTION}/bids"),
        body_sha256: body_digest(BID.as_bytes()),
        idempotency_key: Some("k-1".to_owned()),
        request_id: assertion.request_id.clone(),
    };
    assert_eq!(assertion, expected);
}

#[tokio::test(start_paused = true)]
async fn a_bid_arrives_when_all_of_its_body_has() {
    let (fake, gateway) = accepts();
    let asked = Asked::bid(&fake);
    let mut request = Request::builder().method(asked.method).uri(asked.path);
    for (name, value) in &asked.headers {
        request = request.header(*name, value);
    }
    let held_back = futures::stream::once(async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from_static(
            BID.as_bytes(),
        )))
    });
    let body = Sent(http_body_util::StreamBody::new(held_back));
    let reply = handle(&fake, Some(&gateway), request.body(body).unwrap()).await;
    assert_eq!(reply.status(), 201);
    let arrived_at_ms = u64::try_from(forwarded(&fake).1.arrived_at_ms).unwrap();
    assert!(arrived_at_ms >= crate::testing::START_MS + 2_000, "{arrived_at_ms}");
}

#[tokio::test(start_paused = true)]
async fn a_bid_without_a_key_is_given_one_and_told_it_even_when_refused() {
    let (fake, gateway) = accepts();
    let first = Asked::bid(&fake).send(&fake, &gateway).await;
    let second = Asked::bid(&fake).send(&fake, &gateway).await;
    let (first, second) = (header(&first, "idempotency-key"), header(&second, "idempotency-key"));
    assert!(first.is_some_and(|key| key.len() == 36), "{first:?}");
    assert_ne!(first, second);
    let refused = Asked { body: "{}", ..Asked::bid(&fake) }
        .with("idempotency-key", "k-2")
        .send(&fake, &gateway)
        .await;
    assert_eq!(
        (refused.status().as_u16(), header(&refused, "idempotency-key")),
        (422, Some("k-2"))
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_of_the_client_reaches_the_region_but_what_is_listed() {
    let (fake, gateway) = accepts();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let reply = Asked::bid(&fake)
        .with(ASSERTION_HEADER, "forged")
        .with("x-request-id", "forged")
        .with("x-forwarded-for", "1.2.3.4")
        .with("cookie", "a=b")
        .with("traceparent", trace)
        .send(&fake, &gateway)
        .await;
    assert_eq!(reply.status(), 201);
    let (request, assertion) = forwarded(&fake);
    let mut names: Vec<&str> = request.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    // What names the request is in the assertion.
    assert_eq!(names, ["content-length", "content-type", "gavel-edge-assertion", "traceparent"]);
    assert_eq!(request.headers.get_all(ASSERTION_HEADER).iter().count(), 1);
    assert_eq!(request.headers.get("traceparent").unwrap(), trace);
    assert_eq!(assertion.request_id, header(&reply, "x-request-id").unwrap());
    assert_ne!(assertion.request_id, "forged");
}

#[tokio::test(start_paused = true)]
async fn each_step_refuses_what_is_its_to_refuse_and_forwards_nothing() {
    let (fake, gateway) = accepts();
    let bid = || Asked::bid(&fake);
    let post = |path| Asked { body: BID, ..Asked::new("POST", path) };
    for (asked, status, expected) in [
        (Asked::new("GET", "/v1/nothing"), 404, "not-found"),
        (Asked::new("DELETE", AUCTION), 405, "method-not-allowed"),
        (
            Asked::new("GET", "/v1/auctions/zz9_01928e2c-7f3e-7abc-8def-0123456789ab"),
            404,
            "not-found",
        ),
        (post(concat_bids()), 401, "unauthenticated"),
        (post("/v1/auctions"), 401, "unauthenticated"),
        (Asked::new("GET", "/v1/me/bids"), 401, "unauthenticated"),
        (Asked::new("GET", AUCTION).with("authorization", "Bearer x"), 401, "unauthenticated"),
        (bid().with("authorization", "Bearer x"), 400, "malformed-request"),
        (bid().with("spin-client-addr", "1.2.3.4"), 400, "malformed-request"),
        (bid().with("idempotency-key", "a b"), 422, "invalid-request"),
        (
            Asked { path: "/v1/auctions?staus=live", ..Asked::new("GET", "") },
            422,
            "invalid-request",
        ),
        (Asked { body: "{", ..bid() }, 400, "malformed-request"),
        (Asked { body: r#"{"amount":1.5}"#, ..bid() }, 422, "invalid-request"),
        (bid().with("content-length", "999999"), 413, "payload-too-large"),
        (bid().with("content-encoding", "gzip"), 415, "unsupported-media-type"),
    ] {
        let reply = asked.send(&fake, &gateway).await;
        let got = (reply.status().as_u16(), code(&reply));
        assert_eq!(got, (status, expected.to_owned()), "{} {}", asked.method, asked.path);
        assert!(header(&reply, "x-request-id").is_some());
    }
    let to_region = fake.sent.borrow().iter().filter(|sent| sent.url.contains(":8080/")).count();
    assert_eq!(to_region, 0);
}

#[tokio::test(start_paused = true)]
async fn public_reads_need_no_token_and_keep_their_query() {
    let (fake, gateway) = edge(|_| json(200, "[]"));
    let path = "/v1/auctions?status=live&category=fine%20art";
    let reply = Asked::new("GET", path).send(&fake, &gateway).await;
    assert_eq!(reply.status(), 200);
    let (request, assertion) = forwarded(&fake);
    assert_eq!(request.url, format!("http://127.0.0.1:8080{path}"));
    assert_eq!((assertion.path.as_str(), assertion.user), (path, None));
}

#[tokio::test(start_paused = true)]
async fn head_is_answered_as_get_without_the_body() {
    const PAGE: &str = r#"{"items":[],"next_cursor":null}"#;
    for (path, signed_in) in [
        ("/healthz", false),
        ("/readyz", false),
        ("/v1/openapi.json", false),
        ("/v1/auctions?status=live", false),
        (AUCTION, false),
        ("/v1/unsubscribe?token=a.b", false),
        ("/v1/me/bids", true),
        // Refusals have a head, too.
        ("/v1/me/bids", false),
        ("/v1/auctions?bogus=1", false),
        ("/v1/nothing", false),
    ] {
        let (fake, gateway) = edge(|_| json(200, PAGE));
        let ask = |method| {
            let asked = Asked::new(method, path);
            let token = format!("Bearer {}", Signer::Pool.access(KEY_ID, "ada", fake.now_s()));
            if signed_in { asked.with("authorization", &token) } else { asked }
        };
        let get = ask("GET").send(&fake, &gateway).await;
        let head = ask("HEAD").send(&fake, &gateway).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert!(body(&head).is_empty() && !body(&get).is_empty(), "{path}");
        let fixed = |reply: &Reply<Bytes>| {
            let mut headers = reply.headers().clone();
            headers.remove("x-request-id");
            headers
        };
        assert_eq!(fixed(&head), fixed(&get), "{path}");
        assert_eq!(header(&head, "content-length"), Some(body(&get).len().to_string().as_str()));
        let sent = fake.sent.borrow();
        assert!(sent.iter().all(|sent| sent.method == Method::GET), "a region is asked as by GET");
    }
}

#[tokio::test(start_paused = true)]
async fn what_tools_added_to_a_link_does_not_reach_the_region() {
    for (method, path, forwarded_path) in [
        ("GET", format!("{AUCTION}?utm_source=mail&fbclid=x"), AUCTION.to_owned()),
        ("HEAD", format!("{AUCTION}?_=1"), AUCTION.to_owned()),
        ("POST", "/v1/unsubscribe?utm_id=1&token=a.b".into(), "/v1/unsubscribe?token=a.b".into()),
        ("GET", "/v1/unsubscribe?token=a%2Eb&gclid=".into(), "/v1/unsubscribe?token=a%2Eb".into()),
    ] {
        let (fake, gateway) = edge(|_| json(200, "{}"));
        assert_eq!(Asked::new(method, &path).send(&fake, &gateway).await.status(), 200, "{path}");
        let (request, assertion) = forwarded(&fake);
        assert_eq!(request.url, format!("http://127.0.0.1:8080{forwarded_path}"));
        assert_eq!(assertion.path, forwarded_path);
    }
}

#[tokio::test(start_paused = true)]
async fn the_largest_token_makes_no_large_assertion() {
    let (fake, gateway) = accepts();
    let mut groups: Vec<String> = (0..98).map(|n| format!("{n:0128}")).collect();
    groups.extend(["admin".to_owned(), "seller".to_owned()]);
    let mut claims = crate::testing::claims("ada", fake.now_s());
    claims["cognito:groups"] = groups.into();
    let token = format!("Bearer {}", Signer::Pool.sign(KEY_ID, claims));
    let asked = Asked { body: BID, ..Asked::new("POST", concat_bids()) };
    let asked = asked.with("authorization", &token).with("content-type", "application/json");
    assert_eq!(asked.send(&fake, &gateway).await.status(), 201);
    let (request, assertion) = forwarded(&fake);
    assert_eq!(assertion.groups, ["admin", "seller"]);
    assert!(request.headers.get(ASSERTION_HEADER).unwrap().len() < 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_down_slow_or_broken_is_a_503_in_time() {
    for (answer, sent) in [
        (FetchError::Connect, 2),
        (FetchError::ConnectLate, 1),
        (FetchError::Late, 1),
        (FetchError::Broken, 1),
        (FetchError::TooLong, 1),
    ] {
        let (fake, gateway) = edge(move |_| Err(answer));
        let reply = Asked::bid(&fake).send(&fake, &gateway).await;
        assert_eq!((reply.status().as_u16(), code(&reply)), (503, "unavailable".to_owned()));
        assert_eq!(header(&reply, "retry-after"), Some("1"));
        assert_eq!(fake.sent_to("/bids"), sent, "{answer:?}");
    }
    let (fake, gateway) = accepts();
    Asked::bid(&fake).send(&fake, &gateway).await;
    fake.fetch_latency_ms.set(3_600_000);
    let began = fake.now_ms();
    let reply = Asked::bid(&fake).send(&fake, &gateway).await;
    assert_eq!(reply.status(), 503);
    assert!(fake.now_ms() - began <= 8_100, "{} ms", fake.now_ms() - began);
    // Connecting takes its part of the time, which the runtime bounds.
    let sent = fake.sent.borrow();
    let last = sent.last().unwrap();
    assert_eq!(last.connect_timeout_ms + last.timeout_ms, 8_000);
}

#[tokio::test(start_paused = true)]
async fn an_auction_has_one_worker_and_another_one_only_while_that_is_not_there() {
    for (error, nothing_was_sent) in [
        (FetchError::Connect, true),
        (FetchError::ConnectLate, true),
        (FetchError::Late, false),
        (FetchError::Broken, false),
    ] {
        let down = Rc::new(std::cell::RefCell::new(None::<String>));
        let seen = Rc::clone(&down);
        let (fake, mut gateway) = edge(move |request| match &*seen.borrow() {
            Some(url) if request.url.starts_with(url.as_str()) => Err(error),
            _ => json(201, "{}"),
        });
        let urls = ["http://a:1", "http://b:1", "http://c:1"];
        gateway.config.regions[0].origins = urls.map(str::to_owned).to_vec();
        let worker = || {
            let sent = fake.sent.borrow();
            let url = &sent.last().unwrap().url;
            urls.into_iter().find(|worker| url.starts_with(worker)).unwrap()
        };
        let bid = async || Asked::bid(&fake).send(&fake, &gateway).await.status().as_u16();
        assert_eq!(bid().await, 201);
        let home = worker();
        for _ in 0..10 {
            assert_eq!((bid().await, worker()), (201, home));
        }
        *down.borrow_mut() = Some(home.to_owned());
        let before = fake.sent_to("/bids");
        assert_eq!(bid().await, if nothing_was_sent { 201 } else { 503 }, "{error:?}");
        assert_eq!(fake.sent_to("/bids") - before, if nothing_was_sent { 2 } else { 1 });
        if nothing_was_sent {
            let next = worker();
            assert_ne!(next, home);
            assert_eq!((bid().await, worker()), (201, next));
            assert_eq!(fake.sent_to("/bids") - before, 3, "nobody waits for it again");
        }
        *down.borrow_mut() = None;
        tokio::time::sleep(Duration::from_millis(WORKER_REST_MS)).await;
        assert_eq!((bid().await, worker()), (201, home));
    }
}

#[tokio::test(start_paused = true)]
async fn a_regions_body_is_passed_on_unread_if_its_length_is_told_and_fits() {
    // A page of texts that quoting doubles, and the terms of its auctions.
    let longest = 2 * 524_288 + 300_000;
    for (told, actual, passed, status) in [
        (Some(longest.to_string()), 10, "relayed", 201),
        (Some("1572865".to_owned()), 10, "whole", 503),
        (Some("many".to_owned()), longest, "whole", 201),
        (None, longest, "whole", 201),
        (None, 1_572_865, "whole", 503),
    ] {
        let length = told.clone();
        let (fake, gateway) = edge(move |_| {
            let mut reply = json(201, vec![b' '; actual])?;
            match &length {
                Some(length) => {
                    drop(reply.headers_mut().insert("content-length", length.parse().unwrap()))
                }
                None => drop(reply.headers_mut().remove("content-length")),
            }
            Ok(reply)
        });
        let reply = Asked::bid(&fake).send(&fake, &gateway).await;
        assert_eq!(reply.status(), status, "{told:?}, {actual}");
        let relayed = matches!(reply.body(), crate::reply::Body::Relayed(_));
        assert_eq!(relayed, passed == "relayed", "{told:?}, {actual}");
        let length = header(&reply, "content-length").map(str::to_owned);
        let expected = if relayed { told } else { Some(body(&reply).len().to_string()) };
        assert_eq!(length, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_over_their_rate_is_told_when_to_come_back() {
    let (fake, gateway) = accepts();
    for _ in 0..20 {
        assert_eq!(Asked::bid(&fake).send(&fake, &gateway).await.status(), 201);
    }
    let reply = Asked::bid(&fake).send(&fake, &gateway).await;
    assert_eq!((reply.status().as_u16(), code(&reply)), (429, "rate-limited".to_owned()));
    assert_eq!(header(&reply, "retry-after"), Some("1"));
    assert_eq!(header(&reply, "ratelimit-policy"), Some("\"user\";q=20;w=2"));
    assert_eq!(header(&reply, "ratelimit"), Some("\"user\";r=0;t=1"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(Asked::bid(&fake).send(&fake, &gateway).await.status(), 201);
}

#[tokio::test(start_paused = true)]
async fn health_is_the_edges_and_readiness_also_the_regions() {
    let (fake, gateway) = edge(|request| {
        assert!(request.headers.is_empty());
        json(200, "{}")
    });
    assert_eq!(Asked::new("GET", "/readyz").send(&fake, &gateway).await.status(), 200);
    assert_eq!(fake.sent_to("http://127.0.0.1:8080/readyz"), 1);
    let (fake, gateway) = edge(|_| json(503, "{}"));
    assert_eq!(Asked::new("GET", "/readyz").send(&fake, &gateway).await.status(), 503);
    assert_eq!(Asked::new("GET", "/healthz").send(&fake, &gateway).await.status(), 200);

    let bare = |path: &str| Request::get(path).body(Sent(Full::new(Bytes::new()))).unwrap();
    assert_eq!(handle(&fake, None, bare("/healthz")).await.status(), 200);
    assert_eq!(handle(&fake, None, bare("/v1/auctions")).await.status(), 503);
    assert_eq!(handle(&fake, Some(&gateway), bare("/v1/auctions")).await.status(), 503);
}

/// A bid's answer, whose header and body name the bid that the workers would make of the request.
fn named(reply: &Reply<Bytes>, key: &str) -> Value {
    let auction = gavel_core::ids::AuctionId::parse(&AUCTION["/v1/auctions/".len()..]).unwrap();
    let user = gavel_core::ids::UserId::parse("ada").unwrap();
    let key = IdempotencyKey::parse(key).unwrap();
    let bid = BidId::derive(&auction, &user, &key);
    assert_eq!(header(reply, "gavel-bid-id"), Some(bid.as_str()), "{:?}", reply.status());
    let told: Value = serde_json::from_slice(body(reply)).unwrap();
    assert_eq!(told["bid_id"], bid.as_str(), "{told}");
    told
}

#[tokio::test(start_paused = true)]
async fn a_bid_that_the_edge_turns_away_is_named_as_soon_as_its_bidder_is_known() {
    let (fake, gateway) = accepts();
    let bid = |fake| Asked::bid(fake).with("idempotency-key", "k-1");
    for (asked, status) in [
        (Asked { body: "{", ..bid(&fake) }, 400),
        (Asked { body: r#"{"amount":1.5}"#, ..bid(&fake) }, 422),
        (bid(&fake).with("content-length", "999999"), 413),
        (bid(&fake).with("content-encoding", "gzip"), 415),
    ] {
        let reply = asked.send(&fake, &gateway).await;
        assert_eq!(reply.status(), status);
        let told = named(&reply, "k-1");
        assert_eq!(told.get("settled_at"), None, "nothing is open: {told}");
    }
    let mut last = bid(&fake).send(&fake, &gateway).await;
    for _ in 0..1_000 {
        if last.status() != 201 {
            break;
        }
        last = bid(&fake).send(&fake, &gateway).await;
    }
    assert_eq!(last.status(), 429);
    named(&last, "k-1");
    // A key of the edge's own names it as well.
    let minted = Asked { body: "{", ..Asked::bid(&fake) }.send(&fake, &gateway).await;
    named(&minted, header(&minted, "idempotency-key").unwrap());
    let nobody = Asked { body: BID, ..Asked::new("POST", concat_bids()) };
    assert_eq!(header(&nobody.send(&fake, &gateway).await, "gavel-bid-id"), None);
    let other = Asked { path: "/v1/auctions", ..bid(&fake) }.send(&fake, &gateway).await;
    assert_eq!(header(&other, "gavel-bid-id"), None, "no bid at all");
}

#[tokio::test(start_paused = true)]
async fn a_bid_whose_region_does_not_answer_is_told_when_it_is_settled() {
    for answer in [FetchError::Connect, FetchError::Late, FetchError::Broken] {
        let (fake, gateway) = edge(move |_| Err(answer));
        let reply = Asked::bid(&fake).with("idempotency-key", "k-1").send(&fake, &gateway).await;
        assert_eq!((reply.status().as_u16(), code(&reply)), (503, "unavailable".to_owned()));
        let told = named(&reply, "k-1");
        let settled_at = Timestamp::parse(told["settled_at"].as_str().unwrap()).unwrap();
        let arrived_at = Timestamp::from_ms(i64::try_from(fake.now_ms()).unwrap());
        assert_eq!(settled_at, gavel_core::wire::settled_at(arrived_at), "{answer:?}");
    }
}
