//! Between rows of the table `auctions` and the types of `gavel_core`.
//!
//! What comes out of the database is checked as if it came from outside.

use gavel_core::auction::{Increments, OpenCause, Outcome, SoftClose, Terms};
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::money::{Amount, Currency};
use gavel_core::time::Timestamp;
use gavel_core::wire::Status;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::error::{CatalogError, Cause};
use super::record::{AuctionRecord, AuctionResult};

/// One row, as selected by the queries here.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: String,
    seller_id: String,
    pub(super) request_sha256: String,
    title: String,
    description: Option<String>,
    category: Option<String>,
    condition: Option<String>,
    image_urls: Vec<String>,
    private: bool,
    opens_at: Option<OffsetDateTime>,
    currency: String,
    starting_price: i64,
    reserve_price: Option<i64>,
    buy_now_price: Option<i64>,
    bid_ceiling: Option<i64>,
    increments: Json<Increments>,
    duration_ms: i64,
    soft_close_window_ms: i64,
    soft_close_extension_ms: i64,
    soft_close_extensions_max: i32,
    grace_ms: i64,
    status: String,
    opening: Option<String>,
    revision: i64,
    created_at: OffsetDateTime,
    ends_at: Option<OffsetDateTime>,
    closed_at: Option<OffsetDateTime>,
    outcome: Option<String>,
    price: Option<i64>,
    bid_count: i64,
    winner_id: Option<String>,
    hammer_price: Option<i64>,
    winning_bid_id: Option<String>,
    playback_url: Option<String>,
}

impl Row {
    /// The auction in it.
    pub(super) fn record(self) -> Result<AuctionRecord, CatalogError> {
        self.read().map_err(CatalogError::Broken)
    }

    fn read(self) -> Result<AuctionRecord, Cause> {
        let result = self.result()?;
        let terms = Terms {
            currency: Currency::recorded(&self.currency).ok_or("not a currency")?,
            starting_price: amount(self.starting_price)?,
            reserve_price: self.reserve_price.map(amount).transpose()?,
            buy_now_price: self.buy_now_price.map(amount).transpose()?,
            bid_ceiling: self.bid_ceiling.map(amount).transpose()?,
            increments: self.increments.0,
            opens_at: self.opens_at.map(timestamp).transpose()?,
            duration_ms: self.duration_ms.try_into()?,
            soft_close: SoftClose {
                window_ms: self.soft_close_window_ms.try_into()?,
                extension_ms: self.soft_close_extension_ms.try_into()?,
                max_extensions: self.soft_close_extensions_max.try_into()?,
            },
            grace_ms: self.grace_ms.try_into()?,
        };
        Ok(AuctionRecord {
            id: AuctionId::parse(&self.id)?,
            seller: UserId::parse(&self.seller_id)?,
            title: self.title,
            description: self.description,
            category: self.category,
            condition: self.condition,
            image_urls: self.image_urls,
            private: self.private,
            terms,
            status: status(&self.status)?,
            opening: self.opening.is_some(),
            revision: self.revision.try_into()?,
            created_at: timestamp(self.created_at)?,
            ends_at: self.ends_at.map(timestamp).transpose()?,
            result,
            playback_url: self.playback_url,
        })
    }

    fn result(&self) -> Result<Option<AuctionResult>, Cause> {
        let Some((outcome, closed_at)) = self.outcome.as_deref().zip(self.closed_at) else {
            return Ok(None);
        };
        let outcome = match (outcome, &self.winner_id, self.hammer_price, &self.winning_bid_id) {
            ("sold", Some(winner), Some(hammer_price), Some(bid_id)) => Outcome::Sold {
                winner: UserId::parse(winner)?,
                hammer_price: amount(hammer_price)?,
                bid_id: BidId::parse(bid_id)?,
            },
            ("unsold", ..) => Outcome::Unsold,
            ("cancelled", ..) => Outcome::Cancelled,
            _ => return Err("not an outcome".into()),
        };
        Ok(Some(AuctionResult {
            outcome,
            closed_at: timestamp(closed_at)?,
            price: self.price.map(amount).transpose()?,
            bid_count: self.bid_count.try_into()?,
        }))
    }
}

/// A status from its column.
pub(super) fn status(text: &str) -> Result<Status, Cause> {
    Status::parse(text).ok_or_else(|| "not a status".into())
}

/// Why an auction is opened, in its column.
pub(super) const fn cause_name(cause: OpenCause) -> &'static str {
    match cause {
        OpenCause::Time => "time",
        OpenCause::Seller => "seller",
    }
}

/// Why an auction is opened, from its column.
pub(super) fn cause(name: &str) -> Result<OpenCause, Cause> {
    let named = |cause: &OpenCause| cause_name(*cause) == name;
    [OpenCause::Time, OpenCause::Seller]
        .into_iter()
        .find(named)
        .ok_or_else(|| "not a cause of an opening".into())
}

/// A time for its column.
pub(super) fn instant(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_ms()) * 1_000_000)
        .expect("a timestamp ends with the year 9999, as this type does")
}

/// A whole number for its column. Amounts from outside stop at 2^53; what is larger is a bug, and
/// the largest number there is fails the column's checks or is seen at once.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A time from its column.
pub(crate) fn timestamp(at: OffsetDateTime) -> Result<Timestamp, Cause> {
    Ok(Timestamp::from_ms(i64::try_from(at.unix_timestamp_nanos() / 1_000_000)?))
}

fn amount(minor: i64) -> Result<Amount, Cause> {
    Amount::new(minor.try_into()?).ok_or_else(|| "an amount above the limit".into())
}
