//! A key of our own in the pool's key set, to sign tokens that Cognito would never give out: expired
//! ones, ones of other pools, ones with the wrong algorithm.

use anyhow::{Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{
    Clock, Duration, HS256Key, JWTClaims, MACLike, RS256KeyPair, RSAKeyPairLike, UnixTimeStamp,
};
use serde_json::{Value, json};

/// A signing key with its id.
pub struct Issuer {
    key: RS256KeyPair,
    kid: String,
}

impl Issuer {
    /// A fresh key called `kid`.
    ///
    /// # Errors
    /// When no key can be generated.
    pub fn new(kid: &str) -> Result<Self> {
        let key = RS256KeyPair::generate(2048).map_err(|error| anyhow!("{error}"))?;
        Ok(Self { key: key.with_key_id(kid), kid: kid.to_owned() })
    }

    /// Its public half, as a member of a key set.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let parts = self.key.public_key().to_components();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
               "n": text(&parts.n), "e": text(&parts.e)})
    }

    /// Signed with RS256, as Cognito does.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        self.key.sign(typed(claims)).map_err(|error| anyhow!("{error}"))
    }

    /// Signed with HS256 and the public key's PEM as the secret: the classic confusion.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn sign_with_public_key(&self, claims: &Value) -> Result<String> {
        let pem = self.key.public_key().to_pem().map_err(|error| anyhow!("{error}"))?;
        let key = HS256Key::from_bytes(pem.as_bytes()).with_key_id(&self.kid);
        key.authenticate(typed(claims)).map_err(|error| anyhow!("{error}"))
    }

    /// Not signed at all: `alg` is whatever is asked for, such as `none`.
    #[must_use]
    pub fn unsigned(&self, alg: &str, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({"alg": alg, "kid": self.kid})), part(claims))
    }
}

/// Claims of a good access token, to be spoilt.
#[must_use]
pub fn claims(issuer: &str, client_id: &str, subject: &str) -> Value {
    let now = now();
    json!({"iss": issuer, "client_id": client_id, "sub": subject, "token_use": "access",
           "scope": "aws.cognito.signin.user.admin", "username": "somebody",
           "jti": uuid::Uuid::new_v4().to_string(), "auth_time": now, "iat": now,
           "exp": now + 3_600})
}

/// Seconds since the epoch.
#[must_use]
pub fn now() -> u64 {
    Clock::now_since_epoch().as_secs()
}

/// The library writes the registered times itself, so they move out of the free claims.
fn typed(claims: &Value) -> JWTClaims<Value> {
    let mut custom = claims.clone();
    let mut time = |name: &str| -> Option<UnixTimeStamp> {
        let value = custom.as_object_mut()?.remove(name)?;
        value.as_u64().map(Duration::from_secs)
    };
    let (issued_at, expires_at, invalid_before) = (time("iat"), time("exp"), time("nbf"));
    JWTClaims {
        issued_at,
        expires_at,
        invalid_before,
        issuer: None,
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom,
    }
}
