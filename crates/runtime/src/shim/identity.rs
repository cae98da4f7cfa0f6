//! The last steps of a process before it becomes a container's program: capabilities and system call filter.
//! The same for a container's own process and for commands executed in it later.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::str::FromStr;

use caps::{CapSet, Capability};
use nix::libc;

use crate::native::records::{self, Confinement};

/// Bytes of one instruction, and of the flags before the first.
const INSTRUCTION: usize = 8;
const FLAGS: usize = 4;

/// What a process shall be left with.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    capabilities: HashSet<Capability>,
    no_new_privileges: bool,
    /// Flags and instructions.
    filter: Option<Vec<u8>>,
}

impl Identity {
    /// Reads it from the directory of a container.
    pub(super) fn load(dir: &Path) -> Result<Self, String> {
        let confinement: Option<Confinement> =
            records::read(dir, records::CONFINEMENT).map_err(|e| e.to_string())?;
        let confinement = confinement.ok_or("the container's confinement is unknown")?;
        let mut capabilities = HashSet::new();
        for name in &confinement.capabilities {
            capabilities.insert(Capability::from_str(name).map_err(|e| e.to_string())?);
        }
        let filter = if confinement.filter {
            let path = dir.join(records::FILTER);
            Some(std::fs::read(&path).map_err(|e| format!("read {}: {e}", path.display()))?)
        } else {
            None
        };
        Ok(Identity {
            capabilities,
            no_new_privileges: confinement.no_new_privileges,
            filter,
        })
    }

    /// Confines this process for good. It holds at least CAP_SETPCAP and CAP_SYS_ADMIN as permitted.
    pub(super) fn assume(&self) -> Result<(), String> {
        let explain = |what: &'static str| move |e: caps::errors::CapsError| format!("{what}: {e}");
        let helpers = [Capability::CAP_SETPCAP, Capability::CAP_SYS_ADMIN];
        let with_helpers: HashSet<_> = self.capabilities.iter().chain(&helpers).copied().collect();
        caps::set(None, CapSet::Effective, &with_helpers).map_err(explain("raise capabilities"))?;
        let bounding = caps::read(None, CapSet::Bounding).map_err(explain("read capabilities"))?;
        for dropped in bounding.difference(&self.capabilities) {
            caps::drop(None, CapSet::Bounding, *dropped).map_err(explain("drop capabilities"))?;
        }
        caps::clear(None, CapSet::Ambient).map_err(explain("drop ambient capabilities"))?;
        caps::clear(None, CapSet::Inheritable).map_err(explain("drop inheritable capabilities"))?;
        if self.no_new_privileges {
            rustix::thread::set_no_new_privs(true).map_err(|e| format!("no_new_privs: {e}"))?;
            self.drop_to_wanted()?;
            return self.set_filter();
        }
        // Without no_new_privs only a privileged process may set a filter.
        self.set_filter()?;
        self.drop_to_wanted()
    }

    fn drop_to_wanted(&self) -> Result<(), String> {
        for set in [CapSet::Effective, CapSet::Permitted] {
            caps::set(None, set, &self.capabilities)
                .map_err(|e| format!("{set:?} capabilities: {e}"))?;
        }
        Ok(())
    }

    #[allow(unsafe_code)]
    fn set_filter(&self) -> Result<(), String> {
        let Some((flags, program)) = self
            .filter
            .as_ref()
            .and_then(|f| f.split_first_chunk::<FLAGS>())
        else {
            return Ok(());
        };
        let instructions: Vec<libc::sock_filter> =
            program.chunks_exact(INSTRUCTION).map(instruction).collect();
        let length = u16::try_from(instructions.len()).map_err(|_| "seccomp filter is too long")?;
        let program = libc::sock_fprog {
            len: length,
            filter: instructions.as_ptr().cast_mut(),
        };
        // SAFETY: the kernel copies the instructions, which live until after the call, and changes nothing.
        let result = unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                u32::from_le_bytes(*flags),
                &raw const program,
            )
        };
        if result != 0 {
            return Err(format!(
                "set seccomp filter: {}",
                io::Error::last_os_error()
            ));
        }
        Ok(())
    }
}

fn instruction(bytes: &[u8]) -> libc::sock_filter {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    libc::sock_filter {
        code: u16::from_ne_bytes([byte(0), byte(1)]),
        jt: byte(2),
        jf: byte(3),
        k: u32::from_ne_bytes([byte(4), byte(5), byte(6), byte(7)]),
    }
}
