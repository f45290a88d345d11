package domain_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Rule 1: the main account has no dashboard settings.
func TestRule1MainAccountIsProtected(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.accounts[agency] = true // even if the directory said so
	for name, c := range map[string]domain.UpdateDashboard{
		"an empty body":   change(agency),
		"a whole body":    change(agency, allow(true), accounts(north), users(staff), scopes("posts")),
		"a failing match": change(agency, ifMatch(7)),
		"a foreign user":  change(agency, users(otherUser)),
	} {
		event, err := w.decide(c)
		require.Nil(t, event, name)
		require.ErrorIs(t, err, domain.ErrMainAccount, name)
		require.EqualError(t, err, "forbidden: You cannot update dashboard settings of main account")
	}
}

// Rule 9: If-Match compares the version of the last record that changed this dashboard.
func TestRule9IfMatch(t *testing.T) {
	t.Parallel()
	// north is changed by versions 1 and 3, south by version 2 only.
	given := []domain.UpdateDashboard{
		change(north, users(nina)), change(south, users(sam)), change(north, allow(true)),
	}
	northOpen := alone(north, staff)
	northOpen.allow = true
	run(t, map[string]scenario{
		"the version it has": {
			given: given, when: change(north, users(staff), ifMatch(3)),
			event: usersSet, docs: map[string]doc{north: northOpen}, lost: []string{nina},
		},
		"one of several": {
			given: given, when: change(south, users(staff), ifMatch(9, 2)),
			event: usersSet, docs: map[string]doc{south: alone(south, staff)}, lost: []string{sam},
		},
		"any": {
			given: given, when: change(south, users(staff), ifMatchAny),
			event: usersSet, docs: map[string]doc{south: alone(south, staff)}, lost: []string{sam},
		},
		"an older version of it": {given: given, when: change(north, users(staff), ifMatch(1)), code: domain.CodePreconditionFailed},
		"the stream's version, which did not change it": {
			given: given, when: change(south, users(staff), ifMatch(3)), code: domain.CodePreconditionFailed,
		},
		"an unknown tag":          {given: given, when: change(south, users(staff), ifMatch()), code: domain.CodePreconditionFailed},
		"any, of a missing one":   {given: given, when: change(east, users(staff), ifMatchAny), code: domain.CodePreconditionFailed},
		"0, of a missing one":     {given: given, when: change(east, users(staff), ifMatch(0)), code: domain.CodePreconditionFailed},
		"no change, but no match": {given: given, when: change(south, users(sam), ifMatch(1)), code: domain.CodePreconditionFailed},
		"no change, and a match":  {given: given, when: change(south, users(sam), ifMatch(2))},
	})
}

// Rule 10: a foreign or unknown id is 404 in the path and 422 in the body, without further details.
func TestRule10Tenancy(t *testing.T) {
	t.Parallel()
	run(t, map[string]scenario{
		"path: unknown account":       {when: change(nobody), code: domain.CodeNotFound},
		"path: another agency's":      {when: change(otherAccount), code: domain.CodeNotFound},
		"path: another agency":        {when: change(otherAgency), code: domain.CodeNotFound},
		"path before body":            {when: change(nobody, users(otherUser)), code: domain.CodeNotFound},
		"body before If-Match":        {when: change(north, users(otherUser), ifMatch(9)), code: domain.CodeUnprocessable, fields: []string{"users[0]"}},
		"body: the agency itself":     {when: change(north, accounts(agency)), code: domain.CodeUnprocessable, fields: []string{"sub_account_ids[0]"}},
		"body: foreign on an unlink":  {when: change(north, accounts(otherAccount), unlink), code: domain.CodeUnprocessable, fields: []string{"sub_account_ids[0]"}},
		"body: all offenders at once": {when: change(north, accounts(south, otherAccount, nobody), users(nobody, nina, otherUser), scopes("ok", "Not")), code: domain.CodeUnprocessable, fields: []string{"sub_account_ids[1]", "sub_account_ids[2]", "users[0]", "users[2]", "scopes[1]"}},
		"users of any own account and of the agency may be named": {
			when: change(north, users(staff, sam, nina)), event: usersSet, docs: map[string]doc{north: alone(north, staff, nina, sam)},
		},
	})
}

// Rule 10: foreign and unknown ids give the same answer, byte for byte, in the path and in the
// body.
func TestRule10ForeignAndUnknownReadAlike(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for name, pair := range map[string][2]domain.UpdateDashboard{
		"path":    {change(otherAccount), change(nobody)},
		"account": {change(north, accounts(otherAccount)), change(north, accounts(nobody))},
		"user":    {change(north, users(otherUser)), change(north, users(nobody))},
		"unlink":  {change(north, accounts(otherAccount), unlink), change(north, accounts(nobody), unlink)},
	} {
		_, foreign := w.decide(pair[0])
		_, unknown := w.decide(pair[1])
		require.Error(t, foreign, name)
		require.Equal(t, foreign, unknown, name)
		require.NotContains(t, foreign.Error(), otherAccount, name)
	}
}

// The form of scopes: [a-z][a-z0-9_.-]{0,63}. Their number is bounded. A scope that is named twice
// counts once.
func TestScopes(t *testing.T) {
	t.Parallel()
	long := "a23456789012345678901234567890123456789012345678901234567890123"
	for scope, ok := range map[string]bool{
		"a": true, "posts": true, "a.b-c_9": true, long + "4": true,
		long + "45": false, "": false, "A": false, "9a": false, "a b": false, "a\n": false, "ä": false, "-a": false,
	} {
		_, err := newWorld().decide(change(north, scopes(scope)))
		if ok {
			require.NoError(t, err, scope)
			continue
		}
		require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err), scope)
		require.Equal(t, []string{"scopes[0]"}, fieldsOf(err), scope)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("s%d", i)
	}
	_, err := newWorld().decide(change(north, scopes(append(many[:100:100], many[:100]...)...)))
	require.NoError(t, err)
	_, err = newWorld().decide(change(north, scopes(many...)))
	require.Equal(t, domain.CodeUnprocessable, domain.CodeOf(err))
	require.Equal(t, []string{"scopes"}, fieldsOf(err))
}
