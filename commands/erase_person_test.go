package commands_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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

func (s *erasedKept) ForgetUser(_ context.Context, user string) error {
	s.cursors = append(s.cursors, user)
	return s.err
}

func somePerson() domain.Person {
	return domain.Person{
		ParentAccount: reader.ParentAccount, User: "d10000000000000000000000", PasswordRef: "p", Sessions: []string{"s1"},
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
		Log: log, Kept: eraser, EachPartition: twoPartitions, Order: someOrder(), Now: func() time.Time { return auditNow },
	}
}

// twoPartitions stands for a topic's.
func twoPartitions(d domain.Draft) []domain.Draft {
	first, second := d, d
	first.Key, second.Key = d.Key+":0", d.Key+":1"
	return []domain.Draft{first, second}
}

// What names other records goes last: a repetition finds what an interrupted erasure left.
func TestErasureGoesFromTheLeavesToTheRoot(t *testing.T) {
	t.Parallel()
	log, eraser := &takingLog{}, &erasedKept{}
	require.NoError(t, erasePerson(log, eraser).Erase(t.Context(), somePerson()))
	var keys []string
	for _, d := range log.drafts {
		keys = append(keys, d.Topic+" "+d.Key)
		switch data := d.Data.(type) {
		case nil: // a tombstone
			if d.Topic == domain.TopicContents {
				require.True(t, d.Envelope.Time.After(somePerson().Contents[0].At), "it covers what a clock ahead has stored")
			} else {
				require.WithinDuration(t, auditNow.Add(commands.MaxSkew), d.Envelope.Time, time.Microsecond, "later than whatever a clock ahead may have told")
			}
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
	instant := ":" + strconv.FormatInt(auditNow.UnixMicro(), 10) + ":"
	require.Equal(t, []string{
		"directory social_account:701", "contents of 700", "operations " + reader.ParentAccount, "metrics 700", "metrics 702",
		"contents " + reader.ParentAccount + ":erased:700" + instant + "0", "contents " + reader.ParentAccount + ":erased:700" + instant + "1",
		"contents " + reader.ParentAccount + ":erased:702" + instant + "0", "contents " + reader.ParentAccount + ":erased:702" + instant + "1",
		"directory social_account:700", "directory social_account:702", "directory connection:70",
		"directory default_account:7", "directory session:s1", "directory member:7", "directory user:d10000000000000000000000",
	}, keys)
	require.Equal(t, []string{"p", "70 c", "p", "70 c"}, eraser.deleted, "before, and again behind a token that was being renewed")
	require.Equal(t, [][]int64{{700, 702}, {700, 702}}, eraser.gone, "likewise behind a read that was under way")
	require.Equal(t, [][]int64{{701}, {701}}, eraser.stay)
	require.Equal(t, []string{somePerson().User, somePerson().User}, eraser.cursors)
}

func TestErasureEndsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	log := &takingLog{}
	err := erasePerson(log, &erasedKept{err: errors.New("database away")}).Erase(t.Context(), somePerson())
	require.ErrorContains(t, err, "delete secrets, results of reads and cursors")
	require.Empty(t, log.drafts, "the person can still be found")
	log.append = func(context.Context) error { return errors.New("no broker") }
	err = erasePerson(log, &erasedKept{}).Erase(t.Context(), somePerson())
	require.ErrorContains(t, err, "repeating the command is safe")
	require.Len(t, log.drafts, 1)
}
