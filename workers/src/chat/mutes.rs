//! Who may not write in which auction's chat, in PostgreSQL.

use gavel_core::ids::{AuctionId, UserId};
use sqlx::PgPool;

use crate::catalog::{Catalog, CatalogError, in_time};

/// The muted. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Mutes {
    pool: PgPool,
}

impl Mutes {
    /// Those beside `catalog`, in the same database.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        Self { pool: catalog.pool() }
    }

    /// Whether somebody is muted.
    pub(crate) async fn has(
        &self,
        auction: &AuctionId,
        user: &UserId,
    ) -> Result<bool, CatalogError> {
        let query = sqlx::query_scalar(include_str!("queries/is_muted.sql"));
        let query = query.bind(auction.as_str()).bind(user.as_str());
        in_time(query.fetch_one(&self.pool)).await
    }

    /// Mutes somebody; again, it changes nothing.
    pub(crate) async fn add(
        &self,
        auction: &AuctionId,
        user: &UserId,
        by: &UserId,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/mute.sql"));
        let query = query.bind(auction.as_str()).bind(user.as_str()).bind(by.as_str());
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// Lets somebody write again.
    pub(crate) async fn remove(
        &self,
        auction: &AuctionId,
        user: &UserId,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/unmute.sql"));
        in_time(query.bind(auction.as_str()).bind(user.as_str()).execute(&self.pool))
            .await
            .map(drop)
    }
}
