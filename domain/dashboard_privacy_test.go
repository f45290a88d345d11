package domain_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestAuditEventsAreValidated(t *testing.T) {
	t.Parallel()
	require.NoError(t, domain.AuditRead{What: domain.AuditDiff}.Validate())
	require.Error(t, domain.AuditRead{What: "everything"}.Validate())
	require.NoError(t, domain.AuditExported{Format: "csv"}.Validate())
	require.Error(t, domain.AuditExported{Format: "xls"}.Validate())
	require.Error(t, domain.AuditRead{What: domain.AuditDiff, Dashboard: strings.Repeat("x", 300)}.Validate())
}

func TestDifferenceBetween(t *testing.T) {
	t.Parallel()
	was := domain.Dashboard{
		SubAccountID: north, SubAccountIDs: []string{north, south}, Users: []string{nina, sam}, Scopes: []string{"a", "b"},
		MainPOC: []string{pocNorth}, AllowClientDashboard: true,
	}
	is := domain.Dashboard{
		SubAccountID: north, SubAccountIDs: []string{north, east}, Users: []string{nina, eva}, Scopes: []string{"b", "c"}, MainPOC: []string{pocSouth},
	}
	require.Equal(t, domain.DashboardDifference{
		Linked: []string{east}, Unlinked: []string{south}, UsersAdded: []string{eva}, UsersRemoved: []string{sam},
		ScopesAdded: []string{"c"}, ScopesRemoved: []string{"a"}, MainPOCAdded: []string{pocSouth}, MainPOCRemoved: []string{pocNorth},
		AllowClientChanged: true,
	}, domain.DifferenceBetween(&was, is))
	none := []string{}
	require.Equal(t, domain.DashboardDifference{
		Linked: none, Unlinked: none, UsersAdded: none, UsersRemoved: none, ScopesAdded: none, ScopesRemoved: none, MainPOCAdded: none, MainPOCRemoved: none,
	}, domain.DifferenceBetween(&was, was))
	created := domain.DifferenceBetween(nil, is)
	require.True(t, created.Created)
	require.Equal(t, []string{east}, created.Linked, "a dashboard is not linked with itself")
	require.Equal(t, is.Users, created.UsersAdded)
	require.False(t, created.AllowClientChanged)
	require.Equal(t, []string{nina, sam}, was.Users, "nothing is changed in place")
}

func TestPersonErased(t *testing.T) {
	t.Parallel()
	p := domain.Person{
		User: nina, Sessions: []string{"a", "b"}, Members: []int64{7}, Profiles: []int64{1},
		Connections: []domain.PersonConnection{{ID: 70, SecretRef: "c"}, {ID: 71}},
		Pages:       []domain.DirectorySocialAccount{{ID: 2, Name: "a name"}},
	}
	require.Equal(t, []string{"c"}, p.SecretRefs())
	require.Equal(t, domain.PersonErased{
		User: nina, Members: []int64{7}, Sessions: 2, Connections: []int64{70, 71}, Profiles: []int64{1}, Pages: []int64{2},
	}, p.Erased())
}
