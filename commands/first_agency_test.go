package commands_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// In an empty directory the code creates one agency, whose first user can sign in. Until the whole
// log is known, it creates none.
func TestSetupCodeCreatesOnlyFirstAgency(t *testing.T) {
	t.Parallel()
	log := ledgertest.New(t)
	tables := directory.Lookup{Pool: log.DB.ReadOnly, Registry: domain.NewRegistry(), Progress: pg.NewProgress()}
	var unknown error
	first := &commands.FirstAgency{
		Code:      commands.FirstAgencyCode([]byte("secret")),
		Directory: commands.LocalDirectory{Log: log, Tables: tables, Local: true, Now: time.Now},
		Known:     func() error { return unknown },
	}
	require.NotEqual(t, first.Code, commands.FirstAgencyCode([]byte("other")))
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
	status, err := directory.People{Pool: log.DB.ReadOnly}.UserStatus(t.Context(), person.ID, person.AccountID)
	require.NoError(t, err)
	require.Equal(t, domain.UserStatus{
		Known: true, Active: true, Account: person.AccountID, Email: person.Email, AccountKnown: true, AccountActive: true,
	}, status)
	refused(first.Code, "South", nina, domain.CodeConflict, "already exists")
	wanted, err = first.Wanted(t.Context())
	require.NoError(t, err)
	require.False(t, wanted)
}

// unaware are tables that show neither people nor accounts, until all of several concurrent requests
// have asked them.
type unaware struct {
	directory.Lookup

	asked *sync.WaitGroup
}

func (u unaware) wait() (bool, error) {
	u.asked.Done()
	u.asked.Wait()
	return false, nil
}

func (u unaware) HasEmail(context.Context, string, string) (bool, error) { return u.wait() }

func (u unaware) Empty(context.Context) (bool, error) {
	_, err := u.wait()
	return true, err
}

// Of two concurrent requests that add the same address, or the first agency, one succeeds: with two,
// no one with that address could sign in.
func TestConcurrentAddsCreateOneUserOrAgency(t *testing.T) {
	t.Parallel()
	log := ledgertest.New(t)
	const agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	log.Put(t, domain.DirectoryAccount{ID: agency, RowID: 1, Name: "Agency", Active: true})
	pool := log.Vault()
	tables := unaware{directory.Lookup{Pool: log.DB.ReadOnly, Registry: domain.NewRegistry(), Progress: pg.NewProgress()}, &sync.WaitGroup{}}
	local := commands.LocalDirectory{
		Log: log, Tables: tables, Local: true, Now: time.Now,
		Reserve: func(ctx context.Context, key, id string) (bool, error) { return vault.Reserve(ctx, pool, key, id) },
	}
	twice := func(add func(n int) error) {
		t.Helper()
		tables.asked.Add(2)
		var errs [2]error
		var all sync.WaitGroup
		for n := range errs {
			all.Go(func() { errs[n] = add(n) })
		}
		all.Wait()
		if errs[0] != nil {
			slices.Reverse(errs[:])
		}
		require.NoError(t, errs[0])
		require.Equal(t, domain.CodeConflict, domain.CodeOf(errs[1]), "%v", errs[1])
	}
	caller := commands.Caller{ParentAccount: agency, UserID: "5a0000000000000000000001", Role: "agency", RequestID: "r"}
	twice(func(n int) error {
		email := [2]string{"Nina@north.example.com", "nina@North.example.com"}[n]
		_, err := local.Invite(t.Context(), caller, commands.NewPerson{Name: "Nina", Email: email})
		return err
	})
	twice(func(int) error {
		_, err := local.CreateFirst(t.Context(), "North", commands.NewPerson{Name: "Nina", Email: "nina@north.example.com"})
		return err
	})
}
