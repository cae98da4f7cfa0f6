//! Compiles a seccomp profile to the kernel's program. It takes tens of milliseconds, so the result is kept
//! and given to every container that asks for the same.

use std::fs::File;
use std::io::{Read, Seek};
use std::str::FromStr;
use std::sync::Arc;

use libseccomp::{
    ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall,
};
use parking_lot::Mutex;
use serde_json::Value;

use crate::error::{Error, Result};

/// Programs kept: one for each set of capabilities and each profile in use.
const KEPT: usize = 64;

/// Programs by their profile.
#[derive(Default)]
pub(crate) struct Filters {
    kept: Mutex<Vec<(Value, Arc<Vec<u8>>)>>,
}

impl Filters {
    /// The program of a profile: four bytes of flags for `seccomp(2)`, then its instructions.
    pub(crate) fn program(&self, profile: &Value) -> Result<Arc<Vec<u8>>> {
        let mut kept = self.kept.lock();
        if let Some((_, program)) = kept.iter().find(|(known, _)| known == profile) {
            return Ok(program.clone());
        }
        let program = compile(profile).map_err(|reason| Error::Invalid {
            field: "seccompProfile",
            reason,
        })?;
        let program = Arc::new(program);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((profile.clone(), program.clone()));
        Ok(program)
    }
}

type Told<T> = std::result::Result<T, String>;

fn compile(profile: &Value) -> Told<Vec<u8>> {
    let default = action(&profile["defaultAction"], &profile["defaultErrnoRet"])?;
    let mut context = ScmpFilterContext::new(default).map_err(|e| e.to_string())?;
    for name in profile["architectures"].as_array().into_iter().flatten() {
        let arch = ScmpArch::from_str(text(name)?).map_err(|e| e.to_string())?;
        context.add_arch(arch).map_err(|e| format!("{name}: {e}"))?;
    }
    for rule in profile["syscalls"].as_array().into_iter().flatten() {
        let action = action(&rule["action"], &rule["errnoRet"])?;
        // The library refuses rules that say what the default says.
        if action != default {
            add(&mut context, action, rule)?;
        }
    }
    let fd = rustix::fs::memfd_create("seccomp", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(|e| e.to_string())?;
    let mut file = File::from(fd);
    context.export_bpf(&file).map_err(|e| e.to_string())?;
    let mut program = flags(profile)?.to_le_bytes().to_vec();
    file.rewind().map_err(|e| e.to_string())?;
    file.read_to_end(&mut program).map_err(|e| e.to_string())?;
    Ok(program)
}

fn add(context: &mut ScmpFilterContext, action: ScmpAction, rule: &Value) -> Told<()> {
    let mut conditions = Vec::new();
    for arg in rule["args"].as_array().into_iter().flatten() {
        conditions.push(condition(arg)?);
    }
    // One rule takes one condition for each argument; more mean alternatives.
    let mut indexes: Vec<u64> = conditions.iter().map(|(index, _)| *index).collect();
    indexes.sort_unstable();
    let alternatives = indexes.windows(2).any(|pair| pair[0] == pair[1]);
    let conditions: Vec<ScmpArgCompare> = conditions.into_iter().map(|(_, c)| c).collect();
    for name in rule["names"].as_array().into_iter().flatten() {
        // A call that this library does not know falls to the default action.
        let Ok(call) = ScmpSyscall::from_name(text(name)?) else {
            continue;
        };
        let added = if alternatives {
            conditions
                .iter()
                .try_for_each(|c| context.add_rule_conditional(action, call, &[*c]).map(drop))
        } else {
            context
                .add_rule_conditional(action, call, &conditions)
                .map(drop)
        };
        added.map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

fn condition(arg: &Value) -> Told<(u64, ScmpArgCompare)> {
    let number = |name: &str| arg[name].as_u64().unwrap_or(0);
    let name = text(&arg["op"])?;
    let (operator, datum) =
        match ScmpCompareOp::from_str(name).map_err(|e| format!("{name}: {e}"))? {
            ScmpCompareOp::MaskedEqual(_) => (
                ScmpCompareOp::MaskedEqual(number("value")),
                number("valueTwo"),
            ),
            other => (other, number("value")),
        };
    let index = number("index");
    let place = u32::try_from(index).map_err(|_| format!("argument {index}"))?;
    Ok((index, ScmpArgCompare::new(place, operator, datum)))
}

fn action(name: &Value, value: &Value) -> Told<ScmpAction> {
    const EPERM: i64 = 1;
    let name = text(name)?;
    if name == "SCMP_ACT_NOTIFY" {
        return Err("SCMP_ACT_NOTIFY is not supported".to_owned());
    }
    let value =
        i32::try_from(value.as_i64().unwrap_or(EPERM)).map_err(|_| format!("errno {value}"))?;
    ScmpAction::from_str(name, Some(value)).map_err(|e| format!("{name}: {e}"))
}

fn flags(profile: &Value) -> Told<u32> {
    let mut all = 0;
    for flag in profile["flags"].as_array().into_iter().flatten() {
        all |= match text(flag)? {
            // Containers start with one thread.
            "SECCOMP_FILTER_FLAG_TSYNC" => 0,
            "SECCOMP_FILTER_FLAG_LOG" => nix::libc::SECCOMP_FILTER_FLAG_LOG as u32,
            "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => nix::libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW as u32,
            other => return Err(format!("flag {other:?} is not supported")),
        };
    }
    Ok(all)
}

fn text(value: &Value) -> Told<&str> {
    value
        .as_str()
        .ok_or_else(|| format!("{value} is not a name"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn profiles_become_programs() {
        let filters = Filters::default();
        let good = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "syscalls": [
                { "names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13 },
                { "names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [
                    { "index": 0, "value": 1, "op": "SCMP_CMP_EQ" },
                    { "index": 0, "value": 255, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ" },
                ] },
                { "names": ["read"], "action": "SCMP_ACT_ALLOW" },
            ],
        });
        let program = filters.program(&good).unwrap();
        assert_eq!((program[0], program.len() % 8), (2, 4));
        assert!(program.len() > 4 + 8 * 8);
        assert!(Arc::ptr_eq(&program, &filters.program(&good).unwrap()));
        for bad in [
            json!({}),
            json!({ "defaultAction": "SCMP_ACT_DANCE" }),
            json!({ "defaultAction": "SCMP_ACT_NOTIFY" }),
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["PDP11"] }),
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "flags": ["X"] }),
        ] {
            assert!(filters.program(&bad).is_err(), "{bad}");
        }
    }
}
