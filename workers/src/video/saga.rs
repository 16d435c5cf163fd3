//! The life of a channel, one small step at a time: minted → made → … → keys deleted → stopped →
//! offline → deleted → seen gone.
//!
//! A step is one question to the video service, and then one transition in PostgreSQL. Every step may
//! be taken again, so a worker that dies between any two of them, or between question and transition,
//! leaves a row whose step the next one takes once the lease is over. Never two channels for a slot:
//! before one is made, those with its tag are looked for; should a lost answer still leave a second
//! one, the sweep takes it down.

use std::time::Instant;

use super::ivs::{Ivs, IvsError};
use super::pace::Pace;
use crate::catalog::CatalogError;
use crate::catalog::channels::{Channel, Channels, Made, Stage};

/// Failures of a step after which the ones before it are taken again: somebody may have sent anew.
const FAILURES_BEFORE_ANEW: u32 = 8;

/// What a step came to.
#[derive(Debug)]
enum Next {
    /// It was made.
    Made(Made),
    /// On to this.
    To(Stage),
    /// It does not exist any more.
    Gone,
}

/// A channel whose step this worker is to take.
#[derive(Debug)]
pub(super) struct Claimed {
    channel: Channel,
    since: Instant,
}

/// Takes steps.
#[derive(Debug, Clone)]
pub(super) struct Saga {
    pub(super) channels: Channels,
    pub(super) ivs: Ivs,
    pub(super) pace: Pace,
}

impl Saga {
    /// Takes one step of one channel that has one to be taken now. Gives whether there was one.
    #[cfg(test)]
    pub(super) async fn step(&self) -> Result<bool, CatalogError> {
        let Some(claimed) = self.claim().await? else { return Ok(false) };
        self.take(claimed).await.map(|()| true)
    }

    /// A step to be taken now, for this worker alone.
    pub(super) async fn claim(&self) -> Result<Option<Claimed>, CatalogError> {
        let since = Instant::now();
        let channel = self.channels.claim(self.pace.lease).await?;
        Ok(channel.map(|channel| Claimed { channel, since }))
    }

    /// Takes a step.
    pub(super) async fn take(&self, claimed: Claimed) -> Result<(), CatalogError> {
        let Claimed { channel, since } = claimed;
        let (slot, stage) = (channel.slot, channel.stage.as_str());
        let taken = match self.act(&channel, since).await {
            Ok(Next::Made(made)) => {
                tracing::info!(%slot, arn = made.arn, "channel made");
                self.channels.made(slot, &made).await.map(drop)
            }
            Ok(Next::To(to)) => {
                tracing::debug!(%slot, from = stage, to = to.as_str(), "channel taken further");
                self.channels.advance(&channel, to).await
            }
            Ok(Next::Gone) => {
                let arn = channel.made.as_ref().map(|made| made.arn.as_str());
                tracing::info!(%slot, arn, "channel gone");
                self.channels.forget(&channel).await
            }
            Err(error) => {
                let waiting = error == IvsError::Live;
                if !waiting {
                    metrics::counter!("gavel_video_failures_total").increment(1);
                    tracing::warn!(%slot, stage, %error, "step of a channel failed, trying again");
                }
                let pause = self.pace.pause(channel.failures, &error);
                self.channels.postpone(&channel, pause).await
            }
        };
        metrics::counter!("gavel_video_steps_total", "stage" => stage).increment(1);
        taken
    }

    async fn act(&self, channel: &Channel, since: Instant) -> Result<Next, IvsError> {
        if channel.stage == Stage::Creating {
            return self.make(channel, since).await.map(Next::Made);
        }
        let Some(Made { arn, .. }) = &channel.made else { return Ok(Next::Gone) };
        let anew = channel.failures >= FAILURES_BEFORE_ANEW;
        let stepped = match channel.stage {
            Stage::Creating | Stage::Ready | Stage::Assigned => {
                Err(IvsError::Failed("a step of a channel that has none".to_owned()))
            }
            Stage::Retiring => self.delete_keys(arn).await.map(|()| Stage::Keyless),
            Stage::Keyless => self.ivs.stop(arn).await.map(|()| Stage::Stopped),
            Stage::Stopped => match self.ivs.is_live(arn).await {
                Ok(true) if anew => Ok(Stage::Retiring),
                Ok(true) => Err(IvsError::Live),
                Ok(false) => Ok(Stage::Offline),
                Err(error) => Err(error),
            },
            Stage::Offline => match self.ivs.delete(arn).await {
                Err(IvsError::Live) if anew => Ok(Stage::Retiring),
                done => done.map(|()| Stage::Deleted),
            },
            Stage::Deleted => match self.ivs.get(arn).await {
                Err(IvsError::NotFound) => return Ok(Next::Gone),
                Ok(_) if anew => Ok(Stage::Offline),
                Ok(_) => Err(IvsError::Failed("deleted, but still there".to_owned())),
                Err(error) => Err(error),
            },
        };
        match stepped {
            // Whatever the step: what is not there needs no taking down, only the last look.
            Err(IvsError::NotFound) => Ok(Next::To(Stage::Deleted)),
            stepped => stepped.map(Next::To),
        }
    }

    /// The channel of a slot: the one that is there, or else a new one.
    async fn make(&self, channel: &Channel, since: Instant) -> Result<Made, IvsError> {
        if let Some(there) = self.ivs.made_for(channel.slot).await?.first() {
            return self.ivs.get(&there.arn).await;
        }
        // Nobody else may be at it: not while less than half of the lease is left.
        if since.elapsed() > self.pace.lease / 2 {
            return Err(IvsError::Failed("the look for it took too long".to_owned()));
        }
        self.ivs.create(channel.slot, channel.private).await
    }

    /// Without keys nobody can come back once the stream is stopped. Listed each time, because its
    /// seller may have made another one.
    async fn delete_keys(&self, arn: &str) -> Result<(), IvsError> {
        for key in self.ivs.keys(arn).await? {
            self.ivs.delete_key(&key).await?;
        }
        Ok(())
    }
}
