//! Tenants whose connections are open, against a bare handler on one database.

use std::{net::SocketAddr, time::Duration};

use tests::measure::{
    Effort,
    load::{Load, get, post},
    report::{Line, Report, middle, note, percentile, shown},
    rows,
    served::{CONNECTIONS, Served, in_turn, token, warm_up},
};

/// Of the bare handler's throughput.
const THROUGHPUT: f64 = 0.85;
/// Of the bare handler's 99th percentile, at half its throughput.
const TAIL: f64 = 1.5;

/// One kind of request, at the platform and at the bare server.
struct Kind {
    what: &'static str,
    path: String,
    body: Option<&'static str>,
}

impl Kind {
    fn ours(&self, address: SocketAddr, tokens: &[String]) -> Load {
        let path = format!("/api/v1{}", self.path);
        let requests: Vec<Vec<u8>> = tokens.iter().map(|token| self.request(&path, Some(token))).collect();
        let order = (0..u32::try_from(requests.len()).unwrap()).collect();
        Load::in_order(address, requests, order, CONNECTIONS)
    }

    fn bare(&self, address: SocketAddr) -> Load {
        Load::of(address, self.request(&self.path, None), CONNECTIONS)
    }

    fn request(&self, path: &str, token: Option<&str>) -> Vec<u8> {
        match self.body {
            None => get(path, token),
            Some(body) => post(path, token, body),
        }
    }
}

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    note("warm tenants …");
    let served = Served::start().await;
    let (floor, floor_address) = served.floor("fast").await;
    let one = token(&served.signer, &served.born);
    let mut tokens = vec![one.clone()];
    for _ in 1..20 {
        let born = served.another().await;
        tokens.push(token(&served.signer, &born));
    }
    let customer = served.customer;
    let of_one = [
        Kind { what: "GET one", path: format!("/customers/{customer}"), body: None },
        Kind { what: "GET 20", path: "/customers".to_owned(), body: None },
        Kind { what: "POST", path: "/customers".to_owned(), body: Some(rows::NEW) },
    ];
    // The same id would be in one database alone.
    let of_many = [
        Kind { what: "GET 20", path: "/customers".to_owned(), body: None },
        Kind { what: "POST", path: "/customers".to_owned(), body: Some(rows::NEW) },
    ];
    let parts = [("1 tenant", &tokens[..1], &of_one[..]), ("20 tenants", &tokens[..], &of_many[..])];
    for (name, tokens, kinds) in parts {
        for kind in kinds {
            let (ours, bare) = (kind.ours(served.address, tokens), kind.bare(floor_address));
            compare(&format!("{name}, {}", kind.what), &ours, &bare, effort, report).await;
        }
    }
    drop(floor);
    served.stop().await;
}

async fn compare(what: &str, ours: &Load, bare: &Load, effort: Effort, report: &mut Report) {
    warm_up(ours, bare, effort).await;
    let (our_rates, bare_rates) = in_turn(ours, bare, effort).await;
    let (rate, floor) = (our_rates.middle(), bare_rates.middle());
    let line = Line::fact(&format!("{what}: throughput"), format!("{rate:.0} a second"));
    report.add(line.beside(format!("{floor:.0} a second")).ratio_at_least(rate / floor, THROUGHPUT));

    // Half of the machine is idle here, so whatever else it does shows: a round that it disturbed decides nothing.
    let (mut our_tails, mut bare_tails) = (Vec::new(), Vec::new());
    let time = effort.pick(Duration::from_secs(2), Duration::from_millis(500));
    for round in 0..effort.pick(11, 1) {
        for turn in 0..2 {
            let (load, tails) = match (round + turn) % 2 {
                0 => (ours, &mut our_tails),
                _ => (bare, &mut bare_tails),
            };
            tails.push(percentile(&load.at_rate(floor / 2.0, time).await, 0.99).as_secs_f64());
        }
    }
    let (tail, floor) = (Duration::from_secs_f64(middle(&our_tails)), Duration::from_secs_f64(middle(&bare_tails)));
    let line = Line::fact(&format!("{what}: p99 at half of that rate, the median of rounds"), shown(tail));
    report.add(line.beside(shown(floor)).ratio_at_most(tail.as_secs_f64() / floor.as_secs_f64(), TAIL));
}
