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

// A value with a token never reveals it when printed, logged or marshaled.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	tgt := platforms.Target{AccessToken: secret, ExternalID: "1"}
	for _, v := range []any{
		tgt, &tgt,
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

// Meta repeats a malformed token in its message, possibly encoded or truncated.
func TestSecretsInMessages(t *testing.T) {
	t.Parallel()
	for _, echo := range []string{secret, url.QueryEscape(secret), secret[:24], "EAASomebodyElsesT0kenThatIsLong"} {
		for _, p := range []domain.Platform{domain.Facebook, domain.TikTok} {
			b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
				body, _ := json.Marshal(map[string]any{"error": map[string]any{"message": "Malformed access token " + echo + " in\nrequest", "code": echo}})
				answer(w, http.StatusBadRequest, string(body))
			})
			err := b.client(t, p).accountErr(platforms.Target{AccessToken: secret, ExternalID: "1"})
			require.Error(t, err)
			require.NotContains(t, err.Error(), echo)
			require.NotContains(t, err.Error(), "\n")
		}
	}
}

// A short token is removed from the platform's message because it is the call's own. Metric names
// stay, however long. Errors end up in logs: they contain no message, and no sentence as a code.
func TestPlatformWordsNotInErrors(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][2]string{ // the message, the error
		`{"error":{"code":190,"message":"no such token: a/b=c or a%2Fb%3Dc"}}`: {
			"no such token: [redacted] or [redacted]", "facebook page: reconnect (HTTP 400, code 190)",
		},
		`{"error":{"code":100,"message":"(#100) Tried accessing nonexisting field (page_video_complete_views_30s_autoplayed)"}}`: {
			"(#100) Tried accessing nonexisting field (page_video_complete_views_30s_autoplayed)", "facebook page: invalid (HTTP 400, code 100)",
		},
		`{"error":{"code":"Erna Meier has left","message":"m"}}`: {"m", "facebook page: invalid (HTTP 400, code unreadable)"},
	} {
		client := canned(t, always(http.StatusBadRequest, body)).client(t, domain.Facebook)
		err := client.accountErr(platforms.Target{AccessToken: "a/b=c", ExternalID: "1"})
		require.Equal(t, want[0], platforms.PlatformMessage(err))
		require.EqualError(t, err, want[1])
	}
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg := platforms.Config{}.WithDefaults()
	hosts := platforms.Hosts
	require.Equal(t, []string{"https://graph.facebook.com", "https://graph.facebook.com", "https://www.facebook.com", "v26.0"}, hosts(cfg.Facebook))
	require.Equal(t, []string{"https://graph.instagram.com", "https://api.instagram.com", "https://www.instagram.com", "v26.0"}, hosts(cfg.Instagram))
	require.Equal(t, []string{"https://api.linkedin.com", "https://www.linkedin.com", "https://www.linkedin.com", "202608"}, hosts(cfg.LinkedIn))
	require.Equal(t, []string{"https://open.tiktokapis.com", "https://open.tiktokapis.com", "https://www.tiktok.com", "v2"}, hosts(cfg.TikTok))
	mock := platforms.Config{LinkedIn: platforms.Endpoint{BaseURL: "http://localhost:1/linkedin/"}}.WithDefaults()
	tgt := "http://localhost:1/linkedin"
	require.Equal(t, []string{tgt, tgt, tgt, "202608"}, hosts(mock.LinkedIn), "a mock serves its own tokens and dialog")
	require.Equal(t, hosts(cfg.Instagram), hosts(cfg.WithDefaults().Instagram))
	set, err := platforms.New(platforms.Config{})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	_, err = set.For(domain.Platform(2))
	require.ErrorIs(t, err, platforms.ErrNoHandler)
}

func TestConfigReportsAllErrors(t *testing.T) {
	t.Parallel()
	_, err := platforms.New(platforms.Config{
		Facebook: platforms.Endpoint{BaseURL: "graph.facebook.com"}, TikTok: platforms.Endpoint{BaseURL: "https://x/?a=b"},
		LinkedIn: platforms.Endpoint{BaseURL: "https://user:pw@host"},
	})
	require.ErrorContains(t, err, "facebook base URL")
	require.ErrorContains(t, err, "tiktok base URL")
	require.ErrorContains(t, err, "linkedin base URL")
	require.NotContains(t, err.Error(), "pw")
}
