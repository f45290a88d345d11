package chaos_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const (
	agencies        = 5
	boardsPerAgency = 2
	usersPerBoard   = 5
)

const jwtSecret = "a secret of the chaos run, for nothing else"

// agency is one agency: who writes for it, and its boards.
type agency struct {
	id, staff string
	boards    []board
}

type board struct {
	id    string
	users []string
}

func newWorld() (world []agency) {
	next := 0
	id := func() string { next++; return fmt.Sprintf("%024x", 0xc4a05<<40+next) }
	for range agencies {
		a := agency{id: id(), staff: id()}
		for range boardsPerAgency {
			b := board{id: id()}
			for range usersPerBoard {
				b.users = append(b.users, id())
			}
			a.boards = append(a.boards, b)
		}
		world = append(world, a)
	}
	return world
}

func feed(ctx context.Context, log *eventlog.Log, world []agency) error {
	var drafts []domain.Draft
	at := time.Now()
	put := func(e domain.DirectoryEntity) { drafts = append(drafts, commands.EntityDraft(e, at)) }
	for _, a := range world {
		put(domain.DirectoryAccount{ID: a.id, Name: "Agency", Active: true})
		put(domain.DirectoryUser{ID: a.staff, AccountID: a.id, Name: "Staff", Role: "agency", Active: true})
		for _, b := range a.boards {
			put(domain.DirectoryAccount{ID: b.id, ParentAccount: a.id, Name: "Client", Active: true})
			for _, user := range b.users {
				put(domain.DirectoryUser{ID: user, AccountID: b.id, Name: "Person", Role: "client", Active: true})
			}
		}
	}
	return log.AppendBulk(ctx, drafts)
}

// openLog opens the log as the test's own; where it is new its topics are made.
func openLog(ctx context.Context, t testing.TB, brokers []string) *eventlog.Log {
	t.Helper()
	topics, err := assembly.Topics()
	require.NoError(t, err)
	log, err := eventlog.Open(ctx, eventlog.Config{Brokers: brokers, Topics: topics})
	require.NoError(t, err)
	return log
}

// token signs one for a person of an account ("" for none).
func (s *stack) token(user, account, role string) string {
	claims := jwt.MapClaims{
		"sub": user, "role": role, "iss": "ledgerboard", "aud": "ledgerboard", "exp": time.Now().Add(24 * time.Hour).Unix(),
	}
	if account != "" {
		claims["account_id"] = account
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(s.secret))
	require.NoError(s.t, err)
	return signed
}
