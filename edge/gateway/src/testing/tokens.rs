//! Access tokens of a test pool, right ones and wrong ones.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{JWTClaims, RS256KeyPair, RS256PublicKey, RSAKeyPairLike as _};
use serde_json::{Map, Value, json};

/// The pool.
pub(crate) const POOL: &str = "us-east-1_pool";
/// Its app client.
pub(crate) const CLIENT: &str = "client-1";
/// The id of its key.
pub(crate) const KEY_ID: &str = "pool-key";

/// Signs tokens with one of two keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The pool's.
    Pool,
    /// Somebody else's, or the pool's next one.
    Other,
}

impl Signer {
    fn key(self) -> &'static RS256KeyPair {
        static KEYS: OnceLock<[RS256KeyPair; 2]> = OnceLock::new();
        let [pool, other] = KEYS.get_or_init(|| {
            [include_str!("test-pool-key.pem"), include_str!("test-other-key.pem")]
                .map(|pem| RS256KeyPair::from_pem(pem).unwrap())
        });
        match self {
            Self::Pool => pool,
            Self::Other => other,
        }
    }

    pub(crate) fn public(self) -> RS256PublicKey {
        self.key().public_key()
    }

    /// A token with these claims, under this key id.
    pub(crate) fn sign(self, key_id: &str, claims: Value) -> String {
        let Value::Object(custom) = claims else { panic!("claims are an object") };
        self.key().clone().with_key_id(key_id).sign(plain(custom)).unwrap()
    }

    /// The same with `exp` twice.
    pub(crate) fn sign_with_two_ends(self, key_id: &str, claims: Value) -> String {
        let Value::Object(custom) = claims else { panic!("claims are an object") };
        let exp = custom["exp"].as_u64().unwrap();
        let mut claims = plain(custom);
        claims.expires_at = Some(jwt_simple::prelude::UnixTimeStamp::from_secs(exp + 1_000));
        self.key().clone().with_key_id(key_id).sign(claims).unwrap()
    }

    /// A good access token of `user`.
    pub(crate) fn access(self, key_id: &str, user: &str, now_s: u64) -> String {
        self.sign(key_id, claims(user, now_s))
    }
}

fn plain(custom: Map<String, Value>) -> JWTClaims<Map<String, Value>> {
    JWTClaims {
        issued_at: None,
        expires_at: None,
        invalid_before: None,
        issuer: None,
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom,
    }
}

/// The claims of a good access token, as Cognito issues them.
pub(crate) fn claims(user: &str, now_s: u64) -> Value {
    json!({
        "sub": user,
        "cognito:groups": ["seller"],
        "iss": format!("https://cognito-idp.us-east-1.amazonaws.com/{POOL}"),
        "client_id": CLIENT,
        "origin_jti": "o", "jti": "j", "event_id": "e", "username": user,
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "auth_time": now_s, "iat": now_s, "exp": now_s + 3_600,
    })
}

/// A key set document.
pub(crate) fn jwks(keys: &[(&str, Signer)]) -> String {
    let key = |(id, signer): &(&str, Signer)| {
        let components = signer.public().to_components();
        json!({
            "kid": id, "kty": "RSA", "use": "sig", "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(components.n), "e": URL_SAFE_NO_PAD.encode(components.e),
        })
    };
    json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() }).to_string()
}
