//! Files as they were written for older clusters.

use super::*;
use serde_json::json;

const FILE: &[u8] = br#"
apiVersion: extensions/v1beta1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: nginx
---
apiVersion: v1
kind: List
items:
- apiVersion: extensions/v1beta1
  kind: Ingress
  metadata: {name: web}
  spec:
    backend: {serviceName: web, servicePort: 80}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: web}
"#;

#[test]
fn older_documents_become_current_and_others_stay() {
    let mut documents = Vec::new();
    parse("web.yaml", FILE, &mut documents).unwrap();
    let objects: Vec<_> = documents.into_iter().map(|it| it.object).collect();
    let versions: Vec<_> = objects.iter().map(|it| &it["apiVersion"]).collect();
    assert_eq!(versions, ["apps/v1", "networking.k8s.io/v1", "v1"]);
    assert_eq!(
        objects[0]["spec"]["selector"],
        json!({ "matchLabels": { "app": "web" } })
    );
    assert_eq!(
        objects[1]["spec"],
        json!({ "defaultBackend": { "service": { "name": "web", "port": { "number": 80 } } } })
    );
    assert_eq!(
        objects[2],
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "web" } })
    );
}
