//! Writing against a DynamoDB of a few lines, which leaves items unprocessed and fails on demand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::testing::{auction, bid_event, bidder};
use super::*;
use crate::limits::DYNAMODB_CALL_MAX;

/// What the fake table saw and holds.
#[derive(Default)]
struct Table {
    /// Items by sort key; writing one twice must not change it.
    items: BTreeMap<String, Value>,
    /// How many items each call carried.
    calls: Vec<usize>,
    /// For each coming call, how many of its items it processes; `None` fails the call.
    plan: Vec<Option<usize>>,
}

type Shared = Arc<Mutex<Table>>;

async fn batch_write(State(table): State<Shared>, body: Bytes) -> (StatusCode, Json<Value>) {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut table = table.lock().unwrap();
    let puts = body["RequestItems"]["bids"].as_array().unwrap().clone();
    table.calls.push(puts.len());
    let plan = if table.plan.is_empty() { Some(puts.len()) } else { table.plan.remove(0) };
    let Some(processed) = plan else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "__type": "ValidationException" })));
    };
    let (done, left) = puts.split_at(processed.min(puts.len()));
    for put in done {
        let item = &put["PutRequest"]["Item"];
        let key = item[SORT]["S"].as_str().unwrap().to_owned();
        let before = table.items.insert(key, item.clone());
        assert!(before.is_none_or(|before| before == *item), "an item changed");
    }
    let unprocessed = if left.is_empty() { json!({}) } else { json!({ "bids": left }) };
    (StatusCode::OK, Json(json!({ "UnprocessedItems": unprocessed })))
}

/// A history on a fake table that follows `plan`. The server ends with the set.
async fn history(plan: Vec<Option<usize>>) -> (DynamoBidHistory, Shared, JoinSet<()>) {
    let table = Shared::default();
    table.lock().unwrap().plan = plan;
    let router = Router::new().route("/", post(batch_write)).with_state(table.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let client = Client::from_conf(config(address).build());
    (DynamoBidHistory::new(client, "bids".to_owned()), table, server)
}

fn config(address: SocketAddr) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("k", "s", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
}

async fn record(history: &DynamoBidHistory, events: &[Event]) -> HashSet<BidId> {
    history.record(&events.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn bids_are_written_in_batches_of_25() {
    let (history, table, _server) = history(Vec::new()).await;
    let events: Vec<Event> = (1..=60).map(bid_event).collect();
    assert!(record(&history, &events).await.is_empty());
    let table = table.lock().unwrap();
    let mut calls = table.calls.clone();
    calls.sort_unstable();
    assert_eq!(calls, [10, 25, 25]);
    assert_eq!(table.items.len(), 60);
}

#[tokio::test]
async fn unprocessed_items_are_sent_again_and_only_those() {
    let (history, table, _server) = history(vec![Some(3), Some(0), Some(6)]).await;
    let events: Vec<Event> = (1..=10).map(bid_event).collect();
    assert!(record(&history, &events).await.is_empty());
    let table = table.lock().unwrap();
    assert_eq!(table.calls, [10, 7, 7, 1]);
    assert_eq!(table.items.len(), 10);
}

#[tokio::test]
async fn a_repeated_bid_is_one_item_of_a_batch() {
    let (history, table, _server) = history(Vec::new()).await;
    let events = [bid_event(1), bid_event(2), bid_event(1)];
    assert!(record(&history, &events).await.is_empty());
    assert!(record(&history, &events).await.is_empty());
    let table = table.lock().unwrap();
    assert_eq!((table.calls.as_slice(), table.items.len()), (&[2, 2][..], 2));
}

#[tokio::test]
async fn what_cannot_be_written_in_time_is_reported() {
    let (history, table, _server) =
        history([Some(2)].into_iter().chain([None; 99]).collect()).await;
    let events: Vec<Event> = (1..=3).map(bid_event).collect();
    let unwritten = record(&history, &events).await;
    assert_eq!(unwritten.len(), 1);
    let table = table.lock().unwrap();
    assert_eq!(table.items.len(), 2);
    assert!(table.calls.len() > 3, "it was tried again: {:?}", table.calls);
}

#[tokio::test]
async fn a_table_that_never_answers_holds_many_batches_no_longer_than_one() {
    // Connections are made by the operating system; nobody ever reads from them.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let timeouts = TimeoutConfig::builder().operation_timeout(DYNAMODB_CALL_MAX).build();
    let config = config(silent.local_addr().unwrap()).timeout_config(timeouts);
    let history = DynamoBidHistory::new(Client::from_conf(config.build()), "bids".to_owned());
    let events: Vec<Event> = (1..=2_500).map(bid_event).collect();
    let since = Instant::now();
    assert_eq!(record(&history, &events).await.len(), 2_500, "nothing is claimed to be written");
    // 9 s; one batch after the other, even four at once, would take two minutes.
    assert!(since.elapsed() < Duration::from_secs(60), "{:?}", since.elapsed());
}

#[tokio::test]
async fn a_cursor_of_another_auction_or_bidder_is_refused() {
    let (history, _table, _server) = history(Vec::new()).await;
    let stamp = Timestamp::from_ms(5);
    let others = cursor::encode("bids of another", &InAuction { stamp });
    let page = history.page(&auction(), Some(&others), 5).await;
    assert!(matches!(page, Err(HistoryError::InvalidCursor)), "{page:?}");
    let others = cursor::encode("bids by another", &InOwn { stamp, auction: auction() });
    let own = history.own(&bidder(), Some(&others), 5).await;
    assert!(matches!(own, Err(HistoryError::InvalidCursor)), "{own:?}");
}
