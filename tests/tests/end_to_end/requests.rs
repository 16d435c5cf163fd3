//! Bad input: a clear answer, the field named, nothing changed.

use std::time::Instant;

use anyhow::Result;
use gavel_local::{Options, stack};
use gavel_tests::client::send;
use gavel_tests::{Proxy, Reply, WITHIN, World};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_bad_bid_is_refused_by_field_and_changes_nothing() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let path = format!("/v1/auctions/{auction}/bids");
    let before = world.state(&auction).await?;
    let send_raw = async |body: &str, kind: &str| -> Result<Reply> {
        let request = world.edge.request(Method::POST, &path).bearer_auth(&world.bidders[0].token);
        send(request.header("content-type", kind).body(body.to_owned())).await
    };
    for (body, field) in [
        (r#"{"amount": 1.5}"#, "amount"),
        (r#"{"amount": -1}"#, "amount"),
        (r#"{"amount": 0}"#, "amount"),
        (r#"{"amount": "100"}"#, "amount"),
        (r#"{"amount": 9007199254740992}"#, "amount"),
        (r#"{"amount": 1e400}"#, "amount"),
        (r"{}", "amount"),
        (r#"{"amount": 100, "amonut": 1}"#, "amonut"),
        (r#"{"amount": 100, "max": 99}"#, "max"),
        (r#"{"amount": 100, "currency": "EURO"}"#, "currency"),
        (r#"{"amount": 100, "currency": "EUR"}"#, "currency"),
        (r#"{"amount": 100, "amount": 900}"#, "amount"),
        (r#"[100]"#, ""),
    ] {
        let reply = send_raw(body, "application/json").await?;
        assert_eq!((reply.status, reply.code()), (422, "invalid-request"), "{body}: {reply:?}");
        assert_eq!(reply.fields(), [field], "{body}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
    for broken in [r#"{"amount": "#, "[1,2", r#""abc"#, "nul", "", "[1] x"] {
        let malformed = send_raw(broken, "application/json").await?;
        let told = (malformed.status, malformed.code());
        assert_eq!(told, (400, "malformed-request"), "{broken}");
    }
    let form = send_raw("amount=100", "application/x-www-form-urlencoded").await?;
    assert_eq!((form.status, form.code()), (415, "unsupported-media-type"));
    let low = world.bid(&auction, &world.bidders[0], 99).await?;
    assert_eq!((low.status, low.code()), (409, "bid-too-low"));
    assert_eq!(low.body["minimum"], 100);
    let large = format!("{{\"amount\": 100, \"pad\": \"{}\"}}", "x".repeat(100_000));
    let large = send_raw(&large, "application/json").await?;
    assert_eq!((large.status, large.code()), (413, "payload-too-large"));

    let after = world.state(&auction).await?;
    for field in ["price", "seq", "ends_at", "bid_count"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn what_other_languages_clients_write_is_read_alike_by_the_edge_and_the_worker() -> Result<()>
{
    let world = World::start().await?;
    let send_raw = async |method: Method, path: &str, body: &str| -> Result<Reply> {
        let request = world.edge.request(method, path).bearer_auth(&world.seller.token);
        send(request.header("content-type", "application/json").body(body.to_owned())).await
    };
    let body = r#"{"title": "A watch", "description": "line 1\r\nline 2", "starting_price": 1e2,
        "duration_s": 60.0, "increments": [{"from": 0.0, "step": 10.0}]}"#;
    let made = send_raw(Method::POST, "/v1/auctions", body).await?;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["description"], "line 1\nline 2");
    assert_eq!(made.body["starting_price"].to_string(), "100");
    let auction = made.body["id"].as_str().unwrap_or_default();
    let path = format!("/v1/auctions/{auction}");
    for unseen in [r"\u202e", r"\u200b", r"\u3164", r"a\uffff"] {
        for (method, path) in [(Method::POST, "/v1/auctions"), (Method::PATCH, &path)] {
            let body = format!(r#"{{"title": "{unseen}", "starting_price": 1, "duration_s": 60}}"#);
            let refused = send_raw(method, path, &body).await?;
            assert_eq!((refused.status, refused.fields()), (422, vec!["title"]), "{refused:?}");
        }
    }
    let edited = send_raw(Method::PATCH, &path, r#"{"description": "a\rb", "grace_ms": 1.5e2}"#);
    let edited = edited.await?;
    assert_eq!((edited.status, &edited.body["description"]), (200, &json!("a\nb")), "{edited:?}");
    assert_eq!(edited.body["grace_ms"].to_string(), "150");
    world.edge.act(&format!("{path}/open"), &world.seller.token).await?;
    let bids = format!("{path}/bids");
    let bid = world.edge.request(Method::POST, &bids).bearer_auth(&world.bidders[0].token);
    let bid = bid.header("content-type", "application/json").body(r#"{"amount": 1000e-1}"#);
    let placed = send(bid).await?;
    assert_eq!((placed.status, &placed.body["amount"]), (201, &json!(100)), "{placed:?}");
    let listed = world.edge.get(&format!("{bids}?limit=1e1"), "").await?;
    assert_eq!(listed.status, 200, "{listed:?}");
    world.stack.stop().await
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_it_is_read() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let host = world.stack.settings.edge_url.trim_start_matches("http://").to_owned();
    // Only the head and a little of a body of a gigabyte is ever sent; the answer comes all the same.
    let head = format!(
        "POST /v1/auctions/{auction}/bids HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 1073741824\r\n\r\n{{\"amount\":",
        world.bidders[0].token
    );
    let mut connection = TcpStream::connect(&host).await?;
    connection.write_all(head.as_bytes()).await?;
    let mut answer = vec![0; 64];
    let read = connection.read(&mut answer);
    let count = tokio::time::timeout(WITHIN, read).await??;
    let text = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    world.stack.stop().await
}

#[tokio::test]
async fn what_does_not_exist_is_said_so() -> Result<()> {
    let world = World::start().await?;
    let token = &world.bidders[0].token;
    let nowhere = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";
    for path in [
        format!("/v1/auctions/{nowhere}"),
        format!("/v1/auctions/{nowhere}/state"),
        "/v1/auctions/zzz9_01928e2c-7f3e-7abc-8def-0123456789ab".to_owned(),
        "/v1/auctions/not-an-id".to_owned(),
        format!("/v1/bids/{nowhere}_{}", "0".repeat(32)),
        "/v1/nothing".to_owned(),
        "/nothing".to_owned(),
    ] {
        let reply = world.edge.get(&path, token).await?;
        assert_eq!((reply.status, reply.code()), (404, "not-found"), "{path}: {reply:?}");
    }
    let bid = world.bid(nowhere, &world.bidders[0], 100).await?;
    assert_eq!((bid.status, bid.code()), (404, "not-found"));
    let method = send(world.edge.request(Method::DELETE, "/v1/auctions")).await?;
    assert_eq!(method.status, 405, "{method:?}");
    for query in ["?limit=0", "?limit=1000", "?status=open", "?cursor=%21", "?bogus=1"] {
        let reply = world.edge.get(&format!("/v1/auctions{query}"), "").await?;
        assert_eq!((reply.status, reply.code()), (422, "invalid-request"), "{query}: {reply:?}");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn a_request_goes_to_the_region_that_its_auction_names_where_the_manifest_allows_it()
-> Result<()> {
    let options = Options::for_tests()?;
    let home = options.ports.workers.url();
    let europe = Proxy::start(&home).await?;
    let regions =
        format!("{}={home}, euw1={}, sae1=http://nowhere.invalid", stack::REGION, europe.url);
    let world = World::start_with(Options {
        edge_variables: [("regions", regions.as_str()), ("region_hosts", "http://127.0.0.1:*")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..options
    })
    .await?;
    let at_home = world.live_auction(json!({})).await?;
    assert_eq!(world.edge.get(&format!("/v1/auctions/{at_home}/state"), "").await?.status, 200);
    assert_eq!(europe.seen().len(), 0, "the first region is home to new auctions");

    let state =
        |region: &str| format!("/v1/auctions/{region}_01928e2c-7f3e-7abc-8def-0123456789ab/state");
    world.edge.get(&state("euw1"), "").await?;
    let seen: Vec<String> = europe.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(seen, [state("euw1")]);
    let refused = world.edge.get(&state("sae1"), "").await?;
    assert_eq!(refused.status, 503, "no entry allows its host: {refused:?}");
    let unknown = world.edge.get(&state("zz9"), "").await?;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    world.stack.stop().await
}

#[tokio::test]
async fn the_catalogue_is_paged_without_gaps() -> Result<()> {
    let world = World::start().await?;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(world.auction(json!({"title": format!("Lot {n}"), "category": "art"})).await?);
    }
    world.auction(json!({"category": "cars"})).await?;
    made.reverse();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/auctions?category=art&limit=2{cursor}");
        let page = world.edge.get(&path, "").await?;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.body["items"].as_array().cloned().unwrap_or_default();
        assert!(items.len() <= 2);
        seen.extend(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made, "newest first, each once");
    world.stack.stop().await
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() -> Result<()> {
    let mut options = Options::for_tests()?;
    options.edge_variables =
        vec![("user_rate_per_s".into(), "1".into()), ("user_burst".into(), "3".into())];
    let world = World::start_with(options).await?;
    let auction = world.live_auction(json!({})).await?;
    // By and by some are allowed again, one a second: enough are asked for some to be refused on any
    // machine that answers faster than that.
    let (since, mut limited, mut asked) = (Instant::now(), 0, 0_u64);
    while limited < 5 && asked < 300 {
        asked += 1;
        // What a client claims about its address is refused or ignored, never believed.
        let request = world
            .edge
            .request(Method::POST, &format!("/v1/auctions/{auction}/bids"))
            .bearer_auth(&world.bidders[0].token)
            .json(&json!({"amount": 100 + asked * 10}));
        let reply = send(request).await?;
        if reply.status == 429 {
            limited += 1;
            assert_eq!(reply.code(), "rate-limited");
            assert!(reply.header("retry-after").parse::<u64>()? >= 1, "{reply:?}");
            assert!(!reply.header("ratelimit").is_empty(), "{reply:?}");
            assert!(!reply.header("ratelimit-policy").is_empty(), "{reply:?}");
        } else {
            // Whether it could be served is another matter than whether it was let through.
            assert!(matches!(reply.status, 201 | 503), "{reply:?}");
        }
    }
    let most = 3 + since.elapsed().as_secs() + 1;
    assert!(limited >= 5, "{limited} of {asked} were limited");
    assert!(
        (3..=most).contains(&(asked - limited)),
        "{limited} of {asked} were limited, not {most}"
    );
    let other = world.bid(&auction, &world.bidders[1], 900).await?;
    assert_eq!(other.status, 201, "another bidder is not affected");
    let spoofed =
        world.edge.request(Method::GET, "/v1/auctions").header("spin-client-addr", "1.2.3.4:5");
    assert_eq!(send(spoofed).await?.status, 400, "a client may not name its own address");
    world.stack.stop().await
}
