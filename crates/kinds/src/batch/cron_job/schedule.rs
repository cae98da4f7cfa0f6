//! Whether a text is a schedule, and why not: the errors of robfig/cron's standard parser, which users of
//! upstream know.

/// A field of a schedule: its least and greatest number, and names for numbers from the least on.
struct Field {
    least: u32,
    greatest: u32,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const fn field(least: u32, greatest: u32, names: &'static [&'static str]) -> Field {
    Field {
        least,
        greatest,
        names,
    }
}
const FIELDS: [Field; 5] = [
    field(0, 59, &[]),
    field(0, 23, &[]),
    field(1, 31, &[]),
    field(1, 12, MONTHS),
    field(0, 6, DAYS),
];
const DESCRIPTORS: &[&str] = &[
    "@yearly",
    "@annually",
    "@monthly",
    "@weekly",
    "@daily",
    "@midnight",
    "@hourly",
];

/// Nothing when `text` is a schedule.
pub(super) fn parse(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("empty spec string".to_owned());
    }
    let zoned = ["TZ=", "CRON_TZ="]
        .iter()
        .find_map(|it| text.strip_prefix(it));
    let text = match zoned {
        None => text,
        Some(rest) => {
            let (zone, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            if jiff::tz::TimeZone::get(zone).is_err() {
                return Err(format!(
                    "provided bad location {zone}: unknown time zone {zone}"
                ));
            }
            rest.trim()
        }
    };
    if text.starts_with('@') {
        return descriptor(text);
    }
    let parts: Vec<_> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        let (count, shown) = (parts.len(), parts.join(" "));
        return Err(format!(
            "expected exactly 5 fields, found {count}: [{shown}]"
        ));
    }
    for (part, field) in parts.iter().zip(&FIELDS) {
        part.split(',')
            .filter(|it| !it.is_empty())
            .try_for_each(|it| range(it, field))?;
    }
    Ok(())
}

fn descriptor(text: &str) -> Result<(), String> {
    match text.strip_prefix("@every ") {
        Some(every) => match machinery::durations::parse_go(every) {
            Ok(_) => Ok(()),
            Err(why) => Err(format!("failed to parse duration {text}: {why}")),
        },
        None if DESCRIPTORS.contains(&text) => Ok(()),
        None => Err(format!("unrecognized descriptor: {text}")),
    }
}

/// `number`, `number-number`, `*`, each with `/number`.
fn range(text: &str, field: &Field) -> Result<(), String> {
    let steps: Vec<_> = text.split('/').collect();
    let ends: Vec<_> = steps[0].split('-').collect();
    let single = ends.len() == 1;
    let (start, mut end) = if matches!(ends[0], "*" | "?") {
        (field.least, field.greatest)
    } else {
        let start = number(ends[0], field)?;
        match ends[..] {
            [_] => (start, start),
            [_, end] => (start, number(end, field)?),
            _ => return Err(format!("too many hyphens: {text}")),
        }
    };
    let step = match steps[..] {
        [_] => 1,
        [_, step] => {
            let step = whole(step)?;
            // From the first on, to the last there is.
            end = if single { field.greatest } else { end };
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    let (least, greatest) = (field.least, field.greatest);
    if start < least {
        return Err(format!(
            "beginning of range ({start}) below minimum ({least}): {text}"
        ));
    }
    if end > greatest {
        return Err(format!(
            "end of range ({end}) above maximum ({greatest}): {text}"
        ));
    }
    if start > end {
        return Err(format!(
            "beginning of range ({start}) beyond end of range ({end}): {text}"
        ));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    Ok(())
}

fn number(text: &str, field: &Field) -> Result<u32, String> {
    let lower = text.to_lowercase();
    let named = (field.least..).zip(field.names).find(|it| *it.1 == lower);
    named.map_or_else(|| whole(text), |it| Ok(it.0))
}

fn whole(text: &str) -> Result<u32, String> {
    let number: i64 = text.parse().map_err(|_| {
        format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax")
    })?;
    u32::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}"))
}
