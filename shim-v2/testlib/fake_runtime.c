/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime for tests of the shim: understands runc's command line, makes plain processes instead of containers,
 * and misbehaves when FAKE_RUNTIME says so: "VERB:hang", "VERB:noise" (prints without end), "VERB:nopid" (says
 * nothing of its process), "VERB:fail". The process of a container sleeps, that of an exec ends at once with the
 * exit code in FAKE_EXEC_CODE; one with the arguments "bytes" N writes N bytes and ends.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct command {
    const char *root, *log, *verb, *pid_file, *process, *bundle, *id;
    int signo;
};

static bool
takes_value(const char *flag)
{
    static const char *const flags[] = {"--root",    "--log",      "--log-format",
                                        "--bundle",  "--pid-file", "--console-socket",
                                        "--process", "--format"};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strcmp(flags[i], flag) == 0)
            return true;
    return false;
}

static void
parse(int argc, char **argv, struct command *c)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--root") == 0)
            c->root = value;
        else if (strcmp(argv[i], "--log") == 0)
            c->log = value;
        else if (strcmp(argv[i], "--pid-file") == 0)
            c->pid_file = value;
        else if (strcmp(argv[i], "--process") == 0)
            c->process = value;
        else if (strcmp(argv[i], "--bundle") == 0)
            c->bundle = value;
        if (takes_value(argv[i]))
            i++;
        else if (argv[i][0] == '-')
            continue;
        else if (!c->verb)
            c->verb = argv[i];
        else if (!c->id)
            c->id = argv[i];
        else
            c->signo = atoi(argv[i]);
    }
}

static int
fail(const struct command *c, const char *msg)
{
    FILE *f = fopen(c->log, "a");

    if (f) {
        (void) fprintf(f, "{\"level\":\"error\",\"msg\":\"%s\"}\n", msg);
        (void) fclose(f);
    }
    return 1;
}

static void
number_write(const char *path, int n)
{
    FILE *f = fopen(path, "w");

    if (!f)
        exit(1);
    (void) fprintf(f, "%d", n);
    (void) fclose(f);
}

/* How many bytes the document of a process asks for; -1: it does not. */
static long
bytes_wanted(const struct command *c)
{
    static const char word[] = "\"bytes\"";
    char text[4096] = "", path[4096];
    const char *at;
    FILE *f;

    (void) snprintf(path, sizeof path, "%s%s",
                    c->process  ? c->process
                    : c->bundle ? c->bundle
                                : "",
                    c->process ? "" : "/config.json");
    f = fopen(path, "r");
    if (f) {
        (void) !fread(text, 1, sizeof text - 1, f);
        (void) fclose(f);
    }
    at = strstr(text, word);
    at = at ? strpbrk(at + sizeof word - 1, "0123456789") : NULL;
    return at ? strtol(at, NULL, 10) : -1;
}

static void
bytes_write(long n)
{
    static char bytes[65536];

    while (n > 0) {
        ssize_t w =
            write(STDOUT_FILENO, bytes, n < (long) sizeof bytes ? (size_t) n : sizeof bytes);

        if (w < 0)
            _exit(1);
        n -= w;
    }
}

/* A container's process waits for `start`, which is SIGUSR1. */
static int
spawn(const struct command *c, bool container)
{
    const char *code = getenv("FAKE_EXEC_CODE");
    long bytes = bytes_wanted(c); /* now: the file goes when we do */
    sigset_t begin;
    pid_t pid;
    int signo;

    sigemptyset(&begin);
    sigaddset(&begin, SIGUSR1);
    (void) sigprocmask(SIG_BLOCK, &begin, NULL);
    pid = fork();
    if (pid == 0) {
        if (container)
            (void) sigwait(&begin, &signo);
        while (container && bytes < 0)
            (void) pause();
        bytes_write(bytes);
        _exit(code ? atoi(code) : 0);
    }
    number_write(c->pid_file, pid);
    return pid;
}

static char *
state_path(const struct command *c)
{
    static char path[4096];

    (void) snprintf(path, sizeof path, "%s/%s", c->root, c->id ? c->id : "");
    return path;
}

static int
pid_read(const struct command *c)
{
    FILE *f = fopen(state_path(c), "r");
    int pid = 0;

    if (f) {
        (void) !fscanf(f, "%d", &pid);
        (void) fclose(f);
    }
    return pid;
}

static void
misbehave(const struct command *c)
{
    const char *how = getenv("FAKE_RUNTIME");
    size_t n = strlen(c->verb);

    if (!how || strncmp(how, c->verb, n) != 0 || how[n] != ':')
        return;
    if (strcmp(how + n + 1, "hang") == 0)
        for (;;)
            (void) pause();
    if (strcmp(how + n + 1, "noise") == 0)
        for (;;)
            if (write(STDOUT_FILENO, "noise noise noise noise\n", 24) < 0)
                exit(1);
    if (strcmp(how + n + 1, "nopid") == 0)
        exit(0);
    if (strcmp(how + n + 1, "fail") == 0)
        exit(fail(c, "told to fail"));
}

int
main(int argc, char **argv)
{
    struct command c = {.root = "/tmp", .log = "/dev/null"};
    int pid;

    parse(argc, argv, &c);
    if (!c.verb)
        return 1;
    misbehave(&c);
    if (strcmp(c.verb, "create") == 0) {
        (void) mkdir(c.root, 0700);
        number_write(state_path(&c), spawn(&c, true));
        return 0;
    }
    if (strcmp(c.verb, "start") == 0)
        return kill(pid_read(&c), SIGUSR1) < 0 ? fail(&c, "container not created") : 0;
    if (strcmp(c.verb, "exec") == 0) {
        (void) spawn(&c, false);
        return 0;
    }
    if (strcmp(c.verb, "kill") == 0) {
        pid = pid_read(&c);
        if (pid <= 0 || kill(pid, c.signo) < 0)
            return fail(&c, "container not running");
        return 0;
    }
    if (strcmp(c.verb, "delete") == 0) {
        pid = pid_read(&c);
        if (pid <= 0)
            return fail(&c, "container does not exist");
        (void) kill(pid, SIGKILL);
        (void) unlink(state_path(&c));
    }
    return 0;
}
