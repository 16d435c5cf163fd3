//! The opening of an auction: by itself at its time, by its seller before, and after a break-down.

use anyhow::Result;
use futures::future::try_join_all;
use gavel_core::time::Timestamp;
use gavel_local::WorkerOptions;
use gavel_tests::client::millis;
use gavel_tests::evidence;
use gavel_tests::wait::{LEISURES, Tried, WITHIN, eventually, seen};
use gavel_tests::world::{DURATION_S, World, served};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

/// How long an auction here lasts, in milliseconds.
const DURATION_MS: u64 = DURATION_S * 1_000;
/// A time that does not come before the test is over, in milliseconds from now.
const MUCH_LATER_MS: u64 = 3_600_000;

#[tokio::test]
async fn a_scheduled_auction_opens_by_itself_at_its_time() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    let much_later = now().plus_ms(MUCH_LATER_MS);
    let auction = world.auction(json!({"opens_at": much_later.to_string()})).await?;
    let state = world.state(&auction).await?;
    assert_eq!(state["status"], "scheduled", "{state}");
    let early = world.bid(&auction, &world.bidders[0], 100).await?;
    assert_eq!((early.status, early.code()), (409, "auction-not-live"), "{early:?}");

    let opens_at = now().plus_ms(1_500);
    let path = format!("/v1/auctions/{auction}");
    let sooner = json!({"opens_at": opens_at.to_string()});
    let edited = world.edge.patch(&path, &world.seller.token, &sooner).await?;
    assert_eq!(edited.status, 200, "{edited:?}");
    let state = world.until(&auction, WITHIN, |state| state["status"] == "live").await?;
    let opened = millis(&state["ends_at"]) - DURATION_MS;
    let due = u64::try_from(opens_at.as_ms())?;
    assert!(opened >= due, "opened {} ms early", due - opened);
    assert_eq!(world.bid(&auction, &world.bidders[0], 100).await?.status, 201);
    // Two timers saw it: were it opened twice, the end would have moved or the bid be gone.
    let after = eventually(
        "listing",
        WITHIN,
        || async { Ok(world.edge.get(&path, "").await?.body) },
        |shown: &Value| shown["status"] == "live",
    )
    .await?;
    assert_eq!(millis(&after["ends_at"]), opened + DURATION_MS, "{after}");
    assert_eq!(world.state(&auction).await?["seq"], 1);
    world.stack.stop().await
}

#[tokio::test]
async fn a_seller_may_open_or_cancel_before_the_time() -> Result<()> {
    let world = World::start().await?;
    seen("all of it before the time", |leisure| drive_before_the_time(&world, leisure)).await?;
    world.stack.stop().await
}

/// Opens, cancels and puts off before the time, and looks afterwards. Says so when the time came first.
async fn drive_before_the_time(world: &World, leisure: u32) -> Result<Tried> {
    let opens_at = now().plus_ms(3_000 * u64::from(leisure));
    let terms = json!({"opens_at": opens_at.to_string()});
    let opened = world.live_auction(terms.clone()).await?;
    let end = world.state(&opened).await?["ends_at"].clone();
    let too_late = || Ok(Err(format!("it was {opens_at} before all was done")));
    let cancelled = world.auction(terms.clone()).await?;
    let cancel = format!("/v1/auctions/{cancelled}/cancel");
    let reply = world.edge.act(&cancel, &world.seller.token).await?;
    assert_eq!((reply.status, &reply.body["outcome"]), (200, &json!("cancelled")), "{reply:?}");
    // One that is put off, and one that shows when the time has come and the timer has looked.
    let put_off = world.auction(terms.clone()).await?;
    let later = json!({"opens_at": now().plus_ms(MUCH_LATER_MS).to_string()});
    let path = format!("/v1/auctions/{put_off}");
    let edited = world.edge.patch(&path, &world.seller.token, &later).await?;
    if edited.code() == "auction-not-scheduled" {
        return too_late();
    }
    assert_eq!(edited.body["opens_at"], later["opens_at"], "{edited:?}");
    let third = world.auction(terms).await?;
    if now() >= opens_at {
        return too_late();
    }
    world.until(&third, WITHIN * 2, |state| state["status"] == "live").await?;
    assert_eq!(world.state(&opened).await?["ends_at"], end, "it was open already");
    assert_eq!(world.state(&cancelled).await?["status"], "closed", "and stays so");
    assert_eq!(world.state(&put_off).await?["status"], "scheduled");
    let again = world.edge.act(&cancel, &world.seller.token).await?;
    assert_eq!((again.status, &again.body["outcome"]), (200, &json!("cancelled")), "{again:?}");
    Ok(Ok(()))
}

#[tokio::test]
async fn an_opening_that_broke_off_is_finished_and_one_without_postgres_is_late() -> Result<()> {
    let mut world = World::start().await?;
    // A worker that died right after it had told the catalogue, and before the ledger heard of it.
    let broken_off = world.auction(json!({})).await?;
    let mut connection = PgConnection::connect(&world.stack.settings.database_url).await?;
    let told =
        sqlx::query("update auctions set opening = 'seller' where id = $1").bind(&broken_off);
    assert_eq!(told.execute(&mut connection).await?.rows_affected(), 1);
    connection.close().await?;
    world.until(&broken_off, WITHIN, |state| state["status"] == "live").await?;
    assert_eq!(world.bid(&broken_off, &world.bidders[0], 100).await?.status, 201);

    let (late, opens_at) = lose_postgres_before_an_opening(&mut world).await?;
    let time = || async { Ok(now()) };
    eventually("the time", WITHIN, time, |now| *now > opens_at.plus_ms(500)).await?;
    assert_eq!(world.bid(&broken_off, &world.bidders[1], 110).await?.status, 201);
    let back = now();
    world.stack.postgres.start().await?;
    let state = world.until(&late, WITHIN, |state| state["status"] == "live").await?;
    let end = millis(&state["ends_at"]);
    assert!(
        end >= u64::try_from(back.as_ms())? + DURATION_MS,
        "late, and the whole duration: {state}"
    );
    world.stack.stop().await
}

/// Kills PostgreSQL while an auction waits for its time. Gives the auction and the time.
async fn lose_postgres_before_an_opening(world: &mut World) -> Result<(String, Timestamp)> {
    for leisure in LEISURES {
        let opens_at = now().plus_ms(2_000 * u64::from(leisure));
        let auction = world.auction(json!({"opens_at": opens_at.to_string()})).await?;
        world.stack.postgres.kill().await?;
        if now() < opens_at {
            return Ok((auction, opens_at));
        }
        world.stack.postgres.start().await?;
    }
    anyhow::bail!("it was always time before PostgreSQL was gone")
}

#[tokio::test]
async fn cancelling_while_it_opens_ends_it_one_way_or_the_other() -> Result<()> {
    let world = World::start().await?;
    for _ in 0..10 {
        let auction = world.auction(json!({})).await?;
        let act = |what: &str| {
            let path = format!("/v1/auctions/{auction}/{what}");
            let (edge, token) = (&world.edge, &world.seller.token);
            async move { edge.act(&path, token).await }
        };
        let (opened, cancelled) = tokio::try_join!(act("open"), act("cancel"))?;
        assert!(matches!(opened.status, 200 | 409), "{opened:?}");
        // An opening under way that the ledger has not heard of yet: asked again, it decides.
        assert!(matches!(cancelled.status, 200 | 503), "{cancelled:?}");
        let cancelled = served(|| act("cancel")).await?;
        assert_eq!((cancelled.status, &cancelled.body["outcome"]), (200, &json!("cancelled")));
        assert_eq!(world.state(&auction).await?["outcome"], "cancelled", "both agree");
        let result = evidence::result(&world.stack, &auction).await?;
        assert_eq!(result.outcome.as_deref(), Some("cancelled"));
    }
    world.stack.stop().await
}

#[tokio::test]
async fn an_auction_can_be_changed_until_it_opens() -> Result<()> {
    let world = World::start().await?;
    let auction = world.auction(json!({"reserve_price": 500, "category": "watches"})).await?;
    let path = format!("/v1/auctions/{auction}");
    let edit = async |token: &str, body: Value| world.edge.patch(&path, token, &body).await;
    let changes = json!({"title": "A clock", "starting_price": 200, "category": null});
    let changed = edit(&world.seller.token, changes.clone()).await?;
    assert_eq!(changed.status, 200, "{changed:?}");
    let expected = json!(["A clock", 200, 500, null, "scheduled"]);
    let shown = |body: &Value| {
        let names = ["title", "starting_price", "reserve_price", "category", "status"];
        Value::from_iter(names.map(|name| body[name].clone()))
    };
    assert_eq!(shown(&changed.body), expected);
    let read = world.edge.get(&path, &world.seller.token).await?;
    assert_eq!(shown(&read.body), expected);

    let stranger = edit(&world.bidders[0].token, changes.clone()).await?;
    assert_eq!((stranger.status, stranger.code()), (403, "forbidden"), "{stranger:?}");
    assert_eq!(edit("", changes.clone()).await?.status, 401);
    let above_reserve = edit(&world.seller.token, json!({"starting_price": 600})).await?;
    assert_eq!((above_reserve.status, above_reserve.fields()), (422, vec!["reserve_price"]));
    let unknown = edit(&world.seller.token, json!({"status": "closed"})).await?;
    assert_eq!((unknown.status, unknown.fields()), (422, vec!["status"]));
    let admin = world.stack.sign_in("admin").await?.access;
    assert_eq!(edit(&admin, json!({"title": "A fine clock"})).await?.status, 200);

    let opened = world.edge.act(&format!("{path}/open"), &world.seller.token).await?;
    assert_eq!(opened.body["title"], "A fine clock", "{opened:?}");
    let late = edit(&world.seller.token, json!({"starting_price": 1})).await?;
    assert_eq!((late.status, late.code()), (409, "auction-not-scheduled"), "{late:?}");
    let low = world.bid(&auction, &world.bidders[0], 199).await?;
    assert_eq!((low.code(), &low.body["minimum"]), ("bid-too-low", &json!(200)), "{low:?}");
    world.stack.stop().await
}

#[tokio::test]
async fn who_bids_or_looks_while_it_opens_is_never_told_to_come_back() -> Result<()> {
    let mut world = World::start().await?;
    world.stack.add_worker(&WorkerOptions::named("second")).await?;
    for _ in 0..10 {
        let auction = world.auction(json!({})).await?;
        let bidding = async {
            loop {
                let bid = world.bid(&auction, &world.bidders[0], 100).await?;
                match bid.status {
                    201 => return Ok(()),
                    409 => assert_eq!(bid.code(), "auction-not-live", "{bid:?}"),
                    _ => anyhow::bail!("neither live nor not: {bid:?}"),
                }
            }
        };
        let looking = async {
            loop {
                let state = world.edge.get(&format!("/v1/auctions/{auction}/state"), "").await?;
                anyhow::ensure!(state.status == 200, "no state: {state:?}");
                if state.body["status"] == "live" {
                    return Ok(());
                }
            }
        };
        let open = format!("/v1/auctions/{auction}/open");
        let opening = world.edge.act(&open, &world.seller.token);
        let (opened, (), ()) = tokio::try_join!(opening, bidding, looking)?;
        assert_eq!(opened.body["status"], "live", "{opened:?}");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn changes_at_once_are_all_kept() -> Result<()> {
    let world = World::start().await?;
    let auction = world.auction(json!({})).await?;
    let path = format!("/v1/auctions/{auction}");
    let fields = [
        ("description", json!("old")),
        ("category", json!("watches")),
        ("condition", json!("worn")),
        ("reserve_price", json!(900)),
    ];
    let edits = fields.iter().map(|(name, value)| {
        let body = json!({ *name: value });
        let (edge, token, path) = (&world.edge, &world.seller.token, &path);
        async move { edge.patch(path, token, &body).await }
    });
    for edited in try_join_all(edits).await? {
        assert_eq!(edited.status, 200, "{edited:?}");
    }
    let read = world.edge.get(&path, &world.seller.token).await?.body;
    for (name, value) in &fields {
        assert_eq!(&read[*name], value, "{read}");
    }
    world.stack.stop().await
}

/// This machine's clock, which Redis shares here.
fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    Timestamp::from_ms(since.as_millis().try_into().expect("and before the year 9999"))
}
