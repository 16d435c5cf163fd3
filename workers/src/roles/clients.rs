//! Clients of AWS. Each call ends in time: the SDK itself would wait for an answer for ever. Where a
//! repeat is a second message or a second channel, the SDK repeats nothing.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

use crate::limits::{
    ACCOUNT_CALL_MAX, AWS_CONNECT_MAX, DYNAMODB_CALL_MAX, IVS_CALL_MAX, NOTIFY_CALL_MAX,
    SQS_RECEIVE_MAX, SQS_SEND_MAX,
};

/// Makes clients, by what the environment says of region, credentials and endpoints.
pub(super) struct Clients {
    aws: SdkConfig,
}

impl Clients {
    pub(super) async fn load() -> Self {
        Self { aws: aws_config::load_defaults(BehaviorVersion::latest()).await }
    }

    /// To receive, which waits for messages.
    pub(super) fn sqs_receiver(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.repeated(SQS_RECEIVE_MAX))
    }

    pub(super) fn sqs_sender(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.repeated(SQS_SEND_MAX))
    }

    pub(super) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.repeated(DYNAMODB_CALL_MAX))
    }

    /// For the accounts of people who delete themselves.
    pub(super) fn cognito(&self) -> aws_sdk_cognitoidentityprovider::Client {
        aws_sdk_cognitoidentityprovider::Client::new(&self.repeated(ACCOUNT_CALL_MAX))
    }

    /// For the addresses of people who are told something.
    pub(super) fn cognito_directory(&self) -> aws_sdk_cognitoidentityprovider::Client {
        aws_sdk_cognitoidentityprovider::Client::new(&self.repeated(NOTIFY_CALL_MAX))
    }

    /// For the devices of people.
    pub(super) fn sns_devices(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.repeated(ACCOUNT_CALL_MAX))
    }

    pub(super) fn sns_post(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.once(NOTIFY_CALL_MAX))
    }

    pub(super) fn ses(&self) -> aws_sdk_sesv2::Client {
        aws_sdk_sesv2::Client::new(&self.once(NOTIFY_CALL_MAX))
    }

    pub(super) fn ivs(&self) -> aws_sdk_ivs::Client {
        aws_sdk_ivs::Client::new(&self.once(IVS_CALL_MAX))
    }

    /// For calls that the SDK may repeat.
    fn repeated(&self, longest: Duration) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(AWS_CONNECT_MAX)
            .operation_attempt_timeout(longest / 3)
            .operation_timeout(longest);
        self.aws.to_builder().timeout_config(timeouts.build()).build()
    }

    /// For calls that are made once.
    fn once(&self, longest: Duration) -> SdkConfig {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(AWS_CONNECT_MAX).operation_timeout(longest);
        let retries = RetryConfig::disabled();
        self.aws.to_builder().timeout_config(timeouts.build()).retry_config(retries).build()
    }
}
