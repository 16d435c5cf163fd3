//! Gathers the evidence: the history by its own key from DynamoDB, terms and result from PostgreSQL.
//!
//! Reads attributes and columns by name; none of it goes through the code under test.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use gavel_local::Stack;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Row as _};
use time::OffsetDateTime;

use super::ends;
use super::evidence::{Act, Ending, Evidence, Row, Rules};
use super::log::Log;
use crate::eventually;
use crate::evidence::{self, HISTORY_WITHIN, Item};

/// Waits until the catalogue has the auction's result and the history as many rows as it says, then
/// gathers everything. Should the rows never come, what is there is gathered for the checker to judge.
///
/// # Errors
/// When a store cannot be read, or the result never comes.
pub async fn gather(stack: &Stack, log: &Log, auction: &str) -> Result<Evidence> {
    let look = || catalogue(stack, auction);
    let closed = |(_, ending): &(Rules, Ending)| ending.status == "closed";
    let (rules, ending) = eventually("result", HISTORY_WITHIN, look, closed).await?;
    let count = usize::try_from(ending.bid_count)?;
    let look = || history(stack, auction);
    let rows = match eventually("history", HISTORY_WITHIN, look, |rows| rows.len() >= count).await {
        Ok(rows) => rows,
        Err(_late) => history(stack, auction).await?,
    };
    let seen = log.seen(auction);
    let first = if ends::opens_by_itself(&rules, &seen.acts) { 2 } else { 1 };
    let acts = placed(seen.acts, &rows, first);
    let auction = auction.to_owned();
    Ok(Evidence { auction, rules, rows, bids: seen.bids, reads: seen.reads, acts, ending })
}

/// Gives the seller's acts, in their order, the places of the log that no bid has, from `first`
/// on.
fn placed(mut acts: Vec<Act>, rows: &[Row], first: u64) -> Vec<Act> {
    let taken: BTreeSet<u64> = rows.iter().map(|row| row.position).collect();
    let free = (first..).filter(|place| !taken.contains(place));
    for (act, place) in acts.iter_mut().zip(free) {
        act.position = place;
    }
    acts
}

/// The whole history of an auction.
async fn history(stack: &Stack, auction: &str) -> Result<Vec<Row>> {
    evidence::items(stack, auction).await?.iter().map(row).collect()
}

fn row(item: &Item) -> Result<Row> {
    let number = |name: &str| evidence::number(item, name);
    let text = |name: &str| evidence::text(item, name);
    let truth = |name: &str| {
        let value = item.get(name).and_then(|value| value.as_bool().ok());
        value.copied().with_context(|| format!("a row has no truth value {name}"))
    };
    Ok(Row {
        position: number("position")?,
        seq: number("seq")?,
        epoch: number("epoch")?,
        bid_id: text("bid_id")?,
        bidder: text("user_id")?,
        amount: number("amount")?,
        max: number("max")?,
        currency: text("currency")?,
        status: text("status")?,
        price: number("price")?,
        minimum_next: item
            .contains_key("minimum_next")
            .then(|| number("minimum_next"))
            .transpose()?,
        buy_now_open: truth("buy_now_open")?,
        ends_at: number("ends_at")?,
        extended: truth("extended")?,
        placed_at: number("placed_at")?,
        stamp: number("timestamp")?,
    })
}

async fn catalogue(stack: &Stack, auction: &str) -> Result<(Rules, Ending)> {
    let mut connection = PgConnection::connect(&stack.settings.database_url).await?;
    let query = sqlx::query("select * from auctions where id = $1").bind(auction);
    let row = query.fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok((rules(&row)?, ending(&row)?))
}

fn rules(row: &PgRow) -> Result<Rules> {
    let number = |name: &str| -> Result<u64> { Ok(row.try_get::<i64, _>(name)?.try_into()?) };
    let bands: Value = row.try_get("increments")?;
    let band = |band: &Value| band["from"].as_u64().zip(band["step"].as_u64());
    let bands = bands.as_array().context("increments is not a list")?.iter().map(band);
    Ok(Rules {
        seller: row.try_get("seller_id")?,
        currency: row.try_get("currency")?,
        starting_price: number("starting_price")?,
        reserve: amount(row, "reserve_price")?,
        buy_now: amount(row, "buy_now_price")?,
        ceiling: amount(row, "bid_ceiling")?,
        bands: bands.collect::<Option<_>>().context("a band lacks from or step")?,
        opens_at: row.try_get::<Option<OffsetDateTime>, _>("opens_at")?.map(ms).transpose()?,
        duration_ms: number("duration_ms")?,
        window_ms: number("soft_close_window_ms")?,
        extension_ms: number("soft_close_extension_ms")?,
        extensions_max: row.try_get::<i32, _>("soft_close_extensions_max")?.try_into()?,
        grace_ms: number("grace_ms")?,
    })
}

fn ending(row: &PgRow) -> Result<Ending> {
    let closed_at: Option<OffsetDateTime> = row.try_get("closed_at")?;
    Ok(Ending {
        status: row.try_get("status")?,
        outcome: row.try_get("outcome")?,
        winner: row.try_get("winner_id")?,
        hammer_price: amount(row, "hammer_price")?,
        winning_bid: row.try_get("winning_bid_id")?,
        bid_count: row.try_get::<i64, _>("bid_count")?.try_into()?,
        price: amount(row, "price")?,
        closed_at: closed_at.map(ms).transpose()?,
    })
}

fn ms(at: OffsetDateTime) -> Result<u64> {
    Ok(u64::try_from(at.unix_timestamp_nanos() / 1_000_000)?)
}

fn amount(row: &PgRow, name: &str) -> Result<Option<u64>> {
    Ok(row.try_get::<Option<i64>, _>(name)?.map(u64::try_from).transpose()?)
}
