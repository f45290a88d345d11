package signin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// In an empty directory the code creates one agency, whose first user can sign in. Until the whole
// log is known, it creates none.
func TestFirstAgency(t *testing.T) {
	t.Parallel()
	log := foldtest.New(t)
	tables := directory.Lookup{Pool: log.DB.ReadOnly, Registry: domain.NewRegistry(), Progress: pg.NewProgress()}
	var unknown error
	first := &signin.FirstAgency{
		Code:      signin.FirstAgencyCode([]byte("secret")),
		Directory: commands.LocalDirectory{Log: log, Tables: tables, Local: true, Now: time.Now},
		Known:     func() error { return unknown },
	}
	require.NotEqual(t, first.Code, signin.FirstAgencyCode([]byte("other")))
	nina := commands.NewPerson{Name: "Nina", Email: "nina@north.example.com"}
	refused := func(code, agency string, person commands.NewPerson, want domain.Code, field string) {
		t.Helper()
		_, err := first.Create(t.Context(), code, agency, person)
		require.Equal(t, want, domain.CodeOf(err))
		require.ErrorContains(t, err, field)
	}
	refused("", "North", nina, domain.CodeInvalid, "code")
	refused(first.Code+"A", "North", nina, domain.CodeInvalid, "code")
	refused(first.Code, " ", nina, domain.CodeInvalid, "name of the agency")
	refused(first.Code, "North", commands.NewPerson{Name: "Nina", Email: "nina"}, domain.CodeInvalid, "email")
	unknown = domain.NewError(domain.CodeUnavailable, "not folded")
	wanted, err := first.Wanted(t.Context())
	require.NoError(t, err)
	require.False(t, wanted)
	refused(first.Code, "North", nina, domain.CodeUnavailable, "not folded")
	require.Empty(t, log.Records(domain.TopicDirectory))

	unknown = nil
	wanted, err = first.Wanted(t.Context())
	require.NoError(t, err)
	require.True(t, wanted)
	person, err := first.Create(t.Context(), " "+first.Code+"\n", "North", nina)
	require.NoError(t, err)
	status, active, err := signin.ActiveUser(t.Context(), directory.People{Pool: log.DB.ReadOnly}.UserStatus, person.UserID)
	require.NoError(t, err)
	require.True(t, active)
	require.Equal(t, person, status)
	require.Equal(t, "agency", person.Role)
	refused(first.Code, "South", nina, domain.CodeConflict, "already exists")
	wanted, err = first.Wanted(t.Context())
	require.NoError(t, err)
	require.False(t, wanted)
}
