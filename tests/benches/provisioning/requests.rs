//! A request on a warm tenant, through all that the platform puts around it, against a bare handler with the same
//! statements on the same database.

use std::net::SocketAddr;

use tests::measure::{
    Effort,
    load::{Load, get},
    report::{Line, Report, note, shown},
    served::{CONNECTIONS, Served, in_turn, token, warm_up},
};

const RATIO: f64 = 0.85;

pub(crate) async fn measure(effort: Effort, report: &mut Report) {
    note("requests on a warm tenant …");
    let served = Served::start().await;
    let (floor, floor_address) = served.floor("fast").await;
    let token = token(&served.signer, &served.born);
    let paths =
        [("one customer", format!("/customers/{}", served.customer)), ("20 customers", "/customers".to_owned())];
    for (what, path) in paths {
        let path_of_ours = format!("/api/v1{path}");
        check_same_answer(&served, &path_of_ours, &token, floor_address, &path).await;
        let ours = Load::of(served.address, get(&path_of_ours, Some(&token)), CONNECTIONS);
        let bare = Load::of(floor_address, get(&path, None), CONNECTIONS);
        warm_up(&ours, &bare, effort).await;
        let used = || (served.process.processor_time(), floor.processor_time());
        let before = used();
        let rates = in_turn(&ours, &bare, effort).await;
        let after = used();
        let line =
            Line::fact(&format!("GET {what}, {CONNECTIONS} clients"), format!("{:.0} a second", rates.0.middle()));
        let ratio = rates.0.middle() / rates.1.middle();
        report.add(line.beside(format!("{:.0} a second", rates.1.middle())).ratio_at_least(ratio, RATIO));
        // Of the server alone, so that this shows changes that the client and PostgreSQL hide.
        let (ours, bare) = (rates.0.each(after.0 - before.0), rates.1.each(after.1 - before.1));
        let line = Line::fact(&format!("GET {what}: processor time of the server"), shown(ours)).beside(shown(bare));
        report.add(line.remark(format!("{:.2}", bare.as_secs_f64() / ours.as_secs_f64())));
    }
    drop(floor);
    served.stop().await;
}

/// Both must do the same work.
async fn check_same_answer(served: &Served, ours: &str, token: &str, floor: SocketAddr, bare: &str) {
    let http = reqwest::Client::new();
    let ours = http.get(format!("http://{}{ours}", served.address)).bearer_auth(token).send().await.unwrap();
    let bare = http.get(format!("http://{floor}{bare}")).send().await.unwrap();
    assert_eq!(ours.text().await.unwrap(), bare.text().await.unwrap());
}
