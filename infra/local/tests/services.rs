//! The services under the stack, for real: what provisioning makes, and what outages leave of it.

use std::collections::HashMap;
use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use gavel_local::provision::{self, Names};
use gavel_local::{Options, Stack, tokens};
use sqlx::Connection;

async fn services() -> Stack {
    let options = Options::services_for_tests().expect("ports are free");
    Stack::start(options).await.expect("infra/local/install has run")
}

#[tokio::test]
async fn a_sample_account_signs_in_to_what_the_edge_will_check() {
    let stack = services().await;
    let settings = &stack.settings;
    let tokens = stack.sign_in("seller").await.unwrap();
    let access = tokens::claims(&tokens.access).unwrap();
    assert_eq!(access["token_use"], "access");
    assert_eq!(access["client_id"], settings.app_client_id.as_str());
    assert_eq!(access["iss"], settings.issuer.as_str());
    assert_eq!(access["cognito:groups"], serde_json::json!(["seller"]));
    assert_eq!(access["sub"], tokens.subject().unwrap());
    assert_eq!(tokens::claims(&tokens.id).unwrap()["token_use"], "id");

    let keys_url =
        format!("{}/{}/.well-known/jwks.json", settings.aws_endpoint_url, settings.user_pool_id);
    let keys: serde_json::Value = reqwest::get(keys_url).await.unwrap().json().await.unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "one for access, one for id tokens");

    let other = &settings.other_app_client_id;
    let foreign = provision::sign_in(&stack.aws.cognito, other, "bidder-1", &settings.password);
    let foreign = tokens::claims(&foreign.await.unwrap().access).unwrap();
    assert_eq!(foreign["client_id"], other.as_str());
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn provisioning_twice_changes_nothing_but_the_password() {
    let stack = services().await;
    let again =
        provision::provision(&stack.aws, &Names::new(""), "Another-passw0rd").await.unwrap();
    assert_eq!(again.user_pool_id, stack.settings.user_pool_id);
    assert_eq!(again.app_client_id, stack.settings.app_client_id);
    assert_eq!(again.bid_queue_url, stack.settings.bid_queue_url);
    assert!(stack.sign_in("bidder-2").await.is_err(), "the old password still works");
}

#[tokio::test]
async fn queue_and_table_are_those_of_the_design() {
    let stack = services().await;
    let (sqs, url) = (&stack.aws.sqs, &stack.settings.bid_queue_url);
    let get = sqs.get_queue_attributes().queue_url(url);
    let got = get.attribute_names(QueueAttributeName::All).send().await.unwrap();
    let attribute = |name| got.attributes().unwrap().get(&name).unwrap().as_str();
    assert!(url.ends_with("/bid-persistence-queue.fifo"), "{url}");
    assert_eq!(attribute(QueueAttributeName::MessageRetentionPeriod), "86400");
    assert_eq!(attribute(QueueAttributeName::VisibilityTimeout), "300");
    assert_eq!(attribute(QueueAttributeName::FifoThroughputLimit), "perMessageGroupId");
    let redrive: serde_json::Value =
        serde_json::from_str(attribute(QueueAttributeName::RedrivePolicy)).unwrap();
    assert_eq!(redrive["maxReceiveCount"], 5);
    assert!(redrive["deadLetterTargetArn"].as_str().unwrap().ends_with("-queue-dlq.fifo"));

    for (id, body) in [("a:1-1", "first"), ("a:1-1", "repeated"), ("a:2-2", "second")] {
        let send = sqs.send_message().queue_url(url).message_group_id("a").message_body(body);
        send.message_deduplication_id(id).send().await.unwrap();
    }
    let receive = sqs.receive_message().queue_url(url).max_number_of_messages(10);
    let received = receive.send().await.unwrap();
    let bodies: Vec<_> = received.messages().iter().filter_map(|m| m.body()).collect();
    assert_eq!(bodies, ["first", "second"]);

    let (dynamodb, table) = (&stack.aws.dynamodb, &stack.settings.bids_table);
    let item = HashMap::from([
        ("auction_id".to_owned(), AttributeValue::S("a".into())),
        ("timestamp#user_id".to_owned(), AttributeValue::S("0000000000007#u".into())),
        ("user_id".to_owned(), AttributeValue::S("u".into())),
        ("timestamp".to_owned(), AttributeValue::N("7".into())),
    ]);
    dynamodb.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    let query = dynamodb.query().table_name(table).index_name("user_id-timestamp-index");
    let query = query.key_condition_expression("user_id = :u");
    let own = query.expression_attribute_values(":u", AttributeValue::S("u".into())).send().await;
    assert_eq!(own.unwrap().count(), 1);
    let ttl = dynamodb.describe_time_to_live().table_name(table).send().await.unwrap();
    assert_eq!(ttl.time_to_live_description().unwrap().attribute_name(), Some("ttl_expiry"));
}

#[tokio::test]
async fn redis_and_postgres_keep_their_data_when_killed_and_the_emulator_when_restarted() {
    let mut stack = services().await;
    let url = stack.settings.database_url.clone();
    let mut database = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::query("create table kept as select 7 as n").execute(&mut database).await.unwrap();
    let before = stack.sign_in("seller").await.unwrap().subject().unwrap();

    stack.redis.kill().await.unwrap();
    stack.redis.start().await.unwrap();
    stack.postgres.kill().await.unwrap();
    stack.postgres.start().await.unwrap();
    stack.emulator.restart().await.unwrap();

    let mut database = sqlx::PgConnection::connect(&url).await.unwrap();
    let n: i32 = sqlx::query_scalar("select n from kept").fetch_one(&mut database).await.unwrap();
    assert_eq!(n, 7);
    assert_eq!(stack.sign_in("seller").await.unwrap().subject().unwrap(), before);
}

#[tokio::test]
async fn a_frozen_service_holds_its_callers_until_it_goes_on() {
    let mut stack = services().await;
    stack.emulator.pause().unwrap();
    let sign_in = stack.sign_in("seller");
    let waited = tokio::time::timeout(std::time::Duration::from_millis(300), sign_in).await;
    assert!(waited.is_err(), "a frozen emulator answered");
    stack.emulator.resume().unwrap();
    stack.sign_in("seller").await.unwrap();
}

#[tokio::test]
async fn two_stacks_run_at_once_and_their_folders_go_with_them() {
    let since = Instant::now();
    let (one, two) = tokio::join!(services(), services());
    eprintln!("two sets of services were ready in {:?}", since.elapsed());
    assert_ne!(one.settings.redis_url, two.settings.redis_url);
    assert_ne!(one.settings.user_pool_id, two.settings.user_pool_id);
    let folder = one.logs();
    assert!(folder.exists());
    drop(one);
    assert!(!folder.exists());
}
