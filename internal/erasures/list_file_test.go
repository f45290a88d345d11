package erasures_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/erasures"
)

// A line that somebody has broken is named, and the lines before it count for nothing alone.
func TestListOfErasuresNamesTheLineThatIsWrong(t *testing.T) {
	t.Parallel()
	const agency, user = "aaaaaaaaaaaaaaaaaaaaaaaa", "e7a5ed000000000000000001"
	path := filepath.Join(t.TempDir(), "list")
	none, err := erasures.Read(path)
	require.NoError(t, err)
	require.Empty(t, none)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	person := domain.Person{ParentAccount: agency, User: user, Members: []int64{7}, Profiles: []int64{700}, Named: []int64{703}}
	require.NoError(t, erasures.Append(path, person.ErasedIDs(at)))
	require.NoError(t, erasures.Append(path, person.ErasedIDs(at.Add(-time.Hour))))
	list, err := erasures.Read(path)
	require.NoError(t, err)
	require.Len(t, list, 4)
	line, erasedToo := list.Of(domain.DirectorySession{ID: "s", UserID: user})
	require.True(t, erasedToo)
	require.Equal(t, at, line.At, "the latest counts")
	_, another := list.OfAccount("bbbbbbbbbbbbbbbbbbbbbbbb", 703)
	require.False(t, another, "another agency's")
	_, read := list.OfAccount("bbbbbbbbbbbbbbbbbbbbbbbb", 700)
	_, own := list.OfTexts("bbbbbbbbbbbbbbbbbbbbbbbb", 700)
	require.Equal(t, []bool{false, true}, []bool{read, own}, "texts of the person's own profile, in whatever agency")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = file.WriteString(`{"kind":"user"}` + "\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	_, err = erasures.Read(path)
	require.ErrorContains(t, err, "line 9: kind, id or at is missing")
}
