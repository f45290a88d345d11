package platforms_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

const secret = "EAABwzLixnjYBO4ZCs8Tok3n+/=|x"

// However a value with a token is printed, logged or marshalled, the token is not in it.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	at := platforms.Target{AccessToken: secret, ExternalID: "1"}
	for _, v := range []any{
		at, &at,
		platforms.RefreshRequest{Target: at, RefreshToken: secret},
		platforms.Tokens{AccessToken: secret, RefreshToken: secret},
		platforms.Endpoint{ClientSecret: secret},
		platforms.Config{TikTok: platforms.Endpoint{ClientSecret: secret}},
	} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		text := fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v) + log.String()
		if _, isConfig := v.(platforms.Config); !isConfig {
			raw, err := json.Marshal(v)
			require.NoError(t, err)
			text += string(raw)
		}
		require.NotContains(t, text, secret)
		require.NotContains(t, text, fmt.Sprintf("%x", secret))
	}
}

// Meta repeats a malformed token in its message, and a platform may do so encoded or cut short.
func TestSecretsInMessages(t *testing.T) {
	t.Parallel()
	for _, echo := range []string{secret, url.QueryEscape(secret), secret[:24], "EAASomebodyElsesT0kenThatIsLong"} {
		for _, p := range []domain.Platform{domain.Facebook, domain.TikTok} {
			b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				body, _ := json.Marshal(map[string]any{"error": map[string]any{"message": "Malformed access token " + echo + " in\nrequest", "code": echo}})
				_, _ = w.Write(body)
			})
			_, err := b.client(t, p).Account(t.Context(), platforms.Target{AccessToken: secret, ExternalID: "1"}, platforms.AccountRequest{})
			require.Error(t, err)
			require.NotContains(t, err.Error(), echo)
			require.NotContains(t, err.Error(), "\n")
		}
	}
}

// A short token that looks like a word is known because it is the call's own.
func TestShortSecretsInMessages(t *testing.T) {
	t.Parallel()
	b := canned(t, always(http.StatusBadRequest, `{"error":{"code":190,"message":"no such token: a/b=c or a%2Fb%3Dc"}}`))
	require.Equal(t, "no such token: [redacted] or [redacted]", requireClass(t, platforms.ClassReconnect, b.client(t, domain.Facebook).accountErr(platforms.Target{AccessToken: "a/b=c", ExternalID: "1"})).Words)
}

// Metric and field names are no secrets, long as they are.
func TestMessagesStayReadable(t *testing.T) {
	t.Parallel()
	b := canned(t, always(http.StatusBadRequest, `{"error":{"code":100,"message":"(#100) Tried accessing nonexisting field (page_video_complete_views_30s_autoplayed)"}}`))
	_, err := b.client(t, domain.Facebook).Account(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}, platforms.AccountRequest{})
	require.Equal(t, "(#100) Tried accessing nonexisting field (page_video_complete_views_30s_autoplayed)", platforms.Words(err))
	require.EqualError(t, err, "facebook page: invalid (HTTP 400, code 100)", "the words name people, and errors end in logs")
}

// What stands in the place of a code and is a sentence is none: codes go into logs and events.
func TestCodesAreNoSentences(t *testing.T) {
	t.Parallel()
	b := canned(t, always(http.StatusBadRequest, `{"error":{"code":"Erna Meier has left","message":"m"}}`))
	_, err := b.client(t, domain.Facebook).Account(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}, platforms.AccountRequest{})
	require.ErrorContains(t, err, "code unreadable")
	require.NotContains(t, err.Error(), "Erna")
}
