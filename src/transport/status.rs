//! Which HTTP status an answer has.
//!
//! The GraphQL over HTTP draft and the suite that audits servers for it disagree about requests
//! that are refused; [`Statuses`] chooses. All of it is in one function.
//!
//! Source: the draft of Aug 2026; the audits of npm graphql-http 1.23.

use axum::http::StatusCode;

use super::{media::Media, message::Answer};
use crate::error::ErrorCode;

/// Whose word decides where the draft and its audits disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Statuses {
    /// The audits': what is refused is 400, and 200 for clients that take plain JSON alone.
    Audit,
    /// The draft's: what was understood and refused is 422, partial data 294.
    Draft,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran, without errors.
    Answered,
    /// It ran, and some of it failed.
    AnsweredInPart,
    /// It is no JSON.
    NotJson,
    /// It is JSON without the parameters of a request.
    WrongParameters,
    /// Its document does not parse.
    NotGraphql,
    /// Its document or variables do not fit the schema or the limits, or say not what to run.
    Invalid,
    /// Its caller sent too many.
    Limited,
    /// The gateway has too much to do.
    Busy,
}

impl Outcome {
    /// What this answer tells.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        match answer.code() {
            None => Self::Answered,
            Some(_) if !answer.is_request_error() => Self::AnsweredInPart,
            Some(code) if code == ErrorCode::GraphqlParseFailed.as_str() => Self::NotGraphql,
            Some(code) if code == ErrorCode::RateLimited.as_str() => Self::Limited,
            Some(code) if code == ErrorCode::Overloaded.as_str() => Self::Busy,
            Some(_) => Self::Invalid,
        }
    }
}

impl Statuses {
    /// The status of an answer that is written as `media`.
    #[must_use]
    pub fn of(self, outcome: Outcome, media: Media) -> StatusCode {
        let is_draft = self == Self::Draft;
        // Clients of before the draft read no answer that has another status.
        let always_200 = self == Self::Audit && media == Media::Json;
        let unprocessable =
            if is_draft { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        match outcome {
            Outcome::AnsweredInPart if is_draft && media == Media::GraphqlResponse => {
                // A number without a name, which every status of three digits may be.
                StatusCode::from_u16(294).unwrap_or(StatusCode::OK)
            }
            Outcome::Answered | Outcome::AnsweredInPart => StatusCode::OK,
            Outcome::NotJson => StatusCode::BAD_REQUEST,
            Outcome::WrongParameters => unprocessable,
            Outcome::NotGraphql | Outcome::Invalid if always_200 => StatusCode::OK,
            Outcome::NotGraphql => StatusCode::BAD_REQUEST,
            Outcome::Invalid => unprocessable,
            Outcome::Limited => StatusCode::TOO_MANY_REQUESTS,
            Outcome::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_status_in_both_modes() {
        // Audit: GraphQL's media type, plain JSON; draft: the same.
        let rows = [
            (Outcome::Answered, [200, 200, 200, 200]),
            (Outcome::AnsweredInPart, [200, 200, 294, 200]),
            (Outcome::NotJson, [400, 400, 400, 400]),
            (Outcome::WrongParameters, [400, 400, 422, 422]),
            (Outcome::NotGraphql, [400, 200, 400, 400]),
            (Outcome::Invalid, [400, 200, 422, 422]),
            (Outcome::Limited, [429, 429, 429, 429]),
            (Outcome::Busy, [503, 503, 503, 503]),
        ];
        for (outcome, expected) in rows {
            let cells = [Statuses::Audit, Statuses::Draft]
                .map(|mode| [Media::GraphqlResponse, Media::Json].map(|m| mode.of(outcome, m)));
            assert_eq!(cells.concat(), expected, "{outcome:?}");
        }
    }
}
