package demo_test

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
)

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

// TestDemoUsesReservedDomainsOnly: mail sent to a demo's people must reach nobody.
func TestDemoUsesReservedDomainsOnly(t *testing.T) {
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

// TestDemoDraftsAreValidEvents: every payload validates and survives the registry's round trip, every
// envelope is complete, and the directory comes first.
func TestDemoDraftsAreValidEvents(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, drafts []domain.Draft, cfg demo.Config) {
		registry := domain.NewRegistry()
		ids := map[string]bool{}
		inDirectory := true
		rank, types := 0, map[string]int{
			"metrics.post_registered.v1": 1, "contents.post.v1": 1, "metrics.account_read.v1": 2, "metrics.post_read.v1": 3,
			"operations.connection_state_changed.v1": 4,
		}
		for _, d := range drafts {
			if d.Topic != domain.TopicDirectory {
				inDirectory = false
			}
			require.Equal(t, inDirectory, d.Topic == domain.TopicDirectory, "the directory comes first")
			require.GreaterOrEqual(t, types[d.Envelope.Type], rank)
			rank = types[d.Envelope.Type]

			require.False(t, ids[d.Envelope.ID], "event id %s is there twice", d.Envelope.ID)
			ids[d.Envelope.ID] = true
			require.NotEmpty(t, d.Key)
			require.Equal(t, d.Key, d.Envelope.Subject)
			require.Equal(t, demo.Source, d.Envelope.Source)
			require.Equal(t, d.Data.EventType(), d.Envelope.Type)
			require.False(t, d.Envelope.Time.After(cfg.Anchor), "an event after the anchor")
			require.Equal(t, d.Envelope.Time.UTC().Truncate(time.Microsecond), d.Envelope.Time)

			raw, err := json.Marshal(d.Data)
			require.NoError(t, err)
			require.NotContains(t, string(raw), "Simacc", "a token")
			require.NotContains(t, string(raw), "Simref", "a token")
			back, err := registry.Decode(d.Envelope.Type, raw)
			require.NoError(t, err)
			require.Equal(t, d.Data, back)
		}
	})
}
