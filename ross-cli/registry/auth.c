/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/auth.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "libross/base/clock.h"
#include "libross/json/json.h"
#include "ross-cli/registry/answer.h"
#include "ross-cli/registry/challenge.h"
#include "ross-cli/registry/credentials.h"
#include "ross-cli/registry/exchange.h"
#include "ross-cli/registry/retry.h"

#define TOKEN_LIFETIME_DEFAULT_S 60 /* distribution's token specification */
#define TOKENS_MAX               64 /* kept per server */
#define CLIENT_ID                "ross"

struct token {
    char *scope; /* "" when the server chose */
    char *value;
    int64_t until_ns;
};

/* What is known of one server. */
struct site {
    char *base;
    struct challenge wants;
    struct token tokens[TOKENS_MAX];
    size_t n_tokens, next_token;
    struct site *next;
};

struct auth {
    struct credentials *credentials;
    char *user, *password;
    int64_t retry_wait_max_ms;
    pthread_mutex_t lock;
    struct site *sites;
};

static void
token_drop(struct token *t)
{
    free(t->scope);
    free(t->value);
    *t = (struct token){0};
}

int
auth_new(const struct auth_options *opt, struct auth **ret, struct err *err)
{
    AUTO_PTR(auth) a = xcalloc(1, sizeof *a);
    int r;

    (void) pthread_mutex_init(&a->lock, NULL);
    if (opt->user && opt->password) {
        a->user = xstrdup(opt->user);
        a->password = xstrdup(opt->password);
    }
    a->retry_wait_max_ms = opt->retry_wait_max_ms ? opt->retry_wait_max_ms : RETRY_WAIT_MAX_MS;
    r = credentials_new(opt->docker_config, &a->credentials, err);
    if (r < 0)
        return r;
    *ret = TAKE(a);
    return 0;
}

void
auth_free(struct auth *a)
{
    if (!a)
        return;
    for (struct site *s = a->sites, *next; s; s = next) {
        next = s->next;
        for (size_t i = 0; i < s->n_tokens; i++)
            token_drop(&s->tokens[i]);
        challenge_done(&s->wants);
        free(s->base);
        free(s);
    }
    credentials_free(a->credentials);
    free(a->user);
    if (a->password)
        explicit_bzero(a->password, strlen(a->password));
    free(a->password);
    (void) pthread_mutex_destroy(&a->lock);
    free(a);
}

static struct site *
site_find(struct auth *a, const char *base)
{
    for (struct site *s = a->sites; s; s = s->next)
        if (strcmp(s->base, base) == 0)
            return s;
    return NULL;
}

/* 1 and the credential, 0 when there is none for this server. */
static int
credential_for(struct auth *a, const struct registry_host *host, struct credential *ret,
               struct err *err)
{
    if (a->user && !host->mirror) {
        ret->user = xstrdup(a->user);
        ret->password = xstrdup(a->password);
        return 1;
    }
    return credentials_find(a->credentials, host->name, ret, err);
}

/* ---- tokens ---- */

int
auth_token_parse(const char *body, size_t n, char **ret_token, int64_t *ret_lifetime_s,
                 struct err *err)
{
    AUTO_PTR(json) root = NULL;
    int64_t lifetime = TOKEN_LIFETIME_DEFAULT_S;
    int r = json_parse(body, n, &root, err);

    if (r < 0)
        return r;
    const char *token = json_str(json_find(root, "token"));
    if (!token || !*token)
        token = json_str(json_find(root, "access_token"));
    if (!token || !*token)
        return err_set(err, CODE_INVALID_ARGUMENT, "the answer holds no token");
    for (const char *p = token; *p; p++)
        if (*p <= ' ' || *p > '~')
            return err_set(err, CODE_INVALID_ARGUMENT, "the token is not printable");
    (void) json_int(json_find(root, "expires_in"), &lifetime);
    if (lifetime < TOKEN_LIFETIME_DEFAULT_S)
        lifetime = TOKEN_LIFETIME_DEFAULT_S;
    if (lifetime > 86400)
        lifetime = 86400;
    *ret_token = xstrdup(token);
    *ret_lifetime_s = lifetime;
    return 0;
}

/* "service=…&scope=…&scope=…" */
static char *
token_query(const struct challenge *wants, const char *scope)
{
    struct strv parts = {0}, scopes = strv_split(scope, ' ');
    char *query;

    if (wants->service) {
        auto_free char *v = http_url_escape(wants->service);
        strv_printf(&parts, "service=%s", v);
    }
    for (size_t i = 0; i < scopes.n; i++) {
        auto_free char *v = http_url_escape(scopes.items[i]);
        if (*v)
            strv_printf(&parts, "scope=%s", v);
    }
    query = strv_join(&parts, "&");
    strv_done(&parts);
    strv_done(&scopes);
    return query;
}

/* OAuth2: a form with the refresh token or the password. */
static char *
token_form(const struct challenge *wants, const char *scope, const struct credential *cred)
{
    auto_free char *service = http_url_escape(wants->service ? wants->service : "");
    auto_free char *all_scopes = http_url_escape(scope);

    if (cred->identity_token) {
        auto_free char *secret = http_url_escape(cred->identity_token);
        return xasprintf(
            "grant_type=refresh_token&service=%s&client_id=%s&scope=%s&refresh_token=%s", service,
            CLIENT_ID, all_scopes, secret);
    }
    auto_free char *user = http_url_escape(cred->user);
    auto_free char *password = http_url_escape(cred->password);
    return xasprintf("grant_type=password&service=%s&client_id=%s&scope=%s&username=%s&password=%s",
                     service, CLIENT_ID, all_scopes, user, password);
}

/* One question to the token server; *ret_status is its status, the body goes to `body`. */
static int
token_ask(struct http *h, const struct exchange *x, struct retry *retry, struct buf *body,
          int *ret_status, struct err *err)
{
    for (;;) {
        AUTO_PTR(http_call) c = NULL;
        enum http_failure failure = HTTP_OK;
        int64_t after = -1;
        int status = 0, r = exchange_start(h, x, &c, &failure, err);

        if (r == 0) {
            status = http_call_status(c, err);
            after = answer_retry_after_ms(http_call_header(c, "Retry-After"), time(NULL));
        }
        if ((r < 0 && failure == HTTP_FAILED_BROKEN) || answer_is_temporary(status)) {
            int again = retry_wait(retry, h, after, err);
            if (again < 0)
                return again;
            if (again)
                continue;
        }
        if (r < 0)
            return r;
        *ret_status = status;
        buf_clear(body);
        return exchange_body(c, body, err);
    }
}

static int
token_get(struct auth *a, struct http *h, const struct registry_host *host,
          const struct challenge *wants, const char *scope, const struct credential *cred,
          struct buf *body, int *ret_status, struct err *err)
{
    auto_free char *query = token_query(wants, scope), *basic = NULL;
    auto_free char *url = xasprintf("%s%s%s", wants->realm,
                                    !*query                     ? ""
                                    : strchr(wants->realm, '?') ? "&"
                                                                : "?",
                                    query);
    struct retry retry = {.left_ms = a->retry_wait_max_ms};
    const struct http_tls tls = registry_host_tls(host, NULL);
    struct strv secrets = {0};
    struct exchange x = {.method = "GET", .url = url, .secrets = &secrets, .tls = &tls};
    int r;

    if (cred->user) {
        basic = credential_basic(cred->user, cred->password);
        strv_printf(&secrets, "Authorization: %s", basic);
    }
    r = token_ask(h, &x, &retry, body, ret_status, err);
    strv_done(&secrets);
    return r;
}

static int
token_post(struct auth *a, struct http *h, const struct registry_host *host,
           const struct challenge *wants, const char *scope, const struct credential *cred,
           struct buf *body, int *ret_status, struct err *err)
{
    auto_free char *form = token_form(wants, scope, cred);
    struct retry retry = {.left_ms = a->retry_wait_max_ms};
    const struct http_tls tls = registry_host_tls(host, NULL);
    struct strv headers = {0};
    int r;

    strv_add(&headers, "Content-Type: application/x-www-form-urlencoded");
    struct exchange x = {.method = "POST",
                         .url = wants->realm,
                         .headers = &headers,
                         .tls = &tls,
                         .body = form,
                         .body_bytes = strlen(form)};
    r = token_ask(h, &x, &retry, body, ret_status, err);
    explicit_bzero(form, strlen(form));
    strv_done(&headers);
    return r;
}

/* Secrets travel encrypted, except to ourselves or beside a registry that is plain http already. */
static int
realm_check(const struct registry_host *host, const char *realm, bool secret, struct err *err)
{
    auto_free char *origin = http_url_origin(realm);

    if (!origin)
        return err_set(err, CODE_INVALID_ARGUMENT, "the token server's address '%.200s' is no URL",
                       realm);
    if (secret && strncmp(origin, "http://", 7) == 0 && strncmp(host->base, "https:", 6) == 0 &&
        !hosts_is_local(origin + 7))
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "the token server %s would get the password unencrypted", origin);
    return 0;
}

static int
token_fetch(struct auth *a, struct http *h, const struct registry_host *host,
            const struct challenge *wants, const char *scope, const struct credential *cred,
            char **ret_token, int64_t *ret_lifetime_s, struct err *err)
{
    AUTO(buf) body = BUF_INIT(TOKEN_ANSWER_MAX);
    char text[ANSWER_TEXT_MAX], status_text[64];
    int status = 0, r = realm_check(host, wants->realm, cred->user || cred->identity_token, err);

    if (r < 0)
        return r;
    if (cred->identity_token)
        r = token_post(a, h, host, wants, scope, cred, &body, &status, err);
    else
        r = token_get(a, h, host, wants, scope, cred, &body, &status, err);
    /* OAuth2-only servers have no GET. */
    if (r == 0 && (status == 404 || status == 405) && cred->user)
        r = token_post(a, h, host, wants, scope, cred, &body, &status, err);
    if (r == 0 && status != 200) {
        answer_text(body.data, body.len, text);
        r = err_set(err, answer_code(status), "%s%s%s", answer_status_text(status, status_text),
                    *text ? ": " : "", text);
    }
    if (r == 0)
        r = auth_token_parse(body.data, body.len, ret_token, ret_lifetime_s, err);
    if (body.data)
        explicit_bzero(body.data, body.len);
    auto_free char *origin = http_url_origin(wants->realm);
    return r < 0 ? err_wrap(err, r, "token server %s", origin ? origin : "") : 0;
}

static struct token *
token_find(struct site *s, const char *scope)
{
    for (size_t i = 0; i < s->n_tokens; i++)
        if (s->tokens[i].value && strcmp(s->tokens[i].scope, scope) == 0)
            return &s->tokens[i];
    return NULL;
}

static void
token_keep(struct site *s, const char *scope, const char *value, int64_t lifetime_s)
{
    struct token *t = token_find(s, scope);

    if (!t && s->n_tokens < TOKENS_MAX)
        t = &s->tokens[s->n_tokens++];
    else if (!t)
        t = &s->tokens[s->next_token++ % TOKENS_MAX];
    token_drop(t);
    /* A tenth less than promised, so that it does not expire on its way. */
    *t = (struct token){.scope = xstrdup(scope),
                        .value = xstrdup(value),
                        .until_ns = clock_mono_ns() + lifetime_s * NS_PER_S / 10 * 9};
}

/* With a->lock held: other callers wait for the token rather than fetch it again. */
static int
bearer_header(struct auth *a, struct http *h, const struct registry_host *host, struct site *s,
              const char *scope, char **ret, struct err *err)
{
    struct token *t = token_find(s, scope);
    struct credential cred = {0};
    auto_free char *value = NULL;
    int64_t lifetime = 0;
    int r;

    if (t && t->until_ns > clock_mono_ns()) {
        *ret = xasprintf("Bearer %s", t->value);
        return 0;
    }
    r = credential_for(a, host, &cred, err);
    if (r < 0)
        return r;
    if (cred.registry_token)
        *ret = xasprintf("Bearer %s", cred.registry_token);
    else
        r = token_fetch(a, h, host, &s->wants, scope, &cred, &value, &lifetime, err);
    credential_done(&cred);
    if (r >= 0 && value) {
        token_keep(s, scope, value, lifetime);
        *ret = xasprintf("Bearer %s", value);
    }
    return r < 0 ? r : 0;
}

static int
basic_header(struct auth *a, const struct registry_host *host, char **ret, struct err *err)
{
    struct credential cred = {0};
    int r = credential_for(a, host, &cred, err);

    if (r > 0 && cred.user)
        *ret = credential_basic(cred.user, cred.password);
    credential_done(&cred);
    return r < 0 ? r : 0;
}

int
auth_header(struct auth *a, struct http *h, const struct registry_host *host, const char *scope,
            char **ret, struct err *err)
{
    char *value = NULL;
    int r = 0;

    (void) pthread_mutex_lock(&a->lock);
    struct site *s = site_find(a, host->base);
    if (s && s->wants.scheme == CHALLENGE_BASIC)
        r = basic_header(a, host, &value, err);
    else if (s && s->wants.scheme == CHALLENGE_BEARER)
        r = bearer_header(a, h, host, s,
                          scope            ? scope
                          : s->wants.scope ? s->wants.scope
                                           : "",
                          &value, err);
    (void) pthread_mutex_unlock(&a->lock);
    if (r == 0)
        *ret = value;
    return r;
}

/* The best of all challenges in an answer. */
static int
challenges_read(const struct http_call *answer, struct challenge *ret, struct err *err)
{
    struct challenge best = {0};
    const char *value;

    for (size_t i = 0; (value = http_call_header_at(answer, "WWW-Authenticate", i)); i++) {
        struct challenge c = {0};
        int r = challenge_parse(value, &c, err);
        if (r < 0) {
            challenge_done(&best);
            return r;
        }
        if (c.scheme > best.scheme) {
            challenge_done(&best);
            best = c;
        } else {
            challenge_done(&c);
        }
    }
    *ret = best;
    return 0;
}

/* With a->lock held. Whether `sent` was a token that we keep, which is then forgotten. */
static bool
token_forget(struct site *s, const char *sent)
{
    for (size_t i = 0; i < s->n_tokens; i++) {
        struct token *t = &s->tokens[i];
        if (t->value && strncmp(sent, "Bearer ", 7) == 0 && strcmp(sent + 7, t->value) == 0) {
            /* The slot stays, empty and expired. */
            free(t->value);
            t->value = NULL;
            return true;
        }
    }
    return false;
}

int
auth_challenged(struct auth *a, const struct registry_host *host, const char *sent,
                const struct http_call *answer, struct err *err)
{
    struct challenge wants = {0};
    struct credential cred = {0};
    int r = challenges_read(answer, &wants, err);

    if (r < 0)
        return r;
    if (wants.scheme == CHALLENGE_NONE)
        return err_set(err, CODE_UNAUTHENTICATED,
                       "the registry wants a kind of authentication that is neither basic nor "
                       "bearer");
    (void) pthread_mutex_lock(&a->lock);
    struct site *s = site_find(a, host->base);
    if (!s) {
        s = xcalloc(1, sizeof *s);
        s->base = xstrdup(host->base);
        s->next = a->sites;
        a->sites = s;
    }
    if (sent)
        (void) token_forget(s, sent);
    challenge_done(&s->wants);
    s->wants = wants;
    r = wants.scheme == CHALLENGE_BASIC ? credential_for(a, host, &cred, err) : 1;
    if (r > 0 && wants.scheme == CHALLENGE_BASIC && !cred.user)
        r = 0;
    if (r == 0)
        r = err_set(err, CODE_UNAUTHENTICATED, "a login is needed (ross-cli login %s)", host->name);
    else if (r > 0 && sent && strncmp(sent, "Basic ", 6) == 0)
        r = err_set(err, CODE_UNAUTHENTICATED, "the registry refuses the login of '%s'",
                    cred.user ? cred.user : "");
    (void) pthread_mutex_unlock(&a->lock);
    credential_done(&cred);
    return r < 0 ? r : 0;
}
