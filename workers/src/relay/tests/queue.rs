//! A queue that takes what it is told to take, and remembers it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use gavel_core::ids::AuctionId;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::EventQueue;

#[derive(Clone)]
pub(super) struct Taker {
    url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
pub(super) struct Inner {
    /// How many batches it was sent.
    pub(super) asked: u64,
    /// Whether it answers nothing but errors.
    pub(super) away: bool,
    /// How long it takes over a batch.
    pub(super) takes: Duration,
    /// The auctions whose messages it refuses.
    pub(super) refused: BTreeSet<String>,
    /// The auction and the body of each message it took.
    pub(super) taken: Vec<(String, String)>,
}

impl Taker {
    pub(super) async fn start(tasks: &mut JoinSet<()>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let inner = Arc::<Mutex<Inner>>::default();
        let router = axum::Router::new().route("/", post(take)).with_state(inner.clone());
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inner }
    }

    pub(super) fn queue(&self) -> EventQueue {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("k", "s", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&self.url)
            .build();
        EventQueue::new(aws_sdk_sqs::Client::from_conf(config), self.url.clone())
    }

    pub(super) fn now(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// The positions of an auction that it took, as often as it took them, in order.
    pub(super) fn positions(&self, auction: &AuctionId) -> Vec<u64> {
        let taken = self.now().taken.clone();
        let of = taken.iter().filter(|(group, _)| group == auction.as_str());
        of.flat_map(|(_, body)| {
            let body: Value = serde_json::from_str(body).unwrap();
            let events = body["events"].as_array().unwrap().clone();
            events.into_iter().map(|event| event["position"].as_u64().unwrap())
        })
        .collect()
    }
}

async fn take(
    State(inner): State<Arc<Mutex<Inner>>>,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let takes = {
        let mut inner = inner.lock().unwrap();
        inner.asked += 1;
        if inner.away {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        inner.takes
    };
    tokio::time::sleep(takes).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    let mut inner = inner.lock().unwrap();
    for entry in body["Entries"].as_array().unwrap() {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        let (id, group) = (text("Id"), text("MessageGroupId"));
        if inner.refused.contains(&group) {
            failed.push(json!({ "Id": id, "Code": "Throttled", "SenderFault": false }));
            continue;
        }
        successful.push(json!({ "Id": id, "MessageId": "m", "MD5OfMessageBody": "" }));
        inner.taken.push((group, text("MessageBody")));
    }
    Ok(Json(json!({ "Successful": successful, "Failed": failed })))
}
