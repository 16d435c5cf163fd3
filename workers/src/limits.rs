//! Every bound of the worker tier, named with its unit and the reason for the number.

use std::time::Duration;

// ---- ledger -------------------------------------------------------------------------------------

/// Requests waiting for one auction. At the measured 30,000 decisions a second this is far under
/// the time a bidder waits; beyond it, saying "busy" at once is kinder.
pub(crate) const MAILBOX_DEPTH_MAX: usize = 2_048;
/// Requests decided and committed in one Redis call. A script of 128 events runs well under 10 ms,
/// so no other auction of the shard waits long.
pub(crate) const BATCH_JOBS_MAX: usize = 128;
/// Auctions one worker keeps in memory at once; each costs a task and its cached bid ids.
pub(crate) const ACTIVE_AUCTIONS_MAX: usize = 10_000;
/// How long an auction nobody asks for stays in memory.
pub(crate) const AUCTION_IDLE_MAX: Duration = Duration::from_secs(60);
/// Accepted bid ids cached for one auction; past it they are read from Redis once a batch.
pub(crate) const CACHED_IDS_MAX: usize = 20_000;
/// Age at which a cached state stops proving refusals. It bounds how long a new epoch, which this
/// worker did not write, can go unnoticed.
pub(crate) const CACHE_AGE_MAX: Duration = Duration::from_secs(1);
/// Age at which the offset to the Redis clock is measured again: quartz drifts < 0.1 ms in 1 s.
pub(crate) const CLOCK_AGE_MAX: Duration = Duration::from_secs(1);
/// How far a decision's time may be from Redis's when it is committed, in milliseconds. A batch
/// commits within a few; a worker that was frozen in between has to decide again.
pub(crate) const SKEW_MS_MAX: u64 = 500;
/// Times a batch is decided again after another worker was faster, before answering "busy". Eight
/// workers on one auction lose at most a few races in a row.
pub(crate) const REDECIDE_ATTEMPTS_MAX: u32 = 32;
/// Longest wait for one Redis reply. Redis answers in under a millisecond or is in trouble.
pub(crate) const REDIS_RESPONSE_MAX: Duration = Duration::from_secs(2);
/// Longest wait for a Redis connection.
pub(crate) const REDIS_CONNECT_MAX: Duration = Duration::from_secs(2);
/// Longest wait for a decision, mailbox included; with [`ACKNOWLEDGE_MAX`] below the API's limit.
pub(crate) const DECISION_MAX: Duration = Duration::from_secs(3);
/// Longest wait for an accepted bid to reach the acknowledgement level.
pub(crate) const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(3);
/// How often a waiting acknowledgement looks for itself, in case a wake-up was lost.
pub(crate) const ACKNOWLEDGE_POLL: Duration = Duration::from_millis(100);
/// Events read from a log in one call when catching up.
pub(crate) const CATCH_UP_EVENTS_MAX: usize = 1_000;

// ---- relay --------------------------------------------------------------------------------------

/// Outbox entries looked at in one round.
pub(crate) const OUTBOX_ENTRIES_MAX: usize = 1_000;
/// Messages in one SQS batch call; SQS's own limit.
pub(crate) const SQS_BATCH_MESSAGES_MAX: usize = 10;
/// Bytes of one message: ten of them stay under SQS's 1 MiB for a batch.
pub(crate) const MESSAGE_BYTES_MAX: usize = 100_000;
/// Events in one message, so that the consumer's 25-item writes stay few for each.
pub(crate) const MESSAGE_EVENTS_MAX: usize = 200;
/// How often an idle relay looks at its outbox, in case a wake-up was lost.
pub(crate) const OUTBOX_POLL: Duration = Duration::from_millis(250);
/// How long a relay owns a shard without renewing.
pub(crate) const RELAY_LEASE: Duration = Duration::from_secs(5);
/// Longest pause between two tries after a failure.
pub(crate) const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

// ---- timer --------------------------------------------------------------------------------------

/// How often deadlines are looked at; well inside the 250 ms an idle machine may be late.
pub(crate) const TIMER_TICK: Duration = Duration::from_millis(50);
/// Auctions closed at once by one worker; each waits on Redis and PostgreSQL, not on the CPU.
pub(crate) const CLOSES_AT_ONCE_MAX: usize = 16;
/// Due auctions handled in one look at one shard.
pub(crate) const DUE_AUCTIONS_MAX: usize = 100;

// ---- process ------------------------------------------------------------------------------------

/// Longest a role may take to finish what it has at hand after SIGTERM.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);
/// Shards a deployment may have; each costs a relay task.
pub(crate) const SHARDS_MAX: u16 = 256;
