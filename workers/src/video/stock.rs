//! The loops of the role: enough channels ready, auctions that wait given theirs, those that are over
//! relieved of theirs, and everything else looked after.
//!
//! Any number of workers may run them: each piece of work is claimed or conditional in PostgreSQL.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::Spare;
use super::ivs::IvsError;
use super::saga::Saga;
use crate::catalog::CatalogError;
use crate::limits::{VIDEO_MINT_MAX, VIDEO_STEPS_AT_ONCE, VIDEO_WAITING_MAX};
use crate::queue::jittered;

/// The stock of channels.
pub(super) struct Stock {
    pub(super) saga: Saga,
    pub(super) spare: Spare,
}

impl Stock {
    /// Mints, assigns and retires.
    pub(super) async fn keep_stocked(&self, stop: &CancellationToken) {
        while self.rest(self.restock().await, self.saga.pace.tick, stop).await {}
    }

    /// Takes steps, several at once.
    pub(super) async fn keep_stepping(&self, stop: &CancellationToken) {
        join_all((0..VIDEO_STEPS_AT_ONCE).map(|_| self.step_on(stop))).await;
    }

    async fn step_on(&self, stop: &CancellationToken) {
        while self.rest(self.step_through(stop).await, self.saga.pace.tick / 2, stop).await {}
    }

    /// Steps, as long as there are any.
    async fn step_through(&self, stop: &CancellationToken) -> Result<(), CatalogError> {
        while self.saga.step().await? && !stop.is_cancelled() {}
        Ok(())
    }

    /// Compares channels and rows, at once and then regularly.
    pub(super) async fn keep_sweeping(&self, stop: &CancellationToken) {
        let every = self.saga.pace.sweep_every;
        while self.rest(self.saga.sweep().await.map(drop), every, stop).await {}
    }

    /// Tells the video service of revocations that it has not heard of.
    pub(super) async fn keep_revoking(&self, stop: &CancellationToken) {
        while self.rest(self.tell_revoked().await, self.saga.pace.tick * 2, stop).await {}
    }

    /// One round of [`Stock::keep_stocked`].
    pub(super) async fn restock(&self) -> Result<(), CatalogError> {
        let (channels, spare) = (&self.saga.channels, self.spare);
        channels.retire(self.saga.pace.farewell).await?;
        for auction in channels.waiting(VIDEO_WAITING_MAX).await? {
            if let Some(channel) = channels.assign(&auction).await? {
                tracing::info!(%auction, slot = %channel.slot, "channel assigned");
            }
        }
        channels.mint(false, spare.public, VIDEO_MINT_MAX).await?;
        channels.mint(true, spare.private, VIDEO_MINT_MAX).await?;
        Ok(())
    }

    /// One round of [`Stock::keep_revoking`].
    pub(super) async fn tell_revoked(&self) -> Result<(), CatalogError> {
        let Saga { channels, ivs, .. } = &self.saga;
        for untold in channels.untold(VIDEO_WAITING_MAX).await? {
            match ivs.revoke(&untold.arn, &untold.viewer).await {
                Ok(()) | Err(IvsError::NotFound) => {
                    channels.told(&untold.auction, &untold.viewer).await?;
                }
                Err(error) => {
                    tracing::warn!(auction = %untold.auction, %error, "viewer not shut out yet");
                    break;
                }
            }
        }
        Ok(())
    }

    /// Waits before the next round: for `pause`, or after a failure not long but never not at all.
    /// Gives whether there is to be one.
    async fn rest<E: Debug>(
        &self,
        round: Result<(), E>,
        pause: Duration,
        stop: &CancellationToken,
    ) -> bool {
        let pause = match round {
            Ok(()) => pause,
            Err(error) => {
                metrics::counter!("gavel_video_failures_total").increment(1);
                tracing::warn!(?error, "work on channels broke off, trying again");
                pause.clamp(self.saga.pace.pause_min, self.saga.pace.pause_max)
            }
        };
        tokio::time::timeout(jittered(pause), stop.cancelled()).await.is_err()
    }
}
