//! `mono-gateway rebuild --check`.

use std::process::ExitCode;

use mono_gateway::{
    app::StartError,
    config::Settings,
    database::Database,
    lifecycle::rebuild::{self, Report},
};

use super::{failed, print};

/// How many differences are printed one by one.
const MOST: usize = 100;

/// Derives everything again and says what differs. Fails if anything does.
pub(super) async fn run(settings: &Settings) -> ExitCode {
    let url = match settings.database_url() {
        Ok(url) => url,
        Err(error) => return failed(&error),
    };
    let checked = async {
        let database = Database::open_existing(&url).await?;
        database.require_migrated().await?;
        let report = rebuild::check(&database).await?;
        database.close().await;
        Ok::<_, StartError>(report)
    };
    match checked.await {
        Ok(report) => tell(&report),
        Err(error) => failed(&error),
    }
}

fn tell(report: &Report) -> ExitCode {
    let Report { accounts, links, facts, removed_facts, unlinked, different } = report;
    for (subject, parts) in different.iter().take(MOST) {
        print(&format!("differs  {subject}  in {}\n", parts.join(", ")));
    }
    if different.len() > MOST {
        print(&format!("differs  {} more\n", different.len() - MOST));
    }
    print(&format!(
        "{accounts} accounts and {links} link sessions derived again from {facts} facts and checkpoints of {removed_facts}; \
         {unlinked} unlinked and erased; {} differ\n",
        different.len(),
    ));
    if different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
