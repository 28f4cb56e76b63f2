//! What the choices on a request's way are worth.

use std::{sync::Arc, time::Instant};

use tests::CustomerId;
use tokio_postgres::{Client as Session, NoTls, types::Type};

use tests::measure::{
    Effort,
    load::{Load, get},
    report::{Line, Report, median, middle, note, shown},
    rows,
    served::{CONNECTIONS, Served, in_turn, token, warm_up},
};

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    note("what single choices are worth …");
    let served = Served::start().await;
    fresh_connections(&served, effort, report).await;
    remembered_tokens(&served, effort, report).await;
    for other in ["clean", "verified"] {
        recycling(&served, other, effort, report).await;
    }
    served.stop().await;
}

/// The first statement of a connection: typed in one round trip, or prepared first.
async fn fresh_connections(served: &Served, effort: Effort, report: &mut Report) {
    let (mut typed, mut prepared) = (Vec::new(), Vec::new());
    let sql = rows::read_one();
    for _ in 0..effort.pick(300, 10) {
        let session = connect(&served.database_url).await;
        let started = Instant::now();
        read_typed(&session, &sql, served.customer).await;
        typed.push(started.elapsed());
        let session = connect(&served.database_url).await;
        let started = Instant::now();
        let statement = session.prepare(&sql).await.unwrap();
        session.query_one(&statement, &[&served.customer]).await.unwrap();
        prepared.push(started.elapsed());
    }
    let line = Line::fact("first statement of a connection: typed, one round trip", shown(median(&typed)));
    report.add(line.beside(format!("{} (prepared)", shown(median(&prepared)))));

    let session = connect(&served.database_url).await;
    let statement = session.prepare(&sql).await.unwrap();
    (typed, prepared) = (Vec::new(), Vec::new());
    for _ in 0..effort.pick(3_000, 50) {
        let started = Instant::now();
        read_typed(&session, &sql, served.customer).await;
        typed.push(started.elapsed());
        let started = Instant::now();
        session.query_one(&statement, &[&served.customer]).await.unwrap();
        prepared.push(started.elapsed());
    }
    let line = Line::fact("later statements: typed, one round trip", shown(median(&typed)));
    report.add(line.beside(format!("{} (kept prepared)", shown(median(&prepared)))));
}

async fn connect(url: &str) -> Session {
    let (session, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    session
}

async fn read_typed(session: &Session, sql: &str, customer: CustomerId) {
    let rows = session.query_typed(sql, &[(&customer, Type::UUID)]).await.unwrap();
    assert_eq!(rows.len(), 1);
}

/// One token for all requests, against one that was never seen for each: as if none were remembered.
async fn remembered_tokens(served: &Served, effort: Effort, report: &mut Report) {
    let path = format!("/api/v1/customers/{}", served.customer);
    let request = || get(&path, Some(&token(&served.signer, &served.born)));
    let one = Load::of(served.address, request(), CONNECTIONS);
    let (mut remembered, mut checked) = (Vec::new(), Vec::new());
    for _ in 0..effort.pick(5, 1) {
        let time = effort.pick(std::time::Duration::from_secs(2), std::time::Duration::from_millis(300));
        let many = Arc::new((0..effort.pick(40_000, 5_000)).map(|_| request()).collect());
        let many = Load { requests: many, ..one.clone() };
        remembered.push(one.run(time).await);
        checked.push(many.run(time).await);
    }
    let (remembered, checked) = (middle(&remembered), middle(&checked));
    let line = Line::fact("GET one customer, a token that was seen before", format!("{remembered:.0} a second"));
    let line = line.beside(format!("{checked:.0} a second (never seen)"));
    report.add(line.remark(format!("{:.2}", remembered / checked)));
}

/// What resetting a connection between two requests costs the bare server.
async fn recycling(served: &Served, other: &str, effort: Effort, report: &mut Report) {
    let (fast, fast_address) = served.floor("fast").await;
    let (slow, slow_address) = served.floor(other).await;
    let path = format!("/customers/{}", served.customer);
    let load = |address| Load::of(address, get(&path, None), CONNECTIONS);
    let (fast_load, slow_load) = (load(fast_address), load(slow_address));
    warm_up(&fast_load, &slow_load, effort).await;
    let rates = in_turn(&fast_load, &slow_load, effort).await;
    let (fast_rate, slow_rate) = (rates.0.middle(), rates.1.middle());
    let line = Line::fact("bare handler, recycling without a round trip", format!("{fast_rate:.0} a second"));
    let line = line.beside(format!("{slow_rate:.0} a second ({other})"));
    report.add(line.remark(format!("{:.2}", fast_rate / slow_rate)));
    drop((fast, slow));
}
