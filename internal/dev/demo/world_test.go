package demo_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
)

func TestSameConfigSameWorld(t *testing.T) {
	t.Parallel()
	a, b := world(), world()
	require.Equal(t, slices.Collect(a.Drafts()), slices.Collect(b.Drafts()))
	require.Equal(t, a.Changes(), b.Changes())
	require.Equal(t, a.IDs(), b.IDs())
	require.Equal(t, a.Secrets(), b.Secrets())

	other := demo.New(demo.Config{Seed: seed + 1, Anchor: anchor})
	require.NotEqual(t, a.IDs().ParentAccount, other.IDs().ParentAccount)
	require.NotEqual(t, a.IDs().Posts, other.IDs().Posts)
}

// A profile bears the name of the person or team that has its posts.
func TestProfilesAreNamedAfterTheirMembers(t *testing.T) {
	t.Parallel()
	w := world()
	members := byID[domain.DirectoryMember](t, w)
	for _, a := range entities[domain.DirectorySocialAccount](w) {
		if a.AccountType == domain.LinkedInProfile {
			require.Equal(t, members[strconv.FormatInt(a.MemberID, 10)].Name, a.Name)
		}
	}
}

var address = regexp.MustCompile(`[\w.+-]+@([\w.-]+)`)

// TestNamesNothingReal: mail sent to a demo's people must reach nobody.
func TestNamesNothingReal(t *testing.T) {
	t.Parallel()
	for _, e := range world().Entities() {
		raw, err := json.Marshal(e)
		require.NoError(t, err)
		for _, found := range address.FindAllStringSubmatch(string(raw), -1) {
			host := found[1]
			require.True(t, strings.HasSuffix(host, ".example.com") || strings.HasSuffix(host, ".example.org"), "address %s", found[0])
		}
	}
}
