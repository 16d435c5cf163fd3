//! What is sent: bids as a browser sends them, with one kind of token or one kind of fault a scenario.

use std::cell::Cell;

use bytes::Bytes;
use clap::ValueEnum;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use uuid::Uuid;

use crate::limits::{AUCTIONS, BURST_SLOW, BURST_TIGHT, RATE_HIGH, RATE_SLOW, RATE_TIGHT};
use crate::tokens::{Token, Tokens};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const BID: &str = r#"{"amount":125000,"max":150000,"currency":"USD"}"#;
/// Breaks off before its end: only who parses it all notices.
const MALFORMED: &str = r#"{"amount":125000,"max":150000,"currency":"USD""#;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// One user, whose token is known.
    OneToken,
    /// 2,000 users, one after another.
    InTurn,
    /// 2,000 users at random.
    AtRandom,
    /// Each token is sent once.
    NewTokens,
    /// Tokens whose signature does not hold, each another.
    Forged,
    /// The same forged token again and again.
    KnownBad,
    /// One user far over their limit.
    TooFast,
    /// Bodies that are not JSON.
    Malformed,
}

/// How often one user may bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limits {
    /// More often than anything here can.
    High,
    /// As `spin.toml` ships it.
    Tight,
    /// So seldom that a volley is answered before one more is allowed.
    Slow,
}

impl Limits {
    /// Bids a second of one user.
    #[must_use]
    pub fn user_rate(self) -> u64 {
        match self {
            Self::High => RATE_HIGH,
            Self::Tight => RATE_TIGHT,
            Self::Slow => RATE_SLOW,
        }
    }

    /// The burst above it.
    #[must_use]
    pub fn user_burst(self) -> u64 {
        match self {
            Self::High => RATE_HIGH,
            Self::Tight => BURST_TIGHT,
            Self::Slow => BURST_SLOW,
        }
    }
}

impl Scenario {
    /// All, in the order in which they run.
    pub const ALL: [Self; 8] = [
        Self::OneToken,
        Self::InTurn,
        Self::AtRandom,
        Self::NewTokens,
        Self::Forged,
        Self::KnownBad,
        Self::Malformed,
        Self::TooFast,
    ];

    /// As it stands above its table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::OneToken => "forwarded, 1 token",
            Self::InTurn => "forwarded, 2,000 tokens in turn",
            Self::AtRandom => "forwarded, 2,000 tokens at random",
            Self::NewTokens => "forwarded, new tokens only",
            Self::Forged => "refused, forged signatures, each another",
            Self::KnownBad => "refused, one forged token again and again",
            Self::TooFast => "refused, one user far over the limit",
            Self::Malformed => "refused, malformed JSON",
        }
    }

    /// Whether the bids reach the upstream.
    #[must_use]
    pub fn is_forwarded(self) -> bool {
        matches!(self, Self::OneToken | Self::InTurn | Self::AtRandom | Self::NewTokens)
    }

    /// The status of nearly every answer; the first bids of [`Self::TooFast`] pass.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Forged | Self::KnownBad => 401,
            Self::TooFast => 429,
            Self::Malformed => 400,
            _ => 201,
        }
    }

    /// The limits it needs.
    #[must_use]
    pub fn limits(self) -> Limits {
        if self == Self::TooFast { Limits::Tight } else { Limits::High }
    }

    /// The name of the scenario on the command line.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether latency is measured too: where users are few, and where they are many.
    #[must_use]
    pub fn has_latency(self) -> bool {
        matches!(self, Self::OneToken | Self::AtRandom)
    }

    /// What is sent before measuring. New tokens are not spent on it.
    #[must_use]
    pub fn warm_up(self) -> Self {
        match self {
            Self::NewTokens => Self::OneToken,
            // Every user once.
            Self::AtRandom => Self::InTurn,
            other => other,
        }
    }
}

/// The requests of one run.
pub struct Requests<'a> {
    scenario: Scenario,
    tokens: &'a Tokens,
    headers: HeaderMap,
    paths: Vec<Uri>,
    sent: Cell<usize>,
}

impl<'a> Requests<'a> {
    /// Those of `scenario`, to `host`.
    #[must_use]
    pub fn new(scenario: Scenario, tokens: &'a Tokens, host: &str) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", host),
            ("user-agent", USER_AGENT),
            ("accept", "application/json"),
            ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
            ("accept-encoding", "gzip, deflate, br, zstd"),
            ("content-type", "application/json"),
            ("origin", "https://auctions.example.com"),
            ("referer", "https://auctions.example.com/"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-site", "same-site"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let path = |n: usize| {
            let id = Uuid::from_u128(0x019a_2b3c_0000_7abc_8def_0123_4567_0000 + n as u128);
            Uri::try_from(format!("/v1/auctions/use1_{id}/bids")).unwrap_or_default()
        };
        Self {
            scenario,
            tokens,
            headers,
            paths: (0..AUCTIONS).map(path).collect(),
            sent: Cell::new(0),
        }
    }

    /// How many were asked for.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.sent.get()
    }

    /// The next one; `None` when every new token is used.
    #[must_use]
    pub fn next(&self) -> Option<Request<Full<Bytes>>> {
        let number = self.sent.get();
        self.sent.set(number + 1);
        let users = &self.tokens.users;
        let authorization = match self.scenario {
            Scenario::NewTokens => self.tokens.new.get(number)?.header(),
            Scenario::InTurn => users[number % users.len()].header(),
            Scenario::AtRandom => users[fastrand::usize(..users.len())].header(),
            // A number of its own also for a process that sees two runs.
            Scenario::Forged => users[0].forged(fastrand::u64(..)),
            Scenario::KnownBad => users[0].forged(0),
            Scenario::OneToken | Scenario::TooFast | Scenario::Malformed => users[0].header(),
        };
        let body = if self.scenario == Scenario::Malformed { MALFORMED } else { BID };
        Some(self.bid(number, authorization, body))
    }

    /// A bid of the user whose `token` this is.
    #[must_use]
    pub fn of(&self, token: &Token) -> Request<Full<Bytes>> {
        self.bid(0, token.header(), BID)
    }

    fn bid(&self, number: usize, token: HeaderValue, body: &'static str) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from_static(body.as_bytes())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.paths[number % self.paths.len()].clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(AUTHORIZATION, token);
        let key = format!("\"{}\"", Uuid::from_u128(fastrand::u128(..)).hyphenated());
        let key = HeaderValue::try_from(key).expect("digits, letters, hyphens and quotes");
        headers.insert(IDEMPOTENCY_KEY, key);
        request
    }
}

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                          Chrome/142.0.0.0 Safari/537.36";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::tokens::Issuer;

    fn tokens_of(scenario: Scenario, count: usize) -> Vec<HeaderValue> {
        let tokens = Issuer::new().unwrap().mint(3, 5).unwrap();
        let requests = Requests::new(scenario, &tokens, "127.0.0.1:1");
        let sent = std::iter::from_fn(|| requests.next()).take(count);
        sent.map(|request| request.headers()[AUTHORIZATION].clone()).collect()
    }

    #[test]
    fn each_scenario_sends_the_tokens_it_names() {
        let distinct = |scenario| tokens_of(scenario, 90).into_iter().collect::<HashSet<_>>().len();
        assert_eq!(distinct(Scenario::OneToken), 1);
        assert_eq!(distinct(Scenario::KnownBad), 1);
        assert_eq!(distinct(Scenario::InTurn), 3);
        assert_eq!(distinct(Scenario::AtRandom), 3);
        assert_eq!(distinct(Scenario::Forged), 90);
    }

    #[test]
    fn new_tokens_are_sent_once_and_then_no_more() {
        let sent = tokens_of(Scenario::NewTokens, 90);
        assert_eq!(sent.len(), 5);
        assert_eq!(sent.into_iter().collect::<HashSet<_>>().len(), 5);
    }

    #[test]
    fn a_bid_has_a_key_of_its_own_and_what_a_browser_sends() {
        let tokens = Issuer::new().unwrap().mint(1, 0).unwrap();
        let requests = Requests::new(Scenario::OneToken, &tokens, "127.0.0.1:1");
        let (one, other) = (requests.next().unwrap(), requests.next().unwrap());
        assert_ne!(one.headers()[IDEMPOTENCY_KEY], other.headers()[IDEMPOTENCY_KEY]);
        assert_eq!(one.headers().len(), 13);
        assert!(one.uri().path().starts_with("/v1/auctions/use1_019a2b3c-0000-7abc-8def-"));
    }
}
