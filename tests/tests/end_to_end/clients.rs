//! What probes, proxies, browsers, mail programs and other people's libraries send, and is right.

use std::time::Duration;

use anyhow::{Context, Result};
use gavel_tests::World;
use gavel_tests::client::{Client, send};
use gavel_tests::world::key;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::messages::link_token;

/// Longer than any answer takes.
const WITHIN: Duration = Duration::from_secs(20);

/// Sends `request` as it is to the server at `url`, and gives all that it answers until it closes.
async fn raw(url: &str, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    tokio::time::timeout(WITHIN, stream.read_to_end(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn head_is_get_without_the_body_at_both_tiers() -> Result<()> {
    let world = World::start().await?;
    let worker = Client::new(&world.stack.settings.workers_url)?;
    let auction = world.live_auction(json!({})).await?;
    let path = |end: &str| format!("/v1/auctions/{auction}{end}");
    let token = link_token(&world).await?;
    let anybodys = [
        "/healthz".to_owned(),
        "/readyz".to_owned(),
        "/v1/openapi.json".to_owned(),
        "/v1/auctions?limit=1".to_owned(),
        path(""),
        path("/bids"),
        format!("/v1/unsubscribe?token={token}"),
        "/v1/nothing".to_owned(),
        "/v1/me".to_owned(),
    ];
    let edges = anybodys.iter().map(|path| (&world.edge, path.clone(), ""));
    let own = ["/v1/me", "/v1/me/bids"].map(|path| (path.to_owned(), &world.bidders[0].token));
    let owns = own.iter().map(|(path, token)| (&world.edge, path.clone(), token.as_str()));
    let workers = ["/healthz", "/readyz", "/metrics", "/v1/auctions"];
    let workers = workers.iter().map(|path| (&worker, (*path).to_owned(), ""));
    for (client, path, token) in edges.chain(owns).chain(workers) {
        let ask = async |method: Method| -> Result<_> {
            let request = client.request(method, &path);
            let request = if token.is_empty() { request } else { request.bearer_auth(token) };
            Ok(request.send().await?)
        };
        let (get, head) = (ask(Method::GET).await?, ask(Method::HEAD).await?);
        assert_eq!(head.status(), get.status(), "{path}");
        let names = |reply: &reqwest::Response| {
            let mut names: Vec<String> = reply.headers().keys().map(ToString::to_string).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(&head), names(&get), "{path}");
        let length = |reply: &reqwest::Response| reply.headers().get("content-length").cloned();
        if path != "/metrics" {
            assert_eq!(length(&head), length(&get), "{path}");
        }
        assert!(head.bytes().await?.is_empty(), "{path}");
    }
    // No byte of a body is sent: the next answer on the connection follows at once.
    for url in [&world.stack.settings.edge_url, &world.stack.settings.workers_url] {
        let two = "HEAD /healthz HTTP/1.1\r\nhost: h\r\n\r\n\
                   HEAD /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        let answers = raw(url, two).await?;
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answers}");
        assert!(!answers.contains("ok\""), "{answers}");
    }
    for client in [&world.edge, &worker] {
        let refused = send(client.request(Method::DELETE, "/healthz")).await?;
        assert_eq!((refused.status, refused.code()), (405, "method-not-allowed"));
        assert_eq!(refused.header("allow").replace(' ', ""), "GET,HEAD");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn a_probe_without_a_host_or_with_odd_spelling_is_answered() -> Result<()> {
    let world = World::start().await?;
    let settings = &world.stack.settings;
    for url in [&settings.edge_url, &settings.workers_url] {
        for request in [
            "GET /healthz HTTP/1.0\r\n\r\n",
            "HEAD /healthz HTTP/1.0\r\n\r\n",
            "HEAD /readyz HTTP/1.0\r\n\r\n",
            "GET /healthz HTTP/1.0\r\nhost: h\r\nconnection: close\r\n\r\n",
            "GET /healthz?_=1 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n",
            "GET http://somewhere/healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHOST:\t h \t\r\nConnection:   CLOSE\r\n\r\n",
        ] {
            let answer = raw(url, request).await?;
            assert_eq!(answer.split(' ').nth(1), Some("200"), "{request}: {answer}");
        }
    }
    for request in [
        "GET /v1/auctions HTTP/1.0\r\n\r\n",
        "GET /v1/auctions? HTTP/1.0\r\n\r\n",
        "GET /v1/auctions HTTP/1.1\r\nhost: h\r\nconnection: close\r\naccept: text/html\r\n\
         accept-encoding: gzip, br\r\nupgrade-insecure-requests: 1\r\ncookie: a=b\r\n\
         x-forwarded-for: 1.2.3.4\r\nvia: 1.1 proxy\r\nte: trailers\r\n\r\n",
    ] {
        let answer = raw(&settings.edge_url, request).await?;
        assert_eq!(answer.split(' ').nth(1), Some("200"), "{request}: {answer}");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn a_bid_is_taken_however_a_client_spells_its_headers() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let token = &world.bidders[0].token;
    let mut amount = 100;
    for headers in [
        format!("authorization: Bearer   {token}\r\ncontent-type: application/json"),
        format!("Authorization:bearer {token}\r\nContent-Type:application/json;charset=UTF-8"),
        format!(
            "authorization: BEARER {token}  \r\ncontent-type: Application/JSON; charset=\"utf-8\""
        ),
        format!(
            "authorization: Bearer {token}\r\ncontent-type: application/json\r\nexpect: 100-continue"
        ),
        format!(
            "authorization: Bearer {token}\r\ncontent-type: application/json ; charset=utf-8\r\n\
             content-encoding: identity\r\naccept: */*\r\naccept-encoding: gzip"
        ),
    ] {
        let body = format!("{{\"amount\": {amount}}}\r\n");
        let request = format!(
            "POST /v1/auctions/{auction}/bids? HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}\
             \r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = raw(&world.stack.settings.edge_url, &request).await?;
        let last = answer.rsplit("HTTP/1.1 ").next().context("an answer")?;
        assert!(last.starts_with("201 "), "{headers}: {answer}");
        amount += 100;
    }
    // In pieces and without a length, as streaming clients send.
    let chunked = format!(
        "POST /v1/auctions/{auction}/bids HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\
         authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n8\r\n{{\"amount\r\n7\r\n\": 900}}\r\n0\r\n\r\n"
    );
    let answer = raw(&world.stack.settings.edge_url, &chunked).await?;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    world.stack.stop().await
}

#[tokio::test]
async fn what_tools_add_to_links_is_passed_over_where_links_lead() -> Result<()> {
    const ADDED: &str = "utm_source=mail&utm_campaign=a%20b&fbclid=IwAR&gclid=x&_=1";
    let world = World::start().await?;
    let auction = world.auction(json!({})).await?;
    let token = link_token(&world).await?;
    let path = format!("/v1/unsubscribe?{ADDED}&token={token}&{ADDED}");
    for method in [Method::GET, Method::HEAD, Method::POST] {
        let reply = world.edge.request(method.clone(), &path).send().await?;
        assert_eq!(reply.status(), 200, "{method}");
    }
    let shown = world.edge.get(&format!("/v1/auctions/{auction}?{ADDED}"), "").await?;
    assert_eq!((shown.status, &shown.body["id"]), (200, &json!(auction)), "{shown:?}");
    for path in [
        format!("/v1/auctions?{ADDED}"),
        format!("/v1/auctions/{auction}/state?{ADDED}"),
        format!("/v1/auctions/{auction}?{ADDED}&bogus=1"),
    ] {
        let refused = world.edge.get(&path, "").await?;
        assert_eq!((refused.status, refused.code()), (422, "invalid-request"), "{path}");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn a_text_within_its_characters_is_taken_however_it_is_escaped() -> Result<()> {
    let world = World::start().await?;
    let (seller, escaped) = (&world.seller.token, r"\ud83d\ude00");
    let image = format!("\"https://example.com/{}\"", r"\u0078".repeat(2_000));
    let body = format!(
        r#"{{"title": "{}", "description": "{}", "image_urls": [{}], "starting_price": 100,
             "duration_s": 60}}"#,
        escaped.repeat(200),
        escaped.repeat(10_000),
        vec![image; 20].join(", "),
    );
    let write = async |method: Method, path: &str, body: &str| {
        let request = world.edge.request(method, path).bearer_auth(seller);
        let request = request.header("idempotency-key", key());
        send(request.header("content-type", "application/json").body(body.to_owned())).await
    };
    let made = write(Method::POST, "/v1/auctions", &body).await?;
    assert_eq!(made.status, 201, "{made:?}");
    let description = json!("\u{1f600}".repeat(10_000));
    assert_eq!(made.body["description"], description);
    let path = format!("/v1/auctions/{}", made.body["id"].as_str().context("an id")?);
    let changed = write(Method::PATCH, &path, &body).await?;
    assert_eq!((changed.status, &changed.body["description"]), (200, &description));
    let chat = format!(r#"{{"text": "{}"}}"#, escaped.repeat(500));
    let said = write(Method::POST, &format!("{path}/chat"), &chat).await?;
    assert_eq!((said.status, &said.body["text"]), (201, &json!("\u{1f600}".repeat(500))));
    let one_more = body.replace(r#""description": ""#, &format!(r#""description": "{escaped}"#));
    let refused = write(Method::POST, "/v1/auctions", &one_more).await?;
    assert_eq!((refused.status, refused.fields()), (422, vec!["description"]));
    world.stack.stop().await
}
