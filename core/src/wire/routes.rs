//! The routes of the API, in one table: what can be asked, by whom, and what it takes.
//!
//! The edge finds a request's route in it, the workers serve what it names, and the contract is
//! written from it: none of them has a list of its own. What a route answers is the workers'
//! business.
//!
//! A path's `{id}` is an auction's id, `{bid_id}` a bid's, and `{message_id}` that of a message in
//! the auction before it. Wherever there is GET there is HEAD, which is the same route.

mod takes;
#[cfg(test)]
mod tests;

pub use self::takes::{Body, Query};

/// Makes [`Name`] and [`ROUTES`] of one table, so that no route has a name only.
macro_rules! routes {
    ($($name:ident $method:ident $path:literal
        $access:ident $repeat:ident $body:ident $query:ident)*) => {
        /// What a route is called. Its operation in the contract has the same name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Name {
            $(#[doc = concat!("`", stringify!($method), " ", $path, "`")] $name,)*
        }

        impl Name {
            /// The name as text, such as `PlaceBid`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }

        /// Every route, in the order of [`Name`]. They are tried in this order.
        pub static ROUTES: &[Route] = &[$(Route {
            name: Name::$name,
            method: Method::$method,
            path: $path,
            access: Access::$access,
            repeat: Repeat::$repeat,
            body: Body::$body,
            query: Query::$query,
        },)*];
    };
}

routes! {
    // name         method path                                       access   repeat body    query
    Health          Get    "/healthz"                                 Anyone   Plain  Unread  None
    Ready           Get    "/readyz"                                  Anyone   Plain  Unread  None
    GetContract     Get    "/v1/openapi.json"                         Anyone   Plain  Unread  None

    ListAuctions    Get    "/v1/auctions"                             Anyone   Plain  Unread  List
    CreateAuction   Post   "/v1/auctions"                             SignedIn Keyed  Auction None
    GetAuction      Get    "/v1/auctions/{id}"                        Anyone   Plain  Unread  Linked
    EditAuction     Patch  "/v1/auctions/{id}"                        SignedIn Plain  Edit    None
    GetAuctionState Get    "/v1/auctions/{id}/state"                  Anyone   Plain  Unread  None

    ListBids        Get    "/v1/auctions/{id}/bids"                   Anyone   Plain  Unread  Page
    PlaceBid        Post   "/v1/auctions/{id}/bids"                   SignedIn Keyed  Bid     None
    GetBid          Get    "/v1/bids/{bid_id}"                        SignedIn Plain  Unread  Bid
    ListOwnBids     Get    "/v1/me/bids"                              SignedIn Plain  Unread  Page

    OpenAuction     Post   "/v1/auctions/{id}/open"                   SignedIn Plain  Empty   None
    CloseAuction    Post   "/v1/auctions/{id}/close"                  SignedIn Plain  Empty   None
    CancelAuction   Post   "/v1/auctions/{id}/cancel"                 SignedIn Plain  Empty   None
    PauseAuction    Post   "/v1/auctions/{id}/pause"                  SignedIn Plain  Empty   None
    ResumeAuction   Post   "/v1/auctions/{id}/resume"                 SignedIn Plain  Empty   None

    GetIngest       Get    "/v1/auctions/{id}/ingest"                 SignedIn Plain  Unread  None
    ResetStreamKey  Post   "/v1/auctions/{id}/ingest/reset"           SignedIn Plain  Empty   None
    GetPlayback     Get    "/v1/auctions/{id}/playback"               Anyone   Plain  Unread  None
    RevokeViewer    Post   "/v1/auctions/{id}/playback/revoke"        SignedIn Plain  Viewer  None

    ListChat        Get    "/v1/auctions/{id}/chat"                   Anyone   Plain  Unread  Page
    PostChat        Post   "/v1/auctions/{id}/chat"                   SignedIn Keyed  Chat    None
    DeleteChat      Delete "/v1/auctions/{id}/chat/{message_id}"      SignedIn Plain  Empty   None
    MuteChat        Put    "/v1/auctions/{id}/chat/{message_id}/mute" SignedIn Plain  Empty   None
    UnmuteChat      Delete "/v1/auctions/{id}/chat/{message_id}/mute" SignedIn Plain  Empty   None

    FollowAuction   Put    "/v1/auctions/{id}/follow"                 SignedIn Plain  Empty   None
    UnfollowAuction Delete "/v1/auctions/{id}/follow"                 SignedIn Plain  Empty   None
    ShowUnsubscribe Get    "/v1/unsubscribe"                          Anyone   Plain  Unread  Token
    // What a mail program posts (RFC 8058) says nothing that the address does not.
    Unsubscribe     Post   "/v1/unsubscribe"                          Anyone   Plain  Unread  Token

    GetMe           Get    "/v1/me"                                   SignedIn Plain  Unread  None
    EditMe          Patch  "/v1/me"                                   SignedIn Plain  Me      None
    DeleteMe        Delete "/v1/me"                                   SignedIn Plain  Empty   None
}

/// One method of one path.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// What it is called.
    pub name: Name,
    /// Its method.
    pub method: Method,
    /// Its path, with `{id}`, `{bid_id}` or `{message_id}` in place of an id.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What a repeat does.
    pub repeat: Repeat,
    /// The body it takes.
    pub body: Body,
    /// The query it takes.
    pub query: Query,
}

/// A method that some route has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`, and `HEAD`.
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// With a token or without.
    Anyone,
    /// With a token only.
    SignedIn,
}

/// What a repeat of a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The same again.
    Plain,
    /// Nothing: known by its `Idempotency-Key`, it gets the first answer.
    Keyed,
}

impl Name {
    /// The route of this name.
    #[must_use]
    pub fn route(self) -> &'static Route {
        &ROUTES[self as usize]
    }
}

impl Route {
    /// The route of a method and a path as it stands in the table.
    #[must_use]
    pub fn of(method: &str, path: &str) -> Option<&'static Self> {
        let method = Method::asked(method)?;
        ROUTES.iter().find(|route| route.method == method && route.path == path)
    }

    /// Whether it takes a signed-in user.
    #[must_use]
    pub const fn needs_user(&self) -> bool {
        matches!(self.access, Access::SignedIn)
    }

    /// Whether it counts against the user's rate: what can change something in a user's name.
    #[must_use]
    pub const fn counts_against_user(&self) -> bool {
        self.needs_user() && !matches!(self.method, Method::Get)
    }

    /// Whether repeats are recognised by an idempotency key.
    #[must_use]
    pub const fn takes_idempotency_key(&self) -> bool {
        matches!(self.repeat, Repeat::Keyed)
    }
}

impl Method {
    /// The method of the route that a request with this one asks for.
    #[must_use]
    pub fn asked(text: &str) -> Option<Self> {
        Some(match text {
            "GET" | "HEAD" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }

    /// The method as HTTP has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}
