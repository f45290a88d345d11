package platforms

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ledgerboard/ledgerboard/domain"
)

// tikTok reads TikTok accounts by the Display API.
type tikTok struct {
	*caller
	endpoint Endpoint
	root     string
}

func newTikTok(cfg Config, client *http.Client) *tikTok {
	return &tikTok{
		caller: newCaller(domain.TikTok, cfg, client, classifyTikTok), endpoint: cfg.TikTok,
		root: cfg.TikTok.BaseURL + "/" + cfg.TikTok.Version,
	}
}

// request makes a call; the trailing slash of the path matters to TikTok.
func (k *tikTok) request(op string, t Target, path, fields string, body any) call {
	c := call{
		op: op, account: t.ExternalID, url: k.root + path + "?" + url.Values{"fields": {fields}}.Encode(), json: body,
		header: map[string]string{"Authorization": "Bearer " + t.AccessToken}, secrets: []string{t.AccessToken},
	}
	if body != nil {
		c.method = http.MethodPost
	}
	return c
}

func (k *tikTok) check(op string, t Target) error {
	if t.AccessToken == "" {
		return &Error{Class: ClassReconnect, Platform: k.platform, Op: op, Message: "there is no token for this account"}
	}
	return nil
}

// Account implements [Client] with one call. The platform gives no impressions and no reach, and no
// engagement but likes: the cumulative likes are both, and the figures' source says so.
func (k *tikTok) Account(ctx context.Context, t Target, _ AccountRequest) (AccountSnapshot, error) {
	const op = "user_info"
	if err := k.check(op, t); err != nil {
		return AccountSnapshot{}, err
	}
	var reply struct {
		Data struct {
			User struct {
				OpenID    text  `json:"open_id"`
				Followers count `json:"follower_count"`
				Likes     count `json:"likes_count"`
				Videos    count `json:"video_count"`
			} `json:"user"`
		} `json:"data"`
	}
	if err := k.do(ctx, k.request(op, t, "/user/info/", "open_id,follower_count,likes_count,video_count", nil), &reply); err != nil {
		return AccountSnapshot{}, err
	}
	user := reply.Data.User
	if t.ExternalID != "" {
		if err := about(k.platform, op, t.ExternalID, user.OpenID); err != nil {
			return AccountSnapshot{}, err
		}
	}
	var snap AccountSnapshot
	for _, f := range []struct {
		name, source string
		kind         domain.Kind
		value        count
	}{
		{domain.MetricFollowers, "follower_count", domain.Stock, user.Followers},
		{domain.MetricPosts, "video_count", domain.Stock, user.Videos},
		{domain.MetricLikes, "likes_count", domain.Cumulative, user.Likes},
		{domain.MetricEngagement, "likes_count", domain.Cumulative, user.Likes},
	} {
		if !f.value.ok {
			snap.miss(f.name, ReasonEmpty, f.source+" was not in the answer")
			continue
		}
		snap.Figures = append(snap.Figures, domain.Figure{Name: f.name, Kind: f.kind, Value: f.value.n, Source: f.source})
	}
	return snap, nil
}

// Identify implements [Identifier]: videos are listed by the token alone.
func (k *tikTok) Identify(ctx context.Context, t Target) error {
	const op = "user_info"
	if err := k.check(op, t); err != nil {
		return err
	}
	var reply struct {
		Data struct {
			User struct {
				OpenID text `json:"open_id"`
			} `json:"user"`
		} `json:"data"`
	}
	if err := k.do(ctx, k.request(op, t, "/user/info/", "open_id", nil), &reply); err != nil {
		return err
	}
	return about(k.platform, op, t.ExternalID, reply.Data.User.OpenID)
}
