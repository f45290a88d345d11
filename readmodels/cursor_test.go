package readmodels_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// A cursor goes on in the list, scope and filters that it was given for, and nowhere else.
func TestCursorIsOfItsList(t *testing.T) {
	t.Parallel()
	of := func(list, parent string, accounts []string, filter string) readmodels.CursorScope {
		return readmodels.CursorScope{List: list, Scope: readmodels.Scope{ParentAccount: parent, Accounts: accounts}, Filters: filter}
	}
	own := of("users", agencyA, nil, "active")
	cursor, err := readmodels.EncodeCursor(own, "last")
	require.NoError(t, err)
	key, err := readmodels.DecodeCursor[string](cursor, own)
	require.NoError(t, err)
	require.Equal(t, "last", *key)
	key, err = readmodels.DecodeCursor[string]("", own)
	require.NoError(t, err)
	require.Nil(t, key, "the first page")

	for name, scope := range map[string]readmodels.CursorScope{
		"another list":        of("members", agencyA, nil, "active"),
		"another agency":      of("users", agencyB, nil, "active"),
		"all of an agency":    of("users", agencyA, []string{}, "active"),
		"one of its accounts": of("users", agencyA, []string{clientA}, "active"),
		"another filter":      of("users", agencyA, nil, ""),
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
