//! The loops of the role: enough channels ready, auctions that wait given theirs, those that are over
//! relieved of theirs, and everything else looked after.
//!
//! Any number of workers may run them: each piece of work is claimed or conditional in PostgreSQL.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use super::Spare;
use super::ivs::IvsError;
use super::saga::Saga;
use crate::catalog::CatalogError;
use crate::limits::{VIDEO_MINT_MAX, VIDEO_REST_TICKS, VIDEO_STEPS_AT_ONCE, VIDEO_WAITING_MAX};
use crate::queue::jittered;

/// The stock of channels.
pub(super) struct Stock {
    pub(super) saga: Saga,
    pub(super) spare: Spare,
}

impl Stock {
    /// Mints, assigns and retires. It looks less often the longer there is nothing to do, as a look takes
    /// a good dozen of statements, and after a tick when something is `taken`.
    pub(super) async fn keep_stocked(&self, taken: &Notify, stop: &CancellationToken) {
        let mut pause = self.saga.pace.tick;
        loop {
            let stocked = self.restock().await;
            pause = match stocked {
                Ok(false) => (pause * 2).min(self.saga.pace.tick * VIDEO_REST_TICKS),
                Ok(true) | Err(_) => self.saga.pace.tick,
            };
            let woken = async {
                tokio::time::sleep(self.saga.pace.tick).await;
                taken.notified().await;
            };
            tokio::select! {
                more = self.rest(stocked, pause, stop) => if !more { return },
                () = woken => pause = self.saga.pace.tick,
            }
        }
    }

    /// Takes steps, several at once.
    pub(super) async fn keep_stepping(&self, stop: &CancellationToken) {
        let idle = Mutex::new(self.saga.pace.tick / 2);
        join_all((0..VIDEO_STEPS_AT_ONCE).map(|_| self.step_on(&idle, stop))).await;
    }

    /// Takes steps. While there are none, one looks for all: whoever has `idle`, which is the pause
    /// between two looks. It is a tick at most.
    async fn step_on(&self, idle: &Mutex<Duration>, stop: &CancellationToken) {
        let tick = self.saga.pace.tick;
        while let Some(mut looking) = stop.run_until_cancelled(idle.lock()).await {
            let claimed = match self.saga.claim().await {
                Ok(None) => {
                    *looking = (*looking * 2).min(tick);
                    Ok(())
                }
                Ok(Some(claimed)) => {
                    *looking = tick / 2;
                    drop(looking);
                    if let Err(error) = self.saga.take(claimed).await {
                        self.rest(Err::<(), _>(error), tick / 2, stop).await;
                    }
                    continue;
                }
                Err(error) => Err(error),
            };
            self.rest(claimed, *looking, stop).await;
        }
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

    /// One round of [`Stock::keep_stocked`]. Gives whether there was something to do.
    pub(super) async fn restock(&self) -> Result<bool, CatalogError> {
        let (channels, spare) = (&self.saga.channels, self.spare);
        let mut busy = channels.retire(self.saga.pace.farewell).await?;
        for auction in channels.waiting(VIDEO_WAITING_MAX).await? {
            busy = true;
            if let Some(channel) = channels.assign(&auction).await? {
                tracing::info!(%auction, slot = %channel.slot, "channel assigned");
            }
        }
        let public = channels.mint(false, spare.public, VIDEO_MINT_MAX).await?;
        let private = channels.mint(true, spare.private, VIDEO_MINT_MAX).await?;
        Ok(busy || public > 0 || private > 0)
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
    async fn rest<T, E: Debug>(
        &self,
        round: Result<T, E>,
        pause: Duration,
        stop: &CancellationToken,
    ) -> bool {
        let pause = match round {
            Ok(_) => pause,
            Err(error) => {
                metrics::counter!("gavel_video_failures_total").increment(1);
                tracing::warn!(?error, "work on channels broke off, trying again");
                pause.clamp(self.saga.pace.pause_min, self.saga.pace.pause_max)
            }
        };
        tokio::time::timeout(jittered(pause), stop.cancelled()).await.is_err()
    }
}
