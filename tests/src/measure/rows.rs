//! Customers to read, and the statements that read them: the floor runs the same ones as the platform.

use crate::CustomerId;
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::Serialize;
use tenancy::UserId;
use tokio_postgres::{Client as Session, Row};

const COLUMNS: &str = "id, company_name, company_title, contact_person, email, phone, country, city, address, sector, \
    relationship_type, status, customer_since, total_revenue, currency, tags, created_by, created_by_name, created_at, \
    updated_at, version";

/// How many customers the tenant has. Few, so that PostgreSQL's share of a request is small and ours is not hidden.
pub const CUSTOMERS: i32 = 100;

/// One customer by id.
pub fn read_one() -> String {
    format!("SELECT {COLUMNS} FROM customers WHERE id = $1")
}

/// A page of customers, newest first, and how many there are.
pub fn read_page() -> String {
    let order = "ORDER BY created_at DESC, id DESC";
    format!(
        "SELECT counted.total, page.* FROM (SELECT value AS total FROM tallies WHERE name = 'customers') counted \
         LEFT JOIN (SELECT {COLUMNS} FROM customers {order} LIMIT $1 OFFSET $2) page ON true {order}"
    )
}

/// A new customer, with all that belongs to it: the limit, the activity.
pub fn create() -> String {
    let fields = "company_name, company_title, contact_person, email, phone, country, city, address, sector, \
        relationship_type, status, customer_since, total_revenue, currency, tags";
    let places: Vec<String> = (6..21).map(|place| format!("${place}")).collect();
    format!(
        "WITH room AS (SELECT 1 FROM tallies WHERE name = 'customers' AND ($21::bigint < 0 OR value < $21) FOR UPDATE), \
         made AS (INSERT INTO customers (id, created_by, created_by_name, {fields}) SELECT $1, $2, $3, {} FROM room \
         RETURNING {COLUMNS}), noted AS (INSERT INTO activities (id, action, resource, row_id, title, created_by, \
         created_by_name) SELECT $4, 'created', 'customers', $5, left(coalesce(company_name, ''), 300), $2, $3 FROM made) \
         SELECT {COLUMNS} FROM made",
        places.join(", ")
    )
}

/// What a client sends to make one.
pub const NEW: &str = r#"{"company_name":"Company","contact_person":"Ada Lovelace","email":"c@example.com","country":"TR","city":"Istanbul","sector":"Retail","total_revenue":"10.50","currency":"TRY"}"#;

/// [`NEW`] as the bare server reads it.
#[derive(serde::Deserialize)]
pub struct NewCustomer {
    pub company_name: String,
    pub contact_person: Option<String>,
    pub email: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub sector: Option<String>,
    pub total_revenue: Decimal,
    pub currency: String,
}

#[derive(Serialize)]
pub struct Customer {
    id: CustomerId,
    company_name: String,
    company_title: Option<String>,
    contact_person: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    country: Option<String>,
    city: Option<String>,
    address: Option<String>,
    sector: Option<String>,
    relationship_type: String,
    status: String,
    customer_since: Option<Date>,
    total_revenue: String,
    currency: String,
    tags: Vec<String>,
    created_by: UserId,
    created_by_name: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i32,
}

#[derive(Serialize)]
pub struct Page {
    data: Vec<Customer>,
    page: i64,
    limit: i64,
    total: i64,
    pages: i64,
}

impl Page {
    /// The first page of 20.
    pub fn first(rows: &[Row]) -> Self {
        let total = rows.first().map_or(0, |row| row.get(0));
        Self {
            data: rows.iter().map(|row| customer(row, 1)).collect(),
            page: 1,
            limit: 20,
            total,
            pages: (total + 19) / 20,
        }
    }
}

/// The customer in these columns, of which the first is `start`.
pub fn customer(row: &Row, start: usize) -> Customer {
    let amount: Decimal = row.get(start + 13);
    Customer {
        id: row.get(start),
        company_name: row.get(start + 1),
        company_title: row.get(start + 2),
        contact_person: row.get(start + 3),
        email: row.get(start + 4),
        phone: row.get(start + 5),
        country: row.get(start + 6),
        city: row.get(start + 7),
        address: row.get(start + 8),
        sector: row.get(start + 9),
        relationship_type: row.get(start + 10),
        status: row.get(start + 11),
        customer_since: row.get(start + 12),
        total_revenue: amount.round_dp(2).to_string(),
        currency: row.get(start + 14),
        tags: row.get(start + 15),
        created_by: row.get(start + 16),
        created_by_name: row.get(start + 17),
        created_at: row.get(start + 18),
        updated_at: row.get(start + 19),
        version: row.get(start + 20),
    }
}

/// Fills a tenant's database, and gives the id of one customer.
pub async fn fill(database: &Session) -> CustomerId {
    let sql = "INSERT INTO customers (id, company_name, contact_person, email, phone, country, city, sector, customer_since, \
               total_revenue, tags, created_by, created_by_name, created_at) SELECT gen_random_uuid(), 'Company ' || n, \
               'Ada Lovelace', 'c' || n || '@example.com', '+90 212 000 00 00', 'TR', 'Istanbul', 'Retail', \
               '2024-01-31', n * 10.5, '{wholesale,export}', gen_random_uuid(), 'Ada Lovelace', \
               now() - make_interval(hours => n) FROM generate_series(1, $1) n";
    database.execute(sql, &[&CUSTOMERS]).await.unwrap();
    database.batch_execute("VACUUM ANALYZE customers").await.unwrap();
    database.query_one("SELECT id FROM customers WHERE company_name = 'Company 50'", &[]).await.unwrap().get(0)
}
