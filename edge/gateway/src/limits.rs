//! Every bound of the gateway, named with its unit and the reason for the number. Bounds that both
//! tiers share are in `gavel_core::limits`.

/// Clock difference allowed between Cognito and here, in seconds. Both keep time by NTP.
pub const TOKEN_LEEWAY_S: u64 = 5;
/// A key id in bytes. Cognito's have 44.
pub const KEY_ID_LEN_MAX: usize = 128;
/// Verified tokens remembered by one instance. An instance serves 128 requests by default, so more
/// are only of use where the runtime is told to keep instances longer; each takes about 300 bytes.
pub const TOKENS_CACHED_MAX: usize = 1_024;

/// Regions in the list of one gateway. There is one for each place that a company auctions from, AWS
/// has some forty in all, and the list is searched from its beginning for every request.
pub const REGIONS_MAX: usize = 64;

/// Shortest RSA modulus accepted, in bits (RFC 7518, 3.3).
pub const RSA_BITS_MIN: usize = 2_048;
/// Longest RSA modulus accepted, in bits; longer only costs time.
pub const RSA_BITS_MAX: usize = 4_096;
/// The key set in bytes. Cognito's two keys take about 900.
pub const JWKS_BYTES_MAX: usize = 65_536;
/// Keys in a set.
pub const JWKS_KEYS_MAX: usize = 32;
/// Fetching the key set, in milliseconds, all in all: a bidder waits meanwhile.
pub const JWKS_FETCH_TIMEOUT_MS: u64 = 3_000;
/// Waiting for another request's fetch, in milliseconds: its time-out and a little.
pub const JWKS_WAIT_MS: u64 = 3_500;
/// How often a waiting request looks, in milliseconds.
pub const JWKS_POLL_MS: u64 = 50;
/// Age in seconds at which the key set is refreshed though every key is known.
pub const JWKS_AGE_S_MAX: u64 = 3_600;
/// Least time in seconds between such refreshes when they fail; the old set works meanwhile, and
/// the request that tries waits for the time-out.
pub const JWKS_REFRESH_GAP_S: u64 = 60;
/// Age in seconds at which an instance reads the stored set again, to see what others fetched.
pub const JWKS_RECHECK_S: u64 = 60;
/// The settling time of the fetch claim in milliseconds; see `auth::claim`. A store operation takes
/// 20 µs on a local store and a few milliseconds on a networked one.
pub const CLAIM_SETTLE_MS: u64 = 30;
/// How long a claim holds others off in milliseconds: the claimant has either begun its fetch by
/// then, or died.
pub const CLAIM_LIFE_MS: u64 = 1_000;
/// How often a claimant that was too slow tries again.
pub const CLAIM_TRIES_MAX: u32 = 3;

/// A query as it came, in bytes: the longest cursor and category fit, percent-encoded as usual.
pub const QUERY_BYTES_MAX: usize = 4_096;
/// Reading a request's body, in milliseconds, so that a slow sender cannot hold an instance.
pub const BODY_READ_TIMEOUT_MS: u64 = 5_000;

/// Slots of one rate limiter in the store; with [`LIMIT_SLOT_ENTRIES_MAX`] it bounds what a limiter
/// can ever store to about 3 MB.
pub const LIMIT_SLOTS: u64 = 16_384;
/// Identities in one slot.
pub const LIMIT_SLOT_ENTRIES_MAX: usize = 8;
/// Largest configurable rate a second, and burst.
pub const RATE_MAX: u64 = 1_000_000;

/// Opening a connection to a region, in milliseconds: three round trips around the globe.
pub const CONNECT_TIMEOUT_MS: u64 = 2_000;
/// Least configurable time-out of a forwarded request in milliseconds.
pub const FORWARD_TIMEOUT_MS_MIN: u64 = 100;
/// Most: the assertion must still be good when the worker reads it, and it lives 15 s.
pub const FORWARD_TIMEOUT_MS_MAX: u64 = 14_000;
/// A region's reply in bytes. The workers end a page at 512 KiB of texts, which quoting in JSON at most
/// doubles, and the terms of its 100 auctions are under 300 KB: 1.35 MB.
pub const REPLY_BYTES_MAX: usize = 1_572_864;
/// Asking a region whether it is ready, in milliseconds; probes themselves give up soon.
pub const READY_TIMEOUT_MS: u64 = 2_000;
/// What `Retry-After` says when a region cannot be reached, in seconds.
pub const RETRY_AFTER_S: u64 = 1;

/// Least length of the key that signs assertions, in bytes (RFC 7518, 3.2: that of the hash).
pub const EDGE_KEY_LEN_MIN: usize = 32;
/// Longest cool-down of key set fetches in seconds.
pub const JWKS_COOLDOWN_S_MAX: u64 = 3_600;
/// `tracestate` in bytes (W3C Trace Context asks for at least 512).
pub const TRACESTATE_LEN_MAX: usize = 512;
/// Members of `tracestate` (W3C Trace Context, 3.3.1.1).
pub const TRACESTATE_MEMBERS_MAX: usize = 32;
/// Longest answer of a region to the question whether it is ready, in bytes; three short words.
pub const READINESS_BYTES_MAX: usize = 4_096;
