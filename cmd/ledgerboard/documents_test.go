package main

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// docs/privacy.md names each topic and table that the program creates, and nothing else, in rows
// with every column filled.
func TestPrivacyListsEveryTopicAndTable(t *testing.T) {
	text := readFile(t, "../../docs/privacy.md")
	topics, err := app.Topics()
	require.NoError(t, err)
	var names []string
	for _, topic := range topics {
		names = append(names, topic.Name)
	}
	require.ElementsMatch(t, names, listedIn(t, text, "## Topics"))
	formatList := listedIn(t, text, "## Tables")
	withSharedService(t, func(a *process, _ string) {
		require.ElementsMatch(t, tablesOf(t, a), formatList, "every table has a row, every row its table")
		a.exec(t, `create table kept.people_in_secret (name text)`)
		defer a.exec(t, `drop table kept.people_in_secret`)
		require.Equal(t, []string{"kept.people_in_secret"}, slices.DeleteFunc(tablesOf(t, a), func(table string) bool {
			return slices.Contains(formatList, table)
		}), "a new table is found")
	})
}

var generationSchema = regexp.MustCompile(`^lb_(.+)_g\d+(_retired)?$`)

// tablesOf returns all tables of all schemas in lower case; generations have the name of their
// projection.
func tablesOf(t *testing.T, a *process) []string {
	t.Helper()
	tables := ledgertest.Column[string](t, a.KeptPool, `
		select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`)
	for i, table := range tables {
		schema, name, _ := strings.Cut(table, ".")
		tables[i] = generationSchema.ReplaceAllString(schema, "$1") + "." + name
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// listedIn returns the names, in lower case, in the rows of the table below a heading; each row has
// six filled columns, and one or more names in the first.
func listedIn(t *testing.T, text, heading string) (names []string) {
	t.Helper()
	_, section, found := strings.Cut(text, heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		require.Len(t, cells, 6, line)
		for _, cell := range cells {
			require.NotEmpty(t, strings.TrimSpace(cell), line)
		}
		for name := range strings.SplitSeq(strings.TrimSpace(cells[0]), ", ") {
			names = append(names, strings.ToLower(strings.Trim(name, "`")))
		}
	}
	return names
}

// docs/moving-in.md lists the figures that a line may have.
func TestMovingInGuideListsEveryFigure(t *testing.T) {
	t.Parallel()
	document := readFile(t, "../../docs/moving-in.md")
	for kind, figures := range map[string][]string{"account_reading": domain.AccountFigures(), "post_reading": domain.PostMetrics()} {
		_, row, _ := strings.Cut(document, "\n| `"+kind+"` |")
		row, _, _ = strings.Cut(row, "\n")
		_, listed, found := strings.Cut(row, "at least one of ")
		require.True(t, found, kind)
		require.ElementsMatch(t, figures, strings.FieldsFunc(listed, func(r rune) bool { return !unicode.IsLetter(r) && r != '_' }), kind)
	}
}

// docs/connecting.md must match the program: scopes, calls per reading, names of settings.
func TestConnectingGuideMatchesProgram(t *testing.T) {
	t.Parallel()
	document := readFile(t, "../../docs/connecting.md")
	rows := map[string][]string{}
	for line := range strings.Lines(document) {
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"); len(cells) == 5 {
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows[cells[0]] = cells[1:]
		}
	}
	config := platforms.Config{}.WithDefaults()
	for _, e := range []*platforms.Endpoint{&config.Facebook, &config.Instagram, &config.LinkedIn, &config.TikTok} {
		e.ClientID, e.ClientSecret = "id", "secret"
	}
	set, err := platforms.New(config)
	require.NoError(t, err)
	quoted := regexp.MustCompile("`([^`]+)`")
	for i, p := range domain.Platforms() {
		require.Equal(t, strconv.Itoa(int(p)), rows["number"][i])
		dialog, err := set.SignIn(p)
		require.NoError(t, err)
		address, err := url.Parse(dialog.Address("state", "https://boards.example.com/connect/"+rows["number"][i]))
		require.NoError(t, err)
		var said []string
		for _, found := range quoted.FindAllStringSubmatch(rows["scopes"][i], -1) {
			said = append(said, found[1])
		}
		asked := strings.FieldsFunc(address.Query().Get("scope"), func(r rune) bool { return r == ',' || r == ' ' })
		require.ElementsMatch(t, asked, said, "scopes of %s", p)
	}
	calls := func(p domain.Platform, kind domain.AccountType) string {
		read, _ := p.Kind(kind)
		return strconv.Itoa(read.Calls[domain.FetchAccounts])
	}
	require.Equal(t, []string{
		calls(domain.Facebook, 0) + " for a page, " + calls(domain.Instagram, 0) + " for an Instagram account", calls(domain.Instagram, 0),
		calls(domain.LinkedIn, domain.LinkedInProfile) + " for a profile, " + calls(domain.LinkedIn, domain.LinkedInCompanyPage) + " for a page",
		calls(domain.TikTok, 0),
	}, rows["calls per reading"])

	require.Len(t, metaAddresses(), 2)
	for _, path := range metaAddresses() {
		require.Contains(t, document, "| `"+path+"` |")
	}

	known := defaultsOfSettings(t)
	known["LEDGERBOARD_TOKEN"] = "" // from the output of the program
	for _, name := range regexp.MustCompile(`LEDGERBOARD_[A-Z_]+`).FindAllString(document, -1) {
		require.Contains(t, known, name, "not a setting")
	}
}

func metaAddresses() (paths []string) {
	for _, o := range api.Operations() {
		if o.Method == http.MethodPost && strings.HasPrefix(o.Pattern, "/connect/meta/") {
			paths = append(paths, o.Pattern)
		}
	}
	return paths
}
