package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
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

// The accounts of the readings by hand.
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

func TestFetchByHand(t *testing.T) {
	dir := t.TempDir()
	sim := simulator.New(simulator.Config{Seed: 7})
	platform := httptest.NewServer(sim)
	defer platform.Close()
	withService(t, dir, func(a *process, _ string) { seedFetching(t, a, sim) })
	fetch := func(account int, more ...string) (int, string, string) {
		return byHand(t, append([]string{
			"fetch", "--data-dir", dir, "--log-level", "error", "--secrets-key", fetchKey, "--facebook-url", platform.URL + simulator.PathFacebook,
			"--platform", "facebook", "--account", strconv.Itoa(account), "--once", "--backfill", "0s",
		}, more...)...)
	}
	code, out, problems := fetch(fetchGood)
	require.Zero(t, code, problems)
	require.Contains(t, out, "facebook account 1, read at")
	require.Regexp(t, `followers +\d+ +stock +followers_count`, out)
	require.Contains(t, out, "day_flow")
	code, out, _ = fetch(fetchGood, "--posts", "--json")
	require.Zero(t, code)
	require.Contains(t, out, `"type":"metrics.post_registered.v1"`)
	require.Contains(t, out, `"type":"metrics.post_read.v1"`)
	for account, want := range map[int]string{
		fetchDead: "Connect the account again", fetchDisconnected: "is not connected", fetchLapsed: "without an active subscription",
		fetchNoToken: "no token for this connection", 99: "There is no social account 99",
	} {
		code, out, problems := fetch(account)
		require.Equal(t, exitFailure, code, want)
		require.Empty(t, out)
		require.Contains(t, problems, want)
		require.NotContains(t, problems, "Simacc", "a token")
	}
	requireGoesOn(t, dir, platform.URL, sim)
	code, _, problems = fetch(fetchGood, "--quotas", "tiktok:app")
	require.Equal(t, exitUsage, code)
	require.Contains(t, problems, "LEDGERBOARD_QUOTAS")

	// A new sign-in: its token comes on standard input, and is nowhere to be seen.
	put := func(account int, input string) (string, error) {
		var out, problems bytes.Buffer
		c := putCommand{
			storage: storage{DataDir: dir, KafkaSASL: "PLAIN"}, logging: logging{LogLevel: "error"}, SecretsKey: fetchKey,
			Connection: int64(account), in: strings.NewReader(input),
		}
		err := c.Run(t.Context(), streams{Out: &out, Err: &problems})
		for _, token := range []string{sim.Tokens(domain.Facebook, "705").Access, "invented"} {
			require.NotContains(t, out.String()+problems.String()+fmt.Sprint(err), token)
		}
		return out.String(), err
	}
	out, err := put(fetchNoToken, `{"access_token":"`+sim.Tokens(domain.Facebook, "705").Access+`"}`)
	require.NoError(t, err)
	require.Contains(t, out, "The tokens of connection 5 (facebook) are stored.\n")
	require.Contains(t, out, "until the platform refuses them")
	code, _, problems = fetch(fetchNoToken)
	require.Zero(t, code, problems)
	for input, want := range map[string]string{
		"": "is not one JSON object", `{"access_token":"invented"} {}`: "is not one JSON object", `["invented"]`: "is not one JSON object", `null`: "is not one JSON object",
		`{"access_token":"invented","expires_in":7200}`: "field that is not known", `{"invented":"x"}`: "field that is not known",
		`{"access_token":"x","expires_at":"invented"}`: "expires_at cannot be read", `{"access_token":["invented"]}`: "access_token cannot be read",
		`{"access_token":""}`: "never replaces", `{}`: "never replaces",
	} {
		_, err := put(fetchNoToken, input)
		require.ErrorContains(t, err, want, input)
		require.Equal(t, exitUsage, exitCode(err, io.Discard), input)
	}
	_, err = put(99, `{"access_token":"invented"}`)
	require.ErrorContains(t, err, "does not know this connection")
	code, _, problems = byHand(t, "secrets", "put", "--data-dir", dir, "--secrets-key", fetchKey, "--connection", "0")
	require.Equal(t, exitUsage, code)
	require.Contains(t, problems, "--connection is 0")

	next := strings.Repeat("cd", 32)
	code, out, problems = byHand(t, "secrets", "rotate", "--data-dir", dir, "--log-level", "error", "--secrets-key", next+","+fetchKey)
	require.Zero(t, code, problems)
	require.Contains(t, out, "5 secrets sealed anew")
	code, out, _ = byHand(t, "secrets", "rotate", "--data-dir", dir, "--log-level", "error", "--secrets-key", fetchKey, "--json")
	require.Equal(t, exitFailure, code, "the key that sealed them is not given any more")
	require.Contains(t, out, `"remaining":5`)
	code, _, problems = byHand(t, "secrets", "rotate", "--data-dir", dir, "--secrets-key", "short")
	require.Equal(t, exitUsage, code)
	require.Contains(t, problems, "LEDGERBOARD_SECRETS_KEY")
}

// requireGoesOn: without --once a hiccup of the platform is told, and the account is read again until Ctrl-C.
func requireGoesOn(t *testing.T, dir, platform string, sim *simulator.Server) {
	t.Helper()
	sim.SetTraps(domain.Facebook, "701", simulator.Traps{FailEvery: 1})
	ctx, interrupt := context.WithCancel(t.Context())
	var out, problems lockedBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{
			"fetch", "--data-dir", dir, "--log-level", "error", "--secrets-key", fetchKey, "--facebook-url", platform + simulator.PathFacebook,
			"--platform", "facebook", "--account", "1", "--backfill", "0s", "--account-insights-interval", "1s",
		}, &out, &problems)
	}()
	requireSoon := func(where *lockedBuffer, text string) {
		require.Eventually(t, func() bool { return strings.Contains(where.String(), text) }, patience, 10*time.Millisecond, "%s\n%s", &out, &problems)
	}
	requireSoon(&problems, "It is tried again in 1s.")
	require.Empty(t, out.String())
	sim.SetTraps(domain.Facebook, "701", simulator.Traps{})
	requireSoon(&out, "facebook account 1, read at")
	interrupt()
	require.Zero(t, <-ended, &problems)
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
