//! Statements: rows as JSON, and the job and the file of a PDF.
//!
//! Source: shapes that two clients read. The v2 form of the rows is not printed anywhere: they stand
//! where transactions stand.

use chrono::Months;
use serde_json::{Value, json};

use super::{Answer, Era, completed, ok};
use crate::{
    clock::iso,
    world::{
        account::{Account, Transaction},
        job::{Job, JobState},
    },
};

/// The rows of the last `months` months, counted from the newest transaction.
pub(crate) fn rows(account: &Account, months: u32) -> Vec<&Transaction> {
    let shown = account.shown_transactions();
    let since = shown.first().and_then(|each| each.date.checked_sub_months(Months::new(months)));
    shown.iter().filter(|each| since.is_none_or(|since| each.date > since)).collect()
}

/// A statement as JSON.
pub(crate) fn json(era: Era, account: &Account, months: u32) -> Answer {
    let id = if era == Era::Legacy { "_id" } else { "id" };
    let rows: Vec<Value> = rows(account, months)
        .into_iter()
        .map(|each| {
            json!({
                id: each.id, "type": each.kind, "amount": each.amount,
                "narration": each.narration, "date": iso(each.date), "balance": each.balance,
            })
        })
        .collect();
    let meta = json!({ "count": rows.len() });
    match era {
        Era::V2_2026 | Era::V2_2024 => {
            let (status, mut body) = ok(era, completed(era), json!(rows));
            body["meta"] = meta;
            (status, body)
        }
        Era::V1 | Era::Legacy => ok(era, completed(era), json!({ "meta": meta, "data": rows })),
    }
}

/// The job that makes a PDF, which will be at `path`.
pub(crate) fn job(era: Era, job: &Job, path: &str) -> Answer {
    let status = match job.state {
        JobState::Processing => "BUILDING",
        JobState::Finished => "BUILT",
        // Mono's word for it is nowhere printed.
        JobState::Failed => "FAILED",
    };
    ok(era, completed(era), json!({ "id": job.id, "status": status, "path": path }))
}

/// The file: one page that says whose statement it is.
pub(crate) fn pdf(account: &Account, months: u32) -> Vec<u8> {
    let count = rows(account, months).len();
    let text = format!(
        "Simulated statement of {}: {count} transactions in {months} months",
        account.account_number
    );
    let content = format!("BT /F1 12 Tf 40 780 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font \
         << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (start, size) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file.into_bytes()
}
