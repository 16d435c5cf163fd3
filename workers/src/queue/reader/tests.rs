//! Holding messages, against an SQS of a few lines whose every receipt but one has gone stale.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::{Value, json};

use super::*;

/// Handles nothing the first time, and notes what it is given.
#[derive(Default)]
struct Slow(Mutex<Vec<Vec<String>>>);

impl Handler for Slow {
    type Said = String;
    const QUEUE: &'static str = "slow";

    fn read(message: &Received) -> Option<String> {
        Some(message.body.clone())
    }

    async fn attempt(&self, jobs: &[Job<String>], pause: Duration) -> Vec<Verdict> {
        let mut calls = self.0.lock().unwrap();
        calls.push(jobs.iter().filter_map(|job| job.said.clone()).collect());
        let verdict = if calls.len() == 1 { Verdict::RetryAfter(pause) } else { Verdict::Done };
        vec![verdict; jobs.len()]
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

async fn serve(router: axum::Router, server: &mut JoinSet<()>) -> Queue {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("k", "s", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .build();
    Queue::new(aws_sdk_sqs::Client::from_conf(config), format!("http://{address}/q"))
}

#[tokio::test]
async fn messages_that_somebody_else_has_received_are_not_held_on_to() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let mut server = JoinSet::new();
    let queue = serve(axum::Router::new().route("/", post(sqs)), &mut server).await;
    let handler = Arc::new(Slow::default());
    let (idle, stop) = (Arc::default(), CancellationToken::new());
    let worker = Worker { queue, handler: handler.clone(), idle, stop };
    let message = |(body, receipt): (&str, &str)| Received {
        receipt: receipt.to_owned(),
        body: body.to_owned(),
        group: None,
        receives: 1,
    };
    let received = [("1", "stale"), ("2", "good"), ("3", "stale")].map(message).to_vec();
    tokio::time::timeout(Duration::from_secs(60), worker.settle(received)).await.unwrap();
    assert_eq!(*handler.0.lock().unwrap(), [vec!["1", "2", "3"], vec!["2"]]);
    // Three that could not be handled, and one call that did not hide them all.
    let counted = recorder.handle().render();
    assert!(counted.contains("gavel_queue_failures_total{queue=\"slow\"} 4\n"), "{counted}");
}

/// A queue that is empty at first and then is not, and how many ask it at once.
#[derive(Default)]
struct Shelf {
    polls: AtomicUsize,
    asking: AtomicUsize,
    asking_max: AtomicUsize,
    filled: CancellationToken,
}

async fn shelf(
    State(shelf): State<Arc<Shelf>>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Json<Value> {
    if headers["x-amz-target"] != "AmazonSQS.ReceiveMessage" {
        return sqs(headers, body).await;
    }
    let asking = shelf.asking.fetch_add(1, Ordering::SeqCst) + 1;
    shelf.asking_max.fetch_max(asking, Ordering::SeqCst);
    let poll = Duration::from_millis(50);
    let filled = tokio::time::timeout(poll, shelf.filled.cancelled()).await.is_ok();
    shelf.asking.fetch_sub(1, Ordering::SeqCst);
    let number = shelf.polls.fetch_add(1, Ordering::SeqCst);
    if !filled {
        return Json(json!({}));
    }
    let message = json!({ "ReceiptHandle": "good", "Body": number.to_string() });
    Json(json!({ "Messages": [message] }))
}

/// Is done only when as many messages are at hand at once as there are readers.
struct Together(tokio::sync::Barrier);

impl Handler for Together {
    type Said = ();
    const QUEUE: &'static str = "together";

    fn read(_: &Received) -> Option<()> {
        Some(())
    }

    async fn attempt(&self, jobs: &[Job<()>], _: Duration) -> Vec<Verdict> {
        self.0.wait().await;
        vec![Verdict::Done; jobs.len()]
    }
}

#[tokio::test]
async fn a_queue_at_rest_is_asked_by_one_reader_and_a_full_one_by_all() {
    const READERS: usize = 4;
    let (state, mut tasks) = (Arc::<Shelf>::default(), JoinSet::new());
    let router = axum::Router::new().route("/", post(shelf)).with_state(state.clone());
    let queue = serve(router, &mut tasks).await;
    let handler = Together(tokio::sync::Barrier::new(READERS));
    let stop = CancellationToken::new();
    tasks.spawn(Reader::new(queue, handler, READERS).run(stop.clone()));
    let polls = async |least: usize| {
        let since = Instant::now();
        while state.polls.load(Ordering::SeqCst) < least {
            assert!(since.elapsed() < Duration::from_secs(20), "not polled {least} times");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    polls(8).await;
    assert_eq!(state.asking_max.load(Ordering::SeqCst), 1, "one at a time");
    state.filled.cancel();
    // No message is done, and no more are asked for, unless all readers have one at once.
    polls(8 + 4 * READERS).await;
    stop.cancel();
}

/// A queue that stays empty, and how long it was asked to wait.
async fn empty(
    State(asked): State<tokio::sync::mpsc::Sender<u64>>,
    body: axum::body::Bytes,
) -> Json<Value> {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let wait_s = body["WaitTimeSeconds"].as_u64().unwrap();
    asked.send(wait_s).await.unwrap();
    tokio::time::sleep(Duration::from_secs(wait_s)).await;
    Json(json!({}))
}

#[tokio::test]
async fn an_empty_queue_is_polled_as_seldom_as_may_be_and_a_stop_does_not_wait_for_it() {
    let (told, mut asked) = tokio::sync::mpsc::channel(8);
    let mut tasks = JoinSet::new();
    let router = axum::Router::new().route("/", post(empty)).with_state(told);
    let queue = serve(router, &mut tasks).await;
    let (stop, mut reading) = (CancellationToken::new(), JoinSet::new());
    reading.spawn(Reader::new(queue, Slow::default(), 3).run(stop.clone()));
    assert_eq!(asked.recv().await, Some(20), "SQS's longest");
    let stopped = Instant::now();
    stop.cancel();
    reading.join_all().await;
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
}
