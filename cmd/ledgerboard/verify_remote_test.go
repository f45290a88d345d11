package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
)

// askedToVerify lets a service verify, as `verify` with these flags does.
func askedToVerify(t *testing.T, c verifyCommand) (out, progress string, code int) {
	t.Helper()
	var printed, told, wrong bytes.Buffer
	c.given, c.look, c.storage = true, time.Millisecond, storage{DataDir: t.TempDir()} // neither brokers nor database
	err := c.Run(t.Context(), streams{Out: &printed, Err: &told})
	code = exitCode(err, &wrong)
	return printed.String(), told.String() + wrong.String(), code
}

// With an address and a token alone an auditor lets the service verify: the own stream, or all. What is of others is told as a number.
func TestVerifyOverHTTP(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	at := a.served(t)
	out, progress, code := askedToVerify(t, verifyCommand{remote: at})
	require.Equal(t, exitOK, code, progress)
	require.Contains(t, out, "The stream of this agency is sound")
	require.Contains(t, out, "covers the first 10 of its 10 records")
	require.Contains(t, progress, "verify: done")
	out, progress, code = askedToVerify(t, verifyCommand{remote: at, All: true})
	require.Equal(t, exitOK, code, progress)
	require.Contains(t, out, "The log is sound")

	broken := func(agency string) { // somebody with the tag key writes what does not follow
		head := a.heads[agency]
		head.Version += 4
		a.heads[agency] = head
		require.NoError(t, a.log.Append(t.Context(), a.change(t, agency)))
	}
	broken(auditedAgencies[1])
	out, progress, code = askedToVerify(t, verifyCommand{remote: at, Own: true})
	require.Equal(t, exitOK, code, progress)
	require.Contains(t, out, "is sound", "the stream of another agency is none of ours")
	out, progress, code = askedToVerify(t, verifyCommand{remote: at, All: true})
	require.Equal(t, exitOK, code, "what was found a moment ago is shared: %s", progress)
	require.Contains(t, out, "The log is sound")
	at = a.served(t) // another process
	out, progress, code = askedToVerify(t, verifyCommand{remote: at, All: true})
	require.Equal(t, exitFindings, code, progress)
	require.Contains(t, out, "The log is NOT sound. Findings of this agency: 0. Findings that are not of this agency: 1")
	require.NotContains(t, out, auditedAgencies[1])

	broken(auditedAgencies[0])
	out, progress, code = askedToVerify(t, verifyCommand{remote: at, JSON: true})
	require.Equal(t, exitFindings, code, progress)
	var run api.VerifyRun
	require.NoError(t, json.Unmarshal([]byte(out), &run), out)
	require.Equal(t, "altered", run.Verdict.Findings[0].Kind)
	require.EqualValues(t, 11, run.Verdict.Findings[0].Version)
	out, _, code = askedToVerify(t, verifyCommand{remote: at, Own: true})
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "ALTERED agency "+auditedAgencies[0]+" version 11")
	report, err := a.verify(t, verifyCommand{Parent: auditedAgencies[0], LogOnly: true})
	require.ErrorIs(t, err, errFindings)
	require.Contains(t, out, report.Findings[0].String(), "the words of the local command")
}

// The progress of a service is shown. Where one process of several does not know the run, or the service is away for a moment, the same run is
// asked for again; one that nobody knows is begun anew a few times. A service that could not verify is a failure.
func TestVerifyOverHTTPWaits(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("mine"), 0o600))
	serve := func(answers ...string) (remote, *[]string) {
		var asked []string
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Method+" "+r.URL.String())
			answer := answers[min(len(asked), len(answers))-1]
			switch answer {
			case "":
				w.WriteHeader(http.StatusNotFound)
				answer = `{"code":"not_found","message":"No such run."}`
			case "502", "503", "429":
				status, _ := strconv.Atoi(answer)
				w.WriteHeader(status)
				answer = `{"message":"Not now."}`
			case "cut":
				_, _ = w.Write([]byte(`{"data"`))
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			_, _ = w.Write([]byte(strings.Replace(answer, "RUN", `"id":"7","kind":"all","records_total":9`, 1)))
		}))
		t.Cleanup(service.Close)
		return remote{URL: service.URL, TokenFile: token}, &asked
	}
	waiting, done := `{"data":{RUN,"stage":"waiting"}}`, `{"data":{RUN,"stage":"done","records_done":9,"verdict":{"sound":true,"sentence":"All\u001b is well."}}}`
	reading := `{"data":{RUN,"stage":"records","records_done":4}}`
	const post, get = "POST /api/audit/verify?kind=all", "GET /api/audit/verify/7"
	rounds := slices.Concat[[]string]
	times := func(n int, answers ...string) []string { return slices.Repeat(answers, n) }
	one := []string{waiting}

	at, asked := serve(rounds(one, times(1, reading, "502", "503", "429", "cut"), times(2*maxVerifyMisses, "", reading), []string{done})...)
	out, progress, code := askedToVerify(t, verifyCommand{remote: at, All: true})
	require.Equal(t, exitOK, code, progress)
	require.Equal(t, rounds([]string{post}, times(5+4*maxVerifyMisses+1, get)), *asked, "the run is not begun anew")
	require.Contains(t, out, "All� is well.")
	require.Contains(t, progress, "verify: waiting: 0 of 9")
	require.Contains(t, progress, "verify: done: 9 of 9")

	at, asked = serve(rounds(one, times(maxVerifyMisses, ""), one, times(maxVerifyMisses-1, ""), []string{done})...)
	_, progress, code = askedToVerify(t, verifyCommand{remote: at, All: true})
	require.Equal(t, exitOK, code, progress)
	require.Equal(t, rounds([]string{post}, times(maxVerifyMisses, get), []string{post}, times(maxVerifyMisses, get)), *asked)

	at, asked = serve(times(maxVerifyStarts, rounds(one, times(maxVerifyMisses, ""))...)...)
	_, progress, code = askedToVerify(t, verifyCommand{remote: at})
	require.Equal(t, exitFailure, code)
	require.Contains(t, progress, "No such run.")
	require.Len(t, *asked, maxVerifyStarts*(1+maxVerifyMisses))

	at, asked = serve(waiting, "503")
	_, progress, code = askedToVerify(t, verifyCommand{remote: at})
	require.Equal(t, exitFailure, code)
	require.Contains(t, progress, "Not now.")
	require.Len(t, *asked, 1+maxVerifyAway+1)
	at, asked = serve("503")
	_, _, code = askedToVerify(t, verifyCommand{remote: at})
	require.Equal(t, exitFailure, code, "what is not begun is refused at once")
	require.Len(t, *asked, 1)

	for answer, says := range map[string]string{
		`{"data":{RUN,"stage":"failed","failure":"The broker is away."}}`: "The broker is away.",
		`{"data":{RUN,"stage":"done"}}`:                                   "it has no verdict",
		`{"data":{}}`:                                                     "is not that of ledgerboard",
	} {
		at, _ = serve(answer)
		_, progress, code = askedToVerify(t, verifyCommand{remote: at})
		require.Equal(t, exitFailure, code, answer)
		require.Contains(t, progress, says)
	}
}

// Which flags ask a service, and which the log itself.
func TestWhoVerifies(t *testing.T) {
	t.Setenv("LEDGERBOARD_URL", "http://127.0.0.1:1")
	for args, service := range map[string]bool{
		"--own": true, "--own --url http://127.0.0.1:2": true, "--url http://127.0.0.1:2": true, "--all --url http://127.0.0.1:2": true,
		"--all": false, "--tables --url http://127.0.0.1:2": false, "--parent x --url http://127.0.0.1:2": false,
		"--all --log-only --url http://127.0.0.1:2": false, "--own --against main.go": false, "": false,
	} {
		var c cli
		parser, err := kong.New(&c, defaults())
		require.NoError(t, err)
		_, err = parser.Parse(append([]string{"verify", "--data-dir", t.TempDir()}, strings.Fields(args)...))
		require.NoError(t, err, args)
		require.Equal(t, service, c.Verify.onService(), args)
	}
}
