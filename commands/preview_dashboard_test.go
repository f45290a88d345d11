package commands_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

func opened(u *commands.UpdateDashboard) { u.Change.AllowClientDashboard = new(true) }

// linkedPair is a stage with two open boards: nina's and sam's.
func linkedPair(t *testing.T) (*stage, *commands.Dashboards) {
	t.Helper()
	s := newStage()
	p := s.process(t)
	for account, user := range map[string]string{north: nina, south: sam} {
		update(t, p, put(account, users(user), opened))
	}
	return s, p
}

// A preview shows what the change would do, and changes nothing.
func TestPreviewShowsEffectsAndChangesNothing(t *testing.T) {
	t.Parallel()
	s, p := linkedPair(t)
	before := s.counted()
	preview, err := p.Preview(t.Context(), put(north, links(south)))
	require.NoError(t, err)
	require.Equal(t, before, s.counted(), "nothing was appended")
	require.Equal(t, "dashboard.accounts_linked.v1", preview.EventType)
	require.Equal(t, int64(2), preview.Head)
	require.Equal(t, s.present[north].Version, preview.Version)
	require.Equal(t, []domain.AccessChange{
		{User: nina, Gains: []string{south}, Loses: []string{}}, {User: sam, Gains: []string{north}, Loses: []string{}},
	}, preview.Access)
	require.Empty(t, preview.LostAccess)

	bound := put(north, links(south))
	bound.Change.Decision = preview.Decision
	update(t, p, bound)
	for i, r := range preview.Revisions {
		now := s.present[[]string{north, south}[i]]
		require.Equal(t, r.After.SubAccountIDs, now.SubAccountIDs)
		require.Equal(t, r.After.Users, now.Users)
	}
	again, err := p.Preview(t.Context(), put(north, links(south)))
	require.NoError(t, err)
	require.Empty(t, again.EventType)
	require.Empty(t, again.Decision)
	require.Equal(t, []domain.AccessChange{
		{User: nina, Gains: []string{}, Loses: []string{}}, {User: sam, Gains: []string{}, Loses: []string{}},
	}, again.Access, "both keep what they see")

	apart, err := p.Preview(t.Context(), put(north, links(), func(u *commands.UpdateDashboard) { u.Change.Unlink = true }))
	require.NoError(t, err)
	require.Equal(t, []domain.AccessChange{
		{User: nina, Gains: []string{}, Loses: []string{south}}, {User: sam, Gains: []string{}, Loses: []string{north}},
	}, apart.Access)
	require.Equal(t, []string{nina, sam}, apart.LostAccess)

	closing, err := p.Preview(t.Context(), put(north, func(u *commands.UpdateDashboard) { u.Change.AllowClientDashboard = new(false) }))
	require.NoError(t, err)
	require.Equal(t, []string{north, south}, closing.Access[0].Loses)
	require.Empty(t, closing.LostAccess, "they stay on the lists")
}

// A preview covers other boards than the one in the address, which If-Match does not.
func TestChangeIsRefusedIfPreviewIsOutdated(t *testing.T) {
	t.Parallel()
	s, p := linkedPair(t)
	preview, err := p.Preview(t.Context(), put(north, links(south)))
	require.NoError(t, err)
	bound := put(north, links(south))
	bound.Change.IfMatch = &domain.VersionMatch{Versions: []int64{preview.Version}}
	for _, meanwhile := range []domain.UpdateDashboard{
		{Primary: south, AllowClientDashboard: new(false)}, // the change would record the same, and open it again
		{Primary: south, Users: &[]string{}},
	} {
		bound.Change.Decision = preview.Decision
		s.another(t, meanwhile)
		appends := s.counted().appends
		_, err = p.Update(t.Context(), bound)
		require.Equal(t, domain.CodePreconditionFailed, asError(t, err).Code)
		require.Contains(t, asError(t, err).Message, "Preview the change again")
		require.Equal(t, appends, s.counted().appends)
		preview, err = p.Preview(t.Context(), put(north, links(south)))
		require.NoError(t, err)
	}

	nothing := put(north)
	nothing.Change.Decision = preview.Decision
	_, err = p.Update(t.Context(), nothing)
	require.Equal(t, domain.CodePreconditionFailed, asError(t, err).Code, "what changes nothing is not what was shown either")
}

// A preview is refused for the same reasons as the change.
func TestPreviewIsRefusedForSameReasonsAsChange(t *testing.T) {
	t.Parallel()
	s, p := linkedPair(t)
	for name, u := range map[string]commands.UpdateDashboard{
		"a foreign account": put(north, links("f00000000000000000000000")),
		"a foreign user":    put(north, users("f00000000000000000000000")),
		"the main account":  put(agency),
		"a foreign primary": put("f00000000000000000000000"),
		"another version": put(north, func(u *commands.UpdateDashboard) {
			u.Change.IfMatch = &domain.VersionMatch{Versions: []int64{99}}
		}),
	} {
		_, err := p.Preview(t.Context(), u)
		_, real := p.Update(t.Context(), u)
		require.Equal(t, asError(t, real), asError(t, err), name)
	}
	s.refusal = "it is parked"
	_, err := p.Preview(t.Context(), put(north, links(south)))
	require.Equal(t, domain.CodeUnavailable, asError(t, err).Code)
	s.refusal = ""

	large := s.process(t, func(c *commands.DashboardsConfig) { c.Fits = func(domain.Draft) error { return errTooLarge } })
	_, err = large.Preview(t.Context(), put(north, links(south)))
	require.Equal(t, domain.CodeUnprocessable, asError(t, err).Code)
	closed := s.process(t, func(c *commands.DashboardsConfig) { c.Gate = func() error { return errRefused } })
	_, err = closed.Preview(t.Context(), put(north))
	require.ErrorIs(t, err, errRefused)
}

// A preview has no record that the log could judge, so it is given only if the tables are known to
// be up to date with the log.
func TestPreviewRequiresTablesUpToDateWithLog(t *testing.T) {
	t.Parallel()
	s, _ := linkedPair(t)
	p := s.process(t, func(c *commands.DashboardsConfig) {
		c.EndOf = func(context.Context, int32) (int64, error) { return 0, errors.New("the brokers are away") }
	})
	_, err := p.Preview(t.Context(), put(north, links(south)))
	require.Equal(t, domain.CodeUnavailable, asError(t, err).Code)
	_, err = p.Update(t.Context(), put(north, links(south)))
	require.NoError(t, err, "a record is judged by the log itself")
}
