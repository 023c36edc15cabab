/* forbidden_calls.h - system calls that no host may make, each of which leads out of the sandbox or around it: other
 * processes, memory of theirs, code that was not loaded, namespaces, the kernel itself. All fail with EPERM, whatever
 * their arguments. */
#ifndef TESTS_PLUGINS_FORBIDDEN_CALLS_H
#define TESTS_PLUGINS_FORBIDDEN_CALLS_H

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The name of the first one that is not refused, or NULL. Their arguments are wrong, so that none does anything. */
static inline const char *first_call_not_refused(void) {
#define CALL(name)                                                                                                     \
    { #name, SYS_##name }
    static const struct {
        const char *name;
        long number;
    } calls[] = {CALL(io_uring_setup),
                 CALL(io_uring_enter),
                 CALL(io_uring_register),
                 CALL(memfd_create),
                 CALL(execve),
                 CALL(execveat),
                 CALL(userfaultfd),
                 CALL(ptrace),
                 CALL(process_vm_readv),
                 CALL(process_vm_writev),
                 CALL(process_madvise),
                 CALL(pidfd_open),
                 CALL(pidfd_getfd),
                 CALL(pidfd_send_signal),
                 CALL(kcmp),
                 CALL(clone3),
                 CALL(unshare),
                 CALL(setns),
                 CALL(mount),
                 CALL(umount2),
                 CALL(pivot_root),
                 CALL(chroot),
                 CALL(open_tree),
                 CALL(move_mount),
                 CALL(fsopen),
                 CALL(mount_setattr),
                 CALL(open_by_handle_at),
                 CALL(name_to_handle_at),
                 CALL(openat2),
                 CALL(bpf),
                 CALL(perf_event_open),
                 CALL(keyctl),
                 CALL(add_key),
                 CALL(request_key),
                 CALL(personality),
                 CALL(prctl),
                 CALL(setuid),
                 CALL(setresuid),
                 CALL(setgroups),
                 CALL(capset),
                 CALL(kill),
                 CALL(rt_sigqueueinfo),
                 CALL(rt_tgsigqueueinfo),
                 CALL(sched_setaffinity),
                 CALL(sched_setattr),
                 CALL(setpriority),
                 CALL(ioprio_set),
                 CALL(migrate_pages),
                 CALL(mbind),
                 CALL(socketpair),
                 CALL(bind),
                 CALL(listen),
                 CALL(accept4),
                 CALL(shmget),
                 CALL(shmat),
                 CALL(msgget),
                 CALL(semget),
                 CALL(mq_open),
                 CALL(inotify_init1),
                 CALL(fanotify_init),
                 CALL(splice),
                 CALL(vmsplice),
                 CALL(tee),
                 CALL(sendfile),
                 CALL(copy_file_range),
                 CALL(ioctl),
                 CALL(dup),
                 CALL(dup3),
                 CALL(pipe2),
                 CALL(truncate),
                 CALL(fallocate),
                 CALL(unlinkat),
                 CALL(renameat2),
                 CALL(linkat),
                 CALL(symlinkat),
                 CALL(mkdirat),
                 CALL(fchmodat),
                 CALL(fchownat),
                 CALL(utimensat),
                 CALL(setxattr),
                 CALL(chdir),
                 CALL(fchdir),
                 CALL(swapon),
                 CALL(reboot),
                 CALL(kexec_load),
                 CALL(init_module),
                 CALL(finit_module),
                 CALL(delete_module),
                 CALL(acct),
                 CALL(quotactl),
                 CALL(settimeofday),
                 CALL(clock_settime),
                 CALL(clock_adjtime),
                 CALL(sethostname),
                 CALL(syslog),
                 CALL(setrlimit),
                 CALL(setsid),
                 CALL(setpgid),
                 CALL(pkey_mprotect),
                 CALL(memfd_secret),
                 CALL(remap_file_pages),
                 CALL(mlockall),
                 CALL(ustat)};
#undef CALL
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (syscall(calls[i].number, -1L, -1L, -1L, -1L, -1L, -1L) != -1 || errno != EPERM) return calls[i].name;
    return NULL;
}

#endif
