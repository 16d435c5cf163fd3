//! What signing in returns.
//!
//! Reads claims without checking the signature: that is the edge's work, and what is tested.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The two tokens of one sign-in.
#[derive(Clone)]
pub struct Tokens {
    /// The access token: what the API wants.
    pub access: String,
    /// The id token: what the API must refuse.
    pub id: String,
}

impl Tokens {
    /// `sub` of the access token: who Gavel takes its owner for.
    ///
    /// # Errors
    /// When the token is not one.
    pub fn subject(&self) -> Result<String> {
        let claims = claims(&self.access)?;
        claims["sub"].as_str().map(str::to_owned).context("the token has no `sub`")
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(***)")
    }
}

/// The claims of a token, unverified.
///
/// # Errors
/// When it is not a JSON web token.
pub fn claims(token: &str) -> Result<serde_json::Value> {
    let payload = token.split('.').nth(1).context("a token has three parts")?;
    let json = URL_SAFE_NO_PAD.decode(payload).context("a token is base64url")?;
    serde_json::from_slice(&json).context("a token's claims are JSON")
}
