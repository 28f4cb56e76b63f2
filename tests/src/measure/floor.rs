//! What the platform's requests are held against: the least that actix-web and deadpool-postgres need for the same
//! answer. No token, no tenant, no permission, no limits, no log, no figures; one pool on one database.

use std::process::ExitCode;

use crate::CustomerId;
use actix_web::{App, HttpResponse, HttpServer, web};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::NoTls;

use super::rows;

/// The variables that describe the server; the process has no arguments.
pub const URL: &str = "FLOOR_URL";
pub const PORT: &str = "FLOOR_PORT";
pub const POOL: &str = "FLOOR_POOL";
pub const WORKERS: &str = "FLOOR_WORKERS";
pub const RECYCLING: &str = "FLOOR_RECYCLING";

struct Statements {
    one: String,
    page: String,
    create: String,
}

/// Serves until it is killed.
pub fn run() -> ExitCode {
    let pool = pool();
    let statements =
        web::Data::new(Statements { one: rows::read_one(), page: rows::read_page(), create: rows::create() });
    let serve = async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(pool.clone()))
                .app_data(statements.clone())
                .route("/customers", web::get().to(list))
                .route("/customers", web::post().to(create))
                .route("/customers/{id}", web::get().to(read))
        });
        server.workers(number(WORKERS)).bind(format!("127.0.0.1:{}", variable(PORT)))?.run().await
    };
    // On the threads of tokio like the platform, not on a system of actix's own.
    tokio::runtime::Runtime::new().unwrap().block_on(serve).unwrap();
    ExitCode::SUCCESS
}

fn pool() -> Pool {
    let recycling_method = match variable(RECYCLING).as_str() {
        "clean" => RecyclingMethod::Clean,
        "verified" => RecyclingMethod::Verified,
        _ => RecyclingMethod::Fast,
    };
    let config = variable(URL).parse().unwrap();
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
    Pool::builder(manager).max_size(number(POOL)).build().unwrap()
}

async fn read(pool: web::Data<Pool>, statements: web::Data<Statements>, id: web::Path<String>) -> HttpResponse {
    let Ok(id) = id.parse::<CustomerId>() else { return HttpResponse::NotFound().finish() };
    let client = pool.get().await.unwrap();
    let statement = client.prepare_cached(&statements.one).await.unwrap();
    match client.query_opt(&statement, &[&id]).await.unwrap() {
        Some(row) => HttpResponse::Ok().json(rows::customer(&row, 0)),
        None => HttpResponse::NotFound().finish(),
    }
}

async fn list(pool: web::Data<Pool>, statements: web::Data<Statements>) -> HttpResponse {
    let client = pool.get().await.unwrap();
    let statement = client.prepare_cached(&statements.page).await.unwrap();
    let rows = client.query(&statement, &[&20_i64, &0_i64]).await.unwrap();
    HttpResponse::Ok().json(rows::Page::first(&rows))
}

async fn create(
    pool: web::Data<Pool>,
    statements: web::Data<Statements>,
    body: web::Json<rows::NewCustomer>,
) -> HttpResponse {
    let client = pool.get().await.unwrap();
    let statement = client.prepare_cached(&statements.create).await.unwrap();
    let (id, nobody, none, new) = (CustomerId::generate(), uuid::Uuid::nil(), None::<String>, body.into_inner());
    let (activity, day, tags) = (uuid::Uuid::now_v7(), None::<jiff::civil::Date>, Vec::<String>::new());
    let row = client
        .query_one(
            &statement,
            &[
                &id,
                &nobody,
                &"Ada Lovelace",
                &activity,
                &id.to_string(),
                &new.company_name,
                &none,
                &new.contact_person,
                &new.email,
                &none,
                &new.country,
                &new.city,
                &none,
                &new.sector,
                &"customer",
                &"active",
                &day,
                &new.total_revenue,
                &new.currency,
                &tags,
                &-1_i64,
            ],
        )
        .await
        .unwrap();
    HttpResponse::Created().json(rows::customer(&row, 0))
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn number(name: &str) -> usize {
    variable(name).parse().unwrap()
}
