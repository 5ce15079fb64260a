//! Takes what is personal out of a body before it is kept.
//!
//! What may stay is listed; everything else is replaced, so a field that Mono adds tomorrow is
//! removed until somebody has looked at it. Structure and names stay: they are what one reads a
//! kept delivery for.

/// Fields whose values say nothing about a person.
const KEPT: [&str; 36] = [
    "_id",
    "id",
    "account",
    "accessType",
    "account_match",
    "app",
    "authMethod",
    "auth_method",
    "bankCode",
    "bank_code",
    "business",
    "code",
    "created_at",
    "currency",
    "customer",
    "data_request_id",
    "data_status",
    "event",
    "event_id",
    "hasNewData",
    "has_new_data",
    "jobStatus",
    "job_id",
    "jobId",
    "liveMode",
    "ref",
    "retrieved_data",
    "scope",
    "session_id",
    "status",
    "sync_status",
    "timestamp",
    "type",
    "updated_at",
    "__v",
    "updated",
];

const REMOVED: &[u8] = b"\"[removed]\"";

/// The body without personal data: as JSON with values replaced, or, if it is not JSON, with its
/// letters and digits masked.
#[must_use]
pub fn redact(body: &[u8]) -> Vec<u8> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        redact_json(body)
    } else {
        body.iter().map(|byte| mask(*byte)).collect()
    }
}

fn mask(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => b'9',
        b'a'..=b'z' => b'x',
        b'A'..=b'Z' => b'X',
        // Half of a character of a name is part of a name.
        0x80.. => b'?',
        other => other,
    }
}

/// A container that is open, with the field that it stands in.
struct Open<'a> {
    is_object: bool,
    field: &'a [u8],
}

/// One pass over valid JSON. Keeps its own stack: nesting costs no stack of the thread.
fn redact_json(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut field: &[u8] = b"";
    let mut at_key = false;
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let end = token_end(body, at);
        let token = body.get(at..end).unwrap_or_default();
        at = end;
        match byte {
            b'{' | b'[' => {
                open.push(Open { is_object: *byte == b'{', field });
                at_key = *byte == b'{';
                out.extend_from_slice(token);
            }
            b'}' | b']' => {
                field = open.pop().map_or(b"", |closed| closed.field);
                out.extend_from_slice(token);
            }
            b',' => {
                let inner = open.last();
                at_key = inner.is_some_and(|inner| inner.is_object);
                field = inner.map_or(b"", |inner| inner.field);
                out.extend_from_slice(token);
            }
            b'"' if at_key => {
                field = token.get(1..token.len() - 1).unwrap_or_default();
                at_key = false;
                out.extend_from_slice(token);
            }
            b'"' | b'-' | b'0'..=b'9' => {
                let parent = open.last().map_or(&b""[..], |inner| inner.field);
                let keep = is_kept(field, parent, token);
                out.extend_from_slice(if keep { token } else { REMOVED });
            }
            _ => out.extend_from_slice(token),
        }
    }
    out
}

fn is_kept(field: &[u8], parent: &[u8], value: &[u8]) -> bool {
    let is = |name: &str| field == name.as_bytes();
    if is("name") {
        // A bank's name, or a job's; never a holder's.
        return parent == b"institution" || value.starts_with(b"\"jobs.");
    }
    KEPT.iter().any(|name| is(name))
}

/// Where the token that begins at `at` ends.
fn token_end(body: &[u8], at: usize) -> usize {
    let rest = body.get(at..).unwrap_or_default();
    let length = match rest.first() {
        Some(b'"') => {
            let mut escaped = false;
            let close = rest.iter().skip(1).position(|byte| {
                let closes = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                closes
            });
            close.map_or(rest.len(), |close| close + 2)
        }
        Some(b'-' | b'0'..=b'9') => rest
            .iter()
            .position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
            .unwrap_or(rest.len()),
        _ => 1,
    };
    at + length.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_leaves_and_the_shape_stays() {
        let body = br#"{"event":"mono.events.account_updated","data":{"account":{"_id":"a1","name":"ADA \"T\" TEST","accountNumber":"0123456789","bvn":"22000000000","balance":-1.5e9,"institution":{"name":"Example Bank","bankCode":"058"}},"meta":{"data_status":"AVAILABLE","retrieved_data":["balance"],"has_new_data":true},"emails":["a@b"]}}"#;
        let kept = String::from_utf8(redact(body)).expect("it is text");
        assert_eq!(
            kept,
            r#"{"event":"mono.events.account_updated","data":{"account":{"_id":"a1","name":"[removed]","accountNumber":"[removed]","bvn":"[removed]","balance":"[removed]","institution":{"name":"Example Bank","bankCode":"058"}},"meta":{"data_status":"AVAILABLE","retrieved_data":["balance"],"has_new_data":true},"emails":["[removed]"]}}"#
        );
    }

    #[test]
    fn what_is_not_json_is_masked_whole() {
        assert_eq!(redact(br#"{"name":"Ada 1"#), br#"{"xxxx":"Xxx 9"#.to_vec());
    }

    #[test]
    fn deep_nesting_costs_no_stack() {
        let deep = format!("{}\"secret\"{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(!String::from_utf8_lossy(&redact(deep.as_bytes())).contains("secret"));
    }
}
