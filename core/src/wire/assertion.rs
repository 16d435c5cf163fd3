//! What the edge vouches for, once, for one request: the claims of the token it signs (HS256) for
//! the workers. It covers everything a worker acts on, so nothing can be altered or reused for
//! another request; a replay within its life is the same request and changes nothing.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{UserId, hex};
use crate::time::Timestamp;

/// The header that carries the signed token from the edge to a worker.
pub const ASSERTION_HEADER: &str = "gavel-edge-assertion";
/// The token's `iss`.
pub const ASSERTION_ISSUER: &str = "gavel-edge";
/// How long one is good for, in seconds: longer than the edge waits for a worker (8 s by default),
/// short enough that a stolen one is soon worthless.
pub const ASSERTION_LIFE_S: u64 = 15;

/// The Cognito group whose members may drive and keep order in every auction.
pub const ADMINISTRATORS: &str = "admin";
/// The Cognito group that creating auctions takes, where a deployment demands it.
pub const SELLERS: &str = "seller";
/// Every group that decides something. The edge vouches for these only: somebody in a hundred others
/// would make every request to a worker carry them all.
pub const GROUPS: [&str; 2] = [ADMINISTRATORS, SELLERS];

/// The custom claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// The signed-in user, if any.
    pub user: Option<UserId>,
    /// Those of their Cognito groups that are [`GROUPS`]; an edge of an earlier release sends all.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The client's address, as the edge's runtime saw it.
    pub address: String,
    /// When the request reached the edge, in milliseconds since the epoch, on the edge's clock.
    pub arrived_at_ms: i64,
    /// The method.
    pub method: String,
    /// The path and query, exactly as forwarded.
    pub path: String,
    /// [`body_digest`] of the body.
    pub body_sha256: String,
    /// The idempotency key, so that a replay cannot become another bid.
    pub idempotency_key: Option<String>,
    /// For tracing one request through both tiers.
    pub request_id: String,
}

impl Assertion {
    /// When the request reached the edge.
    #[must_use]
    pub const fn arrived_at(&self) -> Timestamp {
        Timestamp::from_ms(self.arrived_at_ms)
    }

    /// [`settled_at`] of the request.
    #[must_use]
    pub const fn settled_at(&self) -> Timestamp {
        settled_at(self.arrived_at())
    }
}

/// From when on a bid that reached the edge at `arrived_at`, and was not accepted by then, never will be:
/// when the edge's word for it is over. The commit compares it with the server's clock, so that it holds
/// whatever clock the edge has; one that is late by as much can place no bids.
#[must_use]
pub const fn settled_at(arrived_at: Timestamp) -> Timestamp {
    arrived_at.plus_ms(ASSERTION_LIFE_S * 1_000)
}

/// SHA-256 of a body in lower-case hex.
#[must_use]
pub fn body_digest(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}
