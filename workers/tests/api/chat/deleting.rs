//! Deleting, muting and closing: what is deleted stays so, whatever fails meanwhile, and nobody is
//! kept from what they were told before.

use sqlx::PgPool;

use super::*;

fn path_of(auction: &str, message: &Value) -> String {
    format!("{auction}/chat/{}", message["message_id"].as_str().unwrap())
}

#[tokio::test]
async fn a_key_used_again_when_its_claim_is_gone_writes_a_message_of_its_own() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    let (_, first) = say(&world, BIDDER.key("key"), &auction, "Buy elsewhere!").await;
    let mut redis = redis(&world).await;
    let claims = keys(&mut redis, "gavel:*:chat-claim:*").await;
    let () = redis::cmd("DEL").arg(&claims).query_async(&mut redis).await.unwrap();
    let (status, second) = say(&world, BIDDER.key("key"), &auction, "Buy elsewhere!").await;
    assert_eq!(status, 201, "{second}");
    assert_ne!(first["message_id"], second["message_id"]);
    until_kept(&world, &auction, &[Some("Buy elsewhere!"), Some("Buy elsewhere!")]).await;

    // Each is found and deleted by its own id, also when Redis knows neither.
    let () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
    for (message, kept) in [(&first, [None, Some("Buy elsewhere!")]), (&second, [None, None])] {
        let path = path_of(&auction, message);
        assert_eq!(world.send(SELLER, "DELETE", &path, &Value::Null).await.0, 200);
        until_kept(&world, &auction, &kept).await;
    }
    let () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
    assert_eq!(texts(&world, &auction).await.len(), 0);
}

#[tokio::test]
async fn a_deletion_that_is_not_kept_hides_nothing_and_can_be_asked_for_again() {
    let mut world = world().await;
    let auction = world.auction(&Value::Null).await;
    for text in ["Nice lot.", "Buy elsewhere!"] {
        assert_eq!(say(&world, BIDDER.key(&text[..3]), &auction, text).await.0, 201);
    }
    until_kept(&world, &auction, &[Some("Nice lot."), Some("Buy elsewhere!")]).await;
    // One message of two: Redis alone can answer it.
    let newest = format!("{auction}/chat?limit=1");
    let (_, page) = world.get(NOBODY, &newest).await;
    let bad = path_of(&auction, &page["items"][0]);
    world.stack.emulator.pause().unwrap();
    let (status, problem) = world.send(SELLER, "DELETE", &bad, &Value::Null).await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{problem}");
    assert_eq!(
        world.get(NOBODY, &newest).await,
        (200, page),
        "whoever asked sees that it is there"
    );
    world.stack.emulator.resume().unwrap();
    let deadline = Instant::now() + WITHIN;
    while world.send(SELLER, "DELETE", &bad, &Value::Null).await.0 >= 300 {
        assert!(Instant::now() < deadline, "the queue is back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(texts(&world, &auction).await, ["Nice lot."]);
    until_kept(&world, &auction, &[Some("Nice lot."), None]).await;
}

#[tokio::test]
async fn whose_message_was_just_deleted_can_be_muted_without_dynamodb() {
    let mut world = world().await;
    let auction = world.auction(&Value::Null).await;
    let (_, bad) = say(&world, BIDDER.key("bad"), &auction, "Buy elsewhere!").await;
    let (_, good) = say(&world, OTHER.key("good"), &auction, "Nice lot.").await;
    let bad = path_of(&auction, &bad);
    assert_eq!(world.send(SELLER, "DELETE", &bad, &Value::Null).await.0, 200);
    world.stack.emulator.pause().unwrap();
    for message in [bad, path_of(&auction, &good)] {
        let mute = format!("{message}/mute");
        let (status, muted) = world.send(SELLER, "PUT", &mute, &Value::Null).await;
        assert_eq!((status, &muted["muted"]), (200, &json!(true)), "{muted}");
    }
    world.stack.emulator.resume().unwrap();
}

#[tokio::test]
async fn who_may_not_write_any_more_still_gets_the_first_answer() {
    let world = world().await;
    let auction = world.auction(&Value::Null).await;
    let (status, said) = say(&world, BIDDER.key("key"), &auction, "Nice lot.").await;
    assert_eq!(status, 201, "{said}");
    let mute = format!("{}/mute", path_of(&auction, &said));
    assert_eq!(world.send(SELLER, "PUT", &mute, &Value::Null).await.0, 200);
    assert_eq!(say(&world, BIDDER.key("key"), &auction, "Nice lot.").await, (200, said.clone()));
    let (status, problem) = say(&world, BIDDER.key("new"), &auction, "Really.").await;
    assert_eq!((status, &problem["code"]), (403, &json!("muted")), "{problem}");

    // A chat stays open for a day after its auction.
    world.drive(SELLER, &auction, "open").await;
    world.drive(SELLER, &auction, "close").await;
    let (status, thanks) = say(&world, OTHER.key("thanks"), &auction, "Thank you.").await;
    assert_eq!(status, 201, "{thanks}");
    let pool = PgPool::connect(&world.stack.settings.database_url).await.unwrap();
    for (earlier, key, expected) in [("23 hours", "late", 201), ("2 hours", "too-late", 409)] {
        let update = "update auctions set closed_at = closed_at - $1::interval";
        sqlx::query(update).bind(earlier).execute(&pool).await.unwrap();
        let (status, answer) = say(&world, OTHER.key(key), &auction, "Hello?").await;
        assert_eq!(status, expected, "{answer}");
        assert!(status == 201 || answer["code"] == "chat-closed", "{answer}");
    }
    assert_eq!(say(&world, OTHER.key("thanks"), &auction, "Thank you.").await, (200, thanks));
}
