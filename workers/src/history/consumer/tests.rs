//! Holding messages, against an SQS of a few lines whose every receipt but one has gone stale.

use std::sync::Mutex;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::Json;
use axum::http::HeaderMap;
use axum::routing::post;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use gavel_core::auction::EventKind;
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::wire::{BidItem, OwnBidItem, Page};
use serde_json::{Value, json};

use super::super::HistoryError;
use super::super::testing::bid_event;
use super::*;
use crate::relay::EventBatch;

/// A history that writes nothing the first time, and notes the numbers of the bids it is given.
#[derive(Default)]
struct Slow(Mutex<Vec<Vec<u64>>>);

impl BidHistory for Slow {
    fn record<'a>(&'a self, events: &'a [&'a Event]) -> BoxFuture<'a, HashSet<BidId>> {
        let mut calls = self.0.lock().unwrap();
        calls.push(events.iter().map(|event| event.seq).collect());
        let id = |event: &&Event| match &event.kind {
            EventKind::Bid(bid) => Some(bid.bid_id.clone()),
            _ => None,
        };
        let unwritten =
            if calls.len() == 1 { events.iter().filter_map(id).collect() } else { HashSet::new() };
        async { unwritten }.boxed()
    }

    fn page<'a>(
        &'a self,
        _: &'a AuctionId,
        _: Option<&'a str>,
        _: u32,
    ) -> BoxFuture<'a, Result<Page<BidItem>, HistoryError>> {
        unreachable!("the consumer only writes")
    }

    fn own<'a>(
        &'a self,
        _: &'a UserId,
        _: Option<&'a str>,
        _: u32,
    ) -> BoxFuture<'a, Result<Page<OwnBidItem>, HistoryError>> {
        unreachable!("the consumer only writes")
    }

    fn find<'a>(
        &'a self,
        _: &'a UserId,
        _: &'a BidId,
    ) -> BoxFuture<'a, Result<Option<Event>, HistoryError>> {
        unreachable!("the consumer only writes")
    }
}

async fn sqs(headers: HeaderMap, body: axum::body::Bytes) -> Json<Value> {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let hiding = headers["x-amz-target"] == "AmazonSQS.ChangeMessageVisibilityBatch";
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for entry in body["Entries"].as_array().unwrap() {
        if hiding && entry["ReceiptHandle"] != "good" {
            let code = "InvalidParameterValue";
            failed.push(json!({ "Id": entry["Id"], "Code": code, "SenderFault": true }));
        } else {
            done.push(json!({ "Id": entry["Id"] }));
        }
    }
    Json(json!({ "Successful": done, "Failed": failed }))
}

#[tokio::test]
async fn messages_that_somebody_else_has_received_are_not_held_on_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", post(sqs));
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("k", "s", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .build();
    let queue = Queue::new(aws_sdk_sqs::Client::from_conf(config), format!("http://{address}/q"));
    let history = Arc::new(Slow::default());
    let worker = Worker { queue, history: history.clone(), stop: CancellationToken::new() };
    let message = |(seq, receipt): (u64, &str)| Received {
        receipt: receipt.to_owned(),
        body: serde_json::to_string(&EventBatch { events: vec![bid_event(seq)] }).unwrap(),
        group: None,
        receives: 1,
    };
    let received = [(1, "stale"), (2, "good"), (3, "stale")].map(message).to_vec();
    tokio::time::timeout(Duration::from_secs(10), worker.settle(received)).await.unwrap();
    assert_eq!(*history.0.lock().unwrap(), [vec![1, 2, 3], vec![2]]);
}
