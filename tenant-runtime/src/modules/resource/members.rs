//! Members of the tenant in fields: rows keep their ids, and their names as they were.

use serde_json::{Value as Json, json};
use tenancy::{Problem, UserId, fields::FieldErrors};

use super::values::{Value, Written};
use crate::Tenant;

/// Puts the members' names to their ids. Who is no member can't be named.
pub(super) async fn name_members(
    tenant: &Tenant,
    values: &mut [Written],
    errors: &mut FieldErrors,
) -> Result<(), Problem> {
    let mut wanted: Vec<UserId> = Vec::new();
    for written in values.iter() {
        match &written.value {
            Value::User(Some(id), None) => wanted.push(UserId::from_uuid(*id)),
            Value::Users(ids, _) => wanted.extend(ids),
            _ => {}
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let names = tenant.names_of(&wanted).await?;
    for written in values {
        let field = written.field.written_as();
        match &mut written.value {
            Value::User(Some(id), name @ None) => match names.get(&UserId::from_uuid(*id)) {
                Some(known) => *name = Some(known.to_string()),
                None => errors.add(field, "is not a member of the tenant"),
            },
            Value::Users(ids, shown) => {
                let known = |id: &UserId| names.get(id).map(|name| json!({ "id": id, "name": name.as_ref() }));
                let all: Option<Vec<Json>> = ids.iter().map(known).collect();
                match all {
                    Some(all) => *shown = Json::Array(all),
                    None => errors.add(field, "must all be members of the tenant"),
                }
            }
            _ => {}
        }
    }
    Ok(())
}
