//! Connections of servers for the fleet's work: a part of what runtimes share. The part grows as theirs shrink.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tenancy::ids::ServerId;
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::{Fleet, FleetError, patience::AGAIN, store};
use crate::{platform::StoreError, servers::Server};

/// How often connections are claimed anew: what is not claimed for half a minute is everybody's again.
const CLAIM_EVERY: Duration = Duration::from_secs(5);

/// The servers that work goes on at, and what it may use of each.
pub(super) struct Connections {
    process: Uuid,
    wanted: usize,
    servers: HashMap<ServerId, Part>,
}

/// A server, and as many permits as the work may have connections.
struct Part {
    server: Server,
    permits: Semaphore,
    given: AtomicUsize,
}

impl Fleet {
    /// What work that wants so many connections at once may use of each server.
    pub(super) async fn connections(&self, wanted: usize) -> Result<Connections, FleetError> {
        let servers = self.0.provisioning.servers().all().await?.into_iter();
        let part =
            |server: Server| (server.id, Part { server, permits: Semaphore::new(0), given: AtomicUsize::new(0) });
        Ok(Connections { process: Uuid::now_v7(), wanted: wanted.max(1), servers: servers.map(part).collect() })
    }

    /// Claims the connections of a server for as long as this is polled.
    pub(super) async fn claim(&self, connections: &Connections, server: ServerId) -> Infallible {
        let part = &connections.servers[&server];
        loop {
            let claimed = async {
                let client = self.0.pool.get().await.map_err(StoreError::from)?;
                store::claim_connections(&client, server, connections.process, connections.wanted).await
            };
            // While nobody can say, it stays as it was: one is always there.
            match claimed.await {
                Ok(given) => part.resize(given),
                Err(_) => part.resize(part.given.load(Ordering::Relaxed)),
            }
            let is_full = part.given.load(Ordering::Relaxed) >= connections.wanted;
            tokio::time::sleep(if is_full { CLAIM_EVERY } else { AGAIN }).await;
        }
    }

    /// Does work with claimed connections of these servers, and gives them back.
    pub(super) async fn with_connections<T>(
        &self,
        connections: &Connections,
        of: impl IntoIterator<Item = ServerId>,
        work: impl Future<Output = T>,
    ) -> T {
        let claims = futures_util::future::join_all(of.into_iter().map(|server| self.claim(connections, server)));
        let done = tokio::select! {
            done = work => done,
            never = async { claims.await; std::future::pending().await } => never,
        };
        self.give_back(connections).await;
        done
    }

    /// Gives everything back; what can't be given back now is everybody's again in half a minute.
    pub(super) async fn give_back(&self, connections: &Connections) {
        if let Ok(client) = self.0.pool.get().await {
            let _ = store::release_connections(&client, connections.process).await;
        }
    }
}

impl Connections {
    /// A server.
    pub(super) fn server(&self, id: ServerId) -> &Server {
        &self.servers[&id].server
    }

    /// The servers.
    pub(super) fn ids(&self) -> impl Iterator<Item = ServerId> {
        self.servers.keys().copied()
    }

    /// How many are wanted of each server.
    pub(super) const fn wanted(&self) -> usize {
        self.wanted
    }

    /// Waits until a connection to a server may be opened.
    pub(super) async fn one(&self, server: ServerId) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.servers[&server].permits.acquire().await.ok()
    }
}

impl Part {
    fn resize(&self, given: usize) {
        let given = given.max(1);
        let had = self.given.load(Ordering::Relaxed);
        let now = if given > had {
            self.permits.add_permits(given - had);
            given
        } else {
            // Those in use are forgotten at a later look.
            had - self.permits.forget_permits(had - given)
        };
        self.given.store(now, Ordering::Relaxed);
    }
}
