/* SPDX-License-Identifier: Apache-2.0 */
#include "template.h"

#include <string.h>

#include "libross/base/test.h"

static const char document[] =
    "{\"Id\":\"abc\",\"State\":{\"Pid\":42,\"Running\":true,\"Error\":\"\",\"Health\":null},"
    "\"Args\":[\"a\",\"b "
    "c\"],\"Labels\":{\"x.y\":\"1\",\"z\":\"2\"},\"Nets\":{\"n1\":{\"IP\":\"10.0.0.1\"},"
    "\"n2\":{\"IP\":\"10.0.0.2\"}},\"Empty\":[]}";

static int
print(const char *format, char **ret)
{
    AUTO_PTR(json) doc = NULL;
    struct buf out = BUF_INIT(1 << 20);
    struct err err = {0};
    int r;

    assert_ok(json_parse(document, strlen(document), &doc, &err), &err);
    r = template_append(&out, format, doc, &err);
    *ret = r < 0 ? xstrdup(err.msg) : buf_take(&out);
    buf_done(&out);
    return r;
}

static void
prints_what_docker_prints(void **state)
{
    static const struct {
        const char *format, *text;
    } rows[] = {
        {"plain", "plain"},
        {"{{.Id}}", "abc"},
        {"{{ .State.Pid }}", "42"},
        {"{{.ID}}/{{.state.running}}", "abc/true"},
        {"{{json .Args}}", "[\"a\",\"b c\"]"},
        {"{{.Args}}", "[a b c]"},
        {"{{.Labels}}", "map[x.y:1 z:2]"},
        {"{{json .State.Error}}{{.State.Health}}", "\"\"<no value>"},
        {"{{index .Labels \"x.y\"}}", "1"},
        {"{{index .Args 1}}", "b c"},
        {"{{index .Nets \"n2\" \"IP\"}}", "10.0.0.2"},
        {"{{len .Args}}{{.Id | upper}}{{lower \"ABC\"}}", "2ABCabc"},
        {"{{join .Args \",\"}}", "a,b c"},
        {"{{.Args | join \"-\"}}", "a-b c"},
        {"{{range .Nets}}{{.IP}} {{end}}.", "10.0.0.1 10.0.0.2 ."},
        {"{{range .Args}}<{{.}}>{{else}}none{{end}}", "<a><b c>"},
        {"{{range .Empty}}<{{.}}>{{else}}none{{end}}", "none"},
        {"{{if .State.Running}}yes{{else}}no{{end}}", "yes"},
        {"{{if .State.Error}}yes{{else}}no{{end}}", "no"},
        {"{{if .Empty}}{{range .Nets}}x{{end}}{{end}}|", "|"},
        {"{{if .Empty}}{{.NoSuch}}{{end}}fine", "fine"},
        {"a\\tb{{\"}}\"}}", "a\tb}}"},
        {"{{- .Id -}}", "abc"},
        {"{{range $k, $v := .Nets}}{{$k}}={{$v.IP}} {{end}}", "n1=10.0.0.1 n2=10.0.0.2 "},
        {"{{range $i, $a := .Args}}{{$i}}{{$.Id}}{{end}}{{$.Id}}", "0abc1abcabc"},
        {"{{range $v := .Nets}}{{range $.Args}}{{$v.IP}};{{end}}{{end}}",
         "10.0.0.1;10.0.0.1;10.0.0.2;10.0.0.2;"},
        {"{{if eq .Id \"x\" \"abc\"}}yes{{end}}{{ne .State.Pid 42}}{{not .Empty}}", "yesfalsetrue"},
        {"{{if and .Args (eq .Id \"abc\")}}both{{end}}{{or .State.Error .Id}}", "bothabc"},
        {"{{(index (index .Nets \"n2\") \"IP\") | println}}", "10.0.0.2\n"},
        {"{{len (index .Nets \"n1\")}}", "1"},
        {"{{(index .Nets \"n1\").IP}}", "10.0.0.1"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = NULL;

        assert_int_equal(print(rows[i].format, &text), 0);
        assert_string_equal(text, rows[i].text);
    }
}

static void
says_what_is_wrong(void **state)
{
    static const struct {
        const char *format, *text;
    } rows[] = {
        {"{{.Id", "without the closing"},
        {"{{.Nothing}}", "no field 'Nothing'"},
        {"{{.Id.More}}", "no field 'More'"},
        {"{{}}", "nothing between"},
        {"{{nonsense .Id}}", "'nonsense' is not known"},
        {"{{range .Args}}", "without {{end}}"},
        {"{{range .Id}}{{end}}", "range needs"},
        {"{{end}}", "without a block"},
        {"{{.Id .State}}", "a word too many"},
        {"{{index .Args 7}}", "beyond the end"},
        {"{{index .Id 0}}", "index needs"},
        {"{{\"open}}", "without the closing"},
        {"{{json (.Id}}", "bracket"},
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = NULL;

        assert_int_equal(print(rows[i].format, &text), -CODE_INVALID_ARGUMENT);
        if (!strstr(text, rows[i].text))
            fail_msg("'%s' says '%s'", rows[i].format, text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_docker_prints),
        cmocka_unit_test(says_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
