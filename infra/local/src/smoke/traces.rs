//! What an auction leaves behind: its result in PostgreSQL, its bids in DynamoDB.
//!
//! Both are written a moment after the fact, so each is looked for until it is there or time is up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use sqlx::{Connection, PgConnection};

use super::Accepted;

/// How long a trace may take to appear.
const WITHIN: Duration = Duration::from_secs(20);

/// How often it is looked for.
const EVERY: Duration = Duration::from_millis(100);

/// The auction's row: sold to the last bidder at the last price.
pub(super) async fn winner(database_url: &str, auction: &str, last: &Accepted) -> Result<()> {
    let mut database = PgConnection::connect(database_url).await.context("PostgreSQL")?;
    let query = "select concat_ws(' ', status, outcome, winner_id, hammer_price) \
                 from auctions where id = $1";
    let expected = format!("closed sold {} {}", last.bidder, last.amount);
    let since = Instant::now();
    loop {
        let row = sqlx::query_scalar(query).bind(auction);
        let row: Option<String> = row.fetch_optional(&mut database).await?;
        if row.as_ref() == Some(&expected) {
            return Ok(());
        }
        if since.elapsed() > WITHIN {
            bail!("PostgreSQL has {row:?} instead of {expected:?}");
        }
        tokio::time::sleep(EVERY).await;
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
    until_equal(expected, async || Ok(query.clone().send().await?.items.unwrap_or_default())).await
}

/// One bidder's bids of this auction, by the index.
pub(super) async fn by_bidder(
    client: &Client,
    table: &str,
    auction: &str,
    bidder: &str,
    expected: &[Accepted],
) -> Result<()> {
    let query = client.query().table_name(table).index_name("user_id-timestamp-index");
    let query = query.key_condition_expression("user_id = :key");
    let query = query.expression_attribute_values(":key", AttributeValue::S(bidder.to_owned()));
    let query = query.filter_expression("auction_id = :auction");
    let query =
        query.expression_attribute_values(":auction", AttributeValue::S(auction.to_owned()));
    until_equal(expected, async || {
        // A bidder may have years of bids before these: read every page.
        let pages = query.clone().into_paginator().items().send();
        Ok(pages.collect::<Result<Vec<_>, _>>().await?)
    })
    .await
}

async fn until_equal(
    expected: &[Accepted],
    read: impl AsyncFn() -> Result<Vec<HashMap<String, AttributeValue>>>,
) -> Result<()> {
    let since = Instant::now();
    loop {
        let items = read().await?;
        let mut found = items.iter().map(accepted).collect::<Result<Vec<_>>>()?;
        found.sort_by_key(|bid| bid.seq);
        if found == expected {
            return Ok(());
        }
        if since.elapsed() > WITHIN {
            bail!("DynamoDB has\n  {found:?}\ninstead of\n  {expected:?}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn accepted(item: &HashMap<String, AttributeValue>) -> Result<Accepted> {
    let text = |name: &str| {
        let value = item.get(name).and_then(|value| value.as_s().ok());
        value.cloned().with_context(|| format!("an item without {name}: {item:?}"))
    };
    let number = |name: &str| {
        let value = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
        value.with_context(|| format!("an item without {name}: {item:?}"))
    };
    Ok(Accepted {
        seq: number("seq")?,
        bid_id: text("bid_id")?,
        amount: number("amount")?,
        bidder: text("user_id")?,
    })
}
