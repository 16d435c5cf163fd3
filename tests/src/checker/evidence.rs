//! What the checker is given: one auction's terms, history, result, and what its clients saw.
//!
//! Plain numbers and texts only, so that nothing of the code under test can lend its opinion. Amounts
//! are in cents. `_at` and `_ms` are of the server's clock, in milliseconds since 1970; `_us` are of the
//! clients' own steady clock, in microseconds since the run began.

/// Everything known of one auction from outside.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Its id.
    pub auction: String,
    /// What its seller fixed, from PostgreSQL.
    pub rules: Rules,
    /// Its history, from DynamoDB, by the table's own key.
    pub rows: Vec<Row>,
    /// Every bid that a client sent, from the clients' logs.
    pub bids: Vec<BidCall>,
    /// Every look at the live state, from the clients' logs.
    pub reads: Vec<Read>,
    /// What its seller did to it, in order, from the seller's log.
    pub acts: Vec<Act>,
    /// How it ended, from PostgreSQL.
    pub ending: Ending,
}

/// The terms of sale.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who sells.
    pub seller: String,
    /// Such as `USD`.
    pub currency: String,
    /// The least first bid.
    pub starting_price: u64,
    /// Below it, the lot is not sold.
    pub reserve: Option<u64>,
    /// A bid of this much wins at once.
    pub buy_now: Option<u64>,
    /// No bid above it.
    pub ceiling: Option<u64>,
    /// `(from, step)`, in any order.
    pub bands: Vec<(u64, u64)>,
    /// When it opens by itself, if it does.
    pub opens_at: Option<u64>,
    /// How long it is open.
    pub duration_ms: u64,
    /// A bid with less than this left moves the end …
    pub window_ms: u64,
    /// … to this long after it …
    pub extension_ms: u64,
    /// … at most so many times.
    pub extensions_max: u64,
    /// How long closing waits for bids that are under way.
    pub grace_ms: u64,
}

/// One accepted bid, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the auction's log, which also has openings, pauses and the like.
    pub position: u64,
    /// Its number among the accepted bids.
    pub seq: u64,
    /// Rises when the price may fall.
    pub epoch: u64,
    /// Its id.
    pub bid_id: String,
    /// Who bid.
    pub bidder: String,
    /// What was offered.
    pub amount: u64,
    /// What the bidder is good for.
    pub max: u64,
    /// Such as `USD`.
    pub currency: String,
    /// `leading` or `outbid`.
    pub status: String,
    /// The visible price after it.
    pub price: u64,
    /// The least next bid after it, if any could follow.
    pub minimum_next: Option<u64>,
    /// Whether the lot could still be bought outright after it.
    pub buy_now_open: bool,
    /// The end after it.
    pub ends_at: u64,
    /// Whether it moved the end.
    pub extended: bool,
    /// When it was accepted.
    pub placed_at: u64,
    /// Its sort stamp.
    pub stamp: u64,
}

/// When a request left its client, and when its answer was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it left.
    pub sent_us: u64,
    /// When the answer, or the end of waiting for it, was there.
    pub received_us: u64,
}

/// A bid that a client sent.
#[derive(Clone, Debug)]
pub struct BidCall {
    /// When.
    pub span: Span,
    /// Who.
    pub bidder: String,
    /// Under which idempotency key.
    pub key: String,
    /// What was offered.
    pub amount: u64,
    /// The maximum; the amount when none was given.
    pub max: u64,
    /// What came back.
    pub answer: Answer,
}

/// What came back for a bid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing, or that it could not be served now: it may or may not have counted.
    Unknown,
    /// 201, or 200 when it is `repeated`.
    Accepted {
        /// Whether it was answered as a repeat.
        repeated: bool,
        /// The body.
        receipt: Receipt,
    },
    /// A problem.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The stable code.
        code: String,
        /// The least next bid, or the maximum that binds the bidder, when the answer names one.
        bound: Option<u64>,
    },
}

/// What the bidder was told of an accepted bid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the answer, and of a row")]
pub struct Receipt {
    pub bid_id: String,
    pub seq: u64,
    pub status: String,
    pub amount: u64,
    pub price: u64,
    pub minimum_next: Option<u64>,
    pub buy_now_open: bool,
    pub ends_at: u64,
    pub extended: bool,
    pub acknowledged: String,
}

/// A look at the live state.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are those of the answer")]
pub struct Read {
    pub span: Span,
    pub status: String,
    pub price: Option<u64>,
    /// A public name, never an id.
    pub leader: Option<String>,
    pub minimum_next: Option<u64>,
    pub buy_now_open: bool,
    pub ends_at: Option<u64>,
    pub server_time: u64,
    pub seq: u64,
    pub bid_count: u64,
    pub extensions: u64,
    pub has_reserve: bool,
    pub reserve_met: Option<bool>,
    pub outcome: Option<String>,
}

/// What a seller can do to an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are the routes of the same names")]
pub enum Deed {
    Open,
    Pause,
    Resume,
    Close,
    Cancel,
}

/// Something the seller did that changed the auction. Requests without an answer are repeated until
/// there is one; the span is that of them all.
#[derive(Clone, Debug)]
pub struct Act {
    /// When.
    pub span: Span,
    /// What.
    pub deed: Deed,
    /// Its place in the auction's log: one that no row has.
    pub position: u64,
    /// Whether it took more than one request. A later one may have been answered when bids had moved
    /// the end already, or when the auction was over.
    pub repeated: bool,
    /// The end that the answer told, if the auction was live then.
    pub ends_at: Option<u64>,
}

/// The result, as the catalogue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the columns")]
pub struct Ending {
    pub status: String,
    pub outcome: Option<String>,
    pub winner: Option<String>,
    pub hammer_price: Option<u64>,
    pub winning_bid: Option<String>,
    pub bid_count: u64,
    pub price: Option<u64>,
    pub closed_at: Option<u64>,
}
