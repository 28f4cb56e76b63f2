//! How many connections runtimes have to tenants' databases, looked at all the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tenancy::NamePrefix;
use tokio::task::JoinHandle;
use tokio_postgres::Client as Session;

/// As one look sees it: how many there are, how many the tenant with the most has, and how many tenants have one.
const LOOK: &str = "SELECT coalesce(sum(n), 0)::bigint, coalesce(max(n), 0), count(*) FROM (SELECT count(*) AS n \
                    FROM pg_stat_activity WHERE application_name = 'tenantry-runtime' AND starts_with(usename, $1) \
                    GROUP BY datid) AS of_tenants";

/// Counts until it is asked what it saw.
pub struct Watch {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Seen>,
}

/// What a [`Watch`] saw.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    /// The most connections at once.
    pub most: i64,
    /// The most that one tenant had at once.
    pub most_of_one: i64,
    /// How many tenants had one, on average.
    pub tenants: f64,
}

impl Watch {
    /// Looks this often, through a session of its own.
    pub fn start(session: Session, prefix: &NamePrefix, every: Duration) -> Self {
        let (prefix, stop) = (prefix.to_string(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let statement = session.prepare(LOOK).await.unwrap();
            let (mut seen, mut tenants, mut looks) = (Seen::default(), 0, 0);
            let mut timer = tokio::time::interval(every);
            while !stopped.load(Ordering::SeqCst) {
                timer.tick().await;
                let row = session.query_one(&statement, &[&prefix]).await.unwrap();
                seen.most = seen.most.max(row.get(0));
                seen.most_of_one = seen.most_of_one.max(row.get(1));
                tenants += row.get::<_, i64>(2);
                looks += 1;
            }
            Seen { tenants: tenants as f64 / f64::from(looks.max(1)), ..seen }
        });
        Self { stop, task }
    }

    /// Ends it.
    pub async fn end(self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap()
    }
}
