//! Viewers who may not watch an auction any more, and whether the video service knows.

use gavel_core::ids::AuctionId;
use gavel_core::time::Timestamp;
use time::OffsetDateTime;

use super::channels::{Channels, parsed};
use super::row::timestamp;
use super::{CatalogError, in_time};

/// A viewer who may not watch any more, and what the video service must still be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// Of which auction.
    pub(crate) auction: AuctionId,
    /// Whom, by their name in the auction.
    pub(crate) viewer: String,
    /// Its channel.
    pub(crate) arn: String,
}

impl Channels {
    /// Keeps a viewer from getting tokens. Gives since when; again, it has to be told again.
    pub(crate) async fn revoke(
        &self,
        auction: &AuctionId,
        viewer: &str,
    ) -> Result<Timestamp, CatalogError> {
        let query = sqlx::query_scalar(include_str!("queries/channels/revoke.sql"));
        let query = query.bind(auction.as_str()).bind(viewer);
        let at: OffsetDateTime = in_time(query.fetch_one(&self.pool)).await?;
        timestamp(at).map_err(CatalogError::Broken)
    }

    /// Whether a viewer gets no tokens.
    pub(crate) async fn is_revoked(
        &self,
        auction: &AuctionId,
        viewer: &str,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query_scalar(include_str!("queries/channels/revoked.sql"));
        in_time(query.bind(auction.as_str()).bind(viewer).fetch_one(&self.pool)).await
    }

    /// Notes that the video service knows of a revocation.
    pub(crate) async fn told(&self, auction: &AuctionId, viewer: &str) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/channels/told.sql"))
            .bind(auction.as_str())
            .bind(viewer);
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// Revocations that the video service does not know of yet.
    pub(crate) async fn untold(&self, most: u32) -> Result<Vec<Revocation>, CatalogError> {
        let query = sqlx::query_as(include_str!("queries/channels/untold.sql"));
        let rows: Vec<(String, String, String)> =
            in_time(query.bind(i64::from(most)).fetch_all(&self.pool)).await?;
        rows.into_iter()
            .map(|(id, viewer, arn)| Ok(Revocation { auction: parsed(&id)?, viewer, arn }))
            .collect()
    }
}
