//! Holding messages, against an SQS of a few lines whose every receipt but one has gone stale.

use std::sync::Mutex;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::Json;
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

#[tokio::test]
async fn messages_that_somebody_else_has_received_are_not_held_on_to() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
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
    let handler = Arc::new(Slow::default());
    let worker = Worker { queue, handler: handler.clone(), stop: CancellationToken::new() };
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
