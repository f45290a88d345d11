package platforms

import (
	"context"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
)

const tikTokQueryFields = "id,like_count,comment_count,share_count,view_count"

// PostMetrics implements [Client], 20 videos to a call. Ids that are unknown, foreign or private are
// silently left out by the platform: their snapshots say not found. The counters are lifetime
// totals; impressions, reach, clicks and saves do not exist here.
func (k *tikTok) PostMetrics(ctx context.Context, t Target, posts []Post) ([]PostSnapshot, error) {
	const op = "video_query"
	if err := k.needToken(op, t.AccessToken); err != nil {
		return nil, err
	}
	var out []PostSnapshot
	for chunk := range slices.Chunk(posts, maxTikTokVideos) {
		ids := make([]string, len(chunk))
		for i, p := range chunk {
			ids[i] = p.ID
		}
		body := map[string]any{"filters": map[string]any{"video_ids": ids}}
		var reply tikTokVideos
		if err := k.do(ctx, k.request(op, t, "/video/query/", tikTokQueryFields, body), &reply); err != nil {
			return out, err
		}
		byID := map[string]tikTokVideo{}
		for _, v := range reply.Data.Videos {
			byID[string(v.ID)] = v
		}
		for _, p := range chunk {
			v, ok := byID[p.ID]
			if !ok {
				out = append(out, PostSnapshot{Post: p, Err: &Error{
					Class: ClassNotFound, Platform: k.platform, Op: op, Message: "unknown, private or of another account",
				}})
				continue
			}
			out = append(out, v.snapshot(p))
		}
	}
	return out, nil
}

func (v tikTokVideo) snapshot(p Post) PostSnapshot {
	s := PostSnapshot{Post: p}
	const detail = "was not in the answer"
	s.put(domain.MetricLikes, v.Likes.ptr(), ReasonEmpty, "like_count "+detail)
	s.put(domain.MetricComments, v.Comments.ptr(), ReasonEmpty, "comment_count "+detail)
	s.put(domain.MetricShares, v.Shares.ptr(), ReasonEmpty, "share_count "+detail)
	s.put(domain.MetricViews, v.Views.ptr(), ReasonEmpty, "view_count "+detail)
	return s
}
