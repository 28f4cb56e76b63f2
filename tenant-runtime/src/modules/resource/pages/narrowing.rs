//! What a list is narrowed to: named by an address, and chosen in a form.

use serde_json::{Map, Value as Json};
use tenancy::Problem;
use ui::{Choice, Filter, Page, Tools};

use super::{inputs, query_of};
use crate::{
    Tenant,
    modules::resource::{
        Resource,
        field::{Field, Takes},
        list::ListQuery,
    },
};

/// What somebody asks of a list. What the list does not know or can't read is left out: an old link, or one that
/// others have added to, still leads to it.
pub(super) struct Asked {
    resource: &'static Resource,
    pairs: Vec<(String, String)>,
    /// As it was typed.
    search: String,
    problem: Option<String>,
}

impl Asked {
    pub(super) fn read(resource: &'static Resource, page: &Page, mut pairs: Vec<(String, String)>) -> Self {
        let search = given(&pairs, "search").to_owned();
        let mut problem = None;
        if let Err(wrong) = ListQuery::parse(&whole(&pairs), resource) {
            pairs.retain(|(name, _)| !wrong.errors().contains_key(name));
            problem = wrong.errors().get("search").and_then(|said| said.first()).map(|said| page.refusal(said));
        }
        Self { resource, pairs, search, problem }
    }

    pub(super) fn query(&self) -> Result<ListQuery, Problem> {
        ListQuery::parse(&whole(&self.pairs), self.resource)
    }

    pub(super) fn given(&self, name: &str) -> &str {
        given(&self.pairs, name)
    }

    /// Whether nothing is asked at all.
    pub(super) const fn is_plain(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether not all rows are asked for.
    pub(super) fn is_narrowed(&self) -> bool {
        self.problem.is_some() || self.narrowing().next().is_some()
    }

    /// The search and what is chosen, without the order and the page.
    pub(super) fn narrowing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(name, _)| !matches!(*name, "page" | "sort" | "limit"))
    }

    /// Where the list is with something else for one of these.
    pub(super) fn address(&self, without: &[&str], with: (&str, &str)) -> String {
        let others = self.all().filter(|(name, _)| !without.contains(name) && *name != with.0);
        let view = self.resource.has_views().then_some(("view", "list"));
        format!("{}?{}", self.resource.page(), query_of(view.into_iter().chain(others).chain([with])))
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The form that narrows it, in one of its views; `None` where there is nothing to choose.
    pub(super) async fn tools(
        &self,
        tenant: &Tenant,
        page: &Page,
        view: &str,
        without: &str,
        shown: &str,
    ) -> Result<Option<Tools>, Problem> {
        let filters = self.filters(tenant, page, without).await?;
        let is_searched = self.resource.searched().next().is_some();
        let view = self.resource.has_views().then(|| ("view".to_owned(), view.to_owned()));
        let order = self.all().filter(|(name, _)| matches!(*name, "sort" | "limit"));
        let order = order.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok((is_searched || !filters.is_empty()).then(|| Tools {
            action: self.resource.page(),
            search: is_searched.then(|| (self.search.clone(), page.t("search").to_owned())),
            problem: self.problem.clone(),
            filters,
            kept: view.into_iter().chain(order).collect(),
            shown: shown.to_owned(),
            speech: page.speech.clone(),
        }))
    }

    /// Words and members to choose from; of anything else what was named, so that it can be seen and taken away.
    async fn filters(&self, tenant: &Tenant, page: &Page, without: &str) -> Result<Vec<Filter>, Problem> {
        let as_row: Map<String, Json> =
            self.all().map(|(name, value)| (name.to_owned(), Json::String(value.to_owned()))).collect();
        let titles = self.resource.titles_in(tenant, page, std::slice::from_ref(&as_row)).await?;
        let mut filters = Vec::new();
        for field in self.resource.filters().filter(|field| field.name != without) {
            let name = field.written_as();
            let chosen = self.given(name);
            let label = field.label(page);
            let mut choices = if is_listed(field) {
                inputs::choices(field, tenant, page, &[chosen.to_owned()]).await?
            } else {
                Vec::new()
            };
            choices.retain(|choice| !choice.value.is_empty());
            if !chosen.is_empty() && choices.iter().all(|choice| choice.value != chosen) {
                let called = titles.get(chosen).map_or(chosen, |(title, _)| title);
                choices.push(Choice { value: chosen.to_owned(), label: called.to_owned(), is_chosen: true });
            }
            if choices.is_empty() {
                continue;
            }
            let all = format!("{label}: {}", page.t("all"));
            choices.insert(0, Choice { value: String::new(), label: all, is_chosen: chosen.is_empty() });
            filters.push(Filter { name: name.to_owned(), label, choices });
        }
        Ok(filters)
    }
}

/// Whether all that can be chosen is listed, because it is not much.
const fn is_listed(field: &Field) -> bool {
    matches!(field.takes, Takes::OneOf(_) | Takes::User)
}

fn given<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
}

fn whole(pairs: &[(String, String)]) -> String {
    query_of(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
