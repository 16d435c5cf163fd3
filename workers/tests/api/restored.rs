//! A PostgreSQL that was put back to an earlier time, as the runbook does it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::PgPool;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::world::{Ask, NOBODY, SELLER, World, world};

/// One more than the timer looks at in one go.
const CLOSED: usize = 101;
/// How late the one that is to open may be, on a busy machine.
const LATE_MAX: Duration = Duration::from_secs(5);

async fn catalogue(world: &World) -> PgPool {
    PgPool::connect(&world.stack.settings.database_url).await.unwrap()
}

async fn count(catalogue: &PgPool, status: &str) -> usize {
    let query = sqlx::query_scalar("select count(*) from auctions where status = $1").bind(status);
    usize::try_from(query.fetch_one(catalogue).await.map(|n: i64| n).unwrap()).unwrap()
}

async fn all_are(catalogue: &PgPool, status: &str, within: Duration) {
    let since = Instant::now();
    loop {
        let found = count(catalogue, status).await;
        if found == CLOSED {
            return;
        }
        assert!(since.elapsed() < within, "only {found} are {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn auctions_open_on_time_and_old_rows_are_mended_after_postgresql_was_put_back() {
    let world = world().await;
    let catalogue = catalogue(&world).await;
    for n in 0..CLOSED {
        let key = format!("create-{n}");
        let body = json!({ "title": "A watch", "starting_price": 1000, "duration_s": 600 });
        let (status, auction) = world.post(Ask::key(SELLER, &key), "/v1/auctions", &body).await;
        assert_eq!(status, 201, "{auction}");
        let path = format!("/v1/auctions/{}", auction["id"].as_str().unwrap());
        assert_eq!(world.drive(SELLER, &path, "open").await.0, 200);
        assert_eq!(world.drive(SELLER, &path, "close").await.0, 200);
    }
    all_are(&catalogue, "closed", Duration::from_secs(20)).await;

    sqlx::query(
        "update auctions set status = 'scheduled', opens_at = now() - interval '1 hour', \
         log_position = 0, closed_at = null, outcome = null, ends_at = null, \
         opening = case when random() < 0.5 then 'seller' end",
    )
    .execute(&catalogue)
    .await
    .unwrap();
    let opens_at = OffsetDateTime::now_utc() + time::Duration::seconds(2);
    let due = Instant::now() + Duration::from_secs(2);
    let opens_at = opens_at.format(&Rfc3339).unwrap();
    let new = world.auction(&json!({ "opens_at": opens_at })).await;
    loop {
        let (_, auction): (u16, Value) = world.get(NOBODY, &new).await;
        if auction["status"] == "live" {
            break;
        }
        assert!(Instant::now() < due + LATE_MAX, "{auction}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    all_are(&catalogue, "closed", Duration::from_secs(20)).await;
}

#[tokio::test]
async fn a_result_is_recorded_although_many_before_it_cannot_be() {
    let world = world().await;
    for shard in 0..8 {
        // They are in neither the ledger nor the catalogue.
        let lost = (0..CLOSED).flat_map(|_| ["0".to_owned(), format!("use1_{}", Uuid::now_v7())]);
        let lost: Vec<String> = lost.collect();
        let key = format!("gavel:{{{shard}}}:unrecorded");
        let mut add = vec!["ZADD", &key];
        add.extend(lost.iter().map(String::as_str));
        let added: usize = gavel_local::redis::ask(&world.stack.redis, &add).await.unwrap();
        assert_eq!(added, CLOSED);
    }
    let auction = world.auction(&json!({ "duration_s": 5 })).await;
    assert_eq!(world.drive(SELLER, &auction, "open").await.0, 200);
    let catalogue = catalogue(&world).await;
    let since = Instant::now();
    while count(&catalogue, "closed").await != 1 {
        assert!(since.elapsed() < Duration::from_secs(30), "it is not recorded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
