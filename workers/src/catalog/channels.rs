//! Video channels in PostgreSQL: which slot is in which state, and who acts on it.
//!
//! Every transition names the state it starts from, so whoever comes late changes nothing. Nothing
//! here asks the video service; `crate::video` does, and tells this what came of it. No stream key
//! is ever stored.

use std::time::Duration;

use gavel_core::ids::AuctionId;
use sqlx::{AssertSqlSafe, FromRow, PgPool};
use uuid::Uuid;

use super::{Catalog, CatalogError, Cause, changed, in_time};
use crate::limits::VIDEO_OF_A_SELLER_MAX;

/// Any number, as long as nothing else in this database locks by it.
const MINTING_LOCK: i64 = 0x6761_7665_6c01;

/// Where a channel is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Minted; perhaps made already.
    Creating,
    /// Made, and nobody's.
    Ready,
    /// An auction's.
    Assigned,
    /// To be taken down: its keys go first.
    Retiring,
    /// Without a key: its stream is stopped next.
    Keyless,
    /// Told to stop: it must be seen offline.
    Stopped,
    /// Seen offline: it is deleted next.
    Offline,
    /// Deleted: it must be seen gone.
    Deleted,
}

impl Stage {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Creating, "creating"),
        (Self::Ready, "ready"),
        (Self::Assigned, "assigned"),
        (Self::Retiring, "retiring"),
        (Self::Keyless, "keyless"),
        (Self::Stopped, "stopped"),
        (Self::Offline, "offline"),
        (Self::Deleted, "deleted"),
    ];

    /// Its name, as in the table and the log.
    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(stage, _)| *stage == self).map_or("", |(_, name)| name)
    }

    fn parse(name: &str) -> Result<Self, Cause> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(stage, _)| *stage).ok_or_else(|| "not a stage of a channel".into())
    }
}

/// A channel, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Channel {
    /// Its slot: what it is called before it exists.
    pub(crate) slot: Uuid,
    /// Whether watching takes a token.
    pub(crate) private: bool,
    /// Where it is in its life.
    pub(crate) stage: Stage,
    /// What was made; none while it is being made.
    pub(crate) made: Option<Made>,
    /// Failures of the step in hand.
    pub(crate) failures: u32,
}

/// What the video service says of a channel that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its name there.
    pub(crate) arn: String,
    /// The host that encoders send to.
    pub(crate) ingest_endpoint: String,
    /// Where it is watched.
    pub(crate) playback_url: String,
}

#[derive(FromRow)]
struct Row {
    slot: String,
    private: bool,
    state: String,
    arn: Option<String>,
    ingest_endpoint: Option<String>,
    playback_url: Option<String>,
    failures: i32,
}

impl Row {
    fn channel(self) -> Result<Channel, CatalogError> {
        let stage = Stage::parse(&self.state).map_err(CatalogError::Broken)?;
        let made = match (self.arn, self.ingest_endpoint, self.playback_url) {
            (Some(arn), Some(ingest_endpoint), Some(playback_url)) => {
                Some(Made { arn, ingest_endpoint, playback_url })
            }
            _ => None,
        };
        let slot = self.slot.parse().map_err(|_| CatalogError::Broken("not a slot".into()))?;
        let failures = u32::try_from(self.failures).unwrap_or(0);
        Ok(Channel { slot, private: self.private, stage, made, failures })
    }
}

macro_rules! query {
    ($file:literal) => {
        sqlx::query(include_str!(concat!("queries/channels/", $file)))
    };
    ($file:literal as rows) => {
        sqlx::query_as::<_, Row>(include_str!(concat!("queries/channels/", $file)))
    };
}

/// The channels. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    pub(super) pool: PgPool,
}

impl Catalog {
    /// The channels.
    pub(crate) fn channels(&self) -> Channels {
        Channels { pool: self.pool.clone() }
    }
}

impl Channels {
    /// Mints slots of one kind until there is one for every auction that waits, and `spare` more; at
    /// most `most` at once. Retires what is more than that. Gives how many were minted or retired.
    pub(crate) async fn mint(
        &self,
        private: bool,
        spare: u32,
        most: u32,
    ) -> Result<u64, CatalogError> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            let lock = format!("select pg_advisory_xact_lock({MINTING_LOCK})");
            sqlx::query(AssertSqlSafe(lock)).execute(&mut *transaction).await?;
            // Counted under the lock, or several workers would each mint them.
            let wanted = sqlx::query_scalar(include_str!("queries/channels/wanted.sql"));
            let wanted = wanted.bind(private).bind(i64::from(spare)).bind(VIDEO_OF_A_SELLER_MAX);
            let wanted: i64 = wanted.fetch_one(&mut *transaction).await?;
            let surplus = query!("retire_surplus.sql").bind(private).bind(wanted);
            let retired = surplus.execute(&mut *transaction).await?.rows_affected();
            let mint = query!("mint.sql").bind(private).bind(wanted).bind(i64::from(most));
            let minted = mint.execute(&mut *transaction).await?.rows_affected();
            transaction.commit().await?;
            Ok(minted.saturating_add(retired))
        })
        .await
    }

    /// Auctions without a channel, the oldest first.
    pub(crate) async fn waiting(&self, most: u32) -> Result<Vec<AuctionId>, CatalogError> {
        let query = sqlx::query_scalar(include_str!("queries/channels/waiting.sql"));
        let ids: Vec<String> =
            in_time(query.bind(i64::from(most)).bind(VIDEO_OF_A_SELLER_MAX).fetch_all(&self.pool))
                .await?;
        ids.iter().map(|id| parsed(id)).collect()
    }

    /// Gives an auction a spare channel of its kind. `None`: there is none, it has one already, or
    /// it is over.
    pub(crate) async fn assign(
        &self,
        auction: &AuctionId,
    ) -> Result<Option<Channel>, CatalogError> {
        let query = query!("assign.sql" as rows).bind(auction.as_str()).bind(VIDEO_OF_A_SELLER_MAX);
        match in_time(query.fetch_optional(&self.pool)).await {
            Ok(row) => row.map(Row::channel).transpose(),
            // Another worker gave it one in the same moment.
            Err(CatalogError::Broken(cause)) if is_taken(&cause) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether an auction is to have a channel yet: see [`VIDEO_OF_A_SELLER_MAX`].
    pub(crate) async fn has_turn(&self, auction: &AuctionId) -> Result<bool, CatalogError> {
        let query = sqlx::query_scalar("select has_channel_turn($1, $2)").bind(auction.as_str());
        in_time(query.bind(VIDEO_OF_A_SELLER_MAX).fetch_one(&self.pool)).await
    }

    /// The channel of an auction that is not over.
    pub(crate) async fn of(&self, auction: &AuctionId) -> Result<Option<Channel>, CatalogError> {
        let query = query!("of_auction.sql" as rows).bind(auction.as_str());
        in_time(query.fetch_optional(&self.pool)).await?.map(Row::channel).transpose()
    }

    /// Retires the channels of auctions that have been known to be over for longer than `farewell`, and
    /// those of the wrong kind at once. Gives whether it changed anything.
    pub(crate) async fn retire(&self, farewell: Duration) -> Result<bool, CatalogError> {
        let over = in_time(query!("mark_over.sql").execute(&self.pool)).await?;
        let closed = query!("retire_closed.sql").bind(farewell.as_secs_f64());
        let closed = in_time(closed.execute(&self.pool)).await?;
        let wrong = in_time(query!("retire_wrong_kind.sql").execute(&self.pool)).await?;
        let revoked = in_time(query!("forget_revoked.sql").execute(&self.pool)).await?;
        Ok([over, closed, wrong, revoked].iter().any(changed))
    }

    /// A channel that has a step to be taken now, for this worker alone during `lease`.
    pub(crate) async fn claim(&self, lease: Duration) -> Result<Option<Channel>, CatalogError> {
        let query = query!("claim.sql" as rows).bind(lease.as_secs_f64());
        in_time(query.fetch_optional(&self.pool)).await?.map(Row::channel).transpose()
    }

    /// Notes what was made for a slot. Gives whether it was waiting for that.
    pub(crate) async fn made(&self, slot: Uuid, made: &Made) -> Result<bool, CatalogError> {
        let query = query!("made.sql").bind(slot.to_string()).bind(&made.arn);
        let query = query.bind(&made.ingest_endpoint).bind(&made.playback_url);
        Ok(changed(&in_time(query.execute(&self.pool)).await?))
    }

    /// Notes that a step was taken. Again, it changes nothing.
    pub(crate) async fn advance(&self, channel: &Channel, to: Stage) -> Result<(), CatalogError> {
        let query =
            query!("advance.sql").bind(channel.slot.to_string()).bind(channel.stage.as_str());
        in_time(query.bind(to.as_str()).execute(&self.pool)).await.map(drop)
    }

    /// Notes that a step failed and is to be tried again after `pause`.
    pub(crate) async fn postpone(
        &self,
        channel: &Channel,
        pause: Duration,
    ) -> Result<(), CatalogError> {
        let query =
            query!("postpone.sql").bind(channel.slot.to_string()).bind(channel.stage.as_str());
        in_time(query.bind(pause.as_secs_f64()).execute(&self.pool)).await.map(drop)
    }

    /// Forgets a channel that is gone.
    pub(crate) async fn forget(&self, channel: &Channel) -> Result<(), CatalogError> {
        let query =
            query!("forget.sql").bind(channel.slot.to_string()).bind(channel.stage.as_str());
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// All of them.
    pub(crate) async fn all(&self) -> Result<Vec<Channel>, CatalogError> {
        let rows = in_time(query!("rows.sql" as rows).fetch_all(&self.pool)).await?;
        rows.into_iter().map(Row::channel).collect()
    }

    /// Takes on a channel that belongs to nobody, to be taken down. Gives whether it was new.
    pub(crate) async fn adopt(&self, arn: &str, private: bool) -> Result<bool, CatalogError> {
        let query = query!("adopt.sql").bind(private).bind(arn);
        Ok(changed(&in_time(query.execute(&self.pool)).await?))
    }

    /// Forgets a spare or assigned channel that is not there any more.
    pub(crate) async fn lost(&self, arn: &str) -> Result<bool, CatalogError> {
        Ok(changed(&in_time(query!("lost.sql").bind(arn).execute(&self.pool)).await?))
    }

    /// Auctions, with their channel's ARN, whose state `teller` alone puts into the stream during
    /// `lease`.
    pub(crate) async fn tell(
        &self,
        teller: Uuid,
        lease: Duration,
        most: u32,
    ) -> Result<Vec<(AuctionId, String)>, CatalogError> {
        let query = sqlx::query_as(include_str!("queries/channels/tell.sql"));
        let query = query.bind(teller.to_string()).bind(lease.as_secs_f64()).bind(i64::from(most));
        let rows: Vec<(String, String)> = in_time(query.fetch_all(&self.pool)).await?;
        rows.into_iter().map(|(id, arn)| Ok((parsed(&id)?, arn))).collect()
    }
}

pub(super) fn parsed(id: &str) -> Result<AuctionId, CatalogError> {
    AuctionId::parse(id).map_err(|error| CatalogError::Broken(error.into()))
}

/// Whether a row was refused because another has the same auction.
fn is_taken(cause: &Cause) -> bool {
    let error = cause.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    error.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
