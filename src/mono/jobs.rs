//! Work of Mono's that outlasts the request: its start, and how it stands.
//!
//! Source: Mono docs, "Real-Time Data" (jobs), "Income", "Credit Worthiness", "Enrichment";
//! statements from public clients; fixtures `job_status__*.json`, `statement_pdf__*.json`,
//! `enrichment__*.json`.

use std::fmt;

use serde_json::{Value, json};

use super::{
    Client, MonoError,
    model::{decode, is_web_url},
    segment,
    wire::{Envelope, JobBody, part},
};
use crate::ids::AccountId;

/// A statement as a PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPdf {
    /// Mono's id of the job that makes it.
    pub job: Option<String>,
    /// How it stands.
    pub state: PdfState,
}

/// How a statement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PdfState {
    /// It is being made (`BUILDING`, and every word that we do not know).
    Building,
    /// It is there, at this http(s) URL.
    Built(String),
    /// It could not be made. Which word Mono has for that is not documented.
    Failed,
}

/// An enrichment that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Mono's id of the job.
    pub job: Option<String>,
}

/// What is assessed. Prints without the customer's number.
#[derive(Clone)]
pub struct Loan {
    /// The customer's bank verification number.
    pub bvn: String,
    /// How much is lent, in minor units.
    pub principal_minor: i64,
    /// The interest, in percent.
    pub interest_rate: f64,
    /// For how many months.
    pub term: i32,
    /// Whether credit bureaus are asked as well.
    pub run_credit_check: bool,
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan")
            .field("principal_minor", &self.principal_minor)
            .field("interest_rate", &self.interest_rate)
            .field("term", &self.term)
            .field("run_credit_check", &self.run_credit_check)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// `GET /v2/accounts/{id}/jobs/{job}`: Mono's word for how a real-time job stands.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn job_status(&self, id: &AccountId, job: &str) -> Result<String, MonoError> {
        let path = format!("/v2/accounts/{}/jobs/{}", segment(id.as_str())?, segment(job)?);
        decode_job_status(&self.read(Some(id), &path).await?)
    }

    /// `GET /v2/accounts/{id}/statement?output=pdf`: has a PDF of the last `months` made, 1 to 12.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn statement_pdf(
        &self,
        id: &AccountId,
        months: u32,
    ) -> Result<StatementPdf, MonoError> {
        let account = segment(id.as_str())?;
        let path = format!("/v2/accounts/{account}/statement?period=last{months}months&output=pdf");
        StatementPdf::decode(&self.start_by_get(id, &path).await?)
    }

    /// `GET /v2/accounts/{id}/statement/jobs/{job}`: how a statement stands.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn statement_job(
        &self,
        id: &AccountId,
        job: &str,
    ) -> Result<StatementPdf, MonoError> {
        let path =
            format!("/v2/accounts/{}/statement/jobs/{}", segment(id.as_str())?, segment(job)?);
        StatementPdf::decode(&self.read(Some(id), &path).await?)
    }

    /// `GET /v2/accounts/{id}/income`: starts finding the income of the last `months`.
    ///
    /// # Errors
    /// [`MonoError`]; [`MonoError::NoWebhook`] if Mono could not tell of the end.
    pub async fn start_income(&self, id: &AccountId, months: Option<u32>) -> Result<(), MonoError> {
        let query = months.map(|months| format!("?period={months}")).unwrap_or_default();
        let path = format!("/v2/accounts/{}/income{query}", segment(id.as_str())?);
        self.start_by_get(id, &path).await.map(|_| ())
    }

    /// `POST /v2/accounts/{id}/creditworthiness`: starts assessing whether a loan can be afforded.
    ///
    /// # Errors
    /// [`MonoError`]; [`MonoError::NoWebhook`] if Mono could not tell of the end.
    pub async fn start_creditworthiness(
        &self,
        id: &AccountId,
        loan: &Loan,
    ) -> Result<(), MonoError> {
        let body = json!({
            "bvn": loan.bvn,
            "principal": loan.principal_minor,
            "interest_rate": loan.interest_rate,
            "term": loan.term,
            "run_credit_check": loan.run_credit_check,
        });
        let path = format!("/v2/accounts/{}/creditworthiness", segment(id.as_str())?);
        self.write(Some(id), &path, Some(body.to_string())).await.map(|_| ())
    }

    /// `POST /v2/accounts/{id}/transactions/categorise`: starts giving transactions their
    /// categories.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn start_categorisation(&self, id: &AccountId) -> Result<Started, MonoError> {
        let path = format!("/v2/accounts/{}/transactions/categorise", segment(id.as_str())?);
        Started::decode(&self.write(Some(id), &path, Some("{}".to_owned())).await?)
    }

    /// `GET /v2/enrichments/record/{job}`: Mono's word for how an enrichment stands; kept 1 h.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn enrichment_status(&self, job: &str) -> Result<String, MonoError> {
        let path = format!("/v2/enrichments/record/{}", segment(job)?);
        decode_job_status(&self.read(None, &path).await?)
    }
}

/// Reads how a job stands: `data.status`, of enrichments `data.jobStatus`, or the envelope's own.
///
/// # Errors
/// [`MonoError::BadResponse`] without such a word.
pub fn decode_job_status(body: &[u8]) -> Result<String, MonoError> {
    let envelope: Envelope = decode(body)?;
    let job: JobBody = part(&envelope.data).unwrap_or_default();
    // A result without a word beside it is one.
    let has_data = envelope.data.as_deref().is_some_and(|data| data.get() != "null");
    let word = job.job_status.take().or(job.status.take()).or_else(|| {
        let outer = envelope.status.get().filter(|_| has_data)?;
        Some(outer.to_owned())
    });
    word.ok_or(MonoError::BadResponse("it does not say how the job stands"))
}

impl StatementPdf {
    /// Decodes how a statement stands, in an envelope or bare.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if it is neither being made nor there at an http(s) URL.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let envelope: Envelope = decode(body)?;
        let job: JobBody = match part(&envelope.data) {
            Some(job) => job,
            None => decode(body)?,
        };
        let word = job.status.get().map(|word| word.trim().to_ascii_uppercase());
        let path = job.path.get().filter(|path| is_web_url(path)).map(str::to_owned);
        let state = match (word.as_deref(), path) {
            (Some("BUILT" | "SUCCESSFUL" | "FINISHED"), Some(path)) => PdfState::Built(path),
            (Some("BUILT"), None) => {
                return Err(MonoError::BadResponse("there is no http(s) URL in it"));
            }
            (Some(word), _) if word.contains("FAIL") || word.contains("ERROR") => PdfState::Failed,
            (Some(_), _) => PdfState::Building,
            (None, _) => return Err(MonoError::BadResponse("it does not say how the job stands")),
        };
        Ok(Self { job: job.id.take().or(job._id.take()).or(job.job_id.take()), state })
    }
}

impl Started {
    /// Decodes the start of an enrichment.
    ///
    /// # Errors
    /// [`MonoError::BadResponse`] if it is no JSON object.
    pub fn decode(body: &[u8]) -> Result<Self, MonoError> {
        let envelope: Envelope = decode(body)?;
        let job: JobBody = part(&envelope.data).unwrap_or_default();
        Ok(Self { job: job.job_id.take().or(job.id.take()).or(job._id.take()) })
    }
}

/// Whether a refusal says that Mono has nowhere to send its webhook. Source: seen by an integrator;
/// fixture `error__v2_404_no_webhook.json`.
pub(super) fn is_no_webhook(body: &[u8]) -> bool {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let message = body.as_ref().and_then(|body| body.get("message")).and_then(Value::as_str);
    message.is_some_and(|message| message.to_ascii_lowercase().contains("no webhook"))
}
