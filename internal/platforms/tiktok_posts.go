package platforms

import (
	"context"
	"strconv"
)

const (
	tikTokListFields = "id,create_time,title,video_description,share_url,cover_image_url"
	maxTikTokVideos  = 20 // to a page and to a query
)

// tikTokVideos is the answer of both video calls.
type tikTokVideos struct {
	Data struct {
		Videos  list[tikTokVideo] `json:"videos"`
		Cursor  count             `json:"cursor"` // UTC milliseconds
		HasMore flag              `json:"has_more"`
	} `json:"data"`
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

// Posts implements [Client]: public videos, newest first. The cursor is a time in milliseconds.
func (k *tikTok) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	const op = "video_list"
	if err := k.needToken(op, t.AccessToken); err != nil {
		return PostsPage{}, err
	}
	body := map[string]int64{"max_count": maxTikTokVideos}
	if cursor != "" {
		at, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil || at <= 0 {
			return PostsPage{}, invalid(k.platform, op, "cursor is not one of a listing")
		}
		body["cursor"] = at
	}
	var reply tikTokVideos
	if err := k.do(ctx, k.request(op, t, "/video/list/", tikTokListFields, body), &reply); err != nil {
		return PostsPage{}, err
	}
	var page PostsPage
	for _, v := range reply.Data.Videos {
		if plainID(string(v.ID), "") {
			page.add(v.post())
		}
	}
	next := strconv.FormatInt(reply.Data.Cursor.n, 10)
	// A cursor that does not move would list the same page for ever.
	if bool(reply.Data.HasMore) && reply.Data.Cursor.n > 0 && next != cursor {
		page.Next = next
	}
	return page, nil
}

func (v tikTokVideo) post() Post {
	p := Post{
		ID: string(v.ID), Type: TypeVideo, Content: string(v.Description), MediaURL: string(v.Cover),
		Permalink: string(v.ShareURL), PublishedAt: unixTime(v.Created),
	}
	if p.Content == "" {
		p.Content = string(v.Title)
	}
	return p
}
