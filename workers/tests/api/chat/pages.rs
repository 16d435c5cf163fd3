//! Pages of a chat: without a gap where Redis ends and DynamoDB begins, and to the end of the list
//! whatever was deleted.

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};

use super::*;

/// The texts of every page of a chat.
async fn pages(world: &World, auction: &str, limit: usize) -> Vec<Vec<String>> {
    let first = format!("{auction}/chat?limit={limit}");
    let mut path = first.clone();
    let mut pages = Vec::new();
    loop {
        let (status, page) = world.get(NOBODY, &path).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap();
        pages.push(items.iter().map(|item| item["text"].as_str().unwrap().to_owned()).collect());
        let Some(cursor) = page["next_cursor"].as_str() else { return pages };
        path = format!("{first}&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_page_that_a_deletion_empties_is_not_the_last() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    let mut ids = Vec::new();
    for text in ["first", "second", "third"] {
        let (status, message) = say(&world, BIDDER.key(text), &auction, text).await;
        assert_eq!(status, 201, "{message}");
        ids.push(message["message_id"].as_str().unwrap().to_owned());
    }
    until_kept(&world, &auction, &[Some("first"), Some("second"), Some("third")]).await;
    // Only DynamoDB has the messages, and only Redis knows that the second is deleted.
    let mut redis = redis(&world).await;
    for key in keys(&mut redis, "gavel:*:chat-[rt]*").await {
        if let Some((shard, _)) = key.split_once(":chat-time:") {
            let deleted = format!("{shard}:chat-deleted:{}", ids[1]);
            let mut set = redis::cmd("SET");
            let () = set.arg(deleted).arg("the-bidder").query_async(&mut redis).await.unwrap();
        } else {
            let () = redis::cmd("DEL").arg(key).query_async(&mut redis).await.unwrap();
        }
    }
    let nothing: [&str; 0] = [];
    assert_eq!(pages(&world, &auction, 1).await, [&["third"][..], &nothing, &["first"]]);
}

#[tokio::test]
async fn the_latest_200_come_from_redis_the_rest_from_dynamodb_and_they_meet() {
    let world = world_with(&[("GAVEL_CHAT_INTERVAL_MS", "1")]).await;
    let auction = world.auction(&Value::Null).await;
    let written: Vec<String> = (0..205).map(|number| format!("text {number}")).collect();
    for text in &written {
        let key = text.replace(' ', "-");
        assert_eq!(say(&world, BIDDER.key(&key), &auction, text).await.0, 201, "{text}");
    }
    let expected: Vec<Option<&str>> = written.iter().map(|text| Some(text.as_str())).collect();
    until_kept(&world, &auction, &expected).await;
    let mut redis = redis(&world).await;
    for (what, count) in [("chat-recent", "ZCARD"), ("chat-texts", "HLEN")] {
        let key = keys(&mut redis, &format!("gavel:*:{what}:*")).await.remove(0);
        let held: usize = redis::cmd(count).arg(key).query_async(&mut redis).await.unwrap();
        assert_eq!(held, 200, "{what}");
    }
    let newest_first: Vec<String> = written.into_iter().rev().collect();
    let pages = pages(&world, &auction, 100).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 5]);
    assert_eq!(pages.concat(), newest_first);
}

#[tokio::test]
async fn very_many_deleted_messages_end_a_page_but_not_the_list() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    let id = auction.rsplit('/').next().unwrap();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let item = |number: u32| {
        let message = format!("{id}_{number:012x}{}", "0".repeat(20));
        let put = PutRequest::builder()
            .item("auction_id", text(id))
            .item("timestamp#message_id", text(&format!("{number:016}#{message}")))
            .item("message_id", text(&message))
            .item("user_id", text("u"));
        let what = if number == 0 { "text" } else { "deleted_by" };
        let put = put.item(what, text("the oldest")).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let items: Vec<WriteRequest> = (0..1_101).map(item).collect();
    for items in items.chunks(25) {
        let write = world.stack.aws.dynamodb.batch_write_item();
        let write = write.request_items(&world.stack.settings.chat_table, items.to_vec());
        let reply = write.send().await.unwrap();
        assert!(reply.unprocessed_items().is_none_or(|items| items.is_empty()));
    }
    let nothing: [&str; 0] = [];
    assert_eq!(pages(&world, &auction, 1).await, [&nothing[..], &["the oldest"]]);
}
