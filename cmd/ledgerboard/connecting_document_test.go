package main

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// docs/connecting.md must match the program: scopes, calls per reading, names of settings.
func TestConnectingDocument(t *testing.T) {
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
	for _, o := range api.Describe().Operations {
		if o.Method == http.MethodPost && strings.HasPrefix(o.Pattern, "/connect/meta/") {
			paths = append(paths, o.Pattern)
		}
	}
	return paths
}
