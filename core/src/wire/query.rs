//! Query parameters: each known, at most once, and of its type. Unknown ones are refused, so that a
//! misspelt filter never shows everything; but where a link leads, what mail programs, advertisers and
//! scripts add to links ([`without_added`]) is not the reader's fault.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::auction::Status;
use super::invalid::FieldError;
use super::number::whole_number;
use crate::limits::{
    CURSOR_LEN_MAX, LABEL_CHARS_MAX, LINK_TOKEN_LEN_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX,
};
use crate::time::Timestamp;

/// What is wrong with a query, parameter by parameter.
pub type Faults = Vec<FieldError>;

/// Which page of a list: `cursor`, `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// The most items.
    pub limit: u32,
}

/// Which auctions, and which page of them: `status`, `category`, `cursor`, `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Only those where they are in their life.
    pub status: Option<Status>,
    /// Only those of this category.
    pub category: Option<String>,
    /// Which page.
    pub page: PageQuery,
}

/// Until when a bid that is looked up may still be accepted: `settled_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BidQuery {
    /// The `settled_at` of the answer that left it open.
    pub settled_at: Option<Timestamp>,
}

/// The token of a link in a message: `token`, and what was added to the link since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkQuery {
    /// The token; it may still be none of ours.
    pub token: String,
}

impl PageQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// Every parameter at fault.
    pub fn parse(query: &str) -> Result<Self, Faults> {
        read(query, &["cursor", "limit"]).map(|mut parameters| Self::of(&mut parameters))
    }

    fn of(parameters: &mut BTreeMap<String, String>) -> Self {
        let limit = parameters.get("limit").and_then(|text| whole(text));
        Self { cursor: parameters.remove("cursor"), limit: limit.unwrap_or(PAGE_ITEMS_DEFAULT) }
    }
}

impl ListQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// Every parameter at fault.
    pub fn parse(query: &str) -> Result<Self, Faults> {
        let mut parameters = read(query, &["status", "category", "cursor", "limit"])?;
        Ok(Self {
            status: parameters.get("status").and_then(|text| Status::parse(text)),
            category: parameters.remove("category"),
            page: PageQuery::of(&mut parameters),
        })
    }
}

impl BidQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// Every parameter at fault.
    pub fn parse(query: &str) -> Result<Self, Faults> {
        let parameters = read(query, &["settled_at"])?;
        let settled_at = parameters.get("settled_at").and_then(|text| Timestamp::parse(text));
        Ok(Self { settled_at })
    }
}

impl LinkQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// Every parameter at fault.
    pub fn parse(query: &str) -> Result<Self, Faults> {
        let mut parameters = read(&without_added(query), &["token"])?;
        let token = parameters.remove("token");
        token
            .map(|token| Self { token })
            .ok_or_else(|| vec![FieldError::new("token", "is required")])
    }
}

/// Refuses every parameter.
///
/// # Errors
/// The first one.
pub fn none(query: &str) -> Result<(), Faults> {
    read(query, &[]).map(drop)
}

/// A query without the parameters that tools add to links, the rest byte for byte.
#[must_use]
pub fn without_added(query: &str) -> Cow<'_, str> {
    let is_added = |part: &&str| {
        let name = form_urlencoded::parse(part.as_bytes()).next();
        name.is_some_and(|(name, _)| is_added(&name))
    };
    if !query.split('&').any(|part| is_added(&part)) {
        return Cow::Borrowed(query);
    }
    let kept: Vec<&str> = query.split('&').filter(|part| !is_added(part)).collect();
    Cow::Owned(kept.join("&"))
}

/// What marks campaigns and clicks, as the query filters of browsers have it, and `_`, with which
/// scripts pass by caches. No parameter of ours may be called so.
const ADDED: [&str; 32] = [
    "_",
    "__s",
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "_openstat",
    "dclid",
    "epik",
    "fbclid",
    "gad_campaignid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "igsh",
    "igshid",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "mibextid",
    "mkt_tok",
    "msclkid",
    "rb_clickid",
    "s_cid",
    "srsltid",
    "ttclid",
    "twclid",
    "vero_id",
    "wbraid",
    "wickedid",
    "yclid",
];

fn is_added(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("utm_") || ADDED.contains(&name.as_str())
}

/// The parameters by name, each one of `known` and right.
fn read(query: &str, known: &[&str]) -> Result<BTreeMap<String, String>, Faults> {
    let mut parameters = BTreeMap::new();
    let mut faults = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let reason = if !known.contains(&name.as_ref()) {
            Some("is not a known parameter".to_owned())
        } else if parameters.contains_key(name.as_ref()) {
            Some("appears twice".to_owned())
        } else {
            fault(&name, &value)
        };
        if let Some(reason) = reason {
            let name: String = name.chars().take(LABEL_CHARS_MAX).collect();
            faults.push(FieldError::new(name, reason));
        }
        // A flood of wrong ones gets a short answer.
        if faults.len() > known.len() {
            break;
        }
        parameters.insert(name.into_owned(), value.into_owned());
    }
    if faults.is_empty() { Ok(parameters) } else { Err(faults) }
}

fn fault(name: &str, value: &str) -> Option<String> {
    let (fits, reason) = match name {
        "status" => {
            (Status::parse(value).is_some(), "must be scheduled, live, paused or closed".to_owned())
        }
        "limit" => (
            whole(value).is_some_and(|limit| (1..=PAGE_ITEMS_MAX).contains(&limit)),
            format!("must be a whole number from 1 to {PAGE_ITEMS_MAX}"),
        ),
        "settled_at" => {
            (Timestamp::parse(value).is_some(), "must be that of an answer to the bid".to_owned())
        }
        "cursor" => (
            (1..=CURSOR_LEN_MAX).contains(&value.len())
                && value.bytes().all(|b| b.is_ascii_graphic()),
            "must be a `next_cursor` of this list".to_owned(),
        ),
        "token" => (
            (1..=LINK_TOKEN_LEN_MAX).contains(&value.len())
                && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
            "must be that of a link in a message".to_owned(),
        ),
        _ => (
            !value.trim().is_empty()
                && value.chars().count() <= LABEL_CHARS_MAX
                && !value.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER),
            format!("must be a text of 1 to {LABEL_CHARS_MAX} printable characters"),
        ),
    };
    (!fits).then_some(reason)
}

fn whole(text: &str) -> Option<u32> {
    u32::try_from(whole_number(text)?).ok()
}

#[cfg(test)]
mod tests;
