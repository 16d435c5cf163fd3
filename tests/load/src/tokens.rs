//! Access tokens as Amazon Cognito issues them, of a key made at start, and the key set that verifies
//! them.
//!
//! They have Cognito's claims and about its length, since a proxy pays for each byte. Nothing here is
//! a secret: the key is forgotten with the process.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde_json::{Value, json};
use uuid::Uuid;

/// The pool's id.
pub const POOL: &str = "us-east-1_Bench0000";
/// Its AWS region.
pub const REGION: &str = "us-east-1";
/// The `iss` of its tokens.
pub const ISSUER: &str = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Bench0000";
/// The `client_id` of its tokens.
pub const CLIENT_ID: &str = "3n4b5urk1ft4fl3mg5e62d9ado";
/// The key's id; Cognito's have 44 characters too.
const KEY_ID: &str = "gAvE1bEnChKeYgAvE1bEnChKeYgAvE1bEnChKeYgAv0=";
/// Longer than any run here.
const LIFE: Duration = Duration::from_secs(24 * 3_600);

/// All tokens of a run.
#[derive(Debug)]
pub struct Tokens {
    /// One of each user.
    pub users: Vec<Token>,
    /// Others, each of a user of its own.
    pub new: Vec<Token>,
}

/// A token and the header that carries it.
#[derive(Debug, Clone)]
pub struct Token {
    text: String,
    header: HeaderValue,
}

impl Token {
    fn new(text: String) -> Result<Self> {
        let header =
            HeaderValue::from_str(&format!("Bearer {text}")).context("a token's header")?;
        Ok(Self { text, header })
    }

    /// The value of `Authorization`.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The same claims with a signature that does not hold, another for each `number`.
    #[must_use]
    pub fn forged(&self, number: u64) -> HeaderValue {
        let mark = URL_SAFE_NO_PAD.encode(number.to_be_bytes());
        // In the middle of the signature: its first bytes decide whether it is below the modulus at
        // all, its last character has bits to spare. Twice, so that no number leaves it as it was.
        let at = self.text.len() - 200;
        let (before, after) = (&self.text[..at], &self.text[at + 2 * mark.len()..]);
        HeaderValue::try_from(format!("Bearer {before}{mark}{mark}{after}"))
            .unwrap_or_else(|_| self.header())
    }
}

/// The key of the pool.
#[derive(Debug)]
pub struct Issuer {
    key: KeyPair,
}

impl Issuer {
    /// With a fresh RSA key of 2,048 bits, such as Cognito has.
    ///
    /// # Errors
    /// When none can be made.
    pub fn new() -> Result<Self> {
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no RSA key"))?;
        Ok(Self { key })
    }

    /// The key set, as Cognito publishes it.
    #[must_use]
    pub fn key_set(&self) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = self.key.public_key();
        json!({"keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
            "n": part(key.modulus().big_endian_without_leading_zero()),
            "e": part(key.exponent().big_endian_without_leading_zero()),
        }]})
    }

    /// The public key as PEM.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn pem(&self) -> Result<String> {
        let der = self.key.public_key().as_der().map_err(|_| anyhow!("no DER of the key"))?;
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
    }

    /// Tokens for `users` users, and `new` others; signed on as many cores as may be used.
    ///
    /// # Errors
    /// When one cannot be signed.
    pub fn mint(&self, users: usize, new: usize) -> Result<Tokens> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let count = users + new;
        let share = count.div_ceil(threads).max(1);
        let mut all = Vec::with_capacity(count);
        thread::scope(|scope| {
            let signers: Vec<_> = (0..count)
                .step_by(share)
                .map(|from| scope.spawn(move || self.sign_many(share.min(count - from))))
                .collect();
            for signer in signers {
                all.extend(signer.join().map_err(|_| anyhow!("a signer panicked"))??);
            }
            anyhow::Ok(())
        })?;
        let new = all.split_off(users);
        Ok(Tokens { users: all, new })
    }

    fn sign_many(&self, count: usize) -> Result<Vec<Token>> {
        (0..count).map(|_| self.sign()).collect()
    }

    fn sign(&self) -> Result<Token> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?.as_secs();
        let user = Uuid::new_v4().to_string();
        let claims = json!({
            "sub": user, "iss": ISSUER, "client_id": CLIENT_ID,
            "origin_jti": Uuid::new_v4().to_string(), "event_id": Uuid::new_v4().to_string(),
            "token_use": "access", "scope": "aws.cognito.signin.user.admin",
            "auth_time": now_s, "exp": now_s + LIFE.as_secs(), "iat": now_s,
            "jti": Uuid::new_v4().to_string(), "username": user,
        });
        let head = json!({"kid": KEY_ID, "alg": "RS256"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| anyhow!("a token could not be signed"))?;
        Token::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    fn holds(issuer: &Issuer, header: &HeaderValue) -> bool {
        let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, issuer.key.public_key());
        key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_ok()
    }

    #[test]
    fn tokens_hold_and_are_as_long_as_cognitos() {
        let issuer = Issuer::new().unwrap();
        let tokens = issuer.mint(3, 4).unwrap();
        assert_eq!((tokens.users.len(), tokens.new.len()), (3, 4));
        for token in tokens.users.iter().chain(&tokens.new) {
            assert!(holds(&issuer, &token.header()));
            assert!((950..=1_150).contains(&token.text.len()), "{}", token.text.len());
        }
    }

    #[test]
    fn forged_tokens_differ_and_none_holds() {
        let issuer = Issuer::new().unwrap();
        let token = issuer.sign().unwrap();
        let forged: Vec<HeaderValue> = (0..100).map(|number| token.forged(number)).collect();
        assert!(forged.iter().all(|header| !holds(&issuer, header)));
        assert!(forged.iter().all(|header| header.len() == token.header().len()));
        assert_eq!(forged.iter().collect::<std::collections::HashSet<_>>().len(), 100);
    }

    #[test]
    fn the_key_is_published_both_ways() {
        let issuer = Issuer::new().unwrap();
        let set = issuer.key_set();
        assert_eq!(set["keys"][0]["kid"].as_str().unwrap().len(), 44);
        assert_eq!(set["keys"][0]["n"].as_str().unwrap().len(), 342);
        assert_eq!(set["keys"][0]["e"], "AQAB");
        let pem = issuer.pem().unwrap();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMII"));
        assert!(pem.lines().all(|line| line.len() <= 64));
    }
}
