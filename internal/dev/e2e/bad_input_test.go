//go:build e2e

package e2e_test

import (
	"bufio"
	"encoding/base64"
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

func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	b := startBadInput(t)
	for name, test := range map[string]func(*testing.T, *badInput){
		"bodies": badBodies, "members": badMembers, "ids": badIDs, "tokens": badTokens, "roles": wrongRoles,
		"tenants": foreignTenants, "content types": badContentTypes, "If-Match": badIfMatch,
		"Idempotency-Key": badIdempotencyKeys, "addresses": badAddresses, "analytics": badAnalytics,
		"notices": badNotices, "wire": badWire,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, b)
			b.unchanged(t)
		})
	}
	t.Run("a body full of mistakes holds up nobody", func(t *testing.T) {
		manyMistakes(t, b)
		b.unchanged(t)
	})
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
		"numbers for users": `{"users":` + repeated("1", 500_000) + `}`, "empty scopes": `{"scopes":` + repeated(`""`, 340_000) + `}`,
		"unknown users": `{"users":` + string(ids) + `}`, "unknown accounts": `{"sub_account_ids":` + string(ids) + `}`,
		"unknown members": `{"b":` + repeated("{}", 300_000) + `}`,
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

func badBodies(t *testing.T, b *badInput) {
	for name, body := range map[string]string{
		"empty": " ", "cut off": `{"users":[`, "no JSON": `users=1`, "list": `[]`, "null": `null`, "string": `"x"`, "number": `1`,
		"two objects": `{} {}`, "garbage behind": `{"users":[]}x`, "comma": `{"users":[],}`, "twice": `{"users":[],"users":[]}`,
		"no UTF-8": "{\"users\":[\"\xff\"]}", "single quotes": `{'users':[]}`, "NUL": "{\"users\":[\x00]}", "byte order mark": "\ufeff{}",
		"deep": strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			b.put(b.agency, b.path, body).refused(t, http.StatusBadRequest, "invalid")
		})
	}
	t.Run("syntax errors say where", func(t *testing.T) {
		e := b.put(b.agency, b.path, "{\n \"users\": [}").refused(t, http.StatusBadRequest, "invalid")
		require.Contains(t, e.Message, "line 2, column 12")
	})
	t.Run("no body", func(t *testing.T) {
		b.put(b.agency, b.path, "").refused(t, http.StatusBadRequest, "invalid")
	})
	const limit = 1 << 20
	padded := func(size int) string { return `{"x":"` + strings.Repeat("a", size-len(`{"x":""}`)) + `"}` }
	t.Run("as large as allowed", func(t *testing.T) {
		b.put(b.agency, b.path, padded(limit)).ok(t, http.StatusOK)
	})
	t.Run("oversized", func(t *testing.T) {
		e := b.put(b.agency, b.path, padded(limit+1)).refused(t, http.StatusRequestEntityTooLarge, "too_large")
		require.Contains(t, e.Message, strconv.Itoa(limit))
	})
	t.Run("oversized, length not announced", func(t *testing.T) {
		answer := b.raw(t, "PUT "+b.path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+b.agency+
			"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"+
			strings.Repeat("10000\r\n"+strings.Repeat("a", 0x10000)+"\r\n", 17))
		require.Equal(t, http.StatusRequestEntityTooLarge, answer)
	})
	t.Run("null is absent", func(t *testing.T) {
		b.put(b.agency, b.path, `{"users":null,"sub_account_ids":null,"unlink":true,"scopes":null,"allow_client_dashboard":null}`).ok(t, http.StatusOK)
	})
	t.Run("unknown members are ignored", func(t *testing.T) {
		b.put(b.agency, b.path, `{"colour":"red","__proto__":{},"id":"x","parent_account":null,"main_poc":[1]}`).ok(t, http.StatusOK)
	})
}

func badMembers(t *testing.T, b *badInput) {
	for body, field := range map[string]string{
		`{"users":"all"}`: "users", `{"users":{}}`: "users", `{"users":[1]}`: "users[0]", `{"users":[null]}`: "users[0]",
		`{"users":["x"]}`: "users[0]", `{"users":[""]}`: "users[0]",
		`{"sub_account_ids":"x"}`: "sub_account_ids", `{"sub_account_ids":["` + b.info.IDs.SubAccounts[0] + `","zz"]}`: "sub_account_ids[1]",
		`{"allow_client_dashboard":"yes"}`: "allow_client_dashboard", `{"allow_client_dashboard":1}`: "allow_client_dashboard",
		`{"unlink":"true"}`:      "unlink",
		`{"scopes":"analytics"}`: "scopes", `{"scopes":[true]}`: "scopes[0]",
	} {
		t.Run(body, func(t *testing.T) {
			e := b.put(b.agency, b.path, body).refused(t, http.StatusBadRequest, "invalid")
			require.NotEmpty(t, e.Errors)
			require.Equal(t, field, e.Errors[0].Field)
			require.NotEmpty(t, e.Errors[0].Detail)
		})
	}
	for _, scope := range []string{"", "Analytics", "9lives", "a b", "a\u0000", strings.Repeat("a", 65), "ä"} {
		t.Run("scope "+scope, func(t *testing.T) {
			raw, err := json.Marshal(map[string]any{"scopes": []string{"analytics", scope}})
			require.NoError(t, err)
			e := b.put(b.agency, b.path, string(raw)).refused(t, http.StatusBadRequest, "invalid")
			require.NotEmpty(t, e.Errors)
			require.Contains(t, e.Errors[0].Field, "scopes")
		})
	}
	t.Run("every wrong member is named", func(t *testing.T) {
		e := b.put(b.agency, b.path, `{"users":1,"scopes":2,"unlink":3}`).refused(t, http.StatusBadRequest, "invalid")
		require.Len(t, e.Errors, 3)
	})
}

func badIDs(t *testing.T, b *badInput) {
	good := b.info.IDs.SubAccounts[0]
	for name, id := range map[string]string{
		"word": "abc", "short": good[1:], "long": good + "0", "no hex": "g" + good[1:], "row id": "11", "all": "all",
		"NUL": "%00" + good[1:], "blank": "%20" + good[1:], "traversal": "..%2f" + good, "slash": good[:12] + "%2f" + good[13:],
		"quote": "'%20or%20'1'='1", "full-width digits": "%EF%BC%91" + good[1:], "bad escape is text": "%25zz" + good[:20], "huge": strings.Repeat("a", 8000),
	} {
		t.Run(name, func(t *testing.T) {
			for _, answer := range []response{b.get(b.agency, dashboardPath(id)), b.put(b.agency, dashboardPath(id), `{"users":[]}`)} {
				e := answer.refused(t, http.StatusBadRequest, "invalid")
				require.Equal(t, "sub_account_id", e.Errors[0].Field)
			}
		})
	}
	t.Run("upper case is the same account", func(t *testing.T) {
		lower, upper := b.get(b.agency, b.path).ok(t, http.StatusOK), b.get(b.agency, dashboardPath(strings.ToUpper(good))).ok(t, http.StatusOK)
		require.Equal(t, string(lower.body), string(upper.body))
	})
}

func badTokens(t *testing.T, b *badInput) {
	ids := b.info.IDs
	secret := demoSecret(t, b.dir)
	staff := ids.Users[0].ID
	with := func(change func(jwt.MapClaims)) string {
		claims := goodClaims(staff, ids.ParentAccount, "agency")
		change(claims)
		return sign(t, secret, claims)
	}
	part := func(value any) string {
		raw, err := json.Marshal(value)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	claims := goodClaims(staff, ids.ParentAccount, "agency")
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	other, err := jwt.NewWithClaims(jwt.SigningMethodHS512, claims).SignedString([]byte(secret))
	require.NoError(t, err)
	good := with(func(jwt.MapClaims) {})
	header, payload, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(payload, ".")
	delete(claims, "role")
	claims["role"] = "operator"

	b.get(good, b.path).ok(t, http.StatusOK)
	for name, token := range map[string]string{
		"no JWT": "abc", "two parts": header + "." + payload, "no signature": header + "." + payload + ".", "broken signature": good[:len(good)-4] + "AAAA",
		"other claims under a good signature": header + "." + part(claims) + "." + signature,
		"no base64":                           header + ".!!." + signature,
		"alg none":                            none, "alg none, written NONE": part(map[string]string{"alg": "NONE"}) + "." + payload + ".",
		"alg of another length": other, "other secret": sign(t, strings.Repeat("x", 64), goodClaims(staff, ids.ParentAccount, "agency")),
		"alg RS256 named": part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + payload + "." + signature,
		"expired":         with(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }),
		"no expiry":       with(func(c jwt.MapClaims) { delete(c, "exp") }),
		"expiry as text":  with(func(c jwt.MapClaims) { c["exp"] = "tomorrow" }),
		"not yet valid":   with(func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Hour).Unix() }),
		"foreign issuer":  with(func(c jwt.MapClaims) { c["iss"] = "https://elsewhere.example.com" }),
		"no issuer":       with(func(c jwt.MapClaims) { delete(c, "iss") }),
		"foreign audience": with(func(c jwt.MapClaims) {
			c["aud"] = "elsewhere"
		}),
		"no audience":    with(func(c jwt.MapClaims) { delete(c, "aud") }),
		"no role":        with(func(c jwt.MapClaims) { delete(c, "role") }),
		"role as number": with(func(c jwt.MapClaims) { c["role"] = 1 }), "no subject": with(func(c jwt.MapClaims) { delete(c, "sub") }),
		"subject is no id": with(func(c jwt.MapClaims) { c["sub"] = "me" }), "account is no id": with(func(c jwt.MapClaims) { c["account_id"] = "' or 1=1" }),
		"no account": with(func(c jwt.MapClaims) { delete(c, "account_id") }),
		"huge":       with(func(c jwt.MapClaims) { c["x"] = strings.Repeat("x", 20_000) }),
	} {
		t.Run(name, func(t *testing.T) {
			for _, answer := range []response{
				b.get(token, b.path), b.put(token, b.path, `{"users":[]}`), b.get(token, "/api/notices"),
				b.get(token, "/auth/getAccountInsights/2026-01-01/2026-01-02/0"), b.do(http.MethodPost, token, "/api/notices/ticket", ""),
			} {
				answer.refused(t, http.StatusUnauthorized, "unauthenticated")
				require.Contains(t, answer.header.Get("WWW-Authenticate"), "Bearer")
				require.NotContains(t, string(answer.body), token)
			}
		})
	}
	for name, header := range map[string]string{
		"none": "", "scheme only": "Bearer", "Basic": "Basic dXNlcjpwYXNz", "no scheme": good, "two tokens": "Bearer " + good + " " + good,
	} {
		t.Run("header "+name, func(t *testing.T) {
			headers := []string{}
			if header != "" {
				headers = append(headers, "Authorization", header)
			}
			b.put("", b.path, `{"users":[]}`, headers...).refused(t, http.StatusUnauthorized, "unauthenticated")
		})
	}
	t.Run("a token in the address is no token", func(t *testing.T) {
		b.get("", b.path+"?token="+good+"&access_token="+good).refused(t, http.StatusUnauthorized, "unauthenticated")
	})
	t.Run("the scheme's case does not matter", func(t *testing.T) {
		b.get("", b.path, "Authorization", "bearer "+good).ok(t, http.StatusOK)
	})
}

func wrongRoles(t *testing.T, b *badInput) {
	tokens := b.info.Tokens
	for _, role := range []string{"client", "auditor", "operator"} {
		b.put(tokens[role], b.path, `{"users":[]}`).refused(t, http.StatusForbidden, "forbidden")
		// Before the body is looked at: who may not write learns nothing about bodies.
		b.put(tokens[role], b.path, `{`).refused(t, http.StatusForbidden, "forbidden")
	}
	b.get(tokens["operator"], b.path).refused(t, http.StatusForbidden, "forbidden")
	for _, role := range []string{"client", "operator"} {
		for _, path := range b.auditPaths() {
			b.get(tokens[role], path).refused(t, http.StatusForbidden, "forbidden")
		}
	}
	for _, role := range []string{"auditor", "operator"} {
		b.get(tokens[role], "/getAccountInsights/2026-01-01/2026-01-02/0").refused(t, http.StatusForbidden, "forbidden")
		b.get(tokens[role], "/api/notices").refused(t, http.StatusForbidden, "forbidden")
		b.do(http.MethodPost, tokens[role], "/api/notices/ticket", "").refused(t, http.StatusForbidden, "forbidden")
	}
	t.Run("a role that there is not", func(t *testing.T) {
		claims := goodClaims(b.info.IDs.Users[0].ID, b.info.IDs.ParentAccount, "root")
		b.put(sign(t, demoSecret(t, b.dir), claims), b.path, `{"users":[]}`).refused(t, http.StatusForbidden, "forbidden")
	})
	t.Run("the main account is protected", func(t *testing.T) {
		e := b.put(b.agency, dashboardPath(b.info.IDs.ParentAccount), `{"users":[]}`).refused(t, http.StatusForbidden, "forbidden")
		require.Equal(t, "You cannot update dashboard settings of main account", e.Message)
	})
}

func foreignTenants(t *testing.T, b *badInput) {
	ids := b.info.IDs
	const unknown = "ffffffffffffffffffffffff"
	foreign, foreignUser := ids.Foreign.SubAccounts[0], ids.Foreign.Users[0].ID
	// same requires one answer for both, but for the id that was asked for.
	same := func(t *testing.T, status int, code string, ask func(id string) response, foreignID string) {
		t.Helper()
		text := func(id string) string {
			e := ask(id).refused(t, status, code)
			e.RequestID = ""
			raw, err := json.Marshal(e)
			require.NoError(t, err)
			return strings.ReplaceAll(string(raw), id, "ID")
		}
		require.Equal(t, text(unknown), text(foreignID))
	}
	for _, role := range []string{"agency", "client", "auditor"} {
		t.Run(role+" reads", func(t *testing.T) {
			for _, id := range []string{foreign, ids.Foreign.ParentAccount} {
				same(t, http.StatusNotFound, "not_found", func(id string) response { return b.get(b.info.Tokens[role], dashboardPath(id)) }, id)
			}
		})
	}
	t.Run("writes", func(t *testing.T) {
		for _, id := range []string{foreign, ids.Foreign.ParentAccount} {
			same(t, http.StatusNotFound, "not_found", func(id string) response { return b.put(b.agency, dashboardPath(id), `{"users":[]}`) }, id)
			same(t, http.StatusUnprocessableEntity, "unprocessable", func(id string) response {
				return b.put(b.agency, b.path, `{"sub_account_ids":["`+id+`"]}`)
			}, id)
			same(t, http.StatusUnprocessableEntity, "unprocessable", func(id string) response {
				return b.put(b.agency, b.path, `{"unlink":true,"sub_account_ids":["`+id+`"]}`)
			}, id)
		}
		same(t, http.StatusUnprocessableEntity, "unprocessable", func(id string) response {
			return b.put(b.agency, b.path, `{"users":["`+ids.Users[0].ID+`","`+id+`"]}`)
		}, foreignUser)
	})
	t.Run("a client reads what is not opened to it", func(t *testing.T) {
		mine := b.get(b.info.Tokens["client"], b.path).ok(t, http.StatusOK)
		for _, id := range ids.SubAccounts {
			if strings.Contains(string(mine.body), id) {
				continue
			}
			same(t, http.StatusNotFound, "not_found", func(id string) response { return b.get(b.info.Tokens["client"], dashboardPath(id)) }, id)
		}
	})
	t.Run("figures", func(t *testing.T) {
		for _, role := range []string{"agency", "client"} {
			same(t, http.StatusNotFound, "not_found", func(id string) response {
				return b.get(b.info.Tokens[role], "/getAccountInsights/2026-01-01/2026-01-02/0?account="+id)
			}, foreign)
		}
	})
	t.Run("histories", func(t *testing.T) {
		for _, role := range []string{"agency", "auditor"} {
			for _, what := range []string{"/history", "/state", "/diff?from=1", "/access?user_id=" + ids.Users[0].ID} {
				same(t, http.StatusNotFound, "not_found", func(id string) response { return b.get(b.info.Tokens[role], dashboardPath(id)+what) }, foreign)
			}
		}
	})
	t.Run("the other agency", func(t *testing.T) {
		secret := demoSecret(t, b.dir)
		stranger := sign(t, secret, goodClaims(foreignUser, ids.Foreign.ParentAccount, "agency"))
		b.get(stranger, b.path).refused(t, http.StatusNotFound, "not_found")
		b.put(stranger, b.path, `{"users":[]}`).refused(t, http.StatusNotFound, "not_found")
		b.get(stranger, "/getAccountInsights/2026-01-01/2026-01-02/0?account="+ids.SubAccounts[0]).refused(t, http.StatusNotFound, "not_found")
		// A sub-account's id as account_id of an agency's token opens nothing either.
		b.get(sign(t, secret, goodClaims(foreignUser, ids.SubAccounts[0], "agency")), b.path).refused(t, http.StatusForbidden, "forbidden")
	})
}

func badContentTypes(t *testing.T, b *badInput) {
	for _, contentType := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=latin1", "application/xml", "json", ";",
	} {
		t.Run(contentType, func(t *testing.T) {
			b.put(b.agency, b.path, `{"users":[]}`, "Content-Type", contentType).refused(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
		})
	}
	b.put(b.agency, b.path, `{"users":[]}`, "Content-Encoding", "gzip").refused(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
	for _, contentType := range []string{"application/json", "application/json; charset=UTF-8", "application/merge-patch+json"} {
		b.put(b.agency, b.path, `{}`, "Content-Type", contentType).ok(t, http.StatusOK)
	}
}

func badIfMatch(t *testing.T, b *badInput) {
	tag := b.get(b.agency, b.path).ok(t, http.StatusOK).header.Get("ETag")
	version, err := strconv.Atoi(strings.Trim(tag, `"`))
	require.NoError(t, err)
	for _, malformed := range []string{"", "7", `"7`, `7"`, `"1" "2"`, "W/7", "*, \"1\"", "null"} {
		t.Run("malformed "+malformed, func(t *testing.T) {
			e := b.put(b.agency, b.path, `{"users":[]}`, "If-Match", malformed).refused(t, http.StatusBadRequest, "invalid")
			require.Equal(t, "If-Match", e.Errors[0].Field)
		})
	}
	for _, failed := range []string{`"` + strconv.Itoa(version-1) + `"`, `"` + strconv.Itoa(version+1) + `"`, `W/` + tag, `"0` + strconv.Itoa(version) + `"`, `"x"`, `"-1"`, `""`} {
		t.Run("failed "+failed, func(t *testing.T) {
			answer := b.put(b.agency, b.path, `{"users":[]}`, "If-Match", failed)
			answer.refused(t, http.StatusPreconditionFailed, "precondition_failed")
			// Also for a change that would change nothing.
			b.put(b.agency, b.path, `{}`, "If-Match", failed).refused(t, http.StatusPreconditionFailed, "precondition_failed")
		})
	}
	for _, met := range []string{tag, "*", `"x", ` + tag} {
		require.Equal(t, tag, b.put(b.agency, b.path, `{}`, "If-Match", met).ok(t, http.StatusOK).header.Get("ETag"))
	}
}

func badIdempotencyKeys(t *testing.T, b *badInput) {
	for name, key := range map[string]string{"empty": "", "long": strings.Repeat("k", 256), "not ASCII": "schlüssel", "tab": "a\tb"} {
		t.Run(name, func(t *testing.T) {
			e := b.put(b.agency, b.path, `{"users":[]}`, "Idempotency-Key", key).refused(t, http.StatusBadRequest, "invalid")
			require.Equal(t, "Idempotency-Key", e.Errors[0].Field)
		})
	}
	t.Run("twice", func(t *testing.T) {
		require.Equal(t, http.StatusBadRequest, b.raw(t, "PUT "+b.path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+b.agency+
			"\r\nContent-Type: application/json\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 12\r\n\r\n{\"users\":[]}"))
	})
	t.Run("used for another request", func(t *testing.T) {
		// The one accepted change of this test; another dashboard, then back.
		path, key := dashboardPath(b.info.IDs.SubAccounts[7]), strings.Repeat("k", 255)
		was := b.put(b.agency, path, `{}`).ok(t, http.StatusOK)
		var envelope struct {
			Data struct {
				Allow bool `json:"allow_client_dashboard"`
			}
		}
		was.into(t, &envelope)
		change := `{"allow_client_dashboard":` + strconv.FormatBool(!envelope.Data.Allow) + `}`
		first := b.put(b.agency, path, change, "Idempotency-Key", key).ok(t, http.StatusOK)
		require.NotEqual(t, was.header.Get("ETag"), first.header.Get("ETag"))
		b.look()
		again := b.put(b.agency, path, " "+change, "Idempotency-Key", key).ok(t, http.StatusOK)
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
		require.Equal(t, string(first.body), string(again.body))
		e := b.put(b.agency, path, `{"allow_client_dashboard":`+strconv.FormatBool(envelope.Data.Allow)+`}`, "Idempotency-Key", key).
			refused(t, http.StatusUnprocessableEntity, "unprocessable")
		require.Equal(t, "Idempotency-Key", e.Errors[0].Field)
		b.put(b.agency, b.path, change, "Idempotency-Key", key).refused(t, http.StatusUnprocessableEntity, "unprocessable")
	})
}

func badAddresses(t *testing.T, b *badInput) {
	for _, path := range []string{"/", "/nothing", "/api/projects/dashboard", "/api/projects/dashboard/", b.path + "/x", "/api/projects/dashboards/" + b.info.IDs.SubAccounts[0]} {
		b.get(b.agency, path).refused(t, http.StatusNotFound, "not_found")
	}
	for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodPatch, "PROPFIND"} {
		answer := b.do(method, b.agency, b.path, "")
		answer.refused(t, http.StatusMethodNotAllowed, "method_not_allowed")
		require.Equal(t, "GET, HEAD, PUT, OPTIONS", answer.header.Get("Allow"))
	}
	t.Run("RFC 9457 for those who ask", func(t *testing.T) {
		answer := b.get(b.agency, "/nothing", "Accept", "application/problem+json")
		require.Equal(t, http.StatusNotFound, answer.status)
		require.Equal(t, "application/problem+json", answer.header.Get("Content-Type"))
		var problem struct {
			Type, Title, Detail string
			Status              int
		}
		answer.into(t, &problem)
		require.Equal(t, http.StatusNotFound, problem.Status)
		require.NotEmpty(t, problem.Type+problem.Title)
		require.NotEmpty(t, problem.Detail)
	})
	t.Run("a request id is the service's", func(t *testing.T) {
		require.NotEqual(t, "abc-1", b.get("", b.path, "X-Request-Id", "abc-1").refused(t, http.StatusUnauthorized, "unauthenticated").RequestID)
		require.NotEqual(t, "a b", b.get("", b.path, "X-Request-Id", "a b").refused(t, http.StatusUnauthorized, "unauthenticated").RequestID)
	})
}

func badAnalytics(t *testing.T, b *badInput) {
	for path, field := range map[string]string{
		"/getAccountInsights/2026-02-30/2026-03-01/0":                 "startTime",
		"/getAccountInsights/yesterday/2026-03-01/0":                  "startTime",
		"/getAccountInsights/2026-03-01/2026-02-01/0":                 "startTime",
		"/getAccountInsights/2026-01-01/99999-01-01/0":                "endTime",
		"/getAccountInsights/1026-01-01/2026-01-01/0":                 "startTime",
		"/getAccountInsights/2026-01-01/2026-01-02/2":                 "pId",
		"/getAccountInsights/2026-01-01/2026-01-02/facebook":          "pId",
		"/getAccountInsights/2026-01-01/2026-01-02/-1":                "pId",
		"/getAccountInsights/2026-01-01/2026-01-02/0?tz=Mars/Phobos":  "tz",
		"/getAccountInsights/2026-01-01/2026-01-02/0?tz=Local":        "tz",
		"/getAccountInsights/2026-01-01/2026-01-02/0?tz=../etc":       "tz",
		"/getAccountInsights/2026-01-01/2026-01-02/0?account=x":       "account",
		"/getAccountInsights/2026-01-01/2026-01-02/0?account=-5":      "account",
		"/getAccountInsights/-9223372036854775809/2026-01-02/0":       "startTime",
		"/getAccountInsights/2026-01-01T00:00:00/2026-01-02/0":        "startTime",
		"/auth/getAccountInsights/2026-01-01/2026-13-01/0?account=11": "endTime",
	} {
		t.Run(path, func(t *testing.T) {
			e := b.get(b.agency, path).refused(t, http.StatusBadRequest, "invalid")
			require.Len(t, e.Errors, 1)
			require.Equal(t, field, e.Errors[0].Field)
		})
	}
	t.Run("all at once", func(t *testing.T) {
		e := b.get(b.agency, "/getAccountInsights/x/y/z?tz=w&account=v").refused(t, http.StatusBadRequest, "invalid")
		require.Len(t, e.Errors, 5)
	})
}

func badNotices(t *testing.T, b *badInput) {
	ids := b.info.IDs
	client := b.info.Tokens["client"]
	for _, cursor := range []string{"7", "x", ids.ParentAccount, ids.ParentAccount + ".", ids.ParentAccount + ".-1", ids.ParentAccount + ".01", ids.ParentAccount + ".9223372036854775808", ids.Foreign.ParentAccount + ".1"} {
		b.get(client, "/api/notices", "Last-Event-ID", cursor).refused(t, http.StatusBadRequest, "invalid")
		b.get(client, "/api/notices?last_event_id="+cursor).refused(t, http.StatusBadRequest, "invalid")
	}
	b.get("", "/api/notices").refused(t, http.StatusUnauthorized, "unauthenticated")
	b.get("", "/api/notices?ticket=made-up").refused(t, http.StatusUnauthorized, "unauthenticated")
	t.Run("a ticket opens one stream of one page", func(t *testing.T) {
		var envelope struct{ Data struct{ Ticket string } }
		const page = "https://page.example.com"
		b.do(http.MethodPost, client, "/api/notices/ticket", "", "Origin", page).ok(t, http.StatusOK).into(t, &envelope)
		path := "/api/notices?ticket=" + envelope.Data.Ticket
		b.get("", path, "Last-Event-ID", "x", "Origin", page).refused(t, http.StatusBadRequest, "invalid")
		b.get("", path).refused(t, http.StatusUnauthorized, "unauthenticated")
		b.get("", path, "Origin", "https://elsewhere.example.com").refused(t, http.StatusUnauthorized, "unauthenticated")
		b.get("", "/api/live?ticket="+envelope.Data.Ticket, "Origin", page).refused(t, http.StatusUnauthorized, "unauthenticated")
	})
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
}

func badWire(t *testing.T, b *badInput) {
	for name, request := range map[string]string{
		"no HTTP":            "hello\r\n\r\n",
		"bad header":         "GET /readyz HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
		"no host":            "GET /readyz HTTP/1.1\r\n\r\n",
		"two lengths":        "PUT " + b.path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"bad escape in path": "GET /api/projects/dashboard/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, http.StatusBadRequest, b.raw(t, request)) })
	}
	t.Run("headers without end", func(t *testing.T) {
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, b.raw(t, "GET /readyz HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 1<<17)+"\r\n\r\n"))
	})
	t.Run("body shorter than announced", func(t *testing.T) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.base, "http://"))
		require.NoError(t, err)
		_, err = conn.Write([]byte("PUT " + b.path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b.agency +
			"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"users\":[]}"))
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		status, _ := readStatus(conn)
		require.NotEqual(t, http.StatusOK, status)
		require.NoError(t, conn.Close())
	})
	b.get("", "/readyz").ok(t, http.StatusOK)
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
