package platforms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ledgerboard/ledgerboard/domain"
)

type tikTok struct {
	*httpClient
	endpoint Endpoint
	root     string
}

func newTikTok(cfg Config, client *http.Client) *tikTok {
	return &tikTok{
		httpClient: &httpClient{
			cfg: cfg, platform: domain.TikTok, client: client, classify: classifyTikTok, wait: tikTokWait,
		},
		endpoint: cfg.TikTok, root: cfg.TikTok.BaseURL + "/" + cfg.TikTok.Version,
	}
}

// request returns a call to a path, which must end with a slash.
func (t *tikTok) request(op string, target Target, path, fields string, body any) call {
	return call{
		op: op, account: target.ExternalID, url: t.root + path + "?" + url.Values{"fields": {fields}}.Encode(), json: body,
		token: target.AccessToken,
	}
}

const opUserInfo = "user_info"

// tikTokUser is a user's node. Fields that were not requested are absent.
type tikTokUser struct {
	OpenID    text  `json:"open_id"`
	Followers count `json:"follower_count"`
	Likes     count `json:"likes_count"`
	Videos    count `json:"video_count"`
	Name      text  `json:"display_name"`
	Username  text  `json:"username"`
	Avatar    text  `json:"avatar_url"`
}

func (t *tikTok) user(ctx context.Context, target Target, fields string) (tikTokUser, error) {
	var reply struct {
		Data struct {
			User tikTokUser `json:"user"`
		} `json:"data"`
	}
	if err := t.needToken(opUserInfo, target.AccessToken); err != nil {
		return tikTokUser{}, err
	}
	err := t.do(ctx, t.request(opUserInfo, target, "/user/info/", fields, nil), &reply)
	return reply.Data.User, err
}

// Account reads totals only. TikTok reports no impressions, reach or engagement other than likes:
// the cumulative likes serve as both likes and engagement, and the figures' source says so.
func (t *tikTok) Account(ctx context.Context, target Target, _ AccountRequest) (AccountSnapshot, error) {
	user, err := t.user(ctx, target, "open_id,follower_count,likes_count,video_count")
	if err == nil && target.ExternalID != "" {
		err = checkAccount(t.platform, opUserInfo, target.ExternalID, user.OpenID)
	}
	if err != nil {
		return AccountSnapshot{}, err
	}
	var r reading
	r.total(domain.MetricFollowers, domain.Stock, "follower_count", user.Followers)
	r.total(domain.MetricPosts, domain.Stock, "video_count", user.Videos)
	r.total(domain.MetricLikes, domain.Cumulative, "likes_count", user.Likes)
	r.total(domain.MetricEngagement, domain.Cumulative, "likes_count", user.Likes)
	return r.snap, nil
}

func (t *tikTok) Identify(ctx context.Context, target Target) error {
	user, err := t.user(ctx, target, "open_id")
	if err != nil {
		return err
	}
	return checkAccount(t.platform, opUserInfo, target.ExternalID, user.OpenID)
}

// Refresh invalidates the old refresh token, so refreshes of the same account must not run
// concurrently, and the new refresh token must be stored before the access token is used.
func (t *tikTok) Refresh(ctx context.Context, target Target, refreshToken string) (Tokens, error) {
	return t.refresh(ctx, target, refreshToken, t.endpoint, t.tokenPath("token"), classifyTikTok)
}

// tikTokEnvelope contains the result of a call: the nested error of the API, the same error in flat
// form, or the flat error of OAuth with a string in `error`.
type tikTokEnvelope struct {
	Error       json.RawMessage `json:"error"`
	Description text            `json:"error_description"`
	Code        text            `json:"code"`
	Message     text            `json:"message"`
}

// classifyTikTok treats only HTTP 200 with the code "ok" as success. TikTok's answers always
// contain `error`.
func classifyTikTok(ans answer) *Error {
	var envelope tikTokEnvelope
	if json.Unmarshal(ans.body, &envelope) != nil {
		return cmp.Or(byStatus(ans), malformed())
	}
	code, message := envelope.codeAndMessage()
	switch {
	case code == "ok" && ans.status == http.StatusOK:
		return nil
	case code == "" || code == "ok":
		return cmp.Or(byStatus(ans), malformed())
	default:
		return classified(tikTokRules, ans, code, 0, message)
	}
}

func (t tikTokEnvelope) codeAndMessage() (code, message string) {
	raw := bytes.TrimSpace(t.Error)
	switch {
	case len(raw) > 0 && raw[0] == '{':
		var nested struct {
			Code    text `json:"code"`
			Message text `json:"message"`
		}
		if json.Unmarshal(raw, &nested) == nil {
			return string(nested.Code), string(nested.Message)
		}
	case len(raw) > 0 && raw[0] == '"':
		var word text
		_ = word.UnmarshalJSON(raw)
		return string(word), string(t.Description)
	}
	return string(t.Code), string(t.Message)
}

const (
	tikTokListFields = "id,create_time,title,video_description,share_url,cover_image_url"
	maxTikTokVideos  = 20 // per page and per query
)

type tikTokVideos struct {
	Data maybe[struct {
		Videos  completeList[tikTokVideo] `json:"videos"`
		Cursor  count                     `json:"cursor"` // UTC milliseconds
		HasMore *flag                     `json:"has_more"`
	}] `json:"data"`
}

type tikTokVideo struct {
	ID          text  `json:"id"`          // digits beyond 2^53
	Created     count `json:"create_time"` // UTC seconds, unlike the cursor
	Title       text  `json:"title"`
	Description text  `json:"video_description"`
	ShareURL    text  `json:"share_url"`
	Cover       text  `json:"cover_image_url"`
	Likes       count `json:"like_count"`
	Comments    count `json:"comment_count"`
	Shares      count `json:"share_count"`
	Views       count `json:"view_count"`
}

// Posts lists public videos. The cursor is a time in milliseconds.
func (t *tikTok) Posts(ctx context.Context, target Target, cursor string) (PostsPage, error) {
	const op = "video_list"
	if err := t.needToken(op, target.AccessToken); err != nil {
		return PostsPage{}, err
	}
	body := map[string]int64{"max_count": maxTikTokVideos}
	if cursor != "" {
		millis, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil || millis <= 0 {
			return PostsPage{}, invalid(t.platform, op, "cursor is invalid")
		}
		body["cursor"] = millis
	}
	var reply tikTokVideos
	if err := t.do(ctx, t.request(op, target, "/video/list/", tikTokListFields, body), &reply); err != nil {
		return PostsPage{}, err
	}
	var page PostsPage
	data := reply.Data.v
	for _, v := range data.Videos.list {
		if plainID(string(v.ID), "") {
			page.add(Post{
				ID: string(v.ID), Type: TypeVideo, Content: string(cmp.Or(v.Description, v.Title)),
				MediaURL: string(v.Cover), Permalink: string(v.ShareURL), PublishedAt: unixTime(v.Created),
			})
		}
	}
	next := strconv.FormatInt(data.Cursor.n, 10)
	switch {
	case !reply.Data.ok:
		return page, incompleteAnswer(t.platform, op, "the answer does not contain the videos")
	case data.HasMore == nil && len(data.Videos.list) == 0 && cursor == "", data.HasMore != nil && !bool(*data.HasMore):
		return page, nil
	case data.HasMore == nil, data.Cursor.n <= 0, next == cursor: // it would list the same page forever
		return page, NoWayOn(t.platform, op)
	}
	page.Next = next
	return page, nil
}

const tikTokQueryFields = "id,like_count,comment_count,share_count,view_count"

// PostMetrics reads several videos with one call. TikTok omits videos that are unknown, private or
// from another account; their snapshots have an [Error] of kind not_found. TikTok has no
// impressions, reach, clicks or saves.
func (t *tikTok) PostMetrics(ctx context.Context, target Target, posts []Post) ([]PostSnapshot, error) {
	const op = "video_query"
	if err := t.needToken(op, target.AccessToken); err != nil {
		return nil, err
	}
	return inParts(posts, maxTikTokVideos, func(part []Post) ([]PostSnapshot, error) {
		ids := make([]string, len(part))
		for i, p := range part {
			ids[i] = p.ID
		}
		body := map[string]any{"filters": map[string]any{"video_ids": ids}}
		var reply tikTokVideos
		if err := t.do(ctx, t.request(op, target, "/video/query/", tikTokQueryFields, body), &reply); err != nil {
			return nil, err
		}
		if !reply.Data.ok || !reply.Data.v.Videos.ok {
			return nil, incompleteAnswer(t.platform, op, "the answer does not contain the videos")
		}
		byID := map[string]tikTokVideo{}
		for _, v := range reply.Data.v.Videos.list {
			byID[string(v.ID)] = v
		}
		out := make([]PostSnapshot, len(part))
		for i, p := range part {
			if v, ok := byID[p.ID]; ok {
				out[i] = v.snapshot(p)
				continue
			}
			out[i] = PostSnapshot{Post: p, Err: &Error{
				Reason: domain.StatusNotFound, Platform: t.platform, Op: op,
				Message: "the video is unknown, private or belongs to another account",
			}}
		}
		return out, nil
	})
}

func (t tikTokVideo) snapshot(p Post) PostSnapshot {
	s := PostSnapshot{Post: p}
	s.put(domain.MetricLikes, t.Likes.ptr(), domain.StatusNoData)
	s.put(domain.MetricComments, t.Comments.ptr(), domain.StatusNoData)
	s.put(domain.MetricShares, t.Shares.ptr(), domain.StatusNoData)
	s.put(domain.MetricViews, t.Views.ptr(), domain.StatusNoData)
	return s
}
