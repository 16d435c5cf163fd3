//! The catalogue on a real PostgreSQL, a database of its own for each test.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use gavel_core::auction::{
    Auction, CloseCause, Command, OpenCause, Outcome, PlaceBid, apply, decide,
};
use gavel_core::ids::{AuctionId, BidId, IdempotencyKey, RegionCode, UserId};
use gavel_core::money::{Amount, Currency};
use gavel_core::time::Timestamp;
use gavel_core::wire::{CreateAuction, Status};
use gavel_local::{Options, Stack};
use gavel_workers::catalog::{Catalog, CatalogError, Created, Filter, NewAuction};
use uuid::Uuid;

/// How long anything here may take to come true.
const WITHIN: Duration = Duration::from_secs(60);

async fn catalog() -> (Stack, Catalog) {
    let options = Options::services_for_tests().expect("ports are free");
    let stack = Stack::start(options).await.expect("infra/local/install has run");
    let catalog = Catalog::new(&stack.settings.database_url, 5).unwrap();
    catalog.migrate().await.unwrap();
    (stack, catalog)
}

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn request(more: &str) -> CreateAuction {
    let body = format!(r#"{{"title": "A watch", "starting_price": 1000, "duration_s": 60{more}}}"#);
    CreateAuction::parse(body.as_bytes()).unwrap()
}

async fn create(
    catalog: &Catalog,
    seller: &str,
    key: &str,
    digest: &str,
    request: &CreateAuction,
) -> Result<Created, CatalogError> {
    let region = RegionCode::parse("use1").unwrap();
    catalog
        .create(NewAuction {
            id: AuctionId::new(&region, Uuid::now_v7()),
            seller: &user(seller),
            request,
            idempotency_key: &IdempotencyKey::parse(key).unwrap(),
            request_sha256: digest,
        })
        .await
}

/// The state after `command`, which must be accepted.
fn after(state: &Auction, command: &Command, now_ms: i64) -> Auction {
    let mut state = state.clone();
    for event in decide(&state, command, Timestamp::from_ms(now_ms)).unwrap() {
        apply(&mut state, &event);
    }
    state
}

#[tokio::test]
async fn an_auction_reads_back_as_it_was_created() {
    let (_stack, catalog) = catalog().await;
    catalog.migrate().await.expect("migrating twice changes nothing");
    let request = request(
        r#", "description": "d", "category": "c", "condition": "new", "private": true,
            "image_urls": ["https://example.com/1.jpg", "https://example.com/2.jpg"],
            "currency": "EUR", "reserve_price": 5000, "buy_now_price": 9000, "grace_ms": 250,
            "bid_ceiling": 9007199254740991, "opens_at": "2026-11-23T05:17:00.007Z",
            "increments": [{"from": 0, "step": 50}, {"from": 10000, "step": 500}],
            "soft_close": {"window_s": 10, "extension_s": 20, "max_extensions": 3}"#,
    );
    let created = create(&catalog, "seller", "key", "digest", &request).await.unwrap();
    assert!(!created.repeated);
    let record = catalog.get(&created.record.id).await.unwrap();
    assert_eq!(record, created.record);
    assert_eq!(record.terms, request.terms);
    assert_eq!(record.image_urls, request.image_urls);
    assert_eq!((record.terms.opens_at, record.private), (request.terms.opens_at, true));
    assert_eq!((record.status, record.result.clone()), (Status::Scheduled, None));
    assert_eq!(record.state(), Some(record.scheduled()));
    let unknown = AuctionId::new(&RegionCode::parse("use1").unwrap(), Uuid::now_v7());
    assert!(matches!(catalog.get(&unknown).await, Err(CatalogError::NotFound)));
}

#[tokio::test]
async fn an_auction_in_a_currency_that_was_withdrawn_since_is_read() {
    let (_stack, catalog) = catalog().await;
    let mut request = request("");
    request.terms.currency = Currency::recorded("BGN").unwrap();
    let created = create(&catalog, "seller", "key", "digest", &request).await.unwrap();
    let record = catalog.get(&created.record.id).await.unwrap();
    assert_eq!(record.terms, request.terms);
}

#[tokio::test]
async fn one_request_makes_one_auction_however_often_it_is_sent() {
    let (_stack, catalog) = catalog().await;
    let request = request("");
    let attempts = (0..20).map(|_| create(&catalog, "seller", "key", "digest", &request));
    let created = futures::future::try_join_all(attempts).await.unwrap();
    assert_eq!(created.iter().filter(|created| !created.repeated).count(), 1);
    assert!(created.iter().all(|one| one.record == created[0].record));

    let conflict = create(&catalog, "seller", "key", "another digest", &request).await;
    assert!(matches!(conflict, Err(CatalogError::Conflict)), "{conflict:?}");
    let other = create(&catalog, "another-seller", "key", "d", &request);
    assert!(!other.await.unwrap().repeated, "keys belong to their seller");
    let all = catalog.list(&Filter::default(), None, 10).await.unwrap();
    assert_eq!(all.items.len(), 2);
}

#[tokio::test]
async fn pages_are_newest_first_and_complete() {
    let (_stack, catalog) = catalog().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let category = if number % 2 == 0 { "even" } else { "odd" };
        let request = request(&format!(r#", "category": "{category}""#));
        let key = format!("key-{number}");
        ids.push(create(&catalog, "seller", &key, "d", &request).await.unwrap().record.id);
    }
    ids.reverse();

    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = catalog.list(&Filter::default(), cursor.as_deref(), 3).await.unwrap();
        assert!(page.items.len() <= 3);
        seen.extend(page.items.into_iter().map(|record| record.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);

    let odd = Filter { category: Some("odd".to_owned()), ..Filter::default() };
    let page = catalog.list(&odd, None, 3).await.unwrap();
    assert_eq!((page.items.len(), page.next_cursor), (3, None), "exactly the last page");
    let live = Filter { status: Some(Status::Live), ..Filter::default() };
    assert!(catalog.list(&live, None, 3).await.unwrap().items.is_empty());
    let wrong = catalog.list(&live, Some("bm90IGEgY3Vyc29y"), 3).await;
    assert!(matches!(wrong, Err(CatalogError::InvalidCursor)), "{wrong:?}");
}

#[tokio::test]
async fn a_page_of_long_texts_ends_early_and_the_next_goes_on() {
    let (_stack, catalog) = catalog().await;
    // 40 KB of description and 41 KB of addresses: six of them are under 512 KB.
    let description = "\u{1f528}".repeat(10_000);
    let url = format!("\"https://example.com/{}\"", "x".repeat(2_028));
    let image_urls = vec![url; 20].join(",");
    let long =
        request(&format!(r#", "description": "{description}", "image_urls": [{image_urls}]"#));
    let mut ids = Vec::new();
    for number in 0..14 {
        let key = format!("key-{number}");
        ids.push(create(&catalog, "seller", &key, "d", &long).await.unwrap().record.id);
    }
    ids.reverse();

    let (mut seen, mut sizes, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = catalog.list(&Filter::default(), cursor.as_deref(), 100).await.unwrap();
        sizes.push(page.items.len());
        seen.extend(page.items.into_iter().map(|record| record.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((sizes, seen), (vec![6, 6, 2], ids));
}

#[tokio::test]
async fn the_catalogue_follows_the_ledger_and_keeps_the_first_result() {
    let (_stack, catalog) = catalog().await;
    let created = create(&catalog, "seller", "key", "d", &request("")).await.unwrap();
    let id = created.record.id.clone();
    let live = after(&created.record.scheduled(), &Command::Open(OpenCause::Seller), 1_000);
    catalog.mark_phase(&live).await.unwrap();
    let paused = after(&live, &Command::Pause, 2_000);
    let resumed = after(&paused, &Command::Resume, 3_000);
    catalog.mark_phase(&resumed).await.unwrap();
    catalog.mark_phase(&paused).await.expect("what arrives late is no error");
    let record = catalog.get(&id).await.unwrap();
    assert_eq!((record.status, record.ends_at), (Status::Live, resumed.ends_at()));
    assert_eq!(record.state(), None, "only the ledger knows");
    assert!(!catalog.cancel_scheduled(&id).await.unwrap(), "it is not scheduled any more");

    let bidder = user("bidder");
    let key = IdempotencyKey::parse("bid").unwrap();
    let bid = PlaceBid {
        bid_id: BidId::derive(&id, &bidder, &key),
        bidder: bidder.clone(),
        amount: Amount::new(1_500).unwrap(),
        max: Amount::new(1_500).unwrap(),
        currency: None,
        arrived_at: None,
    };
    let bid_on = after(&resumed, &Command::Bid(bid), 4_000);
    let sold = after(&bid_on, &Command::Close(CloseCause::Hammer), 5_000);
    let cancelled = after(&bid_on, &Command::Cancel, 5_000);
    assert!(catalog.record_result(&sold).await.unwrap());
    assert!(!catalog.record_result(&sold).await.unwrap(), "once");
    assert!(!catalog.record_result(&cancelled).await.unwrap(), "the first one stays");
    catalog.mark_phase(&bid_on).await.expect("what arrives late is no error");

    let record = catalog.get(&id).await.unwrap();
    let result = record.result.clone().unwrap();
    assert_eq!(record.status, Status::Closed);
    assert_eq!((result.closed_at, result.bid_count), (Timestamp::from_ms(5_000), 1));
    assert_eq!(result.price, Amount::new(1_500));
    assert!(matches!(&result.outcome, Outcome::Sold { winner, .. } if *winner == bidder));
    let state = record.state().unwrap();
    assert_eq!((state.phase, state.seq), (sold.phase.clone(), 1));

    let unknown =
        Auction { id: AuctionId::parse(&id.as_str().replace("use1", "use2")).unwrap(), ..sold };
    let recorded = catalog.record_result(&unknown).await;
    assert!(matches!(recorded, Err(CatalogError::NotFound)), "{recorded:?}");
    let recorded = catalog.record_result(&live).await;
    assert!(matches!(recorded, Err(CatalogError::Broken(_))), "{recorded:?}");
}

#[tokio::test]
async fn an_auction_that_was_never_opened_is_cancelled_once() {
    let (_stack, catalog) = catalog().await;
    let created = create(&catalog, "seller", "key", "d", &request("")).await.unwrap();
    let id = created.record.id;
    assert!(catalog.cancel_scheduled(&id).await.unwrap());
    assert!(!catalog.cancel_scheduled(&id).await.unwrap());
    let record = catalog.get(&id).await.unwrap();
    assert_eq!(record.result.unwrap().outcome, Outcome::Cancelled);
    let now = Timestamp::from_ms(1_000);
    catalog.begin_opening(&id, OpenCause::Seller, now).await.unwrap();
    assert_eq!(catalog.get(&id).await.unwrap().status, Status::Closed, "it is not opened any more");
    assert_eq!(
        catalog.due_to_open(Timestamp::from_ms(i64::MAX), &HashSet::new()).await.unwrap(),
        []
    );
}

#[tokio::test]
async fn what_is_due_or_being_opened_is_found_until_it_is_open() {
    let (_stack, catalog) = catalog().await;
    let at = |ms| Timestamp::parse("2027-01-01T00:00:00Z").unwrap().plus_ms(ms);
    let opening = |ms| request(&format!(r#", "opens_at": "{}""#, at(ms)));
    let id = async |key: &str, request: &CreateAuction| {
        create(&catalog, "seller", key, key, request).await.unwrap().record.id
    };
    let second = id("second", &opening(2_000)).await;
    let first = id("first", &opening(1_000)).await;
    let unplanned = id("unplanned", &request("")).await;
    let due = async |ms| -> Vec<(AuctionId, OpenCause)> {
        let due = catalog.due_to_open(at(ms), &HashSet::new()).await.unwrap();
        due.into_iter().map(|due| (due.id, due.cause)).collect()
    };
    let (time, seller) = (OpenCause::Time, OpenCause::Seller);
    assert_eq!(due(999).await, []);
    assert_eq!(due(1_000).await, [(first.clone(), time)], "from its time on");
    assert_eq!(due(9_000).await, [(first.clone(), time), (second.clone(), time)]);

    catalog.begin_opening(&unplanned, time, at(9_000)).await.unwrap();
    catalog.begin_opening(&first, time, at(999)).await.unwrap();
    for early in [&unplanned, &first] {
        assert!(!catalog.get(early).await.unwrap().opening, "it is not its time");
    }
    catalog.begin_opening(&unplanned, seller, at(0)).await.unwrap();
    assert_eq!(due(0).await, [(unplanned.clone(), seller)], "an opening that broke off");
    assert!(!catalog.cancel_scheduled(&unplanned).await.unwrap(), "the ledger may have it");
    let record = catalog.get(&unplanned).await.unwrap();
    let live = after(&record.scheduled(), &Command::Open(OpenCause::Seller), 1_000);
    catalog.mark_phase(&live).await.unwrap();
    assert_eq!(due(0).await, []);
    assert!(catalog.cancel_scheduled(&first).await.unwrap());
    assert_eq!(due(9_000).await, [(second.clone(), time)]);

    let read = catalog.get(&second).await.unwrap();
    assert!(catalog.edit(&read, &opening(99_000)).await.unwrap());
    catalog.begin_opening(&second, time, at(9_000)).await.unwrap();
    let record = catalog.get(&second).await.unwrap();
    assert!(!record.opening, "put off after it was found due: it can go on being changed");
    assert!(catalog.edit(&record, &request("")).await.unwrap());
    assert!(!catalog.edit(&record, &request("")).await.unwrap(), "somebody changed it meanwhile");
    catalog.begin_opening(&second, seller, at(0)).await.unwrap();
    let record = catalog.get(&second).await.unwrap();
    assert!(!catalog.edit(&record, &request("")).await.unwrap(), "its terms are fixed");
}

#[tokio::test]
async fn a_database_that_hangs_or_is_gone_is_an_answer_in_time() {
    let (mut stack, catalog) = catalog().await;
    stack.postgres.pause().unwrap();
    // Who waited for a frozen database would wait for ever.
    let answer = tokio::time::timeout(WITHIN, catalog.ping()).await.expect("an answer");
    assert!(matches!(answer, Err(CatalogError::Unavailable(_))), "{answer:?}");
    stack.postgres.resume().unwrap();
    stack.postgres.kill().await.unwrap();
    let answer = catalog.ping().await;
    assert!(matches!(answer, Err(CatalogError::Unavailable(_))), "{answer:?}");
    stack.postgres.start().await.unwrap();
    let deadline = Instant::now() + WITHIN;
    while let Err(error) = catalog.ping().await {
        assert!(Instant::now() < deadline, "still {error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
