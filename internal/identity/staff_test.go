package identity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/identity"
)

const agency = "aaaaaaaaaaaaaaaaaaaaaaaa"

func TestStaffIsFound(t *testing.T) {
	t.Parallel()
	staff, err := identity.ParseStaff([]string{
		"operator:Ops@Example.com", "auditor:AAAAAAAAAAAAAAAAAAAAAAAA:auth0|77", " operator:auth0|77", "operator:a:b",
	})
	require.NoError(t, err)
	find := func(i identity.Identity) identity.Member {
		m, listed := staff.Find(i)
		require.Equal(t, listed, m.UserID != "")
		return m
	}
	ops := find(identity.Identity{Subject: "1", Email: "ops@example.com"})
	require.Equal(t, identity.Member{UserID: ops.UserID, Role: "operator"}, ops)
	require.Regexp(t, "^[0-9a-f]{24}$", ops.UserID)
	both := find(identity.Identity{Subject: "auth0|77"})
	require.Equal(t, identity.Member{UserID: both.UserID, AccountID: agency, Role: "auditor,operator"}, both)
	require.NotEmpty(t, find(identity.Identity{Subject: "a:b"}))
	for what, i := range map[string]identity.Identity{
		"an unverified address":                 {Subject: "1"},
		"a subject that somebody chose":         {Subject: "ops@example.com"},
		"an address that is another's subject":  {Subject: "1", Email: "auth0|77"},
		"nobody":                                {},
		"an address that ends as one of a list": {Subject: "1", Email: "dev.ops@example.com"},
	} {
		require.Empty(t, find(i), what)
	}

	require.True(t, staff.Has(both))
	require.True(t, staff.Has(identity.Member{UserID: both.UserID, AccountID: agency, Role: "auditor"}), "narrowed")
	require.False(t, staff.Has(identity.Member{UserID: ops.UserID, AccountID: agency, Role: "auditor"}))
	require.False(t, staff.Has(identity.Member{UserID: both.UserID, AccountID: "bbbbbbbbbbbbbbbbbbbbbbbb", Role: "auditor"}), "of another agency now")
	require.False(t, identity.Staff{}.Has(ops))
	require.True(t, identity.Staff{}.Empty())
}

func TestStaffThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := identity.ParseStaff([]string{"king:a@b.example", "operator", "auditor:a@b.example", "auditor:" + agency + ":", "", "operator:x", "operator:x"})
	for _, part := range []string{`"king:a@b.example"`, `"operator"`, `"auditor:a@b.example"`, `"auditor:` + agency + `:"`, `""`, "x is listed as operator before"} {
		require.ErrorContains(t, err, part)
	}
	_, err = identity.ParseStaff([]string{"auditor:" + agency + ":x", "auditor:bbbbbbbbbbbbbbbbbbbbbbbb:x"})
	require.ErrorContains(t, err, "listed as auditor before", "a session is of one agency")
}

func TestFlowsAreApart(t *testing.T) {
	t.Parallel()
	one, other := identity.FlowOf("a"), identity.FlowOf("b")
	seen := map[string]bool{}
	for _, part := range []string{one.State, one.Nonce, one.Verifier, other.State, other.Nonce, other.Verifier} {
		require.Len(t, part, 43, "as long as a verifier has to be")
		require.False(t, seen[part])
		seen[part] = true
	}
	require.Equal(t, one, identity.FlowOf("a"))
}
