//! Creating an auction: the request, and the auction as shown.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::body::read_object;
use super::fields::Fields;
use super::invalid::InvalidBody;
use crate::auction::{Auction, Band, Increments, Phase, SoftClose, Terms};
use crate::ids::{AuctionId, UserId};
use crate::limits::{
    DESCRIPTION_CHARS_MAX, DURATION_S_MAX, DURATION_S_MIN, EXTENSIONS_MAX, GRACE_MS_MAX,
    IMAGE_URLS_MAX, INCREMENT_BANDS_MAX, LABEL_CHARS_MAX, SOFT_CLOSE_S_MAX, TITLE_CHARS_MAX,
    URL_CHARS_MAX,
};
use crate::money::{Amount, Currency};
use crate::time::Timestamp;

/// A new auction, as asked for. Defaults are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateAuction {
    /// What is sold, in one line.
    pub title: String,
    /// What is sold, at length.
    pub description: Option<String>,
    /// For filtering the catalogue.
    pub category: Option<String>,
    /// Such as `new` or `restored`.
    pub condition: Option<String>,
    /// Pictures, `https` only.
    pub image_urls: Vec<String>,
    /// The terms of sale.
    pub terms: Terms,
    /// Whether the video needs a token.
    pub private: bool,
}

impl CreateAuction {
    /// Reads and validates a body.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        Self::from_members(read_object(body)?, None)
    }

    /// Validates the members of a body. Besides the currencies of today, `kept` is one.
    pub(super) fn from_members(
        members: Map<String, Value>,
        kept: Option<Currency>,
    ) -> Result<Self, InvalidBody> {
        let mut fields = Fields::of(members);
        let label = |fields: &mut Fields, name: &str| fields.line(name, LABEL_CHARS_MAX);
        let title = fields.required("title", |fields, name| fields.line(name, TITLE_CHARS_MAX));
        let description = fields.text("description", DESCRIPTION_CHARS_MAX);
        let category = label(&mut fields, "category");
        let condition = label(&mut fields, "condition");
        let image_urls = fields.texts(
            "image_urls",
            IMAGE_URLS_MAX,
            "must be an https URL without spaces",
            is_image_url,
        );
        let private = fields.boolean("private").unwrap_or(false);
        let terms = terms(&mut fields, kept);
        let request = title.zip(terms).map(|(title, terms)| Self {
            title,
            description,
            category,
            condition,
            image_urls: image_urls.unwrap_or_default(),
            terms,
            private,
        });
        fields.finish(request)
    }
}

fn terms(fields: &mut Fields, kept: Option<Currency>) -> Option<Terms> {
    let starting_price = fields.required("starting_price", Fields::amount);
    let duration_s = fields.required("duration_s", |fields, name| {
        fields.integer(name, DURATION_S_MIN, DURATION_S_MAX)
    });
    let currency = fields.currency("currency", kept).unwrap_or(Currency::USD);
    let reserve_price = fields.amount("reserve_price");
    let buy_now_price = fields.amount("buy_now_price");
    let bid_ceiling = fields.amount("bid_ceiling");
    let opens_at = fields.timestamp("opens_at");
    let increments = increments(fields).unwrap_or_else(|| Increments::whole_units(currency));
    let soft_close = fields.object("soft_close", soft_close).unwrap_or_default();
    let grace_ms = fields.integer("grace_ms", 0, GRACE_MS_MAX).unwrap_or(0);
    let starting_price = starting_price?;
    let floors = [("reserve_price", reserve_price), ("buy_now_price", buy_now_price)];
    for (name, price) in floors.into_iter().chain([("bid_ceiling", bid_ceiling)]) {
        if price.is_some_and(|price| price < starting_price) {
            fields.fault(name, "must not be below `starting_price`");
        }
    }
    for (name, price) in floors {
        if price.zip(bid_ceiling).is_some_and(|(price, ceiling)| price > ceiling) {
            fields.fault(name, "must not be above `bid_ceiling`");
        }
    }
    if reserve_price.zip(buy_now_price).is_some_and(|(reserve, buy_now)| buy_now < reserve) {
        fields.fault("buy_now_price", "must not be below `reserve_price`");
    }
    Some(Terms {
        currency,
        starting_price,
        reserve_price,
        buy_now_price,
        bid_ceiling,
        increments,
        opens_at,
        duration_ms: duration_s?.saturating_mul(1_000),
        soft_close,
        grace_ms,
    })
}

fn increments(fields: &mut Fields) -> Option<Increments> {
    let bands = fields.objects("increments", INCREMENT_BANDS_MAX, |band| {
        let from = band.required("from", |band, name| {
            band.integer(name, 0, crate::limits::AMOUNT_MAX).and_then(Amount::new)
        });
        let step = band.required("step", Fields::amount);
        Some(Band { from: from?, step: step? })
    })?;
    match Increments::new(bands) {
        Ok(increments) => Some(increments),
        Err(invalid) => {
            fields.fault("increments", invalid.to_string());
            None
        }
    }
}

fn soft_close(fields: &mut Fields) -> Option<SoftClose> {
    let seconds = |fields: &mut Fields, name: &str| {
        fields.required(name, |fields, name| fields.integer(name, 0, SOFT_CLOSE_S_MAX))
    };
    let window_s = seconds(fields, "window_s");
    let extension_s = seconds(fields, "extension_s");
    let extensions =
        fields.required("max_extensions", |fields, name| fields.integer(name, 0, EXTENSIONS_MAX));
    Some(SoftClose {
        window_ms: window_s?.saturating_mul(1_000),
        extension_ms: extension_s?.saturating_mul(1_000),
        max_extensions: u32::try_from(extensions?).ok()?,
    })
}

fn is_image_url(text: &str) -> bool {
    text.len() <= URL_CHARS_MAX
        && text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\'))
}

/// Where an auction is in its life, as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not open yet.
    Scheduled,
    /// Taking bids.
    Live,
    /// Stopped for now.
    Paused,
    /// Over.
    Closed,
}

impl Status {
    /// Its name on the wire and in the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Scheduled, Self::Live, Self::Paused, Self::Closed]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// Where an auction is at an instant of the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShownStatus {
    /// Not open yet.
    Scheduled,
    /// Taking bids.
    Live,
    /// Its time is up, its result not settled: bids that reached the edge before the end may still
    /// count, and may move it. Any other is refused as too late.
    Closing,
    /// Stopped for now.
    Paused,
    /// Over.
    Closed,
}

impl ShownStatus {
    /// That of `state` at `now`.
    #[must_use]
    pub fn of(state: &Auction, now: Timestamp) -> Self {
        match state.phase {
            Phase::Live { ends_at } if now >= ends_at => Self::Closing,
            Phase::Live { .. } => Self::Live,
            Phase::Scheduled => Self::Scheduled,
            Phase::Paused { .. } => Self::Paused,
            Phase::Closed { .. } => Self::Closed,
        }
    }
}

/// As the catalogue was last told.
impl From<Status> for ShownStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Scheduled => Self::Scheduled,
            Status::Live => Self::Live,
            Status::Paused => Self::Paused,
            Status::Closed => Self::Closed,
        }
    }
}

/// An auction as shown. The reserve is filled in for its seller only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(
    missing_docs,
    reason = "each field is the request's field of the same name, or says itself"
)]
pub struct AuctionView {
    pub id: AuctionId,
    pub seller_id: UserId,
    pub title: String,
    pub description: Option<String>,
    pub category: Option<String>,
    pub condition: Option<String>,
    pub image_urls: Vec<String>,
    pub currency: Currency,
    pub starting_price: Amount,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reserve_price: Option<Amount>,
    /// Whether there is a reserve, which only the seller is told.
    pub has_reserve: bool,
    /// Whoever bids this much, while `buy_now_open`, has the lot at once, whatever maxima others gave.
    pub buy_now_price: Option<Amount>,
    /// Whether it is still on offer: the price is below it, and the auction not over.
    pub buy_now_open: bool,
    pub bid_ceiling: Option<Amount>,
    pub increments: Increments,
    pub opens_at: Option<Timestamp>,
    pub duration_s: u64,
    pub soft_close: SoftCloseView,
    pub grace_ms: u64,
    pub private: bool,
    pub status: ShownStatus,
    pub created_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    /// `sold`, `unsold` or `cancelled`, once closed.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::OutcomeName>"))]
    pub outcome: Option<String>,
    /// The winner's public name, once sold; see [`AuctionId::public_name`].
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::PublicName>"))]
    pub winner_id: Option<String>,
    pub hammer_price: Option<Amount>,
    /// None until the auction has video.
    pub playback_url: Option<String>,
}

/// A soft-close rule as shown, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs, reason = "the fields are those of the request")]
pub struct SoftCloseView {
    pub window_s: u64,
    pub extension_s: u64,
    pub max_extensions: u32,
}

impl From<SoftClose> for SoftCloseView {
    fn from(rule: SoftClose) -> Self {
        Self {
            window_s: rule.window_ms / 1_000,
            extension_s: rule.extension_ms / 1_000,
            max_extensions: rule.max_extensions,
        }
    }
}
