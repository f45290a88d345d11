//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// badInput is a demo at which wrong requests are sent.
type badInput struct {
	*program
	agency string           // token
	path   string           // of the first dashboard
	before []string         // fingerprint of the tables
	ends   map[string]int64 // of the log
}

// fingerprint is everything that a command can change.
const fingerprint = `select md5(coalesce(string_agg(x::text, '|' order by x::text), '')) from (
	select to_jsonb(h) from dashboard_heads h union all select to_jsonb(p) from dashboard_preferences p
	union all select to_jsonb(n) from access_notices n union all select to_jsonb(c) from dashboard_commands c) as t(x)`

func startBadInput(t *testing.T) *badInput {
	t.Helper()
	b := &badInput{program: startDemo(t, t.TempDir(), frozen...)}
	b.agency, b.path = b.info.Tokens["agency"], dashboardPath(b.info.IDs.SubAccounts[0])
	b.awaitFirstCheckpoint()
	b.look()
	return b
}

// look notes how things are, at the start and after a change that was meant to be.
func (b *badInput) look() {
	b.before, b.ends = b.column(fingerprint), b.endOffsets(topics...)
}

// unchanged requires that no request so far has changed anything, in the tables or in the log.
func (b *badInput) unchanged(t *testing.T) {
	t.Helper()
	require.Equal(t, b.before, b.column(fingerprint), "a refused request has changed something")
	require.Equal(t, b.ends, b.endOffsets(topics...), "a refused request has reached the log")
}

// TestBadInputIsRefusedAndChangesNothing sends one or two requests of each kind to the whole service: the tests of package api have the others.
func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	b := startBadInput(t)
	ids, tokens := b.info.IDs, b.info.Tokens
	expired := goodClaims(ids.Users[0].ID, ids.ParentAccount, "agency")
	expired["exp"] = time.Now().Add(-time.Minute).Unix()
	const users, unknown = `{"users":[]}`, "ffffffffffffffffffffffff"
	put := func(token, path, body string, headers ...string) func() response {
		return func() response { return b.put(token, path, body, headers...) }
	}
	get := func(token, path string, headers ...string) func() response {
		return func() response { return b.get(token, path, headers...) }
	}
	for name, test := range map[string]struct {
		send   func() response
		status int
		code   string
		field  string // the first that the answer names
	}{
		"body cut off":             {put(b.agency, b.path, `{"users":[`), http.StatusBadRequest, "invalid", ""},
		"member of another type":   {put(b.agency, b.path, `{"users":"all"}`), http.StatusBadRequest, "invalid", "users"},
		"malformed id in the body": {put(b.agency, b.path, `{"sub_account_ids":["zz"]}`), http.StatusBadRequest, "invalid", "sub_account_ids[0]"},
		"malformed scope":          {put(b.agency, b.path, `{"scopes":["a b"]}`), http.StatusBadRequest, "invalid", "scopes[0]"},
		"body too large":           {put(b.agency, b.path, `{"x":"`+strings.Repeat("a", 1<<20)+`"}`), http.StatusRequestEntityTooLarge, "too_large", ""},
		"content type":             {put(b.agency, b.path, users, "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "unsupported_media_type", ""},
		"malformed id in the path": {put(b.agency, dashboardPath("%00"), users), http.StatusBadRequest, "invalid", "sub_account_id"},
		"unknown account":          {put(b.agency, dashboardPath(unknown), users), http.StatusNotFound, "not_found", ""},
		"account of another agency": {
			put(b.agency, dashboardPath(ids.Foreign.SubAccounts[0]), users), http.StatusNotFound, "not_found", "",
		},
		"user of another agency": {
			put(b.agency, b.path, `{"users":["`+ids.Foreign.Users[0].ID+`"]}`), http.StatusUnprocessableEntity, "unprocessable", "users[0]",
		},
		"link to another agency": {
			put(b.agency, b.path, `{"sub_account_ids":["`+ids.Foreign.SubAccounts[0]+`"]}`), http.StatusUnprocessableEntity, "unprocessable",
			"sub_account_ids[0]",
		},
		"main account":     {put(b.agency, dashboardPath(ids.ParentAccount), users), http.StatusForbidden, "forbidden", ""},
		"no token":         {put("", b.path, users), http.StatusUnauthorized, "unauthenticated", ""},
		"expired token":    {put(sign(t, demoSecret(t, b.dir), expired), b.path, users), http.StatusUnauthorized, "unauthenticated", ""},
		"role of a client": {put(tokens["client"], b.path, users), http.StatusForbidden, "forbidden", ""},
		"role of an operator": {
			get(tokens["operator"], "/api/audit/history"), http.StatusForbidden, "forbidden", "",
		},
		"malformed If-Match":     {put(b.agency, b.path, users, "If-Match", "7"), http.StatusBadRequest, "invalid", "If-Match"},
		"old version":            {put(b.agency, b.path, users, "If-Match", `"1"`), http.StatusPreconditionFailed, "precondition_failed", ""},
		"long key":               {put(b.agency, b.path, users, "Idempotency-Key", strings.Repeat("k", 256)), http.StatusBadRequest, "invalid", "Idempotency-Key"},
		"unknown path":           {get(b.agency, b.path+"/x"), http.StatusNotFound, "not_found", ""},
		"wrong method":           {func() response { return b.do(http.MethodDelete, b.agency, b.path, "") }, http.StatusMethodNotAllowed, "method_not_allowed", ""},
		"wrong day":              {get(b.agency, "/getAccountInsights/2026-02-30/2026-03-01/0"), http.StatusBadRequest, "invalid", "startTime"},
		"malformed cursor":       {get(tokens["client"], "/api/notices", "Last-Event-ID", "x"), http.StatusBadRequest, "invalid", ""},
		"ticket that is not one": {get("", "/api/notices?ticket=made-up"), http.StatusUnauthorized, "unauthenticated", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := test.send().refused(t, test.status, test.code)
			if test.field != "" {
				require.NotEmpty(t, e.Errors)
				require.Equal(t, test.field, e.Errors[0].Field)
			}
		})
	}
	t.Run("bytes that are no request", func(t *testing.T) {
		for _, request := range []string{"hello\r\n\r\n", "PUT " + b.path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"} {
			require.Equal(t, http.StatusBadRequest, b.raw(t, request))
		}
	})
	t.Run("a body full of mistakes delays no other change", func(t *testing.T) { manyMistakes(t, b) })
	for name, token := range map[string]string{
		"no token": "", "no JWT": "abc", "foreign issuer": sign(t, demoSecret(t, b.dir), jwt.MapClaims{
			"sub": ids.Users[6].ID, "account_id": ids.Users[6].Account, "role": "client", "iss": "elsewhere", "aud": "ledgerboard", "exp": time.Now().Add(time.Hour).Unix(),
		}), "wrong role": b.info.Tokens["auditor"],
	} {
		t.Run("Socket.IO with "+name, func(t *testing.T) {
			for _, transport := range []string{"websocket", "polling"} {
				l := listenJS(t, name, "socketio.js", "", map[string]any{"url": b.base, "token": token, "transports": []string{transport}})
				l.await(1, "connect_error", "")
				require.False(t, l.all()[0].Active, "the client must not try again and again: %s", l.transcript())
				require.NotEmpty(t, l.all()[0].Text)
				require.Zero(t, l.count("connect", ""))
			}
		})
	}
	b.unchanged(t)
}

// manyMistakes sends as many mistakes as a body holds. The answer may not list them all, and the
// agency's other changes, which wait behind this one, may not wait for it.
func manyMistakes(t *testing.T, b *badInput) {
	repeated := func(item string, n int) string { return "[" + strings.Repeat(item+",", n-1) + item + "]" }
	unknown := make([]string, 30_000)
	for i := range unknown {
		unknown[i] = strconv.FormatInt(int64(i)+0x100000000000, 16) + strings.Repeat("0", 12)
	}
	ids, err := json.Marshal(unknown)
	require.NoError(t, err)
	for name, body := range map[string]string{
		"numbers for users": `{"users":` + repeated("1", 500_000) + `}`, "unknown users": `{"users":` + string(ids) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			wrong := make(chan response, 1)
			go func() { wrong <- b.put(b.agency, b.path, body) }()
			var answer response
			for waiting := true; waiting; {
				select {
				case answer = <-wrong:
					waiting = false
				default:
					// A change that waits for it beyond the commands' deadline is answered 503.
					b.put(b.agency, b.path, `{}`).ok(t, http.StatusOK)
				}
			}
			require.NoError(t, answer.err)
			require.Less(t, answer.status, http.StatusInternalServerError)
			require.Less(t, len(answer.body), 100<<10, "the answer lists too much")
		})
	}
}

// raw sends bytes as they are and returns the status of the answer.
func (b *badInput) raw(t *testing.T, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.base, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	go func() { _, _ = conn.Write([]byte(request)) }() // the answer may come before all of it is read
	status, err := readStatus(conn)
	require.NoError(t, err)
	return status
}

func readStatus(conn net.Conn) (int, error) {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	return answer.StatusCode, nil
}
