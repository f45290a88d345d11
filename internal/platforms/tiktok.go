package platforms

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ledgerboard/ledgerboard/domain"
)

// tikTok reads TikTok accounts by the Display API.
type tikTok struct {
	*httpClient
	endpoint Endpoint
	root     string
}

func newTikTok(cfg Config, client *http.Client) *tikTok {
	return &tikTok{
		httpClient: newHTTPClient(domain.TikTok, cfg, client, classifyTikTok, tikTokWait), endpoint: cfg.TikTok,
		root: cfg.TikTok.BaseURL + "/" + cfg.TikTok.Version,
	}
}

// request makes a call; the trailing slash of the path matters to TikTok.
func (k *tikTok) request(op string, t Target, path, fields string, body any) call {
	return call{
		op: op, account: t.ExternalID, url: k.root + path + "?" + url.Values{"fields": {fields}}.Encode(), json: body,
		token: t.AccessToken,
	}
}

const opUserInfo = "user_info"

// tikTokUser is what a user's node tells; a field that was not asked for is absent.
type tikTokUser struct {
	OpenID    text  `json:"open_id"`
	Followers count `json:"follower_count"`
	Likes     count `json:"likes_count"`
	Videos    count `json:"video_count"`
	Name      text  `json:"display_name"`
	Username  text  `json:"username"`
	Avatar    text  `json:"avatar_url"`
}

// user reads the user whose token it is.
func (k *tikTok) user(ctx context.Context, t Target, fields string) (tikTokUser, error) {
	var reply struct {
		Data struct {
			User tikTokUser `json:"user"`
		} `json:"data"`
	}
	if err := k.needToken(opUserInfo, t.AccessToken); err != nil {
		return tikTokUser{}, err
	}
	err := k.do(ctx, k.request(opUserInfo, t, "/user/info/", fields, nil), &reply)
	return reply.Data.User, err
}

// Account implements [Client] with one call. The platform gives no impressions and no reach, and no
// engagement but likes: the cumulative likes are both, and the figures' source says so.
func (k *tikTok) Account(ctx context.Context, t Target, _ AccountRequest) (AccountSnapshot, error) {
	user, err := k.user(ctx, t, "open_id,follower_count,likes_count,video_count")
	if err == nil && t.ExternalID != "" {
		err = about(k.platform, opUserInfo, t.ExternalID, user.OpenID)
	}
	if err != nil {
		return AccountSnapshot{}, err
	}
	var r reading
	r.total(domain.MetricFollowers, domain.Stock, "follower_count", user.Followers)
	r.total(domain.MetricPosts, domain.Stock, "video_count", user.Videos)
	r.total(domain.MetricLikes, domain.Cumulative, "likes_count", user.Likes)
	r.total(domain.MetricEngagement, domain.Cumulative, "likes_count", user.Likes)
	return r.done(), nil
}

// Identify implements [Identifier]: videos are listed by the token alone.
func (k *tikTok) Identify(ctx context.Context, t Target) error {
	user, err := k.user(ctx, t, "open_id")
	if err != nil {
		return err
	}
	return about(k.platform, opUserInfo, t.ExternalID, user.OpenID)
}

// Refresh implements [Client]. The refresh token rotates and the old one stops working, so refreshes
// of one account must not run side by side, and the new refresh token must be stored first.
// Lifetimes are what the answer says, never assumed.
func (k *tikTok) Refresh(ctx context.Context, req RefreshRequest) (Tokens, error) {
	return k.refresh(ctx, req, k.endpoint, "/"+k.endpoint.Version+"/oauth/token/", "client_key",
		classifyTikTok)
}
