package platforms

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

const linkedInPage = 100 // posts to a page, the most there is

// linkedInPost is an element of /rest/posts.
type linkedInPost struct {
	ID        text  `json:"id"`
	Text      text  `json:"commentary"`
	Created   count `json:"createdAt"`   // UTC milliseconds
	Published count `json:"publishedAt"` // UTC milliseconds
	State     text  `json:"lifecycleState"`
	Content   maybe[struct {
		Media maybe[struct {
			ID text `json:"id"`
		}] `json:"media"`
	}] `json:"content"`
	Ad maybe[struct {
		Dark flag `json:"isDsc"`
	}] `json:"adContext"`
}

// Posts implements [Client]: the posts of a company page, newest first. A profile's posts cannot be
// listed (the scope is not given out): the main application names them, and the page is empty.
func (l *linkedIn) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	urn, err := l.who("posts", t)
	if err != nil || urn == "" {
		return PostsPage{}, err
	}
	start := 0
	if cursor != "" {
		if start, err = strconv.Atoi(cursor); err != nil || start < 0 || start > 1_000_000 {
			return PostsPage{}, invalid(l.platform, "posts", "cursor is not one of a listing")
		}
	}
	var reply struct {
		Elements []json.RawMessage `json:"elements"`
	}
	query := fmt.Sprintf("q=author&author=%s&count=%d&start=%d&sortBy=CREATED", urnIn(urn), linkedInPage, start)
	if err := l.get(ctx, "posts", t, "posts", query, &reply); err != nil {
		return PostsPage{}, err
	}
	var page PostsPage
	for _, raw := range reply.Elements {
		var item linkedInPost
		if json.Unmarshal(raw, &item) != nil {
			continue
		}
		if post, ok := item.post(); ok {
			page.add(post)
		}
	}
	// paging.total is not dependable: a short page is the last one.
	if len(reply.Elements) >= linkedInPage {
		page.Next = strconv.Itoa(start + len(reply.Elements))
	}
	return page, nil
}

// post leaves out drafts and dark advertisements.
func (e linkedInPost) post() (Post, bool) {
	id := string(e.ID)
	if _, ok := unionKey(id); !ok || bool(e.Ad.v.Dark) || (e.State != "" && e.State != "PUBLISHED") {
		return Post{}, false
	}
	p := Post{
		ID: id, Type: TypePost, Content: string(e.Text), Permalink: "https://www.linkedin.com/feed/update/" + id,
		PublishedAt: milliTime(e.Published),
	}
	if p.PublishedAt.IsZero() {
		p.PublishedAt = milliTime(e.Created)
	}
	switch media := string(e.Content.v.Media.v.ID); {
	case strings.HasPrefix(media, "urn:li:video:"):
		p.Type = TypeVideo
	case strings.HasPrefix(media, "urn:li:image:"):
		p.Type = TypePhoto
	}
	return p, true
}
