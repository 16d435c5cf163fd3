//! Passwords and keys made up for one local stack.
//!
//! Not for production, where secrets come from a secrets manager. They are random all the same: a
//! development machine has other users too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jwt_simple::prelude::ES384KeyPair;
use uuid::Uuid;

/// 64 hexadecimal digits from the operating system's random source (244 random bits).
#[must_use]
pub fn key() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// A P-384 private key in PKCS#8, in base64.
#[must_use]
pub fn signing_key() -> String {
    let key = ES384KeyPair::generate().to_der().expect("a new key can always be written");
    STANDARD.encode(key)
}

/// A password that Cognito's default policy accepts: lower case, upper case, digit and symbol.
#[must_use]
pub fn password() -> String {
    format!("Gv-{}", Uuid::new_v4().simple())
}

/// A short random word for names that must not collide.
#[must_use]
pub fn suffix() -> String {
    Uuid::new_v4().simple().to_string()[..8].to_owned()
}
