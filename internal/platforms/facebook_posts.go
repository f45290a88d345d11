package platforms

import (
	"context"
	"strings"
)

// The lists of a page. Videos and reels come first: they name their posts, which say nothing of their video,
// so that who knows a video's id can tell that a post is that video. The summaries of reactions and comments
// are not asked for here: they need another permission, and PostMetrics reads them anyway.
var pageSections = []section{
	{edge: "videos", fields: "id,description,created_time,permalink_url,post_id", kind: TypeVideo, optional: true},
	{edge: "video_reels", fields: "id,description,created_time,permalink_url,post_id", kind: TypeReel, optional: true},
	{edge: "posts", fields: "id,message,created_time,permalink_url,status_type,is_published", kind: TypePost},
}

// Posts implements [Client]: videos, then reels, then posts.
func (f *facebook) Posts(ctx context.Context, t Target, cursor string) (PostsPage, error) {
	return f.posts(ctx, t, pageSections, cursor, func(item listed, s section) (Post, bool) {
		return item.pagePost(t.ExternalID, s.kind)
	})
}

// pagePost makes a [Post]. A video that names its post is that post: both lists hold it, and counting
// it under two ids would double its figures.
func (l listed) pagePost(page, kind string) (Post, bool) {
	if l.Published != nil && !*l.Published {
		return Post{}, false
	}
	p := Post{
		ID: string(l.ID), Type: kind, Content: string(l.Message), Permalink: string(l.URL), PublishedAt: metaTime(l.Created),
	}
	if p.Content == "" {
		p.Content = string(l.Description)
	}
	switch l.StatusType {
	case "added_photos":
		p.Type = TypePhoto
	case "added_video":
		p.Type = TypeVideo
	}
	if post := string(l.PostID); plainID(post, "_") {
		if !strings.Contains(post, "_") {
			post = page + "_" + post
		}
		p.ID, p.SameAs = post, string(l.ID)
	}
	return p, true
}
