//! Brings results to the record, many in one transaction, and keeps the lease meanwhile.

use std::time::Duration;

use tokio::{sync::mpsc, time::Instant};

use super::{Fleet, FleetError, Stop, TenantResult, hold::Hold, patience::patiently, store};
use crate::platform::StoreError;

/// How long results are gathered: a commit for each of them would cost more than the migrations.
const GATHER: Duration = Duration::from_millis(250);
/// How often the lease is renewed at least.
const RENEW: Duration = Duration::from_secs(3);
/// How many results go out at once.
const BATCH: usize = 512;

impl Fleet {
    /// Records until the senders are gone. After an error the run is over: the stop is asked for.
    pub(super) async fn record_all(
        &self,
        hold: &Hold,
        mut results: mpsc::Receiver<TenantResult>,
        stop: &Stop,
    ) -> Result<(), FleetError> {
        let mut batch = Vec::new();
        loop {
            let received = tokio::select! {
                received = results.recv_many(&mut batch, BATCH) => Some(received),
                () = tokio::time::sleep(RENEW) => None,
            };
            if received == Some(0) {
                return Ok(());
            }
            if received.is_some() {
                let until = Instant::now() + GATHER;
                while batch.len() < BATCH {
                    match tokio::time::timeout_at(until, results.recv()).await {
                        Ok(Some(result)) => batch.push(result),
                        Ok(None) | Err(_) => break,
                    }
                }
            }
            if let Err(error) = self.record(hold, &batch, stop).await {
                stop.ask(error.to_string());
                return Err(error);
            }
            batch.clear();
        }
    }

    /// Records these, waiting for a platform database that is out of reach; and hears whether the run is to stop.
    pub(super) async fn record(&self, hold: &Hold, batch: &[TenantResult], stop: &Stop) -> Result<(), FleetError> {
        let recorded = patiently(move || async move {
            hold.renew(&self.0.admin).await;
            let client = self.0.pool.get().await.map_err(StoreError::from)?;
            Ok(store::record(&client, hold.run, hold.token, batch).await?)
        });
        match recorded.await? {
            None => return Err(FleetError::LostHold),
            Some(true) => stop.ask("it was asked to stop".to_owned()),
            Some(false) => {}
        }
        Ok(())
    }
}
