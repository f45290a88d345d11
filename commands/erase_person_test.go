package commands_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

type erasedKept struct {
	deleted []string
	gone    [][]int64
	stay    [][]int64
	cursors []string
	reading int // how often accounts are still being read
	err     error
}

func (s *erasedKept) Delete(_ context.Context, ref string) error {
	s.deleted = append(s.deleted, ref)
	return s.err
}

func (s *erasedKept) DeleteConnection(_ context.Context, connection int64, ref string) error {
	s.deleted = append(s.deleted, fmt.Sprint(connection, " ", ref))
	return s.err
}

func (s *erasedKept) ForgetReads(_ context.Context, gone, stay []int64) error {
	s.gone, s.stay = append(s.gone, gone), append(s.stay, stay)
	return s.err
}

func (s *erasedKept) Reading(context.Context, []int64) (bool, error) {
	s.reading--
	return s.reading > 0, s.err
}

func (s *erasedKept) ForgetUser(_ context.Context, user string) error {
	s.cursors = append(s.cursors, user)
	return s.err
}

func somePerson() domain.Person {
	return domain.Person{
		ParentAccount: reader.ParentAccount, User: "d10000000000000000000000", Sessions: []string{"s1"},
		Members: []int64{7}, Defaults: []int64{7}, Connections: []domain.PersonConnection{{ID: 70, SecretRef: "c"}}, Profiles: []int64{700}, Named: []int64{702},
		Had:      []domain.AccountOwner{{SocialAccount: 700, AccountID: reader.ParentAccount, Platform: domain.LinkedIn}, {SocialAccount: 702, Platform: domain.Facebook}},
		Contents: []domain.StoredContent{{Key: "of 700", At: auditNow.Add(time.Hour)}},
		Pages:    []domain.DirectorySocialAccount{{ID: 701, Name: "Page", Connected: true}},
	}
}

func someOrder() domain.ErasureOrder {
	return domain.ErasureOrder{By: "person", Ground: "objection", Due: "2026-12-21", Reason: domain.Reason{Code: domain.ReasonOther, Ticket: "DPO-7"}}
}

func erasePerson(log commands.Appender, eraser commands.KeptEraser) commands.ErasePerson {
	return commands.ErasePerson{
		Log: log, Kept: eraser, Order: someOrder(), Now: func() time.Time { return auditNow },
	}
}

// What names other records goes last: a repetition finds what an interrupted erasure left.
func TestErasureGoesFromTheLeavesToTheRoot(t *testing.T) {
	t.Parallel()
	log, eraser := &takingLog{}, &erasedKept{reading: 2}
	require.NoError(t, erasePerson(log, eraser).Erase(t.Context(), somePerson()))
	require.Negative(t, eraser.reading-1, "it waited until nothing was being read")
	var keys []string
	for _, d := range log.drafts {
		keys = append(keys, d.Topic+" "+d.Key)
		switch data := d.Data.(type) {
		case nil: // a tombstone
			require.WithinDuration(t, auditNow, d.Envelope.Time, time.Microsecond)
		case domain.DirectorySocialAccount:
			require.False(t, data.Connected, "a page loses its connection")
			require.Equal(t, "Page", data.Name)
		case domain.AccountErased:
			require.NoError(t, data.Validate())
			require.Equal(t, auditNow.UTC().Truncate(time.Microsecond), data.ErasedAt)
		case domain.PersonErased:
			want := somePerson().Erased()
			want.Order = someOrder()
			require.Equal(t, want, data)
			require.Equal(t, "system:erase", d.Envelope.Audit.Actor)
		default:
			require.Fail(t, "unexpected record", "%T", data)
		}
	}
	require.Equal(t, []string{
		"directory social_account:701", "contents of 700", "operations " + reader.ParentAccount, "metrics 700", "metrics 702",
		"directory social_account:700", "directory social_account:702", "directory connection:70",
		"directory default_account:7", "directory session:s1", "directory member:7", "directory user:d10000000000000000000000",
	}, keys)
	require.Equal(t, []string{"70 c", "70 c", "70 c"}, eraser.deleted, "tokens first, and again behind a token that was being renewed")
	require.Equal(t, [][]int64{{700, 702}, {700, 702}}, eraser.gone, "likewise behind a read that was under way")
	require.Equal(t, [][]int64{{701}, {701}}, eraser.stay)
	require.Equal(t, []string{somePerson().User, somePerson().User}, eraser.cursors)
}

func TestErasureEndsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	err := erasePerson(log, &erasedKept{err: errors.New("database away")}).Erase(t.Context(), somePerson())
	require.ErrorContains(t, err, "delete tokens")
	require.Empty(t, log.drafts, "the person can still be found")
	log.append = func(context.Context) error { return errors.New("no broker") }
	err = erasePerson(log, &erasedKept{}).Erase(t.Context(), somePerson())
	require.ErrorContains(t, err, "repeating the command is safe")
	require.Len(t, log.drafts, 1)
}
