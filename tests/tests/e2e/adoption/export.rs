//! The first application that was adopted, as `mongoexport` wrote it: 32 customers, 47 products, 4 leads, 1 event, and
//! data that is global here.

use std::{fs, path::Path};

use serde_json::{Value, json};

pub(super) const MAPPING: &str = r#"
    time_zone = "Europe/Istanbul"
    leave_out = ["countries"]

    [tables.customers]
    from = "customers"
    leave_out = ["__v"]
    [tables.customers.columns]
    id = "_id"
    company_name = "companyName"
    city = "address.city"
    customer_since = "since"
    status = { from = "status", values = { Aktif = "active", Pasif = "inactive" } }
    total_revenue = "revenue"
    tags = "tags"
    created_at = "createdAt"

    [tables.products]
    from = "products"
    [tables.products.columns]
    id = "_id"
    code = "code"
    name = "name"
    unit_price = "price"
    currency = { value = "EUR" }

    [tables.leads]
    from = "leads"
    [tables.leads.columns]
    id = "_id"
    company_name = "company"
    customer_id = "customer"
    created_by_name = "seller"

    [tables.calendar_events]
    from = "events"
    [tables.calendar_events.columns]
    id = "_id"
    title = "title"
    starts_at = "start"
    attendees = "attendees"
"#;

pub(super) fn oid(number: usize) -> Value {
    json!({ "$oid": format!("507f1f77bcf86cd7{number:08x}") })
}

pub(super) fn customer(number: usize) -> Value {
    let mut customer = json!({
        "_id": oid(number),
        "companyName": format!("Işık İnşaat {number}"),
        "address": { "city": "İzmir" },
        // Midnight in Istanbul.
        "since": { "$date": "2019-05-31T21:00:00Z" },
        "status": if number.is_multiple_of(3) { "Pasif" } else { "Aktif" },
        "revenue": { "$numberDecimal": format!("{}00000000000.1250", number % 100) },
        "tags": ["fuar", "İstanbul"],
        "createdAt": { "$date": { "$numberLong": "1559336400123" } },
        "__v": 0
    });
    if number == 7 {
        // Older rows lack what came later.
        let fields = customer.as_object_mut().unwrap();
        fields.retain(|name, _| matches!(name.as_str(), "_id" | "companyName"));
    }
    customer
}

/// The files, each a document a line.
pub(super) fn write(folder: &Path) {
    let products = (0..47).map(|number| {
        json!({ "_id": oid(1000 + number), "code": format!("P-{number}"), "name": format!("Stand {number}"), "price": 12.5 })
    });
    let leads = (0..4).map(
        |number| json!({ "_id": oid(2000 + number), "company": "Fuar A.Ş.", "customer": oid(number), "seller": "Çağrı" }),
    );
    let event = json!({
        "_id": oid(3000), "title": "Kurulum", "start": { "$date": "2026-11-22T06:30:00.000Z" },
        "attendees": [{ "name": "Ada", "hours": { "$numberDouble": "1.5" } }]
    });
    write_lines(folder, "customers", (0..32).map(customer));
    write_lines(folder, "products", products);
    write_lines(folder, "leads", leads);
    write_lines(folder, "events", [event]);
    write_lines(folder, "countries", (0..196).map(|number| json!({ "_id": number })));
}

pub(super) fn write_lines(folder: &Path, name: &str, rows: impl IntoIterator<Item = Value>) {
    let lines: String = rows.into_iter().map(|row| format!("{row}\n")).collect();
    fs::write(folder.join(format!("{name}.json")), lines).unwrap();
}
