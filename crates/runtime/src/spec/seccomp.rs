//! The system call filter. The default follows Docker's and containerd's profile: everything allowed that
//! ordinary programs need, privileged calls only with the capability they need. Pure.

use serde_json::{Value, json};

use crate::container::Seccomp;
use crate::error::{Error, Result};

/// Calls that every container may make, in groups of a kind, separated by blanks.
const ALLOWED: [&str; 7] = [
    // Files and directories
    "access chdir chmod chown chown32 close close_range creat dup dup2 dup3 faccessat \
     faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown \
     fchown32 fchownat fcntl fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 \
     fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 lchown lchown32 link \
     linkat _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at \
     newfstatat open openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat \
     stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range syncfs truncate \
     truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes",
    // Attributes and notification
    "fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr \
     listxattrat llistxattr lremovexattr lsetxattr removexattr removexattrat setxattr \
     setxattrat fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch",
    // Reading, writing, waiting
    "copy_file_range epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait \
     epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 io_cancel io_destroy io_getevents \
     io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set \
     _newselect pipe pipe2 poll ppoll ppoll_time64 pread64 preadv preadv2 pselect6 \
     pselect6_time64 pwrite64 pwritev pwritev2 read readahead readv select sendfile sendfile64 \
     signalfd signalfd4 splice tee vmsplice write writev cachestat",
    // Memory
    "brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 \
     mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc \
     pkey_free pkey_mprotect process_mrelease remap_file_pages",
    // Processes, threads, identity
    "arch_prctl capget capset execve execveat exit exit_group fork futex futex_requeue \
     futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area getcpu \
     getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp \
     getpid getppid getpriority getresgid getresgid32 getresuid getresuid32 getrlimit getrusage \
     getsid gettid getuid getuid32 landlock_add_rule landlock_create_ruleset \
     landlock_restrict_self modify_ldt pidfd_open pidfd_send_signal prctl prlimit64 \
     process_madvise process_vm_readv process_vm_writev ptrace rseq sched_get_priority_max \
     sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler \
     sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr \
     sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area \
     set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups \
     setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid \
     setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 sysinfo times ugetrlimit \
     uname vfork wait4 waitid waitpid lsm_get_self_attr lsm_set_self_attr lsm_list_modules \
     listmount statmount",
    // Signals and time
    "alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime \
     clock_gettime64 clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday kill \
     nanosleep pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo \
     rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo \
     setitimer sigaltstack sigprocmask sigreturn tgkill time timer_create timer_delete \
     timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 \
     timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 tkill \
     adjtimex",
    // Network and communication
    "accept accept4 bind connect getpeername getsockname getsockopt getrandom ipc listen \
     mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend \
     mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd recv recvfrom recvmmsg \
     recvmmsg_time64 recvmsg semctl semget semop semtimedop semtimedop_time64 send sendmmsg \
     sendmsg sendto setsockopt shmat shmctl shmdt shmget shutdown socketcall socketpair \
     uretprobe",
];

/// Further calls for those who hold a capability.
const WITH_CAPABILITY: &[(&str, &[&str])] = &[
    ("CAP_BPF", &["bpf"]),
    ("CAP_DAC_READ_SEARCH", &["open_by_handle_at"]),
    ("CAP_PERFMON", &["perf_event_open"]),
    (
        "CAP_SYS_ADMIN",
        &[
            "bpf",
            "clone",
            "clone3",
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "perf_event_open",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "syslog",
            "umount",
            "umount2",
            "unshare",
        ],
    ),
    ("CAP_SYS_BOOT", &["reboot"]),
    ("CAP_SYS_CHROOT", &["chroot"]),
    (
        "CAP_SYS_MODULE",
        &["delete_module", "finit_module", "init_module"],
    ),
    (
        "CAP_SYS_NICE",
        &[
            "get_mempolicy",
            "mbind",
            "set_mempolicy",
            "set_mempolicy_home_node",
        ],
    ),
    ("CAP_SYS_PACCT", &["acct"]),
    ("CAP_SYS_PTRACE", &["kcmp", "pidfd_getfd"]),
    ("CAP_SYS_RAWIO", &["ioperm", "iopl"]),
    (
        "CAP_SYS_TIME",
        &["clock_settime", "clock_settime64", "settimeofday", "stime"],
    ),
    ("CAP_SYS_TTY_CONFIG", &["vhangup"]),
    ("CAP_SYSLOG", &["syslog"]),
];

/// `clone` flags that make namespaces.
const NAMESPACE_FLAGS: u64 = 0x7E02_0000;
/// What programs query or set: Linux, its 32-bit and "uname 2.6" variants, and "unchanged".
const PERSONALITIES: [u64; 5] = [0, 0x0008, 0x0002_0000, 0x0002_0008, 0xFFFF_FFFF];
/// Sockets of hypervisors, which reach beyond the network namespace.
const AF_VSOCK: u64 = 40;
const ENOSYS: u32 = 38;

/// The filter for a container that holds these capabilities; `None` means no filter.
pub(crate) fn profile(
    wanted: &Seccomp,
    file: Option<&str>,
    held: &[String],
) -> Result<Option<Value>> {
    match wanted {
        Seccomp::Unconfined => Ok(None),
        Seccomp::RuntimeDefault => Ok(Some(default(held))),
        Seccomp::Localhost(path) => {
            let invalid = |reason: String| Error::Invalid {
                field: "seccompProfile.localhostProfile",
                reason: format!("{}: {reason}", path.display()),
            };
            let text = file.ok_or_else(|| invalid("not read".to_owned()))?;
            let profile = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
            Ok(Some(localhost(profile, held).map_err(invalid)?))
        }
    }
}

fn default(held: &[String]) -> Value {
    let allow = |names: &[&str], args: Value| json!({ "names": names, "action": "SCMP_ACT_ALLOW", "args": args });
    let equals = |value: u64| json!([{ "index": 0, "value": value, "op": "SCMP_CMP_EQ" }]);
    let mut names: Vec<&str> = ALLOWED.iter().flat_map(|group| group.split(' ')).collect();
    for (capability, calls) in WITH_CAPABILITY {
        if held.iter().any(|h| h == capability) {
            names.extend(*calls);
        }
    }
    let administers = names.contains(&"clone");
    let mut rules = vec![json!({ "names": names, "action": "SCMP_ACT_ALLOW" })];
    for value in PERSONALITIES {
        rules.push(allow(&["personality"], equals(value)));
    }
    rules.push(allow(
        &["socket"],
        json!([{ "index": 0, "value": AF_VSOCK, "op": "SCMP_CMP_NE" }]),
    ));
    if !administers {
        let args = json!([{
            "index": 0, "value": NAMESPACE_FLAGS, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ",
        }]);
        rules.push(allow(&["clone"], args));
        // Its flags are behind a pointer; programs fall back to clone.
        rules.push(json!({ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS }));
    }
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": architectures(),
        "syscalls": rules,
    })
}

fn architectures() -> &'static [&'static str] {
    match std::env::consts::ARCH {
        "x86_64" => &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "aarch64" => &["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
        _ => &[],
    }
}

/// Takes a profile in Docker's format, whose rules can depend on capabilities.
fn localhost(mut profile: Value, held: &[String]) -> std::result::Result<Value, String> {
    let object = profile.as_object_mut().ok_or("not an object")?;
    if !object.contains_key("defaultAction") {
        return Err("defaultAction is missing".to_owned());
    }
    object.remove("archMap");
    if let Some(Value::Array(rules)) = object.get_mut("syscalls") {
        rules.retain(|rule| {
            let mentions = |list: &str, all: bool| {
                let named = rule[list]["caps"].as_array().cloned().unwrap_or_default();
                let has = |c: &Value| held.iter().any(|h| Some(h.as_str()) == c.as_str());
                if all {
                    named.iter().all(has)
                } else {
                    named.iter().any(has)
                }
            };
            mentions("includes", true) && !mentions("excludes", false)
        });
        for rule in rules.iter_mut().filter_map(Value::as_object_mut) {
            rule.retain(|key, value| {
                ["names", "action", "errnoRet", "args"].contains(&key.as_str()) && !value.is_null()
            });
        }
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_open_calls() {
        let names = |held: &[&str]| {
            let held: Vec<String> = held.iter().map(|h| (*h).to_owned()).collect();
            default(&held)["syscalls"][0]["names"].to_string()
        };
        assert!(!names(&[]).contains("\"mount\""));
        assert!(!names(&[]).contains("\"clone\""));
        assert!(names(&["CAP_SYS_ADMIN"]).contains("\"mount\""));
        assert!(names(&["CAP_SYS_CHROOT"]).contains("\"chroot\""));
    }

    #[test]
    fn local_profiles_are_adapted() {
        let path = Seccomp::Localhost("/p.json".into());
        let text = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["mkdir"],"action":"SCMP_ACT_ERRNO","comment":"no"},
            {"names":["bpf"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_BPF"]}}]}"#;
        let rules = |held: &[String]| {
            let value = profile(&path, Some(text), held).unwrap().unwrap();
            value["syscalls"].as_array().unwrap().len()
        };
        assert_eq!(rules(&[]), 1);
        assert_eq!(rules(&["CAP_BPF".to_owned()]), 2);
        assert!(profile(&path, Some("{}"), &[]).is_err());
        assert!(profile(&path, Some("nonsense"), &[]).is_err());
    }
}
