//! Clients of the AWS services, aimed at one emulator.
//!
//! Made from explicit values only: neither the environment nor `~/.aws` is read, so a developer's
//! own account is never touched.

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cognitoidentityprovider::config::{Credentials, SharedCredentialsProvider};

/// The region everything local pretends to be in.
pub const REGION: &str = "us-east-1";

/// What the emulator accepts as credentials: anything.
pub const ACCESS_KEY: &str = "local";

/// One client a service.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Accounts and tokens.
    pub cognito: aws_sdk_cognitoidentityprovider::Client,
    /// Tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// E-mail.
    pub ses: aws_sdk_sesv2::Client,
    /// Topics.
    pub sns: aws_sdk_sns::Client,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// Clients of the emulator at `endpoint_url`.
    #[must_use]
    pub fn new(endpoint_url: &str) -> Self {
        let config = config(endpoint_url);
        Self {
            cognito: aws_sdk_cognitoidentityprovider::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            ses: aws_sdk_sesv2::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        }
    }
}

/// How any client of the emulator at `endpoint_url` is made, also of services that only some use.
#[must_use]
pub fn config(endpoint_url: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "gavel-local");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint_url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard())
        .build()
}
