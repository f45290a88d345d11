package mount_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

const neighbour = "bbbbbbbbbbbbbbbbbbbbbbbb"

// opened is a first record of an agency's stream; another version is one that does not follow.
func opened(of string, version int64) domain.Draft {
	prev := eventlog.Genesis(domain.TopicDashboards, of)
	return domain.Draft{
		Topic: domain.TopicDashboards, Key: of,
		Data: domain.AccountsLinked{DashboardChange: domain.DashboardChange{
			Primary: client, Linked: []string{client}, Created: map[string]string{client: domain.NewDashboardID(of, client)},
		}},
		Envelope: domain.Envelope{
			ID: of + time.Now().Format(time.RFC3339Nano), Subject: client, Time: time.Now().UTC().Truncate(time.Microsecond),
			Chain: &domain.ChainLink{Version: version, Prev: prev[:]},
			Audit: domain.Audit{Actor: alice, Role: "agency", CommandID: "c", RequestID: "r"},
		},
	}
}

// The whole service: of a record that does not belong into the log the auditor of that agency is told all, the other one that the log is
// not sound. Before, both are told that it is.
func TestMountedVerify(t *testing.T) {
	t.Parallel()
	beside := runBeside(t)
	private, public, err := proof.GenerateKey()
	require.NoError(t, err)
	key, _, err := proof.ParseKey(private)
	require.NoError(t, err)
	known, err := proof.ParseVerifiers(public)
	require.NoError(t, err)
	require.NoError(t, beside.log.Append(t.Context(), opened(agency, 1)))
	require.NoError(t, beside.log.Append(t.Context(), opened(neighbour, 1)))
	_, signed, err := proof.NewSigner(proof.SignerConfig{
		Source: beside.log, Append: beside.log.Append, File: proof.File{Path: filepath.Join(t.TempDir(), "checkpoints")}, Key: key, Known: known,
		Lock: func(context.Context) (func(), bool, error) { return func() {}, true, nil },
		Now:  time.Now, Every: time.Hour, Logger: slog.New(slog.DiscardHandler),
	}).Sign(t.Context())
	require.NoError(t, err)
	require.True(t, signed)

	config := beside.config(api.AuthenticatorFunc(func(r *http.Request) (api.Principal, error) {
		return api.Principal{UserID: "e10000000000000000000001", AccountID: r.Header.Get("Agency"), Roles: api.Roles{api.RoleAuditor}}, nil
	}))
	config.CheckpointPublicKeys = []string{public}
	verified := func(agency, kind string) (verdict api.VerifyResult, body string) {
		boards, err := mount.Open(t.Context(), config) // each is a process of its own, which shares nothing with the one before
		require.NoError(t, err)
		ran := make(chan error, 1)
		go func() { ran <- boards.Run(t.Context()) }()
		require.Eventually(t, func() bool { return get(boards.Handler(), "/readyz", "").Code == http.StatusOK }, patience, often)
		ask := func(method, path string) (run api.VerifyRun) {
			request := httptest.NewRequest(method, path, http.NoBody)
			request.Header.Set("Agency", agency)
			answer := httptest.NewRecorder()
			boards.Handler().ServeHTTP(answer, request)
			body = answer.Body.String()
			if answer.Code == http.StatusOK {
				_ = json.Unmarshal(answer.Body.Bytes(), &struct{ Data *api.VerifyRun }{&run})
			}
			return run
		}
		var run api.VerifyRun
		require.Eventually(t, func() bool { run = ask(http.MethodPost, "/api/audit/verify?kind="+kind); return run.ID != "" }, patience, often)
		of := "/api/audit/verify/" + run.ID
		require.Eventually(t, func() bool {
			run = ask(http.MethodGet, of)
			return run.Stage == api.VerifyDone || run.Stage == api.VerifyFailed
		}, patience, often)
		require.NoError(t, boards.Close())
		require.NoError(t, <-ran)
		require.Equal(t, api.VerifyDone, run.Stage, body)
		return *run.Verdict, body
	}
	for _, kind := range []string{api.VerifyOwn, api.VerifyAll} {
		verdict, body := verified(agency, kind)
		require.True(t, verdict.Sound, body)
		require.Positive(t, verdict.Covered, body)
	}
	require.NoError(t, beside.log.Append(t.Context(), opened(neighbour, 7)))
	theirs, body := verified(neighbour, api.VerifyAll)
	require.False(t, theirs.Sound)
	require.Len(t, theirs.Findings, 1, body)
	require.Equal(t, string(proof.KindRemoved), theirs.Findings[0].Kind)
	ours, body := verified(agency, api.VerifyAll)
	require.False(t, ours.Sound)
	require.Empty(t, ours.Findings)
	require.Equal(t, 1, ours.Elsewhere)
	require.NotContains(t, body, neighbour)
	ours, body = verified(agency, api.VerifyOwn)
	require.True(t, ours.Sound, body)
}
