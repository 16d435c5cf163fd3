//! `gavel-local token`: an access token of a sample account, for `curl`.

use anyhow::Result;
use gavel_local::aws::Clients;
use gavel_local::{Settings, paths, provision};

pub(crate) async fn run(account: &str) -> Result<()> {
    let settings = Settings::read(&paths::local_dir().join("stack.env"))?;
    let clients = Clients::new(&settings.aws_endpoint_url);
    let Settings { app_client_id, password, .. } = &settings;
    let tokens = provision::sign_in(&clients.cognito, app_client_id, account, password).await?;
    println!("{}", tokens.access);
    Ok(())
}
