//! From Redis to DynamoDB: what is acknowledged arrives, once, whatever breaks on the way.

use anyhow::Result;
use axum::body::Bytes;
use futures::future::try_join_all;
use gavel_local::{Options, WorkerOptions};
use gavel_tests::world::key;
use gavel_tests::{Fault, Proxy, WITHIN, World, eventually, evidence};
use serde_json::{Value, json};
use std::collections::HashMap;

/// A world whose worker reaches SQS and DynamoDB through a proxy.
async fn with_proxy() -> Result<(World, Proxy)> {
    let mut options = Options::for_tests()?;
    let emulator = options.ports.aws.url();
    let proxy = Proxy::start(&emulator).await?;
    let mut worker = WorkerOptions::named("workers");
    worker.env = vec![("AWS_ENDPOINT_URL".to_owned(), proxy.url.clone())];
    options.workers = vec![worker];
    Ok((World::start_with(options).await?, proxy))
}

/// Bids until `count` are accepted, trying again with the same key after a 503.
async fn bid_through(world: &World, auction: &str, count: u64) -> Result<()> {
    for n in 0..count {
        let (bidder, key) = (&world.bidders[usize::try_from(n % 2)?], key());
        eventually(
            "a bid",
            WITHIN,
            || world.bid_as(auction, bidder, &key, 100 + n * 10),
            |reply| matches!(reply.status, 200 | 201),
        )
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_queue_that_fails_loses_answers_and_repeats_loses_no_bid() -> Result<()> {
    let (world, proxy) = with_proxy().await?;
    let auction = world.live_auction(json!({})).await?;
    let mut sends = 0;
    proxy.rule(move |seen| {
        if !seen.target.ends_with("SendMessageBatch") {
            return Fault::Pass;
        }
        sends += 1;
        match sends % 5 {
            0 => Fault::Answer(500, "{}".to_owned()),
            1 => Fault::LoseAnswer,
            2 => Fault::Answer(200, every_entry_failed(&seen.body)),
            // As if the deduplication window were over: the same events under an id of another time.
            3 => Fault::Instead(with_another_deduplication_id(&seen.body, sends)),
            _ => Fault::Pass,
        }
    });
    bid_through(&world, &auction, 12).await?;
    let rows = evidence::whole_history(&world.stack, &auction, 12).await?;
    let amounts: Vec<u64> = rows.iter().map(|row| row.amount).collect();
    assert_eq!(amounts, (0..12).map(|n| 100 + n * 10).collect::<Vec<_>>());
    assert_eq!(world.state(&auction).await?["bid_count"], 12);
    world.stack.stop().await
}

#[tokio::test]
async fn messages_repeated_and_out_of_order_across_auctions_write_each_bid_once() -> Result<()> {
    let (world, proxy) = with_proxy().await?;
    let auctions = try_join_all((0..3).map(|_| world.live_auction(json!({})))).await?;
    for auction in &auctions {
        bid_through(&world, auction, 6).await?;
    }
    for auction in &auctions {
        evidence::whole_history(&world.stack, auction, 6).await?;
    }
    // Everything that was ever sent comes again, newest first, under new deduplication ids.
    let sqs = &world.stack.aws.sqs;
    let queue = &world.stack.settings.bid_queue_url;
    let sent = proxy.seen().into_iter().filter(|seen| seen.target.ends_with("SendMessageBatch"));
    let mut entries: Vec<Value> = sent
        .filter_map(|seen| serde_json::from_slice::<Value>(&seen.body).ok())
        .flat_map(|body| body["Entries"].as_array().cloned().unwrap_or_default())
        .collect();
    assert!(entries.len() >= 3, "something was sent");
    entries.reverse();
    for entry in &entries {
        let text = |name: &str| entry[name].as_str().unwrap_or_default();
        sqs.send_message()
            .queue_url(queue)
            .message_group_id(text("MessageGroupId"))
            .message_deduplication_id(key())
            .message_body(text("MessageBody"))
            .send()
            .await?;
    }
    drained(&world).await?;
    for auction in &auctions {
        let rows = evidence::whole_history(&world.stack, auction, 6).await?;
        assert_eq!(rows.len(), 6, "no row twice");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn unprocessed_items_are_written_in_the_end_and_once() -> Result<()> {
    let (world, proxy) = with_proxy().await?;
    let auction = world.live_auction(json!({})).await?;
    let mut writes = 0;
    proxy.rule(move |seen| {
        if !seen.target.ends_with("BatchWriteItem") {
            return Fault::Pass;
        }
        writes += 1;
        match writes % 4 {
            // A hot key: the first item of the batch is throttled, the others are written.
            1 | 2 => first_item_throttled(&seen.body),
            3 => Fault::Answer(
                400,
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#
                    .to_owned(),
            ),
            _ => Fault::Pass,
        }
    });
    bid_through(&world, &auction, 10).await?;
    let rows = evidence::whole_history(&world.stack, &auction, 10).await?;
    assert_eq!(rows.len(), 10);
    drained(&world).await?;
    world.stack.stop().await
}

#[tokio::test]
async fn a_message_nobody_can_read_ends_in_the_dead_letter_queue_and_stops_nothing() -> Result<()> {
    let world = World::start().await?;
    let auction = world.live_auction(json!({})).await?;
    let sqs = &world.stack.aws.sqs;
    sqs.send_message()
        .queue_url(&world.stack.settings.bid_queue_url)
        .message_group_id("poison")
        .message_deduplication_id(key())
        .message_body("not what a relay writes")
        .send()
        .await?;
    bid_through(&world, &auction, 3).await?;
    evidence::whole_history(&world.stack, &auction, 3).await?;
    let dead = &world.stack.settings.bid_dead_letter_queue_url;
    let look = async || Ok(sqs.receive_message().queue_url(dead).send().await?);
    let letters =
        eventually("the dead letter", WITHIN, look, |letters| !letters.messages().is_empty())
            .await?;
    assert_eq!(letters.messages()[0].body(), Some("not what a relay writes"));
    world.stack.stop().await
}

#[tokio::test]
async fn killed_workers_lose_no_acknowledged_bid_and_double_none() -> Result<()> {
    let mut world = World::start().await?;
    let auction = world.live_auction(json!({"increments": [{"from": 0, "step": 1}]})).await?;
    let mut acknowledged: HashMap<u64, u64> = HashMap::new();
    for round in 0..4_u64 {
        let path = format!("/v1/auctions/{auction}/bids");
        let keys: Vec<String> = (0..30).map(|_| key()).collect();
        let place = |n: u64| {
            let (edge, path, key) =
                (world.edge.clone(), path.clone(), keys[usize::try_from(n).unwrap_or(0)].clone());
            let token = world.bidders[usize::from(n.is_multiple_of(2))].token.clone();
            let amount = 1_000 * (round + 1) + n * 10;
            async move { edge.post(&path, &token, &key, &json!({"amount": amount})).await }
        };
        // Killed while thirty bids are somewhere on their way, some of them answered, then asked again
        // about each.
        let answered = tokio::sync::watch::Sender::new(0);
        let flight = try_join_all((0..30).map(async |n| {
            let reply = place(n).await;
            answered.send_modify(|count| *count += 1);
            reply
        }));
        let worker = &mut world.stack.workers[0];
        let kill = async {
            answered.subscribe().wait_for(|count| *count >= round * 5).await?;
            worker.kill().await
        };
        let (before, killed) = tokio::join!(flight, kill);
        killed?;
        world.stack.workers[0].start().await?;
        for (n, reply) in (0..30_u64).zip(before?) {
            let settled =
                eventually("an answer", WITHIN, || place(n), |reply| reply.status != 503).await?;
            if reply.status == 201 {
                assert_eq!((settled.status, &settled.body), (200, &reply.body), "the same answer");
            }
            if matches!(settled.status, 200 | 201) {
                let seq = settled.body["seq"].as_u64().unwrap_or(0);
                let amount = settled.body["amount"].as_u64().unwrap_or(0);
                assert_eq!(acknowledged.insert(seq, amount), None, "seq {seq} given twice");
            } else {
                assert_eq!(settled.status, 409, "{settled:?}");
            }
        }
    }
    let rows = evidence::whole_history(&world.stack, &auction, acknowledged.len()).await?;
    for row in &rows {
        assert_eq!(acknowledged.get(&row.seq), Some(&row.amount), "bid {}", row.seq);
    }
    world.stack.stop().await
}

/// Waits until the bid queue is empty and nothing is in flight.
async fn drained(world: &World) -> Result<()> {
    use aws_sdk_sqs::types::QueueAttributeName::{
        ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible,
    };
    let look = async || {
        let call = world.stack.aws.sqs.get_queue_attributes();
        let call = call
            .queue_url(&world.stack.settings.bid_queue_url)
            .attribute_names(ApproximateNumberOfMessages)
            .attribute_names(ApproximateNumberOfMessagesNotVisible);
        let attributes = call.send().await?.attributes.unwrap_or_default();
        Ok(attributes.into_values().collect::<Vec<_>>())
    };
    let empty = |counts: &Vec<String>| counts.iter().all(|count| count == "0");
    eventually("an empty queue", WITHIN, look, empty).await?;
    Ok(())
}

/// A 200 whose every entry failed: the kind of success that loses messages.
fn every_entry_failed(body: &Bytes) -> String {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let failed: Vec<Value> = request["Entries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false}))
        .collect();
    json!({"Successful": [], "Failed": failed}).to_string()
}

fn with_another_deduplication_id(body: &Bytes, salt: u64) -> Bytes {
    let mut request: Value = serde_json::from_slice(body).unwrap_or_default();
    for entry in request["Entries"].as_array_mut().into_iter().flatten() {
        entry["MessageDeduplicationId"] = json!(format!("again-{salt}-{}", entry["Id"]));
    }
    Bytes::from(request.to_string())
}

/// Passes all items but the first on, and reports that one as unprocessed.
fn first_item_throttled(body: &Bytes) -> Fault {
    let mut request: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut left = 0;
    for items in
        request["RequestItems"].as_object_mut().into_iter().flat_map(|map| map.values_mut())
    {
        if let Some(items) = items.as_array_mut() {
            items.remove(0);
            left += items.len();
        }
    }
    if left == 0 {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        return Fault::Answer(
            200,
            json!({"UnprocessedItems": request["RequestItems"]}).to_string(),
        );
    }
    Fault::Change(Bytes::from(request.to_string()), |asked, _answer| {
        let mut all: Value = serde_json::from_slice(asked).unwrap_or_default();
        let tables =
            all["RequestItems"].as_object_mut().into_iter().flat_map(|map| map.values_mut());
        for items in tables {
            if let Some(items) = items.as_array_mut() {
                items.truncate(1);
            }
        }
        Bytes::from(json!({"UnprocessedItems": all["RequestItems"]}).to_string())
    })
}
