package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

func (s *Server) routeTikTok() {
	s.mux.HandleFunc("GET "+PathTikTok+"/v2/user/info/{$}", s.tikTok("user_info", s.tikTokUser))
	s.mux.HandleFunc("POST "+PathTikTok+"/v2/video/list/{$}", s.tikTok("video_list", s.tikTokList))
	s.mux.HandleFunc("POST "+PathTikTok+"/v2/video/query/{$}", s.tikTok("video_query", s.tikTokQuery))
	s.mux.HandleFunc("POST "+PathTikTok+"/v2/oauth/token/{$}", s.tikTokToken)
	s.mux.HandleFunc("POST "+PathTikTok+"/v2/oauth/revoke/{$}", s.tikTokRevoke)
}

const maxRequestBody = 1 << 20

// tikTok authenticates, counts against the endpoint's minute, and applies the traps of every call.
func (s *Server) tikTok(op string, handle func(*request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &request{Request: r, query: r.URL.Query(), now: s.cfg.Clock().UTC()}
		c.body, _ = io.ReadAll(io.LimitReader(r.Body, maxRequestBody))
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		var state tokenState
		if c.acc, state = s.authenticate(domain.TikTok, token, c.now); c.acc != nil {
			c.traps = c.acc.trapped()
			c.without = s.tikTokWithout(c, token)
		}
		_, allowed := s.limits.take("tiktok/"+op, s.cfg.TikTokPerMinute, time.Minute, 60, c.now)
		s.tally.count("tiktok/"+op, !allowed)
		rep := s.tikTokReply(c, state, allowed, handle)
		s.answer(w, r, domain.TikTok, c.acc, c.traps, rep)
	}
}

func (s *Server) tikTokReply(c *request, state tokenState, allowed bool, handle func(*request) reply) reply {
	switch {
	case !allowed || c.traps.Throttle != nil:
		return s.tikTokFail(c, 429, "rate_limit_exceeded", "The API rate limit was exceeded. Try again later.")
	case state != tokenGood || c.traps.TokenError != 0:
		return s.tikTokFail(c, 401, "access_token_invalid", "The access token is invalid or not found in the request.")
	case c.without != "":
		return s.tikTokFail(c, 401, "scope_not_authorized", "The user did not authorize the scope required for completing this request.")
	case c.query.Get("fields") == "":
		return s.tikTokFail(c, 400, "invalid_params", "Fields is required")
	default:
		if _, hit := c.fault(UnknownCode); hit {
			return s.tikTokFail(c, 400, "spam_risk_content_review", "The account is under review.")
		}
		return handle(c)
	}
}

// tikTokFail is the API's nested error.
func (s *Server) tikTokFail(c *request, status int, code, message string) reply {
	return reply{status: status, body: object{"data": object{}, "error": s.tikTokError(c, code, message)}}
}

func (s *Server) tikTokError(c *request, code, message string) object {
	return object{"code": code, "message": message, "log_id": c.now.Format("20060102150405")}
}

func (s *Server) tikTokOK(c *request, data object) reply {
	return ok(object{"data": data, "error": s.tikTokError(c, "ok", "")})
}

// pick keeps the fields that were asked for.
func (r *request) pick(all object) object {
	out := object{}
	for field := range strings.SplitSeq(r.query.Get("fields"), ",") {
		if value, known := all[field]; known {
			out[field] = value
		}
	}
	return out
}

func (s *Server) tikTokUser(c *request) reply {
	id, seed := c.acc.ID, s.cfg.Seed
	all := object{
		"open_id": id, "union_id": "union-" + id, "display_name": c.acc.Name, "username": c.acc.Username, "following_count": 12,
		"follower_count": FollowersAt(seed, id, c.now),
		"likes_count":    LikesAt(seed, id, c.now),
		"video_count":    len(s.publicVideos(c)),
	}
	if c.traps.OtherAccount {
		all["open_id"] = "somebody-else"
	}
	if c.traps.NoCounts {
		delete(all, "follower_count")
		delete(all, "likes_count")
	}
	return s.tikTokOK(c, object{"user": c.pick(all)})
}

func (s *Server) publicVideos(c *request) []Post {
	return slices.DeleteFunc(slices.Clone(s.all(c)), func(p Post) bool { return p.Private || p.Dead })
}

func (s *Server) video(c *request, p Post) object {
	n := s.counters(c, p)
	all := object{
		"id": p.ID, "create_time": p.Created.Unix(), "title": p.Text, "video_description": p.Text, "duration": 21,
		"share_url":       "https://www.tiktok.com/@" + c.acc.Username + "/video/" + p.ID,
		"cover_image_url": PictureURL(PictureVideo, p.ID),
		"like_count":      n.Likes, "comment_count": n.Comments, "share_count": n.Shares, "view_count": n.Views,
	}
	if c.traps.NoCounts {
		delete(all, "like_count")
		delete(all, "view_count")
	}
	return c.pick(all)
}

// tikTokList lists public videos, newest first: those older than the cursor, which is in
// milliseconds although create_time is in seconds.
func (s *Server) tikTokList(c *request) reply {
	var body struct {
		MaxCount *int   `json:"max_count"`
		Cursor   *int64 `json:"cursor"`
	}
	limit := 10
	if len(c.body) > 0 && json.Unmarshal(c.body, &body) != nil {
		return s.tikTokFail(c, 400, "invalid_params", "The request body is not JSON")
	}
	if body.MaxCount != nil {
		limit = *body.MaxCount
	}
	if limit < 1 || limit > 20 {
		return s.tikTokFail(c, 400, "invalid_params", "max_count must be between 1 and 20")
	}
	videos := c.withhold(s.publicVideos(c))
	start := 0
	if body.Cursor != nil {
		for start < len(videos) && videos[start].Created.UnixMilli() >= *body.Cursor {
			start++
		}
	}
	cut, end, more := page(videos, start, limit)
	list := []object{}
	for _, p := range cut {
		if !p.Dead {
			list = append(list, s.video(c, p))
		}
	}
	cursor := int64(0)
	if end > 0 {
		cursor = videos[end-1].Created.UnixMilli()
	}
	return s.tikTokOK(c, object{"videos": list, "cursor": cursor, "has_more": more})
}

// tikTokQuery reads videos by id; unknown, foreign and private ones are left out with code ok.
func (s *Server) tikTokQuery(c *request) reply {
	var body struct {
		Filters struct {
			VideoIDs []string `json:"video_ids"`
		} `json:"filters"`
	}
	if json.Unmarshal(c.body, &body) != nil || len(body.Filters.VideoIDs) == 0 || len(body.Filters.VideoIDs) > 20 {
		return s.tikTokFail(c, 400, "invalid_params", "video_ids must have 1 to 20 entries")
	}
	if _, bad := c.fault(BadObject, body.Filters.VideoIDs...); bad {
		return s.tikTokFail(c, 500, "internal_error", "Something went wrong. Please try again later.")
	}
	list := []object{}
	for _, p := range s.publicVideos(c) {
		if slices.Contains(body.Filters.VideoIDs, p.ID) {
			list = append(list, s.video(c, p))
		}
	}
	return s.tikTokOK(c, object{"videos": list, "cursor": 0, "has_more": false})
}

// The lifetimes of the newest documentation (2026-11); older pages say 24 h and 365 d.
const (
	tikTokAccessLife  = 2 * time.Hour
	tikTokRefreshLife = 180 * 24 * time.Hour
)

// tikTokToken refreshes: flat answers, flat errors, and the refresh token rotates.
func (s *Server) tikTokToken(w http.ResponseWriter, r *http.Request) {
	c := &request{Request: r, now: s.cfg.Clock().UTC()}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	fail := c.tikTokOAuthFail
	var rep reply
	switch grant := r.PostFormValue("grant_type"); {
	case grant != "refresh_token" && grant != "authorization_code":
		rep = fail(400, "unsupported_grant_type", "Grant type is not supported.")
	case !s.ours(r.PostForm.Get("client_key"), r.PostForm.Get("client_secret")):
		rep = fail(401, "invalid_client", "Client key or secret is incorrect.")
	case grant == "authorization_code":
		rep = s.tikTokCode(c)
	default:
		acc, tokens, good := s.rotate(domain.TikTok, r.PostForm.Get("refresh_token"), tikTokAccessLife, true, c.now)
		if !good {
			rep = fail(200, "invalid_grant", "Refresh token is invalid or expired.") // has been seen under 200
			break
		}
		c.acc, c.traps = acc, acc.trapped()
		openID := acc.ID
		if c.traps.OtherAccount {
			openID = "somebody-else"
		}
		rep = ok(object{
			"access_token": tokens.Access, "expires_in": int(tikTokAccessLife / time.Second), "open_id": openID,
			"refresh_token": tokens.Refresh, "refresh_expires_in": int(tikTokRefreshLife / time.Second),
			"scope": s.tikTokScope(tokens.Access), "token_type": "Bearer",
		})
		rep.undo = func() { acc.unrotate(tokens.id) }
	}
	s.tally.count("tiktok/token", false)
	s.answer(w, r, domain.TikTok, c.acc, c.traps, rep)
}
