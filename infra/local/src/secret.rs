//! Passwords and keys made up for one local stack.
//!
//! Not for production, where secrets come from a secrets manager. They are random all the same: a
//! development machine has other users too.

use uuid::Uuid;

/// 64 hexadecimal digits from the operating system's random source (244 random bits).
#[must_use]
pub fn key() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
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
