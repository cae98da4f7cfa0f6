//! The query parameters of each verb: name, type, help.

type Parameter = (&'static str, &'static str, &'static str);

const DRY_RUN: Parameter = (
    "dryRun",
    "string",
    "When present, indicates that modifications should not be persisted; `All` is the only value.",
);
const MANAGER: Parameter = (
    "fieldManager",
    "string",
    "The name of the actor that makes these changes.",
);
const VALIDATION: Parameter = (
    "fieldValidation",
    "string",
    "How to handle unknown and duplicate fields: Ignore, Warn or Strict.",
);
const FORCE: Parameter = (
    "force",
    "boolean",
    "Take fields owned by others. Only for apply.",
);
const LABELS: Parameter = (
    "labelSelector",
    "string",
    "Restricts the objects by their labels.",
);
const FIELDS: Parameter = (
    "fieldSelector",
    "string",
    "Restricts the objects by their fields.",
);
const LIMIT: Parameter = ("limit", "integer", "The most objects to answer.");
const CONTINUE: Parameter = ("continue", "string", "Where the last page ended.");
const MATCH: Parameter = (
    "resourceVersionMatch",
    "string",
    "How resourceVersion is meant: Exact or NotOlderThan.",
);
const WATCH: Parameter = ("watch", "boolean", "Answer with a stream of changes.");
const BOOKMARKS: Parameter = (
    "allowWatchBookmarks",
    "boolean",
    "Send bookmarks now and then.",
);
const INITIAL: Parameter = (
    "sendInitialEvents",
    "boolean",
    "Begin a watch with the objects that exist.",
);
const TIMEOUT: Parameter = (
    "timeoutSeconds",
    "integer",
    "How long a list or watch may take.",
);
const GRACE: Parameter = (
    "gracePeriodSeconds",
    "integer",
    "Seconds before the object is deleted.",
);
const POLICY: Parameter = (
    "propagationPolicy",
    "string",
    "What becomes of dependents: Orphan, Background or Foreground.",
);

const VERSION: Parameter = ("resourceVersion", "string", "Which state to answer from.");

/// Query parameters of a verb.
pub(super) fn query(verb: &str) -> &'static [Parameter] {
    match verb {
        "create" | "update" => &[DRY_RUN, MANAGER, VALIDATION],
        "patch" => &[DRY_RUN, MANAGER, VALIDATION, FORCE],
        "delete" => &[DRY_RUN, GRACE, POLICY],
        "list" => &[
            BOOKMARKS, CONTINUE, FIELDS, LABELS, LIMIT, VERSION, MATCH, INITIAL, TIMEOUT, WATCH,
        ],
        "deletecollection" => &[
            CONTINUE, DRY_RUN, FIELDS, GRACE, LABELS, LIMIT, POLICY, VERSION, MATCH,
        ],
        _ => &[],
    }
}
