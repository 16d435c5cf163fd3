//! Video: a channel of Amazon IVS for each auction, who may send to it and who may watch it, and the
//! price put into the stream.
//!
//! Creating an auction never waits for the video service: channels are kept ready, and one is
//! assigned by a single update in PostgreSQL. Their life is in `saga`, what went astray is found by
//! `sweep`. No bid depends on anything here. Invariant: never two channels for an auction, and the
//! stream key is told to its seller alone, never stored, never logged.

mod asking;
mod ivs;
mod pace;
mod pacer;
mod saga;
mod stock;
mod sweep;
mod tell;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use gavel_core::ids::{AuctionId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{IngestView, PlaybackView, RevocationView, Status};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::asking::Asking;
use self::ivs::{Ivs, IvsError};
pub(crate) use self::pace::Pace;
use self::saga::Saga;
use self::stock::Stock;
pub(crate) use self::token::PlaybackKey;
use crate::catalog::channels::{Channel, Channels, Made};
use crate::catalog::{AuctionRecord, Catalog, CatalogError};
use crate::ledger::Ledger;
use crate::limits::{KEY_ATTEMPTS_MAX, VIDEO_OF_A_SELLER_MAX};

/// Why somebody was not served.
#[derive(Debug, thiserror::Error)]
pub enum VideoError {
    /// The auction is over, and with it its video.
    #[error("the auction is over")]
    Over,
    /// Watching takes a signed-in user.
    #[error("sign in first")]
    SignInFirst,
    /// This viewer may not watch any more.
    #[error("the viewer was shut out")]
    Revoked,
    /// Anybody may watch a public auction.
    #[error("a public auction shuts nobody out")]
    NotPrivate,
    /// They asked for stream keys too often.
    #[error("too often")]
    TooOften {
        /// Until they may ask again.
        retry_after_s: u64,
    },
    /// The channel is being made.
    #[error("the channel is being made")]
    BeingMade,
    /// Its seller has video in as many auctions as one may.
    #[error("its seller has video in {VIDEO_OF_A_SELLER_MAX} older auctions")]
    NotItsTurn,
    /// Not now: the video service is in trouble. Asking again is safe.
    #[error("not now: {0}")]
    Unavailable(String),
    /// The catalogue said no, or nothing.
    #[error("the catalogue did not answer")]
    Catalog(#[from] CatalogError),
}

impl From<IvsError> for VideoError {
    fn from(error: IvsError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The video of this region's auctions. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Video {
    channels: Channels,
    ivs: Ivs,
    key: Option<Arc<PlaybackKey>>,
    asking: Asking,
    /// Tells that the stock of channels was asked for one.
    taken: Arc<Notify>,
}

/// How many channels are kept ready.
#[derive(Debug, Clone, Copy)]
pub struct Spare {
    /// That anybody may watch.
    pub public: u32,
    /// That take a token.
    pub private: u32,
}

impl Video {
    /// The video of `deployment`, whose channels carry its name. Without a key there are no private
    /// auctions.
    pub(crate) fn new(
        catalog: &Catalog,
        client: aws_sdk_ivs::Client,
        deployment: String,
        key: Option<PlaybackKey>,
    ) -> Self {
        let (channels, ivs) = (catalog.channels(), Ivs::new(client, deployment));
        let (asking, taken) = (Asking::default(), Arc::default());
        Self { channels, ivs, key: key.map(Arc::new), asking, taken }
    }

    /// Whether private auctions can be had here.
    #[must_use]
    pub fn offers_private(&self) -> bool {
        self.key.is_some()
    }

    /// Gives a new auction one of the channels that are ready. Gives where anybody can watch it, if
    /// there was one and anybody can. Never fails: what is not done now, the role `video` does.
    pub async fn assign(&self, auction: &AuctionId) -> Option<String> {
        let assigned = self.channels.assign(auction).await;
        self.taken.notify_one();
        match assigned {
            Ok(assigned) => assigned
                .filter(|channel| !channel.private)
                .and_then(|channel| channel.made)
                .map(|made| made.playback_url),
            Err(error) => {
                tracing::warn!(%auction, ?error, "no channel assigned yet");
                None
            }
        }
    }

    /// Where and how `viewer` watches. `now` is when a token begins.
    pub async fn playback(
        &self,
        auction: &AuctionRecord,
        viewer: Option<&UserId>,
        now: Timestamp,
    ) -> Result<PlaybackView, VideoError> {
        // Before anything is told about a private auction.
        let viewer = match (auction.private, viewer) {
            (true, None) => return Err(VideoError::SignInFirst),
            (true, Some(viewer)) => Some(auction.id.public_name(viewer)),
            (false, _) => None,
        };
        let Made { arn, playback_url, .. } = self.made(auction).await?;
        let Some(viewer) = viewer else {
            return Ok(PlaybackView { url: playback_url, token: None, expires_at: None });
        };
        if self.channels.is_revoked(&auction.id, &viewer).await? {
            return Err(VideoError::Revoked);
        }
        let signed = self.key.as_ref().and_then(|key| key.sign(&arn, &viewer, now));
        let signed = signed.ok_or_else(|| unavailable("no key to sign playback tokens with"))?;
        Ok(PlaybackView {
            url: format!("{playback_url}?token={}", signed.token),
            token: Some(signed.token),
            expires_at: Some(signed.expires_at),
        })
    }

    /// Where its seller sends the video, and with which key.
    pub async fn ingest(&self, auction: &AuctionRecord) -> Result<IngestView, VideoError> {
        let made = self.made(auction).await?;
        self.asking.asked(&auction.seller)?;
        let key = self.key_of(&made.arn).await?;
        Ok(ingest(&made, &key))
    }

    /// The same with a new key: whoever has the old one is cut off. Cut off in between, it leaves one
    /// key or none, and perhaps somebody who still sends: it is to be repeated until it succeeds.
    /// [`Video::ingest`] makes a key where there is none.
    pub async fn reset(&self, auction: &AuctionRecord) -> Result<IngestView, VideoError> {
        let made = self.made(auction).await?;
        self.asking.asked(&auction.seller)?;
        for key in self.ivs.keys(&made.arn).await? {
            self.ivs.delete_key(&key).await?;
        }
        // Who is connected stays so without a key; only now they cannot come back.
        self.ivs.stop(&made.arn).await?;
        let key = match self.ivs.create_key(&made.arn).await {
            // Made by somebody else meanwhile.
            Err(IvsError::Quota) => self.key_of(&made.arn).await?,
            created => created?,
        };
        Ok(ingest(&made, &key))
    }

    /// Shuts a viewer out: they get no token any more, and what they watch ends. The first is kept
    /// before anything else. What the video service cannot be told now, the role `video` tells it.
    pub async fn revoke(
        &self,
        auction: &AuctionRecord,
        viewer: &str,
    ) -> Result<RevocationView, VideoError> {
        if !auction.private {
            return Err(VideoError::NotPrivate);
        }
        if auction.status == Status::Closed {
            return Err(VideoError::Over);
        }
        let revoked_at = self.channels.revoke(&auction.id, viewer).await?;
        let session_ended = match self.end_session(&auction.id, viewer).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(auction = %auction.id, %error, "viewer shut out, session not ended yet");
                false
            }
        };
        Ok(RevocationView {
            auction_id: auction.id.clone(),
            viewer_id: viewer.to_owned(),
            revoked_at,
            session_ended,
        })
    }

    /// Ends what a viewer watches, if there is a channel to watch.
    async fn end_session(&self, auction: &AuctionId, viewer: &str) -> Result<(), VideoError> {
        let Some(Channel { made: Some(made), .. }) = self.channels.of(auction).await? else {
            return Ok(());
        };
        match self.ivs.revoke(&made.arn, viewer).await {
            // The channel is being replaced: nobody watches it.
            Ok(()) | Err(IvsError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.channels.told(auction, viewer).await?)
    }

    /// The channel of an auction.
    async fn made(&self, auction: &AuctionRecord) -> Result<Made, VideoError> {
        if auction.status == Status::Closed {
            return Err(VideoError::Over);
        }
        match self.channels.of(&auction.id).await? {
            Some(Channel { made: Some(made), .. }) => Ok(made),
            _ if self.channels.has_turn(&auction.id).await? => Err(VideoError::BeingMade),
            _ => Err(VideoError::NotItsTurn),
        }
    }

    /// The channel's key, or a new one when it has none.
    async fn key_of(&self, arn: &str) -> Result<SecretString, VideoError> {
        for _ in 0..KEY_ATTEMPTS_MAX {
            let got = match self.ivs.keys(arn).await?.first() {
                Some(key) => self.ivs.key(key).await,
                None => self.ivs.create_key(arn).await,
            };
            match got {
                // Deleted or made by somebody else meanwhile.
                Err(IvsError::NotFound | IvsError::Quota) => {}
                got => return Ok(got?),
            }
        }
        Err(unavailable("the stream key is being changed by others"))
    }
}

fn unavailable(why: &str) -> VideoError {
    VideoError::Unavailable(why.to_owned())
}

fn ingest(made: &Made, key: &SecretString) -> IngestView {
    IngestView {
        endpoint: format!("rtmps://{}:443/app/", made.ingest_endpoint),
        stream_key: key.expose_secret().to_owned(),
    }
}

/// The role `video`: keeps channels in stock, takes the steps of their lives, sweeps, and puts prices
/// into streams; until `stop`.
pub(crate) async fn run(
    video: Video,
    ledger: Ledger,
    spare: Spare,
    pace: Pace,
    stop: CancellationToken,
) {
    let Video { channels, ivs, key, taken, .. } = video;
    let spare = if key.is_some() { spare } else { Spare { private: 0, ..spare } };
    let saga = Saga { channels: channels.clone(), ivs: ivs.clone(), pace };
    let stock = Stock { saga, spare };
    futures::join!(
        stock.keep_stocked(&taken, &stop),
        stock.keep_stepping(&stop),
        stock.keep_sweeping(&stop),
        stock.keep_revoking(&stop),
        tell::run(channels, ivs, ledger, stop.clone()),
    );
}
