//! Who says what: the role of a message is a fact of when it was written, and no name tells.

use super::*;

const ADMIN: Ask<'static> = Ask { user: Some("an-admin"), groups: &["admin"], ..NOBODY };
const NO_ADMIN_ANY_MORE: Ask<'static> = Ask { groups: &[], ..ADMIN };

/// Texts and roles of an auction's chat, newest first.
async fn roles(world: &World, auction: &str) -> Vec<(String, String)> {
    let (status, page) = world.get(NOBODY, &format!("{auction}/chat")).await;
    assert_eq!(status, 200, "{page}");
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or("nothing").to_owned();
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| (text(item, "text"), text(item, "role"))).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(text, role)| (text.to_owned(), role.to_owned())).to_vec()
}

#[tokio::test]
async fn a_message_says_what_its_author_was_when_they_wrote_it() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    for (ask, role) in [
        (SELLER.key("seller"), "seller"),
        (Ask { groups: &["admin"], ..SELLER }.key("both"), "seller"),
        (ADMIN.key("admin"), "admin"),
        (BIDDER.key("viewer"), "viewer"),
        (Ask { groups: &["seller"], ..OTHER }.key("elsewhere"), "viewer"),
    ] {
        let (status, said) = say(&world, ask, &auction, role).await;
        assert_eq!((status, &said["role"]), (201, &json!(role)), "{said}");
    }
    // Whoever is one no more was one then, and a repeat gives the first answer.
    let (status, again) = say(&world, NO_ADMIN_ANY_MORE.key("admin"), &auction, "admin").await;
    assert_eq!((status, &again["role"]), (200, &json!("admin")), "{again}");
    let (_, now) = say(&world, NO_ADMIN_ANY_MORE.key("later"), &auction, "viewer").await;
    assert_eq!(now["role"], "viewer", "{now}");

    let written = ["viewer", "viewer", "viewer", "admin", "seller", "seller"];
    let expected = pairs(written.map(|role| (role, role)));
    assert_eq!(roles(&world, &auction).await, expected);
    let kept: Vec<_> = written.iter().rev().map(|role| Some(*role)).collect();
    until_kept(&world, &auction, &kept).await;
    let () = redis::cmd("FLUSHALL").query_async(&mut redis(&world).await).await.unwrap();
    assert_eq!(roles(&world, &auction).await, expected, "out of DynamoDB");
}

#[tokio::test]
async fn messages_from_before_there_were_roles_and_from_later_releases_are_read_without_loss() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    let id = auction.rsplit('/').next().unwrap();
    let record = |number: u32, user: &str| {
        json!({ "kind": "posted", "message_id": format!("{id}_{number:032x}"), "auction_id": id,
                "user_id": user, "text": user, "at": format!("2026-11-23T05:17:00.{number:03}Z") })
    };
    let mut later = record(3, "a-steward");
    later["role"] = json!("steward");
    for body in [record(1, "the-seller"), record(2, "the-bidder"), later] {
        let send = world.stack.aws.sqs.send_message();
        let send = send.queue_url(&world.stack.settings.chat_queue_url);
        send.message_body(body.to_string()).send().await.unwrap();
    }
    let kept = [Some("the-seller"), Some("the-bidder"), Some("a-steward")];
    until_kept(&world, &auction, &kept).await;
    let expected =
        pairs([("a-steward", "viewer"), ("the-bidder", "viewer"), ("the-seller", "seller")]);
    assert_eq!(roles(&world, &auction).await, expected);
    let scan = world.stack.aws.dynamodb.query().table_name(&world.stack.settings.chat_table);
    let scan = scan.key_condition_expression("auction_id = :auction");
    let scan = scan.expression_attribute_values(":auction", AttributeValue::S(id.to_owned()));
    let items = scan.send().await.unwrap().items.unwrap();
    let role = |item: &std::collections::HashMap<String, AttributeValue>| {
        item.get("role").map(|role| role.as_s().unwrap().clone())
    };
    let kept: Vec<_> = items.iter().map(role).collect();
    assert_eq!(kept, [None, None, Some("steward".to_owned())], "nothing made up, nothing lost");

    // The same in Redis.
    assert_eq!(say(&world, SELLER.key("new"), &auction, "Hello.").await.0, 201);
    let mut redis = redis(&world).await;
    let texts = keys(&mut redis, "gavel:*:chat-texts:*").await.remove(0);
    let held: Vec<(String, String)> =
        redis::cmd("HGETALL").arg(&texts).query_async(&mut redis).await.unwrap();
    let (message, json) = &held[0];
    let mut old: Value = serde_json::from_str(json).unwrap();
    old.as_object_mut().unwrap().remove("role");
    let mut set = redis::cmd("HSET");
    let set = set.arg(&texts).arg(message).arg(old.to_string());
    let () = set.query_async(&mut redis).await.unwrap();
    assert_eq!(roles(&world, &auction).await[0], ("Hello.".to_owned(), "seller".to_owned()));
}
