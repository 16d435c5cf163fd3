//! What can be wrong with a history, each as a sentence that names the rule it breaks.

use std::fmt;

use super::rules::Forbidden;

/// Something that the rules do not allow. Equal ones are the same finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are said by the sentence of their variant")]
pub enum Anomaly {
    /// Sequence numbers are not 1, 2, 3 ….
    Gap { after: u64, found: u64 },
    /// One bid is in the history twice.
    Doubled { bid_id: String, first: u64, again: u64 },
    /// A place in the auction's log that nothing accounts for.
    Unaccounted { after: u64, found: u64 },
    /// The sort stamps do not rise strictly, or are earlier than the bid.
    Stamp { seq: u64, stamp: u64, previous: u64 },
    /// The epoch changed although nothing was rebuilt.
    Epoch { seq: u64, epoch: u64, previous: u64 },
    /// A bid was accepted that the rules refuse.
    Forbidden { seq: u64, why: Forbidden },
    /// What followed from a bid is not what the rules say.
    Wrong { seq: u64, what: &'static str, recorded: String, by_rules: String },
    /// It was not opened when it was due, or for another time than its terms say.
    Opened { ends_at: u64, duration_ms: u64, least: u64, most: u64 },
    /// Resuming did not give the remaining time back.
    Resumed { position: u64, moved_ms: i64, least_ms: i64, most_ms: i64 },
    /// The catalogue's result is not that of the history.
    Ending { what: &'static str, recorded: String, by_rules: String },
    /// A row that no client's request explains.
    NobodySent { seq: u64, bid_id: String },
    /// An acknowledged bid is not in the history.
    Missing { seq: u64, bid_id: String },
    /// A bidder was told something else than what is recorded.
    Receipt { bid_id: String, what: &'static str, told: String, recorded: String },
    /// Two answers to one bid differ.
    RepeatDiffers { key: String, first: String, again: String },
    /// The same bid was answered as a new one twice, or as a repeat without a first time.
    RepeatNumbers { key: String, created: usize, sent: usize },
    /// A repeat of an accepted bid was refused.
    RepeatRefused { key: String, code: String },
    /// A key that was used for an accepted offer served for another one.
    OfferChanged { key: String, accepted: (u64, u64), asked: (u64, u64), answer: String },
    /// A conflict was claimed for a key that no other offer had used.
    NoConflict { key: String },
    /// A refusal that the state of the auction at that time does not bear out.
    Refusal { key: String, code: String, why: String },
    /// An answer that no rule provides for.
    Answer { key: String, status: u16, code: String },
    /// A bid was sent after a later state was already known, but came before it.
    OutOfOrder { seq: u64, known_seq: u64 },
    /// A bid's time is not within its request's.
    OutOfTime { seq: u64, placed_at: u64, sent: u64, received: u64 },
    /// A look at the state shows one that the auction was not in at that time.
    Read { sent_us: u64, shown: String, possible: String },
    /// One public name stands for two people, or two for one.
    Name { name: String, one: String, other: String },
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { after, found } => {
                write!(f, "bid {after} is followed by bid {found}: numbers must be gap-free")
            }
            Self::Doubled { bid_id, first, again } => {
                write!(f, "the bid {bid_id} is in the history twice, as {first} and as {again}")
            }
            Self::Unaccounted { after, found } => {
                write!(f, "the log's place after {after} belongs to nothing known; {found} is next")
            }
            Self::Stamp { seq, stamp, previous } => write!(
                f,
                "the sort stamp {stamp} of bid {seq} is not the larger of its own time and \
                 {previous} + 1"
            ),
            Self::Epoch { seq, epoch, previous } => {
                write!(f, "bid {seq} is of epoch {epoch} after {previous}, but nothing was rebuilt")
            }
            Self::Forbidden { seq, why } => write!(f, "bid {seq} was accepted although {why}"),
            Self::Wrong { seq, what, recorded, by_rules } => write!(
                f,
                "the {what} after bid {seq} is recorded as {recorded}, by the rules it is {by_rules}"
            ),
            Self::Opened { ends_at, duration_ms, least, most } => write!(
                f,
                "it was opened between {least} and {most} for {duration_ms} ms, but to end at {ends_at}"
            ),
            Self::Resumed { position, moved_ms, least_ms, most_ms } => write!(
                f,
                "resuming (place {position}) moved the end by {moved_ms} ms after a pause of \
                 {least_ms} to {most_ms} ms: the remaining time must be given back"
            ),
            Self::Ending { what, recorded, by_rules } => write!(
                f,
                "the catalogue's {what} is {recorded}, by the rules and the history it is {by_rules}"
            ),
            Self::NobodySent { seq, bid_id } => {
                write!(f, "no client sent bid {seq} ({bid_id})")
            }
            Self::Missing { seq, bid_id } => {
                write!(f, "the bid {bid_id} was acknowledged as {seq} but is not in the history")
            }
            Self::Receipt { bid_id, what, told, recorded } => write!(
                f,
                "the bidder of {bid_id} was told {what} {told}, the history says {recorded}"
            ),
            Self::RepeatDiffers { key, first, again } => {
                write!(f, "one request ({key}) was answered {first} and then {again}")
            }
            Self::RepeatNumbers { key, created, sent } => write!(
                f,
                "the request {key}, sent {sent} times, was answered {created} times as a new bid"
            ),
            Self::RepeatRefused { key, code } => {
                write!(f, "the repeat of an accepted bid ({key}) was answered {code}")
            }
            Self::OfferChanged { key, accepted, asked, answer } => write!(
                f,
                "the key {key} was accepted with {accepted:?}; asked again with {asked:?} it was \
                 answered {answer}, not idempotency-conflict"
            ),
            Self::NoConflict { key } => {
                write!(f, "the key {key} conflicts, but no other offer had used it")
            }
            Self::Refusal { key, code, why } => {
                write!(f, "the request {key} was refused as {code}, but {why}")
            }
            Self::Answer { key, status, code } => {
                write!(f, "the request {key} was answered {status} {code}")
            }
            Self::OutOfOrder { seq, known_seq } => write!(
                f,
                "bid {seq} was sent after the state of bid {known_seq} was known, yet comes first"
            ),
            Self::OutOfTime { seq, placed_at, sent, received } => write!(
                f,
                "bid {seq} was placed at {placed_at}, but sent at {sent} and answered at {received}"
            ),
            Self::Read { sent_us, shown, possible } => write!(
                f,
                "the look at {sent_us} us showed {shown}, but the auction was then at {possible}"
            ),
            Self::Name { name, one, other } => {
                write!(f, "the public name {name} stands for {one} and {other} in one auction")
            }
        }
    }
}
