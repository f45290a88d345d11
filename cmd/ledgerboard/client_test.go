package main

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

func remoteOf(t *testing.T, handler http.Handler) remote {
	t.Helper()
	return remote{URL: ledgertest.Serve(t, handler), TokenFile: newFile(t, "token", "mine\n")}
}

func answering(t *testing.T, status int, body string) remote {
	t.Helper()
	return remoteOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
}

// With the URL of a service and a token, an auditor downloads bundles and checkpoints, and verifies
// them without access to log and database.
func TestAuditCommandsWorkRemotely(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	known, err := evidence{Keys: []string{filepath.Join(a.dir, app.PublicKeyFile)}}.verifiers(storage{})
	require.NoError(t, err)
	prover := proof.NewProver(a.log, func() (note.Verifiers, error) { return known, nil })
	server, err := api.Handler(api.Deps{
		Authenticator: api.AuthenticatorFunc(func(r *http.Request) (api.Principal, error) {
			if r.Header.Get("Authorization") != "Bearer mine" {
				return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Who are you?")
			}
			return api.Principal{UserID: "e10000000000000000000001", AccountID: auditedAgencies[0], Roles: api.Roles{api.RoleAuditor}}, nil
		}),
		ParentAccount: readmodels.Accounts{}.ParentAccount, People: struct{ api.PeopleDirectory }{}, Dashboards: struct{ api.DashboardReader }{},
		DashboardCommands: struct{ api.DashboardCommands }{}, Scope: readmodels.Scopes{}.Scope, Analytics: &analytics.Analytics{},
		Audit: &api.AuditDeps{
			History: &history.History{Pool: a.db.ReadOnly},
			Records: &commands.Audit{Log: a.log, Now: time.Now, Logger: ledgertest.Quiet},
			Proofs:  prover,
		},
	})
	require.NoError(t, err)
	at := remoteOf(t, server)
	key := evidence{Keys: []string{filepath.Join(a.dir, app.PublicKeyFile)}}
	nowhere, files := storage{DataDir: t.TempDir()}, t.TempDir()
	early, late := filepath.Join(files, "early"), filepath.Join(files, "late")
	text := mustRun(t, exportCommand{installation: installation{storage: nowhere}, evidence: key, remote: at, Bundle: early})
	require.Contains(t, text, "Agency "+auditedAgencies[0]+": nothing was altered, removed, inserted or reordered up to the checkpoint of ")
	require.Contains(t, text, ". Its versions 1 to 10 are the ones that were signed. No record lies after it.")
	require.Contains(t, mustRun(t, exportCommand{installation: installation{storage: nowhere}, remote: at, Bundle: early, Force: true}), "not verified")

	require.NoError(t, a.log.Append(t.Context(), a.change(t, auditedAgencies[0])))
	require.NoError(t, a.log.Append(t.Context(), a.change(t, auditedAgencies[1])))
	a.sign(t)
	mustRun(t, exportCommand{installation: installation{storage: nowhere}, evidence: key, remote: at, Bundle: late})
	require.Contains(t, mustRun(t, verifyCommand{installation: installation{storage: nowhere}, evidence: key, Bundle: late}), "versions 1 to 11 are the ones that were signed")
	require.Equal(t, 2, strings.Count(mustRun(t, checkpointsCommand{remote: at}), "ledgerboard.proof.v2\n"))

	_, err = runCommand(t, accessCommand{remote: at, At: "31.3.2026", By: "dashboard", Format: "csv"})
	require.Equal(t, exitUsage, exitCode(err, io.Discard))
	require.Equal(t, 1, strings.Count(err.Error(), "at is not a time"), "the message is not repeated: %v", err)
}

// The variable LEDGERBOARD_URL does not override --parent: the bundle of that agency comes from the
// log.
func TestParentFlagIgnoresURLVariable(t *testing.T) {
	t.Setenv("LEDGERBOARD_URL", "http://127.0.0.1:1")
	export := []string{"export", "--parent", auditedAgencies[0], "--bundle", filepath.Join(t.TempDir(), "b"), "--data-dir", t.TempDir()}
	c := parsed(t, export...)
	require.NotEmpty(t, c.Export.URL)
	requireUsageError(t, c.Export, "there is no log")
}

// An incomplete response is an error in every format, even if all of it was printed.
func TestIncompleteAccessExportFails(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "csv"} {
		for summary, want := range map[string]string{
			`{"complete":true}`: "", `{"complete":false,"reason":"2 are parked"}`: "2 are parked", `{"user":{"id":"d1"}}`: "incomplete",
		} {
			const body = "as sent\n"
			at := remoteOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Export-Summary", summary)
				_, _ = io.WriteString(w, body)
			}))
			out, err := runCommand(t, accessCommand{remote: at, By: "user", Format: format})
			if want == "" {
				require.NoError(t, err, format)
			} else {
				require.ErrorIs(t, err, errIncomplete, format)
				require.ErrorContains(t, err, want, format)
			}
			require.Equal(t, body, out)
		}
	}
	out, err := runCommand(t, accessCommand{remote: answering(t, http.StatusOK, "user_id,from\n"), By: "user", Format: "csv"})
	require.ErrorIs(t, err, errIncomplete, "an absent header proves nothing")
	require.Equal(t, "user_id,from\n", out)
}

// A program takes the columns of a list from its first elements.
func TestListedElementsHaveTheSameKeys(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	head := func(operator.RecordedAction) string { return "" }
	ended := operator.RecordedAction{
		FinishedAt: new(time.Now()), Code: domain.CodeConflict, Rebuild: "posts.g2", RebuildState: operator.StateLive,
		Reason: domain.Reason{Ticket: "T-1"}, Erasure: new(domain.ErasureOrder), Import: new(domain.DataImported),
		Target: domain.OperatorTarget{Projection: "posts", Generation: 2},
	}
	require.NoError(t, printList(&out, true, []operator.RecordedAction{{}, ended}, "", head))
	require.NoError(t, printList(&out, true, []operator.RecordedAction{}, "", head))
	require.Contains(t, out.String(), `"rebuild_state":null`)
	require.True(t, strings.HasSuffix(out.String(), "]\n[]\n"))
	ledgertest.RequireSameKeys(t, out.String())
}

// A response that the service cuts off is an error, and no bundle is written.
func TestTruncatedResponseWritesNoBundle(t *testing.T) {
	t.Parallel()
	at := remoteOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Export-Summary", `{"complete":true}`)
		_, _ = io.WriteString(w, "user_id,from\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	_, err := runCommand(t, accessCommand{remote: at, By: "user", Format: "csv"})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	file := filepath.Join(t.TempDir(), "bundle")
	_, err = runCommand(t, exportCommand{remote: at, Bundle: file})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoFileExists(t, file)
}

// Text from a service cannot control the terminal.
func TestCheckpointsArePrintedWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	at := answering(t, http.StatusOK, `{"data":[{"id":"00","note":"one\n\u001b[2Jtwo\n"}],"meta":{"next_cursor":""}}`)
	require.Equal(t, "one\n�[2Jtwo\n\n", mustRun(t, checkpointsCommand{remote: at}))
}

func TestRemoteCommandErrors(t *testing.T) {
	t.Setenv(tokenVariable, "") // the test environment may set one
	at := answering(t, http.StatusUnauthorized, `{"message":"Sign in again.","errors":[{"field":"at","detail":"is odd"}]}`)
	for want, at := range map[string]remote{
		"use https://": {URL: "example.com", TokenFile: at.TokenFile},
		"--token-file": {URL: at.URL},
		"401 Unauthorized: Sign in again. (at is odd)": at,
	} {
		_, err := runCommand(t, accessCommand{remote: at, Format: "csv"})
		require.ErrorContains(t, err, want)
	}
}

// A response of another service says nothing about this one, whatever its status.
func TestStatusRefusesResponseOfOtherService(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"{}", `{"ready":true}`, "OK"} {
		address, _ := strings.CutPrefix(answering(t, http.StatusOK, body).URL, "http://")
		_, err := runCommand(t, statusCommand{Addr: address, Timeout: time.Minute})
		require.ErrorContains(t, err, "does not contain the state of ledgerboard", body)
	}
}
