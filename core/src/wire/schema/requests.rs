//! The bodies that are parsed by hand. Each schema says what its parser takes, field by field; what
//! only shows between fields is in the descriptions.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{
    BREAKS, CONTROLS, CONTROLS_IN_LINES, EXTENDING, JOINED, NAMELESS, SAYING_ALL, SPACES, UNSEEN,
    UNSHOWN, public_name,
};
use crate::limits::{
    AMOUNT_MAX, CHAT_TEXT_CHARS_MAX, DESCRIPTION_CHARS_MAX, DURATION_S_MAX, DURATION_S_MIN,
    EXTENSIONS_MAX, GRACE_MS_MAX, IMAGE_URLS_MAX, INCREMENT_BANDS_MAX, LABEL_CHARS_MAX,
    NAME_CHARS_MAX, NAME_CHARS_MIN, NAME_MARKS_MAX, OPENS_AT_AHEAD_DAYS_MAX,
    OPENS_AT_LATE_MINUTES_MAX, PUSH_TOKEN_CHARS_MAX, SOFT_CLOSE_S_MAX, TITLE_CHARS_MAX,
    URL_CHARS_MAX,
};
use crate::money::Currency;
use crate::wire::{
    BidRequest, Channel, ChatRequest, CreateAuction, EditAuction, EditMe, RevokeViewer,
};

impl JsonSchema for BidRequest {
    fn schema_name() -> Cow<'static, str> {
        "BidRequest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let about_amount = "What is offered now, in minor units. At least the `minimum_next` of \
            the auction.";
        let about_max = "What the bidder is good for, in minor units; not below `amount`. Nobody \
            else sees it. Default: `amount`. It holds as long as they lead: they may raise it, and \
            an offer below it is refused with `maximum-not-raised`. It does not hold against \
            somebody who buys the lot while `buy_now_open`.";
        object(
            "An offer. `max` lets the bid rise by itself, step by step, against others.",
            &["amount"],
            &json!({
                "amount": amount(about_amount),
                "max": optional(amount(about_max)),
                "currency": optional(currency("Must be the auction's, when given.")),
            }),
        )
    }
}

impl JsonSchema for CreateAuction {
    fn schema_name() -> Cow<'static, str> {
        "CreateAuction".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        object(
            "A new auction. Amounts are in minor units of its currency.",
            &["title", "starting_price", "duration_s"],
            &auction(generator),
        )
    }
}

impl JsonSchema for EditAuction {
    fn schema_name() -> Cow<'static, str> {
        "EditAuction".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        object(
            "What is to change. Null takes an optional field away, or back to its default; lists \
             and objects are replaced as wholes.",
            &[],
            &auction(generator),
        )
    }
}

impl JsonSchema for RevokeViewer {
    fn schema_name() -> Cow<'static, str> {
        "RevokeViewer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        object(
            "Whom to shut out of a private auction's video.",
            &["viewer_id"],
            &json!({
                "viewer_id": {
                    "description": "Their public name in this auction.",
                    "type": "string",
                    "pattern": public_name(),
                },
            }),
        )
    }
}

impl JsonSchema for EditMe {
    fn schema_name() -> Cow<'static, str> {
        "EditMe".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let channels = Channel::ALL.map(|channel| json!(channel.as_str()));
        let channels: Vec<Value> = channels.into_iter().chain([Value::Null]).collect();
        let notifications = json!({
            "description": "How to be told about one's auctions.",
            "type": "object",
            "required": [],
            "additionalProperties": false,
            "properties": {
                "channel": {
                    "description": "`push` takes a device, given now or before.",
                    "type": ["string", "null"],
                    "enum": channels,
                },
                "push_token": optional(json!({
                    "description": "What Apple's or Google's push service calls the device.",
                    "type": "string",
                    "pattern": "^[!-~]+$",
                    "maxLength": PUSH_TOKEN_CHARS_MAX,
                })),
            },
        });
        object(
            "What is to change in one's profile.",
            &[],
            &json!({
                "display_name": optional(display_name()),
                "notifications": optional(notifications),
            }),
        )
    }
}

impl JsonSchema for ChatRequest {
    fn schema_name() -> Cow<'static, str> {
        "ChatRequest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        object(
            "A message.",
            &["text"],
            &json!({ "text": line("What to say, in one line.", CHAT_TEXT_CHARS_MAX) }),
        )
    }
}

/// Words with single spaces between them, as `characters::is_name` takes them. What they may not
/// contain stands apart: no class of a pattern can take characters out of another.
fn display_name() -> Value {
    let letter = format!("[^{EXTENDING}][{EXTENDING}]{{0,{NAME_MARKS_MAX}}}");
    let short = format!("[{SAYING_ALL}][{EXTENDING}]{{0,{NAME_MARKS_MAX}}}");
    let spaces = format!("^ | $|  |(?:^| )[{EXTENDING}]");
    let joiners = format!(r"[^{JOINED}][\u200c\u200d]|[\u200c\u200d](?: |$)");
    json!({
        "description": format!(
            "The name shown in chats, of {NAME_CHARS_MIN} to {NAME_CHARS_MAX} characters with single \
             spaces at most; one is enough where it is a syllable or a word. It is kept in Unicode's \
             form NFC. Nobody else has it in whatever case, or one that looks like it. Names of those \
             who run an auction or this service (such as `Auctioneer`, `Seller`, `Admin`, `Moderator`, \
             `Support`, `System`, or any with `Gavel`) and names that begin with `bidder` are refused, \
             also in other spellings that look alike. Bids are not shown under it."
        ),
        "type": "string",
        "pattern": format!("^(?:(?:{letter}){{{NAME_CHARS_MIN},{NAME_CHARS_MAX}}}|{short})$"),
        // Of texts alone: null, where it may be left out, has no pattern to keep to.
        "not": { "type": "string", "pattern": format!("[{NAMELESS}{UNSHOWN}]|{spaces}|{joiners}") },
    })
}

/// The fields of an auction that its seller decides.
fn auction(generator: &mut SchemaGenerator) -> Value {
    let about_buy_now = "Whoever bids this amount while the price is below it has the lot at once, at \
        this price, whatever maxima others gave. Not below `starting_price` and `reserve_price`.";
    let about_text = "What is sold, at length. Whatever breaks a line, such as CR LF, is kept as LF \
        and counts as one character.";
    let about_grace = "How long closing waits for bids that reached the edge before the end, in \
        milliseconds. Default: 0.";
    let duration = "How long it is live before any extension, in seconds.";
    json!({
        "title": line("What is sold.", TITLE_CHARS_MAX),
        "description": optional(text(about_text, DESCRIPTION_CHARS_MAX)),
        "category": optional(line("For filtering the catalogue.", LABEL_CHARS_MAX)),
        "condition": optional(line("Such as `new` or `restored`.", LABEL_CHARS_MAX)),
        "image_urls": optional(image_urls()),
        "currency": generator.subschema_for::<ListedCurrency>(),
        "starting_price": amount("The lowest first bid."),
        "reserve_price": optional(amount(
            "Hidden: below it the lot is not sold. Not below `starting_price`."
        )),
        "buy_now_price": optional(amount(about_buy_now)),
        "bid_ceiling": optional(amount(
            "The most anybody may bid. Not below any of the other prices."
        )),
        "increments": optional(increments()),
        "opens_at": optional(opens_at()),
        "duration_s": integer(duration, DURATION_S_MIN, DURATION_S_MAX),
        "soft_close": optional(soft_close()),
        "grace_ms": optional(integer(about_grace, 0, GRACE_MS_MAX)),
        "private": optional(json!({
            "description": "Whether the video needs a token. Default: false.",
            "type": "boolean",
        })),
    })
}

/// The currency that a seller may choose.
struct ListedCurrency;

impl JsonSchema for ListedCurrency {
    fn schema_name() -> Cow<'static, str> {
        "ListedCurrency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let codes = Currency::all().into_iter().map(|code| json!(code));
        json_schema!({
            "description": "The code of a currency on today's list of ISO 4217. Default: USD.",
            "type": ["string", "null"],
            "enum": codes.chain([Value::Null]).collect::<Vec<_>>(),
        })
    }
}

fn image_urls() -> Value {
    json!({
        "description": "Pictures.",
        "type": "array",
        "maxItems": IMAGE_URLS_MAX,
        "items": {
            "type": "string",
            // Visible ASCII without `"`, `<`, `>` and `\`.
            "pattern": r"^https://[!#-;=?-\[\]-~]+$",
            "maxLength": URL_CHARS_MAX,
        },
    })
}

fn increments() -> Value {
    json!({
        "description": "How far the next bid must be above the price. The first band starts at 0, \
            `from` rises, `step` never falls. Default: one major unit of the currency at every \
            price, such as 100 for USD, 1 for JPY and 1000 for KWD.",
        "type": "array",
        "minItems": 1,
        "maxItems": INCREMENT_BANDS_MAX,
        "items": {
            "type": "object",
            "required": ["from", "step"],
            "additionalProperties": false,
            "properties": {
                "from": integer("The lowest price this band covers.", 0, AMOUNT_MAX),
                "step": amount("The least rise."),
            },
        },
    })
}

fn opens_at() -> Value {
    let about = format!(
        "When it opens by itself: at most {OPENS_AT_LATE_MINUTES_MAX} minutes ago, which means at \
         once, and at most {OPENS_AT_AHEAD_DAYS_MAX} days ahead."
    );
    json!({
        "description": about,
        "type": "string",
        "format": "date-time",
        // From 1970 on. At the very ends of the range the offset matters, which this cannot say.
        "pattern": "^(?:19[7-9]|[2-9][0-9]{2})[0-9]-",
    })
}

fn soft_close() -> Value {
    let window = "A bid with less than this left may move the end, in seconds.";
    let extension = "The end moves to this long after the bid, in seconds.";
    json!({
        "description": "How bids in the last moments move the end. Default: 30 s, 30 s, 5 times.",
        "type": "object",
        "required": ["window_s", "extension_s", "max_extensions"],
        "additionalProperties": false,
        "properties": {
            "window_s": integer(window, 0, SOFT_CLOSE_S_MAX),
            "extension_s": integer(extension, 0, SOFT_CLOSE_S_MAX),
            "max_extensions": integer("How often the end may move.", 0, EXTENSIONS_MAX),
        },
    })
}

fn object(description: &str, required: &[&str], properties: &Value) -> Schema {
    json_schema!({
        "description": description,
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

/// `schema`, or null, which counts as absent.
fn optional(mut schema: Value) -> Value {
    let kind = schema["type"].take();
    schema["type"] = json!([kind, "null"]);
    schema
}

fn amount(description: &str) -> Value {
    integer(description, 1, AMOUNT_MAX)
}

fn integer(description: &str, least: u64, most: u64) -> Value {
    json!({ "description": description, "type": "integer", "minimum": least, "maximum": most })
}

fn currency(description: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": "^[A-Z]{3}$" })
}

/// A text as `Fields::text` takes it: with line breaks and tabs, but no other controls. It takes some
/// that are longer, too: CR LF counts once there.
fn text(description: &str, chars_max: usize) -> Value {
    text_of(&format!("[^{CONTROLS_IN_LINES}{UNSHOWN}]*"), description, chars_max)
}

/// A text as `Fields::line` takes it: without any.
fn line(description: &str, chars_max: usize) -> Value {
    text_of(&format!("[^{CONTROLS}{BREAKS}{UNSHOWN}]*"), description, chars_max)
}

/// Something in it is seen.
fn text_of(any: &str, description: &str, chars_max: usize) -> Value {
    json!({
        "description": description,
        "type": "string",
        "minLength": 1,
        "maxLength": chars_max,
        "pattern": format!("^{any}[^{CONTROLS}{UNSHOWN}{SPACES}{UNSEEN}]{any}$"),
    })
}
