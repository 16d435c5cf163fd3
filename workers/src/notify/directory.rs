//! Addresses of people, from Cognito by their `sub`. Remembered for a while, never written anywhere;
//! only those that Cognito has verified count.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata as _;
use aws_sdk_cognitoidentityprovider::types::UserType;
use gavel_core::ids::UserId;
use lru::LruCache;

use crate::limits::{ADDRESS_AGE_MAX, ADDRESSES_CACHED_MAX};

/// Where people can be reached. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    client: Client,
    pool_id: String,
    known: Arc<Mutex<LruCache<UserId, (Instant, Contact)>>>,
}

/// Somebody's verified addresses. No `Debug`: they never reach a log.
#[derive(Clone, Default)]
pub(super) struct Contact {
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
}

impl Directory {
    /// The addresses in this user pool. The client should have an operation time-out.
    #[must_use]
    pub fn new(client: Client, pool_id: String) -> Self {
        let most = NonZeroUsize::new(ADDRESSES_CACHED_MAX).unwrap_or(NonZeroUsize::MIN);
        Self { client, pool_id, known: Arc::new(Mutex::new(LruCache::new(most))) }
    }

    /// Where `user` can be reached; nowhere, if there is no such account. The error is for the log.
    pub(super) async fn find(&self, user: &UserId) -> Result<Contact, String> {
        if let Some((at, contact)) = self.known().get(user)
            && at.elapsed() < ADDRESS_AGE_MAX
        {
            return Ok(contact.clone());
        }
        // No user id has a quote or a backslash.
        let filter = format!("sub = \"{user}\"");
        let list = self.client.list_users().user_pool_id(&self.pool_id).filter(filter).limit(1);
        // The whole error may quote an answer, and so an address.
        let listed =
            list.send().await.map_err(|error| error.code().unwrap_or("no answer").to_owned())?;
        let found = listed.users().first().filter(|user| user.enabled());
        let contact = found.map(contact).unwrap_or_default();
        self.known().put(user.clone(), (Instant::now(), contact.clone()));
        Ok(contact)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, LruCache<UserId, (Instant, Contact)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn contact(user: &UserType) -> Contact {
    let value = |name: &str| {
        let found = user.attributes().iter().find(|attribute| attribute.name() == name);
        found.and_then(|attribute| attribute.value()).map(str::to_owned)
    };
    let verified = |name: &str| {
        let flag = value(&format!("{name}_verified"));
        value(name).filter(|_| flag.as_deref() == Some("true"))
    };
    Contact { email: verified("email"), phone: verified("phone_number") }
}
