//! Which devices the processes of a cgroup may use, on machines with cgroup v2: a program that the kernel asks at each
//! opening (upstream: runc's `devices/v2`). On version 1 the devices controller does it.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::libc;

use crate::error::{Error, Result};

const MKNOD: u32 = 1;
const READ: u32 = 2;
const WRITE: u32 = 4;

const CHARACTER: u32 = 2;
const BLOCK: u32 = 1;

/// What may be done with which devices; no major or minor number stands for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    kind: u32,
    major: Option<u32>,
    minor: Option<u32>,
    access: u32,
}

impl Rule {
    /// One device. `kind` is `b` or `c`; `access` is some of `rwm`.
    pub(crate) fn new(kind: char, major: u32, minor: u32, access: &str) -> Self {
        let bits = access.chars().map(|letter| match letter {
            'r' => READ,
            'w' => WRITE,
            'm' => MKNOD,
            _ => 0,
        });
        Self {
            kind: if kind == 'b' { BLOCK } else { CHARACTER },
            major: Some(major),
            minor: Some(minor),
            access: bits.fold(0, |all, bit| all | bit),
        }
    }
}

/// What every container may: make any node (opening it is another matter), and use those that lead nowhere.
const HARMLESS: [Rule; 11] = [
    any(CHARACTER, None, MKNOD),
    any(BLOCK, None, MKNOD),
    one(1, 3),
    one(1, 5),
    one(1, 7),
    one(1, 8),
    one(1, 9),
    one(5, 0),
    one(5, 1),
    one(5, 2),
    // The terminals of pseudo-terminal pairs.
    any(CHARACTER, Some(136), READ | WRITE | MKNOD),
];

const fn any(kind: u32, major: Option<u32>, access: u32) -> Rule {
    Rule {
        kind,
        major,
        minor: None,
        access,
    }
}

const fn one(major: u32, minor: u32) -> Rule {
    Rule {
        kind: CHARACTER,
        major: Some(major),
        minor: Some(minor),
        access: READ | WRITE | MKNOD,
    }
}

/// One instruction of the kernel's machine, as it lies in memory.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    code: u8,
    /// Destination in the low half, source in the high half.
    registers: u8,
    offset: i16,
    immediate: i32,
}

const LOAD: u8 = 0x61;
const MOVE: u8 = 0xbf;
const SET: u8 = 0xb7;
const SHIFT_RIGHT: u8 = 0x77;
const AND: u8 = 0x54;
const JUMP_UNLESS_EQUAL: u8 = 0x55;
const EXIT: u8 = 0x95;

const fn on(code: u8, destination: u8, immediate: u32) -> Instruction {
    Instruction {
        code,
        registers: destination,
        offset: 0,
        immediate: immediate as i32,
    }
}

/// The program that allows what is harmless and what `more` says, and nothing else.
fn program(more: &[Rule]) -> Vec<Instruction> {
    let field = |destination: u8, offset| Instruction {
        registers: destination | 1 << 4,
        offset,
        ..on(LOAD, 0, 0)
    };
    let copy = |destination: u8, source: u8| Instruction {
        registers: destination | source << 4,
        ..on(MOVE, 0, 0)
    };
    // 2: the kind, 3: what is wanted, 4: the major, 5: the minor number.
    let mut all = vec![
        field(2, 0),
        copy(3, 2),
        on(SHIFT_RIGHT, 3, 16),
        on(AND, 2, 0xffff),
        field(4, 4),
        field(5, 8),
    ];
    for rule in HARMLESS.iter().chain(more) {
        let mut tests = vec![on(JUMP_UNLESS_EQUAL, 2, rule.kind)];
        tests.extend(rule.major.map(|major| on(JUMP_UNLESS_EQUAL, 4, major)));
        tests.extend(rule.minor.map(|minor| on(JUMP_UNLESS_EQUAL, 5, minor)));
        tests.extend([
            copy(6, 3),
            on(AND, 6, !rule.access),
            on(JUMP_UNLESS_EQUAL, 6, 0),
            on(SET, 0, 1),
            on(EXIT, 0, 0),
        ]);
        let end = tests.len();
        for (at, test) in tests.iter_mut().enumerate() {
            if test.code == JUMP_UNLESS_EQUAL {
                test.offset = (end - at - 1) as i16;
            }
        }
        all.extend(tests);
    }
    all.extend([on(SET, 0, 0), on(EXIT, 0, 0)]);
    all
}

/// Confines the cgroup in this directory to the harmless devices and those of `rules`, until it is removed.
pub(crate) fn confine(directory: &Path, rules: &[Rule]) -> Result<()> {
    let failed = |source| Error::Machine {
        what: format!(
            "the devices of cgroup {} cannot be confined: {source}",
            directory.display()
        ),
        remedy: "use a kernel with CONFIG_CGROUP_BPF".to_owned(),
    };
    let cgroup = File::open(directory).map_err(failed)?;
    let program = load(&program(rules)).map_err(failed)?;
    attach(&cgroup, &program).map_err(failed)
}

/// What the kernel's `bpf` call takes to load a program.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    unused: [u64; 4],
}

/// What it takes to attach one.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

const LOAD_PROGRAM: libc::c_long = 5;
const ATTACH_PROGRAM: libc::c_long = 8;

#[allow(unsafe_code)]
fn load(program: &[Instruction]) -> std::io::Result<OwnedFd> {
    let request = Load {
        kind: 15,
        count: program.len() as u32,
        instructions: program.as_ptr() as u64,
        licence: c"Apache".as_ptr() as u64,
        unused: [0; 4],
    };
    // SAFETY: the request's pointers lead to the program, whose length it tells, and to a string with an end, which
    // both live through the call. The kernel only reads them.
    let descriptor = unsafe { bpf(LOAD_PROGRAM, &request) }?;
    // SAFETY: the call succeeded, so the result is a descriptor that is ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[allow(unsafe_code)]
fn attach(cgroup: &File, program: &OwnedFd) -> std::io::Result<()> {
    let request = Attach {
        target: cgroup.as_raw_fd() as u32,
        program: program.as_raw_fd() as u32,
        kind: 6,
        // Beside what others attached above.
        flags: 2,
    };
    // SAFETY: the request holds numbers only.
    unsafe { bpf(ATTACH_PROGRAM, &request) }.map(drop)
}

/// The kernel's call: its result, or why not.
///
/// # Safety
/// What `request` points to must be as the command wants it, and live through the call.
#[allow(unsafe_code)]
unsafe fn bpf<T>(command: libc::c_long, request: &T) -> std::io::Result<i32> {
    // SAFETY: the request itself lives through the call and its size is given; the rest the caller vouches for.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(request),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(result as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel's machine would answer.
    fn allows(program: &[Instruction], kind: u32, wanted: u32, major: u32, minor: u32) -> bool {
        let context = [wanted << 16 | kind, major, minor];
        let mut registers = [0_u64; 11];
        let mut at = 0;
        loop {
            let it = program[at];
            let (to, from) = (
                usize::from(it.registers & 15),
                usize::from(it.registers >> 4),
            );
            let immediate = it.immediate as u32;
            at += 1;
            match it.code {
                LOAD => registers[to] = u64::from(context[it.offset as usize / 4]),
                MOVE => registers[to] = registers[from],
                SET => registers[to] = u64::from(immediate),
                SHIFT_RIGHT => registers[to] >>= immediate,
                AND => registers[to] = u64::from(registers[to] as u32 & immediate),
                JUMP_UNLESS_EQUAL if registers[to] != u64::from(immediate) => {
                    at += it.offset as usize;
                }
                JUMP_UNLESS_EQUAL => {}
                EXIT => return registers[0] == 1,
                other => panic!("no such instruction: {other:#x}"),
            }
        }
    }

    #[test]
    fn only_what_is_harmless_or_listed_is_allowed() {
        let program = program(&[Rule::new('b', 8, 1, "r"), Rule::new('c', 10, 200, "rwm")]);
        for (kind, wanted, major, minor, allowed) in [
            (CHARACTER, READ | WRITE, 1, 3, true),
            (CHARACTER, READ, 1, 1, false),
            (CHARACTER, READ | WRITE, 136, 17, true),
            (CHARACTER, MKNOD, 1, 1, true),
            (CHARACTER, MKNOD | READ, 1, 1, false),
            (BLOCK, MKNOD, 8, 0, true),
            (BLOCK, READ, 8, 0, false),
            (BLOCK, READ, 8, 1, true),
            (BLOCK, READ | WRITE, 8, 1, false),
            (BLOCK, READ, 1, 3, false),
            (CHARACTER, READ | WRITE | MKNOD, 10, 200, true),
            (CHARACTER, READ, 10, 201, false),
        ] {
            let found = allows(&program, kind, wanted, major, minor);
            assert_eq!(found, allowed, "{kind} {wanted} {major}:{minor}");
        }
    }
}
