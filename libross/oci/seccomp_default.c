/* SPDX-License-Identifier: Apache-2.0 */
/* The default system call filter: everything is EPERM but the rows below. */
#include "libross/oci/seccomp.h"

#include <errno.h>
#include <string.h>

#define AF_VSOCK_NUMBER 40
/* CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: no new namespaces without CAP_SYS_ADMIN */
#define CLONE_NAMESPACES 0x7e020000

struct arg {
    const char *op; /* NULL = no condition */
    unsigned index;
    int64_t value, value_two;
};

struct row {
    const char *names;         /* separated by blanks */
    const char *arches;        /* only on these, separated by blanks; NULL = all */
    const char *not_arches;    /* not on these */
    const char *capability;    /* only with this one, NULL = always */
    const char *no_capability; /* only without this one */
    int refuse;                /* this errno instead of being allowed */
    struct arg arg;
};

/* Calls that need no privilege, or none that the kernel does not check by itself. */
static const char always[] =
    "accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown "
    "chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
    "clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect "
    "copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old "
    "epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit "
    "exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod "
    "fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr "
    "flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate "
    "ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat "
    "getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 "
    "getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority "
    "getrandom getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage "
    "getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr "
    "getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl "
    "io_destroy io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup "
    "io_submit ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown "
    "lchown32 lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek "
    "lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create "
    "memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect "
    "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
    "mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock "
    "munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 "
    "pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll "
    "ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv "
    "process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead "
    "readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages "
    "removexattr removexattrat rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction "
    "rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
    "rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam "
    "sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval "
    "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
    "sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop "
    "semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 "
    "setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority "
    "setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
    "setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address setuid setuid32 "
    "setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signal signalfd signalfd4 "
    "sigaction sigpending sigprocmask sigreturn sigsuspend socketcall socketpair splice stat "
    "stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo "
    "tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 "
    "timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 "
    "timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname "
    "unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 "
    "waitid waitpid write writev";

static const char with_sys_admin[] =
    "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie "
    "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree "
    "open_tree_attr perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog "
    "umount umount2 unshare";

static const struct row rows[] = {
    {.names = always},
    {.names = "socket", .arg = {"SCMP_CMP_NE", 0, AF_VSOCK_NUMBER, 0}},
    /* Linux, Linux with short inodes, 32-bit uname, both, and asking for the present one */
    {.names = "personality", .arg = {"SCMP_CMP_EQ", 0, 0x0, 0}},
    {.names = "personality", .arg = {"SCMP_CMP_EQ", 0, 0x8, 0}},
    {.names = "personality", .arg = {"SCMP_CMP_EQ", 0, 0x20000, 0}},
    {.names = "personality", .arg = {"SCMP_CMP_EQ", 0, 0x20008, 0}},
    {.names = "personality", .arg = {"SCMP_CMP_EQ", 0, 0xffffffff, 0}},

    {.names = "sync_file_range2 swapcontext", .arches = "ppc64le"},
    {.names = "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
     .arches = "arm arm64"},
    {.names = "arch_prctl", .arches = "amd64"},
    {.names = "modify_ldt", .arches = "amd64 386"},
    {.names = "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr", .arches = "s390x"},
    {.names = "riscv_flush_icache riscv_hwprobe", .arches = "riscv64"},

    {.names = with_sys_admin, .capability = "CAP_SYS_ADMIN"},
    {.names = "clone",
     .no_capability = "CAP_SYS_ADMIN",
     .not_arches = "s390x",
     .arg = {"SCMP_CMP_MASKED_EQ", 0, CLONE_NAMESPACES, 0}},
    {.names = "clone",
     .no_capability = "CAP_SYS_ADMIN",
     .arches = "s390x", /* the flags are its second argument */
     .arg = {"SCMP_CMP_MASKED_EQ", 1, CLONE_NAMESPACES, 0}},
    /* its flags are in memory, where no filter looks; libraries fall back to clone on ENOSYS */
    {.names = "clone3", .no_capability = "CAP_SYS_ADMIN", .refuse = ENOSYS},

    {.names = "open_by_handle_at", .capability = "CAP_DAC_READ_SEARCH"},
    {.names = "reboot", .capability = "CAP_SYS_BOOT"},
    {.names = "chroot", .capability = "CAP_SYS_CHROOT"},
    {.names = "delete_module init_module finit_module", .capability = "CAP_SYS_MODULE"},
    {.names = "acct", .capability = "CAP_SYS_PACCT"},
    {.names = "kcmp pidfd_getfd process_madvise", .capability = "CAP_SYS_PTRACE"},
    {.names = "iopl ioperm", .capability = "CAP_SYS_RAWIO"},
    {.names = "settimeofday stime clock_settime clock_settime64", .capability = "CAP_SYS_TIME"},
    {.names = "vhangup", .capability = "CAP_SYS_TTY_CONFIG"},
    {.names = "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
     .capability = "CAP_SYS_NICE"},
    {.names = "syslog", .capability = "CAP_SYSLOG"},
    {.names = "bpf", .capability = "CAP_BPF"},
    {.names = "perf_event_open", .capability = "CAP_PERFMON"},
};

static const struct {
    const char *architecture, *names;
} arch_rows[] = {
    {"amd64", "SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32"},
    {"386", "SCMP_ARCH_X86"},
    {"arm64", "SCMP_ARCH_AARCH64 SCMP_ARCH_ARM"},
    {"arm", "SCMP_ARCH_ARM"},
    {"ppc64le", "SCMP_ARCH_PPC64LE"},
    {"s390x", "SCMP_ARCH_S390X SCMP_ARCH_S390"},
    {"riscv64", "SCMP_ARCH_RISCV64"},
    {"loong64", "SCMP_ARCH_LOONGARCH64"},
    {"mips64le", "SCMP_ARCH_MIPSEL64 SCMP_ARCH_MIPSEL SCMP_ARCH_MIPSEL64N32"},
};

static struct json *
words(const char *text)
{
    AUTO(strv) list = strv_split(text, ' ');

    return json_new_strv(&list);
}

static bool
has_word(const char *text, const char *word)
{
    AUTO(strv) list = strv_split(text, ' ');

    return strv_has(&list, word);
}

static bool
has_cap(const struct seccomp_host *host, const char *name)
{
    return capability_has(host->caps, capability_find(name));
}

static bool
applies(const struct row *row, const struct seccomp_host *host, const char *arch)
{
    return (!row->arches || has_word(row->arches, arch)) &&
           (!row->not_arches || !has_word(row->not_arches, arch)) &&
           (!row->capability || has_cap(host, row->capability)) &&
           (!row->no_capability || !has_cap(host, row->no_capability));
}

static struct json *
row_to_json(const struct row *row)
{
    struct json *o = json_new_object(), *args, *arg;

    json_set(o, "names", words(row->names));
    json_set(o, "action", json_new_str(row->refuse ? "SCMP_ACT_ERRNO" : "SCMP_ACT_ALLOW"));
    if (row->refuse)
        json_set(o, "errnoRet", json_new_int(row->refuse));
    if (row->arg.op) {
        arg = json_new_object();
        json_set(arg, "index", json_new_int(row->arg.index));
        json_set(arg, "value", json_new_int(row->arg.value));
        json_set(arg, "valueTwo", json_new_int(row->arg.value_two));
        json_set(arg, "op", json_new_str(row->arg.op));
        args = json_new_array();
        json_push(args, arg);
        json_set(o, "args", args);
    }
    return o;
}

struct json *
seccomp_default(const struct seccomp_host *host)
{
    const char *arch = seccomp_architecture(host);
    struct json *o = json_new_object(), *syscalls = json_new_array();

    json_set(o, "defaultAction", json_new_str("SCMP_ACT_ERRNO"));
    json_set(o, "defaultErrnoRet", json_new_int(EPERM));
    for (size_t i = 0; i < ARRAY_LEN(arch_rows); i++)
        if (strcmp(arch_rows[i].architecture, arch) == 0)
            json_set(o, "architectures", words(arch_rows[i].names));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (applies(&rows[i], host, arch))
            json_push(syscalls, row_to_json(&rows[i]));
    json_set(o, "syscalls", syscalls);
    return o;
}
