//! Projects and their tasks: rows that belong to others, by path and under concurrency.

use futures_util::future::join_all;
use serde_json::json;

use crate::{
    customers::scene,
    resources::{at, make, named},
    signup::problem,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_deleted_while_tasks_are_made_puts_nobody_off() {
    let (platform, _, owner) = scene().await;
    for _ in 0..10 {
        let project = at("projects", &make(&owner, "projects", json!({ "name": "Stand" })).await);
        let tasks = (0..12).map(|n| {
            let (owner, path) = (owner.clone(), format!("{project}/tasks"));
            async move { owner.post(&path, &json!({ "title": format!("Task {n}") })).await.status.as_u16() }
        });
        let (tasks, gone) = tokio::join!(join_all(tasks), owner.delete(&project));
        // Whoever comes first; a project with tasks stays.
        let rest = if gone.status == 204 { 404 } else { 201 };
        assert!([204, 409].contains(&gone.status.as_u16()), "{gone:?}");
        assert!(tasks.iter().all(|status| *status == rest), "{gone:?} {tasks:?}");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_filled_in_stays_and_a_path_is_not_contradicted() {
    let (platform, _, owner) = scene().await;
    let project = make(&owner, "projects", json!({ "name": "Stand" })).await;
    let path = format!("projects/{}/tasks", project["id"].as_str().unwrap());
    let task = make(&owner, &path, json!({ "title": "Paint" })).await;
    assert!(task["reporter"].is_object(), "{task}");
    let replaced = owner.put(&at("tasks", &task), &json!({ "title": "Saw" })).await.expect(200).body;
    assert_eq!((&replaced["reporter"], &replaced["title"]), (&task["reporter"], &json!("Saw")));

    let other = make(&owner, "projects", json!({ "name": "Booth" })).await;
    let below = format!("{}/tasks", at("projects", &project));
    let body = json!({ "title": "Drill", "project_id": other["id"] });
    assert_eq!(named(&problem(owner.post(&below, &body).await, 422, "VALIDATION_FAILED")), ["project_id"]);
    let list = format!("{below}?project_id={}", other["id"].as_str().unwrap());
    assert_eq!(named(&problem(owner.get(&list).await, 422, "VALIDATION_FAILED")), ["project_id"]);
    let list = format!("{below}?project_id={}", project["id"].as_str().unwrap());
    assert_eq!(owner.get(&list).await.expect(200).body["total"], 1);
    platform.stop().await;
}
