package readmodels_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

const (
	user      = "c00000000000000000000001"
	clientOwn = clientA
	clientTwo = clientC
	clientSix = "a60000000000000000000000" // not linked
)

// dashboard is a row of dashboard_preferences.
type dashboard struct {
	parent, account string
	linked, users   []string
	allow           bool
	scopes          []string
}

func seedScopes(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.New(t)
	w := &world{Directory: []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: agencyA, RowID: 1},
		domain.DirectoryAccount{ID: clientOwn, RowID: 11, ParentAccount: agencyA},
		domain.DirectoryAccount{ID: clientTwo, RowID: 12, ParentAccount: agencyA},
		domain.DirectoryAccount{ID: clientSix, RowID: 16, ParentAccount: agencyA},
		domain.DirectoryAccount{ID: agencyB, RowID: 2},
		domain.DirectoryAccount{ID: clientB, RowID: 21, ParentAccount: agencyB},
	}}
	w.Fold(t, db)
	return db
}

func setDashboards(t *testing.T, db *pgtest.DB, dashboards ...dashboard) {
	t.Helper()
	ledgertest.Exec(t, db.Pool, `delete from dashboard_preferences`)
	for _, d := range dashboards {
		ledgertest.Exec(t, db.Pool, `
			insert into dashboard_preferences (parent_account, sub_account_id, document_id, sub_account_ids, users, main_poc,
				allow_client_dashboard, scopes, created_at, updated_at, version)
			values ($1, $2, 'd', $3, $4, '{}', $5, $6, $7, $7, 1)`,
			d.parent, d.account, set(d.linked), set(d.users), d.allow, d.scopes, time.Now())
	}
}

// set returns a list as dashboards contain it: sorted and never null.
func set(ids []string) []string { return append([]string{}, slices.Sorted(slices.Values(ids))...) }

func open(account string, linked ...string) dashboard {
	return dashboard{agencyA, account, append(linked, account), []string{user}, true, []string{"posts", "analytics"}}
}

func TestStaffScopeCoversAllClientsOrOne(t *testing.T) {
	t.Parallel()
	scopes := readmodels.Scopes{Pool: seedScopes(t).ReadOnly}
	for name, tt := range map[string]struct {
		narrow readmodels.AccountRef
		want   []string
		err    error
	}{
		"all":                        {readmodels.AccountRef{}, nil, nil},
		"one by id":                  {readmodels.AccountRef{ID: clientTwo}, []string{clientTwo}, nil},
		"one by row id":              {readmodels.AccountRef{RowID: 11}, []string{clientOwn}, nil},
		"the agency itself":          {readmodels.AccountRef{ID: agencyA}, []string{agencyA}, nil},
		"unknown":                    {readmodels.AccountRef{ID: "ffffffffffffffffffffffff"}, nil, readmodels.ErrAccountNotFound},
		"of another agency":          {readmodels.AccountRef{ID: clientB}, nil, readmodels.ErrAccountNotFound},
		"of another agency by row":   {readmodels.AccountRef{RowID: 21}, nil, readmodels.ErrAccountNotFound},
		"another agency":             {readmodels.AccountRef{ID: agencyB}, nil, readmodels.ErrAccountNotFound},
		"row id that nobody carries": {readmodels.AccountRef{RowID: 99}, nil, readmodels.ErrAccountNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := scopes.Scope(t.Context(), readmodels.ScopeRequest{ParentAccount: agencyA, Narrow: narrowTo(tt.narrow)})
			require.ErrorIs(t, err, tt.err)
			if tt.err == nil {
				require.Equal(t, readmodels.Scope{ParentAccount: agencyA, Accounts: tt.want}, got)
			}
		})
	}
}

// Rule 11, and which figures a caller can see.
func TestClientUserScopeIsTheirOpenDashboards(t *testing.T) {
	t.Parallel()
	closed, unlisted, unscoped := open(clientOwn), open(clientOwn), open(clientOwn)
	closed.allow, unlisted.users, unscoped.scopes = false, []string{"c0000000000000000000000f"}, []string{"posts"}
	foreign := open(clientOwn)
	foreign.parent = agencyB
	db, all := seedScopes(t), readmodels.AccountRef{}
	for name, tt := range map[string]struct {
		dashboards []dashboard
		narrow     readmodels.AccountRef
		want       []string
		err        error
	}{
		"own account":     {[]dashboard{open(clientOwn)}, all, []string{clientOwn}, nil},
		"linked accounts": {[]dashboard{open(clientOwn, clientTwo), open(clientTwo, clientOwn)}, all, []string{clientOwn, clientTwo}, nil},
		"only the linked dashboard is open": {
			[]dashboard{{agencyA, clientOwn, []string{clientOwn, clientTwo}, []string{}, true, []string{"analytics"}}, open(clientTwo, clientOwn)},
			all,
			[]string{clientOwn, clientTwo},
			nil,
		},
		"on the list of a dashboard of another account": {[]dashboard{open(clientTwo)}, all, nil, readmodels.ErrNoOpenDashboard},
		"none":                                  {nil, all, nil, readmodels.ErrNoOpenDashboard},
		"not allowed":                           {[]dashboard{closed}, all, nil, readmodels.ErrNoOpenDashboard},
		"not listed":                            {[]dashboard{unlisted}, all, nil, readmodels.ErrNoOpenDashboard},
		"without scope":                         {[]dashboard{unscoped}, all, nil, readmodels.ErrNoOpenDashboard},
		"of an agency that is not the caller's": {[]dashboard{foreign}, all, nil, readmodels.ErrNoOpenDashboard},
		"narrowed":                              {[]dashboard{open(clientOwn, clientTwo)}, readmodels.AccountRef{RowID: 12}, []string{clientTwo}, nil},
		"narrowed to one that is not open":      {[]dashboard{open(clientOwn, clientTwo)}, readmodels.AccountRef{ID: clientSix}, nil, readmodels.ErrAccountNotFound},
		"narrowed to the agency":                {[]dashboard{open(clientOwn)}, readmodels.AccountRef{ID: agencyA}, nil, readmodels.ErrAccountNotFound},
		// The same whether the account exists or not.
		"narrowed without any open dashboard": {nil, readmodels.AccountRef{ID: clientOwn}, nil, readmodels.ErrNoOpenDashboard},
	} {
		t.Run(name, func(t *testing.T) {
			setDashboards(t, db, tt.dashboards...)
			got, err := readmodels.Scopes{Pool: db.ReadOnly}.Scope(t.Context(), readmodels.ScopeRequest{
				ParentAccount: agencyA, ClientAccount: clientOwn, ClientUser: user, Narrow: narrowTo(tt.narrow),
			})
			require.ErrorIs(t, err, tt.err)
			if tt.err == nil {
				require.Equal(t, readmodels.Scope{ParentAccount: agencyA, Accounts: tt.want}, got)
			}
		})
	}
}

// A caller with only one of the two ids is still a client user and does not see what staff see.
func TestClientUserWithOneIDGetsEmptyScope(t *testing.T) {
	t.Parallel()
	db := seedScopes(t)
	setDashboards(t, db, open(clientOwn), open(clientTwo))
	for _, request := range []readmodels.ScopeRequest{{ClientUser: user}, {ClientAccount: clientTwo}} {
		request.ParentAccount = agencyA
		_, err := readmodels.Scopes{Pool: db.ReadOnly}.Scope(t.Context(), request)
		require.ErrorIs(t, err, readmodels.ErrNoOpenDashboard)
		request.Narrow.Dashboard = clientTwo
		_, err = readmodels.Scopes{Pool: db.ReadOnly}.Scope(t.Context(), request)
		require.ErrorIs(t, err, domain.ErrDashboardNotFound)
		list, _, err := directory.Entities{Pool: db.ReadOnly}.Dashboards(t.Context(), readmodels.Scope{ParentAccount: agencyA}, directory.DashboardsQuery{
			ClientAccount: request.ClientAccount, ClientUser: request.ClientUser,
		})
		require.NoError(t, err)
		require.Empty(t, list)
	}
}

// narrowTo asks for one account; the zero value asks for all.
func narrowTo(ref readmodels.AccountRef) (n readmodels.Narrowing) {
	if ref != (readmodels.AccountRef{}) {
		n.Accounts = []readmodels.AccountRef{ref}
	}
	return n
}

// A cursor is valid only in its own list, scope and filters.
func TestCursorIsValidOnlyForSameQuery(t *testing.T) {
	t.Parallel()
	cursorScope := func(list, parent string, accounts []string, filter string) readmodels.CursorScope {
		return readmodels.CursorScope{List: list, Scope: readmodels.Scope{ParentAccount: parent, Accounts: accounts}, Filters: filter}
	}
	own := cursorScope("users", agencyA, nil, "active")
	cursor, err := readmodels.EncodeCursor(own, "last")
	require.NoError(t, err)
	key, err := readmodels.DecodeCursor[string](cursor, own)
	require.NoError(t, err)
	require.Equal(t, "last", *key)
	key, err = readmodels.DecodeCursor[string]("", own)
	require.NoError(t, err)
	require.Nil(t, key, "the first page")

	for name, scope := range map[string]readmodels.CursorScope{
		"another list":        cursorScope("members", agencyA, nil, "active"),
		"another agency":      cursorScope("users", agencyB, nil, "active"),
		"all of an agency":    cursorScope("users", agencyA, []string{}, "active"),
		"one of its accounts": cursorScope("users", agencyA, []string{clientA}, "active"),
		"another filter":      cursorScope("users", agencyA, nil, ""),
	} {
		_, err := readmodels.DecodeCursor[string](cursor, scope)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), name)
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	require.NoError(t, err)
	moved := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), "last", "more", 1)))
	for name, text := range map[string]string{"another place": moved, "no base64": "*", "no JSON": "AAAA", "a letter more": cursor + "A"} {
		_, err := readmodels.DecodeCursor[string](text, own)
		require.Equal(t, domain.CodeInvalid, domain.CodeOf(err), name)
	}
}
