//! What people are told, in PostgreSQL. All that follows from an event is written at once, or nothing;
//! writing it again changes nothing.

use std::sync::Arc;
use std::time::Duration;

use gavel_core::auction::Event;
use gavel_core::ids::{AuctionId, UserId};
use gavel_core::money::Currency;
use sqlx::types::Json;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::Notify;

use super::plan::{Audience, Calmed, Facts, Kind, Plan, plan};
use crate::catalog::{Catalog, CatalogError, Cause, in_time};
use crate::limits::{EVENTS_WRITTEN_MAX, NEWS_AGE_MAX, NOTIFY_LEASE, OUTBID_PAUSE, RESULT_AGE_MAX};
use crate::users::{Users, UsersError};

/// Followers, participants and what they are told. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notifications {
    pool: PgPool,
    users: Users,
    /// Tells that something was written, in this process.
    written: Arc<Notify>,
}

/// A claimed row: what to send, and all about its reader that is known here.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Claimed {
    pub(super) id: i64,
    auction_id: String,
    user_id: String,
    kind: String,
    pub(super) facts: Json<Facts>,
    pub(super) attempts: i32,
    /// Whether it is too old to be news.
    pub(super) stale: bool,
    /// Whether it tells of what goes on in an auction that has ended.
    pub(super) over: bool,
    pub(super) title: String,
    currency: String,
    pub(super) channel: String,
    pub(super) push_endpoint_arn: Option<String>,
    pub(super) bounced: bool,
    pub(super) deleted: bool,
}

/// How a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Sent, under this id.
    Sent(String),
    /// Not wanted, or nowhere to send it.
    Skipped(&'static str),
    /// Cannot be sent, ever.
    Failed(String),
}

impl Claimed {
    /// What its amounts are in.
    pub(super) fn currency(&self) -> Result<Currency, Cause> {
        Ok(Currency::recorded(&self.currency).ok_or("not a currency")?)
    }

    /// Of which auction, to whom, what.
    pub(super) fn subject(&self) -> Result<(AuctionId, UserId, Kind), Cause> {
        let kind = Kind::parse(&self.kind).ok_or("not a kind of message")?;
        Ok((AuctionId::parse(&self.auction_id)?, UserId::parse(&self.user_id)?, kind))
    }
}

impl Notifications {
    /// In the database of the catalogue.
    #[must_use]
    pub fn new(catalog: &Catalog) -> Self {
        Self { pool: catalog.pool(), users: Users::new(catalog), written: Arc::default() }
    }

    /// Has `user` hear when the auction opens. It must exist. Again, it changes nothing.
    pub async fn follow(&self, auction: &AuctionId, user: &UserId) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/follow.sql"));
        let query = query.bind(auction.as_str()).bind(user.as_str());
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// The opposite of [`follow`](Self::follow).
    pub async fn unfollow(&self, auction: &AuctionId, user: &UserId) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/unfollow.sql"));
        let query = query.bind(auction.as_str()).bind(user.as_str());
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// Removes whatever names `user` here.
    pub async fn forget(&self, user: &UserId) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/forget.sql")).bind(user.as_str());
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// Writes all that follows from consecutive events. Again, it changes nothing.
    pub(super) async fn record(&self, events: &[Event]) -> Result<(), CatalogError> {
        for events in events.chunks(EVENTS_WRITTEN_MAX) {
            in_time(async {
                let mut transaction = self.pool.begin().await?;
                for event in events {
                    write(&mut transaction, event, &plan(event)).await?;
                }
                transaction.commit().await
            })
            .await?;
            self.written.notify_one();
        }
        Ok(())
    }

    /// Waits until something was written by this or a clone of it.
    pub(super) async fn written(&self) {
        self.written.notified().await;
    }

    /// At most `most` that are due, for this sender alone for [`NOTIFY_LEASE`].
    pub(super) async fn claim(&self, most: u32) -> Result<Vec<Claimed>, CatalogError> {
        let query = sqlx::query_as(include_str!("queries/claim.sql"))
            .bind(NOTIFY_LEASE.as_secs_f64())
            .bind(i64::from(most))
            .bind(OUTBID_PAUSE.as_secs_f64())
            .bind(NEWS_AGE_MAX.as_secs_f64())
            .bind(RESULT_AGE_MAX.as_secs_f64());
        in_time(query.fetch_all(&self.pool)).await
    }

    /// Notes how a message ended.
    pub(super) async fn settle(&self, id: i64, end: &End) -> Result<(), CatalogError> {
        let (status, reason, message_id) = match end {
            End::Sent(message_id) => ("sent", None, Some(message_id.as_str())),
            End::Skipped(reason) => ("skipped", Some(*reason), None),
            End::Failed(reason) => ("failed", Some(reason.as_str()), None),
        };
        let query = sqlx::query(include_str!("queries/settle.sql"))
            .bind(id)
            .bind(status)
            .bind(reason)
            .bind(message_id);
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// Gives a message back, to be due after `pause`.
    pub(super) async fn put_off(&self, id: i64, pause: Duration) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/put_off.sql"));
        let query = query.bind(id).bind(pause.as_secs_f64());
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// Mail of this notification came back: nothing more is sent to that address.
    pub(super) async fn bounced(&self, id: i64) -> Result<(), UsersError> {
        let query = sqlx::query_scalar(include_str!("queries/reader.sql")).bind(id);
        let reader: Option<String> = in_time(query.fetch_optional(&self.pool)).await?;
        // Nobody, when they were deleted since.
        let Some(reader) = reader.and_then(|reader| UserId::parse(&reader).ok()) else {
            return Ok(());
        };
        self.users.lost_address(&reader).await
    }

    /// Push notifications do not get to this device of `user` any more.
    pub(super) async fn lost_device(&self, user: &UserId, arn: &str) -> Result<(), UsersError> {
        self.users.lost_device(user, arn).await
    }
}

async fn write(
    transaction: &mut Transaction<'_, Postgres>,
    event: &Event,
    plan: &Plan,
) -> Result<(), sqlx::Error> {
    let auction = event.auction_id.as_str();
    let position = i64::try_from(event.position).unwrap_or(i64::MAX);
    if let Some(user) = &plan.joins {
        let query = sqlx::query(include_str!("queries/join.sql"));
        query.bind(auction).bind(user.as_str()).execute(&mut **transaction).await?;
    }
    let calmed: Vec<Option<&str>> = match &plan.calmed {
        Calmed::Some(users) => users.iter().map(|user| Some(user.as_str())).collect(),
        Calmed::Everybody => vec![None],
    };
    for user in calmed {
        let query = sqlx::query(include_str!("queries/calm.sql"));
        query.bind(auction).bind(position).bind(user).execute(&mut **transaction).await?;
    }
    for (audience, kind) in &plan.tells {
        let (group, user) = match audience {
            Audience::One(user) => ("one", Some(user)),
            Audience::Bidders => ("bidders", None),
            Audience::BiddersBut(user) => ("bidders", Some(user)),
            Audience::Seller => ("seller", None),
            Audience::Followers => ("followers", None),
        };
        sqlx::query(include_str!("queries/tell.sql"))
            .bind(auction)
            .bind(position)
            .bind(user.map(UserId::as_str))
            .bind(kind.name())
            .bind(Json(&plan.facts))
            .bind(group)
            .bind(OUTBID_PAUSE.as_secs_f64())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
