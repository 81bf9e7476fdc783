/* SPDX-License-Identifier: Apache-2.0 */
/* login, logout: who we are at registries. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmd.h"
#include "ross-cli/registry/registry_login.h"

#define PASSWORD_MAX 65536

struct login_command {
    const char *username;
    bool password_stdin, plain_http;
};

#define LOGIN(member) offsetof(struct login_command, member)

static const struct option_row login_rows[] = {
    {.name = "username",
     .letter = 'u',
     .type = OPTION_STR,
     .offset = LOGIN(username),
     .arg = "NAME",
     .help = "who you are there; asked for when missing"},
    {.name = "password-stdin",
     .type = OPTION_FLAG,
     .offset = LOGIN(password_stdin),
     .help = "read the password from standard input instead of asking for it"},
    {.name = "plain-http",
     .type = OPTION_FLAG,
     .offset = LOGIN(plain_http),
     .help = "http instead of https (localhost needs no asking)"},
};

/* One line from standard input, without its end; malloc'ed. */
static int
read_line(const char *what, char **ret, struct err *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, stdin);

    if (n < 0 || n > PASSWORD_MAX) {
        free(line);
        return err_set(err, CODE_INVALID_ARGUMENT, "there is no %s on standard input", what);
    }
    line[strcspn(line, "\r\n")] = '\0';
    *ret = line;
    return 0;
}

static int
ask_password(char **ret, struct err *err)
{
    struct termios old, quiet;
    int r;

    if (tcgetattr(STDIN_FILENO, &old) < 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "no terminal to ask for the password: --password-stdin");
    fprintf(stderr, "Password: ");
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t) ECHO;
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    r = read_line("password", ret, err);
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fprintf(stderr, "\n");
    return r;
}

static int
login_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct login_command *cmd = options;
    auto_free char *host = registry_login_host(n_words ? words[0] : NULL);
    auto_free char *user = cmd->username ? xstrdup(cmd->username) : NULL;
    char *password = NULL;
    int r = 0;

    (void) s;
    if (!user && cmd->password_stdin)
        return err_set(err, CODE_INVALID_ARGUMENT, "--password-stdin needs --username");
    if (!user) {
        fprintf(stderr, "Username: ");
        r = read_line("user name", &user, err);
    }
    if (r == 0)
        r = cmd->password_stdin ? read_line("password", &password, err)
                                : ask_password(&password, err);
    if (r == 0)
        r = registry_login(host, user, password, cmd->plain_http, NULL, err);
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
    if (r == 0)
        printf("logged in to %s as %s\n", host, user);
    return r;
}

const struct command_row cmd_login = {
    .path = "login",
    .synopsis = "[OPTION…] [REGISTRY]",
    .summary = "Checks a user and password with a registry and keeps them where docker does",
    .options = login_rows,
    .n_options = ARRAY_LEN(login_rows),
    .options_size = sizeof(struct login_command),
    .words_max = 1,
    .run = login_run,
};

static int
logout_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    auto_free char *host = registry_login_host(n_words ? words[0] : NULL);
    int r = registry_logout(host, NULL, err);

    (void) s;
    (void) options;
    if (r == 0)
        printf("there was no login for %s\n", host);
    else if (r > 0)
        printf("logged out of %s\n", host);
    return r < 0 ? r : 0;
}

const struct command_row cmd_logout = {
    .path = "logout",
    .synopsis = "[REGISTRY]",
    .summary = "Forgets the login for a registry",
    .words_max = 1,
    .run = logout_run,
};
