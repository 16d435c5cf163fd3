//! A component for gavel-host's tests: each path does one thing a host must get right.
//!
//! The query carries the arguments, as `name=value` pairs without escapes. It is deliberately not an
//! example of a good component: it traps, loops and hogs memory on request.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::SinkExt;
use spin_sdk::http::body::{IncomingBodyExt, stream};
use spin_sdk::http::{
    BoxBody, EmptyBody, FullBody, IntoResponse, Request, Response, box_body, send,
};
use spin_sdk::http_service;
use spin_sdk::key_value::Store;
use spin_sdk::wasip3::http::types::RequestOptions;
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;

/// Requests this instance has begun; shows reuse.
static SERVED: AtomicU32 = AtomicU32::new(0);
/// Requests this instance is serving now; shows concurrency.
static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let served = SERVED.fetch_add(1, Ordering::Relaxed) + 1;
    let in_flight = IN_FLIGHT.fetch_add(1, Ordering::Relaxed) + 1;
    let response = answer(request, served, in_flight).await;
    IN_FLIGHT.fetch_sub(1, Ordering::Relaxed);
    response
}

async fn answer(request: Request, served: u32, in_flight: u32) -> Response<BoxBody> {
    let arguments = Arguments(request.uri().query().unwrap_or_default().to_owned());
    match request.uri().path() {
        "/served" => text(served.to_string()),
        "/sleep" => {
            spin_sdk::time::sleep(arguments.time("ms").unwrap_or_default()).await;
            text(in_flight.to_string())
        }
        "/request" => text(seen(&request)),
        "/echo" => Response::new(box_body(FullBody::new(
            request.into_body().bytes().await.expect("the test sends a whole body"),
        ))),
        "/drip" => drip(arguments.time("ms").unwrap_or_default(), arguments.number("count")),
        "/print" => {
            println!("printed {}", arguments.get("line").unwrap_or_default());
            text(String::new())
        }
        "/variable" => text(format!(
            "{:?}",
            spin_sdk::variables::get(arguments.get("name").unwrap_or_default()).await
        )),
        "/store" => text(store(&arguments).await.unwrap_or_else(|error| format!("{error:?}"))),
        "/fetch" => text(fetch(&arguments).await),
        "/proxy" => proxy(&arguments).await,
        "/panic" => panic!("secret detail of a panic"),
        "/loop" => loop {
            std::hint::black_box(served);
        },
        "/drip-then-loop" => drip_then_loop(),
        "/grow" => text(grow(arguments.number("mib"))),
        "/environment" => text(format!(
            "{:?} {:?}",
            std::env::vars().count(),
            std::fs::read("/etc/hostname").is_ok()
        )),
        _ => {
            let mut response = Response::new(box_body(EmptyBody::new()));
            *response.status_mut() = spin_sdk::http::StatusCode::NOT_FOUND;
            response
        }
    }
}

fn text(text: String) -> Response<BoxBody> {
    Response::new(box_body(FullBody::new(text.into())))
}

/// The query string of a request.
struct Arguments(String);

impl Arguments {
    fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    fn time(&self, name: &str) -> Option<Duration> {
        self.get(name).and_then(|value| value.parse().ok()).map(Duration::from_millis)
    }
}

/// The request as the component sees it: its URI, then a line for each header.
fn seen(request: &Request) -> String {
    let mut seen = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        seen.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    seen
}

/// A body in `count` pieces, one every `pause`.
fn drip(pause: Duration, count: u64) -> Response<BoxBody> {
    let (mut pieces, body) = stream::<String>();
    spin_sdk::wasip3::spawn(async move {
        for piece in 0..count {
            spin_sdk::time::sleep(pause).await;
            if pieces.send(format!("{piece}\n")).await.is_err() {
                break;
            }
        }
    });
    Response::new(box_body(body))
}

/// Answers, and then never gives the processor back.
fn drip_then_loop() -> Response<BoxBody> {
    let (mut pieces, body) = stream::<String>();
    spin_sdk::wasip3::spawn(async move {
        drop(pieces.send("before".into()).await);
        spin_sdk::time::sleep(Duration::from_millis(50)).await;
        loop {
            std::hint::black_box(&pieces);
        }
    });
    Response::new(box_body(body))
}

async fn store(arguments: &Arguments) -> Result<String, spin_sdk::key_value::Error> {
    let store = Store::open(arguments.get("label").unwrap_or("default")).await?;
    let key = arguments.get("key").unwrap_or_default();
    Ok(match arguments.get("do") {
        Some("set") => {
            format!("{:?}", store.set(key, arguments.get("value").unwrap_or_default()).await?)
        }
        Some("delete") => format!("{:?}", store.delete(key).await?),
        Some("exists") => store.exists(key).await?.to_string(),
        Some("keys") => store.get_keys().await.collect().await?.join(","),
        _ => {
            let value = store.get(key).await?;
            value
                .map_or_else(|| "none".into(), |value| String::from_utf8_lossy(&value).into_owned())
        }
    })
}

/// Sends a request with the time-outs asked for.
async fn outbound(
    arguments: &Arguments,
) -> Result<Response, spin_sdk::wasip3::http::types::ErrorCode> {
    let options = RequestOptions::new();
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).ok();
    if let Some(time) = arguments.time("connect_ms") {
        options.set_connect_timeout(nanoseconds(time)).expect("the host takes a connect time-out");
    }
    if let Some(time) = arguments.time("first_byte_ms") {
        options
            .set_first_byte_timeout(nanoseconds(time))
            .expect("the host takes a first-byte time-out");
    }
    if let Some(time) = arguments.time("between_bytes_ms") {
        options
            .set_between_bytes_timeout(nanoseconds(time))
            .expect("the host takes a between-bytes time-out");
    }
    let request = spin_sdk::http::Request::builder()
        .uri(arguments.get("url").unwrap_or_default())
        .extension(RequestOptionsExtension(options))
        .body(EmptyBody::new());
    send(request.expect("the test gives a URL")).await
}

/// The outcome of a request, in words: `status body` or the error code.
async fn fetch(arguments: &Arguments) -> String {
    match outbound(arguments).await {
        Ok(response) => {
            let status = response.status().as_u16();
            match response.into_body().bytes().await {
                Ok(body) => format!("{status} {}", String::from_utf8_lossy(&body)),
                Err(error) => format!("{status} {error:?}"),
            }
        }
        Err(error) => format!("{error:?}"),
    }
}

/// Passes an upstream's response through as it comes.
async fn proxy(arguments: &Arguments) -> Response<BoxBody> {
    match outbound(arguments).await {
        Ok(response) => response.map(box_body),
        Err(error) => text(format!("{error:?}")),
    }
}

/// Fills memory and says how far it came.
fn grow(mib: u64) -> String {
    let mut held = Vec::new();
    for _ in 0..mib {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(1 << 20).is_err() {
            break;
        }
        block.resize(1 << 20, 1);
        held.push(block);
    }
    held.len().to_string()
}
