//! What the stores say, read without Gavel: DynamoDB for the history, PostgreSQL for the result.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use gavel_local::{Service, Stack};
use sqlx::{Connection, PgConnection, Row};

use crate::wait::{WITHIN, eventually};

/// How long a bid may take to DynamoDB: a message that a killed worker had received comes back to the
/// queue after 30 s, and a busy machine takes its minute.
pub(crate) const HISTORY_WITHIN: Duration = Duration::from_secs(90);

/// The value of a metric that `worker` reports, by the name and labels of its line.
///
/// # Errors
/// When the worker does not answer or reports no such metric.
pub async fn gauge(worker: &Service, name: &str) -> Result<f64> {
    let text = reqwest::get(format!("{}/metrics", worker.url())).await?.text().await?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.with_context(|| format!("no {name} in the metrics"))?.parse().context("not a number")
}

/// One row of the bid history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// The number of the bid.
    pub seq: u64,
    /// Its id.
    pub bid_id: String,
    /// Who bid.
    pub user_id: String,
    /// How much.
    pub amount: u64,
    /// The visible price after it.
    pub price: u64,
    /// `leading`, or `outbid` by a maximum given earlier.
    pub status: String,
    /// When, in milliseconds.
    pub placed_at: u64,
    /// Its sort stamp, in milliseconds.
    pub timestamp: u64,
}

/// An item of the history, as DynamoDB gives it.
pub(crate) type Item = std::collections::HashMap<String, AttributeValue>;

/// Every item of an auction's history, oldest first, by the table's own key.
pub(crate) async fn items(stack: &Stack, auction: &str) -> Result<Vec<Item>> {
    let query = stack
        .aws
        .dynamodb
        .query()
        .table_name(&stack.settings.bids_table)
        .consistent_read(true)
        .key_condition_expression("auction_id = :auction")
        .expression_attribute_values(":auction", AttributeValue::S(auction.to_owned()));
    let pages = query.into_paginator().items().send();
    Ok(pages.collect::<Result<_, _>>().await?)
}

/// The whole history of an auction, oldest first.
///
/// # Errors
/// When DynamoDB cannot be read or a row lacks something.
pub async fn history(stack: &Stack, auction: &str) -> Result<Vec<HistoryRow>> {
    items(stack, auction).await?.iter().map(row).collect()
}

/// Waits until the history has `count` rows, then checks that they are 1, 2, 3… in order of their
/// stamps, each once.
///
/// # Errors
/// When it has not, in time, or they are not.
pub async fn whole_history(stack: &Stack, auction: &str, count: usize) -> Result<Vec<HistoryRow>> {
    let rows = eventually(
        "bid history",
        HISTORY_WITHIN,
        || history(stack, auction),
        |rows| rows.len() >= count,
    )
    .await?;
    let numbers: Vec<u64> = rows.iter().map(|row| row.seq).collect();
    let expected: Vec<u64> = (1..).take(count).collect();
    ensure!(numbers == expected, "the history of {auction} is {numbers:?}");
    Ok(rows)
}

/// The amounts of a user's bids through the index, newest first.
///
/// # Errors
/// When DynamoDB cannot be read.
pub async fn by_user(stack: &Stack, user: &str) -> Result<Vec<u64>> {
    let page = stack
        .aws
        .dynamodb
        .query()
        .table_name(&stack.settings.bids_table)
        .index_name("user_id-timestamp-index")
        .key_condition_expression("user_id = :user")
        .expression_attribute_values(":user", AttributeValue::S(user.to_owned()))
        .scan_index_forward(false)
        .send()
        .await?;
    page.items().iter().map(|item| number(item, "amount")).collect()
}

/// What the catalogue says of an auction: status, outcome, winner, hammer price, number of bids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueRow {
    /// Such as `closed`.
    pub status: String,
    /// Such as `sold`.
    pub outcome: Option<String>,
    /// Who won.
    pub winner: Option<String>,
    /// For how much.
    pub hammer_price: Option<i64>,
    /// How many bids were accepted.
    pub bid_count: i64,
}

/// The catalogue's row.
///
/// # Errors
/// When PostgreSQL cannot be read or has no such auction.
pub async fn catalogue(stack: &Stack, auction: &str) -> Result<CatalogueRow> {
    let mut connection = PgConnection::connect(&stack.settings.database_url).await?;
    let row = sqlx::query(
        "select status, outcome, winner_id, hammer_price, bid_count from auctions where id = $1",
    )
    .bind(auction)
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(CatalogueRow {
        status: row.try_get(0)?,
        outcome: row.try_get(1)?,
        winner: row.try_get(2)?,
        hammer_price: row.try_get(3)?,
        bid_count: row.try_get(4)?,
    })
}

/// Waits until the catalogue has the result.
///
/// # Errors
/// When it has not, in time.
pub async fn result(stack: &Stack, auction: &str) -> Result<CatalogueRow> {
    let look = || catalogue(stack, auction);
    eventually("result", WITHIN, look, |row| row.status == "closed").await
}

fn row(item: &Item) -> Result<HistoryRow> {
    Ok(HistoryRow {
        seq: number(item, "seq")?,
        bid_id: text(item, "bid_id")?,
        user_id: text(item, "user_id")?,
        amount: number(item, "amount")?,
        price: number(item, "price")?,
        status: text(item, "status")?,
        placed_at: number(item, "placed_at")?,
        timestamp: number(item, "timestamp")?,
    })
}

/// A number of an item.
pub(crate) fn number(item: &Item, name: &str) -> Result<u64> {
    let value = item.get(name).and_then(|value| value.as_n().ok());
    Ok(value.with_context(|| format!("a row has no number {name}"))?.parse()?)
}

/// A text of an item.
pub(crate) fn text(item: &Item, name: &str) -> Result<String> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.cloned().with_context(|| format!("a row has no text {name}"))
}
