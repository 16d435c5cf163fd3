//! The time at which an auction is to open by itself.

use std::time::{Duration, Instant};

use gavel_core::limits::{OPENS_AT_AHEAD_DAYS_MAX, OPENS_AT_LATE_MINUTES_MAX};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::world::{NOBODY, SELLER, WITHIN, World, world};

const LATE_S_MAX: i64 = OPENS_AT_LATE_MINUTES_MAX.cast_signed() * 60;
const DAY_S: i64 = 86_400;

/// So many seconds from now.
fn at(seconds: i64) -> String {
    let at = OffsetDateTime::now_utc() + time::Duration::seconds(seconds);
    at.format(&Rfc3339).unwrap()
}

fn watch(opens_at: &str) -> Value {
    json!({ "title": "A watch", "starting_price": 1000, "duration_s": 600, "opens_at": opens_at })
}

async fn create(world: &World, key: &str, opens_at: &str) -> (u16, Value) {
    world.post(SELLER.key(key), "/v1/auctions", &watch(opens_at)).await
}

fn is_refused(answer: &(u16, Value)) -> bool {
    answer.0 == 422 && answer.1["errors"][0]["field"] == "opens_at"
}

#[tokio::test]
async fn a_start_in_the_past_is_refused_on_creating_and_on_editing() {
    let world = world().await;
    let soon = at(DAY_S);
    let (status, scheduled) = create(&world, "scheduled", &soon).await;
    assert_eq!(status, 201, "{scheduled}");
    let path = format!("/v1/auctions/{}", scheduled["id"].as_str().unwrap());
    let far = OPENS_AT_AHEAD_DAYS_MAX.cast_signed() + 1;
    for seconds in [-365 * DAY_S, -LATE_S_MAX - 30, far * DAY_S, 1_000 * 365 * DAY_S] {
        let wrong = at(seconds);
        let created = create(&world, "wrong", &wrong).await;
        assert!(is_refused(&created), "{wrong}: {created:?}");
        let change = json!({ "opens_at": wrong, "title": "A clock" });
        let edited = world.send(SELLER, "PATCH", &path, &change).await;
        assert!(is_refused(&edited), "{wrong}: {edited:?}");
    }
    let (_, kept) = world.get(SELLER, &path).await;
    assert_eq!((&kept["title"], &kept["opens_at"]), (&json!("A watch"), &scheduled["opens_at"]));
    let (status, edited) = world.send(SELLER, "PATCH", &path, &json!({ "title": "A clock" })).await;
    assert_eq!((status, &edited["opens_at"]), (200, &scheduled["opens_at"]), "{edited}");

    // A minute ago is meant for at once.
    let (status, late) = create(&world, "late", &at(-60)).await;
    assert_eq!(status, 201, "{late}");
    let late = format!("/v1/auctions/{}", late["id"].as_str().unwrap());
    world.until(NOBODY, &late, |_, auction| auction["status"] == "live").await;
}

#[tokio::test]
async fn a_repeat_of_creating_gets_its_first_answer_when_the_start_has_long_passed() {
    let world = world().await;
    // It is just not too late yet, and soon will be.
    let opens_at = at(-LATE_S_MAX + 5);
    let (status, first) = create(&world, "first", &opens_at).await;
    assert_eq!(status, 201, "{first}");
    let deadline = Instant::now() + WITHIN;
    for attempt in 0.. {
        let other = create(&world, &format!("other-{attempt}"), &opens_at).await;
        if is_refused(&other) {
            break;
        }
        assert!(Instant::now() < deadline, "{other:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (status, again) = create(&world, "first", &opens_at).await;
    assert_eq!((status, &again["id"]), (200, &first["id"]), "{again}");
    let (status, problem) = create(&world, "first", &at(-DAY_S)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency-conflict")), "{problem}");
}
