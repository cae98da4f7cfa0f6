//! Lists in pages, of the present and of the past.

use crate::door::{Tested, open};
use http_body_util::BodyExt;
use serde_json::{Value, json};

const ALL: &str = "/api/v1/namespaces/default/configmaps";
const MERGE: &str = "application/merge-patch+json";

async fn fill(door: &Tested, names: &[&str]) {
    for name in names {
        let object = json!({ "metadata": { "name": name, "labels": { "l": "x" } } });
        door.post(ALL, &object).await;
    }
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|it| it["metadata"]["name"].as_str().unwrap())
        .collect()
}

fn version(list: &Value) -> &str {
    list["metadata"]["resourceVersion"].as_str().unwrap()
}

#[tokio::test]
async fn pages_are_of_one_moment() {
    let door = open().await;
    fill(&door, &["a", "b", "c", "d", "e"]).await;
    let (_, first) = door.get(&format!("{ALL}?limit=2")).await;
    assert_eq!(
        (names(&first), &first["metadata"]["remainingItemCount"]),
        (vec!["a", "b"], &json!(3))
    );
    // Change, remove and add what the rest shows.
    door.patch(
        &format!("{ALL}/c"),
        MERGE,
        &json!({ "data": { "k": "new" } }),
    )
    .await;
    door.delete(&format!("{ALL}/d"), &Value::Null).await;
    fill(&door, &["cc", "f"]).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = door.get(&format!("{ALL}?limit=2&continue={token}")).await;
    assert_eq!(
        (names(&second), &second["metadata"]["remainingItemCount"]),
        (vec!["c", "d"], &json!(1))
    );
    assert_eq!(second["items"][0]["data"], Value::Null);
    let token = second["metadata"]["continue"].as_str().unwrap();
    let (_, third) = door.get(&format!("{ALL}?limit=2&continue={token}")).await;
    assert_eq!(
        (names(&third), &third["metadata"]["continue"]),
        (vec!["e"], &Value::Null)
    );
    assert_eq!(
        (version(&second), version(&third)),
        (version(&first), version(&first))
    );
    let (_, selected) = door
        .get(&format!("{ALL}?limit=2&labelSelector=l%3Dx"))
        .await;
    assert_eq!(selected["metadata"]["remainingItemCount"], Value::Null);
    assert!(selected["metadata"]["continue"].is_string());
    // Over all namespaces the token carries the namespace.
    let (_, all) = door.get("/api/v1/configmaps?limit=3").await;
    let token = all["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = door
        .get(&format!("/api/v1/configmaps?continue={token}"))
        .await;
    let mut both = names(&all);
    both.extend(names(&rest));
    assert_eq!(both, ["a", "b", "c", "cc", "e", "f"]);
}

#[tokio::test]
async fn revisions_and_how_they_match() {
    let door = open().await;
    fill(&door, &["a", "b"]).await;
    let (_, old) = door.get(ALL).await;
    let at = version(&old).to_owned();
    fill(&door, &["c"]).await;
    let table = [
        ("", 3),
        ("resourceVersion=0", 3),
        ("resourceVersion=0&limit=1", 3),
        ("limit=1", 1),
        ("resourceVersion={}", 3),
        ("resourceVersion={}&resourceVersionMatch=NotOlderThan", 3),
        (
            "resourceVersion={}&resourceVersionMatch=NotOlderThan&limit=1",
            1,
        ),
        ("resourceVersion={}&resourceVersionMatch=Exact", 2),
        ("resourceVersion={}&limit=5", 2),
        ("resourceVersion=0&resourceVersionMatch=NotOlderThan", 3),
    ];
    for (query, count) in table {
        let query = query.replace("{}", &at);
        let (code, list) = door.get(&format!("{ALL}?{query}")).await;
        assert_eq!((code, names(&list).len()), (200, count), "{query}");
        let exact = query.contains("Exact") || query.contains("limit=5");
        assert_eq!(version(&list) == at, exact, "{query}");
    }
    let (code, status) = door.get(&format!("{ALL}?continue=x")).await;
    assert_eq!(code, 400);
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .starts_with("invalid continue token: continue key is not valid"),
        "{status}"
    );
    let (code, gone) = door
        .delete(&format!("{ALL}?labelSelector=l%3Dx&limit=2"), &Value::Null)
        .await;
    assert_eq!((code, names(&gone)), (200, vec!["a", "b"]));
    let (_, left) = door.get(ALL).await;
    assert_eq!(names(&left), ["c"]);
    let (_, dry) = door
        .delete(&format!("{ALL}?dryRun=All"), &Value::Null)
        .await;
    assert_eq!(names(&dry), ["c"]);
    assert_eq!(names(&door.get(ALL).await.1), ["c"]);
}

#[tokio::test]
async fn a_token_that_is_too_old_offers_another() {
    let door = open().await;
    fill(&door, &["a", "b", "c"]).await;
    let (_, first) = door.get(&format!("{ALL}?limit=1")).await;
    let (token, at) = (
        first["metadata"]["continue"].as_str().unwrap(),
        version(&first),
    );
    door.churn().await;
    door.compact().await;
    // The cache has followed by the end of this.
    door.get(ALL).await;
    let (code, status) = door.get(&format!("{ALL}?limit=1&continue={token}")).await;
    assert_eq!(
        (code, &status["reason"]),
        (410, &json!("Expired")),
        "{status}"
    );
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains("use the continue token in this response"),
        "{message}"
    );
    let fresh = status["metadata"]["continue"].as_str().unwrap();
    let (code, rest) = door.get(&format!("{ALL}?continue={fresh}")).await;
    assert_eq!((code, names(&rest)), (200, vec!["b", "c"]));
    assert_ne!(version(&rest), at);
    let exact = format!("{ALL}?resourceVersion={at}&resourceVersionMatch=Exact");
    let (code, status) = door.get(&exact).await;
    assert_eq!(
        (code, &status["message"]),
        (
            410,
            &json!("The resourceVersion for the provided list is too old.")
        )
    );
}

#[tokio::test]
async fn long_lists_are_compressed_for_who_takes_it() {
    let door = open().await;
    for name in ["a", "b"] {
        let object = json!({ "metadata": { "name": name }, "data": { "k": "x".repeat(100_000) } });
        door.post(ALL, &object).await;
    }
    let ask = || {
        let mut asked = crate::door::request(http::Method::GET, ALL, "", "");
        let headers = asked.headers_mut();
        headers.insert("accept-encoding", "gzip, deflate".parse().unwrap());
        asked
    };
    let response = door.door.handle(ask()).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let packed = response.into_body().collect().await.unwrap().to_bytes();
    assert!(packed.len() < 10_000);
    let list: Value = serde_json::from_reader(flate2::read::GzDecoder::new(&*packed)).unwrap();
    assert_eq!(names(&list), ["a", "b"]);
    door.delete(&format!("{ALL}/b"), &Value::Null).await;
    let response = door.door.handle(ask()).await;
    assert!(response.headers().get("content-encoding").is_none());
}
