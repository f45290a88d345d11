package demo_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
)

// TestDraftsAreEventsOfTheLog: every payload validates and survives the registry's round trip, every
// envelope is complete, and the directory comes first.
func TestDraftsAreEventsOfTheLog(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *demo.World, cfg demo.Config) {
		registry := domain.NewRegistry()
		ids := map[string]bool{}
		n, inDirectory := 0, true
		rank, types := 0, map[string]int{
			"metrics.post_registered.v1": 1, "contents.post.v1": 1, "metrics.account_read.v1": 2, "metrics.post_read.v1": 3,
			"operations.connection_state_changed.v1": 4,
		}
		for d := range w.Drafts() {
			n++
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
		require.Equal(t, n, w.Count())
	})
}

// TestAgenciesDoNotMix: what one agency's events name is nowhere in the other's.
func TestAgenciesDoNotMix(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *demo.World, _ demo.Config) {
		ids := w.IDs()
		owner := map[string]string{ids.ParentAccount: ids.ParentAccount, ids.Foreign.ParentAccount: ids.Foreign.ParentAccount}
		for _, e := range entities[domain.DirectoryAccount](w) {
			if e.ParentAccount != "" {
				owner[e.ID] = e.ParentAccount
			}
		}
		for _, e := range entities[domain.DirectoryUser](w) {
			owner[e.ID] = owner[e.AccountID]
		}
		members, socials := map[int64]string{}, map[int64]domain.DirectorySocialAccount{}
		for _, e := range entities[domain.DirectoryMember](w) {
			members[e.ID] = owner[e.AccountID]
			if e.UserID != "" {
				require.Equal(t, owner[e.AccountID], owner[e.UserID])
			}
		}
		for _, e := range entities[domain.DirectoryOrder](w) {
			for _, id := range append([]string{e.Buyer}, e.AssignedUsers...) {
				require.Equal(t, e.Seller, owner[id])
			}
		}
		external := map[string]int64{}
		for _, e := range entities[domain.DirectorySocialAccount](w) {
			require.Equal(t, e.ParentAccount, owner[e.AccountID])
			require.Equal(t, e.ParentAccount, members[e.MemberID])
			require.NotContains(t, external, e.ExternalID)
			external[e.ExternalID], socials[e.ID] = e.ID, e
		}
		for _, e := range entities[domain.DirectoryPlannedPost](w) {
			require.Equal(t, socials[e.SocialAccount].AccountID, e.AccountID)
		}
		for _, e := range entities[domain.DirectoryDefaultAccount](w) {
			require.Equal(t, socials[e.SocialAccount].MemberID, e.MemberID)
		}
		tenants := func(tenant domain.Tenant, p domain.Platform, kind domain.AccountType) {
			s := socials[tenant.SocialAccount]
			require.Equal(t, domain.Tenant{ParentAccount: s.ParentAccount, AccountID: s.AccountID, MemberID: s.MemberID, SocialAccount: s.ID}, tenant)
			require.Equal(t, s.Platform, p)
			require.Equal(t, s.AccountType, kind)
		}
		for r := range w.Posts() {
			tenants(r.Tenant, r.Platform, r.AccountType)
		}
		for r := range w.AccountReadings() {
			tenants(r.Tenant, r.Platform, r.AccountType)
		}
		for r := range w.PostReadings() {
			tenants(r.Tenant, r.Platform, r.AccountType)
		}
		for _, c := range w.Changes() {
			require.Equal(t, c.ParentAccount, owner[c.Actor])
			require.Equal(t, c.ParentAccount, owner[c.SubAccount])
		}
	})
}
