//! Timed metadata: the price, put into the stream so that it is seen with the picture it belongs to.
//!
//! One worker tells about an auction at a time. It looks at the ledger a few times a second, which
//! makes any number of bids in between one cue, and sends when something changed; a look costs less
//! than hearing of every bid would. What is sent last is always the last: a task ends only once it
//! has sent the end. Players that join late find no old cues, so the current one is repeated. When
//! nobody sends video there is nobody to tell, and it is asked again now and then.

use std::collections::HashMap;
use std::time::Duration;

use gavel_core::auction::{Auction, Phase};
use gavel_core::ids::AuctionId;
use gavel_core::money::Amount;
use gavel_core::time::Timestamp;
use gavel_core::wire::ShownStatus;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::ivs::{Ivs, IvsError};
use crate::catalog::channels::Channels;
use crate::ledger::Ledger;
use crate::limits::{
    CUE_REPEAT, CUE_SPACING, SILENCE_MAX, SILENCE_MIN, TELL_CLAIM_EVERY, TELL_LEASE, TELL_UNTIL,
    TOLD_CHANNELS_MAX,
};
use crate::queue::jittered;

/// What is put into the stream, in JSON: well under the 1,024 bytes that fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Cue {
    auction_id: AuctionId,
    price: Option<Amount>,
    seq: u64,
    ends_at: Option<Timestamp>,
    status: ShownStatus,
}

impl Cue {
    fn of(state: &Auction, now: Timestamp) -> Self {
        Self {
            auction_id: state.id.clone(),
            price: state.price,
            seq: state.seq,
            ends_at: state.ends_at(),
            status: ShownStatus::of(state, now),
        }
    }
}

/// Tells, until `stop`.
pub(super) async fn run(channels: Channels, ivs: Ivs, ledger: Ledger, stop: CancellationToken) {
    let teller = Uuid::now_v7();
    let mut told: HashMap<AuctionId, Ours> = HashMap::new();
    let mut tasks = JoinSet::new();
    loop {
        let asked = Instant::now();
        match channels.tell(teller, TELL_LEASE, TOLD_CHANNELS_MAX).await {
            Ok(ours) => {
                // Those that are not ours any more end with their entry.
                told.retain(|auction, one| {
                    ours.iter().any(|(id, arn)| id == auction && *arn == one.arn)
                });
                for (auction, arn) in ours {
                    let one = told.entry(auction.clone()).or_insert_with(|| {
                        let until = watch::Sender::new(asked);
                        let teller = Teller {
                            auction,
                            arn: arn.clone(),
                            ivs: ivs.clone(),
                            until: until.subscribe(),
                            last: None,
                            silent: 0,
                        };
                        tasks.spawn(teller.run(ledger.clone(), stop.clone()));
                        Ours { arn, until }
                    });
                    one.until.send_replace(asked + TELL_UNTIL);
                }
            }
            Err(error) => tracing::warn!(?error, "whom to tell about is not known, asking again"),
        }
        while tasks.try_join_next().is_some() {}
        metrics::gauge!("gavel_video_told_channels").set(count(tasks.len()));
        if tokio::time::timeout(jittered(TELL_CLAIM_EVERY), stop.cancelled()).await.is_ok() {
            break;
        }
    }
    tasks.join_all().await;
}

/// An auction that this worker alone tells about. Its task ends when this is dropped.
struct Ours {
    arn: String,
    until: watch::Sender<Instant>,
}

/// The task of one auction.
struct Teller {
    auction: AuctionId,
    arn: String,
    ivs: Ivs,
    /// Until when nobody else tells.
    until: watch::Receiver<Instant>,
    /// What was sent last, and when.
    last: Option<(Cue, Instant)>,
    /// How often in a row there was nobody to tell.
    silent: u32,
}

impl Teller {
    async fn run(mut self, ledger: Ledger, stop: CancellationToken) {
        loop {
            let pause = if *self.until.borrow() < Instant::now() {
                // Not sure to be the only one any more.
                CUE_SPACING
            } else {
                match ledger.state_and_time(&self.auction).await {
                    Ok(Some((state, now))) => match self.tell(&state, now).await {
                        Some(pause) => pause,
                        None => return,
                    },
                    Ok(None) => SILENCE_MIN,
                    Err(error) => {
                        tracing::debug!(auction = %self.auction, ?error, "no state to tell about");
                        SILENCE_MIN
                    }
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = dropped(self.until.clone()) => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Sends what is new, or due to be repeated. Gives how long to wait before looking again; `None`
    /// once the end was told.
    async fn tell(&mut self, state: &Auction, now: Timestamp) -> Option<Duration> {
        let cue = Cue::of(state, now);
        let known = |(last, at): &(Cue, Instant)| *last == cue && at.elapsed() < CUE_REPEAT;
        if self.last.as_ref().is_some_and(known) {
            return Some(CUE_SPACING);
        }
        let text = serde_json::to_string(&cue).ok()?;
        // Whoever comes after the lease may have told something newer by then.
        let lease_ends = *self.until.borrow() + (TELL_LEASE - TELL_UNTIL);
        let putting = tokio::time::timeout_at(lease_ends, self.ivs.put_metadata(&self.arn, &text));
        let put = putting.await.unwrap_or_else(|_elapsed| {
            Err(IvsError::Failed("not before the lease was over".to_owned()))
        });
        match put {
            Ok(()) => {
                let over = matches!(state.phase, Phase::Closed { .. });
                (self.last, self.silent) = (Some((cue, Instant::now())), 0);
                (!over).then_some(CUE_SPACING)
            }
            Err(IvsError::NotBroadcasting) => {
                let pause = SILENCE_MIN.saturating_mul(1 << self.silent.min(8)).min(SILENCE_MAX);
                (self.last, self.silent) = (None, self.silent.saturating_add(1));
                Some(jittered(pause))
            }
            Err(error) => {
                tracing::debug!(auction = %self.auction, %error, "price not put into the stream");
                self.last = None;
                Some(jittered(SILENCE_MIN))
            }
        }
    }
}

/// Waits until the other end is dropped.
async fn dropped(mut until: watch::Receiver<Instant>) {
    while until.changed().await.is_ok() {}
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use gavel_core::limits::AMOUNT_MAX;

    use super::*;

    #[test]
    fn the_longest_cue_fits_into_one_kilobyte() {
        let cue = Cue {
            auction_id: AuctionId::parse("useast12_01928e2c-7f3e-7abc-8def-0123456789ab").unwrap(),
            price: Amount::new(AMOUNT_MAX),
            seq: u64::MAX,
            ends_at: Some(Timestamp::from_ms(253_402_300_799_999)),
            status: ShownStatus::Scheduled,
        };
        let text = serde_json::to_string(&cue).unwrap();
        assert!(text.len() < 300, "{text}");
    }
}
