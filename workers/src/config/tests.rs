//! Configuration is read without touching the process environment.

use secrecy::ExposeSecret;

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "DATABASE_URL" => "postgres://gavel:hunter2@localhost/gavel",
        "REDIS_URL" => "redis://localhost:6379",
        "SQS_BID_QUEUE_URL" => "http://localhost:4566/000000000000/bid-persistence-queue.fifo",
        "SQS_NOTIFICATION_QUEUE_URL" => {
            "http://localhost:4566/000000000000/notification-queue.fifo"
        }
        "SQS_CHAT_QUEUE_URL" => "http://localhost:4566/000000000000/chat-persistence-queue",
        "DYNAMODB_BIDS_TABLE" => "bids_history",
        "DYNAMODB_CHAT_TABLE" => "chat_messages",
        "COGNITO_USER_POOL_ID" => "us-east-1_abcdefghi",
        "GAVEL_PUBLIC_URL" => "https://bids.example.com/",
        "GAVEL_EMAIL_FROM" => "auctions@example.com",
        "GAVEL_DEPLOYMENT" => "test",
        "GAVEL_EDGE_KEY" | "GAVEL_LINK_KEY" => KEY,
        _ => return None,
    };
    Some(value.to_owned())
}

#[test]
fn the_environment_beats_the_file_which_beats_the_defaults() {
    let config = Config::read(Some("region = \"euw1\"\nshards = 3"), |name| match name {
        "GAVEL_SHARDS" => Some("5".to_owned()),
        _ => environment(name),
    })
    .unwrap();
    assert_eq!(config.region.as_str(), "euw1");
    assert_eq!(config.shards, 5);
    assert_eq!(config.acknowledge, Level::Queue);
    assert_eq!(config.edge_key.expose_secret(), KEY);
}

#[test]
fn every_fault_is_reported_at_once() {
    let file = "bogus = 1\nregion = \"NOPE\"\nshards = 0";
    let InvalidConfig(faults) =
        Config::read(Some(file), |name| (name == "GAVEL_EDGE_KEY").then(|| "short".to_owned()))
            .unwrap_err();
    for part in ["bogus", "region", "shards", "DATABASE_URL", "REDIS_URL", "GAVEL_EDGE_KEY"] {
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part}: {faults:?}");
    }
    assert!(!faults.iter().any(|fault| fault.contains("short")), "{faults:?}");
}

#[test]
fn debug_output_shows_no_secret() {
    let shown = format!("{:?}", Config::read(None, environment).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains(KEY), "{shown}");
}

#[test]
fn several_redis_nodes_make_sense_only_as_a_cluster_and_all_with_tls_or_none() {
    let read = |urls: &str, cluster: &str| {
        Config::read(None, |name| match name {
            "REDIS_URL" => Some(urls.to_owned()),
            "GAVEL_REDIS_CLUSTER" => Some(cluster.to_owned()),
            _ => environment(name),
        })
    };
    let two = "redis://node-1:6379,redis://node-2:6379";
    assert!(read("redis://node-1:6379", "true").unwrap().redis_cluster);
    assert_eq!(read(two, "true").unwrap().redis_url.expose_secret(), two);
    for (urls, cluster) in
        [(two, "false"), ("redis://node-1,rediss://node-2", "true"), ("node-1:6379", "true")]
    {
        let InvalidConfig(faults) = read(urls, cluster).unwrap_err();
        assert!(faults[0].contains("REDIS_URL"), "{faults:?}");
        assert!(!faults[0].contains("node-1"), "the value may be secret: {faults:?}");
    }
}
