//! CEL expressions that change objects on admission. They are checked for being there, not compiled, and
//! the door does not act on them yet.

use super::{policies, rules};
use crate::{Cell, Column, Names, Strategy, check, columns, prepare};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

/// What can be changed; what is deleted is not.
pub(super) const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "UPDATE"];
const APPLY: &str = "ApplyConfiguration";
const JSON_PATCH: &str = "JSONPatch";
const REINVOCATION_POLICIES: &[&str] = &["IfNeeded", "Never"];

/// The law of MutatingAdmissionPolicy.
pub(crate) struct MutatingAdmissionPolicy;

impl Strategy for MutatingAdmissionPolicy {
    type Object = upstream::MutatingAdmissionPolicy;

    fn names(&self) -> Names {
        Names::cluster("mutatingadmissionpolicies", "mutatingadmissionpolicy")
            .categories(&["api-extensions"])
    }

    fn default(&self, object: &mut upstream::MutatingAdmissionPolicy) {
        let Some(spec) = &mut object.spec else { return };
        spec.failure_policy.get_or_insert_with(|| "Fail".to_owned());
        if let Some(matches) = &mut spec.match_constraints {
            rules::default_matches(matches);
        }
    }

    prepare::generation!(spec);

    fn validate(&self, object: &upstream::MutatingAdmissionPolicy) -> ErrorList {
        validate(object, None)
    }

    fn validate_update(
        &self,
        new: &upstream::MutatingAdmissionPolicy,
        old: &upstream::MutatingAdmissionPolicy,
    ) -> ErrorList {
        validate(new, Some(old))
    }

    policies::warnings!();

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::number(
                    "Mutations",
                    "Mutation indicates the number of mutations rules defined in this configuration",
                ),
                Column::text(
                    "ParamKind",
                    "ParamKind specifies the kind of resources used to parameterize this policy",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::MutatingAdmissionPolicy, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.as_ref();
        let mutations = spec.and_then(|it| it.mutations.as_ref());
        vec![
            columns::name(&object.metadata),
            mutations.map_or(0, Vec::len).into(),
            policies::kind_cell(spec.and_then(|it| it.param_kind.as_ref())),
            columns::age(&object.metadata, now),
        ]
    }
}

fn validate(
    object: &upstream::MutatingAdmissionPolicy,
    old: Option<&upstream::MutatingAdmissionPolicy>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let (e, path) = (&mut errors, Path::new("spec"));
    let empty = upstream::MutatingAdmissionPolicySpec::default();
    let spec = object.spec.as_ref().unwrap_or(&empty);
    let old = old.and_then(|it| it.spec.as_ref());
    let old = old.map(|it| policies::common!(it, Some(OPERATIONS)));
    let common = policies::common!(spec, Some(OPERATIONS));
    policies::policy(e, &path, &common, old.as_ref());
    let at = path.child("mutations");
    let mutations = spec.mutations.as_deref().unwrap_or_default();
    if mutations.is_empty() {
        let text = "mutations must contain at least one item";
        e.push(Error::required(&at, text));
    }
    for (index, it) in mutations.iter().enumerate() {
        mutation(e, &at.index(index), it);
    }
    let policy = spec.reinvocation_policy.as_ref();
    let at = path.child("reinvocationPolicy");
    check::one_of(e, &at, policy, REINVOCATION_POLICIES);
    errors
}

/// A change is of one sort and of no other.
fn mutation(e: &mut ErrorList, path: &Path, it: &upstream::Mutation) {
    let kind = it.patch_type.as_str();
    let at = path.child("patchType");
    check::one_of(e, &at, Some(&it.patch_type), &[APPLY, JSON_PATCH]);
    let apply = it.apply_configuration.as_ref();
    let patch = it.json_patch.as_ref();
    let apply = (
        "applyConfiguration",
        apply.map(|it| it.expression.as_deref()),
    );
    let patch = ("jsonPatch", patch.map(|it| it.expression.as_deref()));
    let (own, other) = match kind {
        APPLY => (apply, patch),
        JSON_PATCH => (patch, apply),
        _ => return,
    };
    let at = path.child(own.0);
    match own.1 {
        None => {
            let text = format!("must be specified when patchType is {kind}");
            e.push(Error::required(&at, &text));
        }
        Some(text) if text.unwrap_or_default().trim().is_empty() => {
            e.push(Error::required(&at.child("expression"), ""));
        }
        Some(_) => {}
    }
    if other.1.is_some() {
        let text = format!("must not be specified when patchType is {kind}");
        let shown = format!("{{{}}}", other.0);
        e.push(Error::invalid(&path.child(other.0), shown, &text));
    }
}

#[cfg(test)]
mod tests;
