//! Mono's words for how much of an account's data it holds.

use serde::{Deserialize, Serialize};

/// `data_status`, spelled as Mono spells it; any other text is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum DataStatus {
    /// Balance and transactions are in.
    Available,
    /// One of the two is in.
    Partial,
    /// Neither is in, because of the bank.
    Unavailable,
    /// Mono is fetching.
    Processing,
    /// Neither is in, because of Mono.
    Failed,
    /// A word that Mono's documentation does not list.
    Other(String),
}

impl DataStatus {
    /// The word in capitals, as in the v2 API and in webhooks.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Partial => "PARTIAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::Processing => "PROCESSING",
            Self::Failed => "FAILED",
            Self::Other(word) => word,
        }
    }

    /// What Mono holds in this status, if nobody says otherwise; `None`: what it held before.
    pub(crate) fn usually_retrieved(&self) -> Option<Vec<String>> {
        let parts: &[&str] = match self {
            Self::Available => &["identity", "balance", "transactions"],
            Self::Partial => &["identity", "balance"],
            Self::Unavailable | Self::Failed => &["identity"],
            Self::Processing | Self::Other(_) => return None,
        };
        Some(parts.iter().map(|&part| part.to_owned()).collect())
    }

    /// `sync_status` of the webhook that announces this status.
    pub(crate) fn sync_status(&self) -> &'static str {
        match self {
            Self::Available | Self::Partial | Self::Processing | Self::Other(_) => "SUCCESSFUL",
            Self::Unavailable | Self::Failed => "FAILED",
        }
    }
}

impl From<String> for DataStatus {
    fn from(word: String) -> Self {
        match word.as_str() {
            "AVAILABLE" => Self::Available,
            "PARTIAL" => Self::Partial,
            "UNAVAILABLE" => Self::Unavailable,
            "PROCESSING" => Self::Processing,
            "FAILED" => Self::Failed,
            _ => Self::Other(word),
        }
    }
}

impl From<DataStatus> for String {
    fn from(status: DataStatus) -> Self {
        status.as_str().to_owned()
    }
}
