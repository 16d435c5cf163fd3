//! The chat of an auction: what is answered is kept, what is deleted is gone, whatever fails meanwhile.

mod deleting;
mod pages;
mod roles;

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};

use crate::world::{Ask, BIDDER, NOBODY, SELLER, WITHIN, World, world, world_with};

const OTHER: Ask<'static> = Ask { user: Some("another-bidder"), ..NOBODY };

async fn say(world: &World, ask: Ask<'_>, auction: &str, text: &str) -> (u16, Value) {
    world.post(ask, &format!("{auction}/chat"), &json!({ "text": text })).await
}

async fn texts(world: &World, auction: &str) -> Vec<String> {
    let (status, page) = world.get(NOBODY, &format!("{auction}/chat")).await;
    assert_eq!(status, 200, "{page}");
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect()
}

/// What DynamoDB has of an auction's chat, oldest first: text, or nothing where it was deleted.
async fn kept(world: &World, auction: &str) -> Vec<Option<String>> {
    let id = auction.rsplit('/').next().unwrap().to_owned();
    let query = world.stack.aws.dynamodb.query().table_name(&world.stack.settings.chat_table);
    let query = query.key_condition_expression("auction_id = :auction");
    let query = query.expression_attribute_values(":auction", AttributeValue::S(id));
    let reply = query.send().await.unwrap();
    let field = |item: &std::collections::HashMap<String, AttributeValue>, name: &str| {
        item.get(name).and_then(|text| text.as_s().ok()).cloned()
    };
    for item in reply.items() {
        // In the order of time because the time has 16 digits, and gone after 90 days.
        let key = field(item, "timestamp#message_id").unwrap();
        let (stamp, message) = key.split_once('#').unwrap();
        assert_eq!((stamp.len(), Some(message.to_owned())), (16, field(item, "message_id")));
        let expiry: i64 = item["ttl_expiry"].as_n().unwrap().parse().unwrap();
        assert_eq!(expiry, stamp.parse::<i64>().unwrap() / 1_000 + 90 * 86_400, "{key}");
        assert!(field(item, "user_id").is_some(), "{key} has no author");
    }
    reply.items().iter().map(|item| field(item, "text")).collect()
}

async fn redis(world: &World) -> MultiplexedConnection {
    let client = redis::Client::open(world.stack.settings.redis_url.as_str()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The keys of Redis that `pattern` fits.
async fn keys(redis: &mut MultiplexedConnection, pattern: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(pattern).query_async(redis).await.unwrap()
}

async fn until_kept(world: &World, auction: &str, expected: &[Option<&str>]) {
    let deadline = Instant::now() + WITHIN;
    loop {
        let kept = kept(world, auction).await;
        if kept.iter().map(Option::as_deref).eq(expected.iter().copied()) {
            return;
        }
        assert!(Instant::now() < deadline, "kept is {kept:?} instead of {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_is_written_is_shown_at_once_and_kept_once() {
    let world = world_with(&[("GAVEL_CHAT_INTERVAL_MS", "1")]).await;
    let auction = world.auction(&Value::Null).await;
    world.send(BIDDER, "PATCH", "/v1/me", &json!({ "display_name": "Ann" })).await;
    let (status, message) = say(&world, BIDDER.key("one"), &auction, "Is it signed? 🖋").await;
    assert_eq!((status, &message["author"]), (201, &json!("Ann")), "{message}");
    let again = say(&world, BIDDER.key("one"), &auction, "Is it signed? 🖋").await;
    assert_eq!(again, (200, message.clone()));
    let (status, problem) = say(&world, BIDDER.key("one"), &auction, "Something else").await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency-conflict")));
    for wrong in ["", " ", "a\nb", "a\u{202e}b", "\u{200b}", "a\u{ffff}"] {
        assert_eq!(say(&world, BIDDER.key("wrong"), &auction, wrong).await.0, 422, "{wrong:?}");
    }
    assert_eq!(say(&world, SELLER.key("two"), &auction, "On the back.").await.0, 201);
    assert_eq!(texts(&world, &auction).await, ["On the back.", "Is it signed? 🖋"]);
    until_kept(&world, &auction, &[Some("Is it signed? 🖋"), Some("On the back.")]).await;

    // A name that changes, changes everywhere.
    world.send(BIDDER, "PATCH", "/v1/me", &json!({ "display_name": "Berta" })).await;
    let page = world.get(NOBODY, &format!("{auction}/chat?limit=1")).await.1;
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = format!("{auction}/chat?limit=1&cursor={cursor}");
    let second = world.get(NOBODY, &next).await.1;
    assert_eq!(second["items"][0]["author"], "Berta", "{second}");
    assert_eq!(second["next_cursor"], Value::Null);
    let nowhere = auction.replace("use1_", "use2_");
    assert_eq!(world.get(NOBODY, &format!("{nowhere}/chat")).await.0, 404);
    let body = json!({ "title": "A chair", "starting_price": 100, "duration_s": 600 });
    let other = world.post(SELLER.key("other"), "/v1/auctions", &body).await.1;
    let other = format!("/v1/auctions/{}/chat?cursor={cursor}", other["id"].as_str().unwrap());
    assert_eq!(world.get(NOBODY, &other).await.0, 422, "a cursor of another auction");

    // What Redis does not have any more comes from DynamoDB, and pages meet without a gap.
    let () = redis::cmd("FLUSHALL").query_async(&mut redis(&world).await).await.unwrap();
    assert_eq!(say(&world, OTHER.key("three"), &auction, "Thank you.").await.0, 201);
    assert_eq!(texts(&world, &auction).await, ["Thank you.", "On the back.", "Is it signed? 🖋"]);
}

#[tokio::test]
async fn the_seller_keeps_order_and_nobody_floods() {
    // Five at once, and the next only when all of this is over.
    let world = world_with(&[("GAVEL_CHAT_INTERVAL_MS", "3600000")]).await;
    let auction = world.auction(&Value::Null).await;
    let (_, bad) = say(&world, BIDDER.key("bad"), &auction, "Buy elsewhere!").await;
    assert_eq!(say(&world, OTHER.key("good"), &auction, "Nice lot.").await.0, 201);
    until_kept(&world, &auction, &[Some("Buy elsewhere!"), Some("Nice lot.")]).await;
    let bad = format!("{auction}/chat/{}", bad["message_id"].as_str().unwrap());
    let delete = |ask| world.send(ask, "DELETE", &bad, &Value::Null);
    let (status, problem) = delete(OTHER).await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
    assert_eq!(delete(SELLER).await.0, 200);
    assert_eq!(texts(&world, &auction).await, ["Nice lot."], "at once");
    assert_eq!(delete(BIDDER).await.0, 200, "again, and by its author");
    until_kept(&world, &auction, &[None, Some("Nice lot.")]).await;
    assert_eq!(say(&world, BIDDER.key("bad"), &auction, "Buy elsewhere!").await.0, 200);
    assert_eq!(texts(&world, &auction).await, ["Nice lot."], "a repeat does not bring it back");

    let mute = format!("{bad}/mute");
    assert_eq!(world.send(BIDDER, "PUT", &mute, &Value::Null).await.0, 403);
    assert_eq!(world.send(SELLER, "PUT", &mute, &Value::Null).await.1["muted"], true);
    let (status, problem) = say(&world, BIDDER.key("more"), &auction, "More!").await;
    assert_eq!((status, &problem["code"]), (403, &json!("muted")), "{problem}");
    assert_eq!(world.send(SELLER, "DELETE", &mute, &Value::Null).await.1["muted"], false);
    let captured = Ask { replayed: Some("captured"), ..SELLER };
    assert_eq!(world.send(captured, "PUT", &mute, &Value::Null).await.0, 200);
    assert_eq!(world.send(SELLER, "DELETE", &mute, &Value::Null).await.0, 200);
    assert_eq!(world.send(captured, "PUT", &mute, &Value::Null).await.0, 200);
    assert_eq!(say(&world, BIDDER.key("more"), &auction, "Sorry.").await.0, 201);

    let mut statuses = Vec::new();
    for number in 0..10 {
        let key = format!("flood-{number}");
        statuses.push(say(&world, OTHER.key(&key), &auction, "!").await);
    }
    let limited: Vec<_> = statuses.iter().filter(|(status, _)| *status == 429).collect();
    assert_eq!(limited.len(), 6, "one had been written before: {statuses:?}");
    assert_eq!(limited[0].1["code"], "rate-limited");
    assert_eq!(say(&world, SELLER.key("else"), &auction, "Calm down.").await.0, 201);
    let unknown =
        format!("{auction}/chat/{}_{}", auction.rsplit('/').next().unwrap(), "0".repeat(32));
    assert_eq!(world.send(SELLER, "DELETE", &unknown, &Value::Null).await.0, 404);
}

#[tokio::test]
async fn without_the_queue_nothing_is_shown_or_kept() {
    let world = world_with(&[("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")]).await;
    let auction = world.auction(&Value::Null).await;
    for _ in 0..2 {
        let (status, problem) = say(&world, BIDDER.key("key"), &auction, "Hello?").await;
        assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
    }
    assert_eq!(texts(&world, &auction).await.len(), 0, "it was not kept, so it is not shown");
    assert_eq!(kept(&world, &auction).await.len(), 0);
}

#[tokio::test]
async fn whoever_asks_again_after_an_outage_has_written_once() {
    let mut world = world().await;
    let auction = world.auction(&Value::Null).await;
    world.stack.emulator.pause().unwrap();
    let (status, problem) = say(&world, BIDDER.key("key"), &auction, "Hello?").await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
    world.stack.emulator.resume().unwrap();
    let deadline = Instant::now() + WITHIN;
    while say(&world, BIDDER.key("key"), &auction, "Hello?").await.0 >= 300 {
        assert!(Instant::now() < deadline, "the queue is back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(texts(&world, &auction).await, ["Hello?"]);
    until_kept(&world, &auction, &[Some("Hello?")]).await;
}

#[tokio::test]
async fn what_was_answered_is_kept_although_the_worker_is_killed() {
    let mut world = world().await;
    let auction = world.auction(&Value::Null).await;
    assert_eq!(say(&world, BIDDER.key("key"), &auction, "Remember me").await.0, 201);
    world.stack.workers[0].kill().await.unwrap();
    world.stack.workers[0].start().await.unwrap();
    until_kept(&world, &auction, &[Some("Remember me")]).await;
}

#[tokio::test]
async fn records_are_kept_the_same_in_whatever_order_and_however_often_they_come() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    let id = auction.rsplit('/').next().unwrap();
    let at = |ms: u32| format!("2026-11-23T05:17:00.{ms:03}Z");
    let message = |number: u32| format!("{id}_{number:032x}");
    let posted = |number: u32| {
        json!({ "kind": "posted", "message_id": message(number), "auction_id": id,
                "user_id": "u", "text": format!("text {number}"), "at": at(number) })
    };
    let deleted = |number: u32| {
        json!({ "kind": "deleted", "message_id": message(number), "at": at(number), "user_id": "u",
                "deleted_by": "the-seller", "deleted_at": at(999) })
    };
    let mut bodies = vec![deleted(1), posted(1), posted(2), deleted(2), deleted(2), posted(2)];
    bodies.extend([json!({ "kind": "unheard of" })]);
    bodies.extend((3..10).map(posted));
    for body in &bodies {
        let send = world.stack.aws.sqs.send_message();
        let send = send.queue_url(&world.stack.settings.chat_queue_url);
        send.message_body(body.to_string()).send().await.unwrap();
    }
    let texts: Vec<String> = (3..10).map(|number| format!("text {number}")).collect();
    let expected: Vec<Option<&str>> =
        [None, None].into_iter().chain(texts.iter().map(|text| Some(text.as_str()))).collect();
    until_kept(&world, &auction, &expected).await;
    // Only what could not be read is left: it goes where the others never come.
    let deadline = Instant::now() + WITHIN;
    loop {
        let url = format!("{}-dlq", world.stack.settings.chat_queue_url);
        let receive = world.stack.aws.sqs.receive_message().queue_url(url).send().await;
        let dead = receive.map(|reply| reply.messages.unwrap_or_default());
        if dead.as_ref().is_ok_and(|dead| dead.len() == 1) {
            break;
        }
        assert!(Instant::now() < deadline, "dead letters: {dead:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until_kept(&world, &auction, &expected).await;
}
