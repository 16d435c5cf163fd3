//! The user pool, its app clients, groups and accounts, and signing in.
//!
//! Signing in is the plain password flow, which production would not switch on; tokens are the same.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, AuthFlowType, ExplicitAuthFlowsType, MessageActionType,
};
use futures::future::try_join_all;

use super::{ACCOUNTS, GROUPS};
use crate::tokens::Tokens;

/// How many pools or app clients one page lists: the service's maximum.
const PAGE: i32 = 60;

/// The app client the edge accepts.
const APP_CLIENT: &str = "gavel-web";

/// An app client whose tokens it must refuse.
const OTHER_APP_CLIENT: &str = "somebody-else";

/// The sample account that has a phone.
const WITH_PHONE: &str = "bidder-2";

/// Its number.
const PHONE: &str = "+12025550123";

pub(super) struct Pool {
    pub(super) id: String,
    pub(super) app_client_id: String,
    pub(super) other_app_client_id: String,
}

pub(super) async fn pool(client: &Client, name: &str, password: &str) -> Result<Pool> {
    let id = pool_id(client, name).await.context("making the user pool")?;
    let groups = async {
        try_join_all(GROUPS.map(|group| add_group(client, &id, group))).await?;
        let accounts = ACCOUNTS.map(|(user, groups)| add_user(client, &id, user, password, groups));
        try_join_all(accounts).await
    };
    let (app_client_id, other_app_client_id, _) = tokio::try_join!(
        app_client_id(client, &id, APP_CLIENT),
        app_client_id(client, &id, OTHER_APP_CLIENT),
        groups,
    )?;
    Ok(Pool { id, app_client_id, other_app_client_id })
}

async fn pool_id(client: &Client, name: &str) -> Result<String> {
    let listed = client.list_user_pools().max_results(PAGE).send().await?;
    if let Some(pool) = listed.user_pools().iter().find(|pool| pool.name() == Some(name)) {
        return pool.id().map(str::to_owned).context("a listed pool has no id");
    }
    let made = client.create_user_pool().pool_name(name).send().await?;
    made.user_pool().and_then(|p| p.id()).map(str::to_owned).context("the new pool has no id")
}

async fn app_client_id(client: &Client, pool_id: &str, name: &str) -> Result<String> {
    let list = client.list_user_pool_clients().user_pool_id(pool_id).max_results(PAGE);
    let listed = list.send().await.context("listing the app clients")?;
    let found = listed.user_pool_clients().iter().find(|c| c.client_name() == Some(name));
    if let Some(id) = found.and_then(|c| c.client_id()) {
        return Ok(id.to_owned());
    }
    let create = client.create_user_pool_client().user_pool_id(pool_id).client_name(name);
    let create = create.generate_secret(false);
    let create = create
        .explicit_auth_flows(ExplicitAuthFlowsType::AllowUserPasswordAuth)
        .explicit_auth_flows(ExplicitAuthFlowsType::AllowRefreshTokenAuth);
    let made = create.send().await.context("making an app client")?;
    let id = made.user_pool_client().and_then(|c| c.client_id());
    id.map(str::to_owned).context("the new app client has no id")
}

async fn add_group(client: &Client, pool_id: &str, name: &str) -> Result<()> {
    match client.create_group().user_pool_id(pool_id).group_name(name).send().await {
        Err(e) if e.as_service_error().is_some_and(|e| e.is_group_exists_exception()) => Ok(()),
        made => made.map(|_| ()).with_context(|| format!("making the group {name}")),
    }
}

/// Makes an account that is ready to sign in, or gives it this password if it is there.
///
/// # Errors
/// When Cognito cannot be reached or refuses, such as for a weak password or an unknown group.
pub async fn add_user(
    client: &Client,
    pool_id: &str,
    name: &str,
    password: &str,
    groups: &[&str],
) -> Result<()> {
    let create = client.admin_create_user().user_pool_id(pool_id).username(name);
    let create = create.set_user_attributes(Some(addresses(name)?));
    match create.message_action(MessageActionType::Suppress).send().await {
        Err(e) if e.as_service_error().is_some_and(|e| e.is_username_exists_exception()) => {}
        made => drop(made.with_context(|| format!("making the account {name}"))?),
    }
    let set = client.admin_set_user_password().user_pool_id(pool_id).username(name);
    set.password(password).permanent(true).send().await.context("setting a password")?;
    for group in groups {
        let add = client.admin_add_user_to_group().user_pool_id(pool_id).username(name);
        add.group_name(*group).send().await.with_context(|| format!("adding {name} to {group}"))?;
    }
    Ok(())
}

/// Where messages to an account go: an e-mail address, and for one of them a phone, too. Neither can
/// belong to anybody: the names and numbers are reserved for examples.
fn addresses(name: &str) -> Result<Vec<AttributeType>> {
    // Where the pool knows people by their address, the name is one.
    let email = match name.contains('@') {
        true => name.to_owned(),
        false => format!("{name}@gavel.example"),
    };
    let mut pairs = vec![("email", email.as_str()), ("email_verified", "true")];
    if name == WITH_PHONE {
        pairs.extend([("phone_number", PHONE), ("phone_number_verified", "true")]);
    }
    let attribute = |(name, value): (&str, &str)| {
        AttributeType::builder().name(name).value(value).build().context("an attribute")
    };
    pairs.into_iter().map(attribute).collect()
}

/// Signs in with a password.
///
/// # Errors
/// When Cognito cannot be reached, or name, password or app client are wrong.
pub async fn sign_in(
    client: &Client,
    app_client_id: &str,
    name: &str,
    password: &str,
) -> Result<Tokens> {
    let auth = client.initiate_auth().client_id(app_client_id);
    let auth = auth.auth_flow(AuthFlowType::UserPasswordAuth);
    let auth = auth.auth_parameters("USERNAME", name).auth_parameters("PASSWORD", password);
    let answer = auth.send().await.with_context(|| format!("signing in {name}"))?;
    let tokens = answer.authentication_result().context("Cognito asks for another step")?;
    Ok(Tokens {
        access: tokens.access_token().context("no access token")?.to_owned(),
        id: tokens.id_token().context("no id token")?.to_owned(),
    })
}
