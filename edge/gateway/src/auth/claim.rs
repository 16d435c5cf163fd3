//! At most one fetch of the key set per cool-down, over all instances that share a store without
//! compare-and-swap.
//!
//! Fischer's timing-based mutual exclusion: who finds no claim writes its own with a random nonce,
//! waits longer than anybody can take from reading "no claim" to writing theirs, and reads back.
//! The last writer finds its own nonce and goes on; everybody else finds another's and does not.
//! It needs a store that is linearizable, as a local one is, and that bound on the time between
//! read and write. Each claimant measures its own: one that was too slow may have overwritten the
//! claim of somebody who has already gone on, so it starts again instead of going on.
//!
//! Two keys. The *claim* only decides who may begin and dies by itself within a second, so a
//! claimant that is killed holds nobody up. The *attempt* says when a fetch last began and whether
//! it has ended; it is what the cool-down counts from, and it is read again after the claim is won,
//! so that even a claim won late cannot follow another's fetch. Should all of that be beaten by
//! stalls at just the wrong moments, the price is one fetch too many.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::{CLAIM_LIFE_MS, CLAIM_SETTLE_MS, CLAIM_TRIES_MAX, JWKS_WAIT_MS};
use crate::ports::{Clock, KeyValue, Random, StoreError};

/// Whether one may fetch now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes, and nobody else; [`end`] must follow.
    Granted(Attempt),
    /// No: somebody is fetching, or about to; [`over`] tells when that is done.
    Busy(Seen),
    /// No: the last fetch is over, and too recent.
    Cooling,
}

/// A fetch that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    at_ms: u64,
    ended: bool,
}

/// The attempt that stood in the store when one was told to wait.
pub type Seen = Option<Attempt>;

#[derive(Serialize, Deserialize)]
struct Claim {
    at_ms: u64,
    nonce: [u8; 16],
}

/// Asks to fetch, `gap_ms` after the last fetch at the earliest. `name` is that of the key set.
pub async fn ask<P: KeyValue + Clock + Random>(
    ports: &P,
    name: &str,
    gap_ms: u64,
) -> Result<Permit, StoreError> {
    let claim_key = format!("{name}/claim");
    let nonce = ports.bytes();
    let mut seen = None;
    for _ in 0..CLAIM_TRIES_MAX {
        let began_ms = ports.now_ms();
        seen = read(ports, &attempt_key(name)).await?;
        match judge(seen, ports.now_ms(), gap_ms) {
            Permit::Granted(_) => {}
            refused => return Ok(refused),
        }
        let claim: Option<Claim> = read(ports, &claim_key).await?;
        let held =
            |claim: &Claim| claim.nonce != nonce && recent(claim.at_ms, began_ms, CLAIM_LIFE_MS);
        if claim.as_ref().is_some_and(held) {
            return Ok(Permit::Busy(seen));
        }
        write(ports, &claim_key, &Claim { at_ms: began_ms, nonce }).await?;
        let too_slow = ports.now_ms().saturating_sub(began_ms) >= CLAIM_SETTLE_MS;
        ports.sleep(Duration::from_millis(CLAIM_SETTLE_MS)).await;
        if too_slow {
            continue;
        }
        let standing: Option<Claim> = read(ports, &claim_key).await?;
        if standing.is_none_or(|claim| claim.nonce != nonce) {
            return Ok(Permit::Busy(seen));
        }
        let last = read(ports, &attempt_key(name)).await?;
        let permit = judge(last, ports.now_ms(), gap_ms);
        if let Permit::Granted(attempt) = permit {
            write(ports, &attempt_key(name), &attempt).await?;
        }
        return Ok(permit);
    }
    Ok(Permit::Busy(seen))
}

/// Notes that the fetch is over, whatever came of it, so that nobody waits for it any longer.
pub async fn end<P: KeyValue>(ports: &P, name: &str, attempt: Attempt) -> Result<(), StoreError> {
    write(ports, &attempt_key(name), &Attempt { ended: true, ..attempt }).await
}

/// Whether a fetch has ended since one was told to wait. However short the cool-down: it may be over
/// before the fetch is.
pub async fn over<P: KeyValue>(ports: &P, name: &str, seen: Seen) -> Result<bool, StoreError> {
    let last: Option<Attempt> = read(ports, &attempt_key(name)).await?;
    Ok(last != seen && last.is_some_and(|attempt| attempt.ended))
}

/// When the last fetch began, whatever came of it.
pub async fn last_asked_ms<P: KeyValue>(ports: &P, name: &str) -> Result<Option<u64>, StoreError> {
    let last: Option<Attempt> = read(ports, &attempt_key(name)).await?;
    Ok(last.map(|attempt| attempt.at_ms))
}

/// What the last attempt leaves to do; `Granted` means that the way is free.
fn judge(last: Option<Attempt>, now_ms: u64, gap_ms: u64) -> Permit {
    match last {
        // An attempt that never ended belongs to an instance that is gone.
        Some(attempt) if !attempt.ended && recent(attempt.at_ms, now_ms, JWKS_WAIT_MS) => {
            Permit::Busy(last)
        }
        Some(attempt) if recent(attempt.at_ms, now_ms, gap_ms) => Permit::Cooling,
        _ => Permit::Granted(Attempt { at_ms: now_ms, ended: false }),
    }
}

fn attempt_key(name: &str) -> String {
    format!("{name}/attempt")
}

/// Whether `at` is less than `span` away from `now`. A time from the future, as a clock that was set
/// back leaves it, counts by its distance too, so that it cannot block for ever.
fn recent(at_ms: u64, now_ms: u64, span_ms: u64) -> bool {
    at_ms.abs_diff(now_ms) < span_ms
}

async fn read<T: for<'de> Deserialize<'de>>(
    ports: &impl KeyValue,
    key: &str,
) -> Result<Option<T>, StoreError> {
    let stored = ports.get(key).await?;
    Ok(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

async fn write<T: Serialize>(
    ports: &impl KeyValue,
    key: &str,
    value: &T,
) -> Result<(), StoreError> {
    ports.set(key, &serde_json::to_vec(value).unwrap_or_default()).await
}
