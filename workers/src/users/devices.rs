//! Devices that can be sent push notifications: from what Apple or Google call a device to what SNS
//! calls it. Sends nothing.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::DisplayErrorContext;

/// Devices of one platform application of SNS. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Devices {
    client: Client,
    application_arn: String,
}

/// Why a device was not registered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceError {
    /// The push service knows no such device. The caller's to mend.
    #[error("not a device")]
    Refused,
    /// SNS is in trouble. The text is for the log only. Asking again is safe.
    #[error("devices cannot be registered")]
    Unavailable(String),
}

impl Devices {
    /// Devices of this platform application. The client should have an operation time-out.
    pub(crate) const fn new(client: Client, application_arn: String) -> Self {
        Self { client, application_arn }
    }

    /// Registers the device with this token; gives what SNS calls it. Again, it is the same.
    pub(crate) async fn register(&self, token: &str) -> Result<String, DeviceError> {
        let create = self.client.create_platform_endpoint();
        let create = create.platform_application_arn(&self.application_arn).token(token);
        let created = create.send().await.map_err(|error| {
            if error.as_service_error().is_some_and(|e| e.is_invalid_parameter_exception()) {
                DeviceError::Refused
            } else {
                DeviceError::Unavailable(DisplayErrorContext(&error).to_string())
            }
        })?;
        let arn = created.endpoint_arn.unwrap_or_default();
        // SNS switches a device off when a message did not get there; its owner says it is there.
        let enable = self.client.set_endpoint_attributes().endpoint_arn(&arn);
        let enable = enable.attributes("Enabled", "true").attributes("Token", token);
        let enabled = enable.send().await;
        enabled
            .map_err(|error| DeviceError::Unavailable(DisplayErrorContext(&error).to_string()))?;
        Ok(arn)
    }

    /// Has SNS forget a device; again, it changes nothing. The error is for the log only.
    pub(crate) async fn forget(&self, arn: &str) -> Result<(), String> {
        let delete = self.client.delete_endpoint().endpoint_arn(arn).send().await;
        delete.map(drop).map_err(|error| DisplayErrorContext(&error).to_string())
    }
}
