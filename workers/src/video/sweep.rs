//! Comparing what the video service has with what PostgreSQL says, both ways.
//!
//! A channel of this deployment that no row knows is taken on and then taken down step by step like
//! any other; a row whose channel is gone is dropped, and its auction gets another one. Invariant: no
//! channel is touched that does not carry the deployment's tag, and none whose row is still to hear
//! of it.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::ivs::IvsError;
use super::saga::Saga;
use crate::catalog::CatalogError;
use crate::catalog::channels::{Channel, Made, Stage};

/// Why a sweep broke off. The next one begins anew.
#[derive(Debug, thiserror::Error)]
pub(super) enum SweepError {
    #[error("the video service did not do as asked")]
    Ivs(#[from] IvsError),
    #[error("the catalogue did not answer")]
    Catalog(#[from] CatalogError),
}

/// What a sweep found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Swept {
    /// Channels that no row knew.
    pub(super) orphans: u32,
    /// Rows whose channel was gone.
    pub(super) lost: u32,
}

impl Saga {
    /// Compares all there is.
    pub(super) async fn sweep(&self) -> Result<Swept, SweepError> {
        // In this order: a row is there before its channel, and goes after it.
        let listed = self.ivs.list().await?;
        let rows = self.channels.all().await?;
        let known: HashSet<&str> = rows.iter().filter_map(arn).collect();
        let slots: HashMap<Uuid, &Channel> = rows.iter().map(|row| (row.slot, row)).collect();
        let mut swept = Swept::default();
        for channel in listed.iter().filter(|channel| !known.contains(channel.arn.as_str())) {
            let row = channel.slot.and_then(|slot| slots.get(&slot));
            if row.is_some_and(|row| row.stage == Stage::Creating) {
                // Made, and its row is about to hear of it.
                continue;
            }
            // What a list still shows may be gone: taking that down again does no harm.
            if self.channels.adopt(&channel.arn, channel.private).await? {
                tracing::warn!(arn = channel.arn, "channel belongs to nobody, taking it down");
                swept.orphans += 1;
            }
        }
        let there: HashSet<&str> = listed.iter().map(|channel| channel.arn.as_str()).collect();
        let missing = rows
            .iter()
            .filter(|row| matches!(row.stage, Stage::Ready | Stage::Assigned))
            .filter_map(arn)
            .filter(|arn| !there.contains(arn));
        for arn in missing {
            // It may be newer than the list.
            if self.ivs.get(arn).await == Err(IvsError::NotFound) && self.channels.lost(arn).await?
            {
                tracing::warn!(arn, "channel is gone, replacing it");
                swept.lost += 1;
            }
        }
        metrics::counter!("gavel_video_orphans_total").increment(u64::from(swept.orphans));
        metrics::counter!("gavel_video_lost_total").increment(u64::from(swept.lost));
        Ok(swept)
    }
}

fn arn(channel: &Channel) -> Option<&str> {
    channel.made.as_ref().map(|Made { arn, .. }| arn.as_str())
}
