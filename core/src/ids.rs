//! Ids as types: they say what they name, and a malformed one cannot exist.
//!
//! An auction id carries its home region and a bid id its auction, so every request can be routed
//! by the id alone.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::limits::{
    IDEMPOTENCY_KEY_LEN_MAX, REGION_CODE_LEN_MAX, REGION_CODE_LEN_MIN, USER_ID_LEN_MAX,
};
use crate::time::Timestamp;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct InvalidId(&'static str);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Reads the id; an error when the text does not have its shape.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId($what)) }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }
    };
}

text_id!(
    /// A region code such as `use1`: 2 to 8 lower-case letters and digits.
    RegionCode,
    "region code",
    is_region_code
);
text_id!(
    /// An auction: `<region code>_<uuid>`, the uuid in lower-case hyphenated form.
    AuctionId,
    "auction id",
    is_auction_id
);
text_id!(
    /// A signed-in user (seller or bidder): the `sub` of their Cognito token.
    UserId,
    "user id",
    |text| (1..=USER_ID_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.'))
);
text_id!(
    /// A bid: `<auction id>_<32 hex digits>`, derived by [`BidId::derive`].
    BidId,
    "bid id",
    is_in_auction
);
text_id!(
    /// A chat message: `<auction id>_<32 hex digits>`, derived by [`MessageId::derive`].
    MessageId,
    "message id",
    is_in_auction
);
text_id!(
    /// A caller's `Idempotency-Key`: 1 to 128 visible ASCII characters, without quotes.
    IdempotencyKey,
    "idempotency key",
    |text| (1..=IDEMPOTENCY_KEY_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
);

impl AuctionId {
    /// The id of an auction at home in `region`.
    #[must_use]
    pub fn new(region: &RegionCode, uuid: Uuid) -> Self {
        Self(format!("{region}_{}", uuid.hyphenated()))
    }

    /// The home region's code.
    #[must_use]
    pub fn region(&self) -> &str {
        self.0.split('_').next().unwrap_or_default()
    }

    /// The name other people see for `user` in this auction, such as `bidder-5f3a9c01`.
    ///
    /// Derived, so it needs no store; by auction, so nobody can be followed from one to the next.
    #[must_use]
    pub fn public_name(&self, user: &UserId) -> String {
        let digest = digest_hex(&["name", &self.0, user.as_str()]);
        format!("{PUBLIC_NAME_PREFIX}{}", &digest[..PUBLIC_NAME_DIGITS])
    }
}

/// What every [`AuctionId::public_name`] begins with.
pub const PUBLIC_NAME_PREFIX: &str = "bidder-";
/// The hexadecimal digits that follow.
pub const PUBLIC_NAME_DIGITS: usize = 8;

/// Whether `text` has the form of an [`AuctionId::public_name`].
#[must_use]
pub fn is_public_name(text: &str) -> bool {
    text.strip_prefix(PUBLIC_NAME_PREFIX).is_some_and(|digits| {
        digits.len() == PUBLIC_NAME_DIGITS && digits.bytes().all(is_lower_hex)
    })
}

impl BidId {
    /// The id of the bid that `bidder` places in `auction` under `key`. The same three always give
    /// the same id, which is what makes a retry recognisable after any crash.
    #[must_use]
    pub fn derive(auction: &AuctionId, bidder: &UserId, key: &IdempotencyKey) -> Self {
        let digest = digest_hex(&["bid", auction.as_str(), bidder.as_str(), key.as_str()]);
        Self(format!("{auction}_{}", &digest[..32]))
    }

    /// The auction this bid belongs to.
    #[must_use]
    pub fn auction(&self) -> AuctionId {
        let (auction, _) = self.0.rsplit_once('_').expect("checked when the id was made");
        AuctionId(auction.to_owned())
    }
}

impl MessageId {
    /// The id of what `author` writes in `auction` under `key` at `at`: its first 12 digits are the
    /// time in milliseconds, so that a message is found by its id alone, and so that a key that is
    /// used again when nobody remembers it names another message.
    #[must_use]
    pub fn derive(
        auction: &AuctionId,
        author: &UserId,
        key: &IdempotencyKey,
        at: Timestamp,
    ) -> Self {
        let digest = digest_hex(&["chat", auction.as_str(), author.as_str(), key.as_str()]);
        // The last time there is, in the year 9999, has 12 digits.
        Self(format!("{auction}_{:012x}{}", at.as_ms(), &digest[..20]))
    }

    /// When the message was written.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        let (_, digits) = self.0.rsplit_once('_').expect("checked when the id was made");
        let ms = i64::from_str_radix(&digits[..12], 16).expect("checked when the id was made");
        Timestamp::from_ms(ms)
    }

    /// The auction this message belongs to.
    #[must_use]
    pub fn auction(&self) -> AuctionId {
        let (auction, _) = self.0.rsplit_once('_').expect("checked when the id was made");
        AuctionId(auction.to_owned())
    }
}

impl IdempotencyKey {
    /// Reads the header's value: an RFC 9651 string (`"abc"`) or the same characters bare.
    pub fn from_header(value: &str) -> Result<Self, InvalidId> {
        let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        Self::parse(bare.unwrap_or(value))
    }
}

fn is_region_code(text: &str) -> bool {
    (REGION_CODE_LEN_MIN..=REGION_CODE_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_auction_id(text: &str) -> bool {
    text.split_once('_').is_some_and(|(region, uuid)| {
        is_region_code(region)
            && uuid.len() == 36
            && uuid.bytes().all(|b| b == b'-' || is_lower_hex(b))
            && Uuid::try_parse(uuid).is_ok()
    })
}

/// The id of an auction, `_`, and 32 hex digits.
fn is_in_auction(text: &str) -> bool {
    text.rsplit_once('_').is_some_and(|(auction, tail)| {
        is_auction_id(auction) && tail.len() == 32 && tail.bytes().all(is_lower_hex)
    })
}

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// SHA-256 over the length-prefixed parts, in hex. The lengths keep ("ab","c") and ("a","bc") apart;
/// they are 64 bits wide so that native code and WebAssembly derive the same id.
fn digest_hex(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

/// Lower-case hex of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0x0f)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUCTION: &str = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";

    #[test]
    fn an_auction_id_carries_its_region() {
        let id = AuctionId::parse(AUCTION).unwrap();
        assert_eq!(id.region(), "use1");
        for wrong in [
            "",
            "use1",
            "use1_",
            "USE1_01928e2c-7f3e-7abc-8def-0123456789ab",
            "use1_01928E2C-7f3e-7abc-8def-0123456789ab",
            "use1_01928e2c7f3e7abc8def0123456789ab",
            "use1_01928e2c-7f3e-7abc-8def-0123456789ab_",
            "u_01928e2c-7f3e-7abc-8def-0123456789ab",
        ] {
            assert!(AuctionId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bid_id_is_derived_and_names_its_auction() {
        let auction = AuctionId::parse(AUCTION).unwrap();
        let bidder = UserId::parse("7d1c-user").unwrap();
        let id = |key: &str| BidId::derive(&auction, &bidder, &IdempotencyKey::parse(key).unwrap());
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        assert_eq!(id("a").auction(), auction);
        assert_eq!(BidId::parse(id("a").as_str()), Ok(id("a")));
        assert!(BidId::parse(AUCTION).is_err());
    }

    #[test]
    fn a_message_id_is_derived_and_is_no_bid_id() {
        let auction = AuctionId::parse(AUCTION).unwrap();
        let user = UserId::parse("7d1c-user").unwrap();
        let key = IdempotencyKey::parse("a").unwrap();
        let at = Timestamp::from_ms(1_795_411_020_123);
        let id = MessageId::derive(&auction, &user, &key, at);
        assert_eq!(
            (id.auction(), MessageId::parse(id.as_str())),
            (auction.clone(), Ok(id.clone()))
        );
        assert_ne!(id.as_str(), BidId::derive(&auction, &user, &key).as_str());
        let other = IdempotencyKey::parse("b").unwrap();
        assert_ne!(id, MessageId::derive(&auction, &user, &other, at));
    }

    #[test]
    fn a_message_id_carries_its_time_so_that_a_key_used_again_names_another_message() {
        let auction = AuctionId::parse(AUCTION).unwrap();
        let user = UserId::parse("7d1c-user").unwrap();
        let key = IdempotencyKey::parse("a").unwrap();
        for ms in [0, 1, 1_795_411_020_123, i64::MAX] {
            let at = Timestamp::from_ms(ms);
            let id = MessageId::derive(&auction, &user, &key, at);
            assert_eq!((MessageId::parse(id.as_str()), id.at()), (Ok(id), at));
        }
        let strange = MessageId::parse(&format!("{AUCTION}_{}", "f".repeat(32))).unwrap();
        assert_eq!(strange.at(), Timestamp::from_ms(i64::MAX), "the last time there is");
    }

    #[test]
    fn a_public_name_hides_the_user_and_differs_by_auction() {
        let user = UserId::parse("7d1c").unwrap();
        let first = AuctionId::parse(AUCTION).unwrap();
        let second = AuctionId::parse("use1_01928e2c-7f3e-7abc-8def-0123456789ac").unwrap();
        assert!(!first.public_name(&user).contains("7d1c"));
        assert_ne!(first.public_name(&user), second.public_name(&user));
    }

    #[test]
    fn hex_has_two_digits_a_byte() {
        assert_eq!(hex(&[0x00, 0x0f, 0xa7, 0xff]), "000fa7ff");
    }

    #[test]
    fn an_idempotency_key_may_be_quoted() {
        assert_eq!(
            IdempotencyKey::from_header("\"k-1\""),
            Ok(IdempotencyKey::parse("k-1").unwrap())
        );
        assert!(IdempotencyKey::from_header("\"\"").is_err());
        assert!(IdempotencyKey::from_header("with space").is_err());
        assert!(IdempotencyKey::from_header(&"k".repeat(129)).is_err());
    }
}
