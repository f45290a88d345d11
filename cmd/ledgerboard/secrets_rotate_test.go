package main

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// The accounts that tests connect.
const (
	fetchGood = iota + 1
	fetchDead
	fetchDisconnected
	fetchLapsed
	fetchNoToken
)

var fetchKey = strings.Repeat("ab", 32)

// byHand runs the program's command line on a data directory.
func byHand(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), args, &out, &problems)
	return code, out.String(), problems.String()
}

func TestStoredTokensAreSealedUnderANewKey(t *testing.T) {
	dir := t.TempDir()
	sim := simulator.New(simulator.Config{Seed: 7})
	withService(t, dir, func(a *process, _ string) { seedFetching(t, a, sim) })
	next := strings.Repeat("cd", 32)
	code, out, problems := byHand(t, "secrets", "rotate", "--data-dir", dir, "--log-level", "error", "--secrets-key", next+","+fetchKey)
	require.Zero(t, code, problems)
	require.Contains(t, out, "4 secrets resealed")
	code, _, problems = byHand(t, "secrets", "rotate", "--data-dir", dir, "--log-level", "error", "--secrets-key", fetchKey, "--json")
	require.Equal(t, exitFailure, code, "the key that sealed them is not given any more")
	require.Contains(t, problems, "LEDGERBOARD_SECRETS_KEY")
	code, _, problems = byHand(t, "secrets", "rotate", "--data-dir", dir, "--secrets-key", "short")
	require.Equal(t, exitUsage, code)
	require.Contains(t, problems, "LEDGERBOARD_SECRETS_KEY")
}

// lockedBuffer may be written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// seedFetching puts the accounts into the directory, the simulator and the store of tokens.
func seedFetching(t *testing.T, a *process, sim *simulator.Server) {
	t.Helper()
	const lapsed = "c20000000000000000000000"
	now := time.Now()
	entities := []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: eraseAgency, Active: true},
		domain.DirectoryAccount{ID: eraseClient, ParentAccount: eraseAgency, Active: true},
		domain.DirectorySubscription{ID: 1, AccountID: eraseClient, StartsAt: now.AddDate(0, -1, 0)},
	}
	keys, err := vault.ParseKeys(fetchKey)
	require.NoError(t, err)
	secrets, err := vault.NewSecrets(a.KeptPool, keys)
	require.NoError(t, err)
	for id := fetchGood; id <= fetchNoToken; id++ {
		page := sim.AddPage(simulator.Account{ID: "70" + strconv.Itoa(id), PostsFrom: now.AddDate(0, 0, -3), PostEvery: 24 * time.Hour})
		account, ref := eraseClient, "connection/"+strconv.Itoa(id)
		if id == fetchLapsed {
			account = lapsed
		}
		entities = append(entities, domain.DirectoryConnection{ID: int64(id), MemberID: 1, Platform: domain.Facebook, SecretRef: ref},
			domain.DirectorySocialAccount{
				ID: int64(id), ParentAccount: eraseAgency, AccountID: account, MemberID: 1, ConnectionID: int64(id), Platform: domain.Facebook,
				ExternalID: page.ID, Connected: id != fetchDisconnected,
			})
		if id == fetchNoToken {
			continue
		}
		sealed, err := commands.EncodeTokens(commands.StoredTokens{AccessToken: page.AccessToken})
		require.NoError(t, err)
		require.NoError(t, secrets.Put(t.Context(), ref, sealed, domain.SecretTimes{Taken: now}))
	}
	require.True(t, sim.SetTraps(domain.Facebook, "70"+strconv.Itoa(fetchDead), simulator.Traps{TokenError: 463}))
	drafts := make([]domain.Draft, 0, len(entities))
	for _, e := range entities {
		drafts = append(drafts, commands.EntityDraft(e, now))
	}
	require.NoError(t, a.Log.AppendBulk(t.Context(), drafts))
	require.Eventually(t, func() bool {
		var n int
		err := a.ReadPool.QueryRow(t.Context(), "select count(*) from tSAccounts").Scan(&n)
		return err == nil && n == fetchNoToken
	}, patience, 10*time.Millisecond)
}
