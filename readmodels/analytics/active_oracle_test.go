package analytics_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// drawPeopleWorld adds people, their connections and connection states; some are not in the
// directory.
func drawPeopleWorld(t *rapid.T) *gainsWorld {
	w := drawFurnished(t) // with readings, so that some sources were read
	w.Events = slices.DeleteFunc(w.Events, func(ev fold.Event) bool { _, erased := ev.Data.(domain.AccountErased); return erased })
	w.Secrets = map[string]domain.SecretTimes{}
	for i, agency := range []string{agencyA, agencyB} {
		w.Directory = append(w.Directory, domain.DirectorySubscription{ID: int64(900 + i), AccountID: agency, StartsAt: w.season.AddDate(-20, 0, 0)})
	}
	owner := func(label string) domain.Tenant {
		return rapid.SampledFrom(append(slices.Clone(tenants), domain.Tenant{ParentAccount: agencyA, AccountID: "a90000000000000000000000"})).Draw(t, label)
	}
	for i := range rapid.IntRange(0, 12).Draw(t, "members") {
		w.Directory = append(w.Directory, domain.DirectoryMember{
			ID: rapid.Int64Range(1, 9).Draw(t, "member"), AccountID: owner("employer").AccountID, Name: fmt.Sprint("named ", i),
			Active: rapid.IntRange(0, 3).Draw(t, "active") > 0,
		})
	}
	for range rapid.IntRange(0, 12).Draw(t, "connected") {
		at, p := owner("connected by"), rapid.SampledFrom(domain.Platforms()).Draw(t, "platform")
		s := domain.DirectorySocialAccount{
			ID: rapid.Int64Range(30, 39).Draw(t, "social"), ParentAccount: at.ParentAccount, AccountID: at.AccountID,
			MemberID: rapid.Int64Range(1, 9).Draw(t, "connecting member"), ConnectionID: rapid.Int64Range(50, 54).Draw(t, "connection"),
			Platform: p, ExternalID: "x", Name: "further page", Connected: rapid.IntRange(0, 3).Draw(t, "is connected") > 0,
		}
		if p == domain.LinkedIn {
			s.AccountType = domain.LinkedInCompanyPage
		}
		w.Directory = append(w.Directory, s)
	}
	for range rapid.IntRange(0, 8).Draw(t, "authorisations") {
		c := domain.DirectoryConnection{ID: rapid.Int64Range(50, 54).Draw(t, "authorisation"), MemberID: rapid.Int64Range(1, 9).Draw(t, "authorising"), Platform: domain.Facebook}
		if rapid.Bool().Draw(t, "ends") {
			c.ExpiresAt = new(w.instant(w.IntN(gainsDays)))
		}
		if rapid.Bool().Draw(t, "stored") { // some are renewed, some renewed without an expiry
			c.SecretRef = fmt.Sprint("ref ", c.ID)
			times := domain.SecretTimes{Taken: w.season}
			if rapid.Bool().Draw(t, "stored end") {
				times.Expires = w.instant(w.IntN(gainsDays))
			}
			w.Secrets[c.SecretRef] = times
		}
		w.Directory = append(w.Directory, c)
	}
	for range rapid.IntRange(0, 4).Draw(t, "defaults") {
		w.Directory = append(w.Directory, domain.DirectoryDefaultAccount{
			MemberID: rapid.Int64Range(1, 9).Draw(t, "of member"), SocialAccount: rapid.Int64Range(30, 39).Draw(t, "default"),
		})
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "states") {
		state := domain.ConnectionStateChanged{
			ConnectionID: rapid.Int64Range(50, 54).Draw(t, "of connection"), Platform: domain.Facebook, At: w.season.Add(time.Duration(i) * time.Hour),
		}
		if rapid.Bool().Draw(t, "refused") {
			state.Code, state.Answer = domain.StatusRefused, &domain.PlatformAnswer{Subcode: i}
		}
		w.States = append(w.States, state)
	}
	return w
}

// lastOf returns what the main application last sent about an entity.
func lastOf[E domain.DirectoryEntity](w *world, matches func(E) bool) (last E, ok bool) {
	for _, entity := range w.Directory {
		if e, right := entity.(E); right && matches(e) {
			last, ok = e, true
		}
	}
	return last, ok
}

// ours reports whether an account is in scope and is the agency or one of its accounts.
func (o *oracle) ours(account string) bool {
	a, known := lastOf(o.w, func(a domain.DirectoryAccount) bool { return a.ID == account })
	return known && (a.ParentAccount == o.scope.ParentAccount || a.ID == o.scope.ParentAccount) &&
		(o.scope.Accounts == nil || slices.Contains(o.scope.Accounts, account))
}

// refusedWhy returns why the platform rejects a connection of agency A; nil if it does not.
func (o *oracle) refusedWhy(s domain.DirectorySocialAccount) (reason *domain.StatusReason) {
	for _, state := range o.w.States { // in order of time
		if state.ConnectionID == s.ConnectionID && s.ParentAccount == agencyA {
			reason = state.Reason()
		}
	}
	return reason
}

// connectedNow returns the social accounts in scope on the query's platforms, by platform and id.
func (o *oracle) connectedNow() (all []domain.DirectorySocialAccount) {
	for id := int64(1); id < 100; id++ {
		s, ok := lastOf(o.w, func(s domain.DirectorySocialAccount) bool { return s.ID == id })
		if ok && o.seesAll(domain.Tenant{ParentAccount: s.ParentAccount, AccountID: s.AccountID}, s.Platform) {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b domain.DirectorySocialAccount) int { return cmp.Compare(a.Platform, b.Platform) })
	return all
}

func (o *oracle) activeMembers() analytics.ActiveMembers {
	want := analytics.ActiveMembers{Members: []analytics.ActiveMember{}}
	for id := int64(1); id < 100; id++ {
		m, known := lastOf(o.w, func(m domain.DirectoryMember) bool { return m.ID == id })
		if !known || !m.Active || !o.ours(m.AccountID) {
			continue
		}
		member := analytics.ActiveMember{
			MemberID: id, Name: m.Name, AccountID: m.AccountID, Platforms: []analytics.MemberPlatform{}, SocialAccounts: []analytics.ConnectedSocial{},
		}
		if d, ok := lastOf(o.w, func(d domain.DirectoryDefaultAccount) bool { return d.MemberID == id }); ok {
			s, known := lastOf(o.w, func(s domain.DirectorySocialAccount) bool { return s.ID == d.SocialAccount })
			if known && s.ParentAccount == o.scope.ParentAccount && (o.scope.Accounts == nil || slices.Contains(o.scope.Accounts, s.AccountID)) {
				member.DefaultSocialAccount = &d.SocialAccount
			}
		}
		for _, p := range domain.Platforms() {
			on := analytics.MemberPlatform{PlatformRef: readmodels.PlatformRefOf(p)}
			for _, s := range o.connectedNow() {
				if s.Platform != p || s.MemberID != id {
					continue
				}
				expected := analytics.ConnectedSocial{PlatformRef: readmodels.PlatformRefOf(p), SocialAccount: s.ID, AccountType: s.AccountType, Name: s.Name, Connected: s.Connected}
				reason := o.refusedWhy(s)
				switch {
				case !s.Connected:
					expected.ConnectionStatus = domain.ConnectionStatus{
						Status: domain.PageDisconnected, Reasons: []domain.StatusReason{{Code: domain.StatusEndedInMainApp}},
					}
				case reason != nil:
					expected.NeedsReconnect = true
					expected.ConnectionStatus = domain.ConnectionStatus{Status: domain.PageReconnect, Reasons: []domain.StatusReason{*reason}}
				}
				c, ok := lastOf(o.w, func(c domain.DirectoryConnection) bool { return c.ID == s.ConnectionID })
				if ok && s.Connected {
					expected.ExpiresAt = c.ExpiresAt
					if times, stored := o.w.Secrets[c.SecretRef]; stored {
						expected.ExpiresAt = nil
						if !times.Expires.IsZero() {
							expected.ExpiresAt = &times.Expires
						}
					}
				}
				on.SocialAccounts++
				if s.Connected && !expected.NeedsReconnect {
					on.Connected++
				}
				member.SocialAccounts = append(member.SocialAccounts, expected)
			}
			if on.SocialAccounts > 0 {
				member.Platforms = append(member.Platforms, on)
			}
		}
		want.Members = append(want.Members, member)
	}
	return want
}

// connectionStatus returns the status of a source in answers without figures.
func (o *oracle) connectionStatus(s domain.DirectorySocialAccount) analytics.SourceStatus {
	switch {
	case !s.Connected:
		return analytics.SourceDisconnected
	case o.refusedWhy(s) != nil:
		return analytics.SourceReconnect
	}
	for _, read := range o.accountReads() {
		if read.owner.SocialAccount == s.ID {
			return analytics.SourceOK
		}
	}
	return analytics.SourceNeverRead
}

// forgetReadings keeps only what depends on the sign-in: the oracle knows no readings.
func forgetReadings(s *domain.ConnectionStatus) {
	if s.Status != domain.PageDisconnected && s.Status != domain.PageReconnect {
		*s = domain.ConnectionStatus{}
		return
	}
	s.Reasons, s.Text, s.Since = s.Reasons[:1], "", nil
}

// All pages have the same sources: the state of a connection does not depend on the page's members.
func TestActiveMembersAgreeWithTheOracle(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	queries := &analytics.Analytics{Pool: db.ReadOnly}
	rapid.Check(t, func(t *rapid.T) {
		w := drawPeopleWorld(t)
		w.Fold(t, db)
		for range 4 {
			q := w.drawQuery()
			q.Member, q.Page.Limit = 0, rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "limit")
			o := newOracle(&w.world, q)
			var statuses []analytics.SourceStatus
			var ids []int64
			for _, s := range o.connectedNow() {
				ids, statuses = append(ids, s.ID), append(statuses, o.connectionStatus(s))
			}
			got := analytics.ActiveMembers{Members: []analytics.ActiveMember{}}
			for first := true; first || q.Page.Cursor != ""; first = false {
				page, meta, err := queries.ActiveMembers(t.Context(), q.scope, q.RangeQuery)
				require.NoError(t, err)
				require.True(t, q.Page.Limit == 0 || len(page.Members) <= q.Page.Limit)
				for _, m := range page.Members {
					for i := range m.SocialAccounts {
						forgetReadings(&m.SocialAccounts[i].ConnectionStatus)
					}
				}
				got.Members = append(got.Members, page.Members...)
				o.agreeOnMeta(t, meta)
				require.Nil(t, meta.AsOf, "it uses no readings")
				require.Equal(t, ids, sourceIDs(meta))
				for i, status := range statuses {
					require.Equal(t, status, meta.Sources[i].Status, "source %d: %s", ids[i], meta.Sources[i].Text)
				}
				q.Page.Cursor = meta.NextCursor
			}
			require.Equal(t, o.activeMembers(), got)
		}
	})
}
