//! What a route takes besides its path: which body of which size, and which query.

use std::borrow::Cow;

use super::super::query::{self, BidQuery, Faults, LinkQuery, ListQuery, PageQuery};
use super::super::{
    BidRequest, ChatRequest, CreateAuction, EditAuction, EditMe, Fields, InvalidBody, RevokeViewer,
};
use crate::limits::{
    AUCTION_BODY_BYTES_MAX, BID_BODY_BYTES_MAX, CHAT_BODY_BYTES_MAX, EMPTY_BODY_BYTES_MAX,
    ME_BODY_BYTES_MAX, VIEWER_BODY_BYTES_MAX,
};

/// Which body a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Any, as nobody looks at it.
    Unread,
    /// None, or `{}`.
    Empty,
    /// A [`CreateAuction`].
    Auction,
    /// An [`EditAuction`].
    Edit,
    /// A [`BidRequest`].
    Bid,
    /// A [`RevokeViewer`].
    Viewer,
    /// A [`ChatRequest`].
    Chat,
    /// An [`EditMe`].
    Me,
}

/// Which query a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// None.
    None,
    /// None of ours: people come here by links, to which others' tools add parameters.
    Linked,
    /// A [`LinkQuery`], with what tools added to the link.
    Token,
    /// A [`PageQuery`].
    Page,
    /// A [`ListQuery`].
    List,
    /// A [`BidQuery`].
    Bid,
}

impl Body {
    /// Whether it is a JSON object of ours.
    #[must_use]
    pub const fn is_read(self) -> bool {
        !matches!(self, Self::Unread | Self::Empty)
    }

    /// The longest that is read, in bytes.
    #[must_use]
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Unread | Self::Empty => EMPTY_BODY_BYTES_MAX,
            Self::Auction | Self::Edit => AUCTION_BODY_BYTES_MAX,
            Self::Bid => BID_BODY_BYTES_MAX,
            Self::Viewer => VIEWER_BODY_BYTES_MAX,
            Self::Chat => CHAT_BODY_BYTES_MAX,
            Self::Me => ME_BODY_BYTES_MAX,
        }
    }

    /// Checks the shape of a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(self, bytes: &[u8]) -> Result<(), InvalidBody> {
        match self {
            Self::Unread => Ok(()),
            Self::Empty if bytes.is_empty() => Ok(()),
            Self::Empty => Fields::read(bytes)?.finish(Some(())),
            Self::Auction => CreateAuction::parse(bytes).map(drop),
            Self::Edit => EditAuction::parse(bytes).map(drop),
            Self::Bid => BidRequest::parse(bytes).map(drop),
            Self::Viewer => RevokeViewer::parse(bytes).map(drop),
            Self::Chat => ChatRequest::parse(bytes).map(drop),
            Self::Me => EditMe::parse(bytes).map(drop),
        }
    }
}

impl Query {
    /// Checks a query. What is given back is the same, but for what tools added to a link.
    ///
    /// # Errors
    /// Every parameter at fault.
    pub fn check(self, query: &str) -> Result<Cow<'_, str>, Faults> {
        let query = match self {
            Self::Linked | Self::Token => query::without_added(query),
            Self::None | Self::Page | Self::List | Self::Bid => Cow::Borrowed(query),
        };
        match self {
            Self::None | Self::Linked => query::none(&query)?,
            Self::Token => LinkQuery::parse(&query).map(drop)?,
            Self::Page => PageQuery::parse(&query).map(drop)?,
            Self::List => ListQuery::parse(&query).map(drop)?,
            Self::Bid => BidQuery::parse(&query).map(drop)?,
        }
        Ok(query)
    }
}
