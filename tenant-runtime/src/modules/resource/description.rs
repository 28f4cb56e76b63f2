//! A resource's part of the API's description.

use serde_json::{Map, Value as Json, json};
use tenancy::http::{Operation, named, object};

use super::{
    Resource,
    field::{Field, Shows, Takes},
};

/// What clients write: a new row, all of one that is there, or what is to change of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Create,
    Replace,
    Change,
}

impl Resource {
    /// `calendar event` as `CalendarEvent`.
    fn schema_name(&self) -> String {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        self.one.split(' ').map(capital).collect()
    }

    fn operation(&self, summary: impl Into<String>) -> Operation {
        Operation::new(self.path, summary)
    }

    /// How the list of the resource is called; below its parent's path, of the rows that belong to one row.
    pub(super) fn list_operation(&'static self) -> Operation {
        let number = |max: u32| json!({ "type": "integer", "minimum": 1, "maximum": max });
        let sorts: Vec<String> = self.sorts().flat_map(|(word, _)| [word.to_owned(), format!("-{word}")]).collect();
        let mut operation = self
            .operation(format!("A page of the {}", self.name.replace('_', " ")))
            .query("page", number(1_000_000_000), "Which page; 1 when none is given")
            .query("limit", number(100), "Rows on a page; 20 when none is given")
            .query("sort", json!({ "type": "string", "enum": sorts }), "With - before it from the last to the first");
        if self.searched().next().is_some() {
            let description = format!("Text that is in one of: {}", self.searched().collect::<Vec<_>>().join(", "));
            operation = operation.query("search", json!({ "type": "string", "maxLength": 200 }), &description);
        }
        for field in self.filters() {
            let schema = match field.takes {
                Takes::OneOf(words) => json!({ "type": "string", "enum": words }),
                _ => json!({ "type": "string", "minLength": 1, "maxLength": 200 }),
            };
            operation = operation.query(field.written_as(), schema, "Only rows with this value");
        }
        let name = self.schema_name();
        let numbers = json!({ "type": "integer", "minimum": 0 });
        let page = object(
            json!({
                "data": { "type": "array", "items": named(&name) },
                "page": numbers, "limit": numbers, "total": numbers, "pages": numbers,
            }),
            &["data", "page", "limit", "total", "pages"],
        );
        self.with_schema(operation).schema(format!("{name}Page"), page).answers(
            200,
            "A page",
            named(&format!("{name}Page")),
        )
    }

    fn with_schema(&self, operation: Operation) -> Operation {
        operation.schema(self.schema_name(), self.shown_schema(false))
    }

    pub(super) fn read_operation(&self) -> Operation {
        let name = self.schema_name();
        let operation = self.with_schema(self.operation(format!("One {}", self.one)));
        match self.parts {
            None => operation
                .header("If-None-Match", json!({ "type": "string" }), "The ETag of what the client has")
                .answers_nothing(304, "The client has it")
                .answers(200, "The row", named(&name)),
            Some(_) => operation.schema(format!("{name}Whole"), self.shown_schema(true)).answers(
                200,
                "The row, with what belongs to it",
                named(&format!("{name}Whole")),
            ),
        }
    }

    pub(super) fn create_operation(&self, below: bool) -> Operation {
        let name = self.schema_name();
        let kind = if below { "Part" } else { "Create" };
        let operation = self
            .operation(format!("Makes a {}", self.one))
            .header("Idempotency-Key", key_schema(), "Sent again with the same key, it is the same create")
            .schema(format!("{name}{kind}"), self.written_schema(Writing::Create, below))
            .takes(named(&format!("{name}{kind}")));
        self.with_schema(operation).answers(201, "It was made", named(&name))
    }

    pub(super) fn replace_operation(&self) -> Operation {
        self.update("Replaces", Writing::Replace, "Replace")
    }

    pub(super) fn change_operation(&self) -> Operation {
        self.update("Changes what is given of", Writing::Change, "Change")
    }

    fn update(&self, verb: &str, writing: Writing, kind: &str) -> Operation {
        let name = self.schema_name();
        let operation = self
            .operation(format!("{verb} a {}", self.one))
            .header("If-Match", json!({ "type": "string" }), "Only this version, by its ETag")
            .schema(format!("{name}{kind}"), self.written_schema(writing, false))
            .takes(named(&format!("{name}{kind}")));
        self.with_schema(operation).answers(200, "As it is now", named(&name))
    }

    pub(crate) fn delete_operation(&self) -> Operation {
        self.operation(format!("Deletes a {}", self.one))
            .header("If-Match", json!({ "type": "string" }), "Only this version, by its ETag")
            .answers_nothing(204, "It is gone")
    }

    fn written_schema(&self, writing: Writing, below: bool) -> Json {
        let parent = self.parent.as_ref().map(|parent| parent.field).filter(|_| below);
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in self.fields.iter().filter(|field| field.is_writable() && Some(field.name) != parent) {
            let mut schema = field.written_schema();
            // Whoever writes a whole may write null for what they do not have.
            if field.may_be_nothing() || (writing != Writing::Change && !field.required) {
                schema = json!({ "anyOf": [schema, { "type": "null" }] });
            }
            properties.insert(field.written_as().to_owned(), schema);
            let needed = match writing {
                Writing::Create => field.required,
                // What can't be changed may be left out.
                Writing::Replace => field.required && !field.fixed,
                Writing::Change => false,
            };
            if needed {
                required.push(field.written_as());
            }
        }
        object(Json::Object(properties), &required)
    }

    fn shown_schema(&self, whole: bool) -> Json {
        let mut properties = Map::new();
        properties.insert("id".to_owned(), id_schema(self.prefix));
        for field in &self.fields {
            properties.insert(field.name.to_owned(), field.shown_schema());
        }
        let moment = json!({ "type": "string", "format": "date-time" });
        properties.insert("created_by".to_owned(), id_schema("usr"));
        properties.insert("created_by_name".to_owned(), json!({ "type": "string" }));
        properties.insert("created_at".to_owned(), moment.clone());
        properties.insert("updated_at".to_owned(), moment);
        properties.insert("version".to_owned(), json!({ "type": "integer" }));
        if let (true, Some(parts)) = (whole, self.parts) {
            let parts = parts();
            let all = json!({ "type": "array", "items": named(&parts.schema_name()) });
            properties.insert(parts.name.to_owned(), all);
        }
        let names: Vec<String> = properties.keys().cloned().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        object(Json::Object(properties), &names)
    }
}

fn id_schema(prefix: &str) -> Json {
    json!({ "type": "string", "pattern": format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$") })
}

fn key_schema() -> Json {
    json!({ "type": "string", "minLength": 1, "maxLength": 255 })
}

fn member_schema() -> Json {
    object(json!({ "id": id_schema("usr"), "name": { "type": "string" } }), &["id", "name"])
}

impl Field {
    fn written_schema(&self) -> Json {
        let least = i32::from(self.required);
        match self.takes {
            Takes::Text(max) | Takes::UpperText(max) => {
                json!({ "type": "string", "minLength": least, "maxLength": max })
            }
            Takes::Email => json!({ "type": "string", "format": "email" }),
            Takes::Day => json!({ "type": "string", "format": "date" }),
            Takes::Time => json!({ "type": "string", "format": "date-time" }),
            Takes::OneOf(words) => json!({ "type": "string", "enum": words }),
            Takes::Amount { .. } => json!({ "type": "string", "pattern": "^[0-9]{1,14}(\\.[0-9]{1,4})?$" }),
            Takes::Currency => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
            Takes::Decimal(max) => json!({ "type": "number", "minimum": 0, "maximum": max }),
            Takes::Flag => json!({ "type": "boolean" }),
            Takes::Tags(max) => {
                json!({ "type": "array", "maxItems": max, "items": { "type": "string", "minLength": 1, "maxLength": 50 } })
            }
            Takes::Json(_) => json!({}),
            Takes::Reference(prefix) => id_schema(prefix),
            Takes::User => id_schema("usr"),
            Takes::Users(max) => json!({ "type": "array", "maxItems": max, "items": id_schema("usr") }),
            Takes::Number(_) | Takes::Shown(_) => json!({ "not": {} }),
        }
    }

    fn shown_schema(&self) -> Json {
        let schema = match self.takes {
            Takes::Text(_) | Takes::UpperText(_) | Takes::Email | Takes::Number(_) => json!({ "type": "string" }),
            Takes::Shown(Shows::Text) => return json!({ "type": ["string", "null"] }),
            Takes::Decimal(_) | Takes::Shown(Shows::Decimal) | Takes::Amount { .. } => {
                json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?$" })
            }
            Takes::Tags(_) | Takes::Shown(Shows::Texts) => json!({ "type": "array", "items": { "type": "string" } }),
            Takes::Shown(Shows::Count | Shows::Bytes) => json!({ "type": "integer", "minimum": 0 }),
            Takes::User => member_schema(),
            Takes::Users(_) => json!({ "type": "array", "items": member_schema() }),
            Takes::Day
            | Takes::Time
            | Takes::OneOf(_)
            | Takes::Currency
            | Takes::Flag
            | Takes::Json(_)
            | Takes::Reference(_) => self.written_schema(),
        };
        if self.may_be_nothing() { json!({ "anyOf": [schema, { "type": "null" }] }) } else { schema }
    }
}
