//! Stopping in order: what is under way ends well, what is open is told to come back.

use std::time::{Duration, Instant};

use crate::support::*;

/// How long stopping may take beyond the drain.
const GRACE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn either_signal_stops_it_in_order() {
    let mono = mono(1).await;
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let url = new_database(folder.path()).await;
        let mut command = program(&url, mono.base_url());
        command.env("GATEWAY_DRAIN_MS", "500");
        let mut gateway = Gateway::start(command);
        assert_eq!(gateway.webhook("{}").await.unwrap(), 200);
        let begun = Instant::now();
        gateway.signal(signal);
        assert_eq!(gateway.ended().await.code(), Some(0), "{signal}");
        assert!(begun.elapsed() < Duration::from_millis(500) + GRACE, "{:?}", begun.elapsed());
        let db = look_into(&url).await;
        assert_eq!(number(&db, "SELECT COUNT(*) FROM webhook_event").await, 1);
    }
    mono.stop().await;
}
