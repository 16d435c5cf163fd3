//! What an auction leaves behind: its result in PostgreSQL, its bids in DynamoDB.
//!
//! Both are written a moment after the fact, so each is looked for until it is there or time is up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use sqlx::{Connection, PgConnection};

use super::lot::Accepted;

/// How long a trace may take to appear.
const WITHIN: Duration = Duration::from_secs(20);

/// How often it is looked for.
const EVERY: Duration = Duration::from_millis(100);

/// The auction's row: sold to the winner at the price. Gives how long after the end that `last` told
/// it was closed, in milliseconds.
pub(super) async fn winner(
    database_url: &str,
    auction: &str,
    winner: &str,
    price: i64,
    last: &Accepted,
) -> Result<i64> {
    let mut database = PgConnection::connect(database_url).await.context("PostgreSQL")?;
    let query = "select concat_ws(' ', status, outcome, winner_id, hammer_price, bid_count), \
                 (extract(epoch from closed_at - $2::timestamptz) * 1000)::bigint \
                 from auctions where id = $1";
    let expected = format!("closed sold {winner} {price} {}", last.seq);
    let since = Instant::now();
    loop {
        let row = sqlx::query_as(query).bind(auction).bind(&last.ends_at);
        let row: Option<(String, Option<i64>)> = row.fetch_optional(&mut database).await?;
        match row {
            Some((found, Some(late_ms))) if found == expected => return Ok(late_ms),
            _ if since.elapsed() > WITHIN => bail!("PostgreSQL has {row:?}, not {expected:?}"),
            _ => tokio::time::sleep(EVERY).await,
        }
    }
}

/// Every bid, by the table's key.
pub(super) async fn by_auction(
    client: &Client,
    table: &str,
    auction: &str,
    expected: &[Accepted],
) -> Result<()> {
    let query = client.query().table_name(table).consistent_read(true);
    let query = query.key_condition_expression("auction_id = :key");
    let query = query.expression_attribute_values(":key", AttributeValue::S(auction.to_owned()));
    until_found(expected, async || Ok(query.clone().send().await?.items.unwrap_or_default())).await
}

/// One bidder's bids, by the index; those of `expected` among all they ever placed.
pub(super) async fn by_bidder(
    client: &Client,
    table: &str,
    bidder: &str,
    expected: &[Accepted],
) -> Result<()> {
    let query = client.query().table_name(table).index_name("user_id-timestamp-index");
    let query = query.key_condition_expression("user_id = :key");
    let query = query.expression_attribute_values(":key", AttributeValue::S(bidder.to_owned()));
    until_found(expected, async || {
        // A bidder may have years of bids before these: read every page.
        let pages = query.clone().into_paginator().items().send();
        Ok(pages.collect::<Result<Vec<_>, _>>().await?)
    })
    .await
}

/// Looks until the items of these bids' auctions are exactly `expected`, by number.
async fn until_found(
    expected: &[Accepted],
    read: impl AsyncFn() -> Result<Vec<HashMap<String, AttributeValue>>>,
) -> Result<()> {
    let mut expected: Vec<Found> = expected.iter().map(Found::from).collect();
    expected.sort();
    let since = Instant::now();
    loop {
        let mut found = read().await?.iter().map(found).collect::<Result<Vec<_>>>()?;
        // A bidder may have bid in other auctions before.
        found.retain(|bid| expected.iter().any(|wanted| wanted.auction == bid.auction));
        found.sort();
        if found == expected {
            return Ok(());
        }
        if since.elapsed() > WITHIN {
            bail!("DynamoDB has\n  {found:?}\ninstead of\n  {expected:?}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// What an item and an answer must agree on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    auction: String,
    seq: i64,
    bid_id: String,
    amount: i64,
    bidder: String,
}

impl From<&Accepted> for Found {
    fn from(bid: &Accepted) -> Self {
        Self {
            auction: bid.auction.clone(),
            seq: bid.seq,
            bid_id: bid.bid_id.clone(),
            amount: bid.amount,
            bidder: bid.bidder.clone(),
        }
    }
}

fn found(item: &HashMap<String, AttributeValue>) -> Result<Found> {
    let text = |name: &str| {
        let value = item.get(name).and_then(|value| value.as_s().ok());
        value.cloned().with_context(|| format!("an item without {name}: {item:?}"))
    };
    let number = |name: &str| {
        let value = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
        value.with_context(|| format!("an item without {name}: {item:?}"))
    };
    Ok(Found {
        auction: text("auction_id")?,
        seq: number("seq")?,
        bid_id: text("bid_id")?,
        amount: number("amount")?,
        bidder: text("user_id")?,
    })
}
