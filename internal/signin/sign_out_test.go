package signin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/issuer"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

func TestLogoutTokenIsValidated(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	p := configured(iss, nil)
	for name, more := range map[string]map[string]any{
		"subject": {"sub": "alice"}, "session": {"sid": "s1"}, "both": {"sub": "alice", "sid": "s1"},
	} {
		got, err := p.Logout(t.Context(), iss.LogoutToken(t, more))
		require.NoError(t, err, name)
		sub, _ := more["sub"].(string)
		sid, _ := more["sid"].(string)
		require.Equal(t, signin.Logout{Issuer: iss.URL, Subject: sub, Session: sid}, got)
	}
	for name, more := range map[string]map[string]any{
		"of nobody": {}, "another service": {"sub": "alice", "aud": "another"}, "another issuer": {"sub": "alice", "iss": "https://id.evil.example"},
		"an ID token": {"sub": "alice", "events": map[string]any{}}, "with a nonce": {"sub": "alice", "nonce": "n"},
		"too old": {"sub": "alice", "exp": time.Now().Add(-time.Minute).Unix()},
	} {
		_, err := p.Logout(t.Context(), iss.LogoutToken(t, more))
		require.ErrorIs(t, err, signin.ErrToken, name)
	}
	iss.SignsAs(issuer.Start(t))
	_, err := p.Logout(t.Context(), iss.LogoutToken(t, map[string]any{"sub": "alice"}))
	require.ErrorIs(t, err, signin.ErrToken, "another key")
	iss.Away(true)
	_, err = configured(iss, nil).Logout(t.Context(), "")
	require.ErrorIs(t, err, signin.ErrAway)
}

func TestRenewRotatesRefreshToken(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	iss.Refreshes()
	iss.Knows("alice", map[string]any{"sid": "s1"})
	p, flow := configured(iss, nil), signin.FlowOf("word")
	who, err := p.Identity(t.Context(), flow, comeBack(t, p, flow, "alice").Get("code"), iss.URL)
	require.NoError(t, err)
	require.Equal(t, "s1", who.Session)
	next, err := p.Renew(t.Context(), who.Refresh)
	require.NoError(t, err)
	require.NotEqual(t, who.Refresh, next)
	iss.Moves("/v2")
	next, err = p.Renew(t.Context(), next)
	require.NoError(t, err, "the token endpoint has moved")
	iss.Away(true)
	_, err = p.Renew(t.Context(), next)
	require.ErrorIs(t, err, signin.ErrAway)
	iss.Away(false)
	iss.Forgets("alice")
	_, err = p.Renew(t.Context(), next)
	require.ErrorIs(t, err, signin.ErrEnded)
	require.NotContains(t, err.Error(), next)
}

func TestSignOutURL(t *testing.T) {
	t.Parallel()
	iss := issuer.Start(t)
	require.Equal(t, iss.URL+"/end?client_id="+issuer.ClientID+"&realm=north", configured(iss, nil).SignOutURL(t.Context()))
	iss.Away(true)
	require.Empty(t, configured(iss, nil).SignOutURL(t.Context()))
}
