/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed parts of the completion scripts, and their rows. */
#include "completion_shells.h"

#include <string.h>

#include "completion.h"
#include "libross/base/mem.h"

/* ---- bash ---- */

static const char bash_head[] =
    "# bash completion for ross-cli; made by \"ross-cli completion bash\"\n"
    "_ross_cli_row() {\n"
    "    subs= opts= values= what=- rest=\n"
    "    case $1 in\n";

static const char bash_tail[] =
    "    *) return 1 ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_ross_cli() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} path= kind= given=0 word i subs opts values "
    "what rest\n"
    "    COMPREPLY=()\n"
    "    _ross_cli_row ''\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        [[ $word == = ]] && continue\n"
    "        if [[ -n $kind ]]; then\n"
    "            kind=\n"
    "            continue\n"
    "        fi\n"
    "        case $word in\n"
    "        -*)\n"
    "            if [[ $values == *\" $word=\"* ]]; then\n"
    "                kind=${values#*\" $word=\"}\n"
    "                kind=${kind%%\" \"*}\n"
    "            fi\n"
    "            ;;\n"
    "        *)\n"
    "            if [[ $given == 0 && \" $subs \" == *\" $word \"* ]]; then\n"
    "                path=${path:+$path }$word\n"
    "                _ross_cli_row \"$path\"\n"
    "            else\n"
    "                given=$((given + 1))\n"
    "                if [[ -n $rest ]]; then\n"
    "                    opts= what=file\n"
    "                    break\n"
    "                fi\n"
    "            fi\n"
    "            ;;\n"
    "        esac\n"
    "    done\n"
    "    [[ $cur == = ]] && cur=\n"
    "    if [[ -z $kind ]]; then\n"
    "        if [[ $cur == -* ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$opts\" -- \"$cur\")\n"
    "            return\n"
    "        fi\n"
    "        if [[ -n $subs && $given == 0 ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$subs\" -- \"$cur\")\n"
    "            return\n"
    "        fi\n"
    "        kind=$what\n"
    "    fi\n"
    "    case $kind in\n"
    "    -) ;;\n"
    "    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "
    "\"$cur\") ;;\n"
    "    dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "
    "\"$cur\") ;;\n"
    "    container) mapfile -t COMPREPLY < <(compgen -W \"$(ross-cli ps -a --format "
    "'{{.name}}' 2>/dev/null)\" -- \"$cur\") ;;\n"
    "    image)\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$(ross-cli images --format "
    "'{{.repository}}:{{.tag}}' 2>/dev/null)\" -- \"$cur\")\n"
    "        type __ltrim_colon_completions >/dev/null 2>&1 && __ltrim_colon_completions "
    "\"$cur\"\n"
    "        ;;\n"
    "    *) mapfile -t COMPREPLY < <(compgen -W \"${kind//|/ }\" -- \"$cur\") ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _ross_cli ross-cli\n";

static bool
shown(const struct option_row *o)
{
    return !o->hidden;
}

/* Calls one(…) for every spelling of every option that is shown. */
static void
each_spelling(FILE *to, const struct completion_row *row,
              void (*one)(FILE *to, const struct completion_row *row, const struct option_row *o,
                          const char *spelling))
{
    char letter[] = "-x";

    for (const struct option_row *o = row->options; o && o < row->options + row->n_options; o++) {
        auto_free char *name = xasprintf("--%s", o->name);

        if (!shown(o))
            continue;
        one(to, row, o, name);
        letter[1] = o->letter;
        if (o->letter)
            one(to, row, o, letter);
    }
}

static void
bash_option(FILE *to, const struct completion_row *row, const struct option_row *o,
            const char *spelling)
{
    (void) row;
    (void) o;
    fprintf(to, "%s ", spelling);
}

static void
bash_value(FILE *to, const struct completion_row *row, const struct option_row *o,
           const char *spelling)
{
    (void) row;
    if (o->arg)
        fprintf(to, "%s=%s ", spelling, completion_option_kind(o));
}

static void
bash_row(FILE *to, const struct completion_row *row)
{
    const struct command_row *c = row->command;

    fprintf(to, "    '%s')\n        subs='", row->name);
    for (size_t i = 0; i < row->subs.n; i++)
        fprintf(to, "%s%s", i ? " " : "", row->subs.items[i]);
    fputs("'\n        opts='", to);
    each_spelling(to, row, bash_option);
    fputs("--help'\n        values=' ", to);
    each_spelling(to, row, bash_value);
    fprintf(to, "'\n        what=%s rest=%s\n        ;;\n", c ? completion_word_kind(c) : "-",
            c && c->stop_at_word ? "yes" : "");
}

/* ---- zsh ---- */

static const char zsh_head[] =
    "#compdef ross-cli\n"
    "# zsh completion for ross-cli; made by \"ross-cli completion zsh\"\n"
    "_ross_cli_row() {\n"
    "    subs=() opts=() values=() what=- rest=\n"
    "    case $1 in\n";

static const char zsh_tail[] =
    "    (*) return 1 ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_ross_cli() {\n"
    "    local name= kind= given=0 word what rest i\n"
    "    local -a subs opts\n"
    "    local -A values\n"
    "    _ross_cli_row ''\n"
    "    for ((i = 2; i < CURRENT; i++)); do\n"
    "        word=$words[i]\n"
    "        if [[ -n $kind ]]; then\n"
    "            kind=\n"
    "            continue\n"
    "        fi\n"
    "        case $word in\n"
    "        (-*=*) ;;\n"
    "        (-*) kind=${values[$word]} ;;\n"
    "        (*)\n"
    "            if ((!given)) && [[ -n ${(M)subs:#${word}:*} ]]; then\n"
    "                name=${name:+$name }$word\n"
    "                _ross_cli_row \"$name\"\n"
    "            else\n"
    "                given=$((given + 1))\n"
    "                if [[ -n $rest ]]; then\n"
    "                    opts=() what=file\n"
    "                    break\n"
    "                fi\n"
    "            fi\n"
    "            ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ -z $kind ]]; then\n"
    "        if [[ $PREFIX == -* ]]; then\n"
    "            _describe -o option opts\n"
    "            return\n"
    "        fi\n"
    "        if ((${#subs} && !given)); then\n"
    "            _describe command subs\n"
    "            return\n"
    "        fi\n"
    "        kind=$what\n"
    "    fi\n"
    "    case $kind in\n"
    "    (-) return 1 ;;\n"
    "    (file) _files ;;\n"
    "    (dir) _files -/ ;;\n"
    "    (container) compadd -- ${(f)\"$(ross-cli ps -a --format '{{.name}}' "
    "2>/dev/null)\"} ;;\n"
    "    (image) compadd -- ${(f)\"$(ross-cli images --format '{{.repository}}:{{.tag}}' "
    "2>/dev/null)\"} ;;\n"
    "    (*) compadd -- ${(s:|:)kind} ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "if [[ ${funcstack[1]} == _ross-cli ]]; then\n"
    "    _ross_cli \"$@\"\n"
    "else\n"
    "    compdef _ross_cli ross-cli\n"
    "fi\n";

/* Inside single quotes; `also` is escaped with a backslash. */
static void
put_quoted(FILE *to, const char *text, char also)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            fputs("'\\''", to);
        else if (also && *p == also)
            fprintf(to, "\\%c", *p);
        else
            fputc(*p, to);
    }
}

static void
zsh_option(FILE *to, const struct completion_row *row, const struct option_row *o,
           const char *spelling)
{
    (void) row;
    fprintf(to, " '%s:", spelling);
    put_quoted(to, o->help, ':');
    fputs("'", to);
}

static void
zsh_value(FILE *to, const struct completion_row *row, const struct option_row *o,
          const char *spelling)
{
    (void) row;
    if (o->arg)
        fprintf(to, " %s '%s'", spelling, completion_option_kind(o));
}

static void
zsh_row(FILE *to, const struct completion_row *row)
{
    const struct command_row *c = row->command;

    fprintf(to, "    ('%s')\n        subs=(", row->name);
    for (size_t i = 0; i < row->subs.n; i++) {
        fprintf(to, " '%s:", row->subs.items[i]);
        put_quoted(to, row->sub_helps.items[i], ':');
        fputs("'", to);
    }
    fputs(" )\n        opts=(", to);
    each_spelling(to, row, zsh_option);
    fputs(" '--help:show the options' )\n        values=(", to);
    each_spelling(to, row, zsh_value);
    fprintf(to, " )\n        what=%s rest=%s\n        ;;\n", c ? completion_word_kind(c) : "-",
            c && c->stop_at_word ? "yes" : "");
}

/* ---- fish ---- */

static const char fish_head[] =
    "# fish completion for ross-cli; made by \"ross-cli completion fish\"\n"
    "set -g __ross_cli_names\n"
    "set -g __ross_cli_values\n"
    "function __ross_cli_reached\n"
    "    set -l tokens (commandline -opc)\n"
    "    set -l name ''\n"
    "    set -l given 0\n"
    "    set -l value 0\n"
    "    for t in $tokens[2..-1]\n"
    "        if test $value = 1\n"
    "            set value 0\n"
    "            continue\n"
    "        end\n"
    "        switch $t\n"
    "            case '-*=*'\n"
    "            case '-*'\n"
    "                contains -- \"$name|$t\" $__ross_cli_values; and set value 1\n"
    "            case '*'\n"
    "                set -l longer (string trim -- \"$name $t\")\n"
    "                if test $given = 0; and contains -- \"$longer\" $__ross_cli_names\n"
    "                    set name $longer\n"
    "                else\n"
    "                    set given (math $given + 1)\n"
    "                end\n"
    "        end\n"
    "    end\n"
    "    echo \"$name|$given\"\n"
    "end\n"
    "function __ross_cli_at\n"
    "    string match -q -- \"$argv[1]|*\" (__ross_cli_reached)\n"
    "end\n"
    "function __ross_cli_first\n"
    "    test (__ross_cli_reached) = \"$argv[1]|0\"\n"
    "end\n"
    "function __ross_cli_container\n"
    "    ross-cli ps -a --format '{{.name}}' 2>/dev/null\n"
    "end\n"
    "function __ross_cli_image\n"
    "    ross-cli images --format '{{.repository}}:{{.tag}}' 2>/dev/null\n"
    "end\n"
    "complete -c ross-cli -f\n";

static void
fish_values(FILE *to, const struct completion_row *row, const struct option_row *o,
            const char *spelling)
{
    if (o->arg)
        fprintf(to, "set -a __ross_cli_values '%s|%s'\n", row->name, spelling);
}

/* What completes a value or a word of this kind. */
static void
fish_kind(FILE *to, const char *kind, bool is_value)
{
    if (strcmp(kind, "file") == 0)
        fputs(is_value ? " -r -F" : " -F", to);
    else if (strcmp(kind, "dir") == 0)
        fputs(" -x -a '(__fish_complete_directories)'", to);
    else if (strcmp(kind, "container") == 0 || strcmp(kind, "image") == 0)
        fprintf(to, "%s -a '(__ross_cli_%s)'", is_value ? " -x" : "", kind);
    else if (strcmp(kind, "-") == 0)
        fputs(is_value ? " -x" : "", to);
    else {
        fputs(" -x -a '", to);
        for (const char *p = kind; *p; p++)
            fputc(*p == '|' ? ' ' : *p, to);
        fputs("'", to);
    }
}

static void
fish_option(FILE *to, const struct completion_row *row, const struct option_row *o)
{
    fprintf(to, "complete -c ross-cli -n '__ross_cli_at \"%s\"' -l %s", row->name, o->name);
    if (o->letter)
        fprintf(to, " -s %c", o->letter);
    if (o->arg)
        fish_kind(to, completion_option_kind(o), true);
    fputs(" -d '", to);
    put_quoted(to, o->help, '\0');
    fputs("'\n", to);
}

static void
fish_row(FILE *to, const struct completion_row *row)
{
    const char *kind = row->command ? completion_word_kind(row->command) : "-";

    if (*row->name)
        fprintf(to, "set -a __ross_cli_names '%s'\n", row->name);
    each_spelling(to, row, fish_values);
    for (size_t i = 0; i < row->subs.n; i++) {
        fprintf(to, "complete -c ross-cli -n '__ross_cli_first \"%s\"' -a %s -d '", row->name,
                row->subs.items[i]);
        put_quoted(to, row->sub_helps.items[i], '\0');
        fputs("'\n", to);
    }
    for (size_t i = 0; i < row->n_options; i++)
        if (shown(&row->options[i]))
            fish_option(to, row, &row->options[i]);
    if (strcmp(kind, "-") != 0) {
        fprintf(to, "complete -c ross-cli -n '__ross_cli_at \"%s\"'", row->name);
        fish_kind(to, kind, false);
        fputs("\n", to);
    }
}

const struct completion_shell completion_shells[] = {
    {"bash", bash_head, bash_tail, bash_row},
    {"zsh", zsh_head, zsh_tail, zsh_row},
    {"fish", fish_head, "", fish_row},
};
const size_t completion_shells_n = ARRAY_LEN(completion_shells);
