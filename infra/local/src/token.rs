//! `gavel-local token`: an access token of a sample account, for `curl`.

use std::path::PathBuf;

use anyhow::Result;
use gavel_local::aws::Clients;
use gavel_local::{Settings, paths, provision};

/// Whose token, and of which stack.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The account: seller, bidder-1, bidder-2 or admin.
    account: String,
    /// The `stack.env` of the stack; without it, that of `make up`.
    #[arg(long)]
    from: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let file = arguments.from.unwrap_or_else(|| paths::local_dir().join("stack.env"));
    let settings = Settings::read(&file)?;
    let clients = Clients::new(&settings.aws_endpoint_url);
    let Settings { app_client_id, password, .. } = &settings;
    let tokens =
        provision::sign_in(&clients.cognito, app_client_id, &arguments.account, password).await?;
    println!("{}", tokens.access);
    Ok(())
}
