package platforms_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	cfg := platforms.Config{}.WithDefaults()
	hosts := func(e platforms.Endpoint) []string { return []string{e.BaseURL, e.AuthURL, e.DialogURL, e.Version} }
	require.Equal(t, []string{"https://graph.facebook.com", "https://graph.facebook.com", "https://www.facebook.com", "v26.0"}, hosts(cfg.Facebook))
	require.Equal(t, []string{"https://graph.instagram.com", "https://api.instagram.com", "https://www.instagram.com", "v26.0"}, hosts(cfg.Instagram))
	require.Equal(t, []string{"https://api.linkedin.com", "https://www.linkedin.com", "https://www.linkedin.com", "202608"}, hosts(cfg.LinkedIn))
	require.Equal(t, []string{"https://open.tiktokapis.com", "https://open.tiktokapis.com", "https://www.tiktok.com", "v2"}, hosts(cfg.TikTok))
	mock := platforms.Config{LinkedIn: platforms.Endpoint{BaseURL: "http://localhost:1/linkedin/"}}.WithDefaults()
	require.Equal(t, "http://localhost:1/linkedin", mock.LinkedIn.AuthURL, "a mock's tokens do not come from the real host")
	require.Equal(t, "http://localhost:1/linkedin", mock.LinkedIn.DialogURL, "nor does its dialog stand there")
	set, err := platforms.New(platforms.Config{})
	require.NoError(t, err)
	t.Cleanup(set.Close)
	_, err = set.For(domain.Platform(2))
	require.ErrorIs(t, err, platforms.ErrNoHandler)
}

func TestConfigReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := platforms.New(platforms.Config{
		Facebook: platforms.Endpoint{BaseURL: "graph.facebook.com"}, TikTok: platforms.Endpoint{BaseURL: "https://x/?a=b"},
		Instagram: platforms.Endpoint{Version: "v1/../x"}, LinkedIn: platforms.Endpoint{BaseURL: "https://user:pw@host"}, Timeout: -1,
	})
	require.ErrorContains(t, err, "facebook base URL")
	require.ErrorContains(t, err, "tiktok base URL")
	require.ErrorContains(t, err, "instagram version")
	require.ErrorContains(t, err, "linkedin base URL")
	require.ErrorContains(t, err, "negative")
	require.NotContains(t, err.Error(), "pw")
}
