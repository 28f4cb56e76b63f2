//! A connection that is driven by the request which uses it. A connection usually has a task of its own that reads and
//! writes for all who send it work; handing a statement to it and its rows back wakes two tasks, often on two threads,
//! which costs about as much as the statement. Here one request has the connection to itself, so it reads and writes.

use std::{
    collections::HashMap,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use tenancy::postgres::describe;
use tokio_postgres::{CancelToken, Client, Connection, Error, Row, error::SqlState, tls::TlsStream, types::ToSql};

use super::{
    budget::Open,
    lease::{Parameter, Statement},
    socket::Socket,
};

/// A session in a tenant's database. Nothing is read from it between two uses.
pub(super) struct Link {
    // Dropped before the line, which then takes leave of the server.
    client: Client,
    prepared: HashMap<String, tokio_postgres::Statement>,
    used: bool,
    line: Mutex<Line>,
    /// What counts it, where it counts.
    pub(super) open: Option<Open>,
}

/// What reads and writes, until the connection has ended.
struct Line(Option<Running>);

type Running = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl Link {
    pub(super) fn new<T: TlsStream + Unpin + Send + 'static>(
        client: Client,
        connection: Connection<Socket, T>,
    ) -> Self {
        let line = Mutex::new(Line(Some(Box::pin(connection))));
        Self { client, prepared: HashMap::new(), used: false, line, open: None }
    }

    /// Whether the connection is still there, as far as the system has heard.
    pub(super) fn is_open(&self) -> bool {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).poll(&mut nobody()).is_pending()
    }

    /// What cancels a statement that runs here.
    pub(super) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Runs one statement to its end.
    pub(super) async fn query(
        &mut self,
        statement: Statement<'_>,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, Error> {
        let Self { client, prepared, used, line, .. } = self;
        // A first use is worth one round trip, not two; whether there will be a second nobody knows.
        let again = std::mem::replace(used, true);
        let line = line.get_mut().unwrap_or_else(PoisonError::into_inner);
        line.drive(async {
            match statement {
                Statement::Kept(text) if again => run_kept(client, prepared, text, parameters).await,
                Statement::Kept(text) | Statement::Once(text) => Box::pin(client.query_typed(text, parameters)).await,
            }
        })
        .await
    }

    /// Waits until the server has ended the session.
    pub(super) async fn end(self) {
        let Self { client, prepared, line, .. } = self;
        drop((client, prepared));
        let mut line = line.into_inner().unwrap_or_else(PoisonError::into_inner);
        poll_fn(|context| line.poll(context)).await;
    }
}

async fn run_kept(
    client: &Client,
    known: &mut HashMap<String, tokio_postgres::Statement>,
    text: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, Error> {
    let prepared = match known.get(text) {
        Some(prepared) => prepared,
        None => {
            let types: Vec<_> = parameters.iter().map(|(_, of)| of.clone()).collect();
            // Boxed like all that is rare here, so that every other request needs no room for it.
            let prepared = Box::pin(client.prepare_typed(text, &types)).await?;
            known.entry(text.to_owned()).or_insert(prepared)
        }
    };
    let values = parameters.iter().map(|(value, _)| *value as &(dyn ToSql + Sync));
    let values: Vec<_> = values.collect();
    match client.query(prepared, &values).await {
        // The schema changed under the prepared statement: it was refused before it did anything.
        Err(error) if is_outdated(&error) => {
            known.remove(text);
            Box::pin(client.query_typed(text, parameters)).await
        }
        result => result,
    }
}

fn is_outdated(error: &Error) -> bool {
    let code = error.code();
    code == Some(&SqlState::FEATURE_NOT_SUPPORTED) || code == Some(&SqlState::INVALID_SQL_STATEMENT_NAME)
}

/// A context for what need not wake anybody.
const fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

impl Line {
    /// Reads and writes what can be; ready when the connection has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.0 else { return Poll::Ready(()) };
        match connection.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(ended) => {
                if let Err(error) = ended {
                    tracing::debug!(error = %describe(&error), "a connection to a tenant's database ended");
                }
                self.0 = None;
                Poll::Ready(())
            }
        }
    }

    /// Does work that waits for this connection alone.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            // Only the connection can move the work on, and the work is looked after whenever the connection was: to
            // have it wake anybody would be a detour.
            if let Poll::Ready(done) = work.as_mut().poll(&mut nobody()) {
                return Poll::Ready(done);
            }
            let _ = self.poll(context);
            work.as_mut().poll(&mut nobody())
        })
        .await
    }
}

impl Drop for Line {
    /// Takes leave, so that the server does not count the session as abandoned.
    fn drop(&mut self) {
        let _ = self.poll(&mut nobody());
    }
}
