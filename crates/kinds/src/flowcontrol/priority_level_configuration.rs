//! Concurrency and queues of a priority level.

use super::{flow_schema::conditions_of, mandatory};
use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1 as upstream;
use machinery::{
    apply::Resets,
    field::{Error, ErrorList, Path},
};

const TYPES: &[&str] = &["Exempt", "Limited"];
const RESPONSES: &[&str] = &["Queue", "Reject"];
const QUEUE_LIMIT: i32 = 10_000_000;
/// Bits of the hash from which hands are dealt.
const HASH_BITS: f64 = 60.0;

/// The law of PriorityLevelConfiguration.
pub(crate) struct PriorityLevelConfiguration;

impl Strategy for PriorityLevelConfiguration {
    type Object = upstream::PriorityLevelConfiguration;

    fn names(&self) -> Names {
        Names::cluster("prioritylevelconfigurations", "prioritylevelconfiguration")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[Subresource::status("PriorityLevelConfiguration")
                .resetting(Resets::SPEC_AND_METADATA)]
        }
    }

    crate::prepare::spec_and_status!();

    fn default(&self, object: &mut upstream::PriorityLevelConfiguration) {
        let Some(spec) = &mut object.spec else { return };
        if let Some(exempt) = &mut spec.exempt {
            exempt.nominal_concurrency_shares.get_or_insert(0);
            exempt.lendable_percent.get_or_insert(0);
        }
        let Some(limited) = &mut spec.limited else {
            return;
        };
        limited.nominal_concurrency_shares.get_or_insert(30);
        limited.lendable_percent.get_or_insert(0);
        let response = limited.limit_response.as_mut();
        if let Some(queuing) = response.and_then(|it| it.queuing.as_mut()) {
            let fields = [
                (&mut queuing.hand_size, 8),
                (&mut queuing.queues, 64),
                (&mut queuing.queue_length_limit, 50),
            ];
            for (field, value) in fields {
                *field = Some(field.unwrap_or(0))
                    .filter(|it| *it != 0)
                    .or(Some(value));
            }
        }
    }

    fn validate(&self, object: &upstream::PriorityLevelConfiguration) -> ErrorList {
        let mut errors = ErrorList::new();
        let (e, path) = (&mut errors, Path::new("spec"));
        let spec = object.spec.clone().unwrap_or_default();
        let named = object.metadata.name.as_deref() == Some(mandatory::EXEMPT);
        if named != (spec.type_ == "Exempt") {
            let text = "type must be 'Exempt' if and only if name is 'exempt'";
            e.push(Error::invalid(&path.child("type"), &spec.type_, text));
        }
        let (limited, exempt) = (path.child("limited"), path.child("exempt"));
        match (spec.type_.as_str(), &spec.limited, &spec.exempt) {
            ("Exempt", level, own) => {
                if level.is_some() {
                    let text = "must be nil if the type is not Limited";
                    e.push(Error::forbidden(&limited, text));
                }
                if let Some(own) = own {
                    shares(e, &exempt, own.nominal_concurrency_shares);
                    lendable(e, &exempt, own.lendable_percent);
                }
            }
            ("Limited", level, own) => {
                if own.is_some() {
                    let text = "must be nil if the type is Limited";
                    e.push(Error::forbidden(&exempt, text));
                }
                match level {
                    None => {
                        let text = "must not be empty when type is Limited";
                        e.push(Error::required(&limited, text));
                    }
                    Some(level) => limits(e, &limited, level),
                }
            }
            (other, ..) => e.push(Error::not_supported(&path.child("type"), other, TYPES)),
        }
        mandatory::level(e, object);
        errors
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::PriorityLevelConfiguration,
        _: &upstream::PriorityLevelConfiguration,
    ) -> ErrorList {
        let conditions = new
            .status
            .iter()
            .flat_map(|it| it.conditions.iter().flatten());
        conditions_of(conditions.map(|it| it.type_.as_deref().unwrap_or_default()))
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Type",
                    "`type` indicates whether this priority level is subject to limitation on request execution.  A value of `\"Exempt\"` means that requests of this priority level are not subject to a limit (and thus are never queued) and do not detract from the capacity made available to other priority levels.  A value of `\"Limited\"` means that (a) requests of this priority level _are_ subject to limits and (b) some of the server's limited capacity is made available exclusively to this priority level. Required.",
                ),
                Column::text(
                    "NominalConcurrencyShares",
                    "`nominalConcurrencyShares` (NCS) contributes to the computation of the NominalConcurrencyLimit (NominalCL) of this level. This is the number of execution seats available at this priority level. This is used both for requests dispatched from this priority level as well as requests dispatched from other priority levels borrowing seats from this level. The server's concurrency limit (ServerCL) is divided among the Limited priority levels in proportion to their NCS values:\n\nNominalCL(i)  = ceil( ServerCL * NCS(i) / sum_ncs ) sum_ncs = sum[priority level k] NCS(k)\n\nBigger numbers mean a larger nominal concurrency limit, at the expense of every other priority level.\n\nIf not specified, this field defaults to a value of 30.\n\nSetting this field to zero supports the construction of a \"jail\" for this priority level that is used to hold some request(s)",
                ),
                Column::text(
                    "Queues",
                    "`queues` is the number of queues for this priority level. The queues exist independently at each apiserver. The value must be positive.  Setting it to 1 effectively precludes shufflesharding and thus makes the distinguisher method of associated flow schemas irrelevant.  This field has a default value of 64.",
                ),
                Column::text(
                    "HandSize",
                    "`handSize` is a small positive number that configures the shuffle sharding of requests into queues.  When enqueuing a request at this priority level the request's flow identifier (a string pair) is hashed and the hash value is used to shuffle the list of queues and deal a hand of the size specified here.  The request is put into one of the shortest queues in that hand. `handSize` must be no larger than `queues`, and should be significantly smaller (so that a few heavy flows do not saturate most of the queues).  See the user-facing documentation for more extensive guidance on setting this field.  This field has a default value of 8.",
                ),
                Column::text(
                    "QueueLengthLimit",
                    "`queueLengthLimit` is the maximum number of requests allowed to be waiting in a given queue of this priority level at a time; excess requests are rejected.  This value must be positive.  If not specified, it will be defaulted to 50.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::PriorityLevelConfiguration, now: Timestamp) -> Vec<Cell> {
        let cell = |it: Option<i32>| it.map_or("<none>".into(), Cell::from);
        let spec = object.spec.clone().unwrap_or_default();
        let limited = spec.limited;
        let shares = limited
            .as_ref()
            .and_then(|it| it.nominal_concurrency_shares);
        let exempt = spec.exempt.and_then(|it| it.nominal_concurrency_shares);
        let response = limited.and_then(|it| it.limit_response);
        let queuing = response.and_then(|it| it.queuing);
        vec![
            columns::name(&object.metadata),
            spec.type_.into(),
            cell(shares.or(exempt)),
            cell(queuing.as_ref().and_then(|it| it.queues)),
            cell(queuing.as_ref().and_then(|it| it.hand_size)),
            cell(queuing.as_ref().and_then(|it| it.queue_length_limit)),
            columns::age(&object.metadata, now),
        ]
    }
}

fn shares(e: &mut ErrorList, path: &Path, shares: Option<i32>) {
    if let Some(shares) = shares.filter(|it| *it < 0) {
        let at = path.child("nominalConcurrencyShares");
        e.push(Error::invalid(
            &at,
            shares,
            "must be a non-negative integer",
        ));
    }
}

fn lendable(e: &mut ErrorList, path: &Path, percent: Option<i32>) {
    if let Some(percent) = percent.filter(|it| !(0..=100).contains(it)) {
        let at = path.child("lendablePercent");
        let text = "must be between 0 and 100, inclusive";
        e.push(Error::invalid(&at, percent, text));
    }
}

fn limits(e: &mut ErrorList, path: &Path, it: &upstream::LimitedPriorityLevelConfiguration) {
    shares(e, path, it.nominal_concurrency_shares);
    let response = it.limit_response.clone().unwrap_or_default();
    let at = path.child("limitResponse");
    let queuing = at.child("queuing");
    match (response.type_.as_str(), &response.queuing) {
        ("Reject", Some(_)) => {
            let text = "must be nil if limited.limitResponse.type is not Limited";
            e.push(Error::forbidden(&queuing, text));
        }
        ("Reject", None) => {}
        ("Queue", None) => {
            let text = "must not be empty if limited.limitResponse.type is Limited";
            e.push(Error::required(&queuing, text));
        }
        ("Queue", Some(it)) => queues(e, &queuing, it),
        (other, _) => e.push(Error::not_supported(&at.child("type"), other, RESPONSES)),
    }
    lendable(e, path, it.lendable_percent);
    if let Some(percent) = it.borrowing_limit_percent.filter(|it| *it < 0) {
        let at = path.child("borrowingLimitPercent");
        let text = "if specified, must be a non-negative integer";
        e.push(Error::invalid(&at, percent, text));
    }
}

fn queues(e: &mut ErrorList, path: &Path, it: &upstream::QueuingConfiguration) {
    let number = |it: Option<i32>| it.unwrap_or(0);
    let positive = |e: &mut ErrorList, field: &str, value: i32| {
        let wrong = value <= 0;
        if wrong {
            e.push(Error::invalid(
                &path.child(field),
                value,
                "must be positive",
            ));
        }
        !wrong
    };
    positive(e, "queueLengthLimit", number(it.queue_length_limit));
    let (queues, hand) = (number(it.queues), number(it.hand_size));
    if positive(e, "queues", queues) && queues > QUEUE_LIMIT {
        let text = format!("must not be greater than {QUEUE_LIMIT}");
        e.push(Error::invalid(&path.child("queues"), queues, &text));
    }
    if !positive(e, "handSize", hand) {
        return;
    }
    let at = path.child("handSize");
    if hand > queues {
        let text = format!("should not be greater than queues ({queues})");
        e.push(Error::invalid(&at, hand, &text));
    } else if entropy_bits(queues, hand) > HASH_BITS {
        let text = format!(
            "required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {HASH_BITS}"
        );
        e.push(Error::invalid(&at, hand, &text));
    }
}

/// Bits that dealing a hand of a deck takes: upstream's quick estimate.
fn entropy_bits(deck: i32, hand: i32) -> f64 {
    f64::from(deck).log2() * f64::from(hand)
}

#[cfg(test)]
mod tests;
