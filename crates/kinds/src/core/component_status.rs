//! Health of a control-plane component; deprecated upstream, still listed by `kubectl get cs`.

use crate::{Cell, Column, Names, Part, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;

/// The law of ComponentStatus.
pub(crate) struct ComponentStatus;

impl Strategy for ComponentStatus {
    type Object = upstream::ComponentStatus;

    fn names(&self) -> Names {
        Names::cluster("componentstatuses", "componentstatus")
            .short(&["cs"])
            .verbs(&["get", "list"])
            .deprecated("v1 ComponentStatus is deprecated in v1.19+")
    }

    fn seen(&self, parts: &dyn Fn() -> Vec<Part>) -> Option<Vec<upstream::ComponentStatus>> {
        Some(parts().into_iter().map(status).collect())
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Status", "Status of the component conditions"),
                Column::text("Message", "Message of the component conditions"),
                Column::text("Error", "Error of the component conditions"),
            ]
        }
    }

    fn row(&self, object: &upstream::ComponentStatus, _: Timestamp) -> Vec<Cell> {
        let mut conditions = object.conditions.iter().flatten();
        let health = conditions.find(|it| it.type_ == "Healthy");
        let status = match health.map(|it| it.status.as_str()) {
            None => "Unknown",
            Some("True") => "Healthy",
            Some(_) => "Unhealthy",
        };
        vec![
            columns::name(&object.metadata),
            status.into(),
            columns::or(health.and_then(|it| it.message.as_ref()), ""),
            columns::or(health.and_then(|it| it.error.as_ref()), ""),
        ]
    }
}

fn status(part: Part) -> upstream::ComponentStatus {
    let is_well = part.fault.is_none();
    let condition = upstream::ComponentCondition {
        type_: "Healthy".to_owned(),
        status: if is_well { "True" } else { "False" }.to_owned(),
        message: part.fault.or_else(|| Some("ok".to_owned())),
        error: None,
    };
    let mut object = upstream::ComponentStatus {
        conditions: Some(vec![condition]),
        ..Default::default()
    };
    object.metadata.name = Some(part.name.to_owned());
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn rows() {
        let of = |conditions| json!({"metadata": {"name": "a"}, "conditions": conditions});
        let row = |conditions| cases::row(&ComponentStatus, of(conditions));
        assert_eq!(row(json!([])), "a|Unknown||");
        let good = json!([{"type": "Healthy", "status": "True", "message": "ok"}]);
        assert_eq!(row(good), "a|Healthy|ok|");
        let bad = json!([{"type": "Healthy", "status": "False", "error": "down"}]);
        assert_eq!(row(bad), "a|Unhealthy||down");
        let parts = || {
            let part = |name, fault| Part { name, fault };
            vec![part("a", None), part("b", Some("no".into()))]
        };
        let seen = Strategy::seen(&ComponentStatus, &parts).unwrap();
        let rows = seen.iter().map(|it| {
            let cells = ComponentStatus.row(it, Timestamp::UNIX_EPOCH);
            cells.iter().map(|it| format!("{it:?}")).collect::<String>()
        });
        let rows: Vec<_> = rows.collect();
        assert!(
            rows[0].contains("Healthy") && rows[0].contains("ok"),
            "{rows:?}"
        );
        assert!(
            rows[1].contains("Unhealthy") && rows[1].contains("no"),
            "{rows:?}"
        );
    }
}
