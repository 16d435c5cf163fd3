//! What the wire types look like, as JSON Schema (draft 2020-12): for the API's contract.
//!
//! Replies derive theirs from their own types. Here are those that serde alone cannot tell: ids,
//! amounts and times, and in `requests` the bodies that are parsed by hand. Nothing is validated by
//! these schemas; the parsers decide, and the tests hold the two together.

mod requests;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::ids::{
    AuctionId, BidId, IdempotencyKey, MessageId, PUBLIC_NAME_DIGITS, PUBLIC_NAME_PREFIX, UserId,
};
use crate::limits::{
    CURSOR_LEN_MAX, IDEMPOTENCY_KEY_LEN_MAX, LABEL_CHARS_MAX, LINK_TOKEN_LEN_MAX,
    PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, REGION_CODE_LEN_MAX, REGION_CODE_LEN_MIN, USER_ID_LEN_MAX,
};
use crate::money::{Amount, Currency};
use crate::time::Timestamp;

/// What `char::is_control` says no to, for a character class of a pattern.
const CONTROLS: &str = r"\u0000-\u001f\u007f-\u009f";
/// What `str::trim` takes away besides control characters, likewise.
const SPACES: &str = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// What a display name may not contain: the same as `characters::is_name_character` refuses.
const NAMELESS: &str = concat!(
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u0488\u0489\u061c\u1113-\u1160\u1176-\u11a7",
    r"\u11c3-\u11ff\u1680\u17b4\u17b5\u180b-\u180f\u1ab0-\u1aff\u1d00-\u1dff\u2000-\u200b",
    r"\u200e-\u2018\u201a-\u209f\u20d0-\u218f\u2460-\u24ff\u2800\u3000\u309b\u309c",
    r"\u3131-\u318f\u3200-\u33ff\ua670-\ua672\ua960-\ua97f\ud7b0-\ud7ff\ue000-\uf8ff",
    r"\ufb00-\ufdff\ufe00-\uffff",
    "\u{1d100}-\u{1d1ff}\u{1d400}-\u{1d7ff}\u{1f100}-\u{1f1ff}\u{e0000}-\u{10ffff}",
);
/// What belongs to the letter before it: as `characters::extends`.
const EXTENDING: &str = r"\p{M}\u1160-\u11ff\u200c\u200d";
/// What a joiner may follow: as `characters::is_joined`.
const JOINED: &str = r"\u0620-\u06ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff";
/// What can be a name alone: as `characters::says_all`.
const SAYING_ALL: &str = concat!(
    r"\u0900-\u109f\u1100-\u1112\u1200-\u139f\u1780-\u17ff\u3041-\u30ff\u3400-\u4dbf",
    r"\u4e00-\u9fff\uac00-\ud7a3",
    "\u{20000}-\u{3ffff}",
);

/// The controls that a text of more lines may not contain: all but tabs and line breaks.
const CONTROLS_IN_LINES: &str = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f";
/// What breaks a line besides controls.
const BREAKS: &str = r"\u2028\u2029";
/// What else a text that others are shown may not contain, turning or no character: with the two
/// above the same as `characters::is_shown_character` refuses.
const UNSHOWN: &str = concat!(
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufdd0-\ufdef\ufffe\uffff",
    "\u{1fffe}\u{1ffff}\u{2fffe}\u{2ffff}\u{3fffe}\u{3ffff}\u{4fffe}\u{4ffff}\u{5fffe}\u{5ffff}",
    "\u{6fffe}\u{6ffff}\u{7fffe}\u{7ffff}\u{8fffe}\u{8ffff}\u{9fffe}\u{9ffff}\u{afffe}\u{affff}",
    "\u{bfffe}\u{bffff}\u{cfffe}\u{cffff}\u{dfffe}\u{dffff}\u{efffe}\u{effff}\u{ffffe}\u{fffff}",
    "\u{10fffe}\u{10ffff}",
);
/// What may be in such a text but is not seen, besides [`SPACES`]: as in `characters::is_seen`.
const UNSEEN: &str = concat!(
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u206f\u2800\u3164",
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb",
    "\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}",
);

macro_rules! schema {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema!(
    AuctionId,
    json_schema!({
        "description": "An auction: the code of its home region, `_`, and a UUID.",
        "type": "string",
        "pattern": format!("^{}$", auction_id()),
        "examples": ["use1_01928e2c-7f3e-7abc-8def-0123456789ab"],
    })
);
schema!(
    BidId,
    json_schema!({
        "description": "A bid: the id of its auction, `_`, and 32 hexadecimal digits.",
        "type": "string",
        "pattern": format!("^{}_[0-9a-f]{{32}}$", auction_id()),
        "examples": ["use1_01928e2c-7f3e-7abc-8def-0123456789ab_f363f3b067f3c339721ddd782478ac36"],
    })
);
schema!(
    MessageId,
    json_schema!({
        "description": "A chat message: the id of its auction, `_`, and 32 hexadecimal digits.",
        "type": "string",
        "pattern": format!("^{}_[0-9a-f]{{32}}$", auction_id()),
        "examples": ["use1_01928e2c-7f3e-7abc-8def-0123456789ab_0d5f3f8e2c7a4b6990e1d2c3b4a59687"],
    })
);
schema!(
    UserId,
    json_schema!({
        "description": "A signed-in user: the `sub` of their access token.",
        "type": "string",
        "pattern": format!("^[A-Za-z0-9_:.-]{{1,{USER_ID_LEN_MAX}}}$"),
    })
);
schema!(
    IdempotencyKey,
    json_schema!({
        "type": "string",
        "pattern": idempotency_key(),
    })
);
schema!(
    Amount,
    json_schema!({
        "description": "An amount in minor units of the currency (cents for USD).",
        "type": "integer",
        "minimum": 0,
    })
);
schema!(
    Currency,
    json_schema!({
        "description": "An ISO 4217 code. All amounts of an auction are in its currency. That of an \
            old auction may have been withdrawn since.",
        "type": "string",
        "pattern": "^[A-Z]{3}$",
        "examples": ["USD"],
    })
);
schema!(
    Timestamp,
    json_schema!({
        "description": "A time in RFC 3339, in UTC with milliseconds.",
        "type": "string",
        "format": "date-time",
        "examples": ["2026-11-23T05:17:00.000Z"],
    })
);

/// How an auction ended.
#[derive(JsonSchema)]
#[schemars(rename = "Outcome", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used; `Outcome::as_str` writes the names")]
pub(super) enum OutcomeName {
    /// The highest bidder won.
    Sold,
    /// Nobody bid, or the reserve was not reached.
    Unsold,
    /// Called off.
    Cancelled,
}

/// The name other people see for a bidder in one auction.
pub(super) struct PublicName;

schema!(
    PublicName,
    json_schema!({
        "description": "The name others see for a bidder: another one in each auction.",
        "type": "string",
        "pattern": public_name(),
    })
);

/// The query parameter `cursor`.
#[must_use]
pub fn cursor() -> Schema {
    json_schema!({ "type": "string", "pattern": format!("^[!-~]{{1,{CURSOR_LEN_MAX}}}$") })
}

/// The query parameter `token` of a link in a message.
#[must_use]
pub fn link_token() -> Schema {
    json_schema!({ "type": "string", "pattern": format!("^[A-Za-z0-9._-]{{1,{LINK_TOKEN_LEN_MAX}}}$") })
}

/// The query parameter `limit`.
#[must_use]
pub fn page_items() -> Schema {
    json_schema!({
        "type": "integer",
        "minimum": 1,
        "maximum": PAGE_ITEMS_MAX,
        "default": PAGE_ITEMS_DEFAULT,
    })
}

/// The query parameter `category`: on one line, and without U+FFFD, which stands for what is not
/// UTF-8.
#[must_use]
pub fn category() -> Schema {
    let any = format!("[^{CONTROLS}\\ufffd]*");
    json_schema!({
        "type": "string",
        "maxLength": LABEL_CHARS_MAX,
        "pattern": format!("^{any}[^{CONTROLS}{SPACES}\\ufffd]{any}$"),
    })
}

/// As [`is_public_name`](crate::ids::is_public_name) reads it.
fn public_name() -> String {
    format!("^{PUBLIC_NAME_PREFIX}[0-9a-f]{{{PUBLIC_NAME_DIGITS}}}$")
}

/// Visible ASCII without `"` and `\`, bare or in quotes.
fn idempotency_key() -> String {
    let bare = format!("[!#-\\[\\]-~]{{1,{IDEMPOTENCY_KEY_LEN_MAX}}}");
    format!("^(?:{bare}|\"{bare}\")$")
}

fn auction_id() -> String {
    let region = format!("[a-z0-9]{{{REGION_CODE_LEN_MIN},{REGION_CODE_LEN_MAX}}}");
    format!("{region}_[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}")
}
